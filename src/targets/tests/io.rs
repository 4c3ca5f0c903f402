// SPDX-License-Identifier: BSD-2-Clause
//! Reads, writes, losses, errors.

use super::super::*;
use super::rig::*;
use crate::output::{Event, Source, Span};
use crate::slot::LinkId;
use crate::time::Micros;
use std::vec::Vec;

#[test]
fn a_long_read_is_cut_to_the_payload_and_put_together_by_offset() {
    let mut rig = Rig::up();
    rig.submit(1, Op::Read, 100, 5);
    let frames = rig.take_frames();
    let cuts: Vec<(u8, u8)> = frames.iter().map(|f| (f.header[28], f.header[26])).collect();
    assert_eq!(cuts, [(100, 2), (102, 2), (104, 1)]);
    for frame in frames.iter().rev() {
        assert!(rig.take_done().is_empty());
        rig.answer(frame);
    }
    let offsets: Vec<CopyOut> = [(2048, 512), (1024, 1024), (0, 1024)]
        .map(|(offset, length)| CopyOut::Io { io: 1, offset, frame_offset: 36, length })
        .into();
    assert_eq!(rig.copies, offsets);
    assert_eq!(rig.take_done(), [(1, Ok(()))]);
}

#[test]
fn a_write_is_done_when_every_byte_was_acknowledged() {
    let mut rig = Rig::up();
    rig.submit(1, Op::Write, 10, 4);
    let frames = rig.take_frames();
    let span = |offset| Some(Span { source: Source::Io(1), offset, length: 1024 });
    assert_eq!(frames[0].data, span(0));
    assert_eq!(frames[1].data, span(1024));
    assert_eq!(frames[0].frame_length, 36 + 1024);
    rig.ok(&frames[1]);
    assert!(rig.take_done().is_empty());
    rig.ok(&frames[0]);
    assert_eq!(rig.take_done(), [(1, Ok(()))]);
}

#[test]
fn sectors_are_counted_once_for_each_read_and_write_that_succeeds() {
    let mut rig = Rig::up();
    rig.submit(1, Op::Read, 0, 2);
    let read = rig.take_one(0x24);
    rig.answer(&read);
    rig.answer(&read);
    rig.submit(2, Op::Write, 8, 1);
    let write = rig.take_one(0x34);
    rig.ok(&write);
    assert_eq!(rig.take_done().len(), 2);
    assert_eq!(rig.target.status().moved, 3);
    // Neither a flush nor a failed read moves data.
    rig.submit(3, Op::Flush, 0, 0);
    let flush = rig.take_one(0xe7);
    rig.ok(&flush);
    rig.submit(4, Op::Read, 0, 2);
    let read = rig.take_one(0x24);
    rig.status(&read, 0x41, 0x04);
    assert_eq!(rig.take_done().len(), 2);
    assert_eq!(rig.target.status().moved, 3);
}

#[test]
fn an_answer_counts_only_on_a_path_that_said_who_it_is() {
    let mut rig = Rig::up();
    rig.submit(1, Op::Read, 0, 1);
    let read = rig.take_one(0x24);
    // Another machine answers a beacon, and this read.
    rig.config(OTHERS, 1, 16, 2);
    rig.ata_data(&read, OTHERS, &[9; 512]);
    assert!(rig.copies.is_empty() && rig.take_done().is_empty());
    rig.answer(&read);
    assert_eq!(rig.take_done(), [(1, Ok(()))]);
}

#[test]
fn an_answer_counts_no_more_once_another_disk_is_on_its_path() {
    let mut rig = Rig::up();
    rig.target.handle_open(rig.now).unwrap();
    rig.submit(1, Op::Read, 0, 1);
    let read = rig.take_one(0x24);
    rig.config(THEM, 0, 16, 2);
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &disk(1000, OTHER_SERIAL));
    rig.answer(&read);
    assert!(rig.copies.is_empty() && rig.take_done().is_empty());
}

