// SPDX-License-Identifier: BSD-2-Clause
//! Command 0: after the header, 12 bytes of ATA registers and then the data.

use memoffset::offset_of;
use static_assertions::const_assert_eq;
use zerocopy::byteorder::little_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, transmute};

use super::WireError;

/// The registers as they are in a frame, at offset 24.
#[derive(Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    flags: u8,
    /// Feature in a request, error in a response.
    feature: u8,
    count: u8,
    /// Command in a request, status in a response.
    command: u8,
    /// The LBA, which has 48 bits. In a 28-bit command, the upper half of the
    /// fourth byte belongs to the device register. The last two bytes are reserved.
    lba: U64,
}

const_assert_eq!(size_of::<Raw>(), AtaRequest::LEN);
const_assert_eq!(offset_of!(Raw, feature), 1);
const_assert_eq!(offset_of!(Raw, count), 2);
const_assert_eq!(offset_of!(Raw, command), 3);
const_assert_eq!(offset_of!(Raw, lba), 4);

bitflags::bitflags! {
    /// How to interpret the registers of a request.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    pub struct AtaFlags: u8 {
        /// The LBA has 48 bits.
        const EXTENDED = 0x40;
        /// Bit 4 of the device register, used only with EXTENDED.
        const DEVICE = 0x10;
        /// The target may answer a write before the data is on the medium.
        const ASYNC = 0x02;
        /// Data for the device follows.
        const WRITE = 0x01;
    }
}

bitflags::bitflags! {
    /// The status register of a response.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    struct Status: u8 {
        const BSY = 0x80;
        const DF = 0x20;
        const DRQ = 0x08;
        const ERR = 0x01;
    }
}

bitflags::bitflags! {
    /// The error register, which is valid only if ERR is set in the status.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    struct ErrorBits: u8 {
        /// Uncorrectable data on a read, write protected on a write.
        const UNC_WP = 0x40;
        const IDNF = 0x10;
        const ABRT = 0x04;
    }
}

/// The ATA opcodes that the driver uses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AtaCommand(pub u8);

impl AtaCommand {
    /// DATA SET MANAGEMENT; with feature 1, TRIM.
    pub const DATA_SET_MANAGEMENT: AtaCommand = AtaCommand(0x06);
    /// READ SECTORS, 28-bit.
    pub const READ: AtaCommand = AtaCommand(0x20);
    /// READ SECTORS EXT, 48-bit.
    pub const READ_EXT: AtaCommand = AtaCommand(0x24);
    /// READ LOG EXT.
    pub const READ_LOG_EXT: AtaCommand = AtaCommand(0x2f);
    /// WRITE SECTORS, 28-bit.
    pub const WRITE: AtaCommand = AtaCommand(0x30);
    /// WRITE SECTORS EXT, 48-bit.
    pub const WRITE_EXT: AtaCommand = AtaCommand(0x34);
    /// SMART.
    pub const SMART: AtaCommand = AtaCommand(0xb0);
    /// CHECK POWER MODE; a count of 0xff in the answer is "active".
    pub const CHECK_POWER: AtaCommand = AtaCommand(0xe5);
    /// FLUSH CACHE.
    pub const FLUSH: AtaCommand = AtaCommand(0xe7);
    /// FLUSH CACHE EXT.
    pub const FLUSH_EXT: AtaCommand = AtaCommand(0xea);
    /// IDENTIFY DEVICE.
    pub const IDENTIFY: AtaCommand = AtaCommand(0xec);
    /// SET FEATURES.
    pub const SET_FEATURES: AtaCommand = AtaCommand(0xef);

    /// Returns whether the command changes the medium.
    pub const fn is_write(self) -> bool {
        matches!(self, AtaCommand::WRITE | AtaCommand::WRITE_EXT | AtaCommand::DATA_SET_MANAGEMENT)
    }

    /// Returns whether the command flushes the write cache.
    pub const fn is_flush(self) -> bool {
        matches!(self, AtaCommand::FLUSH | AtaCommand::FLUSH_EXT)
    }
}

/// The device register of 28-bit reads and writes: LBA mode.
const DEVICE_LBA: u64 = 0xe0;
/// The device register of commands without an address.
const DEVICE_NONE: u64 = 0xa0;

