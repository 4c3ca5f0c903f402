// SPDX-License-Identifier: BSD-2-Clause
//! Command 1, query config: after the header, 8 bytes of argument and then the
//! config string.

use memoffset::offset_of;
use static_assertions::const_assert_eq;
use zerocopy::byteorder::big_endian::U16;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, transmute};

use super::WireError;

/// The argument as it is in a frame, at offset 24.
#[derive(Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    buffer_count: U16,
    firmware: U16,
    sector_count: u8,
    version_command: u8,
    string_length: U16,
}

const_assert_eq!(size_of::<Raw>(), ConfigRequest::LEN);
const_assert_eq!(offset_of!(Raw, firmware), 2);
const_assert_eq!(offset_of!(Raw, sector_count), 4);
const_assert_eq!(offset_of!(Raw, version_command), 5);
const_assert_eq!(offset_of!(Raw, string_length), 6);

/// What a target does with its config string. "The string sent" is the one in
/// the request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum ConfigCommand {
    /// Answer with the config string.
    Read,
    /// Answer if the config string equals the string sent. Otherwise do not
    /// answer.
    Test,
    /// Answer if the config string begins with the string sent. Otherwise do not
    /// answer.
    Prefix,
    /// Set the config string to the string sent, unless one is set already.
    Set,
    /// Set the config string to the string sent.
    ForceSet,
}

impl ConfigCommand {
    const fn code(self) -> u8 {
        match self {
            ConfigCommand::Read => 0,
            ConfigCommand::Test => 1,
            ConfigCommand::Prefix => 2,
            ConfigCommand::Set => 3,
            ConfigCommand::ForceSet => 4,
        }
    }
}

/// The argument of a config request. The string follows it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ConfigRequest {
    /// What the target is to do with its config string.
    pub command: ConfigCommand,
    /// Length in bytes of the string that follows, at most
    /// [`ConfigRequest::STRING_MAX`].
    pub string_length: u16,
}

impl ConfigRequest {
    /// Length in bytes between the header and the string.
    pub const LEN: usize = 8;
    /// Length in bytes of the longest config string.
    pub const STRING_MAX: usize = 1024;
    /// A query for the config string and the other fields.
    pub const READ: ConfigRequest =
        ConfigRequest { command: ConfigCommand::Read, string_length: 0 };

    /// Writes the argument. The fields that only an answer uses are 0.
    pub fn emit(&self, out: &mut [u8; ConfigRequest::LEN]) {
        *out = transmute!(Raw {
            buffer_count: U16::ZERO,
            firmware: U16::ZERO,
            sector_count: 0,
            version_command: self.command.code(),
            string_length: U16::new(self.string_length),
        });
    }
}

/// A target's description of itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ConfigResponse<'a> {
    /// Number of messages that it can queue. It drops more than that. May be 0.
    pub buffer_count: u16,
    /// The version of its firmware, whose format is not defined.
    pub firmware: u16,
    /// Maximum number of sectors in one ATA request. It is never 0, which means
    /// 2 on the wire.
    pub sector_count: u8,
    /// Its AoE version and the command that it answers, in four bits each.
    pub version_and_command: u8,
    /// The declared length in bytes of its config string.
    pub string_length: u16,
    /// As much of its config string as was received, at most 1,024 bytes.
    pub string: &'a [u8],
}

