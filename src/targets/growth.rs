// SPDX-License-Identifier: BSD-2-Clause
//! A disk that says it has grown while it is open.
//!
//! A provider never shrinks while it is open, so growth is taken from several
//! answers in a row only: where two disks answer, the first of two answers may
//! be the larger one's, and the other's follows. A path that alone of several
//! says so is set aside.

use super::Target;
use super::doubled::PROBATION;
use crate::slot::PathId;

impl Target<'_> {
    /// The size that a path's disk is taken to have, of which an answer says
    /// that it has so many blocks.
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
