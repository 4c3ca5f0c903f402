// SPDX-License-Identifier: BSD-2-Clause
//! Builds the frame of a transmit output as the shim does, and checks it.

use aoe_core::output::{Source, Transmit};

use crate::frame;
use crate::host::Host;
use crate::initiator::Initiator;
use crate::network::Link;
use crate::pattern::SECTOR;

/// Builds the frame of a transmit output; returns it with the number of its write.
pub fn build(
    transmit: &Transmit,
    links: &[Link],
    host: &Host,
    initiator: &impl Initiator,
    shift: u8,
) -> Result<(Vec<u8>, Option<u32>), String> {
    let at = usize::from(transmit.link.0);
    let Some(link) = links.get(at).filter(|link| link.present) else {
        return Err(format!("a frame for link {at}, which is not there"));
    };
    let length = transmit.frame_length as usize;
    let mut bytes = transmit.header[..usize::from(transmit.header_length)].to_vec();
    let mut op = None;
    if let Some(span) = transmit.data {
        let (offset, size) = (span.offset as usize, span.length as usize);
        match span.source {
            Source::Control => bytes.extend_from_slice(initiator.control(offset, size)),
            Source::Io(handle) => {
                let (write, data) = host.payload(handle, offset, size)?;
                op = Some(write);
                bytes.extend_from_slice(data);
            }
        }
    }
    if bytes.len() > length || length < frame::MIN_FRAME {
        return Err(format!("a frame of {} bytes in {length}", bytes.len()));
    }
    bytes.resize(length, 0);
    if length > link.mtu as usize + 14 {
        return Err(format!("a frame of {length} bytes on an MTU of {}", link.mtu));
    }
    if frame::is_trim(&bytes) {
        let ranges = frame::trim_ranges(&bytes, shift);
        op = ranges.first().and_then(|&(lba, count)| host.delete_of(lba, count));
        if op.is_none() {
            return Err(format!("a TRIM of {ranges:?}, which nobody asked for"));
        }
    }
    if frame::is_write(&bytes) && op.is_none() {
        return Err(format!("a write without data: {}", frame::describe(&bytes)));
    }
    inspect(&bytes, link.mac, shift).map_err(|e| format!("{e}: {}", frame::describe(&bytes)))?;
    Ok((bytes, op))
}

/// Checks what must be true of every request.
fn inspect(bytes: &[u8], mac: [u8; 6], shift: u8) -> Result<(), String> {
    let ensure = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_string()) };
    ensure(frame::is_aoe(bytes), "not an AoE frame")?;
    ensure(frame::src(bytes) == mac, "the source is not the interface's MAC")?;
    ensure(bytes[frame::VERSION_FLAGS] == 0x10, "version or flags of a request")?;
    ensure(bytes[frame::ERROR] == 0, "error byte of a request")?;
    let tag = frame::tag(bytes);
    ensure(tag != 0 && tag < 1 << 31, "tag out of our range")?;
    let address = (frame::u16_at(bytes, frame::MAJOR), bytes[frame::MINOR]);
    let is_query = bytes[frame::COMMAND] == 1 && address == (0xffff, 0xff);
    ensure(is_query || address.0 != 0xffff && address.1 != 0xff, "address of nobody")?;
    if bytes[frame::COMMAND] != 0 {
        return Ok(());
    }
    ensure(bytes.len() >= frame::ATA_LEN, "too short for ATA")?;
    ensure(bytes[frame::ARGUMENT] & 0x12 == 0, "D or A flag")?;
    let data = matches!(bytes[frame::ATA_COMMAND], 0x20 | 0x24 | 0x30 | 0x34);
    ensure(!data || bytes[frame::COUNT] != 0, "count 0")?;
    let needed = match frame::is_write(bytes) {
        true => frame::DATA + (usize::from(bytes[frame::COUNT]) << shift) * SECTOR,
        false => frame::ATA_LEN,
    };
    ensure(bytes.len() >= needed, "too short for its data")
}
