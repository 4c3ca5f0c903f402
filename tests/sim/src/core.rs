// SPDX-License-Identifier: BSD-2-Clause
//! The core, driven through the C boundary as the shim drives it.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::BTreeMap;

use aoe_core::ffi::abi::{
    self, AoeCopy, AoeFrame, AoeIo, AoeLinkState, AoeOutput, AoeParams, AoePathInfo, AoePeek,
    AoeSettings, AoeTargetInfo,
};
use aoe_core::output::{
    ControlDone, ControlError, IoError, IoHandle, Output, Source, Span, Transmit, Why,
};
use aoe_core::slot::{LinkId, PathId};
use aoe_core::time::Micros;

use crate::initiator::{
    CopyTo, Counters, Initiator, Kind, LinkState, PathView, Refused, Settings, Submission,
};
use crate::life::{self, Life};
use crate::rng::Rng;
use crate::target::{MAJOR, MINOR};

unsafe extern "C" {
    fn aoe_core_peek(header: *const u8, length: u32, out: *mut AoePeek);
    fn aoe_core_disco_size() -> u64;
    fn aoe_core_disco_init(block: *mut u8, size: u64, now: u64, seed: *const [u8; 32]) -> i32;
    fn aoe_core_disco_link(block: *mut u8, now: u64, link: u32, state: *const AoeLinkState);
    fn aoe_core_disco_now(block: *mut u8, now: u64);
    fn aoe_core_disco_rx(block: *mut u8, now: u64, frame: *const AoeFrame) -> u32;
    fn aoe_core_disco_take(block: *mut u8, offer: *mut AoeFrame) -> i32;
    fn aoe_core_disco_poll(block: *mut u8, now: u64, out: *mut AoeOutput, count: u32) -> u32;
    fn aoe_core_disco_deadline(block: *const u8) -> u64;
    fn aoe_core_target_size(params: *const AoeParams) -> u64;
    fn aoe_core_target_init(
        block: *mut u8,
        size: u64,
        params: *const AoeParams,
        settings: *const AoeSettings,
        now: u64,
        seed: *const [u8; 32],
        major: u16,
        minor: u8,
    ) -> i32;
    fn aoe_core_link(block: *mut u8, now: u64, link: u32, state: *const AoeLinkState);
    fn aoe_core_submit(block: *mut u8, now: u64, io: *const AoeIo) -> i32;
    fn aoe_core_rx(block: *mut u8, now: u64, frame: *const AoeFrame, copy: *mut AoeCopy);
    fn aoe_core_sent(block: *mut u8, now: u64, copy: u32);
    fn aoe_core_tick(block: *mut u8, now: u64);
    fn aoe_core_abort(block: *mut u8, now: u64);
    fn aoe_core_revalidate(block: *mut u8, now: u64);
    fn aoe_core_settings(block: *mut u8, now: u64, settings: *const AoeSettings);
    fn aoe_core_open(block: *mut u8, now: u64) -> i32;
    fn aoe_core_close(block: *mut u8, now: u64);
    fn aoe_core_control_buffer(block: *mut u8) -> *mut u8;
    fn aoe_core_scratch(block: *mut u8) -> *mut u8;
    fn aoe_core_poll(block: *mut u8, now: u64, out: *mut AoeOutput, count: u32) -> u32;
    fn aoe_core_deadline(block: *const u8) -> u64;
    fn aoe_core_info(block: *const u8, now: u64, out: *mut AoeTargetInfo);
    fn aoe_core_path_info(block: *const u8, index: u32, out: *mut AoePathInfo) -> i32;
}

const EAGAIN: i32 = 35;
/// Most targets at a time, as `net.aoe.maxtargets` limits them.
const MAX_TARGETS: usize = 16;
/// States of a path.
const PATH_IDENTIFYING: u8 = 0;
const PATH_UP: u8 = 1;
const PATH_CONFLICT: u8 = 3;
/// Bytes after a block that must not change.
const FENCE: usize = 64;
const FENCE_BYTE: u8 = 0xc7;

/// A block of memory for the core, with a fence after it.
struct Block {
    at: *mut u8,
    size: usize,
}

impl Block {
    fn new(size: u64) -> Block {
        let size = size as usize;
        // SAFETY: The size is not zero.
        let at = unsafe { alloc_zeroed(Self::layout(size)) };
        assert!(!at.is_null(), "out of memory");
        // SAFETY: The fence lies inside the allocation.
        unsafe { at.add(size).write_bytes(FENCE_BYTE, FENCE) };
        Block { at, size }
    }

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size + FENCE, 16).expect("a sane size")
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: The block was allocated with this layout; the fence is in it.
        unsafe {
            let fence = std::slice::from_raw_parts(self.at.add(self.size), FENCE);
            let intact = fence.iter().all(|&byte| byte == FENCE_BYTE);
            dealloc(self.at, Self::layout(self.size));
            assert!(intact || std::thread::panicking(), "the core wrote behind its block");
        }
    }
}

