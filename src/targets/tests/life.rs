// SPDX-License-Identifier: BSD-2-Clause
//! Discovery, outages and returns of a target, and replacement of its disk.

use super::super::*;
use super::rig::*;
use crate::output::Event;
use crate::slot::LinkId;
use crate::time::Micros;
use crate::wire::Mac;
use std::vec::Vec;

/// Answers every IDENTIFY that is sent within `by`.
fn come_back(rig: &mut Rig, id: &Identify, by: Micros) {
    let end = rig.now.after(by);
    while rig.now < end {
        rig.run(Micros::from_millis(100));
        for frame in rig.take_frames() {
            if frame.header[27] == 0xec {
                rig.identify(&frame, THEM, id);
            }
        }
    }
}

fn suspended() -> Rig {
    let mut rig = Rig::up();
    rig.target.handle_open(rig.now).unwrap();
    rig.submit(1, Op::Read, 0, 1);
    rig.run(Micros::from_secs(7));
    rig.take_frames();
    let news = rig.take_news();
    assert!(news.contains(&Output::Suspended), "{news:?}");
    rig
}

#[test]
fn a_target_that_never_says_who_it_is_disappears() {
    let mut rig = Rig::new();
    rig.config(THEM, 0, 16, 2);
    rig.run(Micros::from_secs(6));
    let absent = Output::Absent { why: Event::Unidentified, value: 0 };
    assert_eq!(rig.take_news(), [absent, Output::Idle]);
}

#[test]
fn a_frame_that_holds_no_sector_is_why_nobody_says_who_he_is() {
    let mut rig = Rig::new();
    rig.target.handle_link(LinkId(0), Link { mtu: 533, ..up_link() }, rig.now);
    rig.config(THEM, 0, 16, 2);
    rig.run(Micros::from_secs(6));
    let absent = Output::Absent { why: Event::FrameTooSmall, value: 548 };
    assert_eq!(rig.take_news(), [absent, Output::Idle]);
}

/// Takes the only event, and returns it with its value.
fn event(rig: &mut Rig) -> (Event, u64) {
    match rig.take_news()[..] {
        [Output::Event { event, value, .. }] => (event, value),
        ref news => panic!("{news:?}"),
    }
}

#[test]
fn a_disk_that_cannot_be_used_says_why_and_what_it_is() {
    let odd = |bytes| Identify { logical_sector: bytes, ..disk(1000, SERIAL) };
    let cases = [
        (odd(520), (Event::SectorSize, 520)),
        (odd(8192), (Event::SectorSize, 8192)),
        (disk(0, SERIAL), (Event::NoSectors, 0)),
    ];
    for (id, (why, value)) in cases {
        let mut rig = Rig::new();
        rig.raise(THEM, &id);
        assert_eq!(event(&mut rig), (why, value));
        let status = rig.target.status();
        assert_eq!(status.reason, Some((why, value, 0)));
        assert_eq!(status.names.map(|n| n.serial), Some(*SERIAL));
        assert_eq!((status.has_conflict, status.sectors), (false, 0));
        assert_eq!(rig.target.path_status(0).map(|p| p.state_code), Some(4));
        // It is identified again at its next config answer, and nothing is reported.
        rig.raise(THEM, &id);
        assert_eq!(rig.take_news(), []);
        rig.raise(THEM, &disk(1000, SERIAL));
        assert_eq!(rig.take_news(), [Output::Up { sectors: 1000 }]);
        assert_eq!(rig.target.status().reason, None);
    }
}

#[test]
fn an_open_disk_that_loses_its_sectors_waits_for_them() {
    let mut rig = taken_over(&disk(0, SERIAL));
    assert_eq!(rig.target.status().reason, Some((Event::NoSectors, 0, 0)));
    rig.now = rig.now.after(Micros::from_secs(2));
    rig.config(THEM, 0, 16, 2);
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &disk(1000, SERIAL));
    assert!(rig.take_news().contains(&Output::Resumed));
    rig.take_one(0x24);
}

#[test]
fn an_outage_suspends_io_and_a_return_resumes_it() {
    let mut rig = suspended();
    assert_eq!(rig.take_done(), []);
    come_back(&mut rig, &disk(1000, SERIAL), Micros::from_secs(3));
    assert!(rig.take_news().contains(&Output::Resumed));
    rig.submit(2, Op::Read, 8, 1);
    for _ in 0..3 {
        rig.run(Micros::from_millis(300));
        for frame in rig.take_frames() {
            rig.answer(&frame);
        }
    }
    let mut done = rig.take_done();
    done.sort_by_key(|d| d.0);
    assert_eq!(done, [(1, Ok(())), (2, Ok(()))]);
}

