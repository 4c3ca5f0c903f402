//! What the events are called: short names for devctl, sentences for people.

use crate::output::Event;
use core::ffi::{CStr, c_char};

/// Number, name and sentence of an event. The numbers are `AOE_EV_*`.
const fn describe(event: Event) -> (u8, &'static CStr, &'static CStr) {
    match event {
        Event::PathUp => (1, c"PATH_UP", c"path is up"),
        Event::PathDown => (2, c"PATH_DOWN", c"path is down"),
        Event::PathConflict => {
            (3, c"PATH_CONFLICT", c"another disk answers at this address; its path is not used")
        }
        Event::SizeConflict => (
            4,
            c"SIZE_CONFLICT",
            c"the disk got smaller, or its paths disagree about its size; the old size stays",
        ),
        Event::PayloadDown => {
            (5, c"PAYLOAD_DOWN", c"large frames do not get through; smaller ones are used")
        }
        Event::PayloadUp => (6, c"PAYLOAD_UP", c"larger frames get through again"),
        Event::ReadOnly => (7, c"READ_ONLY", c"the target refuses writes"),
        Event::Reserved => (8, c"RESERVED", c"the target is reserved by another host"),
        Event::NoFlush => (9, c"NO_FLUSH", c"the target promised cache flushes and refuses them"),
        Event::NoWriteCache => {
            (10, c"NO_WRITE_CACHE", c"the target does not let its write cache be set")
        }
        Event::Version => (11, c"VERSION", c"the target refuses our AoE version"),
        Event::DiskError => (12, c"DISK_ERROR", c"the target reported a disk error"),
        Event::Failed => {
            (13, c"FAILED", c"no answer for net.aoe.maxwait seconds; I/O fails until it is back")
        }
        Event::Restarted => (14, c"RESTARTED", c"the target announced itself"),
        Event::Replaced => (15, c"REPLACED", c"another disk took the place of the closed one"),
        Event::Doubled => (
            16,
            c"DOUBLED",
            c"every request is answered twice, with equal data: two daemons at this address, a switch loop, or a bond that broadcasts",
        ),
        Event::TwoDisks => {
            (17, c"TWO_DISKS", c"two disks answer at this address at once; their path is not used")
        }
    }
}

const ALL: [Event; 17] = [
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
];

pub(super) fn code(event: Event) -> u8 {
    describe(event).0
}

fn find(code: u32) -> Option<(u8, &'static CStr, &'static CStr)> {
    ALL.iter().map(|e| describe(*e)).find(|d| u32::from(d.0) == code)
}

/// A short name of an event, for programs.
#[unsafe(no_mangle)]
pub extern "C" fn aoe_core_event_name(event: u32) -> *const c_char {
    find(event).map_or(c"UNKNOWN", |d| d.1).as_ptr()
}

/// A sentence about an event, for people.
#[unsafe(no_mangle)]
pub extern "C" fn aoe_core_event_text(event: u32) -> *const c_char {
    find(event).map_or(c"something happened that has no name", |d| d.2).as_ptr()
}

/// 1 if an event is about identity, size or health, and must not be left out.
#[unsafe(no_mangle)]
pub extern "C" fn aoe_core_event_matters(event: u32) -> i32 {
    let found = ALL.iter().find(|e| u32::from(code(**e)) == event);
    found.is_some_and(|e| e.matters()).into()
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
        assert!(numbers.iter().all(|n| (1..=17).contains(n)));
    }
}
