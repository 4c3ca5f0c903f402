// SPDX-License-Identifier: BSD-2-Clause
//! discover, flush, revalidate, interfaces: what makes the driver look again.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::thread::sleep;
use std::time::Duration;

use aoe_core::wire::Address;

use crate::Tool;
use crate::args::{Options, number};
use crate::ioctl::{self, Request};
use crate::os::Errno;
use crate::status::{Outcome, Status, complain, failed};
use crate::targets::{address, worst};
use crate::text;

const IFLIST: &str = "net.aoe.iflist";
/// Bytes of it.
const IFLIST_MAX: usize = 1023;

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

    fn on_targets(&mut self, request: &OnAddress, names: &[OsString]) -> Outcome {
        worst(names.iter().map(|name| self.on_target(request, name)))
    }

    /// Whether a target is there and up; if not, why, as far as that is known.
    fn is_up(&mut self, address: Address) -> Result<(), String> {
        let reason = match self.at(address) {
            Ok(target) if target.is_up() => return Ok(()),
            Ok(target) => text::field(&target.reason),
            Err(_) => String::new(),
        };
        Err(if reason.is_empty() { self.absent_because(address) } else { reason })
    }
}

/// Waits for a target, at most until there are no tenths of seconds left; asks
/// again every second, since a frame may get lost.
fn discover_one(tool: &mut Tool, name: &OsStr, address: Address, tenths: &mut u32) -> Outcome {
    let found = loop {
        let up = tool.is_up(address);
        if up.is_ok() || *tenths == 0 {
            break up;
        }
        sleep(Duration::from_millis(100));
        *tenths -= 1;
        if tenths.is_multiple_of(10) {
            // What is wrong with the module was said at the first one.
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

/// Asks for all targets, or for those that are named, and waits for these.
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
        return tool.on_all(&ioctl::DISCOVER);
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

/// Forgets targets that are down and closed.
pub fn flush(tool: &mut Tool, words: &[OsString]) -> Outcome {
    let mut all = false;
    let mut options = Options::new(words, "a", "");
    while let Some(option) = options.next() {
        option.map_err(|_| tool.usage())?;
        all = true;
    }
    match options.rest() {
        [] if all => tool.on_all(&ioctl::FORGET),
        names if !all && !names.is_empty() => tool.on_targets(&ioctl::FORGET, names),
        _ => Err(tool.usage()),
    }
}

/// Has targets say again who they are and how large.
pub fn revalidate(tool: &mut Tool, names: &[OsString]) -> Outcome {
    if names.is_empty() {
        return tool.on_all(&ioctl::REVALIDATE);
    }
    tool.on_targets(&ioctl::REVALIDATE, names)
}

fn say_interfaces(tool: &mut Tool) -> Outcome {
    let list = tool.system.sysctl(IFLIST).map_err(|errno| failed(errno, IFLIST))?;
    let out = &mut tool.out;
    out.open_list("interface");
    for name in list.split([' ', ',', '\t']).filter(|name| !name.is_empty()) {
        out.open_instance("interface");
        out.value("name", name).words('\n').close_instance("interface");
    }
    out.close_list("interface");
    Ok(())
}

/// Which interfaces may be used.
pub fn interfaces(tool: &mut Tool, words: &[OsString]) -> Outcome {
    let mut none = false;
    let mut options = Options::new(words, "n", "");
    while let Some(option) = options.next() {
        option.map_err(|_| tool.usage())?;
        none = true;
    }
    let names = options.rest();
    if none && !names.is_empty() {
        return Err(tool.usage());
    }
    if words.is_empty() {
        return say_interfaces(tool);
    }
    let list = names.join(OsStr::new(" "));
    if list.len() > IFLIST_MAX {
        complain!("the list of interfaces is too long");
        return Err(Status::Use);
    }
    match tool.system.set_sysctl(IFLIST, list.as_bytes()) {
        Ok(()) => say_interfaces(tool),
        Err(Errno::EINVAL) => {
            complain!("{}: not a list of interfaces", list.display());
            Err(Status::Use)
        }
        Err(errno) => Err(failed(errno, IFLIST)),
    }
}
