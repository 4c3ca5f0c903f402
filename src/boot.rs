// SPDX-License-Identifier: BSD-2-Clause
//! Root on AoE: how long the root mount is held back, and when it is clear which
//! disks hold the root file system.

use crate::time::{Instant, Micros};

/// How long the root mount waits for further disks after the first one, since a
/// mirror has several.
const GRACE: Micros = Micros::from_secs(2);
/// A disk that was open when the root was mounted, and still is after this time,
/// was not merely tasted.
const SETTLE: Micros = Micros::from_millis(500);

/// Returns the time until which the root mount is held back: `until`, but at
/// most two seconds from now if there is a disk.
pub fn hold_until(until: Instant, now: Instant, has_disk: bool) -> Instant {
    if has_disk { until.min(now.after(GRACE)) } else { until }
}

/// Returns whether a disk that has been open since the root was mounted holds
/// the root file system, and is not merely being tasted.
pub fn has_settled(mounted: Instant, now: Instant) -> bool {
    now >= mounted.after(SETTLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::ZERO.after(Micros::from_millis(ms))
    }

    #[test]
    fn the_root_mount_waits_two_seconds_for_more_disks_than_one() {
        let limit = at(60_000);
        assert_eq!(hold_until(limit, at(5_000), false), limit);
        let until = hold_until(limit, at(5_000), true);
        assert_eq!(until, at(7_000));
        // The two seconds count from the first disk, and never exceed the limit
        // that was set.
        assert_eq!(hold_until(until, at(6_000), true), until);
        assert_eq!(hold_until(limit, at(59_000), true), limit);
    }

    #[test]
    fn a_taste_is_over_half_a_second_after_the_root_was_mounted() {
        assert!(!has_settled(at(1_000), at(1_499)));
        assert!(has_settled(at(1_000), at(1_500)));
    }
}
