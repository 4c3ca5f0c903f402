// SPDX-License-Identifier: BSD-2-Clause
//! One path: a local interface and a remote MAC address.
//!
//! It holds the path's round-trip time, window, payload, order and health, and the
//! one management request that may be outstanding. It does not deal with I/Os, and
//! decides nothing about the target as a whole.

use crate::advert::Adverts;
use crate::histogram::Histogram;
use crate::list::List;
use crate::reorder::{Order, low_half};
use crate::rtt::Rtt;
use crate::slot::{LinkId, PATHS, PathId, RequestId};
use crate::table::Table;
use crate::time::{Instant, Micros};
use crate::unfit::Unfit;
use crate::window::{Asker, Beside, Window};
use crate::wire::{Mac, Route, Tag};

pub(crate) use counters::Counters;

/// A path is sent IDENTIFY when an expected answer has been missing for this long.
pub(crate) const SILENCE: Micros = Micros::from_secs(1);
/// A path is down when an expected answer has been missing for this long.
pub(crate) const DOWN: Micros = Micros::from_secs(5);
/// After this many silences without an answer to I/O in between, a path is sent a read.
pub(crate) const SILENCES: u8 = 3;
/// An idle path that missed three beacons is sent IDENTIFY.
const IDLE: Micros = Micros::from_secs(180);
/// After this many consecutive time-outs, a path is used only if there is no better one.
const SHAKEN: u8 = 2;
/// The payload steps down after this many consecutive losses of large frames, if small
/// ones get through.
pub(crate) const LARGE_LOSSES: u8 = 3;
/// Payload that a path uses without a probe, in blocks of 512 bytes, if MTU and target
/// allow it and the disk has no larger sectors: two fit the standard MTU of 1500 bytes.
pub(crate) const MIN_PAYLOAD: u8 = 2;
/// Time between attempts at a larger payload.
pub(crate) const PROBE_INTERVAL: Micros = Micros::from_secs(60);
/// Upper limit of the retransmission timeout, with back-off.
const RTO_LIMIT: Micros = Micros::from_secs(2);

/// The state of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Answers, but carries no I/O: it leads to another disk, or to two, reports another
    /// size, or cannot be used (`unfit`).
    Conflict,
    /// No answers come, or the link is down; sent IDENTIFY periodically.
    Down {
        since: Instant,
    },
    Free,
    /// Being identified; carries no I/O.
    Identifying {
        since: Instant,
    },
    Up,
}

/// The purpose of a path's management request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A one-sector read whose two answers are compared.
    Compare,
    /// A one-sector read whose answer helps to resolve every earlier copy of a write.
    Fence,
    /// SET FEATURES, to turn the write cache on or off.
    Features { enable: bool },
    /// IDENTIFY.
    Identify,
    /// A read of this many blocks of 512 bytes, by a request as long as the answer.
    Probe { sectors: u8 },
    /// A one-sector read, to find out whether I/O is answered again.
    Try,
}

/// A path's management request. All its transmissions have the same tag.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Management {
    pub(crate) purpose: Purpose,
    pub(crate) tag: Tag,
    /// The path's count of transmissions at the request's first one; 0 before that.
    pub(crate) seq: u64,
    pub(crate) sent_at: Instant,
    pub(crate) tries: u8,
    /// When to send or retransmit it.
    pub(crate) due: Instant,
}

/// The path slots of a target.
pub type Paths = Table<Path, PathId, PATHS>;

