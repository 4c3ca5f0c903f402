// SPDX-License-Identifier: BSD-2-Clause
//! Twins of the structs in `kmod-shim/aoe_abi.h`, with every size and offset
//! asserted. `tests/abi` compares the two files through a C compiler as well.
#![expect(missing_docs, reason = "the header describes every field")]

use crate::config::{Config, Own};
use crate::nodes::Effects;
use crate::output::{Draft, Payload, Why};
use crate::wire::{ConfigRequest, Header};
use core::ffi::c_char;
use memoffset::offset_of;
use static_assertions::const_assert_eq;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The version of the boundary. It is compared with the header's when the
/// module is loaded.
pub const ABI_VERSION: u32 = 8;

pub const RX_HEADER: usize = 36;
pub const TX_HEADER: usize = 44;
pub const HISTOGRAM: usize = 24;
pub const TEXT_MAX: usize = 128;
pub const CONTROL_MAX: usize = 2084;
const_assert_eq!(CONTROL_MAX, crate::targets::CONTROL_MAX);
pub const PATHS: usize = 16;
const_assert_eq!(PATHS, crate::slot::PATHS);
pub const DELETE_MAX: u32 = 65528;
pub const VALUE_MAX: usize = 1032;
pub const VALUE_SHORT: usize = 64;
pub const CONFIG_LENGTH: usize = 32;
const_assert_eq!(CONFIG_LENGTH, Header::LEN + ConfigRequest::LEN);
const_assert_eq!(DELETE_MAX, crate::targets::DELETE_MAX);
const_assert_eq!(VALUE_MAX, crate::nodes::TEXT_ROOM);
const_assert_eq!(VALUE_SHORT, crate::nodes::SHORT_ROOM);

/// Declares a twin without pointers or padding, which converts from and to
/// bytes.
macro_rules! twin {
    ($($twin:tt)*) => {
        twin_with_pointers!(
            #[derive(FromBytes, Immutable, IntoBytes, KnownLayout)]
            $($twin)*
        );
    };
}

/// Declares a twin and asserts its layout.
macro_rules! twin_with_pointers {
    ($(#[$meta:meta])* $name:ident, $size:literal { $($field:ident: $type:ty = $at:literal,)* }) => {
        $(#[$meta])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug)]
        pub struct $name {
            $(pub $field: $type,)*
        }
        const_assert_eq!(size_of::<$name>(), $size);
        $(const_assert_eq!(offset_of!($name, $field), $at);)*

        impl $name {
            /// Name, offset and size of every field, for the comparison with C.
            pub const FIELDS: &'static [(&'static str, usize, usize)] =
                &[$((stringify!($field), $at, size_of::<$type>()),)*];
            /// Size in bytes of the whole struct.
            pub const SIZE: usize = $size;
        }
    };
}

twin!(
    /// Sizes of a target's tables.
    AoeParams, 16 {
        io_slots: u32 = 0,
        frame_slots: u32 = 4,
        copy_slots: u32 = 8,
        reserved: u32 = 12,
    }
);

twin!(
    /// Live settings, passed to each target at creation and after a change.
    AoeSettings, 40 {
        maxwait_us: u64 = 0,
        ghost_wait_us: u64 = 8,
        taste_wait_us: u64 = 16,
        maxout: u32 = 24,
        policy: u32 = 28,
        wc: i32 = 32,
        flags: u32 = 36,
    }
);
pub const SET_FAIL_ON_DISCONNECTION: u32 = 1;
pub const SET_STRICT_SRC: u32 = 2;
pub const SET_SHUTTING_DOWN: u32 = 4;
pub const POLICY_LATENCY: u32 = 0;
pub const POLICY_ROUND_ROBIN: u32 = 1;
pub const POLICY_FAILOVER: u32 = 2;

twin!(
    /// The state of a local interface.
    AoeLinkState, 12 {
        mtu: u32 = 0,
        mac: [u8; 6] = 4,
        up: u8 = 10,
        present: u8 = 11,
    }
);

twin!(
    /// An I/O.
    AoeIo, 24 {
        io: u64 = 0,
        lba: u64 = 8,
        sectors: u32 = 16,
        op: u8 = 20,
        flags: u8 = 21,
        reserved: u16 = 22,
    }
);
pub const OP_READ: u8 = 0;
pub const OP_WRITE: u8 = 1;
pub const OP_FLUSH: u8 = 2;
pub const OP_DELETE: u8 = 3;
pub const IO_ORDERED: u8 = 1;
pub const IO_TASTE: u8 = 2;

