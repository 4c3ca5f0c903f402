/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The sysctl tree: nodes, handlers, contexts, and reading and writing by name
 * in text.  One mutex guards the tree.  A handler runs without it, counted in
 * oid_running, and removing a node waits for its handlers to end.
 */
#include "kpi.h"

#include <sys/counter.h>
#include <sys/jail.h>
#include <sys/sbuf.h>
#include <sys/sysctl.h>
#include <sys/ucred.h>

struct sysctl_oid_list sysctl__children = RB_INITIALIZER(&sysctl__children);
RB_GENERATE(sysctl_oid_list, sysctl_oid, oid_link, cmp_sysctl_oid);

#define	ROOT(name)							\
struct sysctl_oid sysctl___##name = {					\
	.oid_parent = &sysctl__children,				\
	.oid_number = OID_AUTO,						\
	.oid_kind = CTLTYPE_NODE | CTLFLAG_RW,				\
	.oid_name = #name, .oid_fmt = "N", .oid_descr = "",		\
}
ROOT(kern);
ROOT(net);
ROOT(hw);
ROOT(vfs);
ROOT(debug);
ROOT(dev);
ROOT(security);

static struct kmutex	tree;
static int		next_number = CTL_AUTO_START;

static struct sysctl_oid *
find_name(struct sysctl_oid_list *list, const char *name, size_t len)
{
	struct sysctl_oid *o;

	RB_FOREACH(o, sysctl_oid_list, list)
		if (strlen(o->oid_name) == len &&
		    strncmp(o->oid_name, name, len) == 0)
			return (o);
	return (NULL);
}

static void
full_name(struct sysctl_oid *o, char *buf, size_t size)
{
	char up[256];
	struct sysctl_oid *parent = SYSCTL_PARENT(o);

	up[0] = '\0';
	if (parent != NULL)
		full_name(parent, up, sizeof(up));
	snprintf(buf, size, "%s%s%s", up, up[0] != '\0' ? "." : "",
	    o->oid_name);
}

/*
 * Requests: values are passed as bytes in kernel memory.  A reader's buffer
 * may have to be paged in from a disk first, unless it is wired.
 */
static int
old_kernel(struct sysctl_req *req, const void *p, size_t len)
{
	size_t room;

	if (req->lock != REQ_WIRED && req->oldptr != NULL) {
		kpi_may_sleep(CALLER, "copyout()");
		while (*(volatile int *)&kpi_faults.copyout_stuck != 0)
			host_sleep_ns(1000000);
	}
	if (req->oldptr != NULL) {
		/* Unless wired, the buffer may have to be paged in. */
		if (req->lock != REQ_WIRED)
			kpi_may_sleep(CALLER, "SYSCTL_OUT()");
		room = req->oldlen > req->oldidx ?
		    req->oldlen - req->oldidx : 0;
		memcpy((char *)req->oldptr + req->oldidx, p, MIN(room, len));
		req->oldidx += len;
		return (len > room ? ENOMEM : 0);
	}
	req->oldidx += len;
	return (0);
}

static int
new_kernel(struct sysctl_req *req, void *p, size_t len)
{

	if (req->newptr == NULL)
		return (0);
	if (req->newlen - req->newidx < len)
		return (EINVAL);
	kpi_may_sleep(CALLER, "SYSCTL_IN()");
	memcpy(p, (const char *)req->newptr + req->newidx, len);
	req->newidx += len;
	return (0);
}

/*
 * The locks that handlers have taken.  A thread that removes an oid with one of
 * its handler's locks held can deadlock: it waits for the handler, and the
 * handler for the lock.
 */
#define	TAKEN		256

static struct {
	void			*oid;
	struct lock_object	*lo;
} taken[TAKEN];
static struct kmutex	taken_lock;

void
kpi_sysctl_took(struct lock_object *lo)
{
	void *oid = curkthr->kt_oid;
	int i, room = -1;

	kpi_lock_quiet(&taken_lock);
	for (i = 0; i < TAKEN; i++) {
		if (taken[i].oid == oid && taken[i].lo == lo)
			break;
		if (taken[i].oid == NULL)
			room = i;
	}
	if (i == TAKEN && room >= 0) {
		taken[room].oid = oid;
		taken[room].lo = lo;
	}
	kpi_unlock_quiet(&taken_lock);
}

