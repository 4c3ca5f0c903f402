// SPDX-License-Identifier: BSD-2-Clause
//! The C ABI of `kmod-shim/aoe_abi.h`: conversions only, without policy.
//!
//! This is the module's only unsafe code. A function that takes an object is called
//! with the object's mutex held, so a `&mut` created from its pointer is the only
//! reference to the object. Functions that only read create a `&`, since a crash
//! dump calls some of them without the mutex. A struct that is filled in for C is
//! uninitialised memory, so no reference to it is created before it is written.
#![allow(unsafe_code)]

mod abft;
pub mod abi;
mod block;
mod convert;
mod ctl;
mod disco;
mod disk;
mod dump;
mod module;
mod nodes;
mod text;

use abi::{
    AoeCopy, AoeFrame, AoeIdentity, AoeIo, AoeLinkState, AoeOutput, AoeParams, AoePathInfo,
    AoePeek, AoeSettings, AoeTargetInfo,
};
use block::Block;
use convert::{EAGAIN, EINVAL, ENOENT, Place, errno};

use crate::notes::Note;
use crate::output::{Draft, IoError};
use crate::slot::LinkId;
use crate::targets::{Step, Target};
use crate::time::Instant;
use crate::wire::{Address, Header, Identify};
use core::mem::MaybeUninit;
use core::{ptr, slice};

/// The opaque `struct aoe_target`.
type Handle = Block;

/// Returns the target in a block that `aoe_core_target_init` filled.
///
/// # Safety
///
/// `block` must be such a block, and its mutex must be held for the lifetime of the
/// result.
unsafe fn target<'b>(block: *mut Handle) -> &'b mut Target<'static> {
    // SAFETY: The caller promises that the block is initialised and that nothing
    // else uses it.
    unsafe { block::target(block) }
}

/// Returns the target for reading.
///
/// # Safety
///
/// As for `target`; the mutex is not needed if nothing else runs.
unsafe fn target_ref<'b>(block: *const Handle) -> &'b Target<'static> {
    // SAFETY: The caller promises that the block is initialised and that nothing
    // changes it.
    unsafe { block::target_ref(block) }
}

const fn at(now: u64) -> Instant {
    Instant::from_micros(now)
}

/// Returns the version of the boundary.
#[unsafe(no_mangle)]
pub extern "C" fn aoe_core_abi_version() -> u32 {
    abi::ABI_VERSION
}

/// Fills in the action for a frame, before any lock is taken.
///
/// # Safety
///
/// `header` must be readable for `length` bytes and `out` writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_peek(header: *const u8, length: u32, out: *mut AoePeek) {
    let length = usize::try_from(length).unwrap_or(0);
    // SAFETY: The caller promises that `header` is readable for `length` bytes.
    let bytes = unsafe { slice::from_raw_parts(header, length) };
    // SAFETY: The caller promises that `out` is writable.
    unsafe { out.write(convert::peek(bytes)) };
}

/// Returns the command of a frame.
///
/// # Safety
///
/// `header` must be readable; no lock is needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_command(header: *const [u8; Header::LEN]) -> u32 {
    // SAFETY: As the caller promises.
    Header::command_and_tag(unsafe { &*header }).0.code().into()
}

/// Returns the tag of a frame.
///
/// # Safety
///
/// `header` must be readable; no lock is needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_tag(header: *const [u8; Header::LEN]) -> u32 {
    // SAFETY: As the caller promises.
    Header::command_and_tag(unsafe { &*header }).1.0
}

/// Decodes the 512 bytes of IDENTIFY.
///
/// # Safety
///
/// `page` must be readable and `out` writable; no lock is needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_identity(page: *const [u8; 512], out: *mut AoeIdentity) {
    // SAFETY: Both as the caller promises.
    unsafe { out.write(convert::identity(&*page)) };
}

/// Returns the size in bytes of a target with tables of these sizes, or 0 if these
/// are impossible.
///
/// # Safety
///
/// `params` must be readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_target_size(params: *const AoeParams) -> u64 {
    // SAFETY: The caller promises that `params` is readable.
    block::size(unsafe { &*params }).and_then(|size| u64::try_from(size).ok()).unwrap_or(0)
}