twin!(
    /// A received frame.
    AoeFrame, 44 {
        header: [u8; RX_HEADER] = 0,
        length: u32 = 36,
        link: u8 = 40,
        flags: u8 = 41,
        reserved: [u8; 2] = 42,
    }
);
pub const FRAME_NOT_WANTED: u8 = 1;
pub const FRAME_NOT_FROM_THERE: u8 = 2;
pub const KEPT_NOTHING: u32 = 0;
pub const KEPT_NEW: u32 = 1;
pub const KEPT_LOST: u32 = 2;

twin!(
    /// Where to copy the payload of a received frame.
    AoeCopy, 24 {
        io: u64 = 0,
        io_offset: u32 = 8,
        frame_offset: u32 = 12,
        length: u32 = 16,
        dest: u32 = 20,
    }
);
pub const DEST_NONE: u32 = 0;
pub const DEST_IO: u32 = 1;
pub const DEST_SCRATCH: u32 = 2;

twin!(
    /// The action for a frame, before any lock is taken.
    AoePeek, 8 {
        major: u16 = 0,
        minor: u8 = 2,
        is_config: u8 = 3,
        verdict: u32 = 4,
    }
);
pub const PEEK_PASS: u32 = 0;
pub const PEEK_DROP: u32 = 1;
pub const PEEK_TARGET: u32 = 2;
pub const PEEK_GROUP: u32 = 3;

twin!(
    /// One effect.
    AoeOutput, 96 {
        io: u64 = 0,
        data_offset: u32 = 8,
        data_length: u32 = 12,
        frame_length: u32 = 16,
        copy: u32 = 20,
        flow: u32 = 24,
        link: u8 = 28,
        header_length: u8 = 29,
        source: u8 = 30,
        event: u8 = 31,
        path: u8 = 32,
        tries: u8 = 33,
        refused: u8 = 34,
        pad: u8 = 35,
        header: [u8; TX_HEADER] = 36,
        value: u64 = 80,
        kind: u32 = 88,
        error: i32 = 92,
    }
);

/// Asserts that a draft has its fields where C reads them, since the core
/// builds frames in place.
macro_rules! same_place {
    ($($draft:ident = $output:ident,)*) => {
        $(const_assert_eq!(offset_of!(Draft, $draft), offset_of!(AoeOutput, $output));)*
    };
}
same_place!(
    io = io,
    data_offset = data_offset,
    data_length = data_length,
    frame_length = frame_length,
    copy = copy,
    flow = flow,
    link = link,
    header_length = header_length,
    payload = source,
    why = event,
    path = path,
    header = header,
);
const_assert_eq!(Payload::None.code(), SRC_NONE);
const_assert_eq!(Payload::Io.code(), SRC_IO);
const_assert_eq!(Payload::Control.code(), SRC_CONTROL);
const_assert_eq!(Why::Io.code(), TX_IO);
const_assert_eq!(Why::Again.code(), TX_AGAIN);
const_assert_eq!(Why::Identify.code(), TX_IDENTIFY);
const_assert_eq!(Why::Probe.code(), TX_PROBE);
const_assert_eq!(Why::Fence.code(), TX_FENCE);
const_assert_eq!(Why::Features.code(), TX_FEATURES);
const_assert_eq!(Why::Control.code(), TX_CONTROL);
const_assert_eq!(Why::Beacon.code(), TX_BEACON);
const_assert_eq!(Why::Compare.code(), TX_COMPARE);
pub const OUT_TRANSMIT: u32 = 1;
pub const OUT_COMPLETE: u32 = 2;
pub const OUT_CONTROL_DONE: u32 = 3;
pub const OUT_UP: u32 = 4;
pub const OUT_RESIZED: u32 = 5;
pub const OUT_SUSPENDED: u32 = 6;
pub const OUT_RESUMED: u32 = 7;
pub const OUT_GONE: u32 = 8;
pub const OUT_EVENT: u32 = 9;
pub const OUT_IDLE: u32 = 10;
pub const OUT_ABSENT: u32 = 11;
pub const OUT_RETASTE: u32 = 12;
pub const TX_IO: u8 = 0;
pub const TX_AGAIN: u8 = 1;
pub const TX_IDENTIFY: u8 = 2;
pub const TX_PROBE: u8 = 3;
pub const TX_FENCE: u8 = 4;
pub const TX_FEATURES: u8 = 5;
pub const TX_CONTROL: u8 = 6;
pub const TX_BEACON: u8 = 7;
pub const TX_COMPARE: u8 = 8;
pub const SRC_NONE: u8 = 0;
pub const SRC_IO: u8 = 1;
pub const SRC_CONTROL: u8 = 2;

