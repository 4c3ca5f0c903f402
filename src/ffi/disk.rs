// SPDX-License-Identifier: BSD-2-Clause
//! Entry points for the thread that creates, resizes and removes disks, and reports
//! events.

use super::abi::{self, AoeDiskJob, AoeNote, AoeOwn};
use super::block::{self, Block};
use super::text;
use crate::config::Own;
use crate::fate::{Disk, Job};
use crate::notes::{Note, Told};
use crate::output::Event;
use crate::time::Instant;

/// Fills in the next job for the disk.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held; `out` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_disk_next(block: *mut Block, out: *mut AoeDiskJob) {
    // SAFETY: As the caller promises.
    let job = unsafe { block::fate(block) }.next_job();
    let (job, sectors, read_only) = match job {
        Job::Rest => (abi::JOB_REST, 0, false),
        Job::Remove => (abi::JOB_REMOVE, 0, false),
        Job::Make { blocks, is_protected } => (abi::JOB_MAKE, blocks, is_protected),
        Job::Resize { blocks } => (abi::JOB_RESIZE, blocks, false),
        Job::Taste => (abi::JOB_TASTE, 0, false),
    };
    let job = AoeDiskJob { sectors, job, read_only: read_only.into(), reserved: [0; 3] };
    // SAFETY: The caller promises that `out` is writable.
    unsafe { out.write(job) };
}

/// Notes that the disk exists. `disk_create()` follows.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_disk_made(block: *mut Block) {
    // SAFETY: As the caller promises.
    unsafe { block::fate(block) }.made();
}

/// Notes that nothing refers to the disk any more.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_disk_let_go(block: *mut Block) {
    // SAFETY: As the caller promises.
    unsafe { block::fate(block) }.let_go();
}

/// Returns 1 if GEOM is to taste the disk now, otherwise 0. Opens must be locked
/// out during the call.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_disk_taste(block: *mut Block) -> i32 {
    // SAFETY: As the caller promises.
    unsafe { block::fate(block) }.taste().into()
}

/// Notes whether the administrator wants the disk to be write-protected.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_disk_read_only(block: *mut Block, read_only: i32) {
    // SAFETY: As the caller promises.
    unsafe { block::fate(block) }.set_read_only(read_only != 0);
}

/// Returns the state of the disk, `AOE_DISK_*`.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_disk_state(block: *const Block) -> u32 {
    // SAFETY: As the caller promises.
    match unsafe { block::fate_ref(block) }.disk() {
        Disk::None => abi::DISK_NONE,
        Disk::Making { .. } => abi::DISK_MAKING,
        Disk::Live => abi::DISK_LIVE,
        Disk::Doomed => abi::DISK_DOOMED,
        Disk::Going => abi::DISK_GOING,
    }
}

/// Returns when the disk was opened, or `AOE_NEVER` if it is not open.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_disk_opened(block: *const Block) -> u64 {
    // SAFETY: As the caller promises.
    let opened = unsafe { block::fate_ref(block) }.opened();
    opened.map_or(u64::MAX, Instant::as_micros)
}

/// Notes that the root was mounted at `mounted`. Returns 1 if the disk holds it and
/// its I/O waits for ever from now on, otherwise 0.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held; `own` is initialised and
/// writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_disk_root(
    block: *mut Block,
    own: *mut AoeOwn,
    mounted: u64,
) -> i32 {
    // SAFETY: Both as the caller promises; the twins have the same layout.
    let (fate, own) = unsafe { (block::fate_ref(block), &mut *own.cast::<Own>()) };
    let has_root = fate.was_open(Instant::from_micros(mounted)) && own.hold_root();
    if has_root {
        // SAFETY: As the caller promises.
        unsafe { block::notes(block) }.push(Note { event: Event::Root, ..Note::NONE });
    }
    has_root.into()
}

/// Takes the oldest unreported event. Returns 1, or 0 if there is none.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held; `out` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_note(
    block: *mut Block,
    now: u64,
    all: i32,
    out: *mut AoeNote,
) -> i32 {
    // SAFETY: As the caller promises.
    let notes = unsafe { block::notes(block) };
    let Some(told) = notes.take(Instant::from_micros(now), all != 0) else { return 0 };
    // SAFETY: The caller promises that `out` is writable.
    unsafe { out.write(note(&told)) };
    1
}

fn note(told: &Told) -> AoeNote {
    let (event, note, tell) = match *told {
        Told::Note { note, is_shown: true } => {
            (text::code(note.event), note, abi::TELL_LOG | abi::TELL_CONSOLE)
        }
        Told::Note { note, is_shown: false } => (text::code(note.event), note, abi::TELL_LOG),
        Told::Unshown(value) => (text::UNSHOWN, Note { value, ..Note::NONE }, abi::TELL_CONSOLE),
    };
    AoeNote {
        value: note.value,
        event: event.into(),
        path: note.path.map_or(abi::PATH_ANY, |path| path.index.0),
        link: note.path.map_or(0, |path| path.link.0),
        mac: note.path.map_or([0; 6], |path| path.mac.0),
        absent: note.is_absence.into(),
        tell,
        reserved: [0; 2],
    }
}

/// Returns 1 if the target may be freed: it is gone, and has no disk, no unreported
/// event and no unresolved copy of a write. Returns 0 otherwise.
///
/// # Safety
///
/// `block` is an initialised target, its mutex held.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_may_free(block: *const Block) -> i32 {
    // SAFETY: As the caller promises.
    unsafe {
        let is_told = block::notes_ref(block).is_empty();
        let is_over = block::fate_ref(block).is_over();
        (is_told && is_over && block::target_ref(block).is_idle()).into()
    }
}
