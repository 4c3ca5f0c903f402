// SPDX-License-Identifier: BSD-2-Clause
//! The transmissions of requests, for as long as an answer to one still counts.
//!
//! A request contains its last transmission. Its earlier ones, which are few,
//! are in a pool that all requests of a target share. If the pool is empty, or
//! a request has used its share, the request's oldest transmission is
//! forgotten.

use crate::list::{Linked, Links, List, Stack};
use crate::slot::{CopyId, EarlierId, PathId};
use crate::table::{Maybe, Table};
use crate::time::{Instant, Micros, Stamp};
use crate::wire::Tag;

/// Replaces the tag of a transmission that was answered. No slot has this tag.
const ANSWERED: Tag = Tag(u32::MAX);
/// Maximum number of earlier transmissions of one request.
const SHARE: u16 = 15;

/// The earlier transmissions of all requests of a target.
pub type EarlierTable = Table<Earlier, EarlierId, 128>;

/// One transmission.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) tag: Tag,
    pub(crate) at: Stamp,
    /// The low 32 bits of its number among the path's transmissions.
    pub(crate) seq: u32,
    /// First sector, counted from the request's first.
    pub(crate) offset: u16,
    /// Number of sectors requested.
    pub(crate) sectors: u16,
    /// The guard's entry for it, if it is a copy of a write.
    pub(crate) copy: Maybe<CopyId>,
    pub(crate) path: PathId,
}

impl Sent {
    /// No transmission.
    pub(crate) const NONE: Self = Self {
        tag: ANSWERED,
        at: Stamp::ZERO,
        seq: 0,
        offset: 0,
        sectors: 0,
        copy: Maybe::NONE,
        path: PathId(0),
    };

    /// Describes a transmission at `now` that requests `sectors` sectors from
    /// `offset` on.
    pub(crate) fn new(now: Instant, tag: Tag, offset: u16, sectors: u16) -> Self {
        Self { tag, at: Stamp::of(now), offset, sectors, ..Self::NONE }
    }

    /// Returns how long ago it was sent.
    pub(crate) fn age(&self, now: Instant) -> Micros {
        self.at.age(now)
    }

    /// Notes that it was answered, so that no further answer matches it.
    /// Returns the guard's entry that this resolves.
    pub(crate) fn on_answered(&mut self) -> Option<CopyId> {
        self.tag = ANSWERED;
        core::mem::replace(&mut self.copy, Maybe::NONE).get()
    }
}

/// An entry of the pool: an earlier transmission, or unused.
#[derive(Clone, Copy, Debug)]
pub struct Earlier {
    sent: Sent,
    links: Links<EarlierId>,
}

impl Earlier {
    /// An unused entry.
    pub const FREE: Self = Self { sent: Sent::NONE, links: Links::NONE };
}

impl Linked<EarlierId> for Earlier {
    fn links(&self) -> Links<EarlierId> {
        self.links
    }
    fn links_mut(&mut self) -> &mut Links<EarlierId> {
        &mut self.links
    }
}

/// The earlier transmissions of one request, oldest first.
pub(crate) type Chain = List<EarlierId>;

/// The pool of earlier transmissions.
#[derive(Debug)]
pub(crate) struct History<'a> {
    table: &'a mut EarlierTable,
    free: Stack<EarlierId>,
}

impl<'a> History<'a> {
    /// Creates a pool of unused entries.
    pub(crate) fn new(table: &'a mut EarlierTable) -> Self {
        let free = Stack::of_first(table, u16::MAX);
        Self { table, free }
    }

    /// Appends a transmission to a chain. Returns the one that is forgotten for
    /// lack of room: the oldest in the chain or, if there is none, the new one.
    pub(crate) fn push(&mut self, chain: &mut Chain, sent: Sent) -> Option<Sent> {
        let full = chain.len() >= SHARE || self.free.is_empty();
        let forgotten = if full { self.pop(chain) } else { None };
        let Some(slot) = self.free.pop(self.table) else { return Some(sent) };
        self.table[slot].sent = sent;
        chain.push_back(self.table, slot);
        forgotten
    }

    /// Removes and returns the oldest transmission in a chain.
    pub(crate) fn pop(&mut self, chain: &mut Chain) -> Option<Sent> {
        let slot = chain.pop_front(self.table)?;
        self.free.push(self.table, slot);
        Some(self.table[slot].sent)
    }

    /// Returns the transmission in a chain with this tag.
    pub(crate) fn find(&self, chain: &Chain, tag: Tag) -> Option<Sent> {
        let mut all = chain.iter(self.table).map(|slot| self.table[slot].sent);
        all.find(|sent| sent.tag == tag)
    }

    /// Calls `what` with every transmission in a chain, oldest first.
    pub(crate) fn for_each(&mut self, chain: &Chain, mut what: impl FnMut(&mut Sent)) {
        let mut next = chain.front();
        while let Some(slot) = next {
            what(&mut self.table[slot].sent);
            next = List::next(self.table, slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(tag: u32) -> Sent {
        let copy = Maybe::some(CopyId(u16::try_from(tag).unwrap()));
        Sent { copy, ..Sent::new(Instant::from_micros(u64::from(tag)), Tag(tag), 0, 2) }
    }

    #[test]
    fn a_request_keeps_its_last_fifteen() {
        let mut table = Table::new(|| Earlier::FREE);
        let mut history = History::new(&mut table);
        let mut chain = Chain::EMPTY;
        for tag in 1..=15 {
            assert!(history.push(&mut chain, sent(tag)).is_none());
        }
        let forgotten = history.push(&mut chain, sent(16)).unwrap();
        assert_eq!((forgotten.tag, forgotten.copy.get()), (Tag(1), Some(CopyId(1))));
        assert!(history.find(&chain, Tag(1)).is_none());
        let found = history.find(&chain, Tag(2)).unwrap();
        assert_eq!(found.age(Instant::from_micros(10)), Micros(8));
    }

    #[test]
    fn an_empty_pool_costs_a_request_only_its_own() {
        let mut table = Table::new(|| Earlier::FREE);
        let mut history = History::new(&mut table);
        let mut chains = [Chain::EMPTY; 13];
        for chain in &mut chains {
            for tag in 1..=10 {
                let room = !history.free.is_empty();
                let forgotten = history.push(chain, sent(tag)).map(|s| s.tag);
                // If the chain is empty, the new transmission is forgotten.
                let oldest = if chain.is_empty() { Tag(tag) } else { Tag(tag.saturating_sub(8)) };
                assert_eq!(forgotten, (!room).then_some(oldest));
            }
        }
        let [first, .., last] = &mut chains;
        assert_eq!((first.len(), last.len()), (10, 8));
        while history.pop(first).is_some() {}
        assert!(history.push(last, sent(11)).is_none());
    }
}
