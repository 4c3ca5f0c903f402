// SPDX-License-Identifier: BSD-2-Clause
//! The submitter of I/O: bios with data in memory, each completed exactly once.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use aoe_core::output::IoError;

use crate::initiator::{CopyTo, Kind, Submission};
use crate::pattern::{self, SECTOR};
use crate::plan::Plan;
use crate::reference::Reference;
use crate::rng::Rng;

/// An I/O between submission and completion.
struct Bio {
    op: u32,
    kind: Kind,
    lba: u64,
    sectors: u64,
    memory: Vec<u8>,
    submitted_at: u64,
    ordered: bool,
    /// Its place in the order in which the core accepted I/Os.
    accepted: Option<u64>,
}

impl Bio {
    fn changes_data(&self) -> bool {
        matches!(self.kind, Kind::Write | Kind::Delete)
    }

    /// Returns whether `other` must not overtake this I/O, nor be overtaken by it.
    /// A flush is a barrier for I/Os that change data, any other ordered I/O for
    /// all I/Os.
    fn is_barrier_for(&self, other: &Bio) -> bool {
        match self.kind {
            Kind::Flush => other.changes_data(),
            _ => self.ordered,
        }
    }
}

/// In unordered scenarios, the number of reads before all other I/O: they show the
/// core the order of the target's answers.
const FIRST_READS: u32 = 100;

pub struct Host {
    live: HashMap<u64, Bio>,
    /// I/Os that were made and not yet accepted.
    waiting: VecDeque<Submission>,
    pub reference: Reference,
    rng: Rng,
    next_op: u32,
    made: u32,
    hot: u64,
    /// Block at which the final read of the whole disk, after the workload, continues.
    audit: u64,
    spare: Vec<Vec<u8>>,
    pub completed: u64,
    pub failed: u64,
    pub sectors_written: u64,
    pub longest_wait: u64,
    acceptances: u64,
    /// The time during which answers may come from another disk. The result of an
    /// I/O that was outstanding then proves nothing.
    pub doubtful: Range<u64>,
}

impl Host {
    pub fn new(plan: &Plan, rng: Rng) -> Self {
        let mut rng = rng;
        Host {
            live: HashMap::new(),
            waiting: VecDeque::new(),
            reference: Reference::new(plan.size, plan.lossy),
            hot: rng.below(plan.size),
            rng,
            next_op: 1,
            made: 0,
            audit: 0,
            spare: Vec::new(),
            completed: 0,
            failed: 0,
            sectors_written: 0,
            longest_wait: 0,
            acceptances: 0,
            doubtful: u64::MAX..u64::MAX,
        }
    }

    pub fn outstanding(&self) -> usize {
        self.live.len()
    }

    pub fn is_through(&self, plan: &Plan) -> bool {
        self.made >= plan.workload.ops && self.live.is_empty()
    }

    pub fn has_audited(&self, plan: &Plan) -> bool {
        self.audit >= plan.size && self.live.is_empty()
    }

    /// Returns whether another I/O should be made now.
    pub fn wants_more(&self, plan: &Plan) -> bool {
        self.live.len() < plan.workload.depth as usize && self.made < plan.workload.ops
    }

    /// Makes the workload's next I/O.
    pub fn make(&mut self, plan: &Plan, now: u64) {
        let work = &plan.workload;
        let rng = &mut self.rng;
        self.made += 1;
        let dice = rng.below(100);
        let flushes = if plan.promises_flush() { work.flushes } else { 0 };
        let deletes = if plan.quirks.trims { work.deletes } else { 0 };
        let kind = match dice {
            _ if plan.is_unordered && self.made <= FIRST_READS => Kind::Read,
            d if d < work.reads => Kind::Read,
            d if d < work.reads + flushes => Kind::Flush,
            d if d < work.reads + flushes + deletes => Kind::Delete,
            _ => Kind::Write,
        };
        let ordered = kind == Kind::Flush || rng.below(100) < work.ordered;
        let (lba, sectors) = match kind {
            Kind::Flush => (0, 0),
            _ => self.draw_range(plan),
        };
        if !work.overlap && self.overlaps(kind, lba, sectors) {
            return;
        }
        self.add(kind, lba, sectors, ordered, now);
    }

    fn draw_range(&mut self, plan: &Plan) -> (u64, u64) {
        let work = &plan.workload;
        let rng = &mut self.rng;
        // In sectors until the last line.
        let size = plan.size >> plan.shift;
        let (lba, sectors) = if rng.below(100) < work.hot {
            let lba = (self.hot + rng.below(4)) % size;
            (lba, rng.range(1, 2).min(size - lba))
        } else {
            let sectors = rng.range(1, (work.max_sectors >> plan.shift).clamp(1, size));
            (rng.below(size - sectors + 1), sectors)
        };
        (lba << plan.shift, sectors << plan.shift)
    }

