// SPDX-License-Identifier: BSD-2-Clause
//! Management of paths: IDENTIFY, payload probes, fences.
//! Each path has one such request at a time, and a tag slot for it.

use super::{Life, Scratch, Target};
use crate::output::{Blank, Draft, Event, Why};
use crate::path::{Management, PROBE_INTERVAL, Path, Purpose, State};
use crate::slot::PathId;
use crate::time::{Instant, Micros};
use crate::window::Asker;
use crate::wire::{AtaCommand, AtaRequest, AtaResponse, Command, Header, MIN_LENGTH, SECTOR, Tag};

use super::doubled::PROBATION_WAIT;
use super::notice::Notice;

/// Returns the tag slot of a path's management requests.
pub(super) fn slot_of(path: PathId) -> u16 {
    const FIRST: u16 = super::control::SLOT - 16;
    FIRST.wrapping_add(path.0.into())
}

/// Time to the first retransmission of an IDENTIFY; doubled up to a second.
const IDENTIFY_WAIT: Micros = Micros::from_millis(100);
/// Period of IDENTIFY on a path that is down; longer after a minute.
const DOWN_WAIT: Micros = Micros::from_secs(1);
const LONG_DOWN_WAIT: Micros = Micros::from_secs(5);
const LONG_DOWN: Micros = Micros::from_secs(60);
const FEATURES_WAIT: Micros = Micros::from_secs(2);
const FEATURES_TRIES: u8 = 5;
const PROBE_TRIES: u8 = 3;
const PROBE_LEAST_WAIT: Micros = Micros::from_millis(20);

