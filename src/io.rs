// SPDX-License-Identifier: BSD-2-Clause
//! I/Os between submission and completion: admission, order, completion.
//!
//! It handles barriers and overlapping writes, but no frames, paths or time-outs,
//! except for that of tasting.

use crate::granules::Granules;
use crate::list::{Linked, Links, List, Stack};
use crate::output::{IoError, IoHandle};
use crate::slot::IoId;
use crate::table::{Maybe, Table};
use crate::time::Instant;

/// The operation of an I/O.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Forget these sectors (DATA SET MANAGEMENT).
    Delete,
    /// Make all that was acknowledged durable.
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

/// A submission.
#[derive(Debug)]
pub struct IoRequest {
    /// Given back with the completion.
    pub io: IoHandle,
    /// What to do.
    pub op: Op,
    /// First sector.
    pub lba: u64,
    /// Number of sectors; 0 for a flush.
    pub sectors: u32,
    /// All before it completes first, nothing behind it starts before.
    pub ordered: bool,
    /// Give up at this time, whatever `maxwait` says.
    pub give_up: Instant,
}

/// The I/O slots of a target.
pub type Ios = Table<Io, IoId, 128>;

/// An I/O slot.
#[derive(Debug)]
pub struct Io {
    links: Links<IoId>,
    /// The caller's, to be given back once.
    handle: u64,
    pub(crate) op: Op,
    ordered: bool,
    place: Place,
    pub(crate) lba: u64,
    pub(crate) sectors: u32,
    /// Sectors that frames have been cut for.
    pub(crate) cut: u32,
    frames: u16,
    error: Option<IoError>,
    give_up: Instant,
    /// Since when this write has waited for a guarded copy, or never.
    guarded_since: Instant,
}

/// Where a slot is.
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

    /// The caller's handle, for naming payload.
    pub(crate) fn raw_handle(&self) -> u64 {
        self.handle
    }

    /// The first sector behind it.
    fn end(&self) -> u64 {
        self.lba.saturating_add(u64::from(self.sectors))
    }

    /// Started and not done.
    fn is_active(&self) -> bool {
        matches!(self.place, Place::Cutting | Place::Sent)
    }

    fn overlaps(&self, lba: u64, end: u64) -> bool {
        self.op.changes_data() && self.lba < end && lba < self.end()
    }

    /// A barrier for everything; a flush is one for writes only.
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

/// The conditions on which a pending write may be sent.
pub(crate) trait Gate {
    /// Whether an unresolved copy of another write overlaps; asks for a fence if so.
    fn is_guarded(&mut self, lba: u64, end: u64) -> bool;
    /// A write may go after having waited since then.
    fn released(&mut self, since: Instant);
}

/// What was pending for longer than an I/O and stays so.
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
    /// The one that frames are being cut for.
    cutting: Maybe<IoId>,
    done: List<IoId>,
    /// How many slots there are to use.
    limit: u16,
    /// Started and not done.
    active: u16,
    active_changes: u16,
    active_flushes: u16,
    active_barriers: u16,
    give_ups: u16,
    /// Where the writes under way are.
    changes: &'a mut Granules,
}

impl<'a> IoTable<'a> {
    /// Takes over free slots, of which `limit` may be used.
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

    /// The I/O in a slot.
    #[inline]
    pub(crate) fn get(&self, slot: IoId) -> &Io {
        &self.slots[slot]
    }

    /// I/Os accepted and not yet handed back.
    pub(crate) fn len(&self) -> usize {
        usize::from(self.limit.wrapping_sub(self.free.len()))
    }

    /// Whether anything waits to be started or cut.
    #[inline]
    pub(crate) fn has_uncut(&self) -> bool {
        self.cutting != Maybe::NONE || !self.pending.is_empty()
    }

    /// Accepts an I/O; hands it back if every slot is taken.
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

    /// The I/O that frames are being cut from.
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

    /// Starts the first pending I/O behind `slot` that is not blocked.
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

    /// Whether nothing stands before a pending I/O, where these are passed.
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

    /// Whether no other write, outstanding or unresolved, overlaps this one.
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

    /// Whether a write that is pending for longer than `slot` overlaps.
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

    /// A frame for the next `sectors` of the I/O was cut.
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

    /// One of the I/O's frames is over. True when the I/O is, too.
    #[inline]
    pub(crate) fn on_frame_done(&mut self, slot: IoId, result: Result<(), IoError>) -> bool {
        let io = &mut self.slots[slot];
        io.frames = io.frames.wrapping_sub(1);
        if let Err(error) = result {
            io.error.get_or_insert(error);
            // The part not yet cut into frames need not be tried any more.
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

    /// Moves an I/O to the done list, regardless of its frames.
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

    /// Ends every I/O with `error`; the caller drops their frames.
    pub(crate) fn fail_all(&mut self, error: IoError) {
        for slot in Ios::numbers() {
            self.fail_one(slot, error);
        }
    }

    /// Ends one I/O with `error`, unless it is over already.
    pub(crate) fn fail_one(&mut self, slot: IoId, error: IoError) {
        let io = &mut self.slots[slot];
        if !matches!(io.place, Place::Done | Place::Free) {
            io.error.get_or_insert(error);
            self.finish(slot);
        }
    }

    /// Whether the I/O gives up by itself: GEOM tastes the disk with it.
    pub(crate) fn may_give_up(&self, slot: IoId) -> bool {
        self.get(slot).give_up != Instant::NEVER
    }

    /// Whether an I/O that is not over does.
    pub(crate) fn any_may_give_up(&self) -> bool {
        self.give_ups != 0
    }

    /// An I/O whose time for tasting is over.
    pub(crate) fn next_given_up(&self, now: Instant) -> Option<IoId> {
        if self.give_ups == 0 {
            return None;
        }
        let late = |io: &Io| io.give_up <= now && !matches!(io.place, Place::Done | Place::Free);
        self.slots.entries().find(|(_, io)| late(io)).map(|(slot, _)| slot)
    }

    /// When the next I/O gives up.
    pub(crate) fn deadline(&self) -> Instant {
        if self.give_ups == 0 {
            return Instant::NEVER;
        }
        let waiting = |io: &&Io| !matches!(io.place, Place::Done | Place::Free);
        self.slots.iter().filter(waiting).map(|io| io.give_up).min().unwrap_or(Instant::NEVER)
    }

    /// Hands out the next completed I/O, with the sectors that it moved if it
    /// succeeded, and frees its slot.
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
