/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Loading and unloading a module as kern_linker.c and kern_module.c do, and
 * event handlers, devctl, root mount holds.
 */
#include "kpi.h"

#include <sys/devctl.h>
#include <sys/eventhandler.h>
#include <sys/module.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/sdt.h>

#include <net/vnet.h>

struct module {
	const moduledata_t	*data;
	int			 error;
};
static struct module	mod;
static bool		loaded;

struct sdt_provider	sdt_provider_sdt;
sdt_probe_func_t	sdt_probe_func;
volatile bool		sdt_probes_enabled;

/* Never called, as nothing is traced; the module's probes refer to it. */
void
sdt_probe(uint32_t id, uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d,
    uintptr_t e)
{

	(void)id, (void)a, (void)b, (void)c, (void)d, (void)e;
}

/*
 * Calls the module in vnet0, as the linker does.  In a kernel with another
 * struct thread, the module does not find vnet0 at its offset of td_vnet.
 */
static int
event(const moduledata_t *data, int what)
{
	int error;

	CURVNET_SET(kpi_faults.other_thread ? NULL : vnet0);
	error = data->evhand(&mod, what, data->priv);
	CURVNET_RESTORE();
	return (error);
}

void
module_register_init(const void *arg)
{
	const moduledata_t *data = arg;

	mod.data = data;
	mod.error = event(data, MOD_LOAD);
	if (mod.error != 0) {
		event(data, MOD_UNLOAD);
		printf("module_register_init: MOD_LOAD (%s) error %d\n",
		    data->name, mod.error);
		mod.data = NULL;
	}
}

static bool
after(const struct sysinit *a, const struct sysinit *b)
{

	return (a->subsystem > b->subsystem || (a->subsystem == b->subsystem &&
	    a->order > b->order));
}

/* The kernel's own bubble sort, which mostly keeps the order of equals. */
static void
sort(struct sysinit **set, u_long n, bool reverse)
{
	struct sysinit *save;
	u_long i, j;

	for (i = 0; i < n; i++)
		for (j = i + 1; j < n; j++)
			if (reverse ? after(set[j], set[i]) :
			    after(set[i], set[j])) {
				save = set[i];
				set[i] = set[j];
				set[j] = save;
			}
}

static void
run(struct sysinit *s)
{

	mtx_lock(&Giant);
	s->func(s->udata);
	mtx_unlock(&Giant);
	if (curkthr->kt_nheld != 0)
		kpi_violation((void *)s->func, "SYSINIT left with a lock held");
}

/*
 * Loads the module as kldload(8) does or, with `preload`, as the boot loader:
 * then everything up to SI_SUB_PROTO_IF runs before the "ethernet" pfil head
 * exists.
 */
int
kpi_module_load(int preload)
{
	struct sysinit **set;
	void **oids;
	u_long n, noids, i;
	bool head = !preload;

	mod.data = NULL;
	mod.error = 0;
	kpi_pfil_head(head);
	oids = host_module_set("sysctl_set", &noids);
	kpi_sysctl_register((int)noids, oids);
	set = (struct sysinit **)host_module_set("sysinit_set", &n);
	sort(set, n, false);
	for (i = 0; i < n; i++) {
		if (set[i]->subsystem == SI_SUB_DUMMY)
			continue;
		if (!head && set[i]->subsystem > SI_SUB_PROTO_IF) {
			kpi_pfil_head(1);
			head = true;
		}
		run(set[i]);
	}
	kpi_pfil_head(1);
	loaded = true;
	if (mod.data == NULL) {
		kpi_module_unload(1);
		return (ENOEXEC);
	}
	kpi_sysctl_enable((int)noids, oids);
	return (0);
}

int
kpi_module_unload(int force)
{
	struct sysinit **set;
	void **oids;
	u_long n, noids, i;
	int error;

	if (mod.data != NULL) {
		error = event(mod.data, MOD_QUIESCE);
		if (error != 0 && error != EOPNOTSUPP && error != EINVAL &&
		    !force)
			return (error);
		if (kpi_faults.after_quiesce != NULL)
			kpi_faults.after_quiesce();
		error = event(mod.data, MOD_UNLOAD);
		if (error != 0)
			return (error);
	}
	if (!loaded)
		return (ENOENT);
	oids = host_module_set("sysctl_set", &noids);
	kpi_sysctl_unregister((int)noids, oids);
	set = (struct sysinit **)host_module_set("sysuninit_set", &n);
	sort(set, n, true);
	for (i = 0; i < n; i++)
		if (set[i]->subsystem != SI_SUB_DUMMY)
			run(set[i]);
	loaded = false;
	mod.data = NULL;
	kpi_epoch_drain();
	return (0);
}

/* Event handlers: lists as the macros in the module expect them. */
static TAILQ_HEAD(, eventhandler_list) lists = TAILQ_HEAD_INITIALIZER(lists);
static struct kmutex lists_lock;

static struct eventhandler_list *
find_or_make(const char *name, bool make)
{
	struct eventhandler_list *l;

	kpi_lock(&lists_lock);
	TAILQ_FOREACH(l, &lists, el_link)
		if (strcmp(l->el_name, name) == 0)
			break;
	if (l == NULL && make) {
		l = host_alloc(sizeof(*l));
		l->el_name = strdup_flags(name, NULL, M_WAITOK);
		TAILQ_INIT(&l->el_entries);
		mtx_init(&l->el_lock, "eventhandler", NULL, MTX_DEF |
		    MTX_DUPOK);
		ledger_remove(LEDGER_LOCK, &l->el_lock, NULL);
		TAILQ_INSERT_TAIL(&lists, l, el_link);
	}
	kpi_unlock(&lists_lock);
	return (l);
}

