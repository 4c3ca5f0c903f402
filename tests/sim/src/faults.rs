// SPDX-License-Identifier: BSD-2-Clause
//! The faults of a world, and their ends.

use crate::initiator::{Initiator, LinkState};
use crate::network::Link;
use crate::plan::Fault;
use crate::world::{Event, World};

impl<I: Initiator> World<'_, I> {
    pub(crate) fn tell_link(&mut self, at: usize) {
        if self.dumping.is_some() {
            return;
        }
        let link = &self.network.links[at];
        let state = LinkState { mac: link.mac, mtu: link.mtu, up: link.up, present: link.present };
        self.initiator.link(self.now, at as u8, state);
    }

    pub(crate) fn fault(&mut self, fault: Fault) -> Result<(), String> {
        if self.trace {
            println!("{:>12} {fault:?}", self.now);
        }
        let now = self.now;
        match fault {
            Fault::LinkDown(at) => self.change_link(at, |link| link.up = false),
            Fault::LinkUp(at) => self.change_link(at, |link| link.up = true),
            Fault::Depart(at) => self.change_link(at, |link| link.present = false),
            Fault::Arrive(at) => self.change_link(at, |link| link.present = true),
            Fault::Mtu(at, mtu) => self.change_link(at, |link| link.mtu = mtu),
            Fault::Cut(link, port) => self.network.wire(link, port).is_cut = true,
            Fault::Mend(link, port) => self.network.wire(link, port).is_cut = false,
            Fault::Hole(link, port, size) => self.network.wire(link, port).hole = size,
            Fault::Slow(link, port, by) => self.network.wire(link, port).slow = by,
            Fault::Stop => self.targets[0].stopped = true,
            Fault::Go => self.go(),
            Fault::Die => self.die(),
            Fault::Restart { buffers, sectors, new_macs, crash } => {
                self.die();
                if crash {
                    self.crash()?;
                }
                let target = &mut self.targets[0];
                target.quirks.buffer_count = buffers;
                target.quirks.fixed_sectors = sectors.or(target.quirks.fixed_sectors);
                if new_macs {
                    target.ports.iter_mut().for_each(|port| port.mac[4] ^= 1);
                }
                target.dead = false;
                target.stopped = false;
                self.advertise(0);
            }
            Fault::Unavailable(on) => self.targets[0].unavailable = on,
            Fault::Impostor(on) => {
                // Until the disk is open, the impostor could be opened instead.
                self.targets[1].dead = !on || !self.is_open;
                if on && self.is_open {
                    self.advertise(1);
                }
            }
            Fault::Twin(on) => self.twin(on)?,
            Fault::Grow(by) => {
                self.die();
                self.targets[0].disk.grow(by);
                self.has_grown = true;
                self.targets[0].dead = false;
                self.targets[0].stopped = false;
                self.advertise(0);
            }
            Fault::Discover => self.initiator.discover(now),
            Fault::CutAll => {
                self.network.wires.iter_mut().for_each(|wire| wire.is_cut = true);
                let on_wire =
                    |event: &Event| matches!(event, Event::Arrive { .. } | Event::Deliver { .. });
                let lost =
                    self.events.iter_mut().filter(|event| event.as_ref().is_some_and(on_wire));
                lost.for_each(|event| *event = None);
            }
            Fault::MendAll => {
                self.network.wires.iter_mut().for_each(|wire| wire.is_cut = false);
            }
        }
        Ok(())
    }

    /// Begins the plan's outage if this is the event for it.
    pub(crate) fn begin_outage(&mut self) -> Result<(), String> {
        let outage = self.plan.outage.as_ref().filter(|outage| outage.at_event == self.handled);
        let Some(outage) = outage else { return Ok(()) };
        for &(after, fault) in &outage.faults {
            match after {
                0 => self.fault(fault)?,
                after => self.schedule(self.now + after, Event::Fault(fault)),
            }
        }
        self.after_input()
    }

    pub(crate) fn change_link(&mut self, at: usize, change: impl FnOnce(&mut Link)) {
        change(&mut self.network.links[at]);
        self.tell_link(at);
    }

    pub(crate) fn go(&mut self) {
        self.targets[0].stopped = false;
        for (port, packets) in std::mem::take(&mut self.targets[0].held) {
            let at = self.now + self.rng.below(1 + self.network.profile.spread);
            self.schedule(at, Event::Finish { target: 0, port, packets });
        }
        for port in 0..self.targets[0].ports.len() {
            self.start(0, port);
        }
    }

    pub(crate) fn die(&mut self) {
        let target = &mut self.targets[0];
        target.dead = true;
        target.ports.iter_mut().for_each(|port| port.queue.clear());
    }

    pub(crate) fn crash(&mut self) -> Result<(), String> {
        self.targets[0].crash(&mut self.rng);
        self.host.reference.crash(&self.targets[0].disk.now)
    }

    pub(crate) fn advertise(&mut self, target: usize) {
        for advert in self.targets[target].adverts() {
            self.reply(target, advert);
        }
    }

    pub(crate) fn heal(&mut self) {
        self.is_healed = true;
        if !self.plan.is_hot {
            self.network.heal();
        }
        self.targets[0].unavailable = false;
        if self.has_grown {
            // The first advert may have been lost, and nothing else shows the growth.
            self.advertise(0);
        }
        self.schedule(self.now, Event::Work);
    }
}
