// SPDX-License-Identifier: BSD-2-Clause
//! Damaged and forged frames by the thousand: every answer cut off at every byte,
//! and floods of forged frames.

use aoe_sim::machine::{Action, Machine};
use aoe_sim::rng::Rng;

/// The simulator's value of `net.aoe.maxtargets`.
const MAX_TARGETS: usize = 16;
/// The core's limit of paths per target.
const MAX_PATHS: usize = 16;

/// Returns a machine with outstanding I/O.
fn busy(seed: u64) -> Machine {
    let mut machine = Machine::new(seed).expect("the disk is found");
    act(&mut machine, &mut Rng::new(seed), 60);
    machine
}

fn act(machine: &mut Machine, rng: &mut Rng, actions: usize) {
    let mut bytes = std::iter::repeat_with(|| rng.draw().to_le_bytes()).flatten();
    for _ in 0..actions {
        let action = Action::decode(&mut bytes).expect("there is no end of bytes");
        if !matches!(action, Action::Unload | Action::Corrupt { .. }) {
            machine.apply(action).expect("no invariant breaks");
        }
    }
}

#[test]
fn answers_cut_off_at_every_byte_do_no_harm() {
    let mut chopped = 0;
    for seed in 0..40 {
        let mut machine = busy(seed);
        let mut rng = Rng::new(!seed);
        for _ in 0..6 {
            chopped += machine.chop_everywhere().expect("no invariant breaks");
            act(&mut machine, &mut rng, 10);
        }
        machine.finish().expect("everything ends");
    }
    assert!(chopped > 50_000, "only {chopped} frames were cut off");
}

#[test]
fn a_flood_of_forged_frames_takes_no_memory_and_loses_nothing() {
    for seed in 0..4 {
        let mut machine = busy(seed);
        for link in 0..3 {
            for action in
                [Action::Presence { link, present: true }, Action::Link { link, up: true }]
            {
                machine.apply(action).expect("no invariant breaks");
            }
        }
        machine.flood(5_000).expect("no invariant breaks");
        let (targets, full, _) = machine.extent();
        assert_eq!(targets, MAX_TARGETS, "the flood fills the table");
        machine.flood(30_000).expect("no invariant breaks");
        let (targets, bytes, paths) = machine.extent();
        assert!(targets <= MAX_TARGETS && paths <= MAX_PATHS, "{targets} targets, {paths} paths");
        assert!(bytes <= full, "{full} bytes, then {bytes}");
        machine.finish().expect("everything ends");
    }
}
