// SPDX-License-Identifier: BSD-2-Clause
//! Scenarios in which every request is answered twice: two daemons of one host
//! serve one address, or the network doubles every frame. The driver must detect
//! two disks, and stop I/O; with one disk, I/O must continue.

use crate::frame;
use crate::initiator::Initiator;
use crate::pattern::ZERO;
use crate::plan::{Fault, MS, Plan, Profile, SECOND};
use crate::quirks;
use crate::rng::Rng;
use crate::world::{Event, World};

/// The properties of the second disk, or the reason for two answers without one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Twin {
    /// Another serial number and the same data.
    Serial,
    /// Another size and the same data.
    Size,
    /// The same serial number and size, and other data.
    Content,
    /// An identical copy, which stays identical since both get every request.
    Copy,
    /// The network doubles answers.
    Answers,
    /// The network doubles requests, so that both are carried out.
    Requests,
}

/// Added to a sector's number: its contents on the second disk where they differ.
const FOREIGN: u32 = 0xfeed_0000;
/// How long everything is answered twice.
const STAY: u64 = 250 * SECOND;
/// Answers are in flight for less than this.
const DRAIN: u64 = 50 * MS;
/// Two disks are detected within this time if the twin sends an advert that is not
/// lost: a second, and a retry or two.
const SEEN_SOON: u64 = 5 * SECOND;
/// The same without an advert: a beacon shows them, whose answer may be lost, or a
/// comparison of doubled answers, which may have to be repeated.
const SEEN: u64 = 200 * SECOND;

/// Number of I/Os within which other data is detected.
const ENOUGH_IO: u64 = 1500;

impl Twin {
    /// Returns whether there are two different disks, so that I/O must stop.
    pub fn is_conflict(self) -> bool {
        matches!(self, Twin::Serial | Twin::Size | Twin::Content)
    }

    /// Returns whether there are two daemons.
    pub fn is_daemon(self) -> bool {
        self.is_conflict() || self == Twin::Copy
    }
}

/// The properties of a twin that a scenario's seed determines.
#[derive(Clone, Copy, Debug)]
pub struct TwinPlan {
    pub twin: Twin,
    /// It begins without an advert.
    pub is_silent: bool,
    /// Requests that a daemon drops on its own, of 10,000.
    pub drops: u32,
    /// Sectors that hold other data, of 10,000.
    pub differs: u32,
}

impl Plan {
    /// Turns the plan into a scenario with a disk in use, at whose address
    /// everything is answered twice for a while.
    pub fn twins(self) -> Plan {
        let mut rng = Rng::new(self.seed ^ 0x0007_2125);
        let mut plan = self.ordered();
        let twin = rng.pick(&[
            Twin::Serial,
            Twin::Size,
            Twin::Content,
            Twin::Content,
            Twin::Copy,
            Twin::Answers,
            Twin::Requests,
        ]);
        let harms = if twin.is_conflict() { rng.pick(&[0, 10, 100]) } else { 0 };
        plan.twin = Some(TwinPlan {
            twin,
            is_silent: rng.chance(3000),
            drops: if harms == 0 { 0 } else { rng.pick(&[0, 50, 200]) },
            differs: rng.pick(&[6000, 10_000]),
        });
        plan.quirks = quirks::Quirks { buffer_count: 64, ..quirks::IDEAL };
        (plan.size, plan.errors_allowed) = (1000, false);
        plan.ports.truncate(1);
        plan.links.truncate(2);
        plan.links.iter_mut().for_each(|link| link.0 = plan.ports[0].0);
        plan.profile = Profile {
            loss: harms,
            delay_max: MS,
            latency: plan.profile.latency.max(150),
            service: plan.profile.service,
            jitter: plan.profile.jitter.min(200),
            late_sent: plan.profile.late_sent,
            nic_hold: plan.profile.nic_hold,
            ..Profile::default()
        };
        let s = &mut plan.settings;
        (s.maxwait_us, s.maxout, s.strict_src) = (0, 64, false);
        (s.io_slots, s.frame_slots, s.copy_slots) = (128, 128, 512);
        let w = &mut plan.workload;
        (w.ops, w.depth, w.think) = (4000, rng.pick(&[2, 8]), MS);
        (w.reads, w.hot, w.max_sectors, w.overlap) = (80, 85, 8, true);
        let begins = rng.range(10 * MS, 50 * MS);
        plan.faults = vec![(begins, Fault::Twin(true)), (begins + STAY, Fault::Twin(false))];
        plan.heal_at = begins + STAY + SECOND;
        plan
    }
}

/// What a scenario has observed of its twin.
#[derive(Debug, Default)]
pub(crate) struct Twins {
    /// Since when everything is answered twice.
    since: Option<u64>,
    until: Option<u64>,
    /// When the conflict was detected, so that no path is used.
    seen: Option<u64>,
    /// Number of I/Os that had completed at `since`.
    completed: u64,
    warned: bool,
    /// The longest time until a conflict was detected.
    pub longest: u64,
}

