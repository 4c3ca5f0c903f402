// SPDX-License-Identifier: BSD-2-Clause
//! Copies of writes that may still reach the target.
//!
//! A target executes every copy of a write that arrives, so an old copy of one
//! write, executed after a newer write to the same sectors, destroys the
//! newer one. The guard remembers every transmitted copy until it can no
//! longer arrive: it was answered; or a later request on its path was
//! answered, at once where that path keeps its order and after a while where
//! it does not (`reorder.rs`); or `ghost_wait` passed after the
//! interface gave its mbuf back. Copies of finished requests ("orphans")
//! outlive I/O, failure, suspension and the disk itself.

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
    /// Tells this use of the entry from earlier ones.
    generation: u16,
    /// Which use of the path's slot it was sent in.
    epoch: u16,
    sectors: u16,
    /// The path's count of transmissions, low 32 bits.
    seq: u32,
    sent_at: Stamp,
    lba: u64,
    /// When the interface gave the mbuf back, or never.
    left_at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Free,
    /// Its request is under way and remembers it.
    Live,
    Orphan,
    /// Resolved, but for an answer that would come late.
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

    /// When the answers on its path resolve it.
    fn over_at(&self, paths: &Paths) -> Instant {
        paths[self.path].over_at(self.epoch, self.full_seq(paths))
    }

    /// When its path is to be asked for an answer.
    fn fence_at(&self, paths: &Paths) -> Instant {
        paths[self.path].fence_at(self.epoch, self.full_seq(paths))
    }

    /// The path's count of transmissions, if this is its epoch.
    fn full_seq(&self, paths: &Paths) -> u64 {
        paths[self.path].full_seq(self.seq)
    }

    /// Whether it is of a sector from `lba` on and before `end`.
    fn overlaps(&self, lba: u64, end: u64) -> bool {
        self.lba < end && lba < self.lba.saturating_add(u64::from(self.sectors))
    }

    /// When it is over, or its path is to be asked once more because its time
    /// stands still. The first question is not a matter of time.
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

/// A copy whose request is over, kept so that its answer can correct its path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Late {
    pub(crate) path: PathId,
    pub(crate) epoch: u16,
    pub(crate) seq: u32,
    pub(crate) sent_at: Stamp,
}

/// Copies that were considered resolved and are kept as long as there is room: if
/// one is answered after all, that was too soon, and its path must learn of it.
const PASSED: u16 = 64;

/// The bounded table of copies.
#[derive(Debug)]
pub(crate) struct Guard<'a> {
    slots: &'a mut Copies,
    free: Stack<CopyId>,
    orphans: List<CopyId>,
    /// Set when an allocation failed, so that a sweep is worthwhile.
    starved: bool,
    /// When the last sweep was that left no room.
    swept_in_vain: Option<Instant>,
    /// The last copies that no answer of their own resolved.
    passed: List<CopyId>,
}

/// A full table is not swept more often than this: every input would.
const SWEEP_INTERVAL: Micros = Micros::from_millis(1);

impl<'a> Guard<'a> {
    /// Takes over free entries, of which `limit` may be used.
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

    /// Entries that stand for copies nobody waits for any more.
    pub(crate) fn orphans(&self) -> u16 {
        self.orphans.len()
    }

    /// Whether another copy could be remembered.
    pub(crate) fn has_room(&mut self) -> bool {
        let has_room = self.is_roomy();
        self.starved |= !has_room;
        has_room
    }

    fn is_roomy(&self) -> bool {
        !self.free.is_empty() || !self.passed.is_empty()
    }

    /// Whether an entry was refused since the last sweep.
    pub(crate) fn is_starved(&self) -> bool {
        self.starved
    }

    /// Remembers a copy; `None` if the table is full.
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

    /// What the interface's side hands back through [`Guard::on_left`]; not 0.
    pub(crate) fn token(&self, slot: CopyId) -> u32 {
        u32::from(self.slots[slot].generation) << 16 | u32::from(slot.0.wrapping_add(1))
    }

    /// The interface gave the mbuf of a copy back.
    pub(crate) fn on_left(&mut self, token: u32, now: Instant) {
        let [g1, g0, s1, s0] = token.to_be_bytes();
        let copy = &mut self.slots[CopyId(u16::from_be_bytes([s1, s0]).wrapping_sub(1))];
        if copy.place != Place::Free && copy.generation == u16::from_be_bytes([g1, g0]) {
            copy.left_at = copy.left_at.min(now);
        }
    }

    /// A live copy was answered, or is known not to come.
    pub(crate) fn resolve(&mut self, slot: CopyId) {
        if self.slots[slot].place == Place::Live {
            self.release(slot);
        }
    }

    /// The request of a live copy is over without the copy being answered.
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

    /// An answer that no request waits for: perhaps an orphan's own, or that of
    /// a copy that was considered resolved.
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

    /// A copy in no list is considered resolved.
    fn pass(&mut self, slot: CopyId) {
        self.slots[slot].place = Place::Passed;
        self.passed.push_back(self.slots, slot);
        if self.passed.len() > PASSED
            && let Some(oldest) = self.passed.pop_front(self.slots)
        {
            self.release(oldest);
        }
    }

    /// Whether an unresolved orphan overlaps; `blocked` hears of its path if an
    /// answer to a later request is wanted there.
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

    /// Frees every orphan that is resolved by now.
    pub(crate) fn sweep(&mut self, paths: &Paths, now: Instant, wait: Micros) {
        self.starved = false;
        self.blocks(0, 0, (paths, now, wait), |_, _| {});
    }

    /// Whether a sweep may find something that the last one did not.
    pub(crate) fn is_worth_sweeping(&self, now: Instant) -> bool {
        self.swept_in_vain.is_none_or(|at| at.after(SWEEP_INTERVAL) <= now)
    }

    /// Notes the result of a sweep.
    pub(crate) fn on_swept(&mut self, now: Instant) {
        self.swept_in_vain = (!self.is_roomy()).then_some(now);
    }

    /// Whether a live copy cannot come any more, by time or fence.
    pub(crate) fn is_over(&self, slot: CopyId, paths: &Paths, now: Instant, wait: Micros) -> bool {
        self.slots[slot].is_resolved(paths, now, wait)
    }

    /// When the next copy that I/O may wait for is resolved by time alone: an orphan
    /// or, if the table is full, any.
    pub(crate) fn deadline(&self, paths: &Paths, wait: Micros) -> Instant {
        if self.starved {
            let is_kept = |c: &&Copy| !matches!(c.place, Place::Free | Place::Passed);
            let left = self.slots.iter().filter(is_kept);
            let oldest = left.map(|c| c.left_at.after(wait)).min();
            // A fence may have been answered since the sweep that was in vain.
            let again = self.swept_in_vain.map(|at| at.after(SWEEP_INTERVAL));
            return oldest.into_iter().chain(again).min().unwrap_or(Instant::NEVER);
        }
        let ends = self.orphans.iter(self.slots).map(|slot| {
            let copy = &self.slots[slot];
            copy.left_at.after(wait).min(copy.over_or_still_at(paths))
        });
        ends.min().unwrap_or(Instant::NEVER)
    }

    /// Lists the orphans that another answer would help to resolve.
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

    /// An entry in no list is free again.
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
