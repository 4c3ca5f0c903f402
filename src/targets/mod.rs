// SPDX-License-Identifier: BSD-2-Clause
//! One target: its paths, its disk, its I/O.
//!
//! Sans I/O: `handle_*` takes an input with its time, `poll_output` returns the
//! outputs one by one until there are none, `deadline` returns when to call
//! `handle_tick`. An input may come in the middle of a drain.
//!
//! Life: `Discovered -> Up <-> Suspended -> Failed | Gone`. If a config answer
//! arrives for a gone target, the target starts over in the same memory, and keeps
//! the guard's copies.

mod accept;
mod advert;
mod answer;
mod control;
mod doubled;
mod filtered;
mod growth;
mod identity;
mod life;
mod loss;
mod manage;
mod notice;
mod policy;
mod receive;
mod send;
mod settings;
mod share;
mod status;
mod storage;
mod taste;
#[cfg(test)]
mod tests;
mod timers;
mod trouble;

use crate::guard::Guard;
use crate::history::History;
use crate::io::{IoRequest, IoTable, Op};
use crate::list::{List, Stack};
use crate::output::{Blank, Draft, IoError, IoHandle, Output};
use crate::path::{Counters, Path, Paths};
use crate::random::Random;
use crate::request::Requests;
use crate::slot::{PathId, RequestId};
use crate::tag::Tags;
use crate::time::Instant;
use crate::wire::{Address, ConfigRequest, Identify};
use core::mem::MaybeUninit;

pub use crate::guard::Copy as CopySlot;
pub use crate::history::Earlier as EarlierSlot;
pub use crate::io::Io as IoSlot;
pub use crate::path::Path as PathSlot;
pub use crate::request::Request as RequestSlot;
pub use accept::Unacceptable;
use control::Control;
pub use control::ControlRequest;
use notice::{Notice, Notices};
pub use receive::{CopyOut, Frame};
pub use send::DELETE_MAX;
pub use settings::{Link, Links, Policy, Settings};
pub use status::{PathStatus, Status, path_state_name, state_name};
pub use storage::{Limits, Storage};
use taste::Tasting;

/// Maximum bytes of a management command or its answer, after the 24-byte header.
pub const CONTROL_MAX: usize = 2084;
/// Maximum bytes of an answer that the core itself reads: the length of a config string.
pub const SCRATCH_MAX: usize = ConfigRequest::STRING_MAX;

/// The state of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// It answered a config query, and is not identified yet.
    Discovered,
    /// `maxwait` passed while the disk was open: new I/O fails at once.
    Failed,
    /// There is no disk. The target starts over at its next config answer.
    Gone,
    /// No path is left; I/O waits.
    Suspended {
        since: Instant,
    },
    Up,
}

/// The next output. Unlike an [`Output`], it does not contain the frame.
#[must_use]
pub(crate) enum Step<'b> {
    Complete { io: IoHandle, result: Result<(), IoError> },
    Frame(&'b mut Draft),
    Nothing,
    Rare,
}

/// The meaning of the bytes that were last copied from an answer.
#[derive(Clone, Copy, Debug)]
enum Scratch {
    Config { length: usize },
    Control,
    Identify { path: PathId },
    Nothing,
    Sample,
    SecondIdentify { path: PathId },
}

/// Counters of the target as a whole.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    /// Sectors read and written, of 512 bytes.
    pub(crate) moved: u64,
    pub(crate) fences: u64,
    pub(crate) guard_waits: u64,
    pub(crate) guard_wait: u64,
}

impl Totals {
    /// Counts a completed I/O.
    #[inline]
    fn count(&mut self, result: Result<u32, IoError>) {
        match result {
            Ok(moved) => {
                self.completed = self.completed.wrapping_add(1);
                self.moved = self.moved.wrapping_add(moved.into());
            }
            Err(_) => self.failed = self.failed.wrapping_add(1),
        }
    }
}

/// Conditions that were found. Each is reported once at most.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    no_delete: bool,
    no_flush: bool,
    no_write_cache: bool,
    paths_full: bool,
}

