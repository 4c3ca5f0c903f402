/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Outgoing frames, over the interfaces in use.
 *
 * Knows: ether_output_frame(), and what it does not check.
 * Must not know: why a frame is sent.
 */
#include "aoe_frame.h"

#include <sys/epoch.h>
#include <sys/mbuf.h>

#include <net/ethernet.h>
#include <net/vnet.h>

/*
 * Send one frame, or drop it.  ether_output_frame() checks neither the link nor
 * the MTU.  Some drivers keep a frame while the link is down and send it much
 * later, which must not happen to a copy of a write.
 */
static void
aoe_net_send(u_int link, struct mbuf *m)
{
	if_t ifp;

	NET_EPOCH_ASSERT();
	ifp = aoe_link_if(link);
	if (ifp == NULL || !aoe_link_is_up(ifp)) {
		aoe_count(AOE_STAT_TX_LINK_DOWN);
		m_freem(m);
		return;
	}
	if (m->m_pkthdr.len > if_getmtu(ifp) + ETHER_HDR_LEN) {
		/* A change of the MTU has no event; request a scan here. */
		aoe_count(AOE_STAT_TX_TOO_LONG);
		aoe_links_kick();
		m_freem(m);
		return;
	}
	SDT_PROBE2(aoe, , frame, send, link, m);
	if (ether_output_frame(ifp, m) != 0)
		aoe_count(AOE_STAT_TX_ERRORS);
	else
		aoe_count(AOE_STAT_TX_FRAMES);
}

/*
 * Send the frames of a turn, in order; an entry is NULL if its output is no
 * frame, or if the frame could not be built.  The caller is in the net epoch,
 * as a receiving thread always is.
 */
void
aoe_net_send_in_epoch(const struct aoe_output *out, struct mbuf **frame,
    u_int n)
{
	u_int i;

	CURVNET_SET(vnet0);
	for (i = 0; i < n; i++)
		if (frame[i] != NULL)
			aoe_net_send(out[i].link, frame[i]);
	CURVNET_RESTORE();
}

/* The same, from outside the net epoch. */
void
aoe_net_send_all(const struct aoe_output *out, struct mbuf **frame, u_int n)
{
	struct epoch_tracker et;

	NET_EPOCH_ENTER(et);
	aoe_net_send_in_epoch(out, frame, n);
	NET_EPOCH_EXIT(et);
}
