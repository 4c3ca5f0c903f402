// SPDX-License-Identifier: BSD-2-Clause
//! A reference model of a disk: for each sector, the writes whose data a read
//! may return.
//!
//! Every sector is a register. A read may return write A if A was submitted
//! before the read ended, and if no write B had certainly replaced A before
//! the read began. B has certainly replaced A in two cases: B was submitted
//! after A had ended, and B was acknowledged; or a read that began after A had
//! ended returned B. A failed write may take effect at any time until a later
//! write to the sector is acknowledged.

use crate::pattern::ZERO;

const NEVER: u64 = u64::MAX;

#[derive(Clone, Copy, Debug)]
struct Candidate {
    op: u32,
    /// The sector's contents after this write: `op`, or `ZERO` for a DELETE.
    value: u32,
    submitted: u64,
    ended: u64,
    failed: bool,
    /// Reads that begin after this step must not return it.
    replaced: u64,
    durable: bool,
    /// A crash of the target discarded it.
    lost: bool,
    /// The step at which a late copy of it was executed after that crash, or 0.
    back: u64,
}

impl Candidate {
    /// Creates the candidate of a write that is outstanding.
    const fn new(op: u32, value: u32, submitted: u64) -> Self {
        Candidate {
            op,
            value,
            submitted,
            ended: NEVER,
            failed: false,
            replaced: NEVER,
            durable: false,
            lost: false,
            back: 0,
        }
    }
}

#[derive(Clone, Debug)]
struct Sector {
    candidates: Vec<Candidate>,
    /// The writes that the target has executed here, in order of their last
    /// execution.
    executed: Vec<u32>,
    /// An update was lost here because the network reordered frames.
    tainted: bool,
}

/// A write's range and times, to check the copies of it that are executed.
#[derive(Clone, Copy, Debug, Default)]
struct Write {
    lba: u64,
    sectors: u64,
    trims: bool,
    submitted: u64,
    ended: u64,
    /// The sectors that some copy of it has written, as a bit map.
    executed: [u64; 16],
}

impl Write {
    fn mark(&mut self, lba: u64) {
        let at = lba - self.lba;
        self.executed[(at / 64) as usize] |= 1 << (at % 64);
    }

    /// Returns a sector that no copy of it has written.
    fn missing(&self) -> Option<u64> {
        let bit = |at: u64| self.executed[(at / 64) as usize] & 1 << (at % 64) != 0;
        (0..self.sectors).find(|&at| !bit(at)).map(|at| self.lba + at)
    }
}

pub struct Reference {
    sectors: Vec<Sector>,
    writes: Vec<Option<Write>>,
    step: u64,
    /// Outstanding reads and flushes, with the steps at which they were submitted.
    reads: Vec<(u32, u64)>,
    /// The target may crash: a replaced write is kept until a flush has made a
    /// newer one durable.
    lossy: bool,
    /// The step of the last crash.
    crashed: u64,
    /// Number of updates lost because the network itself reordered frames.
    pub excused: u64,
}

impl Reference {
    pub fn new(size: u64, lossy: bool) -> Self {
        let origin = Candidate { ended: 0, durable: true, ..Candidate::new(0, ZERO, 0) };
        let sector = Sector { candidates: vec![origin], executed: Vec::new(), tainted: false };
        Reference {
            sectors: vec![sector; size as usize],
            writes: vec![Some(Write::default())],
            step: 1,
            reads: Vec::new(),
            lossy,
            crashed: 0,
            excused: 0,
        }
    }

    pub fn begin_write(&mut self, op: u32, lba: u64, sectors: u64, trims: bool) {
        self.step += 1;
        let submitted = self.step;
        if self.writes.len() <= op as usize {
            self.writes.resize(op as usize + 1, None);
        }
        let write = Write { lba, sectors, trims, submitted, ended: NEVER, ..Write::default() };
        self.writes[op as usize] = Some(write);
        let value = if trims { ZERO } else { op };
        for sector in &mut self.sectors[lba as usize..(lba + sectors) as usize] {
            sector.candidates.push(Candidate::new(op, value, submitted));
        }
    }

