// SPDX-License-Identifier: BSD-2-Clause
//! A model target's adverts, and its answers to config, mask, reserve and
//! IDENTIFY requests.

use crate::frame::{self, Mac};
use crate::pattern::SECTOR;
use crate::quirks::Refusal;
use crate::target::{Reply, Target};

impl Target {
    /// Returns the adverts of a target that starts or has changed, one per port.
    pub fn adverts(&self) -> Vec<Reply> {
        (0..self.ports.len())
            .map(|port| {
                let mut bytes = vec![0; frame::ARGUMENT];
                bytes[..6].copy_from_slice(&frame::BROADCAST);
                bytes[6..12].copy_from_slice(&self.ports[port].mac);
                bytes[12..14].copy_from_slice(&[0x88, 0xa2]);
                bytes[frame::VERSION_FLAGS] = self.quirks.advert_version << 4 | frame::RESPONSE;
                bytes[frame::COMMAND] = 1;
                self.put_address(&mut bytes);
                self.put_config(&mut bytes, port, self.quirks.advert_version << 4);
                if !self.quirks.unpadded {
                    bytes.resize(bytes.len().max(frame::MIN_FRAME), 0);
                }
                Reply { port, bytes }
            })
            .collect()
    }

    fn put_config(&self, bytes: &mut Vec<u8>, port: usize, version_command: u8) {
        bytes.extend_from_slice(&self.quirks.buffer_count.to_be_bytes());
        bytes.extend_from_slice(&self.quirks.firmware.to_be_bytes());
        bytes.push(match self.quirks.says_zero_sectors {
            true => 0,
            false => self.max_sectors(port),
        });
        bytes.push(version_command);
        bytes.extend_from_slice(&(self.config.len() as u16).to_be_bytes());
        bytes.extend_from_slice(&self.config);
    }

    pub(crate) fn answer_config(
        &mut self,
        port: usize,
        request: &[u8],
        mut reply: Vec<u8>,
    ) -> Option<Vec<u8>> {
        if request.len() < frame::ARGUMENT + 8 {
            return None;
        }
        let length = usize::from(frame::u16_at(request, 30));
        let sent = request.get(32..32 + length)?;
        let command = request[29] & 0xf;
        match command {
            0 => {}
            1 if sent == self.config => {}
            2 if self.config.starts_with(sent) => {}
            3 if self.config.is_empty() || self.config == sent => self.config = sent.to_vec(),
            3 => {
                reply[frame::VERSION_FLAGS] |= frame::E_FLAG;
                reply[frame::ERROR] = 4;
            }
            4 => self.config = sent.to_vec(),
            _ => return None,
        }
        self.put_config(&mut reply, port, 0x10 | command);
        Some(reply)
    }

    pub(crate) fn answer_mask(&mut self, request: &[u8], mut reply: Vec<u8>) -> Option<Vec<u8>> {
        let argument = request.get(frame::ARGUMENT..frame::ARGUMENT + 4)?;
        let (command, count) = (argument[1], usize::from(argument[3]));
        let directives = request.get(28..28 + 8 * count)?;
        let mut error = 0;
        let mut done = 0;
        if command == 1 {
            for directive in directives.chunks_exact(8) {
                let mac: Mac = directive[2..8].try_into().ok()?;
                match directive[1] {
                    0 => {}
                    1 if self.mask.contains(&mac) => {}
                    1 if self.mask.len() >= 32 => error = 3,
                    1 => self.mask.push(mac),
                    2 => self.mask.retain(|&old| old != mac),
                    _ => error = 2,
                }
                if error != 0 {
                    break;
                }
                done += 1;
            }
        }
        if error != 0 {
            reply.extend_from_slice(&[0, command, error, done]);
            return Some(reply);
        }
        reply.extend_from_slice(&[0, command, 0, self.mask.len() as u8]);
        for mac in &self.mask {
            reply.extend_from_slice(&[0, 0]);
            reply.extend_from_slice(mac);
        }
        Some(reply)
    }

    pub(crate) fn answer_reserve(&mut self, request: &[u8], mut reply: Vec<u8>) -> Option<Vec<u8>> {
        let (command, count) = (*request.get(24)?, usize::from(*request.get(25)?));
        let hosts = request.get(26..26 + 6 * count)?;
        let free = self.reserved.is_empty() || self.reserved.contains(&frame::src(request));
        match command {
            0 => {}
            1 if !free => return self.refuse(Refusal::Aoe(6), reply),
            1 | 2 => {
                self.reserved =
                    hosts.chunks_exact(6).filter_map(|mac| mac.try_into().ok()).collect();
            }
            _ => return self.refuse(Refusal::Aoe(2), reply),
        }
        reply.extend_from_slice(&[command, self.reserved.len() as u8]);
        self.reserved.iter().for_each(|mac| reply.extend_from_slice(mac));
        Some(reply)
    }

    /// Builds the data of IDENTIFY DEVICE, word by word.
    pub fn identify(&self) -> [u8; SECTOR] {
        let mut out = [0; SECTOR];
        let serial = match self.quirks.constant_serial {
            true => "serial#",
            false => &self.serial,
        };
        put_text(&mut out[20..40], serial);
        put_text(&mut out[46..54], "V1");
        put_text(&mut out[54..94], self.model);
        let mut word = |at: usize, value: u16| {
            out[2 * at..2 * at + 2].copy_from_slice(&value.to_le_bytes());
        };
        let sectors = self.disk.now.len() as u64 >> self.shift;
        let small = sectors.min(0x0fff_ffff);
        word(60, small as u16);
        word(61, (small >> 16) as u16);
        if self.quirks.write_cache {
            word(82, 1 << 5);
            word(85, 1 << 5);
        }
        word(83, self.quirks.word_83);
        word(86, self.quirks.word_86);
        if self.quirks.word_83 & 0x400 != 0 {
            for at in 0..4 {
                word(100 + at, (sectors >> (16 * at)) as u16);
            }
        }
        if self.shift != 0 {
            word(106, 0x5000);
            word(117, 256 << self.shift);
        }
        if self.quirks.trims {
            word(105, 1);
            word(169, 1);
        }
        out
    }
}

/// Writes a string of IDENTIFY: padded with blanks, high byte first in each word.
fn put_text(out: &mut [u8], text: &str) {
    out.fill(b' ');
    for (to, from) in out.iter_mut().zip(text.bytes()) {
        *to = from;
    }
    out.chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1));
}
