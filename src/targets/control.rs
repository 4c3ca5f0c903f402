// SPDX-License-Identifier: BSD-2-Clause
//! The management command of an administrator; one can be outstanding per target.

use super::{CONTROL_MAX, Life, Scratch, Target};
use crate::output::{Blank, ControlDone, ControlError, Draft, IoError, Payload, Why};
use crate::path::State as PathState;
use crate::slot::PathId;
use crate::time::{Instant, Micros};
use crate::window::Asker;
use crate::wire::{AtaRequest, Command, Header, Tag};

/// The tag slot of management commands.
pub(super) const SLOT: u16 = 511;

/// A command, and how often and how long to try it.
#[derive(Clone, Copy, Debug)]
pub struct ControlRequest {
    /// The AoE command.
    pub command: Command,
    /// Bytes of the control buffer that are its argument and data.
    pub length: usize,
    /// The frame is at least this long; zeros follow the data.
    pub frame_length: u32,
    /// How long to wait for an answer to each transmission.
    pub wait: Micros,
    /// Transmissions; at least one.
    pub tries: u8,
    /// The path that the command and its answer must take; `None`: any.
    pub path: Option<PathId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Done(ControlDone),
    Idle,
    Waiting { due: Instant, tries: u8 },
}

/// The command and its buffer.
#[derive(Debug)]
pub(super) struct Control<'a> {
    buffer: &'a mut [u8; CONTROL_MAX],
    state: State,
    request: ControlRequest,
    tag: Tag,
    sent_at: Instant,
    /// The path of the last transmission.
    asked: PathId,
    answer: ControlDone,
}

impl<'a> Control<'a> {
    pub(super) fn new(buffer: &'a mut [u8; CONTROL_MAX]) -> Self {
        Self {
            buffer,
            state: State::Idle,
            request: ControlRequest {
                command: Command::Config,
                length: 0,
                frame_length: 0,
                wait: Micros(0),
                tries: 0,
                path: None,
            },
            tag: Tag(0),
            sent_at: Instant::ZERO,
            asked: PathId(0),
            answer: ControlDone::failed(ControlError::Gone),
        }
    }

    pub(super) fn buffer_mut(&mut self) -> &mut [u8; CONTROL_MAX] {
        self.buffer
    }

    pub(super) fn is_idle(&self) -> bool {
        self.state == State::Idle
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, State::Done(_))
    }

    pub(super) fn pop_done(&mut self) -> Option<ControlDone> {
        let State::Done(done) = self.state else { return None };
        self.state = State::Idle;
        Some(done)
    }

    /// Whether the command expects an answer with this tag.
    pub(super) fn awaits(&self, tag: Tag) -> bool {
        self.tag == tag && matches!(self.state, State::Waiting { tries, .. } if tries != 0)
    }

    /// Ends the outstanding command without an answer.
    pub(super) fn fail(&mut self, error: ControlError) {
        if let State::Waiting { tries, .. } = self.state {
            let failed = ControlDone::failed(error);
            self.state = State::Done(ControlDone { tries, ..failed });
        }
    }
}