#[test]
fn the_deadline_follows_a_round_trip_that_became_shorter() {
    let mut rig = Rig::up();
    rig.submit(1, Op::Read, 0, 1);
    rig.submit(2, Op::Read, 8, 1);
    let frames = rig.take_frames();
    rig.now = rig.now.after(Micros(500));
    rig.answer(&frames[0]);
    let wait = rig.target.deadline().since(rig.now);
    assert!(wait < Micros::from_millis(20), "{wait:?}");
}

#[test]
fn the_deadline_follows_a_timer_that_is_backed_off_no_more() {
    let mut rig = Rig::up();
    for n in 0..20 {
        rig.submit(n, Op::Read, 0, 1);
        let frame = rig.take_one(0x24);
        rig.answer(&frame);
    }
    rig.submit(20, Op::Read, 0, 1);
    let timeout = rig.target.deadline();
    let sooner = timeout.as_micros().wrapping_sub(1000);
    rig.now = Instant::from_micros(sooner);
    rig.submit(21, Op::Read, 8, 1);
    rig.take_frames();
    rig.now = timeout;
    rig.target.handle_tick(timeout);
    let again = rig.take_one(0x24);
    rig.answer(&again);
    // The timer of the other request started again at the time-out.
    let wait = rig.target.deadline().since(timeout);
    assert!(wait < Micros(6_000), "{wait:?}");
}

#[test]
fn a_lost_frame_is_sent_again_under_a_new_tag() {
    let mut rig = Rig::up();
    rig.submit(1, Op::Read, 0, 1);
    let first = rig.take_one(0x24);
    rig.run(Micros::from_millis(210));
    let again = rig.take_one(0x24);
    assert_ne!(first.tag(), again.tag());
    assert_eq!(first.header[24..36], again.header[24..36]);
    rig.answer(&again);
    assert_eq!(rig.take_done(), [(1, Ok(()))]);
}

#[test]
fn a_late_answer_to_the_first_transmission_completes_the_read() {
    let mut rig = Rig::up();
    rig.submit(1, Op::Read, 0, 1);
    let first = rig.take_one(0x24);
    rig.run(Micros::from_millis(210));
    let again = rig.take_one(0x24);
    rig.answer(&first);
    assert_eq!(rig.take_done(), [(1, Ok(()))]);
    rig.answer(&again);
    assert_eq!(rig.take_done(), []);
    assert_eq!(rig.target.status().late, 1);
    assert_eq!(rig.target.status().unexpected, 1);
}

#[test]
fn later_answers_bring_a_lost_frame_back_without_a_timer() {
    let mut rig = Rig::up();
    rig.submit(1, Op::Read, 0, 10);
    let frames = rig.take_frames();
    assert_eq!(frames.len(), 5);
    for frame in &frames[1..4] {
        rig.answer(frame);
    }
    let again = rig.take_one(0x24);
    assert_eq!(again.header[28], 0);
}

#[test]
fn a_read_needs_all_its_bytes() {
    let mut rig = Rig::up();
    rig.submit(1, Op::Read, 0, 2);
    let frame = rig.take_one(0x24);
    rig.ata_data(&frame, THEM, &[0; 1023]);
    assert!(rig.copies.is_empty());
    assert_eq!(rig.take_done(), []);
    rig.ata_data(&frame, THEM, &[0; 1030]);
    assert_eq!(rig.take_done(), [(1, Ok(()))]);
}

#[test]
fn an_answer_from_a_stranger_counts_for_nothing() {
    let mut rig = Rig::up();
    rig.submit(1, Op::Read, 0, 1);
    let frame = rig.take_one(0x24);
    rig.ata_data(&frame, OTHERS, &[0; 512]);
    assert!(rig.copies.is_empty() && rig.take_done().is_empty());
    assert_eq!(rig.target.status().unexpected, 1);
}

