// SPDX-License-Identifier: BSD-2-Clause
//! list, status, paths: what there is.

use std::ffi::OsString;

use aoe_core::ffi::abi::{
    INFO_CONFLICT, INFO_DOUBLED, INFO_OPEN, INFO_READ_ONLY, INFO_RESERVED, PATH_ANY,
};
use aoe_core::wire::{Mac, SECTOR};

use crate::Tool;
use crate::ioctl::{EV_LEFT_OUT, PATH_UP, Path, Target, path_state_name, state_name};
use crate::status::{Outcome, Status};
use crate::text::{field, printable, size};

/// The size of its disk.
fn bytes(target: &Target) -> u64 {
    target.info.sectors.wrapping_mul(SECTOR as u64)
}

/// In front of what a line is about.
fn heading(name: &str) -> String {
    format!("  {name:<10}")
}

fn list_one(tool: &mut Tool, target: &Target) -> Outcome {
    let info = &target.info;
    let name = field(&target.name);
    let (bytes, is_open) = (bytes(target), target.has(INFO_OPEN));
    let up = target.paths().iter().filter(|path| path.info.state == PATH_UP).count() as u64;
    let (model, state) = (field(&info.model), state_name(info.state));
    let out = &mut tool.out;
    out.open_instance("target");
    out.shown("name", format_args!("{name:<12}"), &*name);
    out.hidden("shelf", target.major).hidden("slot", target.minor);
    out.words(' ').shown("state", format_args!("{state:<11}"), state);
    out.words(' ').shown("size", format_args!("{:>6}", size(bytes)), bytes);
    out.words("  ").shown("paths-up", format_args!("{up:>2}"), up);
    out.words('/').shown("paths", format_args!("{:<2}", target.npaths), target.npaths);
    out.words(' ').shown("open", if is_open { "yes " } else { "no  " }, is_open);
    out.words(' ').shown("model", format_args!("{model:<20}"), &*model);
    out.words(' ').value("serial", &*field(&info.serial)).words('\n');
    out.close_instance("target");
    Ok(())
}

/// Targets that answer and have no disk here, and why.
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
            out.words(format_args!("{name}: {reason}\n"));
        }
        out.close_instance("absent");
    }
    out.close_list("absent");
    out.hidden("left-out", left_out);
    if left_out != 0 {
        out.words(format_args!(
            "{left_out} more answer and are left out: net.aoe.maxtargets is {limit}, \
             set it in loader.conf(5)\n"
        ));
    }
}

pub fn list(tool: &mut Tool, names: &[OsString]) -> Outcome {
    tool.out.words(format_args!(
        "{:<12} {:<11} {:>6}  {:<5} {:<4} {:<20} SERIAL\n",
        "NAME", "STATE", "SIZE", "PATHS", "OPEN", "MODEL"
    ));
    tool.out.open_list("target");
    let outcome = tool.each(names, list_one);
    tool.out.close_list("target");
    if names.is_empty() {
        say_absent(tool);
    }
    outcome
}

/// The beginning of a path, which status and paths share.
fn say_path(tool: &mut Tool, path: &Path) {
    let info = &path.info;
    let (interface, state) = (field(&path.interface), path_state_name(info.state));
    let interface = if interface.is_empty() { "-" } else { &interface };
    let out = &mut tool.out;
    out.open_instance("path");
    out.shown("index", format_args!("{:>3}", info.index), info.index);
    out.words("  ").shown("interface", format_args!("{interface:<9}"), interface);
    out.words(' ').value("mac", &*format!("{:?}", Mac(info.mac)));
    out.words("  ").shown("state", format_args!("{state:<11}"), state);
}

