// SPDX-License-Identifier: BSD-2-Clause
//! The payload of a path: how much data its frames carry.

use super::{MIN_PAYLOAD, Path, Purpose};
use crate::time::Instant;

impl Path {
    /// Sets the disk's sector size to 512 bytes, shifted left by `shift`.
    pub(crate) fn set_unit(&mut self, shift: u8, mtu: u32, now: Instant) {
        let unit = 1 << (shift & 7);
        if core::mem::replace(&mut self.unit, unit) != unit {
            self.set_limit(mtu, now);
        }
    }

    /// Whether the payload is in sectors of this many bytes, and holds at least one.
    pub(crate) fn fits(&self, sector: u32) -> bool {
        self.limit != 0 && u32::from(self.unit) << 9 == sector
    }

    /// Returns the payload that the path carries if it carries any, in blocks.
    pub(crate) fn least(&self) -> u8 {
        MIN_PAYLOAD.max(self.unit).min(self.limit)
    }

    /// Rounds `blocks` down to whole sectors.
    fn whole(&self, blocks: u8) -> u8 {
        blocks & self.unit.wrapping_neg()
    }

    /// Applies the limits of MTU and target. Returns whether the payload became smaller,
    /// but not 0. A target declares its limit in blocks, whatever its disk's sector size.
    pub(crate) fn set_limit(&mut self, mtu: u32, now: Instant) -> bool {
        self.limit = self.whole(crate::wire::sectors_per_frame(mtu).min(self.sector_count));
        let shrinks = self.payload > self.limit;
        if let Some(m) = self.management
            && matches!(m.purpose, Purpose::Probe { sectors } if sectors > self.limit)
        {
            self.management = None;
        }
        self.payload = self.whole(self.payload).max(self.least()).min(self.limit);
        if self.payload < self.limit {
            self.probe_at = self.probe_at.min(now);
            self.too_large = 0;
        }
        shrinks && self.limit != 0
    }

    /// Returns the payload to try next, in blocks, if a larger one may get through.
    pub(crate) fn probe_size(&self) -> Option<u8> {
        if self.payload >= self.limit {
            return None;
        }
        if self.too_large == 0 || self.too_large > self.limit {
            return Some(self.limit);
        }
        let gap = self.too_large.saturating_sub(self.payload);
        let half = self.whole(gap >> 1).max(self.unit);
        (gap > self.unit).then(|| self.payload.saturating_add(half))
    }

    /// Returns the payload in bytes.
    pub(crate) fn payload_bytes(&self) -> u32 {
        u32::from(self.payload).wrapping_mul(512)
    }

    /// Returns to the smallest payload, since larger frames do not get through.
    pub(crate) fn step_down(&mut self, now: Instant) {
        self.too_large = self.payload;
        self.hole_told = true;
        self.is_doubted = false;
        self.payload = self.least();
        self.large_losses = 0;
        self.probe_at = now;
    }
}