#[test]
fn an_advert_ends_a_suspension_at_once() {
    let mut rig = suspended();
    rig.config(THEM, 0, 16, 2);
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &disk(1000, SERIAL));
    assert!(rig.take_news().contains(&Output::Resumed));
    assert_eq!(rig.take_one(0x24).header[28], 0);
}

#[test]
fn time_in_suspension_is_not_held_against_a_request() {
    let maxwait = Some(Micros::from_secs(20));
    let mut rig = Rig::with(Settings { maxwait, ..Settings::default() });
    rig.raise(THEM, &disk(1000, SERIAL));
    rig.submit(1, Op::Read, 0, 1);
    let read = rig.take_one(0x24);
    rig.answer(&read);
    assert_eq!(rig.take_done(), [(1, Ok(()))]);
    rig.submit(2, Op::Read, 0, 1);
    rig.run(Micros::from_millis(19_500));
    assert_eq!(rig.target.status().state, "suspended");
    assert!(rig.take_frames().iter().filter(|f| f.header[27] == 0x24).count() >= 8);
    come_back(&mut rig, &disk(1000, SERIAL), Micros::from_secs(5));
    assert_eq!(rig.take_done(), []);
}

#[test]
fn an_open_disk_survives_maxwait_and_goes_on() {
    let mut rig = suspended();
    rig.run(Micros::from_secs(181));
    assert_eq!(rig.take_done(), [(1, Err(IoError::Io))]);
    assert_eq!(rig.try_submit(2, Op::Read, 0, 1), Err(IoError::Io));
    assert_eq!(rig.target.status().state, "failed");
    let told = |n: &Output| matches!(n, Output::Event { event: Event::Failed, value: 180, .. });
    assert!(rig.take_news().iter().any(told), "the event says how long it waited");
    rig.take_frames();
    come_back(&mut rig, &disk(1000, SERIAL), Micros::from_secs(7));
    assert!(rig.take_news().contains(&Output::Resumed));
    rig.submit(3, Op::Read, 0, 1);
    rig.take_one(0x24);
}

#[test]
fn a_tick_that_comes_late_does_not_cost_a_path_its_chance() {
    let mut rig = Rig::up();
    rig.submit(1, Op::Read, 0, 1);
    rig.take_one(0x24);
    rig.now = rig.now.after(Micros::from_secs(30));
    for _ in 0..2 {
        rig.target.handle_tick(rig.now);
        rig.drain();
    }
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &disk(1000, SERIAL));
    assert_eq!(rig.take_news(), []);
    rig.take_one(0x24);
}

#[test]
fn a_maxwait_that_is_lifted_in_time_makes_io_wait_on() {
    let mut rig = suspended();
    rig.run(Micros::from_secs(100));
    rig.target.handle_settings(Settings { maxwait: None, ..Settings::default() }, rig.now);
    rig.run(Micros::from_secs(3600));
    assert_eq!((rig.take_done(), rig.target.status().state), (Vec::new(), "suspended"));
    // A `maxwait` that is set again counts from the beginning of the suspension.
    rig.target.handle_settings(Settings::default(), rig.now);
    rig.run(Micros::from_secs(1));
    assert_eq!(rig.take_done(), [(1, Err(IoError::Io))]);
}

#[test]
fn a_closed_disk_is_removed_after_maxwait() {
    let mut rig = suspended();
    rig.target.handle_close(rig.now);
    rig.run(Micros::from_secs(181));
    assert_eq!(rig.take_done(), [(1, Err(IoError::Io))]);
    let news = rig.take_news();
    assert!(news.contains(&Output::Gone) && news.contains(&Output::Idle), "{news:?}");
}

#[test]
fn a_failed_disk_goes_at_its_last_close() {
    let mut rig = suspended();
    rig.run(Micros::from_secs(181));
    rig.take_news();
    rig.target.handle_close(rig.now);
    assert!(rig.take_news().contains(&Output::Gone));
}

