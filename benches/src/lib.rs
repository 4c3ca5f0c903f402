// SPDX-License-Identifier: BSD-2-Clause
//! A target that answers at once, so that only the core is measured.

use aoe_core::filter::Admission;
use aoe_core::io::{IoRequest, Op};
use aoe_core::output::{IoHandle, Output, Transmit};
use aoe_core::slot::LinkId;
use aoe_core::targets::{CopyOut, Frame, Limits, Link, Settings, Storage, Target};
use aoe_core::time::{Instant, Micros};
use aoe_core::wire::{Address, Identify, Mac};

const US: Mac = Mac([2, 0, 0, 0, 0, 1]);
const THEM: Mac = Mac([2, 0, 0, 0, 0, 9]);
/// Time between two inputs.
const STEP: Micros = Micros(10);
/// Size of every disk in sectors.
const SECTORS: u64 = 1 << 30;

/// One target that is up, with a path whose payload was found by probing.
pub struct Bed {
    target: Target<'static>,
    address: Address,
    now: Instant,
    next_lba: u64,
    frames: Vec<Transmit>,
    done: u64,
}

impl Bed {
    /// Creates a target that is reached through an interface with this MTU.
    pub fn new(mtu: u32, minor: u8, major: u16) -> Self {
        let storage = Storage::leaked();
        let address = Address { major, minor };
        let target = Target::new(address, storage, Limits::ALL, Settings::default(), &[9; 32]);
        let now = Instant::from_micros(1_000_000);
        let mut bed =
            Self { target, address, now, next_lba: 0, frames: Vec::with_capacity(64), done: 0 };
        bed.target.handle_link(LinkId(0), Link { mtu, mac: US, up: true, present: true }, now);
        bed.advert(mtu);
        for _ in 0..4 {
            bed.drain();
            bed.answer_all();
        }
        bed
    }

    fn advert(&mut self, mtu: u32) {
        let sectors = u8::try_from((mtu - 36) / 512).unwrap_or(u8::MAX);
        let mut f = self.head(1, 0);
        f[24..32].copy_from_slice(&[0, 64, 0x40, 0x19, sectors, 0x10, 0, 0]);
        self.give(&f, 60);
    }

    fn head(&self, command: u8, tag: u32) -> [u8; 36] {
        let mut f = [0; 36];
        f[..6].copy_from_slice(&US.0);
        f[6..12].copy_from_slice(&THEM.0);
        f[12..16].copy_from_slice(&[0x88, 0xa2, 0x18, 0]);
        f[16..18].copy_from_slice(&self.address.major.to_be_bytes());
        f[18] = self.address.minor;
        f[19] = command;
        f[20..24].copy_from_slice(&tag.to_be_bytes());
        f
    }

    fn give(&mut self, header: &[u8; 36], length: usize) -> Option<CopyOut> {
        self.now = self.now.after(STEP);
        self.target.handle_frame(
            &Frame { header, length, link: LinkId(0), admission: Admission::Granted },
            self.now,
        )
    }

    /// Takes all outputs; frames are kept for [`Bed::answer_all`].
    pub fn drain(&mut self) {
        while let Some(output) = self.target.poll_output(self.now) {
            match output {
                Output::Transmit(frame) => self.frames.push(frame),
                Output::Complete { result, .. } => {
                    assert!(result.is_ok());
                    self.done += 1;
                }
                _ => {}
            }
        }
    }

    /// Answers every outstanding frame, oldest first.
    pub fn answer_all(&mut self) {
        let mut frames = std::mem::take(&mut self.frames);
        for frame in frames.drain(..) {
            let mut f = self.head(0, frame.tag().0);
            f[27] = 0x40;
            let data = match frame.header[27] {
                0x24 => usize::from(frame.header[26]) * 512,
                0xec => 512,
                _ => 0,
            };
            if self.give(&f, 36 + data) == Some(CopyOut::Scratch { frame_offset: 36, length: 512 })
            {
                let mut id = Identify::parse(&[0; 512]);
                id.serial[..4].copy_from_slice(b"1.1x");
                id.sectors = SECTORS;
                id.lba48 = true;
                self.target.scratch_mut()[..512].copy_from_slice(&id.emit());
            }
            if frame.copy != 0 {
                self.target.handle_sent(frame.copy, self.now);
            }
        }
        self.frames = frames;
    }

    /// Submits one I/O and takes the outputs that follow.
    pub fn submit(&mut self, op: Op, sectors: u32) {
        self.now = self.now.after(STEP);
        self.next_lba = (self.next_lba + 4096) % (SECTORS - 4096);
        let request = IoRequest {
            io: IoHandle(1),
            op,
            lba: self.next_lba,
            sectors,
            ordered: false,
            give_up: Instant::NEVER,
        };
        assert!(matches!(self.target.handle_submit(request, self.now), Ok(Ok(()))));
        self.drain();
        std::hint::black_box(self.target.deadline());
    }

    /// Carries out one I/O from submission to completion.
    pub fn round(&mut self, op: Op, sectors: u32) {
        let before = self.done;
        self.submit(op, sectors);
        while self.done == before {
            self.answer_all();
            self.drain();
            std::hint::black_box(self.target.deadline());
        }
    }

    /// Returns the number of frames that wait to be answered.
    pub fn out(&self) -> usize {
        self.frames.len()
    }
}
