// SPDX-License-Identifier: BSD-2-Clause
//! A model target, which answers frames according to AoEr11 and its quirks.

use std::collections::VecDeque;

use crate::frame::{self, Mac, Packet};
use crate::pattern::{self, SECTOR};
use crate::plan::Plan;
use crate::quirks::{Flush, Quirks, Refusal, ReplyCount};
use crate::rng::Rng;

/// The effect of a command on one sector.
#[derive(Clone, Copy, Debug)]
pub struct Executed {
    /// The write that the sector now holds, or the DELETE that emptied it.
    pub op: u32,
    pub lba: u64,
    /// Frames that were sent later overtook the request.
    pub overtaken: bool,
}

/// A port of a target.
pub struct Port {
    pub mac: Mac,
    pub segment: usize,
    pub mtu: usize,
    pub queue: VecDeque<Packet>,
}

/// The contents of the sectors, as numbers of writes.
pub struct Disk {
    pub now: Vec<u32>,
    /// The contents on the medium, to which a crash may revert a sector.
    pub durable: Vec<u32>,
}

impl Disk {
    pub fn new(sectors: u64) -> Self {
        Disk {
            now: vec![pattern::ZERO; sectors as usize],
            durable: vec![pattern::ZERO; sectors as usize],
        }
    }

    pub fn grow(&mut self, by: u64) {
        let sectors = self.now.len() + by as usize;
        self.now.resize(sectors, pattern::ZERO);
        self.durable.resize(sectors, pattern::ZERO);
    }
}

pub struct Target {
    pub major: u16,
    pub minor: u8,
    pub ports: Vec<Port>,
    pub quirks: Quirks,
    pub disk: Disk,
    pub serial: String,
    pub model: &'static str,
    pub config: Vec<u8>,
    pub mask: Vec<Mac>,
    pub reserved: Vec<Mac>,
    pub read_only: bool,
    /// A sector has 2^`shift` blocks of 512 bytes; everything else counts blocks.
    pub shift: u8,
    /// Reads that touch this sector fail.
    pub bad_sector: Option<u64>,
    pub unavailable: bool,
    /// Frames are queued, not served.
    pub stopped: bool,
    /// Frames are not even queued.
    pub dead: bool,
    pub overflows: u64,
    /// The number of requests that workers are busy with, and the finished ones that
    /// a stop holds back.
    pub busy: usize,
    pub held: Vec<(usize, Vec<Packet>)>,
    /// Number of config queries that arrived. They are broadcast without regard to
    /// the room in a queue.
    pub queries: u64,
}

/// A frame that a target sends from one of its ports.
pub struct Reply {
    pub port: usize,
    pub bytes: Vec<u8>,
}

pub const MAJOR: u16 = 7;
pub const MINOR: u8 = 3;

impl Target {
    /// Creates the target of a scenario (0), or the impostor or twin beside it (1).
    pub fn of_plan(plan: &Plan, which: usize) -> Target {
        let ports = plan
            .ports
            .iter()
            .enumerate()
            .map(|(at, &(segment, mtu))| Port {
                mac: [2, 0xbb, which as u8, 0, 0, at as u8],
                segment,
                mtu: mtu as usize,
                queue: Default::default(),
            })
            .collect();
        Target {
            major: MAJOR,
            minor: MINOR,
            ports,
            quirks: plan.quirks,
            disk: Disk::new(plan.size),
            serial: format!("7.3:host{which}"),
            model: "Coraid EtherDrive vblade",
            config: Vec::new(),
            mask: Vec::new(),
            reserved: Vec::new(),
            read_only: plan.read_only,
            shift: plan.shift,
            bad_sector: plan.bad_sector,
            unavailable: false,
            stopped: false,
            dead: which != 0,
            overflows: 0,
            busy: 0,
            held: Vec::new(),
            queries: 0,
        }
    }

    /// Returns the number of 512-byte blocks per request that a port announces.
    pub fn max_sectors(&self, port: usize) -> u8 {
        if let Some(sectors) = self.quirks.fixed_sectors {
            return sectors;
        }
        let sectors = (self.ports[port].mtu.saturating_sub(36) / SECTOR).min(255) as u8;
        match self.quirks.quantised {
            true if sectors != 0 => 1 << sectors.ilog2(),
            _ => sectors,
        }
    }

