// SPDX-License-Identifier: BSD-2-Clause
//! Management commands, and the command to forget a target.

use super::rig::{OTHERS as OTHER, Rig, SERIAL, THEM, disk, up_link};
use crate::output::{ControlDone, ControlError, IoError, Output, Transmit};
use crate::slot::LinkId;
use crate::targets::ControlRequest;
use crate::targets::PathId;
use crate::time::Micros;
use crate::wire::{Command, Mac, Tag};
use std::vec::Vec;

const QUERY: [u8; 8] = [0, 0, 0, 0, 0, 0x10, 0, 0];
const CHECK_POWER: [u8; 12] = [0, 0, 0, 0xe5, 0, 0, 0, 0xa0, 0, 0, 0, 0];

fn request(command: Command, length: usize) -> ControlRequest {
    ControlRequest {
        command,
        length,
        frame_length: 0,
        wait: Micros::from_secs(1),
        tries: 2,
        path: None,
    }
}

fn send(rig: &mut Rig, argument: &[u8], request: ControlRequest) -> Result<(), IoError> {
    rig.target.control_mut()[..argument.len()].copy_from_slice(argument);
    rig.target.handle_control(request, rig.now)
}

fn query(rig: &mut Rig) -> Transmit {
    assert_eq!(send(rig, &QUERY, request(Command::Config, 8)), Ok(()));
    let frames = rig.take_frames();
    assert_eq!(frames.len(), 1);
    frames[0]
}

fn taken(rig: &mut Rig) -> Vec<ControlDone> {
    let done = |o| if let Output::ControlDone(done) = o { Some(done) } else { None };
    rig.take_news().into_iter().filter_map(done).collect()
}

/// Receives an answer to a config query from the address `from`.
fn answer(rig: &mut Rig, from: Mac, tag: Tag, error: Option<u8>) {
    let mut f = super::rig::head(from, 1, tag);
    if let Some(error) = error {
        f[14] |= 4;
        f[15] = error;
    }
    f.extend([0, 16, 0, 1, 2, 0x10, 0, 3]);
    f.extend(b"abc");
    f.resize(60, 0);
    rig.frame(&f);
}

#[test]
fn the_answer_to_a_command_lies_in_the_control_buffer() {
    let mut rig = Rig::up();
    let frame = query(&mut rig);
    rig.now = rig.now.after(Micros(150));
    answer(&mut rig, THEM, frame.tag(), None);
    let done = taken(&mut rig);
    let expected = ControlDone {
        result: Ok(36),
        path: Some(PathId(0)),
        is_refused: false,
        code: 0,
        tries: 1,
        rtt: Micros(150),
    };
    assert_eq!(done, [expected]);
    assert_eq!(rig.target.control_mut()[8..11], *b"abc");
}

#[test]
fn a_refusal_is_an_answer_with_its_code() {
    let mut rig = Rig::up();
    let frame = query(&mut rig);
    answer(&mut rig, THEM, frame.tag(), Some(4));
    let done = taken(&mut rig);
    assert_eq!((done[0].is_refused, done[0].code, done[0].result), (true, 4, Ok(36)));
}

#[test]
fn a_stranger_cannot_answer_a_command() {
    let mut rig = Rig::up();
    let frame = query(&mut rig);
    answer(&mut rig, OTHER, frame.tag(), None);
    assert_eq!(taken(&mut rig), []);
    answer(&mut rig, THEM, frame.tag(), None);
    assert_eq!(taken(&mut rig).len(), 1);
}

#[test]
fn silence_ends_a_command_after_its_tries() {
    let mut rig = Rig::up();
    query(&mut rig);
    rig.run(Micros::from_millis(1999));
    assert_eq!(taken(&mut rig), []);
    rig.run(Micros::from_millis(2));
    let done = taken(&mut rig);
    assert_eq!((done[0].result, done[0].tries), (Err(ControlError::Silent), 2));
    assert_eq!(send(&mut rig, &QUERY, request(Command::Config, 8)), Ok(()));
}

#[test]
fn one_command_at_a_time_and_none_after_a_cancel() {
    let mut rig = Rig::up();
    let frame = query(&mut rig);
    let again = send(&mut rig, &QUERY, request(Command::Config, 8));
    assert_eq!(again, Err(IoError::Reserved));
    rig.target.handle_control_cancel(rig.now);
    answer(&mut rig, THEM, frame.tag(), None);
    assert_eq!(taken(&mut rig), []);
    // The answer still counts as one to a beacon.
    let question = rig.take_one(0xec);
    rig.identify(&question, THEM, &disk(1000, SERIAL));
    query(&mut rig);
}

