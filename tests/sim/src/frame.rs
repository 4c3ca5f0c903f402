// SPDX-License-Identifier: BSD-2-Clause
//! Frames as bytes, with what the simulator knows about each.
//!
//! Written from AoEr11 without the core's codec, so that a mistake in the codec
//! is not repeated here.

pub type Mac = [u8; 6];

pub const BROADCAST: Mac = [0xff; 6];
pub const MIN_FRAME: usize = 60;
/// Length of the headers and the ATA registers.
pub const ATA_LEN: usize = 36;

/// Offsets of the fields.
pub const VERSION_FLAGS: usize = 14;
pub const ERROR: usize = 15;
pub const MAJOR: usize = 16;
pub const MINOR: usize = 18;
pub const COMMAND: usize = 19;
pub const TAG: usize = 20;
pub const ARGUMENT: usize = 24;
pub const FEATURE: usize = 25;
pub const COUNT: usize = 26;
pub const ATA_COMMAND: usize = 27;
pub const LBA: usize = 28;
pub const DATA: usize = 36;

pub const RESPONSE: u8 = 0x8;
pub const E_FLAG: u8 = 0x4;

/// A frame in flight.
#[derive(Clone, Debug)]
pub struct Packet {
    pub bytes: Vec<u8>,
    /// The I/O whose data or ranges it carries.
    pub op: Option<u32>,
    /// Its number in the order in which frames were sent.
    pub serial: u64,
    /// It arrived after a frame that was sent later over the same wire.
    pub overtaken: bool,
}

pub fn dst(bytes: &[u8]) -> Mac {
    bytes[..6].try_into().unwrap_or(BROADCAST)
}

pub fn src(bytes: &[u8]) -> Mac {
    bytes[6..12].try_into().unwrap_or(BROADCAST)
}

pub fn is_aoe(bytes: &[u8]) -> bool {
    bytes.len() >= ARGUMENT && bytes[12..14] == [0x88, 0xa2]
}

pub fn is_response(bytes: &[u8]) -> bool {
    bytes[VERSION_FLAGS] & RESPONSE != 0
}

pub fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from(bytes[at]) << 8 | u16::from(bytes[at + 1])
}

pub fn tag(bytes: &[u8]) -> u32 {
    u32::from(u16_at(bytes, TAG)) << 16 | u32::from(u16_at(bytes, TAG + 2))
}

/// Returns the first sector and the number of sectors of an ATA request.
pub fn ata_range(bytes: &[u8]) -> (u64, u64) {
    let byte = |at: usize| u64::from(bytes[LBA + at]);
    let low = byte(0) | byte(1) << 8 | byte(2) << 16;
    let lba = if bytes[ARGUMENT] & 0x40 != 0 {
        low | byte(3) << 24 | byte(4) << 32 | byte(5) << 40
    } else {
        low | (byte(3) & 0x0f) << 24
    };
    (lba, u64::from(bytes[COUNT]))
}

/// Returns the same in blocks of 512 bytes, of which a sector has 2^`shift`.
pub fn block_range(bytes: &[u8], shift: u8) -> (u64, u64) {
    let (lba, count) = ata_range(bytes);
    (lba << shift, count << shift)
}

pub fn is_write(bytes: &[u8]) -> bool {
    bytes.len() >= ATA_LEN && bytes[COMMAND] == 0 && matches!(bytes[ATA_COMMAND], 0x30 | 0x34)
}

pub fn is_trim(bytes: &[u8]) -> bool {
    bytes.len() >= ATA_LEN && bytes[COMMAND] == 0 && bytes[ATA_COMMAND] == 0x06
}

/// Returns whether a target needs its disk to answer a request.
pub fn is_disk_work(bytes: &[u8]) -> bool {
    bytes.len() >= ATA_LEN && bytes[COMMAND] == 0 && bytes[ATA_COMMAND] != 0xec
}

/// Returns the ranges of a DATA SET MANAGEMENT request, in blocks.
pub fn trim_ranges(bytes: &[u8], shift: u8) -> Vec<(u64, u64)> {
    let blocks = usize::from(bytes[COUNT]);
    let data = &bytes[DATA..];
    data[..data.len().min(blocks * 512)]
        .chunks_exact(8)
        .map(|entry| {
            let word = entry.try_into().map_or(0, u64::from_le_bytes);
            ((word & 0xffff_ffff_ffff) << shift, word >> 48 << shift)
        })
        .filter(|&(_, count)| count != 0)
        .collect()
}

/// Describes a frame in one line, for traces.
pub fn describe(bytes: &[u8]) -> String {
    if !is_aoe(bytes) {
        return format!("{} bytes, not AoE", bytes.len());
    }
    let kind = if is_response(bytes) { "answer" } else { "request" };
    let error = match bytes[VERSION_FLAGS] & E_FLAG {
        0 => String::new(),
        _ => format!(" error {}", bytes[ERROR]),
    };
    let body = match bytes[COMMAND] {
        0 if bytes.len() >= ATA_LEN => {
            let (lba, count) = ata_range(bytes);
            format!("ata {:#04x} lba {lba} count {count}", bytes[ATA_COMMAND])
        }
        1 => "config".to_string(),
        other => format!("command {other}"),
    };
    format!(
        "{kind} tag {:08x} {body}{error} {} bytes {:02x}>{:02x}",
        tag(bytes),
        bytes.len(),
        bytes[11],
        bytes[5]
    )
}
