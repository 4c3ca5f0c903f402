// SPDX-License-Identifier: BSD-2-Clause
//! The two places of the shim that rely on memory ordering and not on a lock,
//! transcribed from C for loom, which runs them in every order that the C11
//! memory model allows an acquire-release machine such as arm64.
//!
//! [`drain`] models how the drainer leaves in `kmod-shim/aoe_run.c`,
//! [`returned`] the list of returned buffers in `kmod-shim/aoe_mbuf.c`.
//! Functions have the names that they have there. FreeBSD's atomics map to these
//! orders: plain is `Relaxed`, `_acq` is `Acquire`, `_rel` is `Release`. The
//! orders that matter are parameters, so that a test can weaken each one and
//! check that loom reports it.

pub mod drain;
pub mod returned;
