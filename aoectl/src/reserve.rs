// SPDX-License-Identifier: BSD-2-Clause
//! reserve: the hosts for which a target is reserved.

use std::ffi::OsString;

use aoe_core::wire::{Mac, ReserveCommand, ReserveRequest, ReserveResponse};
use zerocopy::IntoBytes;

use crate::Tool;
use crate::ask::{accepted, cut_short};
use crate::ioctl::{Control, Target};
use crate::mask::hosts;
use crate::status::{Outcome, Status, complain};
use crate::text::field;

fn exchange(tool: &mut Tool, target: &Target, command: ReserveCommand, hosts: &[Mac]) -> Outcome {
    let name = field(&target.name);
    let count = u8::try_from(hosts.len()).unwrap_or(u8::MAX);
    let mut argument = [0; ReserveRequest::LEN];
    ReserveRequest { command, count }.emit(&mut argument);
    let mut control = Control::reserve(target, &argument, hosts.as_bytes());
    if let Err(errno) = tool.control(&mut control) {
        return Err(tool.no_answer(errno, target, "reservations"));
    }
    accepted(&control, &name)?;
    let response = ReserveResponse::parse(control.answer()).map_err(|_| cut_short(&name))?;
    let holders: Vec<Mac> = response.holders().collect();
    tool.say_hosts(target, &holders, "not reserved");
    Ok(())
}

pub fn reserve(tool: &mut Tool, words: &[OsString]) -> Outcome {
    let (name, verb, rest) = match words {
        [] => return Err(tool.usage()),
        [name] => (name, "read", &[][..]),
        [name, verb, rest @ ..] => (name, verb.to_str().unwrap_or_default(), rest),
    };
    // First, so that a wrong target is reported even if other arguments are wrong, too.
    let target = tool.target(name);
    let (command, hosts) = match (verb, rest) {
        ("read", []) => (ReserveCommand::Read, Vec::new()),
        ("release", []) => (ReserveCommand::Set, Vec::new()),
        ("release", [forced]) if forced == "-f" => (ReserveCommand::ForceSet, Vec::new()),
        ("set", []) => {
            let target = target?;
            let own = target.own_hosts();
            if own.is_empty() {
                complain!("{}: this host has no path to the target", field(&target.name));
                return Err(Status::Silent);
            }
            return exchange(tool, &target, ReserveCommand::Set, &own);
        }
        ("set", _) => (ReserveCommand::Set, hosts(rest)?),
        ("force", [_, ..]) => (ReserveCommand::ForceSet, hosts(rest)?),
        _ => return Err(tool.usage()),
    };
    exchange(tool, &target?, command, &hosts)
}
