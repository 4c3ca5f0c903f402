// SPDX-License-Identifier: BSD-2-Clause
//! Measures the cost of a hostile frame: `aoe-hostile CLASS` fills every table of
//! a target, and then passes thousands of frames of that class to the core, in a
//! separate function whose instructions callgrind counts.

use std::hint::black_box;
use std::process::ExitCode;

use aoe_core::output::{Output, Source, Transmit};
use aoe_sim::core::Core;
use aoe_sim::frame::{self, Packet};
use aoe_sim::initiator::{Initiator, Kind, LinkState, Submission};
use aoe_sim::pattern::{self, SECTOR};
use aoe_sim::plan::Plan;
use aoe_sim::quirks;
use aoe_sim::rng::Rng;
use aoe_sim::target::{MAJOR, MINOR, Reply, Target};

const CLASSES: [&str; 8] =
    ["nothing", "garbage", "guess", "stranger", "advert", "address", "chopped", "error"];
const FRAMES: usize = 2000;
const MTU: u32 = 1500;
const SIZE: u64 = 1 << 20;
const COPIES: u32 = 512;

struct Bed {
    core: Core,
    target: Target,
    rng: Rng,
    wires: Vec<(u8, Vec<u8>)>,
    next: u64,
    answered: Vec<u8>,
}

fn main() -> ExitCode {
    let class = std::env::args().nth(1).unwrap_or_default();
    if !CLASSES.contains(&class.as_str()) {
        eprintln!("usage: aoe-hostile {}", CLASSES.join("|"));
        return ExitCode::from(2);
    }
    let mut bed = Bed::new();
    bed.fill_guard();
    let frames: Vec<Vec<u8>> = (0..FRAMES).map(|at| bed.forge(&class, at)).collect();
    aoe_counted(&mut bed, &frames);
    println!("{} frames", frames.len());
    ExitCode::SUCCESS
}

#[unsafe(no_mangle)]
#[inline(never)]
fn aoe_counted(bed: &mut Bed, frames: &[Vec<u8>]) {
    for bytes in frames {
        if !bytes.is_empty() {
            black_box(bed.core.rx(1, 0, bytes));
        }
        while let Some(output) = bed.core.poll(1) {
            let _ = black_box(output);
        }
    }
}

impl Bed {
    fn new() -> Bed {
        let mut plan = Plan::draw(1);
        plan.quirks = quirks::Quirks { buffer_count: 256, ..quirks::IDEAL };
        plan.size = SIZE;
        plan.ports = vec![(0, MTU)];
        (plan.bad_sector, plan.read_only) = (None, false);
        let s = &mut plan.settings;
        (s.maxwait_us, s.ghost_wait_us, s.maxout, s.policy) = (0, 600_000_000, 256, 0);
        (s.io_slots, s.frame_slots, s.copy_slots, s.strict_src) = (128, 128, COPIES, false);
        let mut bed = Bed {
            core: Core::new(&plan.settings, Rng::new(1)),
            target: Target::of_plan(&plan, 0),
            rng: Rng::new(2),
            wires: Vec::new(),
            next: 1,
            answered: Vec::new(),
        };
        (0..2).for_each(|link| bed.set_link(link, true));
        bed.core.discover(1);
        bed.pass_on(|_| true);
        assert_eq!(bed.core.paths().len(), 2, "both paths are found");
        assert!(bed.core.open(1));
        bed
    }

    fn set_link(&mut self, link: u8, up: bool) {
        let mac = [2, 0xaa, 0, 0, 0, link];
        self.core.link(1, link, LinkState { mac, mtu: MTU, up, present: true });
    }

    /// Takes the frames that the core sends; returns their number.
    fn drain(&mut self) -> usize {
        let before = self.wires.len();
        while let Some(output) = self.core.poll(1) {
            if let Output::Transmit(transmit) = output {
                let bytes = build(&transmit);
                self.wires.push((transmit.link.0, bytes));
            }
        }
        self.wires.len() - before
    }

    /// Lets the target serve the frames in flight on the links for which `serves` is
    /// true, until there are none.
    fn pass_on(&mut self, serves: impl Fn(u8) -> bool) {
        self.drain();
        while let Some(at) = self.wires.iter().position(|(link, _)| serves(*link)) {
            let (link, bytes) = self.wires.remove(at);
            for reply in self.serve(bytes) {
                self.core.rx(1, link, &reply.bytes);
                self.answered = reply.bytes;
            }
            self.drain();
        }
    }