twin!(
    /// A target's state and counters.
    AoeTargetInfo, 240 {
        sectors: u64 = 0,
        paths_left_out: u64 = 8,
        received: u64 = 16,
        sent: u64 = 24,
        retransmitted: u64 = 32,
        late: u64 = 40,
        unexpected: u64 = 48,
        completed: u64 = 56,
        failed: u64 = 64,
        fences: u64 = 72,
        guard_waits: u64 = 80,
        guard_wait_us: u64 = 88,
        state: u32 = 96,
        flags: u32 = 100,
        sector_physical: u32 = 104,
        sector_offset: u32 = 108,
        rotation_rate: u32 = 112,
        active: u32 = 116,
        in_flight: u32 = 120,
        guarded: u32 = 124,
        firmware_version: u16 = 128,
        buffer_count: u16 = 130,
        major: u16 = 132,
        minor: u8 = 134,
        paths: u8 = 135,
        sector_count: u8 = 136,
        serial: [u8; 21] = 137,
        model: [u8; 41] = 158,
        firmware: [u8; 9] = 199,
        config_length: u16 = 208,
        reason_path: u8 = 210,
        reserved: u8 = 211,
        reason: u32 = 212,
        reason_value: u64 = 216,
        sector_logical: u32 = 224,
        reserved2: u32 = 228,
        moved: u64 = 232,
    }
);
pub const INFO_FLUSH: u32 = 0x01;
pub const INFO_DELETE: u32 = 0x02;
pub const INFO_LBA48: u32 = 0x04;
pub const INFO_CONFLICT: u32 = 0x08;
pub const INFO_READ_ONLY: u32 = 0x10;
pub const INFO_RESERVED: u32 = 0x20;
pub const INFO_IDLE: u32 = 0x40;
pub const INFO_OPEN: u32 = 0x80;
pub const INFO_FLUSH_EXT: u32 = 0x100;
pub const INFO_DOUBLED: u32 = 0x200;

/// The value of a field in seconds that means for ever.
pub const FOREVER: u32 = 0xffff_ffff;

pub const PATH_ANY: u8 = 0xff;

twin!(
    /// The core's state of a kernel crash dump.
    AoeDump, 192 {
        state: [u64; 24] = 0,
    }
);

twin!(
    /// The next step of a crash dump.
    AoeDumpStep, 64 {
        offset: u64 = 0,
        length: u32 = 8,
        wait_us: u32 = 12,
        kind: u32 = 16,
        error: i32 = 20,
        link: u8 = 24,
        header: [u8; RX_HEADER] = 25,
        reserved: [u8; 3] = 61,
    }
);
pub const DUMP_DONE: u32 = 0;
pub const DUMP_PATH: u32 = 1;
pub const DUMP_SEND: u32 = 2;
pub const DUMP_POLL: u32 = 3;

twin!(
    /// A path's state and counters.
    AoePathInfo, 88 {
        sent: u64 = 0,
        received: u64 = 8,
        retransmitted: u64 = 16,
        late: u64 = 24,
        unexpected: u64 = 32,
        rtt_us: u32 = 40,
        rto_us: u32 = 44,
        window: u32 = 48,
        in_flight: u32 = 52,
        payload: u32 = 56,
        payload_max: u32 = 60,
        mac: [u8; 6] = 64,
        link: u8 = 70,
        state: u8 = 71,
        index: u8 = 72,
        sector_count: u8 = 73,
        reserved: [u8; 2] = 74,
        reorder_us: u32 = 76,
        doubled: u64 = 80,
    }
);

twin!(
    /// The decoded contents of IDENTIFY.
    AoeIdentity, 120 {
        sectors: u64 = 0,
        wwn: u64 = 8,
        sector_logical: u32 = 16,
        sector_physical: u32 = 20,
        sector_offset: u32 = 24,
        rotation: u32 = 28,
        supported: u32 = 32,
        enabled: u32 = 36,
        serial: [u8; 21] = 40,
        model: [u8; 41] = 61,
        firmware: [u8; 9] = 102,
        reserved: u8 = 111,
        trim_blocks: u32 = 112,
        reserved2: u32 = 116,
    }
);
pub const ID_SMART: u32 = 0x01;
pub const ID_WRITE_CACHE: u32 = 0x02;
pub const ID_LOOK_AHEAD: u32 = 0x04;
pub const ID_LBA48: u32 = 0x08;
pub const ID_FLUSH: u32 = 0x10;
pub const ID_FLUSH_EXT: u32 = 0x20;
pub const ID_TRIM: u32 = 0x40;

