/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Kernel crash dumps to an AoE disk: net.aoe.dump.
 *
 * Knows: debugnet, the methods with which a driver sends and polls in a kernel
 * that has stopped, and the memory that the kernel reserves for them.
 * Must not know: frames, retransmissions, or which path is next.  The core
 * requests one step after the other (dump.rs).
 *
 * After a panic one thread runs, with interrupts off.  Nothing here locks or
 * sleeps, and memory comes only from what debugnet reserved when the interface
 * came up.  The target is only read, though it may have been in the middle of a
 * change.  If our own thread panicked during that change, there is no dump.
 *
 * No function returns an interface's debugnet methods, and the layout of struct
 * ifnet is private to the kernel.  Their offset is therefore found by
 * experiment, on an interface that is allocated for this and never attached.
 */
#include "aoe_disk.h"

#include <sys/conf.h>
#include <sys/kdb.h>
#include <sys/mbuf.h>
#include <sys/proc.h>

#include <net/debugnet.h>
#include <net/ethernet.h>
#include <net/if_types.h>
#include <net/if_vlan_var.h>
#include <net/vnet.h>

#include <geom/geom_disk.h>

/* Weak: a kernel without options DEBUGNET has neither. */
void	debugnet_mbuf_start(void) __attribute__((__weak__));
void	debugnet_mbuf_finish(void) __attribute__((__weak__));

/* Offset of the debugnet methods in struct ifnet; 0: unknown. */
static uintptr_t aoe_dump_methods_at;		/* (a) */

/* The dump under way. */
static struct {
	struct aoe_softc *d_sc;			/* NULL: none */
	if_t		d_ifp;			/* polled now, or NULL */
	if_input_fn_t	d_input;		/* d_ifp's, to be restored */
	struct debugnet_methods *d_methods;
	struct aoe_dump	d_core;
	uint32_t	d_sequence;
} aoe_dump;

/*
 * If net.aoe.dump is set, find the offset of the debugnet methods in struct
 * ifnet.  Sleeps.  Two threads that do so at once get the same result.
 */
void
aoe_dump_prepare(void)
{
	static struct debugnet_methods mark;
	struct debugnet_methods **word;
	if_t ifp;
	size_t i, n;

	if (!aoe_get(dump) || atomic_load_ptr(&aoe_dump_methods_at) != 0)
		return;
	arc4rand(&aoe_dump.d_sequence, sizeof(aoe_dump.d_sequence), 0);
	CURVNET_SET(vnet0);
	ifp = if_alloc(IFT_OTHER);
	if_setdebugnet_methods(ifp, &mark);
	word = (struct debugnet_methods **)ifp;
	n = malloc_usable_size(ifp) / sizeof(*word);
	for (i = 1; i < n; i++)
		if (word[i] == &mark)
			atomic_store_ptr(&aoe_dump_methods_at,
			    i * sizeof(*word));
	if_setdebugnet_methods(ifp, NULL);
	if_free(ifp);
	CURVNET_RESTORE();
}

/* The debugnet methods of an interface, or NULL if it cannot be used now. */
static struct debugnet_methods *
aoe_dump_methods(if_t ifp)
{

	if (ifp == NULL || atomic_load_ptr(&aoe_dump_methods_at) == 0 ||
	    !aoe_link_is_up(ifp) || if_gettype(ifp) != IFT_ETHER)
		return (NULL);
	return (*(struct debugnet_methods **)((char *)ifp +
	    aoe_dump_methods_at));
}

/* Why no disk can take a dump; NULL if dumps are possible. */
static const char *
aoe_dump_impossible(void)
{

	if (!aoe_get(dump))
		return ("net.aoe.dump is 0");
	if (debugnet_mbuf_start == NULL || debugnet_mbuf_finish == NULL)
		return ("the kernel has no options DEBUGNET");
	return (NULL);
}

/*
 * Why the disk cannot take a dump; NULL if it can.  dumpon(8) asks this long
 * before a panic, so one path suffices, even if it does not answer now.
 */
