// SPDX-License-Identifier: BSD-2-Clause
//! Local time, which Rust's standard library does not provide.

use std::ffi::{c_char, c_int, c_long};
use std::fmt;
use std::ptr;

/// `struct tm`, which has the same layout on FreeBSD and Linux.
#[repr(C)]
pub struct Clock {
    second: c_int,
    minute: c_int,
    hour: c_int,
    day: c_int,
    month: c_int,
    year: c_int,
    weekday: c_int,
    yearday: c_int,
    is_summer: c_int,
    offset: c_long,
    zone: *const c_char,
}

#[expect(unsafe_code, reason = "declares a function of the C library")]
// SAFETY: localtime_r(3) reads one time_t, which has 64 bits on every machine that the
// driver supports, and fills in one `struct tm`.
unsafe extern "C" {
    safe fn localtime_r(seconds: &i64, clock: &mut Clock) -> *mut Clock;
}

/// Converts seconds since 1970, UTC, to local time.
pub fn local_time(seconds: i64) -> Clock {
    let mut clock = Clock {
        second: 0,
        minute: 0,
        hour: 0,
        day: 1,
        month: 0,
        year: 70,
        weekday: 4,
        yearday: 0,
        is_summer: 0,
        offset: 0,
        zone: ptr::null(),
    };
    localtime_r(&seconds, &mut clock);
    clock
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month) = (i64::from(self.year) + 1900, self.month + 1);
        let Clock { day, hour, minute, second, .. } = self;
        write!(f, "{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }
}