    /// Ends a write. If it was acknowledged, all of it must have been executed.
    pub fn end_write(&mut self, op: u32, acknowledged: bool) -> Result<(), String> {
        self.step += 1;
        let step = self.step;
        let Some(Some(write)) = self.writes.get_mut(op as usize) else {
            return Err(format!("write {op} was never submitted"));
        };
        write.ended = step;
        let write = *write;
        if let Some(lba) = write.missing().filter(|_| acknowledged) {
            return Err(format!(
                "write {op} was acknowledged before the target had sector {lba} of it"
            ));
        }
        let oldest = self.oldest();
        for lba in write.lba..write.lba + write.sectors {
            let sector = &mut self.sectors[lba as usize];
            let is_there = acknowledged && sector.candidates.iter().any(|c| c.op == op && !c.lost);
            for old in &mut sector.candidates {
                if old.op == op {
                    old.ended = step;
                    old.failed = !acknowledged;
                } else if is_there && old.ended < write.submitted {
                    old.replaced = old.replaced.min(step);
                }
            }
            prune(&mut sector.candidates, oldest, self.lossy);
        }
        Ok(())
    }

    pub fn begin_read(&mut self, op: u32) {
        self.step += 1;
        self.reads.push((op, self.step));
    }

    fn end(&mut self, op: u32) -> u64 {
        self.step += 1;
        match self.reads.iter().position(|&(read, _)| read == op) {
            Some(at) => self.reads.swap_remove(at).1,
            None => self.step,
        }
    }

    /// Ends a read or flush that failed, or whose result proves nothing.
    pub fn drop_read(&mut self, op: u32) {
        self.end(op);
    }

    /// Ends a read of consecutive sectors, and checks the values that it returned.
    pub fn end_read(
        &mut self,
        op: u32,
        lba: u64,
        values: impl Iterator<Item = Result<u32, String>>,
    ) -> Result<(), String> {
        let begun = self.end(op);
        let step = self.step;
        let oldest = self.oldest();
        for (value, lba) in values.zip(lba..) {
            let value = value.map_err(|e| format!("read {op} returned: {e}"))?;
            let sector = &mut self.sectors[lba as usize];
            let fits = |c: &Candidate| c.value == value && c.replaced >= begun;
            let mut fitting = sector.candidates.iter().filter(|c| fits(c));
            let Some(&found) = fitting.next() else {
                return Err(stale(op, lba, value, begun, sector));
            };
            if fitting.next().is_none() && begun > self.crashed {
                for old in &mut sector.candidates {
                    // A failed write may still take effect later.
                    if old.ended < begun && !old.failed && old.op != found.op {
                        old.replaced = old.replaced.min(step);
                    }
                }
                prune(&mut sector.candidates, oldest, self.lossy);
            }
        }
        Ok(())
    }

    /// Ends an acknowledged flush: writes that ended before it began are durable.
    pub fn end_flush(&mut self, op: u32) {
        let begun = self.end(op);
        if !self.lossy {
            return;
        }
        let oldest = self.oldest();
        for sector in self.sectors.iter_mut().filter(|sector| !sector.tainted) {
            for write in &mut sector.candidates {
                let since = write.ended.max(write.back);
                write.durable |= !write.failed && !write.lost && since < begun;
            }
            prune(&mut sector.candidates, oldest, true);
        }
    }

    /// Records that the target lost its write cache, and that its sectors now hold
    /// the values `now`. Each must be what a flush made durable, or newer.
    pub fn crash(&mut self, now: &[u32]) -> Result<(), String> {
        self.step += 1;
        self.crashed = self.step;
        for (lba, (sector, &value)) in self.sectors.iter_mut().zip(now).enumerate() {
            let all = &mut sector.candidates;
            let newest = all.iter().filter(|c| c.durable).map(|c| c.submitted).max();
            let (executed, tainted) = (&sector.executed, sector.tainted);
            let survives = |c: &&Candidate| {
                c.value == value
                    && c.ended >= newest.unwrap_or(0)
                    && (c.op == 0 || tainted || executed.contains(&c.op))
            };
            let Some(&survivor) = all.iter().filter(survives).max_by_key(|c| c.submitted) else {
                return Err(format!(
                    "sector {lba}: a crash took back what a flush had made durable"
                ));
            };
            match sector.executed.iter().position(|&op| op == survivor.op) {
                Some(at) => sector.executed.truncate(at + 1),
                None => sector.executed = vec![survivor.op],
            }
            for candidate in all {
                let survived = candidate.op == survivor.op;
                let open = candidate.ended == NEVER || candidate.failed;
                candidate.durable = survived && candidate.ended != NEVER;
                candidate.lost = !survived;
                // Reads that began before the crash may still return the others.
                candidate.replaced = match survived || open {
                    true => NEVER,
                    false => candidate.replaced.min(self.step),
                };
            }
        }
        Ok(())
    }

