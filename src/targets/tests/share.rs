// SPDX-License-Identifier: BSD-2-Clause
//! Two local interfaces on the switch of a target with one port.

use super::super::*;
use super::rig::*;
use crate::output::{Transmit, Why};
use crate::slot::LinkId;
use crate::time::Micros;
use std::collections::VecDeque;
use std::vec::Vec;

const LINK: [LinkId; 2] = [LinkId(0), LinkId(1)];

/// One port, with this many buffers, that answers on two interfaces.
fn one_port(buffers: u16, policy: Policy) -> Rig {
    let mut rig = Rig::with(Settings { policy, ..Settings::default() });
    rig.target.handle_link(LINK[1], up_link(), rig.now);
    for link in LINK {
        rig.config_on(link, THEM, 1, buffers, 2);
    }
    let mut port = VecDeque::new();
    serve(&mut rig, &mut port, buffers, 40);
    assert_eq!((rig.target.path_status(1).unwrap().state_code, port.len()), (1, 0));
    rig
}

/// The port serves one frame every 10 us, at most `frames` in total. The test fails if
/// more frames are outstanding than its queue holds.
fn serve(rig: &mut Rig, port: &mut VecDeque<Transmit>, buffers: u16, frames: usize) {
    for _ in 0..frames {
        port.extend(rig.take_frames());
        assert!(port.len() <= usize::from(buffers.max(1)), "{} frames at once", port.len());
        rig.now = rig.now.after(Micros(10));
        match port.pop_front() {
            Some(query) if query.why == Why::Identify => {
                rig.identify(&query, THEM, &disk(1000, SERIAL));
            }
            Some(query) => rig.answer(&query),
            None => return,
        }
        rig.target.handle_tick(rig.now);
    }
}

#[test]
fn what_is_out_to_one_port_stays_within_its_buffer_count() {
    for policy in [Policy::Latency, Policy::RoundRobin, Policy::Failover] {
        for buffers in [0, 1, 2, 4, 16] {
            let mut rig = one_port(buffers, policy);
            let (mut port, mut done) = (VecDeque::new(), 0);
            for n in 0..60 {
                if n % 16 == 8 {
                    // Answers to a beacon: both paths are sent IDENTIFY.
                    serve(&mut rig, &mut port, buffers, 400);
                    rig.now = rig.now.after(Micros::from_secs(1));
                    for link in LINK {
                        rig.config_on(link, THEM, 77, buffers, 2);
                    }
                }
                rig.submit(n, Op::Write, n, 1);
                serve(&mut rig, &mut port, buffers, if n % 8 == 7 { 40 } else { 0 });
                done += rig.take_done().len();
            }
            serve(&mut rig, &mut port, buffers, 400);
            done += rig.take_done().len();
            assert_eq!(done, 60, "{policy:?}, {buffers} buffers");
            assert_eq!(rig.target.status().retransmitted, 0);
        }
    }
}

#[test]
fn both_interfaces_carry_a_share_of_it() {
    for policy in [Policy::Latency, Policy::RoundRobin] {
        let mut rig = one_port(4, policy);
        let mut port = VecDeque::new();
        for n in 0..400 {
            rig.submit(n, Op::Read, n, 1);
            if n % 8 == 7 {
                serve(&mut rig, &mut port, 4, 40);
            }
        }
        let sent = [0, 1].map(|n| rig.target.path_status(n).unwrap().sent);
        assert!(sent.iter().all(|sent| *sent > 100), "{policy:?}: {sent:?}");
    }
}

#[test]
fn frames_to_one_port_go_out_in_runs() {
    let mut rig = one_port(12, Policy::Latency);
    let (mut port, mut taken) = (VecDeque::new(), Vec::new());
    for n in 0..400 {
        rig.submit(n, Op::Write, n, 1);
        let frames = rig.take_frames();
        taken.extend(frames.iter().map(|frame| frame.path));
        port.extend(frames);
        rig.now = rig.now.after(Micros(10));
        if port.len() == 12 {
            rig.answer(&port.pop_front().unwrap());
        }
    }
    let changes = taken.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(taken.len() == 400 && changes < 400 / 3, "{changes} of {}", taken.len());
}

#[test]
fn a_path_that_is_asked_for_ever_leaves_the_port_to_the_others() {
    let mut rig = one_port(1, Policy::Latency);
    let dead = rig.target.path_ids().find(|id| rig.target.paths[*id].link == LINK[0]).unwrap();
    // Its answers took so long that an IDENTIFY is not lost before the next one.
    (0..20).for_each(|_| _ = rig.target.paths[dead].rtt.sample(Micros::from_secs(2)));
    rig.target.path_down(dead, rig.now);
    let mut asked = 0;
    for _ in 0..50 {
        rig.now = rig.now.after(Micros::from_millis(100));
        rig.target.handle_tick(rig.now);
        asked += rig.take_frames().iter().filter(|frame| frame.link == LINK[0]).count();
    }
    assert!(asked >= 3, "{asked}");
    rig.submit(1, Op::Read, 0, 1);
    for _ in 0..20 {
        let frames = rig.take_frames();
        frames.iter().filter(|frame| frame.link == LINK[1]).for_each(|frame| rig.answer(frame));
        rig.now = rig.now.after(Micros::from_millis(100));
        rig.target.handle_tick(rig.now);
    }
    assert_eq!(rig.take_done(), [(1, Ok(()))]);
}

#[test]
fn two_ports_have_a_queue_each() {
    let mut rig = Rig::new();
    rig.target.handle_link(LINK[1], up_link(), rig.now);
    for (link, mac) in [(LINK[0], THEM), (LINK[1], OTHERS)] {
        rig.config_on(link, mac, 1, 2, 2);
        let query = rig.take_one(0xec);
        rig.identify(&query, mac, &disk(1000, SERIAL));
    }
    for n in 0..8 {
        rig.submit(n, Op::Read, n, 1);
    }
    // Each window is half of the buffer count at first.
    let paths: Vec<u8> = rig.take_frames().iter().map(|f| f.path.0).collect();
    assert_eq!(paths.len(), 2);
    assert_ne!(paths[0], paths[1]);
}

#[test]
fn what_went_out_through_an_interface_that_is_gone_takes_no_place() {
    let mut rig = one_port(1, Policy::Latency);
    rig.submit(1, Op::Flush, 0, 0);
    let flush = rig.take_one(0xe7);
    let gone = Link { up: false, ..up_link() };
    rig.target.handle_link(flush.link, gone, rig.now);
    let again = rig.take_one(0xe7);
    assert_ne!(again.link, flush.link);
    rig.ok(&again);
    assert_eq!(rig.take_done(), [(1, Ok(()))]);
}

#[test]
fn a_second_interface_is_identified_while_the_first_is_busy() {
    for buffers in [1, 4] {
        let mut rig = Rig::new();
        rig.target.handle_link(LINK[1], up_link(), rig.now);
        rig.config_on(LINK[0], THEM, 1, buffers, 2);
        let mut port = VecDeque::new();
        serve(&mut rig, &mut port, buffers, 8);
        for n in 0..10 {
            rig.submit(n, Op::Read, n, 1);
        }
        port.extend(rig.take_frames());
        rig.config_on(LINK[1], THEM, 1, buffers, 2);
        serve(&mut rig, &mut port, buffers, 6);
        let second = rig.target.path_status(1).unwrap();
        assert_eq!(second.state_code, 1, "{buffers} buffers: IDENTIFY before the next I/O");
    }
}