    fn overlaps(&self, kind: Kind, lba: u64, sectors: u64) -> bool {
        kind != Kind::Flush
            && self.live.values().any(|bio| {
                (bio.kind != Kind::Read || kind != Kind::Read)
                    && bio.lba < lba + sectors
                    && lba < bio.lba + bio.sectors
            })
    }

    /// Makes the next reads of the final pass over the disk.
    pub fn make_audit(&mut self, plan: &Plan, now: u64) {
        while self.audit < plan.size && self.live.len() < 8 {
            let sectors = (plan.size - self.audit).min(64);
            self.add(Kind::Read, self.audit, sectors, false, now);
            self.audit += sectors;
        }
    }

    /// Makes an I/O, to be submitted.
    pub(crate) fn add(&mut self, kind: Kind, lba: u64, sectors: u64, ordered: bool, now: u64) {
        let op = self.next_op;
        self.next_op += 1;
        let handle = self.rng.draw() << 32 | u64::from(op);
        let length = match kind {
            Kind::Read | Kind::Write => sectors as usize * SECTOR,
            Kind::Flush | Kind::Delete => 0,
        };
        let mut memory = self.spare.pop().unwrap_or_default();
        memory.clear();
        memory.resize(length, pattern::POISON);
        match kind {
            Kind::Read | Kind::Flush => self.reference.begin_read(op),
            Kind::Delete => self.reference.begin_write(op, lba, sectors, true),
            Kind::Write => {
                self.sectors_written += sectors;
                self.reference.begin_write(op, lba, sectors, false);
                for (sector, lba) in memory.chunks_exact_mut(SECTOR).zip(lba..) {
                    pattern::fill(sector, op, lba);
                }
            }
        }
        let bio =
            Bio { op, kind, lba, sectors, memory, submitted_at: now, ordered, accepted: None };
        self.live.insert(handle, bio);
        let sectors = sectors as u32;
        self.waiting.push_back(Submission { handle, kind, lba, sectors, ordered });
    }

    pub fn next_waiting(&mut self) -> Option<Submission> {
        self.waiting.pop_front()
    }

    pub fn put_back(&mut self, io: Submission) {
        self.waiting.push_front(io);
    }

    pub fn accepted(&mut self, handle: u64) {
        self.acceptances += 1;
        if let Some(bio) = self.live.get_mut(&handle) {
            bio.accepted = Some(self.acceptances);
        }
    }

    /// Completes an I/O that the core has refused with an error.
    pub fn refused(
        &mut self,
        plan: &Plan,
        now: u64,
        handle: u64,
        error: IoError,
    ) -> Result<(), String> {
        self.accepted(handle);
        self.complete(plan, now, handle, Err(error))
    }

    pub fn outstanding_in_core(&self) -> usize {
        self.live.values().filter(|bio| bio.accepted.is_some()).count()
    }

    /// Returns when the oldest of the I/Os in the core was made.
    pub fn oldest_in_core(&self) -> Option<u64> {
        let accepted = self.live.values().filter(|bio| bio.accepted.is_some());
        accepted.map(|bio| bio.submitted_at).min()
    }

    /// Returns the number of the write whose data a frame carries, and the data.
    pub fn payload(
        &self,
        handle: u64,
        offset: usize,
        length: usize,
    ) -> Result<(u32, &[u8]), String> {
        let Some(bio) = self.live.get(&handle).filter(|bio| bio.accepted.is_some()) else {
            return Err(format!("a frame carries data of I/O {handle:#x}, which is not live"));
        };
        if bio.kind != Kind::Write {
            return Err(format!("a frame carries data of a {:?}", bio.kind));
        }
        self.check_barriers(bio)?;
        match bio.memory.get(offset..offset + length) {
            Some(data) => Ok((bio.op, data)),
            None => Err(format!("a frame carries bytes beyond I/O {}", bio.op)),
        }
    }

    /// Checks that an I/O does not overtake a barrier that was accepted before it.
    fn check_barriers(&self, bio: &Bio) -> Result<(), String> {
        let before = |other: &&Bio| other.accepted.is_some_and(|at| Some(at) < bio.accepted);
        let barrier = |other: &&Bio| before(other) && other.is_barrier_for(bio);
        match self.live.values().filter(barrier).map(|other| other.op).min() {
            Some(op) => Err(format!("I/O {} overtook I/O {op}, which is a barrier", bio.op)),
            None => Ok(()),
        }
    }