/// The argument of an ATA request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AtaRequest {
    /// How to interpret the other registers.
    pub flags: AtaFlags,
    /// The feature register.
    pub feature: u8,
    /// Number of sectors. It is never 0 in a read or write, since AoE does not
    /// define what 0 means there.
    pub count: u8,
    /// The opcode.
    pub command: AtaCommand,
    /// The first sector. Without EXTENDED, it has 28 bits.
    pub lba: u64,
}

impl AtaRequest {
    /// Length in bytes between the header and the data.
    pub const LEN: usize = 12;
    /// SET FEATURES: enable the volatile write cache.
    pub const ENABLE_WRITE_CACHE: u8 = 0x02;
    /// SET FEATURES: disable the volatile write cache.
    pub const DISABLE_WRITE_CACHE: u8 = 0x82;

    /// Returns a read of `count` sectors.
    pub const fn read(lba: u64, count: u8, lba48: bool) -> Self {
        let (command, flags) = if lba48 {
            (AtaCommand::READ_EXT, AtaFlags::EXTENDED)
        } else {
            (AtaCommand::READ, AtaFlags::empty())
        };
        AtaRequest { flags, feature: 0, count, command, lba }
    }

    /// Returns a write of `count` sectors, whose data follows.
    pub const fn write(lba: u64, count: u8, lba48: bool) -> Self {
        let (command, flags) = if lba48 {
            let flags = AtaFlags::EXTENDED.union(AtaFlags::WRITE);
            (AtaCommand::WRITE_EXT, flags)
        } else {
            (AtaCommand::WRITE, AtaFlags::WRITE)
        };
        AtaRequest { flags, feature: 0, count, command, lba }
    }

    /// Returns a flush of the target's write cache.
    pub const fn flush(lba48: bool) -> Self {
        if lba48 {
            AtaRequest { flags: AtaFlags::EXTENDED, ..Self::bare(AtaCommand::FLUSH_EXT) }
        } else {
            Self::bare(AtaCommand::FLUSH)
        }
    }

    /// Returns an IDENTIFY DEVICE.
    pub const fn identify() -> Self {
        AtaRequest { count: 1, ..Self::bare(AtaCommand::IDENTIFY) }
    }

    /// Returns a SET FEATURES, such as [`AtaRequest::ENABLE_WRITE_CACHE`].
    pub const fn set_features(feature: u8) -> Self {
        AtaRequest { feature, ..Self::bare(AtaCommand::SET_FEATURES) }
    }

    /// Returns a TRIM of the ranges in the `count` blocks of 512 bytes that follow.
    pub const fn data_set_management(count: u8) -> Self {
        AtaRequest {
            flags: AtaFlags::EXTENDED.union(AtaFlags::WRITE),
            feature: 1,
            count,
            ..Self::bare(AtaCommand::DATA_SET_MANAGEMENT)
        }
    }

    /// Returns a CHECK POWER MODE, which shows whether the disk spins.
    pub const fn check_power() -> Self {
        Self::bare(AtaCommand::CHECK_POWER)
    }

    /// Returns whether these bytes are the argument of a request that changes
    /// nothing on the disk and is not vendor-specific. An administrator may send
    /// such a request as it is.
    pub fn only_looks(argument: &[u8]) -> bool {
        let Ok(raw) = Raw::read_from_bytes(argument) else { return false };
        let flags = AtaFlags::from_bits_retain(raw.flags);
        if flags.intersects(AtaFlags::WRITE.union(AtaFlags::ASYNC)) {
            return false;
        }
        match AtaCommand(raw.command) {
            AtaCommand::CHECK_POWER
            | AtaCommand::IDENTIFY
            | AtaCommand::READ
            | AtaCommand::READ_EXT
            | AtaCommand::READ_LOG_EXT => true,
            // Values, thresholds, logs and status, but no self-tests, and no
            // disabling of SMART.
            AtaCommand::SMART => matches!(raw.feature, 0xd0 | 0xd1 | 0xd5 | 0xda),
            _ => false,
        }
    }

    const fn bare(command: AtaCommand) -> Self {
        AtaRequest { flags: AtaFlags::empty(), feature: 0, count: 0, command, lba: 0 }
    }

    /// Writes the argument. An LBA is truncated to the width of the command.
    pub fn emit(&self, out: &mut [u8; AtaRequest::LEN]) {
        let lba = if self.flags.contains(AtaFlags::EXTENDED) {
            self.lba & 0xffff_ffff_ffff
        } else {
            let device = match self.command {
                AtaCommand::READ | AtaCommand::WRITE => DEVICE_LBA,
                _ => DEVICE_NONE,
            };
            self.lba & 0x0fff_ffff | device << 24
        };
        *out = transmute!(Raw {
            flags: self.flags.bits(),
            feature: self.feature,
            count: self.count,
            command: self.command.0,
            lba: U64::new(lba),
        });
    }
}

