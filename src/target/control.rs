//! The one management command that a user may have under way.

use super::{CONTROL_MAX, Life, Scratch, Target};
use crate::output::{IoError, Source, Span, Transmit};
use crate::time::{Instant, Micros};
use crate::wire::{AoeError, Command, Header, MIN_FRAME, Tag};

/// The tag slot of management commands.
pub(super) const SLOT: u16 = 511;
const TRIES: u8 = 4;
const WAIT: Micros = Micros::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Done { cookie: u64, result: Result<u32, IoError> },
    Idle,
    Waiting { cookie: u64, due: Instant, tries: u8 },
}

/// The command and its buffer.
#[derive(Debug)]
pub(super) struct Control<'a> {
    buffer: &'a mut [u8; CONTROL_MAX],
    state: State,
    command: Command,
    length: u32,
    tag: Tag,
}

impl<'a> Control<'a> {
    pub(super) fn new(buffer: &'a mut [u8; CONTROL_MAX]) -> Self {
        Self { buffer, state: State::Idle, command: Command::Config, length: 0, tag: Tag(0) }
    }

    pub(super) fn buffer_mut(&mut self) -> &mut [u8; CONTROL_MAX] {
        self.buffer
    }

    /// When it is to be sent again or given up.
    pub(super) fn deadline(&self) -> Instant {
        match self.state {
            State::Waiting { due, .. } => due,
            State::Done { .. } | State::Idle => Instant::NEVER,
        }
    }

    pub(super) fn pop_done(&mut self) -> Option<(u64, Result<u32, IoError>)> {
        let State::Done { cookie, result } = self.state else { return None };
        self.state = State::Idle;
        Some((cookie, result))
    }

    /// Whether an answer under this tag is being waited for.
    pub(super) fn awaits(&self, tag: Tag) -> bool {
        self.tag == tag && matches!(self.state, State::Waiting { .. })
    }

    /// Ends a command that is under way.
    pub(super) fn finish(&mut self, result: Result<u32, IoError>) {
        if let State::Waiting { cookie, .. } = self.state {
            self.state = State::Done { cookie, result };
        }
    }
}

impl Target<'_> {
    /// Sends the first `length` bytes of the control buffer as the argument
    /// and data of a command; `ControlDone` follows. `Reserved` while another
    /// command is under way.
    pub fn handle_control(
        &mut self,
        cookie: u64,
        command: Command,
        length: usize,
        now: Instant,
    ) -> Result<(), IoError> {
        self.settle(now);
        if self.control.state != State::Idle {
            return Err(IoError::Reserved);
        }
        if self.aborted.is_some() || self.life == Life::Gone {
            return Err(IoError::Gone);
        }
        let length = u32::try_from(length.min(CONTROL_MAX)).unwrap_or(0);
        self.control.command = command;
        self.control.length = length;
        self.control.tag = self.management_tag(SLOT);
        self.control.state = State::Waiting { cookie, due: now, tries: 0 };
        Ok(())
    }

    /// The frame of a management command that is due.
    pub(super) fn poll_control(&mut self, now: Instant) -> Option<Transmit> {
        let State::Waiting { cookie, due, tries } = self.control.state else { return None };
        if due > now {
            return None;
        }
        let path = self.paths.iter().position(|p| p.is_admitted && self.link(p.link).is_usable());
        let Some(index) = path.filter(|_| tries < TRIES) else {
            self.control.finish(Err(IoError::Io));
            return None;
        };
        let tries = tries.saturating_add(1);
        self.control.state = State::Waiting { cookie, due: now.after(WAIT), tries };
        let (command, tag, length) = (self.control.command, self.control.tag, self.control.length);
        let mut frame = self.frame(index, command, tag, now)?;
        frame.header_length = 24;
        frame.data = Some(Span { source: Source::Control, offset: 0, length });
        let whole = usize::try_from(length).unwrap_or(0).saturating_add(Header::LEN);
        frame.frame_length = u32::try_from(whole.max(MIN_FRAME)).unwrap_or(0);
        Some(frame)
    }

    /// An answer with the control tag: gives the length to copy, if it fits.
    pub(super) fn on_control_answer(&mut self, header: &Header, length: usize) -> Option<usize> {
        if header.command != self.control.command {
            return None;
        }
        let error = match header.error {
            None | Some(AoeError::ConfigStringPresent) => None,
            Some(AoeError::UnrecognizedCommand) => Some(IoError::Unsupported),
            Some(AoeError::TargetReserved) => Some(IoError::Reserved),
            Some(_) => Some(IoError::Io),
        };
        if let Some(error) = error {
            self.control.finish(Err(error));
            return None;
        }
        let length = length.saturating_sub(Header::LEN).min(CONTROL_MAX);
        self.scratch_holds = Scratch::Control { length };
        Some(length)
    }

    /// The answer lies in the scratch buffer.
    pub(super) fn settle_control(&mut self, length: usize) {
        *self.control.buffer = *self.scratch;
        self.control.finish(Ok(u32::try_from(length).unwrap_or(0)));
    }
}
