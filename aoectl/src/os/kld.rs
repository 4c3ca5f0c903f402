// SPDX-License-Identifier: BSD-2-Clause
//! The control device and sysctl of a module that runs in the test program kld, for a
//! tool that is built for Linux. AOECTL_KLD names kld's socket. AOECTL_AS holds
//! options of kld's ioctl command: -j acts as a process in a jail, -u 1001 as that
//! user. With AOECTL_CLOCK, pauses return at once, and only they advance the clock.

use std::fmt::Display;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::{Errno, Interface};
use crate::status::{Status, complain};

/// The errno in this system's numbering.
pub fn native(errno: Errno) -> i32 {
    match errno.0 {
        35 => 11,  // EAGAIN
        40 => 90,  // EMSGSIZE
        45 => 95,  // EOPNOTSUPP
        50 => 100, // ENETDOWN
        60 => 110, // ETIMEDOUT
        other => other,
    }
}

/// Reports an error and exits: without kld, the tool cannot continue.
fn give_up(what: impl Display) -> ! {
    complain!("{what}");
    std::process::exit(Status::System as i32)
}

/// Sends one command to kld, and returns its output.
fn command(words: &[&[u8]]) -> Result<String, Errno> {
    let Some(path) = std::env::var_os("AOECTL_KLD") else { give_up("AOECTL_KLD is not set") };
    let mut answer = Vec::new();
    let asked = UnixStream::connect(&path).and_then(|mut kld| {
        kld.write_all(&[&words.join(&b'\x1f')[..], b"\0"].concat())?;
        kld.read_to_end(&mut answer)
    });
    if let Err(error) = asked {
        give_up(format_args!("{}: {error}", path.display()));
    }
    let answer = String::from_utf8_lossy(&answer);
    let ended = answer.split_once('\0').and_then(|(said, errno)| Some((said, errno.parse().ok()?)));
    match ended {
        Some((said, 0)) => Ok(said.to_owned()),
        Some((_, errno)) => Err(Errno(errno)),
        None => give_up("kld ended"),
    }
}

/// Sends a request to the device, as the user in AOECTL_AS.
fn device(request: u32, data: &[u8]) -> Result<String, Errno> {
    let whom = std::env::var("AOECTL_AS").unwrap_or_default();
    let number = format!("{request:#x}");
    let mut words = vec![&b"ioctl"[..]];
    words.extend(whom.split_ascii_whitespace().map(str::as_bytes));
    words.extend([&b"aoectl"[..], number.as_bytes(), data]);
    command(&words)
}

/// Parses a line of kld's list of interfaces: a name, then pairs of a word and a value.
fn interface(line: &str) -> Option<Interface> {
    let (name, rest) = line.split_once(' ')?;
    let words: Vec<&str> = rest.split(' ').collect();
    let value = |name: &str| -> Option<u32> {
        let at = words.chunks(2).find(|pair| pair.first() == Some(&name))?;
        at.get(1)?.parse().ok()
    };
    Some(Interface {
        name: name.to_owned(),
        kind: u8::try_from(value("type")?).ok()?.into(),
        is_up: value("up")? != 0,
        has_carrier: value("carrier")? != 0,
    })
}

/// The system. kld keeps no device open: every request opens it.
pub struct System {
    began: Instant,
    /// The time on the clock, if only pauses advance it.
    by_hand: Option<Duration>,
}

impl System {
    pub fn new() -> System {
        let by_hand = std::env::var_os("AOECTL_CLOCK").map(|_| Duration::ZERO);
        System { began: Instant::now(), by_hand }
    }

    /// The time since the program started.
    pub fn clock(&self) -> Duration {
        self.by_hand.unwrap_or_else(|| self.began.elapsed())
    }

    pub fn pause(&mut self, time: Duration) {
        match &mut self.by_hand {
            Some(clock) => *clock += time,
            None => std::thread::sleep(time),
        }
    }

    pub fn interfaces(&self) -> Result<Vec<Interface>, Errno> {
        let said = command(&[b"if", b"list"])?;
        Ok(said.lines().filter_map(interface).collect())
    }

    pub fn open(&mut self) -> Result<(), Errno> {
        const ENOTTY: Errno = Errno(25);
        match device(0, b"") {
            Ok(_) | Err(ENOTTY) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    pub(super) fn ioctl(&mut self, request: u32, data: &mut [u8]) -> Result<(), Errno> {
        let digits: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
        let answer = device(request, digits.as_bytes())?;
        for (byte, pair) in data.iter_mut().zip(answer.as_bytes().chunks(2)) {
            let pair = str::from_utf8(pair).ok();
            *byte = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).unwrap_or(*byte);
        }
        Ok(())
    }

    pub fn sysctl(&self, name: &str) -> Result<String, Errno> {
        let said = command(&[b"sysctl", name.as_bytes()])?;
        Ok(said.lines().next().unwrap_or_default().to_owned())
    }

    pub fn set_sysctl(&self, name: &str, value: &[u8]) -> Result<(), Errno> {
        command(&[b"sysctl", &[name.as_bytes(), b"=", value].concat()]).map(|_| ())
    }

    /// Returns every variable below a node, with its full name and its value.
    pub fn sysctls(&self, prefix: &str) -> Result<Vec<(String, String)>, Errno> {
        let said = command(&[b"sysctl", b"-a", prefix.as_bytes()])?;
        let pairs = said.lines().filter_map(|line| line.split_once(": "));
        Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}
