// SPDX-License-Identifier: BSD-2-Clause
//! Runs seeded scenarios against the protocol core, and reports the first violation
//! of an invariant with the seed that replays it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use aoe_sim::core::Core;
use aoe_sim::naive::Naive;
use aoe_sim::plan::Plan;
use aoe_sim::rng::Rng;
use aoe_sim::world::{Summary, World};

const USAGE: &str = "\
usage: aoe-sim [--scenarios N] [--start SEED] [--jobs N] [--keep-going] [KIND]
       aoe-sim --seed SEED [-v] [KIND [--event N]]

Without --seed, runs N scenarios (default 1000) from seed SEED (default 1) on.
KIND is one of
  --ordered  networks that keep the order of frames on every path: no update
             may be lost
  --naive    as --ordered, with an initiator that has no guard against late
             copies of writes: counts the updates that it loses
  --life     disks that appear, disappear, grow, shrink and are replaced while
             they are opened and closed
  --crash    a target that loses its write cache again and again
  --outage   hundreds of I/Os in flight, and all frames lost from the n-th event
             on, for every n (with --stride S, for every S-th): thousands of
             runs per scenario
  --unordered  targets that work on several requests at once and answer them in
             any order: no update may be lost; half of the scenarios also
             check the limits of --hot
  --twins    every request is answered twice for a while, by two disks, by two
             copies of a disk, or by the network: two disks must be detected
             and get no I/O afterwards; a single disk must stay in use
  --dump     a kernel that panics with I/O in flight and writes its dump: only
             into its partition, and completely if frames are merely lost
  --shutdown a system that shuts down while its target does not answer: no I/O
             may wait longer than the limit for a shutdown
  --hot      a few sectors rewritten all the time at 1% loss: limits the time
             for which a write waits for a fence
";

/// The kind of the scenarios, which also selects the initiator.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    All,
    Crash,
    Dump,
    Hot,
    Life,
    Naive,
    Ordered,
    Outage,
    Shutdown,
    Twins,
    Unordered,
}

impl Kind {
    fn plan(self, seed: u64) -> Plan {
        match self {
            Kind::All => Plan::draw(seed).perhaps_large(),
            Kind::Crash => Plan::draw(seed).crashing().perhaps_large(),
            Kind::Dump => Plan::draw(seed).dumping().perhaps_large(),
            Kind::Shutdown => Plan::draw(seed).shutting_down().perhaps_large(),
            Kind::Hot => Plan::draw(seed).hot().perhaps_large(),
            Kind::Life => Plan::draw(seed).living().perhaps_large(),
            Kind::Outage => Plan::draw(seed).outage(None),
            Kind::Twins => Plan::draw(seed).twins().perhaps_large(),
            Kind::Unordered => Plan::draw(seed).unordered().perhaps_large(),
            Kind::Ordered => Plan::draw(seed).ordered().perhaps_large(),
            // The naive initiator supports sectors of 512 bytes only.
            Kind::Naive => Plan::draw(seed).ordered(),
        }
    }
}

#[derive(Clone)]
struct Options {
    scenarios: u64,
    start: u64,
    seed: Option<u64>,
    jobs: u64,
    keep_going: bool,
    event: Option<u64>,
    stride: u64,
    kind: Kind,
    verbose: bool,
}

#[derive(Default)]
struct Totals {
    scenarios: u64,
    failures: Vec<(u64, String)>,
    sum: Summary,
}

fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprint!("{message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match options.seed {
        Some(seed) => replay(&options, seed),
        None => sweep(&options),
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        scenarios: 1000,
        start: 1,
        seed: None,
        jobs: 1,
        keep_going: false,
        event: None,
        stride: 1,
        kind: Kind::All,
        verbose: false,
    };
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let value = arguments.next().ok_or(format!("{argument} needs a number"))?;
            value.parse().map_err(|_| format!("{value} is not a number"))
        };
        match argument.as_str() {
            "--scenarios" => options.scenarios = number()?,
            "--start" => options.start = number()?,
            "--seed" => options.seed = Some(number()?),
            "--event" => options.event = Some(number()?),
            "--stride" => options.stride = number()?.max(1),
            "--jobs" => options.jobs = number()?.max(1),
            "--keep-going" => options.keep_going = true,
            "--ordered" => options.kind = Kind::Ordered,
            "--naive" => options.kind = Kind::Naive,
            "--crash" => options.kind = Kind::Crash,
            "--outage" => options.kind = Kind::Outage,
            "--unordered" => options.kind = Kind::Unordered,
            "--twins" => options.kind = Kind::Twins,
            "--dump" => options.kind = Kind::Dump,
            "--life" => options.kind = Kind::Life,
            "--shutdown" => options.kind = Kind::Shutdown,
            "--hot" => options.kind = Kind::Hot,
            "-v" => options.verbose = true,
            "-h" | "--help" => return Err(String::new()),
            other => return Err(format!("unknown argument {other}")),
        }
    }
    Ok(options)
}

/// Runs one scenario; a panic is a failure like any other.
fn run(seed: u64, kind: Kind, trace: bool) -> Result<Summary, String> {
    let plan = kind.plan(seed);
    match kind {
        Kind::Dump => return caught(|| world_of(&plan, seed, trace).run_to_panic()),
        Kind::Life => return caught(|| world_of(&plan, seed, trace).run_life()),
        Kind::Shutdown => return caught(|| world_of(&plan, seed, trace).run_to_shutdown()),
        Kind::Naive => {}
        _ => return run_plan(&plan, seed, trace),
    }
    caught(|| {
        let mut world = World::new(&plan, Naive::new(&plan), false);
        world.trace = trace;
        world.run()
    })
}

