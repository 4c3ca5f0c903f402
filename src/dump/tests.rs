// SPDX-License-Identifier: BSD-2-Clause
use super::*;
use std::vec;
use std::vec::Vec;

const LOCAL: Mac = Mac([2, 0, 0, 0, 0, 1]);
const REMOTE: Mac = Mac([2, 0, 0, 0, 0, 2]);

fn disk() -> Disk {
    let address = Address { major: 7, minor: 3 };
    Disk { address, blocks: 1000, sector: 512, lba48: true, flush: true, flush_ext: true }
}

fn candidate(n: u8) -> Candidate {
    Candidate { link: LinkId(n), remote: REMOTE, payload: 1024 }
}

fn interface() -> Interface {
    Interface { local: LOCAL, mtu: 1500, buffer: 2048 }
}

/// A kernel that carries out the dump's steps, and a target.
struct Rig {
    dump: Dump,
    paths: Vec<Option<Candidate>>,
    interface: Interface,
    now: u64,
    /// Of each frame: the time, the interface, and the offset and length of its data.
    sent: Vec<(u64, LinkId, u64, u32)>,
    link: LinkId,
    frame: [u8; Dump::HEADER],
    polls: u32,
}

impl Rig {
    fn new(disk: Disk) -> Self {
        Self {
            dump: Dump::new(disk, 5),
            paths: vec![Some(candidate(0))],
            interface: interface(),
            now: 0,
            sent: Vec::new(),
            link: LinkId(u8::MAX),
            frame: [0; Dump::HEADER],
            polls: 0,
        }
    }

    /// Runs to the end. At each poll, `target` returns the ATA status of the answer to
    /// the last request, or `None` if there is no answer.
    fn run(&mut self, target: impl Fn(&Self) -> Option<u8>) -> Result<(), DumpError> {
        for _ in 0..5_000_000 {
            let paths = &self.paths;
            match self.dump.step(|n| paths.get(usize::from(n)).copied()) {
                Step::Done(result) => return result,
                Step::Path(link) => {
                    self.link = link;
                    self.dump.take(&self.interface);
                }
                Step::Send { offset, length } => {
                    self.dump.emit(&mut self.frame);
                    self.sent.push((self.now, self.link, offset, length));
                }
                Step::Poll(wait) => {
                    self.now += wait.0;
                    self.polls += 1;
                    if let Some(status) = target(self).filter(|_| !self.sent.is_empty()) {
                        self.answer(status);
                    }
                }
            }
        }
        panic!("the dump does not end");
    }

    fn answer(&mut self, status: u8) {
        let mut frame = self.frame;
        frame[..6].copy_from_slice(&LOCAL.0);
        frame[6..12].copy_from_slice(&REMOTE.0);
        (frame[14], frame[27]) = (0x18, status);
        self.dump.handle_frame(&frame);
    }

    fn write(&mut self, start: u64, length: u64) -> Result<(), DumpError> {
        self.dump.ask(start, length, false)
    }
}

fn at_once(_: &Rig) -> Option<u8> {
    Some(0x40)
}

fn never(_: &Rig) -> Option<u8> {
    None
}

#[test]
fn a_dump_is_cut_into_what_a_frame_carries() {
    let mut rig = Rig::new(disk());
    rig.write(512, 2560).unwrap();
    assert_eq!(rig.run(at_once), Ok(()));
    let pieces: Vec<_> = rig.sent.iter().map(|&(_, _, offset, length)| (offset, length)).collect();
    assert_eq!(pieces, [(0, 1024), (1024, 1024), (2048, 512)]);
    // The frame of the last piece: one sector at 5.
    assert_eq!(rig.frame[24..30], [0x41, 0, 1, 0x34, 5, 0]);
    // The next write uses the same path, without another wait.
    let now = rig.now;
    rig.write(512, 512).unwrap();
    assert_eq!(rig.run(at_once), Ok(()));
    assert_eq!((rig.now, rig.sent.len()), (now, 4));
}

#[test]
fn nothing_is_sent_until_what_was_on_the_wire_has_come() {
    let mut rig = Rig::new(disk());
    rig.write(0, 512).unwrap();
    assert_eq!(rig.run(at_once), Ok(()));
    assert!((100_000..110_000).contains(&rig.sent[0].0), "{:?}", rig.sent);
}

#[test]
fn a_request_is_repeated_ever_less_often_and_polled_for_meanwhile() {
    let mut rig = Rig::new(disk());
    rig.write(0, 512).unwrap();
    assert_eq!(rig.run(|rig| (rig.sent.len() == 4).then_some(0x40)), Ok(()));
    let gaps: Vec<_> = rig.sent.windows(2).map(|w| (w[1].0 - w[0].0) / 1000).collect();
    assert!(matches!(gaps[..], [20..22, 40..43, 80..86]), "{gaps:?}");
    // Pauses grow to a sixteenth of the wait, instead of staying at 10 us.
    assert!((200..1000).contains(&rig.polls), "{}", rig.polls);
}

