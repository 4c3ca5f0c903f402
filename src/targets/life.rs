// SPDX-License-Identifier: BSD-2-Clause
//! The presence of the target: links, lost paths, suspension, removal.

use super::notice::Notice;
use super::{Life, Link, Target, send};
use crate::output::{ControlError, Event, IoError};
use crate::path::{Path, Paths, State};
use crate::request::{Place, Requests};
use crate::slot::{LinkId, PathId};
use crate::time::{Instant, Micros};
use crate::wire::Route;

impl Target<'_> {
    /// Handles a link that appeared, changed or disappeared.
    pub fn handle_link(&mut self, id: LinkId, link: Link, now: Instant) {
        self.begin(now);
        let old = core::mem::replace(&mut self.links[id], link);
        for index in self.path_ids() {
            let path = &mut self.paths[index];
            if path.state == State::Free || path.link != id {
                continue;
            }
            path.route = Route::new(link.mac, path.mac, self.address);
            if !link.present {
                self.path_down(index, now);
                self.free_path(index);
                continue;
            }
            if link.mtu != old.mtu {
                if path.set_limit(link.mtu, now) {
                    let bytes = u64::from(path.payload_bytes());
                    self.tell_event(Event::PayloadDown, Some(index), bytes);
                }
                self.weigh_fit(index, now);
            }
            if !link.is_usable() {
                self.path_down(index, now);
            } else if (!old.is_usable() || link.mac != old.mac)
                && self.paths[index].state != State::Conflict
            {
                self.paths[index].ask(now);
                self.drop_flights(index, false);
            }
        }
        self.weigh_suspension(now);
    }

    /// Forgets a path and frees its slot.
    pub(super) fn free_path(&mut self, index: PathId) {
        self.drop_flights(index, true);
        let path = &mut self.paths[index];
        path.state = State::Free;
        path.is_aside = false;
        path.is_admitted = false;
        path.management = None;
        self.seen.paths_full = false;
        self.weigh_sharing();
    }

    /// Takes a path out of use until it has been identified again.
    pub(super) fn path_down(&mut self, index: PathId, now: Instant) {
        let path = &mut self.paths[index];
        if matches!(path.state, State::Down { .. } | State::Free | State::Conflict) {
            return;
        }
        if !path.is_admitted {
            // It was never identified: there is no state to keep.
            self.free_path(index);
            return self.weigh_discovery();
        }
        path.state = State::Down { since: now };
        path.management = None;
        let told = core::mem::replace(&mut path.told_up, false);
        self.drop_flights(index, true);
        if told {
            self.tell_event(Event::PathDown, Some(index), 0);
        }
        self.weigh_suspension(now);
    }

    /// Stops I/O on a path and sends IDENTIFY.
    pub(super) fn verify_path(&mut self, index: PathId, now: Instant) {
        let path = &mut self.paths[index];
        if path.is_up() {
            path.ask(path.silent_since(now));
            self.drop_flights(index, false);
        }
    }

    /// Queues the requests that are outstanding on a path for retransmission, on any path.
    /// Flushes stay outstanding, unless `slow_too` is set because the path is given up.
    pub(super) fn drop_flights(&mut self, index: PathId, slow_too: bool) {
        while let Some(slot) = self.paths[index].flight.front() {
            self.requeue(slot, false);
        }
        if !slow_too {
            return;
        }
        for slot in Requests::numbers() {
            let request = &self.requests[slot];
            if request.place == Place::Slow && request.last.path == index {
                self.requeue(slot, false);
            }
        }
    }

    /// Sends IDENTIFY on paths that were set aside, if no path is up that contradicts them.
    fn recall_aside(&mut self, now: Instant) {
        if self.known_paths().iter().any(Path::is_up) {
            return;
        }
        for path in self.paths.iter_mut().filter(|p| p.is_aside && !p.is_refuted) {
            path.is_aside = false;
            path.state = State::Identifying { since: now };
        }
    }

    /// Returns how long ago the target was last suspended.
    pub fn outage(&self, now: Instant) -> Micros {
        now.since(self.suspended_at)
    }

    /// If the target is suspended, returns for how long it has been, and how long its I/O
    /// still waits (`None`: for ever).
    pub fn suspension(&self, now: Instant) -> Option<(Micros, Option<Micros>)> {
        let Life::Suspended { since } = self.life else { return None };
        let waited = now.since(since);
        let left = self.settings.maxwait.map(|wait| Micros(wait.0.saturating_sub(waited.0)));
        Some((waited, left))
    }

    /// If no path is left, suspends the target or, by its settings, removes the disk.
    pub(super) fn weigh_suspension(&mut self, now: Instant) {
        self.recall_aside(now);
        if self.life != Life::Up || self.paths.iter().any(send::is_hopeful) {
            return;
        }
        if self.settings.fail_on_disconnection {
            self.remove();
        } else {
            self.life = Life::Suspended { since: now };
            self.suspended_at = now;
            self.tell(Notice::Suspended);
        }
    }

    /// Fails all I/O after `maxwait`, and removes the disk if it is not open.
    pub(super) fn give_up(&mut self, now: Instant) {
        if self.is_open {
            self.life = Life::Failed;
            self.fail_ios(IoError::Io, now);
            let waited = self.settings.maxwait.map_or(0, Micros::as_secs);
            self.tell_event(Event::Failed, None, waited);
        } else {
            self.fail_ios(IoError::Io, now);
            self.remove();
        }
    }

    fn fail_ios(&mut self, error: IoError, now: Instant) {
        for slot in Requests::numbers() {
            self.release(slot, now);
        }
        if self.ios.any_may_give_up() {
            self.tasting.on_missed(now);
        }
        self.ios.fail_all(error);
        self.guard_waiting = false;
    }

    /// Removes the disk: all I/O fails, and its paths are forgotten.
    pub(super) fn remove(&mut self) {
        let had_disk = matches!(self.life, Life::Failed | Life::Suspended { .. } | Life::Up);
        self.forget_disk();
        for index in self.path_ids() {
            self.free_path(index);
        }
        self.control.fail(ControlError::Gone);
        self.life = Life::Gone;
        self.is_open = false;
        if had_disk {
            self.tell(Notice::Gone);
        }
    }

    /// Forgets a target that is not open and has no path up; otherwise returns `Reserved`.
    pub fn handle_forget(&mut self, now: Instant) -> Result<(), IoError> {
        self.begin(now);
        if self.is_open || self.life == Life::Up || self.known_paths().iter().any(Path::is_up) {
            return Err(IoError::Reserved);
        }
        if self.life != Life::Gone {
            self.remove();
        }
        Ok(())
    }

    pub(super) fn forget_disk(&mut self) {
        // At this time, no wait for a copy is over: such copies stay with the guard.
        self.fail_ios(self.settings.gone(), Instant::ZERO);
        self.set_identity(None);
        self.sectors = 0;
    }

    /// Reports once that the memory may be freed.
    pub(super) fn poll_idle(&mut self, now: Instant) -> Option<crate::output::Output> {
        if self.life != Life::Gone || self.idle_told || self.ios.len() != 0 {
            return None;
        }
        self.sweep_copies(now);
        if self.guard.orphans() != 0 {
            return None;
        }
        self.idle_told = true;
        Some(crate::output::Output::Idle)
    }

    /// Returns a slot for a new path: a free one, or that of a path in conflict, or that of
    /// the path that has been down for longest.
    pub(super) fn path_slot(&mut self) -> Option<PathId> {
        if let Some(index) = Paths::numbers().find(|id| self.paths[*id].state == State::Free) {
            return Some(index);
        }
        let since = |p: &Path| match p.state {
            State::Down { since } => Some(since),
            State::Conflict => Some(Instant::ZERO),
            _ => None,
        };
        let candidates = self.paths.entries();
        let (_, oldest) = candidates.filter_map(|(id, p)| Some((since(p)?, id))).min()?;
        self.free_path(oldest);
        Some(oldest)
    }
}
