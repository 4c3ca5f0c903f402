/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The local interfaces in use: those of vnet0 that net.aoe.iflist names.
 *
 * Knows: interfaces, their events, and when one may be touched.
 * Must not know: what is sent and received on them.
 *
 * Senders and receivers read the table inside the net epoch.  An interface
 * is put in and taken out by aoe_links_scan() with aoe_conf_sx held, with one
 * exception: when it departs, the event handler clears l_ifp and waits for
 * the epoch, after which nothing of ours touches it; the reference that we
 * hold keeps only its memory, until the next scan drops it.  All other events
 * just ask for a scan, because they come from contexts that may not sleep,
 * and some of them before the interface is in the state that they announce.
 *
 * Scans have a thread of their own, and none of them waits for memory: with
 * swap on an AoE disk, memory may come free only once the core has been told
 * that a link is up again.  Once a second that thread looks for what has no
 * event: an MTU, or a driver that became ready after it said so.
 */
#include "aoe_var.h"

#include <sys/epoch.h>
#include <sys/eventhandler.h>
#include <sys/sockio.h>

#include <net/ethernet.h>
#include <net/if_types.h>
#include <net/vnet.h>

static struct mtx aoe_link_mtx;
MTX_SYSINIT(aoe_link, &aoe_link_mtx, "aoe links", MTX_DEF);

/*
 * A listed local interface.  (l): aoe_link_mtx to write, the net epoch to
 * read; (x) as in aoe_var.h.
 */
struct aoe_link {
	uintptr_t	l_ifp;			/* (l) 0: take nothing */
	if_t		l_ref;			/* (l) our reference */
	struct aoe_link_state l_state;		/* (x) as told to the core */
};

static struct aoe_link aoe_links[AOE_LINKS];
static u_int aoe_links_left_out;		/* (x) for want of room */

static void	aoe_links_task_run(void *, int);
static void	aoe_links_second(void *, int);

static struct taskqueue *aoe_links_tq;		/* (c) */
static struct task aoe_links_task =
    TASK_INITIALIZER(0, aoe_links_task_run, NULL);
static struct timeout_task aoe_links_timer;

static eventhandler_tag aoe_tag_attach;
static eventhandler_tag aoe_tag_arrival;
static eventhandler_tag aoe_tag_departure;
static eventhandler_tag aoe_tag_link;
static eventhandler_tag aoe_tag_event;
static eventhandler_tag aoe_tag_lladdr;

/* The interface of a link, or NULL.  In the net epoch. */
if_t
aoe_link_if(u_int link)
{

	if (link >= AOE_LINKS)
		return (NULL);
	return ((if_t)atomic_load_acq_ptr(&aoe_links[link].l_ifp));
}

/* The link of an interface, or -1.  In the net epoch. */
int
aoe_link_of(if_t ifp)
{
	int i;

	for (i = 0; i < AOE_LINKS; i++)
		if (atomic_load_ptr(&aoe_links[i].l_ifp) == (uintptr_t)ifp)
			return (i);
	return (-1);
}

bool
aoe_link_is_up(if_t ifp)
{

	return ((if_getflags(ifp) & IFF_UP) != 0 &&
	    (if_getdrvflags(ifp) & IFF_DRV_RUNNING) != 0 &&
	    if_getlinkstate(ifp) != LINK_STATE_DOWN);
}

static bool
aoe_links_any(void)
{
	u_int i;

	for (i = 0; i < AOE_LINKS; i++)
		if (aoe_links[i].l_ref != NULL)
			return (true);
	return (false);
}

/* The largest MTU in use, or Ethernet's. */
static u_int
aoe_links_mtu_locked(void)
{
	u_int i, mtu;

	sx_assert(&aoe_conf_sx, SA_LOCKED);
	mtu = ETHERMTU;
	for (i = 0; i < AOE_LINKS; i++)
		if (aoe_links[i].l_state.present)
			mtu = MAX(mtu, aoe_links[i].l_state.mtu);
	return (mtu);
}

u_int
aoe_links_mtu(void)
{
	u_int mtu;

	sx_slock(&aoe_conf_sx);
	mtu = aoe_links_mtu_locked();
	sx_sunlock(&aoe_conf_sx);
	return (mtu);
}

void
aoe_link_name(u_int link, char *buf, size_t size)
{
	struct epoch_tracker et;
	if_t ifp;

	NET_EPOCH_ENTER(et);
	ifp = aoe_link_if(link);
	strlcpy(buf, ifp != NULL ? if_name(ifp) : "", size);
	NET_EPOCH_EXIT(et);
}

