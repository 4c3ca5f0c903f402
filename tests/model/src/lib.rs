// SPDX-License-Identifier: BSD-2-Clause
//! The two places of the shim that rely on the order of memory and not on a
//! lock, transcribed from C for loom, which runs them in every order that the
//! C11 model allows an acquire-release machine, arm64 among them.
//!
//! [`drain`] is the leave of the drainer in `kmod-shim/aoe_run.c`, [`returned`]
//! the list of returned buffers in `kmod-shim/aoe_mbuf.c`. Functions have the
//! names that they have there, and FreeBSD's atomics their orders: plain is
//! `Relaxed`, `_acq` is `Acquire`, `_rel` is `Release`. The orders that matter
//! are arguments, so that a test can weaken each and see that it is noticed.

pub mod drain;
pub mod returned;
