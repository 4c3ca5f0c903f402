// SPDX-License-Identifier: BSD-2-Clause
//! Acceptance of another disk as the open one, by command.

use super::super::*;
use super::rig::*;
use crate::output::Event;
use crate::slot::LinkId;
use crate::time::Micros;
use crate::wire::Mac;

fn accepted(rig: &mut Rig) -> Option<u64> {
    let told = |o: Output| match o {
        Output::Event { event: Event::Accepted, value, path: Some(_) } => Some(value),
        _ => None,
    };
    rig.take_news().into_iter().find_map(told)
}

#[test]
fn a_renamed_host_is_accepted_and_io_goes_on_there() {
    let renamed = disk(1000, OTHER_SERIAL);
    let mut rig = taken_over(&renamed);
    assert_eq!(rig.target.handle_accept(&renamed, rig.now), Ok(()));
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &renamed);
    assert_eq!(accepted(&mut rig), Some(1000));
    let read = rig.take_one(0x24);
    rig.answer(&read);
    assert_eq!(rig.take_done(), [(1, Ok(()))]);
    let status = rig.target.status();
    assert_eq!((status.state, status.has_conflict), ("up", false));
    assert_eq!(status.identity.map(|id| id.serial), Some(*OTHER_SERIAL));
    // From now on, a disk with the old name is another disk.
    rig.config(THEM, 0, 16, 2);
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &disk(1000, SERIAL));
    assert!(rig.target.status().has_conflict);
}

#[test]
fn a_twin_at_another_address_is_accepted_with_all_of_its_paths() {
    let mut rig = Rig::up();
    rig.target.handle_open(rig.now).unwrap();
    rig.submit(1, Op::Write, 0, 1);
    let twin = disk(2000, OTHER_SERIAL);
    rig.target.handle_link(LinkId(1), up_link(), rig.now);
    rig.run(Micros::from_secs(7));
    rig.take_frames();
    for link in [0, 1] {
        rig.config_on(LinkId(link), OTHERS, 1, 16, 2);
        let frames = rig.take_frames();
        let query = frames.iter().find(|f| f.header[..6] == OTHERS.0).unwrap();
        rig.identify(query, OTHERS, &twin);
    }
    assert_eq!(rig.target.status().state, "suspended");
    assert_eq!(rig.target.handle_accept(&twin, rig.now), Ok(()));
    rig.drain();
    for query in rig.take_frames().iter().filter(|f| f.header[..6] == OTHERS.0) {
        rig.identify(query, OTHERS, &twin);
    }
    let news = rig.take_news();
    assert!(news.contains(&Output::Resized { sectors: 2000 }), "{news:?}");
    let up = |n: &usize| rig.target.path_status(*n).is_some_and(|p| p.state_code == 1);
    assert_eq!((0..3).filter(up).count(), 2);
    assert!(rig.take_frames().iter().any(|f| f.header[27] == 0x34));
}

#[test]
fn only_the_disk_that_was_named_is_accepted() {
    let mut rig = taken_over(&disk(1000, OTHER_SERIAL));
    assert_eq!(rig.target.handle_accept(&disk(1000, OTHER_SERIAL), rig.now), Ok(()));
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &disk(1000, b"7.1:third\0\0\0\0\0\0\0\0\0\0\0"));
    assert_eq!(accepted(&mut rig), None);
    assert_eq!(rig.target.status().state, "suspended");
    // Neither is a disk of another size, nor the right one if it answers too late.
    assert_eq!(rig.target.handle_accept(&disk(1000, OTHER_SERIAL), rig.now), Ok(()));
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &disk(2000, OTHER_SERIAL));
    assert_eq!(accepted(&mut rig), None);
    rig.run(Micros::from_secs(6));
    rig.config(THEM, 1, 16, 2);
    rig.take_news();
    rig.run_as(Micros::from_secs(1), THEM, &disk(1000, OTHER_SERIAL));
    assert_eq!(accepted(&mut rig), None);
    assert_eq!(rig.target.status().state, "suspended");
}

