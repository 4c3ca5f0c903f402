// SPDX-License-Identifier: BSD-2-Clause
//! A seeded network and model targets around the protocol core.
//!
//! Virtual time, no threads, no clock: a scenario follows from its seed alone.
//! The model target and the frames are written from the specification, without
//! the core's codec.

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
