/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * mbuf(9).  The allocators are inline in the module, and call uma_zalloc_arg(),
 * so the zones' constructors are here.  Every mbuf is on a list until freed.
 */
#include "kpi.h"

#include <sys/mbuf.h>
#include <sys/sdt.h>
#include <vm/uma.h>

struct uma_zone {
	const char	*name;
	u_int		 cluster;	/* bytes; 0: no cluster */
	bool		 mbuf;		/* an mbuf, followed by its cluster */
};

static struct uma_zone z_mbuf = { "mbuf", 0, true };
static struct uma_zone z_pack = { "mbuf_packet", MCLBYTES, true };
static struct uma_zone z_clust = { "mbuf_cluster", MCLBYTES, false };
static struct uma_zone z_jumbop = { "mbuf_jumbo_page", MJUMPAGESIZE, false };
static struct uma_zone z_jumbo9 = { "mbuf_jumbo_9k", MJUM9BYTES, false };
static struct uma_zone z_jumbo16 = { "mbuf_jumbo_16k", MJUM16BYTES, false };

uma_zone_t	zone_mbuf = &z_mbuf, zone_pack = &z_pack,
		zone_clust = &z_clust, zone_jumbop = &z_jumbop,
		zone_jumbo9 = &z_jumbo9, zone_jumbo16 = &z_jumbo16;
u_int		max_linkhdr = 16, max_hdr = 60, max_protohdr = 40;
int		nmbclusters = 65536;

struct sdt_probe sdt_sdt___m__init, sdt_sdt___m__gethdr, sdt_sdt___m__get,
    sdt_sdt___m__getcl, sdt_sdt___m__getjcl, sdt_sdt___m__clget,
    sdt_sdt___m__cljget, sdt_sdt___m__cljset, sdt_sdt___m__free,
    sdt_sdt___m__freem, sdt_sdt___m__freemp, sdt_sdt___m__get_raw,
    sdt_sdt___m__gethdr_raw;

#define	MAGIC	0x6d62756621a50fceUL

/* The header in front of every item of these zones. */
struct item {
	LIST_ENTRY(item) link;
	uint64_t	 magic;
	const void	*caller;
	struct uma_zone	*zone;
	uint64_t	 pad[3];
};
CTASSERT(sizeof(struct item) == 64);

static LIST_HEAD(, item) items;
static struct kmutex	items_lock;
static u_long		nitems_;

void *	kpi_mbuf_zalloc(uma_zone_t, void *, int, const void *, bool *);
bool	kpi_mbuf_zfree(uma_zone_t, void *, const void *);
u_long	kpi_mbuf_count(void);

static bool
ours(uma_zone_t z)
{

	return (z == zone_mbuf || z == zone_pack || z == zone_clust ||
	    z == zone_jumbop || z == zone_jumbo9 || z == zone_jumbo16);
}

/*
 * Freed items wait here, so that a write to them is detected.  A sanitizer
 * detects it itself, so then items are freed at once; ThreadSanitizer would
 * also report a race between the thread that fills an item with trash and
 * the one that checks it, because it does not see the quiet lock between them.
 */
#if defined(KLD_ASAN) || defined(KLD_TSAN)
#define	LIMBO		0
#else
#define	LIMBO		64
#endif
#define	TRASH		0xde
#define	TRASH_LEN(z)	((z)->mbuf ? MSIZE : 64)

static struct item	*limbo[LIMBO + 1];
static u_int		 limbo_next;

static void
item_end(struct item *it)
{
	const unsigned char *p = (const unsigned char *)(it + 1);
	int i;

	for (i = 0; i < TRASH_LEN(it->zone) && p[i] == TRASH; i++)
		;
	if (i < TRASH_LEN(it->zone))
		kpi_violation(it->caller, "%s written to after it was freed",
		    it->zone->name);
	host_free(it);
}

/* Puts a freed item in limbo, and really frees the one that it replaces. */
static void
item_free(struct item *it, const void *caller)
{
	struct item *old = it;

	memset(it + 1, TRASH, TRASH_LEN(it->zone));
	it->caller = caller;
	if (LIMBO != 0) {
		kpi_lock_quiet(&items_lock);
		old = limbo[limbo_next];
		limbo[limbo_next] = it;
		limbo_next = (limbo_next + 1) % LIMBO;
		kpi_unlock_quiet(&items_lock);
	}
	if (old != NULL)
		item_end(old);
}

