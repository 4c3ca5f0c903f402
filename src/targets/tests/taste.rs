// SPDX-License-Identifier: BSD-2-Clause
//! Reads with which GEOM tastes a disk, and reads that only look like it.

use super::super::*;
use super::rig::*;
use crate::slot::LinkId;
use crate::time::Micros;

#[test]
fn reads_of_a_disk_that_is_tasted_give_up_early() {
    let mut rig = Rig::up();
    let request = IoRequest {
        io: crate::output::IoHandle(1),
        op: Op::Read,
        lba: 0,
        sectors: 1,
        ordered: false,
        give_up: rig.now.after(Micros::from_secs(10)),
    };
    rig.target.handle_submit(request, rig.now).unwrap().unwrap();
    rig.run(Micros::from_secs(9));
    assert_eq!(rig.take_done(), []);
    rig.run(Micros::from_secs(2));
    assert_eq!(rig.take_done(), [(1, Err(IoError::Io))]);
}

#[test]
fn a_target_that_answers_no_reads_blocks_tasting_once() {
    let mut rig = Rig::up();
    rig.target.handle_open(rig.now).unwrap();
    let until = rig.now.after(Micros::from_secs(10));
    assert_eq!(rig.target.begin_taste(rig.now), until);
    rig.now = rig.now.after(Micros::from_secs(8));
    assert_eq!(rig.target.begin_taste(rig.now), until, "the second read has the same deadline");
    let request = IoRequest {
        io: crate::output::IoHandle(1),
        op: Op::Read,
        lba: 0,
        sectors: 1,
        ordered: false,
        give_up: until,
    };
    rig.target.handle_submit(request, rig.now).unwrap().unwrap();
    rig.run(Micros::from_millis(2_100));
    assert_eq!(rig.take_done(), [(1, Err(IoError::Io))]);
    rig.target.handle_close(rig.now);
    assert_eq!(rig.target.handle_open(rig.now), Err(IoError::Gone), "the next class is refused");
}

#[test]
fn a_tasting_read_has_its_time_however_long_ago_the_open_was() {
    let mut rig = Rig::up();
    rig.target.handle_open(rig.now).unwrap();
    rig.now = rig.now.after(Micros::from_millis(9_990));
    let first = rig.target.begin_taste(rig.now);
    assert_eq!(first, rig.now.after(Micros::from_secs(10)));
    rig.submit(1, Op::Read, 0, 1);
    let read = rig.take_one(0x24);
    rig.answer(&read);
    assert_eq!(rig.target.begin_taste(rig.now), first, "after an answer: a deadline of its own");
    rig.now = rig.now.after(Micros::from_secs(3600));
    // Later, the last writer closes the disk while a reader has it open.
    assert_eq!(rig.target.begin_taste(rig.now), rig.now.after(Micros::from_secs(10)));
}

#[test]
fn a_disk_that_was_held_open_and_never_read_can_be_read() {
    let mut rig = Rig::up();
    rig.target.handle_open(rig.now).unwrap();
    rig.now = rig.now.after(Micros::from_secs(3600));
    assert_eq!(rig.target.begin_taste(rig.now), rig.now.after(Micros::from_secs(10)));
}

/// GEOM's tasting read stays unanswered.
fn taste_in_vain(rig: &mut Rig) {
    rig.target.handle_open(rig.now).unwrap();
    let give_up = rig.target.begin_taste(rig.now);
    let io = crate::output::IoHandle(9);
    let request = IoRequest { io, op: Op::Read, lba: 0, sectors: 1, ordered: false, give_up };
    rig.target.handle_submit(request, rig.now).unwrap().unwrap();
    while rig.now < give_up {
        rig.run(Micros::from_millis(500));
        identify_all(rig);
    }
    assert_eq!(rig.take_done(), [(9, Err(IoError::Io))]);
    rig.target.handle_close(rig.now);
}

/// The target answers IDENTIFY, and nothing else.
fn identify_all(rig: &mut Rig) {
    for frame in rig.take_frames() {
        if frame.header[27] == 0xec {
            rig.identify(&frame, THEM, &disk(1000, SERIAL));
        }
    }
}

/// The target answers everything for `by`; returns how often GEOM was called to taste.
fn calls_while_answering(rig: &mut Rig, by: Micros) -> usize {
    let end = rig.now.after(by);
    while rig.now < end {
        for frame in rig.take_frames() {
            match frame.header[27] {
                0xec => rig.identify(&frame, THEM, &disk(1000, SERIAL)),
                _ => rig.answer(&frame),
            }
        }
        rig.run(Micros::from_millis(100));
    }
    rig.take_news().iter().filter(|n| **n == Output::Retaste).count()
}

#[test]
fn a_disk_whose_tasting_failed_is_tasted_again_once_reads_are_answered() {
    let mut rig = Rig::up();
    taste_in_vain(&mut rig);
    for _ in 0..40 {
        rig.run(Micros::from_millis(500));
        identify_all(&mut rig);
    }
    assert!(!rig.take_news().contains(&Output::Retaste), "IDENTIFY shows nothing about reads");
    assert_eq!(calls_while_answering(&mut rig, Micros::from_secs(120)), 1);
    rig.target.handle_open(rig.now).expect("GEOM can open it at once");
}

/// The link goes down, GEOM's open is refused, and the link comes back.
fn refused_once(rig: &mut Rig) {
    rig.target.handle_link(LinkId(0), Link { up: false, ..up_link() }, rig.now);
    assert_eq!(rig.target.handle_open(rig.now), Err(IoError::Gone));
    rig.run(Micros::from_secs(20));
    rig.target.handle_link(LinkId(0), up_link(), rig.now);
}

#[test]
fn a_disk_that_could_not_be_opened_is_tasted_again_when_it_is_back() {
    let mut rig = Rig::up();
    refused_once(&mut rig);
    assert_eq!(calls_while_answering(&mut rig, Micros::from_secs(5)), 1);
}

#[test]
fn a_disk_that_somebody_has_open_is_tasted_again_when_it_is_closed() {
    let mut rig = Rig::up();
    refused_once(&mut rig);
    identify_all(&mut rig);
    rig.target.handle_open(rig.now).unwrap();
    assert_eq!(calls_while_answering(&mut rig, Micros::from_secs(60)), 0);
    rig.target.handle_close(rig.now);
    assert_eq!(calls_while_answering(&mut rig, Micros::from_secs(5)), 1);
}

#[test]
fn a_disk_that_is_never_tasted_to_the_end_calls_geom_ever_less_often() {
    let mut rig = Rig::up();
    let mut calls = 0;
    // Reads are answered between tastings, but no tasting read is.
    for _ in 0..60 {
        taste_in_vain(&mut rig);
        calls += calls_while_answering(&mut rig, Micros::from_secs(50));
    }
    assert!((3..=12).contains(&calls), "{calls} calls in an hour");
}

#[test]
fn a_new_disk_is_owed_nothing() {
    let mut rig = Rig::up();
    refused_once(&mut rig);
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &disk(1000, OTHER_SERIAL));
    rig.take_news();
    assert_eq!(calls_while_answering(&mut rig, Micros::from_secs(60)), 0);
}
