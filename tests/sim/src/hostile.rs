// SPDX-License-Identifier: BSD-2-Clause
//! Damaged and forged frames, which must do no harm.

use crate::frame::{self, E_FLAG, RESPONSE};
use crate::rng::Rng;

pub struct Hostile {
    rng: Rng,
}

impl Hostile {
    pub fn new(rng: Rng) -> Self {
        Hostile { rng }
    }

    /// Sometimes flips a bit of an answer's header. If the bit is one of the tag,
    /// replaces the whole tag: tags of two outstanding requests may differ in
    /// one bit.
    pub fn corrupt(&mut self, chance: u32, bytes: &mut [u8]) {
        if !self.rng.chance(chance) {
            return;
        }
        let bit = self.rng.below(frame::ARGUMENT as u64 * 8) as usize;
        if (frame::TAG..frame::TAG + 4).contains(&(bit / 8)) {
            let garbled = (self.rng.draw() as u32).to_be_bytes();
            bytes[frame::TAG..frame::TAG + 4].copy_from_slice(&garbled);
            return;
        }
        bytes[bit / 8] ^= 1 << (bit % 8);
    }

    /// Sometimes cuts off the end of an answer.
    pub fn chop(&mut self, chance: u32, bytes: &mut Vec<u8>) {
        if self.rng.chance(chance) {
            let length = self.rng.below(bytes.len() as u64) as usize;
            bytes.truncate(length);
        }
    }

    /// Returns an answer to `request` that is wrong in a way that the core must
    /// notice, or a frame that answers no request.
    pub fn forge(&mut self, request: &[u8], to: [u8; 6], target: [u8; 6]) -> Vec<u8> {
        let mut bytes = request.to_vec();
        bytes[..6].copy_from_slice(&to);
        bytes[6..12].copy_from_slice(&target);
        bytes[frame::VERSION_FLAGS] = 0x10 | RESPONSE;
        if bytes[frame::COMMAND] == 0 {
            bytes[frame::ATA_COMMAND] = 0x40;
        }
        match self.rng.below(9) {
            // The right tag from an unknown MAC.
            0 => bytes[6..12].copy_from_slice(&[2, 0xcc, 0, 0, 0, 1]),
            // Addressed to another host.
            1 => bytes[..6].copy_from_slice(&[2, 0xaa, 9, 9, 9, 9]),
            // Another target's answer.
            2 => bytes[frame::MINOR] ^= 1,
            3 => self.guess_tag(&mut bytes),
            // A request, not an answer.
            4 => bytes[frame::VERSION_FLAGS] = 0x10,
            5 => bytes[frame::VERSION_FLAGS] = 0x20 | RESPONSE,
            // An error with a guessed tag.
            6 => {
                self.guess_tag(&mut bytes);
                bytes[frame::VERSION_FLAGS] |= E_FLAG;
                bytes[frame::ERROR] = self.rng.below(9) as u8;
            }
            7 => return self.forge_advert(),
            _ => {
                self.guess_tag(&mut bytes);
                let length = self.rng.below(bytes.len() as u64 + 1) as usize;
                bytes.truncate(length);
            }
        }
        bytes
    }

    fn guess_tag(&mut self, bytes: &mut [u8]) {
        let near = frame::tag(bytes).wrapping_add(1 + self.rng.below(8) as u32);
        let guess = if self.rng.chance(5000) { near } else { self.rng.draw() as u32 };
        bytes[frame::TAG..frame::TAG + 4].copy_from_slice(&guess.to_be_bytes());
    }

    /// Returns an advert of our target's address, or of one that does not exist,
    /// from a MAC that never answers.
    fn forge_advert(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; frame::MIN_FRAME];
        bytes[..6].copy_from_slice(&frame::BROADCAST);
        bytes[6..12].copy_from_slice(&[2, 0xcc, 0, 0, 0, self.rng.below(256) as u8]);
        bytes[12..14].copy_from_slice(&[0x88, 0xa2]);
        bytes[frame::VERSION_FLAGS] = 0x10 | RESPONSE;
        bytes[frame::COMMAND] = 1;
        let major =
            if self.rng.chance(7000) { crate::target::MAJOR } else { self.rng.draw() as u16 };
        bytes[frame::MAJOR..frame::MINOR].copy_from_slice(&major.to_be_bytes());
        bytes[frame::MINOR] = crate::target::MINOR;
        let argument = self.rng.draw().to_le_bytes();
        bytes[frame::ARGUMENT..frame::ARGUMENT + 8].copy_from_slice(&argument);
        if argument[7] & 1 == 0 {
            // Well-formed; only its contents are false.
            bytes[29..32].copy_from_slice(&[0x10, 0, 0]);
        }
        bytes
    }
}