#[test]
fn the_window_holds_back_what_the_target_cannot_queue() {
    let mut rig = Rig::new();
    rig.config(THEM, 1, 1, 2);
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &disk(1000, SERIAL));
    rig.submit(1, Op::Read, 0, 6);
    for lba in [0, 2, 4] {
        let frame = rig.take_one(0x24);
        assert_eq!(frame.header[28], lba);
        rig.answer(&frame);
    }
    assert_eq!(rig.take_done(), [(1, Ok(()))]);
}

#[test]
fn what_the_disk_reports_reaches_the_io() {
    for (status, error, expected) in [
        (0x41, 0x10, IoError::Io),
        (0x41, 0x04, IoError::Io),
        (0x41, 0x40, IoError::ReadOnly),
        (0x20, 0x00, IoError::Io),
    ] {
        let mut rig = Rig::up();
        rig.submit(1, Op::Write, 0, 1);
        let frame = rig.take_one(0x34);
        rig.status(&frame, status, error);
        assert_eq!(rig.take_done(), [(1, Err(expected))], "{status:02x} {error:02x}");
    }
}

#[test]
fn error_codes_of_the_protocol_reach_the_io() {
    for (code, expected) in
        [(1, IoError::Io), (2, IoError::Io), (5, IoError::Io), (6, IoError::Reserved)]
    {
        let mut rig = Rig::up();
        rig.submit(1, Op::Write, 0, 1);
        let frame = rig.take_one(0x34);
        rig.error(&frame, code);
        assert_eq!(rig.take_done(), [(1, Err(expected))], "code {code}");
    }
}

#[test]
fn the_event_of_a_disk_error_says_where() {
    let mut rig = Rig::up();
    rig.submit(1, Op::Read, 100, 4);
    let frames = rig.take_frames();
    rig.status(&frames[1], 0x41, 0x40);
    let error = Output::Event { event: Event::DiskError, path: None, value: 102 };
    assert_eq!(rig.take_news(), [error]);
}

#[test]
fn a_target_that_is_not_ready_is_asked_again() {
    let mut rig = Rig::up();
    rig.submit(1, Op::Write, 0, 1);
    let frame = rig.take_one(0x34);
    rig.error(&frame, 3);
    assert_eq!(rig.take_done(), []);
    rig.run(Micros::from_millis(501));
    let again = rig.take_one(0x34);
    rig.ok(&again);
    assert_eq!(rig.take_done(), [(1, Ok(()))]);
}

#[test]
fn a_flush_that_is_refused_is_not_promised_again() {
    let mut rig = Rig::up();
    rig.submit(1, Op::Flush, 0, 0);
    let frame = rig.take_one(0xe7);
    rig.status(&frame, 0x41, 0x04);
    assert_eq!(rig.take_done(), [(1, Err(IoError::Unsupported))]);
    assert_eq!(rig.try_submit(2, Op::Flush, 0, 0), Err(IoError::Unsupported));
    let said = rig.take_news();
    assert!(matches!(said[..], [Output::Event { event: Event::NoFlush, .. }]), "{said:?}");
}

#[test]
fn a_flush_follows_the_writes_before_it() {
    let mut rig = Rig::up();
    rig.submit(1, Op::Write, 0, 1);
    rig.submit(2, Op::Flush, 0, 0);
    rig.submit(3, Op::Write, 8, 1);
    let write = rig.take_one(0x34);
    rig.ok(&write);
    let flush = rig.take_one(0xe7);
    rig.ok(&flush);
    let write = rig.take_one(0x34);
    rig.ok(&write);
    assert_eq!(rig.take_done(), [(1, Ok(())), (2, Ok(())), (3, Ok(()))]);
}

#[test]
fn a_flush_may_be_answered_after_what_follows_it() {
    let mut rig = Rig::up();
    rig.submit(1, Op::Flush, 0, 0);
    let flush = rig.take_one(0xe7);
    rig.submit(2, Op::Read, 0, 1);
    let read = rig.take_one(0x24);
    rig.answer(&read);
    rig.ok(&flush);
    assert_eq!(rig.take_done(), [(2, Ok(())), (1, Ok(()))]);
    assert_eq!(rig.target.paths[PathId(0)].order.worst(), Micros(0));
}

