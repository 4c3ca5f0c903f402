/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * taskqueue(9), and kernel threads.
 */
#include "kpi.h"

#include <sys/kthread.h>
#include <sys/stdarg.h>
#include <sys/taskqueue.h>

struct taskqueue {
	STAILQ_HEAD(, task)	 queue;
	struct kmutex		 lock;
	volatile u_int		 turn;		/* incremented at a change */
	struct task		*running[8];
	struct thread		*runner[8];
	u_int			 threads;	/* started */
	u_int			 alive;
	bool			 blocked;
	bool			 dying;
	u_int			 callouts;	/* timeout tasks that are armed */
	char			 name[32];
};

/* Flags in timeout_task's f, as in subr_taskqueue.c. */
#define	DT_CALLOUT_ARMED	0x1
#define	DT_DRAIN_IN_PROGRESS	0x2

struct taskqueue *taskqueue_thread, *taskqueue_swi, *taskqueue_fast,
    *taskqueue_bus;

static void
news(struct taskqueue *q)
{

	atomic_add_int(&q->turn, 1);
	host_wake(&q->turn, INT_MAX);
}

struct taskqueue *
taskqueue_create(const char *name, int mflags, taskqueue_enqueue_fn enqueue,
    void *context)
{
	struct taskqueue *q;

	(void)enqueue, (void)context;
	if (mflags & M_WAITOK)
		kpi_may_sleep(CALLER, "taskqueue_create(M_WAITOK)");
	if (kpi_alloc_fails(mflags))
		return (NULL);
	q = host_alloc(sizeof(*q));
	STAILQ_INIT(&q->queue);
	strlcpy(q->name, name, sizeof(q->name));
	ledger_add(LEDGER_TASKQUEUE, q, name, CALLER);
	return (q);
}

struct taskqueue *
taskqueue_create_fast(const char *name, int mflags,
    taskqueue_enqueue_fn enqueue, void *context)
{

	return (taskqueue_create(name, mflags, enqueue, context));
}

void
taskqueue_thread_enqueue(void *context)
{

	(void)context;
}

/* Called and returns with the queue locked. */
static void
run_one(struct taskqueue *q, u_int self)
{
	struct task *t = STAILQ_FIRST(&q->queue);
	int pending = t->ta_pending;

	STAILQ_REMOVE_HEAD(&q->queue, ta_link);
	t->ta_pending = 0;
	t->ta_flags &= ~TASK_ENQUEUED;
	q->running[self] = t;
	ledger_remove(LEDGER_TASK, t, NULL);
	kpi_unlock(&q->lock);
	t->ta_func(t->ta_context, pending);
	if (curkthr->kt_nheld != 0)
		kpi_violation(NULL, "task of %s left with lock %s held",
		    q->name, curkthr->kt_held[0]->lo_name);
	if (curkthr->kt_epoch_depth != 0)
		kpi_violation(NULL, "task of %s left inside the epoch",
		    q->name);
	kpi_lock(&q->lock);
	q->running[self] = NULL;
	news(q);
}

static void
task_thread(void *arg)
{
	struct taskqueue *q = arg;
	u_int self, turn;

	kpi_lock(&q->lock);
	self = q->alive++;
	q->runner[self] = curthread;
	while (!q->dying) {
		if (!STAILQ_EMPTY(&q->queue) && !q->blocked) {
			run_one(q, self);
			continue;
		}
		turn = q->turn;
		kpi_unlock(&q->lock);
		host_wait(&q->turn, turn, -1);
		kpi_lock(&q->lock);
	}
	q->runner[self] = NULL;
	q->threads--;
	news(q);
	kpi_unlock(&q->lock);
}

int
taskqueue_start_threads(struct taskqueue **tqp, int count, int pri,
    const char *fmt, ...)
{
	struct taskqueue *q = *tqp;
	char name[32];
	va_list ap;

	(void)pri;
	va_start(ap, fmt);
	host_format(name, sizeof(name), fmt, ap);
	va_end(ap);
	if (count < 1 || count > (int)nitems(q->running))
		return (EINVAL);
	if (kpi_alloc_fails(M_NOWAIT))
		return (ENOMEM);
	q->threads = (u_int)count;
	while (count-- > 0)
		host_thread(name, task_thread, q);
	return (0);
}