impl<'a> ConfigResponse<'a> {
    /// Decodes `argument`, the bytes after the header.
    ///
    /// A string whose declared length exceeds the frame or the protocol's limit
    /// is truncated, since the fields before it are still valid.
    pub fn parse(argument: &'a [u8]) -> Result<ConfigResponse<'a>, WireError> {
        let (raw, rest) = Raw::read_from_prefix(argument).map_err(|_| WireError::Truncated)?;
        let declared = usize::from(raw.string_length.get());
        let length = declared.min(ConfigRequest::STRING_MAX);
        Ok(ConfigResponse {
            buffer_count: raw.buffer_count.get(),
            firmware: raw.firmware.get(),
            sector_count: match raw.sector_count {
                0 => 2,
                count => count,
            },
            version_and_command: raw.version_command,
            string_length: raw.string_length.get(),
            string: rest.get(..length).unwrap_or(rest),
        })
    }

    /// Returns whether the declared length exceeds the protocol's limit or a
    /// frame of `frame_length` bytes.
    pub fn is_malformed(&self, frame_length: usize) -> bool {
        let declared = usize::from(self.string_length);
        let before = super::Header::LEN.saturating_add(ConfigRequest::LEN);
        declared > ConfigRequest::STRING_MAX || before.saturating_add(declared) > frame_length
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// vblade's answer: 16 buffers, firmware 0x4019, 2 sectors, string "hi".
    const GOLDEN: [u8; 10] = [0, 16, 0x40, 0x19, 2, 0x10, 0, 2, b'h', b'i'];

    #[test]
    fn answer_is_decoded_field_by_field() {
        assert_eq!(
            ConfigResponse::parse(&GOLDEN),
            Ok(ConfigResponse {
                buffer_count: 16,
                firmware: 0x4019,
                sector_count: 2,
                version_and_command: 0x10,
                string_length: 2,
                string: b"hi",
            })
        );
    }

    #[test]
    fn query_is_written_byte_for_byte() {
        let mut out = [0xa5; 8];
        ConfigRequest::READ.emit(&mut out);
        assert_eq!(out, [0; 8]);
        for (command, code) in [
            (ConfigCommand::Test, 1),
            (ConfigCommand::Prefix, 2),
            (ConfigCommand::Set, 3),
            (ConfigCommand::ForceSet, 4),
        ] {
            let request = ConfigRequest { command, string_length: 0x0102 };
            request.emit(&mut out);
            assert_eq!(out, [0, 0, 0, 0, 0, code, 1, 2]);
        }
    }

    #[test]
    fn sector_count_zero_means_two() {
        let mut bytes = GOLDEN;
        if let Some(count) = bytes.get_mut(4) {
            *count = 0;
        }
        let answer = ConfigResponse::parse(&bytes).expect("complete");
        assert_eq!(answer.sector_count, 2);
    }

    #[test]
    fn string_is_clamped_to_what_was_received() {
        let mut bytes = GOLDEN;
        if let Some(length) = bytes.get_mut(7) {
            *length = 200;
        }
        let answer = ConfigResponse::parse(&bytes).expect("complete");
        assert_eq!(answer.string_length, 200);
        assert_eq!(answer.string, b"hi");
        assert!(answer.is_malformed(34));
        assert!(answer.is_malformed(231));
        assert!(!answer.is_malformed(232));
    }

    #[test]
    fn string_is_clamped_to_what_the_protocol_allows() {
        let mut bytes = Vec::from([0, 16, 0, 0, 2, 0x10, 0x04, 0x01]);
        bytes.resize(8 + 1100, b'x');
        let answer = ConfigResponse::parse(&bytes).expect("complete");
        assert_eq!(answer.string.len(), 1024);
        assert!(answer.is_malformed(1500));
    }

    #[test]
    fn padding_after_the_string_is_ignored() {
        let mut bytes = Vec::from(GOLDEN);
        bytes.resize(36, 0);
        let answer = ConfigResponse::parse(&bytes).expect("complete");
        assert_eq!(answer.string, b"hi");
        assert!(!answer.is_malformed(60));
    }

    #[test]
    fn every_shorter_answer_is_truncated_and_never_more() {
        for length in 0..GOLDEN.len() {
            let bytes = GOLDEN.get(..length).expect("shorter");
            match ConfigResponse::parse(bytes) {
                Ok(answer) => assert_eq!(answer.string.len(), length - 8),
                Err(error) => assert_eq!((error, length < 8), (WireError::Truncated, true)),
            }
        }
    }
}
