// SPDX-License-Identifier: BSD-2-Clause
use super::*;

fn at(us: u64) -> Instant {
    Instant::from_micros(us)
}

fn path() -> Path {
    let mut p = Path::FREE;
    p.open(LinkId(0), Mac([2; 6]), at(1));
    p
}

#[test]
fn a_new_use_of_the_slot_fences_nothing_of_the_old() {
    let mut p = path();
    let (epoch, copy) = (p.epoch, p.on_transmit(at(2)));
    p.open(LinkId(1), Mac([4; 6]), at(3));
    let later = p.on_transmit(at(4));
    p.on_answered(later, None, at(5));
    assert_eq!(p.over_at(epoch, copy), Instant::NEVER);
    assert_eq!(p.fence_at(epoch, copy), Instant::NEVER);
}

#[test]
fn a_request_is_lost_once_it_is_overdue_and_a_later_one_was_answered() {
    let mut p = path();
    let first = low_half(p.on_transmit(at(2)));
    let second = p.on_transmit(at(3));
    let overdue = at(2).after(p.rtt.rto());
    assert!(!p.is_lost(first, at(2), overdue));
    p.on_answered(second, None, at(4));
    assert!(!p.is_lost(first, at(2), at(5)));
    assert!(p.is_lost(first, at(2), overdue));
}

#[test]
fn the_full_count_is_found_from_its_low_half() {
    let mut p = path();
    p.seq = 0x1_0000_0005;
    assert_eq!(p.full_seq(3), 0x1_0000_0003);
    assert_eq!(p.full_seq(0xffff_fffe), 0xffff_fffe);
}

#[test]
fn payload_is_searched_by_halves_once_a_size_failed() {
    let mut p = path();
    p.sector_count = 17;
    p.set_limit(9000, at(1));
    assert_eq!(p.probe_size(), Some(17));
    p.too_large = 17;
    assert_eq!(p.probe_size(), Some(9));
    p.payload = 9;
    assert_eq!(p.probe_size(), Some(13));
    p.too_large = 10;
    assert_eq!(p.probe_size(), None);
}

#[test]
fn a_smaller_mtu_shrinks_the_payload_at_once() {
    let mut p = path();
    p.sector_count = 17;
    p.set_limit(9000, at(1));
    p.payload = 17;
    assert!(p.set_limit(1500, at(2)));
    assert_eq!(p.payload, 2);
}
