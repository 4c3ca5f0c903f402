// SPDX-License-Identifier: BSD-2-Clause
//! Two answers to one request: two disks at one address, or a network that
//! delivers everything twice.
//!
//! If two answers to an IDENTIFY differ, there are two disks. If nearly every
//! request on a path is answered twice, some sectors are read once each, and the
//! two answers to each read are compared. Only sectors that no write of this host can
//! change meanwhile are evidence.

use super::{Scratch, Target};
use crate::io::Op;
use crate::output::Event;
use crate::path::State;
use crate::request::Place;
use crate::slot::{PathId, RequestId};
use crate::table::Number;
use crate::time::{Instant, Micros};
use crate::unfit::Unfit;
use crate::wire::{Identify, Tag};

/// Number of unexpected answers on a path after which they are examined.
const WEIGHED: u64 = 64;
/// Number of sectors to compare. Half of them are anywhere on the disk, since a second
/// disk may differ in some places only.
const SAMPLES: u8 = 32;
/// Number of samples with a single answer that proves that answers are not doubled.
const SINGLES: u8 = 10;
/// Maximum number of reads in a comparison. More than `SAMPLES`, since a read that
/// overlapped a write, or was lost, is no evidence.
const ATTEMPTS: u8 = 128;
/// Number of differences that prove two disks. The second one must be in the same
/// sector, since another host may have written to the sector between two answers.
const DIFFERENT: u8 = 2;
/// How long to wait for the second answer.
const SECOND_WAIT: Micros = Micros::from_millis(200);
/// How long to wait for the first answer.
const READ_WAIT: Micros = Micros::from_secs(1);
/// Minimum time between comparisons.
const REST: Micros = Micros::from_secs(60);
/// Number of consecutive IDENTIFYs that must get a single answer each before a path on
/// which two disks answered is used again, and number of consecutive answers that must
/// report the same growth of an open disk before it is accepted.
pub(super) const PROBATION: u8 = 3;
/// Time between these IDENTIFYs.
pub(super) const PROBATION_WAIT: Micros = Micros::from_millis(300);

/// The stage of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Idle,
    /// A read is to be sent, or is outstanding.
    First,
    /// The first answer came, with this digest; the second is expected.
    Second {
        digest: u64,
    },
}

/// The comparison in progress; one per target.
#[derive(Debug)]
pub(super) struct Doubled {
    stage: Stage,
    path: PathId,
    tag: Tag,
    /// The first block of the sector to read, or `NOWHERE`.
    lba: u64,
    /// A write may change the sector between the two answers.
    spoiled: bool,
    until: Instant,
    rests_until: Instant,
    attempts: u8,
    equal: u8,
    different: u8,
    single: u8,
    turn: u16,
}

/// No sector.
const NOWHERE: u64 = u64::MAX;

impl Doubled {
    pub(super) const NONE: Self = Self {
        stage: Stage::Idle,
        path: PathId(0),
        tag: Tag(0),
        lba: NOWHERE,
        spoiled: false,
        until: Instant::NEVER,
        rests_until: Instant::ZERO,
        attempts: 0,
        equal: 0,
        different: 0,
        single: 0,
        turn: 0,
    };

    /// Records that sectors from `lba` on are being written to.
    #[inline]
    pub(super) fn on_write(&mut self, lba: u64, sectors: u16) {
        self.spoiled |= self.lba.wrapping_sub(lba) < u64::from(sectors);
    }

    /// Returns when to continue without an answer.
    pub(super) fn deadline(&self) -> Instant {
        self.until
    }

    /// Returns the first block of the sector to read.
    pub(super) fn lba(&self) -> u64 {
        self.lba
    }

    fn awaits_second(&self, index: PathId, tag: Tag) -> bool {
        matches!(self.stage, Stage::Second { .. }) && self.path == index && self.tag == tag
    }
}

