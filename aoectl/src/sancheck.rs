// SPDX-License-Identifier: BSD-2-Clause
//! sancheck: measures how much data a frame can carry on each path, and compares this
//! with the limits of the interface and the target.
//!
//! Sectors at the beginning of the disk are read over each path. The requests are as
//! long as their answers, which detects the loss of large frames in both directions.

use std::ffi::OsString;

use aoe_core::ffi::abi::INFO_LBA48;
use aoe_core::wire::{AtaRequest, Header, Mac, SECTOR, sectors_per_frame};

use crate::Tool;
use crate::args::{Options, number};
use crate::ioctl::{Control, PATH_UP, Path, Target, path_state_name};
use crate::os::Errno;
use crate::status::{Outcome, Status, complain};
use crate::text::field;

const TRIES: u8 = 3;
/// Bytes in front of a frame's data: the Ethernet, AoE and ATA headers.
const HEADERS: u32 = (Header::LEN + AtaRequest::LEN) as u32;
const BLOCK: u32 = SECTOR as u32;

/// The error of a path that could not be tested.
struct NotAsked;

/// Whether frames with this many of the disk's sectors get through in both directions.
fn passes(
    tool: &mut Tool,
    target: &Target,
    path: &Path,
    timeout: u32,
    sectors: u8,
) -> Result<bool, NotAsked> {
    let data = u32::from(sectors).saturating_mul(target.info.sector_logical);
    let request = AtaRequest::read(0, sectors, target.has(INFO_LBA48));
    let mut control = Control::ata(target, request);
    control.path = path.info.index;
    control.frame_length = HEADERS.saturating_add(data);
    (control.tries, control.wait_ms) = (TRIES, timeout);
    match tool.control(&mut control) {
        Ok(()) => {
            let whole = control.length.saturating_sub(AtaRequest::LEN as u32) >= data;
            Ok(whole && control.success().is_some())
        }
        Err(Errno::ETIMEDOUT | Errno::EMSGSIZE) => Ok(false),
        Err(_) => Err(NotAsked),
    }
}

/// Returns the largest number of sectors, from 1 to `limit`, that gets through; 0 if
/// none does.
fn search(limit: u8, mut passes: impl FnMut(u8) -> Result<bool, NotAsked>) -> Result<u8, NotAsked> {
    if passes(limit)? {
        return Ok(limit);
    }
    // Check whether the path answers at all.
    if limit == 1 || !passes(1)? {
        return Ok(0);
    }
    let (mut good, mut bad) = (1, limit);
    while bad - good > 1 {
        let middle = good.midpoint(bad);
        if passes(middle)? {
            good = middle;
        } else {
            bad = middle;
        }
    }
    Ok(good)
}

/// How much data a frame on a path should be able to carry.
struct Allowed {
    /// In blocks of 512 bytes, as `by_target`.
    by_mtu: u8,
    by_target: u8,
    /// In the disk's sectors.
    by_both: u8,
    /// As `by_both`, but at most the size of the disk.
    limit: u8,
}

impl Allowed {
    fn on(path: &Path, target: &Target) -> Allowed {
        let by_mtu = sectors_per_frame(path.mtu);
        let by_target = match path.info.sector_count {
            0 => 2,
            count => count,
        };
        let blocks = (target.info.sector_logical / BLOCK).max(1);
        let by_both = u32::from(by_mtu.min(by_target)) / blocks;
        let by_both = u8::try_from(by_both).unwrap_or(u8::MAX);
        let disk = u8::try_from(target.info.sectors / u64::from(blocks)).unwrap_or(u8::MAX);
        Allowed { by_mtu, by_target, by_both, limit: by_both.min(disk) }
    }
}

