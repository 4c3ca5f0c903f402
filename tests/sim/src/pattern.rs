// SPDX-License-Identifier: BSD-2-Clause
//! The contents of sectors, which identify the write that they come from and
//! their own address.
//!
//! A sector is 64 words derived from one stamp, so that a torn, shifted,
//! misplaced or poisoned sector is detected wherever it is read.

/// Bytes in a sector.
pub const SECTOR: usize = 512;
/// In place of a write's number: the sector was never written, or was trimmed,
/// and holds zeros.
pub const ZERO: u32 = 0;
/// The byte that fills a read's memory before its data arrives, and any bio's
/// memory after its completion.
pub const POISON: u8 = 0xdd;

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Fills a sector with the contents that write `op` gives it at `lba`.
pub fn fill(sector: &mut [u8], op: u32, lba: u64) {
    if op == ZERO {
        sector.fill(0);
        return;
    }
    let mut word = stamp(op, lba);
    for chunk in sector.chunks_exact_mut(8) {
        chunk.copy_from_slice(&word.to_le_bytes());
        word = word.wrapping_add(STEP);
    }
}

/// Returns the number of the write that a sector read at `lba` comes from.
pub fn read(sector: &[u8], lba: u64) -> Result<u32, String> {
    let first = word(&sector[..8]);
    if first == 0 {
        return match sector.iter().all(|&byte| byte == 0) {
            true => Ok(ZERO),
            false => Err(format!("sector {lba} is partly zero")),
        };
    }
    let op = (first >> 24) as u32;
    let mut expected = stamp(op, lba);
    for (at, chunk) in sector.chunks_exact(8).enumerate() {
        if word(chunk) != expected {
            return Err(format!(
                "sector {lba} is not what any write put there: word {at} is {:#x} where write {op} has {expected:#x}{}",
                word(chunk),
                if sector.iter().all(|&byte| byte == POISON) {
                    " (poison of a completed I/O)"
                } else {
                    ""
                },
            ));
        }
        expected = expected.wrapping_add(STEP);
    }
    Ok(op)
}

fn stamp(op: u32, lba: u64) -> u64 {
    u64::from(op) << 24 | lba & 0xff_ffff
}

fn word(bytes: &[u8]) -> u64 {
    bytes.try_into().map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sector(op: u32, lba: u64) -> [u8; SECTOR] {
        let mut bytes = [0xa5; SECTOR];
        fill(&mut bytes, op, lba);
        bytes
    }

    #[test]
    fn sector_names_its_write() {
        assert_eq!(read(&sector(7, 42), 42), Ok(7));
        assert_eq!(read(&sector(ZERO, 42), 42), Ok(ZERO));
    }

    #[test]
    fn misplaced_torn_and_poisoned_sectors_are_seen() {
        assert!(read(&sector(7, 42), 43).is_err());
        let mut torn = sector(7, 42);
        torn[256..].copy_from_slice(&sector(8, 42)[256..]);
        assert!(read(&torn, 42).is_err());
        assert!(read(&[POISON; SECTOR], 42).is_err());
        let mut half = sector(7, 42);
        half[..8].fill(0);
        assert!(read(&half, 42).is_err());
    }
}
