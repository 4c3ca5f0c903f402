// SPDX-License-Identifier: BSD-2-Clause
//! The order of a path's answers, and the delay of overtaken ones.
//!
//! A target that works on several requests at once may answer them out of order.
//! If the network keeps the order, a target that answers the later request has
//! received the earlier one and is working on it: this file measures how much
//! longer the earlier one takes. While requests are outstanding and none is
//! answered, the whole target may be stalled, so only a small part of such a
//! silence counts. This file deals with sequence numbers and times, not with
//! writes and their copies.

use crate::rtt::Rtt;
use crate::time::{Instant, Micros, Stamp};

/// How long a path that answered out of order is distrusted.
pub(crate) const DISTRUST: Micros = Micros::from_secs(600);
/// Number of later answers after which an earlier request is considered lost: the
/// initial value, and the most that reordering raises it to.
const LIMIT_MIN: u64 = 3;
const LIMIT_MAX: u64 = 256;
/// An overtaken request can no longer be executed after this multiple of the worst
/// delay, but not before the minimum.
const TIMES: u64 = 4;
const LEAST: Micros = Micros::from_millis(20);
/// Upper limit of the two time-outs in the wait; a stall lengthens time-outs, too.
const TIMEOUTS_MOST: Micros = Micros::from_millis(400);
/// The multiple and the minimum if the network reorders frames: it may still hold
/// a request that the target has not received.
const NETWORK_TIMES: u64 = 16;
const NETWORK_LEAST: Micros = Micros::from_millis(200);
/// Number of marks, a sixteenth of the wait apart: they cover twice the wait.
const MARKS: usize = 32;

/// The newest answered request at a point in the path's time, which is clock time
/// without most of each silence.
#[derive(Clone, Copy, Debug)]
struct Mark {
    seq: u64,
    at: Instant,
}

/// The low halves of a mark, relative to a later one. A mark more than 71 minutes
/// older appears younger than it is, which only lengthens the wait.
#[derive(Clone, Copy, Debug)]
struct Past {
    seq: u32,
    at: Stamp,
}

impl Past {
    const fn of(mark: Mark) -> Self {
        Self { seq: low_half(mark.seq), at: Stamp::of(mark.at) }
    }

    fn before(self, newest: Mark) -> Mark {
        let behind = u64::from(low_half(newest.seq).wrapping_sub(self.seq));
        let age = self.at.age(newest.at).0;
        Mark {
            seq: newest.seq.saturating_sub(behind),
            at: Instant::from_micros(newest.at.as_micros().saturating_sub(age)),
        }
    }
}

/// The order of a path's answers, as observed.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Order {
    newest: Mark,
    /// Clock time of the next mark, for which the newest answer is used. Until then, an
    /// answer in order changes `newest` only, and no silence is recorded.
    mark_at: Instant,
    /// Clock time of the last answer that was not handled by `is_next()`.
    heard_at: Instant,
    /// The difference between the clock and the path's time.
    silent: Micros,
    /// Answers that may overtake a request before it is considered lost.
    limit: u64,
    distrusted_until: Instant,
    /// Until when the network is assumed to reorder frames.
    network_until: Instant,
    /// The worst delay of this period and of the one before it: together they
    /// reach back for ten minutes at least.
    worst: Micros,
    worst_before: Micros,
    period_ends: Instant,
    /// The time after which an overtaken request can no longer be executed.
    wait: Micros,
    /// The mark that is replaced next: the oldest.
    oldest: u8,
    marks: [Past; MARKS],
}

impl Order {
    /// Nothing was sent yet.
    pub(crate) const NEW: Self = Self::since(0);

    /// Returns the order of a path whose next transmission is the one after `seq`.
    pub(crate) const fn since(seq: u64) -> Self {
        Self {
            newest: Mark { seq, at: Instant::ZERO },
            mark_at: Instant::ZERO,
            heard_at: Instant::ZERO,
            silent: Micros(0),
            limit: LIMIT_MIN,
            distrusted_until: Instant::ZERO,
            network_until: Instant::ZERO,
            worst: Micros(0),
            worst_before: Micros(0),
            period_ends: Instant::ZERO,
            wait: LEAST,
            oldest: 0,
            marks: [Past::of(Mark { seq, at: Instant::ZERO }); MARKS],
        }
    }

    /// Records the answer to transmission `seq`, sent `age` ago, which arrived after
    /// `silence`. `age` is `None` if the answer shows nothing about the order.
    #[cold]
    #[inline(never)]
    pub(crate) fn on_answered(
        &mut self,
        seq: u64,
        age: Option<Micros>,
        silence: Micros,
        rtt: &Rtt,
        now: Instant,
    ) {
        let counts = self.silence();
        if silence > counts {
            let silence = silence.min(now.since(self.heard_at())).max(counts);
            self.silent = Micros(self.silent.0.saturating_add(silence.0.saturating_sub(counts.0)));
        }
        self.heard_at = now;
        if seq >= self.newest.seq {
            if self.mark_at <= now {
                self.mark(rtt, now);
            }
            self.newest = Mark { seq, at: self.time(now) };
        } else if let Some(age) = age {
            self.on_overtaken(seq, age, now);
            self.weigh(rtt, now);
        }
    }

