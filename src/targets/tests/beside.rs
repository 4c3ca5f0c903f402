// SPDX-License-Identifier: BSD-2-Clause
//! Management requests next to I/O, mostly on a target that can queue one message.

use super::super::*;
use super::rig::*;
use crate::output::{Transmit, Why};
use crate::time::Micros;
use crate::wire::Command;
use std::vec::Vec;

/// A target that declares this many buffers, with a disk that is up.
fn with_buffers(buffers: u16) -> Rig {
    let mut rig = Rig::new();
    rig.config(THEM, 1, buffers, 2);
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &disk(1000, SERIAL));
    // The answer to this read gives the path its round-trip time.
    rig.submit(90, Op::Read, 0, 1);
    let read = rig.take_one(0x24);
    rig.now = rig.now.after(Micros(100));
    rig.answer(&read);
    assert_eq!(rig.take_done(), [(90, Ok(()))]);
    rig
}

/// aoectl requests the list of MAC addresses that may use the target.
fn ask(rig: &mut Rig) {
    let request = ControlRequest {
        command: Command::Mask,
        length: 4,
        frame_length: 0,
        wait: Micros::from_secs(1),
        tries: 2,
        path: None,
    };
    rig.target.control_mut()[..4].fill(0);
    assert_eq!(rig.target.handle_control(request, rig.now), Ok(()));
}

fn answer_mask(rig: &mut Rig, query: &Transmit) {
    let mut f = head(THEM, 2, query.tag());
    f.resize(60, 0);
    rig.frame(&f);
}

fn reasons(rig: &mut Rig) -> Vec<(Why, Transmit)> {
    rig.take_frames().into_iter().map(|f| (f.why, f)).collect()
}

/// Takes the only frame that is sent now, which must be for this reason.
fn only(rig: &mut Rig, why: Why) -> Transmit {
    let frames = reasons(rig);
    assert_eq!(frames.iter().map(|f| f.0).collect::<Vec<_>>(), [why]);
    frames[0].1
}

#[test]
fn a_command_waits_for_the_one_place_and_goes_before_the_next_io() {
    for buffers in [0, 1] {
        let mut rig = with_buffers(buffers);
        rig.submit(1, Op::Read, 0, 1);
        rig.submit(2, Op::Read, 8, 1);
        let first = only(&mut rig, Why::Io);
        ask(&mut rig);
        assert!(reasons(&mut rig).is_empty());
        assert!(rig.target.deadline() > rig.now, "nothing to do until the answer");
        rig.answer(&first);
        let query = only(&mut rig, Why::Control);
        answer_mask(&mut rig, &query);
        let second = only(&mut rig, Why::Io);
        rig.answer(&second);
        assert_eq!(rig.take_done(), [(1, Ok(())), (2, Ok(()))]);
    }
}

#[test]
fn io_waits_for_the_answer_to_a_command() {
    let mut rig = with_buffers(1);
    ask(&mut rig);
    let query = only(&mut rig, Why::Control);
    rig.submit(1, Op::Write, 0, 1);
    assert!(reasons(&mut rig).is_empty());
    answer_mask(&mut rig, &query);
    only(&mut rig, Why::Io);
}

#[test]
fn a_command_that_stays_unanswered_holds_io_up_no_longer_than_a_lost_frame() {
    let mut rig = with_buffers(1);
    ask(&mut rig);
    only(&mut rig, Why::Control);
    rig.submit(1, Op::Read, 0, 1);
    rig.run(Micros::from_millis(6));
    let read = only(&mut rig, Why::Io);
    rig.answer(&read);
    // The same when the command is retransmitted, a second after it was sent.
    rig.run(Micros::from_millis(995));
    only(&mut rig, Why::Control);
    rig.submit(2, Op::Read, 0, 1);
    assert!(reasons(&mut rig).is_empty());
    rig.run(Micros::from_millis(6));
    only(&mut rig, Why::Io);
}

#[test]
fn a_lost_read_makes_way_for_a_command() {
    let mut rig = with_buffers(1);
    rig.submit(1, Op::Read, 0, 1);
    only(&mut rig, Why::Io);
    ask(&mut rig);
    rig.run(Micros::from_millis(6));
    let query = only(&mut rig, Why::Control);
    answer_mask(&mut rig, &query);
    only(&mut rig, Why::Again);
}

#[test]
fn a_cancelled_command_keeps_its_place_until_it_is_lost() {
    let mut rig = with_buffers(1);
    ask(&mut rig);
    only(&mut rig, Why::Control);
    rig.target.handle_control_cancel(rig.now);
    rig.submit(1, Op::Read, 0, 1);
    assert!(reasons(&mut rig).is_empty());
    rig.run(Micros::from_millis(6));
    only(&mut rig, Why::Io);
}

#[test]
fn the_paths_own_question_waits_and_is_waited_for_too() {
    let mut rig = with_buffers(1);
    rig.submit(1, Op::Read, 0, 1);
    rig.submit(2, Op::Read, 8, 1);
    let read = only(&mut rig, Why::Io);
    rig.target.handle_revalidate(rig.now);
    assert!(reasons(&mut rig).is_empty());
    rig.answer(&read);
    let query = only(&mut rig, Why::Identify);
    rig.identify(&query, THEM, &disk(1000, SERIAL));
    only(&mut rig, Why::Io);
}

#[test]
fn a_fence_waits_for_the_one_place() {
    let mut rig = with_buffers(1);
    rig.submit(1, Op::Write, 10, 1);
    let first = only(&mut rig, Why::Io);
    rig.run(Micros::from_millis(6));
    only(&mut rig, Why::Again);
    rig.ok(&first);
    assert_eq!(rig.take_done(), [(1, Ok(()))]);
    ask(&mut rig);
    let query = only(&mut rig, Why::Control);
    rig.submit(2, Op::Write, 10, 1);
    assert!(reasons(&mut rig).is_empty());
    answer_mask(&mut rig, &query);
    let fence = only(&mut rig, Why::Fence);
    rig.answer(&fence);
    only(&mut rig, Why::Io);
}

#[test]
fn a_silent_target_is_asked_who_it_is_whatever_it_owes() {
    let mut rig = with_buffers(1);
    rig.submit(1, Op::Flush, 0, 0);
    only(&mut rig, Why::Io);
    ask(&mut rig);
    rig.run(Micros::from_millis(1100));
    assert!(reasons(&mut rig).iter().any(|f| f.0 == Why::Identify));
}

#[test]
fn with_two_places_a_command_does_not_wait() {
    let mut rig = with_buffers(2);
    rig.submit(1, Op::Read, 0, 1);
    only(&mut rig, Why::Io);
    ask(&mut rig);
    only(&mut rig, Why::Control);
    rig.submit(2, Op::Read, 8, 1);
    assert!(reasons(&mut rig).is_empty());
}
