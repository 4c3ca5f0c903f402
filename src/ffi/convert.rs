// SPDX-License-Identifier: BSD-2-Clause
//! Conversions between the core's values and the structs of the boundary.

use super::abi::{
    self, AoeAbsent, AoeCopy, AoeFrame, AoeIdentity, AoeIo, AoeLinkState, AoeOutput, AoePathInfo,
    AoePeek,
};
use super::abi::{AoeSettings, AoeTargetInfo};
use super::text;
use crate::absent::Absent;
use crate::config;
use crate::filter::Admission;
use crate::io::{IoRequest, Op};
use crate::output::{
    ControlDone, ControlError, Event, IoError, IoHandle, Output, PathName, Source, Transmit,
};
use crate::slot::LinkId;
use crate::targets::{CopyOut, Frame, Link, PathStatus, Policy, Settings, Target, Unacceptable};
use crate::time::{Instant, Micros};
use crate::wire::{Address, Command, Details, Header, Identify, Mac, WireError};
use core::mem::MaybeUninit;
use core::ptr::addr_of_mut;

// FreeBSD's numbers (sys/errno.h).
pub(super) const EPERM: i32 = 1;
pub(super) const ENOENT: i32 = 2;
const EIO: i32 = 5;
pub(super) const ENXIO: i32 = 6;
const EBUSY: i32 = 16;
const ENODEV: i32 = 19;
pub(super) const EINVAL: i32 = 22;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;
pub(super) const EAGAIN: i32 = 35;
const EMSGSIZE: i32 = 40;
const EOPNOTSUPP: i32 = 45;
const ENETDOWN: i32 = 50;
pub(super) const ETIMEDOUT: i32 = 60;

/// Returns the errno of a core error. No other function converts these. ENXIO makes
/// UFS unmount by force, so it is returned only if the disk is removed. ENOMEM
/// makes GEOM slow the whole system down, so it is never returned.
pub(super) fn errno(error: IoError) -> i32 {
    match error {
        IoError::Gone => ENXIO,
        IoError::Io => EIO,
        IoError::ReadOnly => EROFS,
        IoError::Reserved => EBUSY,
        IoError::Unsupported => EOPNOTSUPP,
    }
}

/// Returns the errno with which `aoe_core_accept()` refuses a disk.
pub(super) fn unacceptable(why: Unacceptable) -> i32 {
    match why {
        Unacceptable::Gone => ENXIO,
        Unacceptable::Here => EBUSY,
        Unacceptable::Nobody => ENODEV,
        Unacceptable::SectorSize => EINVAL,
        Unacceptable::Smaller => ENOSPC,
    }
}

pub(super) fn peek(bytes: &[u8]) -> AoePeek {
    let verdict = |verdict| AoePeek { major: 0, minor: 0, is_config: 0, verdict };
    // Every version has the R flag and bit 31 of the tag at the same offsets.
    let is = |at: usize, bit: u8| bytes.get(at).is_some_and(|b| b & bit != 0);
    let header = match Header::parse(bytes) {
        Ok(header) => header,
        Err(WireError::Version(_)) if !is(14, 0x08) || is(20, 0x80) => {
            return verdict(abi::PEEK_PASS);
        }
        Err(_) => return verdict(abi::PEEK_DROP),
    };
    // Requests are for a target on this host. Bit 31 marks the tags of user tools.
    if !header.response || header.tag.0 >> 31 != 0 {
        return verdict(abi::PEEK_PASS);
    }
    if bytes.len() < header.response_len() {
        return verdict(abi::PEEK_DROP);
    }
    let group = header.src.is_group();
    AoePeek {
        major: header.address.major,
        minor: header.address.minor,
        is_config: (header.command == Command::Config).into(),
        verdict: if group { abi::PEEK_GROUP } else { abi::PEEK_TARGET },
    }
}

