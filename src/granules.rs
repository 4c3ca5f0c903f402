// SPDX-License-Identifier: BSD-2-Clause
//! Spans of sectors, counted by granules of the disk: shows at once that nothing
//! overlaps, so that lists are searched only for likely overlaps.

use crate::table::{Table, number};

/// 8 sectors: writes of 4 KiB that follow each other do not meet.
const SHIFT: u32 = 3;
/// A span of more granules than this, a large TRIM, is not counted by granule.
const MOST: u64 = 512;

number!(
    /// A granule of the disk, or another one a multiple of the table's size away.
    GranuleId(u16)
);

/// How many spans touch each granule.
#[derive(Debug)]
pub struct Granules {
    counts: Table<u16, GranuleId, 512>,
    /// Spans that are too long to be counted.
    wide: u16,
    all: u16,
}

impl Granules {
    /// No span.
    #[cfg(any(test, feature = "std"))]
    pub(crate) fn new() -> Self {
        Self { counts: Table::new(|| 0), wide: 0, all: 0 }
    }

    /// Forgets all spans.
    pub(crate) fn clear(&mut self) {
        self.counts.iter_mut().for_each(|count| *count = 0);
        (self.wide, self.all) = (0, 0);
    }

    /// Counts the sectors from `lba` up to `end`.
    #[inline]
    pub(crate) fn add(&mut self, lba: u64, end: u64) {
        self.all = self.all.wrapping_add(1);
        match granules(lba, end) {
            Some(all) => all.for_each(|g| self.counts[g] = self.counts[g].wrapping_add(1)),
            None => self.wide = self.wide.wrapping_add(1),
        }
    }

    /// Takes a span back that was counted.
    #[inline]
    pub(crate) fn remove(&mut self, lba: u64, end: u64) {
        self.all = self.all.wrapping_sub(1);
        match granules(lba, end) {
            Some(all) => all.for_each(|g| self.counts[g] = self.counts[g].wrapping_sub(1)),
            None => self.wide = self.wide.wrapping_sub(1),
        }
    }

    /// Whether a counted span may overlap; if not, none does.
    #[inline]
    pub(crate) fn may_overlap(&self, lba: u64, end: u64) -> bool {
        match granules(lba, end) {
            _ if self.all == 0 => false,
            Some(mut all) => self.wide != 0 || all.any(|g| self.counts[g] != 0),
            None => true,
        }
    }
}

/// The granules of a span, unless they are too many.
#[inline]
fn granules(lba: u64, end: u64) -> Option<impl Iterator<Item = GranuleId>> {
    let (first, last) = (lba >> SHIFT, end.saturating_sub(1) >> SHIFT);
    (last.saturating_sub(first) < MOST).then(|| (first..=last).map(spread))
}

/// Granules at a distance of a power of two are common, and must not meet.
#[inline]
#[expect(clippy::as_conversions, reason = "the upper bits of the product are wanted")]
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
