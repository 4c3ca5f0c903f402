// SPDX-License-Identifier: BSD-2-Clause
//! smart: shows the disk's health and attributes. Most software targets have no SMART
//! and reject the command.

use std::ffi::OsString;

use aoe_core::wire::{AtaRequest, SECTOR, SmartAttribute, SmartHealth};

use crate::Tool;
use crate::ioctl::{Control, Target};
use crate::status::{Outcome, Status};
use crate::text::field;

/// Sends an ATA command that returns registers; `None` without an answer.
fn registers(tool: &mut Tool, target: &Target, request: AtaRequest) -> Option<Control> {
    let mut control = Control::ata(target, request);
    tool.control(&mut control).ok()?;
    Some(control)
}

fn health(tool: &mut Tool, target: &Target) -> &'static str {
    let answer = registers(tool, target, AtaRequest::smart_status());
    let answer = answer.filter(|control| control.success().is_some());
    match answer.and_then(|control| SmartHealth::parse(control.answer()).ok()) {
        Some(SmartHealth::Passed) => "passed",
        Some(SmartHealth::Failing) => "failing",
        Some(SmartHealth::Unknown) | None => "unknown",
    }
}

fn power(tool: &mut Tool, target: &Target) -> &'static str {
    let answer = registers(tool, target, AtaRequest::check_power());
    match answer.and_then(|control| control.success()).map(|registers| registers.count) {
        Some(0x00) => "standby",
        Some(0x80) => "idle",
        Some(0xff) => "active",
        _ => "unknown",
    }
}

fn say_attribute(tool: &mut Tool, attribute: &SmartAttribute) {
    let failing = attribute.has_failed();
    let out = &mut tool.out;
    out.open_instance("attribute");
    out.words("  ").shown("id", format_args!("{:>3}", attribute.id), attribute.id);
    for (name, width, value) in [
        ("value", 5, attribute.value),
        ("worst", 5, attribute.worst),
        ("threshold", 6, attribute.threshold),
    ] {
        out.words(' ').shown(name, format_args!("{value:>width$}"), value);
    }
    out.words(' ').shown("raw", format_args!("{:>14}", attribute.raw), attribute.raw);
    out.shown("failing", if failing { "  failing" } else { "" }, failing).words('\n');
    out.close_instance("attribute");
}

pub fn smart(tool: &mut Tool, words: &[OsString]) -> Outcome {
    let [name] = words else { return Err(tool.usage()) };
    let target = tool.target(name)?;
    let values = tool.sector(&target, AtaRequest::smart_values(), None)?;
    let thresholds =
        tool.sector(&target, AtaRequest::smart_thresholds(), None).unwrap_or([0; SECTOR]);
    let (health, power) = (health(tool, &target), power(tool, &target));
    let out = &mut tool.out;
    out.value("name", &*field(&target.name)).words(": health ").value("health", health);
    out.words(", power ").value("power", power).words('\n');
    out.words(format_args!(
        "  {:>3} {:>5} {:>5} {:>6} {:>14}\n",
        "ID", "VALUE", "WORST", "THRESH", "RAW"
    ));
    out.open_list("attribute");
    let mut failing = health == "failing";
    for attribute in SmartAttribute::parse(&values, &thresholds) {
        failing |= attribute.has_failed();
        say_attribute(tool, &attribute);
    }
    tool.out.close_list("attribute");
    if failing { Err(Status::Fault) } else { Ok(()) }
}