    /// Queues a frame that arrives; drops it if the queue is full.
    pub fn enqueue(&mut self, port: usize, packet: Packet) {
        if self.dead {
            return;
        }
        let room = usize::from(self.quirks.buffer_count.max(1));
        self.queries += u64::from(packet.bytes.get(frame::COMMAND) == Some(&1));
        let merges = self.quirks.merges_duplicates;
        let port = &mut self.ports[port];
        if merges && is_disk_request(&packet.bytes) {
            let same = |old: &Packet| {
                old.bytes.len() == packet.bytes.len()
                    && old.bytes[frame::ARGUMENT..] == packet.bytes[frame::ARGUMENT..]
            };
            if let Some(old) = port.queue.iter_mut().find(|old| same(old)) {
                *old = packet;
                return;
            }
        }
        if port.queue.len() >= room {
            self.overflows += 1;
            return;
        }
        port.queue.push_back(packet);
    }

    /// Serves the oldest frame of a port.
    pub fn serve(
        &mut self,
        port: usize,
        rng: &mut Rng,
        out: &mut Vec<Reply>,
        log: &mut Vec<Executed>,
    ) -> Result<(), String> {
        match self.ports[port].queue.pop_front() {
            Some(packet) => self.carry_out(port, &packet, rng, out, log),
            None => Ok(()),
        }
    }

    /// Carries out a request, and adds the answer to `out`.
    pub fn carry_out(
        &mut self,
        port: usize,
        packet: &Packet,
        rng: &mut Rng,
        out: &mut Vec<Reply>,
        log: &mut Vec<Executed>,
    ) -> Result<(), String> {
        let Some(mut bytes) = self.answer(port, packet, log)? else {
            return Ok(());
        };
        let mut from = port;
        if self.quirks.redirects && rng.chance(2000) {
            from = rng.below(self.ports.len() as u64) as usize;
            if self.ports[from].segment != self.ports[port].segment {
                from = port;
            }
        }
        let mac = self.ports[from].mac;
        bytes[6..12].copy_from_slice(&mac);
        let is_data = bytes[frame::COMMAND] == 0 || bytes[frame::VERSION_FLAGS] & 0x4 != 0;
        if bytes.len() < frame::MIN_FRAME && (is_data || !self.quirks.unpadded) {
            bytes.resize(frame::MIN_FRAME, 0);
        }
        out.push(Reply { port: from, bytes });
        Ok(())
    }

    pub(crate) fn put_address(&self, bytes: &mut [u8]) {
        bytes[frame::MAJOR..frame::MINOR].copy_from_slice(&self.major.to_be_bytes());
        bytes[frame::MINOR] = self.minor;
    }

    fn answer(
        &mut self,
        port: usize,
        packet: &Packet,
        log: &mut Vec<Executed>,
    ) -> Result<Option<Vec<u8>>, String> {
        let request = &packet.bytes;
        if !frame::is_aoe(request) || frame::is_response(request) || !self.is_for_us(port, request)
        {
            return Ok(None);
        }
        if self.quirks.drops_short && request.len() < frame::MIN_FRAME {
            return Ok(None);
        }
        let who = frame::src(request);
        if !self.mask.is_empty() && !self.mask.contains(&who) {
            return Ok(None);
        }
        let mut reply = request[..frame::ARGUMENT].to_vec();
        reply[..6].copy_from_slice(&who);
        let version = match self.quirks.copies_version {
            true => request[frame::VERSION_FLAGS] & 0xf0,
            false => 0x10,
        };
        reply[frame::VERSION_FLAGS] = version | frame::RESPONSE;
        reply[frame::ERROR] = 0;
        self.put_address(&mut reply);
        match request[frame::COMMAND] {
            0 => self.answer_ata(port, packet, reply, log),
            1 => Ok(self.answer_config(port, request, reply)),
            2 if self.quirks.masks => Ok(self.answer_mask(request, reply)),
            3 if self.quirks.reserves => Ok(self.answer_reserve(request, reply)),
            _ => Ok(self.refuse(self.quirks.unknown_aoe, reply)),
        }
    }

    fn is_for_us(&self, port: usize, request: &[u8]) -> bool {
        let dst = frame::dst(request);
        let major = frame::u16_at(request, frame::MAJOR);
        let minor = request[frame::MINOR];
        (dst == self.ports[port].mac || dst == frame::BROADCAST)
            && (major == self.major || major == 0xffff)
            && (minor == self.minor || minor == 0xff)
    }

