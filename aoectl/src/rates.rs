// SPDX-License-Identifier: BSD-2-Clause
//! stats -w: rates per second, from two readings of the counters.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use crate::Tool;
use crate::ioctl::Target;
use crate::os::{catch_interrupt, is_interrupted};
use crate::status::Outcome;
use crate::table::{Heading, LEFT, RIGHT, Table};
use crate::text::field;
use crate::xo::Value;

const STEP: Duration = Duration::from_millis(100);

const HEADINGS: [Heading; 8] = [
    ("NAME", LEFT),
    ("NO", RIGHT),
    ("IO/s", RIGHT),
    ("FAILED/s", RIGHT),
    ("SENT/s", RIGHT),
    ("RECEIVED/s", RIGHT),
    ("RETX/s", RIGHT),
    ("LATE/s", RIGHT),
];
const KEYS: [&str; 6] = ["completed", "failed", "sent", "received", "retransmitted", "late"];

/// The counters of a target, or of one of its paths, which completes no I/O.
struct Reading {
    name: String,
    path: Option<u8>,
    counts: [Option<u64>; 6],
}

fn readings(target: &Target) -> Vec<Reading> {
    let (name, i) = (field(&target.name), &target.info);
    let counts = [i.completed, i.failed, i.sent, i.received, i.retransmitted, i.late];
    let mut all = vec![Reading { name: name.clone(), path: None, counts: counts.map(Some) }];
    for path in target.paths() {
        let p = &path.info;
        let frames = [p.sent, p.received, p.retransmitted, p.late].map(Some);
        let [sent, received, retransmitted, late] = frames;
        let counts = [None, None, sent, received, retransmitted, late];
        all.push(Reading { name: name.clone(), path: Some(p.index), counts });
    }
    all
}

/// The rates of a row; none for a new target or path.
fn rates(new: &Reading, before: &[Reading], time: Duration) -> Option<[Option<String>; 6]> {
    let old = before.iter().find(|old| old.name == new.name && old.path == new.path)?;
    let mut olds = old.counts.iter();
    Some(new.counts.map(|count| {
        let old = olds.next().copied().flatten()?;
        let more = count?.saturating_sub(old) as f64;
        Some(format!("{:.1}", more / time.as_secs_f64()))
    }))
}

fn say(tool: &mut Tool, new: &[Reading], before: &[Reading], time: Duration) {
    let rows: Vec<_> =
        new.iter().filter_map(|reading| Some((reading, rates(reading, before, time)?))).collect();
    let cells: Vec<[String; 8]> = rows
        .iter()
        .map(|(reading, rates)| {
            let [io, failed, sent, received, retransmitted, late] =
                rates.clone().map(Option::unwrap_or_default);
            let path = reading.path.map(|path| path.to_string()).unwrap_or_default();
            [reading.name.clone(), path, io, failed, sent, received, retransmitted, late]
        })
        .collect();
    let table = Table::new(HEADINGS, 0, &cells);
    tool.out.words(table.heading()).open_instance("interval");
    tool.out.open_list("rate");
    for ((reading, rates), cells) in rows.iter().zip(&cells) {
        let out = &mut tool.out;
        out.open_instance("rate");
        out.words(table.row(cells).concat()).words('\n');
        out.hidden("name", &*reading.name);
        if let Some(path) = reading.path {
            out.hidden("path", path);
        }
        for (key, rate) in KEYS.iter().zip(rates) {
            if let Some(rate) = rate {
                out.hidden(key, Value::Decimal(rate.clone()));
            }
        }
        out.close_instance("rate");
    }
    tool.out.close_list("rate");
    tool.out.close_instance("interval");
    tool.out.flush();
}

/// Reads, waits and compares, up to the count or until ^C.
pub fn follow(tool: &mut Tool, names: &[OsString], seconds: u32, count: Option<u32>) -> Outcome {
    let interval = Duration::from_secs(seconds.into());
    catch_interrupt();
    let mut before: Vec<Reading> = Vec::new();
    let mut begun = Instant::now();
    tool.out.open_list("interval");
    let mut outcome = Ok(());
    for shown in 0.. {
        let (targets, found) = tool.collect(names);
        // The readings are never closer than this.
        let time = begun.elapsed().max(interval);
        begun = Instant::now();
        let new: Vec<Reading> = targets.iter().flat_map(readings).collect();
        if shown > 0 {
            say(tool, &new, &before, time);
        }
        before = new;
        outcome = found;
        if outcome.is_err() || count == Some(shown) || !tool.wait(interval) {
            break;
        }
    }
    tool.out.close_list("interval");
    outcome
}

impl Tool {
    /// Waits; returns early and reports it if ^C is typed.
    pub fn wait(&mut self, mut left: Duration) -> bool {
        while !left.is_zero() && !is_interrupted() {
            let step = left.min(STEP);
            self.system.pause(step);
            left -= step;
        }
        !is_interrupted()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(path: Option<u8>, counts: [Option<u64>; 6]) -> Reading {
        Reading { name: "aoe7e3".to_owned(), path, counts }
    }

    #[test]
    fn rates_are_for_a_second_and_for_what_was_there_before() {
        let counts = |n: u64| [n, 0, n, n, 0, 0].map(Some);
        let before = [reading(None, counts(100)), reading(Some(1), counts(5))];
        let of = |new| rates(&new, &before, Duration::from_secs(2));
        let some = |text: &str| Some(text.to_owned());
        let found = of(reading(None, counts(201)));
        assert_eq!(
            found.map(|rates| rates.map(|rate| rate == some("50.5"))),
            Some([true, false, true, true, false, false])
        );
        assert_eq!(of(reading(Some(0), counts(9))), None);
        // Found anew: it counts from 0 again.
        assert_eq!(of(reading(Some(1), counts(1))), Some([(); 6].map(|()| some("0.0"))));
    }
}
