// SPDX-License-Identifier: BSD-2-Clause
//! mask: the hosts that a target answers.

use std::ffi::OsString;

use aoe_core::wire::{
    ConfigRequest, Directive, Mac, MaskCommand, MaskError, MaskRequest, MaskResponse,
};

use crate::Tool;
use crate::ask::{accepted, cut_short};
use crate::ioctl::{Control, Target};
use crate::os::Errno;
use crate::status::{Outcome, Status, complain, failed};
use crate::text::{self, field};

/// Maximum number of hosts in a list.
const HOSTS_MAX: usize = 255;

/// The option that forces a change.
const FORCED: &str = "-f";

/// Parses MAC addresses; reports an error.
pub fn hosts(words: &[OsString]) -> Outcome<Vec<Mac>> {
    if words.len() > HOSTS_MAX {
        return Err(Status::Use);
    }
    let host = |word: &OsString| {
        word.to_str().and_then(text::mac).ok_or_else(|| {
            complain!("{}: not a MAC address", word.display());
            Status::Use
        })
    };
    words.iter().map(host).collect()
}

impl Target {
    /// The MAC addresses of this host on the paths to the target.
    pub fn own_hosts(&self) -> Vec<Mac> {
        let mut hosts = Vec::new();
        for path in self.paths().iter().filter(|path| path.mtu != 0) {
            if !hosts.contains(&Mac(path.local)) {
                hosts.push(Mac(path.local));
            }
        }
        hosts
    }
}

impl Tool {
    /// Reports that a command was not answered, and returns the exit status. If the
    /// target answers a config query, it does not support the command.
    pub fn no_answer(&mut self, errno: Errno, target: &Target, what: &str) -> Status {
        let name = field(&target.name);
        let mut control = Control::config(target, ConfigRequest::READ, &[]);
        if errno != Errno::ETIMEDOUT || self.control(&mut control).is_err() {
            return failed(errno, name);
        }
        complain!("{name}: the target does not support {what}, or ignores this host");
        Status::Refused
    }

    pub fn say_hosts(&mut self, target: &Target, hosts: &[Mac], nobody: &str) {
        let mut hosts = hosts.to_vec();
        hosts.sort_by_key(|host| host.0);
        let out = &mut self.out;
        out.hidden("name", &*field(&target.name));
        if hosts.is_empty() {
            out.words(nobody).words('\n');
        }
        out.open_list("host");
        for host in hosts {
            out.open_instance("host");
            out.value("mac", &*format!("{host:?}")).words('\n').close_instance("host");
        }
        out.close_list("host");
    }
}

/// Returns the list in an answer; reports why there is none.
fn listed(
    tool: &mut Tool,
    target: &Target,
    control: &Control,
    directives: &[Directive],
) -> Outcome<Vec<Mac>> {
    let name = field(&target.name);
    accepted(control, &name)?;
    let answer = control.answer();
    if answer.len() < MaskRequest::LEN {
        return Err(tool.no_answer(Errno::ETIMEDOUT, target, "MAC masks"));
    }
    let response = MaskResponse::parse(answer).map_err(|_| cut_short(&name))?;
    let why = match response.error {
        None => return Ok(response.hosts().collect()),
        Some(MaskError::Unspecified(1)) => "refused by the target",
        Some(MaskError::BadDirective) => "not supported by the target",
        Some(MaskError::Full) => "the list is full",
        Some(MaskError::Unspecified(_)) => "failed",
    };
    match directives.get(usize::from(response.count)) {
        Some(Directive::Add(host) | Directive::Delete(host)) => {
            complain!("{name}: {host:?}: {why}");
        }
        _ => complain!("{name}: {why}"),
    }
    Err(Status::Refused)
}

/// Changes the list, or only reads it if there are no directives; returns it.
fn exchange(tool: &mut Tool, target: &Target, directives: &[Directive]) -> Outcome<Vec<Mac>> {
    let edits = !directives.is_empty();
    let command = if edits { MaskCommand::Edit } else { MaskCommand::Read };
    let count = u8::try_from(directives.len()).unwrap_or(u8::MAX);
    let mut argument = [0; MaskRequest::LEN];
    MaskRequest { command, count }.emit(&mut argument);
    let mut list = Vec::new();
    for directive in directives {
        let mut bytes = [0; Directive::LEN];
        directive.emit(&mut bytes);
        list.extend(bytes);
    }
    let mut control = Control::mask(target, &argument, &list);
    let answered = match tool.control(&mut control) {
        Ok(()) => listed(tool, target, &control, directives),
        Err(errno) => Err(tool.no_answer(errno, target, "MAC masks")),
    };
    if edits {
        tool.rediscover();
    }
    answered
}

