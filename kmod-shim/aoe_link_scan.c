/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Scans: a scan updates the table of links from net.aoe.iflist and from the
 * state of the interfaces, and reports changes to the core.
 *
 * Knows: when an interface may be accessed.
 * Must not know: what requests a scan.
 *
 * aoe_links_scan() enters and removes interfaces, with aoe_conf_sx held.  There
 * is one exception: when an interface departs, the event handler clears l_ifp
 * and waits for the epoch.  After that we no longer send or receive on it; our
 * reference only keeps its memory, until the next scan drops it.
 */
#include "aoe_links.h"

#include <sys/epoch.h>
#include <sys/sockio.h>

#include <net/ethernet.h>
#include <net/if_types.h>
#include <net/vnet.h>

static u_int aoe_links_left_out;		/* (x) number, table full */

/*
 * The current state of a link's interface; false if it has departed.  Reads in
 * the net epoch, since outside of it a departing interface's address may be
 * freed.
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

/* Pass the state of one link to the core: to every target, then discovery. */
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

/* Pass the states of the existing links to a new target. */
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

/* Whether the interface carries Ethernet frames. */
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

/* Stop using a link. */
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
 * Listed interfaces that are not in the table yet, each with a reference of
 * ours: as many as the table can hold, and as many again to be reported as left
 * out.
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

/*
 * Bring a listed interface up before the root mount, when ifconfig(8) cannot
 * run yet.
 */
static void
aoe_link_raise(if_t ifp)
{
	struct ifreq ifr;
	int error;

	if (!aoe_get(boot) || root_mounted() ||
	    (if_getflags(ifp) & IFF_UP) != 0)
		return;
	memset(&ifr, 0, sizeof(ifr));
	strlcpy(ifr.ifr_name, if_name(ifp), sizeof(ifr.ifr_name));
	if_setflagbits(ifp, IFF_UP, 0);
	ifr.ifr_flags = if_getflags(ifp) & 0xffff;
	ifr.ifr_flagshigh = if_getflags(ifp) >> 16;
	error = if_ioctl(ifp, SIOCSIFFLAGS, &ifr);
	if (error != 0)
		printf("aoe: %s cannot be brought up: error %d\n",
		    if_name(ifp), error);
	if_up(ifp);
}

/*
 * Start using an interface, and take over the caller's reference; false if the
 * table is full.
 */
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
	aoe_link_raise(ifp);
	mtx_lock(&aoe_link_mtx);
	aoe_links[i].l_ref = ifp;
	atomic_store_rel_ptr(&aoe_links[i].l_ifp, (uintptr_t)ifp);
	mtx_unlock(&aoe_link_mtx);
	/*
	 * The interface may have departed before it was in the table, when the
	 * event handler did not find it.  If it still exists now, any departure
	 * is yet to come.
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
 * Start using listed interfaces that are not in the table.  if_foreach_sleep()
 * would be simpler, but it waits for memory.
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
	/* Every scan finds them; report only a change of their number. */
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

	mtx_lock(&aoe_link_mtx);
	strlcpy(l->l_name, if_name(l->l_ref), IFNAMSIZ);
	mtx_unlock(&aoe_link_mtx);
	if (!aoe_link_look(link, &state) ||
	    memcmp(&state, &l->l_state, sizeof(state)) == 0)
		return;
	grew = state.mtu > aoe_links_mtu_locked();
	l->l_state = state;
	if (aoe_get(debug) > 0)
		printf("aoe: %s: %s, MTU %u\n", if_name(l->l_ref),
		    state.up ? "up" : "down", state.mtu);
	aoe_link_tell(link);
	/*
	 * Another thread enlarges the reserves: that waits for memory, which
	 * may become free only once this link works.
	 */
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
 * Update the table from net.aoe.iflist and from the state of the interfaces,
 * and report changes to the core.  Those of links already in use come first,
 * since I/O may be waiting for them.  Does not wait for memory.
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

/* Stop using all interfaces. */
void
aoe_links_release(void)
{
	u_int i;

	sx_assert(&aoe_conf_sx, SA_XLOCKED);
	aoe_links_left_out = 0;
	for (i = 0; i < AOE_LINKS; i++)
		if (aoe_links[i].l_ref != NULL)
			aoe_link_drop(i);
}

/*
 * An interface leaves its vnet, or the system.  The departure continues when
 * this returns, so no thread of ours may be using the interface then.
 */
void
aoe_link_departs(void *arg __unused, if_t ifp)
{
	bool ours;
	u_int i;

	/* A renaming is no departure; the arrival that follows is handled. */
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