    /// Returns the answer that refuses a command. For ATA status and error, `reply`
    /// must have the registers.
    pub(crate) fn refuse(&self, refusal: Refusal, mut reply: Vec<u8>) -> Option<Vec<u8>> {
        let e_flag = match self.quirks.no_error_flag {
            true => 0,
            false => frame::E_FLAG,
        };
        match refusal {
            Refusal::Aoe(code) => {
                reply[frame::VERSION_FLAGS] |= e_flag;
                reply[frame::ERROR] = code;
            }
            Refusal::Both(code, status, error) => {
                reply[frame::VERSION_FLAGS] |= e_flag;
                reply[frame::ERROR] = code;
                put_status(&mut reply, status, error);
            }
            Refusal::Ata(status, error) => put_status(&mut reply, status, error),
            Refusal::Silence => return None,
            Refusal::Served => {}
        }
        Some(reply)
    }

    fn answer_ata(
        &mut self,
        port: usize,
        packet: &Packet,
        mut reply: Vec<u8>,
        log: &mut Vec<Executed>,
    ) -> Result<Option<Vec<u8>>, String> {
        let request = &packet.bytes;
        if request.len() < frame::ATA_LEN {
            return Ok(None);
        }
        reply.extend_from_slice(&request[frame::ARGUMENT..frame::ATA_LEN]);
        let command = request[frame::ATA_COMMAND];
        if self.unavailable {
            return Ok(self.refuse(Refusal::Aoe(3), reply));
        }
        let who = frame::src(request);
        let disk_command = matches!(command, 0x20 | 0x24 | 0x30 | 0x34 | 0x06);
        if disk_command && !self.reserved.is_empty() && !self.reserved.contains(&who) {
            return Ok(self.refuse(Refusal::Aoe(6), reply));
        }
        if self.quirks.zero_count_refused && request[frame::COUNT] == 0 {
            return Ok(self.refuse(Refusal::Aoe(2), reply));
        }
        match command {
            0x20 | 0x24 => Ok(self.answer_read(port, request, reply)),
            0x30 | 0x34 => self.answer_write(port, packet, reply, log),
            0xec => Ok(self.answer_identify(request, reply)),
            0xe7 => Ok(self.answer_flush(self.quirks.flush, reply)),
            0xea => Ok(self.answer_flush(self.quirks.flush_ext, reply)),
            0x06 if self.quirks.trims => Ok(self.answer_trim(packet, reply, log)),
            0xef if self.quirks.write_cache => Ok(self.refuse(Refusal::Ata(0x40, 0), reply)),
            0xe5 => {
                reply[frame::COUNT] = 0xff;
                Ok(self.refuse(Refusal::Ata(0x40, 0), reply))
            }
            _ => Ok(self.refuse(self.quirks.unknown_ata, reply)),
        }
    }

    /// Returns how a read or write is refused, if it is.
    fn judge(&self, port: usize, request: &[u8]) -> Option<Refusal> {
        let (lba, count) = frame::block_range(request, self.shift);
        let too_many = count > u64::from(self.max_sectors(port));
        if too_many && self.quirks.too_many != Refusal::Served {
            return Some(self.quirks.too_many);
        }
        let end = lba.checked_add(count);
        if end.is_none_or(|end| end > self.disk.now.len() as u64) {
            return Some(self.quirks.out_of_range);
        }
        let bad = |sector| (lba..lba + count).contains(&sector);
        if self.bad_sector.is_some_and(bad) {
            return Some(self.quirks.media);
        }
        None
    }

    fn answer_read(&self, port: usize, request: &[u8], mut reply: Vec<u8>) -> Option<Vec<u8>> {
        if let Some(refusal) = self.judge(port, request) {
            return self.refuse(refusal, reply);
        }
        let (lba, count) = frame::block_range(request, self.shift);
        put_status(&mut reply, 0x40, 0);
        self.put_count(&mut reply);
        let start = reply.len();
        reply.resize(start + count as usize * SECTOR, 0);
        for (sector, lba) in reply[start..].chunks_exact_mut(SECTOR).zip(lba..) {
            pattern::fill(sector, self.disk.now[lba as usize], lba);
        }
        Some(reply)
    }

