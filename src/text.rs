// SPDX-License-Identifier: BSD-2-Clause
//! Text in a buffer of fixed size, terminated by a NUL byte.

use crate::wire::{Address, Mac};

/// Text that grows, and is truncated to the size of its buffer.
#[derive(Debug)]
pub struct Text<'a> {
    room: &'a mut [u8],
    length: usize,
}

impl<'a> Text<'a> {
    /// Starts an empty text. The last byte of `room` stays zero.
    pub fn new(room: &'a mut [u8]) -> Self {
        room.fill(0);
        Self { room, length: 0 }
    }

    /// Appends bytes.
    #[inline(never)]
    pub fn push(&mut self, bytes: &[u8]) {
        let Some((_, places)) = self.room.split_last_mut() else { return };
        for (place, byte) in places.iter_mut().skip(self.length).zip(bytes) {
            *place = *byte;
            self.length = self.length.saturating_add(1);
        }
    }

    /// Appends a number in decimal.
    pub fn push_number(&mut self, value: u64) {
        let mut digits = [0; 20];
        let mut rest = value;
        let mut length = 0_usize;
        for place in digits.iter_mut().rev() {
            *place = b'0'.wrapping_add(u8::try_from(rest % 10).unwrap_or(0));
            rest /= 10;
            length = length.saturating_add(1);
            if rest == 0 {
                break;
            }
        }
        self.push(digits.get(digits.len().saturating_sub(length)..).unwrap_or(&[]));
    }

    /// Appends a size, given in sectors of 512 bytes, in the style of df(1).
    pub fn push_size(&mut self, sectors: u64) {
        const UNITS: [&[u8]; 5] = [b"K", b"M", b"G", b"T", b"P"];
        // In tenths of a unit. This does not overflow for any size of a disk.
        let mut tenths = sectors.saturating_mul(5);
        let mut unit = 0_usize;
        while tenths >= 10_240 && unit.saturating_add(1) < UNITS.len() {
            tenths /= 1024;
            unit = unit.saturating_add(1);
        }
        self.push_tenths(tenths);
        self.push(UNITS.get(unit).unwrap_or(&UNITS[0]));
    }

    /// Appends a duration, given in milliseconds, in seconds. Appends nothing
    /// for 0, which means unknown.
    pub fn push_duration(&mut self, milliseconds: u64) {
        if milliseconds != 0 {
            self.push(b" after ");
            self.push_tenths(milliseconds / 100);
            self.push(b" s");
        }
    }

    fn push_tenths(&mut self, tenths: u64) {
        self.push_number(tenths / 10);
        self.push(b".");
        self.push_number(tenths % 10);
    }

    /// Appends a MAC address in the usual notation.
    pub fn push_mac(&mut self, mac: Mac) {
        let mut between: &[u8] = b"";
        for byte in mac.0 {
            let digit = |n: u8| n.wrapping_add(if n < 10 { b'0' } else { b'a' - 10 });
            self.push(between);
            self.push(&[digit(byte >> 4), digit(byte & 15)]);
            between = b":";
        }
    }

    /// Appends the name of the disk at an address, such as `aoe7e3`.
    pub fn push_disk(&mut self, address: Address) {
        self.push(b"aoe");
        self.push_number(address.major.into());
        self.push(b"e");
        self.push_number(address.minor.into());
    }

    /// Returns the text, without its NUL.
    pub fn get(&self) -> &[u8] {
        self.room.get(..self.length).unwrap_or(&[])
    }
}

/// Returns the text in a field that is padded with NULs.
pub fn padded(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or(&[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit_and_a_tenth() {
        let size = |sectors| {
            let mut room = [0; 32];
            let mut text = Text::new(&mut room);
            text.push_size(sectors);
            std::string::String::from_utf8(text.get().to_vec()).unwrap()
        };
        assert_eq!(size(0), "0.0K");
        assert_eq!(size(1), "0.5K");
        assert_eq!(size(2047), "1023.5K");
        assert_eq!(size(2048), "1.0M");
        assert_eq!(size(131_072), "64.0M");
        assert_eq!(size(976_773_168), "465.7G");
        assert_eq!(size(1 << 48), "128.0P");
    }

    #[test]
    fn durations_are_told_in_seconds_if_they_are_known() {
        let mut room = [0; 32];
        let mut text = Text::new(&mut room);
        text.push_duration(0);
        text.push_duration(4_299);
        assert_eq!(text.get(), b" after 4.2 s");
    }

    #[test]
    fn text_is_cut_to_what_fits_and_terminated() {
        let mut room = [0xa5; 8];
        let mut text = Text::new(&mut room);
        text.push(b"abc");
        text.push_number(120);
        text.push(b"def");
        assert_eq!(text.get(), b"abc120d");
        assert_eq!(room, *b"abc120d\0");
        Text::new(&mut []).push(b"a");
    }

    #[test]
    fn numbers_addresses_and_names_are_as_people_write_them() {
        let mut room = [0; 72];
        let mut text = Text::new(&mut room);
        text.push_number(0);
        text.push(b" ");
        text.push_number(u64::MAX);
        text.push(b" ");
        text.push_mac(Mac([2, 0xae, 0, 9, 0xa0, 0xff]));
        text.push(b" ");
        text.push_disk(Address { major: 65534, minor: 254 });
        assert_eq!(text.get(), b"0 18446744073709551615 02:ae:00:09:a0:ff aoe65534e254");
    }
}
