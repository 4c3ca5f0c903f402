// SPDX-License-Identifier: BSD-2-Clause
//! Spans of sectors, counted by granules of the disk. The counts show in most
//! cases that no span overlaps, so lists are searched only if one may.

use crate::table::{Table, number};

/// A granule has 8 sectors, so consecutive aligned writes of 4 KiB share none.
const SHIFT: u32 = 3;
/// A span of more granules than this, such as a large TRIM, is not counted by
/// granule.
const MOST: u64 = 512;

number!(
    /// A hash of a granule's number: several granules share one counter.
    GranuleId(u16)
);

/// The number of spans that touch each granule, or others that share its counter.
#[derive(Debug)]
pub struct Granules {
    counts: Table<u16, GranuleId, 512>,
    /// Number of spans that are too long to be counted by granule.
    wide: u16,
    all: u16,
}

impl Granules {
    /// Counters without any span.
    #[cfg(any(test, feature = "std"))]
    pub(crate) fn new() -> Self {
        Self { counts: Table::new(|| 0), wide: 0, all: 0 }
    }

    /// Forgets all spans.
    pub(crate) fn clear(&mut self) {
        self.counts.iter_mut().for_each(|count| *count = 0);
        (self.wide, self.all) = (0, 0);
    }

    /// Counts the span of the sectors from `lba` on and before `end`.
    #[inline]
    pub(crate) fn add(&mut self, lba: u64, end: u64) {
        self.all = self.all.wrapping_add(1);
        match granules(lba, end) {
            Some(all) => all.for_each(|g| self.counts[g] = self.counts[g].wrapping_add(1)),
            None => self.wide = self.wide.wrapping_add(1),
        }
    }

    /// Removes a span that was counted.
    #[inline]
    pub(crate) fn remove(&mut self, lba: u64, end: u64) {
        self.all = self.all.wrapping_sub(1);
        match granules(lba, end) {
            Some(all) => all.for_each(|g| self.counts[g] = self.counts[g].wrapping_sub(1)),
            None => self.wide = self.wide.wrapping_sub(1),
        }
    }

    /// Returns whether a counted span may overlap this one. If not, none does.
    #[inline]
    pub(crate) fn may_overlap(&self, lba: u64, end: u64) -> bool {
        match granules(lba, end) {
            _ if self.all == 0 => false,
            Some(mut all) => self.wide != 0 || all.any(|g| self.counts[g] != 0),
            None => true,
        }
    }
}

/// Returns the granules of a span, or `None` if they are too many.
#[inline]
fn granules(lba: u64, end: u64) -> Option<impl Iterator<Item = GranuleId>> {
    let (first, last) = (lba >> SHIFT, end.saturating_sub(1) >> SHIFT);
    (last.saturating_sub(first) < MOST).then(|| (first..=last).map(spread))
}

/// Hashes the number of a granule. Granules in use are often a power of two
/// apart, and these must not share a counter.
#[inline]
#[expect(clippy::as_conversions, reason = "only 16 bits remain after the shift")]
const fn spread(granule: u64) -> GranuleId {
    GranuleId((granule.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_is_never_missed() {
        for (lba, end) in [(0, 1), (127, 129), (1000, 3048), (0, 1 << 40), (1 << 47, (1 << 47) + 8)]
        {
            let mut granules = Granules::new();
            granules.add(lba, end);
            for (from, to) in [(lba, lba + 1), (end - 1, end), (lba, end), (0, u64::MAX)] {
                assert!(granules.may_overlap(from, to), "{lba} to {end} and {from} to {to}");
            }
            granules.remove(lba, end);
            assert!(!granules.may_overlap(lba, end) && !granules.may_overlap(0, u64::MAX));
        }
    }

    #[test]
    fn spans_in_other_granules_are_told_apart() {
        let mut granules = Granules::new();
        granules.add(1280, 1288);
        assert!(!granules.may_overlap(1408, 1416));
        granules.clear();
        assert!(!granules.may_overlap(1280, 1288));
    }
}
