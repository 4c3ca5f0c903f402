// SPDX-License-Identifier: BSD-2-Clause
//! One path: a local interface and a remote MAC.
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

/// Without an answer for this long, a path is sent IDENTIFY.
pub(crate) const SILENCE: Micros = Micros::from_secs(1);
/// Without an answer for this long, a path is down.
pub(crate) const DOWN: Micros = Micros::from_secs(5);
/// After this many silences without an answer to I/O, a path is sent a read.
pub(crate) const SILENCES: u8 = 3;
/// An idle path that missed three beacons is sent IDENTIFY.
const IDLE: Micros = Micros::from_secs(180);
/// After this many time-outs in a row, a path is used only if there is no better one.
const SHAKEN: u8 = 2;
/// Large frames lost in a row, small ones getting through, before stepping down.
pub(crate) const LARGE_LOSSES: u8 = 3;
/// Payload that every path carries, in blocks of 512 bytes, if its disk has
/// no larger sectors: two fit the least MTU.
pub(crate) const MIN_PAYLOAD: u8 = 2;
/// Between attempts at a larger payload.
pub(crate) const PROBE_INTERVAL: Micros = Micros::from_secs(60);
/// Longest wait for an answer, however often the timer was backed off.
const RTO_LIMIT: Micros = Micros::from_secs(2);

/// The state of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Another disk answers there.
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

/// What the one management request on a path is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A one-sector read whose two answers are compared.
    Compare,
    /// A one-sector read whose answer resolves every earlier copy.
    Fence,
    /// Write cache on or off.
    Features { enable: bool },
    /// IDENTIFY.
    Identify,
    /// A read and a request as large as this many sectors.
    Probe { sectors: u8 },
    /// A one-sector read, to find out whether I/O is answered again.
    Try,
}

