// SPDX-License-Identifier: BSD-2-Clause
//! Every action that the core can request. It has no other output.

use crate::slot::{LinkId, PathId};
use crate::time::Micros;
use crate::wire::{AtaRequest, Header, MIN_LENGTH, Mac, Tag};
use core::mem::MaybeUninit;
use static_assertions::const_assert_eq;

/// Bytes of the longest header: Ethernet, AoE, ATA and one TRIM range.
pub const HEADER_MAX: usize = 44;

/// Sole permission to complete a caller-owned I/O; never dereferenced here.
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
    /// The target does not have this command.
    Unsupported,
}

/// Where a frame's payload lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// In the target's control buffer.
    Control,
    /// In the I/O with this handle.
    Io(u64),
}

/// Payload of a frame: `length` bytes at `offset` of `source`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// What holds the bytes.
    pub source: Source,
    /// Where they start.
    pub offset: u32,
    /// How many there are.
    pub length: u32,
}

/// A frame: header, payload, and zeros up to `frame_length`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// The interface to send on.
    pub link: LinkId,
    /// The path's number in its target.
    pub path: PathId,
    /// How much of `header` counts.
    pub header_length: u8,
    /// From the Ethernet header on.
    pub header: [u8; HEADER_MAX],
    /// What follows the header.
    pub data: Option<Span>,
    /// Length of the whole frame, at least 60.
    pub frame_length: u32,
    /// Not zero: call `handle_sent` when the frame has left.
    pub copy: u32,
    /// The same for all frames of a path, so that NICs keep their order.
    pub flow: u32,
    /// The I/O that it is for, or 0.
    pub io: u64,
    /// For tracing.
    pub why: Why,
}

/// Why a frame is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Why {
    /// For an I/O.
    Io = 0,
    /// For an I/O, as a retransmission.
    Again = 1,
    /// To identify the disk.
    Identify = 2,
    /// To try a larger payload.
    Probe = 3,
    /// To find out about copies of writes.
    Fence = 4,
    /// To set the write cache.
    Features = 5,
    /// A management command of the administrator's.
    Control = 6,
    /// To find targets.
    Beacon = 7,
    /// To compare the two answers that it will get.
    Compare = 8,
}

impl Why {
    /// Its number at the boundary.
    #[expect(clippy::as_conversions, reason = "the numbers are given above")]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// Whose memory follows a frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Payload {
    None = 0,
    Io = 1,
    Control = 2,
}

impl Payload {
    /// Its number at the boundary.
    #[expect(clippy::as_conversions, reason = "the numbers are given above")]
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }
}

/// A frame, built where C reads it: the first part of its `struct aoe_output`.
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
    /// Ethernet and AoE.
    pub(crate) header: [u8; Header::LEN],
    /// ATA, if it is of that.
    pub(crate) argument: [u8; AtaRequest::LEN],
    /// One TRIM range, if it is for that.
    pub(crate) range: [u8; 8],
}

const_assert_eq!(HEADER_MAX, Header::LEN + AtaRequest::LEN + 8);

/// Where one frame may be built, until it is.
pub(crate) type Blank<'b> = Option<&'b mut MaybeUninit<Draft>>;

impl Draft {
    /// A frame without payload on a path, of which the header is to be written.
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

    /// The finished frame.
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
    /// The tag in the header.
    pub fn tag(&self) -> Tag {
        let header = self.header.first_chunk().unwrap_or(&[0; Header::LEN]);
        Header::command_and_tag(header).1
    }
}

/// An event of interest to the administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The target reported an error; the value is the LBA.
    DiskError,
    /// Nearly every request is answered twice, with equal data; the value is the
    /// number of such answers.
    Doubled,
    /// `maxwait` passed while the disk was open.
    Failed,
    /// The target promised a flush and refused it.
    NoFlush,
    /// SET FEATURES was refused.
    NoWriteCache,
    /// Another disk answers on this path.
    PathConflict,
    /// A path stopped working.
    PathDown,
    /// A path works.
    PathUp,
    /// Large frames do not come through; the value is the payload in bytes.
    PayloadDown,
    /// Larger frames come through again; the value is the payload in bytes.
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
    /// The target supports another version of AoE only.
    Version,
    /// The disk's logical sectors cannot be used; the value is their size.
    SectorSize,
    /// The disk has no sectors.
    NoSectors,
    /// A sector does not fit into a frame; the value is the MTU that it takes.
    FrameTooSmall,
    /// It answers the config query, but not IDENTIFY.
    Unidentified,
    /// It answers from a group address, to which no request can be sent.
    GroupAddress,
    /// There are too many targets; the value is how many are kept.
    LeftOut,
    /// The disk is smaller than the open one; the value is its sectors.
    Smaller,
    /// Another disk was accepted as the open one; the value is its sectors.
    Accepted,
    /// All paths are in use; the value is the MAC address of one left out.
    PathLeftOut,
    /// There is a disk; the value is its sectors.
    Up,
    /// The disk has another size; the value is its sectors.
    Resized,
    /// No path is left; I/O waits.
    Suspended,
    /// I/O continues; the value is the length of the outage, in milliseconds.
    Resumed,
    /// GEOM is to taste the disk again.
    Retaste,
    /// The disk is removed.
    Gone,
    /// Events were dropped for lack of room; the value is their number.
    Lost,
    /// The disk holds the root file system, so its I/O waits for ever.
    Root,
}

impl Event {
    /// Whether it is about which disk is there, its size, or whether it can be
    /// used: such an event is neither left out nor kept from the console.
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
    /// Bytes of the answer behind the header, of which the control buffer has
    /// as many as fit.
    pub result: Result<u32, ControlError>,
    /// The path that the answer came by.
    pub path: Option<PathId>,
    /// The answer says that the target refuses.
    pub is_refused: bool,
    /// The error byte of the answer.
    pub code: u8,
    /// Transmissions so far.
    pub tries: u8,
    /// Time since the last of them.
    pub rtt: Micros,
}

impl ControlDone {
    /// A command without an answer.
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

/// A path, for people: by its index another one may be known later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathName {
    /// Its place in its target.
    pub index: PathId,
    /// Its interface.
    pub link: LinkId,
    /// The other end.
    pub mac: Mac,
}

/// One effect.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// It was heard of, has no disk, and is given up.
    Absent {
        /// Why it has none.
        why: Event,
        /// What the event's description says.
        value: u64,
    },
    /// Hand the I/O back to its submitter.
    Complete {
        /// The permission to do so.
        io: IoHandle,
        /// Its outcome.
        result: Result<(), IoError>,
    },
    /// The management command is over; its answer lies in the control buffer.
    ControlDone(ControlDone),
    /// Something happened.
    Event {
        /// What.
        event: Event,
        /// On which path, if on one.
        path: Option<PathName>,
        /// What the event's description says.
        value: u64,
    },
    /// Remove the disk, if there is one.
    Gone,
    /// The target is gone and nothing is left: it may be freed.
    Idle,
    /// The disk has another size.
    Resized {
        /// In sectors.
        sectors: u64,
    },
    /// I/O continues; the value is the length of the outage, in milliseconds.
    Resumed,
    /// Have GEOM taste the disk again, unless it is open.
    Retaste,
    /// No path is left; I/O waits.
    Suspended,
    /// Send a frame.
    Transmit(Transmit),
    /// Make a disk.
    Up {
        /// Its size in sectors.
        sectors: u64,
    },
}
