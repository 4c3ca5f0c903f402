// SPDX-License-Identifier: BSD-2-Clause
//! discover, flush, revalidate: commands that query or remove targets.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use aoe_core::ffi::abi::INFO_OPEN;
use aoe_core::wire::Address;

use crate::Tool;
use crate::args::{Options, number};
use crate::ioctl::{self, PATH_UP, Request, Target};
use crate::status::{Outcome, Status, complain, failed};
use crate::targets::{address, worst};
use crate::text::{self, disk, field, fill};

/// Maximum wait for a target to be removed, in tenths of a second.
const GONE_TRIES: u32 = 20;
const TENTH: Duration = Duration::from_millis(100);

type OnAddress = Request<ioctl::Address>;

impl Tool {
    fn on_all(&mut self, request: &OnAddress) -> Outcome {
        self.system
            .ask(request, &mut ioctl::Address::everybody())
            .map_err(|errno| failed(errno, "all targets"))
    }

    fn on_target(&mut self, request: &OnAddress, name: &OsStr) -> Outcome {
        self.system
            .ask(request, &mut address(name)?.into())
            .map_err(|errno| failed(errno, name.display()))
    }

    /// Checks whether a target is up; the error is the reason if not, or empty.
    fn is_up(&mut self, address: Address) -> Result<(), String> {
        let reason = match self.at(address) {
            Ok(target) if target.is_up() => return Ok(()),
            Ok(target) => field(&target.reason),
            Err(_) => String::new(),
        };
        Err(if reason.is_empty() { self.absent_because(address) } else { reason })
    }
}

/// Waits for a target while `tenths` (of a second) are left, and counts them down.
/// Repeats the query every second, since a frame may get lost.
fn discover_one(tool: &mut Tool, name: &OsStr, address: Address, tenths: &mut u32) -> Outcome {
    let found = loop {
        let up = tool.is_up(address);
        if up.is_ok() || *tenths == 0 {
            break up;
        }
        tool.system.pause(TENTH);
        *tenths -= 1;
        if tenths.is_multiple_of(10) {
            // An error of the module was reported by the first query already.
            let _ = tool.on_target(&ioctl::DISCOVER, name);
        }
    };
    let (word, why) = match &found {
        Ok(()) => ("up", ""),
        Err(why) if why.is_empty() => ("not found", ""),
        Err(why) => ("not used", &**why),
    };
    let out = &mut tool.out;
    out.open_instance("target");
    out.value("name", &*name.to_string_lossy()).words(": ").value("found", word);
    if !why.is_empty() {
        out.words(": ").value("reason", why);
    }
    out.words('\n').close_instance("target");
    found.map_err(|_| Status::NoTarget)
}

/// Queries for targets on all listed interfaces.
fn discover_all(tool: &mut Tool) -> Outcome {
    let used = tool.used_interfaces()?;
    if used.is_empty() {
        complain!("no interface is listed; try: aoectl interfaces -a interface");
        return Err(Status::Fault);
    }
    tool.on_all(&ioctl::DISCOVER)?;
    tool.out.words(fill("query sent on", &used, 4));
    tool.say_list(&used, false);
    Ok(())
}

/// Queries for all targets, or queries and waits for the named ones.
pub fn discover(tool: &mut Tool, words: &[OsString]) -> Outcome {
    let mut seconds = 5;
    let mut options = Options::new(words, "", "w");
    while let Some(option) = options.next() {
        let value = option.and_then(|(_, value)| number(value, 0, 3600));
        seconds = value.map_err(|_| tool.usage())?;
    }
    let names = options.rest();
    let parsed: Option<Vec<Address>> =
        names.iter().map(|name| name.to_str().and_then(text::address)).collect();
    let addresses = parsed.ok_or_else(|| tool.usage())?;
    if names.is_empty() {
        return discover_all(tool);
    }
    for name in names {
        tool.on_target(&ioctl::DISCOVER, name)?;
    }
    let mut tenths = seconds * 10;
    tool.out.open_list("target");
    let outcome = worst(
        names
            .iter()
            .zip(addresses)
            .map(|(name, address)| discover_one(tool, name, address, &mut tenths)),
    );
    tool.out.close_list("target");
    outcome
}

/// Prints the result for a target.
fn say_result(tool: &mut Tool, name: &str, result: &str) {
    let out = &mut tool.out;
    out.open_instance("target");
    out.value("name", name).words(": ").value("result", result).words('\n');
    out.close_instance("target");
}

/// Why a target cannot be removed; `None` if it can.
fn kept_because(target: &Target) -> Option<&'static str> {
    if target.has(INFO_OPEN) {
        Some("kept, open")
    } else if target.paths().iter().any(|path| path.info.state == PATH_UP) {
        Some("kept, a path is up")
    } else {
        None
    }
}

/// Removes all targets that are down and closed, and waits until they are gone.
fn flush_all(tool: &mut Tool) -> Outcome {
    let targets = tool.all_targets()?;
    tool.on_all(&ioctl::FORGET)?;
    tool.out.open_list("target");
    for target in &targets {
        let mut kept = kept_because(target);
        let mut tries = GONE_TRIES;
        while kept.is_none() && tool.at(target.address()).is_ok() {
            if tries == 0 {
                kept = Some("not removed yet");
            }
            tries = tries.saturating_sub(1);
            tool.system.pause(TENTH);
        }
        say_result(tool, &field(&target.name), kept.unwrap_or("removed"));
    }
    tool.out.close_list("target");
    Ok(())
}

/// Sends a request for each named target, and prints the result.
fn to_each(tool: &mut Tool, request: &OnAddress, names: &[OsString], result: &str) -> Outcome {
    tool.out.open_list("target");
    let outcome = worst(names.iter().map(|name| {
        tool.on_target(request, name)?;
        say_result(tool, &disk(address(name)?), result);
        Ok(())
    }));
    tool.out.close_list("target");
    outcome
}

/// Removes targets that are down and closed.
pub fn flush(tool: &mut Tool, words: &[OsString]) -> Outcome {
    let mut all = false;
    let mut options = Options::new(words, "a", "");
    while let Some(option) = options.next() {
        option.map_err(|_| tool.usage())?;
        all = true;
    }
    match options.rest() {
        [] if all => flush_all(tool),
        names if !all && !names.is_empty() => to_each(tool, &ioctl::FORGET, names, "removed"),
        _ => Err(tool.usage()),
    }
}

/// Queries targets for their identity and size again.
pub fn revalidate(tool: &mut Tool, names: &[OsString]) -> Outcome {
    const ASKED: &str = "queried";
    if !names.is_empty() {
        return to_each(tool, &ioctl::REVALIDATE, names, ASKED);
    }
    let targets = tool.all_targets()?;
    tool.on_all(&ioctl::REVALIDATE)?;
    tool.out.open_list("target");
    for target in &targets {
        say_result(tool, &field(&target.name), ASKED);
    }
    tool.out.close_list("target");
    Ok(())
}