#[test]
fn fail_on_disconnection_removes_the_disk_at_once() {
    let mut rig = Rig::with(Settings { fail_on_disconnection: true, ..Settings::default() });
    rig.raise(THEM, &disk(1000, SERIAL));
    rig.submit(1, Op::Read, 0, 1);
    rig.target.handle_link(LinkId(0), Link { up: false, ..up_link() }, rig.now);
    assert_eq!(rig.take_done(), [(1, Err(IoError::Gone))]);
    assert!(rig.take_news().contains(&Output::Gone));
    assert_eq!(rig.try_submit(2, Op::Read, 0, 1), Err(IoError::Gone));
}

#[test]
fn at_a_shutdown_no_file_system_is_told_that_its_disk_is_gone() {
    let settings = Settings { fail_on_disconnection: true, ..Settings::default() };
    let mut rig = Rig::with(Settings { is_shutting_down: true, ..settings });
    rig.raise(THEM, &disk(1000, SERIAL));
    rig.submit(1, Op::Write, 0, 1);
    rig.target.handle_link(LinkId(0), Link { up: false, ..up_link() }, rig.now);
    assert_eq!(rig.take_done(), [(1, Err(IoError::Io))]);
    assert!(rig.take_news().contains(&Output::Gone));
    assert_eq!(rig.try_submit(2, Op::Read, 0, 1), Err(IoError::Io));
    rig.target.handle_settings(settings, rig.now);
    assert_eq!(rig.try_submit(3, Op::Read, 0, 1), Err(IoError::Gone));
}

#[test]
fn a_gone_target_starts_over_when_it_is_heard_of() {
    let mut rig = Rig::with(Settings { fail_on_disconnection: true, ..Settings::default() });
    rig.raise(THEM, &disk(1000, SERIAL));
    rig.target.handle_link(LinkId(0), Link { up: false, ..up_link() }, rig.now);
    rig.target.handle_link(LinkId(0), up_link(), rig.now);
    rig.take_news();
    rig.raise(THEM, &disk(500, OTHER_SERIAL));
    assert_eq!(rig.take_news(), [Output::Up { sectors: 500 }]);
}

#[test]
fn an_aborted_target_never_comes_back() {
    let mut rig = Rig::up();
    rig.submit(1, Op::Write, 0, 1);
    rig.target.handle_abort(rig.now);
    assert_eq!(rig.take_done(), [(1, Err(IoError::Gone))]);
    assert!(rig.take_news().contains(&Output::Gone));
    rig.frames.clear();
    rig.config(THEM, 0, 16, 2);
    assert_eq!(rig.take_frames(), []);
    assert_eq!(rig.try_submit(2, Op::Read, 0, 1), Err(IoError::Gone));
}

#[test]
fn a_link_with_another_address_sends_from_it_and_is_answered_there() {
    const NEW: Mac = Mac([2, 0, 0, 0, 0, 3]);
    let mut rig = Rig::up();
    rig.target.handle_link(LinkId(0), Link { mac: NEW, ..up_link() }, rig.now);
    rig.submit(1, Op::Read, 0, 1);
    for (command, data) in [(0xec, disk(1000, SERIAL).emit()), (0x24, [7; 512])] {
        let question = rig.take_one(command);
        assert_eq!(question.header[6..12], NEW.0);
        let mut answer = head(THEM, 0, question.tag());
        answer.extend([0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 0]);
        answer.extend(data);
        rig.frame(&answer);
        assert!(rig.take_frames().is_empty() && rig.take_done().is_empty(), "to the old address");
        answer[..6].copy_from_slice(&NEW.0);
        rig.frame(&answer);
    }
    assert_eq!(rig.take_done(), [(1, Ok(()))]);
}

#[test]
fn a_link_that_goes_down_suspends_without_waiting() {
    let mut rig = Rig::up();
    rig.target.handle_link(LinkId(0), Link { up: false, ..up_link() }, rig.now);
    assert!(rig.take_news().contains(&Output::Suspended));
    rig.target.handle_link(LinkId(0), up_link(), rig.now);
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &disk(1000, SERIAL));
    assert!(rig.take_news().contains(&Output::Resumed));
}

#[test]
fn nothing_is_opened_while_nobody_answers() {
    let mut rig = suspended();
    assert_eq!(rig.target.handle_open(rig.now), Err(IoError::Gone));
}