twin!(
    /// A target without a disk.
    AoeAbsent, 24 {
        value: u64 = 0,
        seconds: u32 = 8,
        event: u32 = 12,
        major: u16 = 16,
        minor: u8 = 18,
        reserved: [u8; 5] = 19,
    }
);

twin!(
    /// A search for the boot firmware table.
    AoeAbft, 88 {
        address: u64 = 0,
        length: u32 = 8,
        major: u16 = 12,
        minor: u8 = 14,
        found: u8 = 15,
        mac: [u8; 6] = 16,
        reserved: [u8; 2] = 22,
        search: [u64; 8] = 24,
    }
);

twin!(
    /// A job for a target's disk.
    AoeDiskJob, 16 {
        sectors: u64 = 0,
        job: u32 = 8,
        read_only: u8 = 12,
        reserved: [u8; 3] = 13,
    }
);
pub const JOB_REST: u32 = 0;
pub const JOB_REMOVE: u32 = 1;
pub const JOB_MAKE: u32 = 2;
pub const JOB_RESIZE: u32 = 3;
pub const JOB_TASTE: u32 = 4;
pub const DISK_NONE: u32 = 0;
pub const DISK_MAKING: u32 = 1;
pub const DISK_LIVE: u32 = 2;
pub const DISK_DOOMED: u32 = 3;
pub const DISK_GOING: u32 = 4;

twin!(
    /// An event to report.
    AoeNote, 24 {
        value: u64 = 0,
        event: u32 = 8,
        path: u8 = 12,
        link: u8 = 13,
        mac: [u8; 6] = 14,
        absent: u8 = 20,
        tell: u8 = 21,
        reserved: [u8; 2] = 22,
    }
);
pub const TELL_LOG: u8 = 1;
pub const TELL_CONSOLE: u8 = 2;

twin!(
    /// The core's event log.
    AoeLog, 8200 {
        state: [u64; 1025] = 0,
    }
);

twin!(
    /// The core's state of an unload.
    AoeLeave, 40 {
        state: [u64; 5] = 0,
    }
);
pub const LEAVE_NOW: u32 = 0;
pub const LEAVE_WAIT: u32 = 1;
pub const LEAVE_BEACON: u32 = 2;
pub const LEAVE_NOT_DISK: u32 = 3;
pub const LEAVE_NOT_GEOM: u32 = 4;
pub const LEAVE_NOT_FRAME: u32 = 5;
pub const REMAINS_DISK: u32 = 1;
pub const REMAINS_GEOM: u32 = 2;
pub const REMAINS_FRAME: u32 = 4;
pub const BOOT_RELEASE: u32 = 1;
pub const BOOT_ROOT: u32 = 2;

twin!(
    /// Limits for the shim.
    AoeLimits, 48 {
        tables: AoeParams = 0,
        look_us: u32 = 16,
        grain_us: u32 = 20,
        slack_us: u32 = 24,
        reap_us: u32 = 28,
        turns: u32 = 32,
        reserve: u32 = 36,
        kept: u32 = 40,
        request_ms: u32 = 44,
    }
);

pub const CTL_LOG: usize = 32;

twin!(
    /// A path, as a tool sees it.
    AoeIocPath, 312 {
        info: AoePathInfo = 0,
        histogram: [u64; HISTOGRAM] = 88,
        mtu: u32 = 280,
        local: [u8; 6] = 284,
        link_up: u8 = 290,
        reserved: [u8; 5] = 291,
        interface: [u8; 16] = 296,
    }
);

twin!(
    /// A target, as a tool sees it.
    AoeIocTarget, 6936 {
        major: u16 = 0,
        minor: u8 = 2,
        next: u8 = 3,
        npaths: u32 = 4,
        info: AoeTargetInfo = 8,
        path: [AoeIocPath; PATHS] = 248,
        identified: u32 = 5240,
        identify: [u8; 512] = 5244,
        config: [u8; 1024] = 5756,
        name: [u8; 16] = 6780,
        reason: [u8; TEXT_MAX] = 6796,
        suspended_s: u32 = 6924,
        fails_in_s: u32 = 6928,
        reserved: [u8; 4] = 6932,
    }
);

twin!(
    /// A management command of a tool, and its answer.
    AoeIocControl, 2120 {
        major: u16 = 0,
        minor: u8 = 2,
        path: u8 = 3,
        command: u32 = 4,
        length: u32 = 8,
        frame_length: u32 = 12,
        wait_ms: u32 = 16,
        tries: u8 = 20,
        error: u8 = 21,
        refused: u8 = 22,
        reserved: u8 = 23,
        rtt_us: u64 = 24,
        data: [u8; CONTROL_MAX] = 32,
        reserved2: [u8; 4] = 2116,
    }
);

