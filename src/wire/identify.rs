// SPDX-License-Identifier: BSD-2-Clause
//! The 512 bytes of IDENTIFY data, as far as the driver and its tools need them.

use memoffset::offset_of;
use static_assertions::const_assert_eq;
use zerocopy::byteorder::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned, transmute};

use super::SECTOR;

/// The words of IDENTIFY. Words that are not used are in fields named after
/// their numbers.
#[derive(Clone, Copy, FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned)]
#[repr(C)]
struct Raw {
    w0_9: [U16; 10],
    serial: [U16; 10],
    w20_22: [U16; 3],
    firmware: [U16; 4],
    model: [U16; 20],
    w47_59: [U16; 13],
    sectors_28: U32,
    w62_81: [U16; 20],
    supported_82: U16,
    supported_83: U16,
    w84: U16,
    enabled_85: U16,
    enabled_86: U16,
    enabled_87: U16,
    w88_99: [U16; 12],
    sectors_48: U64,
    w104: U16,
    trim_blocks: U16,
    sector_sizes: U16,
    w107: U16,
    world_wide_name: [U16; 4],
    w112_116: [U16; 5],
    logical_words: U32,
    w119_168: [U16; 50],
    data_set_management: U16,
    w170_208: [U16; 39],
    alignment: U16,
    w210_216: [U16; 7],
    rotation: U16,
    w218_255: [U16; 38],
}

const_assert_eq!(size_of::<Raw>(), SECTOR);
const_assert_eq!(offset_of!(Raw, serial), 2 * 10);
const_assert_eq!(offset_of!(Raw, firmware), 2 * 23);
const_assert_eq!(offset_of!(Raw, model), 2 * 27);
const_assert_eq!(offset_of!(Raw, sectors_28), 2 * 60);
const_assert_eq!(offset_of!(Raw, supported_82), 2 * 82);
const_assert_eq!(offset_of!(Raw, supported_83), 2 * 83);
const_assert_eq!(offset_of!(Raw, enabled_85), 2 * 85);
const_assert_eq!(offset_of!(Raw, enabled_86), 2 * 86);
const_assert_eq!(offset_of!(Raw, enabled_87), 2 * 87);
const_assert_eq!(offset_of!(Raw, sectors_48), 2 * 100);
const_assert_eq!(offset_of!(Raw, trim_blocks), 2 * 105);
const_assert_eq!(offset_of!(Raw, sector_sizes), 2 * 106);
const_assert_eq!(offset_of!(Raw, world_wide_name), 2 * 108);
const_assert_eq!(offset_of!(Raw, logical_words), 2 * 117);
const_assert_eq!(offset_of!(Raw, data_set_management), 2 * 169);
const_assert_eq!(offset_of!(Raw, alignment), 2 * 209);
const_assert_eq!(offset_of!(Raw, rotation), 2 * 217);

/// Words 82 and 85: the SMART feature set.
const SMART: u16 = 1;
/// Words 82 and 85: look-ahead.
const LOOK_AHEAD: u16 = 1 << 6;
/// Word 87: the disk has a World Wide Name.
const NAMED: u16 = 1 << 8;
/// Words 82 and 85: a volatile write cache.
const WRITE_CACHE: u16 = 1 << 5;
/// Words 83 and 86: 48-bit commands.
const LBA48: u16 = 1 << 10;
/// Words 83 and 86: FLUSH CACHE.
const FLUSH: u16 = 1 << 12;
/// Words 83 and 86: FLUSH CACHE EXT.
const FLUSH_EXT: u16 = 1 << 13;
/// Word 106: a physical sector holds several logical ones.
const MANY_LOGICAL: u16 = 1 << 13;
/// Word 106: a logical sector is not 256 words long.
const LONG_LOGICAL: u16 = 1 << 12;

/// Number of sectors of the largest disk that 28-bit commands can address.
const LBA28_MAX: u64 = 1 << 28;
/// Number of sectors of the largest disk that 48-bit commands can address.
const LBA48_MAX: u64 = 1 << 48;

/// Returns whether bits 15 and 14 are 01. In some words, this shows that the
/// word is valid.
const fn is_valid(word: u16) -> bool {
    word & 0xc000 == 0x4000
}

