// SPDX-License-Identifier: BSD-2-Clause
//! Management commands: sending them, and the meaning of refusals.

use aoe_core::wire::{
    AtaCommand, AtaError, AtaRequest, AtaResponse, Command, ConfigRequest, SECTOR,
};

use crate::Tool;
use crate::ioctl::{self, Control, Target};
use crate::os::Errno;
use crate::status::{Outcome, Status, complain, failed};
use crate::text::{field, hexadecimal};

const TRIES: u8 = 4;
const WAIT_MS: u32 = 1000;

impl Control {
    /// Makes a command; its argument is the concatenation of `parts`.
    fn command(target: &Target, command: Command, parts: &[&[u8]]) -> Control {
        let mut control = Control::to(target);
        control.command = command.code().into();
        (control.tries, control.wait_ms) = (TRIES, WAIT_MS);
        let argument = parts.concat();
        if let Some(data) = control.data.get_mut(..argument.len()) {
            data.copy_from_slice(&argument);
        }
        control.length = u32::try_from(argument.len()).unwrap_or(u32::MAX);
        control
    }

    pub fn ata(target: &Target, request: AtaRequest) -> Control {
        let mut argument = [0; AtaRequest::LEN];
        request.emit(&mut argument);
        Control::command(target, Command::Ata, &[&argument])
    }

    pub fn config(target: &Target, request: ConfigRequest, string: &[u8]) -> Control {
        let mut argument = [0; ConfigRequest::LEN];
        request.emit(&mut argument);
        Control::command(target, Command::Config, &[&argument, string])
    }

    pub fn mask(target: &Target, argument: &[u8], directives: &[u8]) -> Control {
        Control::command(target, Command::Mask, &[argument, directives])
    }

    pub fn reserve(target: &Target, argument: &[u8], hosts: &[u8]) -> Control {
        Control::command(target, Command::Reserve, &[argument, hosts])
    }

    /// The ATA registers in the answer, if the command succeeded.
    pub fn success(&self) -> Option<AtaResponse> {
        let response = AtaResponse::parse(self.answer()).ok()?;
        (self.refused == 0 && response.is_success()).then_some(response)
    }

    /// The first sector of the answer's data.
    pub fn sector(&self) -> Option<&[u8; SECTOR]> {
        self.answer().get(AtaRequest::LEN..)?.first_chunk()
    }
}

/// Checks whether an answered command was accepted; reports a refusal's meaning.
pub fn accepted(control: &Control, name: &str) -> Outcome {
    if control.refused == 0 {
        return Ok(());
    }
    match control.error {
        1 => complain!("{name}: the target does not know this command"),
        2 => complain!("{name}: the target rejects the argument"),
        3 => {
            complain!("{name}: the target cannot reach its disk");
            return Err(Status::Silent);
        }
        4 => complain!("{name}: the config string is already set"),
        5 => complain!("{name}: the target does not support AoE version 1"),
        6 => complain!("{name}: reserved by another host"),
        other => complain!("{name}: the target reports AoE error {other}"),
    }
    Err(Status::Refused)
}

/// Reports that an answer is too short.
pub fn cut_short(name: &str) -> Status {
    complain!("{name}: the answer is truncated");
    Status::Refused
}

/// Checks whether an answered ATA command succeeded; reports the disk's error.
fn taken(control: &Control, sent: AtaCommand, name: &str) -> Outcome {
    accepted(control, name)?;
    let response = AtaResponse::parse(control.answer()).map_err(|_| cut_short(name))?;
    match response.outcome(sent) {
        Ok(()) => return Ok(()),
        Err(AtaError::Aborted) => complain!("{name}: the disk rejects this command"),
        Err(_) => complain!(
            "{name}: the disk reports status {}, error {}",
            hexadecimal(response.status),
            hexadecimal(response.error)
        ),
    }
    Err(Status::Refused)
}

impl Tool {
    pub fn control(&mut self, control: &mut Control) -> Result<(), Errno> {
        self.system.ask(&ioctl::CONTROL, control)
    }

    /// Sends an ATA request that returns one sector, on `path` or on any.
    pub fn sector(
        &mut self,
        target: &Target,
        request: AtaRequest,
        path: Option<u8>,
    ) -> Outcome<[u8; SECTOR]> {
        let name = field(&target.name);
        let mut control = Control::ata(target, request);
        control.path = path.unwrap_or(control.path);
        self.control(&mut control).map_err(|errno| failed(errno, &name))?;
        taken(&control, request.command, &name)?;
        control.sector().copied().ok_or_else(|| cut_short(&name))
    }

    /// Queries for all targets again: after a change, a target may answer this host
    /// differently, or no longer.
    pub fn rediscover(&mut self) {
        // An error of the module will be reported by the next command.
        let _ = self.system.ask(&ioctl::DISCOVER, &mut ioctl::Address::everybody());
    }
}
