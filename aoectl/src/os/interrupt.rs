// SPDX-License-Identifier: BSD-2-Clause
//! Signals, for commands that must clean up or report before they end.

use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, Ordering};

const SIGHUP: c_int = 1;
const SIGINT: c_int = 2;
const SIGTERM: c_int = 15;

static SEEN: AtomicBool = AtomicBool::new(false);

#[expect(unsafe_code, reason = "declares functions of the C library")]
// SAFETY: The declarations match signal.h. The only handler that is passed just stores
// to an atomic, which is async-signal-safe.
unsafe extern "C" {
    safe fn signal(signal: c_int, handler: extern "C" fn(c_int)) -> usize;
    safe fn siginterrupt(signal: c_int, interrupts: c_int) -> c_int;
}

extern "C" fn note(_: c_int) {
    SEEN.store(true, Ordering::Relaxed);
}

fn catch(number: c_int) {
    signal(number, note);
    siginterrupt(number, 1);
}

/// Makes ^C interrupt a wait and set a flag, instead of ending the program.
pub fn catch_interrupt() {
    catch(SIGINT);
}

/// Does the same for SIGHUP, SIGINT and SIGTERM.
pub fn catch_termination() {
    for number in [SIGHUP, SIGINT, SIGTERM] {
        catch(number);
    }
}

/// Whether such a signal has arrived.
pub fn is_interrupted() -> bool {
    SEEN.load(Ordering::Relaxed)
}
