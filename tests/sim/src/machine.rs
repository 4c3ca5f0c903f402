// SPDX-License-Identifier: BSD-2-Clause
//! The core driven by explicit actions, for model-based tests and for fuzzing:
//! every frame waits until an action delivers, loses or damages it.
//!
//! The checks are those of a scenario: the reference, the copies on the wire, the
//! barriers, and what must be true of every frame. Requests on one path keep their
//! order, and expire well before `ghost_wait`.

use std::collections::VecDeque;

use aoe_core::output::{Output, Transmit};

pub use crate::action::Action;
use crate::copies::Copies;
use crate::core::Core;
use crate::frame::{self, Packet};
use crate::host::Host;
use crate::hostile::Hostile;
use crate::initiator::{Initiator, Kind, LinkState, Refused};
use crate::network::Link;
use crate::plan::{MS, Plan, SECOND};
use crate::quirks;
use crate::rng::Rng;
use crate::shim;
use crate::target::Target;

pub struct Machine {
    plan: Plan,
    core: Core,
    host: Host,
    links: Vec<Link>,
    target: Target,
    copies: Copies,
    hostile: Hostile,
    rng: Rng,
    now: u64,
    /// Requests in flight for each link and port, with the times at which they left.
    wires: Vec<VecDeque<(u64, Packet)>>,
    /// Answers in flight, with the links that they go to.
    answers: Vec<(usize, Vec<u8>)>,
    unsent: Vec<u32>,
    stopped_at: Option<u64>,
    last_request: Vec<u8>,
    is_up: bool,
    is_open: bool,
    is_unloaded: bool,
    serial: u64,
    /// Prints what happens.
    pub trace: bool,
}

impl Machine {
    /// Creates a machine whose target, links and settings `seed` determines, and
    /// whose disk is found and open.
    pub fn new(seed: u64) -> Result<Machine, String> {
        let mut rng = Rng::new(seed);
        let mut plan = Plan::draw(seed);
        plan.clean = false;
        plan.errors_allowed = false;
        plan.bad_sector = None;
        plan.read_only = false;
        plan.lossy = false;
        plan.quirks = rng.pick(&[quirks::VBLADE, quirks::GGAOED, quirks::IDEAL, quirks::PLAN9]);
        plan.size = 64;
        plan.settings.maxwait_us = 0;
        let links = plan.links.iter().enumerate();
        let links = links.map(|(at, &(segment, mtu))| Link::new(at, segment, mtu)).collect();
        let wires = vec![VecDeque::new(); plan.links.len() * plan.ports.len()];
        let mut machine = Machine {
            core: Core::new(&plan.settings, rng.fork()),
            host: Host::new(&plan, rng.fork()),
            links,
            target: Target::of_plan(&plan, 0),
            copies: Copies::new(plan.settings.ghost_wait_us, plan.shift),
            hostile: Hostile::new(rng.fork()),
            rng,
            plan,
            now: 0,
            wires,
            answers: Vec::new(),
            unsent: Vec::new(),
            stopped_at: None,
            last_request: Vec::new(),
            is_up: false,
            is_open: false,
            is_unloaded: false,
            serial: 0,
            trace: false,
        };
        (0..machine.links.len()).for_each(|link| machine.tell_link(link));
        machine.core.discover(0);
        machine.drain()?;
        machine.settle(|machine| machine.is_open)?;
        Ok(machine)
    }

    /// Carries out an action, and checks every invariant.
    pub fn apply(&mut self, action: Action) -> Result<(), String> {
        match action {
            Action::Submit { kind, lba, sectors, ordered } => {
                self.submit(kind, lba, sectors, ordered)?;
            }
            Action::Advance(time) => {
                // Round trips are more frequent than a second and more; the most is 4 s.
                let shift = (time >> 12).min(10);
                self.advance(u64::from(time & 0xfff) << shift)?;
            }
            Action::Deliver(wire) => self.deliver(wire, 1)?,
            Action::Drop(wire) => {
                let count = self.wires.len();
                self.wires[usize::from(wire) % count].pop_front();
            }
            Action::Double(wire) => self.deliver(wire, 2)?,
            Action::Answer(which) => self.take_answer(which, true, |_| {})?,
            Action::Lose(which) => {
                self.pick_answer(which, true);
            }
            Action::Repeat(which) => self.take_answer(which, false, |_| {})?,
            Action::Corrupt { which, bit } => {
                self.plan.errors_allowed = true;
                self.take_answer(which, true, |bytes| flip(bytes, bit))?;
            }
            Action::Chop { which, length } => {
                self.take_answer(which, true, |bytes| bytes.truncate(usize::from(length)))?;
            }
            Action::Sent(which) => self.send_back(which),
            Action::Link { link, up } => self.change_link(link, |link| link.up = up),
            Action::Presence { link, present } => {
                self.change_link(link, |link| link.present = present);
            }
            Action::Mtu { link, size } => {
                let mtu = [576, 1500, 4132, 9000][usize::from(size) % 4];
                self.change_link(link, |link| link.mtu = mtu);
            }
            Action::Stop => self.stopped_at = self.stopped_at.or(Some(self.now)),
            Action::Go => self.go()?,
            Action::Restart { buffers, new_macs } => self.restart(buffers, new_macs)?,
            Action::Discover => self.discover(),
            Action::Forge(link) => self.forge(link)?,
            Action::Revalidate => self.core.revalidate(self.now),
            Action::Settings { maxout, policy } => {
                let (maxout, policy) = (u32::from(maxout), u32::from(policy) % 3);
                self.core.change_settings(self.now, maxout, policy, self.plan.settings.strict_src);
            }
            Action::Unload => return self.unload(),
        }
        self.after_input()
    }