/// Deletes every host from the list, so that all are allowed.
fn clear(tool: &mut Tool, target: &Target) -> Outcome<Vec<Mac>> {
    let hosts = exchange(tool, target, &[])?;
    if hosts.is_empty() {
        return Ok(hosts);
    }
    let directives: Vec<Directive> = hosts.into_iter().map(Directive::Delete).collect();
    exchange(tool, target, &directives)
}

/// The first of this host's addresses that the change would newly exclude.
fn left_out(own: &[Mac], list: &[Mac], add: bool, hosts: &[Mac]) -> Option<Mac> {
    // An empty list allows all hosts.
    if !add && list.iter().all(|host| hosts.contains(host)) {
        return None;
    }
    own.iter().copied().find(|host| {
        let is_heard = list.is_empty() || list.contains(host);
        let will_be = if hosts.contains(host) { add } else { list.contains(host) };
        is_heard && !will_be
    })
}

/// Refuses a change that would exclude this host, which could not undo it.
fn keeps_us(tool: &mut Tool, target: &Target, add: bool, hosts: &[Mac]) -> Outcome {
    let list = exchange(tool, target, &[])?;
    let Some(host) = left_out(&target.own_hosts(), &list, add, hosts) else { return Ok(()) };
    complain!(
        "{}: this would exclude this host ({host:?}); {FORCED} overrides",
        field(&target.name)
    );
    Err(Status::Fault)
}

fn edit(
    tool: &mut Tool,
    name: &OsString,
    add: bool,
    words: &[OsString],
) -> Outcome<(Target, Vec<Mac>)> {
    let (forced, words) = match words {
        [first, rest @ ..] if first == FORCED => (true, rest),
        all => (false, all),
    };
    if words.is_empty() {
        return Err(tool.usage());
    }
    let hosts = hosts(words)?;
    let target = tool.target(name)?;
    if !forced {
        keeps_us(tool, &target, add, &hosts)?;
    }
    let directive = if add { Directive::Add } else { Directive::Delete };
    let directives: Vec<Directive> = hosts.into_iter().map(directive).collect();
    let list = exchange(tool, &target, &directives)?;
    Ok((target, list))
}

pub fn mask(tool: &mut Tool, words: &[OsString]) -> Outcome {
    let (name, verb, rest) = match words {
        [] => return Err(tool.usage()),
        [name] => (name, "read", &[][..]),
        [name, verb, rest @ ..] => (name, verb.to_str().unwrap_or_default(), rest),
    };
    let (target, list) = match (verb, rest) {
        ("read", []) => {
            let target = tool.target(name)?;
            let list = exchange(tool, &target, &[])?;
            (target, list)
        }
        ("clear", []) => {
            let target = tool.target(name)?;
            let list = clear(tool, &target)?;
            (target, list)
        }
        ("add", _) => edit(tool, name, true, rest)?,
        ("delete", _) => edit(tool, name, false, rest)?,
        _ => return Err(tool.usage()),
    };
    tool.say_hosts(&target, &list, "every host is allowed");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const A: Mac = Mac([2, 0, 0, 0, 0, 0xa]);
    const B: Mac = Mac([2, 0, 0, 0, 0, 0xb]);

    #[test]
    fn the_first_host_of_a_list_leaves_all_others_out() {
        assert_eq!(left_out(&[OWN], &[], true, &[A]), Some(OWN));
        assert_eq!(left_out(&[OWN], &[], true, &[A, OWN]), None);
        assert_eq!(left_out(&[OWN, B], &[], true, &[OWN]), Some(B));
    }

    #[test]
    fn who_is_not_heard_now_loses_nothing() {
        assert_eq!(left_out(&[OWN], &[A], true, &[B]), None);
        assert_eq!(left_out(&[OWN], &[A, B], false, &[A]), None);
    }

    #[test]
    fn a_list_that_becomes_empty_leaves_nobody_out() {
        assert_eq!(left_out(&[OWN], &[OWN, A], false, &[OWN]), Some(OWN));
        assert_eq!(left_out(&[OWN], &[OWN, A], false, &[OWN, A]), None);
        assert_eq!(left_out(&[OWN], &[OWN], false, &[A]), None);
    }
}
