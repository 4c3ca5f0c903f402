// SPDX-License-Identifier: BSD-2-Clause
//! The requests of `/dev/aoectl` and their data: the core's structs, and twins of the
//! other structs in `kmod-shim/aoe_ioctl.h`. The derives reject padding, so the
//! asserted size determines the layout.

#[cfg(test)]
mod tests;

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use aoe_core::ffi::abi::{ABI_VERSION, AoeAbsent, AoeIocControl, AoeIocTarget, PATH_ANY, TEXT_MAX};
pub use aoe_core::ffi::abi::{AoeIocEvent as Event, AoeIocLog as Log, AoeIocPath as Path};
pub use aoe_core::targets::{path_state_name, state_name};
use aoe_core::wire::{Address as AoeAddress, SECTOR};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

/// The version of the structs; the device must have the same.
pub const CTL_VERSION: u32 = ABI_VERSION << 16 | 5;

/// `AOE_EV_LEFT_OUT`: the target exceeds net.aoe.maxtargets.
pub const EV_LEFT_OUT: u32 = 23;

pub const STATE_UP: u32 = 2;
pub const STATE_SUSPENDED: u32 = 3;
pub const STATE_FAILED: u32 = 4;
pub const PATH_UP: u8 = 1;
pub const PATH_DOWN: u8 = 2;
pub const PATH_CONFLICT: u8 = 3;
pub const PATH_UNUSABLE: u8 = 4;

/// The data of an ioctl.
pub trait Message: Sized + FromBytes + FromZeros + Immutable + IntoBytes + KnownLayout {
    /// Makes a message of zeros.
    fn new() -> Self {
        Self::new_zeroed()
    }
}

macro_rules! message {
    ($(#[$meta:meta])* $name:ident, $size:literal { $($field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, FromBytes, Immutable, IntoBytes, KnownLayout)]
        #[repr(C)]
        pub struct $name {
            $(pub $field: $type,)*
        }
        const _: () = assert!(size_of::<$name>() == $size);
        impl Message for $name {}

        #[cfg(test)]
        impl $name {
            /// The name and offset of every field.
            pub const FIELDS: &'static [(&'static str, usize)] =
                &[$((stringify!($field), std::mem::offset_of!($name, $field)),)*];
        }
    };
}

message!(
    Version, 32 {
        version: u32,
        driver: [u8; 28],
    }
);

message!(
    /// A target, or every target.
    Address, 4 {
        major: u16,
        minor: u8,
        all: u8,
    }
);

/// Wraps a twin of the core, so that the tool can add methods.
macro_rules! with_methods {
    ($(#[$meta:meta])* $name:ident, $twin:ident) => {
        $(#[$meta])*
        #[derive(Clone, FromBytes, Immutable, IntoBytes, KnownLayout)]
        #[repr(transparent)]
        pub struct $name($twin);
        impl Message for $name {}

        impl Deref for $name {
            type Target = $twin;

            fn deref(&self) -> &$twin {
                &self.0
            }
        }

        impl DerefMut for $name {
            fn deref_mut(&mut self) -> &mut $twin {
                &mut self.0
            }
        }
    };
}

with_methods!(
    /// The target at an address, or with `next` the first one at or after it.
    Target, AoeIocTarget
);

with_methods!(
    /// A management command, and its answer.
    Control, AoeIocControl
);

impl Message for Log {}

message!(
    /// A target that answers but has no disk, by index from 0.
    Absent, 160 {
        index: u32,
        reserved: u32,
        absent: AoeAbsent,
        text: [u8; TEXT_MAX],
    }
);

message!(
    /// The disk to accept for a target.
    Accept, 520 {
        major: u16,
        minor: u8,
        reserved: [u8; 5],
        page: [u8; SECTOR],
    }
);

/// A request's number, which encodes the direction and size of its data.
pub struct Request<T> {
    way: u32,
    number: u32,
    carries: PhantomData<T>,
}

impl<T> Request<T> {
    const fn new(way: u32, number: u8) -> Self {
        Request { way, number: number as u32, carries: PhantomData }
    }

    /// The request number as in sys/ioccom.h: direction, size, group, number.
    pub const fn number(&self) -> u32 {
        self.way | ((size_of::<T>() as u32 & 0x1fff) << 16) | ((b'A' as u32) << 8) | self.number
    }
}

const OUT: u32 = 0x4000_0000;
const IN: u32 = 0x8000_0000;

pub const VERSION: Request<Version> = Request::new(OUT, 0);
pub const TARGET: Request<Target> = Request::new(IN | OUT, 1);
pub const CONTROL: Request<Control> = Request::new(IN | OUT, 2);
pub const DISCOVER: Request<Address> = Request::new(IN, 3);
pub const REVALIDATE: Request<Address> = Request::new(IN, 4);
pub const FORGET: Request<Address> = Request::new(IN, 5);
pub const LOG_AFTER: Request<Log> = Request::new(IN | OUT, 6);
pub const ABSENT: Request<Absent> = Request::new(IN | OUT, 8);
pub const ACCEPT: Request<Accept> = Request::new(IN, 9);

impl Address {
    pub fn everybody() -> Address {
        Address { all: 1, ..Address::new() }
    }
}

impl From<AoeAddress> for Address {
    fn from(address: AoeAddress) -> Address {
        Address { major: address.major, minor: address.minor, all: 0 }
    }
}

impl Target {
    /// Makes a request for the target at an address.
    pub fn about(address: AoeAddress) -> Target {
        let mut target = Target::new();
        (target.major, target.minor) = (address.major, address.minor);
        target
    }

    pub fn address(&self) -> AoeAddress {
        AoeAddress { major: self.major, minor: self.minor }
    }

    pub fn is_up(&self) -> bool {
        self.info.state == STATE_UP
    }

    pub fn paths(&self) -> &[Path] {
        let count = usize::try_from(self.npaths).unwrap_or(usize::MAX);
        self.path.get(..count).unwrap_or(&self.path)
    }

    pub fn config(&self) -> &[u8] {
        self.config.get(..self.info.config_length.into()).unwrap_or(&self.config)
    }

    pub fn has(&self, flag: u32) -> bool {
        self.info.flags & flag != 0
    }
}

impl Control {
    /// Makes a command for a target, on any path.
    pub fn to(target: &Target) -> Control {
        let mut control = Control::new();
        (control.major, control.minor) = (target.major, target.minor);
        control.path = PATH_ANY;
        control
    }

    /// The bytes of the answer that were received and fit.
    pub fn answer(&self) -> &[u8] {
        let length = usize::try_from(self.length).unwrap_or(usize::MAX);
        self.data.get(..length).unwrap_or(&self.data)
    }
}
