// SPDX-License-Identifier: BSD-2-Clause
//! Conversions between bytes and values: the AoE frame formats of AoEr11, IDENTIFY
//! and SMART.
//!
//! This module deals with layouts only, and not with state, time or policy. A
//! parser takes untrusted bytes, checks every length in them, ignores trailing
//! bytes (a frame may be padded), and cannot panic.
#![cfg_attr(test, allow(clippy::arithmetic_side_effects, clippy::expect_used))]

mod ata;
mod config;
mod header;
mod identify;
mod mask;
mod reserve;
mod route;
mod smart;

pub use ata::{AtaCommand, AtaError, AtaFlags, AtaRequest, AtaResponse};
pub use config::{ConfigCommand, ConfigRequest, ConfigResponse};
pub use header::{AoeError, Command, Header};
pub use identify::{Details, Identify};
pub use mask::{Directive, MaskCommand, MaskError, MaskRequest, MaskResponse};
pub use reserve::{ReserveCommand, ReserveRequest, ReserveResponse};
pub use route::{Route, Success};
pub use smart::{SmartAttribute, SmartHealth};

use core::fmt;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The Ethernet type of every AoE frame.
pub const ETHERTYPE: u16 = 0x88a2;
/// Length in bytes of a block. Blocks are the unit of sizes in the core, whatever
/// the disk's sector size, and of the limit on a request's sectors that a target
/// declares.
pub const SECTOR: usize = 512;
/// Length in bytes of the shortest Ethernet frame, without its check sequence.
pub const MIN_FRAME: usize = 60;
/// [`MIN_FRAME`] in the type of an output's frame length.
pub(crate) const MIN_LENGTH: u32 = 60;

/// Why bytes cannot be decoded as the expected message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WireError {
    /// The frame is not an AoE frame.
    NotAoe,
    /// The message is too short for its fields.
    Truncated,
    /// The protocol version is not supported.
    Version(u8),
}

/// An Ethernet address.
#[derive(
    Clone,
    Copy,
    Default,
    Eq,
    FromBytes,
    Hash,
    Immutable,
    IntoBytes,
    KnownLayout,
    Ord,
    PartialEq,
    PartialOrd,
    Unaligned,
)]
#[repr(transparent)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// The broadcast address.
    pub const BROADCAST: Mac = Mac([0xff; 6]);

    /// Returns whether this is a group address, from which no valid frame is sent.
    pub const fn is_group(self) -> bool {
        let [first, ..] = self.0;
        first & 1 != 0
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// Shelf and slot of a target.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Address {
    /// The shelf.
    pub major: u16,
    /// The slot.
    pub minor: u8,
}

impl Address {
    /// Any shelf and any slot, for a query to all targets.
    pub const BROADCAST: Address = Address { major: 0xffff, minor: 0xff };

    /// Returns whether the shelf or the slot is a wildcard, as in no target's own
    /// address.
    pub const fn is_broadcast(self) -> bool {
        self.major == Self::BROADCAST.major || self.minor == Self::BROADCAST.minor
    }
}

/// The 32 bits that a target echoes. The initiator defines their meaning.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Tag(pub u32);

/// Returns the number of blocks of 512 bytes that fit into a frame on a link with
/// this MTU, at most 255.
///
/// The MTU does not include the Ethernet header. It includes 22 bytes of AoE and
/// ATA headers, and the data. The count field of a request has one byte.
pub fn sectors_per_frame(mtu: u32) -> u8 {
    u8::try_from(mtu.saturating_sub(22) / 512).unwrap_or(u8::MAX)
}

/// Returns the MTU with which every target can send a sector of this many bytes.
/// It includes the Ethernet header, since targets count that as well.
pub fn mtu_for(sector: u32) -> u32 {
    sector.saturating_add(36)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    #[test]
    fn half_wild_addresses_are_broadcast() {
        let at = |major, minor| Address { major, minor }.is_broadcast();
        assert!(at(0xffff, 0xff));
        assert!(at(0xffff, 3));
        assert!(at(3, 0xff));
        assert!(!at(0xfffe, 0xfe));
    }

    #[test]
    fn addresses_sort_by_shelf_then_slot() {
        let at = |major, minor| Address { major, minor };
        assert!(at(1, 200) < at(2, 0));
        assert!(at(2, 0) < at(2, 1));
    }

    #[test]
    fn frame_capacity_follows_the_mtu() {
        let cases = [
            (0, 0),
            (21, 0),
            (533, 0),
            (534, 1),
            (1500, 2),
            (4132, 8),
            (9000, 17),
            (65535, 127),
            (u32::MAX, 255),
        ];
        for (mtu, sectors) in cases {
            assert_eq!(sectors_per_frame(mtu), sectors, "mtu {mtu}");
        }
    }

    #[test]
    fn group_addresses_are_told_from_stations() {
        assert!(Mac::BROADCAST.is_group());
        assert!(Mac([0x33, 0x33, 0, 0, 0, 1]).is_group());
        assert!(!Mac([0x02, 0, 0, 0, 0, 1]).is_group());
    }

    #[test]
    fn mac_prints_as_ifconfig_writes_it() {
        let mac = Mac([0x02, 0x0a, 0xff, 0, 1, 0x10]);
        assert_eq!(format!("{mac:?}"), "02:0a:ff:00:01:10");
    }
}