/*
 * How a link's interface is now; false if it has departed.  In the net epoch,
 * since its link-layer address goes once we let it depart.
 */
static bool
aoe_link_look(u_int link, struct aoe_link_state *state)
{
	struct epoch_tracker et;
	if_t ifp;

	memset(state, 0, sizeof(*state));
	NET_EPOCH_ENTER(et);
	ifp = aoe_link_if(link);
	if (ifp != NULL) {
		state->mtu = MIN(if_getmtu(ifp), AOE_MTU_MAX);
		memcpy(state->mac, if_getlladdr(ifp), ETHER_ADDR_LEN);
		state->up = aoe_link_is_up(ifp);
		state->present = 1;
	}
	NET_EPOCH_EXIT(et);
	return (ifp != NULL);
}

/* Tell the core about one link: discovery first, then every target. */
static void
aoe_link_tell(u_int link)
{
	const struct aoe_link_state *state = &aoe_links[link].l_state;
	struct aoe_softc *sc;
	uint64_t now;

	sx_assert(&aoe_conf_sx, SA_XLOCKED);
	TAILQ_FOREACH(sc, &aoe_targets, sc_link) {
		now = aoe_input_begin(sc);
		aoe_core_link(sc->sc_core, now, link, state);
		aoe_input_end(sc);
	}
	aoe_disco_link(link, state);
}

/* Tell a new target about the links that there are. */
void
aoe_links_introduce(struct aoe_softc *sc)
{
	uint64_t now;
	u_int i;

	sx_assert(&aoe_conf_sx, SA_XLOCKED);
	now = aoe_input_begin(sc);
	for (i = 0; i < AOE_LINKS; i++)
		if (aoe_links[i].l_state.present)
			aoe_core_link(sc->sc_core, now, i,
			    &aoe_links[i].l_state);
	aoe_input_end(sc);
}

/* Whether Ethernet frames could travel here at all. */
static bool
aoe_link_is_ethernet(if_t ifp)
{

	switch (if_gettype(ifp)) {
	case IFT_ETHER:
	case IFT_L2VLAN:
	case IFT_BRIDGE:
	case IFT_IEEE8023ADLAG:
		return (if_getaddrlen(ifp) == ETHER_ADDR_LEN);
	default:
		return (false);
	}
}

/* Stop using a link.  The epoch has been waited for where that matters. */
static void
aoe_link_drop(u_int link)
{
	struct aoe_link *l = &aoe_links[link];
	if_t ifp;

	mtx_lock(&aoe_link_mtx);
	ifp = l->l_ref;
	atomic_store_rel_ptr(&l->l_ifp, 0);
	mtx_unlock(&aoe_link_mtx);
	NET_EPOCH_WAIT();
	memset(&l->l_state, 0, sizeof(l->l_state));
	aoe_link_tell(link);
	mtx_lock(&aoe_link_mtx);
	l->l_ref = NULL;
	mtx_unlock(&aoe_link_mtx);
	if_rele(ifp);
}

/*
 * Interfaces that are to be used, each with a reference for us: as many as
 * there is room for, and as many again to be named.
 */
struct aoe_link_found {
	if_t		f_ifp[2 * AOE_LINKS];
	u_int		f_count;
};

static int
aoe_link_find(if_t ifp, void *arg)
{
	struct aoe_link_found *f = arg;

	NET_EPOCH_ASSERT();
	if (!aoe_disco_listed(if_name(ifp)) || aoe_link_of(ifp) != -1 ||
	    !aoe_link_is_ethernet(ifp) || !if_try_ref(ifp))
		return (0);
	f->f_ifp[f->f_count++] = ifp;
	return (f->f_count == nitems(f->f_ifp));
}

/* Start using an interface, with our reference; false if there is no room. */
static bool
aoe_link_take(if_t ifp)
{
	if_t again;
	u_int i;

	for (i = 0; i < AOE_LINKS; i++)
		if (aoe_links[i].l_ref == NULL)
			break;
	if (i == AOE_LINKS)
		return (false);
	aoe_boot_raise(ifp);
	mtx_lock(&aoe_link_mtx);
	aoe_links[i].l_ref = ifp;
	atomic_store_rel_ptr(&aoe_links[i].l_ifp, (uintptr_t)ifp);
	mtx_unlock(&aoe_link_mtx);
	/*
	 * It may have departed since it was found, and its event gone by
	 * before we were in the table.  If it is still to be found now, the
	 * event is yet to come.
	 */
	again = ifunit_ref(if_name(ifp));
	if (again != NULL)
		if_rele(again);
	if (again != ifp)
		aoe_link_drop(i);
	else if (if_gettype(ifp) == IFT_IEEE8023ADLAG)
		printf("aoe: %s is a port of a lagg(4): list the lagg\n",
		    if_name(ifp));
	return (true);
}

