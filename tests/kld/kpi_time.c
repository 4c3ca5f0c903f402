/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The clock, callouts, and the net epoch.
 *
 * One thread runs all callouts, as a CPU's software interrupt does; it may
 * not sleep.  The epoch waits for the threads that were inside when the wait
 * began: each thread has a counter that is odd while it is inside.
 */
#include "kpi.h"

#include <sys/callout.h>
#include <sys/epoch.h>
#include <sys/smp.h>
#include <sys/time.h>

sbintime_t	tick_sbt = SBT_1S / 1000;
sbintime_t	sbt_timethreshold, sbt_tickthreshold;
volatile time_t	time_second = 1, time_uptime = 1;
int		tc_precexp = 5;

/* Uptime begins at one second, so that 0 is never a valid time. */
static long
now_ns(void)
{

	return (host_uptime_ns() + 1000000000);
}

void
binuptime(struct bintime *bt)
{

	*bt = sbttobt(nstosbt(now_ns()));
}

void
getbinuptime(struct bintime *bt)
{

	binuptime(bt);
}

void
microuptime(struct timeval *tv)
{

	*tv = sbttotv(sbinuptime());
}

void
getmicrouptime(struct timeval *tv)
{

	microuptime(tv);
}

void
microtime(struct timeval *tv)
{

	microuptime(tv);
}

void
DELAY(int us)
{

	host_sleep_ns((long)us * 1000);
}

/* Callouts. */
static TAILQ_HEAD(, callout) pending = TAILQ_HEAD_INITIALIZER(pending);
static struct kmutex	co_lock;
static volatile u_int	co_turn;	/* incremented at a change */
static struct callout	*co_current;	/* running now */
static bool		co_cancelled;	/* stopped before it got its lock */
static bool		co_started;	/* its function has been entered */

static void
insert(struct callout *c)
{
	struct callout *o;

	TAILQ_FOREACH(o, &pending, c_links.tqe)
		if (o->c_time > c->c_time)
			break;
	if (o != NULL)
		TAILQ_INSERT_BEFORE(o, c, c_links.tqe);
	else
		TAILQ_INSERT_TAIL(&pending, c, c_links.tqe);
	c->c_iflags |= CALLOUT_PENDING;
	if (c == TAILQ_FIRST(&pending)) {
		atomic_add_int(&co_turn, 1);
		host_wake(&co_turn, INT_MAX);
	}
}

void
callout_init(struct callout *c, int mpsafe)
{

	(void)mpsafe;
	memset(c, 0, sizeof(*c));
}

void
_callout_init_lock(struct callout *c, struct lock_object *lo, int flags)
{

	if (lo == NULL || (lo->lo_flags & LO_SLEEPABLE) != 0)
		kpi_violation(CALLER, "callout with no lock, or one that "
		    "sleeps");
	if (ledger_has(LEDGER_CALLOUT, c))
		kpi_violation(CALLER, "callout initialised while pending");
	memset(c, 0, sizeof(*c));
	c->c_lock = lo;
	c->c_iflags = (short)(flags & CALLOUT_RETURNUNLOCKED);
}

int
callout_reset_sbt_on(struct callout *c, sbintime_t sbt, sbintime_t pr,
    void (*fn)(void *), void *arg, int cpu, int flags)
{
	int was = 0;

	(void)pr;
	if (fn == NULL)
		kpi_violation(CALLER, "callout without a function");
	if (cpu < -1 || cpu > (int)mp_maxid)
		kpi_violation(CALLER, "callout on no CPU (%d)", cpu);
	if (c->c_lock != NULL && !mtx_owned((struct mtx *)c->c_lock))
		kpi_violation(CALLER, "callout_reset without its mutex %s",
		    c->c_lock->lo_name);
	if ((flags & C_ABSOLUTE) == 0)
		sbt += sbinuptime();
	kpi_lock(&co_lock);
	if (c->c_iflags & CALLOUT_PENDING) {
		TAILQ_REMOVE(&pending, c, c_links.tqe);
		was = 1;
	} else
		ledger_add(LEDGER_CALLOUT, c, "callout", CALLER);
	if (co_current == c && !co_started && c->c_lock != NULL) {
		co_cancelled = true;
		was = 1;
	}
	c->c_func = fn;
	c->c_arg = arg;
	c->c_time = sbt;
	c->c_flags |= CALLOUT_ACTIVE;
	insert(c);
	kpi_unlock(&co_lock);
	return (was);
}

int
callout_schedule(struct callout *c, int to)
{

	return (callout_reset_sbt_on(c, tick_sbt * to, 0, c->c_func, c->c_arg,
	    -1, 0));
}