    /// Handles an answer that came soon and in order. Returns false for any other
    /// answer, which `on_answered()` must handle.
    #[inline]
    pub(crate) fn is_next(&mut self, seq: u64, now: Instant) -> bool {
        let is_next = seq >= self.newest.seq && now < self.mark_at;
        if is_next {
            self.newest = Mark { seq, at: self.time(now) };
        }
        is_next
    }

    /// Whether a later request was answered.
    #[inline]
    pub(crate) fn is_overtaken(&self, seq: u64) -> bool {
        seq < self.newest.seq
    }

    /// Whether enough later requests were answered to consider `seq` lost.
    #[inline]
    pub(crate) fn is_lost(&self, seq: u64) -> bool {
        seq.saturating_add(self.limit) <= self.newest.seq
    }

    /// Records that the network itself appears to have reordered frames.
    pub(crate) fn on_network(&mut self, now: Instant) {
        self.network_until = now.after(DISTRUST);
    }

    /// Returns the longest remembered delay by which an answer followed a later request's.
    pub(crate) fn worst(&self) -> Micros {
        self.worst.max(self.worst_before)
    }

    /// Returns when copy `seq` can no longer be executed. [`Instant::NEVER`] until a later
    /// request is answered; then at once if order is kept, otherwise after a wait. Until
    /// an answer shows that the target worked during the wait, the time returned is that
    /// at which the path is trusted again.
    pub(crate) fn over_at(&self, seq: u64) -> Instant {
        if !self.is_overtaken(seq) {
            return Instant::NEVER;
        }
        if self.distrusted_until == Instant::ZERO {
            return Instant::ZERO;
        }
        let over_at = self.may_be_over_at(seq);
        // If no answer follows, only this much of the silence counts.
        let is_known = over_at <= self.heard_at().after(self.silence());
        if is_known { over_at } else { self.distrusted_until }
    }

    /// Returns the same for an overtaken copy, on condition that the target works until
    /// then, which an answer at that time shows.
    pub(crate) fn may_be_over_at(&self, seq: u64) -> Instant {
        self.overtaken_at(seq).after(self.wait).after(self.silent)
    }

    fn on_overtaken(&mut self, seq: u64, age: Micros, now: Instant) {
        let distance = self.newest.seq.wrapping_sub(seq).saturating_add(LIMIT_MIN);
        self.limit = self.limit.max(distance).min(LIMIT_MAX);
        self.distrusted_until = now.after(DISTRUST);
        if self.period_ends <= now {
            let is_recent = now < self.period_ends.after(DISTRUST);
            self.worst_before = if is_recent { self.worst } else { Micros(0) };
            self.worst = Micros(0);
            self.period_ends = now.after(DISTRUST);
        }
        let delay = self.time(now).since(self.not_overtaken_at(seq)).min(age);
        self.worst = self.worst.max(delay);
    }

    fn weigh(&mut self, rtt: &Rtt, now: Instant) {
        let (times, least) = match now < self.network_until {
            true => (NETWORK_TIMES, NETWORK_LEAST),
            false => (TIMES, LEAST),
        };
        let several = Micros(self.worst().0.saturating_mul(times));
        self.wait = several.max(least).max(rtt.rto().backed_off(1, TIMEOUTS_MOST));
    }

    /// Remembers the previous newest answer.
    fn mark(&mut self, rtt: &Rtt, now: Instant) {
        if let Some(mark) = self.marks.get_mut(usize::from(self.oldest)) {
            *mark = Past::of(self.newest);
        }
        self.oldest = self.oldest.wrapping_add(1) & MARKS_MASK;
        self.weigh(rtt, now);
        self.mark_at = now.after(Micros(self.wait.0 >> 4));
    }

    /// Returns the clock time of the last answer.
    fn heard_at(&self) -> Instant {
        self.heard_at.max(self.newest.at.after(self.silent))
    }

    /// Converts clock time to the path's time.
    const fn time(&self, now: Instant) -> Instant {
        Instant::from_micros(now.since(Instant::from_micros(self.silent.0)).0)
    }

    /// Returns how much of a silence counts: an eighth of the wait, so that a silence
    /// cannot end the wait.
    const fn silence(&self) -> Micros {
        Micros(self.wait.0 >> 3)
    }

    /// Returns the marks, oldest first, and then the newest answer.
    fn history(&self) -> impl Iterator<Item = Mark> {
        let (new, old) = self.marks.split_at_checked(usize::from(self.oldest)).unwrap_or_default();
        let past = old.iter().chain(new).map(|past| past.before(self.newest));
        past.chain([self.newest])
    }

    /// Returns the earliest time at which `seq` is known to have been overtaken.
    fn overtaken_at(&self, seq: u64) -> Instant {
        self.history().find(|m| seq < m.seq).map_or(Instant::NEVER, |m| m.at)
    }

    /// Returns the last time at which `seq` is known not to have been overtaken.
    fn not_overtaken_at(&self, seq: u64) -> Instant {
        let earlier = self.history().take_while(|m| m.seq <= seq);
        earlier.last().map_or(Instant::ZERO, |m| m.at)
    }
}

/// Wraps the number of a mark.
const MARKS_MASK: u8 = 31;
static_assertions::const_assert_eq!(MARKS, 32);

/// Returns the low half of a count of transmissions.
#[expect(clippy::as_conversions, reason = "only the low half is wanted")]
pub(crate) const fn low_half(seq: u64) -> u32 {
    seq as u32
}

#[cfg(test)]
mod tests;
