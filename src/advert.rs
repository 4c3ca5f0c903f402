// SPDX-License-Identifier: BSD-2-Clause
//! What a path does after adverts and answers to beacons: it sends IDENTIFY.
//!
//! An advert may come from another disk than the path was identified as, so it
//! stops I/O at once, however soon it follows the last one. Only the rate of
//! events and of IDENTIFY is limited: these are postponed, never dropped.

use crate::time::{Instant, Micros};

/// Least time between IDENTIFYs that do not stop I/O, and between events that
/// report an advert.
const INTERVAL: Micros = Micros::from_secs(1);

/// The adverts of one path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Adverts {
    /// One came while an IDENTIFY was outstanding, whose answer may be older.
    doubted: bool,
    /// An answer was set aside for that, since I/O was stopped.
    set_aside: bool,
    told_at: Option<Instant>,
    asked_at: Option<Instant>,
    /// When a postponed IDENTIFY is due.
    again_at: Instant,
}

impl Adverts {
    /// Nothing came.
    pub(crate) const NONE: Self = Self {
        doubted: false,
        set_aside: false,
        told_at: None,
        asked_at: None,
        again_at: Instant::NEVER,
    };

    /// Whether an advert is worth an event.
    pub(crate) fn is_news(&mut self, now: Instant) -> bool {
        let news = self.told_at.is_none_or(|at| at.after(INTERVAL) <= now);
        if news {
            self.told_at = Some(now);
        }
        news
    }

    /// An advert came while an IDENTIFY was outstanding.
    pub(crate) fn doubt(&mut self) {
        self.doubted = true;
    }

    /// A new IDENTIFY begins, with I/O stopped.
    pub(crate) fn on_ask(&mut self) {
        (self.doubted, self.set_aside) = (false, false);
    }

    /// Whether the answer may be older than an advert, so that another one must
    /// follow. Only once, or a flood would stop I/O for ever: the second IDENTIFY
    /// was sent after the first of the adverts.
    pub(crate) fn sets_aside(&mut self) -> bool {
        let aside = self.doubted && !self.set_aside;
        if aside {
            (self.doubted, self.set_aside) = (false, true);
        }
        aside
    }

    /// I/O continues. IDENTIFY for adverts received meanwhile follows a little later.
    pub(crate) fn on_raised(&mut self, now: Instant) {
        if self.doubted {
            self.again_at = self.again_at.min(now.after(INTERVAL));
        }
        self.on_ask();
    }

    /// A beacon was answered: whether to send IDENTIFY now, without stopping I/O.
    pub(crate) fn asks_now(&mut self, now: Instant) -> bool {
        let next = self.asked_at.map_or(now, |at| at.after(INTERVAL));
        if now < next {
            self.again_at = self.again_at.min(next);
            return false;
        }
        self.asked_at = Some(now);
        true
    }

    /// When a postponed IDENTIFY is due.
    pub(crate) fn due(&self) -> Instant {
        self.again_at
    }

    /// The postponed IDENTIFY is sent.
    pub(crate) fn on_due(&mut self, now: Instant) {
        self.again_at = Instant::NEVER;
        self.asked_at = Some(now);
    }
}
