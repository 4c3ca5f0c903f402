// SPDX-License-Identifier: BSD-2-Clause
//! The list of buffers that interfaces gave back: `aoe_buf_free()`, anywhere and
//! under any lock, and `aoe_bufs_reap()`, with the target's mutex.

use loom::cell::UnsafeCell;
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use loom::sync::atomic::{AtomicUsize, Ordering, fence};

/// What the tests weaken.
#[derive(Clone, Copy)]
pub struct Orders {
    /// Of the compare-and-swap in `aoe_buf_free()`.
    pub give: Ordering,
    /// Whether `aoe_bufs_reap()` has its fence.
    pub fence: bool,
}

/// As the source has them.
pub const SOURCE: Orders = Orders { give: Release, fence: true };

pub const BUFFERS: usize = 3;

/// `sc_sent`, and the buffers: number `n` is `n + 1` in the list, 0 its end.
pub struct Returned {
    orders: Orders,
    sent: AtomicUsize,
    /// `b_next`, and with it all that a driver did to the buffer.
    next: [UnsafeCell<usize>; BUFFERS],
}

// SAFETY: loom checks every access to what is in the cells.
unsafe impl Sync for Returned {}

impl Returned {
    pub fn new(orders: Orders) -> Self {
        let next = std::array::from_fn(|_| UnsafeCell::new(0));
        Self { orders, sent: AtomicUsize::new(0), next }
    }

    /// `aoe_buf_free()`.
    pub fn give(&self, buffer: usize) {
        loop {
            let old = self.sent.load(Relaxed);
            // SAFETY: That nobody else has the buffer is what loom checks.
            self.next[buffer].with_mut(|next| unsafe { *next = old });
            if self.sent.compare_exchange(old, buffer + 1, self.orders.give, Relaxed).is_ok() {
                return;
            }
        }
    }

    /// `aoe_bufs_reap()`: the buffers that it found, each its own to use again.
    pub fn reap(&self) -> Vec<usize> {
        if self.sent.load(Relaxed) == 0 {
            return Vec::new();
        }
        let mut found = Vec::new();
        let mut at = self.sent.swap(0, Relaxed);
        if self.orders.fence {
            fence(Acquire);
        }
        while at != 0 {
            let buffer = at - 1;
            // SAFETY: As in `give`; `aoe_buf_recycle()` writes the same member.
            at = self.next[buffer].with_mut(|next| unsafe { std::mem::take(&mut *next) });
            found.push(buffer);
        }
        found
    }
}
