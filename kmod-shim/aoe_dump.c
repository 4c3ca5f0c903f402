/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Kernel crash dumps to an AoE disk: net.aoe.dump.
 *
 * Knows: the methods by which a driver sends and polls in a kernel that has
 * stopped (debugnet), and the memory that the kernel keeps for that.
 * Must not know: frames; the core writes each one and judges each answer.
 *
 * After a panic one thread runs, with interrupts off.  Nothing here locks,
 * sleeps or allocates but from the memory that debugnet set aside when the
 * interface came up.  The running core is not used any more: a write leaves,
 * and is repeated until it is answered, before the next one does; the core
 * is only asked what it knew of the target, which it may have been about to
 * change.  If it was our own thread that crashed in the middle of that, there
 * is no dump.
 *
 * No function tells an interface's methods, and the layout of an interface is
 * the kernel's business.  So where they lie is found by experiment, on an
 * interface that is made for that and belongs to nobody.
 */
#include "aoe_var.h"

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

#define	AOE_DUMP_POLL_US	10		/* between polls, at least */
#define	AOE_DUMP_SETTLE_US	100000		/* for what was on the wire */
#define	AOE_DUMP_RTO_US		20000		/* first; then doubled, up to */
#define	AOE_DUMP_RTO_MAX_US	1000000
#define	AOE_DUMP_PATH_US	10000000	/* silence that ends a path */
#define	AOE_DUMP_LOST_US	60000000	/* ... and the dump, in sum */
#define	AOE_DUMP_CREDIT_US	1000		/* ... but for each answer */

/* A kernel without options DEBUGNET has neither. */
void	debugnet_mbuf_start(void) __attribute__((__weak__));
void	debugnet_mbuf_finish(void) __attribute__((__weak__));

/* Where an interface keeps its methods; 0: not known. */
static uintptr_t aoe_dump_methods_at;		/* (a) */

/* The dump under way. */
static struct {
	struct aoe_softc *d_sc;			/* NULL: none */
	if_t		d_ifp;			/* polled now, or NULL */
	if_input_fn_t	d_input;		/* its own, meanwhile */
	struct debugnet_methods *d_methods;
	struct aoe_dump	d_request;
	uint32_t	d_payload;		/* bytes of a write */
	uint32_t	d_sector;		/* bytes of the disk's own */
	uint32_t	d_flags;		/* AOE_INFO_* */
	u_int		d_next_path;
	u_int		d_lost_us;		/* waited in vain, in sum */
	int		d_answer;		/* EAGAIN: none yet */
} aoe_dump;

/*
 * If dumps are wanted, find out where interfaces keep their methods.  Sleeps.
 * Two threads that do so at once find the same.
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
	arc4rand(&aoe_dump.d_request.sequence,
	    sizeof(aoe_dump.d_request.sequence), 0);
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

/* The methods of an interface that can send and poll now, or NULL. */
static struct debugnet_methods *
aoe_dump_methods(if_t ifp)
{

	if (ifp == NULL || atomic_load_ptr(&aoe_dump_methods_at) == 0 || !aoe_link_is_up(ifp) ||
	    if_gettype(ifp) != IFT_ETHER)
		return (NULL);
	return (*(struct debugnet_methods **)((char *)ifp +
	    aoe_dump_methods_at));
}

/* Why no disk can take a dump; NULL if that is not so. */
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
 * Why the disk cannot take a dump; NULL if it can.  This is what dumpon(8)
 * is told, so a path that is only silent at the moment will do.
 */
const char *
aoe_dump_refusal(struct aoe_softc *sc)
{
	struct aoe_path_info path;
	struct epoch_tracker et;
	const char *why;
	bool can;
	u_int i;
	int error;

	why = aoe_dump_impossible();
	if (why != NULL)
		return (why);
	if (sc->sc_read_only != 0)
		return ("it is read-only");
	for (can = false, i = 0; !can; i++) {
		mtx_lock(&sc->sc_mtx);
		error = aoe_core_path_info(sc->sc_core, i, &path);
		mtx_unlock(&sc->sc_mtx);
		if (error != 0)
			return ("no interface to it can be polled");
		NET_EPOCH_ENTER(et);
		can = aoe_dump_methods(aoe_link_if(path.link)) != NULL;
		NET_EPOCH_EXIT(et);
	}
	return (NULL);
}

/* What the interface received while it was polled. */
static void
aoe_dump_input(if_t ifp __unused, struct mbuf *m)
{
	uint8_t frame[AOE_RX_HEADER];
	struct mbuf *next;
	int length;

	for (; m != NULL; m = next) {
		next = m->m_nextpkt;
		m->m_nextpkt = NULL;
		length = MIN(m->m_pkthdr.len, (int)sizeof(frame));
		if (aoe_dump.d_answer == EAGAIN &&
		    ((m->m_flags & M_VLANTAG) == 0 ||
		    EVL_VLANOFTAG(m->m_pkthdr.ether_vtag) == 0)) {
			m_copydata(m, 0, length, (caddr_t)frame);
			aoe_dump.d_answer = aoe_core_dump_answer(
			    &aoe_dump.d_request, frame, length);
		}
		m_freem(m);
	}
}

