// SPDX-License-Identifier: BSD-2-Clause
//! Scenarios of one target, frame by frame.

mod accept;
mod advert;
mod beside;
mod control;
mod doubled;
mod filtered;
mod guard;
mod io;
mod life;
mod nodes;
mod policy;
mod rig;
mod share;
mod taste;
mod trouble;
