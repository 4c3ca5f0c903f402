// SPDX-License-Identifier: BSD-2-Clause
//! The search for the AoE boot firmware table: the bytes of memory to read
//! next, and the contents of the table.
//!
//! With UEFI the table is one of ACPI's. A PC BIOS has it somewhere in the
//! upper half of the first megabyte. The caller maps the bytes that
//! [`Search::wants`] names and passes them to [`Search::take`], until nothing
//! is left to read.
//!
//! Firmware is not trusted: lengths are bounded, and the search visits each entry
//! of ACPI's list once, in order, so it ends whatever the memory contains.

use crate::wire::{Address, Mac};
use core::ops::Range;

/// Length in bytes of the header that every ACPI table begins with.
const HEADER: usize = 36;
/// Longest ACPI table that is accepted, in bytes.
const LONGEST: usize = 65536;
/// Offsets of the length field in an ACPI table.
const LENGTH: Range<usize> = 4..8;
/// Length in bytes of ACPI's root pointer (RSDP), and the offsets of its fields.
const POINTER: usize = 36;
const REVISION: usize = 15;
const RSDT: Range<usize> = 16..20;
const XSDT: Range<usize> = 24..32;
/// Minimum length in bytes of the boot firmware table, and the offsets of its
/// fields.
const TABLE: usize = 46;
const SHELF: Range<usize> = 36..38;
const SLOT: usize = 38;
const MAC: usize = 40;
/// Physical memory in which a BIOS leaves the table, at a multiple of
/// [`PARAGRAPH`].
const LOW: u64 = 0x8_0000;
const LOW_LENGTH: usize = 0x8_0000;
const PARAGRAPH: usize = 16;

/// The contents of the boot firmware table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boot {
    /// The target that the firmware booted from.
    pub address: Address,
    /// The MAC address of the interface that the firmware used.
    pub mac: Mac,
}

/// A range of physical memory to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The physical address of the first byte.
    pub address: u64,
    /// The length in bytes.
    pub length: usize,
}

/// The state of a search.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    step: Step,
    list: List,
    has_bios: bool,
}

/// ACPI's list of tables: the XSDT, with 64-bit addresses, since ACPI 2.0; before
/// that the RSDT, with 32-bit addresses.
#[derive(Clone, Copy, Debug)]
struct List {
    address: u64,
    length: usize,
    /// Offset of the next entry.
    at: usize,
    /// Size of an entry in bytes.
    entry: usize,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Reads the root pointer, at this address.
    Pointer(u64),
    /// Reads the header of the list, which has its length.
    List,
    /// Reads an entry of the list.
    Entry,
    /// Reads the header of the table at this address, which has its signature and
    /// length.
    Header(u64),
    /// Reads the whole boot firmware table.
    Table(Span),
    /// Reads the memory where a BIOS leaves the table.
    Bios,
    /// The table was found, or nothing is left to read.
    Over,
}

impl Search {
    /// Starts a search at ACPI's root pointer, if there is one. If there may be a
    /// BIOS, the search ends with the memory where a BIOS leaves the table.
    pub fn new(pointer: Option<u64>, has_bios: bool) -> Self {
        let list = List { address: 0, length: 0, at: 0, entry: 0 };
        let mut search = Self { step: Step::Over, list, has_bios };
        match pointer.filter(|address| *address != 0) {
            Some(address) => search.step = Step::Pointer(address),
            None => search.leave_acpi(),
        }
        search
    }

    /// Returns the memory to read next, or `None` if the search is over.
    pub fn wants(&self) -> Option<Span> {
        let span = |address, length| Some(Span { address, length });
        match self.step {
            Step::Pointer(address) => span(address, POINTER),
            Step::List => span(self.list.address, HEADER),
            Step::Entry => {
                let offset = u64::try_from(self.list.at).unwrap_or(u64::MAX);
                span(self.list.address.saturating_add(offset), self.list.entry)
            }
            Step::Header(address) => span(address, HEADER),
            Step::Table(table) => Some(table),
            Step::Bios => span(LOW, LOW_LENGTH),
            Step::Over => None,
        }
    }

