// SPDX-License-Identifier: BSD-2-Clause
use super::*;
use std::boxed::Box;
use std::vec::Vec;

/// Blocks only writes that overlap `guarded`.
#[derive(Default)]
struct TestGate {
    guarded: Option<(u64, u64)>,
    released: usize,
}

impl Gate for TestGate {
    fn is_guarded(&mut self, lba: u64, end: u64) -> bool {
        self.guarded.is_some_and(|(from, to)| from < end && lba < to)
    }
    fn released(&mut self, _since: Instant) {
        self.released += 1;
    }
}

fn table(slots: u16) -> IoTable<'static> {
    let table = Box::leak(Box::new(Table::new(|| Io::FREE)));
    IoTable::new(table, Box::leak(Box::new(Granules::new())), slots)
}

fn request(n: u64, op: Op, lba: u64, ordered: bool) -> IoRequest {
    let sectors = if op == Op::Flush { 0 } else { 8 };
    IoRequest { io: IoHandle(n), op, lba, sectors, ordered, give_up: Instant::NEVER }
}

/// The I/O to cut the next request from.
fn next(t: &mut IoTable<'_>, gate: &mut TestGate) -> Option<IoId> {
    t.cutting().or_else(|| t.start_next(gate, Instant::ZERO))
}

/// Starts and cuts all I/Os that may start; returns slots and handles in that order.
fn started(t: &mut IoTable<'_>, gate: &mut TestGate) -> Vec<(IoId, u64)> {
    std::iter::from_fn(|| {
        let slot = next(t, gate)?;
        let io = t.get(slot);
        let (sectors, handle) = (io.sectors, io.raw_handle());
        t.on_cut(slot, sectors);
        Some((slot, handle))
    })
    .collect()
}

fn handles(started: &[(IoId, u64)]) -> Vec<u64> {
    started.iter().map(|s| s.1).collect()
}

#[test]
fn a_full_table_hands_the_io_back() {
    let mut t = table(1);
    assert!(t.admit(request(1, Op::Read, 0, false)).is_ok());
    let refused = t.admit(request(2, Op::Read, 0, false)).unwrap_err();
    assert_eq!(refused.io.0, 2);
}

#[test]
fn a_flush_waits_for_writes_and_lets_reads_pass() {
    let (mut t, mut gate) = (table(8), TestGate::default());
    t.admit(request(1, Op::Write, 0, false)).unwrap();
    t.admit(request(2, Op::Flush, 0, true)).unwrap();
    t.admit(request(3, Op::Write, 100, false)).unwrap();
    t.admit(request(4, Op::Read, 200, false)).unwrap();
    let first = started(&mut t, &mut gate);
    assert_eq!(handles(&first), [1, 4]);
    assert!(t.on_frame_done(first[0].0, Ok(())));
    let second = started(&mut t, &mut gate);
    assert_eq!(handles(&second), [2]);
    assert!(t.on_frame_done(second[0].0, Ok(())));
    assert_eq!(handles(&started(&mut t, &mut gate)), [3]);
}

#[test]
fn an_ordered_write_is_a_barrier_for_everything() {
    let (mut t, mut gate) = (table(8), TestGate::default());
    t.admit(request(1, Op::Read, 0, false)).unwrap();
    t.admit(request(2, Op::Write, 100, true)).unwrap();
    t.admit(request(3, Op::Read, 200, false)).unwrap();
    let first = started(&mut t, &mut gate);
    assert_eq!(handles(&first), [1]);
    t.on_frame_done(first[0].0, Ok(()));
    let second = started(&mut t, &mut gate);
    assert_eq!(handles(&second), [2]);
    t.on_frame_done(second[0].0, Ok(()));
    assert_eq!(handles(&started(&mut t, &mut gate)), [3]);
}

#[test]
fn overlapping_writes_go_one_after_the_other_in_their_order() {
    let (mut t, mut gate) = (table(8), TestGate::default());
    t.admit(request(1, Op::Write, 0, false)).unwrap();
    t.admit(request(2, Op::Write, 4, false)).unwrap();
    t.admit(request(3, Op::Delete, 8, false)).unwrap();
    t.admit(request(4, Op::Write, 100, false)).unwrap();
    let first = started(&mut t, &mut gate);
    assert_eq!(handles(&first), [1, 4]);
    t.on_frame_done(first[0].0, Ok(()));
    assert_eq!(handles(&started(&mut t, &mut gate)), [2]);
}

#[test]
fn a_guarded_write_waits_and_others_pass() {
    let (mut t, mut gate) = (table(8), TestGate::default());
    gate.guarded = Some((0, 8));
    t.admit(request(1, Op::Write, 0, false)).unwrap();
    t.admit(request(2, Op::Write, 8, false)).unwrap();
    assert_eq!(handles(&started(&mut t, &mut gate)), [2]);
    gate.guarded = None;
    assert_eq!(handles(&started(&mut t, &mut gate)), [1]);
    assert_eq!(gate.released, 1);
}

#[test]
fn an_error_ends_the_io_when_its_last_frame_is_over() {
    let (mut t, mut gate) = (table(8), TestGate::default());
    t.admit(request(1, Op::Read, 0, false)).unwrap();
    let slot = next(&mut t, &mut gate).unwrap();
    t.on_cut(slot, 2);
    t.on_cut(slot, 2);
    assert!(!t.on_frame_done(slot, Err(IoError::Io)));
    assert_eq!(next(&mut t, &mut gate), None);
    assert!(t.on_frame_done(slot, Ok(())));
    assert_eq!(t.pop_done(), Some((IoHandle(1), Err(IoError::Io))));
    assert_eq!(t.pop_done(), None);
    assert_eq!(t.len(), 0);
}

#[test]
fn failing_all_completes_each_once_and_frees_every_barrier() {
    let (mut t, mut gate) = (table(8), TestGate::default());
    t.admit(request(1, Op::Write, 0, true)).unwrap();
    t.admit(request(2, Op::Flush, 0, true)).unwrap();
    t.admit(request(3, Op::Read, 0, false)).unwrap();
    started(&mut t, &mut gate);
    t.fail_all(IoError::Gone);
    let done: Vec<_> = std::iter::from_fn(|| t.pop_done()).map(|(h, _)| h.0).collect();
    assert_eq!(done.len(), 3);
    t.admit(request(4, Op::Write, 0, false)).unwrap();
    assert_eq!(handles(&started(&mut t, &mut gate)), [4]);
}
