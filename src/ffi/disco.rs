// SPDX-License-Identifier: BSD-2-Clause
//! Entry points for discovery.

use super::abi::{self, AoeAbsent, AoeFrame, AoeLinkState, AoeOutput};
use super::convert::{self, EINVAL, ENOENT};
use super::text;
use crate::absent::{ABSENT, Absent};
use crate::discovery::{Beacon, Discovery, LIST_MAX};
use crate::filter::Filter;
use crate::offers::{Kept, Offers};
use crate::slot::{LINKS, LinkId};
use crate::time::Instant;
use crate::wire::Address;
use core::ptr::{addr_of, addr_of_mut};
use core::slice;

/// The opaque `struct aoe_disco`. `discovery` borrows the other fields.
#[repr(C, align(16))]
pub struct DiscoBlock {
    discovery: Discovery<'static>,
    beacons: [Beacon; LINKS],
    list: [u8; LIST_MAX],
    filter: Filter,
    absent: [Absent; ABSENT],
    offers: Offers,
}

/// Returns the discovery in a block that `aoe_core_disco_init` filled.
///
/// # Safety
///
/// `block` must be such a block, and its mutex must be held for the lifetime of
/// the result.
pub(super) unsafe fn discovery<'b>(block: *mut DiscoBlock) -> &'b mut Discovery<'static> {
    // SAFETY: The caller promises that the block is initialised and that
    // nothing else uses it.
    unsafe { &mut (*block).discovery }
}

/// Returns the discovery for reading.
///
/// # Safety
///
/// As for `discovery`.
pub(super) unsafe fn discovery_ref<'b>(block: *const DiscoBlock) -> &'b Discovery<'static> {
    // SAFETY: The caller promises that the block is initialised and that
    // nothing changes it.
    unsafe { &*addr_of!((*block).discovery) }
}

/// Returns the size of discovery in bytes.
#[unsafe(no_mangle)]
pub extern "C" fn aoe_core_disco_size() -> u64 {
    u64::try_from(size_of::<DiscoBlock>()).unwrap_or(0)
}

/// Initialises discovery in a block of memory. Returns 0 or `EINVAL`.
///
/// # Safety
///
/// `block` must be `size` writable bytes, aligned to 16 bytes and owned by
/// discovery until C frees them; `seed` must be readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_disco_init(
    block: *mut DiscoBlock,
    size: u64,
    _now: u64,
    seed: *const [u8; 32],
) -> i32 {
    if size < aoe_core_disco_size() {
        return EINVAL;
    }
    // SAFETY: The block is large enough, and owned by discovery, as the caller
    // promises. The arrays are filled before references to them are created.
    unsafe {
        let beacons = addr_of_mut!((*block).beacons);
        for n in 0..LINKS {
            beacons.cast::<Beacon>().add(n).write(Beacon::NONE);
        }
        let list = addr_of_mut!((*block).list);
        list.write_bytes(0, 1);
        let filter = addr_of_mut!((*block).filter);
        // All zero bytes are a filter that accepts everything.
        filter.write_bytes(0, 1);
        let absent = addr_of_mut!((*block).absent);
        for n in 0..ABSENT {
            absent.cast::<Absent>().add(n).write(Absent::NONE);
        }
        let offers = addr_of_mut!((*block).offers);
        // All zero bytes are an empty queue of offers.
        offers.write_bytes(0, 1);
        let discovery = Discovery::new(
            &mut *list,
            &mut *beacons,
            &mut *filter,
            &mut *absent,
            &mut *offers,
            &*seed,
        );
        addr_of_mut!((*block).discovery).write(discovery);
    }
    0
}

/// Returns 1 if the list names this interface, otherwise 0.
///
/// # Safety
///
/// `block` is an initialised discovery, its mutex held; `name` is readable for
/// `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_disco_listed(
    block: *const DiscoBlock,
    name: *const u8,
    length: u64,
) -> i32 {
    let length = usize::try_from(length).unwrap_or(0);
    // SAFETY: Both as the caller promises.
    let (discovery, name) = unsafe { (discovery_ref(block), slice::from_raw_parts(name, length)) };
    i32::from(discovery.is_listed(name))
}

/// Returns the filters' verdict on an answer to a config query, as flags of the
/// frame.
///
/// # Safety
///
/// `block` is an initialised discovery, its mutex held; `frame` is readable,
/// and `string` is readable for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_disco_judge(
    block: *const DiscoBlock,
    frame: *const AoeFrame,
    string: *const u8,
    length: u32,
) -> u32 {
    let length = usize::try_from(length).unwrap_or(0);
    // SAFETY: All three as the caller promises.
    let (discovery, frame, string) =
        unsafe { (discovery_ref(block), &*frame, slice::from_raw_parts(string, length)) };
    convert::admission_flag(discovery.judge(&convert::frame(frame), string)).into()
}

