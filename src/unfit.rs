// SPDX-License-Identifier: BSD-2-Clause
//! Reasons why a disk, or a path to it, cannot be used although it answers.

use crate::output::Event;
use crate::wire::{Identify, mtu_for};

/// Why a path carries no I/O although it was identified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// A frame has no room for one of the disk's sectors, which have this many
    /// bytes.
    FrameTooSmall(u32),
    /// The disk has no sectors.
    NoSectors,
    /// The disk has this many blocks of 512 bytes, fewer than the open disk.
    Smaller(u64),
    /// The driver does not support the disk's logical sectors, which have this
    /// many bytes.
    SectorSize(u32),
}

impl Unfit {
    /// Returns why the disk cannot be used on any path, or `None` if it can.
    pub(crate) fn of_disk(disk: &Identify) -> Option<Self> {
        if disk.sector_shift().is_none() {
            return Some(Self::SectorSize(disk.logical_sector));
        }
        (disk.sectors == 0).then_some(Self::NoSectors)
    }

    /// Returns the event that reports this reason, and its value.
    pub(crate) fn event(self) -> (Event, u64) {
        match self {
            Self::FrameTooSmall(bytes) => (Event::FrameTooSmall, u64::from(mtu_for(bytes))),
            Self::NoSectors => (Event::NoSectors, 0),
            Self::Smaller(blocks) => (Event::Smaller, blocks),
            Self::SectorSize(bytes) => (Event::SectorSize, u64::from(bytes)),
        }
    }
}
