/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Frames as mbufs: building the frames that the core requests, and copying the
 * data of received frames into the I/Os that they answer.
 *
 * Knows: mbufs, and how to access the data of a bio.
 * Must not know: interfaces, or why a frame is sent.
 *
 * A short frame, unless it is a copy of a write, is a plain mbuf.  Every other
 * frame is a buffer of ours: it holds the bytes and, embedded, the mbuf that
 * describes them (M_NOFREE).  So it takes at most one allocation to send a
 * frame, and often none, since each target keeps some returned buffers.  The
 * last few of these, the reserve, are used only if an allocation fails.  Data
 * is always copied: many drivers free sent mbufs only when they next have
 * something to send, and an answered I/O must not wait for that.
 *
 * A buffer is returned through aoe_buf_free(), which may run in any context,
 * under any lock.  It pushes the buffer onto its target's list and then touches
 * neither again; the next thread that locks the target reaps the list.  sc_out
 * counts buffers until they are reaped.  While it is not 0, the target is not
 * freed and the module is not unloaded.
 */
#include "aoe_frame.h"

#include <sys/mbuf.h>

#include <net/ethernet.h>

#include <vm/uma.h>

#define	AOE_HEADROOM		32	/* in front, for a VLAN or PCP tag */
#define	AOE_FRAME_MIN		(ETHER_MIN_LEN - ETHER_CRC_LEN)
_Static_assert(AOE_TX_HEADER < AOE_FRAME_MIN, "every frame has a whole header");

struct aoe_buf {
	struct mbuf		b_mbuf;
	struct aoe_softc	*b_sc;
	struct aoe_buf		*b_next;	/* in sc_sent or sc_kept */
	volatile u_int		b_refs;		/* the mbuf's ext_cnt */
	uint32_t		b_copy;		/* for aoe_core_sent(), or 0 */
	uint32_t		b_class;	/* index into aoe_zones */
	char			b_data[];
};

/* Buffer sizes: for frames of 1,514 bytes, of 9,014 and of the largest MTU. */
static struct {
	const char	*z_name;
	u_int		z_room;			/* bytes of b_data */
	uma_zone_t	z_zone;
} aoe_zones[] = {
	{ .z_name = "aoe_frame_2k",  .z_room = 2048 - sizeof(struct aoe_buf) },
	{ .z_name = "aoe_frame_9k",  .z_room = 9216 },
	{ .z_name = "aoe_frame_64k", .z_room = AOE_MTU_MAX + ETHER_HDR_LEN +
	    AOE_HEADROOM },
};
_Static_assert(sizeof(struct aoe_buf) + AOE_HEADROOM + ETHER_MAX_LEN < 2048,
    "a frame of 1,514 bytes fits the first zone");

void
aoe_mbuf_init(void)
{
	u_int i;

	for (i = 0; i < nitems(aoe_zones); i++)
		aoe_zones[i].z_zone = uma_zcreate(aoe_zones[i].z_name,
		    sizeof(struct aoe_buf) + aoe_zones[i].z_room,
		    NULL, NULL, NULL, NULL, UMA_ALIGN_PTR, 0);
}

void
aoe_mbuf_fini(void)
{
	u_int i;

	for (i = 0; i < nitems(aoe_zones); i++)
		if (aoe_zones[i].z_zone != NULL)
			uma_zdestroy(aoe_zones[i].z_zone);
}

static u_int
aoe_buf_class(u_int length)
{
	u_int i;

	for (i = 0; i < nitems(aoe_zones); i++)
		if (AOE_HEADROOM + length <= aoe_zones[i].z_room)
			break;
	return (i);
}

/* ext_free of our mbufs; runs in the context that drops the last reference. */
static void
aoe_buf_free(struct mbuf *m)
{
	struct aoe_buf *b;
	uintptr_t old, *head;

	b = m->m_ext.ext_arg1;
	head = &b->b_sc->sc_sent;
	do {
		old = atomic_load_ptr(head);
		b->b_next = (struct aoe_buf *)old;
	} while (atomic_cmpset_rel_ptr(head, old, (uintptr_t)b) == 0);
}

static void
aoe_buf_recycle(struct aoe_softc *sc, struct aoe_buf *b)
{

	if (sc->sc_nkept < aoe_limits.kept &&
	    b->b_class >= sc->sc_kept_class) {
		b->b_next = sc->sc_kept;
		sc->sc_kept = b;
		sc->sc_nkept++;
	} else
		uma_zfree(aoe_zones[b->b_class].z_zone, b);
}

/* Collect the returned buffers, and report copies of writes to the core. */
void
aoe_bufs_reap(struct aoe_softc *sc, uint64_t now)
{
	struct aoe_buf *b, *next;

	mtx_assert(&sc->sc_mtx, MA_OWNED);
	b = (struct aoe_buf *)atomic_swap_ptr(&sc->sc_sent, 0);
	atomic_thread_fence_acq();
	for (; b != NULL; b = next) {
		next = b->b_next;
		sc->sc_out--;
		if (b->b_copy != 0)
			aoe_core_sent(sc->sc_core, now, b->b_copy);
		aoe_buf_recycle(sc, b);
	}
}

