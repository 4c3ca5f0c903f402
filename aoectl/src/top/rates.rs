// SPDX-License-Identifier: BSD-2-Clause
//! Computes the rows of top from two readings of the counters.

use aoe_core::ffi::abi::{AoeIocPath as Path, HISTOGRAM};
use aoe_core::wire::{Mac, SECTOR};

use crate::ioctl::{PATH_UP, Target, path_state_name, state_name};
use crate::readings::{self, Counts, Reading};
use crate::text::field;

type Histogram = [u64; HISTOGRAM];

/// The load of a disk or a path: response times, and rates per second.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// I/Os of a disk, or answers on a path.
    pub operations: f64,
    /// Bytes read and written; `None` for a path.
    pub bytes: Option<f64>,
    /// Median and 99th percentile of the response times, in microseconds.
    pub median: Option<f64>,
    pub slowest: Option<f64>,
    pub retransmitted: f64,
    /// The window, and the outstanding requests.
    pub window: u32,
    pub in_flight: u32,
}

/// A path's row.
#[derive(Clone, Debug, PartialEq)]
pub struct PathRow {
    pub index: u8,
    pub interface: String,
    pub mac: Mac,
    pub state: &'static str,
    pub load: Load,
}

/// The rows of a disk and of its paths.
#[derive(Clone, Debug, PartialEq)]
pub struct DiskRow {
    pub name: String,
    pub state: &'static str,
    pub load: Load,
    pub paths: Vec<PathRow>,
}

/// The microseconds within which the fraction `part` of the answers arrived. Answers
/// are assumed to be spread evenly within a bucket; the last bucket has no upper bound.
fn percentile(counts: &Histogram, part: f64) -> Option<f64> {
    let total: u64 = counts.iter().sum();
    let wanted = total as f64 * part;
    let mut passed = 0.0;
    for (n, count) in counts.iter().enumerate().filter(|(_, count)| **count != 0) {
        let count = *count as f64;
        if passed + count >= wanted {
            let from = f64::from((1u32 << n) >> 1);
            let width = match n {
                0 => 1.0,
                _ if n + 1 == HISTOGRAM => 0.0,
                _ => from,
            };
            return Some(from + width * (wanted - passed) / count);
        }
        passed += count;
    }
    None
}

fn rate(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

fn load(counts: &Counts, operations: u64, seconds: f64, window: u32, in_flight: u32) -> Load {
    Load {
        operations: rate(operations, seconds),
        bytes: None,
        median: percentile(&counts.histogram, 0.5),
        slowest: percentile(&counts.histogram, 0.99),
        retransmitted: rate(counts.retransmitted, seconds),
        window,
        in_flight,
    }
}

fn path_row(path: &Path, counts: &Counts, seconds: f64) -> PathRow {
    let info = &path.info;
    PathRow {
        index: info.index,
        interface: field(&path.interface),
        mac: Mac(info.mac),
        state: path_state_name(info.state),
        load: load(counts, counts.received, seconds, info.window, info.in_flight),
    }
}

fn disk_row(target: &Target, before: Option<&Target>, seconds: f64) -> DiskRow {
    let info = &target.info;
    // Not the sum of the paths' counters: the target's outlive its paths.
    let mut counts = readings::of_target(target, before);
    let (mut window, mut paths) = (0u32, Vec::new());
    for path in target.paths() {
        let of_path = readings::of_path(path, before);
        for (all, one) in counts.histogram.iter_mut().zip(&of_path.histogram) {
            *all += one;
        }
        if path.info.state == PATH_UP {
            window = window.saturating_add(path.info.window);
        }
        paths.push(path_row(path, &of_path, seconds));
    }
    let mut load = load(&counts, counts.completed, seconds, window, info.in_flight);
    load.bytes = Some(rate(counts.moved, seconds) * SECTOR as f64);
    DiskRow { name: field(&target.name), state: state_name(info.state), load, paths }
}

/// Returns the rows of the disks in the later reading, by load.
pub fn rows(before: &Reading, now: &Reading) -> Vec<DiskRow> {
    let seconds = now.since(before).as_secs_f64();
    let mut rows: Vec<DiskRow> = now
        .targets
        .iter()
        .map(|target| disk_row(target, before.target(target.address()), seconds))
        .collect();
    let key = |row: &DiskRow| (row.load.operations, row.load.bytes);
    // A stable sort: disks with equal load stay in the order of their addresses.
    rows.sort_by(|a, b| key(b).partial_cmp(&key(a)).unwrap_or(std::cmp::Ordering::Equal));
    rows
}

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "an unexpected result ends a test")]
mod tests {
    use super::*;
    use std::time::Duration;
    use zerocopy::FromZeros;

    fn put(field: &mut [u8], text: &str) {
        for (to, from) in field.iter_mut().zip(text.bytes()) {
            *to = from;
        }
    }

    /// A path with this many answers, all in the bucket that begins at 128 us.
    fn path(index: u8, answers: u64) -> Path {
        let mut path = Path::new_zeroed();
        path.info.index = index;
        (path.info.state, path.info.window, path.info.in_flight) = (1, 32, 2);
        (path.info.received, path.info.retransmitted) = (answers, answers / 100);
        if let Some(count) = path.histogram.get_mut(8) {
            *count = answers;
        }
        put(&mut path.interface, "em0");
        path
    }