    fn serve(&mut self, bytes: Vec<u8>) -> Vec<Reply> {
        let (mut replies, mut log) = (Vec::new(), Vec::new());
        self.target.enqueue(0, Packet { bytes, op: None, serial: 0, overtaken: false });
        self.target.serve(0, &mut self.rng, &mut replies, &mut log).expect("a good request");
        replies
    }

    fn submit(&mut self, kind: Kind) {
        let io = Submission { handle: self.next, kind, lba: self.next, sectors: 1, ordered: false };
        self.core.submit(1, io).expect("there is room");
        self.next += 1;
    }

    /// Fills the guard's table with copies on the first path, of writes that were
    /// answered on the second. Since the first path was seen to reorder, its later
    /// answers do not resolve them at once.
    fn fill_guard(&mut self) {
        self.set_link(1, false);
        (0..2).for_each(|_| self.submit(Kind::Read));
        self.drain();
        let requests = std::mem::take(&mut self.wires);
        let replies: Vec<_> = requests
            .into_iter()
            .flat_map(|(link, bytes)| self.serve(bytes).into_iter().map(move |reply| (link, reply)))
            .collect();
        for (link, reply) in replies.into_iter().rev() {
            self.core.rx(1, link, &reply.bytes);
        }
        let mut guarded = 0;
        for _ in 0..1000 {
            (0..16).for_each(|_| self.submit(Kind::Write));
            self.drain();
            self.set_link(1, true);
            self.pass_on(|link| link == 1);
            self.set_link(0, false);
            self.pass_on(|link| link == 1);
            self.wires.clear();
            self.set_link(0, true);
            self.pass_on(|_| true);
            self.set_link(1, false);
            let before = std::mem::replace(&mut guarded, self.core.counters(1).guarded);
            if guarded >= COPIES - 16 && guarded == before {
                self.set_link(1, true);
                return self.pass_on(|_| true);
            }
        }
        panic!("only {guarded} copies are guarded");
    }

    /// Returns a forged frame of a class, addressed to our first link.
    fn forge(&mut self, class: &str, at: usize) -> Vec<u8> {
        let mut bytes = self.answered.clone();
        bytes[..6].copy_from_slice(&[2, 0xaa, 0, 0, 0, 0]);
        let tag = self.rng.draw() as u32 >> 1;
        match class {
            "nothing" => return Vec::new(),
            "garbage" => {
                bytes.resize(1514, 0);
                bytes[frame::ERROR..].fill_with(|| self.rng.draw() as u8);
                bytes[frame::MAJOR..frame::MINOR].copy_from_slice(&MAJOR.to_be_bytes());
                bytes[frame::MINOR] = MINOR;
            }
            "stranger" => bytes[6..12].copy_from_slice(&[2, 0xcc, 0, 0, 0, at as u8]),
            "advert" | "address" => {
                bytes = self.target.adverts().remove(0).bytes;
                bytes[10..12].copy_from_slice(&(at as u16).to_be_bytes());
                if class == "address" {
                    bytes[frame::MAJOR..frame::MINOR].copy_from_slice(&(at as u16).to_be_bytes());
                }
                return bytes;
            }
            "error" => bytes[frame::VERSION_FLAGS] |= frame::E_FLAG,
            _ => {}
        }
        if class != "garbage" {
            bytes[frame::TAG..frame::ARGUMENT].copy_from_slice(&tag.to_be_bytes());
        }
        if class == "chopped" {
            let length = at % bytes.len();
            bytes.truncate(length);
        }
        bytes
    }
}

fn build(transmit: &Transmit) -> Vec<u8> {
    let mut bytes = transmit.header[..usize::from(transmit.header_length)].to_vec();
    if let Some(Source::Io(handle)) = transmit.data.map(|span| span.source) {
        bytes.resize(frame::DATA + SECTOR, 0);
        pattern::fill(&mut bytes[frame::DATA..], handle as u32, handle);
    }
    bytes.resize(transmit.frame_length as usize, 0);
    bytes
}
