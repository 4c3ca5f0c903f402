// SPDX-License-Identifier: BSD-2-Clause
//! Targets that answer discovery queries but have no disk here, with the
//! reasons. An address that cannot become a target is reported only here.

use crate::output::Event;
use crate::rate::Rate;
use crate::time::{Instant, Micros};
use crate::wire::Address;

/// Number of targets that are remembered.
pub const ABSENT: usize = 256;
/// A target that stays silent for this long, the time of three beacons, is
/// forgotten.
const FORGOTTEN: Micros = Micros::from_secs(180);
/// How long a target may take to identify its disk before it is reported.
const PATIENCE: Micros = Micros::from_secs(60);
/// Maximum number of reports per second, since any number of addresses can be
/// forged.
const LINES: u32 = 10;

/// One target without a disk.
#[derive(Clone, Copy, Debug)]
pub struct Absent {
    /// The address of the target.
    pub address: Address,
    /// Why the target has no disk.
    pub why: Event,
    /// The value in the event's text.
    pub value: u64,
    /// When it first answered.
    pub since: Instant,
    heard: Instant,
    is_told: bool,
}

impl Absent {
    /// An unused entry.
    pub const NONE: Self = Self {
        address: Address::BROADCAST,
        why: Event::Unidentified,
        value: 0,
        since: Instant::ZERO,
        heard: Instant::ZERO,
        is_told: false,
    };

    fn is_known(&self, now: Instant) -> bool {
        self.address != Address::BROADCAST && now < self.heard.after(FORGOTTEN)
    }
}

/// The table of targets without a disk. If it is full, a new target replaces the
/// one that answered least recently.
#[derive(Debug)]
pub(crate) struct Absences<'a> {
    entries: &'a mut [Absent; ABSENT],
    lines: Rate,
}

impl<'a> Absences<'a> {
    pub(crate) fn new(entries: &'a mut [Absent; ABSENT]) -> Self {
        Self { entries, lines: Rate::NONE }
    }

    /// Records a target that answered and has no disk. Returns whether to report
    /// it now. Each reason is reported once, and one that may be temporary only if
    /// it persists a minute after the first answer. A report beyond the limit per
    /// second is made at a later answer.
    pub(crate) fn note(&mut self, address: Address, why: Event, value: u64, now: Instant) -> bool {
        let rank = |e: &Absent| {
            (e.address != address, if e.is_known(now) { e.heard } else { Instant::ZERO })
        };
        let Some(entry) = self.entries.iter_mut().min_by_key(|e| rank(e)) else { return false };
        if entry.address != address || !entry.is_known(now) {
            *entry = Absent { address, since: now, ..Absent::NONE };
        }
        entry.is_told &= entry.why == why;
        (entry.why, entry.value, entry.heard) = (why, value, now);
        let patient = matches!(why, Event::FrameTooSmall | Event::Unidentified);
        if entry.is_told || patient && now < entry.since.after(PATIENCE) {
            return false;
        }
        entry.is_told = self.lines.take(now, LINES);
        entry.is_told
    }

    /// Removes a target, because it has a disk now.
    pub(crate) fn forget(&mut self, address: Address) {
        for entry in self.entries.iter_mut().filter(|e| e.address == address) {
            *entry = Absent::NONE;
        }
    }

    /// Returns the `n`th target that answered recently, counted from 0.
    pub(crate) fn get(&self, n: usize, now: Instant) -> Option<&Absent> {
        self.entries.iter().filter(|e| e.is_known(now)).nth(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_micros((seconds + 1000) * 1_000_000)
    }

    fn address(n: usize) -> Address {
        Address { major: u16::try_from(n).unwrap(), minor: 1 }
    }

    #[test]
    fn what_is_left_out_is_told_at_once_and_once() {
        let mut entries = [Absent::NONE; ABSENT];
        let mut all = Absences::new(&mut entries);
        assert!(all.note(address(7), Event::LeftOut, 64, at(0)));
        assert!(!all.note(address(7), Event::LeftOut, 64, at(60)));
        assert!(all.note(address(8), Event::LeftOut, 64, at(60)));
        assert_eq!(all.get(1, at(60)).map(|e| (e.address, e.value)), Some((address(8), 64)));
        assert!(all.get(2, at(60)).is_none());
    }

    #[test]
    fn a_target_has_a_minute_to_say_what_disk_it_has() {
        let mut entries = [Absent::NONE; ABSENT];
        let mut all = Absences::new(&mut entries);
        for second in [5, 15, 35, 50] {
            assert!(!all.note(address(7), Event::Unidentified, 0, at(second)), "{second}");
        }
        assert!(all.note(address(7), Event::Unidentified, 0, at(110)));
        assert!(!all.note(address(7), Event::Unidentified, 0, at(170)));
        // Another reason is reported.
        assert!(all.note(address(7), Event::LeftOut, 64, at(180)));
    }

    #[test]
    fn what_has_a_disk_or_is_silent_is_forgotten() {
        let mut entries = [Absent::NONE; ABSENT];
        let mut all = Absences::new(&mut entries);
        all.note(address(7), Event::LeftOut, 64, at(0));
        all.note(address(8), Event::LeftOut, 64, at(0));
        all.forget(address(7));
        assert_eq!(all.get(0, at(1)).map(|e| e.address), Some(address(8)));
        assert!(all.get(0, at(181)).is_none());
        assert!(all.note(address(8), Event::LeftOut, 64, at(181)));
    }

    #[test]
    fn of_many_at_once_ten_are_told_in_a_second_and_the_others_later() {
        let mut entries = [Absent::NONE; ABSENT];
        let mut all = Absences::new(&mut entries);
        for second in [0, 60, 120, 180] {
            let told =
                (0..35).filter(|n| all.note(address(*n), Event::LeftOut, 64, at(second))).count();
            assert_eq!(told, if second < 180 { 10 } else { 5 }, "after {second} s");
        }
    }

    #[test]
    fn the_table_is_bounded_and_keeps_the_latest() {
        let mut entries = [Absent::NONE; ABSENT];
        let mut all = Absences::new(&mut entries);
        for n in 0..ABSENT + 10 {
            all.note(address(n), Event::LeftOut, 64, at(n as u64 / 10));
        }
        let known = (0..).map_while(|n| all.get(n, at(30))).count();
        assert_eq!(known, ABSENT);
        assert!((0..ABSENT).all(|n| all.get(n, at(30)).unwrap().address != address(0)));
    }
}
