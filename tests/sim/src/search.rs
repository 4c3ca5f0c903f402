// SPDX-License-Identifier: BSD-2-Clause
//! Tries every order of events in a small world: two writes and a read of the
//! same sector, two paths, and up to three copies of each frame.
//!
//! The search is depth first. A state is the core's memory, which is saved and
//! restored, and the small world around the core. A state that was seen before
//! is not explored again. As invariant 4 assumes, requests keep their order on a
//! path, duplicates made by the network arrive together, and a request expires
//! `ghost_wait` after its mbuf was freed. Answers arrive in any order, and
//! arbitrarily late. Time passes only from one deadline of the core to the next.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasherDefault, Hash, Hasher};

use aoe_core::output::{Output, Source, Transmit};
use xxhash_rust::xxh3::Xxh3;

use crate::core::Core;
use crate::frame::{self, Packet};
use crate::initiator::{Initiator, Kind, LinkState, Submission};
use crate::pattern::{self, SECTOR};
use crate::plan::{Plan, SECOND};
use crate::quirks;
use crate::rng::Rng;
use crate::target::Target;

const LINKS: usize = 2;
const COPIES: u8 = 3;
const MTU: u32 = 1500;
/// The sector of all I/Os; a fence reads sector 0.
const LBA: u64 = 5;
/// Number of steps within which all I/Os end once there are no more faults.
const PATIENCE: u32 = 2000;

/// The I/Os, in the order of their handles: a write, a newer one, a read.
const OPS: [Kind; 3] = [Kind::Write, Kind::Write, Kind::Read];

/// Limits of the search.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Number of I/Os: 2 are the two writes, 3 adds the read.
    pub ops: usize,
    /// Number of the core's deadlines that pass.
    pub ticks: u8,
    /// Number of copies that the network adds to frames of either direction.
    pub doubles: u8,
    /// Number of frames of either direction that it loses.
    pub losses: u8,
    /// Whether mbufs may be freed late; otherwise they are freed at once.
    pub late_sent: bool,
    pub ghost_wait_us: u64,
    /// The search fails above this number of states.
    pub states: usize,
}

/// Totals of a search.
#[derive(Clone, Copy, Debug, Default)]
pub struct Found {
    pub states: usize,
    pub transitions: u64,
    pub deepest: usize,
    /// Number of states from which all I/Os were run to their end.
    pub endings: u64,
}

/// An event that may happen next.
#[derive(Clone, Copy, Debug)]
enum Step {
    Submit(usize),
    /// The oldest request on a wire is served, `copies` times.
    Deliver {
        link: usize,
        copies: u8,
    },
    Drop(usize),
    /// An answer arrives; `keep` leaves a copy in flight.
    Take {
        at: usize,
        keep: bool,
    },
    Lose(usize),
    /// All mbufs are freed.
    Sent,
    Tick,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Progress {
    New,
    /// Submitted. The bit map has the writes that a read may return.
    Open(u8),
    Done,
}

#[derive(Clone, Debug, Hash)]
struct Request {
    bytes: Vec<u8>,
    op: Option<u32>,
    token: u32,
    /// When its mbuf was freed.
    sent: Option<u64>,
}

/// The world around the core.
#[derive(Clone, Debug, Hash)]
struct Around {
    now: u64,
    wires: [VecDeque<Request>; LINKS],
    /// Link, bytes, copies so far.
    answers: Vec<(usize, Vec<u8>, u8)>,
    unsent: Vec<u32>,
    progress: [Progress; OPS.len()],
    /// The sector's contents: 0, or the number of a write.
    held: u32,
    executed: u8,
    /// The value that was copied to the read's memory last.
    read: Option<u32>,
    ticks: u8,
    doubles: u8,
    losses: u8,
    is_up: bool,
}

pub struct Search {
    bounds: Bounds,
    core: Core,
    target: Target,
    around: Around,
    rng: Rng,
    seen: HashSet<u128, BuildHasherDefault<Identity>>,
    found: Found,
    /// The steps that led to the current state, to replay a failure.
    trail: Vec<Step>,
    trace: bool,
}

/// A hasher for keys that are hashes already.
#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        let low = bytes.first_chunk().map_or(0, |low| u64::from_le_bytes(*low));
        self.0 ^= low;
    }
}

/// A state between the first and the current one, and the steps that are yet to
/// be tried from it.
struct Level {
    memory: Vec<u8>,
    around: Around,
    steps: Vec<Step>,
}

