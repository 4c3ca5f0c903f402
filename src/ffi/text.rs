// SPDX-License-Identifier: BSD-2-Clause
//! The names of events for devctl, and their sentences for people.

use crate::output::Event;
use crate::text::Text;
use crate::wire::{Address, Mac};
use core::ffi::{CStr, c_char};

/// Returns the number, name and sentence of an event. The numbers are `AOE_EV_*`.
/// In a sentence, `#` stands for the value as a number, `@` as a MAC address, `$`
/// as a size in sectors of 512 bytes, and `~` as a duration in milliseconds. The
/// part after a bar only gives the value, and is left out if the value is 0.
const fn describe(event: Event) -> (u8, &'static CStr, &'static CStr) {
    match event {
        Event::PathUp => (1, c"PATH_UP", c"up"),
        Event::PathDown => (2, c"PATH_DOWN", c"down"),
        Event::PathConflict => {
            (3, c"PATH_CONFLICT", c"another disk answers at this address; the path is not used")
        }
        Event::SizeConflict => (
            4,
            c"SIZE_CONFLICT",
            c"the disk has another size ($) on this path; the path is not used",
        ),
        Event::PayloadDown => {
            (5, c"PAYLOAD_DOWN", c"large frames are lost; payload reduced| to # bytes")
        }
        Event::PayloadUp => (6, c"PAYLOAD_UP", c"large frames arrive again; payload raised| to # bytes"),
        Event::ReadOnly => (7, c"READ_ONLY", c"the target refuses writes"),
        Event::Reserved => (8, c"RESERVED", c"the target is reserved by another host"),
        Event::NoFlush => (9, c"NO_FLUSH", c"the target announces cache flushes and refuses them"),
        Event::NoWriteCache => {
            (10, c"NO_WRITE_CACHE", c"the target refuses to set its write cache")
        }
        Event::Version => (11, c"VERSION", c"the target does not support AoE version 1"),
        Event::DiskError => (12, c"DISK_ERROR", c"the target reported a disk error|, LBA #"),
        Event::Failed => {
            (13, c"FAILED", c"no answer for # seconds (maxwait); I/O fails until the target answers")
        }
        Event::Restarted => (14, c"RESTARTED", c"the target announced itself"),
        Event::Replaced => (15, c"REPLACED", c"another disk has replaced the closed one"),
        Event::Doubled => (
            16,
            c"DOUBLED",
            c"every request is answered twice, with equal data: two daemons at this address, a switch loop, or a bond that broadcasts",
        ),
        Event::TwoDisks => {
            (17, c"TWO_DISKS", c"two disks answer at this address at once; the path is not used")
        }
        Event::SectorSize => (18, c"SECTOR_SIZE", c"logical sectors of # bytes are not supported"),
        Event::NoSectors => (19, c"NO_SECTORS", c"the target reports 0 sectors"),
        Event::FrameTooSmall => (
            20,
            c"FRAME_TOO_SMALL",
            c"a sector does not fit into a frame; interface and target need an MTU of at least #",
        ),
        Event::Unidentified => (
            21,
            c"UNIDENTIFIED",
            c"no answer to IDENTIFY; does an access list exclude this host?",
        ),
        Event::GroupAddress => (22, c"GROUP_ADDRESS", c"answers come from a group address"),
        Event::LeftOut => (23, c"LEFT_OUT", c"left out: net.aoe.maxtargets is #"),
        Event::Accepted => {
            (25, c"ACCEPTED", c"another disk ($) was accepted in place of the earlier one")
        }
        Event::PathLeftOut => {
            (26, c"PATH_LEFT_OUT", c"16 paths are in use; the path to @ is left out")
        }
        Event::Up => (27, c"UP", c"found|, $"),
        Event::Resized => (28, c"RESIZED", c"size changed|, $"),
        Event::Suspended => (29, c"SUSPENDED", c"all paths down; I/O suspended"),
        Event::Resumed => (30, c"RESUMED", c"I/O resumed|~"),
        Event::Retaste => (31, c"RETASTE", c"reads are answered again; GEOM tastes the disk again"),
        Event::Gone => (32, c"GONE", c"removed"),
        Event::Lost => (33, c"LOST", c"events lost|, #"),
        Event::Root => (34, c"ROOT", c"holds the root file system: in an outage, I/O waits for ever"),
        Event::Smaller => (
            24,
            c"SMALLER",
            c"the target's disk ($) is smaller than the open one; I/O suspended until the disk is closed or has its old size",
        ),
    }
}

const ALL: [Event; 34] = [
    Event::PathUp,
    Event::PathDown,
    Event::PathConflict,
    Event::SizeConflict,
    Event::PayloadDown,
    Event::PayloadUp,
    Event::ReadOnly,
    Event::Reserved,
    Event::NoFlush,
    Event::NoWriteCache,
    Event::Version,
    Event::DiskError,
    Event::Failed,
    Event::Restarted,
    Event::Replaced,
    Event::Doubled,
    Event::TwoDisks,
    Event::SectorSize,
    Event::NoSectors,
    Event::FrameTooSmall,
    Event::Unidentified,
    Event::GroupAddress,
    Event::LeftOut,
    Event::Smaller,
    Event::Accepted,
    Event::PathLeftOut,
    Event::Up,
    Event::Resized,
    Event::Suspended,
    Event::Resumed,
    Event::Retaste,
    Event::Gone,
    Event::Lost,
    Event::Root,
];

pub(super) fn code(event: Event) -> u8 {
    describe(event).0
}

