//! One request on its way: a span of an I/O, and every transmission of it
//! that may still be answered.
//!
//! Knows tags and times; knows nothing of windows, paths' health or payload.

use crate::guard::CopyId;
use crate::io::{IoId, Op};
use crate::list::{Linked, Links};
use crate::path::PathId;
use crate::table::{Table, number};
use crate::time::Instant;
use crate::wire::Tag;

number!(
    /// A request slot's number; tags are made of it.
    pub RequestId(u8)
);

/// The request slots of a target.
pub type Requests = Table<Request, RequestId, 256>;

/// Transmissions of a request whose answers still count.
pub(crate) const HISTORY: usize = 16;

/// The tag of a transmission that was answered; leads to no slot.
pub(crate) const ANSWERED: Tag = Tag(u32::MAX);

/// One transmission.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) tag: Tag,
    /// When, in the clock's low 32 bits: good for the next 71 minutes.
    at: u32,
    /// The path's count of transmissions, low 32 bits.
    pub(crate) seq: u32,
    /// First sector, counted from the request's first.
    pub(crate) offset: u16,
    /// Sectors asked for.
    pub(crate) sectors: u16,
    /// The guard's entry for it.
    pub(crate) copy: Option<CopyId>,
    pub(crate) path: PathId,
}

impl Sent {
    const NONE: Self =
        Self { tag: Tag(0), at: 0, seq: 0, offset: 0, sectors: 0, copy: None, path: PathId(0) };

    /// How long ago it left.
    pub(crate) fn age(&self, now: Instant) -> crate::time::Micros {
        crate::time::Micros(u64::from(low(now).wrapping_sub(self.at)))
    }
}

/// The low half of the clock.
#[expect(clippy::as_conversions, reason = "the low half is what is wanted")]
const fn low(now: Instant) -> u32 {
    now.as_micros() as u32
}

/// Where a request stands; says which list it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On the wire on this path, in the order of transmission.
    Flight {
        path: PathId,
    },
    Free,
    /// The target was not ready: sent again at `until`.
    Held {
        until: Instant,
    },
    /// To be sent as soon as a window opens.
    Resend,
    /// On the wire; may take long, so it has a deadline of its own.
    Slow {
        path: PathId,
        deadline: Instant,
    },
}

