//! Copies of writes that may still reach the target.
//!
//! AoE executes a write once per copy that arrives, so an old copy of one
//! write, executed behind a newer write to the same sectors, destroys the
//! newer one. The guard remembers every transmitted copy until it is known
//! not to come any more: it was answered; or a later request on its path was
//! answered, at once where that path keeps its order and after a while where
//! it does not (`reorder.rs`); or `ghost_wait` passed after the
//! interface gave its mbuf back. Copies of finished requests ("orphans")
//! outlive I/O, failure, suspension and the disk itself.

use crate::list::{Linked, Links, List, NIL};
use crate::path::Path;
use crate::time::{Instant, Micros};
use crate::wire::Tag;

/// One transmitted copy of a write or delete.
#[derive(Clone, Copy, Debug)]
pub struct Copy {
    links: Links,
    place: Place,
    tag: Tag,
    path: u8,
    /// Tells this use of the entry from earlier ones.
    generation: u16,
    /// Which use of the path's slot it was sent in.
    epoch: u16,
    /// The path's count of transmissions.
    seq: u64,
    sent_at: Instant,
    lba: u64,
    end: u64,
    /// When the interface gave the mbuf back.
    left_at: Option<Instant>,
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
        path: 0,
        generation: 0,
        epoch: 0,
        seq: 0,
        sent_at: Instant::ZERO,
        lba: 0,
        end: 0,
        left_at: None,
    };

    fn is_resolved(&self, paths: &[Path], now: Instant, wait: Micros) -> bool {
        self.is_old(now, wait) || self.over_at(paths) <= now
    }

    fn is_old(&self, now: Instant, wait: Micros) -> bool {
        self.left_at.is_some_and(|at| at.after(wait) <= now)
    }

    /// When what its path answered resolves it.
    fn over_at(&self, paths: &[Path]) -> Instant {
        let path = paths.get(usize::from(self.path));
        path.map_or(Instant::NEVER, |p| p.over_at(self.epoch, self.seq))
    }

    /// When its path is to be asked for an answer.
    fn fence_at(&self, paths: &[Path]) -> Instant {
        let path = paths.get(usize::from(self.path));
        path.map_or(Instant::NEVER, |p| p.fence_at(self.epoch, self.seq))
    }

    /// When it is over, or its path is to be asked once more because its time
    /// stands still. The first question is not a matter of time.
    fn over_or_still_at(&self, paths: &[Path]) -> Instant {
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

impl Linked for Copy {
    fn links(&self) -> Links {
        self.links
    }
    fn links_mut(&mut self) -> &mut Links {
        &mut self.links
    }
}

/// A copy whose request is over, to tell what its answer says about its path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Late {
    pub(crate) path: u8,
    pub(crate) epoch: u16,
    pub(crate) seq: u64,
    pub(crate) sent_at: Instant,
}

/// Copies that were taken for resolved and are kept as long as there is room:
/// if one is answered after all it was too soon, which its path has to hear of.
const PASSED: u16 = 64;

/// The bounded table of copies.
#[derive(Debug)]
pub(crate) struct Guard<'a> {
    slots: &'a mut [Copy],
    free: List,
    orphans: List,
    /// Set when an allocation failed: a sweep is worth its while.
    starved: bool,
    /// When the last sweep was that left no room.
    swept_in_vain: Option<Instant>,
    /// The last copies that no answer of their own resolved.
    passed: List,
}

/// A full table is not swept more often than this: every input would.
const SWEEP_INTERVAL: Micros = Micros::from_millis(1);

