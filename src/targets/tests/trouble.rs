// SPDX-License-Identifier: BSD-2-Clause
//! Conditions that are reported once, and when they are reported again.

use super::super::*;
use super::rig::*;
use crate::output::Event;
use crate::slot::LinkId;
use crate::time::Micros;
use crate::wire::Mac;

/// Takes the news; returns how often it reports `event`.
fn told(rig: &mut Rig, event: Event) -> usize {
    let is_it = |n: &Output| matches!(n, Output::Event { event: e, .. } if *e == event);
    rig.take_news().iter().filter(|n| is_it(n)).count()
}

/// One I/O that ends with `code`: 0 is success, up to 0xff an AoE error; above that, the
/// low byte is an ATA error.
fn one(rig: &mut Rig, op: Op, code: u16) {
    rig.submit(1, op, 100, 1);
    let query = rig.take_one(if op == Op::Read { 0x24 } else { 0x34 });
    match u8::try_from(code) {
        Ok(0) => rig.answer(&query),
        Ok(error) => rig.error(&query, error),
        Err(_) => rig.status(&query, 0x41, code.to_be_bytes()[1]),
    }
    assert_eq!(rig.take_done().len(), 1);
}

const ABORTED: u16 = 0x104;
const UNCORRECTABLE: u16 = 0x140;
const RESERVED: u16 = 6;
const VERSION: u16 = 5;

#[test]
fn a_refusal_that_comes_back_after_it_was_over_is_told_again() {
    let cases = [
        (Op::Write, RESERVED, Event::Reserved),
        (Op::Read, RESERVED, Event::Reserved),
        (Op::Read, VERSION, Event::Version),
        (Op::Write, ABORTED, Event::ReadOnly),
    ];
    for (op, code, event) in cases {
        let mut rig = Rig::up();
        one(&mut rig, op, code);
        one(&mut rig, op, code);
        assert_eq!(told(&mut rig, event), 1);
        rig.now = rig.now.after(Micros::from_secs(61));
        rig.config(THEM, 1, 16, 2);
        rig.run_as(Micros::from_millis(200), THEM, &disk(1000, SERIAL));
        one(&mut rig, op, code);
        assert_eq!(told(&mut rig, event), 0, "the refusal never ended");
        one(&mut rig, op, 0);
        one(&mut rig, op, code);
        assert_eq!(told(&mut rig, event), 1);
        // At most once a minute, however often it ends and begins again.
        one(&mut rig, op, 0);
        one(&mut rig, op, code);
        assert_eq!(told(&mut rig, event), 0);
        rig.now = rig.now.after(Micros::from_secs(61));
        rig.config(THEM, 1, 16, 2);
        rig.run_as(Micros::from_millis(200), THEM, &disk(1000, SERIAL));
        one(&mut rig, op, code);
        assert_eq!(told(&mut rig, event), 1, "postponed, not forgotten");
    }
}

#[test]
fn status_shows_a_refusal_as_long_as_it_holds() {
    let flags = |rig: &Rig| {
        let status = rig.target.status();
        (status.is_read_only, status.is_reserved)
    };
    let mut rig = Rig::up();
    one(&mut rig, Op::Write, RESERVED);
    assert_eq!(flags(&rig), (false, true));
    one(&mut rig, Op::Write, ABORTED);
    // A read that succeeds does not end a refusal of writes.
    one(&mut rig, Op::Read, 0);
    assert_eq!(flags(&rig), (true, true));
    one(&mut rig, Op::Write, 0);
    assert_eq!(flags(&rig), (false, false));
}

#[test]
fn disk_errors_are_told_once_a_minute_and_the_last_one_too() {
    let mut rig = Rig::up();
    for _ in 0..3 {
        one(&mut rig, Op::Read, UNCORRECTABLE);
    }
    assert_eq!(told(&mut rig, Event::DiskError), 1);
    rig.run(Micros::from_secs(59));
    assert_eq!(told(&mut rig, Event::DiskError), 0);
    rig.run(Micros::from_secs(2));
    assert_eq!(told(&mut rig, Event::DiskError), 1);
    rig.run(Micros::from_secs(100));
    assert_eq!(told(&mut rig, Event::DiskError), 0);
    one(&mut rig, Op::Read, UNCORRECTABLE);
    assert_eq!(told(&mut rig, Event::DiskError), 1);
}

