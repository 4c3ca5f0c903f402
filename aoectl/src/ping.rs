// SPDX-License-Identifier: BSD-2-Clause
//! ping: measures the response time of each path, like ping(8).

use std::ffi::OsString;
use std::time::{Duration, Instant};

use aoe_core::ffi::abi::PATHS;
use aoe_core::limits::REQUEST_MS;
use aoe_core::wire::{AtaRequest, ConfigRequest, Mac};

use crate::Tool;
use crate::args::{Options, number, seconds};
use crate::ioctl::{Control, Path, Target};
use crate::os::{Errno, catch_interrupt, is_interrupted};
use crate::status::{Outcome, Status, complain, failed};
use crate::text::field;
use crate::xo::Value;

/// Statistics of one path; times are in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Tally {
    sent: u64,
    received: u64,
    least: u64,
    most: u64,
    sum: f64,
    squares: f64,
}

impl Tally {
    fn count(&mut self, rtt: u64) {
        self.least = if self.received == 0 { rtt } else { self.least.min(rtt) };
        self.most = self.most.max(rtt);
        self.sum += rtt as f64;
        self.squares += (rtt as f64) * (rtt as f64);
        self.received += 1;
    }

    /// The mean response time in microseconds; 0 without an answer.
    fn average(&self) -> f64 {
        if self.received == 0 { 0.0 } else { self.sum / self.received as f64 }
    }

    fn deviation(&self) -> f64 {
        let average = self.average();
        let variance = self.squares / (self.received.max(1) as f64) - average * average;
        variance.max(0.0).sqrt()
    }

    /// Percent of the requests that were not answered.
    fn loss(&self) -> f64 {
        100.0 * (self.sent - self.received) as f64 / self.sent.max(1) as f64
    }
}

fn milliseconds(microseconds: f64) -> String {
    format!("{:.3}", microseconds / 1000.0)
}

struct Ping {
    /// Requests per path; `None`: until ^C.
    count: Option<u64>,
    interval: Duration,
    /// In milliseconds.
    timeout: u32,
    path: Option<u32>,
    /// Send IDENTIFY instead of a config query.
    ata: bool,
}

/// Sends one request on a path, and prints the result. An error ends the command.
fn once(
    tool: &mut Tool,
    target: &Target,
    path: &Path,
    ping: &Ping,
    seq: u64,
    tally: &mut Tally,
) -> Outcome {
    let mut control = if ping.ata {
        Control::ata(target, AtaRequest::identify())
    } else {
        Control::config(target, ConfigRequest::READ, &[])
    };
    (control.path, control.tries, control.wait_ms) = (path.info.index, 1, ping.timeout);
    let (result, is_answered) = match tool.control(&mut control) {
        Ok(()) if control.refused != 0 => ("refused", true),
        Ok(()) => ("answer", true),
        Err(Errno::ETIMEDOUT) => ("no answer", false),
        Err(Errno::ENETDOWN) => ("link down", false),
        Err(Errno::EINTR) if is_interrupted() => return Ok(()),
        Err(errno) => return Err(failed(errno, field(&target.name))),
    };
    tally.sent += 1;
    let out = &mut tool.out;
    out.open_instance("reply");
    out.words("path ").value("path", path.info.index);
    out.words(" (").value("interface", &*field(&path.interface));
    out.words(", ").value("mac", &*format!("{:?}", Mac(path.info.mac)));
    out.words("): seq=").value("seq", seq);
    if is_answered {
        tally.count(control.rtt_us);
        out.words(format_args!(" time={} ms", milliseconds(control.rtt_us as f64)));
        out.hidden("rtt", control.rtt_us);
    }
    if result != "answer" {
        out.words(' ').words(result);
    }
    out.hidden("result", result);
    out.words('\n').close_instance("reply");
    out.flush();
    Ok(())
}