/// Initialises a target in a block of memory. Returns 0 or `EINVAL`.
///
/// # Safety
///
/// `block` must be `size` writable bytes, aligned to 16 bytes and owned by the
/// target until C frees them; the other pointers must be readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_target_init(
    block: *mut Handle,
    size: u64,
    params: *const AoeParams,
    settings: *const AoeSettings,
    _now: u64,
    seed: *const [u8; 32],
    major: u16,
    minor: u8,
) -> i32 {
    let address = Address { major, minor };
    // SAFETY: The caller promises that all three are readable.
    let (params, settings, seed) = unsafe { (&*params, &*settings, &*seed) };
    let size = usize::try_from(size).unwrap_or(0);
    if address.is_broadcast() || block::size(params).is_none_or(|needed| size < needed) {
        return EINVAL;
    }
    // SAFETY: The block is large enough, aligned and owned by the target, as the
    // caller promises.
    unsafe { block::init(block, params, address, convert::settings(settings), seed) };
    0
}

/// Takes new settings.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held; `settings` is readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_settings(
    block: *mut Handle,
    now: u64,
    settings: *const AoeSettings,
) {
    // SAFETY: Both as the caller promises.
    let (target, settings) = unsafe { (target(block), &*settings) };
    target.handle_settings(convert::settings(settings), at(now));
}

/// Takes the state of a link that was added, changed or removed.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held; `state` is readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_link(
    block: *mut Handle,
    now: u64,
    link: u32,
    state: *const AoeLinkState,
) {
    // SAFETY: Both as the caller promises.
    let (target, state) = unsafe { (target(block), &*state) };
    if let Ok(id) = u8::try_from(link) {
        target.handle_link(LinkId(id), convert::link(state), at(now));
    }
}

/// Takes an I/O. Returns 0 if it is accepted, `EAGAIN` if the tables are full, or
/// else the errno of the bio.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held; `io` is readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_submit(block: *mut Handle, now: u64, io: *const AoeIo) -> i32 {
    // SAFETY: Both as the caller promises.
    let (target, fate, io) = unsafe { (target(block), block::fate_ref(block), &*io) };
    if !fate.is_live() {
        return errno(target.settings().gone());
    }
    let taste = io.flags & abi::IO_TASTE != 0;
    let give_up = if taste { target.begin_taste(at(now)) } else { Instant::NEVER };
    let Some(request) = convert::request(io, give_up) else {
        return errno(IoError::Unsupported);
    };
    match target.handle_submit(request, at(now)) {
        Ok(Ok(())) => 0,
        // C gets the handle back, and keeps the bio.
        Ok(Err(_refused)) => EAGAIN,
        Err(error) => errno(error),
    }
}

/// Takes a received frame. Fills in which of its bytes to copy, and where to.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held; `frame` is readable and
/// `copy` writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_rx(
    block: *mut Handle,
    now: u64,
    frame: *const AoeFrame,
    copy: *mut AoeCopy,
) {
    // SAFETY: Both as the caller promises.
    let (target, frame) = unsafe { (target(block), &*frame) };
    let length = usize::try_from(frame.length).unwrap_or(0);
    let plain = target.handle_plain(&frame.header, length, LinkId(frame.link), at(now));
    let what = match plain {
        Some(copy) => convert::copy(copy),
        None => convert::copy(target.handle_special(&convert::frame(frame), at(now))),
    };
    // SAFETY: The caller promises that `copy` is writable.
    unsafe { copy.write(what) };
}

/// Notes that the mbuf of a copy of a write was freed.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_sent(block: *mut Handle, now: u64, copy: u32) {
    // SAFETY: As the caller promises.
    unsafe { target(block) }.handle_sent(copy, at(now));
}

/// Handles the deadline, if it has been reached.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_tick(block: *mut Handle, now: u64) {
    // SAFETY: As the caller promises.
    unsafe { target(block) }.handle_tick(at(now));
}

