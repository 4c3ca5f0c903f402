// SPDX-License-Identifier: BSD-2-Clause
//! Conclusions from answers about outstanding requests: which ones are lost, and
//! whether large frames are lost.

use super::Target;
use crate::output::Event;
use crate::path::{MIN_PAYLOAD, State};
use crate::slot::PathId;
use crate::time::Instant;

/// Consecutive losses of large requests after which the payload steps down, on a path
/// that answers others.
const LARGE_LOSSES_MIXED: u8 = 8;

impl Target<'_> {
    /// Sends requests again that later answers have overtaken. A request counts as large
    /// only if it is larger than the one just answered.
    #[inline(always)]
    pub(super) fn declare_losses(&mut self, index: PathId, answered: u16, now: Instant) {
        loop {
            let path = &self.paths[index];
            let Some(slot) = path.flight.front() else { return };
            let request = &self.requests[slot];
            if !path.is_lost(request.last.seq, request.sent_at, now) {
                return;
            }
            let large = request.last.sectors > u16::from(MIN_PAYLOAD).max(answered);
            let path = &mut self.paths[index];
            path.window.on_loss();
            self.requeue(slot, false);
            self.count_loss(index, large, now);
        }
    }

    /// Counts a lost request. The payload steps down if many large requests are lost in a
    /// row and the path's timer does not run out, since it answers others.
    pub(super) fn count_loss(&mut self, index: PathId, large: bool, now: Instant) {
        let path = &mut self.paths[index];
        path.large_losses = path.large_losses.saturating_add(u8::from(large));
        if large && path.large_losses >= LARGE_LOSSES_MIXED && path.timeouts() == 0 {
            self.step_down(index, now);
        }
    }

    pub(super) fn step_down(&mut self, index: PathId, now: Instant) {
        let path = &mut self.paths[index];
        if path.payload <= path.least() {
            return;
        }
        path.step_down(now);
        let bytes = u64::from(path.payload_bytes());
        self.tell_event(Event::PayloadDown, Some(index), bytes);
    }

    /// Records that the path answered I/O: silence is measured from now on, if frames are
    /// outstanding. `sooner` is set if the round-trip sample shortened the timer; the end
    /// of a back-off shortens it, too.
    #[inline(always)]
    pub(super) fn mark_waiting(&mut self, index: PathId, sooner: bool, now: Instant) {
        self.on_io_answered(index, now);
        let path = &mut self.paths[index];
        let sooner = sooner || path.timeouts() != 0;
        path.on_heard(now);
        path.is_choosy = false;
        if sooner && let Some(head) = path.flight.front() {
            self.wakes_at = self.wakes_at.min(path.timeout_of(self.requests[head].sent_at));
        }
    }

    /// Records that the path answers I/O, so it is not deaf, or no longer.
    #[inline]
    pub(super) fn on_io_answered(&mut self, index: PathId, now: Instant) {
        let path = &mut self.paths[index];
        path.silences = 0;
        if path.is_deaf {
            path.is_deaf = false;
            if matches!(path.state, State::Down { .. }) {
                path.ask(now);
            }
            self.stir();
        }
    }
}
