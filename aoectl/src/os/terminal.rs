// SPDX-License-Identifier: BSD-2-Clause
//! The terminal in raw mode: each key is read at once, and not echoed.

use std::ffi::{c_int, c_short, c_ulong, c_void};
use std::io::{self, Write};
use std::time::Duration;

use super::{catch_termination, is_interrupted};

#[expect(unsafe_code, reason = "declares functions of the C library")]
// SAFETY: The declarations match termios.h, poll.h, unistd.h and sys/ioctl.h, except for
// the type of poll's count, which differs between systems. The only count passed is 1,
// which is passed in the same way as either type.
unsafe extern "C" {
    unsafe fn tcgetattr(fd: c_int, termios: *mut Termios) -> c_int;
    unsafe fn tcsetattr(fd: c_int, actions: c_int, termios: *const Termios) -> c_int;
    unsafe fn cfmakeraw(termios: *mut Termios);
    unsafe fn poll(fds: *mut PollFd, count: c_ulong, milliseconds: c_int) -> c_int;
    unsafe fn read(fd: c_int, bytes: *mut c_void, count: usize) -> isize;
    unsafe fn ioctl(fd: c_int, request: c_ulong, ...) -> c_int;
}

/// Memory for a `struct termios`, which has 44 bytes on FreeBSD and 60 on Linux. Only
/// the C library accesses its fields.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Termios([u8; 128]);

#[repr(C)]
struct PollFd {
    fd: c_int,
    events: c_short,
    revents: c_short,
}

/// `struct winsize`.
#[derive(Default)]
#[repr(C)]
struct WindowSize {
    rows: u16,
    columns: u16,
    width: u16,
    height: u16,
}

const INPUT: c_int = 0;
const OUTPUT: c_int = 1;
const TCSADRAIN: c_int = 1;
const POLLIN: c_short = 1;
#[cfg(target_os = "freebsd")]
const TIOCGWINSZ: c_ulong = 0x4008_7468;
#[cfg(target_os = "linux")]
const TIOCGWINSZ: c_ulong = 0x5413;

/// Switches to the alternate screen and hides the cursor; and undoes both.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

pub struct Terminal {
    before: Termios,
}

impl Terminal {
    /// Takes over this program's terminal, if it has one. Signals no longer end the
    /// program, since it must restore the terminal; instead, key() returns an error.
    pub fn take() -> Option<Terminal> {
        let mut before = Termios([0; 128]);
        #[expect(unsafe_code, reason = "calls the C library")]
        // SAFETY: Both variables are large enough for the `struct termios` that the
        // library fills in.
        let status = unsafe {
            if tcgetattr(INPUT, &mut before) != 0 {
                return None;
            }
            catch_termination();
            let mut raw = before;
            cfmakeraw(&mut raw);
            tcsetattr(INPUT, TCSADRAIN, &raw)
        };
        if status != 0 {
            return None;
        }
        let terminal = Terminal { before };
        terminal.write(ENTER);
        Some(terminal)
    }

    fn write(&self, text: &str) {
        let mut out = io::stdout().lock();
        // If the terminal is gone, key() will return an error.
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// Returns the number of rows and columns; 24 and 80 if unknown.
    pub fn size(&self) -> (usize, usize) {
        let mut size = WindowSize::default();
        #[expect(unsafe_code, reason = "calls the C library")]
        // SAFETY: The request fills in one `struct winsize`.
        let status = unsafe { ioctl(OUTPUT, TIOCGWINSZ, &mut size) };
        match (status, size.rows, size.columns) {
            (0, rows @ 1.., columns @ 1..) => (rows.into(), columns.into()),
            _ => (24, 80),
        }
    }

    /// Shows lines from the top of the screen, truncated to what fits.
    pub fn show(&self, lines: &[String]) {
        let (rows, columns) = self.size();
        let mut text = String::from("\x1b[H");
        for (n, line) in lines.iter().take(rows).enumerate() {
            text += if n == 0 { "" } else { "\r\n" };
            text.extend(line.chars().take(columns));
            text += "\x1b[K";
        }
        self.write(&(text + "\x1b[J"));
    }

    /// Waits up to `time` for a key, and returns it. An error means that a signal has
    /// arrived or the terminal is gone.
    pub fn key(&self, time: Duration) -> io::Result<Option<u8>> {
        if is_interrupted() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let mut input = PollFd { fd: INPUT, events: POLLIN, revents: 0 };
        // Rounded up, so as not to wait less.
        let milliseconds = c_int::try_from(time.as_millis() + 1).unwrap_or(c_int::MAX);
        let mut byte = 0u8;
        #[expect(unsafe_code, reason = "calls the C library")]
        // SAFETY: The counts are 1: one `PollFd`, and one byte.
        let count = unsafe {
            if poll(&mut input, 1, milliseconds) < 1 {
                // The time has passed, a signal arrived, or the window was resized.
                return Ok(None);
            }
            read(INPUT, (&raw mut byte).cast(), 1)
        };
        match count {
            1 => Ok(Some(byte)),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.write(LEAVE);
        #[expect(unsafe_code, reason = "calls the C library")]
        // SAFETY: tcgetattr(3) has filled in `before`.
        unsafe {
            tcsetattr(INPUT, TCSADRAIN, &self.before);
        }
    }
}
