// SPDX-License-Identifier: BSD-2-Clause
//! Finding targets by name, and listing targets without a disk.

use std::ffi::{OsStr, OsString};

use aoe_core::wire::Address;

use crate::Tool;
use crate::ioctl::{self, Absent, Message, Target};
use crate::os::Errno;
use crate::status::{Outcome, Status, complain, failed};
use crate::text;

const FIRST: Address = Address { major: 0, minor: 0 };

/// Parses the name of a target; reports an error.
pub fn address(name: &OsStr) -> Outcome<Address> {
    name.to_str().and_then(text::address).ok_or_else(|| {
        complain!("{}: invalid target; write 7.3, e7.3 or aoe7e3", name.display());
        Status::Use
    })
}

/// Returns the outcome with the highest exit status.
pub fn worst(outcomes: impl Iterator<Item = Outcome>) -> Outcome {
    outcomes.map(Status::of).max().unwrap_or(Status::Ok).outcome()
}

impl Tool {
    /// Returns the target at an address.
    pub fn at(&mut self, address: Address) -> Result<Target, Errno> {
        let mut target = Target::about(address);
        self.system.ask(&ioctl::TARGET, &mut target)?;
        Ok(target)
    }

    /// Returns the target with a name; reports an error.
    pub fn target(&mut self, name: &OsStr) -> Outcome<Target> {
        let address = address(name)?;
        self.at(address).map_err(|errno| failed(errno, name.display()))
    }

    /// Calls a function for the named targets, or for all.
    pub fn each(
        &mut self,
        names: &[OsString],
        mut each: impl FnMut(&mut Tool, &Target) -> Outcome,
    ) -> Outcome {
        if names.is_empty() {
            return self.every(each);
        }
        worst(names.iter().map(|name| {
            let target = self.target(name)?;
            each(self, &target)
        }))
    }

    fn every(&mut self, mut each: impl FnMut(&mut Tool, &Target) -> Outcome) -> Outcome {
        let mut worst = Status::Ok;
        let mut next = Some(FIRST);
        while let Some(target) = self.next(&mut next).map_err(|errno| failed(errno, "targets"))? {
            worst = worst.max(Status::of(each(self, &target)));
        }
        worst.outcome()
    }

    /// Returns the first target at or after `from`, and advances `from` past it.
    fn next(&mut self, from: &mut Option<Address>) -> Result<Option<Target>, Errno> {
        let Some(address) = *from else { return Ok(None) };
        let mut target = Target::about(address);
        target.next = 1;
        match self.system.ask(&ioctl::TARGET, &mut target) {
            Ok(()) => {}
            Err(Errno::ENOENT) => return Ok(None),
            Err(errno) => return Err(errno),
        }
        *from = after(target.address());
        Ok(Some(target))
    }

    /// Returns every target.
    pub fn all(&mut self) -> Result<Vec<Target>, Errno> {
        let (mut all, mut next) = (Vec::new(), Some(FIRST));
        while let Some(target) = self.next(&mut next)? {
            all.push(target);
        }
        Ok(all)
    }

    /// Returns every target; reports an error.
    pub fn all_targets(&mut self) -> Outcome<Vec<Target>> {
        self.all().map_err(|errno| failed(errno, "targets"))
    }

    /// Returns the named targets that exist, or all targets; reports errors.
    pub fn collect(&mut self, names: &[OsString]) -> (Vec<Target>, Outcome) {
        let mut all = Vec::new();
        let outcome = self.each(names, |_, target| {
            all.push(target.clone());
            Ok(())
        });
        (all, outcome)
    }

    /// Returns the targets that answer but have no disk, by address.
    pub fn absents(&mut self) -> Vec<Absent> {
        let mut all = Vec::new();
        for index in 0.. {
            let mut absent = Absent { index, ..Absent::new() };
            if self.system.ask(&ioctl::ABSENT, &mut absent).is_err() {
                break;
            }
            all.push(absent);
        }
        all.sort_by_key(|absent| (absent.absent.major, absent.absent.minor));
        all
    }

    /// Why this target has no disk; empty if it has one, or does not answer.
    pub fn absent_because(&mut self, address: Address) -> String {
        let absents = self.absents();
        let last = absents
            .iter()
            .rfind(|a| (a.absent.major, a.absent.minor) == (address.major, address.minor));
        last.map_or_else(String::new, |absent| text::field(&absent.text))
    }
}

/// Returns the next address.
fn after(address: Address) -> Option<Address> {
    match address.minor.checked_add(1) {
        Some(minor) => Some(Address { minor, ..address }),
        None => Some(Address { major: address.major.checked_add(1)?, minor: 0 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_many_is_what_all_end_with() {
        let of = |all: &[Status]| worst(all.iter().map(|status| status.outcome()));
        assert_eq!(of(&[]), Ok(()));
        assert_eq!(of(&[Status::Ok, Status::Fault, Status::Ok]), Err(Status::Fault));
        assert_eq!(of(&[Status::NoTarget, Status::Fault]), Err(Status::NoTarget));
    }

    #[test]
    fn addresses_follow_each_other_to_the_last() {
        let at = |major, minor| Address { major, minor };
        assert_eq!(after(at(7, 3)), Some(at(7, 4)));
        assert_eq!(after(at(7, 255)), Some(at(8, 0)));
        assert_eq!(after(at(65535, 255)), None);
    }
}
