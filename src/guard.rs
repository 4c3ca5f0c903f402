// SPDX-License-Identifier: BSD-2-Clause
//! Copies of writes that may still reach the target.
//!
//! A target executes every copy of a write that arrives. So an old copy of one
//! write, executed after a newer write to the same sectors, destroys the newer
//! data. The guard remembers every transmitted copy until it is resolved, which
//! means that, as far as an initiator can know, it will not be executed any more. A
//! copy is resolved by its own answer, or by the answer to a later request on its
//! path: at once if the path keeps its order, otherwise after a wait
//! (`reorder.rs`). It is also resolved when `ghost_wait` has passed since the
//! interface gave its mbuf back. Copies of finished requests ("orphans") are
//! remembered beyond the end of their I/O, failure, suspension and the removal of
//! the disk.

use crate::list::{Linked, Links, List, Stack};
use crate::path::{Path, Paths};
use crate::reorder::low_half;
use crate::slot::{CopyId, PathId};
use crate::table::Table;
use crate::time::{Instant, Micros, Stamp};
use crate::wire::Tag;

/// The copies that a target remembers.
pub type Copies = Table<Copy, CopyId, 512>;

/// One transmitted copy of a write or delete.
#[derive(Clone, Copy, Debug)]
pub struct Copy {
    links: Links<CopyId>,
    place: Place,
    tag: Tag,
    path: PathId,
    /// Distinguishes this use of the entry from earlier ones.
    generation: u16,
    /// The use of the path's slot in which it was sent.
    epoch: u16,
    sectors: u16,
    /// The low 32 bits of its number among the path's transmissions.
    seq: u32,
    sent_at: Stamp,
    lba: u64,
    /// When the interface gave the mbuf back, or `NEVER` until then.
    left_at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Free,
    /// Its request is in progress and refers to it.
    Live,
    Orphan,
    /// Considered resolved, and kept in case it is answered late.
    Passed,
}

impl Copy {
    /// An unused entry.
    pub const FREE: Self = Self {
        links: Links::NONE,
        place: Place::Free,
        tag: Tag(0),
        path: PathId(0),
        generation: 0,
        epoch: 0,
        sectors: 0,
        seq: 0,
        sent_at: Stamp::ZERO,
        lba: 0,
        left_at: Instant::NEVER,
    };

    fn is_resolved(&self, paths: &Paths, now: Instant, wait: Micros) -> bool {
        self.is_old(now, wait) || self.over_at(paths) <= now
    }

    fn is_old(&self, now: Instant, wait: Micros) -> bool {
        self.left_at.after(wait) <= now
    }

    /// Returns when the answers on its path resolve it.
    fn over_at(&self, paths: &Paths) -> Instant {
        paths[self.path].over_at(self.epoch, self.full_seq(paths))
    }

    /// Returns when its path is to be sent a fence.
    fn fence_at(&self, paths: &Paths) -> Instant {
        paths[self.path].fence_at(self.epoch, self.full_seq(paths))
    }

    /// Returns its full number among the path's transmissions, which is right only
    /// if the path's slot is still in the same use.
    fn full_seq(&self, paths: &Paths) -> u64 {
        paths[self.path].full_seq(self.seq)
    }

    /// Returns whether it changes a sector from `lba` on and before `end`.
    fn overlaps(&self, lba: u64, end: u64) -> bool {
        self.lba < end && lba < self.lba.saturating_add(u64::from(self.sectors))
    }

    /// Returns when the answers on its path resolve it, or when the path needs a
    /// further fence because its time stands still during a silence, whichever is
    /// earlier. The first fence is not a matter of time: [`Guard::blocks`] requests
    /// it.
    fn over_or_still_at(&self, paths: &Paths) -> Instant {
        let still_at = match self.fence_at(paths) {
            Instant::ZERO => Instant::NEVER,
            at => at,
        };
        self.over_at(paths).min(still_at)
    }

    const fn late(&self) -> Late {
        Late { path: self.path, epoch: self.epoch, seq: self.seq, sent_at: self.sent_at }
    }
}

impl Linked<CopyId> for Copy {
    fn links(&self) -> Links<CopyId> {
        self.links
    }
    fn links_mut(&mut self) -> &mut Links<CopyId> {
        &mut self.links
    }
}

/// A copy whose request is over, and that was answered after all. It tells its path
/// how late that was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Late {
    pub(crate) path: PathId,
    pub(crate) epoch: u16,
    pub(crate) seq: u32,
    pub(crate) sent_at: Stamp,
}

/// Maximum number of copies that are kept, as long as there is room, after they were
/// considered resolved. If one is answered after all, it was considered resolved too
/// soon, and its path must learn of the delay.
const PASSED: u16 = 64;

