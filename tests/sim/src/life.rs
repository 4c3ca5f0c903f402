// SPDX-License-Identifier: BSD-2-Clause
//! A model of the kernel's lifecycle thread and of GEOM, which carry out the core's
//! jobs for a disk and report its events, with arbitrary delays.
//!
//! Invariants: a target has at most one disk; its size is the one that the target
//! reported last; an open disk is removed only if its target is gone, and is never
//! shrunk or tasted; every note is reported once, in order, or counted as lost; a
//! note that the console does not get is counted, and the count is reported there.

use std::collections::{BTreeMap, VecDeque};

use aoe_core::ffi::abi::{self, AoeDiskJob, AoeNote, AoeOutput};

use crate::core::Address;
use crate::rng::Rng;

unsafe extern "C" {
    fn aoe_core_disk_next(block: *mut u8, job: *mut AoeDiskJob);
    fn aoe_core_disk_made(block: *mut u8);
    fn aoe_core_disk_let_go(block: *mut u8);
    fn aoe_core_disk_taste(block: *mut u8) -> i32;
    fn aoe_core_disk_read_only(block: *mut u8, read_only: i32);
    fn aoe_core_disk_state(block: *const u8) -> u32;
    fn aoe_core_disk_opened(block: *const u8) -> u64;
    fn aoe_core_note(block: *mut u8, now: u64, all: i32, note: *mut AoeNote) -> i32;
    fn aoe_core_may_free(block: *const u8) -> i32;
    fn aoe_core_open(block: *mut u8, now: u64) -> i32;
    fn aoe_core_close(block: *mut u8, now: u64);
}

/// The number of the event that reports how many notes were lost.
const LOST: u32 = 33;
const RESUMED: u32 = 30;
/// In place of an event's number: the value is the number of notes that the
/// console did not get.
const UNSHOWN: u32 = 0;
/// So many seconds of a scenario are one second for the console's limit: otherwise
/// there would be too few notes in a second to reach it.
const SLOWER: u64 = 128;

/// A provider, as GEOM knows it.
#[derive(Clone, Copy, Debug)]
struct Provider {
    blocks: u64,
    is_protected: bool,
    is_going: bool,
}

/// The disk of one target.
#[derive(Debug, Default)]
struct Disk {
    provider: Option<Provider>,
    /// The provider is being created.
    is_making: bool,
    /// How often it is open, and whether one of these is a class that tastes it.
    opens: u32,
    is_tasted: bool,
    /// The size in blocks that the target reported last.
    blocks: u64,
    is_gone: bool,
    is_read_only: bool,
    /// Events (number and value) that are still to be reported, and how many were
    /// left out since the last report of lost notes.
    untold: VecDeque<(u32, u64)>,
    left_out: u64,
    /// Notes that the console did not get since it was last told their number.
    unshown: u64,
}

/// The disks of all targets, in a kernel that takes time.
pub(crate) struct Life {
    disks: BTreeMap<Address, Disk>,
    rng: Rng,
    /// The thread has something to do.
    pub(crate) wants_look: bool,
}

/// Takes the next job for a target's disk.
fn next(block: *mut u8) -> AoeDiskJob {
    let mut job = AoeDiskJob { sectors: 0, job: 0, read_only: 0, reserved: [0; 3] };
    // SAFETY: The block is initialised.
    unsafe { aoe_core_disk_next(block, &mut job) };
    job
}

/// Carries out all jobs as a kernel would that takes no time: no disk outlives its
/// last close.
pub(crate) fn serve_at_once(block: *mut u8) {
    // SAFETY: The block is initialised.
    unsafe {
        let mut note = std::mem::zeroed();
        while aoe_core_note(block, 0, 1, &mut note) != 0 {}
        loop {
            let job = next(block);
            match job.job {
                abi::JOB_MAKE => aoe_core_disk_made(block),
                abi::JOB_TASTE => assert_eq!(aoe_core_disk_taste(block), 1),
                abi::JOB_RESIZE => {}
                _ if aoe_core_disk_state(block) == abi::DISK_GOING
                    && aoe_core_disk_opened(block) == u64::MAX =>
                {
                    aoe_core_disk_let_go(block);
                }
                _ => return,
            }
        }
    }
}

/// Returns whether a target may be freed.
fn may_free(block: *const u8) -> bool {
    // SAFETY: The block is initialised.
    unsafe { aoe_core_may_free(block) != 0 }
}

impl Life {
    pub(crate) fn new(rng: Rng) -> Life {
        Life { disks: BTreeMap::new(), rng, wants_look: false }
    }

