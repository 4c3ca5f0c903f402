// SPDX-License-Identifier: BSD-2-Clause
//! One request of a kernel crash dump, and the check whether a frame answers it.
//!
//! Answers to frames that were sent before the panic are ignored.

use crate::output::IoError;
use crate::wire::{
    Address, AtaCommand, AtaError, AtaRequest, AtaResponse, Command, Header, Mac, Tag,
};

/// The operation of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Empty the write cache.
    Flush,
    /// Write blocks of 512 bytes. The data follows the header.
    Write {
        /// The first block.
        lba: u64,
        /// Number of blocks; not 0.
        blocks: u8,
    },
}

/// A request. Its retransmissions are identical frames.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    /// Shelf and slot.
    pub(super) address: Address,
    /// The MAC address of the local interface.
    pub(super) local: Mac,
    /// The target's MAC address.
    pub(super) remote: Mac,
    /// The number in the tag, different for every request.
    pub(super) sequence: u32,
    /// The operation.
    pub(super) work: Work,
    /// The command is sent in its 48-bit form.
    pub(super) ext: bool,
    /// Shift from blocks to the disk's sectors.
    pub(super) shift: u8,
}

impl Request {
    /// Bytes before the data.
    pub(super) const HEADER: usize = Header::LEN + AtaRequest::LEN;

    /// Returns the tag. Bit 31 is set, which is clear in every tag of the running core
    /// (`tag.rs`), before the panic and after the next boot.
    fn tag(&self) -> Tag {
        Tag(self.sequence | 1 << 31)
    }

    fn request(&self) -> AtaRequest {
        match self.work {
            Work::Flush => AtaRequest::flush(self.ext),
            Work::Write { lba, blocks } => {
                let shift = self.shift & 7;
                AtaRequest::write(lba >> shift, blocks >> shift, self.ext)
            }
        }
    }

    /// Writes the header, up to the data.
    pub(super) fn emit(&self, out: &mut [u8; Request::HEADER]) {
        let mut header = [0; Header::LEN];
        let mut argument = [0; AtaRequest::LEN];
        let Self { address, local, remote, .. } = *self;
        Header::emit_request(remote, local, address, Command::Ata, self.tag(), &mut header);
        self.request().emit(&mut argument);
        for (to, from) in out.iter_mut().zip(header.into_iter().chain(argument)) {
            *to = from;
        }
    }

    /// Returns the outcome that `frame` reports, or `None` if it is not an answer to
    /// this request. The first `HEADER` bytes of the frame suffice.
    pub(super) fn answer(&self, frame: &[u8]) -> Option<Result<(), IoError>> {
        let header = Header::parse(frame).ok()?;
        let is_ours = header.response
            && header.command == Command::Ata
            && header.tag == self.tag()
            && header.address == self.address
            && header.src == self.remote
            && header.dst == self.local;
        if !is_ours {
            return None;
        }
        if header.error.is_some() {
            return Some(Err(IoError::Io));
        }
        let response = AtaResponse::parse(frame.get(Header::LEN..)?).ok()?;
        Some(response.outcome(self.command()).map_err(|error| match error {
            AtaError::WriteProtected => IoError::ReadOnly,
            _ => IoError::Io,
        }))
    }

