//! From frames to answers: who may speak, to which request, and what of the
//! frame is wanted.

use super::{Life, Scratch, Target, manage};
use crate::filter::Admission;
use crate::history::Sent;
use crate::io::Op;
use crate::output::{Event, IoError, LinkId};
use crate::path::{MIN_PAYLOAD, PathId, State};
use crate::request::{Place, RequestId};
use crate::tag;
use crate::time::{Instant, Micros};
use crate::window::Window;
use crate::wire::{
    AoeError, AtaError, AtaRequest, AtaResponse, Command, ConfigRequest, ConfigResponse, Header,
    Mac, SECTOR, Tag,
};

/// Paths that have not said yet who they are, at most. One beyond is not lost:
/// it is opened when the next beacon is answered.
const CANDIDATES: usize = 4;
/// Large requests lost in a row on a path that answers small ones.
const LARGE_LOSSES_MIXED: u8 = 8;
/// A target that is not ready is asked again after this.
const HOLD: Micros = Micros::from_millis(500);

/// A received frame: its first bytes and the length of all of it.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'f> {
    /// From the Ethernet header on; 36 bytes if the frame has as many.
    pub header: &'f [u8],
    /// Length of the whole frame.
    pub length: usize,
    /// Where it came in.
    pub link: LinkId,
    /// What the filter says of an answer to a config query.
    pub admission: Admission,
}

/// Where a part of the frame is to be copied, before the next poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyOut {
    /// Into an I/O's memory.
    Io {
        /// Its handle.
        io: u64,
        /// Bytes from its start.
        offset: u32,
        /// Bytes from the frame's start.
        frame_offset: u32,
        /// Bytes.
        length: u32,
    },
    /// To the start of the scratch buffer.
    Scratch {
        /// Bytes from the frame's start.
        frame_offset: u32,
        /// Bytes.
        length: u32,
    },
}