impl Target<'_> {
    /// Builds the next management frame that is due.
    #[inline]
    pub(super) fn poll_management<'b>(
        &mut self,
        now: Instant,
        blank: &mut Blank<'b>,
    ) -> Option<&'b mut Draft> {
        let first = self.path_ids().find(|id| !self.paths[*id].is_quiet())?;
        self.manage_from(first, now, blank)
    }

    fn manage_from<'b>(
        &mut self,
        first: PathId,
        now: Instant,
        blank: &mut Blank<'b>,
    ) -> Option<&'b mut Draft> {
        for index in (first.0..self.used).map(PathId) {
            let path = &self.paths[index];
            if path.is_quiet() || !self.links[path.link].is_usable() {
                continue;
            }
            // A write waits for the fence, but no I/O waits for other requests, which the
            // fence replaces.
            let give_way = path.is_up() && path.fence_wanted != 0 && !path.is_fenced_or_asked();
            if path.management.is_none() || give_way {
                self.begin_management(index, now);
            }
            let due = self.paths[index].management;
            if let Some(m) = due.filter(|m| m.due <= now)
                && let Some(frame) = self.send_management(index, m, now, blank)
            {
                return Some(frame);
            }
        }
        None
    }

    /// Decides what a path without a management request needs.
    fn begin_management(&mut self, index: PathId, now: Instant) {
        let capacity = self.sectors;
        let path = &mut self.paths[index];
        let purpose = match path.state {
            State::Conflict | State::Free => return,
            State::Down { .. } | State::Identifying { .. } if path.is_deaf => Purpose::Try,
            State::Down { .. } | State::Identifying { .. } => Purpose::Identify,
            State::Up if path.recheck => Purpose::Identify,
            State::Up => match up_purpose(path, capacity, now) {
                Some(purpose) => purpose,
                None => return,
            },
        };
        if matches!(purpose, Purpose::Probe { .. }) {
            path.probed_at = path.probed_at.min(now);
        }
        let fence = purpose == Purpose::Fence;
        let tag = self.management_tag(slot_of(index));
        let path = &mut self.paths[index];
        let again = path.disputed != 0 || path.growing != 0;
        let due = if again { now.after(PROBATION_WAIT) } else { now };
        path.management = Some(Management { purpose, tag, seq: 0, sent_at: now, tries: 0, due });
        if fence {
            self.totals.fences = self.totals.fences.wrapping_add(1);
        }
    }

    /// Sends or retransmits a management request, or gives it up.
    fn send_management<'b>(
        &mut self,
        index: PathId,
        mut m: Management,
        now: Instant,
        blank: &mut Blank<'b>,
    ) -> Option<&'b mut Draft> {
        // I/O shares the target's queue: if the queue is full, this request waits.
        if !self.may_ask(&self.paths[index]) {
            return None;
        }
        let path = &mut self.paths[index];
        let wait = match m.purpose {
            Purpose::Features { .. } if m.tries >= FEATURES_TRIES => {
                path.management = None;
                path.features_wanted = None;
                self.refuse_features();
                return None;
            }
            Purpose::Probe { sectors } if m.tries >= PROBE_TRIES => {
                self.on_probe_silent(index, sectors, now);
                return None;
            }
            // A retransmission could itself be the reason for a second answer.
            Purpose::Compare if m.tries != 0 => {
                path.management = None;
                return None;
            }
            Purpose::Features { .. } => FEATURES_WAIT,
            Purpose::Compare => DOWN_WAIT,
            Purpose::Fence => path.rtt.rto().backed_off(m.tries, DOWN_WAIT),
            Purpose::Try => DOWN_WAIT,
            Purpose::Identify => match path.state {
                State::Down { since } if now.since(since) >= LONG_DOWN => LONG_DOWN_WAIT,
                State::Down { .. } => DOWN_WAIT,
                // A fence may wait for this IDENTIFY.
                State::Up => path.rtt.rto().backed_off(m.tries, DOWN_WAIT),
                _ => IDENTIFY_WAIT.max(path.rtt.rto()).backed_off(m.tries, DOWN_WAIT),
            },
            Purpose::Probe { .. } => path.rtt.rto().max(PROBE_LEAST_WAIT).backed_off(1, DOWN_WAIT),
        };
        m.tries = m.tries.saturating_add(1);
        m.sent_at = now;
        m.due = now.after(wait);
        let (lba48, shift, tag) = (self.uses_lba48, self.sector_shift, m.tag);
        let (mut request, extra) = management_request(m.purpose, lba48, shift);
        if m.purpose == Purpose::Compare {
            self.on_sample_sent(index, tag, now);
            request = AtaRequest::read(self.doubled.lba() >> (shift & 7), 1, lba48);
        }
        let frame = self.begin_frame(index, Command::Ata, tag, now, blank)?;
        put_ata(frame, &request);
        frame.why = match m.purpose {
            Purpose::Features { .. } => Why::Features,
            Purpose::Fence => Why::Fence,
            Purpose::Identify => Why::Identify,
            Purpose::Compare => Why::Compare,
            Purpose::Probe { .. } | Purpose::Try => Why::Probe,
        };
        frame.frame_length = frame.frame_length.saturating_add(extra).max(60);
        let path = &mut self.paths[index];
        if m.seq == 0 {
            m.seq = path.last_seq();
        }
        path.management = Some(m);
        path.on_asked(Asker::Path, wait, now);
        Some(frame)
    }

    /// Handles an answer to the management request of path `index`. Returns the number
    /// of bytes after the ATA argument to copy.
    pub(super) fn on_management_answer(
        &mut self,
        index: PathId,
        header: &Header,
        ata: Option<AtaResponse>,
        length: usize,
        now: Instant,
    ) -> Option<usize> {
        let path = &mut self.paths[index];
        let data = length.saturating_sub(Header::LEN + AtaRequest::LEN);
        let Some(m) = path.management.filter(|m| m.tag == header.tag && m.seq != 0) else {
            self.on_unexpected(index, header.tag, now);
            // Second answers matter to IDENTIFY and to comparing reads. A success of
            // either has a sector of data, and a status without an error.
            let good = header.error.is_none()
                && ata.is_some_and(|a| a.outcome(AtaCommand::READ).is_ok())
                && data >= SECTOR;
            return if good { self.on_second_answer(index, header.tag) } else { None };
        };
        time_answer(path, &m, now);
        let sent = management_request(m.purpose, true, 0).0.command;
        let answer = match (header.error, ata) {
            (None, Some(ata)) => ata.outcome(sent).is_ok(),
            _ => false,
        };
        match m.purpose {
            Purpose::Identify => return self.on_identify_answer(index, m.tag, answer, data, now),
            Purpose::Probe { sectors } => {
                if answer && data >= usize::from(sectors).saturating_mul(SECTOR) {
                    self.on_probe_passed(index, sectors, now);
                } else {
                    self.on_probe_failed(index, sectors, now);
                }
            }
            Purpose::Features { .. } => {
                path.features_wanted = None;
                if answer {
                    self.seen.no_write_cache = false;
                } else {
                    self.refuse_features();
                }
            }
            Purpose::Compare => {
                path.management = None;
                path.on_heard(now);
                self.on_io_answered(index, now);
                return self.on_sample_answered(index, answer && data >= SECTOR, now);
            }
            Purpose::Fence => {
                path.fence_wanted = 0;
                self.on_sector_answered(answer, now);
            }
            // Any answer counts, even an error.
            Purpose::Try => path.is_choosy = true,
        }
        self.on_io_answered(index, now);
        let path = &mut self.paths[index];
        path.management = None;
        path.on_heard(now);
        None
    }

    fn on_identify_answer(
        &mut self,
        index: PathId,
        tag: Tag,
        answer: bool,
        data: usize,
        now: Instant,
    ) -> Option<usize> {
        let path = &mut self.paths[index];
        path.on_heard(now);
        if !answer || data < SECTOR {
            // The target answers without identifying itself: retried when due.
            return None;
        }
        path.management = None;
        path.on_heard(now);
        if path.adverts.sets_aside() {
            return None;
        }
        path.recheck = false;
        path.said_tag = tag;
        self.scratch_holds = Scratch::Identify { path: index };
        Some(SECTOR)
    }

    /// Reports, once, that the target did not change its write cache.
    fn refuse_features(&mut self) {
        if !core::mem::replace(&mut self.seen.no_write_cache, true) {
            self.tell_event(Event::NoWriteCache, None, 0);
        }
    }

    fn on_probe_passed(&mut self, index: PathId, sectors: u8, now: Instant) {
        let path = &mut self.paths[index];
        path.payload = sectors.min(path.limit);
        path.probed_at = Instant::NEVER;
        path.hole_told &= path.payload < path.limit;
        path.large_losses = 0;
        let bytes = u64::from(path.payload_bytes());
        let searching = path.too_large != 0;
        path.probe_at = match path.probe_size() {
            Some(_) => now,
            None => now.after(PROBE_INTERVAL),
        };
        if searching {
            self.tell_event(Event::PayloadUp, Some(index), bytes);
        }
    }

    /// Handles a probe that stays unanswered. Its size is the reason if a small frame was
    /// answered since the first transmission. Otherwise a small answer is requested (by
    /// IDENTIFY), and the probe is sent again.
    fn on_probe_silent(&mut self, index: PathId, sectors: u8, now: Instant) {
        let path = &mut self.paths[index];
        if path.hole_told || path.probed_at < path.last_heard {
            return self.on_probe_failed(index, sectors, now);
        }
        path.management = None;
        path.recheck = true;
        path.probe_at = now;
    }

    fn on_probe_failed(&mut self, index: PathId, sectors: u8, now: Instant) {
        let path = &mut self.paths[index];
        path.management = None;
        path.probed_at = Instant::NEVER;
        let first = !core::mem::replace(&mut path.hole_told, true);
        path.too_large = sectors;
        path.probe_at = match path.probe_size() {
            Some(_) => now,
            None => now.after(PROBE_INTERVAL),
        };
        let bytes = u64::from(path.payload_bytes());
        if first {
            self.tell_event(Event::PayloadDown, Some(index), bytes);
        }
    }

    /// Requests that a path that is up sets the write cache; `None` cancels this.
    pub(super) fn want_features(&mut self, enable: Option<bool>) {
        if !matches!(self.life, Life::Up | Life::Suspended { .. }) {
            return;
        }
        if let Some(path) = self.paths.iter_mut().find(|p| p.is_up()) {
            path.features_wanted = enable;
        }
    }

    pub(super) fn tell_event(&mut self, event: Event, path: Option<PathId>, value: u64) {
        self.tell(Notice::Event { event, path, value });
    }
}

