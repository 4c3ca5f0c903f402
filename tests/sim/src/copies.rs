//! Invariant 4 as it shows on the wire: no write overlaps an unresolved copy
//! of another.

use std::collections::HashMap;

use crate::frame::{self, Mac};

/// A copy of a write that may still be executed.
#[derive(Debug)]
struct Copy {
    op: u32,
    lba: u64,
    end: u64,
    path: (u8, Mac),
    serial: u64,
    tag: u32,
    id: u32,
    sent: Option<u64>,
}

/// A request that was transmitted, for telling answers.
#[derive(Clone, Copy, Debug)]
struct Request {
    path: (u8, Mac),
    serial: u64,
    major: u16,
    minor: u8,
    command: u8,
}

pub struct Copies {
    copies: Vec<Copy>,
    requests: HashMap<u32, Request>,
    ghost_wait: u64,
    serial: u64,
}

impl Copies {
    pub fn new(ghost_wait: u64) -> Self {
        Copies { copies: Vec::new(), requests: HashMap::new(), ghost_wait, serial: 0 }
    }

    /// A request leaves; `op` is the write that it carries, if any.
    pub fn on_transmit(
        &mut self,
        now: u64,
        link: u8,
        bytes: &[u8],
        op: Option<u32>,
        id: u32,
    ) -> Result<(), String> {
        self.serial += 1;
        let path = (link, frame::dst(bytes));
        let tag = frame::tag(bytes);
        let request = Request {
            path,
            serial: self.serial,
            major: frame::u16_at(bytes, frame::MAJOR),
            minor: bytes[frame::MINOR],
            command: bytes[frame::COMMAND],
        };
        // Repetitions of a management request may share a tag: an answer then
        // says no more than that the first of them has left.
        let is_new = self.requests.len();
        self.requests.entry(tag).or_insert(request);
        let Some(op) = op else { return Ok(()) };
        if self.requests.len() == is_new {
            return Err(format!("a write used tag {tag:08x}, which is not new"));
        }
        let ranges = if frame::is_trim(bytes) {
            frame::trim_ranges(bytes)
        } else if frame::is_write(bytes) {
            vec![frame::ata_range(bytes)]
        } else {
            return Ok(());
        };
        let wait = self.ghost_wait;
        self.copies.retain(|copy| copy.sent.is_none_or(|sent| sent + wait > now));
        for (lba, count) in ranges {
            let end = lba + count;
            let other = |copy: &&Copy| copy.op != op && copy.lba < end && lba < copy.end;
            if let Some(copy) = self.copies.iter().find(other) {
                return Err(format!(
                    "write {op} to {lba}..{end} was sent while a copy of write {} to {}..{} was \
                     unresolved (tag {:08x})",
                    copy.op, copy.lba, copy.end, copy.tag
                ));
            }
            self.copies.push(Copy { op, lba, end, path, serial: self.serial, tag, id, sent: None });
        }
        if id == 0 {
            return Err(format!("write {op} was sent without asking when it has left"));
        }
        Ok(())
    }

    /// The mbuf of a copy was freed.
    pub fn on_sent(&mut self, now: u64, id: u32) {
        for copy in self.copies.iter_mut().filter(|copy| copy.id == id) {
            copy.sent.get_or_insert(now);
        }
    }

    /// An answer reaches the initiator.
    pub fn on_answer(&mut self, link: u8, bytes: &[u8]) {
        let Some(request) = self.requests.get(&frame::tag(bytes)) else { return };
        let fits = request.path.0 == link
            && request.major == frame::u16_at(bytes, frame::MAJOR)
            && request.minor == bytes[frame::MINOR]
            && request.command == bytes[frame::COMMAND];
        if !fits {
            return;
        }
        let (path, serial, tag) = (request.path, request.serial, frame::tag(bytes));
        self.copies.retain(|copy| copy.tag != tag && (copy.path != path || copy.serial > serial));
    }
}
