// SPDX-License-Identifier: BSD-2-Clause
//! Runs a scenario in virtual time: handles its events in order, and checks
//! every invariant after each.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use aoe_core::output::{Output, Transmit};

use crate::copies::Copies;
use crate::dumping::Dumping;
use crate::frame::{self, Packet};
use crate::host::Host;
use crate::hostile::Hostile;
use crate::initiator::{Counters, Initiator, Refused};
use crate::network::Network;
use crate::plan::{Fault, MS, Plan, SECOND};
use crate::rng::Rng;
use crate::shim;
use crate::target::Target;
use crate::twins::Twins;

/// After the last fault, all I/O ends within this time.
const PATIENCE: u64 = 400 * SECOND;
/// More inputs than this at one instant are considered an endless loop.
const INPUTS_PER_INSTANT: u64 = 20_000;

/// Limits of hot scenarios: a write's average wait for a fence, and the
/// duration of an I/O. Round trips are below a millisecond; a lost fence costs
/// a retransmission or two.
const GUARD_WAIT: u64 = 100 * MS;
const LONGEST_WAIT: u64 = 3 * SECOND;
/// The same limits where targets answer out of order, by 15 ms at most, and up
/// to 16 I/Os contend for four sectors.
const GUARD_WAIT_UNORDERED: u64 = 200 * MS;
const LONGEST_WAIT_UNORDERED: u64 = 2 * SECOND;
/// The average is taken over at least this many waits, since a single one may be
/// long: if the window is one frame, and that frame is lost twice on a path
/// without a round-trip time, a fence is held up for 0.4 s.
const WAITS: u64 = 8;

pub(crate) enum Event {
    /// A frame reaches a port of a target.
    Arrive {
        target: usize,
        link: usize,
        port: usize,
        packet: Packet,
    },
    /// A frame reaches a link.
    Deliver {
        link: usize,
        bytes: Vec<u8>,
    },
    /// The mbuf of a copy was freed.
    Sent {
        copy: u32,
    },
    Serve {
        target: usize,
        port: usize,
    },
    /// A worker of a target has finished a request.
    Finish {
        target: usize,
        port: usize,
        packets: Vec<Packet>,
    },
    Wake,
    /// The lifecycle thread runs.
    Look,
    Fault(Fault),
    /// The provider exists: open it and begin the I/O.
    Open,
    Work,
    Heal,
    /// If the disk is still missing, a beacon is sent again.
    Ask,
}

/// Totals of one or more scenarios.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    pub frames: u64,
    pub lost_updates_excused: u64,
    pub completed: u64,
    pub failed: u64,
    pub longest_wait: u64,
    /// The longest time until two disks at one address were detected.
    pub twin_seen: u64,
    /// Blocks of crash dumps that were acknowledged.
    pub dumped: u64,
    pub virtual_time: u64,
    pub events: u64,
    pub counters: Counters,
}

pub struct World<'p, I> {
    pub(crate) plan: &'p Plan,
    pub(crate) initiator: I,
    pub(crate) host: Host,
    pub(crate) network: Network,
    pub(crate) targets: Vec<Target>,
    pub(crate) serving: Vec<Vec<bool>>,
    pub(crate) copies: Option<Copies>,
    pub(crate) twins: Twins,
    pub(crate) hostile: Hostile,
    pub(crate) rng: Rng,
    pub(crate) now: u64,
    pub(crate) queue: BinaryHeap<Reverse<(u64, u64, usize)>>,
    pub(crate) events: Vec<Option<Event>>,
    pub(crate) free: Vec<usize>,
    pub(crate) count: u64,
    pub(crate) wake_at: Option<u64>,
    pub(crate) is_look_due: bool,
    /// Only the disk's lifecycle is checked.
    pub(crate) is_living: bool,
    pub(crate) is_open: bool,
    pub(crate) is_healed: bool,
    pub(crate) is_up: bool,
    pub(crate) is_gone: bool,
    pub(crate) is_closing: bool,
    /// The size in blocks that the core reported last, and whether the target's
    /// disk has grown.
    pub(crate) size: u64,
    pub(crate) has_grown: bool,
    pub(crate) at_this_instant: u64,
    pub(crate) handled: u64,
    pub(crate) summary: Summary,
    /// The dump of a kernel that has panicked.
    pub(crate) dumping: Option<Dumping>,
    pub trace: bool,
}

