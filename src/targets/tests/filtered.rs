// SPDX-License-Identifier: BSD-2-Clause
//! A filter that rejects an existing target or path.

use super::super::*;
use super::rig::*;
use crate::filter::Admission;
use crate::output::Event;
use crate::wire::Mac;

fn news_of(rig: &mut Rig) -> (bool, bool) {
    let news = rig.take_news();
    let down = |n: &Output| matches!(n, Output::Event { event: Event::PathDown, .. });
    (news.iter().any(down), news.contains(&Output::Gone))
}

#[test]
fn a_closed_disk_that_is_not_wanted_any_more_goes() {
    let mut rig = Rig::up();
    rig.admission = Admission::NotWanted;
    rig.config(THEM, 1, 16, 2);
    assert_eq!(rig.take_news(), [Output::Gone, Output::Idle]);
    rig.config(THEM, 1, 16, 2);
    assert!(rig.take_frames().is_empty(), "no IDENTIFY is sent");
}

/// A path that answered a beacon is sent IDENTIFY, and the same disk answers.
fn still_there(rig: &mut Rig, mac: Mac) {
    let question = rig.take_one(0xec);
    rig.identify(&question, mac, &disk(1000, SERIAL));
}

#[test]
fn an_open_disk_that_is_not_wanted_any_more_stays_until_it_is_closed() {
    let mut rig = Rig::up();
    rig.target.handle_open(rig.now).unwrap();
    rig.admission = Admission::NotWanted;
    rig.config(THEM, 1, 16, 2);
    assert_eq!(news_of(&mut rig), (false, false));
    still_there(&mut rig, THEM);
    rig.submit(1, Op::Read, 0, 1);
    let read = rig.take_one(0x24);
    rig.answer(&read);
    assert_eq!(rig.take_done(), [(1, Ok(()))]);
    rig.target.handle_close(rig.now);
    rig.config(THEM, 1, 16, 2);
    assert_eq!(news_of(&mut rig), (false, true));
}

#[test]
fn an_open_disk_loses_an_unwanted_path_but_never_the_last() {
    let mut rig = Rig::up();
    rig.raise(OTHERS, &disk(1000, SERIAL));
    rig.take_news();
    rig.target.handle_open(rig.now).unwrap();
    rig.admission = Admission::NotFromThere;
    rig.config(THEM, 1, 16, 2);
    assert_eq!(news_of(&mut rig), (true, false));
    assert_eq!(rig.target.status().paths, 1);
    rig.config(OTHERS, 1, 16, 2);
    assert_eq!(news_of(&mut rig), (false, false));
    assert_eq!(rig.target.status().paths, 1);
    still_there(&mut rig, OTHERS);
    rig.submit(1, Op::Read, 0, 1);
    assert_eq!(rig.take_one(0x24).header[..6], OTHERS.0);
}

#[test]
fn requests_of_a_path_that_is_left_out_go_on_by_the_other() {
    let mut rig = Rig::up();
    rig.submit(1, Op::Read, 0, 1);
    assert_eq!(rig.take_one(0x24).header[..6], THEM.0);
    rig.raise(OTHERS, &disk(1000, SERIAL));
    rig.admission = Admission::NotFromThere;
    rig.config(THEM, 1, 16, 2);
    let again = rig.take_one(0x24);
    assert_eq!(again.header[..6], OTHERS.0);
    rig.answer(&again);
    assert_eq!(rig.take_done(), [(1, Ok(()))]);
}

#[test]
fn an_unwanted_stranger_is_not_even_asked() {
    let mut rig = Rig::up();
    for admission in [Admission::NotFromThere, Admission::NotWanted] {
        rig.target.handle_open(rig.now).unwrap();
        rig.admission = admission;
        rig.config(OTHERS, 0, 16, 2);
        assert!(rig.take_frames().is_empty());
        assert_eq!(rig.target.status().paths, 1);
    }
}
