// SPDX-License-Identifier: BSD-2-Clause
//! A kernel that panics in the middle of a scenario, and writes its dump.
//!
//! From the panic on, the core that did the I/O gets no more input. Its frames on
//! the wire still arrive, the network still loses frames, and time passes only in
//! the steps of the dump. Invariants: a dump writes only inside the range that it
//! was given, has one request outstanding at a time, and reports success only if
//! all of its data is on the disk. If frames are only lost, doubled or delayed, it
//! succeeds.

use std::collections::HashSet;

use aoe_core::ffi::abi::{self, AoeDump, AoeDumpStep};

use crate::core::Core;
use crate::frame;
use crate::initiator::Initiator;
use crate::pattern::{self, SECTOR};
use crate::plan::{Fault, Plan, SECOND};
use crate::rng::Rng;
use crate::target::Executed;
use crate::world::{Event, Summary, World};

unsafe extern "C" {
    fn aoe_core_dump_begin(dump: *mut AoeDump, block: *const u8, sequence: *mut u32);
    fn aoe_core_dump_ask(dump: *mut AoeDump, offset: u64, length: u64, last: i32) -> i32;
    fn aoe_core_dump_step(dump: *mut AoeDump, block: *const u8, out: *mut AoeDumpStep);
    fn aoe_core_dump_path(dump: *mut AoeDump, local: *const [u8; 6], mtu: u32, buffer: u32) -> u32;
    fn aoe_core_dump_rx(dump: *mut AoeDump, frame: *const u8, length: u32);
}

/// The number of the dump's first write; those of the core have smaller numbers.
const FIRST_OP: u32 = 1 << 24;
/// Size of an mbuf cluster in bytes.
const BUFFER: u32 = 2048;
/// The longest duration of a call: a minute of silence in total ends a dump, and
/// each answer may come a second late.
const PATIENCE: u64 = 600 * SECOND;

/// A dump in progress.
pub(crate) struct Dumping {
    state: AoeDump,
    core: *const u8,
    /// First block and number of blocks of every call of d_dump.
    calls: Vec<(u64, u64)>,
    /// Blocks that a late write of the core changed.
    overwritten: HashSet<u64>,
    /// The interface that is polled, and its MTU when the dump took it.
    link: Option<(usize, u32)>,
    received: Vec<Vec<u8>>,
    /// The request that was sent last.
    last: Option<(u64, u64)>,
}

impl Dumping {
    /// Checks that a block that the target has written belongs to its call.
    pub(crate) fn executed(&mut self, done: &Executed) -> Result<(), String> {
        let Some(call) = done.op.checked_sub(FIRST_OP) else {
            self.overwritten.insert(done.lba);
            return Ok(());
        };
        match self.calls.get(call as usize) {
            Some(&(lba, count)) if (lba..lba + count).contains(&done.lba) => Ok(()),
            _ => Err(format!("the dump wrote block {}, which is outside of it", done.lba)),
        }
    }

    fn op(&self) -> u32 {
        FIRST_OP + self.calls.len() as u32 - 1
    }
}

impl Plan {
    /// Turns the plan into a scenario that ends in a panic. For half of the seeds,
    /// the only faults are lost, doubled and delayed frames.
    pub fn dumping(mut self) -> Plan {
        self.lossy = false;
        // A stopped kernel cannot detect another disk at the target's address,
        // and its administrator cannot ask for a beacon.
        self.faults.retain(|(_, fault)| {
            !matches!(fault, Fault::Impostor(_) | Fault::Twin(_) | Fault::Discover)
        });
        for (_, fault) in &mut self.faults {
            if let Fault::Restart { crash, .. } = fault {
                *crash = false;
            }
        }
        if self.is_mild() {
            self.faults.clear();
            self.profile.corrupt = 0;
            self.profile.loss = self.profile.loss.min(1000);
            (self.bad_sector, self.read_only) = (None, false);
        }
        self
    }

    fn is_mild(&self) -> bool {
        self.seed % 2 == 0
    }
}

