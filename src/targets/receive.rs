// SPDX-License-Identifier: BSD-2-Clause
//! Received frames: which senders and answers are accepted, and which bytes are
//! copied.

use super::{Life, Scratch, Target};
use crate::filter::Admission;
use crate::output::Event;
use crate::path::State;
use crate::slot::{LinkId, PathId, RequestId};
use crate::tag;
use crate::time::Instant;
use crate::window::Window;
use crate::wire::{Command, ConfigRequest, ConfigResponse, Header, Mac, Route, Tag};

/// Maximum number of paths not yet identified. A further one is not lost: it is
/// opened at its next answer to a beacon.
const CANDIDATES: usize = 4;

/// A received frame: its first bytes and its total length.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'f> {
    /// The first 36 bytes, from the Ethernet header on, or all bytes of a shorter frame.
    pub header: &'f [u8],
    /// Length of the whole frame.
    pub length: usize,
    /// The interface that received it.
    pub link: LinkId,
    /// The filter's verdict on an answer to a config query.
    pub admission: Admission,
}

/// Where a part of the frame must be copied, before the next input or poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyOut {
    /// Into an I/O's memory.
    Io {
        /// Its handle.
        io: u64,
        /// Bytes from the start of its memory.
        offset: u32,
        /// Bytes from the frame's start.
        frame_offset: u32,
        /// Number of bytes.
        length: u32,
    },
    /// To the start of the scratch buffer.
    Scratch {
        /// Bytes from the frame's start.
        frame_offset: u32,
        /// Number of bytes.
        length: u32,
    },
}

impl Target<'_> {
    /// Handles a received frame that has this target's shelf and slot. Returns which bytes
    /// to copy from it, if any.
    pub fn handle_frame(&mut self, frame: &Frame<'_>, now: Instant) -> Option<CopyOut> {
        let plain = self.handle_plain(frame.header, frame.length, frame.link, now);
        plain.unwrap_or_else(|| self.handle_special(frame, now))
    }

    /// Handles a frame if it is a plain answer, as nearly all are; otherwise returns
    /// `None`. A plain answer is at least as long as `header`.
    #[inline]
    pub(crate) fn handle_plain(
        &mut self,
        header: &[u8],
        length: usize,
        link: LinkId,
        now: Instant,
    ) -> Option<Option<CopyOut>> {
        self.settle(now);
        if length < header.len() {
            return None;
        }
        let (slot, found) = self.plain_answer(header, link)?;
        Some(self.on_answer(slot, found.sent.path, &found, Ok(()), length, now))
    }

    /// Handles any other frame.
    #[inline(never)]
    pub(crate) fn handle_special(&mut self, frame: &Frame<'_>, now: Instant) -> Option<CopyOut> {
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
            return self.copy_to_scratch(Header::LEN, length);
        }
        match header.command {
            Command::Config => self.on_config(&header, frame, now),
            Command::Ata => self.on_ata(&header, frame, slot?, now),
            Command::Mask | Command::Reserve | Command::Other(_) => self.count_unexpected(),
        }
    }

    pub(super) fn count_unexpected(&mut self) -> Option<CopyOut> {
        self.unexpected = self.unexpected.wrapping_add(1);
        None
    }

    /// Handles an answer that belongs to no outstanding request.
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

    /// Counts an answer as doubled if it has the tag that its request slot answered last.
    pub(super) fn count_double(&mut self, index: PathId, slot: RequestId, tag: Tag) {
        let known = self.requests[slot].answered == tag;
        let path = &mut self.paths[index];
        if known && path.is_admitted {
            path.counters.doubled = path.counters.doubled.wrapping_add(1);
        }
    }

    pub(super) fn find_path(&self, link: LinkId, mac: Mac) -> Option<PathId> {
        self.path_ids().find(|id| {
            let path = &self.paths[*id];
            path.mac == mac && path.link == link && path.state != State::Free
        })
    }

    fn on_config(&mut self, header: &Header, frame: &Frame<'_>, now: Instant) -> Option<CopyOut> {
        if self.is_aborted || header.effective_error().is_some() {
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
        self.copy_to_scratch(start, length)
    }

    /// Returns the instruction to copy the bytes that `scratch_holds` describes, limited
    /// to the size of the buffer.
    pub(super) fn copy_to_scratch(&mut self, from: usize, length: usize) -> Option<CopyOut> {
        let length = length.min(self.scratch_mut().len());
        Some(CopyOut::Scratch {
            frame_offset: u32::try_from(from).ok()?,
            length: u32::try_from(length).ok()?,
        })
    }

    /// Opens a path to an unknown MAC address, if there is room.
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
        // Keeps the old counters, so that the target's totals do not decrease.
        self.retired = self.retired.plus(&path.counters);
        path.open(link, mac, now);
        path.route = Route::new(self.links[link].mac, mac, self.address);
        self.used = self.used.max(index.0.wrapping_add(1));
        self.weigh_sharing();
        Some(index)
    }

    /// Counts an answer for which no path slot is free. Reported once until one is freed.
    #[cold]
    fn leave_out(&mut self, mac: Mac) {
        self.paths_left_out = self.paths_left_out.wrapping_add(1);
        if !core::mem::replace(&mut self.seen.paths_full, true) {
            let value = mac.0.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
            self.tell_event(Event::PathLeftOut, None, value);
        }
    }
}
