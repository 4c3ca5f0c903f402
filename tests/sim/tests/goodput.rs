// SPDX-License-Identifier: BSD-2-Clause
//! Measures how much of a lossless path's throughput is left if frames are lost,
//! and how soon full throughput returns after a silence.
//!
//! Time is simulated. A path has a delay and a line rate. The target works on one
//! frame after the other, queues as many as it announces and drops the rest, as
//! vblade does. Our interfaces share its line, which is the bottleneck. The timer
//! fires as long after the core's deadline as the module's callout may.
//!
//! `cargo test --release --test goodput -- --nocapture` prints the figures.

use std::collections::{BTreeMap, VecDeque};

use aoe_core::filter::Admission;
use aoe_core::io::{IoRequest, Op};
use aoe_core::output::{IoHandle, Output, Transmit};
use aoe_core::slot::LinkId;
use aoe_core::targets::{CopyOut, Frame, Limits, Link, Settings, Storage, Target};
use aoe_core::time::Instant;
use aoe_core::wire::{Address, Identify, Mac};

/// Our interfaces.
const US: [Mac; 2] = [Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2])];
const THEM: Mac = Mac([2, 0, 0, 0, 0, 9]);
const SECTORS: u64 = 1 << 21;
/// One way, without the time for the frame's length.
const DELAY_US: u64 = 60;
/// A gigabit is 125 bytes per microsecond; this is ten gigabits.
const BYTES_PER_US: u64 = 1250;
/// The time that the target takes for a frame of any length.
const SERVICE_US: u64 = 8;
const QUEUE: usize = 16;
/// A callout may come this much late.
const LATE_US: u64 = 1_000;

/// A load: `depth` I/Os of one size at a time.
#[derive(Clone, Copy)]
struct Load {
    name: &'static str,
    op: Op,
    sectors: u32,
    depth: usize,
    random: bool,
}

const LOADS: [Load; 6] = [
    Load { name: "read 128k x8", op: Op::Read, sectors: 256, depth: 8, random: false },
    Load { name: "write 128k x8", op: Op::Write, sectors: 256, depth: 8, random: false },
    Load { name: "read 4k x64", op: Op::Read, sectors: 8, depth: 64, random: true },
    Load { name: "write 4k x64", op: Op::Write, sectors: 8, depth: 64, random: true },
    Load { name: "read 4k x16", op: Op::Read, sectors: 8, depth: 16, random: true },
    Load { name: "write 4k x16", op: Op::Write, sectors: 8, depth: 16, random: true },
];

/// A scheduled event.
enum Happening {
    AtTarget(Box<Transmit>),
    Answered(LinkId, Vec<u8>, usize),
    Served,
    Tick,
}

struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn hits(&mut self, per_mille: u64) -> bool {
        (self.next() >> 33) % 1000 < per_mille
    }
}

struct World {
    target: Target<'static>,
    now: u64,
    order: u64,
    events: BTreeMap<(u64, u64), Happening>,
    /// When the target's line is free, each way.
    out_free: u64,
    back_free: u64,
    queue: VecDeque<Box<Transmit>>,
    serving: bool,
    armed: u64,
    per_mille: u64,
    /// The target answers nothing before this.
    deaf_until: u64,
    rng: Rng,
    load: Load,
    next_lba: u64,
    next_handle: u64,
    /// When each I/O ended, with its sectors.
    done: Vec<(u64, u64)>,
    is_up: bool,
}

impl World {
    fn new(mtu: u32, load: Load, per_mille: u64) -> Self {
        Self::with(1, mtu, load, per_mille)
    }

    /// Creates a world in which one or both of our interfaces lead to the target.
    fn with(links: usize, mtu: u32, load: Load, per_mille: u64) -> Self {
        let storage = Storage::leaked();
        let address = Address { major: 1, minor: 1 };
        let mut world = Self {
            target: Target::new(address, storage, Limits::ALL, Settings::default(), &[3; 32]),
            now: 1_000_000,
            order: 0,
            events: BTreeMap::new(),
            out_free: 0,
            back_free: 0,
            queue: VecDeque::new(),
            serving: false,
            armed: u64::MAX,
            per_mille: 0,
            deaf_until: 0,
            rng: Rng(0x9e37_79b9_7f4a_7c15),
            load,
            next_lba: 0,
            next_handle: 0,
            done: Vec::new(),
            is_up: false,
        };
        for (id, mac) in (0..).map(LinkId).zip(US).take(links) {
            let link = Link { mtu, mac, up: true, present: true };
            world.target.handle_link(id, link, world.at());
            world.advert(id, mtu);
        }
        world.run_until(world.now + 500_000);
        assert!(world.is_up);
        world.per_mille = per_mille;
        world
    }

