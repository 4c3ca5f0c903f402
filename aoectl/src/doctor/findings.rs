// SPDX-License-Identifier: BSD-2-Clause
//! Derives doctor's findings from a snapshot.

use aoe_core::ffi::abi::{
    AoeIocPath as Path, INFO_CONFLICT, INFO_DOUBLED, INFO_RESERVED, PATH_ANY,
};
use aoe_core::filter::{Admission, Filter, Kind as FilterKind};
use aoe_core::wire::{Address, Mac, SECTOR, sectors_per_frame};

use crate::Module;
use crate::ioctl::{
    EV_LEFT_OUT, PATH_CONFLICT, PATH_DOWN, PATH_UNUSABLE, PATH_UP, STATE_FAILED, STATE_SUSPENDED,
    Target, state_name,
};
use crate::os::{Interface, Kind};
use crate::text::{disk, field};

/// Counters of the module, or their changes during a query.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub sent: u64,
    pub refused: u64,
    pub received: u64,
    pub filtered: u64,
}

impl Counts {
    /// The change since `before`. A counter that decreased has counted from 0, since
    /// the module was loaded again.
    pub fn since(self, before: &Counts) -> Counts {
        let grown = |now: u64, before: u64| now.checked_sub(before).unwrap_or(now);
        Counts {
            sent: grown(self.sent, before.sent),
            refused: grown(self.refused, before.refused),
            received: grown(self.received, before.received),
            filtered: grown(self.filtered, before.filtered),
        }
    }
}

/// The texts of net.aoe.filter.
#[derive(Clone, Debug, Default)]
pub struct Filters {
    pub shelves: String,
    pub config: String,
    pub macs: String,
}

/// A target that answers but has no disk.
#[derive(Clone, Debug)]
pub struct Absent {
    pub address: Address,
    pub event: u32,
    pub limit: u64,
    pub text: String,
}

/// A target, with its mask if that was read.
pub struct Known {
    pub target: Target,
    /// The hosts that the target answers; empty: all hosts, or not known.
    pub mask: Vec<Mac>,
}

/// The state that doctor examines.
pub struct Snapshot {
    pub module: Module,
    /// The only target to examine; `None`: all.
    pub only: Option<Address>,
    pub listed: Vec<String>,
    pub interfaces: Vec<Interface>,
    pub counts: Counts,
    pub filters: Filters,
    /// Firewalls that may filter Ethernet frames, each with the command that shows its
    /// rules.
    pub firewalls: Vec<(&'static str, &'static str)>,
    pub targets: Vec<Known>,
    pub absents: Vec<Absent>,
}

/// A fault, and a command that corrects it or shows details.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    pub about: String,
    pub kind: &'static str,
    pub text: String,
    pub command: String,
}

/// All findings, in the order in which to act on them.
#[derive(Default)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    fn add(
        &mut self,
        about: impl Into<String>,
        kind: &'static str,
        text: impl Into<String>,
        command: impl Into<String>,
    ) {
        let (about, text, command) = (about.into(), text.into(), command.into());
        self.0.push(Finding { about, kind, text, command });
    }
}

/// An address in the form that aoectl accepts.
fn dotted(address: Address) -> String {
    format!("{}.{}", address.major, address.minor)
}

fn tcpdump(interface: &str) -> String {
    format!("tcpdump -e -n -i {interface} ether proto 0x88a2")
}

/// Returns all faults in a snapshot.
pub fn examine(seen: &Snapshot) -> Findings {
    let mut all = Findings::default();
    match seen.module {
        Module::Loaded => {}
        Module::NotLoaded => {
            all.add("aoe", "not-loaded", "the module is not loaded", "kldload aoe");
            return all;
        }
        Module::OtherVersion => {
            let text = "the loaded module and this program have different versions";
            all.add("aoe", "other-version", text, "aoectl version");
            return all;
        }
    }
    if seen.listed.is_empty() {
        let names = seen.spare();
        let names = if names.is_empty() { "<interface>".to_owned() } else { names.join(" ") };
        let text = "empty, so no interface is used";
        all.add("net.aoe.iflist", "no-interface", text, format!("aoectl interfaces {names}"));
        return all;
    }
    for name in &seen.listed {
        seen.check_interface(name, &mut all);
    }
    seen.check_network(&mut all);
    seen.check_filters(&mut all);
    seen.check_absents(&mut all);
    for known in &seen.targets {
        check_target(known, seen, &mut all);
    }
    all
}

