// SPDX-License-Identifier: BSD-2-Clause
//! aoectl(8): looks at and controls the ATA over Ethernet driver.
//!
//! Each command is a function of its words, in a file of its topic. What the
//! bytes of a target mean is decoded by `aoe_core::wire`, as in the driver.

mod accept;
mod act;
mod args;
mod ask;
mod config;
mod doctor;
mod identify;
mod ioctl;
mod log;
mod mask;
mod os;
mod ping;
mod reserve;
mod sancheck;
mod show;
mod smart;
mod stats;
mod status;
mod targets;
mod text;
mod xo;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use ioctl::{CTL_VERSION, Message};
use os::{Errno, System};
use status::{Outcome, Status, complain, failed, say};
use xo::Xo;

/// What every command works with.
struct Tool {
    system: System,
    out: Xo<xo::Stdout>,
    command: &'static Command,
}

struct Command {
    name: &'static str,
    run: fn(&mut Tool, &[OsString]) -> Outcome,
    arguments: &'static str,
    /// Whether it needs the control device.
    asks: bool,
}

/// A command that asks the module.
const fn asks(
    name: &'static str,
    run: fn(&mut Tool, &[OsString]) -> Outcome,
    arguments: &'static str,
) -> Command {
    Command { name, run, arguments, asks: true }
}

static COMMANDS: [Command; 20] = [
    asks("list", show::list, " [target ...]"),
    asks("status", show::status, " [target ...]"),
    asks("paths", show::paths, " [target ...]"),
    asks("stats", stats::stats, " [target ...]"),
    asks("log", log::log, " [-f] [-n count] [target]"),
    asks("interfaces", act::interfaces, " [-n | interface ...]"),
    asks("discover", act::discover, " [-w seconds] [target ...]"),
    asks("revalidate", act::revalidate, " [target ...]"),
    asks("accept", accept::accept, " [-f] [-p path] target"),
    asks("flush", act::flush, " -a | target ..."),
    asks("ping", ping::ping, " [-A] [-c count] [-i seconds] [-p path] [-t milliseconds] target"),
    asks("sancheck", sancheck::sancheck, " [-t milliseconds] [target ...]"),
    asks("identify", identify::identify, " [-r] target"),
    asks("smart", smart::smart, " target"),
    asks(
        "config",
        config::config,
        " target [read | test string | prefix string | set string | force string]",
    ),
    asks("mask", mask::mask, " target [read | add [-f] mac ... | delete [-f] mac ... | clear]"),
    asks(
        "reserve",
        reserve::reserve,
        " target [read | set [mac ...] | force mac ... | release [-f]]",
    ),
    Command { name: "version", run: stats::version, arguments: "", asks: false },
    Command { name: "doctor", run: doctor::doctor, arguments: " [target]", asks: false },
    asks("watch", log::watch, " [-n count] [target ...]"),
];

fn usage_all() -> String {
    let mut text = String::new();
    for (n, command) in COMMANDS.iter().enumerate() {
        text += if n == 0 { "usage:" } else { "      " };
        text += &format!(" aoectl [--libxo options] {}{}\n", command.name, command.arguments);
    }
    text
}

impl Tool {
    /// Says how the command is used.
    fn usage(&self) -> Status {
        let Command { name, arguments, .. } = self.command;
        say(format_args!("usage: aoectl [--libxo options] {name}{arguments}\n"));
        Status::Use
    }

    /// The device of a module that speaks as we do.
    fn connect(&mut self) -> Outcome {
        const DEVICE: &str = "/dev/aoectl";
        match self.system.open() {
            Ok(()) => {}
            Err(Errno::ENOENT | Errno::ENXIO) => {
                complain!("{DEVICE} does not exist: kldload aoe");
                return Err(Status::NoModule);
            }
            Err(errno) => return Err(failed(errno, DEVICE)),
        }
        let mut version = ioctl::Version::new();
        match self.system.ask(&ioctl::VERSION, &mut version) {
            Err(errno @ (Errno::EPERM | Errno::EACCES)) => Err(failed(errno, DEVICE)),
            Ok(()) if version.version == CTL_VERSION => Ok(()),
            _ => {
                complain!("the loaded module and this program have different versions");
                Err(Status::NoModule)
            }
        }
    }
}

fn run() -> Outcome {
    let mut words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let Some(form) = xo::Form::take(&mut words) else {
        complain!("--libxo takes json, xml, text and pretty");
        return Err(Status::Use);
    };
    let Some((name, rest)) = words.split_first() else {
        say(usage_all());
        return Err(Status::Use);
    };
    if rest.is_empty() && ["-h", "--help", "help"].iter().any(|help| *help == name) {
        return write!(xo::Stdout, "{}", usage_all()).map_err(|_| Status::System);
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        complain!("{}: no such command", name.display());
        say(usage_all());
        return Err(Status::Use);
    };
    let mut tool = Tool { system: System::new(), out: Xo::new(xo::Stdout, form), command };
    if command.asks {
        tool.connect()?;
    }
    tool.out.begin("aoe", "1");
    let outcome = (command.run)(&mut tool, rest);
    // Whatever happened, what was printed is a whole document.
    if tool.out.finish("aoe").is_err() && outcome.is_ok() {
        complain!("the output could not be written");
        return Err(Status::System);
    }
    outcome
}

fn main() -> ExitCode {
    Status::of(run()).into()
}
