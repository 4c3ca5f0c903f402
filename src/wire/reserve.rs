// SPDX-License-Identifier: BSD-2-Clause
//! Command 3: reserve and release, 2 bytes after the header, then hosts.

use memoffset::offset_of;
use static_assertions::const_assert_eq;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, transmute};

use super::{Mac, WireError};

/// The argument as it lies in a frame, 24 bytes in.
#[derive(Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    command: u8,
    count: u8,
}

const_assert_eq!(size_of::<Raw>(), ReserveRequest::LEN);
const_assert_eq!(offset_of!(Raw, count), 1);

/// What to do with the reservation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReserveCommand {
    /// Answer with it.
    Read,
    /// Replace it, if it is empty or names the sender; no hosts releases.
    Set,
    /// Replace it, even if another host holds it.
    ForceSet,
}

/// The argument of a reserve request; `count` hosts follow it, six bytes each.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ReserveRequest {
    /// Read or set.
    pub command: ReserveCommand,
    /// Hosts that follow.
    pub count: u8,
}

impl ReserveRequest {
    /// Bytes between the header and the hosts.
    pub const LEN: usize = 2;

    /// Writes the argument.
    pub fn emit(&self, out: &mut [u8; ReserveRequest::LEN]) {
        *out = transmute!(Raw {
            command: match self.command {
                ReserveCommand::Read => 0,
                ReserveCommand::Set => 1,
                ReserveCommand::ForceSet => 2,
            },
            count: self.count,
        });
    }
}

/// Who holds the target. A refused set is error 6 of the header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ReserveResponse<'a> {
    holders: &'a [u8],
}

impl<'a> ReserveResponse<'a> {
    /// Decodes `argument`, the bytes after the header.
    pub fn parse(argument: &'a [u8]) -> Result<ReserveResponse<'a>, WireError> {
        let (raw, rest) = Raw::read_from_prefix(argument).map_err(|_| WireError::Truncated)?;
        let length = usize::from(raw.count).saturating_mul(size_of::<Mac>());
        let holders = rest.get(..length).ok_or(WireError::Truncated)?;
        Ok(ReserveResponse { holders })
    }

    /// The hosts that may use the target; if there are none, it is free.
    pub fn holders(&self) -> impl Iterator<Item = Mac> + 'a {
        self.holders
            .chunks_exact(size_of::<Mac>())
            .filter_map(|host| Mac::read_from_bytes(host).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// Two holders and a byte of padding.
    const GOLDEN: [u8; 15] = [1, 2, 2, 0, 0, 0, 0, 0xa, 2, 0, 0, 0, 0, 0xb, 0xee];

    #[test]
    fn holders_are_read_one_by_one() {
        let answer = ReserveResponse::parse(&GOLDEN).expect("complete");
        assert_eq!(
            answer.holders().collect::<Vec<_>>(),
            [Mac([2, 0, 0, 0, 0, 0xa]), Mac([2, 0, 0, 0, 0, 0xb])]
        );
    }

    #[test]
    fn free_target_has_no_holders() {
        let answer = ReserveResponse::parse(&[0, 0, 0, 0]).expect("complete");
        assert_eq!(answer.holders().count(), 0);
    }

    #[test]
    fn every_shorter_answer_is_truncated() {
        for length in 0..14 {
            let bytes = GOLDEN.get(..length).expect("shorter");
            assert_eq!(ReserveResponse::parse(bytes), Err(WireError::Truncated));
        }
    }

    #[test]
    fn requests_are_written_byte_for_byte() {
        let mut out = [0xa5; 2];
        for (command, code) in
            [(ReserveCommand::Read, 0), (ReserveCommand::Set, 1), (ReserveCommand::ForceSet, 2)]
        {
            ReserveRequest { command, count: 4 }.emit(&mut out);
            assert_eq!(out, [code, 4]);
        }
    }
}