/*
 * Add data to a frame, in clusters of the size that debugnet keeps.  A copy:
 * the kernel uses its own memory again before a NIC may.
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
aoe_dump_send(const char *data, uint32_t length)
{
	struct mbuf *m;
	char *p;
	u_int first, used, whole;

	/* As much as fits one cluster, which is all unless sectors are large. */
	first = MIN(length, MCLBYTES - AOE_RX_HEADER);
	used = AOE_RX_HEADER + first;
	whole = MAX(used, ETHER_MIN_LEN - ETHER_CRC_LEN);
	m = m_get2(whole, M_NOWAIT, MT_DATA, M_PKTHDR);
	if (m == NULL)
		return;
	p = mtod(m, char *);
	aoe_core_dump_emit(&aoe_dump.d_request, (uint8_t *)p);
	if (first != 0)
		memcpy(p + AOE_RX_HEADER, data, first);
	memset(p + used, 0, whole - used);
	m->m_len = m->m_pkthdr.len = whole;
	if (!aoe_dump_append(m, data + first, length - first)) {
		m_freem(m);
		return;
	}
	(void)aoe_dump.d_methods->dn_transmit(aoe_dump.d_ifp, m);
}

/* Poll until there is an answer, or for so long; less often with time. */
static void
aoe_dump_wait(u_int us)
{
	u_int step, waited;

	for (waited = 0; waited < us; waited += step) {
		(void)aoe_dump.d_methods->dn_poll(aoe_dump.d_ifp, 1000);
		if (aoe_dump.d_answer != EAGAIN)
			return;
		step = MAX(AOE_DUMP_POLL_US, waited / 16);
		DELAY(step);
	}
}

/* One request, until it is answered; ETIMEDOUT if it is not. */
static int
aoe_dump_request(const char *data, uint32_t length)
{
	u_int rto, waited;

	aoe_dump.d_request.sequence++;
	aoe_dump.d_request.sectors = length / AOE_SECTOR;
	aoe_dump.d_request.ext = (aoe_dump.d_flags & (length != 0 ?
	    AOE_INFO_LBA48 : AOE_INFO_FLUSH_EXT)) != 0;
	aoe_dump.d_answer = EAGAIN;
	rto = AOE_DUMP_RTO_US;
	for (waited = 0; waited < AOE_DUMP_PATH_US &&
	    aoe_dump.d_lost_us < AOE_DUMP_LOST_US; waited += rto,
	    rto = MIN(2 * rto, AOE_DUMP_RTO_MAX_US)) {
		aoe_dump_send(data, length);
		aoe_dump_wait(rto);
		if (aoe_dump.d_answer != EAGAIN) {
			/* Losses in a long dump are not silence. */
			aoe_dump.d_lost_us -= MIN(aoe_dump.d_lost_us,
			    AOE_DUMP_CREDIT_US);
			return (aoe_dump.d_answer);
		}
		aoe_dump.d_lost_us += rto;
	}
	return (ETIMEDOUT);
}

/* Give the interface back its input, if we have it. */
static void
aoe_dump_leave(void)
{

	if (aoe_dump.d_ifp == NULL)
		return;
	if_setinputfn(aoe_dump.d_ifp, aoe_dump.d_input);
	aoe_dump.d_methods->dn_event(aoe_dump.d_ifp, DEBUGNET_END);
	aoe_dump.d_ifp = NULL;
}

/* Take over the interface of a path. */
static void
aoe_dump_take(if_t ifp, const struct aoe_path_info *path)
{

	aoe_dump.d_ifp = ifp;
	aoe_dump.d_methods = aoe_dump_methods(ifp);
	aoe_dump.d_methods->dn_event(ifp, DEBUGNET_START);
	aoe_dump.d_input = if_getinputfn(ifp);
	if_setinputfn(ifp, aoe_dump_input);
	memcpy(aoe_dump.d_request.local, if_getlladdr(ifp), ETHER_ADDR_LEN);
	memcpy(aoe_dump.d_request.remote, path->mac, ETHER_ADDR_LEN);
	/* What the path has proved and one cluster holds; at least a sector. */
	aoe_dump.d_payload = MIN(path->payload, MCLBYTES - AOE_RX_HEADER);
	/* An MTU that became smaller since has no event. */
	aoe_dump.d_payload = MIN(aoe_dump.d_payload,
	    if_getmtu(ifp) + ETHER_HDR_LEN - AOE_RX_HEADER);
	aoe_dump.d_payload = rounddown(aoe_dump.d_payload, aoe_dump.d_sector);
	aoe_dump.d_payload = MAX(aoe_dump.d_payload, aoe_dump.d_sector);
	printf("aoe: %s: dumping over %s, %u bytes a frame\n",
	    aoe_dump.d_sc->sc_name, if_name(ifp), aoe_dump.d_payload);
	/* Let what the running core had on the wire arrive. */
	aoe_dump.d_request.sequence++;
	aoe_dump.d_answer = EAGAIN;
	aoe_dump_wait(AOE_DUMP_SETTLE_US);
}

