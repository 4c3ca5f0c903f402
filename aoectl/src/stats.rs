// SPDX-License-Identifier: BSD-2-Clause
//! stats, version: counters of the module, of targets and of paths.

use std::ffi::OsString;

use aoe_core::ffi::abi::HISTOGRAM;

use crate::Tool;
use crate::args::{Options, number};
use crate::ioctl::Target;
use crate::os::Errno;
use crate::rates;
use crate::status::{Outcome, sysctl_failed};
use crate::text::field;

const STATS: &str = "net.aoe.stats";

fn counter(tool: &mut Tool, name: &str, value: u64) {
    tool.out.words(format_args!("  {name:<18}"));
    tool.out.shown(name, format_args!("{value:>12}"), value).words('\n');
}

/// Prints the histogram of response times: bucket n begins at 2^(n-1) microseconds,
/// bucket 0 at 0.
fn latency(tool: &mut Tool, counts: &[u64; HISTOGRAM]) {
    let out = &mut tool.out;
    out.open_list("latency");
    for (n, count) in counts.iter().enumerate().filter(|(_, count)| **count != 0) {
        let from = (1u32 << n) >> 1;
        out.open_instance("latency");
        out.words("  from ").shown("from", format_args!("{from:>7}"), from);
        out.words(" us   ").shown("answers", format_args!("{count:>12}"), *count);
        out.words(" answers\n");
        out.close_instance("latency");
    }
    out.close_list("latency");
}

fn stats_one(tool: &mut Tool, target: &Target) -> Outcome {
    let i = &target.info;
    tool.out.open_instance("target");
    tool.out.value("name", &*field(&target.name)).words('\n');
    for (name, value) in [
        ("sent", i.sent),
        ("received", i.received),
        ("retransmitted", i.retransmitted),
        ("late", i.late),
        ("unexpected", i.unexpected),
        ("completed", i.completed),
        ("failed", i.failed),
        ("active", i.active.into()),
        ("in-flight", i.in_flight.into()),
        ("fences", i.fences),
        ("guarded", i.guarded.into()),
        ("guard-waits", i.guard_waits),
        ("guard-wait-us", i.guard_wait_us),
        ("paths-left-out", i.paths_left_out),
    ] {
        counter(tool, name, value);
    }
    tool.out.open_list("path");
    for path in target.paths() {
        let p = &path.info;
        tool.out.open_instance("path");
        let interface = field(&path.interface);
        tool.out.words("  path ").value("index", p.index);
        tool.out.words(if interface.is_empty() { "" } else { " on " });
        tool.out.value("interface", &*interface).words('\n');
        for (name, value) in [
            ("sent", p.sent),
            ("received", p.received),
            ("retransmitted", p.retransmitted),
            ("late", p.late),
            ("unexpected", p.unexpected),
            ("doubled", p.doubled),
        ] {
            counter(tool, name, value);
        }
        latency(tool, &path.histogram);
        tool.out.close_instance("path");
    }
    tool.out.close_list("path");
    tool.out.close_instance("target");
    Ok(())
}

/// The name of a variable without those of its parents.
fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Prints the module's counters.
fn counters(tool: &mut Tool) -> Result<(), Errno> {
    let mut found = tool.system.sysctls(STATS);
    if let Ok(found) = &mut found {
        found.sort();
    }
    let width = found.iter().flatten().map(|(name, _)| last(name).len()).max().unwrap_or(0).max(20);
    let out = &mut tool.out;
    out.open_list("counter");
    for (name, value) in found.iter().flatten() {
        let name = last(name);
        let value: u64 = value.parse().unwrap_or(0);
        out.open_instance("counter");
        out.shown("name", format_args!("{name:<width$}"), name);
        out.shown("value", format_args!("{value:>20}"), value).words('\n');
        out.close_instance("counter");
    }
    out.close_list("counter");
    found.map(|_| ())
}

pub fn stats(tool: &mut Tool, words: &[OsString]) -> Outcome {
    let (mut seconds, mut count) = (None, None);
    let mut options = Options::new(words, "", "cw");
    while let Some(option) = options.next() {
        let set = option.and_then(|(letter, value)| {
            match letter {
                b'c' => count = Some(number(value, 1, 1_000_000)?),
                _ => seconds = Some(number(value, 1, 3600)?),
            }
            Ok(())
        });
        set.map_err(|_| tool.usage())?;
    }
    let names = options.rest();
    match seconds {
        Some(seconds) => rates::follow(tool, names, seconds, count),
        None if count.is_some() => Err(tool.usage()),
        None => totals(tool, names),
    }
}

fn totals(tool: &mut Tool, names: &[OsString]) -> Outcome {
    let counted = if names.is_empty() { counters(tool) } else { Ok(()) };
    tool.out.open_list("target");
    let outcome = tool.each(names, stats_one);
    tool.out.close_list("target");
    counted.map_err(|errno| sysctl_failed(errno, STATS)).and(outcome)
}

/// The versions of this program and of the module, if it is loaded.
pub fn version(tool: &mut Tool, words: &[OsString]) -> Outcome {
    if !words.is_empty() {
        return Err(tool.usage());
    }
    tool.out.words("aoectl ").value("aoectl", env!("CARGO_PKG_VERSION")).words('\n');
    match tool.system.sysctl("net.aoe.version") {
        Ok(module) => tool.out.words("module ").value("module", &*module).words('\n'),
        Err(_) => tool.out.words("module not loaded\n"),
    };
    Ok(())
}
