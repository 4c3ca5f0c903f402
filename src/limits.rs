// SPDX-License-Identifier: BSD-2-Clause
//! Times and numbers for the program that runs the core, which reads them once,
//! when the module is loaded.

use crate::time::Micros;

/// Period of polling for changes without an event: the MTU of an interface, a
/// buffer that came back to a target that is gone.
pub const LOOK: Micros = Micros::from_secs(1);
/// A timer that is due within this time is not set again: a retransmission is due at
/// least this long after the expected round trip.
pub const GRAIN: Micros = Micros::from_millis(4);
/// A timer may be this late, to be handled together with others.
pub const SLACK: Micros = Micros::from_millis(1);
/// How often a target looks for its buffers that came back, while some are out
/// and it has nothing else to do.
pub const REAP: Micros = Micros::from_millis(250);
/// Turns of a drain before another thread continues it, since the first one has
/// other work.
pub const TURNS: u32 = 32;
/// Buffers of a target that are used only when memory is short: one for I/O, and
/// one to check whether the target answers.
pub const RESERVE: u32 = 2;
/// Buffers that a target keeps to use them again, the reserve included.
pub const KEPT: u32 = 16;
/// Maximum milliseconds of a request of the control device: for a command, for the
/// wait for its turn, and for a reader's wait for an event.
pub const REQUEST_MS: u32 = 60_000;

static_assertions::const_assert!(RESERVE < KEPT);
static_assertions::const_assert!(GRAIN.0 <= crate::rtt::MIN_MARGIN);
