// SPDX-License-Identifier: BSD-2-Clause
//! Decides which answers are accepted: by shelf, by config string, by MAC
//! address.
//!
//! This file interprets the administrator's three texts, independently of
//! existing targets. The texts are parsed again for each answer to a config
//! query: such answers are few, and so only the texts are stored.

use crate::wire::{Address, Mac};

/// Longest text of each kind, in bytes.
pub const FILTER_MAX: usize = 1023;
/// Longest prefix of a config string.
pub const PREFIX_MAX: usize = 255;

/// The texts of the filter. All zero bytes are a filter that accepts
/// everything.
#[derive(Debug)]
pub struct Filter {
    shelves: Text,
    config: Text,
    macs: Text,
}

#[derive(Debug)]
struct Text {
    bytes: [u8; FILTER_MAX],
    length: usize,
}

/// The kind of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Required prefix of the config string. Empty: any string.
    Config,
    /// MAC addresses, and pins of targets to MAC addresses. Empty: any.
    Macs,
    /// Numbers and ranges of shelves. Empty: all.
    Shelves,
}

/// The filter's verdict on an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Admission {
    /// The answer is accepted.
    #[default]
    Granted,
    /// The target is not accepted from this MAC address.
    NotFromThere,
    /// The target is not accepted at all.
    NotWanted,
}

/// The text is invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaningless;

impl Text {
    const EMPTY: Self = Self { bytes: [0; FILTER_MAX], length: 0 };

    fn get(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&[])
    }
}

impl Filter {
    /// A filter that accepts everything.
    pub const OPEN: Self = Self { shelves: Text::EMPTY, config: Text::EMPTY, macs: Text::EMPTY };

    /// Sets a text. An invalid one is refused and changes nothing.
    pub fn set(&mut self, kind: Kind, text: &[u8]) -> Result<(), Meaningless> {
        let printable = text.iter().all(|b| b.is_ascii_graphic() || *b == b' ');
        let sound = match kind {
            Kind::Config => text.len() <= PREFIX_MAX,
            Kind::Macs => words(text).all(|word| Pin::parse(word).is_some()),
            Kind::Shelves => words(text).all(|word| range(word).is_some()),
        };
        let place = match kind {
            Kind::Config => &mut self.config,
            Kind::Macs => &mut self.macs,
            Kind::Shelves => &mut self.shelves,
        };
        match place.bytes.get_mut(..text.len()) {
            Some(bytes) if printable && sound => {
                bytes.copy_from_slice(text);
                place.length = text.len();
                Ok(())
            }
            _ => Err(Meaningless),
        }
    }

    /// Returns the text of a kind as it was set.
    pub fn text(&self, kind: Kind) -> &[u8] {
        match kind {
            Kind::Config => self.config.get(),
            Kind::Macs => self.macs.get(),
            Kind::Shelves => self.shelves.get(),
        }
    }

    /// Returns whether any text is set.
    pub fn is_set(&self) -> bool {
        [Kind::Config, Kind::Macs, Kind::Shelves].iter().any(|kind| !self.text(*kind).is_empty())
    }

    /// Returns the verdict on an answer of the target at `address`, with this
    /// config string, from this MAC address.
    pub fn judge(&self, address: Address, mac: Mac, config: &[u8]) -> Admission {
        if !self.wants_shelf(address.major) || !config.starts_with(self.config.get()) {
            Admission::NotWanted
        } else if !self.allows(address, mac) {
            Admission::NotFromThere
        } else {
            Admission::Granted
        }
    }

    fn wants_shelf(&self, shelf: u16) -> bool {
        let mut ranges = words(self.shelves.get()).filter_map(range).peekable();
        ranges.peek().is_none() || ranges.any(|(first, last)| (first..=last).contains(&shelf))
    }

    /// Returns whether the target at `address` may answer from `mac`. A pinned
    /// target may do so only from the MAC addresses that it is pinned to. Any
    /// other target may do so only from the MAC addresses listed without a
    /// target, if there are any.
    fn allows(&self, address: Address, mac: Mac) -> bool {
        let (mut pinned, mut listed, mut here) = (false, false, false);
        for pin in words(self.macs.get()).filter_map(Pin::parse) {
            match pin.target {
                Some(target) if target == address => {
                    if pin.mac == mac {
                        return true;
                    }
                    pinned = true;
                }
                Some(_) => {}
                None => {
                    listed = true;
                    here |= pin.mac == mac;
                }
            }
        }
        !pinned && (here || !listed)
    }
}

/// A word of the text: `00:11:22:33:44:55`, or `aoe7e3=00:11:22:33:44:55`.
struct Pin {
    target: Option<Address>,
    mac: Mac,
}

impl Pin {
    fn parse(word: &[u8]) -> Option<Self> {
        let mut parts = word.splitn(2, |b| *b == b'=');
        let first = parts.next()?;
        let (target, mac) = match parts.next() {
            Some(mac) => (Some(disk_name(first)?), mac),
            None => (None, first),
        };
        let mac = address(mac).filter(|mac| !mac.is_group())?;
        Some(Self { target, mac })
    }
}

/// Parses the name of a disk, such as `aoe7e3`.
fn disk_name(text: &[u8]) -> Option<Address> {
    let mut parts = text.strip_prefix(b"aoe")?.splitn(2, |b| *b == b'e');
    let major = number(parts.next()?)?;
    let minor = u8::try_from(number(parts.next()?)?).ok()?;
    let address = Address { major, minor };
    (!address.is_broadcast()).then_some(address)
}

