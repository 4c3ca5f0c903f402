// SPDX-License-Identifier: BSD-2-Clause
//! The single block of memory of a target.

use super::abi::AoeParams;
use crate::fate::Fate;
use crate::guard::{Copies, Copy};
use crate::history::Earlier;
use crate::io::{Io, Ios};
use crate::notes::Notes;
use crate::path::Path;
use crate::request::{Request, Requests};
use crate::table::Table;
use crate::targets::{Limits, Link, Settings, Storage, Target};
use crate::wire::Address;
use core::ptr::{addr_of, addr_of_mut};
use static_assertions::const_assert;

/// A target and everything that belongs to it. `target` borrows `storage`.
#[repr(C, align(16))]
pub struct Block {
    target: Target<'static>,
    address: Address,
    fate: Fate,
    notes: Notes,
    storage: Storage,
}

/// The maximum size of a target in bytes. Thousands of targets must fit into a
/// small machine.
const BLOCK_MAX: usize = 64 * 1024;
const_assert!(size_of::<Block>() <= BLOCK_MAX);

/// Returns the target in a block. No reference to the whole block is ever created,
/// since it would cover the storage, and thereby invalidate the target's references
/// to that.
///
/// # Safety
///
/// `block` must be filled by `init`, and its mutex must be held for the lifetime of
/// the result.
pub(super) unsafe fn target<'b>(block: *mut Block) -> &'b mut Target<'static> {
    // SAFETY: The caller promises that the block is initialised and that nothing
    // else uses it.
    unsafe { &mut *addr_of_mut!((*block).target) }
}

/// Returns the target in a block for reading. A crash dump reads it without the
/// mutex: nothing else runs by then, but another thread may have been stopped in
/// the middle of a change.
///
/// # Safety
///
/// `block` must be filled by `init`. For the lifetime of the result, its mutex must
/// be held, or nothing else may run.
pub(super) unsafe fn target_ref<'b>(block: *const Block) -> &'b Target<'static> {
    // SAFETY: The caller promises that the block is initialised and that nothing
    // changes it.
    unsafe { &*addr_of!((*block).target) }
}

/// Returns the fate of the disk of the target in a block.
///
/// # Safety
///
/// `block` must be filled by `init`, and its mutex must be held for the lifetime of
/// the result.
pub(super) unsafe fn fate<'b>(block: *mut Block) -> &'b mut Fate {
    // SAFETY: The caller promises that the block is initialised and that nothing
    // else uses it.
    unsafe { &mut *addr_of_mut!((*block).fate) }
}

/// Returns the fate for reading.
///
/// # Safety
///
/// As for `fate`.
pub(super) unsafe fn fate_ref<'b>(block: *const Block) -> &'b Fate {
    // SAFETY: The caller promises that the block is initialised and that nothing
    // changes it.
    unsafe { &*addr_of!((*block).fate) }
}

/// Returns the notes of the target in a block.
///
/// # Safety
///
/// `block` must be filled by `init`, and its mutex must be held for the lifetime of
/// the result.
pub(super) unsafe fn notes<'b>(block: *mut Block) -> &'b mut Notes {
    // SAFETY: The caller promises that the block is initialised and that nothing
    // else uses it.
    unsafe { &mut *addr_of_mut!((*block).notes) }
}

/// Returns the notes for reading.
///
/// # Safety
///
/// As for `notes`.
pub(super) unsafe fn notes_ref<'b>(block: *const Block) -> &'b Notes {
    // SAFETY: The caller promises that the block is initialised and that nothing
    // changes it.
    unsafe { &*addr_of!((*block).notes) }
}

/// Returns the address of the target in a block.
///
/// # Safety
///
/// `block` must be filled by `init`.
pub(super) unsafe fn address(block: *const Block) -> Address {
    // SAFETY: The caller promises that the block is initialised. The address is
    // copied.
    unsafe { (*block).address }
}

/// Returns the limits that C requests, or `None` if one is 0 or exceeds the size of
/// its table.
fn limits(params: &AoeParams) -> Option<Limits> {
    let limit = |wanted: u32, slots: usize| {
        u16::try_from(wanted).ok().filter(|n| (1..=slots).contains(&usize::from(*n)))
    };
    Some(Limits {
        ios: limit(params.io_slots, Ios::SLOTS)?,
        requests: limit(params.frame_slots, Requests::SLOTS)?,
        copies: limit(params.copy_slots, Copies::SLOTS)?,
    })
}

/// Returns the size of a target in bytes, or `None` if the limits are impossible.
pub(super) fn size(params: &AoeParams) -> Option<usize> {
    limits(params).map(|_| size_of::<Block>())
}

/// Fills a table in place.
///
/// # Safety
///
/// `table` must be writable and aligned.
unsafe fn fill<T, I, const SIZE: usize>(table: *mut Table<T, I, SIZE>, slot: impl Fn() -> T) {
    for place in 0..SIZE {
        // SAFETY: A table is an array of `SIZE` slots, and the caller promises that
        // it is writable.
        unsafe { table.cast::<T>().add(place).write(slot()) };
    }
}

/// Builds a target in place, so that nothing large is ever on the stack.
///
/// # Safety
///
/// `block` must be aligned to 16 bytes, and point to `size(params)` writable bytes
/// that belong to the target until they are freed.
pub(super) unsafe fn init(
    block: *mut Block,
    params: &AoeParams,
    address: Address,
    settings: Settings,
    seed: &[u8; 32],
) {
    let Some(limits) = limits(params) else { return };
    // SAFETY: All of this is inside the block. Apart from tables of slots, the
    // storage consists of bytes and numbers, for which zero is a valid value. It is
    // complete before a reference to it is created, and only one reference is
    // created.
    unsafe {
        let storage = addr_of_mut!((*block).storage);
        storage.write_bytes(0, 1);
        fill(addr_of_mut!((*storage).ios), || Io::FREE);
        fill(addr_of_mut!((*storage).requests), || Request::FREE);
        fill(addr_of_mut!((*storage).earlier), || Earlier::FREE);
        fill(addr_of_mut!((*storage).copies), || Copy::FREE);
        fill(addr_of_mut!((*storage).paths), || Path::FREE);
        fill(addr_of_mut!((*storage).links), || Link::NONE);
        addr_of_mut!((*block).address).write(address);
        addr_of_mut!((*block).fate).write(Fate::NONE);
        addr_of_mut!((*block).notes).write(Notes::EMPTY);
        let target = Target::new(address, &mut *storage, limits, settings, seed);
        addr_of_mut!((*block).target).write(target);
    }
}
