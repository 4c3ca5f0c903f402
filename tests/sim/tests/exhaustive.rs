// SPDX-License-Identifier: BSD-2-Clause
//! Every order of events in small worlds; `aoe-search --long` goes further.

use aoe_sim::search::{Bounds, Found, Search};

const SMALL: Bounds = Bounds {
    ops: 2,
    ticks: 2,
    doubles: 1,
    losses: 1,
    late_sent: false,
    ghost_wait_us: 10_000,
    states: 10_000_000,
};

fn search(bounds: Bounds) -> Result<Found, String> {
    Search::new(bounds).and_then(Search::run)
}

#[test]
fn no_order_of_events_loses_an_update_or_hangs() {
    let found = search(SMALL).expect("every state is legal");
    assert!(found.states > 20_000 && found.endings > 1000, "{found:?}");
}

#[test]
fn no_order_of_events_makes_a_read_stale() {
    let bounds = Bounds { ops: 3, ticks: 1, losses: 0, ..SMALL };
    let found = search(bounds).expect("every state is legal");
    assert!(found.states > 20_000 && found.endings > 1000, "{found:?}");
}

#[test]
fn no_mbuf_that_comes_back_late_loses_an_update() {
    let bounds = Bounds { late_sent: true, doubles: 0, losses: 0, ..SMALL };
    let found = search(bounds).expect("every state is legal");
    assert!(found.states > 20_000 && found.endings > 1000, "{found:?}");
}

/// A guard that forgets a copy as soon as its mbuf is freed is useless: the search
/// finds the update that is lost.
#[test]
fn without_the_guard_an_update_is_lost() {
    let error = search(Bounds { ghost_wait_us: 0, ..SMALL }).expect_err("an update is lost");
    assert!(error.contains("lost update"), "{error}");
}
