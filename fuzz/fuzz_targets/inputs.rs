// SPDX-License-Identifier: BSD-2-Clause
//! Sequences of inputs to the core. The bytes select a scenario and the actions
//! in it, and every invariant is checked after every action.
#![no_main]

use aoe_sim::machine::{Action, Machine};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = bytes.iter().copied();
    let seed = u16::from_le_bytes([bytes.next().unwrap_or(0), bytes.next().unwrap_or(0)]);
    let mut machine = Machine::new(seed.into()).expect("the disk is found");
    while let Some(action) = Action::decode(&mut bytes) {
        if let Err(error) = machine.apply(action) {
            panic!("{error}");
        }
    }
    if let Err(error) = machine.finish() {
        panic!("{error}");
    }
});