/* Free the kept buffers beyond the reserve. */
void
aoe_bufs_trim(struct aoe_softc *sc)
{
	struct aoe_buf *b;

	mtx_assert(&sc->sc_mtx, MA_OWNED);
	while (sc->sc_nkept > aoe_limits.reserve) {
		b = sc->sc_kept;
		sc->sc_kept = b->b_next;
		sc->sc_nkept--;
		uma_zfree(aoe_zones[b->b_class].z_zone, b);
	}
}

/*
 * Get a buffer: a returned one or a new one.  If there is no memory, take it
 * from the reserve, which consists of the last `reserve` kept buffers.
 */
static struct aoe_buf *
aoe_buf_get(struct aoe_softc *sc, u_int length)
{
	struct aoe_buf *b, **prev;
	u_int class;

	class = aoe_buf_class(length);
	if (class == nitems(aoe_zones))
		return (NULL);
	b = sc->sc_kept;
	if (sc->sc_nkept > aoe_limits.reserve && b->b_class >= class) {
		sc->sc_kept = b->b_next;
		sc->sc_nkept--;
		return (b);
	}
	b = uma_zalloc(aoe_zones[class].z_zone, M_NOWAIT);
	if (b != NULL) {
		b->b_class = class;
		return (b);
	}
	for (prev = &sc->sc_kept; (b = *prev) != NULL; prev = &b->b_next) {
		if (b->b_class >= class) {
			*prev = b->b_next;
			sc->sc_nkept--;
			aoe_count(AOE_STAT_RESERVE_USED);
			return (b);
		}
	}
	return (NULL);
}

/* An mbuf for `length` bytes in a buffer of ours. */
static struct mbuf *
aoe_buf_frame(struct aoe_softc *sc, u_int length, uint32_t copy)
{
	struct aoe_buf *b;
	struct mbuf *m;

	b = aoe_buf_get(sc, length);
	if (b == NULL)
		return (NULL);
	b->b_sc = sc;
	b->b_copy = copy;
	b->b_refs = 1;
	m = &b->b_mbuf;
	/* Not m_init(): it refers to probes that not every kernel has. */
	m->m_next = m->m_nextpkt = NULL;
	m->m_type = MT_DATA;
	m->m_flags = M_PKTHDR | M_NOFREE | M_EXT;
	if (m_pkthdr_init(m, M_NOWAIT) != 0) {
		aoe_buf_recycle(sc, b);
		return (NULL);
	}
	m->m_ext.ext_buf = b->b_data;
	m->m_ext.ext_size = aoe_zones[b->b_class].z_room;
	m->m_ext.ext_type = EXT_EXTREF;
	m->m_ext.ext_flags = 0;
	m->m_ext.ext_cnt = &b->b_refs;
	m->m_ext.ext_free = aoe_buf_free;
	m->m_ext.ext_arg1 = b;
	m->m_ext.ext_arg2 = NULL;
	m->m_data = b->b_data + AOE_HEADROOM;
	sc->sc_out++;
	return (m);
}

/* A plain mbuf for `length` bytes, or NULL if they do not fit one. */
static struct mbuf *
aoe_plain_frame(u_int length)
{
	struct mbuf *m;

	if (AOE_HEADROOM + length > MHLEN)
		return (NULL);
	m = m_get2(AOE_HEADROOM + length, M_NOWAIT, MT_DATA, M_PKTHDR);
	if (m != NULL)
		m->m_data += AOE_HEADROOM;
	return (m);
}

/*
 * Write a frame of minimum length: all AOE_TX_HEADER bytes of the header, of
 * which those beyond the frame's header_length are 0, and zeros.  The caller
 * then writes the data over the zeros.
 */
static void
aoe_frame_start(struct mbuf *m, const struct aoe_output *o)
{
	char *p;

	p = mtod(m, char *);
	memcpy(p, o->header, AOE_TX_HEADER);
	memset(p + AOE_TX_HEADER, 0, AOE_FRAME_MIN - AOE_TX_HEADER);
}

static void
aoe_frame_finish(struct mbuf *m, const struct aoe_output *o)
{
	char *p;
	u_int used;

	p = mtod(m, char *);
	used = MAX(o->header_length + o->data_length, AOE_FRAME_MIN);
	if (used < o->frame_length)
		memset(p + used, 0, o->frame_length - used);
	m->m_len = m->m_pkthdr.len = o->frame_length;
	m->m_pkthdr.flowid = o->flow;
	M_HASHTYPE_SET(m, M_HASHTYPE_OPAQUE);
	if (__predict_false(ETHER_IS_MULTICAST((const uint8_t *)p)))
		m->m_flags |= ETHER_IS_BROADCAST((const uint8_t *)p) ?
		    M_BCAST : M_MCAST;
}

/*
 * Build the frame of a TRANSMIT.  Without memory, returns NULL: to the core
 * that is a lost frame, which it sends again later.  If it was a copy of a
 * write, the copy is reported as returned, since it will never be sent.
 */
