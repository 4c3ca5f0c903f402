// SPDX-License-Identifier: BSD-2-Clause
//! Command 2, the MAC mask list: after the header, 4 bytes of argument and then
//! directives.

use memoffset::offset_of;
use static_assertions::const_assert_eq;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, transmute};

use super::{Mac, WireError};

/// The argument as it is in a frame, at offset 24.
#[derive(Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    reserved: u8,
    command: u8,
    error: u8,
    count: u8,
}

/// One directive of a request, or one entry of the list in an answer.
#[derive(Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
struct RawDirective {
    reserved: u8,
    command: u8,
    mac: Mac,
}

const_assert_eq!(size_of::<Raw>(), MaskRequest::LEN);
const_assert_eq!(offset_of!(Raw, command), 1);
const_assert_eq!(offset_of!(Raw, error), 2);
const_assert_eq!(offset_of!(Raw, count), 3);
const_assert_eq!(size_of::<RawDirective>(), Directive::LEN);
const_assert_eq!(offset_of!(RawDirective, command), 1);
const_assert_eq!(offset_of!(RawDirective, mac), 2);

/// What a target does with its MAC mask list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MaskCommand {
    /// Answer with the list.
    Read,
    /// Apply the directives in order, then answer with the list.
    Edit,
}

/// Why an edit stopped. The directives before the failed one remain in effect.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MaskError {
    /// 1: unspecified. Also any code that AoEr11 does not define.
    Unspecified(u8),
    /// 2: an undefined directive.
    BadDirective,
    /// 3: the list is full.
    Full,
}

/// One change to the list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Directive {
    /// Changes nothing. The entries in an answer have this form.
    Nop(Mac),
    /// Add this host to the list.
    Add(Mac),
    /// Remove this host from the list. It is no error if it is not there.
    Delete(Mac),
}

impl Directive {
    /// Length in bytes of a directive.
    pub const LEN: usize = 8;

    /// Writes the directive.
    pub fn emit(&self, out: &mut [u8; Directive::LEN]) {
        let (command, mac) = match *self {
            Directive::Nop(mac) => (0, mac),
            Directive::Add(mac) => (1, mac),
            Directive::Delete(mac) => (2, mac),
        };
        *out = transmute!(RawDirective { reserved: 0, command, mac });
    }
}

/// The argument of a mask request. `count` directives follow it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MaskRequest {
    /// Whether to read or edit the list.
    pub command: MaskCommand,
    /// Number of directives that follow.
    pub count: u8,
}

impl MaskRequest {
    /// Length in bytes between the header and the directives.
    pub const LEN: usize = 4;

    /// Writes the argument.
    pub fn emit(&self, out: &mut [u8; MaskRequest::LEN]) {
        *out = transmute!(Raw {
            reserved: 0,
            command: match self.command {
                MaskCommand::Read => 0,
                MaskCommand::Edit => 1,
            },
            error: 0,
            count: self.count,
        });
    }
}

/// A target's answer to a mask request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MaskResponse<'a> {
    /// Why the edit stopped, if it did. The E flag of the header does not report
    /// this.
    pub error: Option<MaskError>,
    /// Number of entries in the list or, after an error, the index of the failed
    /// directive.
    pub count: u8,
    entries: &'a [u8],
}

impl<'a> MaskResponse<'a> {
    /// Decodes `argument`, the bytes after the header.
    pub fn parse(argument: &'a [u8]) -> Result<MaskResponse<'a>, WireError> {
        let (raw, rest) = Raw::read_from_prefix(argument).map_err(|_| WireError::Truncated)?;
        let error = match raw.error {
            0 => None,
            2 => Some(MaskError::BadDirective),
            3 => Some(MaskError::Full),
            other => Some(MaskError::Unspecified(other)),
        };
        // After an error the count is an index, and no list follows.
        let listed = if error.is_none() { raw.count } else { 0 };
        let length = usize::from(listed).saturating_mul(Directive::LEN);
        let entries = rest.get(..length).ok_or(WireError::Truncated)?;
        Ok(MaskResponse { error, count: raw.count, entries })
    }

    /// Iterates over the hosts on the list. An empty list admits all hosts.
    pub fn hosts(&self) -> impl Iterator<Item = Mac> + 'a {
        self.entries
            .chunks_exact(Directive::LEN)
            .filter_map(|entry| RawDirective::read_from_bytes(entry).ok())
            .map(|entry| entry.mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const A: Mac = Mac([2, 0, 0, 0, 0, 0xa]);
    const B: Mac = Mac([2, 0, 0, 0, 0, 0xb]);
    /// An answer with two hosts and a byte of padding.
    const GOLDEN: [u8; 21] = [0, 1, 0, 2, 0, 0, 2, 0, 0, 0, 0, 0xa, 0, 0, 2, 0, 0, 0, 0, 0xb, 0xee];

    #[test]
    fn list_is_read_entry_by_entry() {
        let answer = MaskResponse::parse(&GOLDEN).expect("complete");
        assert_eq!((answer.error, answer.count), (None, 2));
        assert_eq!(answer.hosts().collect::<Vec<_>>(), [A, B]);
    }

    #[test]
    fn failed_edit_gives_the_reason_and_the_index() {
        let cases = [
            (1, MaskError::Unspecified(1)),
            (2, MaskError::BadDirective),
            (3, MaskError::Full),
            (9, MaskError::Unspecified(9)),
        ];
        for (code, error) in cases {
            let bytes = [0, 1, code, 7];
            let answer = MaskResponse::parse(&bytes).expect("no list follows");
            assert_eq!((answer.error, answer.count), (Some(error), 7));
            assert_eq!(answer.hosts().count(), 0);
        }
    }

    #[test]
    fn every_shorter_answer_is_truncated() {
        for length in 0..20 {
            let bytes = GOLDEN.get(..length).expect("shorter");
            assert_eq!(MaskResponse::parse(bytes), Err(WireError::Truncated));
        }
    }

    #[test]
    fn requests_are_written_byte_for_byte() {
        let mut out = [0xa5; 4];
        let read = MaskRequest { command: MaskCommand::Read, count: 0 };
        read.emit(&mut out);
        assert_eq!(out, [0; 4]);
        let edit = MaskRequest { command: MaskCommand::Edit, count: 3 };
        edit.emit(&mut out);
        assert_eq!(out, [0, 1, 0, 3]);
        let mut out = [0xa5; 8];
        for (directive, code) in
            [(Directive::Nop(A), 0), (Directive::Add(A), 1), (Directive::Delete(A), 2)]
        {
            directive.emit(&mut out);
            assert_eq!(out, [0, code, 2, 0, 0, 0, 0, 0xa]);
        }
    }
}
