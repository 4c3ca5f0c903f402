/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A firewall on the Ethernet pfil head that drops AoE frames.  It is linked as
 * pf(4) and ipfw(4) link theirs: before the hooks that are there already.
 */
#include "kpi.h"

#include <sys/mbuf.h>
#include <sys/socket.h>

#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_var.h>
#include <net/pfil.h>
#include <net/vnet.h>

static pfil_hook_t	firewall;
static volatile u_long	dropped;

static pfil_return_t
check(struct mbuf **m, struct ifnet *ifp, int flags, void *ruleset,
    struct inpcb *inp)
{

	(void)ifp, (void)flags, (void)ruleset, (void)inp;
	if (mtod(*m, struct ether_header *)->ether_type != htons(0x88a2))
		return (PFIL_PASS);
	atomic_add_long(&dropped, 1);
	m_freem(*m);
	*m = NULL;
	return (PFIL_DROPPED);
}

/* Links (1) or removes (0) the firewall. */
void
kpi_firewall(int on)
{
	struct pfil_hook_args ha = {
		.pa_version = PFIL_VERSION,
		.pa_flags = PFIL_IN,
		.pa_type = PFIL_TYPE_ETHERNET,
		.pa_mbuf_chk = check,
		.pa_modname = "firewall",
		.pa_rulname = "default",
	};
	struct pfil_link_args la = {
		.pa_version = PFIL_VERSION,
		.pa_flags = PFIL_IN | PFIL_HOOKPTR,
		.pa_headname = PFIL_ETHER_NAME,
	};

	CURVNET_SET(vnet0);
	if (on && firewall == NULL) {
		firewall = pfil_add_hook(&ha);
		la.pa_hook = firewall;
		kpi_pfil_head(1);
		(void)pfil_link(&la);
	} else if (!on && firewall != NULL) {
		pfil_remove_hook(firewall);
		firewall = NULL;
	}
	CURVNET_RESTORE();
}

/* Returns the number of frames that the firewall dropped. */
u_long
kpi_firewall_dropped(void)
{

	return (dropped);
}
