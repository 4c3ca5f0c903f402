// SPDX-License-Identifier: BSD-2-Clause
//! Two answers to one request.

use super::super::*;
use super::rig::*;
use crate::output::{Event, Transmit, Why};
use crate::slot::LinkId;
use crate::time::Micros;
use std::vec::Vec;

/// Two daemons at one address. One answers each frame, the other some frames.
struct Daemons {
    /// The byte that fills the sectors of each.
    bytes: [u8; 2],
    identities: [Identify; 2],
    /// One request in this many is answered twice.
    doubles: usize,
    served: usize,
}

impl Daemons {
    fn alike() -> Self {
        let id = disk(1000, SERIAL);
        Self { bytes: [7, 7], identities: [id, id], doubles: 1, served: 0 }
    }

    fn serve(&mut self, rig: &mut Rig, frame: &Transmit) {
        self.served += 1;
        let answers = if self.served.is_multiple_of(self.doubles) { 2 } else { 1 };
        for n in 0..answers {
            match frame.why {
                Why::Identify => rig.identify(frame, THEM, &self.identities[n]),
                _ if frame.header[27] == 0x24 => {
                    let sectors = usize::from(frame.header[26]);
                    rig.ata_data(frame, THEM, &[self.bytes[n]; 512].repeat(sectors));
                }
                _ => rig.ok(frame),
            }
        }
    }

    /// Answers all frames, and those that follow; returns the number of I/O frames.
    fn serve_all(&mut self, rig: &mut Rig) -> usize {
        let mut io = 0;
        for _ in 0..1_000 {
            let frames = rig.take_frames();
            if frames.is_empty() {
                break;
            }
            for frame in frames {
                io += usize::from(matches!(frame.why, Why::Io | Why::Again));
                self.serve(rig, &frame);
            }
        }
        io
    }
}

fn told(rig: &mut Rig) -> Vec<Event> {
    let event = |o| if let Output::Event { event, .. } = o { Some(event) } else { None };
    rig.take_news().into_iter().filter_map(event).collect()
}

/// A disk that is up and open.
fn up() -> Rig {
    let mut rig = Rig::with(Settings { maxwait: None, ..Settings::default() });
    rig.raise(THEM, &disk(1000, SERIAL));
    rig.take_news();
    rig.target.handle_open(rig.now).unwrap();
    rig
}

/// Submits and answers this many reads or writes, a millisecond apart.
fn work(rig: &mut Rig, daemons: &mut Daemons, ios: u64) {
    for n in 0..ios {
        if rig.target.status().state != "up" {
            break;
        }
        let op = if n % 3 == 0 { Op::Write } else { Op::Read };
        rig.submit(n, op, n * 7 % 990, 2);
        daemons.serve_all(rig);
        rig.run(Micros::from_millis(1));
        daemons.serve_all(rig);
    }
}

#[test]
fn two_answers_to_one_identify_that_differ_are_a_conflict() {
    let smaller = disk(500, SERIAL);
    let mut model = disk(1000, SERIAL);
    model.model[..6].copy_from_slice(b"ggaoed");
    for other in [disk(1000, OTHER_SERIAL), smaller, model] {
        for order in [[0, 1], [1, 0]] {
            let mut rig = up();
            let both = [disk(1000, SERIAL), other];
            let mut daemons = Daemons { identities: order.map(|n| both[n]), ..Daemons::alike() };
            rig.config(THEM, 77, 16, 2);
            daemons.serve_all(&mut rig);
            assert!(rig.target.status().has_conflict);
            assert!(told(&mut rig).contains(&Event::TwoDisks));
            rig.submit(1, Op::Write, 0, 2);
            assert_eq!(daemons.serve_all(&mut rig), 0);
            assert_eq!(rig.target.status().state, "suspended");
        }
    }
}

#[test]
fn a_path_that_two_disks_answer_on_gets_no_io_until_one_is_gone() {
    let mut rig = up();
    let mut daemons =
        Daemons { identities: [disk(1000, SERIAL), disk(500, SERIAL)], ..Daemons::alike() };
    rig.config(THEM, 77, 16, 2);
    daemons.serve_all(&mut rig);
    rig.submit(1, Op::Write, 0, 2);
    for _ in 0..5 {
        // Both keep answering beacons.
        rig.now = rig.now.after(Micros::from_secs(57));
        rig.config(THEM, 77, 16, 2);
        for _ in 0..40 {
            assert_eq!(daemons.serve_all(&mut rig), 0);
            rig.run(Micros::from_millis(50));
        }
        assert!(rig.target.status().has_conflict);
    }
    told(&mut rig);
    daemons.doubles = usize::MAX;
    rig.config(THEM, 77, 16, 2);
    let mut io = 0;
    for _ in 0..40 {
        io += daemons.serve_all(&mut rig);
        rig.run(Micros::from_millis(50));
    }
    assert_eq!((io, rig.take_done()), (1, [(1, Ok(()))].to_vec()));
    assert!(!rig.target.status().has_conflict);
    // If the second disk comes back, the conflict is reported again.
    daemons.doubles = 1;
    rig.config(THEM, 77, 16, 2);
    daemons.serve_all(&mut rig);
    assert!(told(&mut rig).contains(&Event::TwoDisks));
}

