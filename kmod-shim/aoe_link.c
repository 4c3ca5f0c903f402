/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The table of links: the local interfaces in use, which are those of vnet0
 * that net.aoe.iflist names.
 *
 * Knows: interfaces, and how the table is read.
 * Must not know: when an interface is entered or removed, or what is sent.
 *
 * Senders and receivers read the table in the net epoch.
 */
#include "aoe_link.h"

#include <sys/epoch.h>

#include <net/ethernet.h>

struct aoe_link aoe_links[AOE_LINKS];
struct mtx aoe_link_mtx;
MTX_SYSINIT(aoe_link, &aoe_link_mtx, "aoe links", MTX_DEF);

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

bool
aoe_links_any(void)
{
	u_int i;

	for (i = 0; i < AOE_LINKS; i++)
		if (aoe_links[i].l_ref != NULL)
			return (true);
	return (false);
}

/* The largest MTU of the links, but at least ETHERMTU. */
u_int
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

/* The name of a link's interface, as of the last scan; kept after departure. */
void
aoe_link_name(u_int link, char *buf, size_t size)
{

	mtx_lock(&aoe_link_mtx);
	strlcpy(buf, link < AOE_LINKS ? aoe_links[link].l_name : "", size);
	mtx_unlock(&aoe_link_mtx);
}
