// SPDX-License-Identifier: BSD-2-Clause
//! stats -w: rates per second, from two readings of the counters.

use std::ffi::OsString;
use std::time::Duration;

use crate::Tool;
use crate::ioctl::Target;
use crate::os::{catch_interrupt, is_interrupted};
use crate::readings::{self, Counts, Reading};
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

/// A row for a target or for a path, which has no rates of completed and failed I/O.
struct Row {
    name: String,
    path: Option<u8>,
    rates: [Option<String>; 6],
}

/// The rows of a target and of its paths.
fn rows(target: &Target, before: &Reading, time: Duration) -> Vec<Row> {
    let rate = |count: u64| Some(format!("{:.1}", count as f64 / time.as_secs_f64()));
    let name = field(&target.name);
    let earlier = before.target(target.address());
    let counts = readings::of_target(target, earlier);
    let row = |path, completed, failed, counts: &Counts| {
        let [sent, received, retransmitted, late] =
            [counts.sent, counts.received, counts.retransmitted, counts.late].map(rate);
        let rates = [completed, failed, sent, received, retransmitted, late];
        Row { name: name.clone(), path, rates }
    };
    let mut all = vec![row(None, rate(counts.completed), rate(counts.failed), &counts)];
    for path in target.paths() {
        let counts = readings::of_path(path, earlier);
        all.push(row(Some(path.info.index), None, None, &counts));
    }
    all
}

fn say(tool: &mut Tool, rows: &[Row]) {
    let cells: Vec<[String; 8]> = rows
        .iter()
        .map(|row| {
            let [io, failed, sent, received, retransmitted, late] =
                row.rates.clone().map(Option::unwrap_or_default);
            let path = row.path.map(|path| path.to_string()).unwrap_or_default();
            [row.name.clone(), path, io, failed, sent, received, retransmitted, late]
        })
        .collect();
    let table = Table::new(HEADINGS, 0, &cells);
    tool.out.words(table.heading()).open_instance("interval");
    tool.out.open_list("rate");
    for (row, cells) in rows.iter().zip(&cells) {
        let out = &mut tool.out;
        out.open_instance("rate");
        out.words(table.row(cells).concat()).words('\n');
        out.hidden("name", &*row.name);
        if let Some(path) = row.path {
            out.hidden("path", path);
        }
        for (key, rate) in KEYS.iter().zip(&row.rates) {
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

/// Prints rates at each interval, `count` times or until ^C.
pub fn follow(tool: &mut Tool, names: &[OsString], seconds: u32, count: Option<u32>) -> Outcome {
    let interval = Duration::from_secs(seconds.into());
    catch_interrupt();
    tool.out.open_list("interval");
    let mut before: Option<Reading> = None;
    let mut outcome = Ok(());
    for shown in 0.. {
        let (targets, found) = tool.collect(names);
        let now = Reading { at: tool.system.clock(), targets };
        if let Some(before) = before {
            // The readings are at least one interval apart.
            let time = now.since(&before).max(interval);
            let of = |target| rows(target, &before, time);
            say(tool, &now.targets.iter().flat_map(of).collect::<Vec<_>>());
        }
        before = Some(now);
        outcome = found;
        if outcome.is_err() || count == Some(shown) || !tool.wait(interval) {
            break;
        }
    }
    tool.out.close_list("interval");
    outcome
}

impl Tool {
    /// Waits; returns early, with false, if ^C is typed.
    pub fn wait(&mut self, mut left: Duration) -> bool {
        while !left.is_zero() && !is_interrupted() {
            let step = left.min(STEP);
            self.system.pause(step);
            left -= step;
        }
        !is_interrupted()
    }
}
