// SPDX-License-Identifier: BSD-2-Clause
//! A target for tests: time advances, and frames are answered, only when a test does
//! so.

use super::super::*;
use crate::filter::Admission;
use crate::output::{IoHandle, Transmit};
use crate::slot::LinkId;
use crate::time::Micros;
use crate::wire::Mac;
use crate::wire::Tag;
use std::vec::Vec;

pub(super) const US: Mac = Mac([2, 0, 0, 0, 0, 1]);
pub(super) const THEM: Mac = Mac([2, 0, 0, 0, 0, 9]);
pub(super) const OTHERS: Mac = Mac([2, 0, 0, 0, 0, 8]);
pub(super) const ADDRESS: Address = Address { major: 7, minor: 1 };

pub(super) struct Rig {
    pub(super) target: Target<'static>,
    pub(super) now: Instant,
    pub(super) frames: Vec<Transmit>,
    pub(super) done: Vec<(u64, Result<(), IoError>)>,
    pub(super) news: Vec<Output>,
    pub(super) copies: Vec<CopyOut>,
    /// The filter's verdict on every frame.
    pub(super) admission: Admission,
}

pub(super) fn up_link() -> Link {
    Link { mtu: 1500, mac: US, up: true, present: true }
}

/// The IDENTIFY data of a disk of this many sectors with a flush, from vblade.
pub(super) fn disk(sectors: u64, serial: &[u8; 20]) -> Identify {
    let mut id = Identify::parse(&[0; 512]);
    id.serial = *serial;
    id.model[..6].copy_from_slice(b"vblade");
    id.sectors = sectors;
    id.lba48 = true;
    id.flush = true;
    id
}

pub(super) const SERIAL: &[u8; 20] = b"7.1:host\0\0\0\0\0\0\0\0\0\0\0\0";
pub(super) const OTHER_SERIAL: &[u8; 20] = b"7.1:else\0\0\0\0\0\0\0\0\0\0\0\0";

impl Rig {
    /// A target with one interface, which has not answered yet.
    pub(super) fn new() -> Self {
        Self::with(Settings::default())
    }

    pub(super) fn with(settings: Settings) -> Self {
        let now = Instant::from_micros(1_000_000);
        let limits = Limits { ios: 16, requests: 32, copies: 64 };
        let target = Target::new(ADDRESS, Storage::leaked(), limits, settings, &[5; 32]);
        let (frames, done, news, copies) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut rig =
            Self { target, now, frames, done, news, copies, admission: Admission::Granted };
        rig.target.handle_link(LinkId(0), up_link(), now);
        rig
    }

    /// The same, up with a disk of 1,000 sectors on one path.
    pub(super) fn up() -> Self {
        let mut rig = Self::new();
        rig.raise(THEM, &disk(1000, SERIAL));
        assert_eq!(rig.take_news(), [Output::Up { sectors: 1000 }]);
        rig
    }

    /// The same on an interface of MTU 9000; a probe of 17 sectors is the next frame.
    pub(super) fn jumbo() -> Self {
        let mut rig = Self::new();
        rig.target.handle_link(LinkId(0), Link { mtu: 9000, ..up_link() }, rig.now);
        rig.config(THEM, 1, 16, 17);
        let query = rig.take_one(0xec);
        rig.identify(&query, THEM, &disk(1000, SERIAL));
        rig
    }

    /// Brings a path up, by a config answer and the answer to IDENTIFY.
    pub(super) fn raise(&mut self, mac: Mac, id: &Identify) {
        self.config(mac, 1, 16, 2);
        let identify = self.take_one(0xec);
        assert_eq!(identify.header[..6], mac.0);
        self.identify(&identify, mac, id);
    }

    pub(super) fn identify(&mut self, query: &Transmit, mac: Mac, id: &Identify) {
        self.ata_data(query, mac, &id.emit());
    }

    /// Polls all outputs: frames, completions, and news, which is everything else.
    pub(super) fn drain(&mut self) {
        while let Some(output) = self.target.poll_output(self.now) {
            match output {
                Output::Transmit(frame) => self.frames.push(frame),
                Output::Complete { io, result } => self.done.push((io.0, result)),
                other => self.news.push(other),
            }
        }
    }

    /// Takes the news, without `PathUp` events.
    pub(super) fn take_news(&mut self) -> Vec<Output> {
        self.drain();
        let mut news = std::mem::take(&mut self.news);
        news.retain(|n| !matches!(n, Output::Event { event: crate::output::Event::PathUp, .. }));
        news
    }

    pub(super) fn take_frames(&mut self) -> Vec<Transmit> {
        self.drain();
        std::mem::take(&mut self.frames)
    }

    /// Takes the only frame sent, which must have this ATA command.
    pub(super) fn take_one(&mut self, command: u8) -> Transmit {
        let frames = self.take_frames();
        let kinds: Vec<u8> = frames.iter().map(|f| f.header[27]).collect();
        assert_eq!(kinds, [command]);
        frames[0]
    }

    pub(super) fn take_done(&mut self) -> Vec<(u64, Result<(), IoError>)> {
        self.drain();
        std::mem::take(&mut self.done)
    }