#[test]
fn a_second_box_at_the_same_address_gets_no_io() {
    let mut rig = Rig::up();
    rig.raise(OTHERS, &disk(1000, OTHER_SERIAL));
    let news = rig.take_news();
    assert!(matches!(news[..], [Output::Event { event: Event::PathConflict, .. }]), "{news:?}");
    assert!(rig.target.status().has_conflict);
    rig.submit(1, Op::Read, 0, 32);
    assert!(rig.take_frames().iter().all(|f| f.header[..6] == THEM.0));
}

#[test]
fn a_strangers_buffer_count_is_not_the_targets() {
    let mut rig = Rig::up();
    rig.raise(OTHERS, &disk(1000, OTHER_SERIAL));
    rig.config(OTHERS, 1, 4, 2);
    rig.take_frames();
    rig.target.handle_settings(Settings::default(), rig.now);
    rig.submit(1, Op::Read, 0, 32);
    assert_eq!(rig.take_frames().len(), 8);
    assert_eq!(rig.target.status().buffer_count, 16);
}

#[test]
fn a_second_path_to_the_same_disk_shares_the_load() {
    let mut rig = Rig::up();
    rig.raise(OTHERS, &disk(1000, SERIAL));
    rig.submit(1, Op::Read, 0, 32);
    let frames = rig.take_frames();
    let first = frames.iter().filter(|f| f.header[..6] == THEM.0).count();
    assert!(first > 0 && first < frames.len(), "{first} of {}", frames.len());
}

#[test]
fn another_disk_under_an_open_address_is_refused() {
    let mut rig = suspended();
    come_back(&mut rig, &disk(1000, OTHER_SERIAL), Micros::from_secs(3));
    assert!(!rig.take_news().contains(&Output::Resumed));
    assert_eq!(rig.take_done(), []);
    come_back(&mut rig, &disk(1000, SERIAL), Micros::from_secs(2));
    assert_eq!(rig.target.status().state, "suspended");
    rig.config(THEM, 0, 16, 2);
    come_back(&mut rig, &disk(1000, SERIAL), Micros::from_secs(2));
    assert_eq!(rig.target.status().state, "up");
}

#[test]
fn another_disk_under_a_closed_address_takes_its_place() {
    let mut rig = suspended();
    rig.target.handle_close(rig.now);
    rig.config(THEM, 0, 16, 2);
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &disk(500, OTHER_SERIAL));
    assert_eq!(rig.take_done(), [(1, Err(IoError::Gone))]);
    let news = rig.take_news();
    let gone = news.iter().position(|n| *n == Output::Gone).unwrap();
    let up = news.iter().position(|n| *n == Output::Up { sectors: 500 }).unwrap();
    assert!(gone < up);
}

#[test]
fn a_grown_disk_is_resized_and_a_shrunken_open_one_gets_no_io() {
    let mut rig = Rig::up();
    rig.target.handle_open(rig.now).unwrap();
    rig.target.handle_revalidate(rig.now);
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &disk(2000, SERIAL));
    // For an open disk, one answer is not enough.
    for _ in 0..2 {
        assert_eq!((rig.take_frames(), rig.take_news()), (Vec::new(), Vec::new()));
        rig.run(Micros::from_millis(400));
        let query = rig.take_one(0xec);
        rig.identify(&query, THEM, &disk(2000, SERIAL));
    }
    assert_eq!(rig.take_news(), [Output::Resized { sectors: 2000 }]);
    rig.target.handle_revalidate(rig.now);
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &disk(1500, SERIAL));
    let told = |news: Vec<Output>| match news[..] {
        [Output::Event { event: Event::Smaller, value: 1500, .. }, Output::Suspended] => {}
        _ => panic!("{news:?}"),
    };
    told(rig.take_news());
    assert!(!rig.target.status().has_conflict, "a smaller disk is not also a conflict");
    // A write waits, wherever it is on the disk, and the event is reported once.
    rig.submit(1, Op::Write, 0, 1);
    rig.config(THEM, 1, 16, 2);
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &disk(1500, SERIAL));
    rig.run(Micros::from_secs(10));
    assert_eq!((rig.take_frames(), rig.take_news()), (Vec::new(), Vec::new()));
    // The old size is back.
    rig.config(THEM, 1, 16, 2);
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &disk(2000, SERIAL));
    rig.take_one(0x34);
    assert!(rig.take_news().contains(&Output::Resumed));
}

