// SPDX-License-Identifier: BSD-2-Clause
//! log, watch: past events of targets, as many as the module keeps, and new ones.

use std::ffi::OsString;

use aoe_core::ffi::abi::PATH_ANY;

use crate::Tool;
use crate::args::{Options, number};
use crate::ioctl::{self, Event, Log, Message};
use crate::os::{Errno, local_time};
use crate::status::{Outcome, failed};
use crate::targets::address;
use crate::text::{self, field};
use crate::xo::Value;

const FOLLOW_MS: u32 = 10000;

fn say(tool: &mut Tool, event: &Event) {
    let path = (event.path != PATH_ANY).then_some(event.path);
    let when = local_time(i64::try_from(event.sec).unwrap_or(i64::MAX));
    let out = &mut tool.out;
    out.open_instance("event");
    out.words(format_args!("{when}.{:03}", event.usec / 1000));
    out.hidden("seq", event.seq);
    out.hidden("time", Value::Decimal(format!("{}.{:06}", event.sec, event.usec)));
    out.words(' ').value("target", &*field(&event.target));
    if let Some(path) = path {
        out.words(format_args!(" path {path}"));
    }
    out.words(' ').value("event", &*field(&event.name));
    out.words(": ").value("text", &*field(&event.text));
    if let Some(path) = path {
        out.hidden("path", path);
    }
    out.hidden("value", event.value).words('\n').close_instance("event");
}

/// Reads the events of some targets or of all, and passes on all but the first ones.
#[derive(Default)]
struct Reader {
    /// Names of the targets; empty: all.
    targets: Vec<String>,
    /// The sequence number of the last event that was read.
    after: u64,
    /// Number of events not to be passed on.
    skip: u64,
    /// Number of events of these targets so far.
    seen: u64,
}

impl Reader {
    /// Passes the new events to `each`. If there are none, waits for one up to `wait_ms`.
    fn read(
        &mut self,
        tool: &mut Tool,
        mut wait_ms: u32,
        each: fn(&mut Tool, &Event),
    ) -> Result<(), Errno> {
        loop {
            let mut log = Log { after: self.after, wait_ms, ..Log::new() };
            tool.system.ask(&ioctl::LOG_AFTER, &mut log)?;
            let count = usize::try_from(log.count).unwrap_or(usize::MAX);
            for event in log.event.iter().take(count) {
                self.after = event.seq;
                if !self.targets.is_empty() && !self.targets.contains(&field(&event.target)) {
                    continue;
                }
                self.seen += 1;
                if self.seen > self.skip {
                    each(tool, event);
                }
            }
            tool.out.flush();
            wait_ms = 0;
            if count == 0 {
                return Ok(());
            }
        }
    }

    /// Counts the events of these targets in the log.
    fn count(&self, tool: &mut Tool) -> Result<u64, Errno> {
        let mut counter = Reader { targets: self.targets.clone(), ..Reader::default() };
        counter.read(tool, 0, |_, _| {})?;
        Ok(counter.seen)
    }
}

pub fn log(tool: &mut Tool, words: &[OsString]) -> Outcome {
    let (mut follow, mut last, mut good) = (false, None, true);
    let mut options = Options::new(words, "f", "n");
    while let Some(option) = options.next() {
        match option {
            Ok((b'f', _)) => follow = true,
            Ok((_, value)) => match number(value, 1, 1000) {
                Ok(count) => last = Some(count),
                Err(_) => good = false,
            },
            Err(_) => good = false,
        }
    }
    let mut reader = Reader::default();
    match options.rest() {
        _ if !good => return Err(tool.usage()),
        [] => {}
        [name] => {
            let address = name.to_str().and_then(text::address).ok_or_else(|| tool.usage())?;
            reader.targets.push(text::disk(address));
            let count = reader.count(tool).map_err(|errno| failed(errno, "log"))?;
            if count == 0 {
                tool.target(name)?;
            }
        }
        _ => return Err(tool.usage()),
    }
    show(tool, reader, last, follow)
}

/// Prints the last events, or all, and then new ones if `follow` is set.
fn show(tool: &mut Tool, mut reader: Reader, last: Option<u32>, follow: bool) -> Outcome {
    if let Some(last) = last {
        let count = reader.count(tool).map_err(|errno| failed(errno, "log"))?;
        reader.skip = count.saturating_sub(last.into());
    }
    tool.out.open_list("event");
    let mut outcome = reader.read(tool, 0, say);
    while follow && outcome.is_ok() {
        outcome = reader.read(tool, FOLLOW_MS, say);
    }
    tool.out.close_list("event");
    outcome.map_err(|errno| failed(errno, "log"))
}

/// Like `log -f`, but starts with the last few events, and accepts several targets.
pub fn watch(tool: &mut Tool, words: &[OsString]) -> Outcome {
    let mut last = 10;
    let mut options = Options::new(words, "", "n");
    while let Some(option) = options.next() {
        let value = option.and_then(|(_, value)| number(value, 0, 1000));
        last = value.map_err(|_| tool.usage())?;
    }
    let mut reader = Reader::default();
    for name in options.rest() {
        reader.targets.push(text::disk(address(name)?));
    }
    show(tool, reader, Some(last), true)
}
