//! Doubly linked lists of slot numbers through a table: what a fixed memory
//! block has in place of a heap. A slot is in at most one list at a time.

use crate::table::{Number, Table};

/// A slot's neighbours in the list that it is in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Links<I> {
    prev: Option<I>,
    next: Option<I>,
}

impl<I> Links<I> {
    /// In no list.
    pub(crate) const NONE: Self = Self { prev: None, next: None };
}

/// A table entry that can be in a list.
pub(crate) trait Linked<I> {
    fn links(&self) -> Links<I>;
    fn links_mut(&mut self) -> &mut Links<I>;
}

/// First, last and length; the rest lies in the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List<I> {
    head: Option<I>,
    tail: Option<I>,
    len: u16,
}

impl<I: Number> List<I> {
    /// The empty list.
    pub(crate) const EMPTY: Self = Self { head: None, tail: None, len: 0 };

    /// Number of slots in the list.
    pub(crate) const fn len(&self) -> u16 {
        self.len
    }

    /// Whether no slot is in the list.
    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first slot.
    #[inline]
    pub(crate) const fn front(&self) -> Option<I> {
        self.head
    }

    /// The slot after `slot`.
    pub(crate) fn next<T: Linked<I>, const N: usize>(table: &Table<T, I, N>, slot: I) -> Option<I> {
        table[slot].links().next
    }

    /// Every slot of the list, from the first on.
    pub(crate) fn iter<T: Linked<I>, const N: usize>(
        &self,
        table: &Table<T, I, N>,
    ) -> impl Iterator<Item = I> {
        core::iter::successors(self.head, |slot| Self::next(table, *slot))
    }

    /// Appends a slot that is in no list.
    #[inline]
    pub(crate) fn push_back<T: Linked<I>, const N: usize>(
        &mut self,
        table: &mut Table<T, I, N>,
        slot: I,
    ) {
        *table[slot].links_mut() = Links { prev: self.tail, next: None };
        match self.tail {
            Some(last) => table[last].links_mut().next = Some(slot),
            None => self.head = Some(slot),
        }
        self.tail = Some(slot);
        self.len = self.len.wrapping_add(1);
    }

    /// Puts a slot that is in no list before all others.
    #[inline]
    pub(crate) fn push_front<T: Linked<I>, const N: usize>(
        &mut self,
        table: &mut Table<T, I, N>,
        slot: I,
    ) {
        *table[slot].links_mut() = Links { prev: None, next: self.head };
        match self.head {
            Some(first) => table[first].links_mut().prev = Some(slot),
            None => self.tail = Some(slot),
        }
        self.head = Some(slot);
        self.len = self.len.wrapping_add(1);
    }

    /// Takes a slot of this list out of it.
    #[inline]
    pub(crate) fn remove<T: Linked<I>, const N: usize>(
        &mut self,
        table: &mut Table<T, I, N>,
        slot: I,
    ) {
        let links = table[slot].links();
        match links.prev {
            Some(before) => table[before].links_mut().next = links.next,
            None => self.head = links.next,
        }
        match links.next {
            Some(behind) => table[behind].links_mut().prev = links.prev,
            None => self.tail = links.prev,
        }
        self.len = self.len.wrapping_sub(1);
    }

    /// Takes the first slot out.
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

/// The slots that are not used: the last one back is the first one out, since
/// it is the one most likely to be in a cache.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stack<I> {
    top: Option<I>,
    len: u16,
}

impl<I: Number> Stack<I> {
    /// A stack of the first `count` slots of a table, or of all.
    pub(crate) fn of_first<T: Linked<I>, const N: usize>(
        table: &mut Table<T, I, N>,
        count: u16,
    ) -> Self {
        let mut stack = Self { top: None, len: 0 };
        for slot in Table::<T, I, N>::numbers().take(usize::from(count)).rev() {
            stack.push(table, slot);
        }
        stack
    }

    /// Number of slots.
    pub(crate) const fn len(&self) -> u16 {
        self.len
    }

    /// Whether there is none.
    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts a slot back that is in no list.
    #[inline]
    pub(crate) fn push<T: Linked<I>, const N: usize>(
        &mut self,
        table: &mut Table<T, I, N>,
        slot: I,
    ) {
        table[slot].links_mut().next = self.top;
        self.top = Some(slot);
        self.len = self.len.wrapping_add(1);
    }

    /// Takes one out.
    #[inline]
    pub(crate) fn pop<T: Linked<I>, const N: usize>(
        &mut self,
        table: &mut Table<T, I, N>,
    ) -> Option<I> {
        let slot = self.top?;
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