pub(crate) type Address = (u16, u8);
const MAIN: Address = (MAJOR, MINOR);

pub struct Core {
    disco: Block,
    targets: BTreeMap<Address, Block>,
    links: Vec<Option<AoeLinkState>>,
    params: AoeParams,
    settings: AoeSettings,
    rng: Rng,
    /// The counters of the target of I/O when it was freed.
    last: Counters,
    /// The lifecycle thread and GEOM; without these, disks change at once.
    life: Option<Life>,
    is_unloading: bool,
}

impl Core {
    pub fn new(settings: &Settings, mut rng: Rng) -> Core {
        let seed = draw_seed(&mut rng);
        // SAFETY: The block is as large as the core says that it must be.
        let disco = unsafe {
            let disco = Block::new(aoe_core_disco_size());
            assert_eq!(aoe_core_disco_init(disco.at, disco.size as u64, 0, &seed), 0);
            disco
        };
        Core {
            disco,
            targets: BTreeMap::new(),
            links: Vec::new(),
            params: AoeParams {
                io_slots: settings.io_slots,
                frame_slots: settings.frame_slots,
                copy_slots: settings.copy_slots,
                reserved: 0,
            },
            settings: AoeSettings {
                maxwait_us: settings.maxwait_us,
                ghost_wait_us: settings.ghost_wait_us,
                taste_wait_us: 10_000_000,
                maxout: settings.maxout,
                policy: settings.policy,
                wc: -1,
                flags: if settings.strict_src { abi::SET_STRICT_SRC } else { 0 },
            },
            rng,
            last: Counters::default(),
            life: None,
            is_unloading: false,
        }
    }

    /// Adds a lifecycle thread, which makes and removes disks with delays.
    pub fn with_life(mut self) -> Core {
        self.life = Some(Life::new(self.rng.fork()));
        self
    }

    /// Passes on an output that is neither a frame nor a completion.
    fn note(&mut self, address: Address, block: *mut u8, out: &AoeOutput) {
        match &mut self.life {
            Some(life) => life.note(address, out),
            None => life::serve_at_once(block),
        }
    }

    fn free(&mut self, now: u64, address: Address) {
        if address == MAIN {
            self.last = self.counters(now);
        }
        self.targets.remove(&address);
    }

    /// Returns the block of the target that I/O goes to.
    pub(crate) fn main(&self) -> Option<*mut u8> {
        self.targets.get(&MAIN).map(|block| block.at)
    }

    fn create(&mut self, now: u64, address: Address) -> *mut u8 {
        let seed = draw_seed(&mut self.rng);
        // SAFETY: The block is as large as the core says that it must be.
        let block = unsafe {
            let block = Block::new(aoe_core_target_size(&self.params));
            let (size, settings) = (block.size as u64, &self.settings);
            let (major, minor) = address;
            let result = aoe_core_target_init(
                block.at,
                size,
                &self.params,
                settings,
                now,
                &seed,
                major,
                minor,
            );
            assert_eq!(result, 0, "aoe_core_target_init");
            for (link, state) in self.links.iter().enumerate() {
                if let Some(state) = state {
                    aoe_core_link(block.at, now, link as u32, state);
                }
            }
            block
        };
        let at = block.at;
        self.targets.insert(address, block);
        at
    }

    /// Returns the target that a frame is for; creates it if discovery asks for it.
    fn find(&mut self, now: u64, address: Address, frame: &AoeFrame) -> Option<*mut u8> {
        if let Some(block) = self.targets.get(&address) {
            return Some(block.at);
        }
        let mut offer = *frame;
        // SAFETY: The discovery block is initialised.
        let wanted = unsafe {
            aoe_core_disco_rx(self.disco.at, now, frame) == abi::KEPT_NEW
                && aoe_core_disco_take(self.disco.at, &mut offer) != 0
        };
        assert!(!wanted || offer.header == frame.header, "the answer changed while it was kept");
        (wanted && !self.is_unloading && self.targets.len() < MAX_TARGETS)
            .then(|| self.create(now, address))
    }

    /// Fails everything as `abort` does, and creates no more targets.
    pub fn unload(&mut self, now: u64) {
        self.is_unloading = true;
        self.abort(now);
    }

