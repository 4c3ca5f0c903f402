// SPDX-License-Identifier: BSD-2-Clause
//! The actions of the model-based tests, and how fuzz input encodes them.

/// An action on the core or on the world around it. Indexes out of range wrap,
/// so that every action has an effect.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    Submit {
        kind: u8,
        lba: u8,
        sectors: u8,
        ordered: bool,
    },
    /// Time passes, in microseconds: the low 12 bits, shifted left by the high
    /// four, but by 10 at most.
    Advance(u16),
    /// The oldest request on a wire arrives, and is served unless the target
    /// has stopped.
    Deliver(u8),
    /// The oldest request on a wire is lost.
    Drop(u8),
    /// The oldest request on a wire arrives twice.
    Double(u8),
    /// The chosen answer arrives; answers may overtake each other.
    Answer(u8),
    Lose(u8),
    Repeat(u8),
    Corrupt {
        which: u8,
        bit: u8,
    },
    Chop {
        which: u8,
        length: u8,
    },
    /// The driver frees the mbuf of a transmitted frame.
    Sent(u8),
    Link {
        link: u8,
        up: bool,
    },
    Presence {
        link: u8,
        present: bool,
    },
    Mtu {
        link: u8,
        size: u8,
    },
    Stop,
    Go,
    Restart {
        buffers: u8,
        new_macs: bool,
    },
    Discover,
    Forge(u8),
    /// The administrator has every path identified again.
    Revalidate,
    /// Changes settings that may be changed while the disk is in use.
    Settings {
        maxout: u8,
        policy: u8,
    },
    /// The module is unloaded by force: all I/O fails at once.
    Unload,
}

impl Action {
    /// Decodes an action from the front of fuzz input.
    pub fn decode(bytes: &mut impl Iterator<Item = u8>) -> Option<Action> {
        let code = bytes.next()?;
        let mut next = || bytes.next().unwrap_or(0);
        // Actions that move frames are more frequent than those that break links.
        Some(match code % 42 {
            0..6 => {
                let (kind, lba, sectors) = (next(), next(), next());
                Action::Submit { kind, lba, sectors, ordered: kind & 0x80 != 0 }
            }
            6..10 => Action::Advance(u16::from_le_bytes([next(), next()])),
            10..17 => Action::Deliver(next()),
            17 => Action::Drop(next()),
            18 => Action::Double(next()),
            19..26 => Action::Answer(next()),
            26 => Action::Lose(next()),
            27 => Action::Repeat(next()),
            28 => Action::Corrupt { which: next(), bit: next() },
            29 => Action::Chop { which: next(), length: next() },
            30 | 31 => Action::Sent(next()),
            32 => Action::Link { link: next(), up: next() & 1 != 0 },
            33 => Action::Presence { link: next(), present: next() & 1 != 0 },
            34 => Action::Mtu { link: next(), size: next() },
            35 => Action::Stop,
            36 => Action::Go,
            37 => Action::Restart { buffers: next(), new_macs: next() & 1 != 0 },
            38 => Action::Discover,
            39 => Action::Revalidate,
            40 => match next() {
                // Rare, since little can happen after it.
                0..8 => Action::Unload,
                maxout => Action::Settings { maxout, policy: next() },
            },
            _ => Action::Forge(next()),
        })
    }
}
