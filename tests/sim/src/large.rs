// SPDX-License-Identifier: BSD-2-Clause
//! Scenarios with disks of 4096-byte sectors.

use crate::plan::{Fault, Plan};
use crate::rng::Rng;

/// Blocks of 512 bytes in a sector, as a power of two.
const SHIFT: u8 = 3;
const BLOCKS: u64 = 1 << SHIFT;
/// An MTU whose frames carry a sector.
const ENOUGH: u32 = 36 + 4096;

impl Plan {
    /// The scenario with such a disk, for some seeds and where the target's
    /// requests are large enough for a sector.
    pub fn perhaps_large(self) -> Plan {
        let is_large = Rng::new(self.seed ^ 0x4096).chance(1500);
        match self.quirks.fixed_sectors {
            _ if !is_large => self,
            Some(blocks) if u64::from(blocks) < BLOCKS => self,
            _ => self.large(),
        }
    }

    fn large(mut self) -> Plan {
        let mut rng = Rng::new(self.seed ^ 0x4096_4096);
        self.shift = SHIFT;
        self.size = self.size.next_multiple_of(BLOCKS);
        if self.twin.is_some() {
            // Or all of it is written to, and both disks are alike.
            self.size *= BLOCKS;
        }
        self.workload.max_sectors = self.workload.max_sectors.max(2 * BLOCKS);
        for (_, mtu) in self.links.iter_mut().chain(&mut self.ports) {
            *mtu = (*mtu).max(ENOUGH);
        }
        // A path that cannot carry a sector, beside one that can.
        if self.links.len() > 1 && self.links[0].0 == self.links[1].0 && rng.chance(3000) {
            self.links[1].1 = 1500;
        }
        let links = &self.links;
        for (_, fault) in &mut self.faults {
            match fault {
                Fault::Grow(blocks) => *blocks = blocks.next_multiple_of(BLOCKS),
                Fault::Restart { sectors: Some(sectors), .. } => *sectors = BLOCKS as u8,
                _ => {}
            }
        }
        // What an interface's MTU is in the end is what it was.
        let mut seen = vec![false; links.len()];
        self.faults.iter_mut().rev().for_each(|(_, fault)| match fault {
            Fault::Mtu(link, mtu) if !std::mem::replace(&mut seen[*link], true) => {
                *mtu = links[*link].1;
            }
            _ => {}
        });
        self
    }
}
