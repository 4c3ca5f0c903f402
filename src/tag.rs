// SPDX-License-Identifier: BSD-2-Clause
//! Tags: 31 bits that name a slot, do not repeat for a long time, and cannot be
//! guessed from earlier tags (AoEr11 2.6 leaves them to the initiator).
//!
//! The upper 9 of these bits are the slot, so the request of an answer is found
//! without a search. The lower 22 bits are a counter per slot, to which a keyed
//! permutation is applied. A slot repeats a tag only after 2^22 transmissions,
//! when no late answer to the first one can arrive any more. Bit 31 stays
//! clear, since it marks the tags of user tools. Tag 0 is not used, since it
//! marks adverts.

use crate::random::Random;
use crate::wire::Tag;

/// Number of bits below the slot number.
const LOW_BITS: u32 = 22;
const LOW_MASK: u32 = (1 << LOW_BITS) - 1;
const HALF_BITS: u32 = 11;

/// Number of slots that a tag can name.
pub(crate) const SLOTS: u16 = 512;

/// The keyed permutation of 22 bits. Each round adds a key, multiplies by an
/// odd key, and folds the upper half into the lower half. Each of these steps
/// is reversible.
#[derive(Clone, Debug)]
pub(crate) struct Tags {
    keys: [(u32, u32); 4],
}

impl Tags {
    /// Draws the keys.
    pub(crate) fn new(random: &mut Random) -> Self {
        Self { keys: core::array::from_fn(|_| (random.word(), random.word() | 1)) }
    }

    /// Returns the tag of the `count`th transmission from `slot`.
    pub(crate) fn tag(&self, slot: u16, count: u32) -> Tag {
        let mut low = count;
        for (add, multiply) in self.keys {
            low = low.wrapping_add(add).wrapping_mul(multiply) & LOW_MASK;
            low ^= low >> HALF_BITS;
        }
        let tag = u32::from(slot % SLOTS) << LOW_BITS | low;
        // In slot 0, one count in 2^22 gives tag 0. It uses tag 1 instead,
        // which only one other count gives.
        Tag(if tag == 0 { 1 } else { tag })
    }
}

/// Returns the slot that a tag names, or `None` if the core never uses such a
/// tag.
pub(crate) fn slot(tag: Tag) -> Option<u16> {
    u16::try_from(tag.0 >> LOW_BITS).ok().filter(|s| *s < SLOTS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn tags(seed: u8) -> Tags {
        Tags::new(&mut Random::new(&[seed; 32]))
    }

    #[test]
    fn a_tag_leads_back_to_its_slot() {
        let t = tags(1);
        for s in [0, 1, 77, 511] {
            assert_eq!(slot(t.tag(s, 12_345)), Some(s));
        }
    }

    #[test]
    fn a_slot_does_not_repeat_a_tag_within_a_million_transmissions() {
        let t = tags(2);
        let seen: HashSet<u32> = (0..1_000_000).map(|n| t.tag(3, n).0).collect();
        assert_eq!(seen.len(), 1_000_000);
    }

    #[test]
    fn bit_31_is_clear_and_zero_is_unused() {
        let t = tags(3);
        assert!((0..(1 << 22)).map(|n| t.tag(0, n).0).all(|v| v != 0 && v >> 31 == 0));
    }

    #[test]
    fn a_tag_with_bit_31_names_no_slot() {
        assert_eq!(slot(Tag(0x8000_0001)), None);
    }

    #[test]
    fn the_next_tag_does_not_follow_from_the_last() {
        let t = tags(4);
        let steps: HashSet<u32> =
            (0..1000).map(|n| t.tag(0, n + 1).0.wrapping_sub(t.tag(0, n).0)).collect();
        assert!(steps.len() > 900, "only {} different steps", steps.len());
    }
}
