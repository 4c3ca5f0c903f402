// SPDX-License-Identifier: BSD-2-Clause
//! aoectl(8): shows the state of the ATA over Ethernet driver, and controls it.
//!
//! Each command is a function of its arguments, in the file of its topic. Data from
//! targets is decoded by `aoe_core::wire`, as in the driver.

mod accept;
mod act;
mod args;
mod ask;
mod config;
mod doctor;
mod help;
mod identify;
mod interfaces;
mod ioctl;
mod log;
mod mask;
mod os;
mod ping;
mod rates;
mod readings;
mod reserve;
mod sancheck;
mod show;
mod smart;
mod stats;
mod status;
mod table;
mod targets;
mod text;
mod top;
mod xo;

use std::ffi::OsString;
use std::process::ExitCode;

use ioctl::{CTL_VERSION, Message};
use os::{Errno, System};
use status::{Outcome, Status, complain, failed, say};
use xo::Xo;

/// The state shared by all commands.
struct Tool {
    system: System,
    out: Xo<xo::Stdout>,
    command: &'static Command,
}

const DEVICE: &str = "/dev/aoectl";

/// The state of the module.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Module {
    Loaded,
    NotLoaded,
    OtherVersion,
}

struct Command {
    name: &'static str,
    run: fn(&mut Tool, &[OsString]) -> Outcome,
    arguments: &'static str,
    /// Whether the command needs the control device.
    asks: bool,
}

/// Makes a command that needs the control device.
const fn asks(
    name: &'static str,
    run: fn(&mut Tool, &[OsString]) -> Outcome,
    arguments: &'static str,
) -> Command {
    Command { name, run, arguments, asks: true }
}

static COMMANDS: [Command; 22] = [
    asks("list", show::list, " [target ...]"),
    asks("status", show::status, " [target ...]"),
    asks("paths", show::paths, " [target ...]"),
    asks("stats", stats::stats, " [-c count] [-w seconds] [target ...]"),
    asks("log", log::log, " [-f] [-n count] [target]"),
    asks(
        "interfaces",
        interfaces::interfaces,
        " [-f] [-n | [-a interface] ... [-d interface] ... | interface ...]",
    ),
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
    asks("top", top::top, " [-bp] [-i seconds] [-n count] [target ...]"),
    Command { name: "help", run: help::help, arguments: " [command]", asks: false },
];

impl Tool {
    /// Prints the usage of the command, and returns the exit status.
    fn usage(&self) -> Status {
        say(help::usage(self.command));
        Status::Use
    }

    /// Rejects an option of a command that has none, instead of treating it as a target.
    fn takes_no_option(&self, words: &[OsString]) -> Outcome {
        if self.command.arguments.contains('-') {
            return Ok(());
        }
        match args::Options::new(words, "", "").next() {
            Some(Err(status)) => {
                self.usage();
                Err(status)
            }
            _ => Ok(()),
        }
    }

    /// Opens the device, and compares the module's version with this program's.
    fn module(&mut self) -> Result<Module, Errno> {
        match self.system.open() {
            Ok(()) => {}
            Err(Errno::ENOENT | Errno::ENXIO) => return Ok(Module::NotLoaded),
            Err(errno) => return Err(errno),
        }
        let mut version = ioctl::Version::new();
        match self.system.ask(&ioctl::VERSION, &mut version) {
            Err(errno @ (Errno::EPERM | Errno::EACCES)) => Err(errno),
            Ok(()) if version.version == CTL_VERSION => Ok(Module::Loaded),
            _ => Ok(Module::OtherVersion),
        }
    }

    fn connect(&mut self) -> Outcome {
        match self.module().map_err(|errno| failed(errno, DEVICE))? {
            Module::Loaded => return Ok(()),
            Module::NotLoaded => complain!("the module is not loaded; try: kldload aoe"),
            Module::OtherVersion => {
                complain!("the loaded module and this program have different versions");
            }
        }
        Err(Status::NoModule)
    }
}

fn run() -> Outcome {
    let mut words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let Some(form) = xo::Form::take(&mut words) else {
        complain!("--libxo accepts json, xml, text and pretty");
        return Err(Status::Use);
    };
    let is_help = |word: &OsString| word == "-h" || word == "--help";
    // `aoectl command -h` is `aoectl help command`.
    if words.get(1).is_some_and(is_help) {
        words.truncate(1);
        words.insert(0, "help".into());
    } else if let Some(first) = words.first_mut().filter(|first| is_help(first)) {
        *first = "help".into();
    }
    let Some((name, rest)) = words.split_first() else {
        say(help::USAGE);
        return Err(Status::Use);
    };
    let command = help::find(name)?;
    let mut tool = Tool { system: System::new(), out: Xo::new(xo::Stdout, form), command };
    tool.takes_no_option(rest)?;
    if command.asks {
        tool.connect()?;
    }
    tool.out.begin("aoe", "1");
    let outcome = (command.run)(&mut tool, rest);
    // Complete the document even after an error.
    if tool.out.finish("aoe").is_err() && outcome.is_ok() {
        complain!("the output could not be written");
        return Err(Status::System);
    }
    outcome
}

fn main() -> ExitCode {
    Status::of(run()).into()
}
