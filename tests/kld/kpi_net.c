/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Interfaces, pfil(9) on the Ethernet head, and transmit.
 *
 * Every transmit is checked: in the net epoch, in vnet0, with no mutex held,
 * on an attached interface, with at least 60 bytes and at most the MTU.  When
 * a sent mbuf is given back is a setting, since drivers differ: some give it
 * back at once, some never.
 */
#include "kpi.h"
#include "kpi_if.h"

#include <sys/epoch.h>
#include <sys/mbuf.h>

#include <net/ethernet.h>
#include <net/pfil.h>

struct pfil_hook {
	struct pfil_hook_args	 args;
	struct pfil_hook	*next;		/* in the order of input */
	struct pfil_hook	*removed;	/* the one removed before */
	bool			 linked;
};

static struct vnet	vnet0_;
struct vnet		*vnet0 = &vnet0_;
static struct pfil_hook	*pfil_first, *pfil_removed;
static struct kmutex	pfil_lock;
static bool		head_present;

/* A sent mbuf to be given back when it is due; or one in the ring, unsent. */
struct held {
	struct held	*next;
	struct mbuf	*m;
	struct kpi_if	*k;
	long		 due;
};
static struct held	*held_first;
static struct held	*ring_first, **ring_last = &ring_first;
static long		 ring_due;
static struct mtx	driver_mtx;
static volatile u_int	driver_turn;	/* incremented at a change */

static void
driver_news(void)
{

	atomic_add_int(&driver_turn, 1);
	host_wake(&driver_turn, 1);
}

void
kpi_pfil_head(int present)
{

	head_present = present;
}

pfil_hook_t
pfil_add_hook(struct pfil_hook_args *a)
{
	struct pfil_hook *h;

	kpi_may_sleep(CALLER, "pfil_add_hook()");
	if (a->pa_version != PFIL_VERSION || a->pa_type != PFIL_TYPE_ETHERNET)
		host_panic("pfil hook of another version or type");
	/* Hooks removed earlier were kept for late readers. */
	while ((h = pfil_removed) != NULL) {
		pfil_removed = h->removed;
		host_free(h);
	}
	h = host_alloc(sizeof(*h));
	h->args = *a;
	/* kld's own firewall is not for the module to give back. */
	if (host_in_module((const void *)a->pa_mbuf_chk))
		ledger_add(LEDGER_PFIL, h, a->pa_modname, CALLER);
	return (h);
}

static void
pfil_unlink(struct pfil_hook *h)
{
	struct pfil_hook **p;

	kpi_lock(&pfil_lock);
	for (p = &pfil_first; *p != NULL && *p != h; p = &(*p)->next)
		;
	/* A reader that is at this hook continues: h->next stays. */
	if (*p == h)
		*p = h->next;
	h->linked = false;
	kpi_unlock(&pfil_lock);
}

/* Inserts a hook before or (append) after all others, as pfil.c on input. */
static void
pfil_insert(struct pfil_hook *h, bool append)
{
	struct pfil_hook **p = &pfil_first;

	kpi_lock(&pfil_lock);
	while (append && *p != NULL)
		p = &(*p)->next;
	h->next = *p;
	h->linked = true;
	*p = h;
	kpi_unlock(&pfil_lock);
}

int
pfil_link(struct pfil_link_args *a)
{
	struct pfil_hook *h = a->pa_hook;

	kpi_may_sleep(CALLER, "pfil_link()");
	if (a->pa_version != PFIL_VERSION)
		kpi_violation(CALLER, "pfil_link of another version");
	if (curvnet != vnet0)
		kpi_violation(CALLER, "pfil_link outside of vnet0");
	if ((a->pa_flags & PFIL_HOOKPTR) == 0)
		host_panic("a pfil hook linked by its name");
	if (h == NULL || (!head_present &&
	    (a->pa_flags & PFIL_HEADPTR) == 0))
		return (ENOENT);
	if ((a->pa_flags & PFIL_UNLINK) == 0 && h->linked)
		return (EEXIST);
	if ((a->pa_flags & PFIL_HEADPTR) == 0 &&
	    strcmp(a->pa_headname, PFIL_ETHER_NAME) != 0)
		return (ENOENT);
	if ((a->pa_flags & PFIL_UNLINK) != 0)
		pfil_unlink(h);
	else if (h->linked)
		return (EEXIST);
	else
		pfil_insert(h, (a->pa_flags & PFIL_APPEND) != 0);
	return (0);
}

