// SPDX-License-Identifier: BSD-2-Clause
//! Model-based test: any sequence of actions, every invariant after each.
//!
//! `PROPTEST_CASES` sets how many sequences are tried; a failure is shrunk and
//! printed as the seed and the actions that lead to it.

use aoe_sim::machine::{Action, Machine};
use proptest::prelude::*;

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => (any::<u8>(), any::<u8>(), any::<u8>(), prop::bool::weighted(0.05)).prop_map(
            |(kind, lba, sectors, ordered)| Action::Submit { kind, lba, sectors, ordered }
        ),
        // A few sectors again and again.
        8 => (any::<u8>(), 0..4_u8, 0..3_u8).prop_map(|(kind, lba, sectors)| Action::Submit {
            kind,
            lba,
            sectors,
            ordered: false
        }),
        8 => any::<u16>().prop_map(Action::Advance),
        20 => any::<u8>().prop_map(Action::Deliver),
        4 => any::<u8>().prop_map(Action::Drop),
        2 => any::<u8>().prop_map(Action::Double),
        20 => any::<u8>().prop_map(Action::Answer),
        4 => any::<u8>().prop_map(Action::Lose),
        2 => any::<u8>().prop_map(Action::Repeat),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(which, bit)| Action::Corrupt { which, bit }),
        1 => (any::<u8>(), any::<u8>())
            .prop_map(|(which, length)| Action::Chop { which, length }),
        6 => any::<u8>().prop_map(Action::Sent),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(link, up)| Action::Link { link, up }),
        1 => (any::<u8>(), any::<bool>())
            .prop_map(|(link, present)| Action::Presence { link, present }),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(link, size)| Action::Mtu { link, size }),
        1 => Just(Action::Stop),
        1 => Just(Action::Go),
        1 => (any::<u8>(), prop::bool::weighted(0.2))
            .prop_map(|(buffers, new_macs)| Action::Restart { buffers, new_macs }),
        1 => Just(Action::Discover),
        1 => any::<u8>().prop_map(Action::Forge),
        1 => Just(Action::Revalidate),
        1 => (any::<u8>(), any::<u8>())
            .prop_map(|(maxout, policy)| Action::Settings { maxout, policy }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_actions_breaks_an_invariant(
        seed in 0..1_000_000_u64,
        actions in prop::collection::vec(action(), 1..300),
        unload in prop::bool::weighted(0.1),
    ) {
        let mut machine = Machine::new(seed).map_err(TestCaseError::fail)?;
        for action in actions.into_iter().chain(unload.then_some(Action::Unload)) {
            machine.apply(action).map_err(TestCaseError::fail)?;
        }
        machine.finish().map_err(TestCaseError::fail)?;
    }
}