impl Snapshot {
    fn is_listed(&self, name: &str) -> bool {
        self.listed.iter().any(|listed| listed == name)
    }

    fn interface(&self, name: &str) -> Option<&Interface> {
        self.interfaces.iter().find(|interface| interface.name == name)
    }

    /// The usable interfaces that are not listed.
    fn spare(&self) -> Vec<&str> {
        let usable = self.interfaces.iter().filter(|i| is_usable(i) && !self.is_listed(&i.name));
        usable.map(|interface| interface.name.as_str()).collect()
    }

    /// The listed interfaces that are usable.
    fn in_use(&self) -> Vec<&str> {
        let listed = self.listed.iter().filter_map(|name| self.interface(name));
        listed.filter(|i| is_usable(i)).map(|interface| interface.name.as_str()).collect()
    }

    /// Whether the examined target, or any target, answers.
    fn is_answered(&self) -> bool {
        !self.targets.is_empty() || !self.absents.is_empty()
    }

    fn check_interface(&self, name: &str, all: &mut Findings) {
        let Some(interface) = self.interface(name) else {
            return all.add(name, "absent", "no such interface", "ifconfig -l");
        };
        match interface.kind {
            Kind::Ethernet if !interface.is_up => {
                all.add(name, "down", "the interface is down", format!("ifconfig {name} up"));
            }
            Kind::Ethernet if !interface.has_carrier => {
                let text = "no carrier: check the cable and the switch port";
                all.add(name, "no-carrier", text, format!("ifconfig {name}"));
            }
            Kind::Ethernet => {}
            Kind::LaggPort => {
                let text = "a port of a lagg(4): use the lagg, which receives its frames";
                all.add(name, "lagg-port", text, "ifconfig -g lagg");
            }
            Kind::Other => {
                let text = "not an Ethernet interface, so AoE cannot use it";
                all.add(name, "not-ethernet", text, "aoectl interfaces");
            }
        }
    }

    /// Checks whether queries are sent and answers are received.
    fn check_network(&self, all: &mut Findings) {
        let used = self.in_use();
        let Some(first) = used.first() else { return };
        let together = used.join(" ");
        if self.counts.refused != 0 {
            let text =
                format!("frames refused by the interface or a firewall: {}", self.counts.refused);
            all.add(&together, "send-refused", text, "sysctl net.aoe.stats.tx_errors");
        }
        if self.counts.sent == 0 && self.counts.refused == 0 {
            let text = "the query was not sent";
            all.add(&together, "not-sent", text, "sysctl net.aoe.stats");
        } else if self.counts.sent != 0 && self.counts.received == 0 {
            let text = "frames are sent, but none are received";
            all.add(&together, "no-answer", text, tcpdump(first));
            for (name, command) in &self.firewalls {
                let text = format!("{name} may drop AoE");
                all.add("firewall", "firewall", text, *command);
            }
        } else if let Some(address) = self.only
            && !self.is_answered()
            && self.counts.filtered == 0
        {
            let text = "frames are received, but none from this target";
            all.add(disk(address), "no-answer", text, tcpdump(first));
        } else if self.only.is_none() {
            self.check_silent(&used, all);
        }
        if !self.is_answered() {
            for name in self.spare() {
                let listed = self.listed.join(" ");
                let text = "up, but not listed; the target may be on it";
                all.add(name, "not-listed", text, format!("aoectl interfaces {listed} {name}"));
            }
        }
    }

