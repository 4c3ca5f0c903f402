// SPDX-License-Identifier: BSD-2-Clause
//! Entry points for `/dev/aoectl`: its requests and their results.

use super::abi::{self, AoeIocControl, AoeIocEvent, AoeIocLog, AoeIocTarget, AoeLog, AoeOutput};
use super::block::{self, Block};
use super::convert::{self, EINVAL, errno};
use super::text;
use crate::limits::REQUEST_MS;
use crate::log::{Entry, Log};
use crate::slot::PathId;
use crate::targets::{CONTROL_MAX, ControlRequest};
use crate::time::{Instant, Micros};
use crate::wire::{Address, Command};
use static_assertions::const_assert;

const_assert!(size_of::<Log>() <= size_of::<AoeLog>());
const_assert!(align_of::<Log>() <= align_of::<AoeLog>());

/// Extra time for a command to a target with room for one message. An I/O may have
/// to be answered first, which takes up to four seconds for a flush, and a callout
/// may be a second late.
const GRACE: Micros = Micros::from_secs(5);

/// Returns a time in whole seconds, or [`abi::FOREVER`] if it does not fit.
fn seconds(time: Micros) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(abi::FOREVER)
}

/// Returns how long all transmissions of a command take, in milliseconds, or `None`
/// if that is 0 or exceeds the limit.
fn duration(c: &AoeIocControl) -> Option<u32> {
    let total = u32::from(c.tries).checked_mul(c.wait_ms)?;
    (total != 0 && total <= REQUEST_MS).then_some(total)
}

fn request(c: &AoeIocControl) -> Option<ControlRequest> {
    duration(c)?;
    Some(ControlRequest {
        command: Command::from(u8::try_from(c.command).ok()?),
        length: usize::try_from(c.length).ok().filter(|n| *n <= CONTROL_MAX)?,
        frame_length: c.frame_length,
        wait: Micros::from_millis(c.wait_ms.into()),
        tries: c.tries,
        path: (c.path != abi::PATH_ANY).then_some(PathId(c.path)),
    })
}

/// Returns the longest duration of a command in microseconds, or 0 if the command
/// exceeds a limit.
///
/// # Safety
///
/// `control` must be readable; no lock is needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_control_patience(control: *const AoeIocControl) -> u64 {
    // SAFETY: As the caller promises.
    let control = unsafe { &*control };
    match (request(control), duration(control)) {
        (Some(_), Some(total)) => Micros::from_millis(total.into()).plus(GRACE).0,
        _ => 0,
    }
}

/// Sends a management command. Returns 0 or an errno.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held; `control` is readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_control(
    block: *mut Block,
    now: u64,
    control: *const AoeIocControl,
) -> i32 {
    // SAFETY: As the caller promises.
    let (target, control) = unsafe { (block::target(block), &*control) };
    let Some(request) = request(control) else { return EINVAL };
    for (to, from) in target.control_mut().iter_mut().zip(&control.data).take(request.length) {
        *to = *from;
    }
    target.handle_control(request, Instant::from_micros(now)).map_or_else(errno, |()| 0)
}

/// Fills in the result of a command. Returns 0, or an errno if there is no answer.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held; `output` is readable, and
/// `control` is the command, and writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_control_result(
    block: *mut Block,
    output: *const AoeOutput,
    control: *mut AoeIocControl,
) -> i32 {
    // SAFETY: As the caller promises.
    let (target, done, control) = unsafe { (block::target(block), &*output, &mut *control) };
    control.tries = done.tries;
    if done.error != 0 {
        return done.error;
    }
    control.path = done.path;
    control.length = done.data_length;
    control.error = done.event;
    control.refused = done.refused;
    control.rtt_us = done.io;
    let length = usize::try_from(done.data_length).unwrap_or(CONTROL_MAX);
    let answer = target.control_mut().iter().take(length);
    for (to, from) in control.data.iter_mut().zip(answer) {
        *to = *from;
    }
    0
}

/// Fills in the description of a target, except for its interfaces.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held; `out` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_describe(block: *const Block, now: u64, out: *mut AoeIocTarget) {
    // SAFETY: The caller promises that `out` is writable, and all zero bytes are a
    // valid value of it.
    let out = unsafe {
        out.write_bytes(0, 1);
        &mut *out
    };
    // SAFETY: As the caller promises.
    let (target, address) = unsafe { (block::target_ref(block), block::address(block)) };
    (out.major, out.minor) = (address.major, address.minor);
    out.name = text::name(address);
    out.info = convert::info(target, address);
    for (n, place) in out.path.iter_mut().enumerate() {
        let (Some(path), Some(counts)) = (target.path_status(n), target.path_histogram(n)) else {
            break;
        };
        place.info = convert::path_info(&path);
        place.histogram = *counts;
        out.npaths = out.npaths.saturating_add(1);
    }
    if let Some(bytes) = target.identify_bytes() {
        out.identified = 1;
        out.identify = *bytes;
    }
    for (to, from) in out.config.iter_mut().zip(target.config_string()) {
        *to = *from;
    }
    if let Some((waited, left)) = target.suspension(Instant::from_micros(now)) {
        out.suspended_s = seconds(waited);
        out.fails_in_s = left.map_or(abi::FOREVER, seconds);
    }
    if let Some((event, value, _)) = target.status().reason {
        text::words(text::code(event), value, &mut out.reason);
    }
}

/// Adds an event to the log.
///
/// # Safety
///
/// `log` is a log, its mutex held.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_log_add(
    log: *mut AoeLog,
    sec: u64,
    usec: u32,
    major: u16,
    minor: u8,
    path: u8,
    event: u32,
    value: u64,
) {
    // SAFETY: The memory is large enough and aligned for a `Log`, as asserted
    // above, and all zero bytes are a valid `Log`. The caller promises the rest.
    let log = unsafe { &mut *log.cast::<Log>() };
    log.add(Entry {
        seconds: sec,
        micros: usec,
        address: Address { major, minor },
        path,
        event: u8::try_from(event).unwrap_or(0),
        value,
    });
}

/// Fills in events that the reader has not seen. Returns their number.
///
/// # Safety
///
/// `log` is a log, its mutex held; `out` holds the reader's request.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_log_read(log: *const AoeLog, out: *mut AoeIocLog) -> u32 {
    // SAFETY: As in `aoe_core_log_add`. The caller promises that `out` is
    // initialised.
    let (log, out) = unsafe { (&*log.cast::<Log>(), &mut *out) };
    let news = log.after(out.after);
    out.lost = news.lost;
    out.count = 0;
    for (place, (number, entry)) in out.event.iter_mut().zip(news) {
        event(number, &entry, place);
        out.count = out.count.saturating_add(1);
    }
    out.count
}

fn event(number: u64, entry: &Entry, out: &mut AoeIocEvent) {
    out.seq = number;
    (out.sec, out.usec) = (entry.seconds, entry.micros);
    (out.path, out.value) = (entry.path, entry.value);
    out.reserved = [0; 3];
    out.target = text::name(entry.address);
    let name = text::words(entry.event, entry.value, &mut out.text);
    out.name = convert::terminated(name.to_bytes());
}

/// Removes all events from the log.
///
/// # Safety
///
/// `log` is a log, its mutex held.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_log_clear(log: *mut AoeLog) {
    // SAFETY: As in `aoe_core_log_add`.
    unsafe { &mut *log.cast::<Log>() }.clear();
}
