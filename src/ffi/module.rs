// SPDX-License-Identifier: BSD-2-Clause
//! Entry points for the module as a whole: its limits, root on AoE, unloading.

use super::abi::{self, AoeLeave, AoeLimits, AoeParams};
use crate::boot;
use crate::guard::Copies;
use crate::io::Ios;
use crate::leave::{Leave, Obstacle, Remains, Step};
use crate::limits::{GRAIN, KEPT, LOOK, REAP, REQUEST_MS, RESERVE, SLACK, TURNS};
use crate::request::Requests;
use crate::time::{Instant, Micros};
use static_assertions::const_assert;

const_assert!(size_of::<Leave>() <= size_of::<AoeLeave>());
const_assert!(align_of::<Leave>() <= align_of::<AoeLeave>());

fn word(value: Micros) -> u32 {
    u32::try_from(value.0).unwrap_or(u32::MAX)
}

fn slots(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Fills in the limits for the shim.
///
/// # Safety
///
/// `out` must be writable; no lock is needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_limits(out: *mut AoeLimits) {
    let limits = AoeLimits {
        tables: AoeParams {
            io_slots: slots(Ios::SLOTS),
            frame_slots: slots(Requests::SLOTS),
            copy_slots: slots(Copies::SLOTS),
            reserved: 0,
        },
        look_us: word(LOOK),
        grain_us: word(GRAIN),
        slack_us: word(SLACK),
        reap_us: word(REAP),
        turns: TURNS,
        reserve: RESERVE,
        kept: KEPT,
        request_ms: REQUEST_MS,
    };
    // SAFETY: The caller promises that `out` is writable.
    unsafe { out.write(limits) };
}

/// Begins an unload.
///
/// # Safety
///
/// `leave` must be writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_leave_begin(leave: *mut AoeLeave, now: u64) {
    // SAFETY: The memory is large enough and aligned, as asserted above, and the
    // caller promises that it is writable.
    unsafe { leave.cast::<Leave>().write(Leave::new(Instant::from_micros(now))) };
}

/// Converts a step to C's form, and its time to microseconds in `wait`.
fn step(step: Step, wait: &mut u64) -> u32 {
    let (kind, span) = match step {
        Step::Beacon(span) => (abi::LEAVE_BEACON, span),
        Step::Leave => (abi::LEAVE_NOW, Micros(0)),
        Step::Refuse(Obstacle::Disk) => (abi::LEAVE_NOT_DISK, Micros(0)),
        Step::Refuse(Obstacle::Frame) => (abi::LEAVE_NOT_FRAME, Micros(0)),
        Step::Refuse(Obstacle::Geom) => (abi::LEAVE_NOT_GEOM, Micros(0)),
        Step::Wait(span) => (abi::LEAVE_WAIT, span),
    };
    *wait = span.0;
    kind
}

/// Returns a step that shows whether an unload may begin. `wait` gets the
/// microseconds to wait.
///
/// # Safety
///
/// `leave` was begun, and `wait` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_leave_ask(
    leave: *const AoeLeave,
    now: u64,
    opened: u64,
    wait: *mut u64,
) -> u32 {
    // SAFETY: Both as the caller promises.
    let (leave, wait) = unsafe { (&*leave.cast::<Leave>(), &mut *wait) };
    let opened = Some(Instant::from_micros(opened)).filter(|opened| *opened != Instant::NEVER);
    step(leave.ask(Instant::from_micros(now), opened), wait)
}

/// Returns the next step of an unload. `wait` gets the microseconds to wait.
///
/// # Safety
///
/// `leave` was begun, and `wait` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_leave_next(
    leave: *mut AoeLeave,
    now: u64,
    remains: u32,
    wait: *mut u64,
) -> u32 {
    // SAFETY: Both as the caller promises.
    let (leave, wait) = unsafe { (&mut *leave.cast::<Leave>(), &mut *wait) };
    let remains = Remains {
        disk: remains & abi::REMAINS_DISK != 0,
        geom: remains & abi::REMAINS_GEOM != 0,
        frame: remains & abi::REMAINS_FRAME != 0,
    };
    step(leave.next(Instant::from_micros(now), remains), wait)
}

/// Returns the actions for the root file system, `AOE_BOOT_*`.
///
/// # Safety
///
/// `until` must be writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_boot(until: *mut u64, now: u64, mounted: u64, disk: i32) -> u32 {
    // SAFETY: As the caller promises.
    let until = unsafe { &mut *until };
    let now = Instant::from_micros(now);
    *until = boot::hold_until(Instant::from_micros(*until), now, disk != 0).as_micros();
    let release = if now.as_micros() >= *until { abi::BOOT_RELEASE } else { 0 };
    let has_root = mounted != 0 && boot::has_settled(Instant::from_micros(mounted), now);
    release | if has_root { abi::BOOT_ROOT } else { 0 }
}