/// A target. See the module's description.
///
/// Fields are in the order of use: those that each frame accesses come first and
/// together, since with thousands of targets, none of them is in a cache.
#[derive(Debug)]
#[repr(C)]
pub struct Target<'a> {
    life: Life,
    /// When it was suspended last.
    suspended_at: Instant,
    /// `is_all_quiet` found only I/O to do, and `stir` was not called since.
    is_calm: bool,
    scratch_holds: Scratch,
    address: Address,
    is_aborted: bool,
    guard_waiting: bool,
    /// I/O was refused, and no such I/O has succeeded since.
    is_refused: bool,
    turn: PathId,
    /// The disk supports 48-bit commands, by `identity`.
    uses_lba48: bool,
    /// Shift from blocks of 512 bytes, the unit here, to the disk's sectors.
    sector_shift: u8,
    /// Path slots below this one have been used; those above are free.
    used: u8,
    is_open: bool,
    idle_told: bool,
    /// While calm: the next deadline, or a time before it.
    wakes_at: Instant,
    free: Stack<RequestId>,
    resend: List<RequestId>,
    slow: List<RequestId>,
    held: List<RequestId>,
    paths: &'a mut Paths,
    links: &'a mut Links,
    requests: &'a mut Requests,
    history: History<'a>,
    ios: IoTable<'a>,
    guard: Guard<'a>,
    tags: Tags,
    control: Control<'a>,
    totals: Totals,
    doubled: doubled::Doubled,
    tasting: Tasting,
    sectors: u64,
    settings: Settings,
    notices: Notices,
    /// The IDENTIFY data of the target's disk, once known.
    identity: Option<Identify>,
    seen: Seen,
    tag_count: u32,
    unexpected: u64,
    scratch: &'a mut [u8; SCRATCH_MAX],
    identify: &'a mut [u8; 512],
    config: &'a mut [u8; 1024],
    config_length: u16,
    firmware_version: u16,
    buffer_count: u16,
    sector_count: u8,
    /// The counters of former paths.
    retired: Counters,
    /// The IDENTIFY data of a disk that cannot be used, while no other disk is known.
    refused: Option<Identify>,
    trouble: trouble::Trouble,
    accepted: Option<accept::Accepted>,
    /// Number of answers on paths for which there was no slot.
    paths_left_out: u64,
}

impl<'a> Target<'a> {
    /// Creates a target without paths and without a disk.
    pub fn new(
        address: Address,
        storage: &'a mut Storage,
        limits: Limits,
        settings: Settings,
        seed: &[u8; 32],
    ) -> Self {
        let Storage { ios, requests, earlier, copies, paths, links, changes, scratch, .. } =
            storage;
        let Storage { control, identify, config, .. } = storage;
        let free = Stack::of_first(requests, limits.requests);
        Self {
            address,
            settings,
            life: Life::Discovered,
            suspended_at: Instant::ZERO,
            is_calm: false,
            wakes_at: Instant::ZERO,
            is_open: false,
            tasting: Tasting::NONE,
            is_aborted: false,
            idle_told: false,
            identity: None,
            uses_lba48: false,
            sector_shift: 0,
            sectors: 0,
            ios: IoTable::new(ios, changes, limits.ios),
            requests,
            history: History::new(earlier),
            free,
            resend: List::EMPTY,
            slow: List::EMPTY,
            held: List::EMPTY,
            guard: Guard::new(copies, limits.copies),
            guard_waiting: false,
            is_refused: false,
            paths,
            used: 0,
            links,
            turn: PathId(0),
            tags: Tags::new(&mut Random::new(seed)),
            tag_count: 0,
            notices: Notices::EMPTY,
            scratch,
            scratch_holds: Scratch::Nothing,
            identify,
            config,
            config_length: 0,
            firmware_version: 0,
            buffer_count: 0,
            sector_count: 0,
            control: Control::new(control),
            seen: Seen::default(),
            totals: Totals::default(),
            doubled: doubled::Doubled::NONE,
            retired: Counters::default(),
            refused: None,
            trouble: trouble::Trouble::NONE,
            accepted: None,
            paths_left_out: 0,
            unexpected: 0,
        }
    }

