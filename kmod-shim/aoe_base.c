/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The basis of all other files: the settings, the list of targets, the state of
 * the module, and the functions that wake its threads.
 *
 * Knows: the module's threads.
 * Must not know: what they do.  The file that starts a thread sets the function
 * of its task.
 */
#include "aoe_base.h"

MALLOC_DEFINE(M_AOE, "aoe", "ATA over Ethernet initiator");

SX_SYSINIT(aoe_conf, &aoe_conf_sx, "aoe configuration");
struct sx aoe_conf_sx;

struct aoe_limits aoe_limits;
struct aoe_config aoe_config;
struct aoe_targets aoe_targets = TAILQ_HEAD_INITIALIZER(aoe_targets);
counter_u64_t aoe_stats[AOE_STATS];
bool aoe_ready;
bool aoe_shutting_down;
bool aoe_closing;

struct taskqueue *aoe_run_tq;
struct taskqueue *aoe_links_tq;
struct task aoe_links_task;
struct taskqueue *aoe_life_tq;
struct task aoe_life_task;
u_int aoe_life_work;

/*
 * Lock the configuration for a handler.  A handler may run before the module is
 * ready, or while it is being unloaded; it then fails with ENXIO.
 */
int
aoe_conf_enter(void)
{

	sx_xlock(&aoe_conf_sx);
	if (aoe_ready)
		return (0);
	sx_xunlock(&aoe_conf_sx);
	return (ENXIO);
}

/* Ask for a scan of the interfaces.  Any lock may be held. */
void
aoe_links_kick(void)
{

	taskqueue_enqueue(aoe_links_tq, &aoe_links_task);
}

/* Ask the lifecycle thread for work, AOE_WORK_*.  Any lock may be held. */
void
aoe_life_kick(u_int work)
{

	atomic_set_int(&aoe_life_work, work);
	taskqueue_enqueue(aoe_life_tq, &aoe_life_task);
}

/* Ask the lifecycle thread to check one target.  Any lock may be held. */
void
aoe_life_attention(struct aoe_softc *sc)
{

	atomic_store_rel_int(&sc->sc_attention, 1);
	taskqueue_enqueue(aoe_life_tq, &aoe_life_task);
}

/* Run the timer's task after look_us, to poll for changes without an event. */
void
aoe_timer_start(struct taskqueue *tq, struct timeout_task *timer)
{

	taskqueue_enqueue_timeout_sbt(tq, timer, ustosbt(aoe_limits.look_us),
	    0, C_HARDCLOCK);
}

/*
 * Stop a task that enqueues itself again.  Cancelling alone is not enough: the
 * callout may already be waiting for the queue's mutex.
 */
void
aoe_timer_stop(struct taskqueue *tq, struct timeout_task *timer)
{
	int error;

	do {
		error = taskqueue_cancel_timeout(tq, timer, NULL);
		taskqueue_drain_timeout(tq, timer);
	} while (error != 0);
}
