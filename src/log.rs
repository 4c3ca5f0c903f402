// SPDX-License-Identifier: BSD-2-Clause
//! The event log: the last events of all targets, numbered from 1, so that
//! readers can ask for the new ones.

use crate::wire::Address;

/// Number of events that are kept.
pub const EVENTS: usize = 256;

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it happened, in seconds since 1970.
    pub seconds: u64,
    /// Microseconds within the second.
    pub micros: u32,
    /// The target.
    pub address: Address,
    /// The index of its path, or 255 for none.
    pub path: u8,
    /// The event's number at the boundary, `AOE_EV_*`.
    pub event: u8,
    /// The value in the event's sentence.
    pub value: u64,
}

/// The last events. All zero bytes are an empty log.
#[derive(Debug)]
pub struct Log {
    last: u64,
    ring: [Entry; EVENTS],
}

/// The events that a reader has not seen, oldest first.
#[derive(Debug)]
pub struct News<'l> {
    log: &'l Log,
    next: u64,
    /// Number of events that were overwritten before the reader saw them.
    pub lost: u64,
}

impl Log {
    /// Adds an event, which replaces the oldest one if the log is full.
    pub fn add(&mut self, entry: Entry) {
        self.last = self.last.saturating_add(1);
        let at = place(self.last);
        if let Some(place) = self.ring.get_mut(at) {
            *place = entry;
        }
    }

    /// Removes all events. The next one has number 1 again.
    pub const fn clear(&mut self) {
        self.last = 0;
    }

    /// Returns the events after number `seen`, the last one that the reader saw.
    /// Numbers restart when the module is loaded again, so a number that is not
    /// yet assigned counts as 0.
    pub fn after(&self, seen: u64) -> News<'_> {
        let seen = if seen > self.last { 0 } else { seen };
        let kept = u64::try_from(EVENTS).unwrap_or(0);
        let oldest = self.last.saturating_sub(kept).saturating_add(1);
        let next = seen.saturating_add(1).max(oldest);
        News { log: self, next, lost: next.saturating_sub(seen).saturating_sub(1) }
    }
}

impl Iterator for News<'_> {
    type Item = (u64, Entry);

    fn next(&mut self) -> Option<(u64, Entry)> {
        let number = Some(self.next).filter(|n| *n <= self.log.last)?;
        self.next = number.saturating_add(1);
        Some((number, *self.log.ring.get(place(number))?))
    }
}

fn place(number: u64) -> usize {
    usize::try_from(number).unwrap_or(0) % EVENTS
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn entry(value: u64) -> Entry {
        let address = Address { major: 7, minor: 3 };
        Entry { seconds: 1, micros: 2, address, path: 255, event: 1, value }
    }

    fn log(events: u64) -> Log {
        let mut log = Log { last: 0, ring: [entry(0); EVENTS] };
        (1..=events).for_each(|n| log.add(entry(n)));
        log
    }

    fn read(log: &Log, seen: u64) -> (u64, Vec<u64>) {
        let news = log.after(seen);
        let lost = news.lost;
        let read = news.map(|(number, entry)| {
            assert_eq!(number, entry.value);
            number
        });
        (lost, read.collect())
    }

    #[test]
    fn a_reader_gets_what_it_has_not_seen() {
        let log = log(3);
        assert_eq!(read(&log, 0), (0, [1, 2, 3].into()));
        assert_eq!(read(&log, 2), (0, [3].into()));
        assert_eq!(read(&log, 3), (0, [].into()));
    }

    #[test]
    fn a_reader_learns_how_many_events_were_forgotten() {
        let log = log(1000);
        let (lost, events) = read(&log, 0);
        assert_eq!((lost, events.len(), events[0]), (744, 256, 745));
        assert_eq!(read(&log, 743).0, 1);
        assert_eq!(read(&log, 744), (0, (745..=1000).collect()));
    }

    #[test]
    fn a_log_that_began_anew_is_read_from_its_beginning() {
        let mut log = log(1000);
        log.clear();
        assert_eq!(read(&log, 1000), (0, [].into()));
        log.add(entry(1));
        assert_eq!(read(&log, 1000), (0, [1].into()));
    }
}