void
pfil_remove_hook(pfil_hook_t h)
{

	kpi_may_sleep(CALLER, "pfil_remove_hook()");
	if (curvnet != vnet0)
		kpi_violation(CALLER, "pfil_remove_hook outside of vnet0");
	pfil_unlink(h);
	h->removed = pfil_removed;
	pfil_removed = h;
	/* The kernel frees it after the epoch, so a late reader may use it. */
	if (host_in_module((const void *)h->args.pa_mbuf_chk))
		ledger_remove(LEDGER_PFIL, h, CALLER);
}

/* Giving sent mbufs back. */
static void
free_sent(struct mbuf *m)
{

	/* As a driver does it: with its transmit lock held. */
	mtx_lock(&driver_mtx);
	m_freem(m);
	mtx_unlock(&driver_mtx);
}

static struct held *
take_due(long now, bool all)
{
	struct held *h;

	mtx_lock(&driver_mtx);
	h = held_first;
	if (h != NULL && (all || h->due <= now))
		held_first = h->next;
	else
		h = NULL;
	mtx_unlock(&driver_mtx);
	return (h);
}

static void
release(bool all)
{
	struct held *h;

	while ((h = take_due(host_uptime_ns(), all)) != NULL) {
		free_sent(h->m);
		host_free(h);
	}
}

void
kpi_tx_release(void)
{

	release(true);
	driver_news();
}

static void
hold(struct mbuf *m, long ms)
{
	struct held *h, **p;

	h = host_alloc(sizeof(*h));
	h->m = m;
	h->due = host_uptime_ns() + ms * 1000000;
	mtx_lock(&driver_mtx);
	for (p = &held_first; *p != NULL && (*p)->due <= h->due;
	    p = &(*p)->next)
		;
	h->next = *p;
	*p = h;
	mtx_unlock(&driver_mtx);
	driver_news();
}

static int
put_on_wire(struct kpi_if *k, struct mbuf *m)
{
	struct host_iov iov[32];
	int count = 0;

	for (; m != NULL && count < (int)nitems(iov); m = m->m_next) {
		iov[count].base = m->m_data;
		iov[count++].len = m->m_len;
	}
	return (k->attached ? host_link_send(k->host, iov, count) : 0);
}

static void
tx_done(struct mbuf *m)
{
	long ms;

	if (kpi_faults.tx_free == KPI_TX_LAZY)
		release(true);
	if (kpi_faults.tx_free == KPI_TX_AT_ONCE) {
		free_sent(m);
		return;
	}
	ms = kpi_faults.tx_free == KPI_TX_LATE ? kpi_faults.tx_free_ms :
	    kpi_faults.tx_free == KPI_TX_LAZY ? 1000 : LONG_MAX / 2000000;
	hold(m, ms);
}

/* Puts a frame in the transmit ring, which is sent in order. */
static void
ring_put(struct kpi_if *k, struct mbuf *m)
{
	struct held *h;

	h = host_alloc(sizeof(*h));
	h->m = m;
	h->k = k;
	mtx_lock(&driver_mtx);
	if (ring_first == NULL)
		ring_due = 0;
	/* Up to 2 ms from now; once in 64 frames, up to 60 ms. */
	h->due = MAX(ring_due, host_uptime_ns() + (long)(host_random() %
	    (host_random() % 64 == 0 ? 60000000 : 2000000)));
	ring_due = h->due;
	*ring_last = h;
	ring_last = &h->next;
	mtx_unlock(&driver_mtx);
	driver_news();
}

static struct held *
ring_take(void)
{
	struct held *h;

	mtx_lock(&driver_mtx);
	h = ring_first;
	if (h != NULL && h->due <= host_uptime_ns()) {
		ring_first = h->next;
		if (ring_first == NULL)
			ring_last = &ring_first;
	} else
		h = NULL;
	mtx_unlock(&driver_mtx);
	return (h);
}

static void
ring_drain(void)
{
	struct held *h;
	struct mbuf *m;
	long most;

	while ((h = ring_take()) != NULL) {
		most = 10 * kpi_faults.tx_free_ms;
		m = h->m;
		put_on_wire(h->k, m);
		switch (host_random() % 32) {
		case 0:
			hold(m, most != 0 ? (long)(host_random() % most) :
			    LONG_MAX / 2000000);
			break;
		case 1 ... 8:
			hold(m, (long)(host_random() % 300));
			break;
		default:
			free_sent(m);
		}
		host_free(h);
	}
}

