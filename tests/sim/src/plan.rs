// SPDX-License-Identifier: BSD-2-Clause
//! A scenario, drawn from its seed: links, target, workload, and faults with their
//! times.

use crate::initiator::Settings;
use crate::quirks::{self, Flush, Quirks, Refusal};
use crate::rng::Rng;
use crate::twins::TwinPlan;

pub const MS: u64 = 1_000;
pub const SECOND: u64 = 1_000_000;

/// How frames are treated: chances are out of 10,000, times in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Profile {
    pub loss: u32,
    /// Requests delivered twice, back to back.
    pub duplicate: u32,
    pub answer_duplicate: u32,
    /// Answers that take longer, so that others overtake them.
    pub answer_delay: u32,
    /// Requests that take longer, so that others overtake them: no initiator can
    /// detect the first one on a path.
    pub request_delay: u32,
    pub delay_max: u64,
    /// Answers with a bit flipped in the header.
    pub corrupt: u32,
    /// Answers that are cut off, so that only their first bytes arrive.
    pub chop: u32,
    pub latency: u64,
    pub jitter: u64,
    /// The longest time that the interface holds a frame before it leaves.
    pub nic_hold: u64,
    /// Frames whose mbuf is freed up to two seconds late.
    pub late_sent: u32,
    /// Frames lost because no mbuf could be allocated.
    pub no_mbuf: u32,
    /// Forged frames, per frame that we send.
    pub hostile: u32,
    /// Ticks that come late by up to 20 ms.
    pub late_tick: u32,
    pub service: u64,
    /// Requests that a target works on at once. If more than one, each takes up
    /// to `spread` longer, and they end in any order.
    pub workers: usize,
    pub spread: u64,
}

/// A fault, or the end of one.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    LinkDown(usize),
    LinkUp(usize),
    /// The interface departs, and arrives again.
    Depart(usize),
    Arrive(usize),
    Mtu(usize, u32),
    /// Frames between a link and a port vanish without a trace.
    Cut(usize, usize),
    Mend(usize, usize),
    /// Frames longer than this vanish; `usize::MAX` ends it.
    Hole(usize, usize, usize),
    /// A path gets slower by so many microseconds; 0 ends it.
    Slow(usize, usize, u64),
    /// The target stops serving, but keeps its queue.
    Stop,
    Go,
    Die,
    /// The target restarts with another buffer count and, perhaps, another sector
    /// count and other MACs; a crash loses its write cache.
    Restart {
        buffers: u16,
        sectors: Option<u8>,
        new_macs: bool,
        crash: bool,
    },
    /// The target answers every ATA request with error 3, until false ends it.
    Unavailable(bool),
    /// Another machine, with another disk, answers at the same address.
    Impostor(bool),
    /// Everything is answered twice, as the plan's `twin` describes.
    Twin(bool),
    /// The disk grows by so many blocks, and the target restarts and advertises it.
    Grow(u64),
    /// An administrator asks for a beacon.
    Discover,
    /// Every wire is cut, and the frames on it are lost; `MendAll` ends that.
    CutAll,
    MendAll,
}

/// An outage that begins at one event of a run: its faults, each with its delay
/// after that event in microseconds.
#[derive(Clone, Debug)]
pub struct Outage {
    pub at_event: u64,
    pub faults: Vec<(u64, Fault)>,
}

/// The I/O that the host submits; parts of it in percent.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    pub ops: u32,
    pub depth: u32,
    pub think: u64,
    pub max_sectors: u64,
    /// Percentage of I/Os that go to a few hot sectors.
    pub hot: u64,
    pub reads: u64,
    pub flushes: u64,
    pub deletes: u64,
    pub ordered: u64,
    /// Whether overlapping I/Os, not only reads, may be outstanding together.
    pub overlap: bool,
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub quirks: Quirks,
    /// In blocks of 512 bytes; a sector has 2^`shift` blocks.
    pub size: u64,
    pub shift: u8,
    /// Segment and MTU of each link and port.
    pub links: Vec<(usize, u32)>,
    pub ports: Vec<(usize, u32)>,
    pub settings: Settings,
    pub profile: Profile,
    pub faults: Vec<(u64, Fault)>,
    pub workload: Workload,
    /// The time at which all faults end, in microseconds.
    pub heal_at: u64,
    pub lossy: bool,
    /// I/O errors do not count as failures of the initiator.
    pub errors_allowed: bool,
    pub bad_sector: Option<u64>,
    pub read_only: bool,
    /// There are no faults at all.
    pub clean: bool,
    /// The network never heals, and no write may wait long for a fence.
    pub is_hot: bool,
    /// Reads come first, so that the core sees the order of the target's answers.
    pub is_unordered: bool,
    pub outage: Option<Outage>,
    pub twin: Option<TwinPlan>,
}

