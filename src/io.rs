// SPDX-License-Identifier: BSD-2-Clause
//! I/Os between submission and completion: admission, order, completion.
//!
//! This module handles barriers and overlapping writes. It knows no frames and no
//! paths, and no time-outs except that of GEOM's tasting reads.

use crate::granules::Granules;
use crate::list::{Linked, Links, List, Stack};
use crate::output::{IoError, IoHandle};
use crate::slot::IoId;
use crate::table::{Maybe, Table};
use crate::time::Instant;

/// The operation of an I/O.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Discard sectors (TRIM, by DATA SET MANAGEMENT).
    Delete,
    /// Make all acknowledged writes durable.
    Flush,
    /// Read sectors.
    Read,
    /// Write sectors.
    Write,
}

impl Op {
    /// Whether a late second execution can destroy data written in between.
    pub(crate) const fn changes_data(self) -> bool {
        matches!(self, Self::Write | Self::Delete)
    }
}

/// A submitted I/O.
#[derive(Debug)]
pub struct IoRequest {
    /// Returned with the completion.
    pub io: IoHandle,
    /// The operation.
    pub op: Op,
    /// First sector.
    pub lba: u64,
    /// Number of sectors; 0 for a flush.
    pub sectors: u32,
    /// A barrier: starts when all earlier I/Os are complete, and later I/Os start when it
    /// is complete. A flush is a barrier for writes only.
    pub ordered: bool,
    /// When to give up, independently of `maxwait`; [`Instant::NEVER`] if only `maxwait`
    /// applies.
    pub give_up: Instant,
}

/// The I/O slots of a target.
pub type Ios = Table<Io, IoId, 128>;

/// An I/O slot.
#[derive(Debug)]
pub struct Io {
    links: Links<IoId>,
    /// The caller's handle, returned exactly once.
    handle: u64,
    pub(crate) op: Op,
    ordered: bool,
    place: Place,
    pub(crate) lba: u64,
    pub(crate) sectors: u32,
    /// Sectors that have been cut into requests.
    pub(crate) cut: u32,
    frames: u16,
    error: Option<IoError>,
    give_up: Instant,
    /// When this write began to wait for an unresolved copy, or `NEVER`.
    guarded_since: Instant,
}

/// The state of an I/O slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Cutting,
    Done,
    Free,
    Pending,
    Sent,
}

impl Io {
    /// An unused slot.
    pub const FREE: Self = Self {
        links: Links::NONE,
        handle: 0,
        op: Op::Read,
        ordered: false,
        place: Place::Free,
        lba: 0,
        sectors: 0,
        cut: 0,
        frames: 0,
        error: None,
        give_up: Instant::NEVER,
        guarded_since: Instant::NEVER,
    };

    /// Returns the caller's handle, which names the I/O's memory.
    pub(crate) fn raw_handle(&self) -> u64 {
        self.handle
    }

    /// Returns the first sector past the end.
    fn end(&self) -> u64 {
        self.lba.saturating_add(u64::from(self.sectors))
    }

    /// Whether it was started and is not done.
    fn is_active(&self) -> bool {
        matches!(self.place, Place::Cutting | Place::Sent)
    }

    fn overlaps(&self, lba: u64, end: u64) -> bool {
        self.op.changes_data() && self.lba < end && lba < self.end()
    }

    /// Whether it is a barrier for all I/O; a flush is one for writes only.
    fn is_full_barrier(&self) -> bool {
        self.ordered && self.op != Op::Flush
    }
}

impl Linked<IoId> for Io {
    fn links(&self) -> Links<IoId> {
        self.links
    }
    fn links_mut(&mut self) -> &mut Links<IoId> {
        &mut self.links
    }
}

/// Decides whether a pending write may start.
pub(crate) trait Gate {
    /// Returns whether an unresolved copy of another write overlaps. If so, requests a
    /// fence.
    fn is_guarded(&mut self, lba: u64, end: u64) -> bool;
    /// Records that a write that has waited since `since` may start.
    fn released(&mut self, since: Instant);
}

/// The kinds of earlier I/Os that stay pending while a later one starts.
#[derive(Clone, Copy)]
struct Passed {
    any: bool,
    change: bool,
    flush: bool,
}

impl Passed {
    const NONE: Self = Self { any: false, change: false, flush: false };
}

/// All I/O slots of a target.
#[derive(Debug)]
pub(crate) struct IoTable<'a> {
    slots: &'a mut Ios,
    free: Stack<IoId>,
    pending: List<IoId>,
    /// The I/O that is being cut into requests.
    cutting: Maybe<IoId>,
    done: List<IoId>,
    /// Number of slots that may be used.
    limit: u16,
    /// Number of I/Os that were started and are not done.
    active: u16,
    active_changes: u16,
    active_flushes: u16,
    active_barriers: u16,
    give_ups: u16,
    /// The locations of the active writes.
    changes: &'a mut Granules,
}