impl<I: Initiator> World<'_, I> {
    /// Begins or ends the time in which everything is answered twice.
    pub(crate) fn twin(&mut self, on: bool) -> Result<(), String> {
        let Some(plan) = self.plan.twin else { return Ok(()) };
        if !on {
            self.targets[1].dead = true;
            self.targets[1].ports.iter_mut().for_each(|port| port.queue.clear());
            let profile = &mut self.network.profile;
            (profile.answer_duplicate, profile.duplicate) = (0, 0);
            self.twins.until = Some(self.now);
            self.host.doubtful.end = self.now + DRAIN;
            return self.judge_twins(plan);
        }
        if !self.is_open {
            // Until the disk is open, the twin could be found first instead of it.
            self.schedule(self.now + 50 * MS, Event::Fault(Fault::Twin(true)));
            return Ok(());
        }
        self.twins.since = Some(self.now);
        self.twins.completed = self.host.completed;
        if plan.twin.is_conflict() {
            self.host.doubtful.start = self.now;
        }
        match plan.twin {
            Twin::Answers => self.network.profile.answer_duplicate = 10_000,
            Twin::Requests => self.network.profile.duplicate = 10_000,
            _ => self.start_twin(plan),
        }
        Ok(())
    }

    fn start_twin(&mut self, plan: TwinPlan) {
        let [first, second, ..] = &mut self.targets[..] else { return };
        second.ports[0].mac = first.ports[0].mac;
        second.disk.now.clone_from(&first.disk.now);
        second.disk.durable.clone_from(&first.disk.durable);
        second.ports[0].queue.clone_from(&first.ports[0].queue);
        if plan.twin != Twin::Serial {
            second.serial.clone_from(&first.serial);
        }
        match plan.twin {
            Twin::Size => second.disk.grow(64),
            Twin::Content => {
                for (at, sector) in (0..).zip(&mut second.disk.now) {
                    if self.rng.chance(plan.differs) {
                        *sector = FOREIGN + at;
                    }
                }
            }
            _ => {}
        }
        second.dead = false;
        self.start(1, 0);
        if !plan.is_silent {
            self.advertise(1);
        }
    }

    /// Returns whether a target is a second daemon at the first one's MAC.
    pub(crate) fn is_twin(&self, target: usize) -> bool {
        target == 1 && self.plan.twin.is_some_and(|plan| plan.twin.is_daemon())
    }

    /// Returns whether a daemon drops a request. Each daemon has its own queue, so
    /// this is drawn for each.
    pub(crate) fn twin_drops(&mut self, bytes: &[u8]) -> bool {
        let Some(plan) = self.plan.twin.filter(|_| !self.targets[1].dead) else { return false };
        frame::is_disk_work(bytes) && self.rng.chance(plan.drops)
    }

    /// Checks that no I/O succeeds while two disks are known to answer.
    pub(crate) fn watch_twin_answer(&self, is_ok: bool) -> Result<(), String> {
        match is_ok && self.twins.seen.is_some() && self.twins.until.is_none() {
            true => Err("an I/O ended well where two disks answer".to_string()),
            false => Ok(()),
        }
    }

    /// Records that the second daemon carried out a write. On an identical copy of
    /// the disk, that counts as an execution.
    pub(crate) fn executed_by_twin(&mut self, op: u32, lba: u64) {
        if self.plan.twin.is_some_and(|plan| plan.twin == Twin::Copy) && op != ZERO {
            self.host.reference.executed_elsewhere(op, lba);
        }
    }

    /// Checks after every input, while everything is answered twice, that only two
    /// disks cause a conflict, and that the conflict lasts.
    pub(crate) fn watch_twins(&mut self) -> Result<(), String> {
        let (Some(plan), Some(since)) = (self.plan.twin, self.twins.since) else { return Ok(()) };
        if self.twins.until.is_some() {
            return Ok(());
        }
        self.twins.warned |= self.initiator.counters(self.now).is_doubled;
        let paths = self.initiator.paths();
        if !plan.twin.is_conflict() {
            return match paths.iter().any(|path| path.is_conflict) {
                true => Err("a conflict, where there is one disk".to_string()),
                false => Ok(()),
            };
        }
        let is_used = paths.iter().any(|path| path.is_up);
        let is_open = paths.iter().any(|path| path.is_up || path.is_asked);
        let is_seen = !is_open && paths.iter().any(|path| path.is_conflict);
        match self.twins.seen {
            None if is_seen => {
                self.twins.seen = Some(self.now);
                self.twins.longest = self.now - since;
            }
            // If all of one daemon's answers to three queries were lost, use may resume.
            Some(_) if is_used && plan.drops == 0 && self.plan.profile.loss == 0 => {
                return Err("a path is used again, and there still are two disks".to_string());
            }
            Some(_) if is_used => {
                (self.twins.since, self.twins.seen) = (Some(self.now), None);
                self.twins.completed = self.host.completed;
            }
            _ => {}
        }
        Ok(())
    }

    /// Checks that no I/O is sent on a path in conflict.
    pub(crate) fn watch_twin_request(&self, link: usize, bytes: &[u8]) -> Result<(), String> {
        if self.plan.twin.is_none() || !frame::is_disk_work(bytes) {
            return Ok(());
        }
        let goes = |path: &crate::initiator::PathView| {
            path.is_conflict && usize::from(path.link) == link && path.mac == frame::dst(bytes)
        };
        match self.initiator.paths().iter().any(goes) {
            true => Err(format!("I/O on a path in conflict: {}", frame::describe(bytes))),
            false => Ok(()),
        }
    }

    /// Checks at the end that the doubled answers or the two disks were detected.
    fn judge_twins(&self, plan: TwinPlan) -> Result<(), String> {
        let twins = &self.twins;
        if !plan.twin.is_conflict() {
            return match twins.warned {
                true => Ok(()),
                false => Err(format!("no warning in {STAY} us of doubled answers")),
            };
        }
        let is_sure = self.plan.profile.loss == 0 && !plan.is_silent && plan.twin != Twin::Content;
        let limit = if is_sure { SEEN_SOON } else { SEEN };
        match twins.seen {
            Some(_) if twins.longest <= limit => Ok(()),
            Some(_) => Err(format!("two disks were not seen for {} us", twins.longest)),
            // If only the data differ, only I/O shows it.
            None if plan.twin == Twin::Content
                && self.host.completed < twins.completed + ENOUGH_IO =>
            {
                Ok(())
            }
            None => Err(format!("two disks were not seen, {:?}", self.initiator.paths())),
        }
    }
}
