// SPDX-License-Identifier: BSD-2-Clause
//! Options and numbers of commands.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use crate::status::{Outcome, Status, complain};

/// The options in front of a command's arguments. As with getopt(3) in FreeBSD, the
/// first word that is not an option ends them.
pub struct Options<'a> {
    words: &'a [OsString],
    /// Option letters that take a value, and those that do not.
    with: &'static [u8],
    without: &'static [u8],
    /// The letters of the current word that are still to be parsed.
    cluster: &'a [u8],
}

impl<'a> Options<'a> {
    pub fn new(words: &'a [OsString], without: &'static str, with: &'static str) -> Self {
        Options { words, with: with.as_bytes(), without: without.as_bytes(), cluster: &[] }
    }

    fn word(&mut self) -> Option<&'a [u8]> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first.as_bytes())
    }

    /// Returns the next letter and its value, which is empty if the letter takes
    /// none. Reports an invalid option before it returns the error.
    pub fn next(&mut self) -> Option<Outcome<(u8, &'a OsStr)>> {
        if self.cluster.is_empty() {
            match self.words.first()?.as_bytes() {
                [b'-', _, ..] => {}
                _ => return None,
            }
            self.cluster = self.word()?.get(1..)?;
            if self.cluster == b"-" {
                self.cluster = &[];
                return None;
            }
        }
        let (&letter, rest) = self.cluster.split_first()?;
        self.cluster = rest;
        if self.without.contains(&letter) {
            return Some(Ok((letter, OsStr::new(""))));
        }
        if !self.with.contains(&letter) {
            complain!("illegal option -- {}", char::from(letter));
            return Some(Err(Status::Use));
        }
        self.cluster = &[];
        let value = if rest.is_empty() { self.word() } else { Some(rest) };
        Some(match value {
            Some(value) => Ok((letter, OsStr::from_bytes(value))),
            None => {
                complain!("option requires an argument -- {}", char::from(letter));
                Err(Status::Use)
            }
        })
    }

    /// Returns the words after the options.
    pub fn rest(self) -> &'a [OsString] {
        self.words
    }
}

/// Parses a whole number from `min` to `max`; reports an error.
pub fn number(text: &OsStr, min: u32, max: u32) -> Outcome<u32> {
    let parsed = text.to_str().and_then(|text| text.trim_start().parse().ok());
    match parsed {
        Some(n) if (min..=max).contains(&n) => Ok(n),
        _ => {
            complain!("{}: must be a whole number from {min} to {max}", text.display());
            Err(Status::Use)
        }
    }
}

/// Parses a number of seconds up to `max`, possibly with a fraction; reports an error.
pub fn seconds(text: &OsStr, max: u32) -> Outcome<Duration> {
    let parsed = text.to_str().and_then(|text| text.parse::<f64>().ok());
    match parsed {
        Some(n) if (0.0..=f64::from(max)).contains(&n) => Ok(Duration::from_secs_f64(n)),
        _ => {
            complain!("{}: must be a number of seconds from 0 to {max}", text.display());
            Err(Status::Use)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses all options: letters and values, whether all are valid, and the number
    /// of words left.
    fn found(words: &[&str]) -> (Vec<(char, String)>, bool, usize) {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let mut options = Options::new(&words, "fA", "nw");
        let (mut all, mut good) = (Vec::new(), true);
        while let Some(option) = options.next() {
            match option {
                Ok((letter, value)) => {
                    all.push((char::from(letter), value.to_string_lossy().into_owned()));
                }
                Err(status) => good = status != Status::Use,
            }
        }
        (all, good, options.rest().len())
    }

    fn letters(all: &[(char, &str)]) -> Vec<(char, String)> {
        all.iter().map(|(letter, value)| (*letter, (*value).to_owned())).collect()
    }

    #[test]
    fn letters_may_share_a_word_and_a_value_may_follow_them() {
        assert_eq!(found(&["-fAn5", "x"]), (letters(&[('f', ""), ('A', ""), ('n', "5")]), true, 1));
        assert_eq!(found(&["-n", "-5", "-f"]), (letters(&[('n', "-5"), ('f', "")]), true, 0));
    }

    #[test]
    fn the_first_word_that_is_no_option_ends_them() {
        assert_eq!(found(&["7.3", "-f"]), (letters(&[]), true, 2));
        assert_eq!(found(&["-f", "--", "-f"]), (letters(&[('f', "")]), true, 1));
        assert_eq!(found(&["-", "-f"]), (letters(&[]), true, 2));
        assert_eq!(found(&["", "-f"]), (letters(&[]), true, 2));
    }

    #[test]
    fn an_unknown_letter_and_a_missing_value_are_mistakes() {
        assert_eq!(found(&["-xf"]), (letters(&[('f', "")]), false, 0));
        assert!(!found(&["--help"]).1);
        assert_eq!(found(&["-n"]), (letters(&[]), false, 0));
    }

    #[test]
    fn numbers_are_whole_and_within_bounds() {
        let of = |text: &str| number(OsStr::new(text), 1, 10).ok();
        assert_eq!((of("1"), of("10"), of(" 7")), (Some(1), Some(10), Some(7)));
        for bad in ["0", "11", "", "x", "1x", "-1", "1.0", "99999999999999999999"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }

    #[test]
    fn seconds_may_have_a_fraction() {
        let of = |text: &str| seconds(OsStr::new(text), 10).ok().map(|time| time.as_millis());
        assert_eq!(
            (of("0.25"), of("10"), of(".5"), of("0")),
            (Some(250), Some(10000), Some(500), Some(0))
        );
        for bad in ["10.1", "-1", "", "x", "1s", "nan", "inf"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
