// SPDX-License-Identifier: BSD-2-Clause
//! Growth of an open disk.
//!
//! A provider never shrinks while it is open, so growth is accepted only after
//! several answers in a row: if two disks answer, the first answer may be the
//! larger one's. A path that reports growth while others do not is set aside.

use super::Target;
use super::doubled::PROBATION;
use crate::slot::PathId;

impl Target<'_> {
    /// Returns the size that is assumed for a path's disk, in blocks, after an answer that
    /// reports `blocks`.
    pub(super) fn settled_blocks(&mut self, index: PathId, blocks: u64) -> u64 {
        let sectors = self.sectors;
        let grows = self.is_open && blocks > sectors && !self.disagrees(index, blocks);
        let path = &mut self.paths[index];
        if !grows {
            path.growing = 0;
            return blocks;
        }
        if path.growing == 0 || path.grown != blocks {
            (path.grown, path.growing) = (blocks, PROBATION);
        }
        path.growing = path.growing.saturating_sub(1);
        if path.growing == 0 {
            return blocks;
        }
        path.recheck = true;
        path.sectors = sectors;
        sectors
    }
}