pub(super) fn settings(s: &AoeSettings) -> Settings {
    Settings {
        maxwait: (s.maxwait_us != 0).then_some(Micros(s.maxwait_us)),
        ghost_wait: Micros(s.ghost_wait_us),
        taste_wait: Micros(s.taste_wait_us),
        maxout: s.maxout.max(1),
        policy: config::policy(s.policy.cast_signed()),
        write_cache: u8::try_from(s.wc).ok().map(|on| on != 0),
        fail_on_disconnection: s.flags & abi::SET_FAIL_ON_DISCONNECTION != 0,
        strict_src: s.flags & abi::SET_STRICT_SRC != 0,
        is_shutting_down: s.flags & abi::SET_SHUTTING_DOWN != 0,
    }
}

/// Converts a target's settings to C's form, which C passes to the target.
pub(super) fn composed(s: &Settings) -> AoeSettings {
    let flags = [
        (s.fail_on_disconnection, abi::SET_FAIL_ON_DISCONNECTION),
        (s.strict_src, abi::SET_STRICT_SRC),
        (s.is_shutting_down, abi::SET_SHUTTING_DOWN),
    ];
    AoeSettings {
        maxwait_us: s.maxwait.map_or(0, |maxwait| maxwait.0),
        ghost_wait_us: s.ghost_wait.0,
        taste_wait_us: s.taste_wait.0,
        maxout: s.maxout,
        policy: match s.policy {
            Policy::Latency => abi::POLICY_LATENCY,
            Policy::RoundRobin => abi::POLICY_ROUND_ROBIN,
            Policy::Failover => abi::POLICY_FAILOVER,
        },
        wc: s.write_cache.map_or(-1, i32::from),
        flags: flags.iter().filter(|(set, _)| *set).fold(0, |all, (_, bit)| all | bit),
    }
}

pub(super) fn link(state: &AoeLinkState) -> Link {
    Link { mtu: state.mtu, mac: Mac(state.mac), up: state.up != 0, present: state.present != 0 }
}

/// Converts an I/O. Returns `None` for an undefined operation.
pub(super) fn request(io: &AoeIo, give_up: Instant) -> Option<IoRequest> {
    let op = match io.op {
        abi::OP_READ => Op::Read,
        abi::OP_WRITE => Op::Write,
        abi::OP_FLUSH => Op::Flush,
        abi::OP_DELETE => Op::Delete,
        _ => return None,
    };
    Some(IoRequest {
        io: IoHandle(io.io),
        op,
        lba: io.lba,
        sectors: if op == Op::Flush { 0 } else { io.sectors },
        ordered: io.flags & abi::IO_ORDERED != 0,
        give_up,
    })
}

pub(super) fn frame(frame: &AoeFrame) -> Frame<'_> {
    let length = usize::try_from(frame.length).unwrap_or(0);
    Frame {
        header: frame.header.get(..length).unwrap_or(&frame.header),
        length,
        link: LinkId(frame.link),
        admission: match frame.flags & (abi::FRAME_NOT_WANTED | abi::FRAME_NOT_FROM_THERE) {
            0 => Admission::Granted,
            abi::FRAME_NOT_FROM_THERE => Admission::NotFromThere,
            _ => Admission::NotWanted,
        },
    }
}

/// Returns the flag of `struct aoe_frame` for a verdict of the filters.
pub(super) fn admission_flag(admission: Admission) -> u8 {
    match admission {
        Admission::Granted => 0,
        Admission::NotFromThere => abi::FRAME_NOT_FROM_THERE,
        Admission::NotWanted => abi::FRAME_NOT_WANTED,
    }
}

pub(super) fn copy(copy: Option<CopyOut>) -> AoeCopy {
    let none = AoeCopy { io: 0, io_offset: 0, frame_offset: 0, length: 0, dest: abi::DEST_NONE };
    match copy {
        None => none,
        Some(CopyOut::Io { io, offset, frame_offset, length }) => {
            AoeCopy { io, io_offset: offset, frame_offset, length, dest: abi::DEST_IO }
        }
        Some(CopyOut::Scratch { frame_offset, length }) => {
            AoeCopy { frame_offset, length, dest: abi::DEST_SCRATCH, ..none }
        }
    }
}

