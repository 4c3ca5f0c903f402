// SPDX-License-Identifier: BSD-2-Clause
//! A simulator: the protocol core, a network and model targets.
//!
//! Time is virtual, and there are no threads: the seed alone determines a
//! scenario. The model target and the frames are written from the
//! specification, without the core's codec.

pub mod action;
pub mod copies;
pub mod core;
mod dumping;
mod faults;
pub mod frame;
pub mod host;
pub mod hostile;
pub mod initiator;
mod large;
mod life;
mod living;
pub mod machine;
mod management;
pub mod naive;
pub mod network;
pub mod pattern;
pub mod plan;
pub mod quirks;
pub mod reference;
pub mod rng;
pub mod search;
pub mod shim;
mod shutdown;
pub mod target;
pub mod twins;
mod wires;
pub mod world;
