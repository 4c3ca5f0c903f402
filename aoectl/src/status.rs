// SPDX-License-Identifier: BSD-2-Clause
//! The exit status and the error messages.

use std::fmt::Display;
use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use crate::os::Errno;

/// The exit status; values above 2 are those of sysexits(3).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Status {
    Ok = 0,
    /// The command succeeded and found a fault.
    Fault = 1,
    /// No response, as in ping(8).
    NoReply = 2,
    /// Bad arguments.
    Use = 64,
    NoTarget = 66,
    /// The module is not loaded, or is being unloaded.
    NoModule = 69,
    /// Another system error.
    System = 71,
    /// A temporary failure, such as no answer: try again.
    Silent = 75,
    /// The target refused the command.
    Refused = 76,
    /// Not root, or in a jail.
    NoPermission = 77,
}

/// A result, or the exit status of an error that has been reported.
pub type Outcome<T = ()> = Result<T, Status>;

impl Status {
    pub fn of(outcome: Outcome) -> Status {
        outcome.err().unwrap_or(Status::Ok)
    }

    pub fn outcome(self) -> Outcome {
        if self == Status::Ok { Ok(()) } else { Err(self) }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> ExitCode {
        ExitCode::from(status as u8)
    }
}

/// Writes to standard error.
pub fn say(words: impl Display) {
    // A failure cannot be reported anywhere else.
    let _ = io::stderr().write_all(words.to_string().as_bytes());
}

/// Asks a question on standard error, and returns whether standard input answers yes.
pub fn consents(question: impl Display) -> bool {
    say(question);
    let mut answer = String::new();
    // A failure counts as no.
    let _ = io::stdin().lock().read_line(&mut answer);
    answer.starts_with(['y', 'Y'])
}

/// Writes an error message.
macro_rules! complain {
    ($($words:tt)*) => {
        $crate::status::say(format_args!("aoectl: {}\n", format_args!($($words)*)))
    };
}
pub(crate) use complain;

/// Reports the meaning of an errno from the module, and returns the exit status.
pub fn failed(errno: Errno, what: impl Display) -> Status {
    let (meaning, status) = match errno {
        Errno::ENOENT => ("no such target", Status::NoTarget),
        Errno::ENXIO => ("the module is being unloaded", Status::NoModule),
        Errno::EPERM | Errno::EACCES => {
            ("requires root, and does not work in jails", Status::NoPermission)
        }
        Errno::ETIMEDOUT => ("no answer", Status::Silent),
        Errno::ENETDOWN => ("no such path, or its interface is down", Status::Silent),
        Errno::EBUSY => ("busy: the target is up, or its disk is open", Status::Silent),
        other => {
            complain!("{what}: {other}");
            return Status::System;
        }
    };
    complain!("{what}: {meaning}");
    status
}

/// The same for an errno from sysctl(3). ENOENT means that the module is not loaded,
/// since the variables are the module's.
pub fn sysctl_failed(errno: Errno, name: &str) -> Status {
    if errno != Errno::ENOENT {
        return failed(errno, name);
    }
    complain!("{name}: no such variable");
    Status::NoModule
}