#[test]
fn another_path_takes_over_after_ten_seconds_of_silence() {
    let mut rig = Rig::new(disk());
    rig.paths = vec![Some(candidate(0)), None, Some(candidate(3))];
    rig.write(0, 1024).unwrap();
    assert_eq!(rig.run(|rig| (rig.link == LinkId(3)).then_some(0x40)), Ok(()));
    let first = rig.sent.iter().filter(|sent| sent.1 == LinkId(0)).count();
    let (at, link, offset, length) = rig.sent[first];
    assert!((10_000_000..13_000_000).contains(&at), "{at}");
    assert_eq!((link, offset, length, rig.sent.len()), (LinkId(3), 0, 1024, first + 1));
}

#[test]
fn a_dump_ends_when_no_path_is_left() {
    let mut rig = Rig::new(disk());
    rig.write(0, 512).unwrap();
    assert_eq!(rig.run(never), Err(DumpError::NoPath));
    assert_eq!(rig.run(at_once), Err(DumpError::NoPath));
}

#[test]
fn a_minute_of_silence_on_many_paths_ends_a_dump() {
    let mut rig = Rig::new(disk());
    rig.paths = (0..16).map(candidate).map(Some).collect();
    rig.write(0, 512).unwrap();
    assert_eq!(rig.run(never), Err(DumpError::NoPath));
    assert!((60_000_000..75_000_000).contains(&rig.now), "{}", rig.now);
    assert!(rig.link < LinkId(7));
}

#[test]
fn losses_in_a_long_dump_are_not_silence() {
    let mut rig = Rig::new(Disk { blocks: 1 << 18, ..disk() });
    rig.write(0, 128 << 20).unwrap();
    // One frame of forty is lost: more than a minute of silence in total.
    assert_eq!(rig.run(|rig| (rig.sent.len() % 40 != 0).then_some(0x40)), Ok(()));
    assert!(rig.now > 60_000_000, "{}", rig.now);
}

#[test]
fn a_refusal_ends_a_dump() {
    let mut rig = Rig::new(disk());
    rig.write(0, 512).unwrap();
    assert_eq!(rig.run(|_| Some(0x41)), Err(DumpError::Refused(IoError::Io)));
}

#[test]
fn only_whole_sectors_of_the_disk_are_written() {
    let mut rig = Rig::new(disk());
    let outside = [
        (100, 512),
        (512, 100),
        (1000 * 512, 512),
        (999 * 512, 1024),
        (0, 1001 * 512),
        (u64::MAX - 511, 512),
    ];
    for (start, length) in outside {
        assert_eq!(rig.write(start, length), Err(DumpError::Range), "{start} + {length}");
    }
    assert_eq!(rig.write(999 * 512, 512), Ok(()));
    let mut large = Rig::new(Disk { sector: 4096, ..disk() });
    assert_eq!(large.write(512, 4096), Err(DumpError::Range));
    assert_eq!(large.write(4096, 4096), Ok(()));
}

#[test]
fn the_end_empties_the_write_cache_where_there_is_one() {
    let mut rig = Rig::new(disk());
    rig.dump.ask(0, 0, true).unwrap();
    assert_eq!(rig.run(at_once), Ok(()));
    assert_eq!((rig.sent.len(), rig.frame[27]), (1, 0xea));
    let mut without = Rig::new(Disk { flush: false, ..disk() });
    without.dump.ask(0, 0, true).unwrap();
    assert_eq!(without.run(never), Ok(()));
    // An empty write without `flush` does not empty the cache.
    rig.dump.ask(0, 0, false).unwrap();
    assert_eq!(rig.run(never), Ok(()));
    assert_eq!(rig.sent.len(), 1);
}

#[test]
fn a_frame_carries_what_the_path_the_interface_and_a_buffer_allow() {
    let cases = [
        (512, 1024, 1500, Some(1024)),
        (512, 8704, 9000, Some(1536)),
        (512, 1024, 1000, Some(512)),
        (512, 1024, 533, None),
        (4096, 8192, 9000, Some(4096)),
        // An MTU that has shrunk since the payload was found.
        (4096, 4096, 1500, None),
    ];
    for (sector, payload, mtu, taken) in cases {
        let mut rig = Rig::new(Disk { sector, ..disk() });
        rig.paths = vec![Some(Candidate { payload, ..candidate(0) })];
        rig.write(0, 4096).unwrap();
        assert_eq!(rig.dump.step(|_| Some(rig.paths[0])), Step::Path(LinkId(0)));
        let interface = Interface { mtu, ..interface() };
        assert_eq!(rig.dump.take(&interface), taken, "{sector} {payload} {mtu}");
    }
}

#[test]
fn an_interface_that_cannot_be_used_is_passed_over() {
    let mut rig = Rig::new(disk());
    rig.interface.mtu = 100;
    rig.paths.push(Some(candidate(1)));
    rig.write(0, 512).unwrap();
    assert_eq!(rig.run(never), Err(DumpError::NoPath));
    assert_eq!((rig.link, rig.sent.len()), (LinkId(1), 0));
}
