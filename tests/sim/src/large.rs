// SPDX-License-Identifier: BSD-2-Clause
//! Scenarios with disks of 4096-byte sectors.

use crate::plan::{Fault, Plan};
use crate::rng::Rng;

/// Binary logarithm of the number of 512-byte blocks in a sector.
const SHIFT: u8 = 3;
const BLOCKS: u64 = 1 << SHIFT;
/// The smallest MTU at which targets announce requests as large as a sector.
const ENOUGH: u32 = 36 + 4096;

impl Plan {
    /// Gives the scenario such a disk for 15% of the seeds, if the target accepts
    /// requests as large as a sector.
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
            // A small disk would be overwritten entirely, and both disks be equal.
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
        // The last change of an interface's MTU restores the first value.
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
