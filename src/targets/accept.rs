// SPDX-License-Identifier: BSD-2-Clause
//! Acceptance of another disk as the open one, at the administrator's command.
//!
//! Disks can be distinguished only by their answers to IDENTIFY, and some targets
//! answer differently after their host was renamed, or on another machine that
//! serves the same data. So the administrator names the disk by its answer, and
//! every path where another disk answers is sent IDENTIFY again: the first one
//! with that answer leads to the disk from then on.

use super::{Life, Target};
use crate::output::Event;
use crate::path::{DOWN, Path, State};
use crate::slot::PathId;
use crate::time::Instant;
use crate::wire::Identify;

/// Why a disk is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unacceptable {
    /// The target is being removed, or has no disk yet.
    Gone,
    /// The target's own disk answers.
    Here,
    /// No other disk answers.
    Nobody,
    /// Its sector size differs from that of the open disk.
    SectorSize,
    /// It is smaller than the open disk.
    Smaller,
}

/// The disk that may take the place of the open one, for a while.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accepted {
    disk: Identify,
    until: Instant,
}

impl Target<'_> {
    /// Accepts the disk that identified itself as `disk` as the disk of this
    /// target, as soon as it does so again.
    pub fn handle_accept(&mut self, disk: &Identify, now: Instant) -> Result<(), Unacceptable> {
        self.begin(now);
        if self.is_aborted || matches!(self.life, Life::Discovered | Life::Gone) {
            return Err(Unacceptable::Gone);
        }
        if self.life == Life::Up {
            return Err(Unacceptable::Here);
        }
        if self.is_open && self.identity.is_some_and(|k| k.logical_sector != disk.logical_sector) {
            return Err(Unacceptable::SectorSize);
        }
        if self.is_open && disk.blocks() < self.sectors {
            return Err(Unacceptable::Smaller);
        }
        let links = &*self.links;
        let is_other = |p: &&mut Path| match p.state {
            State::Conflict => true,
            State::Identifying { .. } => !p.is_admitted,
            State::Down { .. } | State::Free | State::Up => false,
        };
        let usable = |p: &&mut Path| links[p.link].is_usable();
        let mut asked = false;
        for path in self.paths.iter_mut().filter(is_other).filter(usable) {
            path.ask(now);
            asked = true;
        }
        if !asked {
            return Err(Unacceptable::Nobody);
        }
        self.accepted = Some(Accepted { disk: *disk, until: now.after(DOWN) });
        Ok(())
    }

    /// Whether the other disk on a path is the accepted one. If so, it replaces the open
    /// one.
    #[cold]
    pub(super) fn accepts(&mut self, index: PathId, identify: &Identify, now: Instant) -> bool {
        let is_it = |a: &Accepted| {
            now < a.until && a.disk.names_as(identify) && a.disk.blocks() == identify.blocks()
        };
        // The target's own disk may have come back meanwhile.
        let is_away = matches!(self.life, Life::Suspended { .. } | Life::Failed);
        if !is_away || !self.is_open || !self.accepted.as_ref().is_some_and(is_it) {
            return false;
        }
        self.accepted = None;
        self.forget_trouble();
        self.paths[index].is_refuted = false;
        self.tell_event(Event::Accepted, Some(index), identify.blocks());
        true
    }
}