const char *
aoe_dump_refusal(struct aoe_softc *sc)
{
	struct aoe_path_info path;
	struct epoch_tracker et;
	const char *why;
	u_int i;

	why = aoe_dump_impossible();
	if (why != NULL)
		return (why);
	if (sc->sc_own.read_only != 0)
		return ("the disk is read-only");
	why = "none of its interfaces can be polled";
	NET_EPOCH_ENTER(et);
	mtx_lock(&sc->sc_mtx);
	for (i = 0; aoe_core_path_info(sc->sc_core, i, &path) == 0; i++)
		if (aoe_dump_methods(aoe_link_if(path.link)) != NULL)
			why = NULL;
	mtx_unlock(&sc->sc_mtx);
	NET_EPOCH_EXIT(et);
	return (why);
}

/*
 * The input routine of an interface while it is polled.  If the panic stopped a
 * CPU in tcp_lro_flush_all(), polling delivers again the mbufs that this CPU
 * had already delivered.  Those are freed; INVARIANTS fills them with a
 * pattern, which the test of rcvif detects.
 */
static void
aoe_dump_input(if_t ifp, struct mbuf *m)
{
	uint8_t frame[AOE_RX_HEADER];
	struct mbuf *next;
	int length;

	for (; m != NULL; m = next) {
		if (m->m_pkthdr.rcvif != ifp)
			break;
		next = m->m_nextpkt;
		m->m_nextpkt = NULL;
		length = MIN(m->m_pkthdr.len, (int)sizeof(frame));
		if ((m->m_flags & M_VLANTAG) == 0 ||
		    EVL_VLANOFTAG(m->m_pkthdr.ether_vtag) == 0) {
			m_copydata(m, 0, length, (caddr_t)frame);
			aoe_core_dump_rx(&aoe_dump.d_core, frame, length);
		}
		m_freem(m);
	}
}

/*
 * Append data to a frame, in clusters of debugnet's size.  The data is copied,
 * since the dump code may reuse its buffer before the NIC has sent the frame.
 */
static bool
aoe_dump_append(struct mbuf *frame, const char *data, u_int length)
{
	struct mbuf *last, *m;
	u_int n;

	for (last = frame; length != 0; last = m, data += n, length -= n) {
		n = MIN(length, MCLBYTES);
		m = m_get2(n, M_NOWAIT, MT_DATA, 0);
		if (m == NULL)
			return (false);
		memcpy(mtod(m, char *), data, n);
		m->m_len = n;
		last->m_next = m;
		frame->m_pkthdr.len += n;
	}
	return (true);
}

static void
aoe_dump_send(const struct aoe_dump_step *step, const char *data)
{
	struct mbuf *m;
	char *p;
	u_int first, used, whole;

	/* What fits the first cluster: all data, unless sectors are large. */
	first = MIN(step->length, MCLBYTES - AOE_RX_HEADER);
	used = AOE_RX_HEADER + first;
	whole = MAX(used, ETHER_MIN_LEN - ETHER_CRC_LEN);
	m = m_get2(whole, M_NOWAIT, MT_DATA, M_PKTHDR);
	if (m == NULL)
		return;
	p = mtod(m, char *);
	memcpy(p, step->header, AOE_RX_HEADER);
	if (first != 0)
		memcpy(p + AOE_RX_HEADER, data, first);
	memset(p + used, 0, whole - used);
	m->m_len = m->m_pkthdr.len = whole;
	if (aoe_dump_append(m, data + first, step->length - first))
		(void)aoe_dump.d_methods->dn_transmit(aoe_dump.d_ifp, m);
	else
		m_freem(m);
}

/* Restore the input routine of the interface in use, if any. */
static void
aoe_dump_leave(void)
{

	if (aoe_dump.d_ifp == NULL)
		return;
	if_setinputfn(aoe_dump.d_ifp, aoe_dump.d_input);
	aoe_dump.d_methods->dn_event(aoe_dump.d_ifp, DEBUGNET_END);
	aoe_dump.d_ifp = NULL;
}

