// SPDX-License-Identifier: BSD-2-Clause
//! Doubly linked lists of slot numbers, with the links in the slots of a table.
//! They need no allocation. A slot is in at most one list at a time.

use crate::table::{Maybe, Number, Table};

/// A slot's neighbours in the list that it is in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Links<I> {
    prev: Maybe<I>,
    next: Maybe<I>,
}

impl<I: Number> Links<I> {
    /// The links of a slot that is in no list.
    pub(crate) const NONE: Self = Self { prev: Maybe::NONE, next: Maybe::NONE };
}

/// A table entry that can be in a list.
pub(crate) trait Linked<I> {
    fn links(&self) -> Links<I>;
    fn links_mut(&mut self) -> &mut Links<I>;
}

/// The first slot, the last slot and the length of a list. The links are in the
/// table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List<I> {
    head: Maybe<I>,
    tail: Maybe<I>,
    len: u16,
}

impl<I: Number> List<I> {
    /// The empty list.
    pub(crate) const EMPTY: Self = Self { head: Maybe::NONE, tail: Maybe::NONE, len: 0 };

    /// Returns the number of slots in the list.
    pub(crate) const fn len(&self) -> u16 {
        self.len
    }

    /// Returns whether the list is empty.
    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the first slot.
    #[inline]
    pub(crate) fn front(&self) -> Option<I> {
        self.head.get()
    }

    /// Returns the slot after `slot`.
    pub(crate) fn next<T: Linked<I>, const N: usize>(table: &Table<T, I, N>, slot: I) -> Option<I> {
        table[slot].links().next.get()
    }

    /// Iterates over the slots of the list, from the first on.
    pub(crate) fn iter<T: Linked<I>, const N: usize>(
        &self,
        table: &Table<T, I, N>,
    ) -> impl Iterator<Item = I> {
        core::iter::successors(self.front(), |slot| Self::next(table, *slot))
    }

    /// Appends a slot that is in no list.
    #[inline]
    pub(crate) fn push_back<T: Linked<I>, const N: usize>(
        &mut self,
        table: &mut Table<T, I, N>,
        slot: I,
    ) {
        *table[slot].links_mut() = Links { prev: self.tail, next: Maybe::NONE };
        match self.tail.get() {
            Some(last) => table[last].links_mut().next = Maybe::some(slot),
            None => self.head = Maybe::some(slot),
        }
        self.tail = Maybe::some(slot);
        self.len = self.len.wrapping_add(1);
    }

    /// Prepends a slot that is in no list.
    #[inline]
    pub(crate) fn push_front<T: Linked<I>, const N: usize>(
        &mut self,
        table: &mut Table<T, I, N>,
        slot: I,
    ) {
        *table[slot].links_mut() = Links { prev: Maybe::NONE, next: self.head };
        match self.head.get() {
            Some(first) => table[first].links_mut().prev = Maybe::some(slot),
            None => self.tail = Maybe::some(slot),
        }
        self.head = Maybe::some(slot);
        self.len = self.len.wrapping_add(1);
    }

    /// Removes a slot that is in this list.
    #[inline]
    pub(crate) fn remove<T: Linked<I>, const N: usize>(
        &mut self,
        table: &mut Table<T, I, N>,
        slot: I,
    ) {
        let links = table[slot].links();
        match links.prev.get() {
            Some(before) => table[before].links_mut().next = links.next,
            None => self.head = links.next,
        }
        match links.next.get() {
            Some(behind) => table[behind].links_mut().prev = links.prev,
            None => self.tail = links.prev,
        }
        self.len = self.len.wrapping_sub(1);
    }

    /// Removes and returns the first slot.
    #[inline]
    pub(crate) fn pop_front<T: Linked<I>, const N: usize>(
        &mut self,
        table: &mut Table<T, I, N>,
    ) -> Option<I> {
        let slot = self.front()?;
        self.remove(table, slot);
        Some(slot)
    }
}

/// The unused slots of a table. The slot that was put back last is taken first,
/// since it is most likely to be in a cache.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stack<I> {
    top: Maybe<I>,
    len: u16,
}

impl<I: Number> Stack<I> {
    /// Creates a stack of the first `count` slots of a table, or of all if it
    /// has fewer.
    pub(crate) fn of_first<T: Linked<I>, const N: usize>(
        table: &mut Table<T, I, N>,
        count: u16,
    ) -> Self {
        let mut stack = Self { top: Maybe::NONE, len: 0 };
        for slot in Table::<T, I, N>::numbers().take(usize::from(count)).rev() {
            stack.push(table, slot);
        }
        stack
    }

    /// Returns the number of slots.
    pub(crate) const fn len(&self) -> u16 {
        self.len
    }

    /// Returns whether no slot is left.
    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts back a slot that is in no list.
    #[inline]
    pub(crate) fn push<T: Linked<I>, const N: usize>(
        &mut self,
        table: &mut Table<T, I, N>,
        slot: I,
    ) {
        table[slot].links_mut().next = self.top;
        self.top = Maybe::some(slot);
        self.len = self.len.wrapping_add(1);
    }

    /// Takes the slot that was put back last.
    #[inline]
    pub(crate) fn pop<T: Linked<I>, const N: usize>(
        &mut self,
        table: &mut Table<T, I, N>,
    ) -> Option<I> {
        let slot = self.top.get()?;
        self.top = table[slot].links().next;
        self.len = self.len.wrapping_sub(1);
        Some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::number;
    use std::vec::Vec;

    number!(EntryId(u8));

    struct Entry(Links<EntryId>);

    fn content(list: &List<EntryId>, table: &Table<Entry, EntryId, 8>) -> Vec<u8> {
        list.iter(table).map(|slot| slot.0).collect()
    }

    impl Linked<EntryId> for Entry {
        fn links(&self) -> Links<EntryId> {
            self.0
        }
        fn links_mut(&mut self) -> &mut Links<EntryId> {
            &mut self.0
        }
    }

    #[test]
    fn slots_leave_from_anywhere_and_the_rest_keeps_its_order() {
        let mut table: Table<Entry, EntryId, 8> = Table::new(|| Entry(Links::NONE));
        let mut list = List::EMPTY;
        for slot in 0..4 {
            list.push_back(&mut table, EntryId(slot));
        }
        list.push_front(&mut table, EntryId(4));
        assert_eq!(content(&list, &table), [4, 0, 1, 2, 3]);
        for slot in [1, 3, 4] {
            list.remove(&mut table, EntryId(slot));
        }
        assert_eq!(content(&list, &table), [0, 2]);
        assert_eq!(list.pop_front(&mut table), Some(EntryId(0)));
        assert_eq!(list.pop_front(&mut table), Some(EntryId(2)));
        assert_eq!(list.pop_front(&mut table), None);
        assert!(list.is_empty());
    }
}