    fn at(&self) -> Instant {
        Instant::from_micros(self.now)
    }

    fn later(&mut self, when: u64, what: Happening) {
        self.order += 1;
        self.events.insert((when, self.order), what);
    }

    fn head(link: LinkId, command: u8, tag: &[u8]) -> Vec<u8> {
        let mut f = vec![0; 36];
        f[..6].copy_from_slice(&US[usize::from(link.0)].0);
        f[6..12].copy_from_slice(&THEM.0);
        f[12..20].copy_from_slice(&[0x88, 0xa2, 0x18, 0, 0, 1, 1, command]);
        f[20..24].copy_from_slice(tag);
        f
    }

    fn advert(&mut self, link: LinkId, mtu: u32) {
        let mut f = Self::head(link, 1, &[0; 4]);
        let sectors = u8::try_from((mtu - 36) / 512).unwrap();
        f[24..32].copy_from_slice(&[0, 16, 0x40, 0x19, sectors, 0x10, 0, 0]);
        self.give(link, &f, 60);
    }

    fn give(&mut self, link: LinkId, header: &[u8], length: usize) {
        let frame = Frame { header, length, link, admission: Admission::Granted };
        let copy = self.target.handle_frame(&frame, self.at());
        if matches!(copy, Some(CopyOut::Scratch { .. })) {
            let mut id = Identify::parse(&[0; 512]);
            id.serial[..4].copy_from_slice(b"1.1x");
            id.sectors = SECTORS;
            id.lba48 = true;
            self.target.scratch_mut()[..512].copy_from_slice(&id.emit());
        }
        self.drain();
    }

    fn drain(&mut self) {
        let mut ended = 0;
        while let Some(output) = self.target.poll_output(self.at()) {
            match output {
                Output::Transmit(frame) => self.transmit(frame),
                Output::Complete { result, .. } => {
                    assert_eq!(result, Ok(()));
                    ended += 1;
                }
                Output::Up { .. } => self.is_up = true,
                _ => {}
            }
        }
        let deadline = self.target.deadline().as_micros();
        if deadline < self.armed {
            self.armed = deadline;
            self.later(deadline + LATE_US, Happening::Tick);
        }
        for _ in 0..ended {
            self.done.push((self.now, self.load.sectors.into()));
            self.submit();
        }
    }

    fn submit(&mut self) {
        let places = SECTORS / u64::from(self.load.sectors);
        let place = if self.load.random { self.rng.next() % places } else { self.next_lba };
        self.next_lba = (self.next_lba + 1) % places;
        self.next_handle += 1;
        let request = IoRequest {
            io: IoHandle(self.next_handle),
            op: self.load.op,
            lba: place * u64::from(self.load.sectors),
            sectors: self.load.sectors,
            ordered: false,
            give_up: Instant::NEVER,
        };
        assert!(matches!(self.target.handle_submit(request, self.at()), Ok(Ok(()))));
        self.drain();
    }

    fn transmit(&mut self, frame: Transmit) {
        if frame.copy != 0 {
            self.target.handle_sent(frame.copy, self.at());
        }
        self.out_free = self.out_free.max(self.now) + u64::from(frame.frame_length) / BYTES_PER_US;
        if !self.rng.hits(self.per_mille) {
            self.later(self.out_free + DELAY_US, Happening::AtTarget(Box::new(frame)));
        }
    }

    fn serve(&mut self) {
        if !self.serving && !self.queue.is_empty() {
            self.serving = true;
            self.later(self.now + SERVICE_US, Happening::Served);
        }
    }

    fn answer(&mut self, frame: &Transmit) {
        let mut f = Self::head(frame.link, 0, &frame.header[20..24]);
        f[27] = 0x40;
        let length = match frame.header[27] {
            0x24 => 36 + usize::from(frame.header[26]) * 512,
            0xec => 36 + 512,
            _ => 60,
        };
        self.back_free =
            self.back_free.max(self.now) + u64::try_from(length).unwrap() / BYTES_PER_US;
        if !self.rng.hits(self.per_mille) {
            self.later(self.back_free + DELAY_US, Happening::Answered(frame.link, f, length));
        }
    }