int
taskqueue_enqueue_flags(struct taskqueue *q, struct task *t, int flags)
{

	if (q == NULL) {
		kpi_violation(CALLER, "task enqueued on no queue");
		return (EPIPE);
	}
	if (t->ta_func == NULL)
		kpi_violation(CALLER, "task enqueued without a function");
	kpi_lock(&q->lock);
	if (t->ta_flags & TASK_ENQUEUED) {
		if ((flags & TASKQUEUE_FAIL_IF_PENDING) == 0 &&
		    t->ta_pending < UCHAR_MAX)
			t->ta_pending++;
		kpi_unlock(&q->lock);
		return (flags & TASKQUEUE_FAIL_IF_PENDING ? EEXIST : 0);
	}
	t->ta_flags |= TASK_ENQUEUED;
	t->ta_pending = 1;
	STAILQ_INSERT_TAIL(&q->queue, t, ta_link);
	ledger_add(LEDGER_TASK, t, q->name, CALLER);
	kpi_unlock(&q->lock);
	news(q);
	return (0);
}

int
taskqueue_enqueue(struct taskqueue *q, struct task *t)
{

	return (taskqueue_enqueue_flags(q, t, 0));
}

static bool
busy(struct taskqueue *q, struct task *t)
{
	u_int i;

	if (t->ta_flags & TASK_ENQUEUED)
		return (true);
	for (i = 0; i < nitems(q->running); i++)
		if (q->running[i] == t)
			return (true);
	return (false);
}

void
taskqueue_drain(struct taskqueue *q, struct task *t)
{
	u_int i, turn;

	kpi_may_sleep(CALLER, "taskqueue_drain()");
	kpi_lock(&q->lock);
	for (i = 0; i < nitems(q->running); i++)
		if (q->running[i] == t && q->runner[i] == curthread)
			kpi_violation(CALLER, "a task of %s waits for itself",
			    q->name);
	while (busy(q, t)) {
		turn = q->turn;
		kpi_unlock(&q->lock);
		host_wait(&q->turn, turn, -1);
		kpi_lock(&q->lock);
	}
	kpi_unlock(&q->lock);
}

void
taskqueue_drain_all(struct taskqueue *q)
{
	u_int turn, i;

	kpi_may_sleep(CALLER, "taskqueue_drain_all()");
	kpi_lock(&q->lock);
	for (;;) {
		for (i = 0; i < nitems(q->running); i++)
			if (q->running[i] != NULL)
				break;
		if (i == nitems(q->running) && STAILQ_EMPTY(&q->queue))
			break;
		turn = q->turn;
		kpi_unlock(&q->lock);
		host_wait(&q->turn, turn, -1);
		kpi_lock(&q->lock);
	}
	kpi_unlock(&q->lock);
}

void
taskqueue_quiesce(struct taskqueue *q)
{

	taskqueue_drain_all(q);
}

int
taskqueue_cancel(struct taskqueue *q, struct task *t, u_int *pendp)
{
	int error;

	kpi_lock(&q->lock);
	if (pendp != NULL)
		*pendp = t->ta_pending;
	if (t->ta_flags & TASK_ENQUEUED) {
		STAILQ_REMOVE(&q->queue, t, task, ta_link);
		t->ta_flags &= ~TASK_ENQUEUED;
		t->ta_pending = 0;
		ledger_remove(LEDGER_TASK, t, CALLER);
	}
	error = busy(q, t) ? EBUSY : 0;
	kpi_unlock(&q->lock);
	return (error);
}

void
taskqueue_block(struct taskqueue *q)
{

	q->blocked = true;
}

void
taskqueue_unblock(struct taskqueue *q)
{

	q->blocked = false;
	news(q);
}

int
taskqueue_member(struct taskqueue *q, struct thread *td)
{
	u_int i;

	for (i = 0; i < nitems(q->runner); i++)
		if (q->runner[i] == td)
			return (1);
	return (0);
}

