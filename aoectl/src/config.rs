// SPDX-License-Identifier: BSD-2-Clause
//! config: the config string of a target.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use aoe_core::wire::{ConfigCommand, ConfigRequest, ConfigResponse};

use crate::Tool;
use crate::ask::accepted;
use crate::ioctl::{Control, Target};
use crate::os::Errno;
use crate::status::{Outcome, Status, complain, failed};
use crate::text::{field, printable};

fn query(
    tool: &mut Tool,
    target: &Target,
    command: ConfigCommand,
    string: &[u8],
) -> Result<Control, Errno> {
    let string_length = u16::try_from(string.len()).unwrap_or(u16::MAX);
    let mut control = Control::config(target, ConfigRequest { command, string_length }, string);
    tool.control(&mut control)?;
    Ok(control)
}

fn read(tool: &mut Tool, target: &Target) -> Result<Control, Errno> {
    query(tool, target, ConfigCommand::Read, &[])
}

/// The config string in an answer; empty if the answer does not hold all of it.
fn string<'a>(response: &ConfigResponse<'a>) -> &'a [u8] {
    if response.string.len() == usize::from(response.string_length) { response.string } else { &[] }
}

fn say(tool: &mut Tool, target: &Target, control: &Control) {
    // kvblade answers a refused set without the config header and string.
    let is_whole = control.answer().len() >= ConfigRequest::LEN;
    let bytes = if is_whole { control.answer() } else { &control.data };
    let Ok(response) = ConfigResponse::parse(bytes) else { return };
    let string = if is_whole { string(&response) } else { &[] };
    let out = &mut tool.out;
    out.hidden("name", &*field(&target.name)).value("config", &*printable(string));
    // An empty string is no line of text, but an empty value in JSON and XML.
    if !string.is_empty() {
        out.words('\n');
    }
    out.hidden("length", string.len() as u64);
    out.hidden("firmware-version", response.firmware);
    out.hidden("buffer-count", response.buffer_count);
    out.hidden("sector-count", response.sector_count);
}

/// Returns the present answer if the target already has the wanted string. A set
/// that was retransmitted is refused if the target carried out the first copy and
/// its answer was lost.
fn is_ours(tool: &mut Tool, target: &Target, refused: &Control, wanted: &[u8]) -> Option<Control> {
    const HAS_A_STRING: u8 = 4;
    if refused.error != HAS_A_STRING || refused.tries < 2 {
        return None;
    }
    let answer = read(tool, target).ok().filter(|answer| answer.refused == 0)?;
    let is_equal =
        ConfigResponse::parse(answer.answer()).is_ok_and(|response| string(&response) == wanted);
    is_equal.then_some(answer)
}

fn read_string(tool: &mut Tool, target: &Target, _: ConfigCommand, _: &[u8]) -> Outcome {
    let name = field(&target.name);
    let answer = read(tool, target).map_err(|errno| failed(errno, &name))?;
    accepted(&answer, &name)?;
    say(tool, target, &answer);
    Ok(())
}

fn set(tool: &mut Tool, target: &Target, command: ConfigCommand, wanted: &[u8]) -> Outcome {
    let name = field(&target.name);
    let mut control = query(tool, target, command, wanted).map_err(|errno| failed(errno, &name))?;
    if control.refused != 0 {
        match is_ours(tool, target, &control, wanted) {
            Some(answer) => control = answer,
            None => return accepted(&control, &name),
        }
    }
    tool.rediscover();
    say(tool, target, &control);
    Ok(())
}

/// Tests the config string. A target whose string does not match does not answer, so
/// this also reads the string, to check that the target answers at all.
fn test(tool: &mut Tool, target: &Target, command: ConfigCommand, wanted: &[u8]) -> Outcome {
    let name = field(&target.name);
    let told = |errno| failed(errno, &name);
    read(tool, target).map_err(told)?;
    let matches = match query(tool, target, command, wanted) {
        Ok(answer) => {
            accepted(&answer, &name)?;
            true
        }
        Err(Errno::ETIMEDOUT) => {
            let answer = read(tool, target).map_err(|_| told(Errno::ETIMEDOUT))?;
            accepted(&answer, &name)?;
            false
        }
        Err(errno) => return Err(told(errno)),
    };
    tool.out.hidden("name", &*name);
    tool.out.shown("matches", if matches { "matches" } else { "does not match" }, matches);
    tool.out.words('\n');
    if matches { Ok(()) } else { Err(Status::Fault) }
}

pub fn config(tool: &mut Tool, words: &[OsString]) -> Outcome {
    let (name, verb, string) = match words {
        [name] => (name, "read", None),
        [name, verb] => (name, verb.to_str().unwrap_or_default(), None),
        [name, verb, string] => (name, verb.to_str().unwrap_or_default(), Some(string.as_bytes())),
        _ => return Err(tool.usage()),
    };
    let (act, command): (fn(&mut Tool, &Target, _, &[u8]) -> _, _) = match (verb, string) {
        ("read", None) => (read_string, ConfigCommand::Read),
        ("test", Some(_)) => (test, ConfigCommand::Test),
        ("prefix", Some(_)) => (test, ConfigCommand::Prefix),
        ("set", Some(_)) => (set, ConfigCommand::Set),
        ("force", Some(_)) => (set, ConfigCommand::ForceSet),
        _ => return Err(tool.usage()),
    };
    let string = string.unwrap_or_default();
    if string.len() > ConfigRequest::STRING_MAX {
        complain!("a config string has at most {} bytes", ConfigRequest::STRING_MAX);
        return Err(Status::Use);
    }
    let target = tool.target(name)?;
    act(tool, &target, command, string)
}
