/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Frames out, over the interfaces in use.
 *
 * Knows: ether_output_frame(), and that it checks nothing.
 * Must not know: why a frame is sent.
 */
#include "aoe_frame.h"

#include <sys/epoch.h>
#include <sys/mbuf.h>

#include <net/ethernet.h>
#include <net/vnet.h>

/*
 * Send one frame, or lose it.  ether_output_frame() checks nothing: some
 * drivers keep a frame sent while the link is down and send it much later,
 * which must not happen to a copy of a write.
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
		/* The MTU has no event; this is where we notice. */
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
 * Send the frames of a turn, in order; NULL is no frame, or a lost one.  In the
 * net epoch, which a receiver has already entered.
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

/* The same, anywhere. */
void
aoe_net_send_all(const struct aoe_output *out, struct mbuf **frame, u_int n)
{
	struct epoch_tracker et;

	NET_EPOCH_ENTER(et);
	aoe_net_send_in_epoch(out, frame, n);
	NET_EPOCH_EXIT(et);
}