impl Plan {
    pub fn draw(seed: u64) -> Plan {
        let mut rng = Rng::new(seed ^ 0x5eed_a0e5_eeda_0e00);
        let clean = rng.chance(800);
        let quirks = rng.pick(&quirks::ALL);
        let mut plan = Plan {
            seed,
            quirks,
            size: rng.pick(&[64, 100, 257, 512, 1000]),
            shift: 0,
            links: Vec::new(),
            ports: Vec::new(),
            settings: draw_settings(&mut rng),
            profile: Profile {
                latency: rng.range(20, 300),
                service: rng.range(1, 10),
                ..Profile::default()
            },
            faults: Vec::new(),
            workload: draw_workload(&mut rng),
            heal_at: 0,
            lossy: quirks.write_cache && rng.chance(3000),
            errors_allowed: false,
            bad_sector: None,
            read_only: false,
            clean,
            is_hot: false,
            is_unordered: false,
            outage: None,
            twin: None,
        };
        plan.draw_topology(&mut rng);
        if !clean {
            plan.draw_profile(&mut rng);
            plan.draw_faults(&mut rng);
            plan.draw_errors(&mut rng);
        }
        plan
    }

    fn draw_topology(&mut self, rng: &mut Rng) {
        let links = rng.pick(&[1, 1, 2, 2, 3]);
        let ports = rng.pick(&[1, 1, 2, 2]);
        let split = rng.chance(5000);
        let mtu = |rng: &mut Rng| rng.pick(&[1500, 1500, 4132, 9000]);
        let common = mtu(rng);
        for at in 0..links {
            let own = if rng.chance(2000) { mtu(rng) } else { common };
            self.links.push((if split { at % 2 } else { 0 }, own));
        }
        for at in 0..ports {
            let least = self.links.iter().map(|link| link.1).min().unwrap_or(1500);
            // Large frames vanish where the MTU of the target's side is smaller.
            let own = if !self.clean && rng.chance(1500) { 1500 } else { least };
            self.ports.push((if split && links > 1 { at % 2 } else { 0 }, own));
        }
    }

    fn draw_profile(&mut self, rng: &mut Rng) {
        let p = &mut self.profile;
        p.loss = rng.pick(&[0, 0, 10, 100, 100, 1000, 3000]);
        p.duplicate = rng.pick(&[0, 0, 100, 1000]);
        p.answer_duplicate = rng.pick(&[0, 0, 100, 1000]);
        p.answer_delay = rng.pick(&[0, 0, 0, 100, 1000]);
        p.request_delay = rng.pick(&[0, 0, 0, 0, 0, 0, 0, 50, 500]);
        p.delay_max = rng.pick(&[MS, 20 * MS, 300 * MS]);
        p.corrupt = rng.pick(&[0, 0, 0, 0, 20, 200]);
        p.chop = rng.pick(&[0, 0, 0, 100]);
        p.jitter = rng.pick(&[0, 10, 200, 5 * MS]);
        p.nic_hold = rng.pick(&[0, 0, 50, 2 * MS]);
        p.late_sent = rng.pick(&[0, 0, 100, 2000]);
        p.no_mbuf = rng.pick(&[0, 0, 0, 100]);
        p.hostile = rng.pick(&[0, 0, 0, 500, 3000]);
        p.late_tick = rng.pick(&[0, 1000]);
        self.errors_allowed |= p.corrupt != 0;
    }

    fn draw_faults(&mut self, rng: &mut Rng) {
        let mut at = rng.range(20 * MS, 500 * MS);
        for _ in 0..rng.pick(&[0, 1, 1, 2, 3, 5]) {
            // Outages of all paths stay well below ghost_wait, which bounds
            // how long a queued copy of a write lives.
            let short = self.settings.ghost_wait_us / 3;
            let long = rng.pick(&[5 * MS, 100 * MS, SECOND, 7 * SECOND, 30 * SECOND]);
            let until = at + rng.range(1, long);
            let soon = at + rng.range(1, short);
            self.draw_fault(rng, at, until, soon);
            at = until.max(at + short) + rng.range(300 * MS, 2 * SECOND);
        }
        self.heal_at = at;
        let outage = self.faults.iter().any(|(_, fault)| !matches!(fault, Fault::Discover));
        self.errors_allowed |= self.settings.maxwait_us != 0 && outage;
    }

