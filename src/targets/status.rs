// SPDX-License-Identifier: BSD-2-Clause
//! A target's status for the administrator.

use super::{Life, Target};
use crate::histogram::BUCKETS;
use crate::output::Event;
use crate::path::{Counters, Path, State};
use crate::slot::{LinkId, PathId};
use crate::time::{Instant, Micros};
use crate::wire::{Identify, Mac};

const STATES: [&str; 6] = ["discovered", "identifying", "up", "suspended", "failed", "gone"];
const PATH_STATES: [&str; 5] = ["identifying", "up", "down", "conflict", "unusable"];

/// Returns the name of a target's state by its number.
pub fn state_name(number: u32) -> &'static str {
    usize::try_from(number).ok().and_then(|n| STATES.get(n)).unwrap_or(&"unknown")
}

/// Returns the name of a path's state by its number.
pub fn path_state_name(number: u8) -> &'static str {
    PATH_STATES.get(usize::from(number)).unwrap_or(&"unknown")
}

/// A snapshot of a target.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names are those of aoe_abi.h, which describes them")]
pub struct Status<'t> {
    pub state: &'static str,
    pub state_code: u32,
    pub identity: Option<&'t Identify>,
    pub sectors: u64,
    pub is_open: bool,
    pub is_idle: bool,
    pub can_flush: bool,
    pub flushes_ext: bool,
    pub can_delete: bool,
    pub has_conflict: bool,
    pub is_doubled: bool,
    pub is_read_only: bool,
    pub is_reserved: bool,
    pub received: u64,
    pub sent: u64,
    pub retransmitted: u64,
    pub late: u64,
    pub unexpected: u64,
    pub completed: u64,
    pub failed: u64,
    /// Sectors read and written, of 512 bytes.
    pub moved: u64,
    pub fences: u64,
    pub guard_waits: u64,
    pub guard_wait_us: u64,
    pub active: u32,
    pub in_flight: u32,
    pub guarded: u32,
    pub firmware_version: u16,
    pub buffer_count: u16,
    pub sector_count: u8,
    pub paths: u8,
    pub config_length: u16,
    pub paths_left_out: u64,
    /// The disk's IDENTIFY, even if the disk cannot be used.
    pub names: Option<&'t Identify>,
    /// Why the disk, or one path to it, cannot be used: an event, its value, and the index
    /// of the path.
    pub reason: Option<(Event, u64, u8)>,
}

/// A snapshot of a path.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names are those of aoe_abi.h, which describes them")]
pub struct PathStatus {
    pub index: PathId,
    pub link: LinkId,
    pub mac: Mac,
    pub state_code: u8,
    pub is_up: bool,
    pub sent: u64,
    pub received: u64,
    pub retransmitted: u64,
    pub late: u64,
    pub unexpected: u64,
    pub doubled: u64,
    pub rtt: Micros,
    pub rto: Micros,
    pub reorder: Micros,
    pub window: u32,
    pub in_flight: u32,
    pub payload: u32,
    pub payload_max: u32,
    pub sector_count: u8,
}

/// The sums over all paths of a target.
#[derive(Default)]
struct Sum {
    counters: Counters,
    has_conflict: bool,
    is_doubled: bool,
    in_flight: u32,
    count: u8,
}

