// SPDX-License-Identifier: BSD-2-Clause
//! Every action that the core can request. The core has no other output.

use crate::slot::{LinkId, PathId};
use crate::time::Micros;
use crate::wire::{AtaRequest, Header, MIN_LENGTH, Mac, Tag};
use core::mem::MaybeUninit;
use static_assertions::const_assert_eq;

/// Length in bytes of the longest header: Ethernet, AoE, ATA and one TRIM range.
pub const HEADER_MAX: usize = 44;

/// The only permission to complete an I/O of the caller. The core never
/// dereferences it.
#[must_use = "an I/O that is not completed hangs its submitter"]
#[derive(Debug, PartialEq, Eq)]
pub struct IoHandle(pub u64);

static_assertions::assert_not_impl_any!(IoHandle: Clone, Copy);

/// Why an I/O or a management command failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoError {
    /// The disk is being removed.
    Gone,
    /// The target reported a failure, or did not answer for too long.
    Io,
    /// The medium refuses writes.
    ReadOnly,
    /// Another host has reserved the target.
    Reserved,
    /// The target does not support this command.
    Unsupported,
}

/// Where a frame's payload is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// In the target's control buffer.
    Control,
    /// In the I/O with this handle.
    Io(u64),
}

/// The payload of a frame: `length` bytes at `offset` of `source`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where the bytes are stored.
    pub source: Source,
    /// Offset of the first byte in `source`.
    pub offset: u32,
    /// Number of bytes.
    pub length: u32,
}

/// A frame: header, payload, and zeros up to `frame_length`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// The interface to send on.
    pub link: LinkId,
    /// The path's index in its target.
    pub path: PathId,
    /// Number of bytes of `header` to send.
    pub header_length: u8,
    /// The beginning of the frame, from the Ethernet header on.
    pub header: [u8; HEADER_MAX],
    /// The payload after the header, if any.
    pub data: Option<Span>,
    /// Length in bytes of the whole frame, at least 60.
    pub frame_length: u32,
    /// If not 0, pass this to `handle_sent` when the interface gives the mbuf
    /// back.
    pub copy: u32,
    /// The flow id, which is the same for all frames of a path, so that NICs
    /// keep their order.
    pub flow: u32,
    /// The handle of the I/O that the frame is sent for, or 0.
    pub io: u64,
    /// Why the frame is sent, for tracing.
    pub why: Why,
}

/// Why a frame is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Why {
    /// A request of an I/O.
    Io = 0,
    /// A retransmission of a request of an I/O.
    Again = 1,
    /// IDENTIFY, to identify the disk.
    Identify = 2,
    /// A probe for a larger payload.
    Probe = 3,
    /// A fence, whose answer resolves copies of writes.
    Fence = 4,
    /// SET FEATURES, to set the write cache.
    Features = 5,
    /// A management command of the administrator.
    Control = 6,
    /// A config query, to find targets.
    Beacon = 7,
    /// A read whose two answers are compared.
    Compare = 8,
}

impl Why {
    /// Returns its number at the boundary.
    #[expect(clippy::as_conversions, reason = "the discriminants are the numbers")]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// The memory whose bytes follow a frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Payload {
    None = 0,
    Io = 1,
    Control = 2,
}

impl Payload {
    /// Returns its number at the boundary.
    #[expect(clippy::as_conversions, reason = "the discriminants are the numbers")]
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }
}

/// A frame, built in place: the first part of C's `struct aoe_output`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Draft {
    pub(crate) io: u64,
    pub(crate) data_offset: u32,
    pub(crate) data_length: u32,
    pub(crate) frame_length: u32,
    pub(crate) copy: u32,
    pub(crate) flow: u32,
    pub(crate) link: LinkId,
    pub(crate) header_length: u8,
    pub(crate) payload: Payload,
    pub(crate) why: Why,
    pub(crate) path: PathId,
    pub(crate) spare: [u8; 3],
    /// The Ethernet and AoE headers.
    pub(crate) header: [u8; Header::LEN],
    /// The ATA registers, if this is an ATA request.
    pub(crate) argument: [u8; AtaRequest::LEN],
    /// One TRIM range, if this is a TRIM.
    pub(crate) range: [u8; 8],
}