/// Two disks with the same serial number and model were detected. From then on, each
/// IDENTIFY gets a single answer, until the path is up again. Returns the last IDENTIFY.
fn acquitted(rig: &mut Rig) -> Transmit {
    let mut daemons = Daemons { bytes: [7, 8], ..Daemons::alike() };
    work(rig, &mut daemons, 500);
    assert!(told(rig).contains(&Event::TwoDisks));
    rig.config(THEM, 1, 16, 2);
    loop {
        rig.run(Micros::from_millis(400));
        let frames = rig.take_frames();
        let question = *frames.iter().rfind(|f| f.header[27] == 0xec).unwrap();
        rig.identify(&question, THEM, &disk(1000, SERIAL));
        if rig.target.status().state == "up" {
            return question;
        }
    }
}

#[test]
fn a_second_answer_to_the_last_question_of_a_probation_is_a_conflict() {
    let mut rig = up();
    let question = acquitted(&mut rig);
    rig.identify(&question, THEM, &disk(1000, SERIAL));
    assert!(told(&mut rig).contains(&Event::TwoDisks));
    assert_eq!(rig.target.status().state, "suspended");
}

#[test]
fn answers_are_compared_again_as_soon_as_a_disputed_path_is_used() {
    let mut rig = up();
    acquitted(&mut rig);
    told(&mut rig);
    let mut daemons = Daemons { bytes: [7, 8], ..Daemons::alike() };
    work(&mut rig, &mut daemons, 500);
    assert!(told(&mut rig).contains(&Event::TwoDisks));
}

#[test]
fn doubled_answers_with_other_data_are_a_conflict() {
    let mut rig = up();
    let mut daemons = Daemons { bytes: [7, 8], ..Daemons::alike() };
    work(&mut rig, &mut daemons, 200);
    assert!(told(&mut rig).contains(&Event::TwoDisks));
    assert_eq!(rig.target.status().state, "suspended");
    // Both identify as the same disk, and neither is used.
    for _ in 0..3 {
        rig.now = rig.now.after(Micros::from_secs(57));
        rig.config(THEM, 77, 16, 2);
        for _ in 0..40 {
            assert_eq!(daemons.serve_all(&mut rig), 0);
            rig.run(Micros::from_millis(50));
        }
    }
    assert_eq!(rig.target.status().state, "suspended");
}

#[test]
fn a_sector_that_differs_once_is_not_all_that_is_compared() {
    let mut rig = up();
    let mut differing = None;
    for n in 0..2000 {
        if rig.target.status().has_conflict {
            break;
        }
        rig.submit(n, Op::Read, n * 7 % 990, 1);
        for frame in rig.take_frames() {
            let lba = frame.header[28..30].to_vec();
            // The first sector that is compared is written to before the next comparison.
            let is_alike = frame.why == Why::Identify || differing.as_ref() == Some(&lba);
            if frame.why == Why::Compare && differing.is_none() {
                differing = Some(lba);
            }
            match frame.why {
                Why::Identify => rig.identify(&frame, THEM, &disk(1000, SERIAL)),
                _ => rig.ata_data(&frame, THEM, &[7; 512]),
            }
            if frame.why != Why::Identify {
                rig.ata_data(&frame, THEM, &[if is_alike { 7 } else { 8 }; 512]);
            }
        }
        rig.run(Micros::from_millis(1));
    }
    assert!(told(&mut rig).contains(&Event::TwoDisks));
}

#[test]
fn answers_that_are_lost_after_a_difference_do_not_end_a_comparison() {
    let mut rig = up();
    let mut compared = 0;
    for n in 0..5000 {
        if rig.target.status().has_conflict {
            break;
        }
        rig.submit(n, Op::Read, n * 7 % 990, 1);
        for frame in rig.take_frames() {
            compared += u32::from(frame.why == Why::Compare);
            let is_lost = frame.why == Why::Compare && (2..20).contains(&compared);
            match frame.why {
                Why::Identify => rig.identify(&frame, THEM, &disk(1000, SERIAL)),
                _ => rig.ata_data(&frame, THEM, &[7; 512]),
            }
            if frame.why != Why::Identify && !is_lost {
                rig.ata_data(&frame, THEM, &[8; 512]);
            }
        }
        rig.run(Micros::from_millis(1));
    }
    assert!(compared >= 20);
    assert!(told(&mut rig).contains(&Event::TwoDisks));
}

