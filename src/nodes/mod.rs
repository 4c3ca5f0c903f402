// SPDX-License-Identifier: BSD-2-Clause
//! The sysctl nodes below `net.aoe`: one table per tree, with the name, kind,
//! description, default, range and location of each node's value.
//!
//! The shim creates the nodes in one loop over a table. From then on, it reads and
//! writes each by its index in the table.

pub mod module;
pub mod target;

use core::ffi::CStr;

/// Size of the longest text of a node in bytes, terminator included.
pub const TEXT_ROOM: usize = 1032;

/// The same for nodes of which [`Shown::is_long`] is false.
pub const SHORT_ROOM: usize = 64;

/// A node of a tree.
#[derive(Clone, Copy, Debug)]
pub struct Node<F> {
    /// Its name within its tree.
    pub name: &'static CStr,
    /// Its description, for the administrator.
    pub text: &'static CStr,
    /// Who may write it.
    pub access: Access,
    /// Which value it shows, and where the value is stored.
    pub field: F,
}

/// Who may write a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nobody.
    Read,
    /// The kernel environment only, when the module is loaded.
    AtLoad,
    /// The administrator at any time.
    Write,
    /// The administrator at any time, and the kernel environment.
    Tunable,
}

/// The type of a node's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A signed number.
    Int,
    /// An unsigned number.
    Unsigned,
    /// Text.
    Text,
    /// The name of an interface, which the core gives as its number.
    Link,
    /// One line of text for each target.
    Devices,
}

/// When a node's value is fetched from the kernel environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// Not at all.
    Never,
    /// Before anything else is set up.
    First,
    /// After everything else is set up, since the value has effects.
    Last,
}

/// The properties of a node's field.
pub trait Shown {
    /// Returns the type of the value.
    fn kind(&self) -> Kind;
    /// Returns when the value is fetched from the kernel environment.
    fn fetch(&self) -> Fetch;
    /// Whether its text may need more than [`SHORT_ROOM`].
    fn is_long(&self) -> bool;
    /// Returns the message about a refused value of the kernel environment. The node's
    /// name and the value precede it.
    fn refusal(&self) -> &'static CStr {
        c"is out of range: ignored"
    }
}

bitflags::bitflags! {
    /// The actions that must follow when a value was written.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Effects: u32 {
        /// Pass the settings to all targets or, if one target's was written, to that one.
        const TELL = 1;
        /// Scan the interfaces.
        const LOOK = 2;
        /// Send discovery's queries that are due.
        const SEND = 4;
        /// Send IDENTIFY to every target again.
        const ASK = 8;
        /// Prepare for crash dumps.
        const DUMP = 16;
        /// Apply the changed write protection to the disk.
        const PROTECT = 32;
    }
}

/// Why a value is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is invalid, or out of range.
    Invalid,
    /// The object that stores the value does not exist.
    Absent,
    /// The node cannot be written.
    ReadOnly,
}

/// A value to be written.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    /// The value for a node that is a number.
    pub number: i32,
    /// The value for a node that is text.
    pub text: &'a [u8],
    /// Whether the value comes from the kernel environment.
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
        assert_eq!(names.len(), tree.len(), "duplicate name");
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
        // The longest of the other texts is a model number.
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