/// Returns the fault of a path, or "ok".
fn verdict(path: &Path, limit: u8, found: &Result<u8, NotAsked>) -> &'static str {
    if path.mtu == 0 || path.link_up == 0 {
        return "link down";
    }
    match found {
        _ if limit == 0 => "no sector fits",
        Err(NotAsked) => "not tested",
        Ok(0) => "no answer",
        Ok(found) if *found < limit => "frames are lost",
        Ok(_) if path.info.state != PATH_UP => path_state_name(path.info.state),
        Ok(_) => "ok",
    }
}

fn check_path(tool: &mut Tool, target: &Target, path: &Path, timeout: u32) -> bool {
    let allowed = Allowed::on(path, target);
    let limit = allowed.limit;
    let found = if limit == 0 || path.link_up == 0 {
        Err(NotAsked)
    } else {
        search(limit, |sectors| passes(tool, target, path, timeout, sectors))
    };
    let verdict = verdict(path, limit, &found);
    let is_whole = found.as_ref().is_ok_and(|found| *found == limit);
    let carried = u32::from(found.unwrap_or(0)).saturating_mul(target.info.sector_logical);
    let [by_mtu, by_target] =
        [allowed.by_mtu, allowed.by_target].map(|blocks| u32::from(blocks) * BLOCK);
    let (name, interface) = (field(&target.name), field(&path.interface));
    let out = &mut tool.out;
    out.open_instance("path");
    let index = path.info.index;
    out.shown("target", format_args!("{name:<12}"), &*name);
    out.words(' ').shown("index", format_args!("{index:>2}"), index);
    out.words(' ').shown("interface", format_args!("{interface:<9}"), &*interface);
    out.hidden("mac", &*format!("{:?}", Mac(path.info.mac)));
    for (name, value) in [
        ("mtu", path.mtu),
        ("interface-allows", by_mtu),
        ("target-allows", by_target),
        ("passes", carried),
        ("in-use", path.info.payload),
    ] {
        out.words(' ').shown(name, format_args!("{value:>6}"), value);
    }
    out.words(' ').value("verdict", verdict);
    if is_whole && limit < allowed.by_both {
        out.words(": small disk");
    }
    out.words('\n').close_instance("path");
    out.flush();
    verdict == "ok"
}

fn check_target(tool: &mut Tool, target: &Target, timeout: u32) -> Outcome {
    if target.info.sectors == 0 {
        complain!("{}: the size of the disk is not known yet", field(&target.name));
        return Err(Status::Fault);
    }
    let mut good = target.npaths != 0;
    for path in target.paths() {
        good &= check_path(tool, target, path, timeout);
    }
    if good { Ok(()) } else { Err(Status::Fault) }
}

pub fn sancheck(tool: &mut Tool, words: &[OsString]) -> Outcome {
    let mut timeout = 500;
    let mut options = Options::new(words, "", "t");
    while let Some(option) = options.next() {
        let value = option.and_then(|(_, value)| number(value, 1, 10000));
        timeout = value.map_err(|_| tool.usage())?;
    }
    tool.out.words(format_args!(
        "{:<12} NO {:<9} {:>6} {:>6} {:>6} {:>6} {:>6} VERDICT\n",
        "NAME", "INTERFACE", "MTU", "BY-MTU", "TARGET", "PASSES", "IN-USE"
    ));
    tool.out.open_list("path");
    let outcome = tool.each(options.rest(), |tool, target| check_target(tool, target, timeout));
    tool.out.close_list("path");
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_frame_is_searched_by_halves() {
        for limit in 1..=255 {
            for largest in 0..=limit {
                let mut asked = 0;
                let found = search(limit, |sectors| {
                    asked += 1;
                    Ok(sectors <= largest)
                });
                assert_eq!(found.unwrap_or(255), largest, "of {limit}");
                assert!(asked <= 10, "{asked} questions for {largest} of {limit}");
            }
        }
    }

    #[test]
    fn what_cannot_be_asked_ends_the_search() {
        assert!(search(17, |_| Err(NotAsked)).is_err());
        assert!(
            search(17, |sectors| if sectors == 9 { Err(NotAsked) } else { Ok(sectors < 17) })
                .is_err()
        );
    }
}
