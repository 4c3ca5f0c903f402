// SPDX-License-Identifier: BSD-2-Clause
//! Formatting and parsing of names, sizes and addresses.

use aoe_core::wire::{Address, Mac};

/// The width of a screen, in columns.
pub const COLUMNS: usize = 80;

/// Formats lines that begin with `first` and continue with the pieces. A piece is broken
/// only if it does not fit into a line; lines after the first are indented.
pub fn fill<T: AsRef<str>>(first: &str, pieces: &[T], indent: usize) -> String {
    let (mut text, mut width) = (first.to_owned(), first.len());
    let mut is_empty = first.ends_with(' ');
    for piece in pieces.iter().map(AsRef::as_ref) {
        if !is_empty && width + 1 + piece.len() > COLUMNS {
            text += &format!("\n{:indent$}", "");
            (width, is_empty) = (indent, true);
        }
        if !is_empty {
            text.push(' ');
            width += 1;
        }
        for letter in piece.chars() {
            if width == COLUMNS {
                text += &format!("\n{:indent$}", "");
                width = indent;
            }
            text.push(letter);
            width += 1;
        }
        is_empty = false;
    }
    text.push('\n');
    text
}

/// Splits a text into words, for fill().
pub fn pieces(text: &str) -> Vec<&str> {
    text.split(' ').collect()
}

/// Parses the name of a target: 7.3, e7.3 as on Linux, aoe7e3, or /dev/aoe7e3.
pub fn address(name: &str) -> Option<Address> {
    let name = name.strip_prefix("/dev/").unwrap_or(name);
    let (major, minor) = match name.strip_prefix("aoe") {
        Some(name) => name.split_once('e')?,
        None => name.strip_prefix('e').unwrap_or(name).split_once('.')?,
    };
    let address = Address { major: digits(major)?, minor: digits(minor)? };
    (!address.is_broadcast()).then_some(address)
}

/// The name of a target's disk.
pub fn disk(address: Address) -> String {
    format!("aoe{}e{}", address.major, address.minor)
}

/// Parses a number without a sign.
fn digits<T: std::str::FromStr>(text: &str) -> Option<T> {
    if text.starts_with('+') { None } else { text.parse().ok() }
}

/// Formats a size like 4.0G, 16M, or 512.
pub fn size(bytes: u64) -> String {
    let mut n = bytes as f64;
    let mut unit = "";
    for larger in ["K", "M", "G", "T", "P", "E"] {
        if n < 1024.0 {
            break;
        }
        n /= 1024.0;
        unit = larger;
    }
    let places = usize::from(n < 10.0 && !unit.is_empty());
    format!("{n:.places$}{unit}")
}

/// Parses a MAC address: six hexadecimal numbers of at most two digits, with colons or,
/// as older tools write it, without.
pub fn mac(text: &str) -> Option<Mac> {
    let parts: Vec<&str> = if text.contains(':') {
        text.split(':').collect()
    } else {
        text.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap_or("")).collect()
    };
    let bytes: Option<Vec<u8>> = parts
        .into_iter()
        .map(|part| {
            if part.len() > 2 || part.starts_with('+') {
                None
            } else {
                u8::from_str_radix(part, 16).ok()
            }
        })
        .collect();
    Some(Mac(bytes?.try_into().ok()?))
}

/// Converts bytes to text that is safe for a terminal.
pub fn printable(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|&byte| if matches!(byte, b' '..=b'~') { char::from(byte) } else { '?' })
        .collect()
}

/// Converts a C string in a fixed-size field to printable text, without blanks around it.
pub fn field(bytes: &[u8]) -> String {
    let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    printable(text.trim_ascii())
}

/// Formats a number like C's `%#x`.
pub fn hexadecimal(n: u8) -> String {
    if n == 0 { "0".to_owned() } else { format!("{n:#x}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_four_names() {
        let there = Some(Address { major: 7, minor: 3 });
        for name in ["7.3", "e7.3", "aoe7e3", "/dev/aoe7e3", "/dev/7.3", "007.03"] {
            assert_eq!(address(name), there, "{name}");
        }
        for name in ["", "7", "7.", ".3", "7.3x", "aoe7.3", "7e3", "e7e3", "+7.3", "7.-3", "7. 3"] {
            assert_eq!(address(name), None, "{name}");
        }
    }

    #[test]
    fn lines_end_between_pieces_or_at_the_edge_of_the_screen() {
        let long = "x".repeat(70);
        assert_eq!(fill("  a  ", &["b", "c"], 5), "  a  b c\n");
        assert_eq!(fill("a", &["b"], 5), "a b\n");
        assert_eq!(fill("a", &[&*long, "1234567", "b"], 2), format!("a {long} 1234567\n  b\n"));
        let longer = "x".repeat(160);
        let lines = fill("  a  ", &["b", &longer], 5);
        let wide: Vec<usize> = lines.lines().map(str::len).collect();
        assert_eq!(wide, [6, 80, 80, 15]);
    }

    #[test]
    fn addresses_of_nobody_are_no_targets() {
        assert!(address("65534.254").is_some());
        for name in ["65535.1", "1.255", "65536.1", "1.256", "99999999999999999999.1"] {
            assert_eq!(address(name), None, "{name}");
        }
    }

    #[test]
    fn sizes_have_a_unit_and_two_digits_at_least() {
        let cases = [
            (0, "0"),
            (512, "512"),
            (1023, "1023"),
            (1024, "1.0K"),
            (10 << 10, "10K"),
            (16 << 20, "16M"),
            ((1 << 20) - 1, "1024K"),
            (10485248, "10.0M"),
            (5 << 29, "2.5G"),
            (u64::MAX, "16E"),
        ];
        for (bytes, text) in cases {
            assert_eq!(size(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn mac_addresses_have_six_bytes() {
        let there = Some(Mac([2, 0, 0, 0, 0, 0xa]));
        for text in ["02:00:00:00:00:0a", "2:0:0:0:0:A", "02000000000a", "0200000000a"] {
            assert_eq!(mac(text), there, "{text}");
        }
        for text in [
            "",
            "x",
            "02:00:00:00:00",
            "02:00:00:00:00:0a:",
            "02:00:00:00:00:0a:0b",
            "02:00:00:00:00:100",
            "020000000000a",
            "02:00:00:00:00:+a",
            "02 0 0 0 0 a",
        ] {
            assert_eq!(mac(text), None, "{text}");
        }
    }

    #[test]
    fn fields_end_at_a_nul_and_are_printable() {
        assert_eq!(field(b"  a b\x1b \0junk"), "a b?");
        assert_eq!(field(b"\0"), "");
        assert_eq!(field(&[b'x'; 4]), "xxxx");
    }
}