    /// Fails all I/O, now and in future, as a forced unload does.
    pub fn abort(&mut self, now: u64) {
        // SAFETY: The blocks are initialised.
        self.blocks().for_each(|at| unsafe { aoe_core_abort(at, now) });
    }

    pub fn revalidate(&mut self, now: u64) {
        // SAFETY: The blocks are initialised.
        self.blocks().for_each(|at| unsafe { aoe_core_revalidate(at, now) });
    }

    /// Changes the settings that an administrator may change while a disk is in use.
    pub fn change_settings(&mut self, now: u64, maxout: u32, policy: u32, strict_src: bool) {
        (self.settings.maxout, self.settings.policy) = (maxout, policy);
        self.settings.flags = if strict_src { abi::SET_STRICT_SRC } else { 0 };
        for at in self.blocks() {
            // SAFETY: The blocks are initialised.
            unsafe { aoe_core_settings(at, now, &self.settings) };
        }
    }

    /// Gives every target these settings.
    pub(crate) fn tell(&mut self, now: u64, settings: &AoeSettings) {
        self.settings = *settings;
        for at in self.blocks() {
            // SAFETY: The blocks are initialised.
            unsafe { aoe_core_settings(at, now, settings) };
        }
    }

    /// Returns whether the target that I/O goes to still has its memory.
    pub fn has_target(&self) -> bool {
        self.main().is_some()
    }

    /// Returns the number of targets in memory, and the size of all blocks in bytes.
    pub fn memory(&self) -> (usize, usize) {
        let targets: usize = self.targets.values().map(|block| block.size).sum();
        (self.targets.len(), targets + self.disco.size)
    }

    /// Copies the memory of every block to `to`. The copy has the same handles of
    /// I/Os, so only one of the saved states can be in use at a time.
    pub fn save(&self, to: &mut Vec<u8>) {
        to.clear();
        for block in self.targets.values().chain([&self.disco]) {
            // SAFETY: The block is that large, and was zeroed when it was made.
            to.extend_from_slice(unsafe { std::slice::from_raw_parts(block.at, block.size) });
        }
    }

    /// Restores a state of the same blocks that `save` has copied.
    pub fn restore(&mut self, from: &[u8]) {
        let mut from = from;
        for block in self.targets.values().chain([&self.disco]) {
            let (here, rest) = from.split_at(block.size);
            // SAFETY: The block is that large and nothing else refers to it now; the
            // pointers in it point into it, and it has not moved.
            unsafe { block.at.copy_from_nonoverlapping(here.as_ptr(), here.len()) };
            from = rest;
        }
    }

    fn blocks(&self) -> impl Iterator<Item = *mut u8> + '_ {
        self.targets.values().map(|block| block.at)
    }
}

impl Initiator for Core {
    fn link(&mut self, now: u64, link: u8, state: LinkState) {
        let state = AoeLinkState {
            mtu: state.mtu,
            mac: state.mac,
            up: state.up.into(),
            present: state.present.into(),
        };
        self.links.resize(self.links.len().max(usize::from(link) + 1), None);
        self.links[usize::from(link)] = Some(state);
        // SAFETY: All blocks are initialised.
        unsafe {
            aoe_core_disco_link(self.disco.at, now, link.into(), &state);
            self.blocks().for_each(|at| aoe_core_link(at, now, link.into(), &state));
        }
    }

    fn discover(&mut self, now: u64) {
        // SAFETY: The discovery block is initialised.
        unsafe { aoe_core_disco_now(self.disco.at, now) };
    }

    fn submit(&mut self, now: u64, io: Submission) -> Result<(), Refused> {
        let io = AoeIo {
            io: io.handle,
            lba: io.lba,
            sectors: io.sectors,
            op: match io.kind {
                Kind::Read => abi::OP_READ,
                Kind::Write => abi::OP_WRITE,
                Kind::Flush => abi::OP_FLUSH,
                Kind::Delete => abi::OP_DELETE,
            },
            flags: if io.ordered { abi::IO_ORDERED } else { 0 },
            reserved: 0,
        };
        let Some(at) = self.main() else { return Err(Refused::Failed(IoError::Gone)) };
        // SAFETY: The block is initialised.
        match unsafe { aoe_core_submit(at, now, &io) } {
            0 => Ok(()),
            EAGAIN => Err(Refused::Later),
            error => Err(Refused::Failed(io_error(error))),
        }
    }