    fn discover(&mut self) {
        if !self.is_unloaded {
            self.core.discover(self.now);
        }
    }

    /// Fails all I/O at once; only the copies in the guard are left.
    fn unload(&mut self) -> Result<(), String> {
        self.plan.errors_allowed = true;
        self.is_unloaded = true;
        self.core.abort(self.now);
        self.after_input()?;
        match self.host.outstanding() {
            0 => Ok(()),
            left => Err(format!("{left} I/Os left after a forced unload")),
        }
    }

    /// Repairs everything, lets all I/O end, and reads the whole disk. Returns the
    /// number of completed I/Os.
    pub fn finish(mut self) -> Result<u64, String> {
        for link in 0..self.links.len() as u8 {
            self.change_link(link, |link| (link.up, link.present) = (true, true));
        }
        self.after_input()?;
        self.go()?;
        if self.is_unloaded {
            self.settle(|machine| !machine.core.has_target())?;
            return Ok(self.host.completed);
        }
        self.core.discover(self.now);
        self.drain()?;
        self.settle(|machine| machine.host.outstanding() == 0)?;
        let mut audited = false;
        self.settle(move |machine| {
            if !audited {
                machine.host.make_audit(&machine.plan, machine.now);
                audited = machine.host.has_audited(&machine.plan);
            }
            machine.host.has_audited(&machine.plan)
        })?;
        match self.core.counters(self.now).active {
            0 => Ok(self.host.completed),
            left => Err(format!("{left} I/Os left in the core")),
        }
    }

    /// Delivers everything and lets time pass, until `done` returns true.
    fn settle(&mut self, mut done: impl FnMut(&mut Machine) -> bool) -> Result<(), String> {
        let patience = self.now + 400 * SECOND;
        while !done(self) {
            if self.now > patience {
                return Err(format!("hangs: {}", self.host.describe()));
            }
            self.after_input()?;
            while self.move_one()? {
                self.advance(20)?;
            }
            if done(self) {
                break;
            }
            let next = self.core.deadline().unwrap_or(self.now + SECOND);
            self.advance(next.saturating_sub(self.now).clamp(1, SECOND))?;
        }
        Ok(())
    }

    /// Frees an mbuf, or delivers the next request or answer in flight; returns false
    /// if there is none.
    fn move_one(&mut self) -> Result<bool, String> {
        if !self.unsent.is_empty() {
            self.send_back(0);
        } else if let Some(wire) = self.wires.iter().position(|wire| !wire.is_empty()) {
            self.deliver(wire as u8, 1)?;
        } else if !self.answers.is_empty() {
            self.take_answer(0, true, |_| {})?;
        } else {
            return Ok(false);
        }
        self.after_input()?;
        Ok(true)
    }

    fn submit(&mut self, kind: u8, lba: u8, sectors: u8, ordered: bool) -> Result<(), String> {
        if self.host.outstanding() >= 32 {
            return Ok(());
        }
        let kind = match kind % 8 {
            0..3 => Kind::Read,
            3 if self.plan.promises_flush() => Kind::Flush,
            4 if self.plan.quirks.trims => Kind::Delete,
            _ => Kind::Write,
        };
        let lba = u64::from(lba) % self.plan.size;
        let most = (self.plan.size - lba).min(24);
        let sectors = 1 + u64::from(sectors) % most;
        match kind {
            Kind::Flush => self.host.add(kind, 0, 0, true, self.now),
            _ => self.host.add(kind, lba, sectors, ordered, self.now),
        }
        Ok(())
    }

    fn offer(&mut self) -> Result<(), String> {
        while let Some(io) = self.host.next_waiting() {
            match self.core.submit(self.now, io) {
                Ok(()) => self.host.accepted(io.handle),
                Err(Refused::Later) => {
                    self.host.put_back(io);
                    break;
                }
                Err(Refused::Failed(error)) => {
                    self.host.refused(&self.plan, self.now, io.handle, error)?;
                }
            }
        }
        Ok(())
    }

