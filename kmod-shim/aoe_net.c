/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Incoming frames: the receive hook.
 *
 * Knows: pfil(9), and which frames are AoE.
 * Must not know: bios and disks.
 */
#include "aoe_target.h"

#include <sys/epoch.h>
#include <sys/mbuf.h>

#include <net/ethernet.h>
#include <net/if_vlan_var.h>
#include <net/pfil.h>
#include <net/vnet.h>

static pfil_hook_t aoe_hook;

/*
 * Whether a frame of our ethertype, received on a listed interface, is for the
 * initiator.  Fills in `f` and `peek`.  Only the Ethernet header is certain to
 * be contiguous.
 */
static bool
aoe_net_admit(const struct mbuf *m, int link, struct aoe_frame *f,
    struct aoe_peek *peek)
{
	int seen;

	seen = AOE_RX_HEADER;
	if (__predict_true(m->m_len >= AOE_RX_HEADER))
		memcpy(f->header, mtod(m, const char *), AOE_RX_HEADER);
	else {
		seen = MIN(m->m_pkthdr.len, AOE_RX_HEADER);
		memset(f->header, 0, sizeof(f->header));
		m_copydata(m, 0, seen, (caddr_t)f->header);
	}
	f->length = m->m_pkthdr.len;
	f->link = link;
	f->flags = 0;
	memset(f->reserved, 0, sizeof(f->reserved));
	aoe_core_peek(f->header, seen, peek);
	return (peek->verdict != AOE_PEEK_PASS);
}

static void
aoe_net_dispatch(struct aoe_frame *f, const struct aoe_peek *peek,
    const struct mbuf *m)
{
	struct aoe_softc *sc;

	if (peek->verdict == AOE_PEEK_GROUP) {
		aoe_count(AOE_STAT_RX_GROUP);
		if (peek->is_config)
			aoe_absent_say(peek->major, peek->minor,
			    AOE_EV_GROUP_ADDRESS, 0);
		return;
	}
	if (peek->verdict != AOE_PEEK_TARGET) {
		aoe_count(AOE_STAT_RX_MALFORMED);
		return;
	}
	if (peek->is_config)
		aoe_disco_judge(f, m);
	sc = aoe_target_find(peek->major, peek->minor);
	if (sc != NULL)
		aoe_target_receive(sc, f, m);
	else {
		aoe_count(AOE_STAT_RX_STRANGERS);
		if (peek->is_config)
			aoe_disco_offer(f);
	}
}

/*
 * The hook on pfil's Ethernet head.  It sees every frame that an interface of
 * vnet0 receives, so it checks the ethertype first: almost all frames pass at
 * once.  A frame with a VLAN tag passes, too, and arrives again on the VLAN's
 * own interface.  A frame with only a priority tag (VID 0) belongs to the
 * interface itself.
 */
static pfil_return_t
aoe_net_input(struct mbuf **mp, struct ifnet *ifp, int flags __unused,
    void *ruleset __unused, struct inpcb *inp __unused)
{
	const struct ether_header *eh;
	struct mbuf *m = *mp;
	struct aoe_frame f;
	struct aoe_peek peek;
	int link;

	eh = mtod(m, const struct ether_header *);
	if (eh->ether_type != htons(ETHERTYPE_AOE))
		return (PFIL_PASS);
	NET_EPOCH_ASSERT();
	if ((m->m_flags & M_VLANTAG) != 0 &&
	    EVL_VLANOFTAG(m->m_pkthdr.ether_vtag) != 0)
		return (PFIL_PASS);
	link = aoe_link_of(ifp);
	if (link == -1 || !aoe_net_admit(m, link, &f, &peek))
		return (PFIL_PASS);
	aoe_count(AOE_STAT_RX_FRAMES);
	SDT_PROBE2(aoe, , frame, receive, link, m);
	aoe_net_dispatch(&f, &peek, m);
	m_freem(m);
	*mp = NULL;
	return (PFIL_CONSUMED);
}

int
aoe_net_init(void)
{
	struct pfil_hook_args ha = {
		.pa_version = PFIL_VERSION,
		.pa_flags = PFIL_IN,
		.pa_type = PFIL_TYPE_ETHERNET,
		.pa_mbuf_chk = aoe_net_input,
		.pa_modname = "aoe",
		.pa_rulname = "default",
	};
	struct pfil_link_args la = {
		.pa_version = PFIL_VERSION,
		/* After firewalls' hooks, which are put in front. */
		.pa_flags = PFIL_IN | PFIL_HOOKPTR | PFIL_APPEND,
		.pa_headname = PFIL_ETHER_NAME,
	};
	int error;

	CURVNET_SET(vnet0);
	aoe_hook = pfil_add_hook(&ha);
	la.pa_hook = aoe_hook;
	error = pfil_link(&la);
	CURVNET_RESTORE();
	if (error != 0)
		printf("aoe: cannot hook into pfil head \"%s\": error %d\n",
		    PFIL_ETHER_NAME, error);
	return (error);
}

/* No frame arrives after this returns. */
void
aoe_net_fini(void)
{

	if (aoe_hook == NULL)
		return;
	CURVNET_SET(vnet0);
	pfil_remove_hook(aoe_hook);
	CURVNET_RESTORE();
	aoe_hook = NULL;
	NET_EPOCH_WAIT();
}
