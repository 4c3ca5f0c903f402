// SPDX-License-Identifier: BSD-2-Clause
//! Scenarios without I/O: a disk comes, goes, grows, shrinks and changes its
//! identity, and is opened and closed meanwhile. Only its lifecycle is checked,
//! by the invariants of `life.rs` after every event. At the end the module is
//! unloaded.

use crate::core::Core;
use crate::initiator::Initiator;
use crate::plan::{MS, Plan, SECOND};
use crate::rng::Rng;
use crate::world::{Event, Summary, World};

/// After an unload every target is freed within this time: `ghost_wait`, and the
/// delays of the lifecycle thread.
const PATIENCE: u64 = 60 * SECOND;

impl Plan {
    /// Turns the plan into a scenario without I/O, whose disk changes all the time.
    pub fn living(mut self) -> Plan {
        let mut rng = Rng::new(self.seed ^ 0x11fe);
        self.faults.clear();
        (self.clean, self.errors_allowed) = (false, true);
        self.heal_at = u64::MAX / 2;
        self.workload.ops = 0;
        self.profile.loss = self.profile.loss.min(1000);
        (self.profile.corrupt, self.profile.chop, self.profile.hostile) = (0, 0, 0);
        self.settings.maxwait_us = rng.pick(&[SECOND, 10 * SECOND]);
        self
    }
}

impl World<'_, Core> {
    pub fn run_life(mut self) -> Result<Summary, String> {
        let result = self.live();
        let summary = self.finish();
        result.map(|()| summary).map_err(|error| format!("at {} us: {error}", self.now))
    }

    fn live(&mut self) -> Result<(), String> {
        let mut rng = Rng::new(self.plan.seed ^ 0x1117e);
        if !self.run_until_up(1)? {
            return Ok(());
        }
        self.is_living = true;
        for _ in 0..rng.range(10, 80) {
            self.act(&mut rng)?;
            let spread = rng.pick(&[MS, 50 * MS, SECOND, 5 * SECOND, 30 * SECOND]);
            self.pass_life(rng.below(spread))?;
        }
        self.initiator.unload(self.now);
        self.after_input()?;
        self.pass_life(rng.below(SECOND))?;
        if self.is_open {
            self.close_disk()?;
        }
        self.pass_life(PATIENCE)?;
        match self.initiator.has_target() {
            true => Err("a target is left behind".to_string()),
            false => Ok(()),
        }
    }

    fn act(&mut self, rng: &mut Rng) -> Result<(), String> {
        let target = &mut self.targets[0];
        match rng.below(10) {
            0..3 if !self.is_open => {
                self.is_open = self.initiator.open(self.now);
            }
            3..6 if self.is_open => return self.close_disk(),
            6 => {
                let blocks = (self.plan.size * rng.pick(&[1, 2, 4])).next_multiple_of(8) / 2;
                target.disk.now.resize(blocks as usize, 0);
                target.disk.durable.resize(blocks as usize, 0);
                self.advertise(0);
            }
            7 => {
                target.serial = format!("another{}", rng.below(3));
                self.advertise(0);
            }
            8 => target.dead = true,
            9 => {
                target.dead = false;
                self.advertise(0);
            }
            _ => {}
        }
        self.after_input()
    }

    fn close_disk(&mut self) -> Result<(), String> {
        self.initiator.close(self.now);
        self.is_open = false;
        self.after_input()
    }

    fn pass_life(&mut self, us: u64) -> Result<(), String> {
        let until = self.now + us;
        while let Some(event) = self.next_before(until) {
            match event {
                Event::Open | Event::Work | Event::Fault(_) | Event::Heal => {}
                event => self.handle(event)?,
            }
        }
        self.now = until;
        Ok(())
    }
}
