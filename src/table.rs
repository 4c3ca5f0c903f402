// SPDX-License-Identifier: BSD-2-Clause
//! Tables of a fixed size, indexed by a type of their own.
//!
//! A number is reduced modulo the table's size, which is a power of two. So
//! indexing cannot fail, and needs no check, no panic and no `Option`.

use core::marker::PhantomData;
use core::ops;

/// The number of a slot in one kind of table.
pub trait Number: Copy + Eq {
    /// Returns the number of the slot at index `place`.
    fn at(place: usize) -> Self;
    /// Returns the slot's index in the table.
    fn place(self) -> usize;
    /// The number that stands for no slot.
    const NONE: Self;
}

/// The number of a slot or of none, in the size of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Maybe<I>(I);

impl<I: Number> Maybe<I> {
    /// The value for no slot.
    pub(crate) const NONE: Self = Self(I::NONE);

    /// Wraps the number of a slot.
    #[inline]
    pub(crate) const fn some(number: I) -> Self {
        Self(number)
    }

    /// Converts from an `Option`.
    #[inline]
    pub(crate) fn from(number: Option<I>) -> Self {
        number.map_or(Self::NONE, Self::some)
    }

    /// Returns the slot, if it is one.
    #[inline]
    pub(crate) fn get(self) -> Option<I> {
        (self.0 != I::NONE).then_some(self.0)
    }
}

/// Declares a type of slot numbers.
macro_rules! number {
    ($(#[$meta:meta])* $visibility:vis $name:ident($raw:ident)) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        $visibility struct $name(pub $raw);

        impl $crate::table::Number for $name {
            #[inline]
            #[expect(clippy::as_conversions, reason = "tables are no larger than their numbers")]
            #[allow(clippy::cast_possible_truncation)]
            fn at(place: usize) -> Self {
                Self(place as $raw)
            }
            #[inline]
            fn place(self) -> usize {
                usize::from(self.0)
            }
            const NONE: Self = Self($raw::MAX);
        }
    };
}
pub(crate) use number;

/// A table of `SIZE` slots, indexed by `I`. `SIZE` is a power of two.
#[derive(Debug)]
#[repr(transparent)]
pub struct Table<T, I, const SIZE: usize> {
    slots: [T; SIZE],
    numbers: PhantomData<fn(I)>,
}

impl<T, I: Number, const SIZE: usize> Table<T, I, SIZE> {
    /// Number of slots.
    pub(crate) const SLOTS: usize = SIZE;

    const MASK: usize = {
        assert!(SIZE.is_power_of_two());
        SIZE - 1
    };

    /// Creates a table on the heap or the stack, for tests.
    #[cfg(any(test, feature = "std"))]
    pub(crate) fn new(slot: impl Fn() -> T) -> Self {
        Self { slots: core::array::from_fn(|_| slot()), numbers: PhantomData }
    }

    /// Creates a table with the same value in every slot.
    pub(crate) const fn filled(value: T) -> Self
    where
        T: Copy,
    {
        Self { slots: [value; SIZE], numbers: PhantomData }
    }

    /// Iterates over the slots.
    pub(crate) fn iter(&self) -> core::slice::Iter<'_, T> {
        self.slots.iter()
    }

    /// Iterates over the slots, which can be changed.
    pub(crate) fn iter_mut(&mut self) -> core::slice::IterMut<'_, T> {
        self.slots.iter_mut()
    }

    /// Iterates over the slots with their numbers.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (I, &T)> {
        Self::numbers().zip(self.iter())
    }

    /// Iterates over the numbers of all slots.
    pub(crate) fn numbers()
    -> impl ExactSizeIterator<Item = I> + DoubleEndedIterator + use<T, I, SIZE> {
        (0..SIZE).map(I::at)
    }

    /// Returns the first `count` slots, or all if there are fewer.
    pub(crate) fn first(&self, count: usize) -> &[T] {
        self.slots.get(..count).unwrap_or(&self.slots)
    }
}

impl<T, I: Number, const SIZE: usize> ops::Index<I> for Table<T, I, SIZE> {
    type Output = T;

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "the masked index is below SIZE")]
    fn index(&self, number: I) -> &T {
        &self.slots[number.place() & Self::MASK]
    }
}

impl<T, I: Number, const SIZE: usize> ops::IndexMut<I> for Table<T, I, SIZE> {
    #[inline]
    #[expect(clippy::indexing_slicing, reason = "the masked index is below SIZE")]
    fn index_mut(&mut self, number: I) -> &mut T {
        &mut self.slots[number.place() & Self::MASK]
    }
}
