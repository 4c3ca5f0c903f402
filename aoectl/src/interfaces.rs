// SPDX-License-Identifier: BSD-2-Clause
//! interfaces: the interfaces that the driver may use.

use std::ffi::OsString;

use aoe_core::ffi::abi::INFO_OPEN;

use crate::Tool;
use crate::args::Options;
use crate::ioctl::{PATH_UP, Target};
use crate::os::Errno;
use crate::status::{self, Outcome, Status, complain, sysctl_failed};
use crate::text::{field, fill};

const IFLIST: &str = "net.aoe.iflist";
/// The maximum length of the list, in bytes.
const IFLIST_MAX: usize = 1023;

impl Tool {
    /// Returns the interfaces on the list.
    pub fn used_interfaces(&self) -> Outcome<Vec<String>> {
        let list = self.system.sysctl(IFLIST).map_err(|errno| sysctl_failed(errno, IFLIST))?;
        let names = list.split([' ', ',', '\t']).filter(|name| !name.is_empty());
        Ok(names.map(str::to_owned).collect())
    }

    /// Prints a list of interfaces; in text, only with `lines`, one per line.
    pub fn say_list(&mut self, names: &[String], lines: bool) {
        let out = &mut self.out;
        out.open_list("interface");
        for name in names {
            out.open_instance("interface");
            out.hidden("name", &**name);
            if lines {
                out.words(name).words('\n');
            }
            out.close_instance("interface");
        }
        out.close_list("interface");
    }
}

/// A change of the list.
#[derive(Default)]
struct Change {
    forced: bool,
    none: bool,
    add: Vec<String>,
    drop: Vec<String>,
    set: Vec<String>,
}

impl Change {
    /// Whether exactly one kind of change is requested: empty, edit, or set.
    fn is_sound(&self) -> bool {
        let edits = !self.add.is_empty() || !self.drop.is_empty();
        let kinds = [self.none, edits, !self.set.is_empty()];
        kinds.iter().filter(|kind| **kind).count() == 1
    }

    /// Returns the new list; the error is a name to drop that is not on the old one.
    fn apply(self, old: &[String]) -> Result<Vec<String>, String> {
        if self.none || !self.set.is_empty() {
            return Ok(self.set);
        }
        if let Some(absent) = self.drop.iter().find(|name| !old.contains(name)) {
            return Err(absent.clone());
        }
        let mut new: Vec<String> =
            old.iter().filter(|name| !self.drop.contains(name)).cloned().collect();
        for name in self.add {
            if !new.contains(&name) {
                new.push(name);
            }
        }
        Ok(new)
    }
}

/// Whether a target would lose its last path that is up.
fn loses_all(target: &Target, new: &[String]) -> bool {
    let mut up = target.paths().iter().filter(|path| path.info.state == PATH_UP).peekable();
    up.peek().is_some() && up.all(|path| !new.contains(&field(&path.interface)))
}

/// Asks for confirmation if open disks would lose their last path.
fn consents(tool: &mut Tool, new: &[String]) -> Outcome<bool> {
    let targets = tool.all_targets()?;
    let open = targets.iter().filter(|target| target.has(INFO_OPEN) && loses_all(target, new));
    let names: Vec<String> = open.map(|target| field(&target.name)).collect();
    if names.is_empty() {
        return Ok(true);
    }
    Ok(status::consents(format_args!(
        "{}Their I/O would be suspended, and fail when maxwait expires (0: never).\nContinue? [y/N] ",
        fill("These open disks would lose their last path:", &names, 4)
    )))
}

fn set(tool: &mut Tool, new: &[String]) -> Outcome {
    let list = new.join(" ");
    if list.len() > IFLIST_MAX {
        complain!("the list of interfaces is longer than {IFLIST_MAX} bytes");
        return Err(Status::Use);
    }
    match tool.system.set_sysctl(IFLIST, list.as_bytes()) {
        Ok(()) => {
            let used = tool.used_interfaces()?;
            tool.say_list(&used, true);
            Ok(())
        }
        Err(Errno::EINVAL) => {
            complain!("{list}: not a list of interfaces");
            Err(Status::Use)
        }
        Err(errno) => Err(sysctl_failed(errno, IFLIST)),
    }
}

pub fn interfaces(tool: &mut Tool, words: &[OsString]) -> Outcome {
    let name = |word: &std::ffi::OsStr| word.to_string_lossy().into_owned();
    let mut change = Change::default();
    let mut options = Options::new(words, "fn", "ad");
    while let Some(option) = options.next() {
        match option.map_err(|_| tool.usage())? {
            (b'f', _) => change.forced = true,
            (b'n', _) => change.none = true,
            (b'a', value) => change.add.push(name(value)),
            (_, value) => change.drop.push(name(value)),
        }
    }
    change.set = options.rest().iter().map(|word| name(word)).collect();
    let old = tool.used_interfaces()?;
    if words.is_empty() {
        tool.say_list(&old, true);
        return Ok(());
    }
    if !change.is_sound() {
        return Err(tool.usage());
    }
    let forced = change.forced;
    let new = change.apply(&old).map_err(|absent| {
        complain!("{absent}: not listed");
        Status::Use
    })?;
    if !forced && !consents(tool, &new)? {
        complain!("not changed");
        return Err(Status::Fault);
    }
    set(tool, &new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn interfaces_are_added_at_the_end_and_dropped_where_they_are() {
        let old = names(&["em0", "em1"]);
        let edit = |add: &[&str], drop: &[&str]| {
            Change { add: names(add), drop: names(drop), ..Change::default() }.apply(&old)
        };
        assert_eq!(edit(&["em2"], &[]), Ok(names(&["em0", "em1", "em2"])));
        assert_eq!(edit(&["em1"], &[]), Ok(old.clone()));
        assert_eq!(edit(&["em2"], &["em0"]), Ok(names(&["em1", "em2"])));
        assert_eq!(edit(&[], &["em0", "em1"]), Ok(Vec::new()));
        assert_eq!(edit(&[], &["em9"]), Err("em9".to_owned()));
    }

    #[test]
    fn a_list_is_set_emptied_or_edited() {
        let sound = |none, add: &[&str], set: &[&str]| {
            Change { none, add: names(add), set: names(set), ..Change::default() }.is_sound()
        };
        assert!(sound(true, &[], &[]) && sound(false, &["a"], &[]) && sound(false, &[], &["a"]));
        assert!(!sound(false, &[], &[]) && !sound(true, &["a"], &[]));
        assert!(!sound(false, &["a"], &["b"]) && !sound(true, &[], &["b"]));
    }
}
