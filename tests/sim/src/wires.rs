// SPDX-License-Identifier: BSD-2-Clause
//! The frames between a world's initiator and its targets.

use crate::frame::{self, Packet};
use crate::initiator::Initiator;
use crate::plan::MS;
use crate::target::{Executed, Reply};
use crate::world::{Event, World};

impl<I: Initiator> World<'_, I> {
    /// Sends a frame from a link to every port on its segment that the frame is addressed to.
    pub(crate) fn send(&mut self, at: usize, leaves: u64, bytes: Vec<u8>, op: Option<u32>) {
        let serial = self.network.next_serial();
        let segment = self.network.links[at].segment;
        let dst = frame::dst(&bytes);
        for target in 0..self.targets.len() {
            for port in 0..self.targets[target].ports.len() {
                let there = &self.targets[target].ports[port];
                if there.segment != segment || (dst != there.mac && dst != frame::BROADCAST) {
                    continue;
                }
                if bytes.len() > there.mtu + 14 || self.is_twin(target) {
                    continue;
                }
                let wire = target * self.plan.ports.len() + port;
                for arrives in self.network.request_arrivals(at, wire, leaves, bytes.len()) {
                    let packet = Packet { bytes: bytes.clone(), op, serial, overtaken: false };
                    if self.is_twin(1) {
                        // Two daemons on one interface.
                        let packet = packet.clone();
                        self.schedule(arrives, Event::Arrive { target: 1, link: at, port, packet });
                    }
                    self.schedule(arrives, Event::Arrive { target, link: at, port, packet });
                }
            }
        }
    }

    pub(crate) fn arrive(&mut self, target: usize, link: usize, port: usize, mut packet: Packet) {
        let wire = self.network.wire(link, target * self.plan.ports.len() + port);
        packet.overtaken = packet.serial < wire.newest;
        wire.newest = wire.newest.max(packet.serial);
        if self.twin_drops(&packet.bytes) {
            return;
        }
        self.targets[target].enqueue(port, packet);
        self.start(target, port);
    }

    pub(crate) fn start(&mut self, target: usize, port: usize) {
        let there = &self.targets[target];
        let idle = there.stopped || there.dead || there.ports[port].queue.is_empty();
        if !idle && self.network.profile.workers > 1 {
            self.begin_work(target, port);
        } else if !idle && !self.serving[target][port] {
            self.serving[target][port] = true;
            let service = 1 + self.rng.below(self.network.profile.service);
            self.schedule(self.now + service, Event::Serve { target, port });
        }
    }

    pub(crate) fn serve(&mut self, target: usize, port: usize) -> Result<(), String> {
        self.serving[target][port] = false;
        let there = &mut self.targets[target];
        if there.stopped || there.dead {
            return Ok(());
        }
        let mut replies = Vec::new();
        let mut log = Vec::new();
        let serial = there.ports[port].queue.front().map(|packet| packet.serial);
        // Duplicates made by the network are served back to back.
        while there.ports[port].queue.front().map(|packet| packet.serial) == serial {
            if serial.is_none() {
                break;
            }
            there.serve(port, &mut self.rng, &mut replies, &mut log)?;
        }
        self.executed(target, &log)?;
        for reply in replies {
            self.reply(target, reply);
        }
        self.start(target, port);
        Ok(())
    }

    /// Passes queued requests to free workers. A request that needs no disk needs
    /// no worker, and is answered at once.
    fn begin_work(&mut self, target: usize, port: usize) {
        let (service, spread) = (self.network.profile.service, self.network.profile.spread);
        loop {
            let there = &mut self.targets[target];
            let Some(first) = there.ports[port].queue.front() else { return };
            let (serial, works) = (first.serial, frame::is_disk_work(&first.bytes));
            if works && there.busy >= self.network.profile.workers {
                return;
            }
            // Duplicates made by the network stay together.
            let mut packets = Vec::new();
            while there.ports[port].queue.front().is_some_and(|p| p.serial == serial) {
                packets.extend(there.ports[port].queue.pop_front());
            }
            there.busy += usize::from(works);
            let takes = if works { 1 + self.rng.below(service + spread) } else { 0 };
            self.schedule(self.now + takes, Event::Finish { target, port, packets });
        }
    }

    /// Carries out and answers the requests that a worker has finished.
    pub(crate) fn end_work(
        &mut self,
        target: usize,
        port: usize,
        packets: Vec<Packet>,
    ) -> Result<(), String> {
        let there = &mut self.targets[target];
        if there.stopped {
            there.held.push((port, packets));
            return Ok(());
        }
        let works = packets.iter().any(|packet| frame::is_disk_work(&packet.bytes));
        there.busy -= usize::from(works);
        let (mut replies, mut log) = (Vec::new(), Vec::new());
        for packet in &packets {
            there.carry_out(port, packet, &mut self.rng, &mut replies, &mut log)?;
        }
        self.executed(target, &log)?;
        for reply in replies {
            self.reply(target, reply);
        }
        self.start(target, port);
        Ok(())
    }

    pub(crate) fn executed(&mut self, target: usize, log: &[Executed]) -> Result<(), String> {
        for done in log {
            if let Some(dumping) = &mut self.dumping {
                dumping.executed(done)?;
                continue;
            }
            if self.is_twin(target) {
                self.executed_by_twin(done.op, done.lba);
                continue;
            }
            if target != 0 {
                return Err(format!("write {} went to another disk", done.op));
            }
            if self.trace {
                println!("{:>12} executed write {} on {}", self.now, done.op, done.lba);
            }
            self.host.reference.executed(done.op, done.lba, done.overtaken)?;
        }
        Ok(())
    }

    /// Sends a frame from a port to every link on its segment that the frame is addressed to.
    pub(crate) fn reply(&mut self, target: usize, reply: Reply) {
        let segment = self.targets[target].ports[reply.port].segment;
        let dst = frame::dst(&reply.bytes);
        let interface = if self.is_twin(target) { 0 } else { target };
        let wire = interface * self.plan.ports.len() + reply.port;
        for at in 0..self.network.links.len() {
            let link = &self.network.links[at];
            let fits = link.segment == segment && reply.bytes.len() <= link.mtu as usize + 14;
            if !fits || (dst != link.mac && dst != frame::BROADCAST) {
                continue;
            }
            for arrives in self.network.answer_arrivals(at, wire, self.now, reply.bytes.len()) {
                let mut bytes = reply.bytes.clone();
                self.hostile.corrupt(self.network.profile.corrupt, &mut bytes);
                self.hostile.chop(self.network.profile.chop, &mut bytes);
                self.schedule(arrives, Event::Deliver { link: at, bytes });
            }
        }
    }

    pub(crate) fn deliver(&mut self, link: usize, bytes: &[u8]) -> Result<(), String> {
        self.summary.frames += 1;
        if self.trace {
            println!("{:>12} link {link} hears {}", self.now, frame::describe(bytes));
        }
        if !frame::is_aoe(bytes) {
            return Ok(());
        }
        if let Some(copies) = &mut self.copies {
            copies.on_answer(link as u8, bytes);
        }
        match self.initiator.rx(self.now, link as u8, bytes) {
            Some(copy) => self.host.receive(copy, bytes),
            None => Ok(()),
        }
    }

    /// Sometimes injects a forged frame: an answer to the frame just sent, or an
    /// invented one.
    pub(crate) fn provoke(&mut self, link: usize, bytes: &[u8]) {
        if !self.rng.chance(self.network.profile.hostile) {
            return;
        }
        let mac = self.network.links[link].mac;
        let forged = self.hostile.forge(bytes, mac, self.targets[0].ports[0].mac);
        let at = self.now + self.rng.below(MS);
        // The attacker may be on another segment.
        let link = self.rng.below(self.network.links.len() as u64) as usize;
        self.schedule(at, Event::Deliver { link, bytes: forged });
    }
}