#[test]
fn a_disk_that_fits_the_open_one_in_no_way_is_not_accepted() {
    let mut rig = taken_over(&disk(999, OTHER_SERIAL));
    let accept = |rig: &mut Rig, id| rig.target.handle_accept(&id, rig.now);
    assert_eq!(accept(&mut rig, disk(999, OTHER_SERIAL)), Err(Unacceptable::Smaller));
    let large = Identify { logical_sector: 4096, ..disk(1000, OTHER_SERIAL) };
    assert_eq!(accept(&mut rig, large), Err(Unacceptable::SectorSize));
    assert_eq!(rig.take_frames(), []);
    // After the close, it is used although it is smaller.
    rig.target.handle_close(rig.now);
    assert_eq!(accept(&mut rig, disk(999, OTHER_SERIAL)), Ok(()));
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &disk(999, OTHER_SERIAL));
    assert!(rig.take_news().contains(&Output::Up { sectors: 999 }));
}

#[test]
fn nothing_is_accepted_while_the_disk_itself_answers_or_nobody_does() {
    let other = disk(1000, OTHER_SERIAL);
    let mut rig = Rig::up();
    rig.target.handle_open(rig.now).unwrap();
    rig.raise(OTHERS, &other);
    assert_eq!(rig.target.handle_accept(&other, rig.now), Err(Unacceptable::Here));
    let mut rig = Rig::new();
    assert_eq!(rig.target.handle_accept(&other, rig.now), Err(Unacceptable::Gone));
    let mut rig = Rig::up();
    rig.target.handle_link(LinkId(0), Link { up: false, ..up_link() }, rig.now);
    assert_eq!(rig.target.handle_accept(&other, rig.now), Err(Unacceptable::Nobody));
}

#[test]
fn the_disk_that_comes_back_first_stays_the_disk() {
    let other = disk(1000, OTHER_SERIAL);
    let mut rig = Rig::up();
    rig.target.handle_open(rig.now).unwrap();
    rig.submit(1, Op::Read, 0, 1);
    rig.run(Micros::from_secs(7));
    rig.take_frames();
    rig.config(OTHERS, 1, 16, 2);
    let frames = rig.take_frames();
    rig.identify(frames.iter().find(|f| f.header[..6] == OTHERS.0).unwrap(), OTHERS, &other);
    assert_eq!(rig.target.handle_accept(&other, rig.now), Ok(()));
    rig.config(THEM, 0, 16, 2);
    let frames = rig.take_frames();
    let to = |mac: Mac| frames.iter().rfind(|f| f.header[..6] == mac.0).unwrap();
    rig.identify(to(THEM), THEM, &disk(1000, SERIAL));
    assert_eq!(rig.target.status().state, "up");
    rig.identify(to(OTHERS), OTHERS, &other);
    assert_eq!(accepted(&mut rig), None);
    assert_eq!(rig.target.status().identity.map(|id| id.serial), Some(*SERIAL));
}

#[test]
fn a_disk_that_failed_for_want_of_an_answer_is_replaced_as_well() {
    let other = disk(1000, OTHER_SERIAL);
    let mut rig = taken_over(&other);
    for _ in 0..5 {
        rig.run(Micros::from_secs(40));
        rig.config(THEM, 1, 16, 2);
        rig.run_as(Micros::from_secs(1), THEM, &other);
    }
    assert_eq!(rig.take_done(), [(1, Err(IoError::Io))]);
    assert_eq!(rig.target.status().state, "failed");
    assert_eq!(rig.target.handle_accept(&other, rig.now), Ok(()));
    rig.run_as(Micros::from_secs(1), THEM, &other);
    assert_eq!(rig.target.status().state, "up");
    rig.submit(2, Op::Read, 0, 1);
    rig.take_one(0x24);
}

#[test]
fn two_disks_that_answer_at_once_are_not_accepted() {
    let other = disk(1000, OTHER_SERIAL);
    let mut rig = taken_over(&other);
    assert_eq!(rig.target.handle_accept(&other, rig.now), Ok(()));
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &other);
    rig.identify(&query, THEM, &disk(1000, SERIAL));
    assert_eq!(rig.target.status().state, "suspended");
    assert!(rig.target.status().has_conflict);
    // While both disks answer, the command changes nothing.
    assert_eq!(rig.target.handle_accept(&other, rig.now), Ok(()));
    for _ in 0..10 {
        rig.run(Micros::from_millis(300));
        for query in rig.take_frames() {
            rig.identify(&query, THEM, &other);
            rig.identify(&query, THEM, &disk(1000, SERIAL));
        }
    }
    assert_eq!(rig.target.status().state, "suspended");
}
