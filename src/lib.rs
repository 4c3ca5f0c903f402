// SPDX-License-Identifier: BSD-2-Clause
//! ATA-over-Ethernet initiator protocol core.
//!
//! The core performs no I/O, reads no clock and allocates nothing. Every input
//! is passed with its arrival time, and polling returns every output.
//! Dependencies have one direction: `time <- wire <- {rtt, window, path,
//! request} <- {io, guard} <- {targets, discovery} <- ffi`.
#![no_std]
// The library itself is linted without `cfg(test)`, in the same run.
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

#[cfg(any(test, feature = "std"))]
extern crate std;

pub mod abft;
pub mod absent;
mod advert;
pub mod boot;
pub mod config;
pub mod discovery;
pub mod dump;
pub mod fate;
pub mod ffi;
pub mod filter;
mod granules;
mod guard;
mod histogram;
mod history;
pub mod io;
pub mod leave;
pub mod limits;
mod list;
pub mod log;
pub mod nodes;
pub mod notes;
pub mod offers;
pub mod output;
mod path;
mod random;
mod rate;
mod reorder;
mod request;
mod ring;
mod rtt;
pub mod slot;
mod table;
mod tag;
pub mod targets;
pub mod text;
pub mod time;
mod unfit;
mod window;
pub mod wire;
