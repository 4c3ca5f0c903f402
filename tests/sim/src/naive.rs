// SPDX-License-Identifier: BSD-2-Clause
//! An initiator without a guard, to show what the guard prevents.
//!
//! Like many initiators, it sends a frame, sends it again under a new tag on the
//! next path if no answer comes, accepts an answer from any sender, and allows the
//! next write to the same sectors as soon as the one before is acknowledged.

use std::collections::{HashMap, VecDeque};

use aoe_core::output::{HEADER_MAX, IoError, IoHandle, Output, Source, Span, Transmit, Why};
use aoe_core::slot::{LinkId, PathId};

use crate::frame;
use crate::initiator::{
    CopyTo, Counters, Initiator, Kind, LinkState, PathView, Refused, Submission,
};
use crate::pattern::SECTOR;
use crate::plan::{MS, Plan};
use crate::target::{MAJOR, MINOR};

const RTO: u64 = 20 * MS;

struct Piece {
    io: Submission,
    offset: u64,
    sent_at: u64,
    again: u32,
}

pub struct Naive {
    size: u64,
    links: Vec<Option<LinkState>>,
    /// Link and MAC of each path.
    paths: Vec<(u8, [u8; 6])>,
    turn: usize,
    tag: u32,
    out: HashMap<u32, Piece>,
    left: HashMap<u64, u32>,
    outputs: VecDeque<Output>,
    retransmitted: u64,
}

impl Naive {
    pub fn new(plan: &Plan) -> Naive {
        Naive {
            size: plan.size,
            links: Vec::new(),
            paths: Vec::new(),
            turn: 0,
            tag: 1,
            out: HashMap::new(),
            left: HashMap::new(),
            outputs: VecDeque::new(),
            retransmitted: 0,
        }
    }

    fn header(&mut self, link: u8, dst: [u8; 6], address: (u16, u8), command: u8) -> Vec<u8> {
        let src = self.links[usize::from(link)].map_or([0; 6], |state| state.mac);
        self.tag = self.tag.wrapping_add(1) & 0x7fff_ffff;
        let mut bytes = Vec::from(dst);
        bytes.extend_from_slice(&src);
        bytes.extend_from_slice(&[0x88, 0xa2, 0x10, 0]);
        bytes.extend_from_slice(&address.0.to_be_bytes());
        bytes.extend_from_slice(&[address.1, command]);
        bytes.extend_from_slice(&self.tag.to_be_bytes());
        bytes
    }

    fn transmit(&mut self, link: u8, bytes: &[u8], data: Option<Span>) {
        let mut header = [0; HEADER_MAX];
        header[..bytes.len()].copy_from_slice(bytes);
        let length = bytes.len() as u32 + data.map_or(0, |span| span.length);
        self.outputs.push_back(Output::Transmit(Transmit {
            link: LinkId(link),
            path: PathId(0),
            header_length: bytes.len() as u8,
            header,
            data,
            frame_length: length.max(60),
            copy: 0,
            flow: 0,
            io: 0,
            why: Why::Io,
        }));
    }

    /// Sends one sector's request on the next path.
    fn send(&mut self, piece: Piece) {
        let (link, mac) = self.paths[self.turn % self.paths.len()];
        self.turn += 1;
        let mut bytes = self.header(link, mac, (MAJOR, MINOR), 0);
        let (flags, opcode) = match piece.io.kind {
            Kind::Write => (0x41, 0x34),
            _ => (0x40, 0x24),
        };
        let lba = (piece.io.lba + piece.offset).to_le_bytes();
        bytes.extend_from_slice(&[flags, 0, 1, opcode]);
        bytes.extend_from_slice(&lba[..6]);
        bytes.extend_from_slice(&[0, 0]);
        let data = (piece.io.kind == Kind::Write).then_some(Span {
            source: Source::Io(piece.io.handle),
            offset: piece.offset as u32 * SECTOR as u32,
            length: SECTOR as u32,
        });
        self.transmit(link, &bytes, data);
        self.out.insert(self.tag, piece);
    }
}

impl Initiator for Naive {
    fn link(&mut self, _now: u64, link: u8, state: LinkState) {
        self.links.resize(self.links.len().max(usize::from(link) + 1), None);
        self.links[usize::from(link)] = Some(state);
    }

    fn discover(&mut self, _now: u64) {
        for link in 0..self.links.len() as u8 {
            let mut bytes = self.header(link, frame::BROADCAST, (0xffff, 0xff), 1);
            bytes.extend_from_slice(&[0; 8]);
            self.transmit(link, &bytes, None);
        }
    }

    fn submit(&mut self, now: u64, io: Submission) -> Result<(), Refused> {
        if matches!(io.kind, Kind::Flush | Kind::Delete) {
            return Err(Refused::Failed(IoError::Unsupported));
        }
        self.left.insert(io.handle, io.sectors);
        for offset in 0..u64::from(io.sectors) {
            self.send(Piece { io, offset, sent_at: now, again: 0 });
        }
        Ok(())
    }

    fn rx(&mut self, _now: u64, link: u8, bytes: &[u8]) -> Option<CopyTo> {
        if bytes[frame::COMMAND] == 1 {
            let path = (link, frame::src(bytes));
            if !self.paths.contains(&path) {
                self.paths.push(path);
            }
            if self.paths.len() == 1 {
                self.outputs.push_back(Output::Up { sectors: self.size });
            }
            return None;
        }
        let tag = frame::tag(bytes);
        let read = self.out.get(&tag)?.io.kind == Kind::Read;
        if read && bytes.len() < frame::DATA + SECTOR {
            return None;
        }
        let piece = self.out.remove(&tag)?;
        let left = self.left.get_mut(&piece.io.handle)?;
        *left -= 1;
        if *left == 0 {
            self.left.remove(&piece.io.handle);
            let io = IoHandle(piece.io.handle);
            self.outputs.push_back(Output::Complete { io, result: Ok(()) });
        }
        read.then_some(CopyTo {
            handle: piece.io.handle,
            offset: piece.offset as usize * SECTOR,
            frame_offset: frame::DATA,
            length: SECTOR,
        })
    }

    fn sent(&mut self, _now: u64, _copy: u32) {}

    fn tick(&mut self, now: u64) {
        let due = |piece: &Piece| piece.sent_at + (RTO << piece.again.min(5)) <= now;
        let mut late: Vec<u32> =
            self.out.iter().filter(|(_, piece)| due(piece)).map(|(&tag, _)| tag).collect();
        late.sort_unstable();
        for tag in late {
            if let Some(piece) = self.out.remove(&tag) {
                self.retransmitted += 1;
                self.send(Piece { sent_at: now, again: piece.again + 1, ..piece });
            }
        }
    }

    fn poll(&mut self, _now: u64) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn deadline(&self) -> Option<u64> {
        self.out.values().map(|piece| piece.sent_at + (RTO << piece.again.min(5))).min()
    }

    fn open(&mut self, _now: u64) -> bool {
        true
    }

    fn close(&mut self, _now: u64) {}

    fn control(&self, _offset: usize, _length: usize) -> &[u8] {
        &[]
    }

    fn paths(&self) -> Vec<PathView> {
        Vec::new()
    }

    fn counters(&self, _now: u64) -> Counters {
        Counters { retransmitted: self.retransmitted, ..Counters::default() }
    }
}
