// SPDX-License-Identifier: BSD-2-Clause
//! Every request answered twice: two daemons of one host serve one address, or
//! the network delivers everything twice. What the driver must make of it.

use crate::frame;
use crate::initiator::Initiator;
use crate::pattern::ZERO;
use crate::plan::{Fault, MS, Plan, Profile, SECOND};
use crate::quirks;
use crate::rng::Rng;
use crate::world::{Event, World};

/// The second disk, or why there are two answers without one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Twin {
    /// Another serial number, and the same data.
    Serial,
    /// Another size, and the same data.
    Size,
    /// The same name and size, and other data.
    Content,
    /// A copy, kept alike by the requests that both get.
    Copy,
    /// The network doubles answers.
    Answers,
    /// The network doubles requests, so that both are carried out.
    Requests,
}

/// What the second daemon's disk holds where it is not the first one's.
const FOREIGN: u32 = 0xfeed_0000;
/// For this long everything is answered twice.
const STAY: u64 = 250 * SECOND;
/// Answers are under way for less than this.
const DRAIN: u64 = 50 * MS;
/// With an advert that is not lost: within its second, and a try or two.
const SEEN_SOON: u64 = 5 * SECOND;
/// Otherwise a beacon tells, whose answer may be lost, or a comparison, which
/// begins anew with the next one.
const SEEN: u64 = 200 * SECOND;

/// I/Os in which other data is found.
const ENOUGH_IO: u64 = 1500;

impl Twin {
    /// There are two disks, and no I/O may go on.
    pub fn is_conflict(self) -> bool {
        matches!(self, Twin::Serial | Twin::Size | Twin::Content)
    }

    /// There are two daemons.
    pub fn is_daemon(self) -> bool {
        self.is_conflict() || self == Twin::Copy
    }
}

/// What of a twin a scenario's seed decides.
#[derive(Clone, Copy, Debug)]
pub struct TwinPlan {
    pub twin: Twin,
    /// Nobody hears the advert that it begins with.
    pub is_silent: bool,
    /// Requests that only one of the daemons drops, of 10,000.
    pub drops: u32,
    /// Sectors that hold something else, of 10,000.
    pub differs: u32,
}

impl Plan {
    /// A disk in use at whose address everything is answered twice for a while.
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

/// What has been seen of it.
#[derive(Debug, Default)]
pub(crate) struct Twins {
    /// Since when everything is answered twice.
    since: Option<u64>,
    until: Option<u64>,
    /// Since when no path is used.
    seen: Option<u64>,
    /// The I/Os that had ended by then.
    completed: u64,
    warned: bool,
    /// The longest that a conflict took to be seen.
    pub longest: u64,
}

impl<I: Initiator> World<'_, I> {
    /// A second answer comes to everything, or comes no longer.
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
            // Whichever is found first is the disk.
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

    /// Whether the second daemon stands where the first one does.
    pub(crate) fn is_twin(&self, target: usize) -> bool {
        target == 1 && self.plan.twin.is_some_and(|plan| plan.twin.is_daemon())
    }

    /// Each of two daemons has a queue of its own, and drops what it likes.
    pub(crate) fn twin_drops(&mut self, bytes: &[u8]) -> bool {
        let Some(plan) = self.plan.twin.filter(|_| !self.targets[1].dead) else { return false };
        frame::is_disk_work(bytes) && self.rng.chance(plan.drops)
    }

    /// While two disks are known to be there, no I/O is answered.
    pub(crate) fn watch_twin_answer(&self, is_ok: bool) -> Result<(), String> {
        match is_ok && self.twins.seen.is_some() && self.twins.until.is_none() {
            true => Err("an I/O ended well where two disks answer".to_string()),
            false => Ok(()),
        }
    }

    /// The second daemon carried out a write. Of a copy that is as good.
    pub(crate) fn executed_by_twin(&mut self, op: u32, lba: u64) {
        if self.plan.twin.is_some_and(|plan| plan.twin == Twin::Copy) && op != ZERO {
            self.host.reference.executed_elsewhere(op, lba);
        }
    }

    /// After every input, while everything is answered twice.
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
            // One daemon's answers to three questions may have been lost.
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

    /// No I/O goes where two disks were seen.
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

    /// It is over: was it noticed?
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
            // Where only data differ, I/O is what shows it.
            None if plan.twin == Twin::Content
                && self.host.completed < twins.completed + ENOUGH_IO =>
            {
                Ok(())
            }
            None => Err(format!("two disks were not seen, {:?}", self.initiator.paths())),
        }
    }
}
