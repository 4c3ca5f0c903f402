/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * When the interfaces are looked at: their events, and the thread that scans.
 *
 * Knows: which events there are, and that some changes have none.
 * Must not know: what a scan does.
 *
 * Events but for the departure just ask for a scan, because they come from
 * contexts that may not sleep, and some of them before the interface is in
 * the state that they announce.
 *
 * Scans have a thread of their own, and none of them waits for memory: with
 * swap on an AoE disk, memory may come free only once the core has been told
 * that a link is up again.  Once a second that thread looks for what has no
 * event: an MTU, or a driver that became ready after it said so.
 */
#include "aoe_links.h"

#include <sys/epoch.h>
#include <sys/eventhandler.h>

#include <net/vnet.h>

static void	aoe_links_task_run(void *, int);
static void	aoe_links_second(void *, int);

static struct timeout_task aoe_links_timer;

static eventhandler_tag aoe_tag_attach;
static eventhandler_tag aoe_tag_arrival;
static eventhandler_tag aoe_tag_departure;
static eventhandler_tag aoe_tag_link;
static eventhandler_tag aoe_tag_event;
static eventhandler_tag aoe_tag_lladdr;

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

/* Start the once-a-second look; it stops when aoe_ready is cleared. */
void
aoe_links_start(void)
{

	taskqueue_enqueue_timeout(aoe_links_tq, &aoe_links_timer, hz);
}

/* Nobody asks for a scan any more; the thread is gone when this returns. */
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
	aoe_tag_attach = EVENTHANDLER_REGISTER(ether_ifattach_event,
	    aoe_link_arrived, NULL, EVENTHANDLER_PRI_ANY);
	aoe_tag_arrival = EVENTHANDLER_REGISTER(ifnet_arrival_event,
	    aoe_link_arrived, NULL, EVENTHANDLER_PRI_ANY);
	aoe_tag_departure = EVENTHANDLER_REGISTER(ifnet_departure_event,
	    aoe_link_departs, NULL, EVENTHANDLER_PRI_ANY);
	aoe_tag_link = EVENTHANDLER_REGISTER(ifnet_link_event,
	    aoe_link_state_changed, NULL, EVENTHANDLER_PRI_ANY);
	aoe_tag_event = EVENTHANDLER_REGISTER(ifnet_event,
	    aoe_link_state_changed, NULL, EVENTHANDLER_PRI_ANY);
	aoe_tag_lladdr = EVENTHANDLER_REGISTER(iflladdr_event,
	    aoe_link_changed, NULL, EVENTHANDLER_PRI_ANY);
	if (aoe_tag_attach == NULL || aoe_tag_arrival == NULL ||
	    aoe_tag_departure == NULL || aoe_tag_link == NULL ||
	    aoe_tag_event == NULL || aoe_tag_lladdr == NULL)
		return (ENOMEM);
	return (0);
}

/*
 * No event comes when this returns.  No link may be in use any more: without
 * the departure handler nothing would keep us from an interface that is gone.
 */
void
aoe_link_fini(void)
{

	if (aoe_tag_attach != NULL)
		EVENTHANDLER_DEREGISTER(ether_ifattach_event, aoe_tag_attach);
	if (aoe_tag_arrival != NULL)
		EVENTHANDLER_DEREGISTER(ifnet_arrival_event, aoe_tag_arrival);
	if (aoe_tag_departure != NULL)
		EVENTHANDLER_DEREGISTER(ifnet_departure_event,
		    aoe_tag_departure);
	if (aoe_tag_link != NULL)
		EVENTHANDLER_DEREGISTER(ifnet_link_event, aoe_tag_link);
	if (aoe_tag_event != NULL)
		EVENTHANDLER_DEREGISTER(ifnet_event, aoe_tag_event);
	if (aoe_tag_lladdr != NULL)
		EVENTHANDLER_DEREGISTER(iflladdr_event, aoe_tag_lladdr);
}
