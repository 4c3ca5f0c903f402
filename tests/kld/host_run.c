/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The host's time, threads and random numbers, and the report of a broken
 * rule.  The fuzz target uses fuzz_run.c instead.
 */
#define	_GNU_SOURCE
#include "kld.h"

#include <errno.h>
#include <execinfo.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static atomic_uint nviolations;

long
host_uptime_ns(void)
{
	static struct timespec start;
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	if (start.tv_sec == 0)
		start = ts;
	return ((ts.tv_sec - start.tv_sec) * 1000000000L + ts.tv_nsec);
}

void
host_sleep_ns(long ns)
{
	struct timespec ts = { ns / 1000000000, ns % 1000000000 };

	if (ns > 0)
		while (nanosleep(&ts, &ts) != 0 && errno == EINTR)
			;
}

int
host_wait(volatile unsigned *word, unsigned value, long ns)
{
	struct timespec ts = { ns / 1000000000, ns % 1000000000 };

	return (syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value,
	    ns < 0 ? NULL : &ts, NULL, 0) != 0 && errno == ETIMEDOUT);
}

void
host_wake(volatile unsigned *word, int count)
{

	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

struct start {
	void	(*fn)(void *);
	void	*arg;
	char	 name[16];
};

static void *
thread_main(void *arg)
{
	struct start s = *(struct start *)arg;

	free(arg);
	pthread_setname_np(pthread_self(), s.name);
	kpi_thread_enter(s.name);
	s.fn(s.arg);
	kpi_thread_leave();
	return (NULL);
}

void
host_thread(const char *name, void (*fn)(void *), void *arg)
{
	struct start *s = host_alloc(sizeof(*s));
	pthread_t t;

	s->fn = fn;
	s->arg = arg;
	snprintf(s->name, sizeof(s->name), "%s", name);
	if (pthread_create(&t, NULL, thread_main, s) != 0)
		host_panic("no thread to be had");
	pthread_detach(t);
}

unsigned long
host_random(void)
{
	static __thread unsigned long pool[32];
	static __thread unsigned left;

	if (left == 0) {
		if (getrandom(pool, sizeof(pool), 0) !=
		    (ssize_t)sizeof(pool))
			host_panic("no random numbers");
		left = sizeof(pool) / sizeof(pool[0]);
	}
	return (pool[--left]);
}

/* Nothing to do: the host may preempt a thread at any time. */
void
host_preempt(void)
{
}

void
host_violation(const char *text, const void *caller)
{
	char where[96];

	atomic_fetch_add(&nviolations, 1);
	host_where(caller, where, sizeof(where));
	fprintf(stderr, "kld: VIOLATION: %s (from %s)\n", text, where);
}

unsigned
violations(void)
{

	return (atomic_load(&nviolations));
}

static void
backtrace_say(void)
{
	void *frames[32];
	char where[96];
	int i, n;

	n = backtrace(frames, 32);
	for (i = 0; i < n; i++) {
		host_where(frames[i], where, sizeof(where));
		fprintf(stderr, "kld:   %s\n", where);
	}
}

void
host_panic(const char *text)
{

	fprintf(stderr, "kld: PANIC: %s\n", text);
	backtrace_say();
	_exit(70);
}