/// Handles the first open of the provider. Returns 0 or an errno.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_open(block: *mut Handle, now: u64) -> i32 {
    // SAFETY: As the caller promises.
    let (target, fate) = unsafe { (target(block), block::fate(block)) };
    if !fate.is_live() {
        return errno(IoError::Gone);
    }
    let opened = target.handle_open(at(now));
    opened.inspect(|()| fate.open(at(now))).map_or_else(errno, |()| 0)
}

/// Handles the last close of the provider.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_close(block: *mut Handle, now: u64) {
    // SAFETY: As the caller promises.
    unsafe { block::fate(block) }.close();
    // SAFETY: As the caller promises.
    unsafe { target(block) }.handle_close(at(now));
}

/// Fails all I/O, present and future. Then the target is gone.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_abort(block: *mut Handle, now: u64) {
    // SAFETY: As the caller promises.
    unsafe { target(block) }.handle_abort(at(now));
}

/// Sends IDENTIFY on every path again.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_revalidate(block: *mut Handle, now: u64) {
    // SAFETY: As the caller promises.
    unsafe { target(block) }.handle_revalidate(at(now));
}

/// Accepts another disk, which returns this page of IDENTIFY, in the place of the
/// open one. Returns 0 or an errno.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held; `page` is readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_accept(
    block: *mut Handle,
    now: u64,
    page: *const [u8; 512],
) -> i32 {
    // SAFETY: Both as the caller promises.
    let (target, page) = unsafe { (target(block), &*page) };
    let disk = Identify::parse(page);
    target.handle_accept(&disk, at(now)).map_or_else(convert::unacceptable, |()| 0)
}

/// Cancels the outstanding management command.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_control_cancel(block: *mut Handle, now: u64) {
    // SAFETY: As the caller promises.
    unsafe { target(block) }.handle_control_cancel(at(now));
}

/// Forgets a target that has no path that is up, and is closed. Returns 0, or
/// `EBUSY` for any other target.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_forget(block: *mut Handle, now: u64) -> i32 {
    // SAFETY: As the caller promises.
    unsafe { target(block) }.handle_forget(at(now)).map_or_else(errno, |()| 0)
}

/// Returns the control buffer.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held while the result is used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_control_buffer(block: *mut Handle) -> *mut u8 {
    // SAFETY: As the caller promises.
    unsafe { target(block) }.control_mut().as_mut_ptr()
}

/// Returns the scratch buffer.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held while the result is used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_scratch(block: *mut Handle) -> *mut u8 {
    // SAFETY: As the caller promises.
    unsafe { target(block) }.scratch_mut().as_mut_ptr()
}

/// Fills up to `count` outputs. Returns their number; fewer than `count` means that
/// nothing is left.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held; `out` is writable for
/// `count` entries.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_poll(
    block: *mut Handle,
    now: u64,
    out: *mut AoeOutput,
    count: u32,
) -> u32 {
    // SAFETY: As the caller promises.
    let target = unsafe { target(block) };
    let next = |out: &mut Place| {
        // SAFETY: A draft is the first part of an output.
        let draft = unsafe { &mut *ptr::from_mut(out).cast::<MaybeUninit<Draft>>() };
        match target.poll_step(at(now), &mut Some(draft)) {
            Step::Complete { io, result } => convert::complete(io, result, out),
            Step::Frame(_) => convert::transmit_in_place(out),
            Step::Nothing => return false,
            Step::Rare => match target.poll_rare(at(now)) {
                Some(output) => {
                    // SAFETY: As the caller promises. Both are fields of the block
                    // that do not overlap the target.
                    let (fate, notes) = unsafe { (block::fate(block), block::notes(block)) };
                    fate.on_output(&output);
                    Note::of(&output, target.outage(at(now))).inspect(|note| notes.push(*note));
                    convert::output(output, out);
                }
                None => return false,
            },
        }
        true
    };
    // SAFETY: As the caller promises.
    unsafe { fill(out, count, next) }
}

