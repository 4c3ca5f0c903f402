// SPDX-License-Identifier: BSD-2-Clause
//! Answers to I/O requests: finds the transmission that an answer belongs to and the
//! outcome, and applies both to the request.

use super::receive::{CopyOut, Frame};
use super::{Target, manage};
use crate::history::Sent;
use crate::io::Op;
use crate::output::{Event, IoError};
use crate::path::MIN_PAYLOAD;
use crate::request::Place;
use crate::slot::{LinkId, PathId, RequestId};
use crate::tag;
use crate::time::{Instant, Micros};
use crate::wire::{AoeError, AtaError, AtaRequest, AtaResponse, Header, SECTOR, Success};

/// Delay before a retransmission to a target that is not ready.
const HOLD: Micros = Micros::from_millis(500);

/// The transmission that an answer belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    op: Op,
    pub(super) sent: Sent,
    /// It is the request's last transmission.
    is_last: bool,
}

/// The outcome that an answer reports.
pub(super) type Verdict = Result<(), Failure>;

/// Why an answer is not a success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    Final(IoError),
    NotReady,
    TooLarge,
}

impl Target<'_> {
    /// Recognises a plain answer to an I/O request: a success, to the last transmission,
    /// over the path of that transmission. `None` for any other frame, which needs the
    /// full decoder.
    #[inline]
    pub(super) fn plain_answer(&self, header: &[u8], link: LinkId) -> Option<(RequestId, Found)> {
        let answer = Success::parse(header)?;
        let slot = RequestId(u8::try_from(tag::slot(answer.tag())?).ok()?);
        let request = &self.requests[slot];
        let path = &self.paths[request.last.path];
        let is_plain = request.place != Place::Free
            && request.last.tag == answer.tag()
            && answer.is_by(&path.route)
            && path.link == link
            && path.is_up();
        is_plain.then_some((slot, Found { op: request.op, sent: request.last, is_last: true }))
    }

    pub(super) fn on_ata(
        &mut self,
        header: &Header,
        frame: &Frame<'_>,
        slot: u16,
        now: Instant,
    ) -> Option<CopyOut> {
        let Some(index) = self.find_path(frame.link, header.src) else {
            return self.count_unexpected();
        };
        let ata = frame.header.get(Header::LEN..).and_then(|a| AtaResponse::parse(a).ok());
        if ata.is_none() && header.error.is_none() {
            return self.count_unexpected();
        }
        let Ok(slot) = u8::try_from(slot).map(RequestId) else {
            if slot != manage::slot_of(index) {
                return self.count_unexpected();
            }
            let length = self.on_management_answer(index, header, ata, frame.length, now)?;
            return self.copy_to_scratch(Header::LEN.saturating_add(AtaRequest::LEN), length);
        };
        let request = &self.requests[slot];
        let counts = self.paths[index].is_admitted && request.place != Place::Free;
        let op = request.op;
        let Some((sent, is_last)) = request.find(header.tag, &self.history).filter(|_| counts)
        else {
            self.count_double(index, slot, header.tag);
            self.on_unexpected(index, header.tag, now);
            return None;
        };
        if self.settings.strict_src && sent.path != index {
            return self.count_unexpected();
        }
        let outcome = self.judge(header, ata, op, self.lba_of(slot, &sent), now);
        self.on_answer(slot, index, &Found { op, sent, is_last }, outcome, frame.length, now)
    }

    /// Handles an answer to a transmission of an I/O request.
    #[inline(always)]
    pub(super) fn on_answer(
        &mut self,
        slot: RequestId,
        index: PathId,
        found: &Found,
        outcome: Verdict,
        length: usize,
        now: Instant,
    ) -> Option<CopyOut> {
        let Found { op, sent, is_last } = found;
        let data = length.saturating_sub(Header::LEN + AtaRequest::LEN);
        let needed = usize::from(sent.sectors).wrapping_mul(SECTOR);
        if outcome.is_ok() && *op == Op::Read && data < needed {
            return self.count_unexpected();
        }
        if outcome.is_ok() {
            self.on_done(*op);
        }
        let sooner = self.count_answer(index, sent, *is_last, *op, now);
        self.forget_answered(slot, sent);
        let copy = self.finish_part(slot, index, sent, outcome, now);
        self.declare_losses(sent.path, sent.sectors, now);
        self.mark_waiting(index, sooner, now);
        if sent.path != index {
            self.stir();
        }
        copy
    }

    /// Returns the first sector of a transmission, in the disk's own sectors.
    fn lba_of(&self, slot: RequestId, sent: &Sent) -> u64 {
        let first = self.requests[slot].lba;
        first.wrapping_add(u64::from(sent.offset)) >> (self.sector_shift & 7)
    }

    /// Decides whether the target executed the command and, if not, what follows.
    fn judge(
        &mut self,
        header: &Header,
        ata: Option<AtaResponse>,
        op: Op,
        lba: u64,
        now: Instant,
    ) -> Verdict {
        let failed = match (header.error, ata) {
            // For an error without a code, the ATA status gives the reason.
            (Some(AoeError::Other(0)) | None, Some(ata)) => ata.outcome(self.opcode(op)).err(),
            (Some(error), _) => return self.judge_error(error, op, lba, now),
            (None, None) => Some(AtaError::Other),
        };
        let Some(error) = failed.or(header.error.map(|_| AtaError::Other)) else { return Ok(()) };
        let event = match (error, op) {
            (AtaError::Aborted, Op::Flush | Op::Delete) => {
                self.refuse_optional(op);
                return Err(Failure::Final(IoError::Unsupported));
            }
            (AtaError::WriteProtected, _) => {
                self.on_trouble(Event::ReadOnly, lba, op, now);
                return Err(Failure::Final(IoError::ReadOnly));
            }
            (AtaError::Aborted, Op::Write) => Event::ReadOnly,
            _ => Event::DiskError,
        };
        self.on_trouble(event, lba, op, now);
        Err(Failure::Final(IoError::Io))
    }

    fn judge_error(&mut self, error: AoeError, op: Op, lba: u64, now: Instant) -> Verdict {
        match error {
            // Targets refuse an unsupported optional command in several ways.
            AoeError::BadArgument | AoeError::UnrecognizedCommand
                if matches!(op, Op::Flush | Op::Delete) =>
            {
                self.refuse_optional(op);
                Err(Failure::Final(IoError::Unsupported))
            }
            AoeError::BadArgument => Err(Failure::TooLarge),
            AoeError::DeviceUnavailable => Err(Failure::NotReady),
            AoeError::TargetReserved => {
                self.on_trouble(Event::Reserved, 0, op, now);
                Err(Failure::Final(IoError::Reserved))
            }
            AoeError::UnsupportedVersion => {
                self.on_trouble(Event::Version, 0, op, now);
                Err(Failure::Final(IoError::Io))
            }
            AoeError::ConfigStringPresent | AoeError::UnrecognizedCommand | AoeError::Other(_) => {
                self.on_trouble(Event::DiskError, lba, op, now);
                Err(Failure::Final(IoError::Io))
            }
        }
    }

    /// Records that the target does not support an optional command, which is then no
    /// longer offered.
    fn refuse_optional(&mut self, op: Op) {
        if op != Op::Flush {
            self.seen.no_delete = true;
        } else if !core::mem::replace(&mut self.seen.no_flush, true) {
            self.tell_event(Event::NoFlush, None, 0);
        }
    }

    /// Counts and measures an answer. Returns whether it shortens its path's time-out.
    #[inline(always)]
    fn count_answer(
        &mut self,
        index: PathId,
        sent: &Sent,
        is_last: bool,
        op: Op,
        now: Instant,
    ) -> bool {
        let path = &mut self.paths[sent.path];
        let seq = path.full_seq(sent.seq);
        // A flush takes as long as the disk needs, and indicates neither order nor
        // round-trip time.
        let flush = op == Op::Flush;
        let took = sent.age(now);
        path.on_answered(seq, (!flush).then_some(took), now);
        let sooner = !flush && path.rtt.sample(took);
        if !flush {
            path.histogram.add(took);
        }
        path.window.on_answer(u32::from(path.flight.len()));
        if u16::from(MIN_PAYLOAD) < sent.sectors {
            path.large_losses = 0;
            path.is_doubted = false;
        }
        let path = &mut self.paths[index];
        path.counters.late = path.counters.late.wrapping_add(u64::from(!is_last));
        sooner
    }

    /// Records that a transmission was answered, and resolves its copy.
    #[inline(always)]
    fn forget_answered(&mut self, slot: RequestId, sent: &Sent) {
        if let Some(copy) = self.requests[slot].on_answered(sent.tag, &mut self.history) {
            self.guard.resolve(copy);
        }
    }

    /// Applies an answer to its request.
    #[inline(always)]
    fn finish_part(
        &mut self,
        slot: RequestId,
        index: PathId,
        sent: &Sent,
        outcome: Verdict,
        now: Instant,
    ) -> Option<CopyOut> {
        let request = &self.requests[slot];
        let (io_slot, op, io_offset) = (request.io, request.op, request.io_offset);
        let result = match outcome {
            Ok(()) => Ok(()),
            Err(Failure::NotReady) => {
                self.stir();
                self.unlist(slot);
                let request = &mut self.requests[slot];
                (request.place, request.until) = (Place::Held, now.after(HOLD));
                self.held.push_back(self.requests, slot);
                return None;
            }
            Err(Failure::TooLarge) if sent.sectors > u16::from(self.paths[sent.path].least()) => {
                self.step_down(index, now);
                self.requeue(slot, false);
                return None;
            }
            Err(Failure::TooLarge) => {
                self.on_trouble(Event::DiskError, self.lba_of(slot, sent), op, now);
                Err(IoError::Io)
            }
            Err(Failure::Final(error)) => Err(error),
        };
        let copy = (op == Op::Read && result.is_ok()).then(|| CopyOut::Io {
            io: self.ios.get(io_slot).raw_handle(),
            offset: io_offset.wrapping_add(u32::from(sent.offset)).wrapping_mul(512),
            frame_offset: 36,
            length: u32::from(sent.sectors).wrapping_mul(512),
        });
        if copy.is_some() {
            self.tasting.on_read();
        }
        let request = &mut self.requests[slot];
        if result.is_err() || request.on_part_done(sent) {
            self.release(slot, now);
            self.ios.on_frame_done(io_slot, result);
        } else {
            self.requeue(slot, true);
        }
        copy
    }
}
