/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The event log: the last events of all targets, for whoever asks.
 *
 * Knows: how many are kept, and who waits for one.
 * Must not know: what an event means.
 *
 * The console is told of few events in a second; this ring has them all.
 */
#include "aoe_var.h"

#include "aoe_ioctl.h"

static struct mtx aoe_log_mtx;
MTX_SYSINIT(aoe_log, &aoe_log_mtx, "aoe event log", MTX_DEF);

#define	AOE_LOG_EVENTS		256

static struct aoe_ioc_event aoe_log[AOE_LOG_EVENTS];	/* aoe_log_mtx */
static uint64_t aoe_log_last;				/* aoe_log_mtx */

void
aoe_log_add(const char *target, const char *name, uint8_t path,
    uint64_t value, const char *text)
{
	struct aoe_ioc_event *e;
	struct timeval now;

	microtime(&now);
	mtx_lock(&aoe_log_mtx);
	aoe_log_last++;
	e = &aoe_log[aoe_log_last % AOE_LOG_EVENTS];
	memset(e, 0, sizeof(*e));
	e->seq = aoe_log_last;
	e->sec = now.tv_sec;
	e->usec = now.tv_usec;
	e->value = value;
	e->path = path;
	strlcpy(e->target, target, sizeof(e->target));
	strlcpy(e->name, name, sizeof(e->name));
	strlcpy(e->text, text, sizeof(e->text));
	wakeup(&aoe_log_last);
	mtx_unlock(&aoe_log_mtx);
}

static void
aoe_log_copy(struct aoe_ioc_log *l)
{
	uint64_t oldest, seq;

	mtx_assert(&aoe_log_mtx, MA_OWNED);
	oldest = aoe_log_last < AOE_LOG_EVENTS ? 1 :
	    aoe_log_last - AOE_LOG_EVENTS + 1;
	/* Numbers start anew with the module. */
	if (l->after > aoe_log_last)
		l->after = 0;
	seq = MAX(l->after + 1, oldest);
	l->lost = seq - l->after - 1;
	for (l->count = 0; l->count < AOE_CTL_LOG && seq <= aoe_log_last;
	    l->count++, seq++)
		l->event[l->count] = aoe_log[seq % AOE_LOG_EVENTS];
}

/* Events for a reader, who may wait for one, until `closing` is set. */
int
aoe_log_read(struct aoe_ioc_log *l, u_int *closing)
{
	int error;

	error = 0;
	mtx_lock(&aoe_log_mtx);
	while (l->after == aoe_log_last && l->wait_ms != 0 && error == 0) {
		if (atomic_load_acq_int(closing) != 0)
			error = ENXIO;
		else
			error = msleep_sbt(&aoe_log_last, &aoe_log_mtx, PCATCH,
			    "aoelog", l->wait_ms * SBT_1MS, 0, 0);
	}
	if (error == 0 || error == EWOULDBLOCK) {
		error = 0;
		aoe_log_copy(l);
	}
	mtx_unlock(&aoe_log_mtx);
	return (error);
}

/* Readers that wait are to look at what they wait for. */
void
aoe_log_wake(void)
{

	mtx_lock(&aoe_log_mtx);
	wakeup(&aoe_log_last);
	mtx_unlock(&aoe_log_mtx);
}

/* So that a module that comes again begins anew. */
void
aoe_log_clear(void)
{

	mtx_lock(&aoe_log_mtx);
	aoe_log_last = 0;
	mtx_unlock(&aoe_log_mtx);
}