fn run_plan(plan: &Plan, seed: u64, trace: bool) -> Result<Summary, String> {
    caught(|| world_of(plan, seed, trace).run())
}

fn world_of(plan: &Plan, seed: u64, trace: bool) -> World<'_, Core> {
    let core = Core::new(&plan.settings, Rng::new(!seed)).with_life();
    let mut world = World::new(plan, core, true);
    world.trace = trace;
    world
}

fn caught(body: impl FnOnce() -> Result<Summary, String>) -> Result<Summary, String> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().cloned();
        let message = message.or(panic.downcast_ref::<&str>().map(|text| text.to_string()));
        Err(format!("panic: {}", message.unwrap_or_default()))
    })
}

/// Runs a seed's scenario with an outage at every `stride`-th event in turn.
fn run_outages(seed: u64, stride: u64) -> Result<Summary, String> {
    let mut sum = run(seed, Kind::Outage, false)?;
    let first = 1 + seed % stride;
    for at_event in (first..=sum.events).step_by(stride as usize) {
        let summary = run_plan(&Plan::draw(seed).outage(Some(at_event)), seed, false)
            .map_err(|error| format!("event {at_event}: {error}"))?;
        sum.add(&summary);
    }
    Ok(sum)
}

fn replay(options: &Options, seed: u64) -> ExitCode {
    if options.verbose {
        println!("{:#?}", options.kind.plan(seed));
    }
    println!("seed {seed}: target {}", options.kind.plan(seed).quirks.name);
    let result = match options.event {
        Some(_) => run_plan(&Plan::draw(seed).outage(options.event), seed, options.verbose),
        None => run(seed, options.kind, options.verbose),
    };
    match result {
        Ok(summary) => {
            println!("seed {seed}: passed, {summary:?}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("seed {seed}: FAILED {error}");
            ExitCode::FAILURE
        }
    }
}

fn sweep(options: &Options) -> ExitCode {
    std::panic::set_hook(Box::new(|_| {}));
    let begun = Instant::now();
    let next = Arc::new(AtomicU64::new(0));
    let totals = Arc::new(Mutex::new(Totals::default()));
    std::thread::scope(|scope| {
        for _ in 0..options.jobs {
            let (next, totals) = (next.clone(), totals.clone());
            scope.spawn(move || work(options, &next, &totals));
        }
    });
    let totals = totals.lock().expect("no thread died");
    report(options, &totals, begun.elapsed().as_secs_f64());
    let lost = totals.failures.iter().filter(|(_, error)| is_lost_update(error)).count();
    let good = match options.kind {
        // It must lose updates, to show what the guard prevents.
        Kind::Naive => lost != 0,
        Kind::Ordered | Kind::Twins | Kind::Unordered => {
            totals.failures.is_empty() && totals.sum.lost_updates_excused == 0
        }
        Kind::All
        | Kind::Crash
        | Kind::Dump
        | Kind::Hot
        | Kind::Life
        | Kind::Outage
        | Kind::Shutdown => totals.failures.is_empty(),
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn work(options: &Options, next: &AtomicU64, totals: &Mutex<Totals>) {
    loop {
        let at = next.fetch_add(1, Ordering::Relaxed);
        if at >= options.scenarios {
            return;
        }
        let seed = options.start.wrapping_add(at);
        let result = match options.kind {
            Kind::Outage => run_outages(seed, options.stride),
            kind => run(seed, kind, false),
        };
        let mut totals = totals.lock().expect("no thread died");
        totals.scenarios += 1;
        match result {
            Ok(summary) => totals.sum.add(&summary),
            Err(error) => {
                let naive = options.kind == Kind::Naive;
                if !naive {
                    println!("seed {seed}: FAILED {error}");
                }
                totals.failures.push((seed, error));
                if !options.keep_going && !naive {
                    next.store(options.scenarios, Ordering::Relaxed);
                }
            }
        }
    }
}

fn is_lost_update(error: &str) -> bool {
    error.contains("lost update")
}

fn report(options: &Options, totals: &Totals, seconds: f64) {
    let sum = &totals.sum;
    println!(
        "{} scenarios from seed {}, {} frames, {} I/Os ({} failed as they had to), \
         {} virtual hours, {seconds:.1} s",
        totals.scenarios,
        options.start,
        sum.frames,
        sum.completed,
        sum.failed,
        sum.virtual_time / 3_600_000_000,
    );
    if options.kind == Kind::Naive {
        let lost = totals.failures.iter().filter(|(_, error)| is_lost_update(error)).count();
        println!("without the guard: {lost} scenarios lost an update");
        if let Some((seed, error)) = totals.failures.iter().find(|(_, e)| is_lost_update(e)) {
            println!("seed {seed}: {error}");
        }
        return;
    }
    let counters = &sum.counters;
    println!(
        "{} sent again, {} fences, {} writes waited for a copy, {} us each; \
         {} updates lost to networks that reorder, which no initiator can know",
        counters.retransmitted,
        counters.fences,
        counters.guard_waits,
        counters.guard_wait_us.checked_div(counters.guard_waits).unwrap_or(0),
        sum.lost_updates_excused,
    );
    if matches!(options.kind, Kind::Hot | Kind::Unordered) {
        println!("the longest I/O took {} us", sum.longest_wait);
    }
    if options.kind == Kind::Dump {
        println!("{} blocks were dumped", sum.dumped);
    }
    if options.kind == Kind::Twins {
        println!("two disks were seen after {} us at the latest", sum.twin_seen);
    }
    if let Some((seed, _)) = totals.failures.first() {
        println!("{} failed; replay with --seed {seed} -v", totals.failures.len());
    }
}
