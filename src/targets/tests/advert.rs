// SPDX-License-Identifier: BSD-2-Clause
//! Adverts and answers to beacons, after which a path may lead to another disk.

use super::super::*;
use super::rig::*;
use crate::output::{Transmit, Why};
use crate::time::Micros;
use std::vec::Vec;

const GAPS: [u64; 7] = [50, 200, 500, 900, 999, 1500, 2000];

/// Takes all frames sent; returns the number of I/O frames.
fn io_frames(rig: &mut Rig) -> usize {
    rig.take_frames().iter().filter(|f| matches!(f.why, Why::Io | Why::Again)).count()
}

/// The target sends an advert and is sent IDENTIFY; the disk `id` answers.
fn announce(rig: &mut Rig, id: &Identify) {
    rig.config(THEM, 0, 16, 2);
    let frames = rig.take_frames();
    let questions: Vec<_> = frames.iter().filter(|f| f.why == Why::Identify).collect();
    assert_eq!(questions.len(), frames.len(), "no I/O before the answer");
    assert_eq!(questions.len(), 1, "an advert causes an IDENTIFY at once");
    rig.identify(questions[0], THEM, id);
}

#[test]
fn an_exchange_is_seen_however_soon_one_advert_follows_another() {
    for gap in GAPS {
        for adverts in [1, 2] {
            let mut rig = Rig::new();
            // The disk is discovered by the first advert.
            for _ in 0..adverts {
                announce(&mut rig, &disk(1000, SERIAL));
                rig.now = rig.now.after(Micros::from_millis(gap));
            }
            rig.target.handle_open(rig.now).unwrap();
            rig.submit(1, Op::Write, 0, 2);
            assert_eq!(io_frames(&mut rig), 1);
            announce(&mut rig, &disk(1000, OTHER_SERIAL));
            rig.submit(2, Op::Write, 8, 2);
            rig.run(Micros::from_millis(900));
            assert_eq!(io_frames(&mut rig), 0, "{gap} ms after advert {adverts}");
            assert_eq!(rig.target.status().state, "suspended");
            assert!(rig.target.status().has_conflict);
        }
    }
}

#[test]
fn growth_is_seen_however_soon_one_advert_follows_another() {
    for gap in GAPS {
        let mut rig = Rig::new();
        announce(&mut rig, &disk(1000, SERIAL));
        rig.now = rig.now.after(Micros::from_millis(gap));
        rig.take_news();
        announce(&mut rig, &disk(2000, SERIAL));
        assert!(rig.take_news().contains(&Output::Resized { sectors: 2000 }), "{gap} ms");
    }
}

#[test]
fn an_answer_that_may_be_older_than_an_advert_is_not_enough() {
    let mut rig = Rig::up();
    rig.target.handle_open(rig.now).unwrap();
    rig.submit(1, Op::Write, 0, 1);
    rig.take_one(0x34);
    rig.config(THEM, 0, 16, 2);
    let first = rig.take_one(0xec);
    rig.config(THEM, 0, 16, 2);
    rig.identify(&first, THEM, &disk(1000, SERIAL));
    let second = rig.take_one(0xec);
    assert_ne!(first.tag(), second.tag());
    rig.identify(&second, THEM, &disk(1000, OTHER_SERIAL));
    assert!(rig.target.status().has_conflict);
    assert_eq!(io_frames(&mut rig), 0);
}