    fn draw_fault(&mut self, rng: &mut Rng, at: u64, until: u64, soon: u64) {
        let link = rng.below(self.links.len() as u64) as usize;
        let port = rng.below(self.ports.len() as u64) as usize;
        let mut add = |at, fault| self.faults.push((at, fault));
        match rng.below(14) {
            0 => {
                add(at, Fault::LinkDown(link));
                add(until, Fault::LinkUp(link));
            }
            1 => {
                add(at, Fault::Depart(link));
                add(until, Fault::Arrive(link));
            }
            2 => {
                add(at, Fault::Mtu(link, rng.pick(&[1500, 4132, 9000])));
                add(until, Fault::Mtu(link, self.links[link].1));
            }
            3 => {
                add(at, Fault::Cut(link, port));
                add(until, Fault::Mend(link, port));
            }
            4 => {
                add(at, Fault::Hole(link, port, rng.pick(&[1100, 1600, 4200])));
                add(until, Fault::Hole(link, port, usize::MAX));
            }
            5 => {
                add(at, Fault::Slow(link, port, rng.range(MS, (soon - at).max(MS + 1))));
                add(until, Fault::Slow(link, port, 0));
            }
            6 | 7 => {
                add(at, Fault::Stop);
                add(soon, Fault::Go);
            }
            8 => {
                add(at, Fault::Die);
                let restart = self.draw_restart(rng);
                self.faults.push((until, restart));
            }
            9 => {
                let restart = self.draw_restart(rng);
                self.faults.push((at, restart));
            }
            // Old vblades never report error 3, and would do so without the E flag.
            10 if !self.quirks.no_error_flag => {
                add(at, Fault::Unavailable(true));
                add(until, Fault::Unavailable(false));
            }
            11 if !self.quirks.constant_serial => {
                add(at, Fault::Impostor(true));
                add(until, Fault::Impostor(false));
            }
            12 => add(at, Fault::Grow(rng.pick(&[1, 64]))),
            _ => add(at, Fault::Discover),
        }
    }

    fn draw_restart(&mut self, rng: &mut Rng) -> Fault {
        let sectors = rng.chance(2000).then(|| rng.pick(&[1, 2, 8]));
        // Requests in flight are then too large, which only error 2 shows. One
        // sector is less than the core assumes that every path carries.
        let is_told = matches!(self.quirks.too_many, Refusal::Aoe(2) | Refusal::Both(2, ..));
        let is_plain = is_told && !self.quirks.no_error_flag && sectors != Some(1);
        self.errors_allowed |= sectors.is_some() && !is_plain;
        Fault::Restart {
            buffers: rng.pick(&[1, 2, 16, self.quirks.buffer_count]),
            sectors,
            new_macs: rng.chance(2000),
            crash: self.lossy,
        }
    }

    fn draw_errors(&mut self, rng: &mut Rng) {
        if rng.chance(300) {
            self.bad_sector = Some(rng.below(self.size));
        }
        self.read_only = rng.chance(200);
    }

    /// Turns the plan into a scenario that rewrites a few sectors all the time;
    /// its only fault is 1% loss.
    pub fn hot(mut self) -> Plan {
        self.quirks = quirks::IDEAL;
        (self.lossy, self.read_only, self.bad_sector) = (false, false, None);
        self.faults.clear();
        self.heal_at = 0;
        self.is_hot = true;
        self.clean = false;
        self.errors_allowed = false;
        self.profile = Profile {
            loss: 100,
            jitter: 200,
            latency: self.profile.latency,
            service: self.profile.service,
            ..Profile::default()
        };
        let w = &mut self.workload;
        (w.hot, w.reads, w.flushes, w.deletes, w.ordered) = (100, 10, 0, 0, 0);
        (w.ops, w.think, w.overlap) = (2000, MS, false);
        self
    }