    /// Reports used interfaces on which no target has a path.
    fn check_silent(&self, used: &[&str], all: &mut Findings) {
        if self.counts.filtered != 0 || !self.absents.is_empty() {
            return;
        }
        for name in used {
            let mut paths = self.targets.iter().flat_map(|known| known.target.paths());
            if !paths.any(|path| field(&path.interface) == **name) {
                all.add(*name, "no-answer", "no target answers", tcpdump(name));
            }
        }
    }

    /// Checks the filters. A filter is a fault only if a disk may be missing because
    /// of it.
    fn check_filters(&self, all: &mut Findings) {
        let node = |name: &str| format!("sysctl net.aoe.filter.{name}");
        if let Some(address) = self.only
            && leaves_out(&self.filters.shelves, address)
        {
            let text = format!("net.aoe.filter.shelves excludes shelf {}", address.major);
            return all.add(disk(address), "filtered", text, node("shelves"));
        }
        let is_missing = match self.only {
            Some(_) => !self.is_answered(),
            None => !self.targets.iter().any(|known| known.target.is_up()),
        };
        if !is_missing || self.counts.filtered == 0 {
            return;
        }
        let Filters { shelves, config, macs } = &self.filters;
        for (name, text) in [("shelves", shelves), ("config", config), ("macs", macs)] {
            if !text.is_empty() {
                let text = format!("set; answers rejected by filters: {}", self.counts.filtered);
                all.add(format!("net.aoe.filter.{name}"), "filtered", text, node(name));
            }
        }
    }

    fn check_absents(&self, all: &mut Findings) {
        let (left_out, others): (Vec<&Absent>, Vec<&Absent>) =
            self.absents.iter().partition(|absent| absent.event == EV_LEFT_OUT);
        if let Some(absent) = left_out.first() {
            let text =
                format!("the limit is {}, targets left out: {}", absent.limit, left_out.len());
            let command = "echo 'net.aoe.maxtargets=\"<more>\"' >>/boot/loader.conf";
            all.add("net.aoe.maxtargets", "maxtargets", text, command);
        }
        for absent in others {
            let command = format!("aoectl log {}", dotted(absent.address));
            all.add(disk(absent.address), "not-used", &*absent.text, command);
        }
    }
}

fn is_usable(interface: &Interface) -> bool {
    interface.kind == Kind::Ethernet && interface.is_up && interface.has_carrier
}

/// Whether this filter of shelves excludes a target.
fn leaves_out(shelves: &str, address: Address) -> bool {
    let mut filter = Filter::OPEN;
    // The filter is valid: the module refuses any other.
    filter.set(FilterKind::Shelves, shelves.as_bytes()).is_ok()
        && filter.judge(address, Mac([0; 6]), &[]) != Admission::Granted
}

fn check_target(known: &Known, seen: &Snapshot, all: &mut Findings) {
    let target = &known.target;
    let (name, at) = (field(&target.name), dotted(target.address()));
    let why = field(&target.reason);
    if !why.is_empty() && target.info.reason_path == PATH_ANY {
        all.add(&*name, "not-used", why, format!("aoectl log {at}"));
    } else if !target.is_up() {
        let (text, command) = match target.info.state {
            STATE_FAILED => ("no answer for longer than maxwait; I/O fails", "ping"),
            STATE_SUSPENDED => ("suspended: no usable path; I/O waits", "paths"),
            _ => ("no answer to IDENTIFY yet", "discover"),
        };
        all.add(&*name, state_name(target.info.state), text, format!("aoectl {command} {at}"));
    }
    let conflicts = target.paths().iter().any(|path| path.info.state == PATH_CONFLICT);
    if target.has(INFO_CONFLICT) && !conflicts {
        let text = "another disk claims this address";
        all.add(&*name, "conflict", text, format!("aoectl log {at}"));
    }
    if target.has(INFO_DOUBLED) {
        let text = "every request is answered twice";
        all.add(&*name, "doubled", text, format!("aoectl log {at}"));
    }
    if target.has(INFO_RESERVED) {
        let text = "reserved by another host: I/O fails";
        all.add(&*name, "reserved", text, format!("aoectl reserve {at}"));
    }
    for path in target.paths() {
        check_path(known, path, seen, all);
    }
    check_sizes(target, all);
}

