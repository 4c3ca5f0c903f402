// SPDX-License-Identifier: BSD-2-Clause
//! Two paths: which of them a frame takes.

use super::super::*;
use super::rig::*;
use crate::slot::LinkId;
use crate::time::Micros;
use std::vec::Vec;

/// Two paths that are up. The window of each is 8 requests at first, and 16 at most.
fn rig(policy: Policy) -> Rig {
    let mut rig = Rig::with(Settings { policy, ..Settings::default() });
    rig.raise(THEM, &disk(1000, SERIAL));
    rig.raise(OTHERS, &disk(1000, SERIAL));
    rig.take_news();
    rig
}

/// Submits one-sector reads; returns the path of each.
fn taken(rig: &mut Rig, reads: u64) -> Vec<u8> {
    for n in 0..reads {
        rig.submit(n, Op::Read, n, 1);
    }
    rig.take_frames().iter().map(|f| f.path.0).collect()
}

/// Submits a read, which is answered after `fast` us on path 0, or `slow` us on path 1;
/// returns its path.
fn timed_read(rig: &mut Rig, fast: u64, slow: u64) -> u8 {
    rig.submit(1, Op::Read, 0, 1);
    let frame = rig.take_one(0x24);
    rig.now = rig.now.after(Micros(if frame.path.0 == 0 { fast } else { slow }));
    rig.answer(&frame);
    assert_eq!(rig.take_done().len(), 1);
    frame.path.0
}

#[test]
fn round_robin_takes_turns() {
    assert_eq!(taken(&mut rig(Policy::RoundRobin), 6), [1, 0, 1, 0, 1, 0]);
}

#[test]
fn failover_keeps_to_one_path_however_busy_it_is() {
    let mut rig = rig(Policy::Failover);
    let taken = taken(&mut rig, 12);
    assert!(taken.iter().all(|path| *path == 0), "{taken:?}");
    assert_eq!(taken.len(), 8, "only the window of one path is used");
}

#[test]
fn failover_takes_the_other_path_when_the_first_does_not_answer() {
    let mut rig = rig(Policy::Failover);
    rig.submit(1, Op::Read, 0, 1);
    assert_eq!(rig.take_one(0x24).path.0, 0);
    rig.run(Micros::from_millis(700));
    let again: Vec<u8> = rig.take_frames().iter().map(|f| f.path.0).collect();
    assert_eq!(again, [0, 1]);
}

/// Submits a read whose frames on path 0 are lost; returns how many were lost.
fn read_without_path_0(rig: &mut Rig) -> usize {
    rig.submit(1, Op::Read, 0, 1);
    for lost in 0..10 {
        let frame = rig.take_one(0x24);
        if frame.path.0 == 1 {
            rig.answer(&frame);
            assert_eq!(rig.take_done().len(), 1);
            return lost;
        }
        while rig.target.requests.iter().all(|r| r.tries < 2) {
            rig.run(Micros::from_millis(1));
        }
    }
    panic!("path 1 is not used");
}

#[test]
fn a_path_whose_frames_were_lost_is_asked_after_a_second_and_used_again() {
    let mut rig = rig(Policy::RoundRobin);
    let lost: usize = (0..10).map(|_| read_without_path_0(&mut rig)).sum();
    assert_eq!(lost, 2, "the path is not used after two losses in a row");
    rig.run(Micros::from_millis(1_100));
    let query = rig.take_one(0xec);
    assert_eq!(query.path.0, 0);
    rig.identify(&query, THEM, &disk(1000, SERIAL));
    assert_eq!(taken(&mut rig, 2), [0, 1]);
}

#[test]
fn the_faster_path_gets_the_reads_and_the_slower_one_is_measured_now_and_then() {
    let mut rig = rig(Policy::Latency);
    let first: Vec<u8> = (0..10).map(|_| timed_read(&mut rig, 100, 10_000)).collect();
    assert!(first.contains(&1), "the slow path was never tried");
    let steady: Vec<u8> = (0..100).map(|_| timed_read(&mut rig, 100, 10_000)).collect();
    assert!(steady.iter().all(|path| *path == 0), "{steady:?}");
    // Path 1 became faster than path 0, which one read per second detects.
    rig.now = rig.now.after(Micros::from_millis(1_000));
    let mut later = Vec::new();
    for _ in 0..60 {
        later.push(timed_read(&mut rig, 100, 10));
        rig.now = rig.now.after(Micros::from_millis(300));
    }
    assert!(later.contains(&0), "{later:?}");
    assert!(later[50..].contains(&1), "{later:?}");
}

#[test]
fn a_busy_fast_path_leaves_work_to_a_slower_one() {
    let mut rig = rig(Policy::Latency);
    for _ in 0..40 {
        timed_read(&mut rig, 100, 200);
        rig.now = rig.now.after(Micros(200));
    }
    let taken = taken(&mut rig, 9);
    let slow = taken.iter().filter(|path| **path == 1).count();
    assert!((2..=4).contains(&slow), "{taken:?}");
}

#[test]
fn answers_are_counted_by_how_long_they_took() {
    let mut rig = rig(Policy::Failover);
    for took in [100, 120, 130, 5_000] {
        timed_read(&mut rig, took, took);
    }
    let counts = rig.target.path_histogram(0).unwrap();
    assert_eq!((counts[7], counts[8], counts[13]), (2, 1, 1));
    assert_eq!(counts.iter().sum::<u64>(), 4);
    assert_eq!(rig.target.path_histogram(1).unwrap().iter().sum::<u64>(), 0);
    assert!(rig.target.path_histogram(2).is_none());
}

#[test]
fn the_targets_counters_outlive_its_paths() {
    let mut rig = rig(Policy::RoundRobin);
    taken(&mut rig, 6);
    let Status { sent, received, .. } = rig.target.status();
    // Both paths are removed, and their slots are used again.
    rig.target.handle_link(LinkId(0), Link::NONE, rig.now);
    rig.target.handle_link(LinkId(0), up_link(), rig.now);
    rig.config(THEM, 1, 16, 2);
    let after = rig.target.status();
    assert!(after.sent >= sent, "{} after {sent}", after.sent);
    assert!(after.received > received);
}
