// SPDX-License-Identifier: BSD-2-Clause
//! help: the commands and their usage, and suggestions for misspelled ones.

use std::ffi::OsString;

use crate::status::{Outcome, Status, complain, say};
use crate::text::{COLUMNS, fill};
use crate::{COMMANDS, Command, Tool};

pub const USAGE: &str = "usage: aoectl [--libxo options] command [argument ...]\n       \
                         aoectl help [command]\n";

/// A command, its summary, and its options with their texts.
type Help = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const FORCE: (&str, &str) = ("-f", "do not ask for confirmation");

static HELP: [Help; 22] = [
    ("list", "one line for each target", &[]),
    ("status", "the driver and each target in detail", &[]),
    ("paths", "the paths of each target", &[]),
    (
        "stats",
        "counters and latencies, or rates",
        &[
            ("-w seconds", "show rates per second instead, at this interval"),
            ("-c count", "with -w, exit after this many intervals"),
        ],
    ),
    (
        "log",
        "the last events of the targets",
        &[
            ("-f", "follow: show each event as it occurs"),
            ("-n count", "show only the last count events"),
        ],
    ),
    (
        "interfaces",
        "show or set the list of interfaces",
        &[
            ("-a interface", "add this interface"),
            ("-d interface", "remove this interface"),
            ("-f", "do not ask, even if an open disk loses its last path"),
            ("-n", "remove all interfaces"),
        ],
    ),
    (
        "discover",
        "find targets now",
        &[("-w seconds", "time to wait for the named targets; 5 by default")],
    ),
    ("revalidate", "check the identity and size of targets again", &[]),
    (
        "accept",
        "use another disk in place of the earlier one",
        &[FORCE, ("-p path", "accept the disk behind this path")],
    ),
    (
        "flush",
        "remove targets that are down and not open",
        &[("-a", "remove every target that is down and not open")],
    ),
    (
        "ping",
        "measure the response time of each path",
        &[
            ("-A", "send IDENTIFY to the disk instead of a config query"),
            ("-c count", "number of requests on each path; no limit by default"),
            ("-i seconds", "time between requests, for example 0.2; 1 by default"),
            ("-p path", "use only this path"),
            ("-t milliseconds", "time to wait for a response; 1000 by default"),
        ],
    ),
    (
        "sancheck",
        "measure how much data a frame carries on each path",
        &[("-t milliseconds", "time to wait for a response; 500 by default")],
    ),
    ("identify", "the IDENTIFY data of the disk, decoded", &[("-r", "show the raw words, too")]),
    ("smart", "health, power mode and attributes of the disk", &[]),
    (
        "config",
        "read, test or set the config string",
        &[
            ("read", "show the string; the default"),
            ("test string", "test whether the string is equal to this"),
            ("prefix string", "test whether the string begins with this"),
            ("set string", "set the string if it is empty"),
            ("force string", "set the string unconditionally"),
        ],
    ),
    (
        "mask",
        "read or edit the list of hosts that the target answers",
        &[
            ("read", "show the list; the default"),
            ("add mac ...", "add these hosts"),
            ("delete mac ...", "delete these hosts"),
            ("clear", "delete all, so that the target answers every host"),
            ("-f", "allow a change that excludes this host"),
        ],
    ),
    (
        "reserve",
        "read or edit the list of hosts that may use the disk",
        &[
            ("read", "show the list; the default"),
            ("set [mac ...]", "reserve the disk for these hosts; for this host by default"),
            ("force mac ...", "reserve the disk even if another host has reserved it"),
            ("release", "release the reservation"),
            ("-f", "release it even if it is another host's"),
        ],
    ),
    ("version", "the versions of the program and of the module", &[]),
    ("doctor", "find out why a disk is missing, suspended or slow", &[]),
    (
        "watch",
        "follow the event log",
        &[("-n count", "show this many earlier events first; 10 by default")],
    ),
    (
        "top",
        "the load of each disk, live",
        &[
            ("-b", "batch mode: print tables one after the other"),
            ("-i seconds", "time between readings; 1 by default"),
            ("-n count", "exit after this many tables"),
            ("-p", "show the paths, too"),
        ],
    ),
    ("help", "list the commands, or explain one", &[]),
];

fn help_of(command: &Command) -> Option<&'static Help> {
    HELP.iter().find(|(name, ..)| *name == command.name)
}

/// Splits the arguments into groups, between which a line may be broken.
fn groups(arguments: &str) -> Vec<String> {
    let mut groups: Vec<String> = Vec::new();
    let (mut depth, mut joins) = (0usize, false);
    for word in arguments.split_ascii_whitespace() {
        match groups.last_mut() {
            Some(last) if joins || matches!(word, "|" | "...") => *last += &format!(" {word}"),
            _ => groups.push(word.to_owned()),
        }
        depth += word.matches('[').count();
        depth -= word.matches(']').count().min(depth);
        joins = depth > 0 && !(depth == 1 && word == "|");
    }
    groups
}

/// The usage of a command.
pub fn usage(command: &Command) -> String {
    const CALL: &str = "usage: aoectl ";
    let first = format!("{CALL}[--libxo options] {}", command.name);
    fill(&first, &groups(command.arguments), CALL.len())
}