/// The management request. Its repetitions share a tag.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Management {
    pub(crate) purpose: Purpose,
    pub(crate) tag: Tag,
    /// The path's count at the first transmission; 0 before it.
    pub(crate) seq: u64,
    pub(crate) sent_at: Instant,
    pub(crate) tries: u8,
    /// When to send it, again or for the first time.
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
    /// How its frames begin.
    pub(crate) route: Route,
    /// Its IDENTIFY has agreed with the target's at least once.
    pub(crate) is_admitted: bool,
    /// To be identified again without interrupting I/O.
    pub(crate) recheck: bool,
    pub(crate) features_wanted: Option<bool>,
    /// A sector is to be read, and the two answers to be compared.
    pub(crate) compare_wanted: bool,
    /// Blocks that MTU and target allow, in whole sectors; 0 if not even one.
    pub(crate) limit: u8,
    /// Blocks that are known to get through, in whole sectors.
    pub(crate) payload: u8,
    /// Blocks of a sector of the disk, as last identified here.
    unit: u8,
    pub(crate) large_losses: u8,
    /// Large frames were lost before small ones came through again, and none
    /// was answered since: an outage, or the first sign of a hole.
    pub(crate) is_doubted: bool,
    backoff: u8,
    /// Requests on the wire, oldest first.
    pub(crate) flight: List<RequestId>,
    /// Slow requests on the wire, which are listed elsewhere.
    pub(crate) slow: u16,
    pub(crate) window: Window,
    /// Management requests on the wire, the user's included.
    pub(crate) beside: Beside,
    pub(crate) rtt: Rtt,
    /// Size of the disk as last seen here.
    pub(crate) sectors: u64,
    /// A write waits for copies up to this count.
    pub(crate) fence_wanted: u64,
    seq: u64,
    pub(crate) order: Order,
    pub(crate) last_heard: Instant,
    /// Since when an answer is overdue in the sense that one is expected.
    waiting_since: Instant,
    /// When the timer last ran out: one loss is declared per time-out.
    timer_from: Instant,
    pub(crate) counters: Counters,
    pub(crate) management: Option<Management>,
    pub(crate) probe_at: Instant,
    /// When the first probe of this size was sent that was not answered.
    pub(crate) probed_at: Instant,
    pub(crate) adverts: Adverts,
    /// The counters when doubled answers were last weighed.
    pub(crate) weighed: Counters,
    /// The size that the disk has grown to by its last answer, and the answers
    /// that are to repeat it before that is believed.
    pub(crate) grown: u64,
    pub(crate) growing: u8,
    /// Two disks answered: IDENTIFYs that must get a single answer each before it is
    /// used again.
    pub(crate) disputed: u8,
    /// Counts the uses of this slot.
    pub(crate) epoch: u16,
    /// The tag of its last answer to IDENTIFY.
    pub(crate) said_tag: Tag,
    /// Its last answer to IDENTIFY was the last of these, and has not been
    /// followed by a second one so far.
    pub(crate) is_watched: bool,
    pub(crate) sector_count: u8,
    /// The least size that failed, or 0.
    pub(crate) too_large: u8,
    /// It was reported as up, and not as down since.
    pub(crate) told_up: bool,
    /// The loss of large frames was reported.
    pub(crate) hole_told: bool,
    /// Set aside because it reports another size than the live paths.
    pub(crate) is_aside: bool,
    /// A live path has been identified again since, with its size unchanged: this is
    /// another disk, regardless of its name.
    pub(crate) is_refuted: bool,
    /// Consecutive silences in which it answered IDENTIFY, but no I/O.
    pub(crate) silences: u8,
    /// It answers IDENTIFY but no I/O: not used until it answers a read.
    pub(crate) is_deaf: bool,
    /// It answered the read that was to find that out, and nothing since.
    pub(crate) is_choosy: bool,
    /// Its conflict was reported.
    pub(crate) conflict_told: bool,
    /// Nearly everything is answered twice, by equal data.
    pub(crate) is_doubled: bool,
    /// Messages that the other end can queue, as it declares.
    pub(crate) buffers: u16,
    /// Another path ends at the same port, which has one queue.
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
            // Two disks at one address are still there when it is found again.
            disputed: if (self.link, self.mac) == (link, mac) { self.disputed } else { 0 },
            ..Self::FREE
        };
    }

    /// Whether I/O may use it.
    pub(crate) fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// Whether no management request is out, due or wanted.
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

    /// Whether an answer is expected. A target may ignore optional commands, and a
    /// probe may be lost because of its size.
    #[inline]
    pub(crate) fn is_busy(&self) -> bool {
        !self.flight.is_empty() || self.slow != 0 || self.is_asked()
    }

    fn is_asked(&self) -> bool {
        let asked =
            |m: &Management| m.seq != 0 && matches!(m.purpose, Purpose::Fence | Purpose::Identify);
        self.management.as_ref().is_some_and(asked)
    }

    /// Whether a fence is outstanding, or a request that precedes it.
    pub(crate) fn is_fenced_or_asked(&self) -> bool {
        self.management.is_some_and(|m| matches!(m.purpose, Purpose::Fence | Purpose::Identify))
    }

    /// Whether another frame of I/O may go out.
    pub(crate) fn has_room(&self) -> bool {
        u32::from(self.flight.len()) < self.window.frames() && self.has_place()
    }

    /// Whether the target can queue another frame of any kind. A flush and a
    /// management request take a place there, but none in a window that shrank: they
    /// may be outstanding for long, or say nothing about losses.
    #[inline]
    fn has_place(&self) -> bool {
        self.places() < self.window.ceiling()
    }

    /// Requests of I/O on the wire.
    pub(crate) fn in_flight(&self) -> u32 {
        u32::from(self.flight.len()).wrapping_add(u32::from(self.slow))
    }

    /// Places taken in the target's queue.
    #[inline]
    pub(crate) fn places(&self) -> u32 {
        self.in_flight().wrapping_add(self.beside.frames())
    }

    /// Whether a management request may be sent. On a path that carries no I/O,
    /// perhaps since it fell silent, outstanding frames do not prevent it.
    pub(crate) fn may_ask(&self) -> bool {
        !self.is_up() || self.has_place()
    }

    /// A management request was sent, to be retransmitted after `wait`. On a path
    /// without I/O that may continue for ever: half of the time it leaves its place
    /// to the other paths to its port.
    pub(crate) fn on_asked(&mut self, asker: Asker, wait: Micros, now: Instant) {
        let wait = if self.is_up() { wait } else { Micros(wait.0 / 2) };
        self.beside.sent(asker, now.after(self.rtt.rto().min(wait)));
    }

    /// Counts a transmission; gives its number.
    pub(crate) fn on_transmit(&mut self, now: Instant) -> u64 {
        self.seq = self.seq.wrapping_add(1);
        self.counters.sent = self.counters.sent.wrapping_add(1);
        // What was expected before and was dropped since does not count.
        self.waiting_since = if self.is_busy() { self.waiting_since.min(now) } else { now };
        self.seq
    }

    /// Transmissions so far.
    pub(crate) fn last_seq(&self) -> u64 {
        self.seq
    }

    /// The full count behind its low half, which is of the recent past.
    pub(crate) fn full_seq(&self, low: u32) -> u64 {
        let behind = low_half(self.seq).wrapping_sub(low);
        self.seq.wrapping_sub(u64::from(behind))
    }

    /// Something valid came from the other end.
    pub(crate) fn on_heard(&mut self, now: Instant) {
        self.counters.received = self.counters.received.wrapping_add(1);
        self.last_heard = now;
        self.backoff = 0;
        self.waiting_since = if self.is_busy() { now } else { Instant::NEVER };
    }

    /// The answer to transmission `seq` came, which had left `age` ago; `None`
    /// if it says nothing about the order.
    #[inline]
    pub(crate) fn on_answered(&mut self, seq: u64, age: Option<Micros>, now: Instant) {
        if self.order.is_next(seq, now) {
            return;
        }
        // A silence that nothing else shares is the delay of this one.
        let is_alone = self.order.is_overtaken(seq) && self.flight.len() <= 1;
        let silence = if is_alone { Micros(0) } else { now.since(self.waiting_since) };
        self.order.on_answered(seq, age, silence, &self.rtt, now);
    }

    /// When copy `seq` of slot use `epoch` cannot be executed any more, because
    /// later requests were answered; [`Instant::NEVER`] if that takes another.
    pub(crate) fn over_at(&self, epoch: u16, seq: u64) -> Instant {
        if self.epoch != epoch {
            return Instant::NEVER;
        }
        self.order.over_at(seq)
    }

    /// When to send a fence whose answer tells more about copy `seq` of slot use
    /// `epoch`, unless one was requested.
    pub(crate) fn fence_at(&self, epoch: u16, seq: u64) -> Instant {
        if self.epoch != epoch || !self.is_up() || self.fence_wanted != 0 {
            Instant::NEVER
        } else if !self.order.is_overtaken(seq) {
            Instant::ZERO
        } else {
            self.order.may_be_over_at(seq)
        }
    }

    /// Whether later answers imply that transmission `seq` is lost: enough of them,
    /// or one that came when its own was overdue.
    pub(crate) fn is_lost(&self, seq: u32, sent_at: Instant, now: Instant) -> bool {
        let seq = self.full_seq(seq);
        self.order.is_overtaken(seq)
            && (self.order.is_lost(seq) || sent_at.after(self.rtt.rto()) <= now)
    }

    /// The retransmission timer ran out.
    pub(crate) fn on_timeout(&mut self, now: Instant) {
        if self.backoff == 0 {
            self.window.on_loss();
        } else {
            self.window.on_silence();
        }
        self.backoff = self.backoff.saturating_add(1);
        self.timer_from = now;
    }

    /// How often in a row the timer ran out.
    pub(crate) fn timeouts(&self) -> u8 {
        self.backoff
    }

    /// Whether its frames were lost again and again, and nothing came since.
    pub(crate) fn is_shaken(&self) -> bool {
        self.backoff >= SHAKEN
    }

    /// When to send IDENTIFY on a path without outstanding frames: a shaken one gets
    /// no other request to answer.
    pub(crate) fn idle_at(&self) -> Instant {
        if self.is_shaken() { self.timer_from.after(SILENCE) } else { self.last_heard.after(IDLE) }
    }

    /// It is to be asked.
    pub(crate) fn on_idle(&mut self, now: Instant) {
        self.recheck = true;
        self.last_heard = now;
        self.timer_from = now;
    }

    /// When a conflicting path is forgotten.
    pub(crate) fn forgotten_at(&self) -> Instant {
        self.last_heard.after(IDLE)
    }

    /// When the oldest request, sent at `sent_at`, is considered lost.
    pub(crate) fn timeout_of(&self, sent_at: Instant) -> Instant {
        let rto = self.rtt.rto().backed_off(self.backoff, RTO_LIMIT);
        sent_at.max(self.timer_from).after(rto)
    }

    /// The earliest time at which a frame sent now is lost or suspiciously silent.
    #[inline]
    pub(crate) fn earliest_timeout(&self, now: Instant) -> Instant {
        now.after(self.rtt.rto().min(SILENCE))
    }

    /// When silence becomes suspicious.
    pub(crate) fn silence_at(&self) -> Instant {
        if self.is_busy() { self.waiting_since.after(SILENCE) } else { Instant::NEVER }
    }

    /// Since when nothing has come though something should. A silence that was
    /// noticed late, since the machine slept perhaps, counts from now on.
    pub(crate) fn silent_since(&self, now: Instant) -> Instant {
        let since = self.waiting_since.min(now);
        if since.after(SILENCE).after(SILENCE) < now { now } else { since }
    }

    /// Begins IDENTIFY; the path carries no I/O until it is answered.
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
