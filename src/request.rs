// SPDX-License-Identifier: BSD-2-Clause
//! One request: a span of an I/O, and every transmission of it that may still be
//! answered.
//!
//! This file deals with tags and times, but not with windows, or the health or
//! payload of paths.

use crate::history::{Chain, History, Sent};
use crate::io::Op;
use crate::list::{Linked, Links};
use crate::slot::{CopyId, IoId, RequestId};
use crate::table::Table;
use crate::time::Instant;
use crate::wire::Tag;

/// The request slots of a target.
pub type Requests = Table<Request, RequestId, 128>;

/// The list that a request is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On the wire on its path, in the order of transmission.
    Flight,
    Free,
    /// Waits until `until` to be sent again, since the target was not ready.
    Held,
    /// To be sent again as soon as a window has room.
    Resend,
    /// On the wire. It may take long, so it is not sent again before `until`.
    Slow,
}

/// A request slot.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Request {
    links: Links<RequestId>,
    pub(crate) op: Op,
    pub(crate) place: Place,
    /// Number of transmissions of the part that is requested now.
    pub(crate) tries: u8,
    /// The I/O that this request is a part of.
    pub(crate) io: IoId,
    /// First sector, an address on the disk.
    pub(crate) lba: u64,
    pub(crate) sectors: u16,
    /// Number of sectors that are done, from the request's first on.
    pub(crate) done: u16,
    /// First sector, counted from the I/O's first.
    pub(crate) io_offset: u32,
    /// When it was last sent.
    pub(crate) sent_at: Instant,
    /// The last transmission.
    pub(crate) last: Sent,
    /// Number of transmissions since the slot was first used. Tags are made from
    /// it.
    count: u32,
    /// The tag that was answered last, in this use of the slot or an earlier
    /// one.
    pub(crate) answered: Tag,
    pub(crate) earlier: Chain,
    /// When the part that is requested now was first sent.
    pub(crate) first_sent: Instant,
    /// When it is sent again, if `place` is `Held` or `Slow`.
    pub(crate) until: Instant,
}

impl Linked<RequestId> for Request {
    fn links(&self) -> Links<RequestId> {
        self.links
    }
    fn links_mut(&mut self) -> &mut Links<RequestId> {
        &mut self.links
    }
}

impl Request {
    /// An unused slot.
    pub const FREE: Self = Self {
        links: Links::NONE,
        place: Place::Free,
        op: Op::Read,
        io: IoId(0),
        lba: 0,
        sectors: 0,
        done: 0,
        io_offset: 0,
        count: 0,
        answered: Tag(0),
        tries: 0,
        sent_at: Instant::ZERO,
        first_sent: Instant::ZERO,
        last: Sent::NONE,
        earlier: Chain::EMPTY,
        until: Instant::NEVER,
    };

    /// Uses the slot for `sectors` sectors from `lba` on.
    pub(crate) fn assign(&mut self, io: IoId, op: Op, lba: u64, sectors: u16, io_offset: u32) {
        self.op = op;
        self.io = io;
        self.lba = lba;
        self.sectors = sectors;
        self.io_offset = io_offset;
        self.done = 0;
        self.tries = 0;
        self.last = Sent::NONE;
    }

    /// Returns the count from which the next tag is made.
    pub(crate) fn next_count(&mut self) -> u32 {
        self.count = self.count.wrapping_add(1);
        self.count
    }

    /// Returns whether it has a deadline of its own, `until`.
    pub(crate) fn is_timed(&self) -> bool {
        matches!(self.place, Place::Held | Place::Slow)
    }

    /// Notes a transmission. Returns the guard's entry of an earlier one that is
    /// forgotten for it.
    #[inline]
    pub(crate) fn on_sent(
        &mut self,
        now: Instant,
        sent: Sent,
        history: &mut History<'_>,
    ) -> Option<CopyId> {
        let forgotten = if self.last.tag == Sent::NONE.tag {
            None
        } else {
            history.push(&mut self.earlier, self.last)
        };
        self.last = sent;
        if self.tries == 0 {
            self.first_sent = now;
        }
        self.tries = self.tries.saturating_add(1);
        self.sent_at = now;
        forgotten.and_then(|sent| sent.copy.get())
    }

    /// Returns the remembered transmission with this tag, and whether it is the
    /// last.
    #[inline]
    pub(crate) fn find(&self, tag: Tag, history: &History<'_>) -> Option<(Sent, bool)> {
        if self.last.tag == tag {
            return Some((self.last, true));
        }
        history.find(&self.earlier, tag).map(|sent| (sent, false))
    }

    /// Notes that a transmission was answered, so that a second answer to it
    /// matches nothing. Returns the guard's entry that this resolves.
    #[inline]
    pub(crate) fn on_answered(&mut self, tag: Tag, history: &mut History<'_>) -> Option<CopyId> {
        self.answered = tag;
        if self.last.tag == tag {
            return self.last.on_answered();
        }
        let mut over = None;
        history.for_each(&self.earlier, |sent| {
            if sent.tag == tag {
                over = sent.on_answered();
            }
        });
        over
    }

    /// Notes that the part that `sent` requested is done. Returns whether the
    /// whole request is.
    pub(crate) fn on_part_done(&mut self, sent: &Sent) -> bool {
        let end = sent.offset.wrapping_add(sent.sectors);
        if end > self.done {
            self.done = end;
            self.tries = 0;
        }
        self.done >= self.sectors
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Earlier;
    use crate::table::Maybe;

    fn request() -> Request {
        let mut r = Request::FREE;
        r.assign(IoId(0), Op::Write, 100, 4, 0);
        r
    }

    #[test]
    fn sixteen_transmissions_are_found() {
        let mut table = Table::new(|| Earlier::FREE);
        let mut history = History::new(&mut table);
        let mut r = request();
        for n in 1..=20_u16 {
            let now = Instant::from_micros(u64::from(n) * 1000);
            let sent = Sent { copy: Maybe::some(CopyId(n)), ..Sent::new(now, Tag(n.into()), 0, 2) };
            let forgotten = r.on_sent(now, sent, &mut history);
            assert_eq!(forgotten, n.checked_sub(16).filter(|n| *n != 0).map(CopyId));
        }
        assert!(r.find(Tag(4), &history).is_none());
        assert!(r.find(Tag(5), &history).is_some_and(|(_, last)| !last));
        assert!(r.find(Tag(20), &history).is_some_and(|(_, last)| last));
        assert_eq!(r.on_answered(Tag(5), &mut history), Some(CopyId(5)));
        assert!(r.find(Tag(5), &history).is_none());
        assert_eq!(r.on_answered(Tag(20), &mut history), Some(CopyId(20)));
        assert!(r.find(Tag(20), &history).is_none());
    }

    #[test]
    fn a_late_answer_to_a_larger_part_completes_the_smaller_ones() {
        let mut r = request();
        assert!(!r.on_part_done(&Sent::new(Instant::ZERO, Tag(2), 0, 2)));
        assert!(r.on_part_done(&Sent::new(Instant::ZERO, Tag(1), 0, 4)));
    }
}
