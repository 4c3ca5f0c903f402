// SPDX-License-Identifier: BSD-2-Clause
//! The Ethernet and AoE headers that every frame begins with.

use memoffset::offset_of;
use static_assertions::const_assert_eq;
use zerocopy::byteorder::big_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, transmute};

use super::{Address, ETHERTYPE, Mac, Tag, WireError};

/// The protocol version that the core sends and supports.
const VERSION: u8 = 1;

bitflags::bitflags! {
    /// The low four bits of the first AoE byte.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    struct Flags: u8 {
        const RESPONSE = 0x8;
        const ERROR = 0x4;
    }
}

/// The first 24 bytes of a frame.
#[derive(Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    dst: Mac,
    src: Mac,
    ethertype: U16,
    version_flags: u8,
    error: u8,
    major: U16,
    minor: u8,
    command: u8,
    tag: U32,
}

const_assert_eq!(size_of::<Raw>(), Header::LEN);
const_assert_eq!(offset_of!(Raw, ethertype), 12);
const_assert_eq!(offset_of!(Raw, version_flags), 14);
const_assert_eq!(offset_of!(Raw, error), 15);
const_assert_eq!(offset_of!(Raw, major), 16);
const_assert_eq!(offset_of!(Raw, minor), 18);
const_assert_eq!(offset_of!(Raw, command), 19);
const_assert_eq!(offset_of!(Raw, tag), 20);

/// The command of a request or a response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Command {
    /// Issue an ATA command.
    Ata,
    /// Query or set the config string.
    Config,
    /// Read or edit the MAC mask list.
    Mask,
    /// Reserve or release the target.
    Reserve,
    /// Any other command. 240 to 255 are vendor-specific.
    Other(u8),
}

impl Command {
    /// Returns the command's byte on the wire.
    pub const fn code(self) -> u8 {
        match self {
            Command::Ata => 0,
            Command::Config => 1,
            Command::Mask => 2,
            Command::Reserve => 3,
            Command::Other(code) => code,
        }
    }
}

impl From<u8> for Command {
    fn from(code: u8) -> Self {
        match code {
            0 => Command::Ata,
            1 => Command::Config,
            2 => Command::Mask,
            3 => Command::Reserve,
            other => Command::Other(other),
        }
    }
}

/// Why a target refused a command, as the error byte of the header shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AoeError {
    /// 1: the target does not implement the command.
    UnrecognizedCommand,
    /// 2: the target rejects the value of a field.
    BadArgument,
    /// 3: the disk behind the target cannot be reached now.
    DeviceUnavailable,
    /// 4: the config string is set already.
    ConfigStringPresent,
    /// 5: the target does not support our version.
    UnsupportedVersion,
    /// 6: another host has reserved the target.
    TargetReserved,
    /// A code that AoEr11 does not define. qaoed sends 0.
    Other(u8),
}

impl From<u8> for AoeError {
    fn from(code: u8) -> Self {
        match code {
            1 => AoeError::UnrecognizedCommand,
            2 => AoeError::BadArgument,
            3 => AoeError::DeviceUnavailable,
            4 => AoeError::ConfigStringPresent,
            5 => AoeError::UnsupportedVersion,
            6 => AoeError::TargetReserved,
            other => AoeError::Other(other),
        }
    }
}

/// The decoded Ethernet and AoE headers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// The destination of the frame.
    pub dst: Mac,
    /// The source of the frame.
    pub src: Mac,
    /// Set in frames from targets, clear in frames from initiators.
    pub response: bool,
    /// The error, or `None` if the E flag is clear.
    pub error: Option<AoeError>,
    /// The error byte, regardless of the E flag, since old versions of vblade set
    /// only the byte.
    pub raw_error: u8,
    /// The protocol version: 1, or 0 in the adverts of vblade and Plan 9.
    pub version: u8,
    /// The shelf and slot of the target.
    pub address: Address,
    /// The command.
    pub command: Command,
    /// The tag, which the target echoes.
    pub tag: Tag,
}

impl Header {
    /// Length in bytes of both headers, before the command's argument.
    pub const LEN: usize = 24;
    /// The offset of version and flags.
    pub(super) const FLAGS: usize = offset_of!(Raw, version_flags);
    /// The flag that marks an answer.
    pub(super) const RESPONSE: u8 = Flags::RESPONSE.bits();

