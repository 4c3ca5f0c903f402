// SPDX-License-Identifier: BSD-2-Clause
//! A system that shuts down in the middle of a scenario, with a target that has
//! died and does not come back.
//!
//! The settings are values that an administrator may have set, composed by the
//! function that the shim calls. Invariant: once the shutdown has begun, no I/O
//! waits longer than the shutdown's limit plus the time that it takes to detect
//! a silent target, whatever `maxwait` is for the target or for all targets.

use std::sync::atomic::Ordering::Relaxed;

use aoe_core::config::{AS_ALL, Config, Own};
use aoe_core::ffi::abi::AoeSettings;
use aoe_core::nodes::module::set_defaults;

use crate::core::Core;
use crate::plan::{Fault, Plan, SECOND};
use crate::rng::Rng;
use crate::world::{Event, Summary, World};

unsafe extern "C" {
    fn aoe_core_compose(
        config: *const Config,
        own: *const Own,
        shutting_down: i32,
        out: *mut AoeSettings,
    );
}

/// The time until a silent target is detected: its time-out, doubled a few times.
const SLACK: u64 = 25 * SECOND;

impl Plan {
    /// Turns the plan into a scenario that ends in a shutdown.
    pub fn shutting_down(mut self) -> Plan {
        self.errors_allowed = true;
        self.clean = false;
        self
    }
}

impl World<'_, Core> {
    /// Runs until the system shuts down, and then for as long as an I/O may wait.
    pub fn run_to_shutdown(mut self) -> Result<Summary, String> {
        let result = self.run_shutdown();
        let summary = self.finish();
        result.map(|()| summary).map_err(|error| format!("at {} us: {error}", self.now))
    }

    fn run_shutdown(&mut self) -> Result<(), String> {
        let mut rng = Rng::new(self.plan.seed ^ 0x5_4d0);
        let after = rng.range(1, 400);
        if !self.run_until_up(after)? {
            return Ok(());
        }
        // The target dies up to 20 s before the shutdown begins.
        self.fault(Fault::Die)?;
        self.cancel_revivals();
        let later = self.now + rng.pick(&[0, SECOND, 20 * SECOND]);
        while self.go_on(later)? {}
        self.now = self.now.max(later);
        let limit = rng.pick(&[1, 2, 30]);
        let settings = self.compose(&mut rng, limit);
        self.initiator.tell(self.now, &settings);
        self.after_input()?;
        let began = self.now;
        let most = limit as u64 * SECOND + SLACK;
        while self.go_on(began + most + SECOND)? {
            let since = self.host.oldest_in_core().unwrap_or(self.now).max(began);
            if self.now - since > most {
                return Err(format!("an I/O waits {} us of a shutdown", self.now - since));
            }
        }
        match self.host.oldest_in_core() {
            Some(at) if at <= began => Err("an I/O outlives the wait of a shutdown".to_string()),
            _ => Ok(()),
        }
    }

    /// Cancels the plan's faults that would revive the target.
    fn cancel_revivals(&mut self) {
        let revives =
            |event: &Event| matches!(event, Event::Fault(Fault::Restart { .. } | Fault::Grow(_)));
        for event in &mut self.events {
            event.take_if(|event| revives(event));
        }
    }

    /// Composes the settings of a target while the system shuts down.
    fn compose(&self, rng: &mut Rng, limit: i32) -> AoeSettings {
        let plan = &self.plan.settings;
        let config = Config::default();
        set_defaults(&config);
        config.maxwait.store(rng.pick(&[0, 180, 3600]), Relaxed);
        config.shutdown_wait.store(limit, Relaxed);
        config.ghost_wait.store((plan.ghost_wait_us / SECOND) as i32, Relaxed);
        config.maxout.store(plan.maxout as i32, Relaxed);
        config.policy.store(plan.policy as i32, Relaxed);
        config.strict_src.store(plan.strict_src.into(), Relaxed);
        let own = Own { maxwait: rng.pick(&[AS_ALL, 0, 3600]), ..Own::NONE };
        let mut settings = std::mem::MaybeUninit::uninit();
        // SAFETY: `config` and `own` are initialised, and the function fills `settings`.
        unsafe {
            aoe_core_compose(&config, &own, 1, settings.as_mut_ptr());
            settings.assume_init()
        }
    }
}
