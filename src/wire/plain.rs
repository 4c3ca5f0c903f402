//! Answers of success to ATA commands, as nearly all frames are: recognised by
//! one comparison, without decoding what they have in common.

use memoffset::offset_of;
use static_assertions::const_assert_eq;
use zerocopy::byteorder::big_endian::U32;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::{Address, AtaResponse, ETHERTYPE, Mac, Tag};

/// The first 36 bytes, as they lie in a frame.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    dst: Mac,
    src: Mac,
    /// Ethertype, version and flags, error, address, command.
    fixed: [u8; 8],
    tag: U32,
    registers: [u8; 12],
}

const_assert_eq!(offset_of!(Raw, fixed), 12);
const_assert_eq!(offset_of!(Raw, registers), 24);

/// What all plain answers of one target have in common.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Plain([u8; 8]);

/// A plain answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PlainAnswer {
    /// Whom the frame is for.
    pub dst: Mac,
    /// Who sent it.
    pub src: Mac,
    /// Echoed by the target.
    pub tag: Tag,
}

impl Plain {
    /// Version 1, a response, no error, ATA.
    pub fn of(address: Address) -> Self {
        let ([type0, type1], [major0, major1]) =
            (ETHERTYPE.to_be_bytes(), address.major.to_be_bytes());
        Self([type0, type1, 0x18, 0, major0, major1, address.minor, 0])
    }

    /// Decodes a plain answer; `None` for any other frame.
    #[inline]
    pub fn parse(self, bytes: &[u8]) -> Option<PlainAnswer> {
        let (raw, _) = Raw::ref_from_prefix(bytes).ok()?;
        let succeeded = AtaResponse::parse(&raw.registers).is_ok_and(|ata| ata.is_success());
        (raw.fixed == self.0 && succeeded).then(|| PlainAnswer {
            dst: raw.dst,
            src: raw.src,
            tag: Tag(raw.tag.get()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command, Header};
    use super::*;

    const ADDRESS: Address = Address { major: 258, minor: 3 };

    /// An answer from e258.3, tag 0x0a0b0c0d, status DRDY.
    fn answer() -> [u8; 36] {
        let mut bytes = [0; 36];
        let (dst, src) = (Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2]));
        let head = bytes.first_chunk_mut().unwrap();
        Header::emit_request(dst, src, ADDRESS, Command::Ata, Tag(0x0a0b_0c0d), head);
        (bytes[14], bytes[27]) = (0x18, 0x40);
        bytes
    }

    fn parsed(change: impl FnOnce(&mut [u8; 36])) -> Option<PlainAnswer> {
        let mut bytes = answer();
        change(&mut bytes);
        Plain::of(ADDRESS).parse(&bytes)
    }

    #[test]
    fn a_plain_answer_is_decoded() {
        let (dst, src) = (Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 2]));
        assert_eq!(parsed(|_| {}), Some(PlainAnswer { dst, src, tag: Tag(0x0a0b_0c0d) }));
        // Without DRDY too, as vblade answers a flush.
        assert!(parsed(|b| b[27] = 0).is_some());
    }

    #[test]
    fn whatever_is_special_is_left_to_the_full_decoder() {
        for at in 12..20 {
            assert_eq!(parsed(|b| b[at] ^= 1), None, "byte {at}");
        }
        for status in [0x01, 0x08, 0x20, 0x80, 0x41, 0xe7] {
            assert_eq!(parsed(|b| b[27] = status), None, "status {status:02x}");
        }
        assert_eq!(Plain::of(ADDRESS).parse(&answer()[..35]), None);
    }
}