impl Target<'_> {
    /// Takes a frame that was sent to or for this target's address.
    pub fn handle_frame(&mut self, frame: &Frame<'_>, now: Instant) -> Option<CopyOut> {
        self.settle(now);
        if let Some((slot, path, found)) = self.plain_answer(frame) {
            return self.on_answer(slot, path, &found, Ok(()), frame.length, now);
        }
        let header = match Header::parse(frame.header) {
            Ok(header) if header.response && header.address == self.address => header,
            _ => return self.count_unexpected(),
        };
        let link = self.links[frame.link];
        let to_us = header.dst == link.mac;
        let broadcast = header.dst == Mac::BROADCAST && header.command == Command::Config;
        if !link.is_usable() || !(to_us || broadcast) || header.src.is_group() {
            return self.count_unexpected();
        }
        let slot = tag::slot(header.tag);
        if header.command != Command::Ata || slot.is_none_or(|slot| slot > u8::MAX.into()) {
            self.stir();
        }
        if to_us && self.control.awaits(header.tag) {
            let Some(index) = self.find_path(frame.link, header.src) else {
                return self.count_unexpected();
            };
            let length = self.on_control_answer(index, &header, frame.length, now)?;
            return scratch(Header::LEN, length);
        }
        match header.command {
            Command::Config => self.on_config(&header, frame, now),
            Command::Ata => self.on_ata(&header, frame, slot?, now),
            Command::Mask | Command::Reserve | Command::Other(_) => self.count_unexpected(),
        }
    }

    fn count_unexpected(&mut self) -> Option<CopyOut> {
        self.unexpected = self.unexpected.wrapping_add(1);
        None
    }

    /// An answer that nothing on this path waits for.
    pub(super) fn on_unexpected(&mut self, index: PathId, tag: Tag, now: Instant) -> Option<usize> {
        self.stir();
        let path = &mut self.paths[index];
        path.counters.unexpected = path.counters.unexpected.wrapping_add(1);
        if path.is_admitted
            && let Some(late) = self.guard.on_answer(tag)
            && self.paths[late.path].epoch == late.epoch
        {
            let path = &mut self.paths[late.path];
            path.on_answered(path.full_seq(late.seq), Some(late.sent_at.age(now)), now);
        }
        self.weigh_doubles(index, now);
        None
    }

    /// Counts an answer to what was answered already, as far as that is known.
    fn count_double(&mut self, index: PathId, slot: RequestId, tag: Tag) {
        let known = self.requests[slot].answered == tag;
        let path = &mut self.paths[index];
        if known && path.is_admitted {
            path.counters.doubled = path.counters.doubled.wrapping_add(1);
        }
    }

    fn find_path(&self, link: LinkId, mac: Mac) -> Option<PathId> {
        self.path_ids().find(|id| {
            let path = &self.paths[*id];
            path.mac == mac && path.link == link && path.state != State::Free
        })
    }

    fn on_config(&mut self, header: &Header, frame: &Frame<'_>, now: Instant) -> Option<CopyOut> {
        if self.aborted.is_some() || header.effective_error().is_some() {
            return self.count_unexpected();
        }
        let argument = frame.header.get(Header::LEN..)?;
        let Ok(config) = ConfigResponse::parse(argument) else { return self.count_unexpected() };
        let known = self.find_path(frame.link, header.src);
        if frame.admission != Admission::Granted
            && !self.takes_filtered(known, frame.admission, now)
        {
            return self.count_unexpected();
        }
        let index = match known {
            Some(index) => index,
            None => self.open_path(frame.link, header.src, now)?,
        };
        if self.life == Life::Gone {
            self.life = Life::Discovered;
            self.idle_told = false;
        }
        let ours = self.identity.is_none() || self.paths[index].is_admitted;
        if ours {
            self.buffer_count = config.buffer_count;
            self.sector_count = config.sector_count;
            self.firmware_version = config.firmware;
        }
        let mtu = self.links[frame.link].mtu;
        let ceiling = self.settings.ceiling(config.buffer_count);
        let advert = header.tag.0 == 0;
        let path = &mut self.paths[index];
        path.sector_count = config.sector_count;
        path.buffers = config.buffer_count;
        path.set_limit(mtu, now);
        let is_small = path.limit == 0;
        match known {
            Some(_) => path.window.set_ceiling(ceiling),
            None => path.window = Window::new(ceiling),
        }
        path.counters.received = path.counters.received.wrapping_add(1);
        match path.state {
            State::Conflict | State::Down { .. } => {
                path.ask(now);
            }
            State::Free => {}
            State::Identifying { .. } | State::Up if advert => self.on_advert(index, now),
            State::Identifying { .. } => {}
            State::Up => self.on_beacon_answer(index, now),
        }
        if is_small {
            self.weigh_fit(index, now);
        }
        if ours { self.want_config_string(&config, frame.length) } else { None }
    }

    fn want_config_string(
        &mut self,
        config: &ConfigResponse<'_>,
        length: usize,
    ) -> Option<CopyOut> {
        let start = Header::LEN.saturating_add(ConfigRequest::LEN);
        let length = usize::from(config.string_length).min(length.saturating_sub(start));
        let length = length.min(ConfigRequest::STRING_MAX);
        if length == 0 {
            self.config_length = 0;
            return None;
        }
        self.scratch_holds = Scratch::Config { length };
        scratch(start, length)
    }

    /// A path to a MAC that was not known, if there is room for one.
    fn open_path(&mut self, link: LinkId, mac: Mac, now: Instant) -> Option<PathId> {
        let nameless =
            |p: &&crate::path::Path| !p.is_admitted && matches!(p.state, State::Identifying { .. });
        if self.paths.iter().filter(nameless).count() >= CANDIDATES {
            return None;
        }
        let Some(index) = self.path_slot() else {
            self.leave_out(mac);
            return None;
        };
        let path = &mut self.paths[index];
        // The target's counters do not go back when a slot is used again.
        self.retired = self.retired.plus(&path.counters);
        path.open(link, mac, now);
        self.used = self.used.max(index.0.wrapping_add(1));
        self.weigh_sharing();
        Some(index)
    }

    /// All paths are in use: told once until one is free again.
    #[cold]
    fn leave_out(&mut self, mac: Mac) {
        self.paths_left_out = self.paths_left_out.wrapping_add(1);
        if !core::mem::replace(&mut self.seen.paths_full, true) {
            let value = mac.0.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
            self.tell_event(Event::PathLeftOut, None, value);
        }
    }

    /// A plain answer to a request of I/O: its slot, path and transmission.
    /// All else is `None`, and judged step by step.
    #[inline]
    fn plain_answer(&self, frame: &Frame<'_>) -> Option<(RequestId, PathId, Found)> {
        let answer = self.plain.parse(frame.header)?;
        let slot = RequestId(u8::try_from(tag::slot(answer.tag)?).ok()?);
        let request = &self.requests[slot];
        let link = &self.links[frame.link];
        let path = self.find_path(frame.link, answer.src)?;
        if request.place == Place::Free
            || answer.dst != link.mac
            || !link.is_usable()
            || !self.paths[path].is_admitted
        {
            return None;
        }
        let (sent, is_last) = request.find(answer.tag, &self.history)?;
        if self.settings.strict_src && sent.path != path {
            return None;
        }
        Some((slot, path, Found { op: request.op, sent, is_last }))
    }

    fn on_ata(
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
            return scratch(Header::LEN.saturating_add(AtaRequest::LEN), length);
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

    /// An answer to a transmission of a request of I/O.
    fn on_answer(
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
        self.count_answer(index, sent, *is_last, *op, now);
        self.forget_answered(slot, sent);
        let copy = self.finish_part(slot, index, sent, outcome, now);
        self.declare_losses(sent.path, sent.sectors, now);
        self.mark_waiting(index, now);
        if sent.path != index {
            self.stir();
        }
        copy
    }

    /// The first sector of the disk that a transmission asked for.
    fn lba_of(&self, slot: RequestId, sent: &Sent) -> u64 {
        let first = self.requests[slot].lba;
        first.wrapping_add(u64::from(sent.offset)) >> (self.sector_shift & 7)
    }

    /// Whether the target did it.
    fn judge(
        &mut self,
        header: &Header,
        ata: Option<AtaResponse>,
        op: Op,
        lba: u64,
        now: Instant,
    ) -> Verdict {
        let failed = match (header.error, ata) {
            // An error without a code speaks through the ATA status.
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
            // Targets that lack an optional command say so in several ways.
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

    /// An optional command does not work: it is not promised again.
    fn refuse_optional(&mut self, op: Op) {
        if op != Op::Flush {
            self.seen.no_delete = true;
        } else if !core::mem::replace(&mut self.seen.no_flush, true) {
            self.tell_event(Event::NoFlush, None, 0);
        }
    }

    fn count_answer(&mut self, index: PathId, sent: &Sent, is_last: bool, op: Op, now: Instant) {
        let path = &mut self.paths[sent.path];
        let seq = path.full_seq(sent.seq);
        // A flush takes as long as the disk needs: no sign of order or distance.
        let flush = op == Op::Flush;
        let took = sent.age(now);
        path.on_answered(seq, (!flush).then_some(took), now);
        if !flush {
            path.rtt.sample(took);
            path.histogram.add(took);
        }
        path.window.on_answer(u32::from(path.flight.len()));
        if u16::from(MIN_PAYLOAD) < sent.sectors {
            path.large_losses = 0;
            path.is_doubted = false;
        }
        let path = &mut self.paths[index];
        path.counters.late = path.counters.late.wrapping_add(u64::from(!is_last));
    }

    /// The copy that was answered cannot come again.
    fn forget_answered(&mut self, slot: RequestId, sent: &Sent) {
        if let Some(copy) = self.requests[slot].on_answered(sent.tag, &mut self.history) {
            self.guard.resolve(copy);
        }
    }

    /// Carries out what an answer means for its request.
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

    /// Requests that later answers have overtaken are sent again. An answer to
    /// a large one is no sign that large ones are lost.
    fn declare_losses(&mut self, index: PathId, answered: u16, now: Instant) {
        loop {
            let path = &self.paths[index];
            let Some(slot) = path.flight.front() else { return };
            let request = &self.requests[slot];
            if !path.is_lost(request.last.seq, request.sent_at, now) {
                return;
            }
            let large = request.last.sectors > u16::from(MIN_PAYLOAD).max(answered);
            let path = &mut self.paths[index];
            path.window.on_loss();
            self.requeue(slot, false);
            self.count_loss(index, large, now);
        }
    }

    /// Counts a lost request; many large ones and no small ones make a hole.
    pub(super) fn count_loss(&mut self, index: PathId, large: bool, now: Instant) {
        let path = &mut self.paths[index];
        path.large_losses = path.large_losses.saturating_add(u8::from(large));
        if large && path.large_losses >= LARGE_LOSSES_MIXED && path.timeouts() == 0 {
            self.step_down(index, now);
        }
    }

    fn step_down(&mut self, index: PathId, now: Instant) {
        let path = &mut self.paths[index];
        if path.payload <= path.least() {
            return;
        }
        path.step_down(now);
        let bytes = u64::from(path.payload_bytes());
        self.tell_event(Event::PayloadDown, Some(index), bytes);
    }

    /// The path spoke: silence is counted from now on, if anything is still out.
    fn mark_waiting(&mut self, index: PathId, now: Instant) {
        self.on_io_answered(index, now);
        let path = &mut self.paths[index];
        path.on_heard(now);
        path.is_choosy = false;
        // Round trips are shorter than they were, perhaps, and so is the timer.
        if let Some(head) = path.flight.front() {
            self.wakes_at = self.wakes_at.min(path.timeout_of(self.requests[head].sent_at));
        }
    }

    /// A path that answers I/O is not deaf, or no longer.
    #[inline]
    pub(super) fn on_io_answered(&mut self, index: PathId, now: Instant) {
        let path = &mut self.paths[index];
        path.silences = 0;
        if path.is_deaf {
            path.is_deaf = false;
            self.is_calm = false;
            if matches!(path.state, State::Down { .. }) {
                path.ask(now);
            }
        }
    }
}

/// The transmission that an answer belongs to.
#[derive(Clone, Copy, Debug)]
struct Found {
    op: Op,
    sent: Sent,
    /// No later one was sent.
    is_last: bool,
}

/// What an answer says.
type Verdict = Result<(), Failure>;

/// Why an answer is not a success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    Final(IoError),
    NotReady,
    TooLarge,
}

fn scratch(from: usize, length: usize) -> Option<CopyOut> {
    Some(CopyOut::Scratch {
        frame_offset: u32::try_from(from).ok()?,
        length: u32::try_from(length).ok()?,
    })
}