/* Returns how long the reaper may wait, in ns; -1: until the next change. */
static long
reaper_wait(void)
{
	long wait = -1;

	mtx_lock(&driver_mtx);
	if (ring_first != NULL)
		wait = 1000000;
	else if (held_first != NULL)
		wait = MAX(held_first->due - host_uptime_ns(), 1000000);
	mtx_unlock(&driver_mtx);
	return (wait);
}

static void
reaper(void *unused)
{
	u_int turn;

	(void)unused;
	for (;;) {
		turn = driver_turn;
		host_wait(&driver_turn, turn, reaper_wait());
		if (ring_first != NULL)
			ring_drain();
		if (held_first != NULL)
			release(false);
	}
}

static void
check_frame(struct kpi_if *k, struct mbuf *m, const void *caller)
{
	u_int len = m_length(m, NULL);

	kpi_no_locks(caller, "transmit");
	if (curkthr->kt_epoch_depth == 0)
		kpi_violation(caller, "transmit outside the net epoch");
	if (curvnet != vnet0)
		kpi_violation(caller, "transmit outside of vnet0");
	if ((m->m_flags & M_PKTHDR) == 0 || len != (u_int)m->m_pkthdr.len)
		kpi_violation(caller, "packet header says %d bytes, the chain "
		    "has %u", m->m_pkthdr.len, len);
	if (len < 60)
		kpi_violation(caller, "frame of %u bytes sent", len);
	if (len > k->ifn.if_mtu + ETHER_HDR_LEN)
		kpi_violation(caller, "frame of %u bytes sent at MTU %u", len,
		    k->ifn.if_mtu);
	if (!k->attached)
		kpi_violation(caller, "transmit on %s, which is gone",
		    k->ifn.if_xname);
}

int
ether_output_frame(struct ifnet *ifp, struct mbuf *m)
{
	struct kpi_if *k = kif(ifp);
	int error;

	check_frame(k, m, CALLER);
	error = kpi_faults.tx_error;
	if ((ifp->if_flags & IFF_UP) == 0 ||
	    (ifp->if_drv_flags & IFF_DRV_RUNNING) == 0)
		error = ENETDOWN;
	atomic_add_long(&k->out, 1);
	if (error == 0 && kpi_faults.tx_free == KPI_TX_RANDOM) {
		ring_put(k, m);
		return (0);
	}
	if (error == 0)
		error = put_on_wire(k, m);
	tx_done(m);
	return (error);
}

/* Receiving. */
static struct epoch_tracker input_et[KPI_THREADS];

void
kpi_input_begin(void)
{

	curkthr->kt_nosleep = "an interface's receive thread";
	NET_EPOCH_ENTER(input_et[curkthr->kt_slot]);
}

void
kpi_input_end(void)
{

	NET_EPOCH_EXIT(input_et[curkthr->kt_slot]);
	curkthr->kt_nosleep = NULL;
}

/*
 * Frees a piece's storage, which is just as long as the piece, so that an
 * access past its end is detected.
 */
static void
piece_free(struct mbuf *m)
{

	host_free(m->m_ext.ext_arg1);
}

/* Makes one mbuf of a chain; it may be empty. */
static struct mbuf *
piece(const char *bytes, u_int n, bool first)
{
	struct mbuf *m;
	char *buf;

	m = first ? m_gethdr(M_NOWAIT, MT_DATA) : m_get(M_NOWAIT, MT_DATA);
	if (m == NULL)
		return (NULL);
	buf = host_alloc_raw(n);
	memcpy(buf, bytes, n);
	m_extadd(m, buf, n, piece_free, buf, NULL, 0, EXT_MOD_TYPE);
	m->m_len = (int)n;
	return (m);
}

/* Makes a chain of a frame: pieces of the sizes in `cut`, then the rest. */
static struct mbuf *
chain(const char *frame, u_long len, const unsigned short *cut, u_int count)
{
	struct mbuf *top = NULL, *m, **tail = &top;
	u_long off;
	u_int i, n;

	for (off = 0, i = 0; i <= count; i++, off += n) {
		n = (u_int)(i < count ? MIN(cut[i], len - off) : len - off);
		/* if_ethersubr.c drops a frame whose first mbuf has less. */
		if (i == 0)
			n = MAX(n, ETHER_HDR_LEN);
		if (i == count && n == 0)
			break;
		m = piece(frame + off, n, top == NULL);
		if (m == NULL) {
			m_freem(top);
			return (NULL);
		}
		*tail = m;
		tail = &m->m_next;
	}
	return (top);
}

