// SPDX-License-Identifier: BSD-2-Clause
//! Reactions to the passage of time: time-outs, silence, giving up.

use super::notice::Notice;
use super::{Life, Target};
use crate::output::{Event, IoError};
use crate::path::{DOWN, MIN_PAYLOAD, SILENCES, State};
use crate::request::{Place, Requests};
use crate::slot::{IoId, PathId, RequestId};
use crate::time::Instant;
use crate::wire::{mtu_for, sectors_per_frame};

/// Minimum number of transmissions before a request may be given up.
const LEAST_TRIES: u8 = 8;

impl Target<'_> {
    /// Handles everything that is due at `now`; an early call is harmless.
    pub fn handle_tick(&mut self, now: Instant) {
        self.begin(now);
        for index in self.path_ids() {
            self.tick_path(index, now);
        }
        self.tick_lists(now);
        self.tick_tasting(now);
        self.tick_doubled(now);
        self.tick_trouble(now);
        // The same condition as in `next_deadline`.
        if self.guard.is_starved() || self.guard_waiting || self.life == Life::Gone {
            self.sweep_copies(now);
        }
        if self.guard_waiting {
            self.wind_paths(now);
        }
        if let Life::Suspended { since } = self.life
            && self.settings.maxwait.is_some_and(|wait| since.after(wait) <= now)
        {
            self.give_up(now);
        }
    }

    fn tick_path(&mut self, index: PathId, now: Instant) {
        let path = &mut self.paths[index];
        path.beside.lapse(now);
        match path.state {
            State::Up => {
                if path.silence_at() <= now {
                    self.on_silence(index, now);
                } else if path.idle_at() <= now && !path.is_busy() {
                    path.on_idle(now);
                }
                self.tick_adverts(index, now);
                self.tick_flight(index, now);
            }
            State::Identifying { since } if since.after(DOWN) <= now => {
                let mtu = self.links[self.paths[index].link].mtu;
                let unknown = self.life == Life::Discovered;
                self.path_down(index, now);
                if unknown && self.life == Life::Gone {
                    self.tell_absence(mtu);
                }
            }
            State::Conflict if path.forgotten_at() <= now => {
                // The target does not even answer beacons any more.
                self.free_path(index);
                self.weigh_discovery();
            }
            State::Conflict | State::Down { .. } | State::Free | State::Identifying { .. } => {}
        }
    }

    /// Sends IDENTIFY on a path whose outstanding frames stay unanswered. A path that
    /// answers IDENTIFY repeatedly, but no I/O, is then sent a read of a sector, and is
    /// down if that stays unanswered, too.
    fn on_silence(&mut self, index: PathId, now: Instant) {
        let path = &mut self.paths[index];
        // A flush may take long, and does not count as silence.
        if !path.flight.is_empty() {
            path.silences = path.silences.saturating_add(1);
        }
        path.is_deaf |= path.silences >= SILENCES && !path.is_choosy;
        self.verify_path(index, now);
    }

    /// Removes a target that was never identified and has no path left.
    pub(super) fn weigh_discovery(&mut self) {
        if self.life == Life::Discovered && self.paths.iter().all(|p| p.state == State::Free) {
            self.remove();
        }
    }

    /// Reports that the target answered a config query, but not IDENTIFY.
    fn tell_absence(&mut self, mtu: u32) {
        let (why, value) = if sectors_per_frame(mtu) == 0 {
            (Event::FrameTooSmall, u64::from(mtu_for(512)))
        } else {
            (Event::Unidentified, 0)
        };
        self.tell(Notice::Absent { why, value });
    }

    /// Declares the oldest request on a path lost when it has timed out.
    fn tick_flight(&mut self, index: PathId, now: Instant) {
        let path = &mut self.paths[index];
        let Some(slot) = path.flight.front() else { return };
        let request = &self.requests[slot];
        if path.timeout_of(request.sent_at) > now {
            return;
        }
        let sectors = request.last.sectors;
        path.on_timeout(now);
        if self.has_waited_enough(slot, now) {
            return self.fail_request(slot, now);
        }
        self.requeue(slot, true);
        self.count_loss(index, sectors > u16::from(MIN_PAYLOAD), now);
    }

    /// Whether a request, which the target leaves unanswered while it answers others, has
    /// waited for `maxwait` and been sent often enough to be failed.
    fn has_waited_enough(&self, slot: RequestId, now: Instant) -> bool {
        let request = &self.requests[slot];
        request.tries >= LEAST_TRIES
            && self.settings.maxwait.is_some_and(|wait| request.first_sent.after(wait) <= now)
    }

    /// Gives a request up, and with it the I/O that it is a part of.
    pub(super) fn fail_request(&mut self, slot: RequestId, now: Instant) {
        let io = self.requests[slot].io;
        self.release(slot, now);
        if self.ios.may_give_up(io) {
            self.tasting.on_missed(now);
        }
        self.ios.on_frame_done(io, Err(IoError::Io));
    }

    fn tick_lists(&mut self, now: Instant) {
        if self.slow.is_empty() && self.held.is_empty() {
            return;
        }
        for slot in Requests::numbers() {
            let request = &self.requests[slot];
            if !request.is_timed() || request.until > now {
                continue;
            }
            if self.has_waited_enough(slot, now) {
                self.fail_request(slot, now);
            } else {
                self.requeue(slot, false);
            }
        }
    }

    /// Ends all requests of an I/O.
    pub(super) fn release_all_of(&mut self, io: IoId, now: Instant) {
        for slot in Requests::numbers() {
            let request = &self.requests[slot];
            if request.place != Place::Free && request.io == io {
                self.release(slot, now);
            }
        }
    }

    pub(super) fn next_deadline(&self) -> Instant {
        let mut next = self.control_deadline().min(self.ios.deadline());
        next = next.min(self.doubled.deadline()).min(self.taste_deadline());
        next = next.min(self.trouble.deadline());
        for path in self.known_paths() {
            next = next.min(self.path_deadline(path));
        }
        if !self.slow.is_empty() || !self.held.is_empty() {
            next = next.min(self.list_deadline());
        }
        if let (Life::Suspended { since }, Some(wait)) = (self.life, self.settings.maxwait) {
            next = next.min(since.after(wait));
        }
        if self.guard_waiting || self.guard.is_starved() || self.life == Life::Gone {
            next = next.min(self.guard.deadline(self.paths, self.settings.ghost_wait));
        }
        next
    }

    fn path_deadline(&self, path: &crate::path::Path) -> Instant {
        if !self.links[path.link].is_usable() {
            return Instant::NEVER;
        }
        let mut next = path.beside.deadline();
        if let Some(m) = &path.management
            && self.may_ask(path)
        {
            next = next.min(m.due);
        }
        match path.state {
            State::Identifying { since } => next = next.min(since.after(DOWN)),
            State::Up => {
                next = next.min(path.adverts.due());
                next = next.min(if path.is_busy() { path.silence_at() } else { path.idle_at() });
                if path.payload < path.limit && path.management.is_none() {
                    next = next.min(path.probe_at);
                }
                if let Some(head) = path.flight.front() {
                    next = next.min(path.timeout_of(self.requests[head].sent_at));
                }
            }
            State::Conflict => next = next.min(path.forgotten_at()),
            State::Down { .. } | State::Free => {}
        }
        next
    }

    fn list_deadline(&self) -> Instant {
        let timed = self.requests.iter().filter(|r| r.is_timed());
        timed.map(|r| r.until).min().unwrap_or(Instant::NEVER)
    }
}
