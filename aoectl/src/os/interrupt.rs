// SPDX-License-Identifier: BSD-2-Clause
//! ^C, for a command that has something to say before it ends.

use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, Ordering};

const SIGINT: c_int = 2;

static SEEN: AtomicBool = AtomicBool::new(false);

#[expect(unsafe_code, reason = "a declaration")]
// SAFETY: As in signal.h; the handler that is passed does nothing but store.
unsafe extern "C" {
    safe fn signal(signal: c_int, handler: extern "C" fn(c_int)) -> usize;
    safe fn siginterrupt(signal: c_int, interrupts: c_int) -> c_int;
}

extern "C" fn note(_: c_int) {
    SEEN.store(true, Ordering::Relaxed);
}

/// From now on, ^C interrupts a wait, and is remembered.
pub fn catch_interrupt() {
    signal(SIGINT, note);
    siginterrupt(SIGINT, 1);
}

pub fn is_interrupted() -> bool {
    SEEN.load(Ordering::Relaxed)
}