    /// Checks that a barrier completes after the I/Os that were accepted before it,
    /// and before those that were accepted after it.
    fn check_order(&self, bio: &Bio) -> Result<(), String> {
        self.check_barriers(bio)?;
        let before = |other: &&Bio| other.accepted.is_some_and(|at| Some(at) < bio.accepted);
        let overtaken = |other: &&Bio| before(other) && bio.is_barrier_for(other);
        match self.live.values().filter(overtaken).map(|other| other.op).min() {
            Some(op) => Err(format!("barrier {} completed before I/O {op}", bio.op)),
            None => Ok(()),
        }
    }

    /// Returns the DELETE that a range belongs to.
    pub fn delete_of(&self, lba: u64, sectors: u64) -> Option<u32> {
        let inside = |bio: &&Bio| {
            bio.kind == Kind::Delete
                && bio.accepted.is_some()
                && bio.lba <= lba
                && lba + sectors <= bio.lba + bio.sectors
        };
        self.live.values().filter(inside).map(|bio| bio.op).min()
    }

    /// Copies received data to the place that the core has named.
    pub fn receive(&mut self, copy: CopyTo, frame: &[u8]) -> Result<(), String> {
        let Some(bio) = self.live.get_mut(&copy.handle).filter(|bio| bio.accepted.is_some()) else {
            return Err(format!("data for I/O {:#x}, which is not live", copy.handle));
        };
        let from = frame.get(copy.frame_offset..copy.frame_offset + copy.length);
        let to = bio.memory.get_mut(copy.offset..copy.offset + copy.length);
        match (bio.kind, from, to) {
            (Kind::Read, Some(from), Some(to)) => to.copy_from_slice(from),
            _ => return Err(format!("data for {:?} {} do not fit: {copy:?}", bio.kind, bio.op)),
        }
        Ok(())
    }

    /// Completes an I/O, and checks that its result is right.
    pub fn complete(
        &mut self,
        plan: &Plan,
        now: u64,
        handle: u64,
        result: Result<(), IoError>,
    ) -> Result<(), String> {
        let Some(mut bio) = self.live.remove(&handle) else {
            return Err(format!("I/O {handle:#x} completed, which is not live"));
        };
        if bio.accepted.is_none() {
            return Err(format!("I/O {} completed before it was accepted", bio.op));
        }
        if result.is_ok() {
            self.check_order(&bio)?;
        }
        self.completed += 1;
        self.longest_wait = self.longest_wait.max(now.saturating_sub(bio.submitted_at));
        if let Err(error) = result {
            self.failed += 1;
            judge(plan, &bio, error)?;
        }
        let is_doubtful = now >= self.doubtful.start && bio.submitted_at < self.doubtful.end;
        match bio.kind {
            Kind::Write | Kind::Delete => {
                // The other disk may have acknowledged a write that this one dropped.
                let is_there = !is_doubtful || self.reference.has_executed(bio.op);
                self.reference.end_write(bio.op, result.is_ok() && is_there)?;
            }
            Kind::Read if result.is_ok() && !is_doubtful => {
                let sectors = bio.memory.chunks_exact(SECTOR).zip(bio.lba..);
                let values = sectors.map(|(sector, lba)| pattern::read(sector, lba));
                self.reference.end_read(bio.op, bio.lba, values)?;
            }
            Kind::Flush if result.is_ok() => self.reference.end_flush(bio.op),
            Kind::Read | Kind::Flush => self.reference.drop_read(bio.op),
        }
        // A later use of this memory sends or returns poison.
        bio.memory.fill(pattern::POISON);
        self.spare.push(bio.memory);
        Ok(())
    }

    /// Describes the I/Os that are still outstanding.
    pub fn describe(&self) -> String {
        let mut live: Vec<_> = self.live.values().collect();
        live.sort_by_key(|bio| bio.op);
        live.iter()
            .take(6)
            .map(|bio| {
                let place = if bio.accepted.is_some() { "in the core" } else { "not accepted" };
                format!("{:?} {} at {}+{} {place}", bio.kind, bio.op, bio.lba, bio.sectors)
            })
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// Checks that the scenario explains this error.
fn judge(plan: &Plan, bio: &Bio, error: IoError) -> Result<(), String> {
    let range = bio.lba..bio.lba + bio.sectors;
    let justified = plan.errors_allowed
        || plan.bad_sector.is_some_and(|bad| range.contains(&bad))
        || plan.read_only && matches!(bio.kind, Kind::Write | Kind::Delete)
        || bio.kind == Kind::Flush && error == IoError::Unsupported && plan.lies_about_flush();
    match justified {
        true => Ok(()),
        false => Err(format!(
            "{:?} {} to {range:?} failed with {error:?} for no reason",
            bio.kind, bio.op
        )),
    }
}
