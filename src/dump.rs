// SPDX-License-Identifier: BSD-2-Clause
//! A kernel crash dump: the next request, its retransmissions, and its path.
//!
//! A kernel that has panicked has one thread, which asks for one step at a time
//! and carries it out. One request is outstanding at a time. It is retransmitted
//! until it is answered or its path is given up. Of the target, only the paths are
//! read, since the panic may have interrupted a change of the rest.

mod request;
#[cfg(test)]
mod tests;

use crate::output::IoError;
use crate::slot::LinkId;
use crate::time::Micros;
use crate::wire::{Address, Mac};
use request::{Request, Work};

/// Minimum time between two polls.
const POLL: Micros = Micros(10);
/// Maximum number of frames that one poll handles.
pub const FRAMES: u32 = 1000;
/// Distance between the first sequence numbers of two dumps, more than one dump uses.
pub const APART: u32 = 1 << 28;
/// Time to wait on a new path for late answers to frames of the running core.
const SETTLE: Micros = Micros::from_millis(100);
/// Initial and maximum retransmission timeout.
const RTO: Micros = Micros::from_millis(20);
const RTO_MAX: Micros = Micros::from_secs(1);
/// Silence after which a path is given up.
const PATH: Micros = Micros::from_secs(10);
/// Total silence that ends the dump. Each answer takes `CREDIT` off the total, so
/// that the losses of a long dump do not add up to it.
const LOST: Micros = Micros::from_secs(60);
const CREDIT: Micros = Micros::from_millis(1);
/// Bytes of a block, the core's unit.
const BLOCK: u64 = 512;

/// The disk that takes the dump, as the running core knew it.
#[derive(Clone, Copy, Debug)]
pub struct Disk {
    /// Shelf and slot.
    pub address: Address,
    /// Its size in blocks of 512 bytes.
    pub blocks: u64,
    /// Bytes of a sector: 512 times a power of two.
    pub sector: u32,
    /// It supports 48-bit writes.
    pub lba48: bool,
    /// It supports a flush.
    pub flush: bool,
    /// It supports the 48-bit flush, FLUSH CACHE EXT.
    pub flush_ext: bool,
}

/// A path that was up when the kernel panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The local interface.
    pub link: LinkId,
    /// The target's MAC address.
    pub remote: Mac,
    /// Bytes of data that a frame on this path is known to carry.
    pub payload: u32,
}

/// The interface of a path, as the kernel sees it now.
#[derive(Clone, Copy, Debug)]
pub struct Interface {
    /// Its MAC address.
    pub local: Mac,
    /// Its MTU, which may have become smaller without an event.
    pub mtu: u32,
    /// Bytes that one transmit buffer holds, the frame's header included.
    pub buffer: u32,
}

/// Why a dump failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpError {
    /// The range is not in whole sectors, or not entirely on the disk.
    Range,
    /// No path answers.
    NoPath,
    /// The target answered with an error.
    Refused(IoError),
}

/// The next step of a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Stop using the current interface, if any. Call [`Dump::take`] if this
    /// interface can send frames and be polled.
    Path(LinkId),
    /// Send a frame with these bytes of the data.
    Send {
        /// The first byte, counted from the start of the data.
        offset: u64,
        /// Number of bytes; 0 for a flush.
        length: u32,
    },
    /// Wait for this long, then pass received frames to [`Dump::handle_frame`].
    Poll(Micros),
    /// The write or flush is complete, or has failed.
    Done(Result<(), DumpError>),
}

/// The write or flush that `ask` requested, and its progress.
#[derive(Clone, Copy, Debug)]
struct Job {
    /// Offset on the disk, in bytes.
    start: u64,
    done: u64,
    length: u64,
    flush: bool,
}

impl Job {
    const fn is_done(&self) -> bool {
        self.done == self.length && !self.flush
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No path is in use.
    Paths,
    /// A path was taken into use. Frames that arrive on it are still ignored.
    Settling,
    /// The next request may be sent.
    Ready,
    /// A request is outstanding.
    Waiting,
    /// The outstanding request was answered.
    Answered(Result<(), IoError>),
}

/// A dump in progress.
#[derive(Clone, Copy, Debug)]
pub struct Dump {
    disk: Disk,
    request: Request,
    job: Job,
    phase: Phase,
    next_path: u8,
    payload: u32,
    /// Bytes of data in the outstanding request.
    sent: u32,
    waited: Micros,
    pause: Micros,
    rto: Micros,
    /// Silence on the current path since its last answer.
    silence: Micros,
    /// Total silence on all paths, less `CREDIT` for each answer.
    lost: Micros,
}

impl Dump {
    /// Bytes of a frame before its data.
    pub const HEADER: usize = Request::HEADER;

    /// Begins a dump. The first `sequence` of each dump is [`APART`] from the last one's.
    pub const fn new(disk: Disk, sequence: u32) -> Self {
        let nobody = Mac([0; 6]);
        Self {
            disk,
            request: Request {
                address: disk.address,
                local: nobody,
                remote: nobody,
                sequence,
                work: Work::Flush,
                ext: false,
                shift: 0,
            },
            job: Job { start: 0, done: 0, length: 0, flush: false },
            phase: Phase::Paths,
            next_path: 0,
            payload: 0,
            sent: 0,
            waited: Micros(0),
            pause: Micros(0),
            rto: RTO,
            silence: Micros(0),
            lost: Micros(0),
        }
    }

