// SPDX-License-Identifier: BSD-2-Clause
//! A kernel crash dump: the next request, its retransmissions, and its path.
//!
//! A kernel that has panicked has one thread, which requests one step after the
//! other and carries each out. One request is outstanding at a time; it is
//! repeated until it is answered or its path is given up. Only the paths of the
//! target are read, since a change of the target may have been interrupted.

mod request;
#[cfg(test)]
mod tests;

use crate::output::IoError;
use crate::slot::LinkId;
use crate::time::Micros;
use crate::wire::{Address, Mac};
use request::{Request, Work};

/// Between two polls, at least.
const POLL: Micros = Micros(10);
/// Frames that one poll takes at most.
pub const FRAMES: u32 = 1000;
/// Between the first sequences of two dumps: the one before has not come so far.
pub const APART: u32 = 1 << 28;
/// Wait for answers to frames of the running core.
const SETTLE: Micros = Micros::from_millis(100);
/// Before a request is sent again: at first, and at most.
const RTO: Micros = Micros::from_millis(20);
const RTO_MAX: Micros = Micros::from_secs(1);
/// Silence that ends a path.
const PATH: Micros = Micros::from_secs(10);
/// Silence in sum that ends the dump, less this much for each answer: losses in
/// a long dump are not silence.
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
    /// It takes the 48-bit form of a write.
    pub lba48: bool,
    /// It promises a flush.
    pub flush: bool,
    /// The flush has a 48-bit form.
    pub flush_ext: bool,
}

/// A path that was up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Our interface.
    pub link: LinkId,
    /// The target's.
    pub remote: Mac,
    /// Bytes of data that frames have carried.
    pub payload: u32,
}

/// The interface of a path, as the kernel sees it now.
#[derive(Clone, Copy, Debug)]
pub struct Interface {
    /// Its address.
    pub local: Mac,
    /// Its MTU, which may have become smaller without an event.
    pub mtu: u32,
    /// Bytes that one buffer holds.
    pub buffer: u32,
}

/// Why a dump is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpError {
    /// Not whole sectors, or not on the disk.
    Range,
    /// No path answers.
    NoPath,
    /// The target refused.
    Refused(IoError),
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Leave the interface in use, if any, and call `take` if this one can be
    /// sent on and polled.
    Path(LinkId),
    /// Send a frame with these bytes of the data.
    Send {
        /// From here on.
        offset: u64,
        /// So many; 0 for a flush.
        length: u32,
    },
    /// Wait for this long, then take the received frames.
    Poll(Micros),
    /// All is done, or the dump is over.
    Done(Result<(), DumpError>),
}

/// What was asked for, and how far it is.
#[derive(Clone, Copy, Debug)]
struct Job {
    /// The first byte on the disk.
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
    /// There is no path.
    Paths,
    /// A path was taken: frames that still arrive on it are ignored.
    Settling,
    /// The next frame may leave.
    Ready,
    /// A request is outstanding.
    Waiting,
    /// It was answered.
    Answered(Result<(), IoError>),
}

/// A dump under way.
#[derive(Clone, Copy, Debug)]
pub struct Dump {
    disk: Disk,
    request: Request,
    job: Job,
    phase: Phase,
    next_path: u8,
    payload: u32,
    /// Bytes of the outstanding request.
    sent: u32,
    waited: Micros,
    pause: Micros,
    rto: Micros,
    /// Silence on this path since its last answer, and of all paths.
    silence: Micros,
    lost: Micros,
}

impl Dump {
    /// Bytes in front of the data of a frame.
    pub const HEADER: usize = Request::HEADER;

    /// Begins a dump. No two dumps begin with the same `sequence`.
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

    /// Requests a write of this many bytes; with none and `flush`, emptying the
    /// write cache, if there is one.
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

    /// The next step; `path` gives the paths that are in use, by a number from 0,
    /// and nothing inside for one that was not up.
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

    /// The path that is to be tried next.
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
    /// the bytes of data in a frame, or nothing if no sector fits one.
    pub fn take(&mut self, interface: &Interface) -> Option<u32> {
        let sector = self.disk.sector.max(512);
        let header = u32::try_from(Self::HEADER).unwrap_or(u32::MAX);
        let room = interface.mtu.saturating_add(14).saturating_sub(header);
        if room < sector {
            return None;
        }
        // The payload that the path has proved and one buffer holds; at least a sector.
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

    /// The time between polls grows with the silence.
    fn step_poll(&mut self) -> Step {
        let pause = self.pause;
        self.waited = self.waited.plus(pause);
        self.pause = POLL.max(Micros(self.waited.0 / 16));
        Step::Poll(pause)
    }

    /// Sends the next request, if there is something left to ask for.
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
        // A buffer's worth, or one sector: below 256 blocks.
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

    /// The interface in use received a frame, whose first bytes are enough.
    pub fn handle_frame(&mut self, frame: &[u8]) {
        if self.phase == Phase::Waiting
            && let Some(outcome) = self.request.answer(frame)
        {
            self.phase = Phase::Answered(outcome);
        }
    }
}