static void
check_taken(struct sysctl_oid *o, const void *caller)
{
	const struct kthr *kt = curkthr;
	int i, held;

	kpi_lock_quiet(&taken_lock);
	for (i = 0; i < TAKEN; i++) {
		if (taken[i].oid != o)
			continue;
		for (held = 0; held < kt->kt_nheld; held++)
			if (kt->kt_held[held] == taken[i].lo)
				kpi_violation(caller, "sysctl %s removed with "
				    "%s held, which its handler takes",
				    o->oid_name, taken[i].lo->lo_name);
		taken[i].oid = NULL;
	}
	kpi_unlock_quiet(&taken_lock);
}

/* Runs a handler; called and returns with the tree locked. */
static int
run_handler(struct sysctl_oid *o, struct sysctl_req *req)
{
	int error;

	o->oid_running++;
	kpi_unlock(&tree);
	req->td = curthread;
	req->oldfunc = old_kernel;
	req->newfunc = new_kernel;
	req->lock = REQ_UNWIRED;
	curkthr->kt_oid = o;
	error = o->oid_handler(o, o->oid_arg1, o->oid_arg2, req);
	curkthr->kt_oid = NULL;
	if (curkthr->kt_nheld != 0)
		kpi_violation((void *)o->oid_handler, "sysctl %s left with a "
		    "lock held", o->oid_name);
	kpi_lock(&tree);
	o->oid_running--;
	return (error);
}

static void
load_tunable(struct sysctl_oid *o)
{
	struct sysctl_req req;
	char name[256];
	const char *value;
	uint64_t number;
	int error;

	full_name(o, name, sizeof(name));
	value = host_kenv(name);
	if (value == NULL)
		return;
	memset(&req, 0, sizeof(req));
	if (kpi_sysctl_parse(o->oid_kind, value, &req, &number) != 0)
		return;
	error = run_handler(o, &req);
	if (error != 0)
		printf("Setting sysctl %s failed: %d\n", name, error);
}

static void
insert_oid(struct sysctl_oid *o, const void *caller)
{
	struct sysctl_oid *same;

	same = find_name(o->oid_parent, o->oid_name, strlen(o->oid_name));
	if (same != NULL && (same->oid_kind & CTLTYPE) == CTLTYPE_NODE &&
	    (o->oid_kind & CTLTYPE) == CTLTYPE_NODE) {
		same->oid_refcnt++;
		return;
	}
	if (same != NULL) {
		kpi_violation(caller, "sysctl name %s used twice",
		    o->oid_name);
		return;
	}
	if ((o->oid_kind & CTLTYPE) != CTLTYPE_NODE &&
	    (o->oid_descr == NULL || o->oid_descr[0] == '\0'))
		kpi_violation(caller, "sysctl %s has no description",
		    o->oid_name);
	o->oid_number = next_number++;
	o->oid_refcnt = 1;
	RB_INSERT(sysctl_oid_list, o->oid_parent, o);
	ledger_add(LEDGER_OID, o, o->oid_name, caller);
	if ((o->oid_kind & CTLTYPE) != CTLTYPE_NODE &&
	    (o->oid_kind & CTLFLAG_TUN) != 0 &&
	    (o->oid_kind & CTLFLAG_NOFETCH) == 0) {
		o->oid_kind |= CTLFLAG_NOFETCH;
		load_tunable(o);
	}
}

void
kpi_sysctl_register(int count, void **set)
{
	struct sysctl_oid **oids = (struct sysctl_oid **)set;
	int i;

	kpi_lock(&tree);
	for (i = 0; i < count; i++) {
		oids[i]->oid_kind |= CTLFLAG_DORMANT;
		insert_oid(oids[i], oids[i]);
	}
	kpi_unlock(&tree);
}

void
kpi_sysctl_enable(int count, void **set)
{
	int i;

	kpi_lock(&tree);
	for (i = 0; i < count; i++)
		((struct sysctl_oid *)set[i])->oid_kind &= ~CTLFLAG_DORMANT;
	kpi_unlock(&tree);
}

static void
wait_idle(struct sysctl_oid *o)
{

	while (o->oid_running > 0) {
		o->oid_kind |= CTLFLAG_DYING;
		kpi_unlock(&tree);
		host_sleep_ns(100000);
		kpi_lock(&tree);
	}
}

static void
remove_oid(struct sysctl_oid *o, const void *caller)
{

	if ((o->oid_kind & CTLTYPE) == CTLTYPE_NODE && --o->oid_refcnt > 0)
		return;
	RB_REMOVE(sysctl_oid_list, o->oid_parent, o);
	wait_idle(o);
	ledger_remove(LEDGER_OID, o, caller);
}