/// The bounded table of copies.
#[derive(Debug)]
pub(crate) struct Guard<'a> {
    slots: &'a mut Copies,
    free: Stack<CopyId>,
    orphans: List<CopyId>,
    /// Set when an allocation failed, so that a sweep is worthwhile.
    starved: bool,
    /// The time of the last sweep, if the table was still full after it.
    swept_in_vain: Option<Instant>,
    /// The last copies that were considered resolved without an answer of their own,
    /// oldest first.
    passed: List<CopyId>,
}

/// Minimum time between sweeps of a full table. Otherwise every input would cause
/// one.
const SWEEP_INTERVAL: Micros = Micros::from_millis(1);

impl<'a> Guard<'a> {
    /// Creates a guard of unused entries, of which `limit` may be used.
    pub(crate) fn new(slots: &'a mut Copies, limit: u16) -> Self {
        let free = Stack::of_first(slots, limit);
        Self {
            slots,
            free,
            orphans: List::EMPTY,
            starved: false,
            swept_in_vain: None,
            passed: List::EMPTY,
        }
    }

    /// Returns the number of orphans that are still in the table.
    pub(crate) fn orphans(&self) -> u16 {
        self.orphans.len()
    }

    /// Returns whether another copy can be remembered. If not, the guard is starved
    /// until the next sweep.
    pub(crate) fn has_room(&mut self) -> bool {
        let has_room = self.is_roomy();
        self.starved |= !has_room;
        has_room
    }

    fn is_roomy(&self) -> bool {
        !self.free.is_empty() || !self.passed.is_empty()
    }

    /// Returns whether there was no room for a copy since the last sweep.
    pub(crate) fn is_starved(&self) -> bool {
        self.starved
    }

    /// Remembers a copy, which is the last transmission on its path. Returns `None`
    /// if the table is full.
    pub(crate) fn insert(
        &mut self,
        path: PathId,
        on: &Path,
        lba: u64,
        sectors: u16,
        tag: Tag,
        now: Instant,
    ) -> Option<CopyId> {
        let free = self.free.pop(self.slots);
        let slot = free.or_else(|| self.passed.pop_front(self.slots))?;
        let copy = &mut self.slots[slot];
        *copy = Copy {
            place: Place::Live,
            tag,
            path,
            generation: copy.generation.wrapping_add(1),
            epoch: on.epoch,
            sectors,
            seq: low_half(on.last_seq()),
            sent_at: Stamp::of(now),
            lba,
            ..Copy::FREE
        };
        Some(slot)
    }

    /// Returns the token, never 0, that is passed to [`Guard::on_left`] when the
    /// copy's mbuf is given back.
    pub(crate) fn token(&self, slot: CopyId) -> u32 {
        u32::from(self.slots[slot].generation) << 16 | u32::from(slot.0.wrapping_add(1))
    }

    /// Notes that the interface gave the mbuf of a copy back.
    pub(crate) fn on_left(&mut self, token: u32, now: Instant) {
        let [g1, g0, s1, s0] = token.to_be_bytes();
        let copy = &mut self.slots[CopyId(u16::from_be_bytes([s1, s0]).wrapping_sub(1))];
        if copy.place != Place::Free && copy.generation == u16::from_be_bytes([g1, g0]) {
            copy.left_at = copy.left_at.min(now);
        }
    }

    /// Frees a live copy that was answered, or that can no longer be executed.
    pub(crate) fn resolve(&mut self, slot: CopyId) {
        if self.slots[slot].place == Place::Live {
            self.release(slot);
        }
    }

    /// Notes that the request of a live copy is over, although the copy was not
    /// answered.
    pub(crate) fn orphan(&mut self, slot: CopyId, paths: &Paths, now: Instant, wait: Micros) {
        let copy = &mut self.slots[slot];
        if copy.place != Place::Live {
            return;
        }
        if copy.is_resolved(paths, now, wait) {
            self.pass(slot);
        } else {
            copy.place = Place::Orphan;
            self.orphans.push_back(self.slots, slot);
        }
    }

    /// Takes an answer that no request waits for. Frees and returns the copy that it
    /// answers, if that is an orphan or was considered resolved.
    pub(crate) fn on_answer(&mut self, tag: Tag) -> Option<Late> {
        let slot = self.find(self.orphans, tag).or_else(|| self.find(self.passed, tag))?;
        let (late, place) = (self.slots[slot].late(), self.slots[slot].place);
        match place {
            Place::Orphan => self.orphans.remove(self.slots, slot),
            _ => self.passed.remove(self.slots, slot),
        }
        self.release(slot);
        Some(late)
    }

    fn find(&self, list: List<CopyId>, tag: Tag) -> Option<CopyId> {
        list.iter(self.slots).find(|slot| self.slots[*slot].tag == tag)
    }