#[test]
fn what_lies_beyond_the_end_fails_at_once() {
    let mut rig = Rig::up();
    assert_eq!(rig.try_submit(1, Op::Read, 999, 2), Err(IoError::Io));
    assert_eq!(rig.try_submit(2, Op::Write, u64::MAX, 2), Err(IoError::Io));
    rig.submit(3, Op::Read, 999, 1);
}

#[test]
fn a_hole_that_stays_is_told_once() {
    let mut rig = Rig::new();
    rig.target.handle_link(LinkId(0), Link { mtu: 9000, ..up_link() }, rig.now);
    rig.config(THEM, 1, 16, 17);
    let mut identified = 0;
    for _ in 0..300 {
        for frame in rig.take_frames().iter().filter(|f| f.header[27] == 0xec) {
            rig.identify(frame, THEM, &disk(1000, SERIAL));
            identified += 1;
        }
        rig.run(Micros::from_secs(1));
    }
    let told = |n: &&Output| matches!(n, Output::Event { event: Event::PayloadDown, .. });
    assert_eq!(rig.take_news().iter().filter(told).count(), 1);
    assert!(identified < 10, "{identified}");
}

#[test]
fn a_larger_payload_is_used_once_a_read_has_proved_it() {
    let mut rig = Rig::jumbo();
    let probe = rig.take_one(0x24);
    assert_eq!((probe.header[26], probe.frame_length), (17, 36 + 17 * 512));
    rig.submit(1, Op::Read, 0, 2);
    assert_eq!(rig.take_one(0x24).header[26], 2);
    rig.answer(&probe);
    rig.submit(2, Op::Read, 100, 40);
    let counts: Vec<u8> = rig.take_frames().iter().map(|f| f.header[26]).collect();
    assert_eq!(counts, [17, 17, 6]);
}

fn holes_told(rig: &mut Rig) -> usize {
    let told = |n: &&Output| matches!(n, Output::Event { event: Event::PayloadDown, .. });
    rig.take_news().iter().filter(told).count()
}

/// Runs for `by`. Small frames are answered unless there is an outage, large ones
/// unless there is an outage or `hole` is set.
fn live(rig: &mut Rig, by: Micros, outage: bool, hole: bool) {
    let end = rig.now.after(by);
    while rig.now < end {
        rig.run(Micros::from_millis(10));
        for frame in rig.take_frames().iter().filter(|_| !outage) {
            match frame.header[27] {
                0xec => rig.identify(frame, THEM, &disk(1000, SERIAL)),
                _ if hole && frame.header[26] > 2 => {}
                _ => rig.answer(frame),
            }
        }
    }
}

#[test]
fn an_outage_is_no_reason_to_call_large_frames_lost() {
    for outage in [700, 1500, 4000, 30_000] {
        let mut rig = Rig::jumbo();
        live(&mut rig, Micros::from_millis(50), false, false);
        for n in 0..8 {
            rig.submit(n, Op::Read, 17 * n, 17);
        }
        live(&mut rig, Micros::from_millis(outage), true, false);
        live(&mut rig, Micros::from_secs(8), false, false);
        assert_eq!(rig.take_done().len(), 8, "{outage} ms");
        assert_eq!(holes_told(&mut rig), 0, "{outage} ms");
        assert_eq!(rig.target.path_status(0).unwrap().payload, 17 * 512);
    }
}

#[test]
fn an_outage_during_a_probe_says_nothing_about_large_frames() {
    for outage in [300, 700, 1500, 30_000] {
        let mut rig = Rig::jumbo();
        live(&mut rig, Micros::from_millis(outage), true, false);
        live(&mut rig, Micros::from_secs(3), false, false);
        assert_eq!(holes_told(&mut rig), 0, "{outage} ms");
        assert_eq!(rig.target.path_status(0).unwrap().payload, 17 * 512);
    }
}

