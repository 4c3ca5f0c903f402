// SPDX-License-Identifier: BSD-2-Clause
//! The control device and sysctl(3) of FreeBSD.

use std::ffi::{CStr, c_char, c_int, c_uint, c_ulong, c_void};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::ptr;
use std::time::{Duration, Instant};

use super::{Errno, Interface};

#[expect(unsafe_code, reason = "declares functions of the C library")]
// SAFETY: The declarations match sys/ioctl.h, sys/sysctl.h and ifaddrs.h.
unsafe extern "C" {
    unsafe fn ioctl(fd: c_int, request: c_ulong, ...) -> c_int;
    unsafe fn sysctl(
        name: *const c_int,
        names: c_uint,
        old: *mut c_void,
        old_length: *mut usize,
        new: *const c_void,
        new_length: usize,
    ) -> c_int;
    unsafe fn getifaddrs(list: *mut *mut Address) -> c_int;
    unsafe fn freeifaddrs(list: *mut Address);
}

/// `struct ifaddrs`: an address of an interface.
#[repr(C)]
struct Address {
    next: *mut Address,
    name: *const c_char,
    flags: c_uint,
    address: *const SocketAddress,
    netmask: *const c_void,
    destination: *const c_void,
    data: *const InterfaceData,
}

/// The first fields of every `struct sockaddr`.
#[repr(C)]
struct SocketAddress {
    length: u8,
    family: u8,
}

/// The first fields of `struct if_data`.
#[repr(C)]
struct InterfaceData {
    kind: u8,
    physical: u8,
    address_length: u8,
    header_length: u8,
    link_state: u8,
}

const AF_LINK: u8 = 18;
const LINK_STATE_DOWN: u8 = 1;
/// IFF_UP and IFF_DRV_RUNNING.
const UP_AND_RUNNING: c_uint = 0x41;

/// `CTL_SYSCTL`, whose second number selects a query about variables.
const OF_SYSCTL: c_int = 0;
const NAME: c_int = 1;
const NEXT: c_int = 2;
const OID: c_int = 3;
const FORMAT: c_int = 4;

/// `CTLTYPE`, the types of variables.
const KIND: u32 = 0xf;
const INT: u32 = 2;
const STRING: u32 = 3;
const UINT: u32 = 6;
const ULONG: u32 = 8;
const U64: u32 = 9;

/// Size of the buffer for a value, in bytes; no variable of the driver is larger.
const VALUE_MAX: usize = 4096;

/// The errno in this system's numbering.
pub fn native(errno: Errno) -> i32 {
    errno.0
}

fn last() -> Errno {
    Errno(io::Error::last_os_error().raw_os_error().unwrap_or(0))
}

/// Returns the raw value of a variable, and sets a new one if given.
fn query(name: &[c_int], new: Option<&[u8]>) -> Result<Vec<u8>, Errno> {
    let mut old = vec![0; VALUE_MAX];
    let mut length = old.len();
    let names = c_uint::try_from(name.len()).map_err(|_| Errno::EINVAL)?;
    let (new, new_length) = new.map_or((ptr::null(), 0), |new| (new.as_ptr(), new.len()));
    #[expect(unsafe_code, reason = "calls the C library")]
    // SAFETY: Each pointer is valid for the length that is passed with it.
    let status = unsafe {
        sysctl(name.as_ptr(), names, old.as_mut_ptr().cast(), &mut length, new.cast(), new_length)
    };
    if status != 0 {
        return Err(last());
    }
    old.truncate(length);
    Ok(old)
}

/// Splits the raw value of an OID into its numbers.
fn numbers(bytes: &[u8]) -> Vec<c_int> {
    bytes.as_chunks().0.iter().map(|four| c_int::from_ne_bytes(*four)).collect()
}

/// Queries sysctl(3) about the variable with this OID.
fn about(question: c_int, oid: &[c_int]) -> Result<Vec<u8>, Errno> {
    query(&[&[OF_SYSCTL, question], oid].concat(), None)
}

fn oid_of(name: &str) -> Result<Vec<c_int>, Errno> {
    query(&[OF_SYSCTL, OID], Some(name.as_bytes())).map(|oid| numbers(&oid))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.split(|&byte| byte == 0).next().unwrap_or_default()).into_owned()
}