    fn after_input(&mut self) -> Result<(), String> {
        self.offer()?;
        self.drain()
    }

    fn drain(&mut self) -> Result<(), String> {
        for _ in 0..20_000 {
            let Some(output) = self.core.poll(self.now) else { return Ok(()) };
            if self.trace && !matches!(output, Output::Transmit(_)) {
                println!("{:>12} {output:?}", self.now);
            }
            match output {
                Output::Transmit(transmit) => self.transmit(&transmit)?,
                Output::Complete { io, result } => {
                    self.host.complete(&self.plan, self.now, io.0, result)?;
                }
                Output::Up { .. } if self.is_up => return Err("came up twice".to_string()),
                Output::Up { .. } => {
                    self.is_up = true;
                    self.is_open = self.core.open(self.now);
                }
                Output::Gone if self.is_up && !self.is_unloaded => {
                    return Err("the disk went away".to_string());
                }
                Output::Resized { .. } => return Err("the disk was resized".to_string()),
                Output::ControlDone(_) => return Err("an answer to no command".to_string()),
                Output::Absent { .. }
                | Output::Gone
                | Output::Event { .. }
                | Output::Idle
                | Output::Resumed
                | Output::Retaste
                | Output::Suspended => {}
            }
        }
        Err("one input has no end of outputs".to_string())
    }

    fn transmit(&mut self, transmit: &Transmit) -> Result<(), String> {
        let (bytes, op) =
            shim::build(transmit, &self.links, &self.host, &self.core, self.plan.shift)?;
        let at = usize::from(transmit.link.0);
        if self.trace {
            println!("{:>12} link {at} sends {}", self.now, frame::describe(&bytes));
        }
        self.copies.on_transmit(self.now, transmit.link.0, &bytes, op, transmit.copy)?;
        if transmit.copy != 0 {
            self.unsent.push(transmit.copy);
        }
        self.last_request.clone_from(&bytes);
        if !self.links[at].up {
            return Ok(());
        }
        self.serial += 1;
        let dst = frame::dst(&bytes);
        for (port, there) in self.target.ports.iter().enumerate() {
            let meant = dst == there.mac || dst == frame::BROADCAST;
            if meant && there.segment == self.links[at].segment && bytes.len() <= there.mtu + 14 {
                let packet =
                    Packet { bytes: bytes.clone(), op, serial: self.serial, overtaken: false };
                let wire = at * self.target.ports.len() + port;
                self.wires[wire].push_back((self.now, packet));
            }
        }
        Ok(())
    }

    fn deliver(&mut self, wire: u8, copies: usize) -> Result<(), String> {
        let wire = usize::from(wire) % self.wires.len();
        let Some((_, packet)) = self.wires[wire].pop_front() else { return Ok(()) };
        let port = wire % self.target.ports.len();
        for _ in 0..copies {
            self.target.enqueue(port, packet.clone());
        }
        self.serve()
    }

    fn serve(&mut self) -> Result<(), String> {
        if self.stopped_at.is_some() {
            return Ok(());
        }
        let (mut replies, mut log) = (Vec::new(), Vec::new());
        for port in 0..self.target.ports.len() {
            while !self.target.ports[port].queue.is_empty() {
                self.target.serve(port, &mut self.rng, &mut replies, &mut log)?;
            }
        }
        for done in log {
            self.host.reference.executed(done.op, done.lba, false)?;
        }
        for reply in replies {
            self.reply(reply.port, &reply.bytes);
        }
        Ok(())
    }

    fn reply(&mut self, port: usize, bytes: &[u8]) {
        let segment = self.target.ports[port].segment;
        let dst = frame::dst(bytes);
        for (at, link) in self.links.iter().enumerate() {
            let meant = dst == link.mac || dst == frame::BROADCAST;
            let fits = bytes.len() <= link.mtu as usize + 14;
            if meant && fits && link.segment == segment && self.answers.len() < 4096 {
                self.answers.push((at, bytes.to_vec()));
            }
        }
    }

    fn pick_answer(&mut self, which: u8, remove: bool) -> Option<(usize, Vec<u8>)> {
        if self.answers.is_empty() {
            return None;
        }
        let at = usize::from(which) % self.answers.len();
        match remove {
            true => Some(self.answers.remove(at)),
            false => self.answers.get(at).cloned(),
        }
    }

    fn take_answer(
        &mut self,
        which: u8,
        remove: bool,
        spoil: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), String> {
        let Some((link, mut bytes)) = self.pick_answer(which, remove) else { return Ok(()) };
        spoil(&mut bytes);
        self.hear(link, &bytes)
    }