    fn happen(&mut self, what: Happening) {
        match what {
            Happening::AtTarget(frame) => {
                if self.queue.len() < QUEUE && self.now >= self.deaf_until {
                    self.queue.push_back(frame);
                    self.serve();
                }
            }
            Happening::Served => {
                self.serving = false;
                if let Some(frame) = self.queue.pop_front() {
                    self.answer(&frame);
                }
                self.serve();
            }
            Happening::Answered(link, frame, length) => self.give(link, &frame, length),
            Happening::Tick => {
                // Otherwise the timer was set again since: another tick follows.
                if self.now >= self.armed {
                    self.armed = u64::MAX;
                    self.target.handle_tick(self.at());
                    self.drain();
                }
            }
        }
    }

    fn run_until(&mut self, end: u64) {
        while let Some(entry) = self.events.first_entry() {
            if entry.key().0 > end {
                break;
            }
            let ((when, _), what) = entry.remove_entry();
            self.now = when;
            self.happen(what);
        }
        self.now = end;
    }

    /// Megabytes per second between two times.
    fn rate(&self, from: u64, to: u64) -> f64 {
        let within = self.done.iter().filter(|(when, _)| *when >= from && *when < to);
        let bytes: u64 = within.map(|(_, sectors)| sectors * 512).sum();
        let span = u32::try_from(to - from).unwrap();
        f64::from(u32::try_from(bytes / 1024).unwrap()) * 1.024e-3 * 1e6 / f64::from(span)
    }

    fn start(&mut self) {
        for _ in 0..self.load.depth {
            self.submit();
        }
    }
}

/// Megabytes per second over a simulated second.
fn goodput(mtu: u32, load: Load, per_mille: u64) -> f64 {
    goodput_over(1, mtu, load, per_mille)
}

fn goodput_over(links: usize, mtu: u32, load: Load, per_mille: u64) -> f64 {
    let mut world = World::with(links, mtu, load, per_mille);
    let start = world.now;
    world.start();
    world.run_until(start + 1_000_000);
    world.rate(start, start + 1_000_000)
}

#[test]
fn one_per_cent_lost_each_way_leaves_four_fifths_of_the_goodput() {
    for mtu in [9000, 1500] {
        for load in LOADS {
            let whole = goodput(mtu, load, 0);
            let shares = [1, 10, 50].map(|loss| 100.0 * goodput(mtu, load, loss) / whole);
            println!(
                "MTU {mtu} {:14} {whole:7.1} MB/s; 0.1% {:5.1}%, 1% {:5.1}%, 5% {:5.1}%",
                load.name, shares[0], shares[1], shares[2]
            );
            assert!(shares[1] >= 80.0, "MTU {mtu}, {}: {:.1}%", load.name, shares[1]);
        }
    }
}

#[test]
fn full_speed_is_back_within_a_second_of_the_targets_first_advert() {
    for mtu in [9000, 1500] {
        for load in [LOADS[0], LOADS[5]] {
            let mut world = World::new(mtu, load, 0);
            let start = world.now;
            world.start();
            world.run_until(start + 1_000_000);
            let whole = world.rate(start, start + 1_000_000);
            world.deaf_until = start + 7_000_000;
            world.run_until(start + 7_000_000);
            world.advert(LinkId(0), mtu);
            world.run_until(start + 9_000_000);
            let window = |n: u64| {
                let from = start + 7_000_000 + n * 50_000;
                world.rate(from, from + 50_000)
            };
            let back = (0..40).find(|n| window(*n) >= 0.95 * whole);
            println!("MTU {mtu} {:14} full speed after {:?} x 50 ms", load.name, back);
            assert!(back.is_some_and(|n| n < 19), "MTU {mtu}, {}: {back:?}", load.name);
        }
    }
}

#[test]
fn two_interfaces_to_one_port_are_no_slower_than_one() {
    for mtu in [9000, 1500] {
        for load in LOADS {
            let [one, two] = [1, 2].map(|links| goodput_over(links, mtu, load, 0));
            println!("MTU {mtu} {:14} {one:7.1} MB/s over one, {two:7.1} over two", load.name);
            assert!(two >= 0.98 * one, "MTU {mtu}, {}: {two:.1} of {one:.1}", load.name);
        }
    }
}
