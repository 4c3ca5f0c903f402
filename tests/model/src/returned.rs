// SPDX-License-Identifier: BSD-2-Clause
//! The list of buffers that interfaces have returned: `aoe_buf_free()`, called in
//! any context and under any lock, and `aoe_bufs_reap()`, with the target's mutex.

use loom::cell::UnsafeCell;
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use loom::sync::atomic::{AtomicUsize, Ordering, fence};

/// The memory orders that the tests weaken.
#[derive(Clone, Copy)]
pub struct Orders {
    /// Of the compare-and-swap in `aoe_buf_free()`.
    pub give: Ordering,
    /// Whether `aoe_bufs_reap()` has its fence.
    pub fence: bool,
}

/// The values in the source.
pub const SOURCE: Orders = Orders { give: Release, fence: true };

pub const BUFFERS: usize = 3;

/// `sc_sent`, and the buffers. In the list, `n + 1` is buffer `n`, 0 is the end.
pub struct Returned {
    orders: Orders,
    sent: AtomicUsize,
    /// `b_next`, which also stands for everything that a driver did to the buffer.
    next: [UnsafeCell<usize>; BUFFERS],
}

// SAFETY: loom checks every access to the cells.
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
            // SAFETY: loom checks that no other thread accesses the buffer meanwhile.
            self.next[buffer].with_mut(|next| unsafe { *next = old });
            if self.sent.compare_exchange(old, buffer + 1, self.orders.give, Relaxed).is_ok() {
                return;
            }
        }
    }

    /// `aoe_bufs_reap()`: returns the buffers found, which the caller may use again.
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