    /// Advances time by `by`, with a tick at every deadline.
    pub(super) fn run(&mut self, by: Micros) {
        let end = self.now.after(by);
        for _ in 0..100_000 {
            let next = self.target.deadline().max(self.now.after(Micros(1)));
            if next > end {
                break;
            }
            self.now = next;
            self.target.handle_tick(next);
            self.drain();
        }
        self.now = end;
        self.target.handle_tick(end);
        self.drain();
    }

    pub(super) fn submit(&mut self, n: u64, op: Op, lba: u64, sectors: u32) {
        assert_eq!(self.try_submit(n, op, lba, sectors), Ok(()));
        self.drain();
    }

    pub(super) fn try_submit(
        &mut self,
        n: u64,
        op: Op,
        lba: u64,
        sectors: u32,
    ) -> Result<(), IoError> {
        let request = IoRequest {
            io: IoHandle(n),
            op,
            lba,
            sectors,
            ordered: op == Op::Flush,
            give_up: Instant::NEVER,
        };
        self.target.handle_submit(request, self.now).map(|r| r.expect("a free slot"))
    }

    /// A config answer, or an advert if the tag is 0.
    pub(super) fn config(&mut self, mac: Mac, tag: u32, buffers: u16, sectors: u8) {
        self.config_on(LinkId(0), mac, tag, buffers, sectors);
    }

    pub(super) fn config_on(
        &mut self,
        link: LinkId,
        mac: Mac,
        tag: u32,
        buffers: u16,
        sectors: u8,
    ) {
        let mut f = head(mac, 1, Tag(tag));
        let [hi, lo] = buffers.to_be_bytes();
        f.extend([hi, lo, 0x40, 0x19, sectors, 0x10, 0, 0]);
        f.resize(60, 0);
        self.frame_on(link, &f);
    }

    /// An ATA answer without data.
    pub(super) fn ok(&mut self, query: &Transmit) {
        self.status(query, 0x40, 0);
    }

    pub(super) fn status(&mut self, query: &Transmit, status: u8, error: u8) {
        let mut f = head(Mac(*query.header.first_chunk().unwrap()), 0, query.tag());
        f.extend([0, error, 0, status, 0, 0, 0, 0, 0, 0, 0, 0]);
        f.resize(60, 0);
        self.frame_on(query.link, &f);
    }

    /// An answer with the E flag.
    pub(super) fn error(&mut self, query: &Transmit, code: u8) {
        let mut f = head(Mac(*query.header.first_chunk().unwrap()), 0, query.tag());
        f[14] |= 4;
        f[15] = code;
        f.resize(60, 0);
        self.frame(&f);
    }

    /// Advances time by `by`; every IDENTIFY to `mac` meanwhile is answered with `id`.
    pub(super) fn run_as(&mut self, by: Micros, mac: Mac, id: &Identify) {
        let end = self.now.after(by);
        while self.now < end {
            self.run(Micros::from_millis(100));
            for frame in self.take_frames() {
                if frame.header[27] == 0xec && frame.header[..6] == mac.0 {
                    self.identify(&frame, mac, id);
                }
            }
        }
    }

    /// Answers a request with success, and with data if it is a read.
    pub(super) fn answer(&mut self, query: &Transmit) {
        let mac = Mac(*query.header.first_chunk().unwrap());
        match query.header[27] {
            0x24 => self.ata_data(query, mac, &[7; 512].repeat(usize::from(query.header[26]))),
            _ => self.ok(query),
        }
    }

    pub(super) fn ata_data(&mut self, query: &Transmit, mac: Mac, data: &[u8]) {
        let mut f = head(mac, 0, query.tag());
        f.extend([0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 0]);
        f.extend(data);
        self.frame_on(query.link, &f);
    }

    pub(super) fn frame(&mut self, bytes: &[u8]) {
        self.frame_on(LinkId(0), bytes);
    }

    pub(super) fn frame_on(&mut self, link: LinkId, bytes: &[u8]) {
        let header = &bytes[..bytes.len().min(36)];
        let frame = Frame { header, length: bytes.len(), link, admission: self.admission };
        match self.target.handle_frame(&frame, self.now) {
            Some(CopyOut::Scratch { frame_offset, length }) => {
                let (at, length) = (frame_offset as usize, length as usize);
                self.target.scratch_mut()[..length].copy_from_slice(&bytes[at..at + length]);
            }
            Some(copy) => self.copies.push(copy),
            None => {}
        }
        self.drain();
    }
}

pub(super) fn head(src: Mac, command: u8, tag: Tag) -> Vec<u8> {
    let mut f = Vec::from_iter(US.0.into_iter().chain(src.0));
    f.extend([0x88, 0xa2, 0x18, 0, 0, 7, 1, command]);
    f.extend(tag.0.to_be_bytes());
    f
}

/// An open disk of 1,000 sectors with a read that waits, on whose only path another
/// disk, `id`, answers now.
pub(super) fn taken_over(id: &Identify) -> Rig {
    let mut rig = Rig::up();
    rig.target.handle_open(rig.now).unwrap();
    rig.submit(1, Op::Read, 0, 1);
    rig.take_one(0x24);
    rig.config(THEM, 0, 16, 2);
    let query = rig.take_one(0xec);
    rig.identify(&query, THEM, id);
    assert!(rig.take_news().contains(&Output::Suspended));
    assert_eq!(rig.take_frames(), []);
    rig
}