impl Target<'_> {
    /// Handles a successful answer with a sector of data that matches no outstanding
    /// management request. Returns the number of bytes to copy, if it is the second answer
    /// to an IDENTIFY or to a read of a comparison.
    pub(super) fn on_second_answer(&mut self, index: PathId, tag: Tag) -> Option<usize> {
        let path = &mut self.paths[index];
        if path.said_tag == tag {
            path.counters.doubled = path.counters.doubled.wrapping_add(1);
            self.scratch_holds = Scratch::SecondIdentify { path: index };
        } else if self.doubled.awaits_second(index, tag) {
            path.counters.doubled = path.counters.doubled.wrapping_add(1);
            self.scratch_holds = Scratch::Sample;
        } else {
            return None;
        }
        Some(crate::wire::SECTOR)
    }

    /// Handles a second answer to one IDENTIFY of a path.
    pub(super) fn on_second_identity(&mut self, index: PathId, identity: &Identify, now: Instant) {
        let path = &self.paths[index];
        if path.state == State::Free {
            return;
        }
        let known = self.identity.as_ref().or(self.refused.as_ref());
        let ours = known.is_some_and(|k| k.names_as(identity));
        let said = if path.growing == 0 { path.sectors } else { path.grown };
        let differs = match (path.state, path.unfit) {
            // Neither disk can be used.
            (State::Conflict, Some(Unfit::SectorSize(_) | Unfit::NoSectors)) => false,
            // The first answer was from another disk, or two disks are already known.
            (State::Conflict, None) if !path.is_aside => ours,
            _ => !ours || said != identity.blocks(),
        };
        // While two are suspected, one surplus answer is enough.
        if differs || path.disputed != 0 || path.is_watched {
            self.dispute(index, now);
        }
    }

    /// Handles two disks that answer on a path, and so on every path to the same MAC
    /// address. These paths are not used until only one disk answers.
    fn dispute(&mut self, index: PathId, now: Instant) {
        self.stop_comparing(index, now);
        // If the path is used again, its answers are compared at once.
        self.doubled.rests_until = Instant::ZERO;
        let mac = self.paths[index].mac;
        for other in self.path_ids() {
            let path = &mut self.paths[other];
            if other != index && (path.mac != mac || path.state == State::Free) {
                continue;
            }
            let is_silent = matches!(path.state, State::Down { .. });
            // Two disks are reported even if another kind of conflict was.
            path.conflict_told &= path.disputed != 0;
            (path.disputed, path.growing) = (PROBATION, 0);
            if !is_silent {
                self.on_conflict(other, Event::TwoDisks, now);
            }
        }
    }

    /// Counts an answer to IDENTIFY on a path on which two disks answered. Returns whether
    /// the path must be identified again before it is used.
    pub(super) fn is_on_probation(&mut self, index: PathId) -> bool {
        let path = &mut self.paths[index];
        path.is_watched = path.disputed == 1;
        path.disputed = path.disputed.saturating_sub(1);
        path.disputed != 0
    }

    /// Handles an unexpected answer: checks at intervals whether nearly all requests get a
    /// second answer. Retransmissions are subtracted, since a retransmitted request may be
    /// answered twice.
    pub(super) fn weigh_doubles(&mut self, index: PathId, now: Instant) {
        let path = &mut self.paths[index];
        let since = path.counters.since(&path.weighed);
        if since.unexpected < WEIGHED {
            return;
        }
        path.weighed = path.counters;
        let doubled = since.unexpected.saturating_sub(since.retransmitted);
        let suspected = doubled.saturating_mul(4) >= since.received.saturating_mul(3);
        let rests = self.doubled.stage != Stage::Idle || now < self.doubled.rests_until;
        if suspected && !rests && path.is_up() {
            self.doubled = Doubled { path: index, turn: self.doubled.turn, ..Doubled::NONE };
            self.next_sample(now);
        }
    }

    /// Checks whether a path's answers are no longer doubled.
    pub(super) fn weigh_calm(&mut self, index: PathId) {
        let path = &mut self.paths[index];
        let since = path.counters.since(&path.weighed);
        if path.is_doubled && since.received >= WEIGHED && since.unexpected < since.received >> 2 {
            path.is_doubled = false;
            path.weighed = path.counters;
        }
    }

    /// Reads another sector, or ends the comparison.
    fn next_sample(&mut self, now: Instant) {
        let d = &self.doubled;
        let index = d.path;
        // A sector that differed is read until two answers come again, since one of
        // a pair may have been lost.
        let suspected = d.different != 0;
        let compared = d.equal.saturating_add(d.single);
        if d.different >= DIFFERENT {
            return self.dispute(index, now);
        }
        let is_enough = !suspected && (compared >= SAMPLES || d.single >= SINGLES);
        if is_enough || d.attempts >= ATTEMPTS {
            let doubled = compared >= SAMPLES;
            self.stop_comparing(index, now);
            return self.tell_doubled(index, doubled);
        }
        // A sector that differed is read again.
        if !suspected || d.lba == NOWHERE {
            self.doubled.lba = self.sector_to_compare();
        }
        self.doubled.stage = Stage::First;
        self.doubled.tag = Tag(0);
        self.doubled.attempts = self.doubled.attempts.saturating_add(1);
        self.doubled.until = now.after(READ_WAIT);
        let path = &mut self.paths[index];
        path.compare_wanted = true;
    }

    fn tell_doubled(&mut self, index: PathId, doubled: bool) {
        let path = &mut self.paths[index];
        let told = core::mem::replace(&mut path.is_doubled, doubled);
        let value = path.counters.doubled;
        if doubled && !told {
            self.tell_event(Event::Doubled, Some(index), value);
        }
    }

    fn stop_comparing(&mut self, index: PathId, now: Instant) {
        let path = &mut self.paths[index];
        path.compare_wanted = false;
        if self.doubled.path == index {
            self.doubled =
                Doubled { turn: self.doubled.turn, rests_until: now.after(REST), ..Doubled::NONE };
        }
    }

    /// Returns the next sector to compare, by its first block. Recently read or written
    /// sectors, which hold data, alternate with sectors anywhere on the disk.
    fn sector_to_compare(&mut self) -> u64 {
        let turn = self.doubled.turn;
        self.doubled.turn = turn.wrapping_add(1);
        let (sectors, shift) = (self.sectors.max(1), self.sector_shift & 7);
        let spread = u64::from(turn).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let recent = &self.requests[RequestId::at(usize::from(turn >> 1))];
        let is_data = matches!(recent.op, Op::Read | Op::Write) && recent.lba != 0;
        let lba = if turn % 2 == 1 && is_data { recent.lba } else { spread };
        // The first block of a sector.
        lba.checked_rem(sectors).unwrap_or(0) >> shift << shift
    }

    /// Records that the read is sent now, with this tag.
    pub(super) fn on_sample_sent(&mut self, index: PathId, tag: Tag, now: Instant) {
        let lba = self.doubled.lba;
        let covers = |r: &&crate::request::Request| {
            r.place != Place::Free
                && r.op.changes_data()
                && lba.wrapping_sub(r.lba) < u64::from(r.sectors)
        };
        let rules = (&*self.paths, now, self.settings.ghost_wait);
        let copies = self.guard.blocks(lba, lba.saturating_add(1), rules, |_, _| {});
        self.doubled.spoiled = copies || self.requests.iter().any(|r| covers(&r));
        self.doubled.tag = tag;
        let path = &mut self.paths[index];
        path.compare_wanted = false;
    }

    /// Handles the first answer to the read, which has data if `data` is set. Returns the
    /// number of bytes to copy.
    pub(super) fn on_sample_answered(
        &mut self,
        index: PathId,
        data: bool,
        now: Instant,
    ) -> Option<usize> {
        if self.doubled.stage != Stage::First || self.doubled.path != index {
            return None;
        }
        if !data {
            self.next_sample(now);
            return None;
        }
        self.scratch_holds = Scratch::Sample;
        Some(crate::wire::SECTOR)
    }

    /// Handles an answer's sector in the scratch buffer: keeps its digest, or compares it
    /// with the first answer's.
    pub(super) fn settle_sample(&mut self, now: Instant) {
        let Some(sector) = self.scratch.first_chunk::<512>() else { return };
        let digest = sector.iter().fold(DIGEST, |d, byte| mix(d, u64::from(*byte)));
        match self.doubled.stage {
            Stage::Idle => {}
            Stage::First => {
                let rto = self.paths[self.doubled.path].rtt.rto();
                self.doubled.stage = Stage::Second { digest };
                self.doubled.until = now.after(SECOND_WAIT.max(rto));
            }
            Stage::Second { digest: first } => {
                let d = &mut self.doubled;
                if !d.spoiled && first == digest {
                    d.equal = d.equal.saturating_add(1);
                    // If the sector differed before, it was written to in between.
                    d.different = 0;
                } else if !d.spoiled {
                    d.different = d.different.saturating_add(1);
                }
                self.next_sample(now);
            }
        }
    }

    /// Ends the wait for an answer that is overdue.
    pub(super) fn tick_doubled(&mut self, now: Instant) {
        if self.doubled.until > now {
            return;
        }
        let index = self.doubled.path;
        if !self.paths[index].is_up() {
            return self.stop_comparing(index, now);
        }
        if matches!(self.doubled.stage, Stage::Second { .. }) {
            self.doubled.single = self.doubled.single.saturating_add(1);
        }
        self.next_sample(now);
    }
}

const DIGEST: u64 = 0xcbf2_9ce4_8422_2325;

fn mix(digest: u64, value: u64) -> u64 {
    (digest ^ value).wrapping_mul(0x0000_0100_0000_01b3)
}
