//! Answers that the filter leaves out, of a target that is there already.
//!
//! A filter is about what is new. What it leaves out of what is there goes as
//! soon as nobody needs it: an open disk keeps its last path.

use super::Target;
use crate::filter::Admission;
use crate::output::IoError;
use crate::path::{Path, State};
use crate::time::Instant;

impl Target<'_> {
    /// Whether an answer to a config query is taken nevertheless.
    pub(super) fn takes_filtered(
        &mut self,
        path: Option<usize>,
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
                    self.remove(IoError::Gone);
                }
                self.is_open
            }
        }
    }

    /// Whether this is the only path that is the disk's.
    fn is_last_hope(&self, index: usize) -> bool {
        let is_ours = |p: &Path| p.is_admitted && p.state != State::Free;
        let others = self.known_paths().iter().enumerate().filter(|(i, _)| *i != index);
        self.known_paths().get(index).is_some_and(is_ours) && !others.map(|(_, p)| p).any(is_ours)
    }
}
