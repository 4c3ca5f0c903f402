/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Timed I/O: keeps a number of requests outstanding for a number of seconds,
 * and checks no data.  tests/tools/rawaoe.c does the same without a module.
 */
#define	_GNU_SOURCE
#include "kld.h"

#include <stdlib.h>
#include <string.h>

struct bench {
	struct kpi_disk	*disk;
	int		 op;
	bool		 random;
	long		 size;		/* of one request */
	long		 blocks;	/* requests that fit the disk */
	long		 end;		/* no request starts after this */
	atomic_long	 next;
	atomic_long	 done;
	atomic_int	 error;
	atomic_uint	 left;		/* lanes not finished */
	atomic_long	 longest;	/* duration of a request, ns */
	volatile unsigned word;
};

/* Sends one request after the other; there are as many lanes as the depth. */
struct lane {
	struct bench	*bench;
	unsigned long	 rng;
	void		*data;
	long		 begun;		/* when its request started */
	atomic_int	 state;		/* see lane_run() */
};
#define	IDLE		0
#define	STARTING	1
#define	DONE_EARLY	2

static void	lane_run(struct lane *);

static long
next_block(struct lane *l)
{
	struct bench *b = l->bench;

	if (!b->random)
		return (atomic_fetch_add(&b->next, 1) % b->blocks);
	l->rng ^= l->rng << 13;
	l->rng ^= l->rng >> 7;
	l->rng ^= l->rng << 17;
	return ((long)(l->rng % (unsigned long)b->blocks));
}

static void
lane_end(struct lane *l)
{
	struct bench *b = l->bench;

	if (atomic_fetch_sub(&b->left, 1) == 1) {
		b->word = 1;
		host_wake(&b->word, 1);
	}
}

static void
lane_done(void *arg, int error)
{
	struct lane *l = arg;
	long took = host_uptime_ns() - l->begun, most;
	int starting = STARTING;

	most = atomic_load(&l->bench->longest);
	while (took > most && !atomic_compare_exchange_weak(
	    &l->bench->longest, &most, took))
		;
	if (error != 0)
		atomic_store(&l->bench->error, error);
	else
		atomic_fetch_add(&l->bench->done, 1);
	/* If kpi_disk_io() has not returned, its caller's loop continues. */
	if (atomic_compare_exchange_strong(&l->state, &starting, DONE_EARLY))
		return;
	lane_run(l);
}

static void
lane_run(struct lane *l)
{
	struct bench *b = l->bench;
	int starting;

	do {
		if (host_uptime_ns() >= b->end || atomic_load(&b->error)) {
			lane_end(l);
			return;
		}
		atomic_store(&l->state, STARTING);
		l->begun = host_uptime_ns();
		kpi_disk_io(b->disk, b->op, next_block(l) * b->size, b->size,
		    l->data, lane_done, l);
		starting = STARTING;
	} while (!atomic_compare_exchange_strong(&l->state, &starting, IDLE));
}

int
io_bench(const char *disk, bool write, bool random, long size, unsigned depth,
    double seconds, FILE *out)
{
	struct bench b = { .op = write ? KPI_WRITE : KPI_READ,
	    .random = random, .size = size, .left = depth };
	struct lane *lanes;
	long begin, ns;
	unsigned i;
	int error;

	if (size <= 0 || size % 512 != 0 || depth == 0)
		return (FBSD_EINVAL);
	if ((error = kpi_disk_open(disk, write, &b.disk)) != 0)
		return (error);
	b.blocks = kpi_disk_size(b.disk) / size;
	lanes = calloc(depth, sizeof(*lanes));
	begin = host_uptime_ns();
	b.end = begin + (long)(seconds * 1e9);
	for (i = 0; i < depth; i++) {
		lanes[i].bench = &b;
		lanes[i].rng = 0x9e3779b97f4a7c15UL * (i + 1);
		lanes[i].data = aligned_alloc(4096,
		    ((size_t)size + 4095) & ~4095UL);
		memset(lanes[i].data, 0, (size_t)size);
	}
	for (i = 0; i < depth; i++)
		lane_run(&lanes[i]);
	while (b.word == 0)
		host_wait(&b.word, 0, 1000000000);
	ns = host_uptime_ns() - begin;
	for (i = 0; i < depth; i++)
		free(lanes[i].data);
	free(lanes);
	kpi_disk_close(b.disk);
	if (atomic_load(&b.error) == 0)
		fprintf(out, "%.1f MB/s %.0f IOPS, the longest took %.1f ms\n",
		    (double)b.done * (double)size * 1e3 / (double)ns,
		    (double)b.done * 1e9 / (double)ns,
		    (double)b.longest / 1e6);
	return (atomic_load(&b.error));
}