int
_callout_stop_safe(struct callout *c, int flags)
{
	int result = -1;
	u_int turn;

	if (flags & CS_DRAIN) {
		kpi_may_sleep(CALLER, "callout_drain()");
		if (c->c_lock != NULL && mtx_owned((struct mtx *)c->c_lock))
			kpi_violation(CALLER, "callout_drain with its mutex "
			    "%s held", c->c_lock->lo_name);
	} else if (c->c_lock != NULL && !mtx_owned((struct mtx *)c->c_lock))
		kpi_violation(CALLER, "callout_stop without its mutex %s",
		    c->c_lock->lo_name);
	kpi_lock(&co_lock);
	c->c_flags &= ~CALLOUT_ACTIVE;
	if (co_current == c) {
		result = 0;
		if (!co_started && c->c_lock != NULL &&
		    (flags & CS_DRAIN) == 0) {
			co_cancelled = true;
			result = 1;
		}
	}
	if (c->c_iflags & CALLOUT_PENDING) {
		TAILQ_REMOVE(&pending, c, c_links.tqe);
		c->c_iflags &= ~CALLOUT_PENDING;
		ledger_remove(LEDGER_CALLOUT, c, CALLER);
		if (result == -1)
			result = 1;
	}
	while ((flags & CS_DRAIN) != 0 && co_current == c) {
		turn = co_turn;
		kpi_unlock(&co_lock);
		host_wait(&co_turn, turn, -1);
		kpi_lock(&co_lock);
	}
	kpi_unlock(&co_lock);
	return (result);
}

/* Called with co_lock held and `c` off the list; returns with co_lock held. */
static void
run_callout(struct callout *c)
{
	struct mtx *m = (struct mtx *)c->c_lock;
	void (*fn)(void *) = c->c_func;
	void *arg = c->c_arg;
	bool unlocked = (c->c_iflags & CALLOUT_RETURNUNLOCKED) != 0;

	co_current = c;
	co_cancelled = co_started = false;
	kpi_unlock(&co_lock);
	if (m != NULL) {
		mtx_lock(m);
		kpi_lock(&co_lock);
		if (co_cancelled) {
			kpi_unlock(&co_lock);
			mtx_unlock(m);
			kpi_lock(&co_lock);
			return;
		}
		co_started = true;
		kpi_unlock(&co_lock);
	} else
		co_started = true;
	fn(arg);
	/* A callout without a mutex may have been freed by its function. */
	if (m != NULL && !unlocked)
		mtx_unlock(m);
	if (curkthr->kt_nheld != 0)
		kpi_violation((void *)fn, "callout left with a lock held");
	kpi_lock(&co_lock);
}

static void
clock_thread(void *unused)
{
	struct callout *c;
	sbintime_t now;
	u_int turn;
	long wait;

	(void)unused;
	curkthr->kt_nosleep = "a callout";
	kpi_lock(&co_lock);
	for (;;) {
		turn = co_turn;
		now = sbinuptime();
		c = TAILQ_FIRST(&pending);
		if (c != NULL && c->c_time <= now) {
			TAILQ_REMOVE(&pending, c, c_links.tqe);
			c->c_iflags &= ~CALLOUT_PENDING;
			ledger_remove(LEDGER_CALLOUT, c, NULL);
			run_callout(c);
			co_current = NULL;
			atomic_add_int(&co_turn, 1);
			host_wake(&co_turn, INT_MAX);
			continue;
		}
		wait = c == NULL ? -1 : c->c_time - now < SBT_1S ?
		    sbttons(c->c_time - now) + 1 : 1000000000;
		kpi_unlock(&co_lock);
		host_wait(&co_turn, turn, wait);
		time_uptime = time_second = now_ns() / 1000000000;
		kpi_lock(&co_lock);
	}
}

void
kpi_callout_boot(void)
{

	mtx_init(&Giant, "Giant", NULL, MTX_DEF | MTX_RECURSE | MTX_NEW);
	ledger_remove(LEDGER_LOCK, &Giant, NULL);
	host_thread("clock", clock_thread, NULL);
}

/* The net epoch. */
struct epoch {
	int	unused;
};
static struct epoch	net_epoch;
epoch_t			net_epoch_preempt = &net_epoch;
epoch_t			global_epoch_preempt = &net_epoch;
epoch_t			global_epoch = &net_epoch;

struct deferred {
	struct deferred		*next;
	epoch_callback_t	*call;
	epoch_context_t		 arg;
};
static struct deferred	*deferred;
static struct kmutex	 deferred_lock;
static volatile u_int	 deferred_turn;
static volatile u_int	 deferred_busy;