impl Summary {
    /// Adds another scenario's totals.
    pub fn add(&mut self, other: &Summary) {
        self.frames += other.frames;
        self.lost_updates_excused += other.lost_updates_excused;
        self.completed += other.completed;
        self.failed += other.failed;
        self.longest_wait = self.longest_wait.max(other.longest_wait);
        self.twin_seen = self.twin_seen.max(other.twin_seen);
        self.dumped += other.dumped;
        self.virtual_time += other.virtual_time;
        self.events += other.events;
        let (sum, one) = (&mut self.counters, &other.counters);
        sum.sent += one.sent;
        sum.retransmitted += one.retransmitted;
        sum.fences += one.fences;
        sum.guard_waits += one.guard_waits;
        sum.guard_wait_us += one.guard_wait_us;
    }
}

impl<'p, I: Initiator> World<'p, I> {
    pub fn new(plan: &'p Plan, initiator: I, guarded: bool) -> Self {
        let mut rng = Rng::new(plan.seed);
        let ports = plan.ports.len();
        let targets: Vec<Target> = (0..2).map(|which| Target::of_plan(plan, which)).collect();
        let network_ports = 2 * ports;
        World {
            plan,
            initiator,
            host: Host::new(plan, rng.fork()),
            network: Network::new(&plan.links, network_ports, plan.profile, rng.fork()),
            serving: vec![vec![false; ports]; targets.len()],
            targets,
            copies: guarded.then(|| Copies::new(plan.settings.ghost_wait_us, plan.shift)),
            twins: Twins::default(),
            hostile: Hostile::new(rng.fork()),
            rng,
            now: 0,
            queue: BinaryHeap::new(),
            events: Vec::new(),
            free: Vec::new(),
            count: 0,
            wake_at: None,
            is_look_due: false,
            is_living: false,
            is_open: false,
            is_healed: false,
            is_up: false,
            is_gone: false,
            is_closing: false,
            size: 0,
            has_grown: false,
            at_this_instant: 0,
            handled: 0,
            summary: Summary::default(),
            dumping: None,
            trace: false,
        }
    }

    /// Runs to the end, or to the first violation of an invariant.
    pub fn run(mut self) -> Result<Summary, String> {
        let result = self.run_inner();
        let summary = self.finish();
        match result {
            Ok(()) => Ok(summary),
            Err(error) => Err(format!("at {} us: {error}", self.now)),
        }
    }

    pub(crate) fn finish(&mut self) -> Summary {
        self.summary.lost_updates_excused = self.host.reference.excused;
        self.summary.completed = self.host.completed;
        self.summary.failed = self.host.failed;
        self.summary.longest_wait = self.host.longest_wait;
        self.summary.virtual_time = self.now;
        self.summary.events = self.handled;
        self.summary.twin_seen = self.twins.longest;
        self.summary.counters = self.initiator.counters(self.now);
        self.summary
    }

    fn run_inner(&mut self) -> Result<(), String> {
        self.begin()?;
        let end = self.plan.heal_at + PATIENCE;
        while self.go_on(end)? {
            if self.is_over() {
                self.initiator.close(self.now);
                self.drain()?;
                return self.at_end();
            }
        }
        Err(format!(
            "hangs: {} I/Os outstanding {:?} after the last fault ({}), {}",
            self.host.outstanding(),
            end - self.plan.heal_at,
            self.host.describe(),
            if self.is_up { "disk up" } else { "disk never came up" },
        ))
    }

    fn begin(&mut self) -> Result<(), String> {
        for link in 0..self.plan.links.len() {
            self.tell_link(link);
        }
        for (at, fault) in &self.plan.faults {
            self.schedule(*at, Event::Fault(*fault));
        }
        self.schedule(self.plan.heal_at, Event::Heal);
        self.ask();
        self.after_input()
    }