    fn command(&self) -> AtaCommand {
        self.request().command
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const LOCAL: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const REMOTE: Mac = Mac([2, 0, 0, 0, 0, 2]);

    fn request(work: Work, ext: bool) -> Request {
        Request {
            address: Address { major: 258, minor: 3 },
            local: LOCAL,
            remote: REMOTE,
            sequence: 0x0a0b_0c0d,
            work,
            ext,
            shift: 0,
        }
    }

    fn write() -> Request {
        request(Work::Write { lba: 0x0605_0403_0201, blocks: 2 }, true)
    }

    fn emitted(request: &Request) -> [u8; 36] {
        let mut out = [0xa5; 36];
        request.emit(&mut out);
        out
    }

    /// The answer of a target to a request: addresses swapped, response flag set.
    fn response(to: &Request, status: u8) -> [u8; 36] {
        let mut frame = emitted(to);
        frame[..6].copy_from_slice(&LOCAL.0);
        frame[6..12].copy_from_slice(&REMOTE.0);
        frame[14] = 0x18;
        frame[24] = 0;
        frame[26] = 0;
        frame[27] = status;
        frame
    }

    #[test]
    fn a_write_is_this_frame() {
        assert_eq!(
            emitted(&write()),
            [
                2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xa2, 0x10, 0, 1, 2, 3, 0, 0x8a, 0x0b,
                0x0c, 0x0d, 0x41, 0, 2, 0x34, 1, 2, 3, 4, 5, 6, 0, 0
            ]
        );
    }

    #[test]
    fn a_write_to_a_disk_without_48_bits_is_this_frame() {
        let write = request(Work::Write { lba: 0x0403_0201, blocks: 1 }, false);
        assert_eq!(
            emitted(&write)[20..],
            [0x8a, 0x0b, 0x0c, 0x0d, 1, 0, 1, 0x30, 1, 2, 3, 0xe4, 0, 0, 0, 0]
        );
    }

    #[test]
    fn a_write_to_a_disk_of_larger_sectors_counts_those() {
        let work = Work::Write { lba: 0x0605_0403_0200, blocks: 8 };
        let write = Request { shift: 3, ..request(work, true) };
        assert_eq!(
            emitted(&write)[24..],
            [0x41, 0, 1, 0x34, 0x40, 0x60, 0x80, 0xa0, 0xc0, 0, 0, 0]
        );
    }

    #[test]
    fn a_flush_is_this_frame() {
        assert_eq!(
            emitted(&request(Work::Flush, true))[14..],
            [0x10, 0, 1, 2, 3, 0, 0x8a, 0x0b, 0x0c, 0x0d, 0x40, 0, 0, 0xea, 0, 0, 0, 0, 0, 0, 0, 0]
        );
    }

    #[test]
    fn its_answer_completes_a_request() {
        for request in [write(), request(Work::Flush, true), request(Work::Flush, false)] {
            assert_eq!(request.answer(&response(&request, 0x40)), Some(Ok(())));
        }
    }

    #[test]
    fn padding_behind_an_answer_does_not_matter() {
        let mut frame = Vec::from(response(&write(), 0x40));
        frame.resize(60, 0xff);
        assert_eq!(write().answer(&frame), Some(Ok(())));
    }

    #[test]
    fn an_answer_that_differs_in_any_of_these_is_none() {
        let good = response(&write(), 0x40);
        // Addresses, ethertype, version, response flag, shelf, slot, command, tag.
        for at in (0..=14).chain(16..24) {
            let mut frame = good;
            frame[at] ^= if at == 14 { 0x08 } else { 0x01 };
            assert_eq!(write().answer(&frame), None, "byte {at}");
        }
    }

    #[test]
    fn what_the_running_core_had_on_the_wire_is_no_answer() {
        let mut frame = response(&write(), 0x40);
        frame[20] &= 0x7f;
        assert_eq!(write().answer(&frame), None);
        let slot = crate::tag::slot(Tag(0x8a0b_0c0d));
        assert_eq!(slot, None);
    }

    #[test]
    fn the_answer_to_the_request_before_is_none() {
        let last = Request { sequence: 0x0a0b_0c0c, ..write() };
        assert_eq!(write().answer(&response(&last, 0x40)), None);
    }

    #[test]
    fn every_shorter_frame_is_none() {
        let good = response(&write(), 0x40);
        for length in 0..good.len() {
            assert_eq!(write().answer(&good[..length]), None, "{length}");
        }
    }

    #[test]
    fn failures_are_told() {
        let cases =
            [(0x20, 0, IoError::Io), (0x41, 0x10, IoError::Io), (0x41, 0x40, IoError::ReadOnly)];
        for (status, error, told) in cases {
            let mut frame = response(&write(), status);
            frame[25] = error;
            assert_eq!(write().answer(&frame), Some(Err(told)));
        }
    }

    #[test]
    fn an_error_of_aoe_is_a_failure_whatever_the_registers_say() {
        let mut frame = response(&write(), 0x40);
        frame[14] |= 0x04;
        frame[15] = 6;
        assert_eq!(write().answer(&frame), Some(Err(IoError::Io)));
    }
}
