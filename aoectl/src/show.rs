// SPDX-License-Identifier: BSD-2-Clause
//! list, status, paths: show the state of targets and paths.

use std::ffi::OsString;

use aoe_core::ffi::abi::{
    FOREVER, INFO_CONFLICT, INFO_DOUBLED, INFO_OPEN, INFO_READ_ONLY, INFO_RESERVED, PATH_ANY,
};
use aoe_core::wire::{Mac, SECTOR};

use crate::Tool;
use crate::ioctl::{
    EV_LEFT_OUT, PATH_UP, Path, STATE_SUSPENDED, Target, path_state_name, state_name,
};
use crate::status::{Outcome, Status};
use crate::table::{Heading, LEFT, RIGHT, Table};
use crate::text::{field, fill, pieces, printable, size};

/// The size of a target's disk.
fn bytes(target: &Target) -> u64 {
    target.info.sectors.wrapping_mul(SECTOR as u64)
}

/// Width of a line's heading, in columns.
const HEADING: usize = 12;

fn heading(name: &str) -> String {
    format!("  {name:<0$}", HEADING - 2)
}

/// Formats a text with a heading, broken into lines between words.
fn about(name: &str, text: &str) -> String {
    fill(&heading(name), &pieces(text), HEADING)
}

/// The same for a list of parts, separated by commas; lines break only between parts.
fn listed(name: &str, parts: &[String]) -> String {
    let last = parts.len().saturating_sub(1);
    let parts: Vec<String> = parts
        .iter()
        .enumerate()
        .map(|(n, part)| format!("{part}{}", if n < last { "," } else { "" }))
        .collect();
    fill(&heading(name), &parts, HEADING)
}

const LIST: [Heading; 7] = [
    ("NAME", LEFT),
    ("STATE", LEFT),
    ("SIZE", RIGHT),
    ("PATHS", RIGHT),
    ("OPEN", LEFT),
    ("SERIAL", LEFT),
    ("MODEL", LEFT),
];

/// The number of a target's paths that are up.
fn paths_up(target: &Target) -> u32 {
    let states = target.paths().iter().map(|path| path.info.state);
    states.map(|state| u32::from(state == PATH_UP)).sum()
}

fn list_row(target: &Target) -> [String; 7] {
    let info = &target.info;
    [
        field(&target.name),
        state_name(info.state).to_owned(),
        size(bytes(target)),
        format!("{}/{}", paths_up(target), target.npaths),
        if target.has(INFO_OPEN) { "yes" } else { "no" }.to_owned(),
        field(&info.serial),
        field(&info.model),
    ]
}

fn list_one(tool: &mut Tool, target: &Target, table: &Table<7>) {
    let info = &target.info;
    let out = &mut tool.out;
    let cells = list_row(target);
    let row = table.row(&cells).concat();
    let [name, _, _, _, _, serial, model] = &cells;
    out.open_instance("target");
    out.words(row.trim_end()).words('\n');
    out.hidden("name", &**name).hidden("shelf", target.major).hidden("slot", target.minor);
    out.hidden("state", state_name(info.state)).hidden("size", bytes(target));
    out.hidden("paths-up", paths_up(target)).hidden("paths", target.npaths);
    out.hidden("open", target.has(INFO_OPEN)).hidden("model", &**model);
    out.hidden("serial", &**serial).close_instance("target");
}

/// Prints targets that answer but have no disk here, with the reasons.
fn say_absent(tool: &mut Tool) {
    let absents = tool.absents();
    let out = &mut tool.out;
    let (mut left_out, mut limit) = (0u32, 0);
    out.open_list("absent");
    for absent in &absents {
        let (about, reason) = (&absent.absent, field(&absent.text));
        let name = format!("aoe{}e{}", about.major, about.minor);
        out.open_instance("absent");
        out.hidden("name", &*name).hidden("shelf", about.major).hidden("slot", about.minor);
        out.hidden("reason", &*reason);
        if about.event == EV_LEFT_OUT {
            left_out += 1;
            limit = about.value;
        } else {
            out.words(fill(&format!("{name}: "), &pieces(&reason), 4));
        }
        out.close_instance("absent");
    }
    out.close_list("absent");
    out.hidden("left-out", left_out);
    if left_out != 0 {
        out.words(fill(
            &format!("{left_out} more targets are left out: "),
            &pieces(&format!("net.aoe.maxtargets is {limit}; set it in loader.conf(5)")),
            4,
        ));
    }
}

