// SPDX-License-Identifier: BSD-2-Clause
//! A target's inputs besides frames and I/O: the administrator's settings, and
//! the state of the local interfaces.

use crate::output::IoError;
use crate::slot::{LINKS, LinkId};
use crate::table::Table;
use crate::time::Micros;
use crate::wire::Mac;

/// How the path of a frame is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// The first path that is up, until it is down.
    Failover,
    /// The path with the least expected completion time.
    #[default]
    Latency,
    /// Each path in turn.
    RoundRobin,
}

/// The administrator's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long I/O waits for a lost target; `None` for ever.
    pub maxwait: Option<Micros>,
    /// Time after which a write's copy that left the interface can no longer arrive.
    pub ghost_wait: Micros,
    /// How long a read of a disk that is being tasted may take.
    pub taste_wait: Micros,
    /// Maximum number of frames outstanding on a path.
    pub maxout: u32,
    /// Which path a frame takes.
    pub policy: Policy,
    /// The wanted state of the disk's write cache; `None` leaves it alone.
    pub write_cache: Option<bool>,
    /// Remove the disk as soon as no path is left.
    pub fail_on_disconnection: bool,
    /// Accept answers only from the MAC address that was queried.
    pub strict_src: bool,
    /// The system shuts down.
    pub is_shutting_down: bool,
}

impl Settings {
    /// Returns the maximum number of frames outstanding on a path: the target's buffer
    /// count, at least 1, limited by `maxout`.
    pub(super) fn ceiling(&self, buffer_count: u16) -> u32 {
        u32::from(buffer_count.max(1)).min(self.maxout)
    }

    /// Returns the error of I/O whose disk is gone. At a shutdown it is not `Gone`: that
    /// makes a file system unmount itself by force, and the system panic if it is the
    /// root file system.
    pub(crate) fn gone(&self) -> IoError {
        if self.is_shutting_down { IoError::Io } else { IoError::Gone }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            maxwait: Some(Micros::from_secs(180)),
            ghost_wait: Micros::from_secs(10),
            taste_wait: Micros::from_secs(10),
            maxout: 64,
            policy: Policy::Latency,
            write_cache: None,
            fail_on_disconnection: false,
            strict_src: false,
            is_shutting_down: false,
        }
    }
}

/// The local interfaces that a target knows.
pub type Links = Table<Link, LinkId, LINKS>;

/// The state of a local interface.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// Maximum bytes after the Ethernet header.
    pub mtu: u32,
    /// Its MAC address.
    pub mac: Mac,
    /// Up, running and with a carrier.
    pub up: bool,
    /// It is in the list of interfaces, and it exists.
    pub present: bool,
}

impl Link {
    /// An interface that does not exist.
    pub const NONE: Self = Self { mtu: 0, mac: Mac([0; 6]), up: false, present: false };

    /// Whether frames can leave through it.
    pub(crate) fn is_usable(&self) -> bool {
        self.present && self.up
    }
}