#[test]
fn a_disk_that_shrank_while_open_is_used_once_it_is_closed() {
    let mut rig = Rig::up();
    rig.target.handle_open(rig.now).unwrap();
    rig.target.handle_revalidate(rig.now);
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &disk(500, SERIAL));
    rig.take_news();
    rig.target.handle_close(rig.now);
    rig.drain();
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &disk(500, SERIAL));
    let news = rig.take_news();
    assert!(news.contains(&Output::Resized { sectors: 500 }), "{news:?}");
    assert!(news.contains(&Output::Resumed), "{news:?}");
}

#[test]
fn an_idle_target_that_misses_its_beacons_is_asked() {
    let mut rig = Rig::up();
    rig.run(Micros::from_secs(179));
    assert_eq!(rig.take_frames(), []);
    rig.run(Micros::from_secs(2));
    assert!(rig.take_frames().iter().all(|f| f.header[27] == 0xec));
    rig.run(Micros::from_secs(6));
    assert!(rig.take_news().contains(&Output::Suspended));
}

#[test]
fn the_write_cache_is_set_again_after_an_outage() {
    let settings = Settings { write_cache: Some(false), ..Settings::default() };
    let mut rig = Rig::with(settings);
    rig.raise(THEM, &disk(1000, SERIAL));
    let set = rig.take_one(0xef);
    rig.ok(&set);
    rig.target.handle_link(LinkId(0), Link { up: false, ..up_link() }, rig.now);
    rig.target.handle_link(LinkId(0), up_link(), rig.now);
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &disk(1000, SERIAL));
    rig.take_one(0xef);
}

#[test]
fn an_advert_of_a_running_target_is_answered_with_a_question() {
    let mut rig = Rig::up();
    rig.submit(1, Op::Read, 0, 1);
    rig.take_one(0x24);
    rig.config(THEM, 0, 16, 2);
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &disk(1000, SERIAL));
    let again = rig.take_one(0x24);
    rig.answer(&again);
    assert_eq!(rig.take_done(), [(1, Ok(()))]);
}

#[test]
fn a_target_that_is_silent_about_its_write_cache_is_asked_five_times() {
    let mut rig = Rig::with(Settings { write_cache: Some(false), ..Settings::default() });
    rig.raise(THEM, &disk(1000, SERIAL));
    let (mut asked, mut identified) = (0, 0);
    for _ in 0..60 {
        for frame in rig.take_frames() {
            match frame.header[27] {
                0xec => {
                    rig.identify(&frame, THEM, &disk(1000, SERIAL));
                    identified += 1;
                }
                _ => asked += 1,
            }
        }
        rig.run(Micros::from_secs(1));
    }
    assert_eq!((asked, identified), (5, 0));
    let told = |n: &Output| matches!(n, Output::Event { event: Event::NoWriteCache, .. });
    assert!(rig.take_news().iter().any(told));
}

#[test]
fn a_flood_of_strange_macs_gets_four_questions_at_a_time() {
    let mut rig = Rig::up();
    for n in 0..200 {
        rig.config(Mac([2, 1, 0, 0, 0, n]), 0, 16, 2);
    }
    assert_eq!(rig.take_frames().len(), 4);
    rig.submit(1, Op::Read, 0, 1);
    let read = rig.take_one(0x24);
    rig.answer(&read);
    assert_eq!(rig.take_done(), [(1, Ok(()))]);
}

#[test]
fn a_request_that_alone_is_left_unanswered_fails_after_maxwait() {
    let mut rig = Rig::up();
    rig.target.handle_open(rig.now).unwrap();
    rig.submit(1, Op::Read, 5, 1);
    let end = rig.now.after(Micros::from_secs(185));
    while rig.now < end {
        rig.run(Micros::from_millis(500));
        for frame in rig.take_frames() {
            match frame.header[27..29] {
                [0xec, _] => rig.identify(&frame, THEM, &disk(1000, SERIAL)),
                [0x24, 5] => {}
                _ => rig.answer(&frame),
            }
        }
    }
    assert_eq!(rig.take_done(), [(1, Err(IoError::Io))]);
    assert_eq!(rig.target.status().state, "up");
    assert!(rig.take_news().is_empty(), "a silence that ends in time is not reported");
}

