// SPDX-License-Identifier: BSD-2-Clause
//! Paths over several local interfaces to one port of a target.
//!
//! The port has one queue, and drops frames that exceed it. So the number of frames
//! outstanding on all such paths together stays within the port's buffer count. Each
//! path still has its own window, which depends on its own losses.

use super::Target;
use crate::path::{Path, State};

impl Target<'_> {
    /// Whether another frame of I/O may be sent on a path.
    pub(super) fn has_room(&self, path: &Path) -> bool {
        path.has_room() && (!path.is_shared || self.has_shared_place(path))
    }

    /// Whether a management request may be sent on a path.
    pub(super) fn may_ask(&self, path: &Path) -> bool {
        path.may_ask() && (!path.is_shared || self.has_shared_place(path))
    }

    /// Whether the port can queue another frame, given the frames outstanding on all
    /// paths to it. If `path` carries no I/O, its own frames do not count, since its
    /// next request is to show whether it is silent. Frames sent through an interface
    /// that cannot be used do not count either, since their loss would never be detected.
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

    /// Records for each path whether another leads to the same port. Must be called
    /// when a path was opened or freed.
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