/// A disk's description of itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Identify {
    /// Serial number: printable, trimmed, NUL padded.
    pub serial: [u8; 20],
    /// Model: printable, trimmed, NUL padded.
    pub model: [u8; 40],
    /// Firmware revision: printable, trimmed, NUL padded.
    pub firmware: [u8; 8],
    /// Size in logical sectors, or 0 if the disk reports no plausible size.
    pub sectors: u64,
    /// The disk supports 48-bit commands, and they are to be used.
    pub lba48: bool,
    /// The disk announces FLUSH CACHE.
    pub flush: bool,
    /// The disk announces FLUSH CACHE EXT.
    pub flush_ext: bool,
    /// The disk has a volatile write cache.
    pub write_cache: bool,
    /// The write cache is enabled.
    pub write_cache_enabled: bool,
    /// Maximum number of 512-byte blocks of ranges in one TRIM, or 0 if TRIM is
    /// not supported.
    pub trim_blocks: u16,
    /// Size in bytes of a logical sector, the unit of addresses and counts.
    pub logical_sector: u32,
    /// Size in bytes of a physical sector.
    pub physical_sector: u32,
    /// Offset in bytes of LBA 0 in its physical sector.
    pub alignment: u32,
    /// Revolutions per minute, 1 if the disk does not rotate, or 0 if this is
    /// unknown.
    pub rotation: u16,
}

impl Identify {
    /// Decodes IDENTIFY DEVICE. A missing or invalid value is 0, but a missing
    /// sector size is 512.
    pub fn parse(bytes: &[u8; SECTOR]) -> Identify {
        let raw: Raw = transmute!(*bytes);
        let (sectors, lba48) = raw.capacity();
        let (logical_sector, physical_sector) = raw.sector_sizes();
        Identify {
            serial: text(&raw.serial),
            model: text(&raw.model),
            firmware: text(&raw.firmware),
            sectors,
            lba48,
            flush: raw.promises(FLUSH),
            flush_ext: raw.promises(FLUSH_EXT),
            write_cache: raw.supported_82.get() & WRITE_CACHE != 0,
            write_cache_enabled: raw.enabled_85.get() & WRITE_CACHE != 0,
            trim_blocks: raw.trim_blocks(),
            logical_sector,
            physical_sector,
            alignment: raw.alignment(logical_sector, physical_sector),
            rotation: match raw.rotation.get() {
                rate @ (1 | 0x0401..=0xfffe) => rate,
                _ => 0,
            },
        }
    }

    /// Returns the binary logarithm of the size of a logical sector in units of
    /// 512 bytes, or `None` if the driver does not support that size.
    pub fn sector_shift(&self) -> Option<u8> {
        match self.logical_sector {
            512 => Some(0),
            4096 => Some(3),
            _ => None,
        }
    }

    /// Returns whether both have the same serial number, model and logical
    /// sector size, and so identify the same disk. Its size may differ.
    pub fn names_as(&self, other: &Identify) -> bool {
        self.serial == other.serial
            && self.model == other.model
            && self.logical_sector == other.logical_sector
    }

    /// Returns the size in blocks of 512 bytes, or 0 if the size of the logical
    /// sectors is not supported.
    pub fn blocks(&self) -> u64 {
        self.sector_shift().map_or(0, |shift| self.sectors << shift)
    }

    /// Returns IDENTIFY data from which [`Identify::parse`] yields this value,
    /// for targets written in Rust.
    pub fn emit(&self) -> [u8; SECTOR] {
        let mut raw = Raw::new_zeroed();
        put_text(&mut raw.serial, &self.serial);
        put_text(&mut raw.model, &self.model);
        put_text(&mut raw.firmware, &self.firmware);
        let small = self.sectors.min(LBA28_MAX);
        raw.sectors_28 = U32::new(u32::try_from(small).unwrap_or(0));
        let bit = |on: bool, bit: u16| if on { bit } else { 0 };
        let commands =
            bit(self.lba48, LBA48) | bit(self.flush, FLUSH) | bit(self.flush_ext, FLUSH_EXT);
        raw.supported_82 = U16::new(bit(self.write_cache, WRITE_CACHE));
        raw.supported_83 = U16::new(0x4000 | commands);
        raw.enabled_85 = U16::new(bit(self.write_cache_enabled, WRITE_CACHE));
        raw.enabled_86 = U16::new(commands);
        raw.enabled_87 = U16::new(0x4000);
        if self.lba48 {
            raw.sectors_48 = U64::new(self.sectors);
        }
        raw.trim_blocks = U16::new(self.trim_blocks);
        raw.data_set_management = U16::new(bit(self.trim_blocks != 0, 1));
        let ratio = self.physical_sector.checked_div(self.logical_sector);
        let exponent = ratio.unwrap_or(1).trailing_zeros() & 0xf;
        let mut sizes = 0x4000 | u16::try_from(exponent).unwrap_or(0);
        sizes |= bit(exponent != 0, MANY_LOGICAL);
        if self.logical_sector != 512 {
            sizes |= LONG_LOGICAL;
            raw.logical_words = U32::new(self.logical_sector / 2);
        }
        raw.sector_sizes = U16::new(sizes);
        let offset = self.alignment.checked_div(self.logical_sector);
        raw.alignment = U16::new(0x4000 | u16::try_from(offset.unwrap_or(0)).unwrap_or(0));
        raw.rotation = U16::new(self.rotation);
        transmute!(raw)
    }
}

