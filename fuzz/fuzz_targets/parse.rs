// SPDX-License-Identifier: BSD-2-Clause
//! Every parser, with any bytes. None may panic, read past the end of its
//! bytes, or return values that contradict them.
#![no_main]

use aoe_core::wire::{
    AtaCommand, AtaResponse, ConfigResponse, Header, Identify, MaskResponse, ReserveResponse,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(header) = Header::parse(bytes) {
        assert!(header.version <= 1 && bytes.len() >= Header::LEN);
        assert_eq!(header.command.code(), bytes[19]);
    }
    let argument = bytes.get(Header::LEN..).unwrap_or(bytes);
    if let Ok(ata) = AtaResponse::parse(argument) {
        for opcode in 0..=u8::MAX {
            let outcome = ata.outcome(AtaCommand(opcode));
            assert!(outcome.is_err() || ata.status & 0xa9 == 0 || ata.status == opcode);
        }
    }
    if let Ok(config) = ConfigResponse::parse(argument) {
        assert!(config.string.len() <= 1024 && config.sector_count != 0);
        assert!(config.string.len() + 8 <= argument.len());
    }
    if let Ok(mask) = MaskResponse::parse(argument) {
        assert!(mask.hosts().count() * 8 + 4 <= argument.len());
    }
    if let Ok(reserve) = ReserveResponse::parse(argument) {
        assert!(reserve.holders().count() * 6 + 2 <= argument.len());
    }
    if let Some(bytes) = bytes.first_chunk::<512>() {
        let identify = Identify::parse(bytes);
        assert!(identify.sectors <= 1 << 48);
        assert!(identify.serial.iter().all(|byte| matches!(byte, 0 | b' '..=b'~')));
        assert!(identify.alignment < identify.physical_sector);
    }
});