/// The memory for one output: uninitialised, and owned by the shim.
pub(super) type Place = MaybeUninit<AoeOutput>;

const NOTHING: AoeOutput = AoeOutput {
    io: 0,
    value: 0,
    kind: 0,
    error: 0,
    data_offset: 0,
    data_length: 0,
    frame_length: 0,
    copy: 0,
    flow: 0,
    link: 0,
    header_length: 0,
    source: abi::SRC_NONE,
    event: 0,
    path: u8::MAX,
    tries: 0,
    refused: 0,
    pad: 0,
    header: [0; abi::TX_HEADER],
};

/// Writes the fields that C reads in an output of this kind.
macro_rules! put {
    ($place:expr, $($field:ident: $value:expr),+) => {{
        let out = $place.as_mut_ptr();
        // SAFETY: Each field is inside the output, which is writable and aligned.
        unsafe { $(addr_of_mut!((*out).$field).write($value);)+ }
    }};
}

#[inline]
pub(super) fn complete(io: IoHandle, result: Result<(), IoError>, place: &mut Place) {
    let error = result.map_or_else(errno, |()| 0);
    put!(place, io: io.0, kind: abi::OUT_COMPLETE, error: error);
}

/// Marks an output in which a frame has been built already.
#[inline]
pub(super) fn transmit_in_place(place: &mut Place) {
    put!(place, kind: abi::OUT_TRANSMIT);
}

/// Reports a change of the disk like an event. Returns the kind of the output.
fn change(event: Event, kind: u32, out: &mut AoeOutput) -> u32 {
    out.event = text::code(event);
    kind
}

pub(super) fn output(output: Output, place: &mut Place) {
    let out = place.write(NOTHING);
    out.kind = match output {
        Output::Transmit(frame) => return transmit(&frame, place),
        Output::Complete { io, result } => return complete(io, result, place),
        Output::ControlDone(done) => {
            control_done(&done, out);
            abi::OUT_CONTROL_DONE
        }
        Output::Event { event, path, value } => {
            out.event = text::code(event);
            if let Some(path) = path {
                path_name(path, out);
            }
            out.value = value;
            abi::OUT_EVENT
        }
        Output::Absent { why, value } => {
            out.event = text::code(why);
            out.value = value;
            abi::OUT_ABSENT
        }
        Output::Up { sectors } => {
            out.value = sectors;
            change(Event::Up, abi::OUT_UP, out)
        }
        Output::Resized { sectors } => {
            out.value = sectors;
            change(Event::Resized, abi::OUT_RESIZED, out)
        }
        Output::Suspended => change(Event::Suspended, abi::OUT_SUSPENDED, out),
        Output::Resumed => change(Event::Resumed, abi::OUT_RESUMED, out),
        Output::Gone => change(Event::Gone, abi::OUT_GONE, out),
        Output::Idle => abi::OUT_IDLE,
        Output::Retaste => change(Event::Retaste, abi::OUT_RETASTE, out),
    };
}

fn control_done(done: &ControlDone, out: &mut AoeOutput) {
    out.io = done.rtt.0;
    out.event = done.code;
    out.path = done.path.map_or(abi::PATH_ANY, |path| path.0);
    out.tries = done.tries;
    out.refused = done.is_refused.into();
    match done.result {
        Ok(length) => out.data_length = length,
        Err(ControlError::Gone) => out.error = ENXIO,
        Err(ControlError::NoPath) => out.error = ENETDOWN,
        Err(ControlError::Silent) => out.error = ETIMEDOUT,
        Err(ControlError::TooLong) => out.error = EMSGSIZE,
    }
}

/// Names the path of an event. The MAC address of its other end takes the place of
/// the header.
fn path_name(path: PathName, out: &mut AoeOutput) {
    out.path = path.index.0;
    out.link = path.link.0;
    if let Some(place) = out.header.first_chunk_mut() {
        *place = path.mac.0;
    }
}

