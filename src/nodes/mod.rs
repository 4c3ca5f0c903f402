// SPDX-License-Identifier: BSD-2-Clause
//! The nodes below `net.aoe`: one table per tree, with the name, the kind, the
//! description, the default and range of every node, and where its value is.
//!
//! The shim makes the nodes in one loop over a table, and afterwards
//! reads and writes them by their places in it.

pub mod module;
pub mod target;

use core::ffi::CStr;

/// Longest text of a node, its terminator included.
pub const TEXT_ROOM: usize = 1032;

/// The same for a text that is not long.
pub const SHORT_ROOM: usize = 64;

/// A node of a tree.
#[derive(Clone, Copy, Debug)]
pub struct Node<F> {
    /// Its name below its tree.
    pub name: &'static CStr,
    /// What it is, for people.
    pub text: &'static CStr,
    /// Who may write it.
    pub access: Access,
    /// What it shows, and where that is kept.
    pub field: F,
}

/// Who may write a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nobody.
    Read,
    /// The loader's environment.
    AtLoad,
    /// The administrator at any time.
    Write,
    /// The administrator at any time, and the loader's environment.
    Tunable,
}

/// What a node's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number that may be negative.
    Int,
    /// A number that is not.
    Unsigned,
    /// Text.
    Text,
    /// The name of the interface of this number.
    Link,
    /// A line for each target.
    Devices,
}

/// When the loader's environment is asked for a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// Not at all.
    Never,
    /// Before anything is there.
    First,
    /// When everything is there, since it has effects.
    Last,
}

/// The properties of a field that a table needs.
pub trait Shown {
    /// What the value is.
    fn kind(&self) -> Kind;
    /// When the loader's environment is asked for it.
    fn fetch(&self) -> Fetch;
    /// Whether its text may need more than [`SHORT_ROOM`].
    fn is_long(&self) -> bool;
    /// The message about a refused value of the loader's, after its name and the
    /// value.
    fn refusal(&self) -> &'static CStr {
        c"is out of range: ignored"
    }
}

bitflags::bitflags! {
    /// The work to do after a value was written.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Effects: u32 {
        /// Pass the settings to the targets, or to the target.
        const TELL = 1;
        /// Scan the interfaces.
        const LOOK = 2;
        /// Send discovery's queries that are due.
        const SEND = 4;
        /// Send IDENTIFY to every target again.
        const ASK = 8;
        /// Prepare for crash dumps.
        const DUMP = 16;
        /// Protect the disk, or do so no longer.
        const PROTECT = 32;
    }
}

/// Why a value is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is invalid, or out of range.
    Invalid,
    /// The object that it is for does not exist.
    Absent,
    /// Nobody may write that.
    ReadOnly,
}

/// A value to be written.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    /// For a node that is a number.
    pub number: i32,
    /// For a node that is text.
    pub text: &'a [u8],
    /// Whether it comes from the loader's environment.
    pub is_loaders: bool,
}

/// Declares a tree: name, description, access and field of each node.
macro_rules! tree {
    ($($name:literal, $text:literal, $access:ident, $field:expr;)*) => {
        &[$(Node { name: $name, text: $text, access: Access::$access, field: $field },)*]
    };
}
use tree;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::vec::Vec;

    fn is_sound<F: Shown>(tree: &[Node<F>]) {
        let names: HashSet<&CStr> = tree.iter().map(|node| node.name).collect();
        assert_eq!(names.len(), tree.len(), "a name is there twice");
        for node in tree {
            let name = node.name.to_str().unwrap();
            assert!(name.bytes().all(|b| b == b'_' || b.is_ascii_lowercase()), "{name}");
            assert!(!node.text.is_empty() && node.text.to_bytes().is_ascii(), "{name}");
            let is_writable = matches!(node.access, Access::Write | Access::Tunable);
            assert!(is_writable || node.field.fetch() != Fetch::Last, "{name}");
            assert!(node.access != Access::Read || node.field.fetch() == Fetch::Never, "{name}");
        }
    }

    fn long<F: Shown>(tree: &[Node<F>]) -> Vec<&str> {
        let long = tree.iter().filter(|node| node.field.is_long());
        long.map(|node| node.name.to_str().unwrap()).collect()
    }

    #[test]
    fn texts_that_have_no_bound_have_the_large_room() {
        assert_eq!(long(module::ROOT), ["iflist"]);
        assert_eq!(long(module::FILTER), ["shelves", "config", "macs"]);
        assert_eq!(long(target::TARGET), ["config"]);
        assert_eq!(long(target::PATH), ["histogram"]);
        // The longest of the others is a model.
        assert!(SHORT_ROOM > crate::wire::Identify::parse(&[0; 512]).model.len());
    }

    #[test]
    fn every_node_has_a_name_of_its_own_and_a_description() {
        is_sound(module::ROOT);
        is_sound(module::FILTER);
        is_sound(module::STATS);
        is_sound(target::TARGET);
        is_sound(target::PATH);
    }
}
