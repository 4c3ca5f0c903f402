// SPDX-License-Identifier: BSD-2-Clause
//! Answers of an existing target that the filter rejects.
//!
//! A filter selects new targets and paths. An existing target or path that it rejects
//! is removed as soon as it is not in use: an open disk keeps its last path.

use super::Target;
use crate::filter::Admission;
use crate::path::{Path, State};
use crate::slot::PathId;
use crate::time::Instant;

impl Target<'_> {
    /// Removes the path or target whose config answer was rejected, unless it is in use.
    /// Returns whether to accept the answer nevertheless.
    pub(super) fn takes_filtered(
        &mut self,
        path: Option<PathId>,
        admission: Admission,
        now: Instant,
    ) -> bool {
        let Some(index) = path else { return false };
        match admission {
            Admission::Granted => true,
            Admission::NotFromThere if !self.is_last_hope(index) => {
                self.path_down(index, now);
                self.free_path(index);
                false
            }
            Admission::NotFromThere | Admission::NotWanted => {
                if !self.is_open {
                    self.remove();
                }
                self.is_open
            }
        }
    }

    /// Whether this is the only path to the disk.
    fn is_last_hope(&self, index: PathId) -> bool {
        let is_ours = |p: &Path| p.is_admitted && p.state != State::Free;
        is_ours(&self.paths[index]) && !self.other_paths(index).any(is_ours)
    }
}