#[test]
fn large_frames_are_called_lost_once_small_ones_came_through() {
    // Found by a probe, before there was any I/O.
    let mut rig = Rig::jumbo();
    live(&mut rig, Micros::from_secs(3), false, true);
    assert_eq!(holes_told(&mut rig), 1);
    // Large frames begin to be lost during I/O, which continues with small ones.
    let mut rig = Rig::jumbo();
    live(&mut rig, Micros::from_millis(50), false, false);
    for n in 0..8 {
        rig.submit(n, Op::Read, 17 * n, 17);
    }
    live(&mut rig, Micros::from_secs(6), false, true);
    assert_eq!(rig.take_done().len(), 8);
    assert_eq!(holes_told(&mut rig), 1);
}

#[test]
fn an_answer_under_tag_zero_is_nobodys() {
    let mut rig = Rig::up();
    rig.submit(1, Op::Write, 0, 1);
    let mut frame = rig.take_one(0x34);
    rig.error(&frame, 3);
    frame.header[20..24].fill(0);
    rig.ok(&frame);
    assert_eq!(rig.take_done(), []);
}

#[test]
fn requests_that_are_too_large_are_cut_again() {
    let mut rig = Rig::jumbo();
    let probe = rig.take_one(0x24);
    rig.answer(&probe);
    rig.submit(1, Op::Write, 0, 17);
    let large = rig.take_one(0x34);
    rig.target.handle_link(LinkId(0), up_link(), rig.now);
    rig.run(Micros::from_millis(900));
    let mut lbas = Vec::new();
    for _ in 0..60 {
        for frame in rig.take_frames() {
            if frame.header[27] == 0x34 {
                assert!(frame.header[26] <= 2 && frame.tag() != large.tag());
                lbas.push(frame.header[28]);
            }
            rig.answer(&frame);
        }
    }
    assert_eq!(rig.take_done(), [(1, Ok(()))]);
    lbas.dedup();
    assert_eq!(lbas, [0, 2, 4, 6, 8, 10, 12, 14, 16]);
}

#[test]
fn a_size_that_the_target_refuses_is_tried_smaller_and_fails_nothing() {
    let mut rig = Rig::jumbo();
    let probe = rig.take_one(0x24);
    rig.answer(&probe);
    rig.submit(1, Op::Write, 0, 17);
    let large = rig.take_one(0x34);
    assert_eq!(large.header[26], 17);
    rig.error(&large, 2);
    for _ in 0..60 {
        for frame in rig.take_frames() {
            assert!(frame.header[27] != 0x34 || frame.header[26] < 17);
            rig.answer(&frame);
        }
    }
    assert_eq!(rig.take_done(), [(1, Ok(()))]);
}

#[test]
fn an_answer_that_comes_twice_means_nothing() {
    let mut rig = Rig::jumbo();
    let probe = rig.take_one(0x24);
    rig.answer(&probe);
    rig.submit(1, Op::Read, 0, 17);
    rig.take_one(0x24);
    // The request is cut again, so its pieces are sent one by one.
    rig.target.handle_link(LinkId(0), up_link(), rig.now);
    rig.run(Micros::from_millis(250));
    let piece = rig.take_frames().pop().unwrap();
    rig.answer(&piece);
    let next = rig.take_frames();
    assert_eq!(next.len(), 1);
    rig.answer(&piece);
    assert!(rig.take_frames().is_empty(), "a duplicate sends nothing again");
}

#[test]
fn flushes_do_not_overrun_a_target_with_room_for_one() {
    let mut rig = Rig::new();
    rig.config(THEM, 1, 1, 2);
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &disk(1000, SERIAL));
    for n in 1..=3 {
        rig.submit(n, Op::Flush, 0, 0);
    }
    for _ in 1..=3 {
        let flush = rig.take_one(0xe7);
        rig.ok(&flush);
    }
    assert_eq!(rig.take_done().len(), 3);
}
