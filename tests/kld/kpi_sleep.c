/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * msleep(9), wakeup(9), pause(9).
 */
#include "kpi.h"

#include <sys/callout.h>
#include <sys/sx.h>
#include <sys/time.h>

/*
 * Sleeping.  Channels are hashed to words, and a wakeup increments a word.  So
 * a sleeper may wake spuriously: a caller of msleep() that does not loop is
 * wrong.
 */
#define	CHANNELS	256
static volatile u_int channels[CHANNELS];
static volatile u_int interrupts;

static volatile u_int *
channel(const void *chan)
{

	return (&channels[((uintptr_t)chan >> 4) % CHANNELS]);
}

int
_sleep(const void *chan, struct lock_object *lo, int pri, const char *wmesg,
    sbintime_t sbt, sbintime_t pr, int flags)
{
	struct mtx *m = (struct mtx *)lo;
	struct sx *sx = (struct sx *)lo;
	volatile u_int *word = channel(chan);
	u_int turn = *word, signals = interrupts;
	bool sleepable = lo != NULL && (lo->lo_flags & LO_SLEEPABLE) != 0;
	int timeout;

	(void)wmesg, (void)pr;
	if (chan == NULL)
		kpi_violation(CALLER, "sleeping on NULL");
	if (sbt == 0 && lo == NULL) {
		kpi_violation(CALLER, "sleeping without a lock");
		return (EWOULDBLOCK);
	}
	if (sbt != 0 && (flags & C_ABSOLUTE) != 0)
		sbt = MAX(sbt - sbinuptime(), 1);
	if (lo != NULL && sleepable)
		sx_xunlock(sx);
	else if (lo != NULL)
		mtx_unlock(m);
	kpi_may_sleep(CALLER, "msleep()");
	timeout = host_wait(word, turn, sbt == 0 ? -1 : sbttons(sbt));
	if (lo != NULL && (pri & PDROP) == 0) {
		if (sleepable)
			sx_xlock(sx);
		else
			mtx_lock(m);
	}
	if ((pri & PCATCH) != 0 && signals != interrupts)
		return (EINTR);
	return (timeout ? EWOULDBLOCK : 0);
}

void
kpi_interrupt(void)
{
	u_int i;

	atomic_add_int(&interrupts, 1);
	for (i = 0; i < CHANNELS; i++) {
		atomic_add_int(&channels[i], 1);
		host_wake(&channels[i], INT_MAX);
	}
}

void
wakeup(const void *chan)
{
	volatile u_int *word = channel(chan);

	atomic_add_int(word, 1);
	host_wake(word, INT_MAX);
}

void
wakeup_one(const void *chan)
{

	/* Channels share words, so waking one thread could wake another's. */
	wakeup(chan);
}

int
pause_sbt(const char *wmesg, sbintime_t sbt, sbintime_t pr, int flags)
{

	(void)wmesg, (void)pr, (void)flags;
	kpi_may_sleep(CALLER, "pause()");
	if (sbt < 0)
		kpi_violation(CALLER, "pause() of less than nothing");
	host_sleep_ns(sbttons(sbt));
	return (EWOULDBLOCK);
}