impl<'a> IoTable<'a> {
    /// Creates a table from free slots, of which `limit` may be used.
    pub(crate) fn new(slots: &'a mut Ios, changes: &'a mut Granules, limit: u16) -> Self {
        let free = Stack::of_first(slots, limit);
        changes.clear();
        Self {
            limit: free.len(),
            slots,
            free,
            pending: List::EMPTY,
            cutting: Maybe::NONE,
            done: List::EMPTY,
            active: 0,
            active_changes: 0,
            active_flushes: 0,
            active_barriers: 0,
            give_ups: 0,
            changes,
        }
    }

    /// Returns the I/O in a slot.
    #[inline]
    pub(crate) fn get(&self, slot: IoId) -> &Io {
        &self.slots[slot]
    }

    /// Returns the number of I/Os that were accepted and not yet returned as done.
    pub(crate) fn len(&self) -> usize {
        usize::from(self.limit.wrapping_sub(self.free.len()))
    }

    /// Whether an I/O waits to be started or cut into requests.
    #[inline]
    pub(crate) fn has_uncut(&self) -> bool {
        self.cutting != Maybe::NONE || !self.pending.is_empty()
    }

    /// Accepts an I/O, or returns it if all slots are in use.
    pub(crate) fn admit(&mut self, request: IoRequest) -> Result<(), IoRequest> {
        let Some(slot) = self.free.pop(self.slots) else { return Err(request) };
        self.give_ups = self.give_ups.wrapping_add(u16::from(request.give_up != Instant::NEVER));
        self.slots[slot] = Io {
            handle: request.io.0,
            op: request.op,
            ordered: request.ordered,
            place: Place::Pending,
            lba: request.lba,
            sectors: request.sectors,
            give_up: request.give_up,
            ..Io::FREE
        };
        self.pending.push_back(self.slots, slot);
        Ok(())
    }

    /// Returns the I/O that is being cut into requests.
    #[inline]
    pub(crate) fn cutting(&self) -> Option<IoId> {
        self.cutting.get()
    }

    /// Starts the first pending I/O that is not blocked: usually the oldest.
    #[inline]
    pub(crate) fn start_next(&mut self, gate: &mut impl Gate, now: Instant) -> Option<IoId> {
        let oldest = self.pending.front()?;
        if self.may_start(oldest, Passed::NONE, gate, now) {
            self.activate(oldest);
            return Some(oldest);
        }
        self.start_behind(oldest, gate, now)
    }

    /// Starts the first pending I/O after `slot` that is not blocked.
    #[inline(never)]
    fn start_behind(&mut self, slot: IoId, gate: &mut impl Gate, now: Instant) -> Option<IoId> {
        let (mut slot, mut passed) = (slot, Passed::NONE);
        loop {
            let io = &self.slots[slot];
            if io.is_full_barrier() {
                return None;
            }
            passed.any = true;
            passed.change |= io.op.changes_data();
            passed.flush |= io.op == Op::Flush;
            slot = List::next(self.slots, slot)?;
            if self.may_start(slot, passed, gate, now) {
                self.activate(slot);
                return Some(slot);
            }
        }
    }

    /// Whether a pending I/O may start before the earlier ones in `passed`.
    #[inline(always)]
    fn may_start(
        &mut self,
        slot: IoId,
        passed: Passed,
        gate: &mut impl Gate,
        now: Instant,
    ) -> bool {
        let io = &self.slots[slot];
        self.active_barriers == 0
            && match io.op {
                _ if io.is_full_barrier() && (passed.any || self.active != 0) => false,
                Op::Flush => !passed.change && self.active_changes == 0,
                Op::Read => true,
                Op::Delete | Op::Write => {
                    !passed.flush
                        && self.active_flushes == 0
                        && self.may_change(slot, passed.change, gate, now)
                }
            }
    }

    /// Whether a write may start: no active, earlier or unresolved write overlaps it.
    fn may_change(
        &mut self,
        slot: IoId,
        passed_change: bool,
        gate: &mut impl Gate,
        now: Instant,
    ) -> bool {
        let io = &self.slots[slot];
        let (lba, end) = (io.lba, io.end());
        if self.changes.may_overlap(lba, end)
            && self.slots.iter().any(|io| io.is_active() && io.overlaps(lba, end))
            || passed_change && self.overlaps_earlier(slot, lba, end)
        {
            return false;
        }
        let guarded = gate.is_guarded(lba, end);
        let io = &mut self.slots[slot];
        if guarded {
            io.guarded_since = io.guarded_since.min(now);
        } else if io.guarded_since != Instant::NEVER {
            gate.released(io.guarded_since);
        }
        !guarded
    }

    /// Whether a write that has been pending for longer than `slot` overlaps.
    fn overlaps_earlier(&self, slot: IoId, lba: u64, end: u64) -> bool {
        let earlier = self.pending.iter(self.slots).take_while(|earlier| *earlier != slot);
        earlier.map(|earlier| &self.slots[earlier]).any(|io| io.overlaps(lba, end))
    }

    #[inline(always)]
    fn activate(&mut self, slot: IoId) {
        self.pending.remove(self.slots, slot);
        self.cutting = Maybe::some(slot);
        self.active = self.active.wrapping_add(1);
        let io = &mut self.slots[slot];
        io.place = Place::Cutting;
        if io.op.changes_data() {
            self.changes.add(io.lba, io.end());
            self.active_changes = self.active_changes.wrapping_add(1);
        }
        self.active_flushes = self.active_flushes.wrapping_add(u16::from(io.op == Op::Flush));
        self.active_barriers = self.active_barriers.wrapping_add(u16::from(io.is_full_barrier()));
    }

