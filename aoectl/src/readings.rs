// SPDX-License-Identifier: BSD-2-Clause
//! Readings of the counters, and the differences between two of them, which
//! `stats -w` and `top` show as rates.
//!
//! A counter that is new, or that was reset since the earlier reading, has counted from
//! 0.

use std::time::Duration;

use aoe_core::ffi::abi::{AoeIocPath as Path, HISTOGRAM};
use aoe_core::wire::Address;

use crate::ioctl::Target;
use crate::text::field;

/// A snapshot of all targets.
pub struct Reading {
    pub at: Duration,
    pub targets: Vec<Target>,
}

impl Reading {
    /// Returns the time since an earlier reading.
    pub fn since(&self, before: &Reading) -> Duration {
        self.at.saturating_sub(before.at)
    }

    pub fn target(&self, address: Address) -> Option<&Target> {
        self.targets.iter().find(|target| target.address() == address)
    }
}

/// The counters of a target or of a path. A path's `completed`, `failed` and `moved`
/// are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    pub completed: u64,
    pub failed: u64,
    /// Sectors read and written.
    pub moved: u64,
    pub sent: u64,
    pub received: u64,
    pub retransmitted: u64,
    pub late: u64,
    /// Answers by latency; 0 for a target.
    pub histogram: [u64; HISTOGRAM],
}

impl From<&Target> for Counts {
    fn from(target: &Target) -> Self {
        let info = &target.info;
        Counts {
            completed: info.completed,
            failed: info.failed,
            moved: info.moved,
            sent: info.sent,
            received: info.received,
            retransmitted: info.retransmitted,
            late: info.late,
            histogram: [0; HISTOGRAM],
        }
    }
}

impl From<&Path> for Counts {
    fn from(path: &Path) -> Self {
        let info = &path.info;
        Counts {
            sent: info.sent,
            received: info.received,
            retransmitted: info.retransmitted,
            late: info.late,
            histogram: path.histogram,
            ..Counts::default()
        }
    }
}

impl Counts {
    /// Whether any counter decreased, which means that all of them were reset.
    fn restarted(&self, before: &Counts) -> bool {
        let of = |counts: &Counts| {
            let Counts { completed, failed, moved, sent, received, retransmitted, late, .. } =
                *counts;
            [completed, failed, moved, sent, received, retransmitted, late]
        };
        let mut pairs = of(self).into_iter().zip(of(before));
        let mut answers = self.histogram.iter().zip(&before.histogram);
        pairs.any(|(now, before)| now < before) || answers.any(|(now, before)| now < before)
    }

    /// Returns the difference from an earlier reading.
    fn since(&self, before: Option<Counts>) -> Counts {
        let Some(before) = before.filter(|before| !self.restarted(before)) else {
            return *self;
        };
        let mut histogram = self.histogram;
        for (now, before) in histogram.iter_mut().zip(&before.histogram) {
            *now -= before;
        }
        Counts {
            completed: self.completed - before.completed,
            failed: self.failed - before.failed,
            moved: self.moved - before.moved,
            sent: self.sent - before.sent,
            received: self.received - before.received,
            retransmitted: self.retransmitted - before.retransmitted,
            late: self.late - before.late,
            histogram,
        }
    }
}

/// The change of a target's counters since an earlier reading.
pub fn of_target(target: &Target, before: Option<&Target>) -> Counts {
    Counts::from(target).since(before.map(Counts::from))
}

/// The change of a path's counters since an earlier reading of its target. A path that
/// has taken the index of another one counts as new.
pub fn of_path(path: &Path, before: Option<&Target>) -> Counts {
    let is_same = |other: &&Path| {
        (other.info.index, other.info.mac) == (path.info.index, path.info.mac)
            && field(&other.interface) == field(&path.interface)
    };
    let before = before.and_then(|target| target.paths().iter().find(is_same));
    Counts::from(path).since(before.map(Counts::from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::FromZeros;

    fn path(index: u8, sent: u64) -> Path {
        let mut path = Path::new_zeroed();
        (path.info.index, path.info.sent) = (index, sent);
        path
    }

    fn target(completed: u64, late: u64, paths: &[Path]) -> Target {
        let mut target = Target::about(Address { major: 7, minor: 3 });
        (target.info.completed, target.info.late) = (completed, late);
        for (to, from) in target.path.iter_mut().zip(paths) {
            *to = *from;
        }
        target.npaths = paths.len() as u32;
        target
    }

    #[test]
    fn changes_are_differences_between_two_readings() {
        let before = target(100, 3, &[path(0, 50), path(1, 7)]);
        let now = target(150, 3, &[path(0, 55), path(1, 7)]);
        let added = of_target(&now, Some(&before));
        assert_eq!(added, Counts { completed: 50, ..Counts::default() });
        let sent: Vec<u64> =
            now.paths().iter().map(|path| of_path(path, Some(&before)).sent).collect();
        assert_eq!(sent, [5, 0]);
    }

    #[test]
    fn new_and_restarted_counters_have_counted_from_zero() {
        let before = target(100, 3, &[path(0, 50)]);
        assert_eq!(of_target(&before, None).completed, 100);
        // One counter decreased, so the others were reset, too.
        assert_eq!(of_target(&target(150, 2, &[]), Some(&before)).completed, 150);
        assert_eq!(of_path(&path(0, 9), Some(&before)).sent, 9);
        assert_eq!(of_path(&path(1, 60), Some(&before)).sent, 60);
        let mut bucket = path(0, 60);
        bucket.histogram = [5; HISTOGRAM];
        let earlier = target(0, 0, &[bucket]);
        bucket.histogram = [4; HISTOGRAM];
        assert_eq!(of_path(&bucket, Some(&earlier)).sent, 60);
    }

    #[test]
    fn a_path_that_took_the_place_of_another_has_counted_from_zero() {
        let before = target(100, 0, &[path(0, 50)]);
        let mut other = path(0, 60);
        other.info.mac = [2, 0, 0, 0, 0, 1];
        assert_eq!(of_path(&other, Some(&before)).sent, 60);
    }
}