/* Checks and frees every item in limbo. */
static void
limbo_end(void)
{
	struct item *it;
	int i;

	for (i = 0; i < LIMBO; i++) {
		kpi_lock_quiet(&items_lock);
		it = limbo[i];
		limbo[i] = NULL;
		kpi_unlock_quiet(&items_lock);
		if (it != NULL)
			item_end(it);
	}
}

static void
cluster_set(struct mbuf *m, char *buf, u_int size, int type)
{

	m->m_ext.ext_buf = buf;
	m->m_data = buf;
	m->m_flags |= M_EXT;
	m->m_ext.ext_free = NULL;
	m->m_ext.ext_arg1 = NULL;
	m->m_ext.ext_arg2 = NULL;
	m->m_ext.ext_size = size;
	m->m_ext.ext_type = type;
	m->m_ext.ext_flags = EXT_FLAG_EMBREF;
	m->m_ext.ext_count = 1;
}

static void *
item_new(struct uma_zone *z, const void *caller)
{
	struct item *it;

	it = host_alloc_raw(sizeof(*it) + (z->mbuf ? MSIZE : 0) + z->cluster);
	it->magic = MAGIC ^ (uintptr_t)it;
	it->caller = caller;
	it->zone = z;
	kpi_lock_quiet(&items_lock);
	LIST_INSERT_HEAD(&items, it, link);
	nitems_++;
	kpi_unlock_quiet(&items_lock);
	return (it + 1);
}

void *
kpi_mbuf_zalloc(uma_zone_t z, void *arg, int how, const void *caller,
    bool *mine)
{
	struct mb_args *args = arg;
	struct mbuf *m;
	void *p;

	*mine = ours(z);
	if (!*mine)
		return (NULL);
	p = item_new(z, caller);
	if (!z->mbuf) {
		if (arg != NULL)
			cluster_set(arg, p, z->cluster, m_gettype(z->cluster));
		return (p);
	}
	m = p;
	if (args->type != MT_NOINIT)
		m_init(m, how, args->type, args->flags);
	if (z->cluster != 0) {
		m->m_flags = args->flags;
		cluster_set(m, (char *)m + MSIZE, MCLBYTES, EXT_PACKET);
	}
	return (p);
}

bool
kpi_mbuf_zfree(uma_zone_t z, void *p, const void *caller)
{
	struct item *it = (struct item *)p - 1;
	struct mbuf *m = p;

	if (!ours(z))
		return (false);
	if (it->magic != (MAGIC ^ (uintptr_t)it)) {
		kpi_violation(caller, "%s %p freed, which is none", z->name, p);
		return (true);
	}
	if (it->zone != z && it->zone != zone_pack)
		kpi_violation(caller, "%s freed as %s", it->zone->name,
		    z->name);
	if (z->mbuf && (m->m_flags & M_PKTHDR) != 0)
		m_tag_delete_chain(m, NULL);
	it->magic = 0;
	kpi_lock_quiet(&items_lock);
	LIST_REMOVE(it, link);
	nitems_--;
	kpi_unlock_quiet(&items_lock);
	item_free(it, caller);
	return (true);
}

u_long
kpi_mbuf_count(void)
{

	return (nitems_);
}

int
kpi_mbuf_leaks(void (*say)(const char *))
{
	char line[128], where[96];
	struct item *it;
	int n = 0;

	limbo_end();
	kpi_lock_quiet(&items_lock);
	LIST_FOREACH(it, &items, link) {
		host_where(it->caller, where, sizeof(where));
		snprintf(line, sizeof(line), "%s %p from %s", it->zone->name,
		    (void *)(it + 1), where);
		say(line);
		n++;
	}
	kpi_unlock_quiet(&items_lock);
	return (n);
}

int
m_pkthdr_init(struct mbuf *m, int how)
{

	(void)how;
	m->m_data = m->m_pktdat;
	memset(&m->m_pkthdr, 0, sizeof(m->m_pkthdr));
	return (0);
}

void
m_tag_delete_chain(struct mbuf *m, struct m_tag *t)
{

	(void)t;
	SLIST_INIT(&m->m_pkthdr.tags);
}