/* Makes a chain of a frame: only the Ethernet header in the first mbuf. */
static struct mbuf *
chop(const char *frame, u_long len)
{
	static const unsigned short header[] = { ETHER_HDR_LEN };
	struct mbuf *top, *m, **tail;
	u_long off, n;

	top = chain(frame, ETHER_HDR_LEN, header, 1);
	if (top == NULL)
		return (NULL);
	for (off = ETHER_HDR_LEN, tail = &top->m_next; off < len; off += n) {
		n = MIN(len - off, 1 + off % 131);
		if ((m = piece(frame + off, (u_int)n, false)) == NULL) {
			m_freem(top);
			return (NULL);
		}
		*tail = m;
		tail = &m->m_next;
	}
	return (top);
}

static struct mbuf *
whole(const char *frame, u_long len)
{
	struct mbuf *m;

	m = m_get3((int)len, M_NOWAIT, MT_DATA, M_PKTHDR);
	if (m == NULL)
		return (NULL);
	memcpy(m->m_data, frame, len);
	m->m_len = (int)len;
	return (m);
}

/* Calls each hook in order until one takes the frame. */
static pfil_return_t
run_hooks(struct mbuf **m, struct kpi_if *k)
{
	struct pfil_hook *h;
	pfil_return_t verdict = PFIL_PASS;

	CURVNET_SET(vnet0);
	for (h = pfil_first; h != NULL && verdict == PFIL_PASS; h = h->next) {
		verdict = h->args.pa_mbuf_chk(m, &k->ifn, PFIL_IN,
		    h->args.pa_ruleset, NULL);
		if (verdict != PFIL_PASS && *m != NULL)
			kpi_violation((void *)h->args.pa_mbuf_chk,
			    "hook took a packet and left its pointer");
		if (curkthr->kt_nheld != 0)
			kpi_violation((void *)h->args.pa_mbuf_chk,
			    "hook left with a lock held");
	}
	CURVNET_RESTORE();
	return (verdict);
}

/* Does what the stack does with a packet before and after the hooks. */
static void
input(struct kpi_if *k, struct mbuf *m, const void *frame, u_long len,
    int vlan_tag)
{
	const u_char *dst = frame;
	m->m_pkthdr.len = (int)len;
	m->m_pkthdr.rcvif = &k->ifn;
	if (ETHER_IS_BROADCAST(dst))
		m->m_flags |= M_BCAST;
	else if (ETHER_IS_MULTICAST(dst))
		m->m_flags |= M_MCAST;
	else if (memcmp(dst, k->lladdr, ETHER_ADDR_LEN) != 0)
		m->m_flags |= M_PROMISC;
	if (vlan_tag >= 0) {
		m->m_flags |= M_VLANTAG;
		m->m_pkthdr.ether_vtag = (uint16_t)vlan_tag;
	}
	/* While a dump is written, no address filter and no hook applies. */
	if (k->polled) {
		kpi_poll_queue(k, m);
		return;
	}
	/* Promiscuous frames never reach the hooks (if_ethersubr.c). */
	if (m->m_flags & M_PROMISC) {
		m_freem(m);
		return;
	}
	if (run_hooks(&m, k) == PFIL_PASS) {
		atomic_add_long(&k->passed, 1);
		m_freem(m);
	}
}

/* Counts a frame of that length; returns whether it reaches the hooks. */
static bool
reaches_hook(struct kpi_if *k, u_long len)
{

	atomic_add_long(&k->in, 1);
	return (k->attached && (k->ifn.if_flags & IFF_UP) != 0 &&
	    pfil_first != NULL && len >= ETHER_HDR_LEN);
}

void
kpi_if_input(struct kpi_if *k, const void *frame, u_long len, int vlan_tag)
{
	struct mbuf *m;

	if (!reaches_hook(k, len))
		return;
	m = kpi_faults.rx_split || len > MJUM16BYTES ? chop(frame, len) :
	    whole(frame, len);
	if (m != NULL)
		input(k, m, frame, len, vlan_tag);
}

void
kpi_if_input_cut(struct kpi_if *k, const void *frame, u_long len,
    int vlan_tag, const unsigned short *cut, u_int count)
{
	struct mbuf *m;

	if (!reaches_hook(k, len))
		return;
	m = chain(frame, len, cut, count);
	if (m != NULL)
		input(k, m, frame, len, vlan_tag);
}

void
kpi_net_boot(void)
{

	vnet0_.vnet_magic_n = VNET_MAGIC_N;
	mtx_init(&driver_mtx, "driver transmit", NULL, MTX_DEF);
	ledger_remove(LEDGER_LOCK, &driver_mtx, NULL);
	host_thread("reaper", reaper, NULL);
}