impl World<'_, Core> {
    /// Runs until the kernel panics, and then through the dump.
    pub fn run_to_panic(mut self) -> Result<Summary, String> {
        let result = self.run_dump();
        let summary = self.finish();
        result.map(|()| summary).map_err(|error| format!("at {} us: {error}", self.now))
    }

    fn run_dump(&mut self) -> Result<(), String> {
        let mut rng = Rng::new(self.plan.seed ^ 0xd0_3b);
        let after = rng.range(1, 400);
        if !self.run_until_up(after)? {
            return Ok(());
        }
        let Some(core) = self.initiator.main() else { return Ok(()) };
        let is_certain =
            self.plan.is_mild() && self.initiator.paths().iter().any(|path| path.is_up);
        let mut state = AoeDump { state: [0; 24] };
        let mut sequence = rng.draw() as u32;
        // SAFETY: The block is initialised, and gets no more inputs.
        unsafe { aoe_core_dump_begin(&mut state, core, &mut sequence) };
        self.dumping = Some(Dumping {
            state,
            core,
            calls: Vec::new(),
            overwritten: HashSet::new(),
            link: None,
            received: Vec::new(),
            last: None,
        });
        self.begin_refused()?;
        let sectors = self.size >> self.plan.shift;
        let mut next = rng.below(sectors);
        for _ in 0..rng.range(1, 6) {
            if next == sectors {
                break;
            }
            let count = rng.range(1, (sectors - next).min(128));
            let result = self.call(next << self.plan.shift, count << self.plan.shift)?;
            next += count;
            match result {
                0 => self.summary.dumped += count << self.plan.shift,
                error if is_certain => return Err(format!("the dump failed: error {error}")),
                _ => return Ok(()),
            }
        }
        // This flushes. A target that announces flush and refuses it is not an error.
        let _ = self.ask_for(0, 0, true).and_then(|()| self.carry_out())?;
        Ok(())
    }

    /// Checks that a range that is not on the disk is refused.
    fn begin_refused(&mut self) -> Result<(), String> {
        let sector = (SECTOR as u64) << self.plan.shift;
        let end = self.size * SECTOR as u64;
        for (offset, length) in [(end, sector), (end - sector, 2 * sector), (u64::MAX - 511, 512)] {
            if self.ask_for(offset, length, false).is_ok() {
                return Err(format!("the dump is to write {length} bytes at {offset} of {end}"));
            }
        }
        Ok(())
    }

    fn dump(&mut self) -> &mut Dumping {
        self.dumping.as_mut().expect("a dump is under way")
    }

    fn ask_for(&mut self, offset: u64, length: u64, last: bool) -> Result<(), String> {
        // SAFETY: The dump was begun.
        match unsafe { aoe_core_dump_ask(&mut self.dump().state, offset, length, last.into()) } {
            0 => Ok(()),
            error => Err(format!("{length} bytes at {offset} are refused: error {error}")),
        }
    }

    /// Makes one call of d_dump, and returns its errno.
    fn call(&mut self, lba: u64, count: u64) -> Result<i32, String> {
        self.dump().calls.push((lba, count));
        self.dump().last = None;
        self.ask_for(lba * SECTOR as u64, count * SECTOR as u64, false)?;
        let error = self.carry_out()?;
        if error == 0 {
            self.check_written(lba, count)?;
        }
        Ok(error)
    }

    fn carry_out(&mut self) -> Result<i32, String> {
        let end = self.now + PATIENCE;
        while self.now < end {
            let dump = self.dump();
            // SAFETY: The step is plain old data; the dump was begun with this block.
            let step = unsafe {
                let mut step = std::mem::zeroed();
                aoe_core_dump_step(&mut dump.state, dump.core, &mut step);
                step
            };
            match step.kind {
                abi::DUMP_DONE => return Ok(step.error),
                abi::DUMP_PATH => self.take_path(step.link.into()),
                abi::DUMP_SEND => self.send_dump(&step)?,
                _ => self.pass(step.wait_us.into())?,
            }
        }
        Err("the dump does not end".to_string())
    }

    fn take_path(&mut self, at: usize) {
        let link = self.network.links[at].clone();
        let dump = self.dump();
        (dump.link, dump.last) = (None, None);
        if !link.present || !link.up {
            return;
        }
        // SAFETY: The dump was begun.
        let payload = unsafe { aoe_core_dump_path(&mut dump.state, &link.mac, link.mtu, BUFFER) };
        if payload != 0 {
            dump.link = Some((at, link.mtu));
        }
    }

    fn send_dump(&mut self, step: &AoeDumpStep) -> Result<(), String> {
        let (op, shift) = (self.dump().calls.len(), self.plan.shift);
        let mut bytes = step.header.to_vec();
        if step.length != 0 {
            let &(lba, _) = self.dump().calls.last().ok_or("data for no call")?;
            let mut data = vec![0; step.length as usize];
            let first = lba + step.offset / SECTOR as u64;
            for (sector, lba) in data.chunks_exact_mut(SECTOR).zip(first..) {
                pattern::fill(sector, self.dump().op(), lba);
            }
            bytes.extend(data);
        }
        bytes.resize(bytes.len().max(frame::MIN_FRAME), 0);
        self.summary.frames += 1;
        if self.trace {
            println!("{:>12} dump {op} sends {}", self.now, frame::describe(&bytes));
        }
        let Some((at, mtu)) = self.dump().link else {
            return Err("the dump sends without an interface".to_string());
        };
        let is_flush = matches!(bytes[frame::ATA_COMMAND], 0xe7 | 0xea) && step.length == 0;
        let is_ours = frame::is_aoe(&bytes)
            && frame::src(&bytes) == self.network.links[at].mac
            && bytes[frame::VERSION_FLAGS] == 0x10
            && frame::tag(&bytes) >> 31 == 1;
        if !is_ours || !is_flush && !frame::is_write(&bytes) || bytes.len() > mtu as usize + 14 {
            return Err(format!("no frame of a dump: {}", frame::describe(&bytes)));
        }
        if !is_flush {
            self.check_range(frame::block_range(&bytes, shift), step)?;
        }
        if !self.network.links[at].up || self.rng.chance(self.network.profile.no_mbuf) {
            return Ok(());
        }
        let (leaves, _) = self.network.leave(at, self.now);
        self.send(at, leaves, bytes, None);
        Ok(())
    }

    /// Checks that a write lies inside its call, at the place of its data, and that
    /// the write before it has been executed.
    fn check_range(&mut self, range: (u64, u64), step: &AoeDumpStep) -> Result<(), String> {
        let dump = self.dump();
        let &(lba, count) = dump.calls.last().ok_or("a write of no call")?;
        let (first, blocks) = range;
        let wanted = (lba + step.offset / SECTOR as u64, u64::from(step.length) / SECTOR as u64);
        if range != wanted || first < lba || first + blocks > lba + count || blocks == 0 {
            return Err(format!("a write of {range:?} in a dump of {:?}", (lba, count)));
        }
        match dump.last.replace(range) {
            Some((before, blocks)) if before != first => self.check_written(before, blocks),
            _ => Ok(()),
        }
    }

    fn check_written(&mut self, lba: u64, count: u64) -> Result<(), String> {
        let op = self.dump().op();
        for lba in lba..lba + count {
            let holds = self.targets[0].disk.now[lba as usize];
            if holds != op && !self.dump().overwritten.contains(&lba) {
                return Err(format!("block {lba} of the dump was acknowledged and is not there"));
            }
        }
        Ok(())
    }

    /// Lets time pass, and then polls the interface.
    fn pass(&mut self, us: u64) -> Result<(), String> {
        let until = self.now + us;
        while let Some(event) = self.next_before(until) {
            match event {
                Event::Arrive { target, link, port, packet } => {
                    self.arrive(target, link, port, packet);
                }
                Event::Serve { target, port } => self.serve(target, port)?,
                Event::Finish { target, port, packets } => self.end_work(target, port, packets)?,
                Event::Fault(fault) => self.fault(fault)?,
                Event::Deliver { link, bytes } => {
                    let there = &self.network.links[link];
                    let is_heard = there.present && there.up;
                    let dump = self.dump();
                    if is_heard && dump.link.is_some_and(|(at, _)| at == link) {
                        dump.received.push(bytes);
                    }
                }
                Event::Heal => self.network.heal(),
                // The kernel has stopped.
                Event::Ask
                | Event::Look
                | Event::Open
                | Event::Sent { .. }
                | Event::Wake
                | Event::Work => {}
            }
        }
        self.now = until;
        let dump = self.dump();
        for bytes in std::mem::take(&mut dump.received) {
            let length = bytes.len().min(abi::RX_HEADER) as u32;
            // SAFETY: The dump was begun, and the frame is that long.
            unsafe { aoe_core_dump_rx(&mut dump.state, bytes.as_ptr(), length) };
        }
        Ok(())
    }
}