#[inline]
pub(super) fn transmit(frame: &Transmit, place: &mut Place) {
    let out = place.write(AoeOutput {
        io: frame.io,
        kind: abi::OUT_TRANSMIT,
        frame_length: frame.frame_length,
        copy: frame.copy,
        flow: frame.flow,
        link: frame.link.0,
        header_length: frame.header_length,
        event: frame.why.code(),
        path: frame.path.0,
        header: frame.header,
        ..NOTHING
    });
    if let Some(span) = frame.data {
        out.data_offset = span.offset;
        out.data_length = span.length;
        match span.source {
            Source::Control => out.source = abi::SRC_CONTROL,
            Source::Io(io) => {
                out.source = abi::SRC_IO;
                out.io = io;
            }
        }
    }
}

pub(super) fn info(target: &Target<'_>, address: Address) -> AoeTargetInfo {
    let s = target.status();
    let id = s.identity;
    let flags = [
        (s.can_flush, abi::INFO_FLUSH),
        (s.can_delete, abi::INFO_DELETE),
        (id.is_some_and(|i| i.lba48), abi::INFO_LBA48),
        (s.has_conflict, abi::INFO_CONFLICT),
        (s.is_read_only, abi::INFO_READ_ONLY),
        (s.is_reserved, abi::INFO_RESERVED),
        (s.is_idle, abi::INFO_IDLE),
        (s.is_open, abi::INFO_OPEN),
        (s.flushes_ext, abi::INFO_FLUSH_EXT),
        (s.is_doubled, abi::INFO_DOUBLED),
    ];
    AoeTargetInfo {
        sectors: s.sectors,
        paths_left_out: s.paths_left_out,
        received: s.received,
        sent: s.sent,
        retransmitted: s.retransmitted,
        late: s.late,
        unexpected: s.unexpected,
        completed: s.completed,
        failed: s.failed,
        fences: s.fences,
        guard_waits: s.guard_waits,
        guard_wait_us: s.guard_wait_us,
        state: s.state_code,
        flags: flags.iter().filter(|(set, _)| *set).fold(0, |all, (_, bit)| all | bit),
        sector_physical: s.names.map_or(512, |i| i.physical_sector),
        sector_offset: id.map_or(0, |i| i.alignment),
        rotation_rate: id.map_or(0, |i| u32::from(i.rotation)),
        active: s.active,
        in_flight: s.in_flight,
        guarded: s.guarded,
        firmware_version: s.firmware_version,
        buffer_count: s.buffer_count,
        major: address.major,
        minor: address.minor,
        paths: s.paths,
        sector_count: s.sector_count,
        serial: terminated(s.names.as_ref().map_or(&[], |i| &i.serial)),
        model: terminated(s.names.as_ref().map_or(&[], |i| &i.model)),
        firmware: terminated(s.names.as_ref().map_or(&[], |i| &i.firmware)),
        config_length: s.config_length,
        reason_path: s.reason.map_or(abi::PATH_ANY, |(_, _, path)| path),
        reserved: 0,
        reason: s.reason.map_or(0, |(event, _, _)| text::code(event).into()),
        reason_value: s.reason.map_or(0, |(_, value, _)| value),
        sector_logical: s.names.map_or(512, |i| i.logical_sector),
        reserved2: 0,
        moved: s.moved,
    }
}

/// Returns a text as a C string, truncated to fit.
pub(super) fn terminated<const N: usize>(text: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    for (to, from) in out.iter_mut().take(N.saturating_sub(1)).zip(text) {
        *to = *from;
    }
    out
}