/// A path slot; the fields that every frame accesses come first.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Path {
    pub(crate) state: State,
    pub(crate) mac: Mac,
    pub(crate) link: LinkId,
    /// The template of its frames' headers.
    pub(crate) route: Route,
    /// It was identified as a path to the target's disk, and not in conflict since.
    pub(crate) is_admitted: bool,
    /// To be identified again without interrupting I/O.
    pub(crate) recheck: bool,
    pub(crate) features_wanted: Option<bool>,
    /// A sector is to be read, so that its two answers can be compared.
    pub(crate) compare_wanted: bool,
    /// Largest payload that MTU and target allow, in blocks, as a multiple of the sector
    /// size; 0 if they allow less than a sector.
    pub(crate) limit: u8,
    /// Payload that is known to get through, in blocks, as a multiple of the sector size.
    pub(crate) payload: u8,
    /// Blocks per sector of the disk, as last identified on this path.
    unit: u8,
    pub(crate) large_losses: u8,
    /// Large frames were lost, then small ones got through, and no large one was
    /// answered since. Either there was an outage, or large frames do not get through.
    pub(crate) is_doubted: bool,
    backoff: u8,
    /// Outstanding requests, oldest first.
    pub(crate) flight: List<RequestId>,
    /// Number of outstanding flushes, which are in the target's `slow` list.
    pub(crate) slow: u16,
    pub(crate) window: Window,
    /// Outstanding management requests, those of aoectl(8) included.
    pub(crate) beside: Beside,
    pub(crate) rtt: Rtt,
    /// Size of the disk in blocks, as last reported on this path.
    pub(crate) sectors: u64,
    /// If not 0: a fence is wanted, for copies up to this transmission.
    pub(crate) fence_wanted: u64,
    seq: u64,
    pub(crate) order: Order,
    pub(crate) last_heard: Instant,
    /// Since when an expected answer has been missing; `NEVER` if none is expected.
    waiting_since: Instant,
    /// When the retransmission timer last ran out. It then starts again, so that one
    /// loss is declared per time-out.
    timer_from: Instant,
    pub(crate) counters: Counters,
    pub(crate) management: Option<Management>,
    pub(crate) probe_at: Instant,
    /// When the first of the unanswered probes was sent; `NEVER` if there is none.
    pub(crate) probed_at: Instant,
    pub(crate) adverts: Adverts,
    /// The counters at the last check for doubled answers.
    pub(crate) weighed: Counters,
    /// Larger size of an open disk that its last answer reported, in blocks.
    pub(crate) grown: u64,
    /// Number of further answers that must report this size before it is accepted.
    pub(crate) growing: u8,
    /// Number of IDENTIFYs that must get a single answer each before the path is used
    /// again, since two disks answered.
    pub(crate) disputed: u8,
    /// Counts the uses of this slot.
    pub(crate) epoch: u16,
    /// The tag of its last answer to IDENTIFY.
    pub(crate) said_tag: Tag,
    /// Its last answer to IDENTIFY was the last that `disputed` required. A second
    /// answer to the same IDENTIFY shows that there are still two disks.
    pub(crate) is_watched: bool,
    pub(crate) sector_count: u8,
    /// The smallest payload that failed, in blocks; 0 if none did.
    pub(crate) too_large: u8,
    /// It was reported as up, and not as down since.
    pub(crate) told_up: bool,
    /// The loss of large frames was reported.
    pub(crate) hole_told: bool,
    /// It was set aside because it reports another size than the live paths.
    pub(crate) is_aside: bool,
    /// Since it was set aside, a live path was identified again with its size unchanged.
    /// So this path leads to another disk, whatever its serial number and model.
    pub(crate) is_refuted: bool,
    /// Consecutive silences in which it answered IDENTIFY, but no I/O.
    pub(crate) silences: u8,
    /// It answers IDENTIFY but no I/O: not used until it answers a read.
    pub(crate) is_deaf: bool,
    /// It answered that read, and no I/O since.
    pub(crate) is_choosy: bool,
    /// Its conflict was reported.
    pub(crate) conflict_told: bool,
    /// Nearly every request is answered twice, with equal data.
    pub(crate) is_doubled: bool,
    /// Messages that the target's port can queue, by its config answer.
    pub(crate) buffers: u16,
    /// Another path leads to the same port of the target, which has one queue.
    pub(crate) is_shared: bool,
    /// Why it carries no I/O although it was identified.
    pub(crate) unfit: Option<Unfit>,
    /// Response times, flushes excluded.
    pub(crate) histogram: Histogram,
}

impl Path {
    /// An unused slot.
    pub const FREE: Self = Self {
        state: State::Free,
        link: LinkId(0),
        mac: Mac([0; 6]),
        route: Route::NONE,
        epoch: 0,
        is_admitted: false,
        told_up: false,
        recheck: false,
        fence_wanted: 0,
        features_wanted: None,
        management: None,
        rtt: Rtt::NEW,
        window: Window::MIN,
        flight: List::EMPTY,
        slow: 0,
        beside: Beside::NONE,
        seq: 0,
        order: Order::NEW,
        backoff: 0,
        last_heard: Instant::ZERO,
        waiting_since: Instant::NEVER,
        timer_from: Instant::ZERO,
        sector_count: MIN_PAYLOAD,
        limit: MIN_PAYLOAD,
        payload: MIN_PAYLOAD,
        unit: 1,
        too_large: 0,
        hole_told: false,
        probe_at: Instant::ZERO,
        probed_at: Instant::NEVER,
        large_losses: 0,
        is_doubted: false,
        is_aside: false,
        is_refuted: false,
        silences: 0,
        is_deaf: false,
        is_choosy: false,
        sectors: 0,
        adverts: Adverts::NONE,
        buffers: 0,
        is_shared: false,
        counters: Counters::NONE,
        weighed: Counters::NONE,
        said_tag: Tag(0),
        disputed: 0,
        grown: 0,
        growing: 0,
        is_watched: false,
        conflict_told: false,
        is_doubled: false,
        compare_wanted: false,
        unfit: None,
        histogram: Histogram::EMPTY,
    };