    /// Considers a copy resolved that is in no list.
    fn pass(&mut self, slot: CopyId) {
        self.slots[slot].place = Place::Passed;
        self.passed.push_back(self.slots, slot);
        if self.passed.len() > PASSED
            && let Some(oldest) = self.passed.pop_front(self.slots)
        {
            self.release(oldest);
        }
    }

    /// Returns whether an unresolved orphan overlaps the sectors from `lba` on and
    /// before `end`. Calls `blocked` with the path and number of each such orphan
    /// whose path is to be sent a fence. Orphans that are resolved by now are no
    /// longer orphans.
    pub(crate) fn blocks(
        &mut self,
        lba: u64,
        end: u64,
        rules: (&Paths, Instant, Micros),
        mut blocked: impl FnMut(PathId, u64),
    ) -> bool {
        let (paths, now, wait) = rules;
        let mut found = false;
        let mut next = self.orphans.front();
        while let Some(slot) = next {
            next = List::next(self.slots, slot);
            let copy = &self.slots[slot];
            if copy.is_resolved(paths, now, wait) {
                self.orphans.remove(self.slots, slot);
                self.pass(slot);
            } else if copy.overlaps(lba, end) {
                if copy.fence_at(paths) <= now {
                    blocked(copy.path, copy.full_seq(paths));
                }
                found = true;
            }
        }
        found
    }

    /// Releases every orphan that is resolved by now.
    pub(crate) fn sweep(&mut self, paths: &Paths, now: Instant, wait: Micros) {
        self.starved = false;
        self.blocks(0, 0, (paths, now, wait), |_, _| {});
    }

    /// Returns whether a sweep may find something that the last one did not.
    pub(crate) fn is_worth_sweeping(&self, now: Instant) -> bool {
        self.swept_in_vain.is_none_or(|at| at.after(SWEEP_INTERVAL) <= now)
    }

    /// Notes whether a sweep made room.
    pub(crate) fn on_swept(&mut self, now: Instant) {
        self.swept_in_vain = (!self.is_roomy()).then_some(now);
    }

    /// Returns whether a live copy can no longer be executed, because of its age or
    /// of later answers.
    pub(crate) fn is_over(&self, slot: CopyId, paths: &Paths, now: Instant, wait: Micros) -> bool {
        self.slots[slot].is_resolved(paths, now, wait)
    }

    /// Returns when the guard is to be consulted again even without an input: when
    /// the next copy that I/O may wait for is resolved by time alone, or its path
    /// needs a further fence. I/O may wait for an orphan or, if the table is full,
    /// for any copy.
    pub(crate) fn deadline(&self, paths: &Paths, wait: Micros) -> Instant {
        if self.starved {
            let is_kept = |c: &&Copy| !matches!(c.place, Place::Free | Place::Passed);
            let left = self.slots.iter().filter(is_kept);
            let oldest = left.map(|c| c.left_at.after(wait)).min();
            // A fence may have been answered since the sweep that made no room.
            let again = self.swept_in_vain.map(|at| at.after(SWEEP_INTERVAL));
            return oldest.into_iter().chain(again).min().unwrap_or(Instant::NEVER);
        }
        let ends = self.orphans.iter(self.slots).map(|slot| {
            let copy = &self.slots[slot];
            copy.left_at.after(wait).min(copy.over_or_still_at(paths))
        });
        ends.min().unwrap_or(Instant::NEVER)
    }

    /// Calls `stands` with the path and number of each orphan that a further answer
    /// would help to resolve.
    pub(crate) fn stand_still(
        &self,
        paths: &Paths,
        now: Instant,
        mut stands: impl FnMut(PathId, u64),
    ) {
        for slot in self.orphans.iter(self.slots) {
            let copy = &self.slots[slot];
            if copy.over_or_still_at(paths) <= now {
                stands(copy.path, copy.full_seq(paths));
            }
        }
    }

    /// Frees an entry that is in no list.
    fn release(&mut self, slot: CopyId) {
        self.slots[slot].place = Place::Free;
        self.free.push(self.slots, slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_an_earlier_copy_says_nothing_of_the_next() {
        let mut slots = Table::new(|| Copy::FREE);
        let paths = Table::new(|| Path::FREE);
        let mut guard = Guard::new(&mut slots, 1);
        let insert =
            |g: &mut Guard<'_>| g.insert(PathId(0), &Path::FREE, 8, 1, Tag(1), Instant::ZERO);
        let first = insert(&mut guard).unwrap();
        let token = guard.token(first);
        guard.resolve(first);
        let second = insert(&mut guard).unwrap();
        assert_eq!(second, first);
        guard.on_left(token, Instant::from_micros(5));
        let late = Instant::from_micros(100);
        assert!(!guard.is_over(second, &paths, late, Micros(1)));
        guard.on_left(guard.token(second), Instant::from_micros(5));
        assert!(guard.is_over(second, &paths, late, Micros(1)));
    }
}