/// Takes the state of a link that was added, changed or removed.
///
/// # Safety
///
/// `block` is an initialised discovery, its mutex held; `state` is readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_disco_link(
    block: *mut DiscoBlock,
    now: u64,
    link: u32,
    state: *const AoeLinkState,
) {
    // SAFETY: Both as the caller promises.
    let (discovery, state) = unsafe { (discovery(block), &*state) };
    if let Ok(id) = u8::try_from(link) {
        discovery.handle_link(LinkId(id), convert::link(state), Instant::from_micros(now));
    }
}

/// Makes a beacon due on every usable interface.
///
/// # Safety
///
/// `block` is an initialised discovery, its mutex held.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_disco_now(block: *mut DiscoBlock, now: u64) {
    // SAFETY: As the caller promises.
    unsafe { discovery(block) }.discover(Instant::from_micros(now));
}

/// Makes a query for one target due on every usable interface.
///
/// # Safety
///
/// `block` is an initialised discovery, its mutex held.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_disco_ask(
    block: *mut DiscoBlock,
    now: u64,
    major: u16,
    minor: u8,
) {
    // SAFETY: As the caller promises.
    unsafe { discovery(block) }.ask(Address { major, minor }, Instant::from_micros(now));
}

/// Takes an answer whose address has no target. Returns `AOE_KEPT_*`.
///
/// # Safety
///
/// `block` is an initialised discovery, its mutex held; `frame` is readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_disco_rx(
    block: *mut DiscoBlock,
    now: u64,
    frame: *const AoeFrame,
) -> u32 {
    // SAFETY: Both as the caller promises.
    let (discovery, frame) = unsafe { (discovery(block), &*frame) };
    match discovery.offer(&convert::frame(frame), Instant::from_micros(now)) {
        Some(Kept::New) => abi::KEPT_NEW,
        Some(Kept::Lost) => abi::KEPT_LOST,
        Some(Kept::Again) | None => abi::KEPT_NOTHING,
    }
}

/// Takes the oldest of the answers that are kept. Returns 1, or 0 if there is
/// none.
///
/// # Safety
///
/// `block` is an initialised discovery, its mutex held; `out` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_disco_take(block: *mut DiscoBlock, out: *mut AoeFrame) -> i32 {
    // SAFETY: As the caller promises.
    let Some(offer) = unsafe { discovery(block) }.take_offer() else { return 0 };
    let frame = AoeFrame {
        header: offer.header,
        length: u32::try_from(offer.length).unwrap_or(0),
        link: offer.link.0,
        flags: 0,
        reserved: [0; 2],
    };
    // SAFETY: As the caller promises.
    unsafe { out.write(frame) };
    1
}

/// Fills up to `count` outputs. Returns their number; fewer than `count` means
/// that nothing is left.
///
/// # Safety
///
/// `block` is an initialised discovery, its mutex held; `out` is writable for
/// `count` entries.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_disco_poll(
    block: *mut DiscoBlock,
    now: u64,
    out: *mut AoeOutput,
    count: u32,
) -> u32 {
    // SAFETY: As the caller promises.
    let discovery = unsafe { discovery(block) };
    let next = |out: &mut convert::Place| {
        let frame = discovery.poll_transmit(Instant::from_micros(now));
        frame.inspect(|frame| convert::transmit(frame, out)).is_some()
    };
    // SAFETY: As the caller promises.
    unsafe { super::fill(out, count, next) }
}

/// Returns when the next beacon is due.
///
/// # Safety
///
/// `block` is an initialised discovery, its mutex held.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_disco_deadline(block: *const DiscoBlock) -> u64 {
    // SAFETY: As the caller promises.
    unsafe { discovery_ref(block) }.deadline().as_micros()
}

/// Records a target that answered and has no disk. Returns 1 if this is to be
/// reported now, otherwise 0.
///
/// # Safety
///
/// `block` is an initialised discovery, its mutex held.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_disco_absent(
    block: *mut DiscoBlock,
    now: u64,
    major: u16,
    minor: u8,
    event: u32,
    value: u64,
) -> i32 {
    let Some(why) = text::event(event) else { return 0 };
    // SAFETY: As the caller promises.
    let absences = &mut unsafe { discovery(block) }.absences;
    i32::from(absences.note(Address { major, minor }, why, value, Instant::from_micros(now)))
}

/// Notes that a target has a disk.
///
/// # Safety
///
/// `block` is an initialised discovery, its mutex held.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_disco_present(block: *mut DiscoBlock, major: u16, minor: u8) {
    // SAFETY: As the caller promises.
    unsafe { discovery(block) }.absences.forget(Address { major, minor });
}

/// Fills in the target without a disk at this index. Returns 0, or `ENOENT`
/// past the last one.
///
/// # Safety
///
/// `block` is an initialised discovery, its mutex held; `out` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_disco_absence(
    block: *mut DiscoBlock,
    now: u64,
    index: u32,
    out: *mut AoeAbsent,
) -> i32 {
    let now = Instant::from_micros(now);
    let index = usize::try_from(index).unwrap_or(usize::MAX);
    // SAFETY: As the caller promises.
    let Some(absent) = unsafe { discovery(block) }.absences.get(index, now) else {
        return ENOENT;
    };
    // SAFETY: The caller promises that `out` is writable.
    unsafe { out.write(convert::absent(absent, now)) };
    0
}