/// Measures order and round-trip time with an answer to a management request.
fn time_answer(path: &mut Path, m: &Management, now: Instant) {
    let rtt = now.since(m.sent_at);
    path.beside.answered(Asker::Path);
    if m.purpose == Purpose::Identify && m.tries == 1 && path.order.is_overtaken(m.seq) {
        // Targets answer IDENTIFY without accessing the disk, before they process the
        // next frame: so the network caused the delay.
        path.order.on_network(now);
    }
    path.on_answered(m.seq, (m.tries == 1).then_some(rtt), now);
    if m.tries == 1 && m.purpose != Purpose::Identify {
        path.rtt.sample(rtt);
    }
}

/// Returns the purpose of the next management request on a path that is up.
fn up_purpose(path: &mut Path, capacity: u64, now: Instant) -> Option<Purpose> {
    if path.fence_wanted != 0 {
        return Some(Purpose::Fence);
    }
    if let Some(enable) = path.features_wanted {
        return Some(Purpose::Features { enable });
    }
    if path.compare_wanted {
        return Some(Purpose::Compare);
    }
    if path.payload < path.limit && path.probe_at <= now {
        if path.probe_size().is_none() {
            path.too_large = 0;
        }
        let sectors = path.probe_size()?;
        if u64::from(sectors) <= capacity {
            return Some(Purpose::Probe { sectors });
        }
        path.probe_at = Instant::NEVER;
    }
    None
}

/// Returns the ATA request for a purpose, and the bytes to add to the frame. They make
/// a probe as long as its answer, so that it detects a limit in either direction.
fn management_request(purpose: Purpose, lba48: bool, shift: u8) -> (AtaRequest, u32) {
    match purpose {
        Purpose::Features { enable: true } => {
            (AtaRequest::set_features(AtaRequest::ENABLE_WRITE_CACHE), 0)
        }
        Purpose::Features { enable: false } => {
            (AtaRequest::set_features(AtaRequest::DISABLE_WRITE_CACHE), 0)
        }
        Purpose::Compare | Purpose::Fence | Purpose::Try => (AtaRequest::read(0, 1, lba48), 0),
        Purpose::Identify => (AtaRequest::identify(), 0),
        Purpose::Probe { sectors } => {
            let extra = u32::from(sectors).wrapping_mul(512);
            (AtaRequest::read(0, sectors >> (shift & 7), lba48), extra)
        }
    }
}

/// Writes an ATA argument after the AoE header.
pub(super) fn put_ata(frame: &mut Draft, request: &AtaRequest) {
    request.emit(&mut frame.argument);
    frame.header_length = 36;
    frame.frame_length = 36;
}

/// Returns the length of a frame, at least the minimum of Ethernet.
pub(super) fn at_least_minimum(length: u32) -> u32 {
    length.max(MIN_LENGTH)
}
