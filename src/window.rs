// SPDX-License-Identifier: BSD-2-Clause
//! How many frames may be outstanding on a path.
//!
//! A target drops frames that exceed its buffer count, so this count is the
//! ceiling. Below it, the window grows by one frame per answer up to a threshold,
//! and by one frame per round trip above the threshold. A single loss often
//! indicates nothing, and a target whose queue is full drops only the excess
//! frames. So each loss reduces the window by one frame, and only silence reduces
//! it to a single frame.

use crate::time::Instant;

/// The senders of management requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    /// The path itself, with IDENTIFYs, payload probes, fences and the like.
    Path,
    /// A user of aoectl(8).
    User,
}

/// The management requests that may be in a target's queue, one of each asker.
/// Such a request takes a place there until it is answered or considered lost.
/// Each field is the time at which it is considered lost, or `NEVER`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beside {
    path: Instant,
    user: Instant,
    /// The earlier of both, which shows in one comparison whether either is
    /// outstanding.
    next: Instant,
}

impl Beside {
    /// No request is outstanding.
    pub(crate) const NONE: Self =
        Self { path: Instant::NEVER, user: Instant::NEVER, next: Instant::NEVER };

    fn set(&mut self, asker: Asker, until: Instant) {
        match asker {
            Asker::Path => self.path = until,
            Asker::User => self.user = until,
        }
        self.next = self.path.min(self.user);
    }

    /// Notes that a request was sent, which is considered lost at `until`.
    pub(crate) fn sent(&mut self, asker: Asker, until: Instant) {
        self.set(asker, until);
    }

    /// Notes that the asker's request was answered.
    pub(crate) fn answered(&mut self, asker: Asker) {
        self.set(asker, Instant::NEVER);
    }

    /// Forgets the requests that are considered lost by now.
    pub(crate) fn lapse(&mut self, now: Instant) {
        for (asker, until) in [(Asker::Path, self.path), (Asker::User, self.user)] {
            if until <= now {
                self.set(asker, Instant::NEVER);
            }
        }
    }

    /// Returns when the next request is considered lost.
    pub(crate) fn deadline(&self) -> Instant {
        self.next
    }

    /// Returns the number of places taken in the target's queue.
    #[inline]
    pub(crate) fn frames(&self) -> u32 {
        if self.next == Instant::NEVER {
            return 0;
        }
        let both = self.path != Instant::NEVER && self.user != Instant::NEVER;
        1_u32.wrapping_add(u32::from(both))
    }
}

/// The window, its threshold and its ceiling, in 1/256 of a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    size: u32,
    threshold: u32,
    ceiling: u32,
}

const ONE: u32 = 256;

impl Window {
    /// A window of one frame, until the target declares its buffer count.
    pub(crate) const MIN: Self = Self { size: ONE, threshold: ONE, ceiling: ONE };

    /// Creates a window with a ceiling in frames. A ceiling of 0 counts as 1.
    pub(crate) fn new(ceiling: u32) -> Self {
        let ceiling = ceiling.clamp(1, 1 << 16).wrapping_mul(ONE);
        Self { size: (ceiling >> 1).max(ONE), threshold: ceiling, ceiling }
    }

    /// Returns the number of whole frames that may be outstanding.
    pub(crate) fn frames(&self) -> u32 {
        self.size >> 8
    }

    /// Returns the ceiling in whole frames: as many as the target can queue and
    /// the settings allow.
    pub(crate) fn ceiling(&self) -> u32 {
        self.ceiling >> 8
    }

    /// Takes a new ceiling in frames, from a config answer or the administrator.
    pub(crate) fn set_ceiling(&mut self, ceiling: u32) {
        let ceiling = ceiling.clamp(1, 1 << 16).wrapping_mul(ONE);
        if ceiling > self.ceiling {
            self.threshold = ceiling;
        }
        self.ceiling = ceiling;
        self.size = self.size.min(ceiling);
    }

    /// Notes that an answer came while `in_flight` frames were outstanding.
    pub(crate) fn on_answer(&mut self, in_flight: u32) {
        // If the window is not used up, the answer shows nothing about a larger
        // one.
        if self.size >= self.ceiling || in_flight.saturating_add(1) < self.frames() {
            return;
        }
        let step = if self.size < self.threshold {
            ONE
        } else {
            ONE.wrapping_mul(ONE).checked_div(self.size).unwrap_or(1).max(1)
        };
        self.size = self.size.saturating_add(step).min(self.ceiling);
    }

    /// Notes that a frame was lost while others got through.
    pub(crate) fn on_loss(&mut self) {
        self.threshold = self.size.saturating_sub(ONE).max(2 * ONE);
        self.size = self.size.min(self.threshold);
    }

    /// Notes that nothing is answered any more.
    pub(crate) fn on_silence(&mut self) {
        self.threshold = (self.size >> 1).max(self.threshold >> 1).max(2 * ONE);
        self.size = ONE;
    }

    /// Starts again from one frame, since the target announced itself and may
    /// have lost its queue.
    pub(crate) fn restart(&mut self) {
        self.size = ONE;
        self.threshold = self.ceiling;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_fully(w: &mut Window) {
        for _ in 0..10_000 {
            w.on_answer(w.frames());
        }
    }

    #[test]
    fn a_target_that_announces_no_buffers_still_gets_one_frame() {
        assert_eq!(Window::new(0).frames(), 1);
        assert_eq!(Window::new(1).frames(), 1);
    }

    #[test]
    fn the_window_never_exceeds_the_ceiling() {
        let mut w = Window::new(16);
        open_fully(&mut w);
        assert_eq!(w.frames(), 16);
        w.set_ceiling(4);
        assert_eq!(w.frames(), 4);
    }

    #[test]
    fn a_loss_costs_one_frame() {
        let mut w = Window::new(16);
        open_fully(&mut w);
        w.on_loss();
        assert_eq!(w.frames(), 15);
        open_fully(&mut w);
        assert_eq!(w.frames(), 16);
    }

    #[test]
    fn silence_leaves_one_frame_and_a_few_answers_bring_the_rest() {
        let mut w = Window::new(16);
        open_fully(&mut w);
        w.on_silence();
        assert_eq!(w.frames(), 1);
        for _ in 0..8 {
            w.on_answer(w.frames());
        }
        assert!(w.frames() >= 8);
    }

    #[test]
    fn an_unused_window_does_not_grow() {
        let mut w = Window::new(16);
        w.on_silence();
        w.on_answer(1);
        let before = w.frames();
        for _ in 0..100 {
            w.on_answer(0);
        }
        assert_eq!(w.frames(), before);
    }
}
