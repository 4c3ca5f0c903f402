//! Copies of writes that may still reach the target.
//!
//! AoE executes a write once per copy that arrives, so an old copy of one
//! write, executed behind a newer write to the same sectors, destroys the
//! newer one. The guard remembers every transmitted copy until it is known
//! not to come any more: it was answered; or a later request on its path was
//! answered while that path kept its order; or `ghost_wait` passed after the
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
        lba: 0,
        end: 0,
        left_at: None,
    };

    fn is_resolved(&self, paths: &[Path], now: Instant, wait: Micros) -> bool {
        self.left_at.is_some_and(|at| at.after(wait) <= now)
            || paths
                .get(usize::from(self.path))
                .is_some_and(|p| p.has_fenced(self.epoch, self.seq, now))
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
        Self { slots, free, orphans: List::EMPTY, starved: false, swept_in_vain: None }
    }

    /// Entries that stand for copies nobody waits for any more.
    pub(crate) fn orphans(&self) -> u16 {
        self.orphans.len()
    }

    /// Whether another copy could be remembered.
    pub(crate) fn has_room(&mut self) -> bool {
        self.starved |= self.free.is_empty();
        !self.free.is_empty()
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
        seq: u64,
        lba: u64,
        sectors: u16,
        tag: Tag,
    ) -> Option<u16> {
        let slot = self.free.pop_front(self.slots)?;
        let copy = self.slots.get_mut(usize::from(slot))?;
        *copy = Copy {
            place: Place::Live,
            tag,
            path,
            generation: copy.generation.wrapping_add(1),
            epoch: on.epoch,
            seq,
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
        match self.slots.get_mut(usize::from(slot)) {
            Some(copy) if copy.place == Place::Live => copy.place = Place::Free,
            _ => return,
        }
        self.free.push_front(self.slots, slot);
    }

    /// The request of a live copy is over without the copy being answered.
    pub(crate) fn orphan(&mut self, slot: u16, paths: &[Path], now: Instant, wait: Micros) {
        let Some(copy) = self.slots.get_mut(usize::from(slot)) else { return };
        if copy.place != Place::Live {
            return;
        }
        if copy.is_resolved(paths, now, wait) {
            self.resolve(slot);
        } else {
            copy.place = Place::Orphan;
            self.orphans.push_back(self.slots, slot);
        }
    }

    /// An answer that no request waits for: perhaps an orphan's own.
    pub(crate) fn on_answer(&mut self, tag: Tag) -> bool {
        let mut next = self.orphans.front();
        while let Some(slot) = next {
            if self.slots.get(usize::from(slot)).is_some_and(|c| c.tag == tag) {
                self.release_orphan(slot);
                return true;
            }
            next = List::next(self.slots, slot);
        }
        false
    }

    /// Whether an unresolved orphan overlaps; `blocked` hears of its path if a
    /// later answer there would resolve it.
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
                self.release_orphan(slot);
            } else if copy.lba < end && lba < copy.end {
                let epoch = paths.get(usize::from(copy.path)).map(|p| p.epoch);
                if epoch == Some(copy.epoch) {
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
        self.swept_in_vain = self.free.is_empty().then_some(now);
    }

    /// Whether a live copy cannot come any more, by time or fence.
    pub(crate) fn is_over(&self, slot: u16, paths: &[Path], now: Instant, wait: Micros) -> bool {
        self.slots.get(usize::from(slot)).is_some_and(|c| c.is_resolved(paths, now, wait))
    }

    /// When the next copy that somebody may wait for is resolved by time alone:
    /// an orphan or, if the table is full, any.
    pub(crate) fn deadline(&self, wait: Micros) -> Instant {
        if self.starved {
            let left = self.slots.iter().filter(|c| c.place != Place::Free);
            let oldest = left.filter_map(|c| c.left_at).map(|at| at.after(wait)).min();
            // A fence may have been answered since the sweep that was in vain.
            let again = self.swept_in_vain.map(|at| at.after(SWEEP_INTERVAL));
            return oldest.into_iter().chain(again).min().unwrap_or(Instant::NEVER);
        }
        let mut earliest = Instant::NEVER;
        let mut next = self.orphans.front();
        while let Some(slot) = next {
            if let Some(at) = self.slots.get(usize::from(slot)).and_then(|c| c.left_at) {
                earliest = earliest.min(at.after(wait));
            }
            next = List::next(self.slots, slot);
        }
        earliest
    }

    fn release_orphan(&mut self, slot: u16) {
        self.orphans.remove(self.slots, slot);
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
        let insert = |g: &mut Guard<'_>| g.insert(0, &Path::FREE, 1, 8, 1, Tag(1));
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
