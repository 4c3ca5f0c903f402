// SPDX-License-Identifier: BSD-2-Clause
//! identify: the IDENTIFY data of the disk, read now.

use std::ffi::OsString;

use aoe_core::wire::{AtaRequest, Details, Identify, SECTOR};

use crate::Tool;
use crate::args::Options;
use crate::ioctl::Target;
use crate::status::Outcome;
use crate::text::field;

fn feature(tool: &mut Tool, name: &str, (supported, enabled): (bool, bool)) {
    let word = match (supported, enabled) {
        (false, _) => "no",
        (true, true) => "yes",
        (true, false) => "off",
    };
    let out = &mut tool.out;
    out.open_instance("feature");
    out.words("  ").shown("name", format_args!("{name:<16}"), name);
    out.words(format_args!(" {word}\n"));
    out.hidden("supported", supported).hidden("enabled", enabled);
    out.close_instance("feature");
}

fn features(tool: &mut Tool, id: &Identify, details: &Details) {
    let always = |promised| (promised, promised);
    tool.out.open_list("feature");
    for (name, state) in [
        ("smart", details.smart),
        ("write-cache", (id.write_cache, id.write_cache_enabled)),
        ("look-ahead", details.look_ahead),
        ("lba48", always(id.lba48)),
        ("flush", always(id.flush)),
        ("flush-ext", always(id.flush_ext)),
        ("trim", always(id.trim_blocks != 0)),
    ] {
        feature(tool, name, state);
    }
    tool.out.close_list("feature");
}

/// Prints the 16-bit words of the page, eight per line.
fn raw(tool: &mut Tool, page: &[u8; SECTOR]) {
    let out = &mut tool.out;
    out.open_list("line");
    for (n, bytes) in page.chunks(16).enumerate() {
        let words: Vec<String> = bytes
            .as_chunks()
            .0
            .iter()
            .map(|word| format!("{:04x}", u16::from_le_bytes(*word)))
            .collect();
        let number = n as u64 * 8;
        out.open_instance("line");
        out.words("  ").shown("word", format_args!("{number:>3}"), number);
        out.words("  ").value("data", &*words.join(" ")).words('\n');
        out.close_instance("line");
    }
    out.close_list("line");
}

fn describe(tool: &mut Tool, name: &str, page: &[u8; SECTOR]) {
    let (id, details) = (Identify::parse(page), Details::parse(page));
    let heading = |what: &str| format!("  {what:<16} ");
    let out = &mut tool.out;
    out.value("name", name).words('\n');
    out.words(heading("model")).value("model", &*field(&id.model)).words('\n');
    out.words(heading("serial")).value("serial", &*field(&id.serial)).words('\n');
    out.words(heading("firmware")).value("firmware", &*field(&id.firmware)).words('\n');
    if details.world_wide_name != 0 {
        let name = format!("{:016x}", details.world_wide_name);
        out.words(heading("wwn")).value("wwn", &*name).words('\n');
    }
    out.words(heading("size")).value("sectors", id.sectors);
    out.words(" sectors of ").value("sector", id.logical_sector).words(" bytes\n");
    out.hidden("size", id.sectors.wrapping_mul(id.logical_sector.into()));
    out.words(heading("physical sector")).value("physical-sector", id.physical_sector).words('\n');
    match id.rotation {
        0 => {}
        1 => {
            out.words(heading("rotation rate")).value("rotation-rate", "none").words('\n');
        }
        rate => {
            out.words(heading("rotation rate")).value("rotation-rate", rate).words('\n');
        }
    }
    features(tool, &id, &details);
}

impl Tool {
    /// Reads the IDENTIFY data of the disk, on `path` or on any.
    pub fn identify(&mut self, target: &Target, path: Option<u8>) -> Outcome<[u8; SECTOR]> {
        self.sector(target, AtaRequest::identify(), path)
    }
}

pub fn identify(tool: &mut Tool, words: &[OsString]) -> Outcome {
    let mut with_words = false;
    let mut options = Options::new(words, "r", "");
    while let Some(option) = options.next() {
        option.map_err(|_| tool.usage())?;
        with_words = true;
    }
    let [name] = options.rest() else { return Err(tool.usage()) };
    let target = tool.target(name)?;
    let page = tool.identify(&target, None)?;
    describe(tool, &field(&target.name), &page);
    if with_words {
        raw(tool, &page);
    }
    Ok(())
}