/// The number of letters to add, delete, change, or swap with the next one, to turn
/// one word into the other.
fn distance(from: &str, to: &str) -> usize {
    let (from, to) = (from.as_bytes(), to.as_bytes());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX / 2);
            let changed = at(&last, j) + usize::from(a != b);
            let mut least = changed.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i.checked_sub(1).and_then(|i| from.get(i)) == Some(b)
                && j.checked_sub(1).and_then(|j| to.get(j)) == Some(a);
            if swapped {
                least = least.min(at(&before, j - 1) + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

/// The command that is most similar to a word, if any is similar.
fn meant(word: &str) -> Option<&'static str> {
    const FAR: usize = 3;
    let like = |name: &str| match distance(word, name) {
        _ if word.len() > 1 && name.starts_with(word) => 1,
        far if far >= word.len() => FAR,
        far => far,
    };
    let found = COMMANDS.iter().map(|command| (like(command.name), command.name));
    found.filter(|(far, _)| *far < FAR).min_by_key(|(far, _)| *far).map(|(_, name)| name)
}

/// Finds a command by its name; reports an error.
pub fn find(name: &OsString) -> Outcome<&'static Command> {
    let command = COMMANDS.iter().find(|command| command.name == name);
    command.ok_or_else(|| {
        let hint = match name.to_str().and_then(meant) {
            Some(name) => format!("did you mean {name}?"),
            None => "\"aoectl help\" lists the commands".to_owned(),
        };
        complain!("{}: no such command", name.display());
        say(format_args!("{hint}\n"));
        Status::Use
    })
}

fn all(tool: &mut Tool) {
    let out = &mut tool.out;
    out.words(USAGE).words('\n').open_list("command");
    for command in &COMMANDS {
        let about = help_of(command).map_or("", |help| help.1);
        out.open_instance("command");
        out.shown("name", format_args!("  {:<12}", command.name), command.name);
        out.value("about", about).words('\n').close_instance("command");
    }
    out.close_list("command");
}

fn one(tool: &mut Tool, command: &Command) {
    const HEADING: usize = 20;
    let usage = usage(command);
    let (_, about, options) = help_of(command).unwrap_or(&("", "", &[]));
    let out = &mut tool.out;
    out.words(&usage).hidden("name", command.name).words("\n  ").value("about", *about);
    out.words('\n').open_list("option");
    for (n, (option, text)) in options.iter().enumerate() {
        out.words(if n == 0 { "\n" } else { "" }).open_instance("option");
        out.shown("option", format_args!("  {option:<0$}", HEADING - 2), *option);
        out.value("text", *text).words('\n').close_instance("option");
        debug_assert!(HEADING + text.len() <= COLUMNS);
    }
    out.close_list("option");
}

pub fn help(tool: &mut Tool, words: &[OsString]) -> Outcome {
    match words {
        [] => all(tool),
        [name] => one(tool, find(name)?),
        _ => return Err(tool.usage()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_its_line_and_no_line_is_left_over() {
        let commands: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
        let mut lines: Vec<&str> = HELP.iter().map(|(name, ..)| *name).collect();
        for name in &commands {
            assert!(lines.contains(name), "{name}");
        }
        lines.retain(|name| !commands.contains(name));
        assert!(lines.is_empty(), "{lines:?}");
    }

    #[test]
    fn every_letter_of_a_usage_is_explained() {
        for command in &COMMANDS {
            let explained: String = help_of(command)
                .map(|help| help.2)
                .unwrap_or_default()
                .iter()
                .map(|o| o.0)
                .collect();
            for (at, _) in command.arguments.match_indices(['-']) {
                let letter = command.arguments.get(at..at + 2).unwrap_or_default();
                assert!(explained.contains(letter), "{} {letter}", command.name);
            }
        }
    }

    #[test]
    fn usages_fit_a_screen() {
        for command in &COMMANDS {
            for line in usage(command).lines() {
                assert!(line.len() <= COLUMNS, "{line}");
            }
        }
    }

    #[test]
    fn lines_end_between_arguments() {
        let of = |arguments| groups(arguments);
        assert_eq!(of(" [-f] [-n count] [target ...]"), ["[-f]", "[-n count]", "[target ...]"]);
        assert_eq!(of(" -a | target ..."), ["-a |", "target ..."]);
        assert_eq!(of(" x [a | b [-f] m ... | c]"), ["x", "[a |", "b [-f] m ... |", "c]"]);
    }

    #[test]
    fn distances_count_letters() {
        for (from, to, far) in [
            ("", "", 0),
            ("", "ab", 2),
            ("ping", "ping", 0),
            ("pign", "ping", 1),
            ("pin", "ping", 1),
            ("pong", "ping", 1),
            ("sing", "ping", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!((distance(from, to), distance(to, from)), (far, far), "{from} {to}");
        }
    }

    #[test]
    fn a_mistake_leads_to_the_command_that_is_most_like_it() {
        for (word, name) in [
            ("stauts", "status"),
            ("lst", "list"),
            ("pign", "ping"),
            ("disc", "discover"),
            ("interface", "interfaces"),
            ("revaldiate", "revalidate"),
        ] {
            assert_eq!(meant(word), Some(name), "{word}");
        }
        for word in ["frob", "x", "", "-l", "enumerate"] {
            assert_eq!(meant(word), None, "{word}");
        }
    }
}
