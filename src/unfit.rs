// SPDX-License-Identifier: BSD-2-Clause
//! Reasons why a disk, or a path to it, cannot be used although it answers.

use crate::output::Event;
use crate::wire::{Identify, mtu_for};

/// Why a path that said who it is carries no I/O.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// A frame carries less than one of its sectors, of this many bytes.
    FrameTooSmall(u32),
    /// The disk has no sectors.
    NoSectors,
    /// The disk has this many blocks, fewer than the open one.
    Smaller(u64),
    /// The driver cannot use its logical sectors, of this many bytes.
    SectorSize(u32),
}

impl Unfit {
    /// What is wrong with the disk, whatever path leads to it.
    pub(crate) fn of_disk(disk: &Identify) -> Option<Self> {
        if disk.sector_shift().is_none() {
            return Some(Self::SectorSize(disk.logical_sector));
        }
        (disk.sectors == 0).then_some(Self::NoSectors)
    }

    /// The event that says so, and its value.
    pub(crate) fn event(self) -> (Event, u64) {
        match self {
            Self::FrameTooSmall(bytes) => (Event::FrameTooSmall, u64::from(mtu_for(bytes))),
            Self::NoSectors => (Event::NoSectors, 0),
            Self::Smaller(blocks) => (Event::Smaller, blocks),
            Self::SectorSize(bytes) => (Event::SectorSize, u64::from(bytes)),
        }
    }
}
