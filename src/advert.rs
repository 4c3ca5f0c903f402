// SPDX-License-Identifier: BSD-2-Clause
//! What a path does after adverts and answers to beacons: it sends IDENTIFY.
//!
//! After an advert, the path may lead to another disk than before, so each advert
//! stops I/O at once, however soon it follows the last one. Only two things are
//! limited in rate: events that report an advert, and IDENTIFYs that do not stop I/O.
//! Such an IDENTIFY is postponed, never dropped.

use crate::time::{Instant, Micros};

/// Minimum time between IDENTIFYs that do not stop I/O, and between events that
/// report an advert.
const INTERVAL: Micros = Micros::from_secs(1);

/// What is remembered of one path's adverts and answers to beacons.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Adverts {
    /// An advert came while an IDENTIFY was outstanding, whose answer may be older
    /// than the advert.
    doubted: bool,
    /// Since I/O was stopped, an answer was set aside for that reason.
    set_aside: bool,
    told_at: Option<Instant>,
    asked_at: Option<Instant>,
    /// When a postponed IDENTIFY is due.
    again_at: Instant,
}

impl Adverts {
    /// A path without adverts and answers to beacons so far.
    pub(crate) const NONE: Self = Self {
        doubted: false,
        set_aside: false,
        told_at: None,
        asked_at: None,
        again_at: Instant::NEVER,
    };

    /// Returns whether to report an advert that came now.
    pub(crate) fn is_news(&mut self, now: Instant) -> bool {
        let news = self.told_at.is_none_or(|at| at.after(INTERVAL) <= now);
        if news {
            self.told_at = Some(now);
        }
        news
    }

    /// Notes that an advert came while an IDENTIFY was outstanding.
    pub(crate) fn doubt(&mut self) {
        self.doubted = true;
    }

    /// Notes that a new IDENTIFY begins, with I/O stopped.
    pub(crate) fn on_ask(&mut self) {
        (self.doubted, self.set_aside) = (false, false);
    }

    /// Returns whether to set an answer to IDENTIFY aside and send another IDENTIFY,
    /// since the answer may be older than an advert. This happens only once, or a
    /// flood of adverts would stop I/O for ever; once is enough, since the second
    /// IDENTIFY is sent after the first of the adverts.
    pub(crate) fn sets_aside(&mut self) -> bool {
        let aside = self.doubted && !self.set_aside;
        if aside {
            (self.doubted, self.set_aside) = (false, true);
        }
        aside
    }

    /// Notes that I/O continues. If adverts came meanwhile, the IDENTIFY for them
    /// follows a second later.
    pub(crate) fn on_raised(&mut self, now: Instant) {
        if self.doubted {
            self.again_at = self.again_at.min(now.after(INTERVAL));
        }
        self.on_ask();
    }

    /// Notes that a beacon was answered. Returns whether to send IDENTIFY now,
    /// without stopping I/O.
    pub(crate) fn asks_now(&mut self, now: Instant) -> bool {
        let next = self.asked_at.map_or(now, |at| at.after(INTERVAL));
        if now < next {
            self.again_at = self.again_at.min(next);
            return false;
        }
        self.asked_at = Some(now);
        true
    }

    /// Returns when the postponed IDENTIFY is due.
    pub(crate) fn due(&self) -> Instant {
        self.again_at
    }

    /// Notes that the postponed IDENTIFY is sent.
    pub(crate) fn on_due(&mut self, now: Instant) {
        self.again_at = Instant::NEVER;
        self.asked_at = Some(now);
    }
}
