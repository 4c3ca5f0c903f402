// SPDX-License-Identifier: BSD-2-Clause
//! Checks invariant 4 on the wire: no write is sent that overlaps an unresolved
//! copy of another.

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

/// A request that was transmitted, to match answers with.
#[derive(Clone, Copy, Debug)]
struct Request {
    path: (u8, Mac),
    serial: u64,
    major: u16,
    minor: u8,
}

pub struct Copies {
    copies: Vec<Copy>,
    /// By tag and command: discovery draws the tags of its queries at random, so
    /// one may be equal to the tag of an ATA request.
    requests: HashMap<(u32, u8), Request>,
    ghost_wait: u64,
    shift: u8,
    serial: u64,
}

impl Copies {
    /// Creates the checks for a disk whose sectors have 2^`shift` blocks.
    pub fn new(ghost_wait: u64, shift: u8) -> Self {
        Copies { copies: Vec::new(), requests: HashMap::new(), ghost_wait, shift, serial: 0 }
    }

    /// Records and checks a request that leaves; `op` is the write that it carries, if
    /// any.
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
        let (tag, command) = (frame::tag(bytes), bytes[frame::COMMAND]);
        let request = Request {
            path,
            serial: self.serial,
            major: frame::u16_at(bytes, frame::MAJOR),
            minor: bytes[frame::MINOR],
        };
        // Retransmissions of a management request may share a tag: an answer then
        // proves only that the first of them has left.
        let is_new = self.requests.len();
        self.requests.entry((tag, command)).or_insert(request);
        let Some(op) = op else { return Ok(()) };
        if self.requests.len() == is_new {
            return Err(format!("a write used tag {tag:08x}, which is not new"));
        }
        let ranges = if frame::is_trim(bytes) {
            frame::trim_ranges(bytes, self.shift)
        } else if frame::is_write(bytes) {
            vec![frame::block_range(bytes, self.shift)]
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

    /// Records that the mbuf of a copy was freed.
    pub fn on_sent(&mut self, now: u64, id: u32) {
        for copy in self.copies.iter_mut().filter(|copy| copy.id == id) {
            copy.sent.get_or_insert(now);
        }
    }

    /// Resolves the copies that an answer proves to be past: the request's own, and
    /// those sent on its path before it.
    pub fn on_answer(&mut self, link: u8, bytes: &[u8]) {
        let key = (frame::tag(bytes), bytes[frame::COMMAND]);
        let Some(request) = self.requests.get(&key) else { return };
        let fits = request.path.0 == link
            && request.major == frame::u16_at(bytes, frame::MAJOR)
            && request.minor == bytes[frame::MINOR];
        if !fits {
            return;
        }
        let (path, serial) = (request.path, request.serial);
        let is_its = |copy: &Copy| (copy.tag, 0) == key;
        self.copies.retain(|copy| !is_its(copy) && (copy.path != path || copy.serial > serial));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(command: u8, tag: u32) -> Vec<u8> {
        let mut bytes = vec![0; 548];
        bytes[12..14].copy_from_slice(&[0x88, 0xa2]);
        if command == 1 {
            bytes[..6].copy_from_slice(&frame::BROADCAST);
        }
        bytes[frame::COMMAND] = command;
        bytes[frame::TAG..frame::ARGUMENT].copy_from_slice(&tag.to_be_bytes());
        bytes[frame::COUNT..frame::LBA].copy_from_slice(&[1, 0x34]);
        bytes
    }

    #[test]
    fn a_write_may_have_the_tag_of_a_query_but_not_of_a_write() {
        let mut copies = Copies::new(1, 0);
        assert_eq!(copies.on_transmit(0, 0, &request(1, 5), None, 0), Ok(()));
        assert_eq!(copies.on_transmit(0, 0, &request(0, 5), Some(1), 1), Ok(()));
        assert!(copies.on_transmit(0, 0, &request(0, 5), Some(1), 2).is_err());
    }

    #[test]
    fn an_answer_to_a_query_resolves_no_write_of_its_tag() {
        let mut copies = Copies::new(1_000_000, 0);
        let write = request(0, 5);
        assert_eq!(copies.on_transmit(0, 0, &request(1, 5), None, 0), Ok(()));
        assert_eq!(copies.on_transmit(0, 0, &write, Some(1), 1), Ok(()));
        copies.on_answer(0, &request(1, 5));
        assert!(copies.on_transmit(0, 0, &request(0, 6), Some(2), 2).is_err());
        copies.on_answer(0, &write);
        assert_eq!(copies.on_transmit(0, 0, &request(0, 7), Some(3), 3), Ok(()));
    }
}