twin!(
    /// An event, as a tool sees it.
    AoeIocEvent, 200 {
        seq: u64 = 0,
        sec: u64 = 8,
        value: u64 = 16,
        usec: u32 = 24,
        path: u8 = 28,
        reserved: [u8; 3] = 29,
        target: [u8; 16] = 32,
        name: [u8; 24] = 48,
        text: [u8; TEXT_MAX] = 72,
    }
);

twin!(
    /// The events after a given one, oldest first.
    AoeIocLog, 6424 {
        after: u64 = 0,
        wait_ms: u32 = 8,
        count: u32 = 12,
        lost: u64 = 16,
        event: [AoeIocEvent; CTL_LOG] = 24,
    }
);

twin!(
    /// The settings of the module, which are atomic: see `Config`.
    AoeConfig, 64 {
        maxwait: i32 = 0,
        ghost_wait: i32 = 4,
        taste_wait: i32 = 8,
        shutdown_wait: i32 = 12,
        maxout: i32 = 16,
        maxtargets: i32 = 20,
        fail_on_disconnection: i32 = 24,
        strict_src: i32 = 28,
        boot: i32 = 32,
        boot_wait: i32 = 36,
        abft: i32 = 40,
        debug: i32 = 44,
        dump: i32 = 48,
        wc: i32 = 52,
        policy: i32 = 56,
        filtering: i32 = 60,
    }
);

twin!(
    /// The settings of one target.
    AoeOwn, 16 {
        maxwait: i32 = 0,
        policy: i32 = 4,
        read_only: i32 = 8,
        is_told: i32 = 12,
    }
);

/// Asserts that a struct of the core has the layout of its twin.
macro_rules! same_struct {
    ($ours:ident, $theirs:ident { $($field:ident),+ $(,)? }) => {
        const_assert_eq!(size_of::<$ours>(), size_of::<$theirs>());
        const_assert_eq!(align_of::<$ours>(), align_of::<$theirs>());
        $(const_assert_eq!(offset_of!($ours, $field), offset_of!($theirs, $field));)*
    };
}
same_struct!(
    Config,
    AoeConfig {
        maxwait,
        ghost_wait,
        taste_wait,
        shutdown_wait,
        maxout,
        maxtargets,
        fail_on_disconnection,
        strict_src,
        boot,
        boot_wait,
        abft,
        debug,
        dump,
        wc,
        policy,
        filtering,
    }
);
same_struct!(Own, AoeOwn { maxwait, policy, read_only, is_told });

twin_with_pointers!(
    /// A sysctl node.
    AoeNode, 32 {
        name: *const c_char = 0,
        text: *const c_char = 8,
        refusal: *const c_char = 16,
        kind: u32 = 24,
        flags: u32 = 28,
    }
);
pub const TREE_MODULE: u32 = 0;
pub const TREE_FILTER: u32 = 1;
pub const TREE_STATS: u32 = 2;
pub const TREE_TARGET: u32 = 3;
pub const TREE_PATH: u32 = 4;
pub const KIND_INT: u32 = 0;
pub const KIND_U64: u32 = 1;
pub const KIND_TEXT: u32 = 2;
pub const KIND_LINK: u32 = 3;
pub const KIND_DEVICES: u32 = 4;
pub const NODE_WRITE: u32 = 1;
pub const NODE_TUNABLE: u32 = 2;
pub const NODE_FIRST: u32 = 4;
pub const NODE_LAST: u32 = 8;
pub const NODE_LONG: u32 = 16;
pub const DO_TELL: u32 = 1;
pub const DO_LOOK: u32 = 2;
pub const DO_SEND: u32 = 4;
pub const DO_ASK: u32 = 8;
pub const DO_DUMP: u32 = 16;
pub const DO_PROTECT: u32 = 32;
const_assert_eq!(Effects::TELL.bits(), DO_TELL);
const_assert_eq!(Effects::LOOK.bits(), DO_LOOK);
const_assert_eq!(Effects::SEND.bits(), DO_SEND);
const_assert_eq!(Effects::ASK.bits(), DO_ASK);
const_assert_eq!(Effects::DUMP.bits(), DO_DUMP);
const_assert_eq!(Effects::PROTECT.bits(), DO_PROTECT);

twin_with_pointers!(
    /// The value of a node.
    AoeValue, 24 {
        number: u64 = 0,
        text: *mut c_char = 8,
        size: u32 = 16,
        loaders: u32 = 20,
    }
);
