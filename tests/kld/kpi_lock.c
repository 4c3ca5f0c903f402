/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Mutexes, shared/exclusive locks, and their rules: an order of lock names
 * that is learned and then enforced, no sleeping with a mutex held, no
 * unlocking by another thread, no destroying while held.
 *
 * The lock word holds what the kernel's does (the owner and a contested bit),
 * because the module reads it in inline functions such as mtx_owned().
 */
#include "kpi.h"

#include <sys/sx.h>

#define	CLASSES		64

struct class {
	const char	*name;
	bool		 before[CLASSES];	/* taken before these */
};

static struct class	classes[CLASSES];
static int		nclasses;
static struct kmutex	order_lock;

struct mtx Giant;

static int
class_of(const char *name)
{
	int i;

	kpi_lock_quiet(&order_lock);
	for (i = 0; i < nclasses; i++)
		if (strcmp(classes[i].name, name) == 0)
			break;
	if (i == nclasses) {
		if (nclasses == CLASSES)
			host_panic("too many lock names");
		classes[i].name = strdup_flags(name, NULL, M_WAITOK);
		nclasses++;
	}
	kpi_unlock_quiet(&order_lock);
	return (i);
}

/* Whether `from` comes before `to` in the order, directly or indirectly. */
static bool
reaches(int from, int to, int depth)
{
	int i;

	if (classes[from].before[to])
		return (true);
	if (depth == 0)
		return (false);
	for (i = 0; i < nclasses; i++)
		if (classes[from].before[i] && i != from &&
		    reaches(i, to, depth - 1))
			return (true);
	return (false);
}

static int
lock_class(const struct lock_object *lo)
{

	return ((int)(uintptr_t)lo->lo_witness - 1);
}

static void
check_order(struct lock_object *lo, const void *caller)
{
	struct kthr *kt = curkthr;
	int i, held, new = lock_class(lo);

	for (i = 0; i < kt->kt_nheld; i++) {
		/* Sleeping drops Giant, so Giant is not part of any order. */
		if (kt->kt_held[i] == &Giant.lock_object)
			continue;
		held = lock_class(kt->kt_held[i]);
		if (kt->kt_held[i] == lo) {
			kpi_violation(caller, "%s locked twice", lo->lo_name);
			continue;
		}
		if (held == new) {
			if ((lo->lo_flags & LO_DUPOK) == 0)
				kpi_violation(caller, "two locks named %s held",
				    lo->lo_name);
			continue;
		}
		if (classes[held].before[new])
			continue;
		kpi_lock_quiet(&order_lock);
		if (reaches(new, held, 6))
			kpi_violation(caller, "lock order reversal: %s after "
			    "%s", lo->lo_name, kt->kt_held[i]->lo_name);
		else
			classes[held].before[new] = true;
		kpi_unlock_quiet(&order_lock);
	}
}

static void
note_held(struct lock_object *lo)
{
	struct kthr *kt = curkthr;

	if (kt->kt_nheld == KPI_HELD)
		host_panic("too many locks held");
	kt->kt_held[kt->kt_nheld++] = lo;
	if (kt->kt_oid != NULL)
		kpi_sysctl_took(lo);
}

static void
note_released(struct lock_object *lo, const void *caller)
{
	struct kthr *kt = curkthr;
	int i;

	for (i = kt->kt_nheld - 1; i >= 0; i--)
		if (kt->kt_held[i] == lo)
			break;
	if (i < 0) {
		kpi_violation(caller, "%s unlocked by a thread that does not "
		    "hold it", lo->lo_name);
		return;
	}
	kt->kt_nheld--;
	for (; i < kt->kt_nheld; i++)
		kt->kt_held[i] = kt->kt_held[i + 1];
}

static void
lock_setup(struct lock_object *lo, const char *name, const char *type,
    u_int flags, const void *caller)
{

	if (lo->lo_flags & LO_INITIALIZED)
		kpi_violation(caller, "lock %s initialised twice", name);
	lo->lo_name = name;
	lo->lo_flags = LO_INITIALIZED | flags;
	lo->lo_data = 0;
	lo->lo_witness = (void *)(uintptr_t)(class_of(type) + 1);
	ledger_add(LEDGER_LOCK, lo, name, caller);
}

static void
lock_teardown(struct lock_object *lo, uintptr_t word, const void *caller)
{

	if ((lo->lo_flags & LO_INITIALIZED) == 0) {
		kpi_violation(caller, "lock destroyed that is not one");
		return;
	}
	if (word != 0 && (word & ~(uintptr_t)MTX_FLAGMASK) !=
	    (uintptr_t)curthread)
		kpi_violation(caller, "lock %s destroyed while held",
		    lo->lo_name);
	else if (word != 0)
		note_released(lo, caller);
	lo->lo_flags = 0;
	ledger_remove(LEDGER_LOCK, lo, caller);
}