/// A request slot; what comes before the history fits two cache lines with
/// the first transmission, which is the only one most of the time.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Request {
    links: Links<RequestId>,
    pub(crate) op: Op,
    /// Transmissions of the part now asked for.
    pub(crate) tries: u8,
    /// The I/O that it is a part of.
    pub(crate) io: IoId,
    pub(crate) place: Place,
    /// First sector on the disk.
    pub(crate) lba: u64,
    pub(crate) sectors: u16,
    /// Sectors from the request's first that are done.
    pub(crate) done: u16,
    /// First sector, counted from the I/O's first.
    pub(crate) io_offset: u32,
    /// When it was last sent.
    pub(crate) sent_at: Instant,
    /// When the part now asked for was first sent.
    pub(crate) first_sent: Instant,
    /// Transmissions since the slot was first used; feeds the tags.
    count: u32,
    /// The tag that was answered last, in whichever use of the slot.
    pub(crate) answered: Tag,
    /// Transmissions in `history`, oldest first.
    remembered: u8,
    history: [Sent; HISTORY],
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
        history: [Sent::NONE; HISTORY],
        remembered: 0,
    };

    /// Takes the slot for `sectors` from `lba` on.
    pub(crate) fn assign(&mut self, io: IoId, op: Op, lba: u64, sectors: u16, io_offset: u32) {
        self.op = op;
        self.io = io;
        self.lba = lba;
        self.sectors = sectors;
        self.io_offset = io_offset;
        self.done = 0;
        self.tries = 0;
        self.remembered = 0;
    }

    /// Transmissions of it that are remembered, oldest first.
    pub(crate) fn transmissions(&self) -> &[Sent] {
        self.history.get(..usize::from(self.remembered)).unwrap_or(&[])
    }

    /// The same, to forget their copies.
    pub(crate) fn transmissions_mut(&mut self) -> &mut [Sent] {
        self.history.get_mut(..usize::from(self.remembered)).unwrap_or(&mut [])
    }

    /// The number that the next tag is made from.
    pub(crate) fn next_count(&mut self) -> u32 {
        self.count = self.count.wrapping_add(1);
        self.count
    }

    /// Notes a transmission; gives back the guard entry of one now forgotten.
    pub(crate) fn on_sent(
        &mut self,
        now: Instant,
        tag: Tag,
        path: PathId,
        seq: u32,
        sectors: u16,
        copy: Option<CopyId>,
    ) -> Option<CopyId> {
        let forgotten = self.make_room();
        let sent = Sent { tag, at: low(now), seq, offset: self.done, sectors, copy, path };
        if let Some(entry) = self.history.get_mut(usize::from(self.remembered)) {
            *entry = sent;
        }
        self.remembered = self.remembered.saturating_add(1);
        if self.tries == 0 {
            self.first_sent = now;
        }
        self.tries = self.tries.saturating_add(1);
        self.sent_at = now;
        forgotten
    }

    /// Forgets the oldest transmission if there is no place for another.
    fn make_room(&mut self) -> Option<CopyId> {
        if usize::from(self.remembered) < HISTORY {
            return None;
        }
        let [oldest, ..] = self.history;
        self.history.rotate_left(1);
        self.remembered = self.remembered.saturating_sub(1);
        oldest.copy
    }

    /// The remembered transmission with this tag, and whether it is the last.
    pub(crate) fn find(&self, tag: Tag) -> Option<(Sent, bool)> {
        // The last one is the likely one.
        let all = self.transmissions();
        let (last, earlier) = all.split_last()?;
        if last.tag == tag {
            return Some((*last, true));
        }
        earlier.iter().find(|s| s.tag == tag).map(|s| (*s, false))
    }

    /// The part that `sent` asked for was done. True when all of it is.
    pub(crate) fn on_part_done(&mut self, sent: &Sent) -> bool {
        let end = sent.offset.saturating_add(sent.sectors);
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

    fn sent_times(r: &mut Request, n: u32) {
        for i in 0..n {
            let now = Instant::from_micros(u64::from(i) * 1000);
            let copy = Some(CopyId(u16::try_from(i).unwrap()));
            r.on_sent(now, Tag(i + 1), PathId(0), i, 2, copy);
        }
    }

    fn request() -> Request {
        let mut r = Request::FREE;
        r.assign(IoId(0), Op::Write, 100, 4, 0);
        r
    }

    #[test]
    fn the_last_sixteen_transmissions_are_found() {
        let mut r = request();
        sent_times(&mut r, 20);
        assert!(r.find(Tag(4)).is_none());
        assert!(r.find(Tag(5)).is_some_and(|(_, last)| !last));
        assert!(r.find(Tag(20)).is_some_and(|(_, last)| last));
    }

    #[test]
    fn a_forgotten_transmission_leaves_its_copy_to_the_guard() {
        let mut r = request();
        sent_times(&mut r, 16);
        let forgotten = r.on_sent(Instant::ZERO, Tag(99), PathId(0), 99, 2, None);
        assert_eq!(forgotten, Some(CopyId(0)));
    }

    #[test]
    fn every_transmission_knows_its_own_age() {
        let mut r = request();
        sent_times(&mut r, 3);
        let now = Instant::from_micros(10_000);
        assert_eq!(r.find(Tag(1)).unwrap().0.age(now).0, 10_000);
        assert_eq!(r.find(Tag(3)).unwrap().0.age(now).0, 8_000);
    }

    #[test]
    fn a_late_answer_to_a_larger_part_completes_the_smaller_ones() {
        let mut r = request();
        r.on_sent(Instant::ZERO, Tag(1), PathId(0), 1, 4, None);
        r.on_sent(Instant::ZERO, Tag(2), PathId(0), 2, 2, None);
        let (small, _) = r.find(Tag(2)).unwrap();
        assert!(!r.on_part_done(&small));
        let (large, _) = r.find(Tag(1)).unwrap();
        assert!(r.on_part_done(&large));
    }
}
