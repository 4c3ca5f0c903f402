// SPDX-License-Identifier: BSD-2-Clause
//! The network between the interfaces and the targets: delays, losses and
//! duplicates.

use crate::plan::Profile;
use crate::rng::Rng;

/// A local interface.
#[derive(Clone, Debug)]
pub struct Link {
    pub mac: [u8; 6],
    pub segment: usize,
    pub mtu: u32,
    pub up: bool,
    pub present: bool,
    /// When the frame that was handed over last leaves.
    leaves: u64,
}

impl Link {
    /// Creates interface number `at`, up and present.
    pub fn new(at: usize, segment: usize, mtu: u32) -> Self {
        let mac = [2, 0xaa, 0, 0, 0, at as u8];
        Link { mac, segment, mtu, up: true, present: true, leaves: 0 }
    }
}

/// The connection between a link and a port, both ways.
#[derive(Clone, Debug)]
pub struct Wire {
    pub is_cut: bool,
    pub hole: usize,
    pub slow: u64,
    latency: u64,
    /// When the frame that was sent last arrives, for each direction.
    at_target: u64,
    at_initiator: u64,
    /// The highest serial number of a frame that has arrived at the port.
    pub newest: u64,
}

pub struct Network {
    pub links: Vec<Link>,
    pub wires: Vec<Wire>,
    ports: usize,
    pub profile: Profile,
    rng: Rng,
    serial: u64,
}

/// The times at which a frame's copies arrive; empty if the frame is lost.
pub type Arrivals = Vec<u64>;

impl Network {
    pub fn new(links: &[(usize, u32)], ports: usize, profile: Profile, mut rng: Rng) -> Self {
        let links: Vec<Link> = links
            .iter()
            .enumerate()
            .map(|(at, &(segment, mtu))| Link::new(at, segment, mtu))
            .collect();
        let wires = (0..links.len() * ports)
            .map(|_| Wire {
                is_cut: false,
                hole: usize::MAX,
                slow: 0,
                latency: profile.latency + rng.below(profile.latency),
                at_target: 0,
                at_initiator: 0,
                newest: 0,
            })
            .collect();
        Network { links, wires, ports, profile, rng, serial: 0 }
    }

    pub fn wire(&mut self, link: usize, port: usize) -> &mut Wire {
        &mut self.wires[link * self.ports + port]
    }

    pub fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// Returns when a frame that is handed over now leaves its interface, and
    /// when its mbuf is freed.
    pub fn leave(&mut self, link: usize, now: u64) -> (u64, u64) {
        let hold = match self.profile.nic_hold {
            0 => 0,
            hold => self.rng.below(hold),
        };
        let leaves = self.links[link].leaves.max(now + hold);
        self.links[link].leaves = leaves;
        let late = match self.rng.chance(self.profile.late_sent) {
            true => self.rng.below(2_000_000),
            false => 0,
        };
        (leaves, leaves + late)
    }

    /// Returns when a request that leaves a link at `leaves` arrives at a port.
    pub fn request_arrivals(
        &mut self,
        link: usize,
        port: usize,
        leaves: u64,
        length: usize,
    ) -> Arrivals {
        let profile = self.profile;
        if self.is_lost(link, port, length) {
            return Vec::new();
        }
        let travel = self.travel(link, port);
        let wire = &mut self.wires[link * self.ports + port];
        let arrives = wire.at_target.max(leaves + travel);
        if self.rng.chance(profile.request_delay) {
            return vec![arrives + self.rng.below(profile.delay_max)];
        }
        self.wires[link * self.ports + port].at_target = arrives;
        match self.rng.chance(profile.duplicate) {
            true => vec![arrives, arrives],
            false => vec![arrives],
        }
    }

    /// Returns when an answer that leaves a port now arrives at a link.
    pub fn answer_arrivals(
        &mut self,
        link: usize,
        port: usize,
        now: u64,
        length: usize,
    ) -> Arrivals {
        let profile = self.profile;
        if self.is_lost(link, port, length) {
            return Vec::new();
        }
        let travel = self.travel(link, port);
        let wire = &mut self.wires[link * self.ports + port];
        let arrives = wire.at_initiator.max(now + travel);
        if self.rng.chance(profile.answer_delay) {
            return vec![arrives + self.rng.below(profile.delay_max)];
        }
        self.wires[link * self.ports + port].at_initiator = arrives;
        match self.rng.chance(profile.answer_duplicate) {
            true => vec![arrives, arrives + self.rng.below(profile.delay_max + 1)],
            false => vec![arrives],
        }
    }

    fn travel(&mut self, link: usize, port: usize) -> u64 {
        let wire = &self.wires[link * self.ports + port];
        wire.latency + wire.slow + self.rng.below(self.profile.jitter + 1)
    }

    fn is_lost(&mut self, link: usize, port: usize, length: usize) -> bool {
        let wire = &self.wires[link * self.ports + port];
        wire.is_cut || length > wire.hole || self.rng.chance(self.profile.loss)
    }

    /// Ends all faults; delays remain, with less jitter.
    pub fn heal(&mut self) {
        let profile = &mut self.profile;
        *profile = Profile {
            latency: profile.latency,
            jitter: profile.jitter.min(200),
            service: profile.service,
            workers: profile.workers,
            spread: profile.spread,
            ..Profile::default()
        };
        for wire in &mut self.wires {
            (wire.is_cut, wire.hole, wire.slow) = (false, usize::MAX, 0);
        }
    }
}