/* Go on over the next path that was up; ETIMEDOUT if there is none. */
static int
aoe_dump_next_path(void)
{
	struct aoe_path_info path;
	if_t ifp;

	aoe_dump_leave();
	while (aoe_dump.d_lost_us < AOE_DUMP_LOST_US &&
	    aoe_core_path_info(aoe_dump.d_sc->sc_core,
	    aoe_dump.d_next_path, &path) == 0) {
		aoe_dump.d_next_path++;
		ifp = aoe_link_if(path.link);
		if (path.state == AOE_PATH_UP &&
		    aoe_dump_methods(ifp) != NULL && if_getmtu(ifp) +
		    ETHER_HDR_LEN >= AOE_RX_HEADER + AOE_SECTOR) {
			aoe_dump_take(ifp, &path);
			return (0);
		}
	}
	printf("aoe: %s: no path answers\n", aoe_dump.d_sc->sc_name);
	return (ETIMEDOUT);
}

/* Leave everything as another dump device expects to find it. */
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
	struct aoe_target_info info;

	if (!KERNEL_PANICKED() || aoe_dump_impossible() != NULL) {
		printf("aoe: %s: dumps are for panics, with net.aoe.dump=1\n",
		    sc->sc_name);
		return (EOPNOTSUPP);
	}
	/* netgdb(4) has debugnet's memory and an interface already. */
	if (kdb_active != 0 && strcmp(kdb_dbbe->dbbe_name, "gdb") == 0) {
		printf("aoe: %s: no dump while gdb is attached\n",
		    sc->sc_name);
		return (EBUSY);
	}
	if (mtx_owned(&sc->sc_mtx)) {
		printf("aoe: %s: no dump, it crashed itself\n", sc->sc_name);
		return (EDOOFUS);
	}
	if (aoe_dump.d_sc != NULL)
		aoe_dump_end();
	aoe_core_info(sc->sc_core, 0, &info);
	aoe_dump.d_sc = sc;
	aoe_dump.d_next_path = aoe_dump.d_lost_us = 0;
	aoe_dump.d_request.major = sc->sc_major;
	aoe_dump.d_request.minor = sc->sc_minor;
	aoe_dump.d_flags = info.flags;
	aoe_dump.d_sector = info.sector_logical;
	aoe_dump.d_request.shift = ffs(info.sector_logical / AOE_SECTOR) - 1;
	debugnet_mbuf_start();
	return (aoe_dump_next_path());
}

/* Write, or with no length flush; over as many paths as it takes. */
static int
aoe_dump_io(const char *data, uint64_t lba, size_t length)
{
	uint32_t n;
	int error;

	for (;;) {
		n = MIN(length, aoe_dump.d_payload);
		aoe_dump.d_request.lba = lba;
		error = aoe_dump_request(data, n);
		if (error == ETIMEDOUT) {
			error = aoe_dump_next_path();
			if (error != 0)
				return (error);
			continue;
		}
		if (error != 0 || n == length)
			return (error);
		data += n;
		lba += n / AOE_SECTOR;
		length -= n;
	}
}

/*
 * disk(9)'s d_dump: write, or with neither data nor length empty the write
 * cache and end.
 */
int
aoe_dump_write(void *arg, void *virtual, off_t offset, size_t length)
{
	struct aoe_softc *sc = ((struct disk *)arg)->d_drv1;
	int error;
	bool last;

	last = virtual == NULL && length == 0;
	if (offset < 0 || offset % sc->sc_disk->d_sectorsize != 0 ||
	    length % sc->sc_disk->d_sectorsize != 0)
		return (EINVAL);
	error = aoe_dump.d_sc != sc ? aoe_dump_begin(sc) : 0;
	if (error == 0 && (length != 0 ||
	    (last && (aoe_dump.d_flags & AOE_INFO_FLUSH) != 0)))
		error = aoe_dump_io(virtual, offset / AOE_SECTOR, length);
	if (error != 0)
		printf("aoe: %s: dump failed at %jd: error %d\n", sc->sc_name,
		    (intmax_t)offset, error);
	if (aoe_dump.d_sc == sc && (error != 0 || last))
		aoe_dump_end();
	return (error);
}
