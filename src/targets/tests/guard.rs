// SPDX-License-Identifier: BSD-2-Clause
//! Ghost writes: no write overtakes an unresolved copy of another.

use super::super::*;
use super::rig::*;
use crate::output::Transmit;
use crate::slot::LinkId;
use crate::time::Micros;
use std::vec::Vec;

/// The first copy of a write to sector 10 is answered, while the second may still
/// arrive.
fn rig_with_ghost() -> (Rig, Transmit) {
    ghost_in(Rig::up())
}

/// The same on a path whose target answers in reverse order, with this delay between
/// answers.
fn rig_with_ghost_out_of_order(delay: Micros) -> (Rig, Transmit) {
    let mut rig = Rig::up();
    rig.submit(9, Op::Read, 0, 4);
    for frame in rig.take_frames().iter().rev() {
        rig.answer(frame);
        rig.run(delay);
    }
    assert_eq!(rig.take_done(), [(9, Ok(()))]);
    // Some requests were retransmitted meanwhile.
    rig.take_frames();
    ghost_in(rig)
}

/// The same on a path that was opened anew since, so that no fence can help.
fn rig_with_unfenced_ghost() -> (Rig, Transmit) {
    let mut rig = Rig::up();
    rig.target.handle_open(rig.now).unwrap();
    let (mut rig, ghost) = ghost_in(rig);
    rig.target.handle_link(LinkId(0), Link { present: false, ..up_link() }, rig.now);
    rig.target.handle_link(LinkId(0), up_link(), rig.now);
    rig.raise(THEM, &disk(1000, SERIAL));
    (rig, ghost)
}

/// Answers every IDENTIFY; returns whether a write was sent within `by`.
fn writes_within(rig: &mut Rig, by: Micros) -> bool {
    let end = rig.now.after(by);
    let mut wrote = false;
    while rig.now < end {
        rig.run(Micros::from_millis(50));
        for frame in rig.take_frames() {
            match frame.header[27] {
                0xec => rig.identify(&frame, THEM, &disk(1000, SERIAL)),
                0x34 => wrote = true,
                _ => {}
            }
        }
    }
    wrote
}

fn ghost_in(mut rig: Rig) -> (Rig, Transmit) {
    rig.submit(1, Op::Write, 10, 1);
    let first = rig.take_one(0x34);
    while rig.frames.is_empty() {
        rig.run(Micros::from_millis(1));
    }
    let second = rig.take_one(0x34);
    rig.ok(&first);
    assert_eq!(rig.take_done(), [(1, Ok(()))]);
    assert_eq!(rig.target.status().guarded, 1);
    (rig, second)
}

#[test]
fn an_overlapping_write_waits_for_a_fence() {
    let (mut rig, _) = rig_with_ghost();
    rig.submit(2, Op::Write, 10, 1);
    let fence = rig.take_one(0x24);
    rig.answer(&fence);
    let write = rig.take_one(0x34);
    rig.ok(&write);
    assert_eq!(rig.take_done(), [(2, Ok(()))]);
    assert_eq!((rig.target.status().fences, rig.target.status().guard_waits), (1, 1));
}

/// Answers the fence that a write requests; returns how long the write waits after
/// that, in milliseconds.
fn wait_behind_fence(rig: &mut Rig) -> u64 {
    rig.submit(2, Op::Write, 10, 1);
    let fence = rig.take_one(0x24);
    rig.answer(&fence);
    wait_to_write(rig)
}

/// Returns the milliseconds until the write is sent; all other requests are answered.
fn wait_to_write(rig: &mut Rig) -> u64 {
    assert!(rig.take_frames().is_empty(), "the target may still be executing it");
    let began = rig.now;
    while rig.now < began.after(Micros::from_secs(11)) {
        rig.run(Micros::from_millis(1));
        for frame in rig.take_frames() {
            match frame.header[27] {
                0x34 => return rig.now.since(began).0 / 1000,
                _ => rig.answer(&frame),
            }
        }
    }
    panic!("no write went out");
}

