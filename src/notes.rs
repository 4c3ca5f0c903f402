// SPDX-License-Identifier: BSD-2-Clause
//! The events of a target, in order, until a thread reports them, and the choice of
//! those that are shown on the console.

use crate::output::{Event, Output, PathName};
use crate::rate::Rate;
use crate::ring::Ring;
use crate::time::{Instant, Micros};

/// Maximum number of notes, and the number from which less important ones are
/// dropped.
const ROOM: usize = 64;
const ROOM_FOR_ALL: usize = 32;
/// Maximum number of console lines per target and second, not counting important
/// ones. There is one for each path, so that the loss of a link is reported
/// completely.
const LINES: u32 = 16;

/// An event to report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// The event.
    pub event: Event,
    /// Whether the event is the reason why a target has no disk.
    pub is_absence: bool,
    /// The path that the event is about, if any.
    pub path: Option<PathName>,
    /// The value in the event's sentence.
    pub value: u64,
}

impl Note {
    /// A placeholder for an unused entry.
    pub const NONE: Self = Self { event: Event::Lost, is_absence: false, path: None, value: 0 };

    /// Returns the note for an output that is to be reported. `outage` is the time
    /// since the target was last suspended.
    pub fn of(output: &Output, outage: Micros) -> Option<Self> {
        let note = |event, value| Some(Self { event, value, ..Self::NONE });
        match *output {
            Output::Absent { why, value } => {
                Some(Self { event: why, is_absence: true, path: None, value })
            }
            Output::Event { event, path, value } => {
                Some(Self { event, is_absence: false, path, value })
            }
            Output::Gone => note(Event::Gone, 0),
            Output::Resized { sectors } => note(Event::Resized, sectors),
            Output::Resumed => note(Event::Resumed, outage.0 / 1000),
            Output::Retaste => note(Event::Retaste, 0),
            Output::Suspended => note(Event::Suspended, 0),
            Output::Up { sectors } => note(Event::Up, sectors),
            Output::Complete { .. }
            | Output::ControlDone(_)
            | Output::Idle
            | Output::Transmit(_) => None,
        }
    }
}

/// A report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Report a note in the event log.
    Note {
        /// The note.
        note: Note,
        /// Whether to show it on the console as well.
        is_shown: bool,
    },
    /// Show on the console, and only there, the number of notes that it did not
    /// show.
    Unshown(u64),
}

/// The notes of one target.
#[derive(Debug)]
pub struct Notes {
    ring: Ring<Note, ROOM>,
    lost: u64,
    lines: Rate,
    unshown: u64,
    /// The note that was reported last may be the target's last one.
    is_last: bool,
}

impl Notes {
    /// No notes.
    pub const EMPTY: Self = Self {
        ring: Ring::new(Note::NONE),
        lost: 0,
        lines: Rate::NONE,
        unshown: 0,
        is_last: false,
    };

    /// Appends a note, or counts it as lost if there is no room.
    pub fn push(&mut self, note: Note) {
        let matters = note.is_absence || note.event.matters();
        let has_room = matters || self.ring.len() < ROOM_FOR_ALL;
        if !(has_room && self.ring.push(note)) {
            self.lost = self.lost.saturating_add(1);
        }
    }

    /// Returns the next report: the oldest note, or after the last note the number
    /// of lost ones. When these are reported and the second is over, or the target
    /// is removed, the number of notes that the console did not show follows. With
    /// `shows_all`, the console shows all of them.
    pub fn take(&mut self, now: Instant, shows_all: bool) -> Option<Told> {
        let Some(note) = self.oldest() else {
            let is_due = self.lines.is_over(now) || self.is_last;
            let unshown = if is_due { core::mem::take(&mut self.unshown) } else { 0 };
            return (unshown != 0).then_some(Told::Unshown(unshown));
        };
        self.is_last = note.is_absence || note.event == Event::Gone;
        let matters = note.is_absence || note.event.matters();
        let is_shown = matters || shows_all || self.lines.take(now, LINES);
        self.unshown = self.unshown.saturating_add((!is_shown).into());
        Some(Told::Note { note, is_shown })
    }

    fn oldest(&mut self) -> Option<Note> {
        self.ring.pop().or_else(|| {
            let lost = core::mem::take(&mut self.lost);
            (lost != 0).then_some(Note { value: lost, ..Note::NONE })
        })
    }