    /// Turns the plan into a scenario with a target that works on several requests
    /// at once and answers them in any order, over a network that keeps the order
    /// of every path.
    pub fn unordered(mut self) -> Plan {
        let mut rng = Rng::new(self.seed ^ 0x0dd0);
        let is_heavy = rng.chance(5000);
        self = self.ordered();
        // One path: the first reads show the core how late its answers may come.
        (self.is_unordered, self.ports) = (true, vec![self.ports[0]]);
        self.links.truncate(1);
        self.links[0].0 = self.ports[0].0;
        self.faults.retain(|(_, fault)| matches!(fault, Fault::Stop | Fault::Go));
        let p = &mut self.profile;
        (p.workers, p.spread) = (rng.pick(&[2, 4, 8, 16]), rng.pick(&[300, MS, 5 * MS, 15 * MS]));
        (p.loss, p.duplicate) = (rng.pick(&[0, 100, 100, 300]), 0);
        (p.answer_delay, p.delay_max) = (rng.pick(&[0, 0, 100]), MS);
        (p.late_tick, p.late_sent) = (0, 0);
        let s = &mut self.settings;
        (s.ghost_wait_us, s.maxout, s.io_slots, s.frame_slots) = (10 * SECOND, 64, 128, 128);
        let w = &mut self.workload;
        (w.depth, w.think, w.hot) = (rng.pick(&[8, 16]), rng.pick(&[0, 50]), 60);
        (w.ops, w.reads, w.max_sectors) = (600, 30, 8);
        if is_heavy {
            // Loss and contention, subject to the limits of a hot scenario.
            self.faults.clear();
            self.heal_at = 0;
            (p.loss, p.answer_delay, w.ops, w.hot) = (100, 0, 2000, 30);
        }
        self.is_hot = is_heavy;
        self
    }

    /// Turns the plan into a scenario whose target loses power, and with it its
    /// write cache, again and again while it is written to.
    pub fn crashing(mut self) -> Plan {
        let mut rng = Rng::new(self.seed ^ 0xc4a5);
        self.quirks = quirks::Quirks { trims: rng.chance(3000), ..quirks::IDEAL };
        (self.lossy, self.read_only, self.bad_sector) = (true, false, None);
        (self.clean, self.errors_allowed) = (false, false);
        self.settings.maxwait_us = 0;
        self.profile.corrupt = 0;
        self.faults.clear();
        let mut at = rng.range(5 * MS, 50 * MS);
        for _ in 0..rng.range(1, 12) {
            let off = rng.pick(&[1, MS, 300 * MS, 3 * SECOND]);
            let restart = Fault::Restart {
                buffers: self.quirks.buffer_count,
                sectors: None,
                new_macs: rng.chance(1000),
                crash: true,
            };
            self.faults.push((at, Fault::Die));
            self.faults.push((at + off, restart));
            at += off + rng.range(1, 200 * MS);
        }
        self.heal_at = at;
        let w = &mut self.workload;
        (w.ops, w.think) = (400, rng.pick(&[0, 50, 2 * MS]));
        (w.reads, w.flushes, w.ordered) = (20, rng.pick(&[1, 5, 20]), rng.pick(&[0, 3]));
        (w.hot, w.max_sectors) = (rng.pick(&[0, 50, 90]), w.max_sectors.min(16));
        self
    }

    /// Turns the plan into a scenario with a good network and hundreds of I/Os in
    /// flight. At event `at_event` of the run, one of several outages begins.
    pub fn outage(mut self, at_event: Option<u64>) -> Plan {
        let mut rng = Rng::new(self.seed ^ 0x0a7a_6e00);
        self.quirks = quirks::Quirks { buffer_count: 64, ..quirks::IDEAL };
        (self.lossy, self.read_only, self.bad_sector) = (false, false, None);
        (self.clean, self.errors_allowed) = (false, false);
        self.faults.clear();
        self.heal_at = 0;
        self.size = 512;
        let (latency, service) = (self.profile.latency, self.profile.service);
        self.profile = Profile { latency, service, jitter: 50, ..Profile::default() };
        let s = &mut self.settings;
        (s.io_slots, s.frame_slots, s.copy_slots) = (128, 128, 512);
        (s.maxout, s.strict_src, s.ghost_wait_us) = (64, false, 3 * SECOND);
        s.maxwait_us = if rng.chance(2500) { 2 * SECOND } else { 0 };
        let w = &mut self.workload;
        (w.ops, w.depth, w.think, w.max_sectors, w.hot) = (360, 300, 0, 6, 20);
        (w.reads, w.flushes, w.deletes, w.ordered, w.overlap) = (35, 2, 2, 1, true);
        // With a limit on how long I/O waits, some of it may fail.
        self.errors_allowed = self.settings.maxwait_us != 0;
        if let Some(at_event) = at_event {
            let faults = self.draw_outage(at_event.wrapping_add(self.seed));
            self.outage = Some(Outage { at_event, faults });
        }
        self
    }

