//! A target's one block of memory: the fixed part, then the tables.

use super::abi::AoeParams;
use crate::guard::Copy;
use crate::io::Io;
use crate::path::Path;
use crate::request::Request;
use crate::target::{CONTROL_MAX, LINKS, Link, PATHS, Settings, Storage, Target};
use crate::wire::Address;
use core::alloc::Layout;
use core::ptr::{addr_of, addr_of_mut};
use core::slice;

/// Bounds of the tables: slot numbers are 16 bits wide and tags name 495.
const IOS: core::ops::RangeInclusive<u32> = 1..=4096;
const REQUESTS: core::ops::RangeInclusive<u32> = 1..=495;
const COPIES: core::ops::RangeInclusive<u32> = 1..=32_768;

/// The fixed part. The target borrows from all that lies behind it.
#[repr(C, align(16))]
pub struct Block {
    target: Target<'static>,
    address: Address,
    links: [Link; LINKS],
    paths: [Path; PATHS],
    scratch: [u8; CONTROL_MAX],
    control: [u8; CONTROL_MAX],
    identify: [u8; 512],
    config: [u8; 1024],
}

/// The target in a block. No reference to the whole block is ever made: it
/// would cover, and by that end, the slices that the target holds.
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

/// The address of the target in a block.
///
/// # Safety
///
/// `block` must be filled by `init`.
pub(super) unsafe fn address(block: *const Block) -> Address {
    // SAFETY: The caller promises an initialised block; the address is copied.
    unsafe { (*block).address }
}

/// Where the tables lie in the block.
struct Places {
    ios: usize,
    requests: usize,
    copies: usize,
    size: usize,
}

fn places(params: &AoeParams) -> Option<Places> {
    let bounded = IOS.contains(&params.io_slots)
        && REQUESTS.contains(&params.frame_slots)
        && COPIES.contains(&params.copy_slots);
    if !bounded {
        return None;
    }
    let table = |n: u32| usize::try_from(n).ok();
    let fixed = Layout::new::<Block>();
    let (all, ios) = fixed.extend(Layout::array::<Io>(table(params.io_slots)?).ok()?).ok()?;
    let requests = Layout::array::<Request>(table(params.frame_slots)?).ok()?;
    let (all, requests) = all.extend(requests).ok()?;
    let (all, copies) = all.extend(Layout::array::<Copy>(table(params.copy_slots)?).ok()?).ok()?;
    Some(Places { ios, requests, copies, size: all.pad_to_align().size() })
}

/// Bytes that a target with these tables needs; `None` if they are impossible.
pub(super) fn size(params: &AoeParams) -> Option<usize> {
    places(params).map(|p| p.size)
}

/// Fills `count` entries at `first` and gives them as a slice.
///
/// # Safety
///
/// The memory must be writable, aligned, and nobody else's for ever.
unsafe fn table<T>(first: *mut T, count: usize, value: impl Fn() -> T) -> &'static mut [T] {
    for n in 0..count {
        // SAFETY: `n` is below `count`, and the caller promises the memory.
        unsafe { first.add(n).write(value()) };
    }
    // SAFETY: Every entry has just been written.
    unsafe { slice::from_raw_parts_mut(first, count) }
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
    let Some(at) = places(params) else { return };
    let start = block.cast::<u8>();
    let entries = |n: u32| usize::try_from(n).unwrap_or(0);
    // SAFETY: Each place lies inside the block, aligned for its type by
    // `Layout`, and each is handed out once. The arrays of bytes are filled
    // before a reference to them is made.
    unsafe {
        let ios = table(start.add(at.ios).cast::<Io>(), entries(params.io_slots), || Io::FREE);
        let requests = start.add(at.requests).cast::<Request>();
        let requests = table(requests, entries(params.frame_slots), || Request::FREE);
        let copies =
            table(start.add(at.copies).cast::<Copy>(), entries(params.copy_slots), || Copy::FREE);
        let links = table(addr_of_mut!((*block).links).cast::<Link>(), LINKS, || Link::NONE);
        let paths = table(addr_of_mut!((*block).paths).cast::<Path>(), PATHS, || Path::FREE);
        addr_of_mut!((*block).scratch).write_bytes(0, 1);
        addr_of_mut!((*block).control).write_bytes(0, 1);
        addr_of_mut!((*block).identify).write_bytes(0, 1);
        addr_of_mut!((*block).config).write_bytes(0, 1);
        addr_of_mut!((*block).address).write(address);
        let storage = Storage {
            ios,
            requests,
            copies,
            links,
            paths,
            scratch: &mut *addr_of_mut!((*block).scratch),
            control: &mut *addr_of_mut!((*block).control),
            identify: &mut *addr_of_mut!((*block).identify),
            config: &mut *addr_of_mut!((*block).config),
        };
        addr_of_mut!((*block).target).write(Target::new(address, storage, settings, seed));
    }
}