/* Take over the interface of a path, if it can be polled. */
static void
aoe_dump_path(u_int link)
{
	if_t ifp;
	uint32_t payload;

	aoe_dump_leave();
	ifp = aoe_link_if(link);
	aoe_dump.d_methods = aoe_dump_methods(ifp);
	if (aoe_dump.d_methods == NULL)
		return;
	payload = aoe_core_dump_path(&aoe_dump.d_core,
	    (const uint8_t *)if_getlladdr(ifp), if_getmtu(ifp), MCLBYTES);
	if (payload == 0)
		return;
	aoe_dump.d_ifp = ifp;
	aoe_dump.d_methods->dn_event(ifp, DEBUGNET_START);
	aoe_dump.d_input = if_getinputfn(ifp);
	if_setinputfn(ifp, aoe_dump_input);
	printf("aoe: %s: dumping over %s, %u bytes a frame\n",
	    aoe_dump.d_sc->sc_name, if_name(ifp), payload);
}

/* End the dump, so that the kernel can try another dump device. */
static void
aoe_dump_end(void)
{

	aoe_dump_leave();
	debugnet_mbuf_finish();
	aoe_dump.d_sc = NULL;
}

static int
aoe_dump_begin(struct aoe_softc *sc)
{
	const char *why;

	why = !KERNEL_PANICKED() ? "there was no panic" : aoe_dump_impossible();
	if (why != NULL) {
		printf("aoe: %s: no dump: %s\n", sc->sc_name, why);
		return (EOPNOTSUPP);
	}
	/* netgdb(4) is using debugnet's memory and an interface already. */
	if (kdb_active != 0 && strcmp(kdb_dbbe->dbbe_name, "gdb") == 0) {
		printf("aoe: %s: no dump while gdb is attached\n",
		    sc->sc_name);
		return (EBUSY);
	}
	if (mtx_owned(&sc->sc_mtx)) {
		printf("aoe: %s: no dump: the panic was in this driver\n",
		    sc->sc_name);
		return (EDOOFUS);
	}
	if (aoe_dump.d_sc != NULL)
		aoe_dump_end();
	aoe_dump.d_sc = sc;
	aoe_core_dump_begin(&aoe_dump.d_core, sc->sc_core,
	    &aoe_dump.d_sequence);
	debugnet_mbuf_start();
	return (0);
}

/* Carry out the core's steps until it is done. */
static int
aoe_dump_run(const char *data)
{
	struct aoe_dump_step step;

	for (;;) {
		aoe_core_dump_step(&aoe_dump.d_core, aoe_dump.d_sc->sc_core,
		    &step);
		switch (step.kind) {
		case AOE_DUMP_PATH:
			aoe_dump_path(step.link);
			break;
		case AOE_DUMP_SEND:
			aoe_dump_send(&step, data + step.offset);
			break;
		case AOE_DUMP_POLL:
			DELAY(step.wait_us);
			(void)aoe_dump.d_methods->dn_poll(aoe_dump.d_ifp,
			    step.length);
			break;
		default:
			return (step.error);
		}
	}
}

/*
 * disk(9)'s d_dump: write `length` bytes.  With neither data nor length, flush
 * the write cache and end the dump.
 */
int
aoe_dump_write(void *arg, void *virtual, off_t offset, size_t length)
{
	struct aoe_softc *sc = ((struct disk *)arg)->d_drv1;
	int error;
	bool last;

	last = virtual == NULL && length == 0;
	error = aoe_dump.d_sc != sc ? aoe_dump_begin(sc) : 0;
	if (error == 0)
		error = aoe_core_dump_ask(&aoe_dump.d_core, offset, length,
		    last);
	if (error == 0)
		error = aoe_dump_run(virtual);
	if (error == ETIMEDOUT)
		printf("aoe: %s: no path answers\n", sc->sc_name);
	if (error != 0)
		printf("aoe: %s: dump failed at %jd: error %d\n", sc->sc_name,
		    (intmax_t)offset, error);
	if (aoe_dump.d_sc == sc && (error != 0 || last))
		aoe_dump_end();
	return (error);
}
