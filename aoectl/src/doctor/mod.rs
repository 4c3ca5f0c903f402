// SPDX-License-Identifier: BSD-2-Clause
//! doctor: why a disk is missing, suspended or slow.
//!
//! Queries for targets once and takes a snapshot, which `findings` examines.

mod findings;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::time::Duration;

use aoe_core::wire::{Address, Mac, MaskCommand, MaskRequest, MaskResponse};

use crate::ioctl::{self, Control, PATH_UP, STATE_UP, Target};
use crate::os::Errno;
use crate::status::{Outcome, Status, failed};
use crate::targets::address;
use crate::text::{COLUMNS, disk, field};
use crate::{DEVICE, Module, Tool};
use findings::{Absent, Counts, Filters, Finding, Known, Snapshot, examine};

const STEP: Duration = Duration::from_millis(100);
/// Steps to wait for answers, and the limit while a target is being identified.
const ANSWERS: u32 = 10;
const IDENTITIES: u32 = 30;
/// How long to wait for a target's mask, in milliseconds. Few targets have one.
const MASK_MS: u32 = 500;

impl Tool {
    fn setting(&self, name: &str) -> String {
        self.system.sysctl(&format!("net.aoe.{name}")).unwrap_or_default()
    }

    fn counts(&self) -> Counts {
        let read = |name: &str| self.setting(&format!("stats.{name}")).parse().unwrap_or(0);
        Counts {
            sent: read("tx_frames"),
            refused: read("tx_errors"),
            received: read("rx_frames"),
            filtered: read("rx_filtered"),
        }
    }

    /// The target `only`, if it is known, or all targets.
    fn known(&mut self, only: Option<Address>) -> Outcome<Vec<Target>> {
        let Some(address) = only else {
            return self.all_targets();
        };
        match self.at(address) {
            Ok(target) => Ok(vec![target]),
            Err(Errno::ENOENT) => Ok(Vec::new()),
            Err(errno) => Err(failed(errno, disk(address))),
        }
    }

    /// Queries for targets, and gives them time to answer.
    fn query(&mut self, only: Option<Address>) -> Outcome<Vec<Target>> {
        let mut whom = only.map_or_else(ioctl::Address::everybody, Into::into);
        self.system.ask(&ioctl::DISCOVER, &mut whom).map_err(|errno| failed(errno, "discover"))?;
        let mut step = 0;
        loop {
            self.system.pause(STEP);
            step += 1;
            let known = self.known(only)?;
            let is_settled = known.iter().all(|target| target.info.state >= STATE_UP);
            if step >= IDENTITIES || step >= ANSWERS && is_settled {
                return Ok(known);
            }
        }
    }

    /// The hosts in a target's mask; empty if the mask is not known.
    fn mask_of(&mut self, target: &Target) -> Vec<Mac> {
        let mut argument = [0; MaskRequest::LEN];
        MaskRequest { command: MaskCommand::Read, count: 0 }.emit(&mut argument);
        let mut control = Control::mask(target, &argument, &[]);
        (control.tries, control.wait_ms) = (1, MASK_MS);
        if self.control(&mut control).is_err() || control.refused != 0 {
            return Vec::new();
        }
        let response = MaskResponse::parse(control.answer());
        response.map_or_else(|_| Vec::new(), |response| response.hosts().collect())
    }

    /// The firewalls that may filter Ethernet frames, with commands that show rules.
    fn firewalls(&self) -> Vec<(&'static str, &'static str)> {
        let mut all = Vec::new();
        if self.system.sysctl("net.link.ether.ipfw").is_ok_and(|on| on != "0") {
            all.push(("ipfw", "ipfw -a list"));
        }
        if self.system.sysctl("net.pf.states_hashsize").is_ok() {
            all.push(("pf", "pfctl -s ether"));
        }
        all
    }

    fn snapshot(&mut self, only: Option<Address>) -> Outcome<Snapshot> {
        let module = self.module().map_err(|errno| failed(errno, DEVICE))?;
        let list = self.setting("iflist");
        let names = list.split([' ', ',', '\t']).filter(|name| !name.is_empty());
        let mut seen = Snapshot {
            module,
            only,
            listed: names.map(str::to_owned).collect(),
            interfaces: self.system.interfaces().map_err(|errno| failed(errno, "interfaces"))?,
            counts: Counts::default(),
            filters: Filters::default(),
            firewalls: self.firewalls(),
            targets: Vec::new(),
            absents: Vec::new(),
        };
        if module != Module::Loaded {
            return Ok(seen);
        }
        let before = self.counts();
        let targets = self.query(only)?;
        seen.counts = self.counts().since(&before);
        let [shelves, config, macs] =
            ["shelves", "config", "macs"].map(|name| self.setting(&format!("filter.{name}")));
        seen.filters = Filters { shelves, config, macs };
        for target in targets {
            let mut states = target.paths().iter().map(|path| path.info.state);
            let asks = target.is_up() && states.any(|state| state != PATH_UP);
            let mask = if asks { self.mask_of(&target) } else { Vec::new() };
            seen.targets.push(Known { target, mask });
        }
        let absents = self.absents().into_iter().map(|found| Absent {
            address: Address { major: found.absent.major, minor: found.absent.minor },
            event: found.absent.event,
            limit: found.absent.value,
            text: field(&found.text),
        });
        seen.absents =
            absents.filter(|absent| only.is_none_or(|only| only == absent.address)).collect();
        Ok(seen)
    }
}

fn say(tool: &mut Tool, finding: &Finding) {
    let Finding { about, kind, text, command } = finding;
    let out = &mut tool.out;
    out.open_instance("finding");
    out.value("about", &**about).hidden("kind", *kind).words(": ").value("text", &**text);
    let together = about.len() + text.len() + command.len() + ": ; try: ".len();
    out.words(if together > COLUMNS { "\n    try: " } else { "; try: " });
    out.value("command", &**command).words('\n').close_instance("finding");
}

/// Prints the findings; the exit status is a fault if there are any.
pub fn doctor(tool: &mut Tool, words: &[OsString]) -> Outcome {
    let only = match words {
        [] => None,
        [name] => Some(address(name)?),
        _ => return Err(tool.usage()),
    };
    let seen = tool.snapshot(only)?;
    let found = examine(&seen).0;
    tool.out.hidden("well", found.is_empty());
    tool.out.open_list("finding");
    for finding in &found {
        say(tool, finding);
    }
    tool.out.close_list("finding");
    if !found.is_empty() {
        return Err(Status::Fault);
    }
    let count = seen.targets.len();
    tool.out.words(match only {
        Some(address) => format!("{}: up, no faults found\n", disk(address)),
        None => format!("no faults found, disks up: {count}\n"),
    });
    Ok(())
}