    /// Decodes the headers at the beginning of a frame.
    pub fn parse(bytes: &[u8]) -> Result<Header, WireError> {
        let (raw, _) = Raw::read_from_prefix(bytes).map_err(|_| WireError::Truncated)?;
        if raw.ethertype.get() != ETHERTYPE {
            return Err(WireError::NotAoe);
        }
        let version = raw.version_flags >> 4;
        if version > VERSION {
            return Err(WireError::Version(version));
        }
        let flags = Flags::from_bits_truncate(raw.version_flags);
        Ok(Header {
            dst: raw.dst,
            src: raw.src,
            response: flags.contains(Flags::RESPONSE),
            error: flags.contains(Flags::ERROR).then(|| raw.error.into()),
            raw_error: raw.error,
            version,
            address: Address { major: raw.major.get(), minor: raw.minor },
            command: raw.command.into(),
            tag: Tag(raw.tag.get()),
        })
    }

    /// Returns the command and tag of a frame. The rest of its header is not
    /// checked.
    pub fn command_and_tag(bytes: &[u8; Self::LEN]) -> (Command, Tag) {
        let raw: Raw = transmute!(*bytes);
        (raw.command.into(), Tag(raw.tag.get()))
    }

    /// Returns the error of an answer to any command other than ATA. In such an
    /// answer, an error byte counts even if the E flag is clear.
    pub fn effective_error(&self) -> Option<AoeError> {
        self.error.or_else(|| (self.response && self.raw_error != 0).then(|| self.raw_error.into()))
    }

    /// Returns the minimum length in bytes of a response, including this header.
    /// A refusal need not repeat the argument of the refused command.
    pub fn response_len(&self) -> usize {
        let refused = match self.command {
            Command::Ata => self.error,
            _ => self.effective_error(),
        };
        if refused.is_some() {
            return Header::LEN;
        }
        Header::LEN.saturating_add(match self.command {
            Command::Ata => super::AtaRequest::LEN,
            Command::Config => super::ConfigRequest::LEN,
            Command::Mask => super::MaskRequest::LEN,
            Command::Reserve => super::ReserveRequest::LEN,
            Command::Other(_) => 0,
        })
    }