#[test]
fn io_makes_progress_in_a_flood_of_adverts_and_none_leaves_unasked() {
    // Answers take 3 ms, adverts come faster, as fast, and more slowly.
    for every in [1, 3, 7] {
        let mut rig = Rig::up();
        let (mut done, mut next) = (0, 0);
        let mut under_way = Vec::new();
        // An advert came, and no answer to an IDENTIFY since.
        let mut doubt = false;
        for ms in 0..3_000_u64 {
            rig.now = rig.now.after(Micros::from_millis(1));
            rig.target.handle_tick(rig.now);
            while under_way.first().is_some_and(|(at, _)| at + 3 <= ms) {
                let (_, frame): (u64, Transmit) = under_way.remove(0);
                if frame.why == Why::Identify {
                    doubt = false;
                    rig.identify(&frame, THEM, &disk(1000, SERIAL));
                } else {
                    rig.answer(&frame);
                }
            }
            done += rig.take_done().len() as u64;
            under_way.extend(rig.take_frames().into_iter().map(|frame| (ms, frame)));
            if ms % every == 0 {
                rig.config(THEM, 0, 16, 2);
                doubt = true;
            }
            if next < done + 8 {
                next += 1;
                rig.submit(next, Op::Read, next % 100, 1);
            }
            for frame in rig.take_frames() {
                assert!(frame.why == Why::Identify || !doubt, "{every}: I/O too early, at {ms}");
                under_way.push((ms, frame));
            }
        }
        assert!(done > 300, "an advert each {every} ms: {done} I/Os");
    }
}

#[test]
fn a_flood_of_adverts_is_told_once_a_second() {
    let mut rig = Rig::up();
    let mut told = 0;
    for _ in 0..1_000 {
        announce(&mut rig, &disk(1000, SERIAL));
        let restarted =
            |n: &&Output| matches!(n, Output::Event { event: crate::output::Event::Restarted, .. });
        told += rig.take_news().iter().filter(restarted).count();
        rig.now = rig.now.after(Micros::from_millis(3));
    }
    assert_eq!(told, 3);
}

#[test]
fn a_busy_path_is_asked_at_each_answer_to_a_beacon_without_stopping_io() {
    let mut rig = Rig::up();
    rig.submit(1, Op::Write, 0, 1);
    let write = rig.take_one(0x34);
    rig.config(THEM, 77, 16, 2);
    let question = rig.take_one(0xec);
    rig.submit(2, Op::Write, 8, 1);
    let other = rig.take_one(0x34);
    rig.answer(&write);
    rig.answer(&other);
    assert_eq!(rig.take_done(), [(1, Ok(())), (2, Ok(()))]);
    rig.target.handle_open(rig.now).unwrap();
    rig.identify(&question, THEM, &disk(1000, OTHER_SERIAL));
    assert_eq!(rig.target.status().state, "suspended");
}

#[test]
fn an_idle_path_is_asked_at_each_answer_to_a_beacon() {
    let mut rig = Rig::up();
    rig.config(THEM, 77, 16, 2);
    let question = rig.take_one(0xec);
    rig.identify(&question, THEM, &disk(2000, SERIAL));
    assert!(rig.take_news().contains(&Output::Resized { sectors: 2000 }));
}

#[test]
fn of_many_answers_to_beacons_one_a_second_is_a_question_and_the_last_is_not_lost() {
    let mut rig = Rig::up();
    let mut asked = 0;
    for _ in 0..100 {
        rig.config(THEM, 77, 16, 2);
        for question in rig.take_frames() {
            asked += 1;
            rig.identify(&question, THEM, &disk(1000, SERIAL));
        }
        rig.now = rig.now.after(Micros::from_millis(1));
    }
    assert_eq!(asked, 1);
    rig.run(Micros::from_secs(1));
    let question = rig.take_one(0xec);
    rig.identify(&question, THEM, &disk(2000, SERIAL));
    assert!(rig.take_news().contains(&Output::Resized { sectors: 2000 }));
    rig.run(Micros::from_secs(3));
    assert!(rig.take_frames().is_empty());
}

#[test]
fn a_second_conflict_is_told_once_the_first_was_resolved() {
    let mut rig = Rig::up();
    rig.target.handle_open(rig.now).unwrap();
    let mut told = 0;
    for id in [OTHER_SERIAL, OTHER_SERIAL, SERIAL, OTHER_SERIAL] {
        announce(&mut rig, &disk(1000, id));
        let conflict = |n: &&Output| {
            matches!(n, Output::Event { event: crate::output::Event::PathConflict, .. })
        };
        told += rig.take_news().iter().filter(conflict).count();
    }
    assert_eq!(told, 2);
}
