// SPDX-License-Identifier: BSD-2-Clause
//! From I/Os to frames: which request is sent next, on which path, and how
//! much of it a frame can carry.

use super::{Life, Target, manage};
use crate::history::Sent;
use crate::io::{Gate, Op};
use crate::output::{Blank, Draft, Payload, Why};
use crate::path::{Path, Paths, State};
use crate::request::Place;
use crate::slot::{IoId, PATHS, PathId, RequestId};
use crate::table::{Maybe, Table};
use crate::time::{Instant, Micros};
use crate::wire::{AtaRequest, Command, Route, Tag};

/// Time-out of a flush, and the maximum to which each retransmission doubles it.
const SLOW_WAIT: Micros = Micros::from_secs(1);
const SLOW_LIMIT: Micros = Micros::from_secs(4);
/// Maximum blocks of one TRIM request: a multiple of every sector size, and just below
/// the limit of the request's one range.
pub const DELETE_MAX: u32 = 65_528;

/// Blocks writes whose data an unresolved copy could overwrite.
struct GuardGate<'t, 'a> {
    guard: &'t mut crate::guard::Guard<'a>,
    paths: &'t mut Paths,
    now: Instant,
    wait: Micros,
    waiting: bool,
    released: u64,
    waited: u64,
}

impl Gate for GuardGate<'_, '_> {
    fn is_guarded(&mut self, lba: u64, end: u64) -> bool {
        if self.guard.orphans() == 0 {
            return false;
        }
        // The guard can only read the paths, so the fences that it needs are requested
        // afterwards.
        let mut wanted = Wanted::filled(0);
        let blocked =
            self.guard.blocks(lba, end, (self.paths, self.now, self.wait), |path, seq| {
                wanted[path] = wanted[path].max(seq);
            });
        if !blocked {
            return false;
        }
        want_fences(self.paths, &wanted);
        self.waiting = true;
        true
    }

    fn released(&mut self, since: Instant) {
        self.released = self.released.wrapping_add(1);
        self.waited = self.waited.wrapping_add(self.now.since(since).0);
    }
}