    /// Returns whether the target has executed all of a write.
    pub fn has_executed(&self, op: u32) -> bool {
        self.writes.get(op as usize).copied().flatten().is_some_and(|w| w.missing().is_none())
    }

    /// Records that an identical disk at the same address executed a copy of `op`
    /// on a sector; the target executes its own copy as well.
    pub fn executed_elsewhere(&mut self, op: u32, lba: u64) {
        if let Some(Some(write)) = self.writes.get_mut(op as usize) {
            write.mark(lba);
        }
    }

    /// Records that the target executed a copy of `op` on a sector, and checks
    /// that no newer write is lost.
    pub fn executed(&mut self, op: u32, lba: u64, overtaken: bool) -> Result<(), String> {
        let Some(Some(write)) = self.writes.get_mut(op as usize) else {
            return Err(format!("sector {lba}: write {op} was never submitted"));
        };
        if lba < write.lba || lba >= write.lba + write.sectors {
            return Err(format!("sector {lba}: write {op} was not meant for it"));
        }
        write.mark(lba);
        let (ended, trims) = (write.ended, write.trims);
        let sector = &mut self.sectors[lba as usize];
        // A write that a crash discarded is there again: a copy of it was in flight.
        for candidate in sector.candidates.iter_mut().filter(|c| c.op == op && c.lost) {
            (candidate.lost, candidate.replaced, candidate.back) = (false, NEVER, self.step);
        }
        let last = sector.executed.last().copied().unwrap_or(0);
        let again = ended != NEVER && sector.executed.contains(&op);
        sector.executed.retain(|&old| old != op);
        sector.executed.push(op);
        let newer = self.writes.get(last as usize).copied().flatten();
        let is_newer = newer.is_some_and(|newer| newer.submitted > ended);
        let lost = last != op && (again || is_newer);
        if lost && !overtaken {
            return Err(format!(
                "lost update: a late copy of write {op} was executed on sector {lba} over write \
                 {last}, which was sent after it"
            ));
        }
        if lost {
            // The network broke the order that the guard relies on.
            self.excused += 1;
            sector.executed = vec![op];
            sector.tainted = true;
            sector.candidates.iter_mut().for_each(|c| c.durable = false);
        }
        let known = sector.candidates.iter().any(|c| c.op == op);
        if ended != NEVER && (overtaken || sector.tainted || !known) {
            // From now on reads may return it, as a failed write that took effect late.
            let value = if trims { ZERO } else { op };
            sector.candidates.retain(|c| c.op != op);
            sector.candidates.push(Candidate {
                ended: self.step,
                failed: true,
                ..Candidate::new(op, value, self.step)
            });
        }
        Ok(())
    }

    fn oldest(&self) -> u64 {
        self.reads.iter().map(|&(_, begun)| begun).min().unwrap_or(NEVER).min(self.step)
    }
}

/// Forgets candidates that no read may return any more.
fn prune(candidates: &mut Vec<Candidate>, oldest: u64, lossy: bool) {
    if candidates.len() < 2 {
        return;
    }
    let durable = match lossy {
        true => candidates.iter().filter(|c| c.durable).map(|c| c.submitted).max().unwrap_or(0),
        false => NEVER,
    };
    candidates.retain(|c| c.replaced >= oldest || c.ended >= durable);
}