const_assert_eq!(HEADER_MAX, Header::LEN + AtaRequest::LEN + 8);

/// The memory for one frame. The frame that is built there takes it.
pub(crate) type Blank<'b> = Option<&'b mut MaybeUninit<Draft>>;

impl Draft {
    /// Begins a frame without payload on a path. Its header is still to be
    /// written.
    pub(crate) const fn new(link: LinkId, path: PathId) -> Self {
        Self {
            io: 0,
            data_offset: 0,
            data_length: 0,
            frame_length: MIN_LENGTH,
            copy: 0,
            flow: 0,
            link,
            header_length: 24,
            payload: Payload::None,
            why: Why::Io,
            path,
            spare: [0; 3],
            header: [0; Header::LEN],
            argument: [0; AtaRequest::LEN],
            range: [0; 8],
        }
    }

    /// Returns the finished frame.
    pub(crate) fn finished(&self) -> Transmit {
        let source = match self.payload {
            Payload::None => None,
            Payload::Io => Some(Source::Io(self.io)),
            Payload::Control => Some(Source::Control),
        };
        let (offset, length) = (self.data_offset, self.data_length);
        let parts = [&self.header[..], &self.argument, &self.range];
        let mut header = [0; HEADER_MAX];
        for (to, from) in header.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        Transmit {
            link: self.link,
            path: self.path,
            header_length: self.header_length,
            header,
            data: source.map(|source| Span { source, offset, length }),
            frame_length: self.frame_length,
            copy: self.copy,
            flow: self.flow,
            io: self.io,
            why: self.why,
        }
    }
}

impl Transmit {
    /// Returns the tag in the header.
    pub fn tag(&self) -> Tag {
        let header = self.header.first_chunk().unwrap_or(&[0; Header::LEN]);
        Header::command_and_tag(header).1
    }
}

/// An event of interest to the administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The target reported an error. The value is the LBA.
    DiskError,
    /// Nearly every request is answered twice, with equal data. The value is the
    /// number of second answers.
    Doubled,
    /// `maxwait` passed while the disk was open.
    Failed,
    /// The target announces flushes in its IDENTIFY, but refused one.
    NoFlush,
    /// SET FEATURES was refused.
    NoWriteCache,
    /// Another disk answers on this path.
    PathConflict,
    /// A path stopped working.
    PathDown,
    /// A path works from now on.
    PathUp,
    /// Large frames are lost. The value is the reduced payload in bytes.
    PayloadDown,
    /// Larger frames get through again. The value is the raised payload in
    /// bytes.
    PayloadUp,
    /// A write was refused.
    ReadOnly,
    /// A closed disk was replaced by another one.
    Replaced,
    /// Another host has reserved the target.
    Reserved,
    /// The target announced itself.
    Restarted,
    /// The disk's paths disagree about its size.
    SizeConflict,
    /// Two disks answer on this path.
    TwoDisks,
    /// The target does not support version 1 of AoE.
    Version,
    /// The disk's logical sectors cannot be used. The value is their size in
    /// bytes.
    SectorSize,
    /// The disk has no sectors.
    NoSectors,
    /// A sector does not fit into a frame. The value is the MTU that it needs.
    FrameTooSmall,
    /// The target answers the config query, but not IDENTIFY.
    Unidentified,
    /// The target answers from a group address, to which no request can be sent.
    GroupAddress,
    /// There are too many targets. The value is their maximum number.
    LeftOut,
    /// The target's disk is smaller than the open one. The value is its size in
    /// sectors.
    Smaller,
    /// Another disk was accepted in the place of the open one. The value is its
    /// size in sectors.
    Accepted,
    /// All path slots are in use. The value is the MAC address of a path that
    /// got none.
    PathLeftOut,
    /// The disk was found. The value is its size in sectors.
    Up,
    /// The size of the disk changed. The value is the new size in sectors.
    Resized,
    /// No path is up, so I/O waits.
    Suspended,
    /// I/O continues. The value is the length of the outage in milliseconds.
    Resumed,
    /// GEOM is to taste the disk again.
    Retaste,
    /// The disk is removed.
    Gone,
    /// Events were dropped for lack of room. The value is their number.
    Lost,
    /// The disk holds the root file system, so its I/O waits for ever.
    Root,
}

