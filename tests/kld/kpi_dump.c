/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A kernel that has stopped to write a crash dump: only one thread runs, and
 * sends on and polls an interface using its debugnet methods.
 *
 * Rules that are checked: the thread takes no lock and does not sleep (see
 * kt_stopped), frames are sent only from debugnet's memory and between START
 * and END, and everything is given back at the end.
 */
#include "kpi.h"
#include "kpi_geom.h"
#include "kpi_if.h"

#include <sys/kdb.h>
#include <sys/mbuf.h>

#include <net/debugnet.h>

static bool		memory;		/* debugnet's memory is in use */
static int		polled;		/* interfaces between START and END */
static struct kmutex	queue_lock;
static struct mbuf	stale;		/* looks like a freed mbuf */
static bool		stale_due;	/* the next poll delivers it */

/* A debugger, attached through debugnet while the kernel has stopped. */
static struct kdb_dbbe	gdb = { .dbbe_name = "gdb" };
u_char			kdb_active;
struct kdb_dbbe		*kdb_dbbe = &gdb;

void	debugnet_mbuf_start(void);
void	debugnet_mbuf_finish(void);

void
debugnet_mbuf_start(void)
{

	if (memory)
		kpi_violation(CALLER, "debugnet's memory taken twice");
	memory = true;
}

void
debugnet_mbuf_finish(void)
{

	if (!memory)
		kpi_violation(CALLER, "debugnet's memory given back twice");
	memory = false;
}

/* Queues a frame that arrives while the interface is polled. */
void
kpi_poll_queue(struct kpi_if *k, struct mbuf *m)
{
	struct mbuf **p;

	kpi_lock_quiet(&queue_lock);
	for (p = &k->queue; *p != NULL; p = &(*p)->m_nextpkt)
		;
	*p = m;
	kpi_unlock_quiet(&queue_lock);
}

static struct mbuf *
take_queue(struct kpi_if *k)
{
	struct mbuf *m;

	kpi_lock_quiet(&queue_lock);
	m = k->queue;
	k->queue = NULL;
	kpi_unlock_quiet(&queue_lock);
	return (m);
}

static void
dn_event(if_t ifp, enum debugnet_ev event)
{
	struct kpi_if *k = kif(ifp);
	struct mbuf *m, *next;

	if (k->polled == (event == DEBUGNET_START))
		kpi_violation(CALLER, "%s polled or not already",
		    ifp->if_xname);
	k->polled = event == DEBUGNET_START;
	polled += k->polled ? 1 : -1;
	if (k->polled) {
		memset(&stale, 0xde, sizeof(stale));
		stale_due = true;
		return;
	}
	for (m = take_queue(k); m != NULL; m = next) {
		next = m->m_nextpkt;
		m_freem(m);
	}
}

static int
dn_transmit(if_t ifp, struct mbuf *m)
{
	struct kpi_if *k = kif(ifp);
	struct host_iov iov[4];
	struct mbuf *n;
	unsigned pieces = 0;
	int length = 0;
	bool fits = true;

	/* Each piece must fit one of debugnet's clusters. */
	for (n = m; n != NULL && pieces < nitems(iov); n = n->m_next) {
		iov[pieces].base = n->m_data;
		iov[pieces++].len = (u_long)n->m_len;
		length += n->m_len;
		fits &= n->m_len > 0 && n->m_len <= MCLBYTES;
	}
	if (!k->polled || !memory || !curkthr->kt_stopped)
		kpi_violation(CALLER, "sent by polling in a kernel that runs");
	if (n != NULL || !fits || length != m->m_pkthdr.len || length < 60 ||
	    length > (int)ifp->if_mtu + ETHER_HDR_LEN)
		kpi_violation(CALLER, "frame of %d bytes sent by polling",
		    m->m_pkthdr.len);
	atomic_add_long(&k->out, 1);
	host_link_send(k->host, iov, (int)pieces);
	m_freem(m);
	return (0);
}

/*
 * Delivers a queued frame.  The first poll also delivers one that had already
 * been delivered and freed, as happens if the panic interrupted the input in
 * tcp_lro_flush_all().
 */
static int
dn_poll(if_t ifp, int count)
{
	struct mbuf *m;

	(void)count;
	if (stale_due) {
		stale_due = false;
		ifp->if_input(ifp, &stale);
	}
	m = take_queue(kif(ifp));
	if (m != NULL)
		ifp->if_input(ifp, m);
	return (0);
}

static struct debugnet_methods methods = {
	.dn_event = dn_event,
	.dn_transmit = dn_transmit,
	.dn_poll = dn_poll,
};

static void
not_polled(if_t ifp, struct mbuf *m)
{

	kpi_violation(NULL, "%s: input that belongs to the stack",
	    ifp->if_xname);
	m_freem(m);
}

void
kpi_if_polling(struct kpi_if *k, int can)
{

	k->ifn.if_input = not_polled;
	k->ifn.if_debugnet_methods = can ? &methods : NULL;
}

/* The functions that the module's dump code needs to set up interfaces. */
if_t
if_alloc(u_char type)
{
	struct kpi_if *k;

	kpi_may_sleep(CALLER, "if_alloc()");
	if (curvnet != vnet0)
		kpi_violation(CALLER, "if_alloc outside of vnet0");
	k = host_alloc(sizeof(*k));
	k->ifn.if_type = type;
	ledger_add(LEDGER_IFREF, k, "if_alloc", CALLER);
	return (&k->ifn);
}

void
if_free(if_t ifp)
{

	if (curvnet != vnet0)
		kpi_violation(CALLER, "if_free outside of vnet0");
	if (ledger_remove(LEDGER_IFREF, ifp, CALLER))
		host_free(kif(ifp));
}

size_t
malloc_usable_size(const void *p)
{

	(void)p;
	return (sizeof(struct ifnet));
}

void
if_setdebugnet_methods(if_t ifp, struct debugnet_methods *m)
{

	ifp->if_debugnet_methods = m;
}

void
if_setinputfn(if_t ifp, if_input_fn_t input)
{

	ifp->if_input = input;
}

if_input_fn_t
if_getinputfn(if_t ifp)
{

	return (ifp->if_input);
}

/* Begins or ends a panic, in which only the calling thread runs. */
void
kpi_stop(int stop)
{

	if (kpi_faults.netgdb && stop != kdb_active)
		memory = kdb_active = stop != 0;
	panicstr = stop ? "a dump" : NULL;
	curkthr->kt_stopped = stop;
	curkthr->kt_nosleep = stop ? "a kernel that has stopped" : NULL;
	if (!stop && (memory || polled != 0))
		kpi_violation(NULL, "a dump left %d interfaces polled, %s "
		    "debugnet's memory", polled, memory ? "with" : "without");
}

int
kpi_disk_dump(struct kpi_disk *d, void *data, long offset, long length)
{
	struct disk *dp = d->p->dp;

	return (dp == NULL || dp->d_dump == NULL ? ENODEV :
	    dp->d_dump(dp, data, offset, (size_t)length));
}