fn check_path(known: &Known, path: &Path, seen: &Snapshot, all: &mut Findings) {
    let target = &known.target;
    let (index, interface) = (path.info.index, field(&path.interface));
    let (about, at) = (format!("{} path {index}", field(&target.name)), dotted(target.address()));
    let host = Mac(path.local);
    match path.info.state {
        PATH_CONFLICT => {
            let (text, command) = if target.is_up() {
                ("another disk answers on this path", format!("aoectl log {at}"))
            } else {
                ("another disk answers instead of the known one", format!("aoectl accept {at}"))
            };
            all.add(about, "conflict", text, command);
        }
        PATH_UNUSABLE if target.info.reason_path == index => {
            let why = field(&target.reason);
            all.add(about, "not-used", why, format!("aoectl paths {at}"));
        }
        PATH_UNUSABLE => {
            all.add(about, "not-used", "this path cannot be used", format!("aoectl log {at}"));
        }
        PATH_DOWN if !interface.is_empty() && !seen.is_listed(&interface) => {
            let listed = seen.listed.join(" ");
            let text = format!("{interface} is not listed");
            all.add(about, "not-listed", text, format!("aoectl interfaces {listed} {interface}"));
        }
        // This fault is reported for the interface.
        PATH_DOWN if seen.interface(&interface).is_none_or(|i| !is_usable(i)) => {}
        PATH_DOWN if !known.mask.is_empty() && !known.mask.contains(&host) => {
            let text = format!("the target's mask lacks this host's address, {host:?}");
            all.add(about, "masked", text, format!("aoectl mask {at} add {host:?}"));
        }
        PATH_DOWN => {
            let text = format!("{:?} does not answer on {interface}", Mac(path.info.mac));
            all.add(about, "silent", text, format!("aoectl ping -p {index} {at}"));
        }
        _ => {}
    }
}

/// Checks whether frames are smaller than they could be.
fn check_sizes(target: &Target, all: &mut Findings) {
    let at = dotted(target.address());
    for path in target.paths().iter().filter(|path| path.info.state == PATH_UP) {
        let about = format!("{} path {}", field(&target.name), path.info.index);
        let interface = field(&path.interface);
        let (ours, theirs) = (sectors_per_frame(path.mtu), path.info.sector_count);
        let [our_bytes, their_bytes] = [ours, theirs].map(|n| usize::from(n) * SECTOR);
        if ours < theirs {
            let text = format!(
                "{interface} allows {our_bytes} bytes per frame (MTU {}), the target {their_bytes}",
                path.mtu
            );
            let mtu = (their_bytes + FRAME).max(JUMBO);
            all.add(about, "mtu", text, format!("ifconfig {interface} mtu {mtu}"));
        } else if theirs != 0 && 2 * u32::from(theirs) <= u32::from(ours) {
            let text = format!(
                "the target allows {their_bytes} bytes per frame, {interface} {our_bytes} (MTU {})",
                path.mtu
            );
            all.add(about, "mtu", text, format!("aoectl sancheck {at}"));
        } else if path.info.payload < path.info.payload_max {
            let text = format!(
                "large frames are lost: {} bytes per frame arrive, not {}",
                path.info.payload, path.info.payload_max
            );
            all.add(about, "large-frames", text, format!("aoectl sancheck {at}"));
        }
    }
}

/// Bytes of headers within the MTU: AoE and ATA, without Ethernet's.
const FRAME: usize = 22;
/// The usual MTU for large frames.
const JUMBO: usize = 9000;