impl Search {
    /// Creates the small world, with its disk found on both paths.
    pub fn new(bounds: Bounds) -> Result<Search, String> {
        let mut plan = Plan::draw(1);
        plan.quirks = quirks::Quirks { trims: false, ..quirks::IDEAL };
        plan.size = 64;
        plan.ports = vec![(0, MTU)];
        (plan.bad_sector, plan.read_only, plan.lossy) = (None, false, false);
        plan.settings.maxwait_us = 0;
        plan.settings.ghost_wait_us = bounds.ghost_wait_us;
        plan.settings.strict_src = false;
        (plan.settings.maxout, plan.settings.policy) = (8, 1);
        let settings = &mut plan.settings;
        (settings.io_slots, settings.frame_slots, settings.copy_slots) = (4, 8, 16);
        let around = Around {
            now: 0,
            wires: Default::default(),
            answers: Vec::new(),
            unsent: Vec::new(),
            progress: [Progress::New; OPS.len()],
            held: 0,
            executed: 0,
            read: None,
            ticks: bounds.ticks,
            doubles: bounds.doubles,
            losses: bounds.losses,
            is_up: false,
        };
        let mut search = Search {
            bounds,
            core: Core::new(&plan.settings, Rng::new(1)),
            target: Target::of_plan(&plan, 0),
            around,
            rng: Rng::new(2),
            seen: HashSet::default(),
            found: Found::default(),
            trail: Vec::new(),
            trace: false,
        };
        search.find_disk()?;
        Ok(search)
    }

    fn find_disk(&mut self) -> Result<(), String> {
        for link in 0..LINKS {
            let mac = mac(link);
            self.core.link(0, link as u8, LinkState { mac, mtu: MTU, up: true, present: true });
        }
        self.core.discover(0);
        self.drain()?;
        while self.pass_on()? {}
        // Otherwise the early repetitions of the beacon would be steps of the search.
        while self.around.now < 31 * SECOND {
            self.tick();
            self.drain()?;
            while self.pass_on()? {}
        }
        if !self.around.is_up || self.core.paths().len() != LINKS {
            return Err("the disk was not found on both paths".to_string());
        }
        self.around.unsent.clear();
        Ok(())
    }

    /// Visits every state within the bounds, up to the first violation of an invariant.
    pub fn run(mut self) -> Result<Found, String> {
        let first = self.level();
        let mut levels = vec![self.level()];
        while let Some(level) = levels.last_mut() {
            let Some(step) = level.steps.pop() else {
                levels.pop();
                self.trail.pop();
                continue;
            };
            self.core.restore(&level.memory);
            self.around.clone_from(&level.around);
            self.found.transitions += 1;
            self.trail.push(step);
            if let Err(error) = self.apply(step) {
                return Err(self.replay(&first, error));
            }
            let level = self.level();
            let state = self.fingerprint(&level.memory);
            if !self.seen.insert(state) {
                self.trail.pop();
                continue;
            }
            if self.seen.len() > self.bounds.states {
                return Err(format!("more than {} states", self.bounds.states));
            }
            self.found.deepest = self.found.deepest.max(levels.len());
            if state % 61 == 0 || level.steps.is_empty() {
                if let Err(error) = self.end() {
                    return Err(self.replay(&first, error));
                }
                self.found.endings += 1;
            }
            levels.push(level);
        }
        self.found.states = self.seen.len();
        Ok(self.found)
    }

    /// Repeats the steps that led to an error, and prints them.
    fn replay(&mut self, first: &Level, error: String) -> String {
        self.trace = true;
        self.core.restore(&first.memory);
        self.around.clone_from(&first.around);
        for step in self.trail.clone() {
            println!("{:>9} {step:?}", self.around.now);
            if let Err(again) = self.apply(step) {
                return format!("{error} (and again: {again})");
            }
        }
        match self.end() {
            Ok(()) => error,
            Err(again) => format!("{error} (and again, at the end: {again})"),
        }
    }

    fn level(&self) -> Level {
        let mut memory = Vec::new();
        self.core.save(&mut memory);
        Level { memory, around: self.around.clone(), steps: self.steps() }
    }

    fn fingerprint(&self, memory: &[u8]) -> u128 {
        let mut hasher = Xxh3::new();
        hasher.update(memory);
        self.around.hash(&mut hasher);
        hasher.digest128()
    }

