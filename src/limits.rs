// SPDX-License-Identifier: BSD-2-Clause
//! Times and numbers for the program that runs the core. They are told once,
//! when the module is loaded.

use crate::time::Micros;

/// How often everything is looked at, for the sake of what has no event: the
/// MTU of an interface, a buffer that came back to a target that is gone.
pub const LOOK: Micros = Micros::from_secs(1);
/// A timer that is due so soon is not set again: a retransmission is never due
/// within less than this beyond the round trip that it expects.
pub const GRAIN: Micros = Micros::from_millis(4);
/// A timer may be so late, for the sake of others that are due then.
pub const SLACK: Micros = Micros::from_millis(1);
/// How often a target looks for its buffers that came back, while some are out
/// and it has nothing else to do.
pub const REAP: Micros = Micros::from_millis(250);
/// Turns of a drain before another thread goes on with it: the one that began
/// it has something else to do.
pub const TURNS: u32 = 32;
/// Buffers of a target that nothing but a want of memory takes: one for I/O, and
/// one for the question whether the target is there.
pub const RESERVE: u32 = 2;
/// Buffers that a target keeps to use them again, the reserve included.
pub const KEPT: u32 = 16;
/// Milliseconds that a request of the control device may take: that a command
/// may ask for, that it waits for its turn, and that a reader waits for an event.
pub const REQUEST_MS: u32 = 60_000;

static_assertions::const_assert!(RESERVE < KEPT);
static_assertions::const_assert!(GRAIN.0 <= crate::rtt::MIN_MARGIN);