    /// Applies new settings.
    pub fn handle_settings(&mut self, settings: Settings, now: Instant) {
        self.begin(now);
        if settings.write_cache != self.settings.write_cache {
            self.seen.no_write_cache = false;
            self.want_features(settings.write_cache);
        }
        self.settings = settings;
        for path in self.paths.iter_mut() {
            path.window.set_ceiling(settings.ceiling(self.buffer_count));
        }
        if settings.fail_on_disconnection && matches!(self.life, Life::Suspended { .. }) {
            self.remove();
        }
    }

    /// Accepts an I/O, or returns the error with which the caller completes it.
    /// `Ok(Err(request))` returns the request because all slots are in use.
    pub fn handle_submit(
        &mut self,
        request: IoRequest,
        now: Instant,
    ) -> Result<Result<(), IoRequest>, IoError> {
        self.settle(now);
        if let Some(error) = self.refusal(&request) {
            if request.give_up != Instant::NEVER {
                self.tasting.on_missed(now);
            }
            self.totals.failed = self.totals.failed.wrapping_add(1);
            return Err(error);
        }
        self.wakes_at = self.wakes_at.min(request.give_up);
        Ok(self.ios.admit(request))
    }

    /// Returns the error of an I/O that cannot be tried.
    fn refusal(&self, request: &IoRequest) -> Option<IoError> {
        match self.life {
            Life::Discovered | Life::Gone => return Some(self.settings.gone()),
            _ if self.is_aborted => return Some(self.settings.gone()),
            Life::Failed => return Some(IoError::Io),
            Life::Suspended { .. } | Life::Up => {}
        }
        let end = request.lba.checked_add(u64::from(request.sectors));
        match request.op {
            Op::Flush => (!self.capabilities().flush).then_some(IoError::Unsupported),
            Op::Delete if !self.capabilities().delete => Some(IoError::Unsupported),
            // GEOM requests whole sectors only.
            _ if (request.lba | u64::from(request.sectors)) & self.sector_mask() != 0 => {
                Some(IoError::Io)
            }
            _ => end.is_none_or(|end| end > self.sectors).then_some(IoError::Io),
        }
    }

    /// Returns the bits of a block number that are 0 at a sector boundary.
    fn sector_mask(&self) -> u64 {
        u64::from((1_u8 << (self.sector_shift & 7)).wrapping_sub(1))
    }

    /// Handles the first open of the provider. Fails while the target is not up, and for
    /// `taste_wait` after a tasting read was given up, unless one was answered since.
    pub fn handle_open(&mut self, now: Instant) -> Result<(), IoError> {
        self.begin(now);
        let wait = self.settings.taste_wait;
        if self.life != Life::Up || self.is_aborted || self.tasting.is_deaf(wait, now) {
            self.tasting.on_missed(now);
            return Err(IoError::Gone);
        }
        self.is_open = true;
        self.tasting.on_open();
        Ok(())
    }

    /// Handles the last close of the provider.
    pub fn handle_close(&mut self, now: Instant) {
        self.begin(now);
        self.is_open = false;
        if self.life == Life::Failed {
            self.remove();
        } else {
            self.weigh_sizes(now);
            self.recall_smaller(now);
        }
    }

    /// Removes the disk for good: fails all I/O, and every I/O from now on.
    pub fn handle_abort(&mut self, now: Instant) {
        self.begin(now);
        self.is_aborted = true;
        self.remove();
    }

    /// Records that a write's copy has left the interface, which gave its mbuf back.
    pub fn handle_sent(&mut self, copy: u32, now: Instant) {
        self.guard.on_left(copy, now);
    }

    /// Returns the settings in effect.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns when `handle_tick` must be called; an earlier call is harmless.
    pub fn deadline(&self) -> Instant {
        if !self.is_calm {
            return self.next_deadline();
        }
        debug_assert!(self.wakes_at <= self.next_deadline());
        self.wakes_at
    }

