// SPDX-License-Identifier: BSD-2-Clause
//! Times and numbers for the shim, which reads them once, when the module is loaded.

use crate::time::Micros;

/// Interval of polling for changes that cause no event, such as a new MTU of an
/// interface, or a buffer given back to a target that is gone.
pub const LOOK: Micros = Micros::from_secs(1);
/// A timer that is set to fire within this time is not set to an earlier one. That
/// is soon enough for a retransmission, which is due at least this long after the
/// expected round trip.
pub const GRAIN: Micros = Micros::from_millis(4);
/// How late a timer may fire, so that it can be handled together with others.
pub const SLACK: Micros = Micros::from_millis(1);
/// Interval at which a target checks whether its buffers were given back, while some
/// are in use and it has nothing else to do.
pub const REAP: Micros = Micros::from_millis(250);
/// Turns of a drain after which a task continues it, since the draining thread has
/// other work.
pub const TURNS: u32 = 32;
/// Buffers of a target that are used only when memory is short: one for I/O, and
/// one to check whether the target answers.
pub const RESERVE: u32 = 2;
/// Maximum number of buffers that a target keeps for reuse, including the reserve.
pub const KEPT: u32 = 16;
/// Limit in milliseconds of each of these in a request to the control device: a
/// command, the wait for its turn, and a reader's wait for an event.
pub const REQUEST_MS: u32 = 60_000;

static_assertions::const_assert!(RESERVE < KEPT);
static_assertions::const_assert!(GRAIN.0 <= crate::rtt::MIN_MARGIN);