#[test]
fn where_order_is_not_kept_a_fence_is_followed_by_a_wait_for_what_is_late() {
    let (mut rig, _) = rig_with_ghost_out_of_order(Micros::from_millis(30));
    let wait = wait_behind_fence(&mut rig);
    assert!((120..200).contains(&wait), "{wait} ms");
    // One starts the wait, and one shows that the target worked meanwhile.
    assert_eq!((rig.target.status().fences, rig.target.status().guard_waits), (2, 1));
}

#[test]
fn where_answers_overtook_each_other_by_little_the_wait_has_a_floor() {
    let (mut rig, _) = rig_with_ghost_out_of_order(Micros(100));
    let wait = wait_behind_fence(&mut rig);
    assert!((20..2_000).contains(&wait), "{wait} ms");
}

#[test]
fn an_answer_that_comes_after_all_lengthens_the_wait() {
    let (mut rig, ghost) = rig_with_ghost_out_of_order(Micros::from_millis(1));
    wait_behind_fence(&mut rig);
    let late = rig.target.paths[PathId(0)].order.worst();
    rig.run(Micros::from_millis(400));
    rig.ok(&ghost);
    let worst = rig.target.paths[PathId(0)].order.worst();
    assert!(late < Micros::from_millis(100) && worst > Micros::from_millis(400), "{worst:?}");
}

#[test]
fn a_question_that_is_overtaken_blames_the_network() {
    let (mut rig, _) = rig_with_ghost_out_of_order(Micros::from_millis(30));
    rig.target.handle_revalidate(rig.now);
    rig.drain();
    let question = rig.take_one(0xec);
    rig.submit(3, Op::Read, 0, 1);
    let read = rig.take_one(0x24);
    rig.answer(&read);
    rig.identify(&question, THEM, &disk(1000, SERIAL));
    rig.submit(2, Op::Write, 10, 1);
    let wait = wait_to_write(&mut rig);
    assert!(wait >= 480, "{wait} ms");
}

#[test]
fn a_ghosts_own_answer_resolves_it() {
    let (mut rig, second) = rig_with_ghost();
    rig.ok(&second);
    rig.submit(2, Op::Write, 10, 1);
    rig.take_one(0x34);
}

#[test]
fn a_strangers_answer_resolves_no_ghost() {
    let (mut rig, second) = rig_with_ghost();
    rig.raise(OTHERS, &disk(1000, OTHER_SERIAL));
    rig.ata_data(&second, OTHERS, &[]);
    assert_eq!(rig.target.status().guarded, 1);
}

#[test]
fn a_fence_does_not_wait_for_a_lost_probe() {
    let mut rig = Rig::jumbo();
    assert_eq!(rig.take_one(0x24).header[26], 17);
    let (mut rig, _) = ghost_in(rig);
    rig.submit(2, Op::Write, 10, 1);
    let fence = rig.take_one(0x24);
    assert_eq!(fence.header[26], 1);
    rig.answer(&fence);
    let commands: Vec<u8> = rig.take_frames().iter().map(|f| f.header[27]).collect();
    assert_eq!(commands, [0x24, 0x34]);
}

#[test]
fn writes_elsewhere_do_not_wait() {
    let (mut rig, _) = rig_with_ghost();
    rig.submit(2, Op::Write, 11, 1);
    rig.take_one(0x34);
}

#[test]
fn an_answer_to_a_repetition_resolves_the_earlier_copies() {
    let mut rig = Rig::up();
    rig.submit(1, Op::Write, 10, 1);
    rig.take_one(0x34);
    rig.run(Micros::from_millis(210));
    let second = rig.take_one(0x34);
    rig.ok(&second);
    assert_eq!(rig.target.status().guarded, 0);
}

#[test]
fn without_a_fence_a_copy_dies_ghost_wait_after_it_left() {
    let (mut rig, second) = rig_with_unfenced_ghost();
    rig.target.handle_sent(second.copy, rig.now);
    rig.submit(2, Op::Write, 10, 1);
    assert!(!writes_within(&mut rig, Micros::from_millis(9_900)));
    assert!(writes_within(&mut rig, Micros::from_millis(200)));
}