    fn rx(&mut self, now: u64, link: u8, bytes: &[u8]) -> Option<CopyTo> {
        let seen = bytes.len().min(abi::RX_HEADER);
        let mut header = [0; abi::RX_HEADER];
        header[..seen].copy_from_slice(&bytes[..seen]);
        let frame =
            AoeFrame { header, length: bytes.len() as u32, link, flags: 0, reserved: [0; 2] };
        let mut peek = AoePeek { major: 0, minor: 0, is_config: 0, verdict: 0 };
        let mut copy = AoeCopy { io: 0, io_offset: 0, frame_offset: 0, length: 0, dest: 0 };
        // SAFETY: All pointers are to live values, the block is initialised, and
        // the scratch buffer has room for what the core asks to be copied there.
        unsafe {
            aoe_core_peek(bytes.as_ptr(), seen as u32, &mut peek);
            if peek.verdict != abi::PEEK_TARGET {
                return None;
            }
            let at = self.find(now, (peek.major, peek.minor), &frame)?;
            aoe_core_rx(at, now, &frame, &mut copy);
            if copy.dest == abi::DEST_SCRATCH {
                let (from, length) = (copy.frame_offset as usize, copy.length as usize);
                let from = &bytes[from..from + length];
                aoe_core_scratch(at).copy_from_nonoverlapping(from.as_ptr(), length);
            }
        }
        (copy.dest == abi::DEST_IO).then_some(CopyTo {
            handle: copy.io,
            offset: copy.io_offset as usize,
            frame_offset: copy.frame_offset as usize,
            length: copy.length as usize,
        })
    }

    fn sent(&mut self, now: u64, copy: u32) {
        if let Some(at) = self.main() {
            // SAFETY: The block is initialised.
            unsafe { aoe_core_sent(at, now, copy) };
        }
    }

    fn tick(&mut self, now: u64) {
        // SAFETY: The blocks are initialised.
        self.blocks().for_each(|at| unsafe { aoe_core_tick(at, now) });
    }

    fn poll(&mut self, now: u64) -> Option<Output> {
        // SAFETY: `AoeOutput` is plain old data.
        let mut out: AoeOutput = unsafe { std::mem::zeroed() };
        // SAFETY: The block is initialised and there is room for one output.
        if unsafe { aoe_core_disco_poll(self.disco.at, now, &mut out, 1) } != 0 {
            return output(&out);
        }
        let addresses: Vec<Address> = self.targets.keys().copied().collect();
        for address in addresses {
            let at = self.targets.get(&address)?.at;
            // SAFETY: The block is initialised and there is room for one output.
            while unsafe { aoe_core_poll(at, now, &mut out, 1) } != 0 {
                let output = output(&out);
                if !matches!(out.kind, abi::OUT_TRANSMIT | abi::OUT_COMPLETE) {
                    self.note(address, at, &out);
                }
                match output {
                    // Otherwise the thread frees it after its last report.
                    Some(Output::Idle) if self.life.is_none() => {
                        self.free(now, address);
                        break;
                    }
                    Some(Output::Idle) => {}
                    Some(Output::Transmit(_)) => return output,
                    _ if address == MAIN => return output,
                    _ => {}
                }
            }
        }
        None
    }

    fn deadline(&self) -> Option<u64> {
        // SAFETY: The blocks are initialised.
        let soonest = unsafe {
            let disco = aoe_core_disco_deadline(self.disco.at);
            self.blocks().map(|at| aoe_core_deadline(at)).fold(disco, u64::min)
        };
        (soonest != u64::MAX).then_some(soonest)
    }

    fn open(&mut self, now: u64) -> bool {
        let Some(at) = self.main() else { return false };
        match &mut self.life {
            Some(life) => life.open(MAIN, at, now),
            // SAFETY: The block is initialised.
            None => unsafe { aoe_core_open(at, now) == 0 },
        }
    }

    fn close(&mut self, now: u64) {
        let Some(at) = self.main() else { return };
        match &mut self.life {
            Some(life) => life.close(MAIN, at, now),
            None => {
                // SAFETY: The block is initialised.
                unsafe { aoe_core_close(at, now) };
                life::serve_at_once(at);
            }
        }
    }

    fn wants_look(&self) -> bool {
        self.life.as_ref().is_some_and(|life| life.wants_look)
    }

    fn look(&mut self, now: u64) -> Result<(), String> {
        let Some(life) = &mut self.life else { return Ok(()) };
        life.wants_look = false;
        let mut over = Vec::new();
        for (address, block) in &self.targets {
            if life.look(*address, block.at, now)? {
                over.push(*address);
            }
        }
        over.into_iter().for_each(|address| self.free(now, address));
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        let Some(life) = &self.life else { return Ok(()) };
        self.targets.iter().try_for_each(|(address, block)| life.check(*address, block.at))
    }

