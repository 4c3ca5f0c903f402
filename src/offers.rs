// SPDX-License-Identifier: BSD-2-Clause
//! Answers from addresses without a target, kept until a thread creates a target
//! for each.

use crate::ring::Ring;
use crate::slot::LinkId;
use crate::targets::Frame;
use crate::wire::{ConfigRequest, Header};

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
    /// Length of the frame without its config string, which is not kept: the
    /// next answer brings it.
    pub length: usize,
    /// Where it came in.
    pub link: LinkId,
}

impl Offer {
    const NONE: Self = Self { header: [0; OFFER_LEN], length: 0, link: LinkId(0) };

    fn new(frame: &Frame<'_>) -> Self {
        let length = frame.length.min(Header::LEN + ConfigRequest::LEN);
        let mut offer = Self { length, link: frame.link, ..Self::NONE };
        offer.header.iter_mut().zip(frame.header).for_each(|(to, from)| *to = *from);
        offer
    }

    fn is_same(&self, other: &Self) -> bool {
        self.link == other.link && self.header.get(..SAME) == other.header.get(..SAME)
    }
}

/// The result of offering an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is kept.
    New,
    /// It replaced an earlier one from the same address: the last one counts.
    Again,
    /// There was no room.
    Lost,
}

/// All of them, the oldest first. Zero bytes are none.
#[derive(Debug)]
pub struct Offers(Ring<Offer, OFFERS>);

impl Offers {
    /// None.
    pub const NONE: Self = Self(Ring::new(Offer::NONE));

    pub(crate) fn keep(&mut self, frame: &Frame<'_>) -> Kept {
        let offer = Offer::new(frame);
        if let Some(old) = self.0.find_mut(|old| old.is_same(&offer)) {
            *old = offer;
            return Kept::Again;
        }
        if self.0.push(offer) { Kept::New } else { Kept::Lost }
    }

    pub(crate) fn take(&mut self) -> Option<Offer> {
        self.0.pop()
    }
}
