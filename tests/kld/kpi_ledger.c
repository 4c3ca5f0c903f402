/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The ledger: the objects that the module holds, and where it acquired them.
 * A chained hash by address.  Locks and callouts are embedded in the module's
 * own memory, so they are searched for when memory is freed.
 */
#include "kpi.h"

#define	BUCKETS		16384

struct entry {
	struct entry	*next;
	const void	*object;
	const void	*caller;
	enum ledger_kind kind;
	char		 name[40];
};

static const char *const kind_name[LEDGER_KINDS] = {
	[LEDGER_MALLOC] = "malloc", [LEDGER_ZONE] = "uma zone",
	[LEDGER_ZONE_ITEM] = "uma item", [LEDGER_MBUF] = "mbuf",
	[LEDGER_LOCK] = "lock", [LEDGER_COUNTER] = "counter",
	[LEDGER_CALLOUT] = "callout", [LEDGER_TASKQUEUE] = "taskqueue",
	[LEDGER_TASK] = "task", [LEDGER_OID] = "sysctl oid",
	[LEDGER_CONTEXT] = "sysctl context", [LEDGER_HANDLER] = "event handler",
	[LEDGER_PFIL] = "pfil hook", [LEDGER_IFREF] = "ifnet reference",
	[LEDGER_DISK] = "disk", [LEDGER_ROOTHOLD] = "root mount hold",
	[LEDGER_SBUF] = "sbuf", [LEDGER_ENV] = "kernel environment string",
	[LEDGER_MTYPE] = "malloc type", [LEDGER_BIO] = "bio",
	[LEDGER_MAPPING] = "mapping of physical memory",
	[LEDGER_DEV] = "device node",
};

static struct entry *table[BUCKETS];
static u_long counts[LEDGER_KINDS];
static struct kmutex lock;

static struct entry **
bucket(const void *object)
{

	return (&table[((uintptr_t)object * 0x9e3779b97f4a7c15UL) >> 50]);
}

void
ledger_add(enum ledger_kind kind, const void *object, const char *name,
    const void *caller)
{
	struct entry *e, **b = bucket(object);

	e = host_alloc_raw(sizeof(*e));
	e->object = object;
	e->caller = caller;
	e->kind = kind;
	strlcpy(e->name, name != NULL ? name : "", sizeof(e->name));
	kpi_lock_quiet(&lock);
	e->next = *b;
	*b = e;
	counts[kind]++;
	kpi_unlock_quiet(&lock);
}

bool
ledger_remove(enum ledger_kind kind, const void *object, const void *caller)
{
	struct entry *e, **p;

	kpi_lock_quiet(&lock);
	for (p = bucket(object); (e = *p) != NULL; p = &e->next)
		if (e->object == object && e->kind == kind)
			break;
	if (e != NULL) {
		*p = e->next;
		counts[kind]--;
	}
	kpi_unlock_quiet(&lock);
	if (e == NULL) {
		kpi_violation(caller, "%s %p given back twice or never taken",
		    kind_name[kind], object);
		return (false);
	}
	host_free(e);
	return (true);
}

bool
ledger_has(enum ledger_kind kind, const void *object)
{
	struct entry *e;

	kpi_lock_quiet(&lock);
	for (e = *bucket(object); e != NULL; e = e->next)
		if (e->object == object && e->kind == kind)
			break;
	kpi_unlock_quiet(&lock);
	return (e != NULL);
}

u_long
ledger_count(enum ledger_kind kind)
{

	return (counts[kind]);
}

void
ledger_freed(const void *base, size_t size, const void *caller)
{
	struct entry *e;
	const char *low = base;
	u_int i;

	/* Small blocks hold no locks, and this scans the whole table. */
	if (size < sizeof(struct mtx) ||
	    counts[LEDGER_LOCK] + counts[LEDGER_CALLOUT] == 0)
		return;
	kpi_lock_quiet(&lock);
	for (i = 0; i < BUCKETS; i++) {
		for (e = table[i]; e != NULL; e = e->next) {
			if ((e->kind != LEDGER_LOCK &&
			    e->kind != LEDGER_CALLOUT) ||
			    (const char *)e->object < low ||
			    (const char *)e->object >= low + size)
				continue;
			kpi_violation(caller, "memory freed with %s \"%s\" "
			    "alive in it", kind_name[e->kind], e->name);
		}
	}
	kpi_unlock_quiet(&lock);
}

int
kpi_leaks(void (*say)(const char *))
{
	char line[192], name[sizeof(table[0]->name)], where[96];
	struct entry *e;
	int n = 0;
	u_int c, i;

	kpi_lock_quiet(&lock);
	for (i = 0; i < BUCKETS; i++) {
		for (e = table[i]; e != NULL; e = e->next) {
			host_where(e->caller, where, sizeof(where));
			/* ThreadSanitizer sees libc's reads, not the lock. */
			for (c = 0; (name[c] = e->name[c]) != '\0'; c++)
				;
			snprintf(line, sizeof(line), "%s \"%s\" %p from %s",
			    kind_name[e->kind], name, e->object, where);
			say(line);
			n++;
		}
	}
	kpi_unlock_quiet(&lock);
	return (n + kpi_mbuf_leaks(say));
}