struct eventhandler_list *
eventhandler_find_list(const char *name)
{
	struct eventhandler_list *l = find_or_make(name, false);

	if (l != NULL)
		EHL_LOCK(l);
	return (l);
}

eventhandler_tag
eventhandler_register(struct eventhandler_list *list, const char *name,
    void *func, void *arg, int priority)
{
	struct eventhandler_entry_generic {
		struct eventhandler_entry	ee;
		void				*func;
	} *g;
	struct eventhandler_entry *e;

	kpi_may_sleep(CALLER, "EVENTHANDLER_REGISTER()");
	if (list == NULL)
		list = find_or_make(name, true);
	g = host_alloc(sizeof(*g));
	g->func = func;
	g->ee.ee_arg = arg;
	g->ee.ee_priority = priority;
	EHL_LOCK(list);
	TAILQ_FOREACH(e, &list->el_entries, ee_link)
		if (e->ee_priority > priority)
			break;
	if (e != NULL)
		TAILQ_INSERT_BEFORE(e, &g->ee, ee_link);
	else
		TAILQ_INSERT_TAIL(&list->el_entries, &g->ee, ee_link);
	EHL_UNLOCK(list);
	ledger_add(LEDGER_HANDLER, g, name, CALLER);
	return (&g->ee);
}

/* Called with the list locked, returns with it unlocked. */
void
eventhandler_deregister(struct eventhandler_list *list, eventhandler_tag tag)
{

	if (tag == NULL) {
		kpi_violation(CALLER, "every handler of %s deregistered",
		    list->el_name);
		EHL_UNLOCK(list);
		return;
	}
	if (!ledger_remove(LEDGER_HANDLER, tag, CALLER)) {
		EHL_UNLOCK(list);
		return;
	}
	if (strcmp(list->el_name, "ifnet_departure_event") == 0 &&
	    ledger_count(LEDGER_IFREF) != 0)
		kpi_violation(CALLER, "%s no longer heard, and an interface "
		    "is in use", list->el_name);
	EHL_UNLOCK(list);
	kpi_may_sleep(CALLER, "EVENTHANDLER_DEREGISTER()");
	EHL_LOCK(list);
	while (list->el_runcount > 0) {
		EHL_UNLOCK(list);
		host_sleep_ns(100000);
		EHL_LOCK(list);
	}
	TAILQ_REMOVE(&list->el_entries, tag, ee_link);
	EHL_UNLOCK(list);
	host_free(tag);
}

void
eventhandler_prune_list(struct eventhandler_list *list)
{

	(void)list;
}

void
kpi_event_run(const char *name, void (*call)(void *, void *, void *),
    void *cookie)
{
	struct eventhandler_list *l = find_or_make(name, false);
	struct eventhandler_entry *e;

	if (l == NULL)
		return;
	EHL_LOCK(l);
	l->el_runcount++;
	TAILQ_FOREACH(e, &l->el_entries, ee_link) {
		EHL_UNLOCK(l);
		call(*(void **)(e + 1), e->ee_arg, cookie);
		EHL_LOCK(l);
	}
	l->el_runcount--;
	EHL_UNLOCK(l);
}

static void
call_shutdown(void *func, void *arg, void *cookie)
{

	((shutdown_fn)func)(arg, *(int *)cookie);
}

/* Runs a shutdown up to the sync, which takes as long as the disks need. */
void
kpi_shutdown_begin(int howto)
{

	kpi_event_run("shutdown_pre_sync", call_shutdown, &howto);
}

void
kpi_shutdown(int howto)
{

	kpi_shutdown_begin(howto);
	kpi_event_run("shutdown_post_sync", call_shutdown, &howto);
}

void
devctl_notify(const char *system, const char *subsystem, const char *type,
    const char *data)
{

	kpi_no_locks(CALLER, "devctl_notify()");
	printf("devctl: system=%s subsystem=%s type=%s %s\n", system, subsystem,
	    type, data != NULL ? data : "");
}

bool
devctl_process_running(void)
{

	return (true);
}

static unsigned root_holds;		/* atomic */
static bool root_is_mounted = true;	/* atomic */

unsigned
kpi_root_holds(void)
{

	return (__atomic_load_n(&root_holds, __ATOMIC_SEQ_CST));
}

static void
call_mountroot(void *func, void *arg, void *cookie)
{

	(void)cookie;
	((mountroot_handler_t)func)(arg);
}

/* Sets whether root is mounted; if so, ends as vfs_mountroot() does. */
void
kpi_root_mounted(bool mounted)
{

	__atomic_store_n(&root_is_mounted, mounted, __ATOMIC_SEQ_CST);
	if (mounted)
		kpi_event_run("mountroot", call_mountroot, NULL);
}

struct root_hold_token *
root_mount_hold(const char *name)
{
	void *token = host_alloc(16);

	kpi_may_sleep(CALLER, "root_mount_hold()");

	ledger_add(LEDGER_ROOTHOLD, token, name, CALLER);
	__atomic_add_fetch(&root_holds, 1, __ATOMIC_SEQ_CST);
	return (token);
}

void
root_mount_rel(struct root_hold_token *token)
{

	if (token == NULL || !ledger_remove(LEDGER_ROOTHOLD, token, CALLER))
		return;
	__atomic_sub_fetch(&root_holds, 1, __ATOMIC_SEQ_CST);
	host_free(token);
}

int
root_mounted(void)
{

	return (__atomic_load_n(&root_is_mounted, __ATOMIC_SEQ_CST));
}