    fn draw_outage(&self, which: u64) -> Vec<(u64, Fault)> {
        let links = 0..self.links.len();
        let restart = |buffers, sectors, new_macs| Fault::Restart {
            buffers,
            sectors,
            new_macs,
            crash: false,
        };
        match which % 9 {
            0 => vec![(0, Fault::CutAll), (30 * MS, Fault::MendAll)],
            1 => vec![(0, Fault::CutAll), (2500 * MS, Fault::MendAll)],
            2 => vec![(0, Fault::CutAll), (9 * SECOND, Fault::MendAll)],
            3 => vec![(0, Fault::Stop), (900 * MS, Fault::Go)],
            4 => vec![(0, Fault::Die), (3 * SECOND, restart(1, None, false))],
            5 => vec![(0, Fault::Die), (7 * SECOND, restart(16, Some(2), true))],
            6 => vec![(0, restart(16, None, false))],
            7 => {
                let down = links.clone().map(|link| (0, Fault::LinkDown(link)));
                down.chain(links.map(|link| (6 * SECOND, Fault::LinkUp(link)))).collect()
            }
            _ => {
                let go = links.clone().map(|link| (0, Fault::Depart(link)));
                go.chain(links.map(|link| (SECOND, Fault::Arrive(link)))).collect()
            }
        }
    }

    /// Restricts the scenario to a network that keeps the order of every path, and
    /// to I/O that an initiator without flushes and large frames can do.
    pub fn ordered(mut self) -> Plan {
        self.quirks = quirks::IDEAL;
        self.lossy = false;
        self.read_only = false;
        self.bad_sector = None;
        (self.workload.flushes, self.workload.deletes, self.workload.ordered) = (0, 0, 0);
        self.workload.overlap = false;
        self.workload.max_sectors = self.workload.max_sectors.min(8);
        let p = &mut self.profile;
        (p.request_delay, p.corrupt, p.chop, p.hostile) = (0, 0, 0, 0);
        let harmless = |fault: &Fault| {
            matches!(
                fault,
                Fault::Slow(..) | Fault::Stop | Fault::Go | Fault::Cut(..) | Fault::Mend(..)
            )
        };
        self.faults.retain(|(_, fault)| harmless(fault));
        self.clean = false;
        self
    }

    /// Returns whether no frame is ever lost: there are no faults, one link alone
    /// uses a port's buffers, and these leave room for management requests.
    pub fn is_lossless(&self) -> bool {
        self.clean
            && self.links.len() == 1
            && !self.quirks.redirects
            && u32::from(self.quirks.buffer_count) > self.settings.maxout
    }

    /// Returns whether only broadcast queries may find a queue full, however many
    /// of our interfaces send to one port.
    pub fn keeps_queues(&self) -> bool {
        self.clean && !self.quirks.redirects
    }

    pub fn promises_flush(&self) -> bool {
        self.quirks.word_83 & 0xc000 == 0x4000 && self.quirks.word_83 & 0x3000 != 0
    }

    /// Returns whether the target may refuse a flush although it announces it.
    pub fn lies_about_flush(&self) -> bool {
        let refused = |flush| matches!(flush, Flush::Refused(_));
        self.quirks.zero_count_refused
            || refused(self.quirks.flush)
            || refused(self.quirks.flush_ext)
            || self.quirks.unknown_ata == Refusal::Silence
    }
}

fn draw_settings(rng: &mut Rng) -> Settings {
    Settings {
        maxwait_us: rng.pick(&[0, 0, 180 * SECOND, 180 * SECOND, 10 * SECOND]),
        ghost_wait_us: rng.pick(&[10 * SECOND, 10 * SECOND, 3 * SECOND]),
        maxout: rng.pick(&[1, 8, 64, 1024]),
        policy: rng.below(3) as u32,
        strict_src: rng.chance(1000),
        io_slots: rng.pick(&[4, 32, 128]),
        frame_slots: rng.pick(&[8, 64, 128]),
        copy_slots: rng.pick(&[64, 256, 512]),
    }
}

fn draw_workload(rng: &mut Rng) -> Workload {
    Workload {
        ops: rng.pick(&[20, 60, 60, 150]) as u32,
        depth: rng.pick(&[1, 2, 8, 32]),
        think: rng.pick(&[0, 0, 50, MS, 30 * MS]),
        max_sectors: rng.pick(&[1, 8, 16, 64]),
        hot: rng.pick(&[0, 30, 80]),
        reads: rng.pick(&[20, 50, 80]),
        flushes: rng.pick(&[0, 2, 10]),
        deletes: rng.pick(&[0, 0, 5]),
        ordered: rng.pick(&[0, 0, 3]),
        overlap: rng.chance(5000),
    }
}