    /// Returns all steps that are possible now.
    fn steps(&self) -> Vec<Step> {
        let around = &self.around;
        let (doubles, losses) = (around.doubles != 0, around.losses != 0);
        let mut steps = Vec::new();
        if around.ticks != 0 && self.core.deadline().is_some() {
            steps.push(Step::Tick);
        }
        if !around.unsent.is_empty() {
            steps.push(Step::Sent);
        }
        for at in 0..around.answers.len() {
            steps.push(Step::Take { at, keep: false });
            if doubles && around.answers[at].2 < COPIES {
                steps.push(Step::Take { at, keep: true });
            }
            if losses {
                steps.push(Step::Lose(at));
            }
        }
        for link in 0..LINKS {
            if around.wires[link].is_empty() {
                continue;
            }
            let most = COPIES.min(1 + around.doubles);
            steps.extend((1..=most).map(|copies| Step::Deliver { link, copies }));
            if losses {
                steps.push(Step::Drop(link));
            }
        }
        // The second write and the read may come before the first write has ended.
        let first = around.progress[0] != Progress::New;
        let next = |op: &usize| around.progress[*op] == Progress::New && (*op == 0 || first);
        steps.extend((0..self.bounds.ops).filter(next).map(Step::Submit));
        steps
    }

    fn apply(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Submit(op) => self.submit(op)?,
            Step::Deliver { link, copies } => {
                self.around.doubles -= copies - 1;
                self.deliver(link, copies)?;
            }
            Step::Drop(link) => {
                self.around.losses -= 1;
                self.around.wires[link].pop_front();
            }
            Step::Take { at, keep } => {
                self.around.doubles -= u8::from(keep);
                self.take(at, keep)?;
            }
            Step::Lose(at) => {
                self.around.losses -= 1;
                self.around.answers.remove(at);
            }
            Step::Sent => self.send_back(),
            Step::Tick => {
                self.around.ticks -= 1;
                self.tick();
            }
        }
        self.drain()
    }

    fn submit(&mut self, op: usize) -> Result<(), String> {
        self.around.progress[op] = Progress::Open(1 << self.around.held);
        let handle = op as u64 + 1;
        let io = Submission { handle, kind: OPS[op], lba: LBA, sectors: 1, ordered: false };
        self.core.submit(self.around.now, io).map_err(|refused| format!("{refused:?}"))
    }

    fn tick(&mut self) {
        let around = &mut self.around;
        around.now = around.now.max(self.core.deadline().unwrap_or(0));
        let (now, wait) = (around.now, self.bounds.ghost_wait_us);
        for wire in &mut around.wires {
            wire.retain(|request| request.sent.is_none_or(|sent| sent + wait > now));
        }
        self.core.tick(now);
    }

    fn send_back(&mut self) {
        let now = self.around.now;
        for request in self.around.wires.iter_mut().flatten() {
            request.sent.get_or_insert(now);
        }
        for token in self.around.unsent.drain(..) {
            self.core.sent(now, token);
        }
    }

    fn deliver(&mut self, link: usize, copies: u8) -> Result<(), String> {
        let Some(request) = self.around.wires[link].pop_front() else { return Ok(()) };
        let packet = Packet { bytes: request.bytes, op: request.op, serial: 0, overtaken: false };
        let (mut replies, mut log) = (Vec::new(), Vec::new());
        self.target.disk.now[LBA as usize] = self.around.held;
        for _ in 0..copies {
            self.target.enqueue(0, packet.clone());
            self.target.serve(0, &mut self.rng, &mut replies, &mut log)?;
        }
        for done in log {
            self.executed(done.op)?;
        }
        self.around.answers.extend(replies.into_iter().map(|reply| (link, reply.bytes, 1)));
        Ok(())
    }

    /// Records that a copy of a write took effect. The first write is older than the
    /// second, unless both were outstanding together: then the core decides the order.
    /// Once the other write has followed, a write must not take effect again.
    fn executed(&mut self, op: u32) -> Result<(), String> {
        let around = &mut self.around;
        let bit = 1 << op;
        if around.held != op && around.executed & bit != 0 {
            return Err(format!("lost update: write {op} came again over {}", around.held));
        }
        if op == 1 && around.held == 2 && around.progress[0] == Progress::Done {
            return Err("lost update: write 1 came first behind write 2".to_string());
        }
        around.executed |= bit;
        around.held = op;
        if let Progress::Open(seen) = &mut around.progress[2] {
            *seen |= bit;
        }
        Ok(())
    }

    fn take(&mut self, at: usize, keep: bool) -> Result<(), String> {
        let (link, bytes, _) = match keep {
            true => {
                self.around.answers[at].2 += 1;
                self.around.answers[at].clone()
            }
            false => self.around.answers.remove(at),
        };
        let Some(copy) = self.core.rx(self.around.now, link as u8, &bytes) else { return Ok(()) };
        if copy.handle != 3 || copy.offset != 0 || copy.length != SECTOR {
            return Err(format!("data for nobody: {copy:?}"));
        }
        let data = &bytes[copy.frame_offset..copy.frame_offset + copy.length];
        self.around.read = Some(pattern::read(data, LBA)?);
        Ok(())
    }

    fn drain(&mut self) -> Result<(), String> {
        for _ in 0..1000 {
            let Some(output) = self.core.poll(self.around.now) else { return Ok(()) };
            match output {
                Output::Transmit(transmit) => self.transmit(&transmit)?,
                Output::Complete { io, result } => {
                    result.map_err(|error| format!("I/O {} failed: {error:?}", io.0))?;
                    self.complete(io.0)?;
                }
                Output::Up { .. } => {
                    self.around.is_up = true;
                    self.core.open(self.around.now);
                }
                Output::Gone => return Err("the disk went away".to_string()),
                Output::ControlDone { .. } => return Err("an answer to no command".to_string()),
                Output::Event { .. }
                | Output::Absent { .. }
                | Output::Idle
                | Output::Resized { .. }
                | Output::Resumed
                | Output::Retaste
                | Output::Suspended => {}
            }
        }
        Err("one input has no end of outputs".to_string())
    }

    fn complete(&mut self, handle: u64) -> Result<(), String> {
        let around = &mut self.around;
        let op = handle as usize - 1;
        let Progress::Open(seen) = around.progress[op] else {
            return Err(format!("I/O {handle} completed, which is not under way"));
        };
        around.progress[op] = Progress::Done;
        match OPS[op] {
            Kind::Write if around.executed & 1 << handle == 0 => {
                Err(format!("write {handle} was acknowledged before the target had it"))
            }
            Kind::Read if around.read.is_none_or(|value| seen & 1 << value == 0) => {
                Err(format!("the read returned {:?} of {seen:#b}", around.read))
            }
            _ => Ok(()),
        }
    }

    fn transmit(&mut self, transmit: &Transmit) -> Result<(), String> {
        let mut bytes = transmit.header[..usize::from(transmit.header_length)].to_vec();
        let mut op = None;
        if let Some(Source::Io(handle)) = transmit.data.map(|span| span.source) {
            if !matches!(self.around.progress[handle as usize - 1], Progress::Open(_)) {
                return Err(format!("a frame carries data of I/O {handle}, which is not live"));
            }
            bytes.resize(frame::DATA + SECTOR, 0);
            pattern::fill(&mut bytes[frame::DATA..], handle as u32, LBA);
            op = Some(handle as u32);
        }
        bytes.resize(transmit.frame_length as usize, 0);
        if self.trace {
            let link = transmit.link.0;
            println!("{:>9} link {link} op {op:?} {}", self.around.now, frame::describe(&bytes));
        }
        let (token, link) = (transmit.copy, usize::from(transmit.link.0));
        self.around.wires[link].push_back(Request { bytes, op, token, sent: None });
        if token == 0 {
            return Ok(());
        }
        self.around.unsent.push(token);
        if !self.bounds.late_sent {
            self.send_back();
        }
        Ok(())
    }

    /// Frees the mbufs, or delivers the next request or answer in flight; returns
    /// false if there is none.
    fn pass_on(&mut self) -> Result<bool, String> {
        if !self.around.unsent.is_empty() {
            self.send_back();
        } else if let Some(link) = (0..LINKS).find(|&link| !self.around.wires[link].is_empty()) {
            self.deliver(link, 1)?;
        } else if !self.around.answers.is_empty() {
            self.take(0, false)?;
        } else {
            return Ok(false);
        }
        self.drain()?;
        Ok(true)
    }

    /// Submits the remaining I/Os and continues without faults: all I/Os must end
    /// within a minute and `PATIENCE` steps.
    fn end(&mut self) -> Result<(), String> {
        for op in 0..self.bounds.ops {
            if self.around.progress[op] == Progress::New {
                self.submit(op)?;
                self.drain()?;
            }
        }
        let limit = self.around.now + 60 * SECOND;
        for _ in 0..PATIENCE {
            while self.pass_on()? {}
            if self.around.progress[..self.bounds.ops]
                .iter()
                .all(|&progress| progress == Progress::Done)
            {
                return Ok(());
            }
            if self.core.deadline().is_none() || self.around.now > limit {
                break;
            }
            self.tick();
            self.drain()?;
        }
        Err(format!("hangs at {:?}", self.around.progress))
    }
}

fn mac(link: usize) -> [u8; 6] {
    [2, 0xaa, 0, 0, 0, link as u8]
}