void
kpi_sysctl_unregister(int count, void **set)
{
	int i;

	kpi_lock(&tree);
	for (i = count - 1; i >= 0; i--) {
		/* The kernel waits only for handlers of dynamic nodes. */
		if (((struct sysctl_oid *)set[i])->oid_running > 0)
			kpi_violation(set[i], "the module goes, and a handler "
			    "of static sysctl %s runs",
			    ((struct sysctl_oid *)set[i])->oid_name);
		remove_oid(set[i], set[i]);
	}
	kpi_unlock(&tree);
}

/* Contexts. */
int
sysctl_ctx_init(struct sysctl_ctx_list *list)
{

	TAILQ_INIT(list);
	return (0);
}

struct sysctl_oid *
sysctl_add_oid(struct sysctl_ctx_list *list, struct sysctl_oid_list *parent,
    int number, const char *name, int kind, void *arg1, intmax_t arg2,
    int (*handler)(SYSCTL_HANDLER_ARGS), const char *fmt, const char *descr,
    const char *label)
{
	struct sysctl_ctx_entry *e;
	struct sysctl_oid *o;

	(void)number, (void)label;
	kpi_may_sleep(CALLER, "sysctl_add_oid()");
	kpi_lock(&tree);
	o = find_name(parent, name, strlen(name));
	if (o != NULL) {
		if ((o->oid_kind & CTLTYPE) != CTLTYPE_NODE ||
		    (kind & CTLTYPE) != CTLTYPE_NODE) {
			kpi_violation(CALLER, "sysctl name %s used twice",
			    name);
			kpi_unlock(&tree);
			return (NULL);
		}
		o->oid_refcnt++;
	} else {
		o = host_alloc(sizeof(*o));
		RB_INIT(&o->oid_children);
		o->oid_parent = parent;
		o->oid_name = strdup_flags(name, NULL, M_WAITOK);
		o->oid_kind = (u_int)kind | CTLFLAG_DYN;
		o->oid_arg1 = arg1;
		o->oid_arg2 = arg2;
		o->oid_handler = handler;
		o->oid_fmt = fmt;
		o->oid_descr = strdup_flags(descr != NULL ? descr : "", NULL,
		    M_WAITOK);
		insert_oid(o, CALLER);
	}
	if (list != NULL) {
		e = host_alloc(sizeof(*e));
		e->entry = o;
		TAILQ_INSERT_HEAD(list, e, link);
		ledger_add(LEDGER_CONTEXT, e, name, CALLER);
	}
	kpi_unlock(&tree);
	return (o);
}

/* Drops a reference, and with the last one the node; the tree is locked. */
static void
drop_dynamic(struct sysctl_oid *o, const void *caller)
{

	if ((o->oid_kind & CTLTYPE) == CTLTYPE_NODE && o->oid_refcnt == 1 &&
	    !RB_EMPTY(&o->oid_children))
		kpi_violation(caller, "sysctl node %s removed with children",
		    o->oid_name);
	if ((o->oid_kind & CTLTYPE) == CTLTYPE_NODE && o->oid_refcnt > 1) {
		o->oid_refcnt--;
		return;
	}
	check_taken(o, caller);
	remove_oid(o, caller);
	host_free(__DECONST(char *, o->oid_name));
	host_free(__DECONST(char *, o->oid_descr));
	host_free(o);
}

int
sysctl_ctx_free(struct sysctl_ctx_list *list)
{
	struct sysctl_ctx_entry *e;

	kpi_may_sleep(CALLER, "sysctl_ctx_free()");
	kpi_lock(&tree);
	while ((e = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, e, link);
		drop_dynamic(e->entry, CALLER);
		ledger_remove(LEDGER_CONTEXT, e, CALLER);
		host_free(e);
	}
	kpi_unlock(&tree);
	TAILQ_INIT(list);
	return (0);
}

int
sysctl_remove_oid(struct sysctl_oid *o, int del, int recurse)
{
	struct sysctl_oid *child;

	if (del == 0)
		return (0);
	while (recurse && (child = RB_MIN(sysctl_oid_list,
	    &o->oid_children)) != NULL)
		sysctl_remove_oid(child, del, recurse);
	kpi_lock(&tree);
	drop_dynamic(o, CALLER);
	kpi_unlock(&tree);
	return (0);
}

/* Access by name, in text, for the Linux half. */
static struct sysctl_oid *
lookup(const char *name)
{
	struct sysctl_oid_list *list = &sysctl__children;
	struct sysctl_oid *o;
	const char *end;

	for (;; name = end + 1) {
		end = strchr(name, '.');
		o = find_name(list, name, end != NULL ?
		    (size_t)(end - name) : strlen(name));
		if (o == NULL || end == NULL)
			return (o);
		list = &o->oid_children;
	}
}

