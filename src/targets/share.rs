// SPDX-License-Identifier: BSD-2-Clause
//! Paths over several interfaces of ours to one port of a target.
//!
//! The port has one queue, and drops frames that exceed it: the frames that are
//! outstanding on all such paths together stay within its buffer count. Each path
//! still has a window of its own, which follows its losses.

use super::Target;
use crate::path::{Path, State};

impl Target<'_> {
    /// Whether another frame of I/O may go out on a path.
    pub(super) fn has_room(&self, path: &Path) -> bool {
        path.has_room() && (!path.is_shared || self.has_shared_place(path))
    }

    /// Whether a management request may go out on a path.
    pub(super) fn may_ask(&self, path: &Path) -> bool {
        path.may_ask() && (!path.is_shared || self.has_shared_place(path))
    }

    /// Whether the port can queue another frame, by the frames outstanding on all
    /// paths to it. Those of a path that carries no I/O do not count for itself:
    /// its request is to show whether it is silent. Nor do frames sent through an
    /// interface that is gone, since their loss would never be noticed.
    #[cold]
    fn has_shared_place(&self, path: &Path) -> bool {
        let is_other = |p: &&Path| {
            p.mac == path.mac
                && p.link != path.link
                && p.state != State::Free
                && self.links[p.link].is_usable()
        };
        let others: u32 = self.known_paths().iter().filter(is_other).map(Path::places).sum();
        let own = if path.is_up() { path.places() } else { 0 };
        others.saturating_add(own) < u32::from(path.buffers.max(1))
    }

    /// A path came or went: records for each whether another one ends at its port.
    pub(super) fn weigh_sharing(&mut self) {
        for index in self.path_ids() {
            let path = &self.paths[index];
            let same = |p: &&Path| p.mac == path.mac && p.state != State::Free;
            let is_shared =
                path.state != State::Free && self.known_paths().iter().filter(same).count() > 1;
            self.paths[index].is_shared = is_shared;
        }
    }
}
