// SPDX-License-Identifier: BSD-2-Clause
//! A limit of events per second.

use crate::time::{Instant, Micros};

const SECOND: Micros = Micros::from_secs(1);

/// The number of events in a second, which begins with an event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    since: Instant,
    count: u32,
}

impl Rate {
    /// No event so far.
    pub(crate) const NONE: Self = Self { since: Instant::ZERO, count: 0 };

    /// Counts an event. Returns `false`, and does not count it, if there were
    /// `most` in this second already.
    pub(crate) fn take(&mut self, now: Instant, most: u32) -> bool {
        if self.is_over(now) {
            *self = Self { since: now, count: 0 };
        }
        let has_room = self.count < most;
        self.count = self.count.saturating_add(has_room.into());
        has_room
    }

    /// Returns whether an event at `now` would begin another second.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        now.since(self.since) >= SECOND
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_as_allowed_in_each_second() {
        let mut rate = Rate::NONE;
        let at = |ms| Instant::ZERO.after(Micros::from_millis(ms));
        let mut taken = |ms| (0..5).filter(|_| rate.take(at(ms), 3)).count();
        assert_eq!([500, 1_000, 1_999].map(&mut taken), [3, 3, 0], "the clock began at 0");
        assert_eq!([2_000, 9_000].map(&mut taken), [3, 3]);
        assert!(!rate.is_over(at(9_999)));
        assert!(rate.is_over(at(10_000)));
    }
}
