// SPDX-License-Identifier: BSD-2-Clause
//! The administrator's settings, for all targets and for one, and the effective
//! settings of a target.
//!
//! This file holds values only. Their names and ranges are in `nodes`.

use crate::targets::{Policy, Settings};
use crate::time::Micros;
use core::sync::atomic::{AtomicI32, Ordering};

/// Maximum of a setting in seconds: ten years.
pub const LIMIT_SECONDS: i32 = 10 * 365 * 86400;
/// The value of a target's own setting while the setting for all targets
/// applies.
pub const AS_ALL: i32 = -1;

/// The settings of the module as a whole, in the units of their nodes. Each is
/// one atomic word, so it is read without a lock.
#[repr(C)]
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the nodes describe them")]
pub struct Config {
    pub maxwait: AtomicI32,
    pub ghost_wait: AtomicI32,
    pub taste_wait: AtomicI32,
    pub shutdown_wait: AtomicI32,
    pub maxout: AtomicI32,
    pub maxtargets: AtomicI32,
    pub fail_on_disconnection: AtomicI32,
    pub strict_src: AtomicI32,
    pub boot: AtomicI32,
    pub boot_wait: AtomicI32,
    pub abft: AtomicI32,
    pub debug: AtomicI32,
    pub dump: AtomicI32,
    pub wc: AtomicI32,
    /// The number of a [`Policy`].
    pub policy: AtomicI32,
    /// 1: a filter is set.
    pub filtering: AtomicI32,
}

/// The settings of one target.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Own {
    /// Seconds that I/O waits, 0 for ever, or [`AS_ALL`].
    pub maxwait: i32,
    /// The number of a [`Policy`], or [`AS_ALL`].
    pub policy: i32,
    /// 1: the administrator write-protects the disk.
    pub read_only: i32,
    /// 1: `maxwait` was set for this target.
    pub is_told: i32,
}

/// The policies and their names, indexed by number.
pub const POLICIES: [(Policy, &str); 3] = [
    (Policy::Latency, "latency"),
    (Policy::RoundRobin, "roundrobin"),
    (Policy::Failover, "failover"),
];

/// Returns the policy of a number, or the default policy for an undefined
/// number.
pub fn policy(number: i32) -> Policy {
    let found = usize::try_from(number).ok().and_then(|n| POLICIES.get(n));
    found.map_or_else(Policy::default, |(policy, _)| *policy)
}

impl Config {
    fn get(value: &AtomicI32) -> i32 {
        value.load(Ordering::Relaxed)
    }

    fn micros(seconds: i32) -> Micros {
        Micros::from_secs(u64::try_from(seconds).unwrap_or(0))
    }

    /// Returns the effective settings of a target whose own settings are `own`.
    /// A shutdown limits how long I/O waits, even if the setting is for ever.
    /// That limit is at least a second.
    pub fn settings(&self, own: &Own, is_shutting_down: bool) -> Settings {
        let of_all = |own: i32, all: &AtomicI32| if own == AS_ALL { Self::get(all) } else { own };
        let limit = Self::get(&self.shutdown_wait).max(1);
        let maxwait = match of_all(own.maxwait, &self.maxwait) {
            seconds if is_shutting_down && (seconds == 0 || seconds > limit) => limit,
            seconds => seconds,
        };
        Settings {
            maxwait: (maxwait != 0).then(|| Self::micros(maxwait)),
            ghost_wait: Self::micros(Self::get(&self.ghost_wait)),
            taste_wait: Self::micros(Self::get(&self.taste_wait)),
            maxout: u32::try_from(Self::get(&self.maxout)).unwrap_or(1),
            policy: policy(of_all(own.policy, &self.policy)),
            write_cache: u8::try_from(Self::get(&self.wc)).ok().map(|on| on != 0),
            fail_on_disconnection: Self::get(&self.fail_on_disconnection) != 0,
            strict_src: Self::get(&self.strict_src) != 0,
            is_shutting_down,
        }
    }
}

impl Own {
    /// The default settings of a target.
    pub const NONE: Self = Self { maxwait: AS_ALL, policy: AS_ALL, read_only: 0, is_told: 0 };

    /// Notes that the disk holds the root file system. UFS panics if the I/O of
    /// its root fails, so I/O waits for ever, unless `maxwait` was set for this
    /// target. Returns whether this changed the settings.
    pub fn hold_root(&mut self) -> bool {
        if self.is_told != 0 {
            return false;
        }
        (self.maxwait, self.is_told) = (0, 1);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        let config = Config::default();
        crate::nodes::module::set_defaults(&config);
        config
    }

    fn seconds(config: &Config, own: i32, is_shutting_down: bool) -> Option<u64> {
        let own = Own { maxwait: own, ..Own::NONE };
        config.settings(&own, is_shutting_down).maxwait.map(|m| m.0 / 1_000_000)
    }

    #[test]
    fn a_target_has_the_settings_of_all_until_it_has_its_own() {
        let config = config();
        assert_eq!(seconds(&config, AS_ALL, false), Some(180));
        assert_eq!(seconds(&config, 7, false), Some(7));
        assert_eq!(seconds(&config, 0, false), None, "for ever");
        config.maxwait.store(0, Ordering::Relaxed);
        assert_eq!(seconds(&config, AS_ALL, false), None, "for ever");
        config.policy.store(2, Ordering::Relaxed);
        let of = |own| config.settings(&Own { policy: own, ..Own::NONE }, false).policy;
        assert_eq!(of(AS_ALL), Policy::Failover);
        assert_eq!([of(0), of(1), of(2)], POLICIES.map(|(policy, _)| policy));
        assert_eq!([of(3), of(-2)], [Policy::Latency; 2], "of an undefined number");
    }

    #[test]
    fn no_target_waits_longer_than_a_shutdown_may() {
        let config = config();
        for (of_all, own, limit, then) in [
            (180, AS_ALL, 30, 30),
            (180, 0, 30, 30),
            (0, AS_ALL, 30, 30),
            (180, 3600, 30, 30),
            (180, 5, 30, 5),
            (5, AS_ALL, 30, 5),
            (180, AS_ALL, 3600, 180),
            // Limits that cannot be set. They must not mean for ever, either.
            (0, AS_ALL, 0, 1),
            (0, 0, -5, 1),
        ] {
            config.maxwait.store(of_all, Ordering::Relaxed);
            config.shutdown_wait.store(limit, Ordering::Relaxed);
            assert_eq!(seconds(&config, own, true), Some(then), "{of_all} {own} {limit}");
        }
    }

    #[test]
    fn the_write_cache_is_left_alone_unless_it_is_set() {
        let config = config();
        for (value, wanted) in [(-1, None), (0, Some(false)), (1, Some(true))] {
            config.wc.store(value, Ordering::Relaxed);
            assert_eq!(config.settings(&Own::NONE, false).write_cache, wanted);
        }
    }

    #[test]
    fn a_root_waits_for_ever_unless_the_administrator_said_how_long() {
        let mut own = Own::NONE;
        assert!(own.hold_root());
        assert_eq!(own.maxwait, 0);
        assert!(!own.hold_root(), "it changes once");
        for value in [60, AS_ALL] {
            let mut told = Own { maxwait: value, is_told: 1, ..Own::NONE };
            assert!(!told.hold_root());
            assert_eq!(told.maxwait, value);
        }
    }
}
