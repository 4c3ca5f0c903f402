// SPDX-License-Identifier: BSD-2-Clause
//! Command 3, reserve and release: after the header, 2 bytes of argument and
//! then hosts.

use memoffset::offset_of;
use static_assertions::const_assert_eq;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, transmute};

use super::{Mac, WireError};

/// The argument as it is in a frame, at offset 24.
#[derive(Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    command: u8,
    count: u8,
}

const_assert_eq!(size_of::<Raw>(), ReserveRequest::LEN);
const_assert_eq!(offset_of!(Raw, count), 1);

/// What a target does with its reservation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReserveCommand {
    /// Answer with the reservation.
    Read,
    /// Replace the reservation, if it is empty or includes the sender. An empty
    /// list of hosts releases the target.
    Set,
    /// Replace the reservation, even if another host holds it.
    ForceSet,
}

/// The argument of a reserve request. `count` hosts follow it, in six bytes
/// each.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ReserveRequest {
    /// Whether to read or set the reservation.
    pub command: ReserveCommand,
    /// Number of hosts that follow.
    pub count: u8,
}

impl ReserveRequest {
    /// Length in bytes between the header and the hosts.
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

/// The hosts that hold the target. If a target refuses to set them, the header
/// has error 6.
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

    /// Iterates over the hosts that may use the target. If there are none, it
    /// is not reserved.
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

    /// An answer with two holders and a byte of padding.
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