pub fn list(tool: &mut Tool, names: &[OsString]) -> Outcome {
    let (targets, outcome) = tool.collect(names);
    let table = Table::new(LIST, 0, &targets.iter().map(list_row).collect::<Vec<_>>());
    if outcome.is_ok() || !targets.is_empty() {
        tool.out.words(table.heading());
    }
    tool.out.open_list("target");
    for target in &targets {
        list_one(tool, target, &table);
    }
    tool.out.close_list("target");
    if names.is_empty() {
        say_absent(tool);
    }
    outcome
}

/// The name of a path's interface; "-" if that is gone.
fn interface(path: &Path) -> String {
    let interface = field(&path.interface);
    if interface.is_empty() { "-".to_owned() } else { interface }
}

/// Writes a path to JSON and XML.
fn hidden_path(tool: &mut Tool, path: &Path) {
    let info = &path.info;
    let out = &mut tool.out;
    out.hidden("index", info.index).hidden("interface", &*interface(path));
    out.hidden("mac", &*format!("{:?}", Mac(info.mac)));
    out.hidden("state", path_state_name(info.state)).hidden("rtt", info.rtt_us);
    out.hidden("payload", info.payload).hidden("payload-max", info.payload_max);
}

const PATHS: [Heading; 9] = [
    ("NO", RIGHT),
    ("INTERFACE", LEFT),
    ("STATE", LEFT),
    ("RTT(us)", RIGHT),
    ("PAYLOAD", RIGHT),
    ("WINDOW", RIGHT),
    ("INFLIGHT", RIGHT),
    ("SENT", RIGHT),
    ("RETX", RIGHT),
];

fn path_cells(path: &Path) -> [String; 9] {
    let info = &path.info;
    [
        info.index.to_string(),
        interface(path),
        path_state_name(info.state).to_owned(),
        info.rtt_us.to_string(),
        info.payload.to_string(),
        info.window.to_string(),
        info.in_flight.to_string(),
        info.sent.to_string(),
        info.retransmitted.to_string(),
    ]
}

/// Prints a path as a row of a table.
fn path_row(tool: &mut Tool, path: &Path, table: &Table<9>) {
    let info = &path.info;
    tool.out.open_instance("path");
    tool.out.words(table.row(&path_cells(path)).concat()).words('\n');
    hidden_path(tool, path);
    let out = &mut tool.out;
    out.hidden("window", info.window).hidden("in-flight", info.in_flight);
    out.hidden("sent", info.sent).hidden("retransmitted", info.retransmitted);
    out.hidden("mtu", path.mtu).hidden("rto", info.rto_us);
    out.hidden("sector-count", info.sector_count);
    out.hidden("local-mac", &*format!("{:?}", Mac(path.local)));
    out.hidden("link-up", path.link_up != 0).hidden("reorder", info.reorder_us);
    out.close_instance("path");
}

/// Prints a path as a list of its properties.
fn path_line(tool: &mut Tool, path: &Path) {
    let info = &path.info;
    let mut parts = vec![
        interface(path),
        format!("{:?}", Mac(info.mac)),
        path_state_name(info.state).to_owned(),
        format!("rtt {} us", info.rtt_us),
        format!("payload {} of {}", info.payload, info.payload_max),
    ];
    if info.reorder_us != 0 {
        parts.push(format!("answers out of order by {} us", info.reorder_us));
    }
    tool.out.open_instance("path");
    tool.out.words(listed(&format!("path {}", info.index), &parts));
    hidden_path(tool, path);
    if info.reorder_us != 0 {
        tool.out.hidden("reorder", info.reorder_us);
    }
    tool.out.close_instance("path");
}

