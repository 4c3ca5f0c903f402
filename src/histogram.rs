// SPDX-License-Identifier: BSD-2-Clause
//! How long answers took, counted by powers of two.

use crate::time::Micros;

/// Number of buckets. Bucket 0 counts answers that took less than a
/// microsecond, and bucket `n` those that took at least 2^(n-1) and less than
/// 2^n microseconds. The last bucket has no upper bound.
pub const BUCKETS: usize = 24;

/// The counts of one path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Histogram([u64; BUCKETS]);

impl Histogram {
    /// A histogram without any answer.
    pub(crate) const EMPTY: Self = Self([0; BUCKETS]);

    /// Counts one answer.
    #[inline]
    pub(crate) fn add(&mut self, took: Micros) {
        let bits = u64::BITS.wrapping_sub(took.0.leading_zeros());
        let bucket = usize::try_from(bits).unwrap_or(BUCKETS).min(BUCKETS - 1);
        if let Some(count) = self.0.get_mut(bucket) {
            *count = count.wrapping_add(1);
        }
    }

    /// Returns the counts of all buckets.
    pub(crate) fn counts(&self) -> &[u64; BUCKETS] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket_of(us: u64) -> usize {
        let mut histogram = Histogram::EMPTY;
        histogram.add(Micros(us));
        histogram.counts().iter().position(|n| *n == 1).unwrap()
    }

    #[test]
    fn each_bucket_begins_at_a_power_of_two() {
        assert_eq!(bucket_of(0), 0);
        for n in 1..BUCKETS - 1 {
            let least = 1 << (n - 1);
            assert_eq!((bucket_of(least), bucket_of(2 * least - 1)), (n, n));
        }
    }

    #[test]
    fn the_last_bucket_takes_all_that_is_longer() {
        assert_eq!(bucket_of(1 << (BUCKETS - 2)), BUCKETS - 1);
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }
}
