// SPDX-License-Identifier: BSD-2-Clause
//! The numbers of a target's slots, and how many of those that C sees there are.

use crate::table::number;

/// Local interfaces that a target can know.
pub const LINKS: usize = 32;
/// Paths that a target can have.
pub const PATHS: usize = 16;

number!(
    /// A local interface, by its place in the shim's table.
    pub LinkId(u8)
);

number!(
    /// A path slot's number.
    pub PathId(u8)
);

number!(
    /// A request slot's number; tags are made of it.
    pub RequestId(u8)
);

number!(
    /// A copy's number.
    pub CopyId(u16)
);

number!(
    /// An earlier transmission's number.
    pub EarlierId(u8)
);

number!(
    /// An I/O slot's number.
    pub IoId(u8)
);