#[test]
fn a_command_takes_the_path_that_it_names() {
    let mut rig = Rig::up();
    rig.raise(OTHER, &disk(1000, SERIAL));
    let pinned = ControlRequest { path: Some(PathId(1)), ..request(Command::Config, 8) };
    assert_eq!(send(&mut rig, &QUERY, pinned), Ok(()));
    let frame = rig.take_frames()[0];
    assert_eq!(frame.header[..6], OTHER.0);
    answer(&mut rig, THEM, frame.tag(), None);
    assert_eq!(taken(&mut rig), []);
    answer(&mut rig, OTHER, frame.tag(), None);
    assert_eq!(taken(&mut rig)[0].path, Some(PathId(1)));
}

#[test]
fn a_command_without_a_path_fails_at_once() {
    let mut rig = Rig::up();
    let absent = ControlRequest { path: Some(PathId(9)), ..request(Command::Config, 8) };
    assert_eq!(send(&mut rig, &QUERY, absent), Ok(()));
    assert_eq!(taken(&mut rig)[0].result, Err(ControlError::NoPath));
    let long = ControlRequest { frame_length: 100_000, ..request(Command::Config, 8) };
    assert_eq!(send(&mut rig, &QUERY, long), Ok(()));
    assert_eq!(taken(&mut rig)[0].result, Err(ControlError::TooLong));
}

#[test]
fn only_what_changes_nothing_on_the_disk_may_be_sent() {
    let mut rig = Rig::up();
    let mut refused = |argument: &[u8], command| {
        let result = send(&mut rig, argument, request(command, argument.len()));
        rig.target.handle_control_cancel(rig.now);
        result == Err(IoError::Unsupported)
    };
    let ata = |command, feature, flags| {
        let mut argument = CHECK_POWER;
        (argument[3], argument[1], argument[0]) = (command, feature, flags);
        argument
    };
    assert!(!refused(&CHECK_POWER, Command::Ata));
    assert!(!refused(&ata(0xec, 0, 0), Command::Ata));
    assert!(!refused(&ata(0xb0, 0xd0, 0), Command::Ata));
    for (command, feature, flags) in [
        (0x30, 0, 0x01),
        (0x34, 0, 0x41),
        (0x24, 0, 0x41),
        (0x06, 1, 0x41),
        (0xb0, 0xd9, 0),
        (0xb0, 0xd4, 0),
        (0xef, 2, 0),
        (0xf4, 0, 0),
        (0xe7, 0, 0),
    ] {
        assert!(refused(&ata(command, feature, flags), Command::Ata), "{command:#x}");
    }
    assert!(refused(&CHECK_POWER[..11], Command::Ata));
    assert!(refused(&QUERY, Command::Other(0xf0)));
    assert!(refused(&[], Command::Mask));
}

#[test]
fn a_removed_target_ends_its_command() {
    let mut rig = Rig::up();
    query(&mut rig);
    rig.target.handle_abort(rig.now);
    assert_eq!(taken(&mut rig)[0].result, Err(ControlError::Gone));
    assert_eq!(send(&mut rig, &QUERY, request(Command::Config, 8)), Err(IoError::Gone));
}

#[test]
fn a_target_without_identity_can_be_asked() {
    let mut rig = Rig::new();
    rig.config(THEM, 1, 16, 2);
    rig.take_frames();
    query(&mut rig);
}

#[test]
fn only_a_target_that_is_down_and_closed_is_forgotten() {
    let mut rig = Rig::up();
    assert_eq!(rig.target.handle_forget(rig.now), Err(IoError::Reserved));
    rig.target.handle_open(rig.now).unwrap();
    let mut down = up_link();
    down.up = false;
    rig.target.handle_link(LinkId(0), down, rig.now);
    assert_eq!(rig.target.handle_forget(rig.now), Err(IoError::Reserved));
    rig.target.handle_close(rig.now);
    rig.take_news();
    assert_eq!(rig.target.handle_forget(rig.now), Ok(()));
    assert_eq!(rig.take_news(), [Output::Gone, Output::Idle]);
}