    /// Writes the header of a request.
    pub fn emit_request(
        dst: Mac,
        src: Mac,
        address: Address,
        command: Command,
        tag: Tag,
        out: &mut [u8; Header::LEN],
    ) {
        *out = transmute!(Raw {
            dst,
            src,
            ethertype: U16::new(ETHERTYPE),
            version_flags: VERSION << 4,
            error: 0,
            major: U16::new(address.major),
            minor: address.minor,
            command: command.code(),
            tag: U32::new(tag.0),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A response from e258.3 to a config query, with tag 0x0a0b0c0d.
    const GOLDEN: [u8; 24] = [
        0x02, 0, 0, 0, 0, 0x01, 0x02, 0, 0, 0, 0, 0x02, 0x88, 0xa2, 0x18, 0, 0x01, 0x02, 3, 1,
        0x0a, 0x0b, 0x0c, 0x0d,
    ];

    fn golden_with(at: usize, byte: u8) -> [u8; 24] {
        let mut bytes = GOLDEN;
        *bytes.get_mut(at).expect("offset in the header") = byte;
        bytes
    }

    #[test]
    fn response_is_decoded_field_by_field() {
        assert_eq!(
            Header::parse(&GOLDEN),
            Ok(Header {
                dst: Mac([2, 0, 0, 0, 0, 1]),
                src: Mac([2, 0, 0, 0, 0, 2]),
                response: true,
                error: None,
                raw_error: 0,
                version: 1,
                address: Address { major: 258, minor: 3 },
                command: Command::Config,
                tag: Tag(0x0a0b_0c0d),
            })
        );
    }

    #[test]
    fn command_and_tag_are_found_in_a_frame_of_any_kind() {
        let mut bytes = GOLDEN;
        assert_eq!(Header::command_and_tag(&bytes), (Command::Config, Tag(0x0a0b_0c0d)));
        bytes[12..16].fill(0xff);
        bytes[19] = 0xf0;
        assert_eq!(Header::command_and_tag(&bytes), (Command::Other(0xf0), Tag(0x0a0b_0c0d)));
    }

    #[test]
    fn request_is_written_byte_for_byte() {
        let mut out = [0xa5; 24];
        Header::emit_request(
            Mac::BROADCAST,
            Mac([2, 0, 0, 0, 0, 1]),
            Address::BROADCAST,
            Command::Config,
            Tag(0x0102_0304),
            &mut out,
        );
        assert_eq!(
            out,
            [
                0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xa2, 0x10, 0, 0xff,
                0xff, 0xff, 1, 1, 2, 3, 4
            ]
        );
    }

    #[test]
    fn answer_repeats_its_argument_unless_it_refuses() {
        let mut least = GOLDEN;
        for (code, argument) in [(0, 12), (1, 8), (2, 4), (3, 2), (4, 0), (0xf0, 0)] {
            *least.get_mut(19).expect("in the header") = code;
            for (flags, error, refuses) in
                [(0x18, 0, false), (0x1c, 2, true), (0x1c, 0, true), (0x18, 2, code != 0)]
            {
                *least.get_mut(14).expect("in the header") = flags;
                *least.get_mut(15).expect("in the header") = error;
                let header = Header::parse(&least).expect("whole");
                let want = if refuses { 24 } else { 24 + argument };
                assert_eq!(header.response_len(), want, "{code} {flags:#x} {error}");
            }
        }
    }

    #[test]
    fn every_shorter_frame_is_truncated() {
        for length in 0..Header::LEN {
            let bytes = GOLDEN.get(..length).expect("shorter than the header");
            assert_eq!(Header::parse(bytes), Err(WireError::Truncated), "{length}");
        }
    }

    #[test]
    fn other_ethertypes_are_not_ours() {
        assert_eq!(Header::parse(&golden_with(13, 0xa3)), Err(WireError::NotAoe));
        assert_eq!(Header::parse(&golden_with(12, 0x08)), Err(WireError::NotAoe));
    }

    #[test]
    fn vblade_advert_with_version_zero_is_accepted() {
        let header = Header::parse(&golden_with(14, 0x08)).expect("version 0");
        assert_eq!(header.version, 0);
        assert!(header.response);
    }

    #[test]
    fn later_versions_are_refused() {
        for version in 2..=15 {
            assert_eq!(
                Header::parse(&golden_with(14, version << 4 | 0x8)),
                Err(WireError::Version(version))
            );
        }
    }

    #[test]
    fn reserved_flags_are_ignored() {
        let header = Header::parse(&golden_with(14, 0x1b)).expect("reserved bits");
        assert_eq!((header.response, header.error), (true, None));
    }

    #[test]
    fn error_flag_takes_the_code_and_zero_is_a_code() {
        let codes = [
            (0, AoeError::Other(0)),
            (1, AoeError::UnrecognizedCommand),
            (2, AoeError::BadArgument),
            (3, AoeError::DeviceUnavailable),
            (4, AoeError::ConfigStringPresent),
            (5, AoeError::UnsupportedVersion),
            (6, AoeError::TargetReserved),
            (7, AoeError::Other(7)),
        ];
        for (code, error) in codes {
            let mut bytes = golden_with(14, 0x1c);
            *bytes.get_mut(15).expect("error byte") = code;
            let header = Header::parse(&bytes).expect("error response");
            assert_eq!(header.error, Some(error));
            assert_eq!(header.effective_error(), Some(error));
        }
    }

    #[test]
    fn error_byte_of_old_vblade_counts_only_outside_ata() {
        let header = Header::parse(&golden_with(15, 2)).expect("E clear");
        assert_eq!(header.error, None);
        assert_eq!(header.raw_error, 2);
        assert_eq!(header.effective_error(), Some(AoeError::BadArgument));
    }

    #[test]
    fn requests_have_no_error() {
        let mut bytes = golden_with(14, 0x10);
        *bytes.get_mut(15).expect("error byte") = 2;
        let header = Header::parse(&bytes).expect("request");
        assert!(!header.response);
        assert_eq!(header.effective_error(), None);
    }

    #[test]
    fn command_codes_survive_a_round_trip() {
        for code in 0..=u8::MAX {
            assert_eq!(Command::from(code).code(), code);
        }
        assert_eq!(Command::from(0xf1), Command::Other(0xf1));
    }
}