/* Called with the tree locked. */
static int
get_oid(struct sysctl_oid *o, char *out, u_long size)
{
	struct sysctl_req req;
	size_t room = 65536;
	char *raw;
	int error;

	if ((o->oid_kind & CTLFLAG_RD) == 0)
		return (EPERM);
	if (o->oid_handler == NULL)
		return (EISDIR);
	raw = host_alloc(room + 1);
	memset(&req, 0, sizeof(req));
	req.oldptr = raw;
	req.oldlen = req.validlen = room;
	error = run_handler(o, &req);
	if (error == 0)
		kpi_sysctl_format(o, raw, req.oldidx, out, size);
	host_free(raw);
	return (error);
}

int
kpi_sysctl_get(const char *name, char *out, u_long size)
{
	struct sysctl_oid *o;
	int error;

	kpi_lock(&tree);
	o = lookup(name);
	error = o == NULL || (o->oid_kind & (CTLFLAG_DORMANT |
	    CTLFLAG_DYING)) != 0 ? ENOENT : get_oid(o, out, size);
	kpi_unlock(&tree);
	return (error);
}

int
kpi_sysctl_set(const char *name, const char *value, int flags)
{
	struct prison jail;
	struct ucred cred, *old = curthread->td_ucred;
	struct sysctl_req req;
	struct sysctl_oid *o;
	uint64_t number;
	int error;

	kpi_lock(&tree);
	o = lookup(name);
	memset(&req, 0, sizeof(req));
	if (o == NULL || (o->oid_kind & (CTLFLAG_DORMANT | CTLFLAG_DYING)) != 0)
		error = ENOENT;
	else if ((o->oid_kind & CTLFLAG_WR) == 0)
		error = EPERM;
	else if ((flags & KPI_SYSCTL_JAILED) != 0 &&
	    (o->oid_kind & (CTLFLAG_PRISON | CTLFLAG_VNET)) == 0)
		error = EPERM;
	else if ((error = kpi_sysctl_parse(o->oid_kind, value, &req,
	    &number)) == 0) {
		memset(&jail, 0, sizeof(jail));
		cred = *old;
		cred.cr_prison = &jail;
		if (flags & KPI_SYSCTL_JAILED)
			curthread->td_ucred = &cred;
		error = run_handler(o, &req);
		curthread->td_ucred = old;
		if (error == 0 && req.newidx == 0 && req.newlen != 0)
			printf("sysctl %s ignored what was written\n", name);
	}
	kpi_unlock(&tree);
	return (error);
}

static void
walk(struct sysctl_oid_list *list, void (*say)(const char *, const char *,
    const char *))
{
	struct sysctl_oid *o;
	static char value[65536];
	char name[256];
	int error;

	RB_FOREACH(o, sysctl_oid_list, list) {
		if ((o->oid_kind & CTLTYPE) == CTLTYPE_NODE &&
		    o->oid_handler == NULL) {
			walk(&o->oid_children, say);
			continue;
		}
		if ((o->oid_kind & (CTLFLAG_SKIP | CTLFLAG_DORMANT)) != 0)
			continue;
		full_name(o, name, sizeof(name));
		error = get_oid(o, value, sizeof(value));
		if (error != 0)
			snprintf(value, sizeof(value), "(error %d)", error);
		say(name, value, o->oid_descr);
	}
}

void
kpi_sysctl_walk(const char *prefix, void (*say)(const char *, const char *,
    const char *))
{
	struct sysctl_oid *o;

	kpi_lock(&tree);
	o = prefix[0] == '\0' ? NULL : lookup(prefix);
	if (prefix[0] == '\0')
		walk(&sysctl__children, say);
	else if (o != NULL)
		walk(&o->oid_children, say);
	kpi_unlock(&tree);
}

void
kpi_sysctl_boot(void)
{
	static struct sysctl_oid *const roots[] = { &sysctl___kern,
	    &sysctl___net, &sysctl___hw, &sysctl___vfs, &sysctl___debug,
	    &sysctl___dev, &sysctl___security };
	u_int i;

	for (i = 0; i < nitems(roots); i++) {
		RB_INIT(&roots[i]->oid_children);
		roots[i]->oid_number = next_number++;
		roots[i]->oid_refcnt = 1000;
		RB_INSERT(sysctl_oid_list, &sysctl__children, roots[i]);
	}
}