#[test]
fn a_target_that_says_who_it_is_and_answers_no_io_is_suspended() {
    let mut rig = Rig::up();
    rig.target.handle_open(rig.now).unwrap();
    rig.submit(1, Op::Read, 5, 1);
    let listen = |rig: &mut Rig, seconds: u64, answers: bool| {
        let end = rig.now.after(Micros::from_secs(seconds));
        while rig.now < end {
            rig.run(Micros::from_millis(100));
            for frame in rig.take_frames() {
                match frame.header[27] {
                    0xec => rig.identify(&frame, THEM, &disk(1000, SERIAL)),
                    _ if answers => rig.answer(&frame),
                    _ => {}
                }
            }
        }
        (rig.target.status().state, rig.take_news().contains(&Output::Resumed))
    };
    assert_eq!(listen(&mut rig, 7, false), ("up", false));
    assert_eq!(listen(&mut rig, 6, false), ("suspended", false));
    // It keeps answering beacons and IDENTIFY.
    rig.config(THEM, 1, 16, 2);
    assert_eq!(listen(&mut rig, 60, false), ("suspended", false));
    assert_eq!(rig.take_done(), []);
    assert_eq!(listen(&mut rig, 3, true), ("up", true));
    assert_eq!(rig.take_done(), [(1, Ok(()))]);
}

#[test]
fn asking_again_does_not_raise_a_path_whose_link_is_down() {
    let mut rig = Rig::up();
    rig.raise(OTHERS, &disk(1000, SERIAL));
    rig.target.handle_link(LinkId(0), Link { up: false, ..up_link() }, rig.now);
    rig.target.handle_revalidate(rig.now);
    assert_eq!(rig.target.status().state, "suspended");
    rig.submit(1, Op::Read, 0, 1);
    rig.run(Micros::from_secs(181));
    assert_eq!(rig.take_done(), [(1, Err(IoError::Io))]);
}

#[test]
fn an_answer_to_a_beacon_whose_tag_names_the_control_slot_counts() {
    let mut rig = Rig::new();
    rig.config(THEM, 511 << 22 | 5, 16, 2);
    rig.take_one(0xec);
}

#[test]
fn a_path_that_says_another_size_carries_no_io_until_all_agree() {
    let mut rig = Rig::up();
    rig.target.handle_open(rig.now).unwrap();
    rig.raise(OTHERS, &disk(2000, SERIAL));
    let query = rig.take_one(0xec);
    assert_eq!(query.header[..6], THEM.0, "the path with the old size is identified again");
    rig.submit(1, Op::Read, 0, 32);
    let frames = rig.take_frames();
    assert!(frames.iter().all(|f| f.header[..6] == THEM.0));
    rig.identify(&query, THEM, &disk(2000, SERIAL));
    for _ in 0..2 {
        rig.run(Micros::from_millis(400));
        let frames = rig.take_frames();
        let query = frames.iter().find(|f| f.header[27] == 0xec).unwrap();
        rig.identify(query, THEM, &disk(2000, SERIAL));
    }
    assert!(rig.take_news().contains(&Output::Resized { sectors: 2000 }));
    let again = rig.take_frames().into_iter().find(|f| f.header[..6] == OTHERS.0).unwrap();
    rig.identify(&again, OTHERS, &disk(2000, SERIAL));
    assert_eq!(rig.target.status().paths, 2);
    assert!(!rig.target.status().has_conflict);
}

#[test]
fn two_boxes_with_one_name_and_two_sizes_are_a_conflict() {
    let mut rig = Rig::up();
    rig.raise(OTHERS, &disk(2000, SERIAL));
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &disk(1000, SERIAL));
    let news = rig.take_news();
    assert!(matches!(news[..], [Output::Event { event: Event::SizeConflict, .. }]), "{news:?}");
    assert!(rig.target.status().has_conflict);
    // It keeps answering beacons, and never gets I/O.
    rig.config(OTHERS, 1, 16, 2);
    let query = rig.take_one(0xec);
    rig.identify(&query, OTHERS, &disk(2000, SERIAL));
    rig.submit(1, Op::Write, 0, 32);
    for frame in rig.take_frames().iter().filter(|f| f.header[27] == 0x34) {
        assert_eq!(frame.header[..6], THEM.0);
    }
}

#[test]
fn growth_is_taken_when_the_path_that_knew_less_goes_silent() {
    let mut rig = Rig::up();
    rig.target.handle_open(rig.now).unwrap();
    rig.raise(OTHERS, &disk(2000, SERIAL));
    // THEM is sent IDENTIFY again and never answers; OTHERS keeps answering.
    let end = rig.now.after(Micros::from_secs(8));
    while rig.now < end {
        rig.run(Micros::from_millis(100));
        for frame in rig.take_frames() {
            if frame.header[27] == 0xec && frame.header[..6] == OTHERS.0 {
                rig.identify(&frame, OTHERS, &disk(2000, SERIAL));
            }
        }
    }
    assert!(rig.take_news().contains(&Output::Resized { sectors: 2000 }));
    assert_eq!(rig.target.status().state, "up");
}