struct mbuf *
aoe_frame_build(struct aoe_softc *sc, const struct aoe_output *o)
{
	struct mbuf *m;
	char *p;

	mtx_assert(&sc->sc_mtx, MA_OWNED);
	KASSERT(o->header_length + o->data_length <= o->frame_length,
	    ("frame of %u bytes for %u + %u", o->frame_length,
	    o->header_length, o->data_length));
	m = NULL;
	if (o->copy == 0)
		m = aoe_plain_frame(o->frame_length);
	if (m == NULL)
		m = aoe_buf_frame(sc, o->frame_length, o->copy);
	if (m == NULL) {
		aoe_count(AOE_STAT_NO_BUFFER);
		if (o->copy != 0) {
			aoe_core_sent(sc->sc_core, aoe_now(), o->copy);
			/* This is an input, so poll the core once more. */
			atomic_store_int(&sc->sc_drain, AOE_DRAIN_MORE);
		}
		return (NULL);
	}
	aoe_frame_start(m, o);
	p = mtod(m, char *) + o->header_length;
	switch (o->source) {
	case AOE_SRC_IO:
		aoe_bio_write_to((struct bio *)(uintptr_t)o->io,
		    o->data_offset, o->data_length, p);
		break;
	case AOE_SRC_CONTROL:
		memcpy(p, aoe_core_control_buffer(sc->sc_core) +
		    o->data_offset, o->data_length);
		break;
	}
	aoe_frame_finish(m, o);
	return (m);
}

/* Build a frame of discovery, which belongs to no target. */
struct mbuf *
aoe_frame_bare(const struct aoe_output *o)
{
	struct mbuf *m;

	KASSERT(o->data_length == 0, ("discovery frame with data"));
	m = aoe_plain_frame(o->frame_length);
	if (m == NULL)
		aoe_count(AOE_STAT_NO_BUFFER);
	else {
		aoe_frame_start(m, o);
		aoe_frame_finish(m, o);
	}
	return (m);
}

/* Copy the data of a received frame to the core's destination. */
void
aoe_frame_deliver(struct aoe_softc *sc, const struct aoe_copy *c,
    const struct mbuf *m)
{

	mtx_assert(&sc->sc_mtx, MA_OWNED);
	switch (c->dest) {
	case AOE_DEST_IO:
		aoe_bio_read_from((struct bio *)(uintptr_t)c->io, c->io_offset,
		    c->length, m, c->frame_offset);
		break;
	case AOE_DEST_SCRATCH:
		KASSERT(c->length <= AOE_CONTROL_MAX, ("scratch overrun"));
		m_copydata(m, c->frame_offset, c->length,
		    (caddr_t)aoe_core_scratch(sc->sc_core));
		break;
	}
}

/*
 * Keep a buffer in exchange for one that is too small, which is returned; or if
 * the reserve is not full, for which NULL is returned.  Otherwise return `b`.
 */
static struct aoe_buf *
aoe_reserve_exchange(struct aoe_softc *sc, struct aoe_buf *b)
{
	struct aoe_buf **prev, *small;

	mtx_assert(&sc->sc_mtx, MA_OWNED);
	for (prev = &sc->sc_kept; (small = *prev) != NULL;
	    prev = &small->b_next)
		if (small->b_class < sc->sc_kept_class)
			break;
	if (small != NULL) {
		*prev = small->b_next;
		sc->sc_nkept--;
	} else if (sc->sc_nkept >= aoe_limits.reserve)
		return (b);
	b->b_next = sc->sc_kept;
	sc->sc_kept = b;
	sc->sc_nkept++;
	return (small);
}

/*
 * Fill the reserve with buffers for the largest frame of the listed interfaces.
 * Sleeps.  The lifecycle task does this when a target is made, and when the
 * largest MTU has grown.
 */
void
aoe_reserve_fill(struct aoe_softc *sc)
{
	struct aoe_buf *b, *back;
	u_int class;

	class = aoe_buf_class(aoe_links_mtu() + ETHER_HDR_LEN);
	class = MIN(class, nitems(aoe_zones) - 1);
	do {
		b = uma_zalloc(aoe_zones[class].z_zone, M_WAITOK);
		b->b_class = class;
		mtx_lock(&sc->sc_mtx);
		sc->sc_kept_class = class;
		back = aoe_reserve_exchange(sc, b);
		mtx_unlock(&sc->sc_mtx);
		if (back != NULL)
			uma_zfree(aoe_zones[back->b_class].z_zone, back);
	} while (back != b);
}

void
aoe_reserve_free(struct aoe_softc *sc)
{
	struct aoe_buf *b;

	KASSERT(sc->sc_out == 0, ("%s: %u buffers out", sc->sc_name,
	    sc->sc_out));
	while ((b = sc->sc_kept) != NULL) {
		sc->sc_kept = b->b_next;
		sc->sc_nkept--;
		uma_zfree(aoe_zones[b->b_class].z_zone, b);
	}
}