    /// Starts a new use of the slot. The count of transmissions continues, so that
    /// a copy of an earlier use cannot be mistaken for one of this.
    pub(crate) fn open(&mut self, link: LinkId, mac: Mac, now: Instant) {
        *self = Self {
            state: State::Identifying { since: now },
            link,
            mac,
            epoch: self.epoch.wrapping_add(1),
            seq: self.seq,
            order: Order::since(self.seq),
            last_heard: now,
            // If two disks answered at this address, both may still do.
            disputed: if (self.link, self.mac) == (link, mac) { self.disputed } else { 0 },
            ..Self::FREE
        };
    }

    /// Whether I/O may use it.
    pub(crate) fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// Whether no management request is outstanding, due or wanted.
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        self.state == State::Free
            || self.state == State::Up
                && self.management.is_none()
                && self.payload >= self.limit
                && !self.recheck
                && !self.compare_wanted
                && self.fence_wanted == 0
                && self.features_wanted.is_none()
    }

    /// Whether an answer is expected. Optional commands and probes do not count: a target
    /// may ignore the former, and the size of the latter may be why they are lost.
    #[inline]
    pub(crate) fn is_busy(&self) -> bool {
        !self.flight.is_empty() || self.slow != 0 || self.is_asked()
    }

    fn is_asked(&self) -> bool {
        let asked =
            |m: &Management| m.seq != 0 && matches!(m.purpose, Purpose::Fence | Purpose::Identify);
        self.management.as_ref().is_some_and(asked)
    }

    /// Whether the management request is a fence, or an IDENTIFY, which precedes a fence.
    pub(crate) fn is_fenced_or_asked(&self) -> bool {
        self.management.is_some_and(|m| matches!(m.purpose, Purpose::Fence | Purpose::Identify))
    }

    /// Whether the window and the target's queue have room for another frame of I/O.
    pub(crate) fn has_room(&self) -> bool {
        u32::from(self.flight.len()) < self.window.frames() && self.has_place()
    }

    /// Whether the target can queue another frame of any kind. A flush or a management
    /// request takes a place in the queue, but not in the window, which may be smaller
    /// because of losses: a flush may be outstanding for long, and a management request
    /// shows nothing about losses.
    #[inline]
    fn has_place(&self) -> bool {
        self.places() < self.window.ceiling()
    }

    /// Number of outstanding I/O requests, flushes included.
    pub(crate) fn in_flight(&self) -> u32 {
        u32::from(self.flight.len()).wrapping_add(u32::from(self.slow))
    }

    /// Number of places taken in the target's queue.
    #[inline]
    pub(crate) fn places(&self) -> u32 {
        self.in_flight().wrapping_add(self.beside.frames())
    }

    /// Whether a management request may be sent. On a path that carries no I/O, for
    /// example because it fell silent, outstanding frames do not prevent it.
    pub(crate) fn may_ask(&self) -> bool {
        !self.is_up() || self.has_place()
    }

    /// Records that a management request was sent, to be retransmitted after `wait`. On
    /// a path without I/O, this may continue for ever. So there it takes a place in the
    /// queue for half of `wait` at most, and leaves it to other paths to the same port
    /// for the rest.
    pub(crate) fn on_asked(&mut self, asker: Asker, wait: Micros, now: Instant) {
        let wait = if self.is_up() { wait } else { Micros(wait.0 / 2) };
        self.beside.sent(asker, now.after(self.rtt.rto().min(wait)));
    }

    /// Counts a transmission and returns its number.
    pub(crate) fn on_transmit(&mut self, now: Instant) -> u64 {
        self.seq = self.seq.wrapping_add(1);
        self.counters.sent = self.counters.sent.wrapping_add(1);
        // If no answer is expected any more, the old value is out of date.
        self.waiting_since = if self.is_busy() { self.waiting_since.min(now) } else { now };
        self.seq
    }

    /// Returns the number of transmissions so far.
    pub(crate) fn last_seq(&self) -> u64 {
        self.seq
    }

    /// Returns the full count of a recent transmission from its low half.
    pub(crate) fn full_seq(&self, low: u32) -> u64 {
        let behind = low_half(self.seq).wrapping_sub(low);
        self.seq.wrapping_sub(u64::from(behind))
    }

    /// Records that a valid answer arrived.
    pub(crate) fn on_heard(&mut self, now: Instant) {
        self.counters.received = self.counters.received.wrapping_add(1);
        self.last_heard = now;
        self.backoff = 0;
        self.waiting_since = if self.is_busy() { now } else { Instant::NEVER };
    }

    /// Records the answer to transmission `seq`, sent `age` ago. `age` is `None` if the
    /// answer shows nothing about the order.
    #[inline]
    pub(crate) fn on_answered(&mut self, seq: u64, age: Option<Micros>, now: Instant) {
        if self.order.is_next(seq, now) {
            return;
        }
        // If nothing else is outstanding, the silence is this answer's own delay.
        let is_alone = self.order.is_overtaken(seq) && self.flight.len() <= 1;
        let silence = if is_alone { Micros(0) } else { now.since(self.waiting_since) };
        self.order.on_answered(seq, age, silence, &self.rtt, now);
    }

    /// Returns when copy `seq` of slot use `epoch` can no longer be executed, as far as
    /// answers to later requests show; [`Instant::NEVER`] if they show nothing.
    pub(crate) fn over_at(&self, epoch: u16, seq: u64) -> Instant {
        if self.epoch != epoch {
            return Instant::NEVER;
        }
        self.order.over_at(seq)
    }

    /// Returns when to send a fence that helps to resolve copy `seq` of slot use `epoch`;
    /// [`Instant::NEVER`] if no fence helps or one was requested.
    pub(crate) fn fence_at(&self, epoch: u16, seq: u64) -> Instant {
        if self.epoch != epoch || !self.is_up() || self.fence_wanted != 0 {
            Instant::NEVER
        } else if !self.order.is_overtaken(seq) {
            Instant::ZERO
        } else {
            self.order.may_be_over_at(seq)
        }
    }

    /// Whether later answers imply that transmission `seq` is lost: enough of them, or
    /// one, if the answer to `seq` is overdue.
    pub(crate) fn is_lost(&self, seq: u32, sent_at: Instant, now: Instant) -> bool {
        let seq = self.full_seq(seq);
        self.order.is_overtaken(seq)
            && (self.order.is_lost(seq) || sent_at.after(self.rtt.rto()) <= now)
    }

    /// Handles the end of the retransmission timer.
    pub(crate) fn on_timeout(&mut self, now: Instant) {
        if self.backoff == 0 {
            self.window.on_loss();
        } else {
            self.window.on_silence();
        }
        self.backoff = self.backoff.saturating_add(1);
        self.timer_from = now;
    }

    /// Returns the number of consecutive time-outs.
    pub(crate) fn timeouts(&self) -> u8 {
        self.backoff
    }

    /// Whether there were several consecutive time-outs, and no answer since.
    pub(crate) fn is_shaken(&self) -> bool {
        self.backoff >= SHAKEN
    }

    /// Returns when to send IDENTIFY on a path without outstanding frames. This is
    /// sooner on a shaken path, which gets no other request that it could answer.
    pub(crate) fn idle_at(&self) -> Instant {
        if self.is_shaken() { self.timer_from.after(SILENCE) } else { self.last_heard.after(IDLE) }
    }

    /// Requests an IDENTIFY that does not interrupt I/O.
    pub(crate) fn on_idle(&mut self, now: Instant) {
        self.recheck = true;
        self.last_heard = now;
        self.timer_from = now;
    }

    /// Returns when a conflicting path is forgotten.
    pub(crate) fn forgotten_at(&self) -> Instant {
        self.last_heard.after(IDLE)
    }

    /// Returns when the oldest request, sent at `sent_at`, is considered lost.
    pub(crate) fn timeout_of(&self, sent_at: Instant) -> Instant {
        let rto = self.rtt.rto().backed_off(self.backoff, RTO_LIMIT);
        sent_at.max(self.timer_from).after(rto)
    }

    /// Returns the earliest time at which a frame sent now may be considered lost, or the
    /// path silent.
    #[inline]
    pub(crate) fn earliest_timeout(&self, now: Instant) -> Instant {
        now.after(self.rtt.rto().min(SILENCE))
    }

    /// Returns when the path is considered silent unless it answers before.
    pub(crate) fn silence_at(&self) -> Instant {
        if self.is_busy() { self.waiting_since.after(SILENCE) } else { Instant::NEVER }
    }

    /// Returns since when an expected answer has been missing. A silence that is detected
    /// late, for example because the machine slept, counts from now on.
    pub(crate) fn silent_since(&self, now: Instant) -> Instant {
        let since = self.waiting_since.min(now);
        if since.after(SILENCE).after(SILENCE) < now { now } else { since }
    }

    /// Begins an IDENTIFY; the path carries no I/O until it is answered.
    pub(crate) fn ask(&mut self, since: Instant) {
        self.state = State::Identifying { since };
        self.management = None;
        self.adverts.on_ask();
        self.probed_at = Instant::NEVER;
    }

    /// Whether an IDENTIFY is outstanding.
    pub(crate) fn is_being_asked(&self) -> bool {
        self.management.is_some_and(|m| m.seq != 0 && m.purpose == Purpose::Identify)
    }
}

mod counters;
mod payload;
#[cfg(test)]
mod tests;