fn paths_one(tool: &mut Tool, target: &Target) -> Outcome {
    let rows: Vec<_> = target.paths().iter().map(path_cells).collect();
    let table = Table::new(PATHS, 0, &rows);
    let out = &mut tool.out;
    out.open_instance("target");
    out.value("name", &*field(&target.name)).words(": ");
    out.value("state", state_name(target.info.state)).words('\n');
    if !rows.is_empty() {
        out.words(table.heading());
    }
    out.open_list("path");
    for path in target.paths() {
        path_row(tool, path, &table);
    }
    tool.out.close_list("path");
    tool.out.close_instance("target");
    Ok(())
}

pub fn paths(tool: &mut Tool, names: &[OsString]) -> Outcome {
    tool.out.open_list("target");
    let outcome = tool.each(names, paths_one);
    tool.out.close_list("target");
    outcome
}

/// Problems of a target that its state does not show: flag, name, text.
const REMARKS: [(u32, &str, &str); 4] = [
    (INFO_CONFLICT, "conflict", "another disk claims this address"),
    (
        INFO_DOUBLED,
        "doubled",
        "every request is answered twice: two daemons, a switch loop, or a bond that broadcasts",
    ),
    (INFO_READ_ONLY, "read-only", "a write was refused"),
    (INFO_RESERVED, "reserved", "reserved by another host"),
];

fn remarks(tool: &mut Tool, target: &Target) {
    let mut why = field(&target.reason);
    if why.is_empty() && !target.is_up() {
        why = tool.absent_because(target.address());
    }
    let out = &mut tool.out;
    out.open_list("remark");
    if !why.is_empty() {
        let one = target.info.reason_path != PATH_ANY && target.npaths > 1;
        let path = if one { format!("path {}: ", target.info.reason_path) } else { String::new() };
        out.open_instance("remark");
        out.words(about("note", &format!("{path}{why}"))).hidden("name", "reason");
        out.hidden("text", &*why).close_instance("remark");
    }
    for (flag, name, text) in REMARKS {
        if target.has(flag) {
            out.open_instance("remark");
            out.words(about("note", text)).hidden("name", name).hidden("text", text);
            out.close_instance("remark");
        }
    }
    out.close_list("remark");
}

/// Prints the disk's model, serial number and firmware, if known.
fn say_disk(tool: &mut Tool, target: &Target) {
    let info = &target.info;
    let (model, serial, firmware) =
        (field(&info.model), field(&info.serial), field(&info.firmware));
    let mut parts = Vec::new();
    for (what, text) in [("", &model), ("serial ", &serial), ("firmware ", &firmware)] {
        if !text.is_empty() {
            parts.push(format!("{what}{text}"));
        }
    }
    let out = &mut tool.out;
    out.hidden("model", &*model).hidden("serial", &*serial).hidden("firmware", &*firmware);
    if !parts.is_empty() {
        out.words(listed("disk", &parts));
    }
}

/// Prints how long a target has been suspended, and when its I/O will fail.
fn say_outage(tool: &mut Tool, target: &Target) {
    if target.info.state != STATE_SUSPENDED {
        return;
    }
    let (so_far, left) = (target.suspended_s, target.fails_in_s);
    let end = match left {
        FOREVER => "I/O never fails".to_owned(),
        left => format!("I/O fails in {left} s"),
    };
    let out = &mut tool.out;
    out.words(about("outage", &format!("suspended for {so_far} s, {end}")));
    out.hidden("suspended", so_far);
    if left != FOREVER {
        out.hidden("fails-in", left);
    }
}

