// SPDX-License-Identifier: BSD-2-Clause
//! Drives the core with many random actions, as the property test in
//! tests/model.rs does, but without its bookkeeping. A sequence that fails is
//! reduced to the actions that cause the failure, and printed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use aoe_sim::machine::{Action, Machine};
use aoe_sim::rng::Rng;

const USAGE: &str = "\
usage: aoe-model [--transitions N] [--start SEED] [--jobs N]
       aoe-model --seed SEED

Without --seed, runs sequences of actions from seed SEED (default 1) on until N
(default 100000) transitions were made.
";

/// Most actions in a sequence.
const LONGEST: u64 = 600;

fn main() -> ExitCode {
    let mut numbers = [100_000, 1, 1];
    let mut replayed = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let names = ["--transitions", "--start", "--jobs"];
        let value = arguments.next().and_then(|value| value.parse().ok());
        match (names.iter().position(|name| *name == argument), value) {
            (Some(at), Some(value)) => numbers[at] = value,
            (None, Some(seed)) if argument == "--seed" => replayed = Some(seed),
            _ => {
                eprint!("{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    std::panic::set_hook(Box::new(|_| {}));
    match replayed {
        Some(seed) => report(seed, try_all(seed, &draw(seed))),
        None => sweep(numbers),
    }
}

fn sweep([wanted, start, jobs]: [u64; 3]) -> ExitCode {
    let begun = Instant::now();
    let (made, sequences, ios) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let failed = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while made.load(Ordering::Relaxed) < wanted {
                    let seed = start.wrapping_add(sequences.fetch_add(1, Ordering::Relaxed));
                    let actions = draw(seed);
                    let result = try_all(seed, &actions);
                    made.fetch_add(actions.len() as u64, Ordering::Relaxed);
                    if let Ok(completed) = result {
                        ios.fetch_add(completed, Ordering::Relaxed);
                    } else {
                        *failed.lock().expect("no thread died") = Some(seed);
                        made.fetch_max(wanted, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    println!(
        "{} transitions in {} sequences from seed {start}, {} I/Os, {:.1} s",
        made.into_inner(),
        sequences.into_inner(),
        ios.into_inner(),
        begun.elapsed().as_secs_f64(),
    );
    match failed.into_inner().expect("no thread died") {
        Some(seed) => report(seed, try_all(seed, &draw(seed))),
        None => ExitCode::SUCCESS,
    }
}

/// Draws the sequence of a seed.
fn draw(seed: u64) -> Vec<Action> {
    let mut rng = Rng::new(!seed);
    let length = rng.range(1, LONGEST);
    let mut bytes = std::iter::repeat_with(|| rng.draw().to_le_bytes()).flatten();
    (0..length).map_while(|_| Action::decode(&mut bytes)).collect()
}

/// Applies all actions and lets all I/O end; returns the number of I/Os. A panic
/// counts as an error.
fn try_all(seed: u64, actions: &[Action]) -> Result<u64, String> {
    let body = || {
        let mut machine = Machine::new(seed)?;
        actions.iter().try_for_each(|&action| machine.apply(action))?;
        machine.finish()
    };
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().cloned();
        Err(format!("panic: {}", message.unwrap_or_default()))
    })
}

fn report(seed: u64, result: Result<u64, String>) -> ExitCode {
    let Err(error) = result else {
        println!("seed {seed}: passed");
        return ExitCode::SUCCESS;
    };
    println!("seed {seed}: FAILED {error}");
    let least = shrink(draw(seed), |actions| try_all(seed, actions).is_err());
    let again = try_all(seed, &least).expect_err("it failed before");
    println!("cut down to {} actions, which fail with: {again}\n{least:#?}", least.len());
    ExitCode::FAILURE
}

/// Removes actions as long as the rest still fails: first halves, then ever
/// shorter stretches, down to single actions.
fn shrink(mut actions: Vec<Action>, fails: impl Fn(&[Action]) -> bool) -> Vec<Action> {
    let mut size = actions.len() / 2;
    while size != 0 {
        let mut at = 0;
        while at < actions.len() {
            let mut fewer = actions.clone();
            fewer.drain(at..(at + size).min(actions.len()));
            match fails(&fewer) {
                true => actions = fewer,
                false => at += size,
            }
        }
        size /= 2;
    }
    actions
}