/*
 * Take what is listed and new.  if_foreach_sleep() would be simpler, but it
 * waits for memory.
 */
static void
aoe_links_take(void)
{
	struct aoe_link_found found;
	struct epoch_tracker et;
	u_int i, left;
	bool say;

	found.f_count = 0;
	NET_EPOCH_ENTER(et);
	(void)if_foreach(aoe_link_find, &found);
	NET_EPOCH_EXIT(et);
	for (i = 0; i < found.f_count && aoe_link_take(found.f_ifp[i]); i++)
		;
	left = found.f_count - i;
	/* They are found at every scan, but that is said once. */
	say = left != aoe_links_left_out;
	aoe_links_left_out = left;
	for (; i < found.f_count; i++) {
		if (say)
			printf("aoe: %s left out: %u interfaces are in use\n",
			    if_name(found.f_ifp[i]), AOE_LINKS);
		if_rele(found.f_ifp[i]);
	}
}

static void
aoe_link_refresh(u_int link)
{
	struct aoe_link *l = &aoe_links[link];
	struct aoe_link_state state;
	bool grew;

	if (!aoe_link_look(link, &state) ||
	    memcmp(&state, &l->l_state, sizeof(state)) == 0)
		return;
	grew = state.mtu > aoe_links_mtu_locked();
	l->l_state = state;
	if (aoe_config.debug > 0)
		printf("aoe: %s: %s, MTU %u\n", if_name(l->l_ref),
		    state.up ? "up" : "down", state.mtu);
	aoe_link_tell(link);
	/* That waits for memory, which may have waited for this link. */
	if (grew)
		aoe_life_kick(AOE_WORK_RESERVES);
}

static void
aoe_links_refresh(void)
{
	u_int i;

	for (i = 0; i < AOE_LINKS; i++)
		if (aoe_links[i].l_ref != NULL && aoe_links[i].l_ifp != 0)
			aoe_link_refresh(i);
}

/*
 * Make the table agree with the interface list and with the interfaces as
 * they are, and tell the core what changed: first of what is in use already,
 * since I/O may wait for that.  Waits for no memory.
 */
void
aoe_links_scan(void)
{
	u_int i;

	sx_assert(&aoe_conf_sx, SA_XLOCKED);
	CURVNET_SET(vnet0);
	aoe_links_refresh();
	for (i = 0; i < AOE_LINKS; i++)
		if (aoe_links[i].l_ref != NULL &&
		    (aoe_links[i].l_ifp == 0 ||
		    !aoe_disco_listed(if_name(aoe_links[i].l_ref))))
			aoe_link_drop(i);
	aoe_links_take();
	aoe_links_refresh();
	CURVNET_RESTORE();
}

/* Ask for a scan.  Any lock may be held. */
void
aoe_links_kick(void)
{

	taskqueue_enqueue(aoe_links_tq, &aoe_links_task);
}

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
	aoe_life_cancel(aoe_links_tq, &aoe_links_timer);
	taskqueue_drain(aoe_links_tq, &aoe_links_task);
	taskqueue_free(aoe_links_tq);
	aoe_links_tq = NULL;
	aoe_links_left_out = 0;
}

/* Use no interface any more. */
void
aoe_links_release(void)
{
	u_int i;

	sx_assert(&aoe_conf_sx, SA_XLOCKED);
	for (i = 0; i < AOE_LINKS; i++)
		if (aoe_links[i].l_ref != NULL)
			aoe_link_drop(i);
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

/*
 * An interface leaves its vnet, or the system.  Its driver goes on as soon as
 * we return, so no thread of ours may be using it then.
 */
static void
aoe_link_departs(void *arg __unused, if_t ifp)
{
	bool ours;
	u_int i;

	/* A new name is not a departure; the arrival that follows is ours. */
	if ((if_getflags(ifp) & IFF_RENAMING) != 0)
		return;
	ours = false;
	mtx_lock(&aoe_link_mtx);
	for (i = 0; i < AOE_LINKS; i++) {
		if (aoe_links[i].l_ref == ifp) {
			atomic_store_rel_ptr(&aoe_links[i].l_ifp, 0);
			ours = true;
		}
	}
	mtx_unlock(&aoe_link_mtx);
	if (!ours)
		return;
	NET_EPOCH_WAIT();
	aoe_links_kick();
}

int
aoe_link_init(void)
{
	int error;

	aoe_links_tq = taskqueue_create("aoe_links", M_WAITOK,
	    taskqueue_thread_enqueue, &aoe_links_tq);
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
