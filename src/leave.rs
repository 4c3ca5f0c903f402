// SPDX-License-Identifier: BSD-2-Clause
//! Unloading the module: what it waits for, how long, and what prevents it.
//!
//! The linker's locks are held meanwhile, so every wait is bounded.

use crate::time::{Instant, Micros};

/// A disk that has been open for longer than this is in use. GEOM's classes also open
/// every new disk, to taste it, but only briefly.
const TASTE: Micros = Micros::from_millis(500);
/// How long disks may take to be closed and removed.
const PATIENCE: Micros = Micros::from_secs(10);
/// How long interfaces may keep sent frames.
const SENT: Micros = Micros::from_secs(5);
/// Interval of the beacons that are sent while interfaces keep sent frames, since
/// some drivers give a frame back only when they send another one.
const BEACON: Micros = Micros::from_secs(1);
/// Time between two checks.
const LOOK: Micros = Micros::from_millis(100);
/// Time that the thread that gave the last frame back has to leave the module's code.
const PARTING: Micros = Micros::from_millis(50);

/// What an unload still waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remains {
    /// A disk exists, or a thread serves a target.
    pub disk: bool,
    /// GEOM may be running the module's code.
    pub geom: bool,
    /// An interface has not given a sent frame back.
    pub frame: bool,
}

/// Why an unload is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// A disk is open, or is not removed in time.
    Disk,
    /// GEOM may still be running the module's code.
    Geom,
    /// An interface still has a sent frame.
    Frame,
}

/// The next step of an unload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send a beacon, and check again after this time.
    Beacon(Micros),
    /// Let the unload begin, or finish.
    Leave,
    /// Continue as if no unload had been requested.
    Refuse(Obstacle),
    /// Check again after this time.
    Wait(Micros),
}

/// The state of an unload.
#[derive(Clone, Copy, Debug)]
pub struct Leave {
    began: Instant,
    phase: Phase,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Disks,
    Frames { since: Instant, next_beacon: Instant },
    Parting,
}

impl Leave {
    /// Begins an unload.
    pub const fn new(now: Instant) -> Self {
        Self { began: now, phase: Phase::Disks }
    }

    /// Returns a step that shows whether the unload may begin. `opened` is the
    /// earliest time at which one of the open disks was opened. A disk that GEOM is
    /// tasting is waited for.
    pub fn ask(&self, now: Instant, opened: Option<Instant>) -> Step {
        match opened {
            None => Step::Leave,
            Some(opened) if now.since(opened) > TASTE => Step::Refuse(Obstacle::Disk),
            Some(_) => self.wait(now, Obstacle::Disk),
        }
    }

    fn wait(&self, now: Instant, obstacle: Obstacle) -> Step {
        let is_over = now.since(self.began) >= PATIENCE;
        if is_over { Step::Refuse(obstacle) } else { Step::Wait(LOOK) }
    }

    /// Returns the next step, given what remains. All targets fail their I/O by now.
    pub fn next(&mut self, now: Instant, remains: Remains) -> Step {
        if matches!(self.phase, Phase::Disks) {
            match remains {
                Remains { disk: true, .. } => return self.wait(now, Obstacle::Disk),
                Remains { geom: true, .. } => return self.wait(now, Obstacle::Geom),
                _ => self.phase = Phase::Frames { since: now, next_beacon: now },
            }
        }
        match self.phase {
            Phase::Frames { since, next_beacon } if remains.frame => {
                if now.since(since) >= SENT {
                    Step::Refuse(Obstacle::Frame)
                } else if now >= next_beacon {
                    self.phase = Phase::Frames { since, next_beacon: now.after(BEACON) };
                    Step::Beacon(LOOK)
                } else {
                    Step::Wait(LOOK)
                }
            }
            Phase::Parting => Step::Leave,
            Phase::Disks | Phase::Frames { .. } => {
                self.phase = Phase::Parting;
                Step::Wait(PARTING)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const NOTHING: Remains = Remains { disk: false, geom: false, frame: false };
    const DISK: Remains = Remains { disk: true, ..NOTHING };
    const GEOM: Remains = Remains { geom: true, ..NOTHING };
    const FRAME: Remains = Remains { frame: true, ..NOTHING };

    fn at(ms: u64) -> Instant {
        Instant::ZERO.after(Micros::from_millis(1_000_000 + ms))
    }

    /// Carries out the steps from `ms` on, given what remains at each time. Returns
    /// the time of the last step, and that step.
    fn go_on(leave: &mut Leave, mut ms: u64, remains: impl Fn(u64) -> Remains) -> (u64, Step) {
        loop {
            match leave.next(at(ms), remains(ms)) {
                Step::Wait(us) | Step::Beacon(us) => ms += us.0 / 1000,
                step => return (ms, step),
            }
        }
    }

    #[test]
    fn a_taste_is_waited_for_and_an_open_disk_refuses_at_once() {
        let leave = Leave::new(at(0));
        assert_eq!(leave.ask(at(0), None), Step::Leave);
        assert_eq!(leave.ask(at(100), Some(at(90))), Step::Wait(LOOK));
        assert_eq!(leave.ask(at(590), Some(at(90))), Step::Wait(LOOK));
        assert_eq!(leave.ask(at(591), Some(at(90))), Step::Refuse(Obstacle::Disk));
        // The wait for one taste after the other is limited like any other.
        assert_eq!(leave.ask(at(9_999), Some(at(9_900))), Step::Wait(LOOK));
        assert_eq!(leave.ask(at(10_000), Some(at(9_900))), Step::Refuse(Obstacle::Disk));
    }

    #[test]
    fn with_nothing_left_only_the_last_thread_is_waited_for() {
        let mut leave = Leave::new(at(0));
        assert_eq!(leave.next(at(0), NOTHING), Step::Wait(PARTING));
        assert_eq!(leave.next(at(50), NOTHING), Step::Leave);
    }

    #[test]
    fn disks_and_geom_have_ten_seconds() {
        for (remains, obstacle) in [(DISK, Obstacle::Disk), (GEOM, Obstacle::Geom)] {
            let mut leave = Leave::new(at(0));
            let stuck = go_on(&mut leave, 0, |_| remains);
            assert_eq!(stuck, (10_000, Step::Refuse(obstacle)));
            let mut leave = Leave::new(at(0));
            let until = |ms| if ms < 9_900 { remains } else { NOTHING };
            assert_eq!(go_on(&mut leave, 0, until), (9_950, Step::Leave));
        }
    }

    #[test]
    fn an_interface_has_five_seconds_more_and_a_beacon_in_each() {
        let mut leave = Leave::new(at(0));
        let remains = |ms| if ms < 2_000 { DISK } else { FRAME };
        assert_eq!(go_on(&mut leave, 0, remains), (7_000, Step::Refuse(Obstacle::Frame)));

        let mut leave = Leave::new(at(0));
        let beacons: Vec<u64> =
            (0..50).filter(|n| leave.next(at(n * 100), FRAME) == Step::Beacon(LOOK)).collect();
        assert_eq!(beacons, [0, 10, 20, 30, 40]);
        assert_eq!(go_on(&mut leave, 4_900, |_| NOTHING), (4_950, Step::Leave));
    }

    #[test]
    fn what_geom_does_once_the_disks_are_gone_is_not_waited_for() {
        let mut leave = Leave::new(at(0));
        leave.next(at(0), FRAME);
        assert_eq!(go_on(&mut leave, 100, |_| GEOM), (150, Step::Leave));
    }
}