#[test]
fn a_box_that_was_contradicted_does_not_inherit_an_open_disk() {
    let mut rig = Rig::up();
    rig.target.handle_open(rig.now).unwrap();
    rig.raise(OTHERS, &disk(2000, SERIAL));
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &disk(1000, SERIAL));
    let end = rig.now.after(Micros::from_secs(200));
    while rig.now < end {
        rig.run(Micros::from_secs(1));
        rig.config(OTHERS, 1, 16, 2);
        for frame in rig.take_frames() {
            if frame.header[27] == 0xec && frame.header[..6] == OTHERS.0 {
                rig.identify(&frame, OTHERS, &disk(2000, SERIAL));
            }
        }
    }
    let news = rig.take_news();
    assert!(news.contains(&Output::Suspended), "{news:?}");
    assert!(!news.contains(&Output::Resumed), "{news:?}");
}

/// The IDENTIFY data of a disk of this many sectors of 4096 bytes.
fn large(sectors: u64) -> Identify {
    Identify { logical_sector: 4096, physical_sector: 4096, ..disk(sectors, SERIAL) }
}

/// A target whose disk, of 1,000 such sectors, was identified with an MTU of 9000.
fn large_rig(sector_count: u8) -> Rig {
    let mut rig = Rig::new();
    rig.target.handle_link(LinkId(0), Link { mtu: 9000, ..up_link() }, rig.now);
    rig.config(THEM, 1, 16, sector_count);
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &large(1000));
    rig
}

#[test]
fn a_disk_of_larger_sectors_is_asked_in_those() {
    let mut rig = large_rig(17);
    assert_eq!(rig.take_news(), [Output::Up { sectors: 8000 }]);
    // Two whole sectors fit 17 blocks.
    let probe = rig.take_one(0x24);
    assert_eq!((probe.header[26], probe.frame_length), (2, 36 + 8192));
    rig.ata_data(&probe, THEM, &[7; 8192]);
    rig.submit(1, Op::Read, 8 * 0x0102, 8 * 5);
    let frames = rig.take_frames();
    let asked: Vec<_> = frames.iter().map(|f| (f.header[26], f.header[28], f.header[29])).collect();
    assert_eq!(asked, [(2, 2, 1), (2, 4, 1), (1, 6, 1)]);
    rig.copies.clear();
    for (frame, sectors) in frames.iter().zip([2, 2, 1]) {
        rig.ata_data(frame, THEM, &[7; 4096].repeat(sectors));
    }
    assert_eq!(rig.take_done(), [(1, Ok(()))]);
    let offset = |c: &CopyOut| match c {
        CopyOut::Io { offset, length, .. } => (*offset, *length),
        CopyOut::Scratch { .. } => (0, 0),
    };
    let offsets: Vec<_> = rig.copies.iter().map(offset).collect();
    assert_eq!(offsets, [(0, 8192), (8192, 8192), (16384, 4096)]);
    rig.submit(2, Op::Write, 8, 8);
    let write = rig.take_one(0x34);
    assert_eq!((write.header[26], write.header[28], write.frame_length), (1, 1, 36 + 4096));
    // I/O that is not in whole sectors, or is past the end, is refused.
    for (lba, sectors) in [(1, 8), (0, 1), (8, 12), (8000, 8)] {
        assert_eq!(rig.try_submit(3, Op::Read, lba, sectors), Err(IoError::Io));
    }
}

#[test]
fn frames_of_a_disk_of_larger_sectors_hold_at_least_one() {
    // A target that takes less than two sectors gets one at a time.
    let mut rig = large_rig(15);
    assert_eq!(rig.take_frames(), []);
    rig.submit(1, Op::Read, 0, 16);
    let counts: Vec<u8> = rig.take_frames().iter().map(|f| f.header[26]).collect();
    assert_eq!(counts, [1, 1]);
    // One that takes less than a sector is of no use.
    let mut rig = large_rig(7);
    assert_eq!(event(&mut rig), (Event::FrameTooSmall, 4132));
    assert_eq!(rig.target.status().names.map(|n| n.logical_sector), Some(4096));
    rig.config(THEM, 1, 16, 17);
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &large(1000));
    assert_eq!(rig.take_news(), [Output::Up { sectors: 8000 }]);
}