fn stale(op: u32, lba: u64, value: u32, begun: u64, sector: &Sector) -> String {
    format!(
        "read {op} (begun {begun}) returned write {value} for sector {lba}, where it may return {:?}",
        sector
            .candidates
            .iter()
            .map(|c| (c.op, c.value, c.submitted, c.ended, c.replaced))
            .collect::<Vec<_>>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> Reference {
        Reference::new(1, false)
    }

    fn write(reference: &mut Reference, op: u32) {
        reference.begin_write(op, 0, 1, false);
        reference.executed(op, 0, false).expect("in order");
        reference.end_write(op, true).expect("executed");
    }

    fn read(reference: &mut Reference, op: u32, value: u32) -> Result<(), String> {
        reference.begin_read(op);
        reference.end_read(op, 0, [Ok(value)].into_iter())
    }

    #[test]
    fn read_returns_the_last_write_only() {
        let mut reference = one();
        assert!(read(&mut reference, 90, ZERO).is_ok());
        write(&mut reference, 1);
        assert!(read(&mut reference, 91, ZERO).is_err());
        assert!(read(&mut reference, 92, 1).is_ok());
        write(&mut reference, 2);
        assert!(read(&mut reference, 93, 1).is_err());
    }

    #[test]
    fn read_that_overlaps_a_write_returns_either() {
        for value in [ZERO, 1] {
            let mut reference = one();
            reference.begin_read(90);
            write(&mut reference, 1);
            assert!(reference.end_read(90, 0, [Ok(value)].into_iter()).is_ok());
        }
    }

    #[test]
    fn what_a_read_saw_is_not_unseen() {
        let mut reference = one();
        reference.begin_write(1, 0, 1, false);
        assert!(read(&mut reference, 90, 1).is_ok());
        assert!(read(&mut reference, 91, ZERO).is_err());
    }

    #[test]
    fn failed_write_may_or_may_not_have_happened() {
        let mut reference = one();
        reference.begin_write(1, 0, 1, false);
        reference.end_write(1, false).expect("failed");
        assert!(read(&mut reference, 90, ZERO).is_ok());
        assert!(read(&mut reference, 91, 1).is_ok());
        write(&mut reference, 2);
        assert!(read(&mut reference, 92, 1).is_err());
    }

    #[test]
    fn acknowledgement_without_execution_is_seen() {
        let mut reference = Reference::new(2, false);
        reference.begin_write(1, 0, 2, false);
        reference.executed(1, 0, false).expect("first");
        assert!(reference.end_write(1, true).is_err());
    }

    #[test]
    fn old_copy_over_a_newer_write_is_a_lost_update() {
        let mut reference = one();
        write(&mut reference, 1);
        assert!(reference.executed(1, 0, false).is_ok());
        write(&mut reference, 2);
        assert!(reference.executed(1, 0, false).is_err());
    }

    #[test]
    fn unflushed_writes_may_be_lost_in_a_crash_and_flushed_ones_not() {
        let mut reference = Reference::new(1, true);
        write(&mut reference, 1);
        reference.begin_read(80);
        reference.end_flush(80);
        write(&mut reference, 2);
        reference.crash(&[1]).expect("2 was not flushed");
        assert!(read(&mut reference, 90, 1).is_ok());
        let mut reference = Reference::new(1, true);
        write(&mut reference, 1);
        write(&mut reference, 2);
        reference.begin_read(80);
        reference.end_flush(80);
        assert!(reference.crash(&[1]).is_err());
    }

    #[test]
    fn what_a_crash_took_back_may_come_again_as_a_late_copy() {
        let mut reference = Reference::new(1, true);
        write(&mut reference, 1);
        reference.crash(&[ZERO]).expect("1 was not flushed");
        assert!(read(&mut reference, 90, 1).is_err());
        reference.executed(1, 0, false).expect("nothing newer is there");
        assert!(read(&mut reference, 91, 1).is_ok());
    }

    #[test]
    fn a_flush_that_began_before_the_late_copy_came_does_not_make_it_durable() {
        let mut reference = Reference::new(1, true);
        write(&mut reference, 1);
        reference.crash(&[ZERO]).expect("1 was not flushed");
        reference.begin_read(80);
        reference.executed(1, 0, false).expect("nothing newer is there");
        reference.end_flush(80);
        reference.crash(&[ZERO]).expect("it may have been flushed before 1 came");
        reference.executed(1, 0, false).expect("nothing newer is there");
        reference.begin_read(81);
        reference.end_flush(81);
        assert!(reference.crash(&[ZERO]).is_err());
    }

    #[test]
    fn what_a_write_replaced_for_good_is_no_newer_because_of_a_crash() {
        let mut reference = Reference::new(1, true);
        // Two writes at once: only the target shows which one comes first.
        reference.begin_write(1, 0, 1, false);
        reference.begin_write(2, 0, 1, false);
        for op in [1, 2] {
            reference.executed(op, 0, false).expect("in order");
            reference.end_write(op, true).expect("executed");
        }
        reference.crash(&[2]).expect("2 was written to the disk");
        // The network delivers the overtaken copy of 1, then a retransmission of 2.
        reference.executed(1, 0, true).expect("the network's doing");
        assert_eq!(reference.excused, 1);
        reference.executed(2, 0, false).expect("the right one is there again");
    }
}