    fn control(&self, offset: usize, length: usize) -> &[u8] {
        assert!(offset + length <= 2084, "beyond the control buffer");
        match self.main() {
            // SAFETY: The block is initialised and its control buffer that large.
            Some(at) => unsafe {
                std::slice::from_raw_parts(aoe_core_control_buffer(at).add(offset), length)
            },
            None => &[],
        }
    }

    fn paths(&self) -> Vec<PathView> {
        let Some(at) = self.main() else { return Vec::new() };
        let path = |index| {
            // SAFETY: Plain old data, and the block is initialised.
            let mut info: AoePathInfo = unsafe { std::mem::zeroed() };
            (unsafe { aoe_core_path_info(at, index, &mut info) } == 0).then_some(PathView {
                mac: info.mac,
                link: info.link,
                window: info.window,
                in_flight: info.in_flight,
                is_up: info.state == PATH_UP,
                is_asked: info.state == PATH_IDENTIFYING,
                is_conflict: info.state == PATH_CONFLICT,
            })
        };
        (0..).map_while(path).collect()
    }

    fn counters(&self, now: u64) -> Counters {
        let Some(at) = self.main() else { return self.last };
        // SAFETY: Plain old data, and the block is initialised.
        let info: AoeTargetInfo = unsafe {
            let mut info = std::mem::zeroed();
            aoe_core_info(at, now, &mut info);
            info
        };
        Counters {
            sent: info.sent,
            retransmitted: info.retransmitted,
            fences: info.fences,
            guard_waits: info.guard_waits,
            guard_wait_us: info.guard_wait_us,
            active: info.active,
            guarded: info.guarded,
            is_doubled: info.flags & abi::INFO_DOUBLED != 0,
        }
    }
}

fn draw_seed(rng: &mut Rng) -> [u8; 32] {
    let mut seed = [0; 32];
    seed.chunks_exact_mut(8).for_each(|chunk| chunk.copy_from_slice(&rng.draw().to_le_bytes()));
    seed
}

/// Converts FreeBSD's error number.
fn io_error(errno: i32) -> IoError {
    match errno {
        6 => IoError::Gone,
        16 => IoError::Reserved,
        30 => IoError::ReadOnly,
        45 => IoError::Unsupported,
        _ => IoError::Io,
    }
}

/// Converts an output of the C boundary to the core's own type.
fn output(out: &AoeOutput) -> Option<Output> {
    let result = match out.error {
        0 => Ok(()),
        error => Err(io_error(error)),
    };
    Some(match out.kind {
        abi::OUT_TRANSMIT => {
            let span = |source| Span { source, offset: out.data_offset, length: out.data_length };
            Output::Transmit(Transmit {
                link: LinkId(out.link),
                path: PathId(out.path),
                header_length: out.header_length,
                header: out.header,
                data: match out.source {
                    abi::SRC_IO => Some(span(Source::Io(out.io))),
                    abi::SRC_CONTROL => Some(span(Source::Control)),
                    _ => None,
                },
                frame_length: out.frame_length,
                copy: out.copy,
                flow: out.flow,
                io: out.io,
                why: Why::Io,
            })
        }
        abi::OUT_COMPLETE => Output::Complete { io: IoHandle(out.io), result },
        abi::OUT_CONTROL_DONE => Output::ControlDone(ControlDone {
            result: result.map(|()| out.data_length).map_err(|_| ControlError::Silent),
            path: Some(PathId(out.path)),
            is_refused: out.refused != 0,
            code: out.event,
            tries: out.tries,
            rtt: Micros(out.io),
        }),
        abi::OUT_UP => Output::Up { sectors: out.value },
        abi::OUT_RESIZED => Output::Resized { sectors: out.value },
        abi::OUT_SUSPENDED => Output::Suspended,
        abi::OUT_RESUMED => Output::Resumed,
        abi::OUT_GONE => Output::Gone,
        abi::OUT_IDLE => Output::Idle,
        abi::OUT_RETASTE => Output::Retaste,
        // Which event it is does not matter here.
        abi::OUT_ABSENT => Output::Absent {
            why: aoe_core::output::Event::Unidentified,
            value: u64::from(out.event),
        },
        abi::OUT_EVENT => Output::Event {
            event: aoe_core::output::Event::PathUp,
            path: None,
            value: u64::from(out.event),
        },
        other => unreachable!("output kind {other}"),
    })
}
