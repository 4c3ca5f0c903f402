/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The event log: the last events of all targets, for aoectl(8).
 *
 * Knows: which threads wait for an event.
 * Must not know: how many events are kept, or what they mean.
 */
#include "aoe_base.h"

#include "aoe_ioctl.h"

static struct mtx aoe_log_mtx;
MTX_SYSINIT(aoe_log, &aoe_log_mtx, "aoe event log", MTX_DEF);

static struct aoe_log aoe_log;			/* aoe_log_mtx */

void
aoe_log_add(uint16_t major, uint8_t minor, u_int event, uint8_t path,
    uint64_t value)
{
	struct timeval now;

	microtime(&now);
	mtx_lock(&aoe_log_mtx);
	aoe_core_log_add(&aoe_log, now.tv_sec, now.tv_usec, major, minor, path,
	    event, value);
	wakeup(&aoe_log);
	mtx_unlock(&aoe_log_mtx);
}

/*
 * Copy events for a reader.  If there is none, wait up to l->wait_ms, or until
 * `closing` is set.
 */
int
aoe_log_read(struct aoe_ioc_log *l, u_int *closing)
{
	int error;

	error = 0;
	mtx_lock(&aoe_log_mtx);
	while (aoe_core_log_read(&aoe_log, l) == 0 && l->wait_ms != 0 &&
	    error == 0) {
		if (atomic_load_acq_int(closing) != 0)
			error = ENXIO;
		else
			error = msleep_sbt(&aoe_log, &aoe_log_mtx, PCATCH,
			    "aoelog", l->wait_ms * SBT_1MS, 0, 0);
	}
	mtx_unlock(&aoe_log_mtx);
	return (error == EWOULDBLOCK ? 0 : error);
}

/* Wake waiting readers to check their conditions again. */
void
aoe_log_wake(void)
{

	mtx_lock(&aoe_log_mtx);
	wakeup(&aoe_log);
	mtx_unlock(&aoe_log_mtx);
}

void
aoe_log_clear(void)
{

	mtx_lock(&aoe_log_mtx);
	aoe_core_log_clear(&aoe_log);
	mtx_unlock(&aoe_log_mtx);
}
