// SPDX-License-Identifier: BSD-2-Clause
//! The counters of a path.

/// Counters that are shown to the administrator.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counters {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) retransmitted: u64,
    pub(crate) late: u64,
    pub(crate) unexpected: u64,
    /// Those of the unexpected answers that belong to a request already answered.
    pub(crate) doubled: u64,
}

impl Counters {
    /// Returns the increase since an earlier state.
    pub(crate) const fn since(&self, before: &Self) -> Self {
        Self {
            sent: self.sent.wrapping_sub(before.sent),
            received: self.received.wrapping_sub(before.received),
            retransmitted: self.retransmitted.wrapping_sub(before.retransmitted),
            late: self.late.wrapping_sub(before.late),
            unexpected: self.unexpected.wrapping_sub(before.unexpected),
            doubled: self.doubled.wrapping_sub(before.doubled),
        }
    }

    pub(crate) const NONE: Self =
        Self { sent: 0, received: 0, retransmitted: 0, late: 0, unexpected: 0, doubled: 0 };

    /// Returns the sum of both.
    pub(crate) const fn plus(&self, other: &Self) -> Self {
        Self {
            sent: self.sent.wrapping_add(other.sent),
            received: self.received.wrapping_add(other.received),
            retransmitted: self.retransmitted.wrapping_add(other.retransmitted),
            late: self.late.wrapping_add(other.late),
            unexpected: self.unexpected.wrapping_add(other.unexpected),
            doubled: self.doubled.wrapping_add(other.doubled),
        }
    }
}
