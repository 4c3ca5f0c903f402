// SPDX-License-Identifier: BSD-2-Clause
//! accept: accepts another disk in place of a target's old one.
//!
//! Shows both disks and asks for confirmation. The driver then decides whether it
//! accepts the new one.

use std::ffi::OsString;
use std::thread::sleep;
use std::time::Duration;

use aoe_core::ffi::abi::{INFO_OPEN, PATHS};
use aoe_core::wire::{Identify, Mac, SECTOR};

use crate::Tool;
use crate::args::{Options, number};
use crate::ioctl::{self, Accept, Message, PATH_DOWN, PATH_UP, Path, Target};
use crate::os::Errno;
use crate::status::{self, Outcome, Status, complain, failed, say};
use crate::text::{field, size};

/// Maximum wait for the new disk to answer again, in tenths of a second.
const TENTHS: u32 = 50;

/// Advice on closing an open disk.
const CLOSE: &str = "Unmount its file systems, export its pool, remove it from its mirror, or stop\n\
                     swapping on it; fstat(1) shows programs that use it. Once it is closed, the new\n\
                     disk is used without this command.\n";

/// Another disk that answers on a path of the target.
struct Found<'a> {
    page: [u8; SECTOR],
    disk: Identify,
    path: &'a Path,
}

fn bytes_of(disk: &Identify) -> u64 {
    disk.sectors.wrapping_mul(disk.logical_sector.into())
}

fn bytes_at(target: &Target) -> u64 {
    target.info.sectors.wrapping_mul(SECTOR as u64)
}

/// Queries the paths in conflict, which must all lead to the same disk.
fn look<'a>(tool: &mut Tool, target: &'a Target, only: Option<u32>) -> Outcome<Found<'a>> {
    let name = field(&target.name);
    let mut found: Option<Found> = None;
    for path in target.paths() {
        let index = path.info.index;
        if matches!(path.info.state, PATH_UP | PATH_DOWN)
            || only.is_some_and(|only| only != u32::from(index))
        {
            continue;
        }
        let Ok(page) = tool.identify(target, Some(index)) else { continue };
        let disk = Identify::parse(&page);
        if let Some(other) = &found
            && !(other.disk.names_as(&disk) && other.disk.sectors == disk.sectors)
        {
            complain!(
                "{name}: paths {} and {index} lead to different disks: choose one with -p",
                other.path.info.index
            );
            return Err(Status::Use);
        }
        found = Some(Found { page, disk, path });
    }
    found.ok_or_else(|| {
        complain!("{name}: no other disk answers");
        Status::Silent
    })
}

/// Reports the meaning of an errno from the driver, and returns the exit status.
fn refused(errno: Errno, name: &str) -> Status {
    match errno {
        Errno::EBUSY => complain!("{name}: the old disk answers; nothing to accept"),
        Errno::ENODEV => complain!("{name}: no other disk answers"),
        Errno::ENOSPC => {
            complain!("{name}: the new disk is smaller; close /dev/{name} first");
            say(CLOSE);
        }
        Errno::EINVAL => {
            complain!("{name}: the new disk's sector size differs; close /dev/{name} first");
            say(CLOSE);
        }
        other => return failed(other, name),
    }
    Status::Silent
}

/// Rejects an impossible change before asking for confirmation.
fn check(target: &Target, disk: &Identify) -> Result<(), Errno> {
    if !target.has(INFO_OPEN) {
        Ok(())
    } else if disk.logical_sector != target.info.sector_logical {
        Err(Errno::EINVAL)
    } else if bytes_of(disk) < bytes_at(target) {
        Err(Errno::ENOSPC)
    } else {
        Ok(())
    }
}

/// Shows both disks, and returns whether the user agrees on standard input.
fn consents(target: &Target, found: &Found) -> bool {
    let (name, info) = (field(&target.name), &target.info);
    status::consents(format_args!(
        "old disk: {}, serial {}, {}{}\n\
         new disk: {}, serial {}, {}, on path {} ({}, {:?})\n\
         Waiting I/O will go to the new disk. This damages its contents unless it has\n\
         the data of the old disk.\n\
         Accept the new disk as {name}? [y/N] ",
        field(&info.model),
        field(&info.serial),
        size(bytes_at(target)),
        if target.has(INFO_OPEN) { ", open" } else { "" },
        field(&found.disk.model),
        field(&found.disk.serial),
        size(bytes_of(&found.disk)),
        found.path.info.index,
        field(&found.path.interface),
        Mac(found.path.info.mac)
    ))
}

/// Waits until the target is up with the new disk.
fn wait_for(tool: &mut Tool, name: &str, disk: &Identify) -> Outcome {
    for _ in 0..TENTHS {
        let target = tool.target(name.as_ref())?;
        if target.is_up() {
            let serial = field(&target.info.serial);
            if serial != field(&disk.serial) {
                break;
            }
            tool.out.value("name", name).words(": ").value("result", "accepted");
            tool.out.words(", serial ").value("serial", &*serial).words('\n');
            return Ok(());
        }
        sleep(Duration::from_millis(100));
    }
    complain!("{name}: not accepted: a different disk answers now, or none");
    Err(Status::Silent)
}

pub fn accept(tool: &mut Tool, words: &[OsString]) -> Outcome {
    let (mut forced, mut path) = (false, None);
    let mut options = Options::new(words, "f", "p");
    while let Some(option) = options.next() {
        let set = option.and_then(|(letter, value)| {
            match letter {
                b'f' => forced = true,
                _ => path = Some(number(value, 0, PATHS as u32 - 1)?),
            }
            Ok(())
        });
        set.map_err(|_| tool.usage())?;
    }
    let [name] = options.rest() else { return Err(tool.usage()) };
    let target = tool.target(name)?;
    let name = field(&target.name);
    if target.is_up() {
        return Err(refused(Errno::EBUSY, &name));
    }
    let found = look(tool, &target, path)?;
    check(&target, &found.disk).map_err(|errno| refused(errno, &name))?;
    if !forced && !consents(&target, &found) {
        complain!("{name}: not accepted");
        return Err(Status::Fault);
    }
    let mut accept =
        Accept { major: target.major, minor: target.minor, page: found.page, ..Accept::new() };
    tool.system.ask(&ioctl::ACCEPT, &mut accept).map_err(|errno| refused(errno, &name))?;
    wait_for(tool, &name, &found.disk)
}