void
m_snd_tag_destroy(struct m_snd_tag *t)
{

	(void)t;
}

void
m_free_raw(struct mbuf *m)
{

	uma_zfree(zone_mbuf, m);
}

/* Drops the last reference to external storage, as kern_mbuf.c does. */
static void
ext_release(struct mbuf *m, struct mbuf *mref)
{

	switch (m->m_ext.ext_type) {
	case EXT_PACKET:
		uma_zfree(zone_pack, mref);
		break;
	case EXT_CLUSTER:
		uma_zfree(zone_clust, m->m_ext.ext_buf);
		m_free_raw(mref);
		break;
	case EXT_JUMBOP:
		uma_zfree(zone_jumbop, m->m_ext.ext_buf);
		m_free_raw(mref);
		break;
	case EXT_JUMBO9:
		uma_zfree(zone_jumbo9, m->m_ext.ext_buf);
		m_free_raw(mref);
		break;
	case EXT_JUMBO16:
		uma_zfree(zone_jumbo16, m->m_ext.ext_buf);
		m_free_raw(mref);
		break;
	case EXT_NET_DRV:
	case EXT_MOD_TYPE:
	case EXT_DISPOSABLE:
		mref->m_ext.ext_free(mref);
		m_free_raw(mref);
		break;
	case EXT_EXTREF:
		m->m_ext.ext_free(m);
		break;
	case EXT_RXRING:
		break;
	default:
		kpi_violation(NULL, "mbuf %p with external storage of type "
		    "%d", m, m->m_ext.ext_type);
	}
}

void
mb_free_ext(struct mbuf *m)
{
	volatile u_int *refs;
	struct mbuf *mref;
	bool freembuf;

	if (m->m_ext.ext_flags & EXT_FLAG_EMBREF) {
		refs = &m->m_ext.ext_count;
		mref = m;
	} else {
		refs = m->m_ext.ext_cnt;
		mref = __containerof(refs, struct mbuf, m_ext.ext_count);
	}
	freembuf = (m->m_flags & M_NOFREE) == 0;
	if (!freembuf && m->m_ext.ext_type != EXT_EXTREF &&
	    m->m_ext.ext_type != EXT_RXRING)
		kpi_violation(CALLER, "M_NOFREE mbuf of the wrong type");
	if (*refs == 1 || atomic_fetchadd_int(refs, -1) == 1) {
		if (m->m_ext.ext_type == EXT_PACKET && *refs == 0)
			*refs = 1;
		ext_release(m, mref);
	}
	if (freembuf && m != mref)
		m_free_raw(m);
}

void
mb_free_extpg(struct mbuf *m)
{

	kpi_violation(CALLER, "M_EXTPG mbuf %p", m);
}

void
m_freem(struct mbuf *m)
{

	while (m != NULL)
		m = m_free(m);
}

void
m_extadd(struct mbuf *m, char *buf, u_int size, m_ext_free_t freef, void *arg1,
    void *arg2, int flags, int type)
{

	m->m_flags |= M_EXT | flags;
	m->m_ext.ext_buf = buf;
	m->m_data = buf;
	m->m_ext.ext_size = size;
	m->m_ext.ext_free = freef;
	m->m_ext.ext_arg1 = arg1;
	m->m_ext.ext_arg2 = arg2;
	m->m_ext.ext_type = type;
	if (type != EXT_EXTREF) {
		m->m_ext.ext_count = 1;
		m->m_ext.ext_flags = EXT_FLAG_EMBREF;
	} else
		m->m_ext.ext_flags = 0;
}

int
m_clget(struct mbuf *m, int how)
{

	m->m_ext.ext_buf = NULL;
	uma_zalloc_arg(zone_clust, m, how);
	return (m->m_flags & M_EXT);
}

struct mbuf *
m_getjcl(int how, short type, int flags, int size)
{
	struct mb_args args = { .flags = flags, .type = type };
	struct mbuf *m;

	if (size == MCLBYTES)
		return (m_getcl(how, type, flags));
	m = uma_zalloc_arg(zone_mbuf, &args, how);
	if (m == NULL)
		return (NULL);
	if (uma_zalloc_arg(m_getzone(size), m, how) == NULL) {
		m_free_raw(m);
		return (NULL);
	}
	return (m);
}