impl Target<'_> {
    /// Builds the next frame, if anything may go out.
    pub(super) fn poll_transmit<'b>(
        &mut self,
        now: Instant,
        blank: &mut Blank<'b>,
    ) -> Option<&'b mut Draft> {
        if !self.is_calm {
            let asked = self.poll_control(now, blank);
            if let Some(frame) = asked.or_else(|| self.poll_management(now, blank)) {
                return Some(frame);
            }
        }
        if self.life != Life::Up {
            return None;
        }
        if let Some((slot, path)) = self.next_request(now) {
            return self.send(slot, path, now, blank);
        }
        // Only a write that waits for the guard requests a fence.
        let fence = self.guard_waiting && self.wants_fence();
        if fence { self.poll_management(now, blank) } else { None }
    }

    fn wants_fence(&self) -> bool {
        self.known_paths()
            .iter()
            .any(|p| p.is_up() && p.fence_wanted != 0 && !p.is_fenced_or_asked())
    }

    /// Returns the request to send next, taken out of its list, and its path.
    #[inline]
    fn next_request(&mut self, now: Instant) -> Option<(RequestId, PathId)> {
        if let Some(slot) = self.resend.front()
            && let Some(path) = self.path_to_resend(slot, now)
        {
            self.resend.remove(self.requests, slot);
            return Some((slot, path));
        }
        self.next_cut(now)
    }

    fn path_to_resend(&mut self, slot: RequestId, now: Instant) -> Option<PathId> {
        let request = &self.requests[slot];
        let (last, changes) = (request.last.path, request.op.changes_data());
        let path = self.pick_path(Some(last), now)?;
        (!changes || self.make_copy_room(now)).then_some(path)
    }

    /// Cuts the next request from an I/O.
    #[inline]
    fn next_cut(&mut self, now: Instant) -> Option<(RequestId, PathId)> {
        if !self.ios.has_uncut() || self.free.is_empty() {
            return None;
        }
        let path = self.pick_path(None, now)?;
        let io_slot = self.next_io(now)?;
        let io = self.ios.get(io_slot);
        let (op, offset) = (io.op, io.cut);
        let (lba, left) = (io.lba.wrapping_add(u64::from(offset)), io.sectors.wrapping_sub(offset));
        if op.changes_data() && !self.make_copy_room(now) {
            return None;
        }
        let most = match op {
            Op::Delete => DELETE_MAX,
            Op::Flush => 0,
            Op::Read | Op::Write => u32::from(self.paths[path].payload),
        };
        let sectors = left.min(most);
        let slot = self.free.pop(self.requests)?;
        let request = &mut self.requests[slot];
        request.assign(io_slot, op, lba, u16::try_from(sectors).unwrap_or(0), offset);
        self.ios.on_cut(io_slot, sectors);
        Some((slot, path))
    }

    /// Returns the I/O to cut the next request from, and starts it if necessary.
    #[inline]
    fn next_io(&mut self, now: Instant) -> Option<IoId> {
        if let Some(slot) = self.ios.cutting() {
            self.guard_waiting = false;
            return Some(slot);
        }
        let mut gate = GuardGate {
            guard: &mut self.guard,
            paths: self.paths,
            now,
            wait: self.settings.ghost_wait,
            waiting: false,
            released: 0,
            waited: 0,
        };
        let slot = self.ios.start_next(&mut gate, now);
        let GuardGate { waiting, released, waited, .. } = gate;
        self.totals.guard_waits = self.totals.guard_waits.wrapping_add(released);
        self.totals.guard_wait = self.totals.guard_wait.wrapping_add(waited);
        self.guard_waiting = waiting;
        if waiting {
            self.stir();
        }
        slot
    }

    /// Makes room for one more copy in the guard. Returns whether there is room.
    fn make_copy_room(&mut self, now: Instant) -> bool {
        if self.guard.has_room() {
            return true;
        }
        self.stir();
        if self.guard.is_worth_sweeping(now) {
            self.sweep_copies(now);
        }
        self.guard.has_room()
    }

    /// Requests fences on paths whose time has stopped for lack of answers while a write
    /// waits for it.
    pub(super) fn wind_paths(&mut self, now: Instant) {
        let mut wanted = Wanted::filled(0);
        self.guard.stand_still(self.paths, now, |path, seq| {
            wanted[path] = wanted[path].max(seq);
        });
        want_fences(self.paths, &wanted);
    }

    /// Frees the entries of copies that can no longer arrive.
    pub(super) fn sweep_copies(&mut self, now: Instant) {
        let wait = self.settings.ghost_wait;
        self.guard.sweep(self.paths, now, wait);
        let mut sweep = |sent: &mut Sent| {
            if let Some(copy) = sent.copy.get()
                && self.guard.is_over(copy, self.paths, now, wait)
            {
                self.guard.resolve(copy);
                sent.copy = Maybe::NONE;
            }
        };
        for request in self.requests.iter_mut().filter(|r| r.place != Place::Free) {
            sweep(&mut request.last);
            self.history.for_each(&request.earlier, &mut sweep);
        }
        self.guard.on_swept(now);
    }

    /// Returns a path with room in its window, and not `last` if there is another.
    #[inline(always)]
    fn pick_path(&mut self, last: Option<PathId>, now: Instant) -> Option<PathId> {
        match self.known_paths() {
            [only] => (only.is_up() && only.has_room()).then_some(PathId(0)),
            _ => self.pick_among(last, now),
        }
    }

    /// Sends the part of a request that is not done; the request is in no list.
    #[inline]
    fn send<'b>(
        &mut self,
        slot: RequestId,
        index: PathId,
        now: Instant,
        blank: &mut Blank<'b>,
    ) -> Option<&'b mut Draft> {
        let request = &mut self.requests[slot];
        let path = &self.paths[index];
        let left = request.sectors.wrapping_sub(request.done);
        let sectors = match request.op {
            Op::Read | Op::Write => left.min(u16::from(path.payload)),
            Op::Delete | Op::Flush => left,
        };
        let again = request.tries > 0;
        let lba = request.lba.wrapping_add(u64::from(request.done));
        let (op, io, tag) =
            (request.op, request.io, self.tags.tag(slot.0.into(), request.next_count()));
        let offset = request.io_offset.wrapping_add(u32::from(request.done)).wrapping_mul(512);
        let frame = self.begin_frame(index, Command::Ata, tag, now, blank)?;
        self.fill(frame, op, lba, sectors);
        frame.io = self.ios.get(io).raw_handle();
        if again {
            frame.why = Why::Again;
            let counters = &mut self.paths[index].counters;
            counters.retransmitted = counters.retransmitted.wrapping_add(1);
        }
        if op == Op::Write {
            let length = u32::from(sectors).wrapping_mul(512);
            (frame.payload, frame.data_offset, frame.data_length) = (Payload::Io, offset, length);
            frame.frame_length = frame.frame_length.wrapping_add(length);
        }
        frame.frame_length = manage::at_least_minimum(frame.frame_length);
        self.note_sent(slot, index, sectors, lba, tag, frame, now);
        Some(frame)
    }

    /// Writes the ATA argument of a request, followed by the range if it is a TRIM.
    fn fill(&self, frame: &mut Draft, op: Op, lba: u64, sectors: u16) {
        let (lba48, shift) = (self.uses_lba48, self.sector_shift & 7);
        let (lba, sectors) = (lba >> shift, sectors >> shift);
        let count = u8::try_from(sectors).unwrap_or(u8::MAX);
        let request = match op {
            Op::Delete => AtaRequest::data_set_management(1),
            Op::Flush => AtaRequest::flush(self.flushes_ext()),
            Op::Read => AtaRequest::read(lba, count, lba48),
            Op::Write => AtaRequest::write(lba, count, lba48),
        };
        manage::put_ata(frame, &request);
        if op == Op::Delete {
            frame.range = (lba & 0xffff_ffff_ffff | u64::from(sectors) << 48).to_le_bytes();
            frame.header_length = 44;
            frame.frame_length = 36 + 512;
        }
    }

    /// Remembers a transmission, in the request, the path and the guard.
    #[expect(clippy::too_many_arguments, reason = "three tables record each transmission")]
    #[inline]
    fn note_sent(
        &mut self,
        slot: RequestId,
        index: PathId,
        sectors: u16,
        lba: u64,
        tag: Tag,
        frame: &mut Draft,
        now: Instant,
    ) {
        let path = &mut self.paths[index];
        let seq = path.last_seq();
        let request = &mut self.requests[slot];
        let copy = if request.op.changes_data() {
            self.doubled.on_write(lba, sectors);
            self.guard.insert(index, path, lba, sectors, tag, now)
        } else {
            None
        };
        if let Some(copy) = copy {
            frame.copy = self.guard.token(copy);
        }
        // No deadline of this transmission is earlier.
        self.wakes_at = self.wakes_at.min(path.earliest_timeout(now));
        let seq = crate::reorder::low_half(seq);
        let sent = Sent::new(now, tag, request.done, sectors);
        let sent = Sent { seq, copy: Maybe::from(copy), path: index, ..sent };
        let forgotten = request.on_sent(now, sent, &mut self.history);
        if request.op == Op::Flush {
            let wait = SLOW_WAIT.backed_off(request.tries.saturating_sub(1), SLOW_LIMIT);
            (request.place, request.until) = (Place::Slow, now.after(wait));
            path.slow = path.slow.saturating_add(1);
            self.slow.push_back(self.requests, slot);
        } else {
            request.place = Place::Flight;
            path.flight.push_back(self.requests, slot);
        }
        if let Some(copy) = forgotten {
            self.guard.orphan(copy, self.paths, now, self.settings.ghost_wait);
        }
    }

    /// Begins a frame for a path, and counts it as sent.
    #[inline(always)]
    pub(super) fn begin_frame<'b>(
        &mut self,
        index: PathId,
        command: Command,
        tag: Tag,
        now: Instant,
        blank: &mut Blank<'b>,
    ) -> Option<&'b mut Draft> {
        let path = &mut self.paths[index];
        let frame = blank.take()?.write(Draft::new(path.link, index));
        debug_assert_eq!(path.route, Route::new(self.links[path.link].mac, path.mac, self.address));
        path.on_transmit(now);
        path.route.emit(command, tag, &mut frame.header);
        let [_, _, a, b, c, d] = path.mac.0;
        frame.flow = u32::from_be_bytes([a, b, c, d]) ^ u32::from(path.link.0) << 24;
        Some(frame)
    }

    /// Takes a request out of its list, if any.
    #[inline(always)]
    pub(super) fn unlist(&mut self, slot: RequestId) {
        let request = &self.requests[slot];
        if request.place == Place::Flight {
            let path = request.last.path;
            self.paths[path].flight.remove(self.requests, slot);
        } else {
            self.unlist_elsewhere(slot);
        }
    }

    #[inline(never)]
    fn unlist_elsewhere(&mut self, slot: RequestId) {
        let request = &self.requests[slot];
        match request.place {
            Place::Flight | Place::Free => {}
            Place::Held => self.held.remove(self.requests, slot),
            Place::Resend => self.resend.remove(self.requests, slot),
            Place::Slow => {
                let path = &mut self.paths[request.last.path];
                self.slow.remove(self.requests, slot);
                path.slow = path.slow.wrapping_sub(1);
            }
        }
    }

    /// Queues a request for another transmission, first in line if `urgent`.
    pub(super) fn requeue(&mut self, slot: RequestId, urgent: bool) {
        self.unlist(slot);
        let request = &mut self.requests[slot];
        request.place = Place::Resend;
        if urgent {
            self.resend.push_front(self.requests, slot);
        } else {
            self.resend.push_back(self.requests, slot);
        }
    }

    /// Ends a request; its unanswered copies stay with the guard.
    #[inline(always)]
    pub(super) fn release(&mut self, slot: RequestId, now: Instant) {
        self.unlist(slot);
        let request = &mut self.requests[slot];
        if request.place == Place::Free {
            return;
        }
        request.place = Place::Free;
        while let Some(sent) = self.history.pop(&mut request.earlier) {
            if let Some(copy) = sent.copy.get() {
                self.guard.orphan(copy, self.paths, now, self.settings.ghost_wait);
            }
        }
        if let Some(copy) = request.last.copy.get() {
            self.guard.orphan(copy, self.paths, now, self.settings.ghost_wait);
        }
        self.free.push(self.requests, slot);
    }
}

/// For each path, the last transmission for which a fence is wanted, or 0.
type Wanted = Table<u64, PathId, PATHS>;

/// Requests these fences on the paths that are up.
fn want_fences(paths: &mut Paths, wanted: &Wanted) {
    for (path, seq) in paths.iter_mut().zip(wanted.iter()) {
        if path.is_up() && *seq != 0 {
            path.fence_wanted = path.fence_wanted.max(*seq);
        }
    }
}

/// Whether a path carries the disk's I/O, or may do so again after its IDENTIFY.
pub(super) fn is_hopeful(path: &Path) -> bool {
    path.is_admitted && matches!(path.state, State::Identifying { .. } | State::Up)
}
