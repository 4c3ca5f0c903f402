// SPDX-License-Identifier: BSD-2-Clause
//! One drainer per target: `aoe_input_begin()` to `aoe_input_end()`.

use loom::cell::UnsafeCell;
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use loom::sync::atomic::{AtomicU32, Ordering};
use loom::sync::{Arc, Mutex, MutexGuard};
use loom::thread::{self, JoinHandle};

const IDLE: u32 = 0;
const BUSY: u32 = 1;
const MORE: u32 = 2;

/// The memory orders and the mark that the tests weaken.
#[derive(Clone, Copy)]
pub struct Orders {
    /// Of the compare-and-swap with which `aoe_drain()` leaves without the lock.
    pub leave: Ordering,
    /// Of the load in `aoe_drain_unless_drained()` and `aoe_target_is_idle()`.
    pub enter: Ordering,
    /// Whether an input that meets a drainer marks `sc_drain`.
    pub marks: bool,
}

/// The values in the source.
pub const SOURCE: Orders = Orders { leave: Release, enter: Acquire, marks: true };

/// The fields that `sc_mtx` guards.
struct Locked {
    inputs: u32,
    freed: bool,
    tasks: Vec<JoinHandle<()>>,
}

/// `struct aoe_softc`.
pub struct Softc {
    orders: Orders,
    mtx: Mutex<Locked>,
    drain: AtomicU32,
    /// The work of drainers without the lock, which must be done by one at a time,
    /// in order, and before the target is freed. loom reports any access that races
    /// with another.
    effects: UnsafeCell<u32>,
}

// SAFETY: loom checks every access to the cell.
unsafe impl Sync for Softc {}

impl Softc {
    pub fn new(orders: Orders) -> Arc<Self> {
        Arc::new(Self {
            orders,
            mtx: Mutex::new(Locked { inputs: 0, freed: false, tasks: Vec::new() }),
            drain: AtomicU32::new(IDLE),
            effects: UnsafeCell::new(0),
        })
    }

    /// `aoe_turn_perform()`.
    fn perform(&self, taken: u32) {
        // SAFETY: loom checks that no other thread accesses the cell meanwhile.
        self.effects.with_mut(|effects| unsafe { *effects += taken });
    }

    /// `aoe_drain()`; here, each turn takes all inputs.
    fn drain<'a>(sc: &'a Arc<Self>, mut locked: MutexGuard<'a, Locked>, turns: u32) {
        for _ in 0..turns {
            sc.drain.store(BUSY, Relaxed);
            let taken = std::mem::take(&mut locked.inputs);
            if taken == 0 {
                sc.drain.store(IDLE, Relaxed);
                return;
            }
            drop(locked);
            sc.perform(taken);
            if sc.drain.compare_exchange(BUSY, IDLE, sc.orders.leave, Relaxed).is_ok() {
                return;
            }
            locked = sc.mtx.lock().unwrap();
        }
        // taskqueue_enqueue(): the task is another thread.
        let task = Arc::clone(sc);
        locked.tasks.push(thread::spawn(move || Self::drain(&task, task.mtx.lock().unwrap(), 32)));
    }

    /// `aoe_drain_unless_drained()`.
    fn drain_unless_drained<'a>(sc: &'a Arc<Self>, locked: MutexGuard<'a, Locked>, turns: u32) {
        while sc.drain.load(sc.orders.enter) != IDLE {
            if !sc.orders.marks
                || sc.drain.load(Relaxed) == MORE
                || sc.drain.compare_exchange(BUSY, MORE, Relaxed, Relaxed).is_ok()
            {
                return;
            }
        }
        Self::drain(sc, locked, turns);
    }

    /// An input to the core, carried out by this thread or by the drainer.
    pub fn input(sc: &Arc<Self>, turns: u32) {
        let mut locked = sc.mtx.lock().unwrap();
        assert!(!locked.freed || locked.inputs == 0);
        if !locked.freed {
            locked.inputs += 1;
            Self::drain_unless_drained(sc, locked, turns);
        }
    }

    /// `aoe_target_is_idle()`, and the freeing of an idle target.
    pub fn free(&self) {
        let mut locked = self.mtx.lock().unwrap();
        if self.drain.load(self.orders.enter) == IDLE && locked.inputs == 0 {
            locked.freed = true;
            drop(locked);
            // SAFETY: As in `perform`.
            self.effects.with_mut(|effects| unsafe { *effects = u32::MAX });
        }
    }

    /// Checks, after all threads have ended, that no input was forgotten and that
    /// no drainer is left.
    pub fn check(&self, inputs: u32) {
        loop {
            let Some(task) = self.mtx.lock().unwrap().tasks.pop() else { break };
            task.join().unwrap();
        }
        let locked = self.mtx.lock().unwrap();
        assert_eq!(locked.inputs, 0, "an input was forgotten");
        assert_eq!(self.drain.load(Relaxed), IDLE, "the drain never ended");
        // SAFETY: As in `perform`.
        let effects = self.effects.with(|effects| unsafe { *effects });
        assert!(locked.freed || effects == inputs, "{effects} effects of {inputs} inputs");
    }
}