#[test]
fn a_copy_whose_mbuf_was_never_freed_is_never_forgotten() {
    let (mut rig, _) = rig_with_unfenced_ghost();
    rig.submit(2, Op::Write, 10, 1);
    assert!(!writes_within(&mut rig, Micros::from_secs(60)));
}

#[test]
fn failed_writes_leave_their_copies_with_the_guard() {
    let mut rig = Rig::with(Settings { fail_on_disconnection: true, ..Settings::default() });
    rig.raise(THEM, &disk(1000, SERIAL));
    rig.submit(1, Op::Write, 10, 1);
    let ghost = rig.take_one(0x34);
    rig.target.handle_link(LinkId(0), Link { up: false, ..up_link() }, rig.now);
    rig.target.handle_link(LinkId(0), up_link(), rig.now);
    let news = rig.take_news();
    assert!(news.contains(&Output::Gone) && !news.contains(&Output::Idle), "{news:?}");
    rig.raise(THEM, &disk(1000, SERIAL));
    rig.submit(2, Op::Write, 10, 1);
    assert!(rig.take_frames().iter().all(|f| f.header[27] != 0x34));
    rig.target.handle_sent(ghost.copy, rig.now);
    assert!(!writes_within(&mut rig, Micros::from_millis(9_800)));
    assert!(writes_within(&mut rig, Micros::from_millis(400)));
}

#[test]
fn a_gone_target_is_idle_once_its_copies_are_dead() {
    let mut rig = Rig::up();
    rig.submit(1, Op::Write, 10, 1);
    let ghost = rig.take_one(0x34);
    rig.target.handle_abort(rig.now);
    assert!(!rig.take_news().contains(&Output::Idle));
    rig.target.handle_sent(ghost.copy, rig.now);
    rig.drain();
    rig.run(Micros::from_secs(9));
    assert!(!rig.take_news().contains(&Output::Idle));
    rig.run(Micros::from_secs(2));
    assert!(rig.take_news().contains(&Output::Idle));
}

#[test]
fn a_copy_of_an_earlier_use_of_a_path_asks_for_no_fence() {
    let mut rig = Rig::up();
    rig.target.handle_open(rig.now).unwrap();
    rig.submit(1, Op::Write, 10, 1);
    rig.take_one(0x34);
    // The write is never answered in the first use of the slot; the path is opened anew.
    rig.target.handle_link(LinkId(0), Link { present: false, ..up_link() }, rig.now);
    rig.target.handle_link(LinkId(0), up_link(), rig.now);
    rig.raise(THEM, &disk(1000, SERIAL));
    let again = rig.take_one(0x34);
    rig.ok(&again);
    assert_eq!(rig.take_done(), [(1, Ok(()))]);
    rig.submit(2, Op::Write, 10, 1);
    for _ in 0..50 {
        rig.run(Micros::from_millis(10));
        assert!(rig.take_frames().is_empty(), "no fence can help");
    }
}

#[test]
fn a_table_full_of_live_copies_frees_itself_by_time() {
    let settings = Settings { maxout: 4, ..Settings::default() };
    let limits = Limits { ios: 16, requests: 32, copies: 2 };
    let target = Target::new(ADDRESS, Storage::leaked(), limits, settings, &[5; 32]);
    let mut rig = Rig::new();
    rig.target = target;
    rig.target.handle_link(LinkId(0), up_link(), rig.now);
    rig.raise(THEM, &disk(1000, SERIAL));
    rig.submit(1, Op::Write, 0, 4);
    let frames = rig.take_frames();
    assert_eq!(frames.len(), 2);
    rig.submit(2, Op::Write, 100, 1);
    assert!(rig.take_frames().is_empty());
    for frame in &frames {
        rig.target.handle_sent(frame.copy, rig.now);
    }
    rig.drain();
    let until = rig.now.after(Micros::from_secs(11));
    assert!(rig.target.deadline() < until);
}