#[test]
fn a_write_cache_that_is_refused_again_is_told_again() {
    let mut rig = Rig::with(Settings { write_cache: Some(false), ..Settings::default() });
    rig.raise(THEM, &disk(1000, SERIAL));
    let set = rig.take_one(0xef);
    rig.status(&set, 0x41, 4);
    assert_eq!(told(&mut rig, Event::NoWriteCache), 1);
    for (wanted, times) in [(Some(true), 1), (Some(true), 0), (Some(false), 1)] {
        let settings = Settings { write_cache: wanted, ..Settings::default() };
        rig.target.handle_settings(settings, rig.now);
        for set in rig.take_frames() {
            rig.status(&set, 0x41, 4);
        }
        assert_eq!(told(&mut rig, Event::NoWriteCache), times);
    }
}

#[test]
fn each_path_that_says_another_size_is_told() {
    let third = Mac([2, 0, 0, 0, 0, 7]);
    let mut rig = Rig::up();
    for (mac, times) in [(OTHERS, 1), (OTHERS, 0), (third, 1)] {
        rig.config(mac, 1, 16, 2);
        rig.run_as(Micros::from_millis(200), mac, &disk(2000, SERIAL));
        assert_eq!(told(&mut rig, Event::SizeConflict), times);
        rig.run_as(Micros::from_secs(1), THEM, &disk(1000, SERIAL));
    }
    assert!(rig.target.status().has_conflict);
}

#[test]
fn the_end_of_a_conflict_is_told_as_well() {
    let mut rig = Rig::up();
    rig.raise(OTHERS, &disk(1000, SERIAL));
    rig.news.clear();
    for serial in [OTHER_SERIAL, SERIAL] {
        rig.config(OTHERS, 0, 16, 2);
        rig.run_as(Micros::from_secs(1), OTHERS, &disk(1000, serial));
        rig.now = rig.now.after(Micros::from_secs(1));
    }
    let up = Event::PathUp;
    let is_up = |n: &Output| matches!(n, Output::Event { event, .. } if *event == up);
    assert!(rig.news.iter().any(is_up), "{:?}", rig.news);
}

#[test]
fn a_path_too_many_is_counted_and_told_until_there_is_room() {
    let mac = |n: u8| Mac([2, 0, 0, 0, 1, n]);
    let raise_on = |rig: &mut Rig, link, n| {
        rig.config_on(LinkId(link), mac(n), 1, 16, 2);
        let query = rig.take_one(0xec);
        rig.identify(&query, mac(n), &disk(1000, SERIAL));
    };
    let mut rig = Rig::up();
    rig.target.handle_link(LinkId(1), up_link(), rig.now);
    for n in 1..16 {
        raise_on(&mut rig, u8::from(n == 15), n);
    }
    assert_eq!(told(&mut rig, Event::PathLeftOut), 0);
    rig.config(mac(16), 1, 16, 2);
    rig.config(mac(16), 1, 16, 2);
    let event = Output::Event { event: Event::PathLeftOut, path: None, value: 0x0200_0000_0110 };
    assert_eq!(rig.take_news(), [event]);
    let status = rig.target.status();
    assert_eq!((status.paths, status.paths_left_out), (16, 2));
    // One path is freed, and another takes its slot: then there is one too many again.
    rig.target.handle_link(LinkId(1), Link::NONE, rig.now);
    raise_on(&mut rig, 0, 16);
    assert_eq!(told(&mut rig, Event::PathLeftOut), 0);
    rig.config(mac(17), 1, 16, 2);
    assert_eq!(told(&mut rig, Event::PathLeftOut), 1);
    assert_eq!(rig.target.status().paths_left_out, 3);
}