    /// Takes the bytes of the memory that [`Search::wants`] returned. Returns the
    /// contents of the table if these bytes have it, which ends the search.
    pub fn take(&mut self, bytes: &[u8]) -> Option<Boot> {
        match self.step {
            Step::Pointer(_) => self.take_pointer(bytes),
            Step::List => self.take_list(bytes),
            Step::Entry => self.take_entry(bytes),
            Step::Header(address) => self.take_header(address, bytes),
            Step::Table(_) => {
                let boot = table(bytes);
                self.next_entry();
                return self.end_with(boot);
            }
            Step::Bios => {
                let places = bytes.chunks(PARAGRAPH).enumerate();
                let places = places.filter(|(_, paragraph)| paragraph.starts_with(b"aBFT"));
                let offsets = places.map(|(n, _)| n.saturating_mul(PARAGRAPH));
                let boot = offsets.filter_map(|at| table(bytes.get(at..)?)).next();
                self.step = Step::Over;
                return boot;
            }
            Step::Over => {}
        }
        None
    }

    fn end_with(&mut self, boot: Option<Boot>) -> Option<Boot> {
        boot.inspect(|_| self.step = Step::Over)
    }

    fn take_pointer(&mut self, bytes: &[u8]) {
        let is_new = bytes.get(REVISION).is_some_and(|revision| *revision >= 2);
        let (place, entry) = if is_new { (XSDT, 8) } else { (RSDT, 4) };
        let root = bytes.get(place).map_or(0, number);
        if bytes.starts_with(b"RSD PTR ") && root != 0 {
            self.list = List { address: root, length: 0, at: HEADER, entry };
            self.step = Step::List;
        } else {
            self.leave_acpi();
        }
    }

    fn take_list(&mut self, bytes: &[u8]) {
        match believable_length(bytes, HEADER) {
            Some(length) => {
                self.list.length = length;
                self.look_at_entry();
            }
            None => self.leave_acpi(),
        }
    }

    fn take_entry(&mut self, bytes: &[u8]) {
        match number(bytes) {
            0 => self.next_entry(),
            address => self.step = Step::Header(address),
        }
    }

    fn take_header(&mut self, address: u64, bytes: &[u8]) {
        match believable_length(bytes, TABLE).filter(|_| bytes.starts_with(b"aBFT")) {
            Some(length) => self.step = Step::Table(Span { address, length }),
            None => self.next_entry(),
        }
    }

    fn next_entry(&mut self) {
        self.list.at = self.list.at.saturating_add(self.list.entry);
        self.look_at_entry();
    }

    /// Continues with the next entry. An incomplete entry at the end of the list is
    /// ignored.
    fn look_at_entry(&mut self) {
        if self.list.at.saturating_add(self.list.entry) <= self.list.length {
            self.step = Step::Entry;
        } else {
            self.leave_acpi();
        }
    }

    fn leave_acpi(&mut self) {
        self.step = if self.has_bios { Step::Bios } else { Step::Over };
    }
}

/// Decodes a little-endian number of up to eight bytes.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// Returns the declared length of an ACPI table if it is from `least` to
/// [`LONGEST`].
fn believable_length(header: &[u8], least: usize) -> Option<usize> {
    let length = usize::try_from(number(header.get(LENGTH)?)).ok()?;
    (least..=LONGEST).contains(&length).then_some(length)
}

