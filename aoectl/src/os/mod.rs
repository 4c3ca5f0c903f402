// SPDX-License-Identifier: BSD-2-Clause
//! The tool's interface to the system: the control device, sysctl(3), network
//! interfaces, a clock and the terminal.

#[cfg(target_os = "freebsd")]
mod freebsd;
mod interface;
mod interrupt;
#[cfg(target_os = "linux")]
mod kld;
mod local_time;
mod terminal;

use std::fmt;

#[cfg(target_os = "freebsd")]
pub use freebsd::System;
pub use interface::{Interface, Kind};
pub use interrupt::{catch_interrupt, catch_termination, is_interrupted};
#[cfg(target_os = "linux")]
pub use kld::System;
pub use local_time::local_time;
pub use terminal::Terminal;

#[cfg(target_os = "freebsd")]
use freebsd::native;
#[cfg(target_os = "linux")]
use kld::native;

use crate::ioctl::{Message, Request};

/// An errno in FreeBSD's numbering.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Errno(pub i32);

impl Errno {
    pub const EPERM: Errno = Errno(1);
    pub const ENOENT: Errno = Errno(2);
    pub const EINTR: Errno = Errno(4);
    pub const ENXIO: Errno = Errno(6);
    pub const EACCES: Errno = Errno(13);
    pub const EBUSY: Errno = Errno(16);
    pub const ENODEV: Errno = Errno(19);
    pub const EINVAL: Errno = Errno(22);
    pub const ENOSPC: Errno = Errno(28);
    pub const EMSGSIZE: Errno = Errno(40);
    pub const ENETDOWN: Errno = Errno(50);
    pub const ETIMEDOUT: Errno = Errno(60);
}

impl fmt::Display for Errno {
    /// Writes the text of strerror(3).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = native(*self);
        let text = std::io::Error::from_raw_os_error(number).to_string();
        f.write_str(text.strip_suffix(&format!(" (os error {number})")).unwrap_or(&text))
    }
}

impl System {
    /// Sends a request to the module, which writes its answer to `data`.
    pub fn ask<T: Message>(&mut self, request: &Request<T>, data: &mut T) -> Result<(), Errno> {
        self.ioctl(request.number(), data.as_mut_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errnos_are_told_by_name_alone() {
        assert_eq!(Errno::EINVAL.to_string(), "Invalid argument");
        assert_eq!(Errno(5).to_string(), "Input/output error");
    }
}