impl<'a> Guard<'a> {
    /// Takes over free entries.
    pub(crate) fn new(slots: &'a mut [Copy]) -> Self {
        let mut free = List::EMPTY;
        for slot in 0..u16::try_from(slots.len()).unwrap_or(NIL) {
            free.push_back(slots, slot);
        }
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

    /// Whether somebody was refused an entry since the last sweep.
    pub(crate) fn is_starved(&self) -> bool {
        self.starved
    }

    /// Remembers a copy; `None` if the table is full.
    pub(crate) fn insert(
        &mut self,
        path: u8,
        on: &Path,
        lba: u64,
        sectors: u16,
        tag: Tag,
        now: Instant,
    ) -> Option<u16> {
        let free = self.free.pop_front(self.slots);
        let slot = free.or_else(|| self.passed.pop_front(self.slots))?;
        let copy = self.slots.get_mut(usize::from(slot))?;
        *copy = Copy {
            place: Place::Live,
            tag,
            path,
            generation: copy.generation.wrapping_add(1),
            epoch: on.epoch,
            seq: on.last_seq(),
            sent_at: now,
            lba,
            end: lba.saturating_add(u64::from(sectors)),
            ..Copy::FREE
        };
        Some(slot)
    }

    /// What the interface's side hands back through [`Guard::on_left`]; not 0.
    pub(crate) fn token(&self, slot: u16) -> u32 {
        let generation = self.slots.get(usize::from(slot)).map_or(0, |c| c.generation);
        u32::from(generation) << 16 | u32::from(slot.wrapping_add(1))
    }

    /// The interface gave the mbuf of a copy back.
    pub(crate) fn on_left(&mut self, token: u32, now: Instant) {
        let [g1, g0, s1, s0] = token.to_be_bytes();
        let slot = usize::from(u16::from_be_bytes([s1, s0]).wrapping_sub(1));
        if let Some(copy) = self.slots.get_mut(slot)
            && copy.place != Place::Free
            && copy.generation == u16::from_be_bytes([g1, g0])
        {
            copy.left_at.get_or_insert(now);
        }
    }

    /// A live copy was answered, or is known not to come.
    pub(crate) fn resolve(&mut self, slot: u16) {
        if self.slots.get(usize::from(slot)).is_some_and(|c| c.place == Place::Live) {
            self.release(slot);
        }
    }

    /// The request of a live copy is over without the copy being answered.
    pub(crate) fn orphan(&mut self, slot: u16, paths: &[Path], now: Instant, wait: Micros) {
        let Some(copy) = self.slots.get_mut(usize::from(slot)) else { return };
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
    /// a copy that was taken for resolved.
    pub(crate) fn on_answer(&mut self, tag: Tag) -> Option<Late> {
        let slot = self.find(self.orphans, tag).or_else(|| self.find(self.passed, tag))?;
        let copy = self.slots.get(usize::from(slot))?;
        let (late, place) = (copy.late(), copy.place);
        match place {
            Place::Orphan => self.orphans.remove(self.slots, slot),
            _ => self.passed.remove(self.slots, slot),
        }
        self.release(slot);
        Some(late)
    }

    fn find(&self, list: List, tag: Tag) -> Option<u16> {
        let mut next = list.front();
        while let Some(slot) = next {
            if self.slots.get(usize::from(slot)).is_some_and(|c| c.tag == tag) {
                break;
            }
            next = List::next(self.slots, slot);
        }
        next
    }

    /// A copy in no list is taken for resolved.
    fn pass(&mut self, slot: u16) {
        if let Some(copy) = self.slots.get_mut(usize::from(slot)) {
            copy.place = Place::Passed;
        }
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
        rules: (&[Path], Instant, Micros),
        mut blocked: impl FnMut(u8, u64),
    ) -> bool {
        let (paths, now, wait) = rules;
        let mut found = false;
        let mut next = self.orphans.front();
        while let Some(slot) = next {
            next = List::next(self.slots, slot);
            let Some(copy) = self.slots.get(usize::from(slot)) else { break };
            if copy.is_resolved(paths, now, wait) {
                self.orphans.remove(self.slots, slot);
                self.pass(slot);
            } else if copy.lba < end && lba < copy.end {
                if copy.fence_at(paths) <= now {
                    blocked(copy.path, copy.seq);
                }
                found = true;
            }
        }
        found
    }

    /// Frees every orphan that is resolved by now.
    pub(crate) fn sweep(&mut self, paths: &[Path], now: Instant, wait: Micros) {
        self.starved = false;
        self.blocks(0, 0, (paths, now, wait), |_, _| {});
    }

    /// Whether a sweep may find something that the last one did not.
    pub(crate) fn is_worth_sweeping(&self, now: Instant) -> bool {
        self.swept_in_vain.is_none_or(|at| at.after(SWEEP_INTERVAL) <= now)
    }

    /// Notes what a sweep was good for.
    pub(crate) fn on_swept(&mut self, now: Instant) {
        self.swept_in_vain = (!self.is_roomy()).then_some(now);
    }

    /// Whether a live copy cannot come any more, by time or fence.
    pub(crate) fn is_over(&self, slot: u16, paths: &[Path], now: Instant, wait: Micros) -> bool {
        self.slots.get(usize::from(slot)).is_some_and(|c| c.is_resolved(paths, now, wait))
    }

    /// When the next copy that somebody may wait for is resolved by time alone:
    /// an orphan or, if the table is full, any.
    pub(crate) fn deadline(&self, paths: &[Path], wait: Micros) -> Instant {
        if self.starved {
            let is_kept = |c: &&Copy| !matches!(c.place, Place::Free | Place::Passed);
            let left = self.slots.iter().filter(is_kept);
            let oldest = left.filter_map(|c| c.left_at).map(|at| at.after(wait)).min();
            // A fence may have been answered since the sweep that was in vain.
            let again = self.swept_in_vain.map(|at| at.after(SWEEP_INTERVAL));
            return oldest.into_iter().chain(again).min().unwrap_or(Instant::NEVER);
        }
        let mut earliest = Instant::NEVER;
        let mut next = self.orphans.front();
        while let Some(slot) = next {
            if let Some(copy) = self.slots.get(usize::from(slot)) {
                let old_at = copy.left_at.map_or(Instant::NEVER, |at| at.after(wait));
                earliest = earliest.min(old_at).min(copy.over_or_still_at(paths));
            }
            next = List::next(self.slots, slot);
        }
        earliest
    }

    /// Names the orphans that another answer would bring nearer to their end.
    pub(crate) fn stand_still(
        &self,
        paths: &[Path],
        now: Instant,
        mut stands: impl FnMut(u8, u64),
    ) {
        let mut next = self.orphans.front();
        while let Some(slot) = next {
            if let Some(copy) = self.slots.get(usize::from(slot))
                && copy.over_or_still_at(paths) <= now
            {
                stands(copy.path, copy.seq);
            }
            next = List::next(self.slots, slot);
        }
    }

    /// An entry in no list is free again.
    fn release(&mut self, slot: u16) {
        if let Some(copy) = self.slots.get_mut(usize::from(slot)) {
            copy.place = Place::Free;
        }
        self.free.push_front(self.slots, slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_an_earlier_copy_says_nothing_of_the_next() {
        let mut slots = [Copy::FREE; 1];
        let mut guard = Guard::new(&mut slots);
        let insert = |g: &mut Guard<'_>| g.insert(0, &Path::FREE, 8, 1, Tag(1), Instant::ZERO);
        let first = insert(&mut guard).unwrap();
        let token = guard.token(first);
        guard.resolve(first);
        let second = insert(&mut guard).unwrap();
        assert_eq!(second, first);
        guard.on_left(token, Instant::from_micros(5));
        let late = Instant::from_micros(100);
        assert!(!guard.is_over(second, &[], late, Micros(1)));
        guard.on_left(guard.token(second), Instant::from_micros(5));
        assert!(guard.is_over(second, &[], late, Micros(1)));
    }
}
