// SPDX-License-Identifier: BSD-2-Clause
//! A queue of fixed size.

/// A queue of at most `SIZE` entries, oldest first. All zero bytes are an empty
/// queue.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Ring<T, const SIZE: usize> {
    len: usize,
    first: usize,
    slots: [T; SIZE],
}

impl<T: Copy, const SIZE: usize> Ring<T, SIZE> {
    /// Creates an empty queue, whose unused slots are filled with copies of
    /// `blank`.
    pub(crate) const fn new(blank: T) -> Self {
        Self { len: 0, first: 0, slots: [blank; SIZE] }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends an entry. Returns `false` if there is no room.
    pub(crate) fn push(&mut self, entry: T) -> bool {
        if self.len >= SIZE {
            return false;
        }
        let at = self.place(self.len);
        self.slots.get_mut(at).is_some_and(|slot| {
            *slot = entry;
            self.len = self.len.wrapping_add(1);
            true
        })
    }

    /// Removes and returns the oldest entry.
    pub(crate) fn pop(&mut self) -> Option<T> {
        self.len = self.len.checked_sub(1)?;
        let entry = self.slots.get(self.first).copied();
        self.first = self.place(1);
        entry
    }

    /// Returns the oldest entry for which `is_it` is true.
    pub(crate) fn find_mut(&mut self, is_it: impl Fn(&T) -> bool) -> Option<&mut T> {
        let is_there = |at: &usize| self.slots.get(*at).is_some_and(&is_it);
        let at = (0..self.len).map(|n| self.place(n)).find(is_there)?;
        self.slots.get_mut(at)
    }

    fn place(&self, n: usize) -> usize {
        self.first.wrapping_add(n).checked_rem(SIZE).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_leave_in_the_order_in_which_they_came() {
        let mut ring = Ring::<u32, 4>::new(0);
        for round in 0..10 {
            assert!(ring.is_empty() && ring.pop().is_none());
            (0..3).for_each(|n| assert!(ring.push(round * 3 + n)));
            (0..3).for_each(|n| assert_eq!(ring.pop(), Some(round * 3 + n)));
        }
    }

    #[test]
    fn a_full_ring_takes_nothing() {
        let mut ring = Ring::<u32, 2>::new(0);
        assert_eq!([7, 8, 9].map(|n| ring.push(n)), [true, true, false]);
        assert_eq!((ring.len(), ring.pop(), ring.pop(), ring.pop()), (2, Some(7), Some(8), None));
    }

    #[test]
    fn what_left_is_not_found_again() {
        let mut ring = Ring::<u32, 4>::new(0);
        assert_eq!([1, 2, 3].map(|n| ring.push(n)), [true; 3]);
        ring.pop();
        assert!(ring.find_mut(|n| *n == 1).is_none());
        *ring.find_mut(|n| *n == 3).unwrap() = 5;
        assert_eq!((ring.pop(), ring.pop()), (Some(2), Some(5)));
    }
}