    /// Records an output that is neither a frame nor a completion.
    pub(crate) fn note(&mut self, address: Address, out: &AoeOutput) {
        self.wants_look = true;
        let disk = self.disks.entry(address).or_default();
        match out.kind {
            abi::OUT_IDLE | abi::OUT_CONTROL_DONE => return,
            abi::OUT_UP => (disk.blocks, disk.is_gone) = (out.value, false),
            abi::OUT_RESIZED => disk.blocks = out.value,
            abi::OUT_GONE => disk.is_gone = true,
            _ => {}
        }
        disk.untold.push_back((out.event.into(), out.value));
    }

    /// Opens the provider, and returns whether that succeeds; GEOM calls the driver
    /// for the first open only.
    pub(crate) fn open(&mut self, address: Address, block: *mut u8, now: u64) -> bool {
        let disk = self.disks.entry(address).or_default();
        let there = disk.provider.is_some_and(|provider| !provider.is_going) && !disk.is_making;
        // SAFETY: The block is initialised.
        if !there || disk.opens == 0 && unsafe { aoe_core_open(block, now) } != 0 {
            return false;
        }
        disk.opens += 1;
        true
    }

    pub(crate) fn close(&mut self, address: Address, block: *mut u8, now: u64) {
        let disk = self.disks.entry(address).or_default();
        disk.opens -= 1;
        if disk.opens == 0 {
            // SAFETY: The block is initialised.
            unsafe { aoe_core_close(block, now) };
        }
        self.wants_look = true;
    }

    /// Runs the thread for a target; returns true if the target may be freed.
    pub(crate) fn look(
        &mut self,
        address: Address,
        block: *mut u8,
        now: u64,
    ) -> Result<bool, String> {
        self.tell(address, block, now)?;
        self.serve(address, block, now)?;
        let disk = self.disks.entry(address).or_default();
        // The administrator makes the disk read-only, and writable at the next look.
        if disk.is_read_only || self.rng.chance(300) {
            disk.is_read_only = !disk.is_read_only;
            // SAFETY: The block is initialised.
            unsafe { aoe_core_disk_read_only(block, disk.is_read_only.into()) };
            self.wants_look = true;
        }
        self.check(address, block)?;
        let is_over = may_free(block);
        if is_over {
            self.forget(address)?;
        }
        Ok(is_over)
    }

    fn forget(&mut self, address: Address) -> Result<(), String> {
        match self.disks.remove(&address) {
            Some(disk)
                if disk.provider.is_some() || !disk.untold.is_empty() || disk.unshown != 0 =>
            {
                Err(format!("a target is to be freed with {disk:?}"))
            }
            _ => Ok(()),
        }
    }

    fn tell(&mut self, address: Address, block: *mut u8, now: u64) -> Result<(), String> {
        let disk = self.disks.entry(address).or_default();
        loop {
            // SAFETY: Plain old data, and the block is initialised.
            let note: AoeNote = unsafe {
                let mut note = std::mem::zeroed();
                if aoe_core_note(block, now / SLOWER, 0, &mut note) == 0 {
                    break;
                }
                note
            };
            if note.event == UNSHOWN {
                if note.value != std::mem::take(&mut disk.unshown) || note.value == 0 {
                    return Err(format!("{} notes were not shown: {disk:?}", note.value));
                }
                continue;
            }
            disk.unshown += u64::from(note.tell & abi::TELL_CONSOLE == 0);
            if note.event == LOST {
                let lost = disk.left_out + disk.untold.len() as u64;
                if note.value != lost || lost == 0 {
                    return Err(format!("{lost} notes were lost, and {} are told", note.value));
                }
                disk.untold.clear();
                disk.left_out = 0;
                continue;
            }
            loop {
                match disk.untold.pop_front() {
                    // Only the note has the length of the outage.
                    Some((RESUMED, _)) if note.event == RESUMED => break,
                    Some(told) if told == (note.event, note.value) => break,
                    Some(_) => disk.left_out += 1,
                    None => return Err(format!("told of what did not happen: {note:?}")),
                }
            }
        }
        match disk.untold.len() as u64 + disk.left_out {
            0 => Ok(()),
            untold => Err(format!("{untold} notes were neither told nor counted")),
        }
    }