impl Target<'_> {
    /// Returns a snapshot of the target.
    pub fn status(&self) -> Status<'_> {
        let paths = self.sum_paths();
        let state_code = self.state();
        let can = self.capabilities();
        Status {
            state: state_name(state_code),
            state_code,
            identity: self.identity.as_ref(),
            sectors: self.sectors,
            is_open: self.is_open,
            is_idle: self.idle_told,
            can_flush: can.flush,
            flushes_ext: self.flushes_ext(),
            can_delete: can.delete,
            has_conflict: paths.has_conflict,
            is_doubled: paths.is_doubled,
            is_read_only: self.trouble.is_read_only(),
            is_reserved: self.trouble.is_reserved(),
            received: paths.counters.received,
            sent: paths.counters.sent,
            retransmitted: paths.counters.retransmitted,
            late: paths.counters.late,
            unexpected: paths.counters.unexpected.wrapping_add(self.unexpected),
            completed: self.totals.completed,
            failed: self.totals.failed,
            moved: self.totals.moved,
            fences: self.totals.fences,
            guard_waits: self.totals.guard_waits,
            guard_wait_us: self.totals.guard_wait,
            active: u32::try_from(self.ios.len()).unwrap_or(0),
            in_flight: paths.in_flight,
            guarded: u32::from(self.guard.orphans()),
            firmware_version: self.firmware_version,
            buffer_count: self.buffer_count,
            sector_count: self.sector_count,
            paths: paths.count,
            config_length: self.config_length,
            paths_left_out: self.paths_left_out,
            names: self.identity.as_ref().or(self.refused.as_ref()),
            reason: self.reason(),
        }
    }

    /// Whether the target is gone and its memory may be freed.
    pub fn is_idle(&self) -> bool {
        self.life == Life::Gone && self.idle_told
    }

    /// Returns the sums over all paths. A separate function, for a separate stack frame.
    #[inline(never)]
    fn sum_paths(&self) -> Sum {
        let mut sum = Sum { counters: self.retired, ..Sum::default() };
        for path in self.known_paths() {
            // The counters of a free path are retired when its slot is used again.
            sum.counters = sum.counters.plus(&path.counters);
            if path.state == State::Free {
                continue;
            }
            sum.has_conflict |=
                path.state == State::Conflict && path.unfit.is_none() || path.disputed != 0;
            sum.is_doubled |= path.is_doubled;
            sum.in_flight = sum.in_flight.saturating_add(path.in_flight());
            sum.count = sum.count.saturating_add(1);
        }
        sum
    }

    /// Returns why the first unusable path is so: a condition that the administrator can
    /// correct.
    fn reason(&self) -> Option<(Event, u64, u8)> {
        let unfit = |p: &Path| p.unfit.filter(|_| p.state != State::Free && !p.is_up());
        let paths = self.known_paths().iter().enumerate();
        let (index, unfit) = paths.filter_map(|(i, p)| Some((i, unfit(p)?))).next()?;
        let (event, value) = unfit.event();
        Some((event, value, u8::try_from(index).unwrap_or(0)))
    }

    /// Returns the number of the target's state.
    fn state(&self) -> u32 {
        match self.life {
            Life::Discovered => {
                let asked = |p: &Path| matches!(p.state, State::Identifying { .. });
                self.paths.iter().any(asked).into()
            }
            Life::Up => 2,
            Life::Suspended { .. } => 3,
            Life::Failed => 4,
            Life::Gone => 5,
        }
    }

    /// Returns a snapshot of the `n`th path in use.
    pub fn path_status(&self, n: usize) -> Option<PathStatus> {
        let mut used = self.paths.entries().filter(|(_, p)| p.state != State::Free);
        let (index, p) = used.nth(n)?;
        Some(PathStatus {
            index,
            link: p.link,
            mac: p.mac,
            state_code: match p.state {
                State::Identifying { .. } | State::Free => 0,
                State::Up => 1,
                State::Down { .. } => 2,
                State::Conflict if p.unfit.is_some() => 4,
                State::Conflict => 3,
            },
            is_up: p.is_up(),
            sent: p.counters.sent,
            received: p.counters.received,
            retransmitted: p.counters.retransmitted,
            late: p.counters.late,
            unexpected: p.counters.unexpected,
            doubled: p.counters.doubled,
            rtt: p.rtt.mean(),
            rto: p.rtt.rto(),
            reorder: p.order.worst(),
            window: p.window.frames(),
            in_flight: u32::from(p.flight.len()),
            payload: p.payload_bytes(),
            payload_max: u32::from(p.limit).wrapping_mul(512),
            sector_count: p.sector_count,
        })
    }

    /// Returns the histogram of response times of the `n`th path in use.
    pub fn path_histogram(&self, n: usize) -> Option<&[u64; BUCKETS]> {
        let mut used = self.paths.iter().filter(|p| p.state != State::Free);
        used.nth(n).map(|p| p.histogram.counts())
    }

    /// Returns the config string as last seen.
    pub fn config_string(&self) -> &[u8] {
        self.config.get(..usize::from(self.config_length)).unwrap_or(&[])
    }

    /// Returns the IDENTIFY data last accepted.
    pub fn identify_bytes(&self) -> Option<&[u8; 512]> {
        self.identity.map(|_| &*self.identify)
    }

    /// Sends IDENTIFY on every path again.
    pub fn handle_revalidate(&mut self, now: Instant) {
        self.begin(now);
        let links = &*self.links;
        for path in self.paths.iter_mut() {
            let usable = links[path.link].is_usable();
            match path.state {
                State::Up => path.recheck = true,
                State::Conflict | State::Down { .. } if usable => {
                    path.ask(now);
                }
                State::Conflict | State::Down { .. } | State::Free | State::Identifying { .. } => {}
            }
        }
    }
}