static void
lock_usable(const struct lock_object *lo, const void *caller)
{

	if ((lo->lo_flags & LO_INITIALIZED) == 0)
		host_violation("a lock used before it was initialised or "
		    "after it was destroyed", caller);
}

/* The protocol of a mutex's lock word. */
static bool
word_try(volatile uintptr_t *word)
{
	uintptr_t v = 0;

	return (atomic_fcmpset_acq_ptr(word, &v, (uintptr_t)curthread) != 0);
}

static void
word_lock(volatile uintptr_t *word)
{
	uintptr_t v;
	int spin;

	for (spin = 0; spin < 200; spin++) {
		if (*word == 0 && word_try(word))
			return;
		cpu_spinwait();
	}
	/* From here on it is taken as contested, so its unlock wakes one. */
	for (;;) {
		v = *word;
		if (v == 0) {
			if (atomic_fcmpset_acq_ptr(word, &v,
			    (uintptr_t)curthread | MTX_CONTESTED))
				return;
			continue;
		}
		if ((v & MTX_CONTESTED) == 0 &&
		    !atomic_fcmpset_ptr(word, &v, v | MTX_CONTESTED))
			continue;
		host_wait((volatile u_int *)word, (u_int)(v | MTX_CONTESTED),
		    -1);
	}
}

static void
word_unlock(volatile uintptr_t *word)
{

	if (atomic_swap_ptr(word, 0) & MTX_CONTESTED)
		host_wake((volatile u_int *)word, 1);
}

static struct mtx *
mtx_from(volatile uintptr_t *c)
{

	return (__containerof(c, struct mtx, mtx_lock));
}

void
_mtx_init(volatile uintptr_t *c, const char *name, const char *type, int opts)
{
	struct mtx *m = mtx_from(c);

	if ((opts & MTX_NEW) != 0)
		m->lock_object.lo_flags = 0;
	*c = 0;
	lock_setup(&m->lock_object, name, type != NULL ? type : name,
	    (opts & MTX_DUPOK ? LO_DUPOK : 0) |
	    (opts & MTX_RECURSE ? LO_RECURSABLE : 0), CALLER);
}

void
mtx_sysinit(const void *arg)
{
	const struct mtx_args *a = arg;

	_mtx_init(&((struct mtx *)a->ma_mtx)->mtx_lock, a->ma_desc, NULL,
	    a->ma_opts);
}

void
_mtx_destroy(volatile uintptr_t *c)
{

	lock_teardown(&mtx_from(c)->lock_object, *c, CALLER);
	*c = 0;
}

void
__mtx_lock_flags(volatile uintptr_t *c, int opts, const char *file, int line)
{
	struct mtx *m = mtx_from(c);
	struct lock_object *lo = &m->lock_object;

	(void)opts, (void)file, (void)line;
	lock_usable(lo, CALLER);
	if (curkthr->kt_stopped && host_in_module(CALLER))
		kpi_violation(CALLER, "%s locked in a kernel that has stopped",
		    lo->lo_name);
	if ((lo->lo_flags & LO_RECURSABLE) != 0 && mtx_owned(m)) {
		lo->lo_data++;
		return;
	}
	check_order(lo, CALLER);
	host_preempt();
	if (!word_try(c))
		word_lock(c);
	SYNC_TAKE(c);
	note_held(lo);
}

void
__mtx_unlock_flags(volatile uintptr_t *c, int opts, const char *file, int line)
{
	struct mtx *m = mtx_from(c);

	(void)opts, (void)file, (void)line;
	lock_usable(&m->lock_object, CALLER);
	if (!mtx_owned(m)) {
		kpi_violation(CALLER, "%s unlocked by a thread that does not "
		    "hold it", m->lock_object.lo_name);
		return;
	}
	if (m->lock_object.lo_data != 0) {
		m->lock_object.lo_data--;
		return;
	}
	note_released(&m->lock_object, CALLER);
	SYNC_GIVE(c);
	word_unlock(c);
	host_preempt();
}

int
_mtx_trylock_flags_(volatile uintptr_t *c, int opts, const char *file,
    int line)
{

	(void)opts, (void)file, (void)line;
	lock_usable(&mtx_from(c)->lock_object, CALLER);
	if (!word_try(c))
		return (0);
	SYNC_TAKE(c);
	note_held(&mtx_from(c)->lock_object);
	return (1);
}

void
__mtx_assert(const volatile uintptr_t *c, int what, const char *file, int line)
{
	struct mtx *m = mtx_from(__DEVOLATILE(uintptr_t *, c));

	(void)file, (void)line;
	if ((what & MA_OWNED) != 0 && !mtx_owned(m))
		kpi_violation(CALLER, "%s is not held",
		    m->lock_object.lo_name);
	if ((what & MA_NOTOWNED) != 0 && mtx_owned(m))
		kpi_violation(CALLER, "%s is held", m->lock_object.lo_name);
}

/*
 * sx(9).  As in the kernel, the word holds SX_LOCK_SHARED and the number of
 * shared holders in the bits above the flags, or the exclusive owner.
 */