pub(super) fn identity(page: &[u8; 512]) -> AoeIdentity {
    let id = Identify::parse(page);
    let details = Details::parse(page);
    let features = [
        (details.smart, abi::ID_SMART),
        ((id.write_cache, id.write_cache_enabled), abi::ID_WRITE_CACHE),
        (details.look_ahead, abi::ID_LOOK_AHEAD),
        ((id.lba48, id.lba48), abi::ID_LBA48),
        ((id.flush, id.flush), abi::ID_FLUSH),
        ((id.flush_ext, id.flush_ext), abi::ID_FLUSH_EXT),
        ((id.trim_blocks != 0, id.trim_blocks != 0), abi::ID_TRIM),
    ];
    let supported = features.iter().filter(|((supported, _), _)| *supported);
    let enabled = features.iter().filter(|((_, enabled), _)| *enabled);
    AoeIdentity {
        sectors: id.sectors,
        wwn: details.world_wide_name,
        sector_logical: id.logical_sector,
        sector_physical: id.physical_sector,
        sector_offset: id.alignment,
        rotation: id.rotation.into(),
        supported: supported.fold(0, |all, (_, bit)| all | bit),
        enabled: enabled.fold(0, |all, (_, bit)| all | bit),
        serial: terminated(&id.serial),
        model: terminated(&id.model),
        firmware: terminated(&id.firmware),
        reserved: 0,
        trim_blocks: id.trim_blocks.into(),
        reserved2: 0,
    }
}

pub(super) fn absent(absent: &Absent, now: Instant) -> AoeAbsent {
    AoeAbsent {
        value: absent.value,
        seconds: u32::try_from(now.since(absent.since).0 / 1_000_000).unwrap_or(u32::MAX),
        event: text::code(absent.why).into(),
        major: absent.address.major,
        minor: absent.address.minor,
        reserved: [0; 5],
    }
}

pub(super) fn path_info(p: &PathStatus) -> AoePathInfo {
    let micros = |m: Micros| u32::try_from(m.0).unwrap_or(u32::MAX);
    AoePathInfo {
        sent: p.sent,
        received: p.received,
        retransmitted: p.retransmitted,
        late: p.late,
        unexpected: p.unexpected,
        rtt_us: micros(p.rtt),
        rto_us: micros(p.rto),
        window: p.window,
        in_flight: p.in_flight,
        payload: p.payload,
        payload_max: p.payload_max,
        mac: p.mac.0,
        link: p.link.0,
        state: p.state_code,
        index: p.index.0,
        sector_count: p.sector_count,
        reserved: [0; 2],
        reorder_us: micros(p.reorder),
        doubled: p.doubled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the verdict on a frame of version 2 with these flags, whose tag
    /// begins with this byte.
    fn verdict(flags: u8, tag: u8) -> u32 {
        let mut bytes = [0; 24];
        bytes[12..15].copy_from_slice(&[0x88, 0xa2, 0x20 | flags]);
        bytes[20] = tag;
        peek(&bytes).verdict
    }

    #[test]
    fn settings_are_the_same_there_and_back() {
        for policy in [Policy::Latency, Policy::RoundRobin, Policy::Failover] {
            for (maxwait, write_cache, flag) in
                [(None, None, true), (Some(7), Some(false), false), (Some(1), Some(true), true)]
            {
                let there = Settings {
                    maxwait: maxwait.map(Micros),
                    ghost_wait: Micros(3),
                    taste_wait: Micros(4),
                    maxout: 5,
                    policy,
                    write_cache,
                    fail_on_disconnection: flag,
                    strict_src: !flag,
                    is_shutting_down: flag,
                };
                assert_eq!(settings(&composed(&there)), there);
            }
        }
    }

    #[test]
    fn answers_to_config_queries_are_known_as_such() {
        for (command, is_config) in [(0, 0), (1, 1), (2, 0), (0xf0, 0)] {
            let mut bytes = [0; 60];
            bytes[12..20].copy_from_slice(&[0x88, 0xa2, 0x18, 0, 0, 7, 1, command]);
            let seen = peek(&bytes);
            assert_eq!((seen.verdict, seen.is_config), (abi::PEEK_TARGET, is_config), "{command}");
            bytes[6] = 1;
            let seen = peek(&bytes);
            assert_eq!((seen.verdict, seen.is_config), (abi::PEEK_GROUP, is_config), "{command}");
        }
    }

    #[test]
    fn only_answers_to_us_are_dropped_for_their_version() {
        assert_eq!(verdict(0, 0), abi::PEEK_PASS);
        assert_eq!(verdict(8, 0x80), abi::PEEK_PASS);
        assert_eq!(verdict(8, 0), abi::PEEK_DROP);
    }
}
