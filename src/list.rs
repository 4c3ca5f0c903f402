//! Doubly linked lists of slot numbers through a table: what a fixed memory
//! block has in place of a heap. A slot is in at most one list at a time.

/// No slot.
pub(crate) const NIL: u16 = u16::MAX;

/// A slot's neighbours in the list that it is in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Links {
    prev: u16,
    next: u16,
}

impl Links {
    /// In no list.
    pub(crate) const NONE: Self = Self { prev: NIL, next: NIL };
}

/// A table entry that can be in a list.
pub(crate) trait Linked {
    fn links(&self) -> Links;
    fn links_mut(&mut self) -> &mut Links;
}

/// First, last and length; the rest lies in the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct List {
    head: u16,
    tail: u16,
    len: u16,
}

impl List {
    /// The empty list.
    pub(crate) const EMPTY: Self = Self { head: NIL, tail: NIL, len: 0 };

    /// Number of slots in the list.
    pub(crate) const fn len(&self) -> u16 {
        self.len
    }

    /// Whether no slot is in the list.
    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first slot.
    pub(crate) fn front(&self) -> Option<u16> {
        (self.head != NIL).then_some(self.head)
    }

    /// The slot after `slot`.
    pub(crate) fn next<T: Linked>(table: &[T], slot: u16) -> Option<u16> {
        let next = table.get(usize::from(slot))?.links().next;
        (next != NIL).then_some(next)
    }

    /// Appends a slot that is in no list.
    pub(crate) fn push_back<T: Linked>(&mut self, table: &mut [T], slot: u16) {
        let Some(entry) = table.get_mut(usize::from(slot)) else { return };
        *entry.links_mut() = Links { prev: self.tail, next: NIL };
        match table.get_mut(usize::from(self.tail)) {
            Some(last) => last.links_mut().next = slot,
            None => self.head = slot,
        }
        self.tail = slot;
        self.len = self.len.saturating_add(1);
    }

    /// Puts a slot that is in no list before all others.
    pub(crate) fn push_front<T: Linked>(&mut self, table: &mut [T], slot: u16) {
        let Some(entry) = table.get_mut(usize::from(slot)) else { return };
        *entry.links_mut() = Links { prev: NIL, next: self.head };
        match table.get_mut(usize::from(self.head)) {
            Some(first) => first.links_mut().prev = slot,
            None => self.tail = slot,
        }
        self.head = slot;
        self.len = self.len.saturating_add(1);
    }

    /// Takes a slot of this list out of it.
    pub(crate) fn remove<T: Linked>(&mut self, table: &mut [T], slot: u16) {
        let Some(entry) = table.get_mut(usize::from(slot)) else { return };
        let links = core::mem::replace(entry.links_mut(), Links::NONE);
        match table.get_mut(usize::from(links.prev)) {
            Some(before) => before.links_mut().next = links.next,
            None => self.head = links.next,
        }
        match table.get_mut(usize::from(links.next)) {
            Some(behind) => behind.links_mut().prev = links.prev,
            None => self.tail = links.prev,
        }
        self.len = self.len.saturating_sub(1);
    }

    /// Takes the first slot out.
    pub(crate) fn pop_front<T: Linked>(&mut self, table: &mut [T]) -> Option<u16> {
        let slot = self.front()?;
        self.remove(table, slot);
        Some(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    struct Entry(Links);

    impl Linked for Entry {
        fn links(&self) -> Links {
            self.0
        }
        fn links_mut(&mut self) -> &mut Links {
            &mut self.0
        }
    }

    fn content(list: &List, table: &[Entry]) -> Vec<u16> {
        std::iter::successors(list.front(), |s| List::next(table, *s)).collect()
    }

    #[test]
    fn slots_leave_from_anywhere_and_the_rest_keeps_its_order() {
        let mut table: Vec<Entry> = (0..5).map(|_| Entry(Links::NONE)).collect();
        let mut list = List::EMPTY;
        for slot in 0..4 {
            list.push_back(&mut table, slot);
        }
        list.push_front(&mut table, 4);
        assert_eq!(content(&list, &table), [4, 0, 1, 2, 3]);
        list.remove(&mut table, 1);
        list.remove(&mut table, 3);
        list.remove(&mut table, 4);
        assert_eq!(content(&list, &table), [0, 2]);
        assert_eq!(list.pop_front(&mut table), Some(0));
        assert_eq!(list.pop_front(&mut table), Some(2));
        assert_eq!(list.pop_front(&mut table), None);
        assert!(list.is_empty());
    }
}