    fn answer_write(
        &mut self,
        port: usize,
        packet: &Packet,
        mut reply: Vec<u8>,
        log: &mut Vec<Executed>,
    ) -> Result<Option<Vec<u8>>, String> {
        let request = &packet.bytes;
        if self.read_only {
            return Ok(self.refuse(self.quirks.read_only, reply));
        }
        if let Some(refusal) = self.judge(port, request) {
            return Ok(self.refuse(refusal, reply));
        }
        let (lba, count) = frame::block_range(request, self.shift);
        let Some(data) = request.get(frame::DATA..frame::DATA + count as usize * SECTOR) else {
            return Ok(None);
        };
        if request[frame::ARGUMENT] & 1 == 0 {
            return Err(format!("a write without the W flag: {}", frame::describe(request)));
        }
        for (sector, lba) in data.chunks_exact(SECTOR).zip(lba..) {
            let op = pattern::read(sector, lba).map_err(|e| format!("written by a frame: {e}"))?;
            self.disk.now[lba as usize] = op;
            log.push(Executed { op, lba, overtaken: packet.overtaken });
        }
        put_status(&mut reply, 0x40, 0);
        self.put_count(&mut reply);
        Ok(Some(reply))
    }

    fn answer_trim(
        &mut self,
        packet: &Packet,
        reply: Vec<u8>,
        log: &mut Vec<Executed>,
    ) -> Option<Vec<u8>> {
        let request = &packet.bytes;
        let blocks = usize::from(request[frame::COUNT]);
        if request[frame::FEATURE] & 1 == 0 || request.len() < frame::DATA + blocks * SECTOR {
            return self.refuse(ABORTED, reply);
        }
        let ranges = frame::trim_ranges(request, self.shift);
        let size = self.disk.now.len() as u64;
        if ranges.iter().any(|&(lba, count)| lba + count > size) {
            return self.refuse(self.quirks.out_of_range, reply);
        }
        for lba in ranges.into_iter().flat_map(|(lba, count)| lba..lba + count) {
            self.disk.now[lba as usize] = pattern::ZERO;
            let op = packet.op.unwrap_or(pattern::ZERO);
            log.push(Executed { op, lba, overtaken: packet.overtaken });
        }
        self.refuse(Refusal::Ata(0x40, 0), reply)
    }

    fn put_count(&self, reply: &mut [u8]) {
        match self.quirks.reply_count {
            ReplyCount::Echo => {}
            ReplyCount::Zero => {
                reply[frame::COUNT] = 0;
                // A bug of Plan 9's, which changes a byte of the LBA.
                reply[frame::LBA + 4] = reply[frame::LBA];
            }
            ReplyCount::Remaining => {
                let (lba, count) = frame::ata_range(reply);
                let next = (lba + count).to_le_bytes();
                reply[frame::LBA..frame::LBA + 6].copy_from_slice(&next[..6]);
                reply[frame::COUNT] = 0;
            }
        }
    }

    fn answer_flush(&mut self, flush: Flush, mut reply: Vec<u8>) -> Option<Vec<u8>> {
        match flush {
            Flush::StatusZero => put_status(&mut reply, 0, 0xa7),
            Flush::Ready => put_status(&mut reply, 0x40, 0),
            Flush::Echo => {}
            Flush::Refused(refusal) => return self.refuse(refusal, reply),
        }
        self.disk.durable.copy_from_slice(&self.disk.now);
        Some(reply)
    }

    fn answer_identify(&self, request: &[u8], mut reply: Vec<u8>) -> Option<Vec<u8>> {
        if self.quirks.identify_count && request[frame::COUNT] != 1 {
            return self.refuse(Refusal::Aoe(2), reply);
        }
        put_status(&mut reply, 0x40, 0);
        reply.extend_from_slice(&self.identify());
        Some(reply)
    }

    /// Cuts the power: each unflushed sector may or may not be on the medium.
    pub fn crash(&mut self, rng: &mut Rng) {
        for (now, durable) in self.disk.now.iter_mut().zip(&mut self.disk.durable) {
            if *now != *durable && rng.chance(5000) {
                *now = *durable;
            }
            *durable = *now;
        }
        self.ports.iter_mut().for_each(|port| port.queue.clear());
    }
}

const ABORTED: Refusal = Refusal::Ata(0x41, 0x04);

fn is_disk_request(bytes: &[u8]) -> bool {
    bytes.len() >= frame::ATA_LEN && bytes[frame::COMMAND] == 0
}

fn put_status(reply: &mut [u8], status: u8, error: u8) {
    if reply.len() >= frame::ATA_LEN {
        reply[frame::FEATURE] = error;
        reply[frame::ATA_COMMAND] = status;
    }
}