/* AddressSanitizer keeps some local variables outside the stack. */
#ifdef KLD_ASAN
#define	on_stack(p, frame)	true
#else
#define	STACK		(64 * 1024)

static bool
on_stack(const void *p, const void *frame)
{

	return ((uintptr_t)p - (uintptr_t)frame < STACK);
}
#endif

void
_epoch_enter_preempt(epoch_t epoch, epoch_tracker_t et)
{
	struct kthr *kt = curkthr;

	(void)epoch;
	if (host_in_module(CALLER) &&
	    !on_stack(et, __builtin_frame_address(0)))
		kpi_violation(CALLER, "an epoch tracker that is not on the stack");
	et->et_td = curthread;
	if (kt->kt_epoch_depth++ == 0) {
		kt->kt_epoch++;
		atomic_thread_fence_seq_cst();
	}
}

void
_epoch_exit_preempt(epoch_t epoch, epoch_tracker_t et)
{
	struct kthr *kt = curkthr;

	(void)epoch;
	if (et->et_td != curthread || kt->kt_epoch_depth == 0) {
		kpi_violation(CALLER, "net epoch left by another thread");
		return;
	}
	et->et_td = NULL;
	if (--kt->kt_epoch_depth == 0) {
		SYNC_GIVE(&deferred_turn);
		atomic_thread_fence_rel();
		kt->kt_epoch++;
	}
}

int
in_epoch(epoch_t epoch)
{

	(void)epoch;
	return (curkthr->kt_epoch_depth != 0);
}

static void
wait_readers(void)
{
	static struct kthr *seen[KPI_THREADS];
	static u_int epoch[KPI_THREADS];
	static struct kmutex one;
	struct kthr *kt;
	u_int i;

	kpi_lock(&one);
	atomic_thread_fence_seq_cst();
	for (i = 0; i < KPI_THREADS; i++) {
		seen[i] = kpi_thread[i];
		epoch[i] = seen[i] != NULL ? seen[i]->kt_epoch : 0;
	}
	for (i = 0; i < KPI_THREADS; i++) {
		/* If this thread is inside, the caller has reported it. */
		if ((epoch[i] & 1) == 0 || seen[i] == curkthr)
			continue;
		while ((kt = kpi_thread[i]) == seen[i] &&
		    kt->kt_epoch == epoch[i])
			host_sleep_ns(20000);
	}
	kpi_unlock(&one);
	SYNC_TAKE(&deferred_turn);
}

void
epoch_wait_preempt(epoch_t epoch)
{

	(void)epoch;
	kpi_may_sleep(CALLER, "NET_EPOCH_WAIT()");
	kpi_no_locks(CALLER, "NET_EPOCH_WAIT()");
	wait_readers();
}

void
epoch_call(epoch_t epoch, epoch_callback_t cb, epoch_context_t ctx)
{
	struct deferred *d;

	(void)epoch;
	d = host_alloc(sizeof(*d));
	d->call = cb;
	d->arg = ctx;
	kpi_lock(&deferred_lock);
	d->next = deferred;
	deferred = d;
	atomic_add_int(&deferred_busy, 1);
	kpi_unlock(&deferred_lock);
	atomic_add_int(&deferred_turn, 1);
	host_wake(&deferred_turn, 1);
}

void
epoch_drain_callbacks(epoch_t epoch)
{

	(void)epoch;
	kpi_may_sleep(CALLER, "NET_EPOCH_DRAIN_CALLBACKS()");
	kpi_epoch_drain();
}

void
kpi_epoch_drain(void)
{

	while (deferred_busy != 0)
		host_sleep_ns(50000);
}

static void
epoch_thread(void *unused)
{
	struct deferred *list, *d;
	u_int turn;

	(void)unused;
	for (;;) {
		turn = deferred_turn;
		kpi_lock(&deferred_lock);
		list = deferred;
		deferred = NULL;
		kpi_unlock(&deferred_lock);
		if (list == NULL) {
			host_wait(&deferred_turn, turn, -1);
			continue;
		}
		wait_readers();
		while ((d = list) != NULL) {
			list = d->next;
			curkthr->kt_nosleep = "an epoch callback";
			d->call(d->arg);
			curkthr->kt_nosleep = NULL;
			host_free(d);
			atomic_subtract_int(&deferred_busy, 1);
		}
	}
}

void
kpi_epoch_boot(void)
{

	host_thread("epoch", epoch_thread, NULL);
}
