// SPDX-License-Identifier: BSD-2-Clause
//! Errors and refusals that the target returns for I/O.
//!
//! A refusal is reported when it begins, and again when it recurs after I/O of
//! the refused kind succeeded. Disk errors are reported as they occur. Each is
//! reported at most once a minute. Of the errors within that minute, the last is
//! reported when the minute is over. A refusal that began within the minute is
//! reported the next time that I/O is refused after it.

use super::Target;
use crate::io::Op;
use crate::output::Event;
use crate::time::{Instant, Micros};

/// Least time between two reports of the same condition.
const REST: Micros = Micros::from_secs(60);

/// One kind of refusal. `of` is the I/O that was refused, while the refusal holds.
#[derive(Clone, Copy, Debug)]
struct Refusal {
    of: Option<Op>,
    is_told: bool,
    rests_until: Instant,
}

impl Refusal {
    const NONE: Self = Self { of: None, is_told: false, rests_until: Instant::ZERO };

    /// Records that I/O was refused. Returns whether to report it now.
    fn begin(&mut self, op: Op, now: Instant) -> bool {
        self.of = Some(op);
        if self.is_told || now < self.rests_until {
            return false;
        }
        self.is_told = true;
        self.rests_until = now.after(REST);
        true
    }

    /// Records that I/O succeeded, which ends a refusal of the same kind of I/O.
    fn end(&mut self, op: Op) {
        if self.of == Some(op) {
            self.of = None;
            self.is_told = false;
        }
    }
}

/// The target's errors and refusals, and which of them were reported.
#[derive(Debug)]
pub(super) struct Trouble {
    read_only: Refusal,
    reserved: Refusal,
    version: Refusal,
    /// The LBA of the last unreported error.
    error: Option<u64>,
    errors_rest_until: Instant,
}

impl Trouble {
    pub(super) const NONE: Self = Self {
        read_only: Refusal::NONE,
        reserved: Refusal::NONE,
        version: Refusal::NONE,
        error: None,
        errors_rest_until: Instant::ZERO,
    };

    /// Whether writes are refused.
    pub(super) fn is_read_only(&self) -> bool {
        self.read_only.of.is_some()
    }

    /// Whether another host has reserved the target.
    pub(super) fn is_reserved(&self) -> bool {
        self.reserved.of.is_some()
    }

    /// Returns when to report an unreported error.
    pub(super) fn deadline(&self) -> Instant {
        if self.error.is_some() { self.errors_rest_until } else { Instant::NEVER }
    }
}

impl Target<'_> {
    /// Forgets all conditions, since the disk is another one.
    pub(super) fn forget_trouble(&mut self) {
        self.seen = super::Seen::default();
        self.trouble = Trouble::NONE;
        self.is_refused = false;
    }

    /// Handles an I/O that the target failed: `event` is the reason, `value` a detail or
    /// the LBA.
    #[cold]
    pub(super) fn on_trouble(&mut self, event: Event, value: u64, op: Op, now: Instant) {
        self.stir();
        let trouble = &mut self.trouble;
        let refusal = match event {
            Event::ReadOnly => &mut trouble.read_only,
            Event::Reserved => &mut trouble.reserved,
            Event::Version => &mut trouble.version,
            _ => {
                trouble.error = Some(value);
                return self.tick_trouble(now);
            }
        };
        let news = refusal.begin(op, now);
        self.is_refused = true;
        if news {
            self.tell_event(event, None, value);
        }
    }

    /// Records that an I/O succeeded: a refusal of its kind may have ended.
    #[inline]
    pub(super) fn on_done(&mut self, op: Op) {
        if self.is_refused {
            self.end_refusals(op);
        }
    }

    #[cold]
    fn end_refusals(&mut self, op: Op) {
        let trouble = &mut self.trouble;
        let mut refusals = [&mut trouble.read_only, &mut trouble.reserved, &mut trouble.version];
        refusals.iter_mut().for_each(|r| r.end(op));
        self.is_refused = refusals.iter().any(|r| r.of.is_some());
    }

    /// Reports the last unreported error, unless one was reported recently.
    pub(super) fn tick_trouble(&mut self, now: Instant) {
        if now < self.trouble.errors_rest_until {
            return;
        }
        if let Some(lba) = self.trouble.error.take() {
            self.trouble.errors_rest_until = now.after(REST);
            self.tell_event(Event::DiskError, None, lba);
        }
    }
}