#[test]
fn the_larger_of_two_disks_does_not_enlarge_the_open_one() {
    for order in [[1000, 2000], [2000, 1000]] {
        let mut rig = up();
        let identities = order.map(|sectors| disk(sectors, SERIAL));
        let mut daemons = Daemons { identities, ..Daemons::alike() };
        for _ in 0..10 {
            rig.config(THEM, 77, 16, 2);
            daemons.serve_all(&mut rig);
            rig.run(Micros::from_millis(200));
        }
        let news = rig.take_news();
        assert!(!news.iter().any(|n| matches!(n, Output::Resized { .. })), "{news:?}");
        assert!(rig.target.status().has_conflict);
    }
}

#[test]
fn two_disks_are_a_conflict_on_every_interface_that_leads_to_them() {
    let mut rig = up();
    rig.target.handle_link(LinkId(1), up_link(), rig.now);
    rig.config_on(LinkId(1), THEM, 1, 16, 2);
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, &disk(1000, SERIAL));
    assert_eq!(rig.target.status().state, "up");
    let mut daemons =
        Daemons { identities: [disk(1000, SERIAL), disk(500, SERIAL)], ..Daemons::alike() };
    // Only one of the two paths is sent IDENTIFY.
    rig.config(THEM, 77, 16, 2);
    daemons.serve_all(&mut rig);
    assert_eq!(rig.target.status().state, "suspended");
    rig.submit(1, Op::Write, 0, 2);
    assert_eq!(daemons.serve_all(&mut rig), 0);
}

#[test]
fn a_path_that_carries_no_sector_is_in_no_conflict_when_its_answers_are_doubled() {
    let large = Identify { logical_sector: 4096, physical_sector: 4096, ..disk(1000, SERIAL) };
    let odd = Identify { logical_sector: 520, physical_sector: 520, ..disk(1000, SERIAL) };
    for (identity, mtu) in [(large, 9000), (large, 1500), (odd, 9000)] {
        let mut rig = Rig::new();
        rig.target.handle_link(LinkId(0), Link { mtu, ..up_link() }, rig.now);
        rig.target.handle_link(LinkId(1), up_link(), rig.now);
        let mut daemons = Daemons { identities: [identity; 2], ..Daemons::alike() };
        for link in [LinkId(0), LinkId(1)] {
            rig.config_on(link, THEM, 1, 16, 64);
            daemons.serve_all(&mut rig);
        }
        assert!(!told(&mut rig).contains(&Event::TwoDisks));
        assert!(!rig.target.status().has_conflict);
    }
}

#[test]
fn doubled_answers_with_equal_data_are_a_warning_that_is_told_once() {
    let mut rig = up();
    let mut daemons = Daemons::alike();
    work(&mut rig, &mut daemons, 400);
    assert_eq!(told(&mut rig), [Event::Doubled]);
    assert_eq!(rig.take_done().len(), 400, "I/O continues");
    assert!(rig.target.status().is_doubled && !rig.target.status().has_conflict);
    assert!(rig.target.path_status(0).unwrap().doubled > 300);
    // An hour later, answers are still doubled, which is not reported again.
    rig.now = rig.now.after(Micros::from_secs(3600));
    work(&mut rig, &mut daemons, 400);
    assert_eq!(told(&mut rig), []);
    // Doubling ends, and begins again.
    daemons.doubles = usize::MAX;
    rig.now = rig.now.after(Micros::from_secs(61));
    work(&mut rig, &mut daemons, 400);
    rig.config(THEM, 77, 16, 2);
    daemons.serve_all(&mut rig);
    assert!(!rig.target.status().is_doubled);
    daemons.doubles = 1;
    rig.now = rig.now.after(Micros::from_secs(61));
    work(&mut rig, &mut daemons, 400);
    assert_eq!(told(&mut rig), [Event::Doubled]);
}

#[test]
fn doubled_answers_that_come_late_are_seen_as_well() {
    // The second daemon is some requests behind the first.
    let mut rig = up();
    let mut behind = Vec::new();
    for n in 0..600 {
        if rig.target.status().has_conflict {
            break;
        }
        rig.submit(n, Op::Read, n * 7 % 990, 1);
        for frame in rig.take_frames() {
            rig.answer(&frame);
            behind.push(frame);
        }
        while behind.len() > 12 {
            let frame = behind.remove(0);
            rig.ata_data(&frame, THEM, &[8; 512]);
        }
        rig.run(Micros::from_millis(1));
    }
    assert!(told(&mut rig).contains(&Event::TwoDisks));
}

