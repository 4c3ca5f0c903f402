// SPDX-License-Identifier: BSD-2-Clause
//! The behaviours in which real targets differ, a field for each, and the values
//! for each target.

/// How a target refuses a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// The E flag with this AoE error.
    Aoe(u8),
    /// The E flag with this AoE error, and ATA status and error as well.
    Both(u8, u8, u8),
    /// ATA status and error only.
    Ata(u8, u8),
    /// No answer.
    Silence,
    /// The command is carried out anyway.
    Served,
}

/// How a target answers a flush.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flush {
    /// Status 0, and an arbitrary error byte (from vblade's stack).
    StatusZero,
    /// Status DRDY; the flush is done.
    Ready,
    /// The request's opcode in the status byte; the flush is done.
    Echo,
    Refused(Refusal),
}

#[derive(Clone, Copy, Debug)]
pub struct Quirks {
    pub name: &'static str,
    pub buffer_count: u16,
    pub firmware: u16,
    /// Sector counts are rounded down to one of 1, 2, 4, 8, ...
    pub quantised: bool,
    /// Announces a fixed sector count, independent of the MTU.
    pub fixed_sectors: Option<u8>,
    /// Announces a sector count of 0, which means 2.
    pub says_zero_sectors: bool,
    /// Version nibble of adverts.
    pub advert_version: u8,
    /// Answers carry the version nibble of their request.
    pub copies_version: bool,
    /// AoE errors are in the error byte, with the E flag clear (vblade before 20).
    pub no_error_flag: bool,
    pub masks: bool,
    pub reserves: bool,
    pub too_many: Refusal,
    pub out_of_range: Refusal,
    pub media: Refusal,
    pub read_only: Refusal,
    pub unknown_ata: Refusal,
    /// Any ATA command with count 0 is refused with error 2.
    pub zero_count_refused: bool,
    pub flush: Flush,
    pub flush_ext: Flush,
    pub trims: bool,
    pub unknown_aoe: Refusal,
    /// IDENTIFY words 83 and 86.
    pub word_83: u16,
    pub word_86: u16,
    /// IDENTIFY with a count other than 1 is refused with error 2.
    pub identify_count: bool,
    pub constant_serial: bool,
    /// Count in read and write answers.
    pub reply_count: ReplyCount,
    pub drops_short: bool,
    /// Answers below 60 bytes leave unpadded.
    pub unpadded: bool,
    /// A duplicate of a queued request replaces it.
    pub merges_duplicates: bool,
    /// Answers may come from another MAC of the target.
    pub redirects: bool,
    /// Has a volatile write cache, and reports it.
    pub write_cache: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReplyCount {
    Remaining,
    Echo,
    Zero,
}

const ABORT: Refusal = Refusal::Ata(0x41, 0x04);
const IDNF: Refusal = Refusal::Ata(0x41, 0x10);

pub const VBLADE: Quirks = Quirks {
    name: "vblade",
    buffer_count: 16,
    firmware: 0x4019,
    quantised: false,
    fixed_sectors: None,
    says_zero_sectors: false,
    advert_version: 0,
    copies_version: true,
    no_error_flag: false,
    masks: true,
    reserves: true,
    too_many: Refusal::Aoe(2),
    out_of_range: IDNF,
    media: ABORT,
    read_only: ABORT,
    unknown_ata: ABORT,
    zero_count_refused: false,
    flush: Flush::StatusZero,
    flush_ext: Flush::Refused(ABORT),
    trims: false,
    unknown_aoe: Refusal::Aoe(1),
    word_83: 0x5400,
    word_86: 0x1400,
    identify_count: true,
    constant_serial: false,
    reply_count: ReplyCount::Remaining,
    drops_short: false,
    unpadded: true,
    merges_duplicates: false,
    redirects: false,
    write_cache: false,
};

pub const OLD_VBLADE: Quirks = Quirks { name: "vblade 19", no_error_flag: true, ..VBLADE };

pub const KVBLADE: Quirks = Quirks {
    name: "kvblade",
    buffer_count: 1024,
    firmware: 2,
    quantised: true,
    advert_version: 1,
    copies_version: false,
    masks: false,
    reserves: false,
    too_many: ABORT,
    out_of_range: Refusal::Ata(0x01, 0x10),
    flush: Flush::Ready,
    unknown_aoe: Refusal::Silence,
    identify_count: false,
    reply_count: ReplyCount::Echo,
    drops_short: false,
    unpadded: false,
    ..VBLADE
};

pub const QAOED: Quirks = Quirks {
    name: "qaoed",
    buffer_count: 20,
    firmware: 0x400a,
    advert_version: 1,
    copies_version: false,
    masks: false,
    reserves: false,
    too_many: Refusal::Served,
    out_of_range: Refusal::Both(0, 0x41, 0x04),
    media: Refusal::Both(0, 0x41, 0x04),
    read_only: ABORT,
    flush: Flush::Refused(ABORT),
    flush_ext: Flush::Refused(ABORT),
    unknown_aoe: Refusal::Silence,
    word_83: 0x0400,
    word_86: 0x0400,
    identify_count: false,
    reply_count: ReplyCount::Echo,
    unpadded: false,
    ..VBLADE
};

pub const GGAOED: Quirks = Quirks {
    name: "ggaoed",
    buffer_count: 64,
    firmware: 0x0100,
    advert_version: 1,
    copies_version: false,
    too_many: ABORT,
    media: Refusal::Ata(0x41, 0x40),
    flush: Flush::Echo,
    flush_ext: Flush::Echo,
    word_83: 0x7400,
    word_86: 0x3400,
    reply_count: ReplyCount::Echo,
    unpadded: false,
    ..VBLADE
};

pub const PLAN9: Quirks = Quirks {
    name: "Plan 9",
    buffer_count: 24,
    firmware: 2323,
    reserves: false,
    too_many: Refusal::Both(2, 0x41, 0x04),
    media: Refusal::Ata(0x21, 0x04),
    zero_count_refused: true,
    flush: Flush::Refused(ABORT),
    flush_ext: Flush::Refused(ABORT),
    unknown_aoe: Refusal::Silence,
    identify_count: false,
    constant_serial: true,
    reply_count: ReplyCount::Zero,
    drops_short: true,
    unpadded: false,
    ..VBLADE
};

pub const VSX: Quirks = Quirks {
    name: "VSX",
    buffer_count: 64,
    firmware: 0x8000,
    fixed_sectors: Some(16),
    advert_version: 1,
    copies_version: false,
    too_many: Refusal::Aoe(2),
    out_of_range: Refusal::Ata(0x61, 0x04),
    media: Refusal::Ata(0x41, 0x40),
    read_only: Refusal::Ata(0x41, 0x40),
    unknown_ata: Refusal::Silence,
    flush: Flush::Ready,
    flush_ext: Flush::Ready,
    unknown_aoe: Refusal::Silence,
    word_83: 0x7400,
    word_86: 0x3400,
    reply_count: ReplyCount::Echo,
    unpadded: false,
    merges_duplicates: true,
    redirects: true,
    ..VBLADE
};

/// Not a real target: a good one, with a write cache and TRIM.
pub const IDEAL: Quirks = Quirks {
    name: "ideal",
    buffer_count: 32,
    firmware: 1,
    advert_version: 1,
    copies_version: false,
    flush: Flush::Ready,
    flush_ext: Flush::Ready,
    trims: true,
    word_83: 0x7400,
    word_86: 0x3400,
    reply_count: ReplyCount::Zero,
    unpadded: false,
    write_cache: true,
    ..VBLADE
};

/// The least that the protocol allows: one buffer, no sector count.
pub const MINIMAL: Quirks = Quirks {
    name: "minimal",
    buffer_count: 0,
    says_zero_sectors: true,
    fixed_sectors: Some(2),
    ..VBLADE
};

pub const ALL: [Quirks; 9] =
    [VBLADE, OLD_VBLADE, KVBLADE, QAOED, GGAOED, PLAN9, VSX, IDEAL, MINIMAL];
