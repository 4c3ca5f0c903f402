// SPDX-License-Identifier: BSD-2-Clause
//! top: the load of each disk, live.

mod rates;
mod show;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::time::Duration;

use aoe_core::wire::Address;

use crate::Tool;
use crate::args::{Options, number};
use crate::os::{Errno, Terminal};
use crate::readings::Reading;
use crate::status::{Outcome, failed};
use crate::targets::address;
use rates::{DiskRow, rows};

struct Top {
    interval: Duration,
    /// Number of readings to show; `None`: no limit.
    count: Option<u32>,
    paths: bool,
    /// The disks to show; empty: all.
    only: Vec<Address>,
}

impl Top {
    fn read(&self, tool: &mut Tool) -> Result<Reading, Errno> {
        let mut targets = tool.all()?;
        if !self.only.is_empty() {
            targets.retain(|target| self.only.contains(&target.address()));
        }
        Ok(Reading { at: tool.system.clock(), targets })
    }

    /// Whether this reading, counted from 1, is the last.
    fn is_last(&self, reading: u32) -> bool {
        self.count.is_some_and(|count| reading >= count)
    }

    /// Prints a table for each reading, one after the other.
    fn batch(&self, tool: &mut Tool) -> Result<(), Errno> {
        let mut before = self.read(tool)?;
        for reading in 1u32.. {
            tool.system.pause(self.interval);
            let now = self.read(tool)?;
            let seconds = now.since(&before).as_secs_f64();
            if reading > 1 {
                tool.out.words('\n');
            }
            show::say(&mut tool.out, &rows(&before, &now), seconds, self.paths);
            if self.is_last(reading) {
                break;
            }
            before = now;
        }
        Ok(())
    }

    fn screen(&self, terminal: &Terminal, rows: &[DiskRow], paths: bool) {
        let mut lines = show::lines(rows, paths);
        let seconds = self.interval.as_secs();
        lines.insert(0, format!("aoectl top, every {seconds} s    q: quit   p: paths"));
        terminal.show(&lines);
    }

    /// Shows one table on the terminal, updated until a key ends the program.
    fn live(&self, tool: &mut Tool, terminal: &Terminal) -> Result<(), Errno> {
        let mut before = self.read(tool)?;
        let (mut paths, mut shown, mut reading) = (self.paths, Vec::new(), 0);
        self.screen(terminal, &shown, paths);
        loop {
            // A key does not change the time of the next reading.
            let due = before.at + self.interval;
            while let Some(left) = due.checked_sub(tool.system.clock()).filter(|it| !it.is_zero()) {
                match terminal.key(left) {
                    Ok(Some(b'p')) => paths = !paths,
                    Ok(Some(b'q' | CONTROL_C)) | Err(_) => return Ok(()),
                    Ok(_) => {}
                }
                self.screen(terminal, &shown, paths);
            }
            let now = self.read(tool)?;
            shown = rows(&before, &now);
            self.screen(terminal, &shown, paths);
            reading += 1;
            if self.is_last(reading) {
                return Ok(());
            }
            before = now;
        }
    }
}

const CONTROL_C: u8 = 3;

pub fn top(tool: &mut Tool, words: &[OsString]) -> Outcome {
    let mut top = Top { interval: Duration::from_secs(1), count: None, paths: false, only: vec![] };
    let mut batch = false;
    let mut options = Options::new(words, "bp", "in");
    while let Some(option) = options.next() {
        let set = option.and_then(|(letter, value)| {
            match letter {
                b'b' => batch = true,
                b'p' => top.paths = true,
                b'i' => top.interval = Duration::from_secs(number(value, 1, 3600)?.into()),
                _ => top.count = Some(number(value, 1, 1_000_000)?),
            }
            Ok(())
        });
        set.map_err(|_| tool.usage())?;
    }
    for name in options.rest() {
        top.only.push(address(name)?);
        tool.target(name)?;
    }
    let is_live = !batch && tool.out.is_text() && std::io::stdout().is_terminal();
    let terminal = if is_live { Terminal::take() } else { None };
    let outcome = match &terminal {
        Some(terminal) => top.live(tool, terminal),
        None => {
            tool.out.open_list("reading");
            let outcome = top.batch(tool);
            tool.out.close_list("reading");
            outcome
        }
    };
    // Leave the alternate screen first, so that messages stay visible.
    drop(terminal);
    outcome.map_err(|errno| failed(errno, "targets"))
}
