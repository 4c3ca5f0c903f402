// SPDX-License-Identifier: BSD-2-Clause
//! Network interfaces, as getifaddrs(3) describes them.

/// The kind of an interface, as far as it matters to AoE.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Ethernet,
    /// A port of a lagg(4), whose frames the lagg receives.
    LaggPort,
    Other,
}

/// Interface types, from net/if_types.h.
const ETHER: u8 = 6;
const L2VLAN: u8 = 0x87;
const IEEE8023ADLAG: u8 = 0xa1;
const BRIDGE: u8 = 0xd1;

impl From<u8> for Kind {
    fn from(number: u8) -> Kind {
        match number {
            ETHER | L2VLAN | BRIDGE => Kind::Ethernet,
            IEEE8023ADLAG => Kind::LaggPort,
            _ => Kind::Other,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Interface {
    pub name: String,
    pub kind: Kind,
    pub is_up: bool,
    pub has_carrier: bool,
}