void
taskqueue_free(struct taskqueue *q)
{
	u_int turn;

	kpi_may_sleep(CALLER, "taskqueue_free()");
	kpi_lock(&q->lock);
	q->dying = true;
	news(q);
	while (q->threads != 0) {
		turn = q->turn;
		kpi_unlock(&q->lock);
		host_wait(&q->turn, turn, 10000000);
		kpi_lock(&q->lock);
	}
	if (!STAILQ_EMPTY(&q->queue))
		kpi_violation(CALLER, "taskqueue %s freed with a task on it",
		    q->name);
	if (q->callouts != 0)
		kpi_violation(CALLER, "taskqueue %s freed with a timeout "
		    "armed", q->name);
	kpi_unlock(&q->lock);
	if (ledger_remove(LEDGER_TASKQUEUE, q, CALLER))
		host_free(q);
}

/* Timeout tasks: a callout enqueues the task. */
static void
timeout_fire(void *arg)
{
	struct timeout_task *tt = arg;

	kpi_lock(&tt->q->lock);
	tt->f &= ~DT_CALLOUT_ARMED;
	tt->q->callouts--;
	kpi_unlock(&tt->q->lock);
	taskqueue_enqueue(tt->q, &tt->t);
}

void
_timeout_task_init(struct taskqueue *q, struct timeout_task *tt, int priority,
    task_fn_t func, void *context)
{

	TASK_INIT(&tt->t, priority, func, context);
	callout_init(&tt->c, 1);
	tt->q = q;
	tt->f = 0;
}

int
taskqueue_enqueue_timeout_sbt(struct taskqueue *q, struct timeout_task *tt,
    sbintime_t sbt, sbintime_t pr, int flags)
{

	if (tt->q != NULL && tt->q != q)
		kpi_violation(CALLER, "a timeout task changes its queue");
	if (tt->f & DT_DRAIN_IN_PROGRESS)
		return (-1);
	if (sbt == 0) {
		taskqueue_enqueue(tt->q, &tt->t);
		return (0);
	}
	kpi_lock(&q->lock);
	if ((tt->f & DT_CALLOUT_ARMED) == 0) {
		tt->f |= DT_CALLOUT_ARMED;
		q->callouts++;
		if (sbt < 0)
			sbt = -sbt;
	}
	/* With the lock held, so that timeout_fire() waits for this. */
	if (sbt > 0)
		callout_reset_sbt(&tt->c, sbt, pr, timeout_fire, tt, flags);
	kpi_unlock(&q->lock);
	return (0);
}

int
taskqueue_enqueue_timeout(struct taskqueue *q, struct timeout_task *tt, int n)
{

	return (taskqueue_enqueue_timeout_sbt(q, tt, n * tick_sbt, 0, 0));
}

int
taskqueue_cancel_timeout(struct taskqueue *q, struct timeout_task *tt,
    u_int *pendp)
{

	if (callout_stop(&tt->c) > 0) {
		kpi_lock(&q->lock);
		tt->f &= ~DT_CALLOUT_ARMED;
		q->callouts--;
		kpi_unlock(&q->lock);
	}
	return (taskqueue_cancel(q, &tt->t, pendp));
}

void
taskqueue_drain_timeout(struct taskqueue *q, struct timeout_task *tt)
{

	kpi_lock(&q->lock);
	if (tt->f & DT_DRAIN_IN_PROGRESS)
		kpi_violation(CALLER, "a timeout task drained twice at once");
	tt->f |= DT_DRAIN_IN_PROGRESS;
	kpi_unlock(&q->lock);
	if (callout_drain(&tt->c) > 0) {
		kpi_lock(&q->lock);
		tt->f &= ~DT_CALLOUT_ARMED;
		q->callouts--;
		kpi_unlock(&q->lock);
	}
	taskqueue_drain(q, &tt->t);
	kpi_lock(&q->lock);
	tt->f &= ~DT_DRAIN_IN_PROGRESS;
	kpi_unlock(&q->lock);
}

void
kpi_task_boot(void)
{

	taskqueue_thread = taskqueue_create("thread", M_WAITOK, NULL, NULL);
	taskqueue_start_threads(&taskqueue_thread, 1, 0, "thread taskq");
	taskqueue_swi = taskqueue_fast = taskqueue_bus = taskqueue_thread;
	ledger_remove(LEDGER_TASKQUEUE, taskqueue_thread, NULL);
}