#[test]
fn an_mtu_that_holds_no_sector_suspends_and_a_larger_one_resumes() {
    let mut rig = large_rig(17);
    rig.take_news();
    rig.take_frames();
    rig.submit(1, Op::Read, 0, 8);
    rig.take_one(0x24);
    rig.target.handle_link(LinkId(0), Link { mtu: 4117, ..up_link() }, rig.now);
    let news = rig.take_news();
    assert!(news.contains(&Output::Suspended), "{news:?}");
    assert_eq!(rig.target.status().reason, Some((Event::FrameTooSmall, 4132, 0)));
    assert_eq!(rig.take_frames(), []);
    rig.target.handle_link(LinkId(0), Link { mtu: 4118, ..up_link() }, rig.now);
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &large(1000));
    assert!(rig.take_news().contains(&Output::Resumed));
    assert_eq!(rig.take_one(0x24).header[26], 1);
}

#[test]
fn the_same_name_with_sectors_of_another_size_is_another_disk() {
    let mut rig = Rig::up();
    rig.target.handle_open(rig.now).unwrap();
    rig.target.handle_link(LinkId(0), Link { mtu: 9000, ..up_link() }, rig.now);
    rig.config(THEM, 0, 16, 17);
    let query = rig.take_frames().into_iter().find(|f| f.header[27] == 0xec).unwrap();
    rig.identify(&query, THEM, &large(125));
    assert!(rig.target.status().has_conflict);
    rig.target.handle_close(rig.now);
    rig.take_news();
    rig.take_frames();
    rig.config(THEM, 1, 16, 17);
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &large(125));
    let news = rig.take_news();
    assert!(
        news.contains(&Output::Gone) && news.contains(&Output::Up { sectors: 1000 }),
        "{news:?}"
    );
}

#[test]
fn another_disk_on_a_path_that_was_unusable_is_a_conflict() {
    let mut rig = Rig::up();
    rig.raise(OTHERS, &disk(0, SERIAL));
    assert_eq!(rig.target.path_status(1).map(|p| p.state_code), Some(4));
    rig.raise(OTHERS, &disk(1000, OTHER_SERIAL));
    assert_eq!(rig.target.path_status(1).map(|p| p.state_code), Some(3));
    assert!(rig.target.status().has_conflict);
}

#[test]
fn a_disk_that_shrank_behind_both_of_its_paths_is_no_conflict() {
    let mut rig = Rig::up();
    rig.raise(OTHERS, &disk(1000, SERIAL));
    rig.target.handle_open(rig.now).unwrap();
    rig.take_news();
    rig.target.handle_revalidate(rig.now);
    let end = rig.now.after(Micros::from_secs(8));
    while rig.now < end {
        rig.run(Micros::from_millis(100));
        for frame in rig.take_frames().iter().filter(|f| f.header[27] == 0xec) {
            let from = if frame.header[..6] == OTHERS.0 { OTHERS } else { THEM };
            rig.identify(frame, from, &disk(500, SERIAL));
        }
    }
    let news = rig.take_news();
    let status = rig.target.status();
    assert_eq!(status.state, "suspended", "{news:?}");
    assert!(!status.has_conflict, "{news:?}");
    assert!(matches!(status.reason, Some((Event::Smaller, 500, _))), "{news:?}");
}

#[test]
fn a_suspended_target_tells_when_its_io_fails() {
    let mut rig = suspended();
    rig.run(Micros::from_secs(100));
    let told = |rig: &Rig| rig.target.suspension(rig.now);
    let (waited, left) = told(&rig).unwrap();
    assert!((95..=100).contains(&waited.as_secs()), "{waited:?}");
    assert_eq!(left.map(|left| left.plus(waited)), Some(Micros::from_secs(180)));
    rig.target.handle_settings(Settings { maxwait: None, ..Settings::default() }, rig.now);
    assert_eq!(told(&rig), Some((waited, None)));
    // A limit that has passed already.
    let short = Some(Micros::from_secs(1));
    rig.target.handle_settings(Settings { maxwait: short, ..Settings::default() }, rig.now);
    assert_eq!(told(&rig), Some((waited, Some(Micros(0)))));
    come_back(&mut rig, &disk(1000, SERIAL), Micros::from_secs(7));
    assert_eq!(told(&rig), None);
}
