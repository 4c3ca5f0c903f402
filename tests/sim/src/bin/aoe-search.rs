// SPDX-License-Identifier: BSD-2-Clause
//! Searches small worlds exhaustively, one on each processor.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use aoe_sim::search::{Bounds, Search};

const USAGE: &str = "\
usage: aoe-search [--long]
       aoe-search OPS TICKS DOUBLES LOSSES LATE GHOST_WAIT

Goes through every order of events in which OPS I/Os (two writes; with 3, a
read too) are submitted, TICKS deadlines pass, the network doubles DOUBLES
frames and loses LOSSES, and mbufs come back late if LATE is 1.
";

const WAIT: u64 = 10_000;
/// Worlds, as OPS, TICKS, DOUBLES, LOSSES, LATE: a short one takes seconds, a long
/// one a minute or more. One more tick, loss or double multiplies the number of
/// states by five to fifteen.
const SHORT: [[u64; 5]; 3] = [[2, 2, 1, 1, 0], [2, 2, 0, 0, 1], [3, 1, 1, 0, 0]];
const LONG: [[u64; 5]; 7] = [
    [2, 2, 1, 1, 1],
    [2, 2, 2, 1, 0],
    [2, 2, 1, 2, 0],
    [3, 1, 1, 1, 0],
    [3, 2, 0, 0, 0],
    [2, 3, 0, 0, 0],
    [2, 2, 0, 1, 1],
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Vec<u64> = arguments.iter().filter_map(|text| text.parse().ok()).collect();
    let good = match (arguments.len(), numbers.as_slice()) {
        (0, _) => search_all(&SHORT),
        (1, _) if arguments[0] == "--long" => search_all(&[&LONG[..], &SHORT].concat()),
        (6, &[a, b, c, d, e, wait]) => search(bounds([a, b, c, d, e], wait)),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Searches every world; begins no more after one has failed.
fn search_all(worlds: &[[u64; 5]]) -> bool {
    let (next, good) = (AtomicUsize::new(0), AtomicBool::new(true));
    let work = || {
        while good.load(Ordering::Relaxed) {
            let Some(&numbers) = worlds.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
            if !search(bounds(numbers, WAIT)) {
                good.store(false, Ordering::Relaxed);
            }
        }
    };
    let processors = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..processors.min(worlds.len()) {
            scope.spawn(work);
        }
    });
    good.into_inner()
}

fn bounds([ops, ticks, doubles, losses, late]: [u64; 5], ghost_wait_us: u64) -> Bounds {
    Bounds {
        ops: ops.clamp(2, 3) as usize,
        ticks: ticks as u8,
        doubles: doubles as u8,
        losses: losses as u8,
        late_sent: late != 0,
        ghost_wait_us,
        states: 100_000_000,
    }
}

fn search(bounds: Bounds) -> bool {
    let begun = Instant::now();
    let result = Search::new(bounds).and_then(Search::run);
    let seconds = begun.elapsed().as_secs_f64();
    match &result {
        Ok(found) => println!("{bounds:?}: {found:?}, {seconds:.1} s"),
        Err(error) => println!("{bounds:?}: FAILED {error}, {seconds:.1} s"),
    }
    result.is_ok()
}