impl Event {
    /// Returns whether the event is about the disk's identity, its size, or
    /// whether it can be used. Room is reserved for such events, and the console
    /// always shows them.
    pub const fn matters(self) -> bool {
        matches!(
            self,
            Self::Accepted
                | Self::Doubled
                | Self::Failed
                | Self::FrameTooSmall
                | Self::Gone
                | Self::Lost
                | Self::NoSectors
                | Self::PathConflict
                | Self::Replaced
                | Self::Resized
                | Self::Resumed
                | Self::Retaste
                | Self::Root
                | Self::SectorSize
                | Self::SizeConflict
                | Self::Smaller
                | Self::Suspended
                | Self::TwoDisks
                | Self::Unidentified
                | Self::Up
        )
    }
}

/// Why a management command has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlError {
    /// The target is being removed.
    Gone,
    /// There is no such path, or its interface is down.
    NoPath,
    /// No answer came.
    Silent,
    /// The frame does not fit the interface.
    TooLong,
}

/// The result of a management command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ControlDone {
    /// Length in bytes of the answer after the header. The control buffer holds
    /// as much of it as fits.
    pub result: Result<u32, ControlError>,
    /// The path over which the answer came.
    pub path: Option<PathId>,
    /// The target refused the command.
    pub is_refused: bool,
    /// The error byte of the answer.
    pub code: u8,
    /// Number of transmissions.
    pub tries: u8,
    /// Time from the last transmission to the answer.
    pub rtt: Micros,
}

impl ControlDone {
    /// Returns the result of a command that got no answer.
    pub(crate) const fn failed(error: ControlError) -> Self {
        Self {
            result: Err(error),
            path: None,
            is_refused: false,
            code: 0,
            tries: 0,
            rtt: Micros(0),
        }
    }
}

/// A path as events name it. Its index alone may belong to another path later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathName {
    /// Its index in its target.
    pub index: PathId,
    /// Its interface.
    pub link: LinkId,
    /// The MAC address of the other end.
    pub mac: Mac,
}

/// An action that the core requests, or an event that it reports.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// The target answered, but has no disk, and is given up.
    Absent {
        /// Why it has no disk.
        why: Event,
        /// The value in the event's sentence.
        value: u64,
    },
    /// Hand the I/O back to its submitter.
    Complete {
        /// The permission to complete it.
        io: IoHandle,
        /// Its outcome.
        result: Result<(), IoError>,
    },
    /// The management command is over. Its answer is in the control buffer.
    ControlDone(ControlDone),
    /// An event to report.
    Event {
        /// The event.
        event: Event,
        /// The path that the event is about, if any.
        path: Option<PathName>,
        /// The value in the event's sentence.
        value: u64,
    },
    /// Remove the disk, if there is one.
    Gone,
    /// The target is gone, and no copy of a write is unresolved: it may be
    /// freed.
    Idle,
    /// The size of the disk changed.
    Resized {
        /// The new size in sectors.
        sectors: u64,
    },
    /// I/O continues.
    Resumed,
    /// Have GEOM taste the disk again, unless it is open.
    Retaste,
    /// No path is up, so I/O waits.
    Suspended,
    /// Send a frame.
    Transmit(Transmit),
    /// Create the disk.
    Up {
        /// Its size in sectors.
        sectors: u64,
    },
}
