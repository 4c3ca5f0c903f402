// SPDX-License-Identifier: BSD-2-Clause
//! GEOM's tasting: reads with a short time limit, and tasting again once such
//! reads are answered.

use super::notice::Notice;
use super::{Life, Target};
use crate::output::IoError;
use crate::time::{Instant, Micros};

/// Time between two reads that find out whether reads are answered again; doubled, up
/// to the longest, while the target refuses them.
const ASK_WAIT: Micros = Micros::from_secs(1);
const ASK_LONGEST: Micros = Micros::from_secs(60);
/// Minimum time between two calls for GEOM to taste the disk; doubled, up to the
/// longest, while tasting keeps failing, since each call may block GEOM for
/// `taste_wait`.
const CALL_WAIT: Micros = Micros::from_secs(10);
const CALL_LONGEST: Micros = Micros::from_secs(640);
/// After this time a call no longer doubles the wait for the next one.
const CALL_FORGOTTEN: Micros = Micros::from_secs(1280);

/// The results of GEOM's reads of a disk that it has just opened. GEOM's only
/// event thread waits for such reads, so they must not wait for `maxwait`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tasting {
    /// When the first read since the open was submitted.
    first_read_at: Option<Instant>,
    /// A read has been answered since then.
    has_read: bool,
    /// When a read was last given up, if none has been answered since.
    failed_at: Option<Instant>,
    /// A class failed to read or open the disk, and does not retry: GEOM must be called.
    is_owed: bool,
    /// When to find out whether reads are answered.
    ask_at: Instant,
    ask_wait: Micros,
    called_at: Instant,
    call_wait: Micros,
}

impl Tasting {
    pub(super) const NONE: Self = Self {
        first_read_at: None,
        has_read: false,
        failed_at: None,
        is_owed: false,
        ask_at: Instant::ZERO,
        ask_wait: ASK_WAIT,
        called_at: Instant::ZERO,
        call_wait: Micros(0),
    };

    pub(super) fn on_open(&mut self) {
        self.first_read_at = None;
        self.has_read = false;
    }

    /// Whether a read was given up less than `wait` ago, and none answered since.
    pub(super) fn is_deaf(&self, wait: Micros, now: Instant) -> bool {
        self.failed_at.is_some_and(|at| now < at.after(wait))
    }

    /// A read was answered.
    #[inline]
    pub(super) fn on_read(&mut self) {
        if !self.has_read || self.failed_at.is_some() {
            self.has_read = true;
            self.failed_at = None;
        }
    }

    /// Records that a GEOM class gave up without having read the disk.
    pub(super) fn on_missed(&mut self, now: Instant) {
        if !core::mem::replace(&mut self.is_owed, true) {
            self.ask_wait = ASK_WAIT;
            self.ask_at = now.max(self.called_at.after(self.call_wait));
        }
    }

    /// Resets the state for a new disk, which GEOM tastes when it is created.
    pub(super) fn on_new_disk(&mut self) {
        *self = Self { called_at: self.called_at, call_wait: self.call_wait, ..Self::NONE };
    }
}

impl Target<'_> {
    /// Returns when a tasting read that is submitted now gives up. Until a read has been
    /// answered since the open, all such reads share the deadline of the first; after
    /// that, each has its own.
    pub fn begin_taste(&mut self, now: Instant) -> Instant {
        let wait = self.settings.taste_wait;
        let tasting = &mut self.tasting;
        if tasting.has_read {
            return now.after(wait);
        }
        let until = tasting.first_read_at.get_or_insert(now).after(wait);
        if now < until || tasting.is_deaf(wait, now) {
            return until;
        }
        tasting.first_read_at = Some(now);
        now.after(wait)
    }

    /// Fails tasting reads that are due to give up, and finds out whether reads are
    /// answered again.
    pub(super) fn tick_tasting(&mut self, now: Instant) {
        while let Some(io) = self.ios.next_given_up(now) {
            self.release_all_of(io, now);
            self.ios.fail_one(io, IoError::Io);
            self.tasting.failed_at = Some(now);
            self.tasting.on_missed(now);
        }
        if self.taste_deadline() <= now {
            self.ask_for_taste(now);
        }
    }

    /// Reads a sector, by a fence, to find out whether reads are answered. Nothing else
    /// reads a disk on which no class found anything.
    fn ask_for_taste(&mut self, now: Instant) {
        self.tasting.ask_at = now.after(self.tasting.ask_wait);
        if let Some(path) = self.paths.iter_mut().find(|p| p.is_up()) {
            path.fence_wanted = path.fence_wanted.max(path.last_seq().max(1));
        }
    }

    /// Returns when to find out whether GEOM can taste the disk again. Never while the disk
    /// is open, since tasting would spoil its consumers.
    pub(super) fn taste_deadline(&self) -> Instant {
        let due = self.tasting.is_owed && self.life == Life::Up && !self.is_open;
        if due { self.tasting.ask_at } else { Instant::NEVER }
    }

    /// Handles the answer to a read of one sector. A success may lead to a call for tasting.
    pub(super) fn on_sector_answered(&mut self, success: bool, now: Instant) {
        let tasting = &mut self.tasting;
        if !tasting.is_owed {
            return;
        }
        if !success {
            tasting.ask_wait = tasting.ask_wait.backed_off(1, ASK_LONGEST);
            return;
        }
        if self.life != Life::Up || self.is_open || now < tasting.called_at.after(tasting.call_wait)
        {
            return;
        }
        let failed_again = now < tasting.called_at.after(CALL_FORGOTTEN);
        let doubled = tasting.call_wait.backed_off(1, CALL_LONGEST).max(CALL_WAIT);
        let call_wait = if failed_again { doubled } else { CALL_WAIT };
        *tasting = Tasting { called_at: now, call_wait, ..Tasting::NONE };
        self.tell(Notice::Retaste);
    }
}