impl Target<'_> {
    /// Sends the first bytes of the control buffer as the argument and data of
    /// a command; `ControlDone` follows. `Reserved` while another command is
    /// outstanding, `Unsupported` if it could change the disk's data.
    pub fn handle_control(&mut self, request: ControlRequest, now: Instant) -> Result<(), IoError> {
        self.begin(now);
        if self.control.state != State::Idle {
            return Err(IoError::Reserved);
        }
        if self.is_aborted || self.life == Life::Gone {
            return Err(IoError::Gone);
        }
        let argument = self.control.buffer.get(..request.length).unwrap_or(&[]);
        let harmless = match request.command {
            Command::Ata => AtaRequest::only_looks(argument),
            Command::Config | Command::Mask | Command::Reserve => !argument.is_empty(),
            Command::Other(_) => false,
        };
        if !harmless {
            return Err(IoError::Unsupported);
        }
        self.control.request = request;
        self.control.tag = self.management_tag(SLOT);
        self.control.state = State::Waiting { due: now, tries: 0 };
        Ok(())
    }

    /// Cancels the outstanding command, if any.
    pub fn handle_control_cancel(&mut self, now: Instant) {
        self.begin(now);
        self.control.state = State::Idle;
    }

    /// Returns the path for the next transmission: the requested one or, in turn, the paths
    /// that are up or, if none is, those that might answer.
    fn control_path(&self, tries: u8) -> Option<PathId> {
        let usable = |index: &PathId| {
            let path = &self.paths[*index];
            index.0 < self.used
                && path.state != PathState::Free
                && self.links[path.link].is_usable()
        };
        if let Some(path) = self.control.request.path {
            return Some(path).filter(usable);
        }
        let rank = |index: PathId| match &self.paths[index] {
            path if path.is_up() => 0,
            path if path.is_admitted => 1,
            _ => 2,
        };
        let all = || self.path_ids().filter(usable);
        let best = all().map(rank).min()?;
        let count = all().filter(|i| rank(*i) == best).count();
        let turn = usize::from(tries).checked_rem(count)?;
        all().filter(|i| rank(*i) == best).nth(turn)
    }

    /// Whether the command's next transmission waits for a place in the target's queue.
    fn control_must_wait(&self, tries: u8) -> bool {
        let path = self.control_path(tries);
        tries < self.control.request.tries.max(1)
            && path.is_some_and(|p| !self.may_ask(&self.paths[p]))
    }

    /// Returns when to retransmit the command or give it up. Never while it waits for a
    /// place in the target's queue, which an answer or another deadline frees.
    #[inline]
    pub(super) fn control_deadline(&self) -> Instant {
        let State::Waiting { due, tries } = self.control.state else { return Instant::NEVER };
        if self.control_must_wait(tries) { Instant::NEVER } else { due }
    }

    /// Builds the frame of a management command that is due.
    pub(super) fn poll_control<'b>(
        &mut self,
        now: Instant,
        blank: &mut Blank<'b>,
    ) -> Option<&'b mut Draft> {
        let State::Waiting { due, tries } = self.control.state else { return None };
        if due > now || self.control_must_wait(tries) {
            return None;
        }
        let request = self.control.request;
        if tries >= request.tries.max(1) {
            self.control.fail(ControlError::Silent);
            return None;
        }
        let Some(index) = self.control_path(tries) else {
            self.control.fail(ControlError::NoPath);
            return None;
        };
        let whole = request.length.saturating_add(Header::LEN);
        let whole = u32::try_from(whole).unwrap_or(u32::MAX).max(request.frame_length);
        let mtu = self.links[self.paths[index].link].mtu;
        if whole > mtu.saturating_add(14) {
            self.control.fail(ControlError::TooLong);
            return None;
        }
        self.control.state =
            State::Waiting { due: now.after(request.wait), tries: tries.saturating_add(1) };
        self.control.sent_at = now;
        self.control.asked = index;
        let frame = self.begin_frame(index, request.command, self.control.tag, now, blank)?;
        let path = &mut self.paths[index];
        path.on_asked(Asker::User, request.wait, now);
        frame.why = Why::Control;
        frame.header_length = 24;
        let length = u32::try_from(request.length).unwrap_or(0);
        (frame.payload, frame.data_length) = (Payload::Control, length);
        frame.frame_length = super::manage::at_least_minimum(whole);
        Some(frame)
    }

    /// Handles an answer with the command's tag over a known path. Returns the number of
    /// bytes to copy, if it is the expected answer.
    pub(super) fn on_control_answer(
        &mut self,
        index: PathId,
        header: &Header,
        length: usize,
        now: Instant,
    ) -> Option<usize> {
        let State::Waiting { tries, .. } = self.control.state else { return None };
        let request = &self.control.request;
        let pinned = request.path.is_some() || self.settings.strict_src;
        if header.command != request.command || pinned && index != self.control.asked {
            return self.on_unexpected(index, header.tag, now);
        }
        let length = length.saturating_sub(Header::LEN);
        let error = header.effective_error().is_some() || header.error.is_some();
        self.control.answer = ControlDone {
            result: Ok(u32::try_from(length).unwrap_or(u32::MAX)),
            path: Some(index),
            is_refused: error,
            code: header.raw_error,
            tries,
            rtt: now.since(self.control.sent_at),
        };
        self.scratch_holds = Scratch::Control;
        let path = &mut self.paths[self.control.asked];
        path.beside.answered(Asker::User);
        let path = &mut self.paths[index];
        path.counters.received = path.counters.received.wrapping_add(1);
        Some(length)
    }

    /// Completes the command, whose answer is now in the buffer.
    pub(super) fn settle_control(&mut self) {
        if matches!(self.control.state, State::Waiting { .. }) {
            self.control.state = State::Done(self.control.answer);
        }
    }
}