    /// Handles the next event; returns false if none is due by `end`.
    pub(crate) fn go_on(&mut self, end: u64) -> Result<bool, String> {
        let before = self.now;
        let Some(event) = self.next_before(end) else { return Ok(false) };
        self.at_this_instant = if before == self.now { self.at_this_instant + 1 } else { 0 };
        if self.at_this_instant > INPUTS_PER_INSTANT {
            return Err("time stands still".to_string());
        }
        self.handled += 1;
        self.begin_outage()?;
        self.handle(event)?;
        Ok(true)
    }

    /// Takes the next event if it is due by `end`, and advances the time to it.
    pub(crate) fn next_before(&mut self, end: u64) -> Option<Event> {
        while let Some(&Reverse((at, _, slot))) = self.queue.peek()
            && at <= end
        {
            self.queue.pop();
            let Some(event) = self.events[slot].take() else { continue };
            self.free.push(slot);
            self.now = at;
            return Some(event);
        }
        None
    }

    /// Runs until the disk is up and `events` events have followed; returns false
    /// if the scenario ends earlier.
    pub(crate) fn run_until_up(&mut self, events: u64) -> Result<bool, String> {
        self.begin()?;
        let end = self.plan.heal_at + PATIENCE;
        let mut left = events;
        while left != 0 && self.go_on(end)? {
            if self.is_over() {
                return Ok(false);
            }
            left -= u64::from(self.is_up);
        }
        Ok(left == 0)
    }

    fn is_over(&self) -> bool {
        let is_whole = !self.has_grown || self.size == self.targets[0].disk.now.len() as u64;
        self.is_healed
            && (is_whole && self.host.has_audited(self.plan)
                || self.is_gone && self.host.outstanding() == 0)
    }

    /// Checks what must hold at the end of a scenario.
    fn at_end(&mut self) -> Result<(), String> {
        if self.is_gone && !self.plan.errors_allowed {
            return Err("the disk went away for no reason".to_string());
        }
        let counters = self.initiator.counters(self.now);
        if counters.active != 0 {
            return Err(format!("{} I/Os left in the core", counters.active));
        }
        let (guard_wait, longest_wait) = match self.plan.is_unordered {
            true => (GUARD_WAIT_UNORDERED, LONGEST_WAIT_UNORDERED),
            false => (GUARD_WAIT, LONGEST_WAIT),
        };
        let (waits, waited) = (counters.guard_waits, counters.guard_wait_us);
        if self.plan.is_hot && is_long(waits, waited, guard_wait) {
            return Err(format!("{waits} writes waited for fences {waited} us in sum"));
        }
        if self.plan.is_hot && self.host.longest_wait > longest_wait {
            return Err(format!("an I/O took {} us", self.host.longest_wait));
        }
        let overflows: u64 = self.targets.iter().map(|target| target.overflows).sum();
        let queries: u64 = self.targets.iter().map(|target| target.queries).sum();
        if self.plan.keeps_queues() && overflows > queries {
            return Err(format!("{overflows} frames found a queue full, beside {queries} queries"));
        }
        if self.plan.is_lossless() {
            let again = counters.retransmitted;
            if overflows != 0 || again != 0 {
                return Err(format!("a clean run lost {overflows} frames and sent {again} again"));
            }
        }
        Ok(())
    }

    pub(crate) fn schedule(&mut self, at: u64, event: Event) {
        let at = at.max(self.now);
        let slot = match self.free.pop() {
            Some(slot) => {
                self.events[slot] = Some(event);
                slot
            }
            None => {
                self.events.push(Some(event));
                self.events.len() - 1
            }
        };
        self.count += 1;
        self.queue.push(Reverse((at, self.count, slot)));
    }