    /// Returns whether every note is reported. A number for the console alone may
    /// still be due.
    pub const fn is_empty(&self) -> bool {
        self.ring.is_empty() && self.lost == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn event(event: Event, value: u64) -> Note {
        Note { event, value, ..Note::NONE }
    }

    fn at(ms: u64) -> Instant {
        Instant::ZERO.after(Micros::from_millis(10_000 + ms))
    }

    fn take_all(notes: &mut Notes) -> Vec<Note> {
        let take = || match notes.take(at(0), true)? {
            Told::Note { note, is_shown: true } => Some(note),
            told => panic!("{told:?}, and all is shown"),
        };
        core::iter::from_fn(take).collect()
    }

    /// Returns the lines on the console. `None` is the line with the number of notes
    /// that were not shown.
    fn show(notes: &mut Notes, now: Instant) -> Vec<(Option<Event>, u64)> {
        let told = core::iter::from_fn(|| notes.take(now, false));
        let lines = told.filter_map(|told| match told {
            Told::Note { note, is_shown } => is_shown.then_some((Some(note.event), note.value)),
            Told::Unshown(number) => Some((None, number)),
        });
        lines.collect()
    }

    #[test]
    fn what_matters_is_always_shown() {
        use Event::{Failed, Gone, PathConflict, PathDown, Resumed, SizeConflict, Suspended, Up};
        let mut notes = Notes::EMPTY;
        let all = [Up, Suspended, Resumed, Failed, PathConflict, SizeConflict, Gone];
        for n in 0..100 {
            (0..20).for_each(|n| notes.push(event(PathDown, n)));
            all.iter().for_each(|matters| notes.push(event(*matters, n)));
            let lines = show(&mut notes, at(n));
            for matters in all {
                assert!(lines.contains(&(Some(matters), n)), "{matters:?} {n}");
            }
        }
    }

    #[test]
    fn what_is_not_shown_is_counted_in_one_line_when_the_second_is_over() {
        let mut notes = Notes::EMPTY;
        for second in [0, 5_000] {
            for ms in [0, 300, 600] {
                (0..8).for_each(|n| notes.push(event(Event::PathDown, n)));
                let shown = show(&mut notes, at(second + ms)).len();
                assert_eq!(shown, if ms < 600 { 8 } else { 0 });
            }
            notes.push(event(Event::PayloadDown, 1024));
            assert_eq!(show(&mut notes, at(second + 999)), []);
            assert_eq!(show(&mut notes, at(second + 1_000)), [(None, 9)]);
            assert_eq!(show(&mut notes, at(second + 1_000)), [], "counted once");
        }
    }

    #[test]
    fn of_a_target_that_goes_it_is_counted_at_once() {
        let mut notes = Notes::EMPTY;
        (0..20).for_each(|n| notes.push(event(Event::PathDown, n)));
        notes.push(event(Event::Gone, 0));
        let lines = show(&mut notes, at(0));
        assert_eq!(lines[16..], [(Some(Event::Gone), 0), (None, 4)]);
        assert!(notes.is_empty());
    }

    #[test]
    fn each_note_is_told_once_and_in_order() {
        let mut notes = Notes::EMPTY;
        for round in 0..10 {
            let wanted: Vec<_> = (0..20).map(|n| event(Event::PathUp, round * 20 + n)).collect();
            wanted.iter().for_each(|note| notes.push(*note));
            assert!(!notes.is_empty());
            assert_eq!(take_all(&mut notes), wanted);
        }
        assert!(notes.is_empty());
    }

    #[test]
    fn a_flood_leaves_room_for_what_matters_and_is_counted() {
        let mut notes = Notes::EMPTY;
        (0..100).for_each(|n| notes.push(event(Event::Restarted, n)));
        notes.push(event(Event::Gone, 0));
        notes.push(Note { is_absence: true, ..event(Event::GroupAddress, 0) });
        let told = take_all(&mut notes);
        assert_eq!(told.len(), 32 + 2 + 1);
        assert_eq!(told[32].event, Event::Gone);
        assert_eq!(told[34], event(Event::Lost, 68));
        assert!(notes.is_empty());
    }

    #[test]
    fn what_is_no_news_is_no_note() {
        assert_eq!(Note::of(&Output::Idle, Micros(0)), None);
        let resumed = Note::of(&Output::Resumed, Micros(4_200_900));
        assert_eq!(resumed.map(|note| note.value), Some(4_200));
        let up = Note::of(&Output::Up { sectors: 7 }, Micros(0));
        assert_eq!(up, Some(event(Event::Up, 7)));
    }
}