    fn serve(&mut self, address: Address, block: *mut u8, now: u64) -> Result<(), String> {
        let disk = self.disks.entry(address).or_default();
        // GEOM has finished the tasting that an earlier look began.
        if disk.is_tasted {
            disk.is_tasted = false;
            self.close(address, block, now);
        }
        let disk = self.disks.entry(address).or_default();
        if disk.provider.is_some_and(|provider| provider.is_going) && disk.opens == 0 {
            if self.rng.chance(7000) {
                disk.provider = None;
                // SAFETY: The block is initialised.
                unsafe { aoe_core_disk_let_go(block) };
            }
            self.wants_look = true;
        }
        if std::mem::take(&mut self.disks.entry(address).or_default().is_making) {
            self.make(address, block, now);
        }
        loop {
            let job = next(block);
            match job.job {
                abi::JOB_REST => return Ok(()),
                abi::JOB_TASTE => {
                    // Sometimes another thread has the topology lock.
                    self.wants_look = self.rng.chance(3000);
                    if !self.wants_look {
                        self.taste(address, block)?;
                    }
                    return Ok(());
                }
                _ => self.carry_out(address, &job, block, now)?,
            }
        }
    }

    fn make(&mut self, address: Address, block: *mut u8, now: u64) {
        // SAFETY: The block is initialised.
        unsafe { aoe_core_disk_made(block) };
        // GEOM's classes taste it, which opens it for a while.
        if self.rng.chance(5000) && self.open(address, block, now) {
            self.disks.entry(address).or_default().is_tasted = true;
            self.wants_look = true;
        }
    }

    fn taste(&mut self, address: Address, block: *mut u8) -> Result<(), String> {
        let disk = self.disks.entry(address).or_default();
        // SAFETY: The block is initialised.
        match unsafe { aoe_core_disk_taste(block) } {
            1 if disk.opens != 0 => Err("an open disk is to be tasted again".to_string()),
            1 if disk.provider.is_none() => Err("no disk is to be tasted again".to_string()),
            _ => Ok(()),
        }
    }

    fn carry_out(
        &mut self,
        address: Address,
        job: &AoeDiskJob,
        block: *mut u8,
        now: u64,
    ) -> Result<(), String> {
        let waits = self.rng.chance(3000);
        let disk = self.disks.entry(address).or_default();
        let was = format!("{job:?}, {disk:?}");
        let fail = |what: &str| Err(format!("{what}: {was}"));
        if job.job != abi::JOB_REMOVE && job.sectors != disk.blocks {
            return fail("another size than the target's");
        }
        match (job.job, disk.provider) {
            (abi::JOB_MAKE, None) => {
                disk.provider = Some(Provider {
                    blocks: job.sectors,
                    is_protected: job.read_only != 0,
                    is_going: false,
                });
                // Creating it may sleep for memory.
                disk.is_making = waits;
                self.wants_look |= waits;
                if !waits {
                    self.make(address, block, now);
                }
                Ok(())
            }
            (abi::JOB_REMOVE, Some(there)) if !there.is_going => {
                if disk.opens != 0 && !disk.is_gone {
                    return fail("an open disk is removed");
                }
                disk.provider = Some(Provider { is_going: true, ..there });
                self.wants_look = true;
                Ok(())
            }
            (abi::JOB_RESIZE, Some(there)) if !there.is_going => {
                if disk.opens != 0 && job.sectors < there.blocks {
                    return fail("an open disk shrinks");
                }
                disk.provider = Some(Provider { blocks: job.sectors, ..there });
                Ok(())
            }
            _ => fail("a job that nobody can do"),
        }
    }

    /// Checks that the core's state of the disk is the true one.
    pub(crate) fn check(&self, address: Address, block: *const u8) -> Result<(), String> {
        let none = Disk::default();
        let disk = self.disks.get(&address).unwrap_or(&none);
        // SAFETY: The block is initialised.
        let (state, opened) =
            unsafe { (aoe_core_disk_state(block), aoe_core_disk_opened(block) != u64::MAX) };
        let agree = match &disk.provider {
            None => state == abi::DISK_NONE,
            Some(_) if disk.is_making => state == abi::DISK_MAKING,
            Some(provider) if provider.is_going => state == abi::DISK_GOING,
            // A closed disk with the wrong write protection cannot be opened.
            Some(provider) => match state {
                abi::DISK_LIVE => disk.opens != 0 || provider.is_protected == disk.is_read_only,
                state => state == abi::DISK_DOOMED,
            },
        };
        match agree && opened == (disk.opens != 0) {
            true => Ok(()),
            false => Err(format!("the core takes the disk for {state}, open {opened}: {disk:?}")),
        }
    }
}