/// Decodes the boot firmware table, if these bytes begin with all of it and its
/// bytes add up to zero.
fn table(bytes: &[u8]) -> Option<Boot> {
    let length = believable_length(bytes, TABLE).filter(|_| bytes.starts_with(b"aBFT"))?;
    let whole = bytes.get(..length)?;
    if whole.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)) != 0 {
        return None;
    }
    Some(Boot {
        address: Address {
            major: u16::try_from(number(whole.get(SHELF)?)).ok()?,
            minor: *whole.get(SLOT)?,
        },
        mac: Mac(*whole.get(MAC..)?.first_chunk()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::vec::Vec;

    const BOOT: Boot =
        Boot { address: Address { major: 0x0107, minor: 3 }, mac: Mac([2, 0xae, 0, 7, 3, 0]) };
    const CONTENTS: [u8; 10] = [7, 1, 3, 0, 2, 0xae, 0, 7, 3, 0];
    const POINTER_AT: u64 = 0xd_0000;
    const LIST_AT: u64 = 0x1_2345_6000;
    const TABLE_AT: u64 = 0x2_0000_0008;
    /// More steps than any search takes: three for each entry of the longest list,
    /// and a few.
    const MANY: usize = 3 * LONGEST / 4 + 8;

    /// Pieces of memory by address. All other memory reads as 0xff.
    #[derive(Default)]
    struct Memory(BTreeMap<u64, Vec<u8>>);

    impl Memory {
        fn put(&mut self, address: u64, bytes: &[u8]) -> &mut Self {
            self.0.insert(address, bytes.to_vec());
            self
        }

        fn read(&self, span: Span) -> Vec<u8> {
            let mut out = std::vec![0xff; span.length];
            for (address, bytes) in &self.0 {
                for (n, byte) in bytes.iter().enumerate() {
                    let at = (address + n as u64).wrapping_sub(span.address);
                    if let Some(place) = usize::try_from(at).ok().and_then(|at| out.get_mut(at)) {
                        *place = *byte;
                    }
                }
            }
            out
        }

        /// Returns what a search finds, and its number of steps.
        fn search(&self, pointer: Option<u64>, has_bios: bool) -> (Option<Boot>, usize) {
            let mut search = Search::new(pointer, has_bios);
            for step in 0..MANY {
                let Some(span) = search.wants() else { return (None, step) };
                assert!(span.length <= LONGEST || span.address == LOW, "{span:?}");
                if let Some(boot) = search.take(&self.read(span)) {
                    assert_eq!(search.wants(), None, "the search did not end");
                    return (Some(boot), step + 1);
                }
            }
            panic!("the search does not end");
        }

        fn finds(&self) -> Option<Boot> {
            self.search(Some(POINTER_AT), false).0
        }
    }

    /// Builds an ACPI table with a correct length and checksum.
    fn acpi(signature: &[u8; 4], contents: &[u8]) -> Vec<u8> {
        let mut table = signature.to_vec();
        table.extend(u32::try_from(HEADER + contents.len()).unwrap().to_le_bytes());
        table.resize(HEADER, 0);
        table.extend(contents);
        with_sum(table)
    }

    fn with_sum(mut table: Vec<u8>) -> Vec<u8> {
        table[9] = 0;
        table[9] = table.iter().fold(0_u8, |sum, b| sum.wrapping_add(*b)).wrapping_neg();
        table
    }

    fn pointer(revision: u8) -> Vec<u8> {
        let mut bytes = b"RSD PTR \0boot  ".to_vec();
        bytes.push(revision);
        bytes.extend(u32::try_from(LIST_AT & 0xffff_ffff).unwrap().to_le_bytes());
        bytes.extend([36, 0, 0, 0]);
        bytes.extend(LIST_AT.to_le_bytes());
        bytes.resize(POINTER, 0);
        bytes
    }

    fn list(entries: &[u64]) -> Vec<u8> {
        acpi(b"XSDT", &entries.iter().flat_map(|e| e.to_le_bytes()).collect::<Vec<_>>())
    }

    /// Builds memory with a root pointer, this list, and a valid boot firmware
    /// table at `TABLE_AT`.
    fn memory(list: &[u8]) -> Memory {
        let mut memory = Memory::default();
        memory.put(POINTER_AT, &pointer(2)).put(LIST_AT, list);
        memory.put(TABLE_AT, &acpi(b"aBFT", &CONTENTS));
        memory
    }

    #[test]
    fn the_table_is_found_among_those_of_acpi() {
        let mut all = memory(&list(&[0x5000, 0, 0x6000, TABLE_AT, 0x7000]));
        all.put(0x5000, &acpi(b"FACP", &[0; 200])).put(0x6000, &[0; 36]);
        assert_eq!(all.finds(), Some(BOOT));
    }

    #[test]
    fn old_firmware_has_addresses_of_32_bits() {
        let (list_at, table_at) = (LIST_AT & 0xffff_ffff, 0x8000_0010_u64);
        let mut all = Memory::default();
        let mut entries = 0x5000_u32.to_le_bytes().to_vec();
        entries.extend(u32::try_from(table_at).unwrap().to_le_bytes());
        all.put(POINTER_AT, &pointer(0)).put(list_at, &acpi(b"RSDT", &entries));
        all.put(table_at, &acpi(b"aBFT", &CONTENTS));
        assert_eq!(all.finds(), Some(BOOT));
    }

    #[test]
    fn nothing_is_looked_at_without_a_pointer_and_a_bios() {
        assert_eq!(Memory::default().search(None, false), (None, 0));
        assert_eq!(Memory::default().search(Some(0), false), (None, 0));
        // Only the root pointer is read, and it is invalid.
        assert_eq!(Memory::default().search(Some(POINTER_AT), false), (None, 1));
        let mut all = Memory::default();
        let mut bytes = pointer(2);
        bytes[24..32].fill(0);
        all.put(POINTER_AT, &bytes);
        assert_eq!(all.search(Some(POINTER_AT), false), (None, 1));
    }

    #[test]
    fn a_bios_leaves_the_table_at_a_multiple_of_16() {
        let good = acpi(b"aBFT", &CONTENTS);
        for at in [LOW, 0x9_f010, 0xf_ffd0] {
            let mut all = Memory::default();
            all.put(at, &good);
            // The table is found although ACPI's list does not have it.
            all.put(POINTER_AT, &pointer(2)).put(LIST_AT, &list(&[0x5000]));
            for pointer in [None, Some(POINTER_AT)] {
                assert_eq!(all.search(pointer, true).0, Some(BOOT), "{at:#x}");
                assert_eq!(all.search(pointer, false).0, None, "{at:#x}");
            }
        }
        // Between two paragraphs, below the range, and cut off by its end.
        for at in [0x9_f018, LOW - 16, 0xf_ffe0] {
            assert_eq!(Memory::default().put(at, &good).search(None, true).0, None, "{at:#x}");
        }
    }

    #[test]
    fn a_bad_table_is_not_believed_and_the_next_one_is() {
        let good = acpi(b"aBFT", &CONTENTS);
        let mut wrong_sum = good.clone();
        wrong_sum[40] ^= 1;
        let mut short = good.clone();
        short[4..8].copy_from_slice(&45_u32.to_le_bytes());
        let mut none = good.clone();
        none[4..8].fill(0);
        let mut huge = good.clone();
        huge[4..8].fill(0xff);
        let mut beyond = good.clone();
        beyond[4..8].copy_from_slice(&65537_u32.to_le_bytes());
        let mut other = good.clone();
        other[0] = b'A';
        for (n, bad) in [wrong_sum, short, none, huge, beyond, other].into_iter().enumerate() {
            let bad = if n == 0 { bad } else { with_sum(bad) };
            let mut all = memory(&list(&[0x5000, TABLE_AT]));
            all.put(0x5000, &bad);
            assert_eq!(all.finds(), Some(BOOT), "acpi, {n}");
            let mut all = memory(&list(&[0x5000]));
            assert_eq!(all.put(0x5000, &bad).finds(), None, "acpi alone, {n}");
            let mut low = Memory::default();
            assert_eq!(low.put(0x9_0000, &bad).search(None, true).0, None, "bios alone, {n}");
            assert_eq!(low.put(0x9_1000, &good).search(None, true).0, Some(BOOT), "bios, {n}");
        }
    }

    #[test]
    fn a_list_of_an_impossible_length_is_no_list() {
        for length in [0_u32, 35, 65537, u32::MAX] {
            let mut bytes = list(&[TABLE_AT]);
            bytes[4..8].copy_from_slice(&length.to_le_bytes());
            assert_eq!(memory(&bytes).search(Some(POINTER_AT), false), (None, 2), "{length}");
        }
        // An empty list, and one that ends within an entry.
        for length in [36_u32, 43] {
            let mut bytes = list(&[TABLE_AT]);
            bytes[4..8].copy_from_slice(&length.to_le_bytes());
            assert_eq!(memory(&bytes).finds(), None, "{length}");
        }
    }

    #[test]
    fn a_list_that_leads_to_itself_ends() {
        let mut all = memory(&list(&[LIST_AT, POINTER_AT, LIST_AT, LIST_AT]));
        assert_eq!(all.search(Some(POINTER_AT), false), (None, 2 + 4 * 2));
        // An entry without an address is skipped.
        all = memory(&list(&[0, 0, 0]));
        assert_eq!(all.search(Some(POINTER_AT), false), (None, 2 + 3));
        // The longest list, each of whose entries leads to an invalid table of the
        // same length.
        let mut bad = std::vec![1; LONGEST];
        bad[..4].copy_from_slice(b"aBFT");
        bad[4..8].copy_from_slice(&u32::try_from(LONGEST).unwrap().to_le_bytes());
        let mut search = Search::new(Some(POINTER_AT), true);
        let mut longest = list(&[0x5000; 16]);
        longest[4..8].copy_from_slice(&u32::try_from(LONGEST).unwrap().to_le_bytes());
        all = Memory::default();
        all.put(POINTER_AT, &pointer(2)).put(LIST_AT, &longest);
        let steps = (0..MANY).take_while(|_| {
            let Some(span) = search.wants() else { return false };
            let found = match search.step {
                Step::Entry => search.take(&0x5000_u64.to_le_bytes()),
                Step::Header(_) | Step::Table(_) => search.take(&bad[..span.length]),
                _ => search.take(&all.read(span)),
            };
            assert_eq!(found, None);
            true
        });
        assert_eq!(steps.count(), 2 + (LONGEST - HEADER) / 8 * 3 + 1);
    }

    #[test]
    fn an_address_at_the_end_of_memory_does_not_overflow() {
        let mut all = Memory::default();
        let mut bytes = pointer(2);
        bytes[24..32].fill(0xff);
        all.put(POINTER_AT, &bytes);
        let mut search = Search::new(Some(POINTER_AT), false);
        assert_eq!(search.take(&bytes), None);
        assert_eq!(search.take(&list(&[1])), None);
        assert_eq!(search.wants().map(|span| span.address), Some(u64::MAX));
    }

    #[test]
    fn bytes_of_any_kind_and_number_end_the_search() {
        let mut random = crate::random::Random::new(&[5; 32]);
        for round in 0..2000 {
            let mut search = Search::new(Some(POINTER_AT), round % 2 == 0);
            let mut steps = 0;
            while let Some(span) = search.wants() {
                let limit = u32::try_from(span.length.min(64)).unwrap() + 1;
                let mut bytes: Vec<u8> = (0..random.below(limit))
                    .map(|_| u8::try_from(random.below(256)).unwrap())
                    .collect();
                let whole = [&pointer(2)[..], &list(&[1; 9]), &acpi(b"aBFT", &[0; 3])];
                if let Some(good) = whole.get(usize::try_from(random.below(4)).unwrap()) {
                    bytes = good.iter().copied().take(span.length).collect();
                }
                if search.take(&bytes).is_some() {
                    break;
                }
                steps += 1;
                assert!(steps < MANY, "round {round} does not end");
            }
        }
    }
}
