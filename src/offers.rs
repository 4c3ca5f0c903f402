// SPDX-License-Identifier: BSD-2-Clause
//! Answers from addresses without a target, kept until somebody has the time
//! to make each its target.

use crate::output::LinkId;
use crate::targets::Frame;
use crate::wire::Header;

/// Answers that are kept.
pub const OFFERS: usize = 64;
/// Bytes of an answer that are kept.
pub const OFFER_LEN: usize = 36;
/// Bytes in which answers of one target agree, by one path: all but the tag.
const SAME: usize = Header::LEN - size_of::<u32>();

/// One answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// From the Ethernet header on; zeros behind a shorter frame.
    pub header: [u8; OFFER_LEN],
    /// Length of the whole frame.
    pub length: usize,
    /// Where it came in.
    pub link: LinkId,
}

impl Offer {
    const NONE: Self = Self { header: [0; OFFER_LEN], length: 0, link: LinkId(0) };

    fn new(frame: &Frame<'_>) -> Self {
        let mut offer = Self { length: frame.length, link: frame.link, ..Self::NONE };
        offer.header.iter_mut().zip(frame.header).for_each(|(to, from)| *to = *from);
        offer
    }

    fn is_same(&self, other: &Self) -> bool {
        self.link == other.link && self.header.get(..SAME) == other.header.get(..SAME)
    }
}

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is kept.
    New,
    /// In the place of an earlier one from the same address: the last word counts.
    Again,
    /// There was no room.
    Lost,
}

/// All of them, the oldest first. Zero bytes are none.
#[derive(Debug)]
pub struct Offers {
    first: usize,
    count: usize,
    ring: [Offer; OFFERS],
}

impl Offers {
    /// None.
    pub const NONE: Self = Self { first: 0, count: 0, ring: [Offer::NONE; OFFERS] };

    pub(crate) fn keep(&mut self, frame: &Frame<'_>) -> Kept {
        let offer = Offer::new(frame);
        let mut kept = (0..self.count).map(|n| self.place(n));
        let known = kept.find(|at| self.ring.get(*at).is_some_and(|old| old.is_same(&offer)));
        if known.is_none() && self.count == OFFERS {
            return Kept::Lost;
        }
        let at = known.unwrap_or_else(|| self.place(self.count));
        if let Some(place) = self.ring.get_mut(at) {
            *place = offer;
        }
        if known.is_some() {
            return Kept::Again;
        }
        self.count = self.count.saturating_add(1);
        Kept::New
    }

    pub(crate) fn take(&mut self) -> Option<Offer> {
        self.count = self.count.checked_sub(1)?;
        let offer = self.ring.get(self.first).copied();
        self.first = self.place(1);
        offer
    }

    const fn place(&self, n: usize) -> usize {
        self.first.wrapping_add(n) % OFFERS
    }
}