fn sum_up(tool: &mut Tool, path: &Path, tally: &Tally) {
    let out = &mut tool.out;
    out.open_instance("path");
    out.words("path ").value("index", path.info.index).words(": ");
    out.value("sent", tally.sent).words(" sent, ");
    out.value("received", tally.received).words(" answered, ");
    out.value("loss", Value::Decimal(format!("{:.1}", tally.loss()))).words("% loss\n");
    if tally.received != 0 {
        let all = [tally.least as f64, tally.average(), tally.most as f64, tally.deviation()];
        let all = all.map(milliseconds).join("/");
        out.words(format_args!("round-trip min/avg/max/stddev = {all} ms\n"));
        out.hidden("rtt-min", tally.least).hidden("rtt-avg", tally.average().round() as u64);
        out.hidden("rtt-max", tally.most).hidden("rtt-stddev", tally.deviation().round() as u64);
    }
    out.close_instance("path");
}

/// Sends `count` requests on each path, or until ^C.
fn ask(tool: &mut Tool, target: &Target, ping: &Ping, tallies: &mut [(&Path, Tally)]) -> Outcome {
    let mut seq = 0;
    while ping.count.is_none_or(|count| seq < count) {
        let begun = Instant::now();
        for (path, tally) in &mut *tallies {
            if is_interrupted() {
                return Ok(());
            }
            once(tool, target, path, ping, seq, tally)?;
        }
        seq += 1;
        if ping.count != Some(seq) {
            tool.wait(ping.interval.saturating_sub(begun.elapsed()));
        }
    }
    Ok(())
}

fn run(tool: &mut Tool, target: &Target, ping: &Ping) -> Outcome {
    let name = field(&target.name);
    let mut tallies: Vec<(&Path, Tally)> = target
        .paths()
        .iter()
        .filter(|path| ping.path.is_none_or(|only| only == u32::from(path.info.index)))
        .map(|path| (path, Tally::default()))
        .collect();
    if tallies.is_empty() {
        complain!("{name}: no such path");
        return Err(Status::Silent);
    }
    let what = if ping.ata { "IDENTIFY" } else { "config query" };
    catch_interrupt();
    tool.out.words("PING ").value("name", &*name);
    tool.out.words(format_args!(": {what}, paths: {}\n", tallies.len()));
    tool.out.open_list("reply");
    let mut outcome = ask(tool, target, ping, &mut tallies);
    tool.out.close_list("reply");
    tool.out.words(format_args!("\n--- {name} ping statistics ---\n"));
    tool.out.open_list("path");
    for (path, tally) in tallies.iter().filter(|(_, tally)| tally.sent != 0) {
        sum_up(tool, path, tally);
        if tally.received == 0 {
            outcome = outcome.and(Err(Status::NoReply));
        }
    }
    tool.out.close_list("path");
    outcome
}

pub fn ping(tool: &mut Tool, words: &[OsString]) -> Outcome {
    let interval = Duration::from_secs(1);
    let mut ping = Ping { count: None, interval, timeout: 1000, path: None, ata: false };
    let mut good = true;
    let mut options = Options::new(words, "A", "cipt");
    while let Some(option) = options.next() {
        let set = option.and_then(|(letter, value)| {
            match letter {
                b'A' => ping.ata = true,
                b'c' => ping.count = Some(number(value, 1, 1_000_000)?.into()),
                b'i' => ping.interval = seconds(value, 3600)?,
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
    fn tallies_keep_the_extremes_the_average_and_the_deviation() {
        let mut tally = Tally { sent: 4, ..Tally::default() };
        assert_eq!((tally.average(), tally.deviation(), tally.loss()), (0.0, 0.0, 100.0));
        for rtt in [1500, 62, 2500] {
            tally.count(rtt);
        }
        assert_eq!((tally.least, tally.most, tally.received, tally.loss()), (62, 2500, 3, 25.0));
        assert_eq!(milliseconds(tally.average()), "1.354");
        assert_eq!(milliseconds(tally.deviation()), "1.001");
    }

    #[test]
    fn equal_times_do_not_deviate() {
        let mut tally = Tally::default();
        (0..1000).for_each(|_| tally.count(123_457));
        assert_eq!(milliseconds(tally.deviation()), "0.000");
    }
}