/// Prints how long I/O waits in an outage; in text, only if the target has a limit of
/// its own.
fn say_maxwait(tool: &mut Tool, name: &str) {
    let read = |tool: &Tool, node: &str| -> Option<i64> {
        Some(tool.system.sysctl(node).ok()?.parse().unwrap_or(0))
    };
    let Some(own) = read(tool, &format!("net.aoe.target.{name}.maxwait")) else { return };
    let seconds = match own {
        0.. => own,
        _ => match read(tool, "net.aoe.maxwait") {
            Some(seconds) => seconds,
            None => return,
        },
    };
    let out = &mut tool.out;
    match own {
        0 => out.words(heading("maxwait")).words("for ever\n"),
        1.. => out.words(heading("maxwait")).words(format_args!("{own} s\n")),
        _ => out,
    }
    .hidden("maxwait", seconds);
}

fn status_one(tool: &mut Tool, target: &Target) -> Outcome {
    let info = &target.info;
    let (name, config) = (field(&target.name), printable(target.config()));
    let (bytes, is_open) = (bytes(target), target.has(INFO_OPEN));
    let out = &mut tool.out;
    out.open_instance("target");
    out.value("name", &*name).hidden("shelf", target.major).hidden("slot", target.minor);
    out.words(": ").value("state", state_name(info.state));
    out.words(", ").shown("size", size(bytes), bytes);
    out.shown("open", if is_open { ", open" } else { "" }, is_open).words('\n');
    say_disk(tool, target);
    let out = &mut tool.out;
    let shown = if config.is_empty() { "none" } else { &config };
    out.words(about("config", shown)).hidden("config", &*config);
    out.words(heading("I/O")).value("active", info.active).words(" in progress, ");
    out.value("completed", info.completed).words(" completed, ");
    out.value("failed", info.failed).words(" failed\n");
    say_maxwait(tool, &name);
    say_outage(tool, target);
    remarks(tool, target);
    tool.out.open_list("path");
    for path in target.paths() {
        path_line(tool, path);
    }
    tool.out.close_list("path");
    tool.out.close_instance("target");
    if target.is_up() { Ok(()) } else { Err(Status::Fault) }
}

/// The totals of all targets.
#[derive(Default)]
struct Total {
    targets: u32,
    up: u32,
    bytes: u64,
    active: u64,
    failed: u64,
}

impl Total {
    fn count(&mut self, target: &Target) {
        self.targets += 1;
        self.up += u32::from(target.is_up());
        self.bytes = self.bytes.saturating_add(bytes(target));
        self.active += u64::from(target.info.active);
        self.failed = self.failed.saturating_add(target.info.failed);
    }

    /// Prints the totals; in text, only of several targets.
    fn say(&self, tool: &mut Tool) {
        let Total { targets, up, bytes, active, failed } = *self;
        let out = &mut tool.out;
        if targets > 1 {
            out.words(format_args!("total: {targets} targets, {up} up, {}; ", size(bytes)));
            out.words(format_args!("I/O {active} in progress, {failed} failed\n"));
        }
        out.hidden("total-targets", targets).hidden("total-up", up).hidden("total-size", bytes);
        out.hidden("total-active", active).hidden("total-failed", failed);
    }
}

/// Prints the driver's state, and every target in detail. The exit status is a fault if
/// a target is not up.
pub fn status(tool: &mut Tool, names: &[OsString]) -> Outcome {
    let version = tool.system.sysctl("net.aoe.version").unwrap_or_default();
    let interfaces = tool.system.sysctl("net.aoe.iflist").unwrap_or_default();
    let listed = if interfaces.is_empty() { "none" } else { &interfaces };
    let out = &mut tool.out;
    out.words(fill(&format!("driver {version}, interfaces:"), &pieces(listed), 4));
    out.hidden("driver", &*version).hidden("interfaces", &*interfaces);
    out.open_list("target");
    let mut total = Total::default();
    let outcome = tool.each(names, |tool, target| {
        total.count(target);
        status_one(tool, target)
    });
    tool.out.close_list("target");
    if names.is_empty() {
        total.say(tool);
        say_absent(tool);
    }
    outcome
}