/// Why the disk did not execute a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AtaError {
    /// ABRT: the disk does not accept the command or an argument.
    Aborted,
    /// DF: the disk has a fault.
    DeviceFault,
    /// IDNF: the sector does not exist.
    IdNotFound,
    /// A failure without a reason.
    Other,
    /// UNC: the data cannot be read.
    Uncorrectable,
    /// WP: the medium refuses writes.
    WriteProtected,
}

/// The registers of an ATA response. Its LBA is unreliable, so it is not decoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AtaResponse {
    /// The error register.
    pub error: u8,
    /// The count register: the remaining count, the request's count or 0, depending
    /// on the target.
    pub count: u8,
    /// The status register.
    pub status: u8,
}

impl AtaResponse {
    /// Decodes `argument`, the bytes of a response after the header.
    pub fn parse(argument: &[u8]) -> Result<AtaResponse, WireError> {
        let (raw, _) = Raw::read_from_prefix(argument).map_err(|_| WireError::Truncated)?;
        Ok(AtaResponse { error: raw.feature, count: raw.count, status: raw.command })
    }

    /// Returns whether the status reports no error, regardless of the command.
    #[inline]
    pub fn is_success(&self) -> bool {
        Status::from_bits_truncate(self.status).is_empty()
    }

    /// Returns the outcome of the command `sent`.
    ///
    /// DRDY is not required, since vblade answers a flush with status 0. A flush
    /// whose opcode comes back as the status succeeded, since ggaoed leaves that
    /// byte unchanged. DF takes precedence over ABRT, since a failed flush must not
    /// be treated as an unsupported one.
    pub fn outcome(&self, sent: AtaCommand) -> Result<(), AtaError> {
        if sent.is_flush() && self.status == sent.0 {
            return Ok(());
        }
        if self.is_success() {
            return Ok(());
        }
        let status = Status::from_bits_truncate(self.status);
        if status.contains(Status::DF) {
            return Err(AtaError::DeviceFault);
        }
        if !status.contains(Status::ERR) {
            return Err(AtaError::Other);
        }
        let error = ErrorBits::from_bits_truncate(self.error);
        Err(if error.contains(ErrorBits::UNC_WP) {
            if sent.is_write() { AtaError::WriteProtected } else { AtaError::Uncorrectable }
        } else if error.contains(ErrorBits::IDNF) {
            AtaError::IdNotFound
        } else if error.contains(ErrorBits::ABRT) {
            AtaError::Aborted
        } else {
            AtaError::Other
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn emitted(request: AtaRequest) -> [u8; 12] {
        let mut out = [0xa5; 12];
        request.emit(&mut out);
        out
    }

    fn answer(error: u8, status: u8) -> AtaResponse {
        AtaResponse { error, count: 0, status }
    }

    #[test]
    fn lba48_read_carries_six_address_bytes() {
        assert_eq!(
            emitted(AtaRequest::read(0x0605_0403_0201, 17, true)),
            [0x40, 0, 17, 0x24, 1, 2, 3, 4, 5, 6, 0, 0]
        );
    }

    #[test]
    fn lba28_read_puts_the_top_bits_into_the_device_register() {
        assert_eq!(
            emitted(AtaRequest::read(0x0a03_0201, 2, false)),
            [0, 0, 2, 0x20, 1, 2, 3, 0xea, 0, 0, 0, 0]
        );
    }

    #[test]
    fn lba28_never_spills_past_28_bits() {
        assert_eq!(
            emitted(AtaRequest::write(0xffff_ffff_ffff, 1, false)),
            [1, 0, 1, 0x30, 0xff, 0xff, 0xff, 0xef, 0, 0, 0, 0]
        );
    }

    #[test]
    fn lba48_write_says_that_data_follows() {
        assert_eq!(
            emitted(AtaRequest::write(0x1_0000_0000, 255, true)),
            [0x41, 0, 255, 0x34, 0, 0, 0, 0, 1, 0, 0, 0]
        );
    }

    #[test]
    fn commands_without_an_address_are_as_the_standard_writes_them() {
        let cases = [
            (AtaRequest::identify(), [0, 0, 1, 0xec, 0, 0, 0, 0xa0, 0, 0, 0, 0]),
            (AtaRequest::flush(false), [0, 0, 0, 0xe7, 0, 0, 0, 0xa0, 0, 0, 0, 0]),
            (AtaRequest::flush(true), [0x40, 0, 0, 0xea, 0, 0, 0, 0, 0, 0, 0, 0]),
            (AtaRequest::check_power(), [0, 0, 0, 0xe5, 0, 0, 0, 0xa0, 0, 0, 0, 0]),
            (
                AtaRequest::set_features(AtaRequest::DISABLE_WRITE_CACHE),
                [0, 0x82, 0, 0xef, 0, 0, 0, 0xa0, 0, 0, 0, 0],
            ),
            (AtaRequest::data_set_management(2), [0x41, 1, 2, 0x06, 0, 0, 0, 0, 0, 0, 0, 0]),
        ];
        for (request, bytes) in cases {
            assert_eq!(emitted(request), bytes, "{request:?}");
        }
    }

    #[test]
    fn response_registers_are_read_from_their_bytes() {
        let bytes = [0x40, 0x04, 9, 0x41, 1, 2, 3, 4, 5, 6, 0, 0, 0xee];
        assert_eq!(
            AtaResponse::parse(&bytes),
            Ok(AtaResponse { error: 4, count: 9, status: 0x41 })
        );
    }

    #[test]
    fn every_shorter_argument_is_truncated() {
        for length in 0..AtaRequest::LEN {
            let bytes = [0; AtaRequest::LEN];
            let bytes = bytes.get(..length).expect("shorter");
            assert_eq!(AtaResponse::parse(bytes), Err(WireError::Truncated));
        }
    }

    #[test]
    fn success_does_not_need_drdy() {
        for status in [0x00, 0x40, 0x50, 0x52] {
            for sent in [AtaCommand::READ_EXT, AtaCommand::FLUSH] {
                assert_eq!(answer(0xff, status).outcome(sent), Ok(()), "{status:#x}");
            }
        }
    }

    #[test]
    fn ggaoed_flush_that_echoes_its_opcode_succeeded() {
        assert_eq!(answer(0, 0xe7).outcome(AtaCommand::FLUSH), Ok(()));
        assert_eq!(answer(0, 0xea).outcome(AtaCommand::FLUSH_EXT), Ok(()));
    }

    #[test]
    fn echoed_opcode_is_no_success_for_anything_else() {
        assert!(answer(0, 0xea).outcome(AtaCommand::FLUSH).is_err());
        assert!(answer(0, 0xe7).outcome(AtaCommand::FLUSH_EXT).is_err());
        assert!(answer(0, 0xe7).outcome(AtaCommand::WRITE_EXT).is_err());
        assert!(answer(0, 0xef).outcome(AtaCommand::SET_FEATURES).is_err());
    }

    #[test]
    fn each_failure_bit_alone_is_a_failure() {
        let cases = [
            (0x80, AtaError::Other),
            (0x08, AtaError::Other),
            (0x20, AtaError::DeviceFault),
            (0x01, AtaError::Other),
        ];
        for (status, error) in cases {
            assert_eq!(answer(0, status).outcome(AtaCommand::READ), Err(error));
        }
    }

    #[test]
    fn error_register_is_read_only_with_err_set() {
        let cases = [
            (0x04, AtaError::Aborted),
            (0x10, AtaError::IdNotFound),
            (0x40, AtaError::Uncorrectable),
            (0x44, AtaError::Uncorrectable),
            (0x80, AtaError::Other),
        ];
        for (bits, error) in cases {
            assert_eq!(answer(bits, 0x41).outcome(AtaCommand::READ_EXT), Err(error));
            assert_eq!(answer(bits, 0x08).outcome(AtaCommand::READ_EXT), Err(AtaError::Other));
        }
    }

    #[test]
    fn bit_six_is_write_protection_on_writes() {
        for sent in [AtaCommand::WRITE, AtaCommand::WRITE_EXT, AtaCommand::DATA_SET_MANAGEMENT] {
            assert_eq!(answer(0x40, 0x41).outcome(sent), Err(AtaError::WriteProtected));
        }
    }

    #[test]
    fn device_fault_outranks_abort() {
        assert_eq!(answer(0x04, 0x61).outcome(AtaCommand::FLUSH_EXT), Err(AtaError::DeviceFault));
    }
}