    /// Ends the calm state: there may be work other than I/O.
    #[inline]
    fn stir(&mut self) {
        self.is_calm = false;
    }

    /// Whether there is only I/O to do, until an input calls `stir`.
    fn is_all_quiet(&self) -> bool {
        self.life == Life::Up
            && matches!(self.scratch_holds, Scratch::Nothing)
            && self.notices.is_empty()
            && self.control.is_idle()
            && !self.guard_waiting
            && !self.guard.is_starved()
            && self.known_paths().iter().all(Path::is_quiet)
    }

    /// Returns the next output, or `None` if there is none.
    pub fn poll_output(&mut self, now: Instant) -> Option<Output> {
        let mut blank = MaybeUninit::uninit();
        match self.poll_step(now, &mut Some(&mut blank)) {
            Step::Complete { io, result } => Some(Output::Complete { io, result }),
            Step::Frame(frame) => Some(Output::Transmit(frame.finished())),
            Step::Nothing => None,
            Step::Rare => self.poll_rare(now),
        }
    }

    /// The same, but a frame is built in `blank`, and not moved.
    pub(crate) fn poll_step<'b>(&mut self, now: Instant, blank: &mut Blank<'b>) -> Step<'b> {
        if self.is_calm {
            debug_assert!(self.is_all_quiet());
        } else {
            self.settle(now);
            if !self.notices.is_empty() {
                return Step::Rare;
            }
        }
        if let Some((io, result)) = self.ios.pop_done() {
            self.totals.count(result);
            return Step::Complete { io, result: result.map(|_| ()) };
        }
        if let Some(frame) = self.poll_transmit(now, blank) {
            return Step::Frame(frame);
        }
        if self.is_calm {
            return Step::Nothing;
        }
        if self.control.is_done() || self.life == Life::Gone {
            return Step::Rare;
        }
        if self.is_all_quiet() {
            self.is_calm = true;
            self.wakes_at = self.next_deadline();
        }
        Step::Nothing
    }

    /// Returns the output that [`Step::Rare`] stands for, if there is one.
    pub(crate) fn poll_rare(&mut self, now: Instant) -> Option<Output> {
        if let Some(notice) = self.pop_notice() {
            return Some(notice);
        }
        // The frames come before this, since the search for a command's next frame may
        // end the command.
        if let Some(done) = self.control.pop_done() {
            return Some(Output::ControlDone(done));
        }
        self.poll_idle(now)
    }

    /// Returns the destination of a [`CopyOut::Scratch`], which the next input or poll
    /// reads. The answer to a management command replaces the command.
    pub fn scratch_mut(&mut self) -> &mut [u8] {
        match self.scratch_holds {
            Scratch::Control => self.control.buffer_mut(),
            _ => self.scratch,
        }
    }

    /// Returns the buffer of a management command, and then of its answer.
    pub fn control_mut(&mut self) -> &mut [u8; CONTROL_MAX] {
        self.control.buffer_mut()
    }

    /// Returns the paths that may be in use.
    #[inline]
    fn known_paths(&self) -> &[Path] {
        self.paths.first(self.used.into())
    }

    /// Returns the numbers of the paths that may be in use.
    fn path_ids(&self) -> impl Iterator<Item = PathId> + Clone + use<> {
        (0..self.used).map(PathId)
    }

    /// Returns the paths that may be in use, except one.
    fn other_paths(&self, id: PathId) -> impl Iterator<Item = &Path> {
        self.path_ids().filter(move |other| *other != id).map(|other| &self.paths[other])
    }

    /// Returns a new tag for a slot outside the request table.
    fn management_tag(&mut self, slot: u16) -> crate::wire::Tag {
        self.tag_count = self.tag_count.wrapping_add(1);
        self.tags.tag(slot, self.tag_count)
    }

    fn tell(&mut self, notice: Notice) {
        self.stir();
        self.notices.push(notice);
    }
}
