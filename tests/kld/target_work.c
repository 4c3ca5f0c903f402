/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A target that works on several requests at once, as ggaoed does with
 * asynchronous I/O: each is executed and answered after a random delay of its
 * own, so that answers come in another order than requests.  A request that
 * needs no disk is answered as soon as it arrives.
 */
#define	_GNU_SOURCE
#include "target.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define	WORKERS_MAX	32
#define	QUEUE_MAX	256

struct work {
	struct target	*target;
	target_reply_t	*reply;
	void		*cookie;
	unsigned	 mtu;
	pthread_mutex_t	 lock;
	pthread_cond_t	 some;
	bool		 stop;
	unsigned	 spread;	/* longest delay of a request, us */
	unsigned	 nthreads;
	pthread_t	 thread[WORKERS_MAX];
	unsigned	 first, count;
	struct {
		unsigned char	*bytes;
		size_t		 len;
	} queue[QUEUE_MAX];
};

static void *
worker(void *arg)
{
	struct work *w = arg;
	struct timespec ts = { 0, 0 };
	unsigned char *bytes;
	unsigned seed = (unsigned)host_random();
	size_t len;

	kpi_thread_enter("worker");
	pthread_mutex_lock(&w->lock);
	for (;;) {
		while (w->count == 0 && !w->stop)
			pthread_cond_wait(&w->some, &w->lock);
		if (w->stop)
			break;
		bytes = w->queue[w->first].bytes;
		len = w->queue[w->first].len;
		w->first = (w->first + 1) % QUEUE_MAX;
		w->count--;
		ts.tv_nsec = (long)(w->spread == 0 ? 0 :
		    (unsigned)rand_r(&seed) % w->spread) * 1000;
		pthread_mutex_unlock(&w->lock);
		nanosleep(&ts, NULL);
		kpi_input_begin();
		target_answer(w->target, bytes, len, w->mtu, w->reply,
		    w->cookie);
		kpi_input_end();
		free(bytes);
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	kpi_thread_leave();
	return (NULL);
}

/*
 * Sets the number of workers, which cannot change later, and the longest delay
 * of a request in microseconds.
 */
bool
target_work_set(struct target *t, unsigned workers, unsigned spread)
{
	struct work *w = t->work;

	if (workers > WORKERS_MAX || spread > 500000 ||
	    (w != NULL && workers != w->nthreads))
		return (false);
	if (w == NULL) {
		w = host_alloc(sizeof(*w));
		w->target = t;
		pthread_mutex_init(&w->lock, NULL);
		pthread_cond_init(&w->some, NULL);
		for (; w->nthreads < workers; w->nthreads++)
			if (pthread_create(&w->thread[w->nthreads], NULL,
			    worker, w) != 0)
				host_panic("no thread to be had");
		t->work = w;
	}
	w->spread = spread;
	return (true);
}

/* Takes a request that needs the disk; if the queue is full, it is lost. */
bool
target_work_take(struct target *t, const unsigned char *in, size_t len,
    unsigned mtu, target_reply_t *reply, void *cookie)
{
	struct work *w = t->work;
	unsigned room = t->bufcnt < QUEUE_MAX ? t->bufcnt : QUEUE_MAX, at;

	if (w == NULL || len < ATA_HEADER || in[19] != 0 || in[27] == 0xec)
		return (false);
	pthread_mutex_lock(&w->lock);
	if (w->count < room) {
		w->reply = reply;
		w->cookie = cookie;
		w->mtu = mtu;
		at = (w->first + w->count++) % QUEUE_MAX;
		w->queue[at].bytes = malloc(len);
		w->queue[at].len = len;
		memcpy(w->queue[at].bytes, in, len);
		pthread_cond_signal(&w->some);
	}
	pthread_mutex_unlock(&w->lock);
	return (true);
}

/* Ends the workers of a target that was removed from its link's list. */
void
target_work_end(struct target *t)
{
	struct work *w = t->work;
	unsigned i;

	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_broadcast(&w->some);
	pthread_mutex_unlock(&w->lock);
	for (i = 0; i < w->nthreads; i++)
		pthread_join(w->thread[i], NULL);
	while (w->count-- > 0) {
		free(w->queue[w->first].bytes);
		w->first = (w->first + 1) % QUEUE_MAX;
	}
	free(w);
	t->work = NULL;
}
