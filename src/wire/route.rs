// SPDX-License-Identifier: BSD-2-Clause
//! The header that the frames of one path share. It is written as a whole, and
//! compared as a whole in successful answers to ATA commands, which most received
//! frames are.

use memoffset::offset_of;
use static_assertions::const_assert_eq;
use zerocopy::byteorder::big_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, transmute};

use super::{Address, AtaResponse, Command, Header, Mac, Tag};

/// The beginning of a frame, up to the tag, in pieces that are compared as whole
/// words.
#[derive(
    Clone, Copy, Debug, Eq, FromBytes, Immutable, IntoBytes, KnownLayout, PartialEq, Unaligned,
)]
#[repr(C)]
struct Front([u8; 8], [u8; 8], [u8; 4]);

/// The first 36 bytes of an answer, as they are in a frame.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    front: Front,
    tag: U32,
    registers: [u8; 12],
}

const_assert_eq!(offset_of!(Raw, tag), 20);
const_assert_eq!(offset_of!(Raw, registers), Header::LEN);

/// The beginning of the frames of one target between two MAC addresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Route {
    /// The header of an ATA request, up to and including the tag.
    request: [u8; Header::LEN],
    /// The header of an answer to it that reports no error, up to the tag.
    answer: Front,
}

impl Route {
    /// A placeholder for no route.
    pub(crate) const NONE: Self =
        Self { request: [0; Header::LEN], answer: Front([0; 8], [0; 8], [0; 4]) };

    /// Creates the route from `local` to the target at `remote`.
    pub fn new(local: Mac, remote: Mac, address: Address) -> Self {
        let (mut request, mut answer) = ([0; Header::LEN], [0; Header::LEN]);
        Header::emit_request(remote, local, address, Command::Ata, Tag(0), &mut request);
        Header::emit_request(local, remote, address, Command::Ata, Tag(0), &mut answer);
        answer[Header::FLAGS] |= Header::RESPONSE;
        let [front @ .., _, _, _, _] = answer;
        Self { request, answer: transmute!(front) }
    }

    /// Writes the header of a request.
    #[inline]
    pub fn emit(&self, command: Command, tag: Tag, out: &mut [u8; Header::LEN]) {
        *out = self.request;
        let [.., code, a, b, c, d] = out;
        *code = command.code();
        [*a, *b, *c, *d] = tag.0.to_be_bytes();
    }
}

/// An answer to an ATA command whose status reports no error.
#[derive(Clone, Copy)]
pub struct Success<'f>(&'f Raw);

impl<'f> Success<'f> {
    /// Decodes a complete answer whose status reports no error. Returns `None`
    /// for any other frame.
    #[inline]
    pub fn parse(bytes: &'f [u8]) -> Option<Self> {
        let (raw, _) = Raw::ref_from_prefix(bytes).ok()?;
        let ata = AtaResponse::parse(&raw.registers).ok()?;
        ata.is_success().then_some(Self(raw))
    }

    /// Returns the tag, which the target echoed.
    #[inline]
    pub fn tag(self) -> Tag {
        Tag(self.0.tag.get())
    }

    /// Returns whether it is an answer over this route: in version 1, without an
    /// error, and with the route's addresses.
    #[inline]
    pub fn is_by(self, route: &Route) -> bool {
        self.0.front == route.answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: Address = Address { major: 258, minor: 3 };
    const US: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const THEM: Mac = Mac([2, 0, 0, 0, 0, 2]);

    /// Returns an answer from e258.3 with tag 0x0a0b0c0d and status DRDY.
    fn answer() -> [u8; 36] {
        let mut bytes = [0; 36];
        let head = bytes.first_chunk_mut().unwrap();
        Header::emit_request(US, THEM, ADDRESS, Command::Ata, Tag(0x0a0b_0c0d), head);
        (bytes[14], bytes[27]) = (0x18, 0x40);
        bytes
    }

    /// Returns the tag of a changed answer, if it is still an answer over the
    /// route from `US` to `THEM`.
    fn parsed(change: impl FnOnce(&mut [u8; 36])) -> Option<Tag> {
        let mut bytes = answer();
        change(&mut bytes);
        let success = Success::parse(&bytes)?;
        success.is_by(&Route::new(US, THEM, ADDRESS)).then(|| success.tag())
    }

    #[test]
    fn an_answer_of_success_is_recognised() {
        assert_eq!(parsed(|_| {}), Some(Tag(0x0a0b_0c0d)));
        // DRDY is not required, since vblade answers a flush without it.
        assert!(parsed(|b| b[27] = 0).is_some());
    }

    #[test]
    fn whatever_is_special_is_left_to_the_full_decoder() {
        for at in 0..20 {
            assert_eq!(parsed(|b| b[at] ^= 1), None, "byte {at}");
        }
        for status in [0x01, 0x08, 0x20, 0x80, 0x41, 0xe7] {
            assert_eq!(parsed(|b| b[27] = status), None, "status {status:02x}");
        }
        assert!(Success::parse(&answer()[..35]).is_none());
    }

    #[test]
    fn a_request_by_a_route_is_what_its_parts_say() {
        for (command, tag) in [(Command::Ata, Tag(0x0a0b_0c0d)), (Command::Config, Tag(7))] {
            let (mut by_route, mut by_parts) = ([0xa5; 24], [0; 24]);
            Route::new(US, THEM, ADDRESS).emit(command, tag, &mut by_route);
            Header::emit_request(THEM, US, ADDRESS, command, tag, &mut by_parts);
            assert_eq!(by_route, by_parts);
        }
    }
}
