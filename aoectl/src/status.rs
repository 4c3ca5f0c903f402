// SPDX-License-Identifier: BSD-2-Clause
//! How the program ends, and what it complains of before.

use std::fmt::Display;
use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use crate::os::Errno;

/// What the program ends with; those above 2 are of sysexits(3).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Status {
    Ok = 0,
    /// It worked, and what it found is bad.
    Fault = 1,
    /// No response, as ping(8) has it.
    NoReply = 2,
    /// Bad arguments.
    Use = 64,
    NoTarget = 66,
    /// No module, or it is being unloaded.
    NoModule = 69,
    /// Anything else that the system says.
    System = 71,
    /// No answer, or not now: try again.
    Silent = 75,
    /// The target does not take the command.
    Refused = 76,
    /// Not root, or in a jail.
    NoPermission = 77,
}

/// What there is to go on with, or what the program ends with, which was
/// complained of.
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

/// Words on standard error, if anybody listens there.
pub fn say(words: impl Display) {
    // There is nowhere else to complain of that.
    let _ = io::stderr().write_all(words.to_string().as_bytes());
}

/// A question there, and whether standard input says yes.
pub fn consents(question: impl Display) -> bool {
    say(question);
    let mut answer = String::new();
    // What cannot be read is no yes.
    let _ = io::stdin().lock().read_line(&mut answer);
    answer.starts_with(['y', 'Y'])
}

/// A line on standard error.
macro_rules! complain {
    ($($words:tt)*) => {
        $crate::status::say(format_args!("aoectl: {}\n", format_args!($($words)*)))
    };
}
pub(crate) use complain;

/// The status for an errno of the module, after saying what it means.
pub fn failed(errno: Errno, what: impl Display) -> Status {
    let (meaning, status) = match errno {
        Errno::ENOENT => ("no such target", Status::NoTarget),
        Errno::ENXIO => ("it is being removed", Status::NoModule),
        Errno::EPERM | Errno::EACCES => {
            ("only root may do this, and not in a jail", Status::NoPermission)
        }
        Errno::ETIMEDOUT => ("no answer", Status::Silent),
        Errno::ENETDOWN => ("no such path, or its interface is down", Status::Silent),
        Errno::EBUSY => ("it is up, or open", Status::Silent),
        other => {
            complain!("{what}: {other}");
            return Status::System;
        }
    };
    complain!("{what}: {meaning}");
    status
}