/// Has `next` fill one entry after the other, until it has nothing more or `count`
/// entries are filled. Returns the number of filled entries.
///
/// # Safety
///
/// `out` must be writable for `count` entries.
unsafe fn fill(out: *mut AoeOutput, count: u32, mut next: impl FnMut(&mut Place) -> bool) -> u32 {
    let mut filled = 0_u32;
    let mut entry = out.cast::<Place>();
    // SAFETY: Fewer than `count` entries lie before this one, and `count` are writable.
    while filled < count && next(unsafe { &mut *entry }) {
        // SAFETY: The pointer goes to the next entry, or to the end of the last
        // one, which is allowed as well.
        entry = unsafe { entry.add(1) };
        filled = filled.wrapping_add(1);
    }
    filled
}

/// Returns when to call `aoe_core_tick`.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_deadline(block: *const Handle) -> u64 {
    // SAFETY: As the caller promises.
    unsafe { target_ref(block) }.deadline().as_micros()
}

/// Fills in a snapshot of the target.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held; `out` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_info(block: *const Handle, _now: u64, out: *mut AoeTargetInfo) {
    // SAFETY: As the caller promises.
    let (target, address) = unsafe { (target_ref(block), block::address(block)) };
    // SAFETY: The caller promises that `out` is writable.
    unsafe { out.write(convert::info(target, address)) };
}

/// Fills in a snapshot of a path. Returns 0, or `ENOENT` past the last one.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held; `out` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_path_info(
    block: *const Handle,
    index: u32,
    out: *mut AoePathInfo,
) -> i32 {
    // SAFETY: As the caller promises.
    let target = unsafe { target_ref(block) };
    match usize::try_from(index).ok().and_then(|n| target.path_status(n)) {
        Some(status) => {
            // SAFETY: The caller promises that `out` is writable.
            unsafe { out.write(convert::path_info(&status)) };
            0
        }
        None => ENOENT,
    }
}

/// Fills in the histogram of a path's response times. Returns 0, or `ENOENT` past
/// the last path.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held; `out` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_path_histogram(
    block: *const Handle,
    index: u32,
    out: *mut [u64; abi::HISTOGRAM],
) -> i32 {
    // SAFETY: As the caller promises.
    let target = unsafe { target_ref(block) };
    match usize::try_from(index).ok().and_then(|n| target.path_histogram(n)) {
        Some(counts) => {
            // SAFETY: The caller promises that `out` is writable.
            unsafe { out.write(*counts) };
            0
        }
        None => ENOENT,
    }
}

/// Copies the config string, truncated to `size` bytes. Returns its whole length.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held; `out` is writable for
/// `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_config_string(
    block: *const Handle,
    out: *mut u8,
    size: u32,
) -> u32 {
    let size = usize::try_from(size).unwrap_or(0);
    // SAFETY: As the caller promises.
    let string = unsafe { target_ref(block) }.config_string();
    // SAFETY: The string is readable, the caller promises that `size` bytes of
    // `out` are writable, and the two do not overlap.
    unsafe { string.as_ptr().copy_to_nonoverlapping(out, string.len().min(size)) };
    u32::try_from(string.len()).unwrap_or(0)
}

/// Copies the 512 bytes of IDENTIFY, as last accepted. Returns 0, or `ENOENT` if
/// there are none.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held; `out` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_identify(block: *const Handle, out: *mut [u8; 512]) -> i32 {
    // SAFETY: As the caller promises.
    let target = unsafe { target_ref(block) };
    match target.identify_bytes() {
        Some(bytes) => {
            // SAFETY: The caller promises that `out` is writable.
            unsafe { out.write(*bytes) };
            0
        }
        None => ENOENT,
    }
}

/// The panic handler. Nothing in the core can panic: the build fails if the linked
/// object refers to the panic hook.
#[cfg(feature = "kmod")]
mod panic {
    unsafe extern "C" {
        fn aoe_shim_panic(file: *const u8, length: u64, line: u32) -> !;
    }

    #[panic_handler]
    fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
        let (file, line) = info.location().map_or(("", 0), |l| (l.file(), l.line()));
        let length = u64::try_from(file.len()).unwrap_or(0);
        // SAFETY: `file` is readable for its length, and the call never returns.
        unsafe { aoe_shim_panic(file.as_ptr(), length, line) }
    }
}