struct mbuf *
m_get2(int size, int how, short type, int flags)
{
	struct mb_args args = { .flags = flags, .type = type };

	if (size <= MHLEN || (size <= MLEN && (flags & M_PKTHDR) == 0))
		return (uma_zalloc_arg(zone_mbuf, &args, how));
	if (size <= MCLBYTES)
		return (m_getcl(how, type, flags));
	if (size > MJUMPAGESIZE)
		return (NULL);
	return (m_getjcl(how, type, flags, MJUMPAGESIZE));
}

struct mbuf *
m_get3(int size, int how, short type, int flags)
{

	if (size <= MJUMPAGESIZE)
		return (m_get2(size, how, type, flags));
	if (size > MJUM16BYTES)
		return (NULL);
	return (m_getjcl(how, type, flags, size <= MJUM9BYTES ? MJUM9BYTES :
	    MJUM16BYTES));
}

u_int
m_length(struct mbuf *m, struct mbuf **last)
{
	u_int len = 0;

	for (; m != NULL; m = m->m_next) {
		len += m->m_len;
		if (m->m_next == NULL && last != NULL)
			*last = m;
	}
	return (len);
}

/*
 * Walks the chain to the offset first, as the kernel does, so that an offset
 * past the end is a fault even with no byte to copy.
 */
void
m_copydata(const struct mbuf *m, int off, int len, caddr_t to)
{
	int n;

	if (off < 0 || len < 0) {
		kpi_violation(CALLER, "m_copydata of %d bytes at %d", len, off);
		return;
	}
	for (; off > 0 && m != NULL && off >= m->m_len; m = m->m_next)
		off -= m->m_len;
	if (off > 0 && m == NULL) {
		kpi_violation(CALLER, "m_copydata from past the end of a "
		    "packet");
		return;
	}
	for (; len > 0 && m != NULL; m = m->m_next, off = 0) {
		n = MIN(m->m_len - off, len);
		memcpy(to, mtod(m, caddr_t) + off, n);
		to += n;
		len -= n;
	}
	if (len > 0)
		kpi_violation(CALLER, "m_copydata past the end of a packet");
}

void
m_copyback(struct mbuf *m, int off, int len, c_caddr_t from)
{
	int n;

	for (; m != NULL && off >= m->m_len; m = m->m_next)
		off -= m->m_len;
	for (; len > 0 && m != NULL; m = m->m_next, off = 0) {
		n = MIN(m->m_len - off, len);
		memcpy(mtod(m, caddr_t) + off, from, n);
		from += n;
		len -= n;
	}
	if (len > 0)
		kpi_violation(CALLER, "m_copyback past the end of a packet");
}

void
m_adj(struct mbuf *m, int len)
{
	struct mbuf *n = m;
	int k, left = len;

	if (len < 0) {
		kpi_violation(CALLER, "m_adj from the end is not here");
		return;
	}
	for (; n != NULL && left > 0; n = n->m_next) {
		k = MIN(n->m_len, left);
		n->m_data += k;
		n->m_len -= k;
		left -= k;
	}
	if (m->m_flags & M_PKTHDR)
		m->m_pkthdr.len -= len - left;
}

void
m_cat(struct mbuf *m, struct mbuf *n)
{

	while (m->m_next != NULL)
		m = m->m_next;
	m->m_next = n;
}

struct mbuf *
m_pullup(struct mbuf *m, int len)
{
	struct mbuf *n, *rest;
	int k;

	if (m->m_len >= len)
		return (m);
	if (len > MHLEN || m->m_pkthdr.len < len ||
	    (n = m_gethdr(M_NOWAIT, MT_DATA)) == NULL) {
		m_freem(m);
		return (NULL);
	}
	n->m_pkthdr = m->m_pkthdr;
	n->m_flags |= m->m_flags & M_COPYFLAGS;
	m_copydata(m, 0, len, mtod(n, caddr_t));
	n->m_len = len;
	for (rest = m; rest != NULL && len > 0; rest = rest->m_next) {
		k = MIN(rest->m_len, len);
		rest->m_data += k;
		rest->m_len -= k;
		len -= k;
	}
	while (m != NULL && m->m_len == 0)
		m = m_free(m);
	n->m_next = m;
	return (n);
}

void
kpi_mbuf_boot(void)
{

	LIST_INIT(&items);
}
