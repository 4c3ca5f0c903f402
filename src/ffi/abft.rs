// SPDX-License-Identifier: BSD-2-Clause
//! Entry points for the search for the boot firmware table.

use super::abi::AoeAbft;
use crate::abft::{Boot, Search};
use core::ptr::addr_of_mut;
use core::slice;
use static_assertions::const_assert;

const_assert!(size_of::<Search>() <= size_of::<[u64; 8]>());
const_assert!(align_of::<Search>() <= align_of::<u64>());

/// Fills in the memory to read next, and the table's contents once it is found.
fn describe(search: &Search, found: Option<Boot>, out: &mut AoeAbft) {
    let next = search.wants();
    out.address = next.map_or(0, |span| span.address);
    out.length = next.and_then(|span| u32::try_from(span.length).ok()).unwrap_or(0);
    if let Some(boot) = found {
        (out.major, out.minor) = (boot.address.major, boot.address.minor);
        out.mac = boot.mac.0;
        out.found = 1;
    }
}

/// Begins a search. `pointer` is the address of ACPI's root pointer, as
/// firmware reports it, or 0.
///
/// # Safety
///
/// `abft` must be writable; no lock is needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_abft_begin(abft: *mut AoeAbft, pointer: u64, has_bios: i32) {
    let search = Search::new(Some(pointer), has_bios != 0);
    // SAFETY: The caller promises that `abft` is writable. All zero bytes are a
    // valid value of it, and it has room for a search, as asserted above.
    unsafe {
        abft.write_bytes(0, 1);
        describe(&search, None, &mut *abft);
        addr_of_mut!((*abft).search).cast::<Search>().write(search);
    }
}

/// Takes the bytes of the memory to read.
///
/// # Safety
///
/// `abft` must have been filled in by `aoe_core_abft_begin()`. Its length must
/// not be 0, and `bytes` must be readable for that length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aoe_core_abft_take(abft: *mut AoeAbft, bytes: *const u8) {
    // SAFETY: Both as the caller promises.
    unsafe {
        let length = usize::try_from((*abft).length).unwrap_or(0);
        let place = addr_of_mut!((*abft).search).cast::<Search>();
        let mut search = place.read();
        let found = search.take(slice::from_raw_parts(bytes, length));
        describe(&search, found, &mut *abft);
        place.write(search);
    }
}