/// Parses a MAC address: six bytes in hexadecimal, of one or two digits each.
fn address(text: &[u8]) -> Option<Mac> {
    let mut mac = [0; 6];
    let mut parts = text.split(|b| *b == b':');
    for byte in &mut mac {
        let mut sum = 0_u8;
        let part = parts.next()?;
        if part.is_empty() || part.len() > 2 {
            return None;
        }
        for digit in part {
            let value = char::from(*digit).to_digit(16).and_then(|v| u8::try_from(v).ok())?;
            sum = sum << 4 | value;
        }
        *byte = sum;
    }
    parts.next().is_none().then_some(Mac(mac))
}

/// Parses a shelf or a range of shelves, `7` or `7-12`. The largest shelf is
/// 65534.
fn range(word: &[u8]) -> Option<(u16, u16)> {
    let mut parts = word.splitn(2, |b| *b == b'-');
    let first = number(parts.next()?)?;
    let last = parts.next().map_or(Some(first), number)?;
    (first <= last && last != u16::MAX).then_some((first, last))
}

fn number(text: &[u8]) -> Option<u16> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u16, |sum, byte| {
        let digit = char::from(*byte).to_digit(10).and_then(|d| u16::try_from(d).ok())?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// Splits a text into words, separated by spaces or commas.
pub(crate) fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|b| matches!(b, b' ' | b',')).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const THEM: Mac = Mac([2, 0, 0, 0, 0xa, 0xbc]);

    fn at(major: u16, minor: u8) -> Address {
        Address { major, minor }
    }

    fn filter(kind: Kind, text: &str) -> Filter {
        let mut filter = Filter::OPEN;
        filter.set(kind, text.as_bytes()).unwrap();
        filter
    }

    #[test]
    fn an_empty_filter_lets_everything_in() {
        assert_eq!(Filter::OPEN.judge(at(65534, 254), US, b"anything"), Admission::Granted);
        let blank = filter(Kind::Shelves, " , ");
        assert_eq!(blank.judge(at(7, 1), US, b""), Admission::Granted);
    }

    #[test]
    fn shelves_are_numbers_and_ranges() {
        let f = filter(Kind::Shelves, "3, 7-12 65534");
        for shelf in [3, 7, 9, 12, 65534] {
            assert_eq!(f.judge(at(shelf, 0), US, b""), Admission::Granted, "{shelf}");
        }
        for shelf in [0, 2, 4, 6, 13, 65533] {
            assert_eq!(f.judge(at(shelf, 0), US, b""), Admission::NotWanted, "{shelf}");
        }
    }

    #[test]
    fn a_config_string_has_to_begin_with_the_prefix() {
        let f = filter(Kind::Config, "host a");
        assert_eq!(f.judge(at(7, 1), US, b"host a: data"), Admission::Granted);
        assert_eq!(f.judge(at(7, 1), US, b"host a"), Admission::Granted);
        for other in [&b"host"[..], b"host b", b"", b" host a"] {
            assert_eq!(f.judge(at(7, 1), US, other), Admission::NotWanted);
        }
    }

    #[test]
    fn listed_addresses_are_let_in_and_others_are_not() {
        let f = filter(Kind::Macs, "02:0:0:0:A:bc");
        assert_eq!(f.judge(at(7, 1), THEM, b""), Admission::Granted);
        assert_eq!(f.judge(at(7, 1), US, b""), Admission::NotFromThere);
    }

    #[test]
    fn a_pinned_target_comes_from_its_own_addresses_only() {
        let f = filter(Kind::Macs, "aoe7e1=02:00:00:00:00:01");
        assert_eq!(f.judge(at(7, 1), US, b""), Admission::Granted);
        assert_eq!(f.judge(at(7, 1), THEM, b""), Admission::NotFromThere);
        assert_eq!(f.judge(at(7, 2), THEM, b""), Admission::Granted, "a target without a pin");
        let f = filter(Kind::Macs, "aoe7e1=02:00:00:00:00:01,02:00:00:00:0a:bc");
        assert_eq!(f.judge(at(7, 1), THEM, b""), Admission::NotFromThere);
        assert_eq!(f.judge(at(7, 2), THEM, b""), Admission::Granted);
        assert_eq!(f.judge(at(7, 2), US, b""), Admission::NotFromThere);
    }

    #[test]
    fn what_means_nothing_changes_nothing() {
        let mut f = filter(Kind::Shelves, "7");
        for bad in ["x", "7-", "-7", "8-7", "65535", "70000", "7-65535", "+7", "7\t8", "1-2-3"] {
            assert_eq!(f.set(Kind::Shelves, bad.as_bytes()), Err(Meaningless), "{bad}");
        }
        for bad in [
            "02:00:00:00:00",
            "02:00:00:00:00:01:02",
            "02:00:00:00:00:001",
            "02:00:00:00::01",
            "03:00:00:00:00:01",
            "ff:ff:ff:ff:ff:ff",
            "0g:00:00:00:00:01",
            "aoe7=02:00:00:00:00:01",
            "aoe7e255=02:00:00:00:00:01",
            "aoe65535e1=02:00:00:00:00:01",
            "7.1=02:00:00:00:00:01",
            "aoe7e1=",
        ] {
            assert_eq!(f.set(Kind::Macs, bad.as_bytes()), Err(Meaningless), "{bad}");
        }
        assert_eq!(f.set(Kind::Config, &[b'a'; 256]), Err(Meaningless));
        assert_eq!(f.set(Kind::Config, b"\x01"), Err(Meaningless));
        assert_eq!(f.set(Kind::Shelves, &[b','; 1024]), Err(Meaningless));
        assert_eq!(f.judge(at(8, 1), US, b""), Admission::NotWanted);
        assert_eq!(f.judge(at(7, 1), US, b""), Admission::Granted);
    }
}