/// A variable's value as text.
fn value(oid: &[c_int]) -> Result<String, Errno> {
    let format = about(FORMAT, oid)?;
    let kind = format.first_chunk().map_or(0, |kind| u32::from_ne_bytes(*kind)) & KIND;
    let raw = query(oid, None)?;
    let written = match kind {
        STRING => Some(text(&raw)),
        INT => raw.first_chunk().map(|n| i32::from_ne_bytes(*n).to_string()),
        UINT => raw.first_chunk().map(|n| u32::from_ne_bytes(*n).to_string()),
        ULONG | U64 => raw.first_chunk().map(|n| u64::from_ne_bytes(*n).to_string()),
        _ => None,
    };
    written.ok_or(Errno::EINVAL)
}

/// The system, with the control device once that is open.
pub struct System {
    device: Option<File>,
    began: Instant,
}

impl System {
    pub fn new() -> System {
        System { device: None, began: Instant::now() }
    }

    /// The time since the program started.
    pub fn clock(&self) -> Duration {
        self.began.elapsed()
    }

    pub fn pause(&mut self, time: Duration) {
        std::thread::sleep(time);
    }

    /// Lists the interfaces. Each has exactly one link-layer address.
    pub fn interfaces(&self) -> Result<Vec<Interface>, Errno> {
        let mut list = ptr::null_mut();
        #[expect(unsafe_code, reason = "calls the C library")]
        // SAFETY: getifaddrs(3) writes one pointer, to `list`.
        if unsafe { getifaddrs(&mut list) } != 0 {
            return Err(last());
        }
        let mut all = Vec::new();
        let mut next: *const Address = list;
        #[expect(unsafe_code, reason = "the list contains pointers")]
        // SAFETY: The pointers are null, or point into memory that getifaddrs(3)
        // allocated and that is freed only at the end. The data of a link-layer address
        // is a `struct if_data`.
        unsafe {
            while let Some(entry) = next.as_ref() {
                next = entry.next;
                let is_link = entry.address.as_ref().is_some_and(|it| it.family == AF_LINK);
                if let Some(data) = entry.data.as_ref().filter(|_| is_link) {
                    all.push(Interface {
                        name: CStr::from_ptr(entry.name).to_string_lossy().into_owned(),
                        kind: data.kind.into(),
                        is_up: entry.flags & UP_AND_RUNNING == UP_AND_RUNNING,
                        has_carrier: data.link_state != LINK_STATE_DOWN,
                    });
                }
            }
            freeifaddrs(list);
        }
        Ok(all)
    }

    pub fn open(&mut self) -> Result<(), Errno> {
        let device = OpenOptions::new().read(true).write(true).open("/dev/aoectl");
        self.device = Some(device.map_err(|error| Errno(error.raw_os_error().unwrap_or(0)))?);
        Ok(())
    }

    pub(super) fn ioctl(&mut self, request: u32, data: &mut [u8]) -> Result<(), Errno> {
        let device = self.device.as_ref().map_or(-1, AsRawFd::as_raw_fd);
        let pointer: *mut c_char = data.as_mut_ptr().cast();
        #[expect(unsafe_code, reason = "calls the C library")]
        // SAFETY: The request encodes the size of its data, and the callers pass data of
        // the request's type.
        let status = unsafe { ioctl(device, c_ulong::from(request), pointer) };
        if status == 0 { Ok(()) } else { Err(last()) }
    }

    pub fn sysctl(&self, name: &str) -> Result<String, Errno> {
        value(&oid_of(name)?)
    }

    /// Sets a variable of type string; the tool sets no others.
    pub fn set_sysctl(&self, name: &str, value: &[u8]) -> Result<(), Errno> {
        let value = [value, &[0]].concat();
        query(&oid_of(name)?, Some(&value)).map(|_| ())
    }

    /// Returns every variable below a node, with its full name and its value.
    pub fn sysctls(&self, prefix: &str) -> Result<Vec<(String, String)>, Errno> {
        let root = oid_of(prefix)?;
        let mut next = root.clone();
        let mut all = Vec::new();
        loop {
            next = match about(NEXT, &next) {
                Ok(oid) => numbers(&oid),
                Err(Errno::ENOENT) => return Ok(all),
                Err(errno) => return Err(errno),
            };
            if !next.starts_with(&root) {
                return Ok(all);
            }
            if let (Ok(name), Ok(value)) = (about(NAME, &next), value(&next)) {
                all.push((text(&name), value));
            }
        }
    }
}