/// A path as a row of a table.
fn path_row(tool: &mut Tool, path: &Path) {
    tool.out.words("  ");
    say_path(tool, path);
    let info = &path.info;
    let out = &mut tool.out;
    out.words(' ').shown("rtt", format_args!("{:>8}", info.rtt_us), info.rtt_us);
    out.words(' ').shown("payload", format_args!("{:>7}", info.payload), info.payload);
    out.words(' ').shown("payload-max", format_args!("{:>7}", info.payload_max), info.payload_max);
    out.words(' ').shown("window", format_args!("{:>6}", info.window), info.window);
    out.words(' ').shown("in-flight", format_args!("{:>4}", info.in_flight), info.in_flight);
    out.words(' ').shown("sent", format_args!("{:>10}", info.sent), info.sent);
    out.words(' ').shown(
        "retransmitted",
        format_args!("{:>6}", info.retransmitted),
        info.retransmitted,
    );
    out.hidden("mtu", path.mtu).hidden("rto", info.rto_us);
    out.hidden("sector-count", info.sector_count);
    out.hidden("local-mac", &*format!("{:?}", Mac(path.local)));
    out.hidden("link-up", path.link_up != 0).hidden("reorder", info.reorder_us).words('\n');
    out.close_instance("path");
}

/// A path in a sentence.
fn path_line(tool: &mut Tool, path: &Path) {
    tool.out.words(format_args!("  {:<6}", "path"));
    say_path(tool, path);
    let info = &path.info;
    let out = &mut tool.out;
    out.words(" rtt ").value("rtt", info.rtt_us);
    out.words(" us, payload ").value("payload", info.payload);
    out.words(" of ").value("payload-max", info.payload_max);
    if info.reorder_us != 0 {
        out.words(", answers out of order by ").value("reorder", info.reorder_us).words(" us");
    }
    out.words('\n').close_instance("path");
}

fn paths_one(tool: &mut Tool, target: &Target) -> Outcome {
    let out = &mut tool.out;
    out.open_instance("target");
    out.value("name", &*field(&target.name)).words(": ");
    out.value("state", state_name(target.info.state)).words('\n');
    out.words(format_args!(
        "  {:>3}  {:<9} {:<17}  {:<11} {:>8} {:>7} {:>7} {:>6} {:>4} {:>10} {:>6}\n",
        "NO",
        "INTERFACE",
        "MAC",
        "STATE",
        "RTT(us)",
        "PAYLOAD",
        "MAX",
        "WINDOW",
        "OUT",
        "SENT",
        "AGAIN"
    ));
    out.open_list("path");
    for path in target.paths() {
        path_row(tool, path);
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

/// What somebody should know of a target that looks well otherwise.
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
        out.open_instance("remark");
        out.words(heading("note")).hidden("name", "reason");
        if target.info.reason_path != PATH_ANY && target.npaths > 1 {
            out.words(format_args!("path {}: ", target.info.reason_path));
        }
        out.value("text", &*why).words('\n').close_instance("remark");
    }
    for (flag, name, text) in REMARKS {
        if target.has(flag) {
            out.open_instance("remark");
            out.words(heading("note")).hidden("name", name).value("text", text).words('\n');
            out.close_instance("remark");
        }
    }
    out.close_list("remark");
}

/// What the disk calls itself, as far as it does.
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
        out.words(heading("disk")).words(parts.join(", ")).words('\n');
    }
}

/// How long I/O waits in an outage; in words if the target has its own limit.
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
    out.words(heading("config"));
    out.shown("config", if config.is_empty() { "none" } else { &config }, &*config).words('\n');
    out.words(heading("I/O")).value("active", info.active).words(" under way, ");
    out.value("completed", info.completed).words(" completed, ");
    out.value("failed", info.failed).words(" failed\n");
    say_maxwait(tool, &name);
    remarks(tool, target);
    tool.out.open_list("path");
    for path in target.paths() {
        path_line(tool, path);
    }
    tool.out.close_list("path");
    tool.out.close_instance("target");
    if target.is_up() { Ok(()) } else { Err(Status::Fault) }
}

/// The driver, and every target in full. A target that is not up is a fault.
pub fn status(tool: &mut Tool, names: &[OsString]) -> Outcome {
    let version = tool.system.sysctl("net.aoe.version").unwrap_or_default();
    let interfaces = tool.system.sysctl("net.aoe.iflist").unwrap_or_default();
    let listed = if interfaces.is_empty() { "none (aoectl interfaces)" } else { &interfaces };
    let out = &mut tool.out;
    out.words("driver ").value("driver", &*version);
    out.words(", interfaces: ").shown("interfaces", listed, &*interfaces).words('\n');
    out.open_list("target");
    let outcome = tool.each(names, status_one);
    tool.out.close_list("target");
    if names.is_empty() {
        say_absent(tool);
    }
    outcome
}
