//! Reads with which GEOM tastes a disk, and reads that only look like it.

use super::super::*;
use super::rig::*;

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
    assert_eq!(rig.target.begin_taste(rig.now), until, "the second read gets what is left");
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
    assert_eq!(rig.target.handle_open(rig.now), Err(IoError::Gone), "the next class need not try");
}

#[test]
fn a_disk_that_was_read_may_be_read_slowly() {
    let mut rig = Rig::up();
    rig.target.handle_open(rig.now).unwrap();
    rig.submit(1, Op::Read, 0, 1);
    let read = rig.take_one(0x24);
    rig.answer(&read);
    rig.now = rig.now.after(Micros::from_secs(11));
    assert_eq!(rig.target.begin_taste(rig.now), Instant::NEVER);
}

#[test]
fn a_read_of_a_healthy_disk_has_its_time_though_the_open_was_long_ago() {
    let mut rig = Rig::up();
    rig.target.handle_open(rig.now).unwrap();
    rig.now = rig.now.after(Micros::from_millis(9_990));
    let first = rig.target.begin_taste(rig.now);
    assert_eq!(first, rig.now.after(Micros::from_secs(10)));
    rig.submit(1, Op::Read, 0, 1);
    let read = rig.take_one(0x24);
    rig.answer(&read);
    assert_eq!(rig.target.begin_taste(rig.now), first, "young and healthy: its own time");
    rig.now = rig.now.after(Micros::from_secs(1));
    assert_eq!(rig.target.begin_taste(rig.now), Instant::NEVER);
}

#[test]
fn a_disk_that_was_held_open_and_never_read_can_be_read() {
    let mut rig = Rig::up();
    rig.target.handle_open(rig.now).unwrap();
    rig.now = rig.now.after(Micros::from_secs(3600));
    assert_eq!(rig.target.begin_taste(rig.now), rig.now.after(Micros::from_secs(10)));
}