/// Returns the event with this number.
pub(super) fn event(number: u32) -> Option<Event> {
    ALL.into_iter().find(|e| u32::from(code(*e)) == number)
}

/// The number that no event has: it stands for the count of lines that were not
/// shown.
pub(super) const UNSHOWN: u8 = 0;

/// The entry for an unknown number.
const UNKNOWN: (u8, &CStr, &CStr) = (u8::MAX, c"UNKNOWN", c"unknown event");

fn find(code: u32) -> Option<(u8, &'static CStr, &'static CStr)> {
    if code == UNSHOWN.into() {
        return Some((UNSHOWN, c"NONE", c"# more lines; see aoectl log"));
    }
    event(code).map(describe)
}

/// Returns the name of the disk at an address.
pub(super) fn name(address: Address) -> [u8; 16] {
    let mut room = [0; 16];
    Text::new(&mut room).push_disk(address);
    room
}

/// Writes the sentence of an event into a buffer. Returns the event's name.
pub(super) fn words(number: u8, value: u64, text: &mut [u8]) -> &'static CStr {
    let (_, name, sentence) = find(number.into()).unwrap_or(UNKNOWN);
    compose(sentence, value, text);
    name
}

/// Writes a sentence into a buffer, truncated to fit and terminated. The signs
/// that stand for the value are described at [`describe`].
fn compose(sentence: &CStr, value: u64, out: &mut [u8]) {
    let mut text = Text::new(out);
    let [_, _, mac @ ..] = value.to_be_bytes();
    for byte in sentence.to_bytes().iter().take_while(|b| value != 0 || **b != b'|') {
        match byte {
            b'#' => text.push_number(value),
            b'@' => text.push_mac(Mac(mac)),
            b'$' => text.push_size(value),
            b'~' => text.push_duration(value),
            b'|' => {}
            _ => text.push(&[*byte]),
        }
    }
}

/// Returns the short name of an event, for programs.
#[unsafe(no_mangle)]
pub extern "C" fn aoe_core_event_name(event: u32) -> *const c_char {
    find(event).unwrap_or(UNKNOWN).1.as_ptr()
}

/// Writes the sentence of an event, for people.
///
/// # Safety
///
/// `out` is writable for `size` bytes; no lock is needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_event_text(event: u32, value: u64, out: *mut u8, size: u32) {
    let (_, _, sentence) = find(event).unwrap_or(UNKNOWN);
    let size = usize::try_from(size).unwrap_or(0);
    // SAFETY: The caller promises that `out` is writable for `size` bytes.
    compose(sentence, value, unsafe { core::slice::from_raw_parts_mut(out, size) });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_event_has_a_number_and_a_name_of_its_own() {
        let numbers: HashSet<u8> = ALL.iter().map(|e| code(*e)).collect();
        let names: HashSet<&CStr> = ALL.iter().map(|e| describe(*e).1).collect();
        assert_eq!((numbers.len(), names.len()), (ALL.len(), ALL.len()));
        assert!(!numbers.contains(&0));
    }

    fn composed(sentence: &CStr, value: u64, size: usize) -> std::string::String {
        let mut out = std::vec![0xa5; size];
        compose(sentence, value, &mut out);
        CStr::from_bytes_until_nul(&out).unwrap().to_str().unwrap().into()
    }

    #[test]
    fn the_value_stands_where_the_sentence_has_its_sign() {
        assert_eq!(composed(c"sectors of # bytes", 520, 88), "sectors of 520 bytes");
        assert_eq!(composed(c"#", 0, 88), "0");
        assert_eq!(composed(c"#", u64::MAX, 88), "18446744073709551615");
        assert_eq!(composed(c"up", 7, 88), "up");
        assert_eq!(composed(c"to @ only", 0x02ae_0009_a0ff, 88), "to 02:ae:00:09:a0:ff only");
        assert_eq!(composed(c"sectors of # bytes", 520, 13), "sectors of 5");
    }

    #[test]
    fn a_disk_is_named_by_its_address() {
        let named = |major, minor| name(Address { major, minor });
        assert_eq!(named(7, 3), *b"aoe7e3\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(named(65535, 254), *b"aoe65535e254\0\0\0\0");
        assert_eq!(named(0, 10), *b"aoe0e10\0\0\0\0\0\0\0\0\0");
    }

    #[test]
    fn the_part_that_only_gives_the_value_is_left_out_if_there_is_none() {
        assert_eq!(composed(c"found|, $", 131_072, 88), "found, 64.0M");
        assert_eq!(composed(c"found|, $", 0, 88), "found");
        assert_eq!(composed(c"I/O resumed|~", 4210, 88), "I/O resumed after 4.2 s");
        let mut text = [0xa5; 88];
        assert_eq!(words(27, 7, &mut text), c"UP");
        assert_eq!(CStr::from_bytes_until_nul(&text).unwrap(), c"found, 3.5K");
    }

    #[test]
    fn lines_that_were_not_shown_are_counted_and_found_in_the_log() {
        let (number, _, sentence) = find(UNSHOWN.into()).unwrap();
        assert_eq!(number, UNSHOWN);
        assert_eq!(composed(sentence, 12, 88), "12 more lines; see aoectl log");
        assert!(ALL.iter().all(|event| code(*event) != UNSHOWN));
    }

    #[test]
    fn every_sentence_fits_the_log_with_any_value() {
        for event in ALL {
            let text = composed(describe(event).2, u64::MAX, 200);
            let room = super::super::abi::TEXT_MAX - 1 + if text.contains("1844") { 14 } else { 0 };
            assert!(text.len() <= room, "{text}");
        }
    }
}
