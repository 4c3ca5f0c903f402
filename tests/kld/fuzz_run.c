/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Threads, time and random numbers for the fuzz target, in place of host_run.c:
 * the same input does the same things in the same order each time.
 *
 * One thread runs at a time, until it waits, sleeps, or yields at a preemption
 * point.  The next one is drawn from a generator that the input seeds.  If no
 * thread can run, time advances to the earliest deadline.
 */
#define	_GNU_SOURCE
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define	THREADS		128
#define	PREEMPT		16		/* one in n preemption points yields */
#define	CALL_NS		50		/* duration of a read of the clock */

enum state { FREE, READY, WAITING };

struct fiber {
	enum state		 state;
	pthread_cond_t		 turn;
	volatile unsigned	*word;	/* waits on this; NULL: sleeps */
	long			 deadline;	/* -1: none */
	int			 timed_out;
	void			(*fn)(void *);
	void			*arg;
	char			 name[16];
};

static pthread_mutex_t	 one = PTHREAD_MUTEX_INITIALIZER;
static struct fiber	 fibers[THREADS];
static struct fiber	*running;
static __thread struct fiber *self;
static long		 now = 1;
static unsigned long	 chance = 1;
static bool		 alone;		/* a kernel that has stopped */

/* Sets the time and the random numbers with which an input begins. */
void
fuzz_begin(unsigned long seed)
{

	now = 1;
	chance = seed * 0x9e3779b97f4a7c15UL | 1;
}

/* Runs until every thread waits without a deadline. */
void
fuzz_end(void)
{
	struct fiber *f;
	int tries;

	for (tries = 0; ; tries++) {
		for (f = fibers + 1; f < fibers + THREADS; f++)
			if (f->state == READY ||
			    (f->state == WAITING && f->deadline >= 0))
				break;
		if (f == fibers + THREADS)
			return;
		if (tries == 10000)
			host_panic("a thread never comes to rest");
		host_sleep_ns(10000000);
	}
}

void
fuzz_alone(bool stopped)
{

	alone = stopped;
}

/* xorshift64*. */
unsigned long
host_random(void)
{

	chance ^= chance >> 12;
	chance ^= chance << 25;
	chance ^= chance >> 27;
	return (chance * 0x2545f4914f6cdd1dUL);
}

void
fuzz_run_boot(void)
{

	pthread_mutex_lock(&one);
	self = running = &fibers[0];
	self->state = READY;
	pthread_cond_init(&self->turn, NULL);
	snprintf(self->name, sizeof(self->name), "main");
}

/* Advances the time to the earliest deadline, and wakes its thread. */
static void
pass_time(void)
{
	struct fiber *f, *first = NULL;

	for (f = fibers; f < fibers + THREADS; f++)
		if (f->state == WAITING && f->deadline >= 0 &&
		    (first == NULL || f->deadline < first->deadline))
			first = f;
	if (first == NULL)
		host_panic("no thread can ever run again");
	if (first->deadline > now)
		now = first->deadline;
	first->timed_out = 1;
	first->state = READY;
}

static struct fiber *
choose(void)
{
	struct fiber *f;
	unsigned n = 0, pick;

	for (;;) {
		for (f = fibers; f < fibers + THREADS; f++)
			n += f->state == READY;
		if (n != 0)
			break;
		pass_time();
	}
	pick = n == 1 ? 0 : (unsigned)(host_random() >> 33) % n;
	for (f = fibers; ; f++)
		if (f->state == READY && pick-- == 0)
			return (f);
}

/* May switch to another thread; returns when this one is to run again. */
static void
give_way(void)
{
	struct fiber *next;

	next = choose();
	if (next == self)
		return;
	running = next;
	pthread_cond_signal(&next->turn);
	while (running != self)
		pthread_cond_wait(&self->turn, &one);
}

void
host_preempt(void)
{

	if (!alone && (host_random() >> 33) % PREEMPT == 0)
		give_way();
}

long
host_uptime_ns(void)
{

	now += CALL_NS;
	return (now);
}

static int
wait_for(volatile unsigned *word, long ns)
{

	if (alone) {
		if (word != NULL)
			host_panic("a wait in a kernel that has stopped");
		now += ns;
		return (1);
	}
	self->word = word;
	self->deadline = ns < 0 ? -1 : now + ns;
	self->timed_out = 0;
	self->state = WAITING;
	give_way();
	return (self->timed_out);
}

void
host_sleep_ns(long ns)
{

	wait_for(NULL, ns > 0 ? ns : 0);
}

int
host_wait(volatile unsigned *word, unsigned value, long ns)
{

	return (*word == value ? wait_for(word, ns) : 0);
}

void
host_wake(volatile unsigned *word, int count)
{
	struct fiber *f;

	for (f = fibers; f < fibers + THREADS && count > 0; f++)
		if (f->state == WAITING && f->word == word) {
			f->state = READY;
			count--;
		}
}

static void *
thread_main(void *arg)
{

	self = arg;
	pthread_mutex_lock(&one);
	while (running != self)
		pthread_cond_wait(&self->turn, &one);
	kpi_thread_enter(self->name);
	self->fn(self->arg);
	kpi_thread_leave();
	self->state = FREE;
	running = choose();
	pthread_cond_signal(&running->turn);
	pthread_mutex_unlock(&one);
	return (NULL);
}

void
host_thread(const char *name, void (*fn)(void *), void *arg)
{
	static bool made[THREADS];
	struct fiber *f;
	pthread_t t;

	for (f = fibers; f < fibers + THREADS && f->state != FREE; f++)
		;
	if (f == fibers + THREADS)
		host_panic("too many threads");
	if (!made[f - fibers])
		pthread_cond_init(&f->turn, NULL);
	made[f - fibers] = true;
	f->fn = fn;
	f->arg = arg;
	snprintf(f->name, sizeof(f->name), "%s", name);
	f->state = READY;
	if (pthread_create(&t, NULL, thread_main, f) != 0)
		host_panic("no thread to be had");
	pthread_detach(t);
}

/* Aborts, so that libFuzzer reports a crash. */
void
host_violation(const char *text, const void *caller)
{
	char where[96];

	host_where(caller, where, sizeof(where));
	fprintf(stderr, "kld: VIOLATION: %s (from %s)\n", text, where);
	abort();
}

unsigned
violations(void)
{

	return (0);
}

void
host_panic(const char *text)
{

	fprintf(stderr, "kld: PANIC: %s\n", text);
	abort();
}
