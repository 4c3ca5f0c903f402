// SPDX-License-Identifier: BSD-2-Clause
//! What happened to a target, in order, until the thread that tells it comes.

use crate::output::{Event, Output, PathName};
use crate::ring::Ring;
use crate::time::Micros;

/// Notes that are kept, and how many of them there may be before those are left
/// out that do not matter.
const ROOM: usize = 64;
const ROOM_FOR_ALL: usize = 32;

/// Something to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// What.
    pub event: Event,
    /// It is why a target has no disk.
    pub is_absence: bool,
    /// On which path, if on one.
    pub path: Option<PathName>,
    /// What the event's sentence says.
    pub value: u64,
}

impl Note {
    /// Nothing.
    pub const NONE: Self = Self { event: Event::Lost, is_absence: false, path: None, value: 0 };

    /// What an output has to tell; `outage` is how long the target was away.
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

/// The notes of one target.
#[derive(Debug)]
pub struct Notes {
    ring: Ring<Note, ROOM>,
    lost: u64,
}

impl Notes {
    /// None.
    pub const EMPTY: Self = Self { ring: Ring::new(Note::NONE), lost: 0 };

    /// Keeps a note, if there is room.
    pub fn push(&mut self, note: Note) {
        let matters = note.is_absence || note.event.matters();
        let has_room = matters || self.ring.len() < ROOM_FOR_ALL;
        if !(has_room && self.ring.push(note)) {
            self.lost = self.lost.saturating_add(1);
        }
    }

    /// The oldest note; at the end, how many were left out.
    pub fn take(&mut self) -> Option<Note> {
        self.ring.pop().or_else(|| {
            let lost = core::mem::take(&mut self.lost);
            (lost != 0).then_some(Note { value: lost, ..Note::NONE })
        })
    }

    /// Whether all has been told.
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

    fn take_all(notes: &mut Notes) -> Vec<Note> {
        core::iter::from_fn(|| notes.take()).collect()
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