/// Details of a disk that the driver does not need.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Details {
    /// World Wide Name, or 0 if the disk has none.
    pub world_wide_name: u64,
    /// Whether SMART is supported, and whether it is enabled.
    pub smart: (bool, bool),
    /// Whether read look-ahead is supported, and whether it is enabled.
    pub look_ahead: (bool, bool),
}

impl Details {
    /// Decodes IDENTIFY DEVICE. Features and names in words that are not marked
    /// as valid are ignored.
    pub fn parse(bytes: &[u8; SECTOR]) -> Details {
        let raw: Raw = transmute!(*bytes);
        let has = |feature: u16| {
            let supported =
                is_valid(raw.supported_83.get()) && raw.supported_82.get() & feature != 0;
            let enabled = is_valid(raw.enabled_87.get()) && raw.enabled_85.get() & feature != 0;
            (supported, supported && enabled)
        };
        let is_named = is_valid(raw.enabled_87.get()) && raw.enabled_87.get() & NAMED != 0;
        let name = raw.world_wide_name.iter().fold(0, |name, w| name << 16 | u64::from(w.get()));
        Details {
            world_wide_name: if is_named { name } else { 0 },
            smart: has(SMART),
            look_ahead: has(LOOK_AHEAD),
        }
    }
}

impl Raw {
    /// Returns the size in logical sectors, and whether to use 48-bit commands.
    ///
    /// Either word 83 or word 86 may announce 48-bit commands, and no validity
    /// bit is required, since qaoed sets none. If words 100 to 103 have no
    /// plausible size, the 28-bit size is used.
    fn capacity(&self) -> (u64, bool) {
        let large = self.sectors_48.get();
        let claimed = (self.supported_83.get() | self.enabled_86.get()) & LBA48 != 0;
        if claimed && (1..=LBA48_MAX).contains(&large) {
            return (large, true);
        }
        (u64::from(self.sectors_28.get()).min(LBA28_MAX), false)
    }

    /// Returns whether a valid word announces an optional command.
    fn promises(&self, command: u16) -> bool {
        let supported = self.supported_83.get();
        let enabled = self.enabled_86.get();
        is_valid(supported) && supported & command != 0
            || is_valid(self.enabled_87.get()) && enabled & command != 0
    }

    /// Returns the maximum number of blocks of ranges in a TRIM: one if the disk
    /// reports no limit, 0 if it does not support TRIM.
    fn trim_blocks(&self) -> u16 {
        if self.data_set_management.get() & 1 == 0 {
            return 0;
        }
        self.trim_blocks.get().max(1)
    }

    /// Returns the logical and the physical sector size in bytes.
    fn sector_sizes(&self) -> (u32, u32) {
        const SMALL: u32 = 512;
        let word = self.sector_sizes.get();
        if !is_valid(word) {
            return (SMALL, SMALL);
        }
        let logical = if word & LONG_LOGICAL != 0 {
            self.logical_words.get().saturating_mul(2).max(SMALL)
        } else {
            SMALL
        };
        let exponent = if word & MANY_LOGICAL != 0 { word & 0xf } else { 0 };
        (logical, logical.saturating_mul(1 << exponent))
    }

    /// Returns the offset in bytes of LBA 0 in its physical sector.
    fn alignment(&self, logical: u32, physical: u32) -> u32 {
        let word = self.alignment.get();
        if !is_valid(word) {
            return 0;
        }
        let offset = u32::from(word & 0x3fff).saturating_mul(logical);
        if offset < physical { offset } else { 0 }
    }
}