    /// Records that a request for the next `sectors` of the I/O was cut.
    #[inline]
    pub(crate) fn on_cut(&mut self, slot: IoId, sectors: u32) {
        let io = &mut self.slots[slot];
        io.cut = io.cut.wrapping_add(sectors);
        io.frames = io.frames.wrapping_add(1);
        if io.cut >= io.sectors {
            self.on_all_cut(slot);
        }
    }

    fn on_all_cut(&mut self, slot: IoId) {
        self.slots[slot].place = Place::Sent;
        self.cutting = Maybe::NONE;
    }

    /// Records the result of one of the I/O's requests. Returns whether the whole I/O
    /// is done.
    #[inline]
    pub(crate) fn on_frame_done(&mut self, slot: IoId, result: Result<(), IoError>) -> bool {
        let io = &mut self.slots[slot];
        io.frames = io.frames.wrapping_sub(1);
        if let Err(error) = result {
            io.error.get_or_insert(error);
            // The part that was not yet cut into requests is not sent.
            io.cut = io.sectors;
            if io.place == Place::Cutting {
                self.on_all_cut(slot);
            }
        }
        let io = &self.slots[slot];
        let over = io.frames == 0 && io.cut >= io.sectors;
        if over {
            self.finish(slot);
        }
        over
    }

    /// Moves an I/O to the done list, regardless of its outstanding requests.
    fn finish(&mut self, slot: IoId) {
        let io = &mut self.slots[slot];
        let timed = io.give_up != Instant::NEVER;
        self.give_ups = self.give_ups.wrapping_sub(u16::from(timed));
        let from = core::mem::replace(&mut io.place, Place::Done);
        if matches!(from, Place::Cutting | Place::Sent) {
            if io.op.changes_data() {
                self.changes.remove(io.lba, io.end());
                self.active_changes = self.active_changes.wrapping_sub(1);
            }
            self.active_flushes = self.active_flushes.wrapping_sub(u16::from(io.op == Op::Flush));
            let barrier = u16::from(io.is_full_barrier());
            self.active_barriers = self.active_barriers.wrapping_sub(barrier);
            self.active = self.active.wrapping_sub(1);
        }
        match from {
            Place::Cutting => self.cutting = Maybe::NONE,
            Place::Pending => self.pending.remove(self.slots, slot),
            Place::Sent => {}
            Place::Done | Place::Free => return,
        }
        self.done.push_back(self.slots, slot);
    }

    /// Ends every I/O with `error`; the caller drops their requests.
    pub(crate) fn fail_all(&mut self, error: IoError) {
        for slot in Ios::numbers() {
            self.fail_one(slot, error);
        }
    }

    /// Ends one I/O with `error`, unless it is done already.
    pub(crate) fn fail_one(&mut self, slot: IoId, error: IoError) {
        let io = &mut self.slots[slot];
        if !matches!(io.place, Place::Done | Place::Free) {
            io.error.get_or_insert(error);
            self.finish(slot);
        }
    }

    /// Whether the I/O has a time to give up, since GEOM tastes the disk with it.
    pub(crate) fn may_give_up(&self, slot: IoId) -> bool {
        self.get(slot).give_up != Instant::NEVER
    }

    /// Whether any unfinished I/O has a time to give up.
    pub(crate) fn any_may_give_up(&self) -> bool {
        self.give_ups != 0
    }

    /// Returns an unfinished I/O whose time to give up has come.
    pub(crate) fn next_given_up(&self, now: Instant) -> Option<IoId> {
        if self.give_ups == 0 {
            return None;
        }
        let late = |io: &Io| io.give_up <= now && !matches!(io.place, Place::Done | Place::Free);
        self.slots.entries().find(|(_, io)| late(io)).map(|(slot, _)| slot)
    }

    /// Returns when the next I/O gives up.
    pub(crate) fn deadline(&self) -> Instant {
        if self.give_ups == 0 {
            return Instant::NEVER;
        }
        let waiting = |io: &&Io| !matches!(io.place, Place::Done | Place::Free);
        self.slots.iter().filter(waiting).map(|io| io.give_up).min().unwrap_or(Instant::NEVER)
    }

    /// Returns the next completed I/O and frees its slot. The result of a success is the
    /// number of sectors read or written.
    #[inline]
    pub(crate) fn pop_done(&mut self) -> Option<(IoHandle, Result<u32, IoError>)> {
        let slot = self.done.pop_front(self.slots)?;
        let io = &mut self.slots[slot];
        io.place = Place::Free;
        let moved = if matches!(io.op, Op::Read | Op::Write) { io.sectors } else { 0 };
        let result = io.error.take().map_or(Ok(moved), Err);
        let handle = IoHandle(io.handle);
        self.free.push(self.slots, slot);
        Some((handle, result))
    }
}

#[cfg(test)]
mod tests;
