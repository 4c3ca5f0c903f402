/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What triggers a scan of the interfaces: their events, and a timer; and the
 * thread that scans.
 *
 * Knows: the events of interfaces, and that some changes have no event.
 * Must not know: what a scan does.
 *
 * All events except a departure only request a scan.  Some come from contexts
 * that must not sleep, and some before the interface is in the state that they
 * announce.
 *
 * Scans have a thread of their own, and a scan never waits for memory: with
 * swap on an AoE disk, memory may become free only after the core has learned
 * that a link is up again.  Once a second that thread also scans for changes
 * that have no event: an MTU, or a driver that became ready after its event.
 */
#include "aoe_links.h"

#include <sys/epoch.h>
#include <sys/eventhandler.h>

#include <net/vnet.h>

static void	aoe_links_task_run(void *, int);
static void	aoe_links_second(void *, int);

static struct timeout_task aoe_links_timer;

/* The events of interfaces, and their handlers. */
#define	AOE_LINK_EVENTS(each)						\
	each(ether_ifattach_event, aoe_link_arrived)			\
	each(ifnet_arrival_event, aoe_link_arrived)			\
	each(ifnet_departure_event, aoe_link_departs)			\
	each(ifnet_link_event, aoe_link_state_changed)			\
	each(ifnet_event, aoe_link_state_changed)			\
	each(iflladdr_event, aoe_link_changed)

#define	AOE_TAG(event, handler)	static eventhandler_tag aoe_tag_##event;
AOE_LINK_EVENTS(AOE_TAG)

static void
aoe_links_task_run(void *arg __unused, int pending __unused)
{

	sx_xlock(&aoe_conf_sx);
	if (aoe_ready)
		aoe_links_scan();
	sx_xunlock(&aoe_conf_sx);
}

static void
aoe_links_second(void *arg __unused, int pending __unused)
{
	bool ready;

	sx_xlock(&aoe_conf_sx);
	ready = aoe_ready;
	if (ready && aoe_links_any())
		aoe_links_scan();
	sx_xunlock(&aoe_conf_sx);
	if (ready)
		aoe_links_start();
}

/* Start polling once a second; this stops when aoe_ready is cleared. */
void
aoe_links_start(void)
{

	aoe_timer_start(aoe_links_tq, &aoe_links_timer);
}

/*
 * End the thread; it is gone when this returns.  The caller has made sure that
 * nothing requests a scan any more.
 */
void
aoe_links_stop(void)
{

	if (aoe_links_tq == NULL)
		return;
	aoe_timer_stop(aoe_links_tq, &aoe_links_timer);
	taskqueue_drain(aoe_links_tq, &aoe_links_task);
	taskqueue_free(aoe_links_tq);
	aoe_links_tq = NULL;
}

static void
aoe_link_changed(void *arg __unused, if_t ifp)
{
	struct epoch_tracker et;
	int link;

	NET_EPOCH_ENTER(et);
	link = aoe_link_of(ifp);
	NET_EPOCH_EXIT(et);
	if (link != -1)
		aoe_links_kick();
}

static void
aoe_link_state_changed(void *arg, if_t ifp, int state __unused)
{

	aoe_link_changed(arg, ifp);
}

static void
aoe_link_arrived(void *arg __unused, if_t ifp)
{

	if (if_getvnet(ifp) == vnet0)
		aoe_links_kick();
}

int
aoe_link_init(void)
{
	int error;

	aoe_links_tq = taskqueue_create("aoe_links", M_WAITOK,
	    taskqueue_thread_enqueue, &aoe_links_tq);
	TASK_INIT(&aoe_links_task, 0, aoe_links_task_run, NULL);
	TIMEOUT_TASK_INIT(aoe_links_tq, &aoe_links_timer, 0, aoe_links_second,
	    NULL);
	error = taskqueue_start_threads(&aoe_links_tq, 1, PWAIT, "aoe links");
	if (error != 0)
		return (error);
#define	AOE_REGISTER(event, handler)					\
	aoe_tag_##event = EVENTHANDLER_REGISTER(event, handler, NULL,	\
	    EVENTHANDLER_PRI_ANY);					\
	if (aoe_tag_##event == NULL)					\
		return (ENOMEM);
	AOE_LINK_EVENTS(AOE_REGISTER)
	return (0);
}

/*
 * No handler runs after this returns.  No link may be in use when it is called:
 * without the departure handler, we could use an interface that is gone.
 */
void
aoe_link_fini(void)
{

#define	AOE_DEREGISTER(event, handler)					\
	if (aoe_tag_##event != NULL)					\
		EVENTHANDLER_DEREGISTER(event, aoe_tag_##event);
	AOE_LINK_EVENTS(AOE_DEREGISTER)
}
