// SPDX-License-Identifier: BSD-2-Clause
//! ping: a small question on every path, and how long the answer takes.

use std::ffi::OsString;
use std::thread::sleep;
use std::time::Duration;

use aoe_core::ffi::abi::PATHS;
use aoe_core::limits::REQUEST_MS;
use aoe_core::wire::{AtaRequest, ConfigRequest, Mac};

use crate::Tool;
use crate::args::{Options, number};
use crate::ioctl::{Control, Path, Target};
use crate::os::Errno;
use crate::status::{Outcome, Status, complain, failed};
use crate::text::field;

/// What came back on a path.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Tally {
    sent: u32,
    received: u32,
    least: u64,
    most: u64,
    sum: u64,
}

impl Tally {
    fn count(&mut self, rtt: u64) {
        self.least = if self.received == 0 { rtt } else { self.least.min(rtt) };
        self.most = self.most.max(rtt);
        self.sum = self.sum.saturating_add(rtt);
        self.received += 1;
    }

    /// In microseconds; 0 if nothing came.
    fn mean(&self) -> f64 {
        if self.received == 0 { 0.0 } else { self.sum as f64 / f64::from(self.received) }
    }
}

fn milliseconds(microseconds: f64) -> String {
    format!("{:.3}", microseconds / 1000.0)
}

struct Ping {
    count: u32,
    seconds: u32,
    timeout: u32,
    path: Option<u32>,
    /// IDENTIFY instead of a config query.
    ata: bool,
}

/// One question; an error ends them all.
fn once(
    tool: &mut Tool,
    target: &Target,
    path: &Path,
    ping: &Ping,
    seq: u32,
    tally: &mut Tally,
) -> Outcome {
    let mut control = if ping.ata {
        Control::ata(target, AtaRequest::identify())
    } else {
        Control::config(target, ConfigRequest::READ, &[])
    };
    (control.path, control.tries, control.wait_ms) = (path.info.index, 1, ping.timeout);
    tally.sent += 1;
    let result = match tool.control(&mut control) {
        Ok(()) if control.refused != 0 => Ok("refused"),
        Ok(()) => Ok("answer"),
        Err(Errno::ETIMEDOUT) => Err("no answer"),
        Err(Errno::ENETDOWN) => Err("link down"),
        Err(errno) => return Err(failed(errno, field(&target.name))),
    };
    let out = &mut tool.out;
    out.open_instance("reply");
    out.value("path", path.info.index).words(' ');
    out.value("interface", &*field(&path.interface)).words(' ');
    out.value("mac", &*format!("{:?}", Mac(path.info.mac)));
    out.words(": seq ").value("seq", seq).words(' ');
    out.value("result", result.unwrap_or_else(|silence| silence));
    if result.is_ok() {
        tally.count(control.rtt_us);
        out.words(format_args!(" time {} ms", milliseconds(control.rtt_us as f64)));
        out.hidden("rtt", control.rtt_us);
    }
    out.words('\n').close_instance("reply");
    out.flush();
    Ok(())
}

fn sum_up(tool: &mut Tool, path: &Path, tally: &Tally) {
    let out = &mut tool.out;
    out.open_instance("path");
    out.words("path ").value("index", path.info.index).words(": ");
    out.value("sent", tally.sent).words(" sent, ");
    out.value("received", tally.received).words(" answered");
    if tally.received != 0 {
        let [least, most] = [tally.least, tally.most].map(|rtt| milliseconds(rtt as f64));
        out.words(format_args!(", {least}/{}/{most} ms", milliseconds(tally.mean())));
        out.hidden("rtt-min", tally.least);
        out.hidden("rtt-mean", tally.sum / u64::from(tally.received));
        out.hidden("rtt-max", tally.most);
    }
    out.words('\n').close_instance("path");
}

fn run(tool: &mut Tool, target: &Target, ping: &Ping) -> Outcome {
    let mut tallies: Vec<(&Path, Tally)> = target
        .paths()
        .iter()
        .filter(|path| ping.path.is_none_or(|only| only == u32::from(path.info.index)))
        .map(|path| (path, Tally::default()))
        .collect();
    let mut outcome = Ok(());
    tool.out.value("name", &*field(&target.name)).words('\n');
    tool.out.open_list("reply");
    'all: for seq in 1..=ping.count {
        if seq > 1 {
            sleep(Duration::from_secs(ping.seconds.into()));
        }
        for (path, tally) in &mut tallies {
            outcome = once(tool, target, path, ping, seq, tally);
            if outcome.is_err() {
                break 'all;
            }
        }
    }
    tool.out.close_list("reply");
    tool.out.open_list("path");
    for (path, tally) in tallies.iter().filter(|(_, tally)| tally.sent != 0) {
        sum_up(tool, path, tally);
        if tally.received == 0 {
            outcome = outcome.and(Err(Status::Fault));
        }
    }
    tool.out.close_list("path");
    if tallies.is_empty() {
        complain!("{}: no such path", field(&target.name));
        return Err(Status::Silent);
    }
    outcome
}

pub fn ping(tool: &mut Tool, words: &[OsString]) -> Outcome {
    let mut ping = Ping { count: 3, seconds: 1, timeout: 1000, path: None, ata: false };
    let mut good = true;
    let mut options = Options::new(words, "A", "cipt");
    while let Some(option) = options.next() {
        let set = option.and_then(|(letter, value)| {
            match letter {
                b'A' => ping.ata = true,
                b'c' => ping.count = number(value, 1, 1_000_000)?,
                b'i' => ping.seconds = number(value, 0, 3600)?,
                b'p' => ping.path = Some(number(value, 0, PATHS as u32 - 1)?),
                _ => ping.timeout = number(value, 1, REQUEST_MS)?,
            }
            Ok(())
        });
        good &= set.is_ok();
    }
    match options.rest() {
        [name] if good => {
            let target = tool.target(name)?;
            run(tool, &target, &ping)
        }
        _ => Err(tool.usage()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tallies_keep_the_extremes_and_the_mean() {
        let mut tally = Tally::default();
        assert_eq!(tally.mean(), 0.0);
        for rtt in [1500, 62, 2500] {
            tally.count(rtt);
        }
        assert_eq!((tally.least, tally.most, tally.received), (62, 2500, 3));
        assert_eq!(milliseconds(tally.mean()), "1.354");
    }
}
