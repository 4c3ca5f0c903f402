// SPDX-License-Identifier: BSD-2-Clause
//! The identity of the target: which disk answers on a path, and what follows for
//! the disk, its size and its features.

use super::notice::Notice;
use super::{Life, Scratch, Target, send};
use crate::io::Op;
use crate::output::Event;
use crate::path::State;
use crate::slot::PathId;
use crate::time::Instant;
use crate::unfit::Unfit;
use crate::wire::{AtaCommand, AtaRequest, Identify};

/// The disk's capabilities, as far as they are known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Capabilities {
    pub(crate) flush: bool,
    pub(crate) delete: bool,
}

impl Target<'_> {
    /// Reads the bytes copied to the scratch buffer since the last input.
    #[inline]
    pub(super) fn settle(&mut self, now: Instant) {
        if !matches!(self.scratch_holds, Scratch::Nothing) {
            self.read_scratch(now);
        }
    }

    /// Begins an input that may cause work other than I/O.
    pub(super) fn begin(&mut self, now: Instant) {
        self.stir();
        self.settle(now);
    }

    #[cold]
    fn read_scratch(&mut self, now: Instant) {
        match core::mem::replace(&mut self.scratch_holds, Scratch::Nothing) {
            Scratch::Nothing => {}
            Scratch::Config { length } => self.settle_config(length),
            Scratch::Control => self.settle_control(),
            Scratch::Identify { path } => {
                let Some(bytes) = self.scratch.first_chunk::<512>() else { return };
                let identify = Identify::parse(bytes);
                self.on_identified(path, &identify, now);
            }
            Scratch::Sample => self.settle_sample(now),
            Scratch::SecondIdentify { path } => {
                let Some(bytes) = self.scratch.first_chunk::<512>() else { return };
                let identify = Identify::parse(bytes);
                self.on_second_identity(path, &identify, now);
            }
        }
    }

    fn settle_config(&mut self, length: usize) {
        let length = length.min(self.config.len());
        if let (Some(to), Some(from)) = (self.config.get_mut(..length), self.scratch.get(..length))
        {
            to.copy_from_slice(from);
            self.config_length = u16::try_from(length).unwrap_or(0);
        }
    }

    /// Handles the IDENTIFY data that a path returned.
    fn on_identified(&mut self, index: PathId, identify: &Identify, now: Instant) {
        let known = self.identity.as_ref();
        let is_known = known.is_some();
        let named = known.is_none_or(|k| k.names_as(identify));
        let blocks = identify.blocks();
        let path = &mut self.paths[index];
        if path.state == State::Free {
            return;
        }
        path.sectors = blocks;
        path.recheck = false;
        if self.is_on_probation(index) {
            return;
        }
        let path = &mut self.paths[index];
        path.is_refuted &= is_known && blocks != self.sectors;
        let same = named && !path.is_refuted;
        let fits = path.fits(identify.logical_sector);
        if (blocks == 0 || !fits) && self.refuses(index, identify, now) {
            return;
        }
        let accepted = !same && self.accepts(index, identify, now);
        let same = same || accepted;
        if !same {
            let alone = !self.other_paths(index).any(send::is_hopeful);
            if self.is_open || self.life == Life::Up && !alone {
                return self.on_conflict(index, Event::PathConflict, now);
            }
            // The old disk is not open: the new one replaces it.
            self.tell_event(Event::Replaced, Some(index), 0);
            self.forget_disk();
            self.tell(Notice::Gone);
            self.life = Life::Discovered;
        }
        let doubtful = same && !accepted;
        let blocks = if doubtful { self.settled_blocks(index, blocks) } else { blocks };
        if same && self.disagrees(index, blocks) {
            return self.set_aside(index, now);
        }
        // Despite its serial number it may be another disk, and the data of the open
        // one beyond this size is missing.
        if same && self.is_open && blocks < self.sectors {
            return self.on_unfit(index, Unfit::Smaller(blocks), now);
        }
        self.raise_path(index, now);
        if self.life == Life::Discovered {
            self.adopt(identify);
        }
        self.keep_identify(identify);
        self.weigh_sizes(now);
        if matches!(self.life, Life::Suspended { .. } | Life::Failed) {
            self.life = Life::Up;
            // The outage is over: maxwait starts again for each request.
            self.requests.iter_mut().for_each(|r| r.tries = 0);
            self.tell(Notice::Resumed);
            // The target may have been power-cycled, or the setting may have changed.
            self.want_features(self.settings.write_cache);
        }
    }

    /// Makes the identified disk that of the target.
    fn adopt(&mut self, identify: &Identify) {
        self.life = Life::Up;
        self.set_identity(Some(*identify));
        self.sectors = identify.blocks();
        self.sector_shift = identify.sector_shift().unwrap_or(0);
        self.forget_trouble();
        self.idle_told = false;
        self.tasting.on_new_disk();
        self.want_features(self.settings.write_cache);
        self.tell(Notice::Up { sectors: self.sectors });
    }

    /// Stores the values that may change while the disk stays the same.
    fn keep_identify(&mut self, identify: &Identify) {
        self.set_identity(Some(*identify));
        if let Some(bytes) = self.scratch.first_chunk::<512>() {
            *self.identify = *bytes;
        }
    }

    fn raise_path(&mut self, index: PathId, now: Instant) {
        let path = &mut self.paths[index];
        let told = core::mem::replace(&mut path.told_up, true);
        let first = !path.is_admitted;
        path.state = State::Up;
        path.is_admitted = true;
        path.is_aside = false;
        path.adverts.on_raised(now);
        path.conflict_told = false;
        path.unfit = None;
        let lost = path.large_losses >= crate::path::LARGE_LOSSES && path.payload > path.least();
        let stepped = lost && path.is_doubted;
        if stepped {
            // Small frames came through before and after, large ones did not.
            path.step_down(now);
        } else if lost {
            // The losses may be due to an outage.
            path.is_doubted = true;
            path.large_losses = 0;
        } else if first {
            path.probe_at = now;
        }
        let bytes = u64::from(path.payload_bytes());
        if !told {
            self.tell_event(Event::PathUp, Some(index), 0);
        }
        if stepped {
            self.tell_event(Event::PayloadDown, Some(index), bytes);
        }
    }

    /// Takes a path out of use on which another disk answers. `event` is reported once per
    /// conflict, however the conflict was detected.
    pub(super) fn on_conflict(&mut self, index: PathId, event: Event, now: Instant) {
        self.drop_flights(index, true);
        let path = &mut self.paths[index];
        path.state = State::Conflict;
        path.is_admitted = false;
        path.told_up = false;
        path.unfit = None;
        path.management = None;
        if !core::mem::replace(&mut path.conflict_told, true) {
            self.tell_event(event, Some(index), 0);
        }
        self.weigh_suspension(now);
    }

    /// Adapts the path's payload to the sectors of its disk. Returns whether a frame
    /// cannot hold a sector, or the disk cannot be used.
    #[cold]
    fn refuses(&mut self, index: PathId, identify: &Identify, now: Instant) -> bool {
        let mtu = self.links[self.paths[index].link].mtu;
        let path = &mut self.paths[index];
        path.set_unit(identify.sector_shift().unwrap_or(0), mtu, now);
        let small = (path.limit == 0).then_some(Unfit::FrameTooSmall(identify.logical_sector));
        let Some(unfit) = Unfit::of_disk(identify).or(small) else { return false };
        if self.identity.is_none() {
            self.refused = Some(*identify);
        }
        self.on_unfit(index, unfit, now);
        true
    }

    /// Sends IDENTIFY on paths to a disk that was too small while a larger one was open.
    /// After the last close, it may be used.
    pub(super) fn recall_smaller(&mut self, now: Instant) {
        for path in self.paths.iter_mut() {
            if path.state == State::Conflict && matches!(path.unfit, Some(Unfit::Smaller(_))) {
                path.ask(now);
            }
        }
    }

    /// Checks whether a sector fits a frame after the limit of a path has changed.
    pub(super) fn weigh_fit(&mut self, index: PathId, now: Instant) {
        let path = &mut self.paths[index];
        if path.limit == 0 && path.is_up() {
            let bytes = self.identity.map_or(512, |id| id.logical_sector);
            self.on_unfit(index, Unfit::FrameTooSmall(bytes), now);
        } else if path.limit != 0
            && path.state == State::Conflict
            && matches!(path.unfit, Some(Unfit::FrameTooSmall(_)))
        {
            path.ask(now);
        }
    }

    /// Takes a path out of use that was identified but cannot be used. It is sent IDENTIFY
    /// again at its next answer to a beacon.
    fn on_unfit(&mut self, index: PathId, unfit: Unfit, now: Instant) {
        self.drop_flights(index, true);
        let path = &mut self.paths[index];
        path.state = State::Conflict;
        path.is_admitted = false;
        path.told_up = false;
        path.is_aside = false;
        path.management = None;
        if path.unfit.replace(unfit) != Some(unfit) {
            let (event, value) = unfit.event();
            self.tell_event(event, Some(index), value);
        }
        self.weigh_suspension(now);
    }

    /// Whether another live path reports another size of the disk.
    pub(super) fn disagrees(&self, index: PathId, sectors: u64) -> bool {
        self.other_paths(index).any(|p| p.is_up() && p.sectors != sectors)
    }

    /// Stops I/O on a path that disagrees with the live ones about the size. The live ones
    /// are sent IDENTIFY again, since they report the new size as well if the disk grew.
    fn set_aside(&mut self, index: PathId, now: Instant) {
        self.drop_flights(index, true);
        let path = &mut self.paths[index];
        let known = path.state == State::Conflict;
        path.state = State::Conflict;
        path.is_admitted = false;
        path.told_up = false;
        let told = core::mem::replace(&mut path.is_aside, true);
        path.unfit = None;
        path.management = None;
        let sectors = path.sectors;
        for path in self.paths.iter_mut().filter(|p| p.is_up()) {
            path.recheck |= !known;
        }
        if !told {
            self.tell_event(Event::SizeConflict, Some(index), sectors);
        }
        self.weigh_suspension(now);
    }

    /// Adopts the size that the live paths, which agree, report. It is never less
    /// than that of an open disk.
    pub(super) fn weigh_sizes(&mut self, now: Instant) {
        let live = self.known_paths().iter().find(|p| p.is_up()).map(|p| p.sectors);
        let Some(sectors) = live.filter(|_| self.identity.is_some()) else { return };
        if sectors != self.sectors {
            self.sectors = sectors;
            self.tell(Notice::Resized { sectors });
        }
        // Paths that were set aside and report this size may be used again. The others
        // lead to other disks, since a live path was identified just now.
        for path in self.paths.iter_mut().filter(|p| p.is_aside) {
            if path.sectors == sectors {
                path.is_aside = false;
                path.state = State::Identifying { since: now };
            } else {
                path.is_refuted = true;
            }
        }
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        self.identity.as_ref().map_or(Capabilities::default(), |id| Capabilities {
            flush: (id.flush || id.flush_ext) && !self.seen.no_flush,
            delete: id.trim_blocks != 0 && !self.seen.no_delete,
        })
    }

    pub(super) fn set_identity(&mut self, identity: Option<Identify>) {
        self.uses_lba48 = identity.as_ref().is_some_and(|id| id.lba48);
        self.refused = None;
        self.identity = identity;
    }

    /// Whether the flush command to use is FLUSH CACHE EXT.
    pub(super) fn flushes_ext(&self) -> bool {
        self.identity.as_ref().is_some_and(|id| id.flush_ext && id.lba48)
    }

    /// Returns the opcode that an I/O of this kind is sent with.
    pub(super) fn opcode(&self, op: Op) -> AtaCommand {
        match op {
            Op::Delete => AtaCommand::DATA_SET_MANAGEMENT,
            Op::Flush => AtaRequest::flush(self.flushes_ext()).command,
            Op::Read => AtaCommand::READ,
            Op::Write => AtaCommand::WRITE,
        }
    }
}