    /// Requests a write of `length` bytes at byte `start` of the disk. If `length` is 0
    /// and `flush` is set, requests a flush of the write cache, if the disk has one.
    pub fn ask(&mut self, start: u64, length: u64, flush: bool) -> Result<(), DumpError> {
        let sector = u64::from(self.disk.sector.max(512));
        let is_whole = |bytes: u64| bytes.checked_rem(sector) == Some(0);
        let end = start.checked_add(length).ok_or(DumpError::Range)?;
        if !is_whole(start) || !is_whole(length) || end / BLOCK > self.disk.blocks {
            return Err(DumpError::Range);
        }
        let flush = flush && length == 0 && self.disk.flush;
        self.job = Job { start, done: 0, length, flush };
        Ok(())
    }

    /// Returns the next step. `path` returns the path with an index from 0 on: `None`
    /// past the last path, `Some(None)` for a path that was not up.
    pub fn step(&mut self, path: impl Fn(u8) -> Option<Option<Candidate>>) -> Step {
        match self.phase {
            Phase::Answered(outcome) => self.step_answered(outcome),
            _ if self.job.is_done() => Step::Done(Ok(())),
            Phase::Paths => self.step_path(path),
            Phase::Settling if self.waited >= SETTLE => self.step_ready(),
            Phase::Waiting if self.waited >= self.rto => {
                self.silence = self.silence.plus(self.rto);
                self.lost = self.lost.plus(self.rto);
                self.rto = self.rto.backed_off(1, RTO_MAX);
                if self.silence >= PATH || self.lost >= LOST {
                    return self.step_path(path);
                }
                self.step_send()
            }
            Phase::Settling | Phase::Waiting => self.step_poll(),
            Phase::Ready => self.step_ready(),
        }
    }

    fn step_answered(&mut self, outcome: Result<(), IoError>) -> Step {
        self.phase = Phase::Ready;
        if let Err(error) = outcome {
            return Step::Done(Err(DumpError::Refused(error)));
        }
        self.lost = Micros(self.lost.0.saturating_sub(CREDIT.0));
        self.silence = Micros(0);
        self.job.done = self.job.done.saturating_add(self.sent.into());
        self.job.flush = false;
        self.step_ready()
    }

    /// Selects the next path, or ends the dump if none is left.
    fn step_path(&mut self, path: impl Fn(u8) -> Option<Option<Candidate>>) -> Step {
        self.phase = Phase::Paths;
        while self.lost < LOST
            && let Some(candidate) = path(self.next_path)
        {
            self.next_path = self.next_path.saturating_add(1);
            if let Some(candidate) = candidate {
                self.request.remote = candidate.remote;
                self.payload = candidate.payload;
                return Step::Path(candidate.link);
            }
        }
        Step::Done(Err(DumpError::NoPath))
    }

    /// Continues over the interface of the path that the last step named. Returns
    /// the bytes of data that a frame carries, or `None` if it cannot hold a sector.
    pub fn take(&mut self, interface: &Interface) -> Option<u32> {
        let sector = self.disk.sector.max(512);
        let header = u32::try_from(Self::HEADER).unwrap_or(u32::MAX);
        let room = interface.mtu.saturating_add(14).saturating_sub(header);
        if room < sector {
            return None;
        }
        // The payload that the path is known to carry, limited by MTU and buffer, in
        // whole sectors and at least one.
        let most = self.payload.min(room).min(interface.buffer.saturating_sub(header));
        let rest = most.checked_rem(sector).unwrap_or(0);
        self.payload = most.saturating_sub(rest).max(sector);
        self.request.local = interface.local;
        self.phase = Phase::Settling;
        self.silence = Micros(0);
        self.begin_wait();
        Some(self.payload)
    }

    fn begin_wait(&mut self) {
        (self.waited, self.pause) = (Micros(0), Micros(0));
    }

    /// Polls, the less often the longer the wait has lasted.
    fn step_poll(&mut self) -> Step {
        let pause = self.pause;
        self.waited = self.waited.plus(pause);
        self.pause = POLL.max(Micros(self.waited.0 / 16));
        Step::Poll(pause)
    }

    /// Sends the next request, unless the job is done.
    fn step_ready(&mut self) -> Step {
        if self.job.is_done() {
            return Step::Done(Ok(()));
        }
        let left = self.job.length.saturating_sub(self.job.done);
        self.sent = u32::try_from(left).map_or(self.payload, |left| left.min(self.payload));
        self.rto = RTO;
        let request = &mut self.request;
        request.sequence = request.sequence.wrapping_add(1);
        let lba = self.job.start.saturating_add(self.job.done) / BLOCK;
        // At most one buffer or one sector, which is less than 256 blocks.
        request.work = match u8::try_from(self.sent / 512) {
            Ok(0) => Work::Flush,
            Ok(blocks) => Work::Write { lba, blocks },
            Err(_) => return Step::Done(Err(DumpError::Range)),
        };
        request.ext = if self.sent == 0 { self.disk.flush_ext } else { self.disk.lba48 };
        let blocks = (self.disk.sector / 512).max(1);
        request.shift = u8::try_from(blocks.trailing_zeros()).unwrap_or(0);
        self.step_send()
    }

    fn step_send(&mut self) -> Step {
        self.phase = Phase::Waiting;
        self.begin_wait();
        Step::Send { offset: self.job.done, length: self.sent }
    }

    /// Writes the header of the frame to be sent.
    pub fn emit(&self, out: &mut [u8; Dump::HEADER]) {
        self.request.emit(out);
    }

    /// Handles a frame that the interface in use received. Its first
    /// [`Dump::HEADER`] bytes suffice.
    pub fn handle_frame(&mut self, frame: &[u8]) {
        if self.phase == Phase::Waiting
            && let Some(outcome) = self.request.answer(frame)
        {
            self.phase = Phase::Answered(outcome);
        }
    }
}
