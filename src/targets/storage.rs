// SPDX-License-Identifier: BSD-2-Clause
//! The memory of a target: tables of fixed size, and buffers.

use super::{CONTROL_MAX, Links, SCRATCH_MAX};
use crate::granules::Granules;
use crate::guard::Copies;
use crate::history::EarlierTable;
use crate::io::Ios;
use crate::path::Paths;
use crate::request::Requests;

/// The memory of a target, borrowed for its whole life. It never grows.
#[derive(Debug)]
#[expect(missing_docs, reason = "the types describe the fields")]
pub struct Storage {
    pub ios: Ios,
    pub requests: Requests,
    pub earlier: EarlierTable,
    pub copies: Copies,
    pub paths: Paths,
    pub links: Links,
    /// The locations of the writes in progress.
    pub changes: Granules,
    /// The buffer for answers that the core itself reads.
    pub scratch: [u8; SCRATCH_MAX],
    /// A management command, then its answer.
    pub control: [u8; CONTROL_MAX],
    /// The IDENTIFY data last accepted.
    pub identify: [u8; 512],
    /// The config string as last seen.
    pub config: [u8; 1024],
}

/// How many slots of each table are used: all, except in tests that fill the tables.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// I/Os accepted at once.
    pub ios: u16,
    /// Requests outstanding at once.
    pub requests: u16,
    /// Copies of writes remembered at once.
    pub copies: u16,
}

impl Limits {
    /// All slots of each table.
    pub const ALL: Self = Self { ios: u16::MAX, requests: u16::MAX, copies: u16::MAX };
}

#[cfg(any(test, feature = "std"))]
impl Storage {
    /// Allocates memory that is never freed.
    pub fn leaked() -> &'static mut Self {
        use super::{CopySlot, EarlierSlot, IoSlot, Link, PathSlot, RequestSlot};
        use crate::table::Table;
        std::boxed::Box::leak(std::boxed::Box::new(Self {
            ios: Table::new(|| IoSlot::FREE),
            requests: Table::new(|| RequestSlot::FREE),
            earlier: Table::new(|| EarlierSlot::FREE),
            copies: Table::new(|| CopySlot::FREE),
            paths: Table::new(|| PathSlot::FREE),
            links: Table::new(|| Link::NONE),
            changes: Granules::new(),
            scratch: [0; SCRATCH_MAX],
            control: [0; CONTROL_MAX],
            identify: [0; 512],
            config: [0; 1024],
        }))
    }
}
