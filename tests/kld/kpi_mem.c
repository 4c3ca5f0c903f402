/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * malloc(9) and uma(9).  Every block has a header in front and a guard behind
 * it, is filled with junk when it is allocated and when it is freed, and is in
 * the ledger meanwhile.
 */
#include "kpi.h"

#include <vm/uma.h>

#define	MAGIC		0x61c88647b5ad4eceUL
#define	GUARD		16
#define	JUNK_NEW	0xa5
#define	JUNK_FREE	0xde

struct header {
	uint64_t	 magic;
	size_t		 size;
	const void	*owner;		/* malloc type, or zone */
	uint64_t	 pad;
};

struct kpi_faults	kpi_faults = { .unmapped = 2 };
static u_long		nowait_allocs;
static struct kmutex	fault_lock;

MALLOC_DEFINE(M_DEVBUF, "devbuf", "device driver memory");
MALLOC_DEFINE(M_TEMP, "temp", "misc temporary data buffers");
MALLOC_DEFINE(M_IFADDR, "ifaddr", "interface addresses");

u_long
kpi_alloc_count(void)
{

	return (nowait_allocs);
}

bool
kpi_alloc_fails(int how)
{
	bool fails = false;

	if (how & M_WAITOK) {
		while (*(volatile int *)&kpi_faults.memory_stuck != 0)
			host_sleep_ns(1000000);
		return (false);
	}
	atomic_add_long(&nowait_allocs, 1);
	if (kpi_faults.alloc_fail_at == 0)
		return (false);
	kpi_lock(&fault_lock);
	if (kpi_faults.alloc_fail_at > 1)
		kpi_faults.alloc_fail_at--;
	else if (kpi_faults.alloc_fail_at == 1) {
		fails = true;
		if (kpi_faults.alloc_fail_for-- <= 1)
			kpi_faults.alloc_fail_at = 0;
	}
	kpi_unlock(&fault_lock);
	return (fails);
}

static void *
block_new(size_t size, const void *owner)
{
	struct header *h;

	h = host_alloc_raw(sizeof(*h) + size + GUARD);
	h->magic = MAGIC ^ (uintptr_t)h;
	h->size = size;
	h->owner = owner;
	memset(h + 1, JUNK_NEW, size);
	memset((char *)(h + 1) + size, 0x5c, GUARD);
	return (h + 1);
}

/* Checks a block that is freed; NULL, and a violation, if it is not one. */
static struct header *
block_check(void *p, const void *caller)
{
	struct header *h = (struct header *)p - 1;
	const u_char *g;
	int i;

	if (h->magic != (MAGIC ^ (uintptr_t)h)) {
		kpi_violation(caller, "%p freed, which is no block", p);
		return (NULL);
	}
	g = (const u_char *)p + h->size;
	for (i = 0; i < GUARD; i++)
		if (g[i] != 0x5c) {
			kpi_violation(caller, "written past the end of a "
			    "block of %zu bytes", h->size);
			break;
		}
	return (h);
}

static void
block_free(struct header *h)
{

	h->magic = 0;
	memset(h + 1, JUNK_FREE, h->size);
	host_free(h);
}

void *
(malloc)(size_t size, struct malloc_type *type, int flags)
{
	void *p;

	if (flags & M_WAITOK)
		kpi_may_sleep(CALLER, "malloc(M_WAITOK)");
	if (((flags & M_WAITOK) != 0) == ((flags & M_NOWAIT) != 0))
		kpi_violation(CALLER, "malloc with neither or both of "
		    "M_WAITOK and M_NOWAIT");
	if (kpi_alloc_fails(flags))
		return (NULL);
	p = block_new(size, type);
	if (flags & M_ZERO)
		memset(p, 0, size);
	ledger_add(LEDGER_MALLOC, p, type->ks_shortdesc, CALLER);
	return (p);
}

void *
malloc_domainset(size_t size, struct malloc_type *type, struct domainset *ds,
    int flags)
{

	(void)ds;
	return ((malloc)(size, type, flags));
}

void *
malloc_aligned(size_t size, size_t align, struct malloc_type *type, int flags)
{

	if (align > 16)
		host_panic("malloc_aligned beyond 16 bytes");
	return ((malloc)(size, type, flags));
}

void *
mallocarray(size_t n, size_t size, struct malloc_type *type, int flags)
{

	return ((malloc)(n * size, type, flags));
}

static void
free_type(void *p, struct malloc_type *type, const void *caller)
{
	struct header *h;

	if (p == NULL)
		return;
	if ((h = block_check(p, caller)) == NULL)
		return;
	if (h->owner != type)
		kpi_violation(caller, "freed as %s what was allocated as "
		    "another type", type->ks_shortdesc);
	ledger_freed(p, h->size, caller);
	if (ledger_remove(LEDGER_MALLOC, p, caller))
		block_free(h);
}

void
free(void *p, struct malloc_type *type)
{

	free_type(p, type, CALLER);
}

void
zfree(void *p, struct malloc_type *type)
{

	free_type(p, type, CALLER);
}