    fn hear(&mut self, link: usize, bytes: &[u8]) -> Result<(), String> {
        let there = &self.links[link];
        // A target that was freed after an unload is not created again.
        let is_freed = self.is_unloaded && !self.core.has_target();
        if !there.up || !there.present || is_freed {
            return Ok(());
        }
        if self.trace {
            println!("{:>12} link {link} hears {}", self.now, frame::describe(bytes));
        }
        if frame::is_aoe(bytes) {
            self.copies.on_answer(link as u8, bytes);
        }
        match self.core.rx(self.now, link as u8, bytes) {
            Some(copy) => self.host.receive(copy, bytes),
            None => Ok(()),
        }
    }

    /// Delivers every answer in flight cut off at every byte; the whole answers stay
    /// in flight. Returns the number of frames delivered.
    pub fn chop_everywhere(&mut self) -> Result<u64, String> {
        let mut chopped = 0;
        for (link, bytes) in self.answers.clone() {
            for length in 0..bytes.len() {
                self.hear(link, &bytes[..length])?;
                self.after_input()?;
                chopped += 1;
            }
        }
        Ok(chopped)
    }

    /// Delivers forged frames: adverts of our target and of targets that do not
    /// exist, from MACs that never answer, and answers with guessed tags.
    pub fn flood(&mut self, frames: u32) -> Result<(), String> {
        for _ in 0..frames {
            self.now += 1;
            self.forge(self.rng.clone().draw() as u8)?;
            self.after_input()?;
        }
        Ok(())
    }

    /// Returns the number of targets in memory, the size of all blocks in bytes, and
    /// the number of paths of the target that I/O goes to.
    pub fn extent(&self) -> (usize, usize, usize) {
        let (targets, bytes) = self.core.memory();
        (targets, bytes, self.core.paths().len())
    }

    fn send_back(&mut self, which: u8) {
        if self.unsent.is_empty() {
            return;
        }
        let at = usize::from(which) % self.unsent.len();
        let copy = self.unsent.swap_remove(at);
        self.copies.on_sent(self.now, copy);
        self.core.sent(self.now, copy);
    }

    /// Lets time pass, tick by tick. Frames that are too old expire, and a stop that
    /// is too long ends.
    fn advance(&mut self, by: u64) -> Result<(), String> {
        let until = self.now + by;
        let old = self.plan.settings.ghost_wait_us / 4;
        while let Some(at) = self.core.deadline().filter(|&at| at <= until) {
            self.now = self.now.max(at);
            for tries in 0.. {
                self.core.tick(self.now);
                self.after_input()?;
                if self.core.deadline().is_none_or(|at| at > self.now) {
                    break;
                }
                if tries == 8 {
                    return Err("the deadline has passed, but there is nothing to do".to_string());
                }
            }
            self.age(old)?;
        }
        self.now = until;
        self.age(old)
    }

    fn age(&mut self, old: u64) -> Result<(), String> {
        let now = self.now;
        for wire in &mut self.wires {
            wire.retain(|(left, _)| left + old > now);
        }
        match self.stopped_at {
            Some(since) if since + old < now => self.go(),
            _ => Ok(()),
        }
    }

    fn go(&mut self) -> Result<(), String> {
        self.stopped_at = None;
        self.serve()
    }

    fn change_link(&mut self, link: u8, change: impl FnOnce(&mut Link)) {
        let at = usize::from(link) % self.links.len();
        change(&mut self.links[at]);
        self.tell_link(at);
    }

    fn tell_link(&mut self, at: usize) {
        let link = &self.links[at];
        let state = LinkState { mac: link.mac, mtu: link.mtu, up: link.up, present: link.present };
        self.core.link(self.now, at as u8, state);
    }

    fn restart(&mut self, buffers: u8, new_macs: bool) -> Result<(), String> {
        self.stopped_at = None;
        self.target.quirks.buffer_count = u16::from(buffers);
        for port in &mut self.target.ports {
            port.queue.clear();
            port.mac[4] ^= u8::from(new_macs);
        }
        for advert in self.target.adverts() {
            self.reply(advert.port, &advert.bytes);
        }
        Ok(())
    }

    fn forge(&mut self, link: u8) -> Result<(), String> {
        if self.last_request.is_empty() {
            return Ok(());
        }
        let at = usize::from(link) % self.links.len();
        let (us, them) = (self.links[at].mac, self.target.ports[0].mac);
        let forged = self.hostile.forge(&self.last_request, us, them);
        self.now += self.rng.below(MS);
        self.hear(at, &forged)
    }
}

/// Flips a bit of the header, outside of the tag.
fn flip(bytes: &mut [u8], bit: u8) {
    let bit = usize::from(bit) % (frame::TAG * 8);
    if let Some(byte) = bytes.get_mut(bit / 8) {
        *byte ^= 1 << (bit % 8);
    }
}