/// Decodes a string, whose words hold their first character in the high byte.
///
/// NUL counts as a blank. Any other character that is not printable ASCII
/// becomes `?`.
fn text<const N: usize>(words: &[U16]) -> [u8; N] {
    let mut out = [0; N];
    let bytes = words
        .iter()
        .flat_map(|word| word.get().to_be_bytes())
        .map(|byte| match byte {
            0 => b' ',
            0x20..=0x7e => byte,
            _ => b'?',
        })
        .skip_while(|&byte| byte == b' ');
    for (to, byte) in out.iter_mut().zip(bytes) {
        *to = byte;
    }
    for byte in out.iter_mut().rev() {
        match *byte {
            0 => {}
            b' ' => *byte = 0,
            _ => break,
        }
    }
    out
}

/// Encodes a string, padded with blanks.
fn put_text(words: &mut [U16], text: &[u8]) {
    for (word, pair) in words.iter_mut().zip(text.chunks(2)) {
        let mut pair = pair.iter().map(|&byte| if byte == 0 { b' ' } else { byte });
        let bytes = [pair.next().unwrap_or(b' '), pair.next().unwrap_or(b' ')];
        *word = U16::new(u16::from_be_bytes(bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn padded<const N: usize>(text: &str) -> [u8; N] {
        let mut out = [0; N];
        for (to, byte) in out.iter_mut().zip(text.bytes()) {
            *to = byte;
        }
        out
    }

    fn disk() -> Identify {
        Identify {
            serial: padded("7.3:host"),
            model: padded("Coraid EtherDrive vblade"),
            firmware: padded("V25"),
            sectors: 0x1_2345_6789,
            lba48: true,
            flush: true,
            flush_ext: false,
            write_cache: true,
            write_cache_enabled: true,
            trim_blocks: 8,
            logical_sector: 512,
            physical_sector: 4096,
            alignment: 3584,
            rotation: 7200,
        }
    }

    /// Decodes an IDENTIFY whose words are 0, except for these.
    fn with(words: &[(usize, u16)]) -> Identify {
        let mut bytes = [0; SECTOR];
        for &(word, value) in words {
            let at = bytes.get_mut(2 * word..2 * word + 2).expect("256 words");
            at.copy_from_slice(&value.to_le_bytes());
        }
        Identify::parse(&bytes)
    }

    #[test]
    fn what_is_emitted_parses_back() {
        assert_eq!(Identify::parse(&disk().emit()), disk());
    }

    #[test]
    fn strings_are_swapped_trimmed_and_printable() {
        let identify = with(&[
            (10, u16::from_be_bytes(*b"  ")),
            (11, u16::from_be_bytes(*b" A")),
            (12, u16::from_be_bytes(*b"B ")),
            (13, u16::from_be_bytes([0x1b, 0xff])),
            (14, u16::from_be_bytes(*b"C ")),
        ]);
        assert_eq!(identify.serial, padded("AB ??C"));
        assert_eq!(identify.model, [0; 40]);
    }

    #[test]
    fn string_that_fills_its_field_is_kept_whole() {
        let mut full = disk();
        full.firmware = padded("ABCDEFGH");
        assert_eq!(Identify::parse(&full.emit()).firmware, *b"ABCDEFGH");
    }

    #[test]
    fn qaoed_without_validity_bits_is_lba48() {
        let identify = with(&[(83, 0x0400), (86, 0x0400), (100, 0x1000)]);
        assert_eq!((identify.sectors, identify.lba48), (0x1000, true));
        assert!(!identify.flush && !identify.flush_ext);
    }

    #[test]
    fn lba48_in_word_86_alone_counts() {
        let identify = with(&[(86, 0x0400), (102, 1)]);
        assert_eq!((identify.sectors, identify.lba48), (1 << 32, true));
    }

    #[test]
    fn size_beyond_48_bits_falls_back_to_the_small_one() {
        let identify = with(&[(83, 0x4400), (60, 7), (103, 2)]);
        assert_eq!((identify.sectors, identify.lba48), (7, false));
        let identify = with(&[(83, 0x4400), (60, 7), (103, 1)]);
        assert_eq!((identify.sectors, identify.lba48), (1 << 48, true));
    }

    #[test]
    fn small_disk_is_clamped_to_28_bits() {
        let identify = with(&[(60, 0xffff), (61, 0xffff)]);
        assert_eq!((identify.sectors, identify.lba48), (1 << 28, false));
    }

    #[test]
    fn empty_identify_has_no_size() {
        assert_eq!(with(&[]).sectors, 0);
        assert_eq!(with(&[(83, 0x4400)]).sectors, 0);
    }

    #[test]
    fn vblade_promises_flush_but_not_flush_ext() {
        let identify = with(&[(83, 0x5400), (86, 0x1400)]);
        assert!(identify.flush && !identify.flush_ext);
    }

    #[test]
    fn flush_bits_of_an_unfilled_word_are_no_promise() {
        for word in [0x3000, 0xffff, 0xb000] {
            let identify = with(&[(83, word), (86, 0x3000)]);
            assert!(!identify.flush && !identify.flush_ext, "{word:#x}");
        }
        assert!(with(&[(86, 0x2000), (87, 0x4000)]).flush_ext);
    }

    #[test]
    fn write_cache_has_two_bits() {
        let identify = with(&[(82, 0x20)]);
        assert!(identify.write_cache && !identify.write_cache_enabled);
        let identify = with(&[(85, 0x20)]);
        assert!(!identify.write_cache && identify.write_cache_enabled);
    }

    #[test]
    fn a_name_and_features_need_words_that_are_filled_in() {
        let details = |words: &[(usize, u16)]| {
            let mut bytes = [0; SECTOR];
            for &(word, value) in words {
                bytes[2 * word..2 * word + 2].copy_from_slice(&value.to_le_bytes());
            }
            Details::parse(&bytes)
        };
        let words = [(82, 0x41), (85, 0x01), (108, 0x5000), (111, 7)];
        let none =
            Details { world_wide_name: 0, smart: (false, false), look_ahead: (false, false) };
        assert_eq!(details(&words), none);
        assert_eq!(details(&[&words[..], &[(83, 0x3400), (87, 0x0100)]].concat()), none);
        let all = details(&[&words[..], &[(83, 0x4000), (87, 0x4100)]].concat());
        assert_eq!(all.world_wide_name, 0x5000_0000_0000_0007);
        assert_eq!((all.smart, all.look_ahead), ((true, true), (true, false)));
    }

    #[test]
    fn trim_needs_its_bit_and_has_a_limit() {
        assert_eq!(with(&[(105, 8)]).trim_blocks, 0);
        assert_eq!(with(&[(105, 8), (169, 1)]).trim_blocks, 8);
        assert_eq!(with(&[(169, 1)]).trim_blocks, 1);
    }

    #[test]
    fn physical_sectors_follow_word_106() {
        let sizes = |words| {
            let identify = with(words);
            (identify.logical_sector, identify.physical_sector)
        };
        assert_eq!(sizes(&[(106, 0x2003)]), (512, 512));
        assert_eq!(sizes(&[(106, 0x4003)]), (512, 512));
        assert_eq!(sizes(&[(106, 0x6003)]), (512, 4096));
        assert_eq!(sizes(&[(106, 0x5000), (117, 2048)]), (4096, 4096));
        assert_eq!(sizes(&[(106, 0x700f), (117, 0xffff), (118, 0xffff)]), (u32::MAX, u32::MAX));
    }

    #[test]
    fn alignment_outside_a_physical_sector_is_ignored() {
        let at = |word| with(&[(106, 0x6003), (209, word)]).alignment;
        assert_eq!(at(0x4001), 512);
        assert_eq!(at(0x0001), 0);
        assert_eq!(at(0x4008), 0);
        let large = with(&[(106, 0x7002), (117, 2048), (209, 0x4001)]);
        assert_eq!((large.physical_sector, large.alignment), (16384, 4096));
    }

    #[test]
    fn sizes_in_blocks_follow_the_logical_sector() {
        let of = |bytes| {
            let id = Identify { logical_sector: bytes, sectors: 1 << 48, ..disk() };
            (id.sector_shift(), id.blocks())
        };
        assert_eq!(of(512), (Some(0), 1 << 48));
        assert_eq!(of(4096), (Some(3), 1 << 51));
        assert_eq!(of(520), (None, 0));
        assert_eq!(of(8192), (None, 0));
    }

    #[test]
    fn rotation_is_a_rate_one_or_unknown() {
        let at = |word| with(&[(217, word)]).rotation;
        assert_eq!(at(1), 1);
        assert_eq!(at(7200), 7200);
        assert_eq!((at(0), at(2), at(0x400), at(0xffff)), (0, 0, 0, 0));
    }
}
