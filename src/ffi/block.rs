// SPDX-License-Identifier: BSD-2-Clause
//! A target's one block of memory.

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

/// The block. The target borrows the storage behind it.
#[repr(C, align(16))]
pub struct Block {
    target: Target<'static>,
    address: Address,
    fate: Fate,
    notes: Notes,
    storage: Storage,
}

/// The maximum size of a target: thousands must fit into a small machine.
const BLOCK_MAX: usize = 64 * 1024;
const_assert!(size_of::<Block>() <= BLOCK_MAX);

/// The target in a block. No reference to the whole block is ever made: it would
/// cover, and thereby invalidate, the slices that the target holds.
///
/// # Safety
///
/// `block` must be filled by `init`, and its mutex held for the result's life.
pub(super) unsafe fn target<'b>(block: *mut Block) -> &'b mut Target<'static> {
    // SAFETY: The caller promises an initialised block that nobody else uses.
    unsafe { &mut *addr_of_mut!((*block).target) }
}

/// The same to look at: a dump does so without the mutex, in a kernel where
/// nothing else runs, but something may have stopped in the middle of a change.
///
/// # Safety
///
/// `block` must be filled by `init`, and its mutex held for the result's life,
/// or nothing else run.
pub(super) unsafe fn target_ref<'b>(block: *const Block) -> &'b Target<'static> {
    // SAFETY: The caller promises an initialised block that nobody changes.
    unsafe { &*addr_of!((*block).target) }
}

/// The fate of the disk of the target in a block.
///
/// # Safety
///
/// `block` must be filled by `init`, and its mutex held for the result's life.
pub(super) unsafe fn fate<'b>(block: *mut Block) -> &'b mut Fate {
    // SAFETY: The caller promises an initialised block that nobody else uses.
    unsafe { &mut *addr_of_mut!((*block).fate) }
}

/// The same, to look at.
///
/// # Safety
///
/// As for `fate`.
pub(super) unsafe fn fate_ref<'b>(block: *const Block) -> &'b Fate {
    // SAFETY: The caller promises an initialised block that nobody changes.
    unsafe { &*addr_of!((*block).fate) }
}

/// The notes of the target in a block.
///
/// # Safety
///
/// `block` must be filled by `init`, and its mutex held for the result's life.
pub(super) unsafe fn notes<'b>(block: *mut Block) -> &'b mut Notes {
    // SAFETY: The caller promises an initialised block that nobody else uses.
    unsafe { &mut *addr_of_mut!((*block).notes) }
}

/// The same, to look at.
///
/// # Safety
///
/// As for `notes`.
pub(super) unsafe fn notes_ref<'b>(block: *const Block) -> &'b Notes {
    // SAFETY: The caller promises an initialised block that nobody changes.
    unsafe { &*addr_of!((*block).notes) }
}

/// The address of the target in a block.
///
/// # Safety
///
/// `block` must be filled by `init`.
pub(super) unsafe fn address(block: *const Block) -> Address {
    // SAFETY: The caller promises an initialised block; the address is copied.
    unsafe { (*block).address }
}

/// The limits that C asks for; `None` if the tables cannot have them.
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

/// Bytes that a target takes; `None` if the limits are impossible.
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
        // SAFETY: A table is an array of `SIZE` slots, and the caller promises the memory.
        unsafe { table.cast::<T>().add(place).write(slot()) };
    }
}

/// Builds the target in place: nothing large is ever on the stack.
///
/// # Safety
///
/// `block` must be 16-aligned and point to `size(params)` writable bytes that
/// belong to the target until its memory is freed.
pub(super) unsafe fn init(
    block: *mut Block,
    params: &AoeParams,
    address: Address,
    settings: Settings,
    seed: &[u8; 32],
) {
    let Some(limits) = limits(params) else { return };
    // SAFETY: All of this lies inside the block. What is not a table of slots
    // is bytes and numbers, for which zero is a value; the storage is whole
    // before a reference to it is made, and only one is made.
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
