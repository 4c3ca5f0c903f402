// SPDX-License-Identifier: BSD-2-Clause
//! Entry points for a crash dump. Nothing else runs, so no lock is held.

use super::abi::{self, AoeDump, AoeDumpStep};
use super::block::{self, Block};
use super::convert::{EINVAL, ETIMEDOUT, errno};
use crate::dump::{APART, Candidate, Disk, Dump, DumpError, FRAMES, Interface, Step};
use crate::targets::Target;
use crate::wire::{Address, Mac};
use core::slice;
use static_assertions::const_assert;

const_assert!(size_of::<Dump>() <= size_of::<AoeDump>());
const_assert!(align_of::<Dump>() <= align_of::<AoeDump>());

/// Returns the dump in memory that `aoe_core_dump_begin` filled.
///
/// # Safety
///
/// `dump` must be such memory, and nothing else may use it for the lifetime of the
/// result.
unsafe fn dump<'d>(dump: *mut AoeDump) -> &'d mut Dump {
    // SAFETY: The memory is large enough and aligned, as asserted above. The caller
    // promises the rest.
    unsafe { &mut *dump.cast::<Dump>() }
}

fn disk(target: &Target<'_>, address: Address) -> Disk {
    let status = target.status();
    Disk {
        address,
        blocks: status.sectors,
        sector: status.names.map_or(512, |id| id.logical_sector),
        lba48: status.identity.is_some_and(|id| id.lba48),
        flush: status.can_flush,
        flush_ext: status.flushes_ext,
    }
}

/// Begins a dump.
///
/// # Safety
///
/// `dump` and `sequence` are writable and `block` is an initialised target.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_dump_begin(
    dump: *mut AoeDump,
    block: *const Block,
    sequence: *mut u32,
) {
    // SAFETY: Nothing else runs, as the caller promises.
    let (disk, sequence) =
        unsafe { (disk(block::target_ref(block), block::address(block)), &mut *sequence) };
    *sequence = sequence.wrapping_add(APART);
    // SAFETY: The memory is large enough and aligned, as asserted above, and the
    // caller promises that it is writable.
    unsafe { dump.cast::<Dump>().write(Dump::new(disk, *sequence)) };
}

fn code(error: DumpError) -> i32 {
    match error {
        DumpError::Range => EINVAL,
        DumpError::NoPath => ETIMEDOUT,
        DumpError::Refused(error) => errno(error),
    }
}

/// Requests a write, or the end of the dump. Returns 0 or `EINVAL`.
///
/// # Safety
///
/// `handle` is a dump that was begun.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_dump_ask(
    handle: *mut AoeDump,
    offset: u64,
    length: u64,
    last: i32,
) -> i32 {
    // SAFETY: As the caller promises.
    let dump = unsafe { dump(handle) };
    dump.ask(offset, length, last != 0).map_or_else(code, |()| 0)
}

/// Fills in the next step of the dump.
///
/// # Safety
///
/// `handle` is a dump that was begun for the target `block`; `out` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_dump_step(
    handle: *mut AoeDump,
    block: *const Block,
    out: *mut AoeDumpStep,
) {
    // SAFETY: Nothing else runs, as the caller promises.
    let (dump, target) = unsafe { (dump(handle), block::target_ref(block)) };
    let path = |n: u8| {
        let path = target.path_status(n.into())?;
        Some(path.is_up.then_some(Candidate {
            link: path.link,
            remote: path.mac,
            payload: path.payload,
        }))
    };
    let mut step = AoeDumpStep {
        offset: 0,
        length: 0,
        wait_us: 0,
        kind: abi::DUMP_DONE,
        error: 0,
        link: 0,
        header: [0; abi::RX_HEADER],
        reserved: [0; 3],
    };
    match dump.step(path) {
        Step::Path(link) => (step.kind, step.link) = (abi::DUMP_PATH, link.0),
        Step::Send { offset, length } => {
            (step.kind, step.offset, step.length) = (abi::DUMP_SEND, offset, length);
            dump.emit(&mut step.header);
        }
        Step::Poll(wait) => {
            (step.kind, step.length) = (abi::DUMP_POLL, FRAMES);
            step.wait_us = u32::try_from(wait.0).unwrap_or(u32::MAX);
        }
        Step::Done(result) => step.error = result.map_or_else(code, |()| 0),
    }
    // SAFETY: The caller promises that `out` is writable.
    unsafe { out.write(step) };
}

/// Continues the dump over an interface. Returns the bytes of data in a frame
/// there, or 0 if the interface cannot be used.
///
/// # Safety
///
/// `handle` is a dump that was begun; `local` is readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_dump_path(
    handle: *mut AoeDump,
    local: *const [u8; 6],
    mtu: u32,
    buffer: u32,
) -> u32 {
    // SAFETY: Both as the caller promises.
    let (dump, local) = unsafe { (dump(handle), Mac(*local)) };
    dump.take(&Interface { local, mtu, buffer }).unwrap_or(0)
}

/// Takes a frame that was received on that interface.
///
/// # Safety
///
/// `handle` is a dump that was begun; `frame` is readable for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_dump_rx(handle: *mut AoeDump, frame: *const u8, length: u32) {
    let length = usize::try_from(length).unwrap_or(0);
    // SAFETY: Both as the caller promises.
    let (dump, frame) = unsafe { (dump(handle), slice::from_raw_parts(frame, length)) };
    dump.handle_frame(frame);
}