void *
realloc(void *p, size_t size, struct malloc_type *type, int flags)
{
	struct header *h;
	void *q;

	q = (malloc)(size, type, flags);
	if (q != NULL && p != NULL && (h = block_check(p, CALLER)) != NULL) {
		memcpy(q, p, MIN(size, h->size));
		free_type(p, type, CALLER);
	}
	return (q);
}

char *
strdup_flags(const char *s, struct malloc_type *type, int flags)
{
	size_t n = strlen(s) + 1;
	char *p;

	p = type != NULL ? (malloc)(n, type, flags) : host_alloc(n);
	if (p != NULL)
		memcpy(p, s, n);
	return (p);
}

char *
strdup(const char *s, struct malloc_type *type)
{

	return (strdup_flags(s, type, M_WAITOK));
}

void
malloc_init(void *arg)
{
	struct malloc_type *type = arg;

	if (type->ks_version != M_VERSION)
		host_panic("malloc type of another version");
	ledger_add(LEDGER_MTYPE, type, type->ks_shortdesc, CALLER);
}

void
malloc_uninit(void *arg)
{

	ledger_remove(LEDGER_MTYPE, arg, CALLER);
}

void
kpi_malloc_boot(void)
{
}

/* uma(9): a zone has a size and constructors; its items are in the ledger. */
struct uma_zone {
	const char	*name;
	size_t		 size;
	uma_ctor	 ctor;
	uma_dtor	 dtor;
	uma_init	 init;
	uma_fini	 fini;
	u_long		 items;
};

uma_zone_t
uma_zcreate(const char *name, size_t size, uma_ctor ctor, uma_dtor dtor,
    uma_init init, uma_fini fini, int align, uint32_t flags)
{
	struct uma_zone *z;

	(void)align, (void)flags;
	kpi_may_sleep(CALLER, "uma_zcreate()");
	z = host_alloc(sizeof(*z));
	z->name = name;
	z->size = size;
	z->ctor = ctor;
	z->dtor = dtor;
	z->init = init;
	z->fini = fini;
	ledger_add(LEDGER_ZONE, z, name, CALLER);
	return (z);
}

void
uma_zdestroy(uma_zone_t z)
{

	kpi_may_sleep(CALLER, "uma_zdestroy()");
	if (z->items != 0)
		kpi_violation(CALLER, "zone %s destroyed with %lu items out",
		    z->name, z->items);
	if (ledger_remove(LEDGER_ZONE, z, CALLER))
		host_free(z);
}

/* The mbuf zones are handled in kpi_mbuf.c, which has their constructors. */
void *	kpi_mbuf_zalloc(uma_zone_t z, void *arg, int flags, const void *caller,
	    bool *mine);
bool	kpi_mbuf_zfree(uma_zone_t z, void *item, const void *caller);

void *
uma_zalloc_arg(uma_zone_t z, void *arg, int flags)
{
	bool mine;
	void *p;

	if (flags & M_WAITOK)
		kpi_may_sleep(CALLER, "uma_zalloc(M_WAITOK)");
	if (((flags & M_WAITOK) != 0) == ((flags & M_NOWAIT) != 0))
		kpi_violation(CALLER, "uma_zalloc with neither or both of "
		    "M_WAITOK and M_NOWAIT");
	if (kpi_alloc_fails(flags))
		return (NULL);
	p = kpi_mbuf_zalloc(z, arg, flags, CALLER, &mine);
	if (mine)
		return (p);
	p = block_new(z->size, z);
	if (z->init != NULL && z->init(p, (int)z->size, flags) != 0) {
		block_free((struct header *)p - 1);
		return (NULL);
	}
	if (flags & M_ZERO)
		memset(p, 0, z->size);
	if (z->ctor != NULL && z->ctor(p, (int)z->size, arg, flags) != 0) {
		block_free((struct header *)p - 1);
		return (NULL);
	}
	atomic_add_long(&z->items, 1);
	ledger_add(LEDGER_ZONE_ITEM, p, z->name, CALLER);
	return (p);
}

void
uma_zfree_arg(uma_zone_t z, void *p, void *arg)
{
	struct header *h;

	if (p == NULL || kpi_mbuf_zfree(z, p, CALLER))
		return;
	if ((h = block_check(p, CALLER)) == NULL)
		return;
	if (h->owner != z)
		kpi_violation(CALLER, "item freed to zone %s, which is "
		    "another's", z->name);
	if (z->dtor != NULL)
		z->dtor(p, (int)z->size, arg);
	if (z->fini != NULL)
		z->fini(p, (int)z->size);
	if (ledger_remove(LEDGER_ZONE_ITEM, p, CALLER)) {
		atomic_subtract_long(&z->items, 1);
		block_free(h);
	}
}

void
uma_prealloc(uma_zone_t z, int items)
{

	(void)z, (void)items;
}

void
uma_zone_reserve(uma_zone_t z, int items)
{

	(void)z, (void)items;
}

int
uma_zone_set_max(uma_zone_t z, int items)
{

	(void)z;
	return (items);
}
