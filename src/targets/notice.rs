// SPDX-License-Identifier: BSD-2-Clause
//! Events of the target, in order, until the caller takes them.

use super::Target;
use crate::output::{Event, Output, PathName};
use crate::ring::Ring;
use crate::slot::PathId;

/// A lifecycle output or an event, small enough to keep a few.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    Absent { why: Event, value: u64 },
    Event { event: Event, path: Option<PathId>, value: u64 },
    Gone,
    Resized { sectors: u64 },
    Resumed,
    Retaste,
    Suspended,
    Up { sectors: u64 },
}

impl Target<'_> {
    /// Removes and returns the oldest notice. Its path is named by what the slot holds
    /// now, which stays until the slot is used again.
    pub(super) fn pop_notice(&mut self) -> Option<Output> {
        Some(match self.notices.pop()? {
            Notice::Absent { why, value } => Output::Absent { why, value },
            Notice::Event { event, path, value } => {
                Output::Event { event, path: path.map(|index| self.path_name(index)), value }
            }
            Notice::Gone => Output::Gone,
            Notice::Resized { sectors } => Output::Resized { sectors },
            Notice::Resumed => Output::Resumed,
            Notice::Retaste => Output::Retaste,
            Notice::Suspended => Output::Suspended,
            Notice::Up { sectors } => Output::Up { sectors },
        })
    }

    fn path_name(&self, index: PathId) -> PathName {
        let path = &self.paths[index];
        PathName { index, link: path.link, mac: path.mac }
    }
}

const ROOM: usize = 64;
/// If the queue holds this many notices, events that do not matter are dropped; at the
/// second limit, all events are. Lifecycle outputs are never dropped: one input causes
/// at most two notices for each path and a few more, and a drain follows every input.
const EVENTS: usize = 36;
const EVENTS_THAT_MATTER: usize = 56;

/// A queue of notices.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct Notices(Ring<Notice, ROOM>);

impl Notices {
    pub(super) const EMPTY: Self = Self(Ring::new(Notice::Gone));

    pub(super) fn push(&mut self, notice: Notice) {
        let most = match notice {
            Notice::Event { event, .. } if event.matters() => EVENTS_THAT_MATTER,
            Notice::Event { .. } => EVENTS,
            _ => ROOM,
        };
        if self.0.len() < most {
            self.0.push(notice);
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn pop(&mut self) -> Option<Notice> {
        self.0.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(event: Event) -> Notice {
        Notice::Event { event, path: None, value: 0 }
    }

    #[test]
    fn what_a_flood_of_events_leaves_out_is_none_that_matters() {
        let mut notices = Notices::EMPTY;
        for _ in 0..1000 {
            notices.push(event(Event::Restarted));
        }
        for _ in 0..16 {
            notices.push(event(Event::TwoDisks));
        }
        notices.push(Notice::Suspended);
        let told = std::vec::Vec::from_iter(std::iter::from_fn(|| notices.pop()));
        let of = |wanted| told.iter().filter(|n| **n == wanted).count();
        assert_eq!(of(event(Event::Restarted)), EVENTS);
        assert_eq!((of(event(Event::TwoDisks)), of(Notice::Suspended)), (16, 1));
    }

    #[test]
    fn the_loss_of_every_path_at_once_is_told_of_each() {
        let mut notices = Notices::EMPTY;
        for _ in 0..2 * crate::slot::PATHS {
            notices.push(event(Event::PathDown));
        }
        notices.push(Notice::Suspended);
        assert_eq!(std::iter::from_fn(|| notices.pop()).count(), 2 * crate::slot::PATHS + 1);
    }
}