#[test]
fn single_doubled_answers_raise_nothing() {
    for doubles in [2, 10, 100] {
        let mut rig = up();
        let mut daemons = Daemons { doubles, ..Daemons::alike() };
        work(&mut rig, &mut daemons, 1000);
        assert_eq!(told(&mut rig), [], "one in {doubles}");
        assert_eq!(rig.take_done().len(), 1000);
    }
}

#[test]
fn answers_to_what_was_sent_again_raise_nothing() {
    let mut rig = up();
    for n in 0..300 {
        rig.submit(n, Op::Read, n, 1);
        let mut frames = rig.take_frames();
        // The answer takes longer than the time-out.
        let rto = rig.target.path_status(0).unwrap().rto;
        rig.run(Micros(rto.0 + 1_000));
        frames.extend(rig.take_frames());
        assert!(frames.len() > 1);
        frames.iter().for_each(|frame| match frame.why {
            Why::Identify => rig.identify(frame, THEM, &disk(1000, SERIAL)),
            _ => rig.answer(frame),
        });
        rig.take_done();
        rig.run(Micros::from_millis(1));
    }
    assert_eq!(told(&mut rig), []);
}

#[test]
fn a_sector_that_is_written_to_meanwhile_is_no_evidence() {
    // A loop in the network delivers each request again, after later ones: a read
    // that is executed again sees what was written in between.
    let mut rig = Rig::new();
    rig.raise(THEM, &disk(8, SERIAL));
    let (mut disk_now, mut again, mut compared) = ([0_u8; 8], Vec::new(), 0);
    let mut serve = |rig: &mut Rig, frame: &Transmit| {
        let lba = usize::from(frame.header[28]);
        match (frame.why, frame.header[27]) {
            (Why::Identify, _) => rig.identify(frame, THEM, &disk(8, SERIAL)),
            (_, 0x24) => rig.ata_data(frame, THEM, &[disk_now[lba]; 512]),
            _ => {
                disk_now[lba] = disk_now[lba].wrapping_add(1);
                rig.ok(frame);
            }
        }
    };
    for n in 0..6000 {
        let op = if n % 4 == 3 { Op::Read } else { Op::Write };
        rig.submit(n, op, n % 8, 1);
        let late = std::mem::take(&mut again);
        while let new @ [_, ..] = &*rig.take_frames() {
            compared += new.iter().filter(|f| f.why == Why::Compare).count();
            new.iter().for_each(|frame| serve(&mut rig, frame));
            again.extend_from_slice(new);
        }
        // Only the first copy of a write changes the sector.
        let is_write = |f: &Transmit| f.header[27] == 0x34;
        for frame in &late {
            if is_write(frame) { rig.ok(frame) } else { serve(&mut rig, frame) }
        }
        rig.run(Micros::from_millis(1));
    }
    assert!(compared > 12, "{compared}");
    assert!(!told(&mut rig).contains(&Event::TwoDisks));
}

#[test]
fn a_write_between_the_two_answers_of_a_comparison_is_no_evidence() {
    let mut rig = Rig::with(Settings { maxwait: None, ..Settings::default() });
    rig.raise(THEM, &disk(8, SERIAL));
    rig.take_news();
    let (mut content, mut compared) = (0_u8, 0);
    let is_read = |frame: &&Transmit| frame.header[27] == 0x24;
    for n in 0..500 {
        rig.submit(2 * n, Op::Read, 0, 1);
        let reads = rig.take_frames();
        for frame in reads.iter().filter(is_read) {
            compared += u32::from(frame.why == Why::Compare);
            rig.ata_data(frame, THEM, &[content; 512]);
        }
        // The write covers the whole disk, and so the sector that is compared.
        rig.submit(2 * n + 1, Op::Write, 0, 8);
        for frame in rig.take_frames() {
            match frame.why {
                Why::Identify => rig.identify(&frame, THEM, &disk(8, SERIAL)),
                _ => (0..2).for_each(|_| rig.ok(&frame)),
            }
        }
        content = content.wrapping_add(1);
        for frame in reads.iter().filter(is_read) {
            rig.ata_data(frame, THEM, &[content; 512]);
        }
        rig.run(Micros::from_millis(1));
    }
    assert!(compared > 12, "{compared}");
    assert!(!told(&mut rig).contains(&Event::TwoDisks));
}
