// SPDX-License-Identifier: BSD-2-Clause
//! Each protocol is correct with the memory orders of the source, and needs every
//! one of them: if any is weakened, some execution fails.

use aoe_memory::{drain, returned};
use loom::sync::Arc;
use loom::sync::atomic::Ordering::Relaxed;
use loom::thread;
use std::fs;

/// Two threads with inputs, one of them with two.
fn two_inputs(orders: drain::Orders) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(move || {
        let sc = drain::Softc::new(orders);
        let other = Arc::clone(&sc);
        let thread = thread::spawn(move || drain::Softc::input(&other, 2));
        drain::Softc::input(&sc, 2);
        drain::Softc::input(&sc, 2);
        thread.join().unwrap();
        sc.check(3);
    });
}

/// A drainer hands over to the task after one turn while an input comes.
fn hand_over(orders: drain::Orders) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(move || {
        let sc = drain::Softc::new(orders);
        let other = Arc::clone(&sc);
        let thread = thread::spawn(move || drain::Softc::input(&other, 1));
        drain::Softc::input(&sc, 1);
        thread.join().unwrap();
        sc.check(2);
    });
}

/// The lifecycle thread frees the target if it finds it idle.
fn freed(orders: drain::Orders) {
    loom::model(move || {
        let sc = drain::Softc::new(orders);
        let other = Arc::clone(&sc);
        let thread = thread::spawn(move || drain::Softc::input(&other, 2));
        sc.free();
        thread.join().unwrap();
        sc.check(1);
    });
}

#[test]
fn the_drainer_leaves_no_input_and_meets_no_other() {
    two_inputs(drain::SOURCE);
    hand_over(drain::SOURCE);
}

#[test]
fn a_target_that_is_freed_has_no_drainer() {
    freed(drain::SOURCE);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_drainer_that_leaves_without_release_is_noticed() {
    two_inputs(drain::Orders { leave: Relaxed, ..drain::SOURCE });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn an_input_that_enters_without_acquire_is_noticed() {
    two_inputs(drain::Orders { enter: Relaxed, ..drain::SOURCE });
}

#[test]
#[should_panic(expected = "an input was forgotten")]
fn an_input_that_leaves_no_mark_is_noticed() {
    two_inputs(drain::Orders { marks: false, ..drain::SOURCE });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_target_freed_without_acquire_is_noticed() {
    freed(drain::Orders { enter: Relaxed, ..drain::SOURCE });
}

/// Two drivers return buffers while the target's own thread reaps, and one buffer
/// is sent and returned once more.
fn buffers(orders: returned::Orders) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(move || {
        let list = Arc::new(returned::Returned::new(orders));
        let threads: Vec<_> = (1..returned::BUFFERS)
            .map(|buffer| {
                let list = Arc::clone(&list);
                thread::spawn(move || list.give(buffer))
            })
            .collect();
        list.give(0);
        let mut found = list.reap();
        // Buffer 0 was sent once more: the head may be what another thread has read.
        list.give(0);
        for thread in threads {
            thread.join().unwrap();
        }
        found.extend(list.reap());
        found.sort_unstable();
        assert_eq!(found, [0, 0, 1, 2], "a buffer was lost or found twice");
    });
}

#[test]
fn every_returned_buffer_is_found_once() {
    buffers(returned::SOURCE);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_buffer_given_without_release_is_noticed() {
    buffers(returned::Orders { give: Relaxed, ..returned::SOURCE });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_reap_without_its_fence_is_noticed() {
    buffers(returned::Orders { fence: false, ..returned::SOURCE });
}

/// Checks that the source has the atomics that are transcribed here, in their order.
#[test]
fn the_source_still_says_so() {
    let atomics = |file: &str, member: &str| -> Vec<String> {
        let path = format!("{}/../../kmod-shim/{file}", env!("CARGO_MANIFEST_DIR"));
        let source = fs::read_to_string(path).unwrap().replace(char::is_whitespace, "");
        let calls = source.split("atomic_").skip(1).filter_map(|call| call.split_once('('));
        calls
            .filter(|(name, rest)| rest.starts_with(member) || *name == "thread_fence_acq")
            .map(|(name, _)| name.to_string())
            .collect()
    };
    let drain = ["store_int", "store_int", "cmpset_rel_int", "load_acq_int", "load_int"];
    let mut drain = drain.map(String::from).to_vec();
    drain.push("cmpset_int".to_string());
    assert_eq!(atomics("aoe_run.c", "&sc->sc_drain"), drain);
    assert_eq!(atomics("aoe_target.c", "&sc->sc_drain"), ["load_acq_int"]);
    assert_eq!(atomics("aoe_mbuf.c", "head"), ["load_ptr", "cmpset_rel_ptr", "thread_fence_acq"]);
    // The caller checks whether there is anything to reap.
    assert_eq!(atomics("aoe_run.c", "&sc->sc_sent"), ["load_ptr"]);
    assert_eq!(atomics("aoe_mbuf.c", "&sc->sc_sent"), ["swap_ptr", "thread_fence_acq"]);
}