    /// A disk with an I/O of 4 KiB for each answer.
    fn disk(major: u16, paths: &[Path]) -> Target {
        let mut target = Target::about(aoe_core::wire::Address { major, minor: 0 });
        put(&mut target.name, &format!("aoe{major}e0"));
        for (to, from) in target.path.iter_mut().zip(paths) {
            *to = *from;
        }
        target.npaths = paths.len() as u32;
        (target.info.state, target.info.in_flight) = (2, 2 * paths.len() as u32);
        for path in paths {
            target.info.completed += path.info.received;
            target.info.moved += 8 * path.info.received;
            target.info.retransmitted += path.info.retransmitted;
        }
        target
    }

    fn reading(seconds: u64, targets: Vec<Target>) -> Reading {
        Reading { at: Duration::from_secs(seconds), targets }
    }

    fn operations(rows: &[DiskRow]) -> Vec<(&str, f64)> {
        rows.iter().map(|row| (&*row.name, row.load.operations)).collect()
    }

    #[test]
    fn rates_are_of_the_time_between_readings() {
        let before = reading(10, vec![disk(7, &[path(0, 1000), path(1, 500)])]);
        let now = reading(12, vec![disk(7, &[path(0, 3000), path(1, 500)])]);
        let rows = rows(&before, &now);
        let load = &rows[0].load;
        assert_eq!((load.operations, load.bytes, load.retransmitted), (1000.0, Some(4096e3), 10.0));
        assert_eq!((load.window, load.in_flight), (64, 4));
        let of_paths: Vec<f64> = rows[0].paths.iter().map(|row| row.load.operations).collect();
        assert_eq!(of_paths, [1000.0, 0.0]);
        // Only answers since the last reading count towards the latency.
        assert_eq!(rows[0].paths[1].load.median, None);
    }

    #[test]
    fn disks_are_sorted_by_load_and_idle_ones_by_address() {
        let all =
            |a, b, c| vec![disk(7, &[path(0, a)]), disk(8, &[path(0, b)]), disk(9, &[path(0, c)])];
        let rows = rows(&reading(0, all(0, 5, 0)), &reading(1, all(0, 9, 0)));
        assert_eq!(operations(&rows), [("aoe8e0", 4.0), ("aoe7e0", 0.0), ("aoe9e0", 0.0)]);
    }

    #[test]
    fn counters_that_began_anew_count_from_zero() {
        let before = reading(0, vec![disk(7, &[path(0, 1_000_000)])]);
        let now = reading(1, vec![disk(7, &[path(0, 300)])]);
        let rows = rows(&before, &now);
        assert_eq!(operations(&rows), [("aoe7e0", 300.0)]);
        assert_eq!(rows[0].load.retransmitted, 3.0);
        assert_eq!(rows[0].load.median, Some(192.0));
    }

    #[test]
    fn a_disk_that_appears_counts_from_zero_and_one_that_vanishes_has_no_row() {
        let before = reading(0, vec![disk(7, &[path(0, 100)])]);
        let now = reading(2, vec![disk(8, &[path(0, 50)])]);
        assert_eq!(operations(&rows(&before, &now)), [("aoe8e0", 25.0)]);
        assert_eq!(rows(&now, &reading(4, Vec::new())), []);
    }

    #[test]
    fn a_path_that_took_the_place_of_another_counts_from_zero() {
        let before = reading(0, vec![disk(7, &[path(0, 100)])]);
        let mut other = path(0, 150);
        other.info.mac = [2, 0, 0, 0, 0, 1];
        let mut target = disk(7, &[other]);
        // The target's counters include those of both paths.
        target.info.completed = 250;
        let rows = rows(&before, &reading(1, vec![target]));
        assert_eq!((rows[0].load.operations, rows[0].paths[0].load.operations), (150.0, 150.0));
    }

    #[test]
    fn no_time_between_readings_is_no_rate() {
        let before = reading(1, vec![disk(7, &[path(0, 100)])]);
        let now = reading(1, vec![disk(7, &[path(0, 200)])]);
        assert_eq!(operations(&rows(&before, &now)), [("aoe7e0", 0.0)]);
    }

    fn percentiles(pairs: &[(usize, u64)]) -> (Option<f64>, Option<f64>) {
        let mut counts = [0; HISTOGRAM];
        for (n, count) in pairs {
            counts[*n] = *count;
        }
        (percentile(&counts, 0.5), percentile(&counts, 0.99))
    }

    #[test]
    fn percentiles_lie_within_their_bucket() {
        assert_eq!(percentiles(&[]), (None, None));
        assert_eq!(percentiles(&[(8, 100)]), (Some(192.0), Some(128.0 * 1.99)));
        assert_eq!(percentiles(&[(0, 4)]), (Some(0.5), Some(0.99)));
        assert_eq!(percentiles(&[(4, 98), (10, 2)]).1, Some(512.0 + 512.0 * 0.5));
        assert_eq!(percentiles(&[(4, 50), (10, 50)]).0, Some(16.0));
        // The last bucket has no upper bound.
        assert_eq!(percentiles(&[(HISTOGRAM - 1, 3)]).1, Some(f64::from(1 << 22)));
    }
}
