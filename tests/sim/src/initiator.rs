// SPDX-License-Identifier: BSD-2-Clause
//! The initiator that a scenario drives: the inputs and outputs of the C boundary.

use aoe_core::output::{IoError, Output};

/// A listed local interface, as the shim sees it.
#[derive(Clone, Copy, Debug)]
pub struct LinkState {
    pub mac: [u8; 6],
    pub mtu: u32,
    pub up: bool,
    pub present: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Read,
    Write,
    Flush,
    Delete,
}

/// An I/O, as disk(9) hands it over.
#[derive(Clone, Copy, Debug)]
pub struct Submission {
    pub handle: u64,
    pub kind: Kind,
    pub lba: u64,
    pub sectors: u32,
    pub ordered: bool,
}

/// Why an I/O was not accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refused {
    /// Tables are full: offer it again when something has completed.
    Later,
    /// The I/O has failed.
    Failed(IoError),
}

/// Where the payload of a received frame belongs.
#[derive(Clone, Copy, Debug)]
pub struct CopyTo {
    pub handle: u64,
    pub offset: usize,
    pub frame_offset: usize,
    pub length: usize,
}

/// Settings that scenarios vary.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub maxwait_us: u64,
    pub ghost_wait_us: u64,
    pub maxout: u32,
    pub policy: u32,
    pub strict_src: bool,
    pub io_slots: u32,
    pub frame_slots: u32,
    pub copy_slots: u32,
}

/// The visible state of a path.
#[derive(Clone, Copy, Debug, Default)]
pub struct PathView {
    pub mac: [u8; 6],
    pub link: u8,
    pub window: u32,
    pub in_flight: u32,
    /// It carries I/O.
    pub is_up: bool,
    /// It is being identified.
    pub is_asked: bool,
    /// Another disk answers there, or two disks do.
    pub is_conflict: bool,
}

/// Counters that a scenario's summary shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    pub sent: u64,
    pub retransmitted: u64,
    pub fences: u64,
    pub guard_waits: u64,
    pub guard_wait_us: u64,
    pub active: u32,
    /// Copies of finished writes that may still arrive.
    pub guarded: u32,
    /// Nearly every request is answered twice.
    pub is_doubled: bool,
}

/// An initiator, with time in microseconds.
pub trait Initiator {
    fn link(&mut self, now: u64, link: u8, state: LinkState);
    fn discover(&mut self, now: u64);
    fn submit(&mut self, now: u64, io: Submission) -> Result<(), Refused>;
    /// Handles a received frame of our ethertype; returns the copy to be made, if any.
    fn rx(&mut self, now: u64, link: u8, frame: &[u8]) -> Option<CopyTo>;
    fn sent(&mut self, now: u64, copy: u32);
    fn tick(&mut self, now: u64);
    fn poll(&mut self, now: u64) -> Option<Output>;
    fn deadline(&self) -> Option<u64>;
    fn open(&mut self, now: u64) -> bool;
    fn close(&mut self, now: u64);
    /// Returns whether the lifecycle thread has something to do; `look` does it.
    fn wants_look(&self) -> bool {
        false
    }
    fn look(&mut self, _now: u64) -> Result<(), String> {
        Ok(())
    }
    /// Checks what must hold after every event.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
    /// Returns the bytes of the control buffer that a frame carries.
    fn control(&self, offset: usize, length: usize) -> &[u8];
    /// Returns the paths of the target that I/O goes to.
    fn paths(&self) -> Vec<PathView>;
    fn counters(&self, now: u64) -> Counters;
}
