// SPDX-License-Identifier: BSD-2-Clause
//! The types of a target's slot numbers, and the sizes of the tables that C
//! knows.

use crate::table::number;

/// Maximum number of local interfaces that a target can know.
pub const LINKS: usize = 32;
/// Maximum number of paths of a target.
pub const PATHS: usize = 16;

number!(
    /// A local interface, by its index in the shim's table.
    pub LinkId(u8)
);

number!(
    /// The number of a path slot.
    pub PathId(u8)
);

number!(
    /// The number of a request slot. Tags contain it.
    pub RequestId(u8)
);

number!(
    /// The number of an entry for a copy of a write.
    pub CopyId(u16)
);

number!(
    /// The number of an entry for an earlier transmission.
    pub EarlierId(u8)
);

number!(
    /// The number of an I/O slot.
    pub IoId(u8)
);