void
sx_init_flags(struct sx *sx, const char *name, int opts)
{

	if (opts & SX_NEW)
		sx->lock_object.lo_flags = 0;
	sx->sx_lock = SX_LOCK_UNLOCKED;
	lock_setup(&sx->lock_object, name, name, LO_SLEEPABLE |
	    (opts & SX_DUPOK ? LO_DUPOK : 0) |
	    (opts & SX_RECURSE ? LO_RECURSABLE : 0), CALLER);
}

void
sx_sysinit(const void *arg)
{
	const struct sx_args *a = arg;

	sx_init_flags(a->sa_sx, a->sa_desc, a->sa_flags);
}

void
sx_destroy(struct sx *sx)
{

	if (sx->sx_lock != SX_LOCK_UNLOCKED)
		kpi_violation(CALLER, "sx %s destroyed while held",
		    sx->lock_object.lo_name);
	lock_teardown(&sx->lock_object, 0, CALLER);
}

static struct kmutex	sx_lock_;
static volatile u_int	sx_turn;

/* sx locks are rare: one mutex guards all of them, all waiters share a word. */
static bool
sx_try(struct sx *sx, bool exclusive)
{
	bool ok;

	kpi_lock_quiet(&sx_lock_);
	if (exclusive) {
		ok = sx->sx_lock == SX_LOCK_UNLOCKED;
		if (ok)
			sx->sx_lock = (uintptr_t)curthread;
	} else {
		ok = (sx->sx_lock & SX_LOCK_SHARED) != 0;
		if (ok)
			sx->sx_lock += SX_ONE_SHARER;
	}
	kpi_unlock_quiet(&sx_lock_);
	return (ok);
}

static void
sx_take(struct sx *sx, bool exclusive, const void *caller)
{
	u_int turn;

	lock_usable(&sx->lock_object, caller);
	if (exclusive && (sx->lock_object.lo_flags & LO_RECURSABLE) != 0 &&
	    sx_xholder(sx) == curthread) {
		sx->lock_object.lo_data++;
		return;
	}
	kpi_may_sleep(caller, "taking an sx lock");
	check_order(&sx->lock_object, caller);
	for (;;) {
		turn = sx_turn;
		if (sx_try(sx, exclusive))
			break;
		host_wait(&sx_turn, turn, -1);
	}
	SYNC_TAKE(sx);
	note_held(&sx->lock_object);
}

static void
sx_give(struct sx *sx, bool exclusive, const void *caller)
{

	if (exclusive && sx_xholder(sx) != curthread) {
		kpi_violation(caller, "sx %s unlocked by another thread",
		    sx->lock_object.lo_name);
		return;
	}
	if (!exclusive && (sx->sx_lock & SX_LOCK_SHARED) == 0) {
		kpi_violation(caller, "sx %s is not held shared",
		    sx->lock_object.lo_name);
		return;
	}
	if (sx->lock_object.lo_data != 0) {
		sx->lock_object.lo_data--;
		return;
	}
	note_released(&sx->lock_object, caller);
	SYNC_GIVE(sx);
	kpi_lock_quiet(&sx_lock_);
	if (exclusive)
		sx->sx_lock = SX_LOCK_UNLOCKED;
	else
		sx->sx_lock -= SX_ONE_SHARER;
	kpi_unlock_quiet(&sx_lock_);
	atomic_add_int(&sx_turn, 1);
	host_wake(&sx_turn, INT_MAX);
}

int
_sx_xlock(struct sx *sx, int opts, const char *file, int line)
{

	(void)opts, (void)file, (void)line;
	sx_take(sx, true, CALLER);
	return (0);
}

void
_sx_xunlock(struct sx *sx, const char *file, int line)
{

	(void)file, (void)line;
	sx_give(sx, true, CALLER);
}

int
_sx_slock(struct sx *sx, int opts, const char *file, int line)
{

	(void)opts, (void)file, (void)line;
	sx_take(sx, false, CALLER);
	return (0);
}

void
_sx_sunlock(struct sx *sx, const char *file, int line)
{

	(void)file, (void)line;
	sx_give(sx, false, CALLER);
}

int
sx_try_xlock_(struct sx *sx, const char *file, int line)
{

	(void)file, (void)line;
	if (!sx_try(sx, true))
		return (0);
	note_held(&sx->lock_object);
	return (1);
}

int
sx_try_slock_(struct sx *sx, const char *file, int line)
{

	(void)file, (void)line;
	if (!sx_try(sx, false))
		return (0);
	note_held(&sx->lock_object);
	return (1);
}

void
_sx_assert(const struct sx *sx, int what, const char *file, int line)
{

	(void)file, (void)line;
	if ((what & SA_XLOCKED) != 0 && sx_xholder(sx) != curthread)
		kpi_violation(CALLER, "sx %s is not held exclusively",
		    sx->lock_object.lo_name);
}