    pub(crate) fn handle(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Arrive { target, link, port, packet } => {
                self.arrive(target, link, port, packet);
                return Ok(());
            }
            Event::Serve { target, port } => return self.serve(target, port),
            Event::Finish { target, port, packets } => return self.end_work(target, port, packets),
            Event::Deliver { link, bytes } => {
                if !self.network.links[link].present || !self.network.links[link].up {
                    return Ok(());
                }
                self.deliver(link, &bytes)?;
            }
            Event::Sent { copy } => {
                if let Some(copies) = &mut self.copies {
                    copies.on_sent(self.now, copy);
                }
                self.initiator.sent(self.now, copy);
            }
            Event::Wake => {
                if self.wake_at != Some(self.now) {
                    return Ok(());
                }
                self.wake_at = None;
                self.tick()?;
            }
            Event::Look => {
                self.is_look_due = false;
                self.initiator.look(self.now)?;
            }
            Event::Fault(fault) => self.fault(fault)?,
            Event::Open => self.open(),
            Event::Work => self.work()?,
            Event::Heal => self.heal(),
            Event::Ask => self.ask(),
        }
        self.after_input()
    }

    fn tick(&mut self) -> Result<(), String> {
        for _ in 0..8 {
            self.initiator.tick(self.now);
            self.drain()?;
            if self.initiator.deadline().is_none_or(|at| at > self.now) {
                return Ok(());
            }
        }
        let deadline = self.initiator.deadline();
        Err(format!("the deadline has passed ({deadline:?}), but there is nothing to do"))
    }

    /// Submits I/Os, drains the outputs, checks the invariants and sets the timer:
    /// called after every input.
    pub(crate) fn after_input(&mut self) -> Result<(), String> {
        self.offer()?;
        self.drain()?;
        self.check()?;
        self.initiator.check()?;
        if self.initiator.wants_look() && !self.is_look_due {
            self.is_look_due = true;
            let soon = self.rng.pick(&[50, MS, 20 * MS, SECOND]);
            let after = self.rng.below(soon);
            self.schedule(self.now + after, Event::Look);
        }
        self.watch_twins()?;
        let Some(deadline) = self.initiator.deadline() else { return Ok(()) };
        let late = match self.rng.chance(self.network.profile.late_tick) {
            true => self.rng.below(20 * MS),
            false => 0,
        };
        let at = deadline.max(self.now) + late;
        if self.wake_at.is_none_or(|wake| at < wake || wake < self.now) {
            self.wake_at = Some(at);
            self.schedule(at, Event::Wake);
        }
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        for path in self.initiator.paths() {
            let most = self.plan.settings.maxout.max(1);
            if path.window > most || path.in_flight > path.window.max(1) && self.plan.is_lossless()
            {
                return Err(format!(
                    "{} frames out on link {} to {:02x?}, whose window is {}",
                    path.in_flight, path.link, path.mac, path.window
                ));
            }
        }
        Ok(())
    }

    /// Submits the I/Os that the host has made.
    fn offer(&mut self) -> Result<(), String> {
        while let Some(io) = self.host.next_waiting() {
            match self.initiator.submit(self.now, io) {
                Ok(()) => self.host.accepted(io.handle),
                Err(Refused::Later) => {
                    self.host.put_back(io);
                    return Ok(());
                }
                Err(Refused::Failed(error)) => {
                    self.host.refused(self.plan, self.now, io.handle, error)?;
                    // The submitter tries again after a while.
                    self.schedule(self.now + 500 * MS, Event::Work);
                }
            }
        }
        Ok(())
    }

    fn drain(&mut self) -> Result<(), String> {
        let settings = &self.plan.settings;
        let bound = 64 + 8 * (settings.io_slots + settings.frame_slots);
        for _ in 0..bound {
            let Some(output) = self.initiator.poll(self.now) else { return Ok(()) };
            self.perform(output)?;
        }
        Err(format!("one input led to more than {bound} outputs"))
    }

    fn perform(&mut self, output: Output) -> Result<(), String> {
        if self.trace && !matches!(output, Output::Transmit(_)) {
            println!("{:>12} {output:?}", self.now);
        }
        match output {
            Output::Transmit(transmit) => self.transmit(&transmit)?,
            _ if self.is_living => {}
            Output::Complete { io, result } => {
                self.watch_twin_answer(result.is_ok())?;
                self.host.complete(self.plan, self.now, io.0, result)?;
                // biodone may call strategy again before it returns.
                if self.rng.chance(5000) {
                    self.work()?;
                    self.offer()?;
                } else {
                    let think = self.rng.below(self.plan.workload.think + 1);
                    self.schedule(self.now + think, Event::Work);
                }
            }
            Output::Up { sectors } => {
                if self.is_up {
                    return Err("the disk came up twice".to_string());
                }
                let true_size = self.targets[0].disk.now.len() as u64;
                // The answer to IDENTIFY may have left before the disk grew.
                if sectors != true_size && sectors != self.plan.size {
                    return Err(format!("came up with {sectors} sectors, which are {true_size}"));
                }
                self.size = sectors;
                self.is_up = true;
                let delay = self.rng.below(10 * MS);
                self.schedule(self.now + delay, Event::Open);
            }
            Output::Gone => {
                if self.host.outstanding_in_core() != 0 {
                    return Err("the disk is gone with I/O outstanding".to_string());
                }
                // A disk that is not open may go, and be discovered again.
                self.is_gone = self.is_open;
                if !self.is_open {
                    self.is_up = false;
                    self.schedule(self.now + 300 * MS, Event::Ask);
                }
            }
            Output::Resized { sectors } => {
                let true_size = self.targets[0].disk.now.len() as u64;
                if !self.has_grown || sectors != true_size {
                    return Err(format!("resized to {sectors} sectors, which are {true_size}"));
                }
                self.size = sectors;
            }
            Output::ControlDone(_) => return Err("an answer to no command".to_string()),
            Output::Retaste if self.is_open => {
                return Err("GEOM is to spoil a disk that is open".to_string());
            }
            Output::Absent { .. }
            | Output::Event { .. }
            | Output::Idle
            | Output::Resumed
            | Output::Retaste
            | Output::Suspended => {}
        }
        Ok(())
    }

    /// Builds and sends a frame as the shim does, and checks it.
    fn transmit(&mut self, transmit: &Transmit) -> Result<(), String> {
        let (bytes, op) = shim::build(
            transmit,
            &self.network.links,
            &self.host,
            &self.initiator,
            self.plan.shift,
        )?;
        self.summary.frames += 1;
        let at = usize::from(transmit.link.0);
        if self.trace {
            println!("{:>12} link {at} sends {}", self.now, frame::describe(&bytes));
        }
        let now = self.now;
        if let Some(copies) = &mut self.copies {
            copies.on_transmit(now, transmit.link.0, &bytes, op, transmit.copy)?;
        }
        self.watch_twin_request(at, &bytes)?;
        self.provoke(at, &bytes);
        if !self.network.links[at].up || self.rng.chance(self.network.profile.no_mbuf) {
            if transmit.copy != 0 {
                self.schedule(now, Event::Sent { copy: transmit.copy });
            }
            return Ok(());
        }
        let (leaves, back) = self.network.leave(at, now);
        if transmit.copy != 0 {
            self.schedule(back, Event::Sent { copy: transmit.copy });
        }
        self.send(at, leaves, bytes, op);
        Ok(())
    }

    fn ask(&mut self) {
        if !self.is_up {
            self.initiator.discover(self.now);
            self.schedule(self.now + 300 * MS, Event::Ask);
        }
    }

    fn open(&mut self) {
        if self.is_gone || self.is_open {
            return;
        }
        if !self.initiator.open(self.now) {
            // Suspended: devd or the administrator tries again.
            self.schedule(self.now + 500 * MS, Event::Open);
            return;
        }
        self.is_open = true;
        self.schedule(self.now, Event::Work);
    }

    fn work(&mut self) -> Result<(), String> {
        if !self.is_open || self.is_gone {
            return Ok(());
        }
        while self.host.wants_more(self.plan) {
            self.host.make(self.plan, self.now);
            if self.plan.workload.think != 0 {
                let think = self.rng.below(self.plan.workload.think);
                self.schedule(self.now + think, Event::Work);
                break;
            }
        }
        if self.is_healed && self.host.is_through(self.plan) || self.is_closing {
            self.is_closing = true;
            self.host.make_audit(self.plan, self.now);
        }
        Ok(())
    }
}

/// Returns whether writes waited longer than `average` for fences.
fn is_long(waits: u64, waited: u64, average: u64) -> bool {
    waited > average * waits.max(WAITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wait_is_no_average_and_many_are() {
        assert!(!is_long(1, 396_934, GUARD_WAIT));
        assert!(is_long(1, 801 * MS, GUARD_WAIT));
        assert!(is_long(20, 20 * 101 * MS, GUARD_WAIT));
        assert!(!is_long(20, 20 * 100 * MS, GUARD_WAIT));
    }
}
