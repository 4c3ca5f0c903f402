// SPDX-License-Identifier: BSD-2-Clause
//! Answers from addresses without a target, kept until a thread creates a target
//! for each.

use crate::ring::Ring;
use crate::slot::LinkId;
use crate::targets::Frame;
use crate::wire::{ConfigRequest, Header};

/// Maximum number of answers that are kept.
pub const OFFERS: usize = 64;
/// Bytes of an answer that are kept.
pub const OFFER_LEN: usize = 36;
/// Length in bytes of the header up to the tag, which is the same in all answers
/// of one target over one path.
const SAME: usize = Header::LEN - size_of::<u32>();

/// An answer that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The first bytes of the frame, from the Ethernet header on, with zeros
    /// after the end of a shorter frame.
    pub header: [u8; OFFER_LEN],
    /// Length in bytes of the frame without its config string. The string is not
    /// kept, since the target's next answer contains it again.
    pub length: usize,
    /// The interface that received it.
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
    /// The answer is kept.
    New,
    /// The answer replaced an earlier one of the same target over the same path.
    Again,
    /// The answer was dropped for lack of room.
    Lost,
}

/// The answers that are kept, oldest first. All zero bytes are an empty queue.
#[derive(Debug)]
pub struct Offers(Ring<Offer, OFFERS>);

impl Offers {
    /// An empty queue.
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
