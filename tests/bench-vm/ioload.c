/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A load for a disk, on Linux and FreeBSD.  A counting emulator recognises its
 * measured part: it executes a special NOP at the beginning and at the end
 * (plugin.c).
 *
 *	ioload [-a] [-m rr|rw|sr|sw] [-b bytes] [-q depth] [-n ios | -t seconds]
 *	       [-w warm-up ios] [-s span in MiB] [-L label] [-k ms] [-c] device
 *
 *	-a	asynchronous I/O from one thread, instead of a thread per I/O
 *	-k	print the rate in each interval of so many milliseconds
 *	-c	write a pattern that depends on the offset; reads check it
 */
#define _GNU_SOURCE
#define	_FILE_OFFSET_BITS 64
#include <sys/types.h>

#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ioload.h"

/* nopl 0x0ae0KK01(%rax,%rax,1): a NOP, which plugin.c recognises as a mark. */
#define	MARK(kind)							\
	__asm__ volatile(".byte 0x0f,0x1f,0x84,0x00,1," #kind ",0xe0,0x0a"	\
	    ::: "memory")

#define	DEPTH_MAX	256

struct load load = { .l_mode = "rr", .l_size = 4096, .l_depth = 1 };

static const char *label = "-";
static long count = 1000, warm_up;
static double seconds;
static bool use_aio, check;
static unsigned interval_ms;

static atomic_long next_io, done, errors;
static atomic_bool stopping;
static long limit;
static pthread_barrier_t barrier;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (t.tv_sec + t.tv_nsec / 1e9);
}

static void
nap(double time)
{
	struct timespec t = { .tv_sec = (time_t)time };

	t.tv_nsec = (time - t.tv_sec) * 1e9;
	nanosleep(&t, NULL);
}

/* Offset of I/O number k: the same for every system, engine and depth. */
static uint64_t
place(long k)
{
	uint64_t x = k + 12345, blocks = load.l_span / load.l_size;

	if (load.l_mode[0] == 's')
		return ((uint64_t)k % blocks * load.l_size);
	x = (x ^ x >> 33) * 0xff51afd7ed558ccdULL;
	x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53ULL;
	return ((x ^ x >> 33) % blocks * load.l_size);
}

static uint64_t
pattern(uint64_t offset, size_t i)
{

	return ((offset / 8 + i) * 0x9e3779b97f4a7c15ULL);
}

/* Takes the next I/O; returns its number, or -1 when there is none. */
static long
take(struct io *io)
{
	uint64_t *word;
	size_t i;
	long k;

	if (atomic_load_explicit(&stopping, memory_order_relaxed))
		return (-1);
	k = atomic_fetch_add(&next_io, 1);
	if (k >= limit)
		return (-1);
	io->io_offset = place(k);
	io->io_is_write = load.l_mode[1] == 'w';
	if (check && io->io_is_write) {
		word = (uint64_t *)io->io_buffer;
		for (i = 0; i < load.l_size / 8; i++)
			word[i] = pattern(io->io_offset, i);
	}
	return (k);
}

/* Counts an I/O that ended with `result` bytes, and checks it. */
static void
account(struct io *io, ssize_t result)
{
	const uint64_t *word = (const uint64_t *)io->io_buffer;
	bool good = result == (ssize_t)load.l_size;
	size_t i;

	for (i = 0; check && good && !io->io_is_write && i < load.l_size / 8;
	    i++)
		good = word[i] == pattern(io->io_offset, i);
	if (!good)
		atomic_fetch_add(&errors, 1);
	atomic_fetch_add(&done, 1);
}

static void
buffer(struct io *io)
{
	void *p;

	if (posix_memalign(&p, 4096, load.l_size) != 0)
		errx(1, "no memory");
	memset(p, 0x5a, load.l_size);
	io->io_buffer = p;
}

static void
work(struct io *io)
{

	while (take(io) != -1)
		account(io, io->io_is_write ?
		    pwrite(load.l_fd, io->io_buffer, load.l_size,
		    io->io_offset) :
		    pread(load.l_fd, io->io_buffer, load.l_size,
		    io->io_offset));
}

static void *
worker(void *arg)
{

	for (;;) {
		pthread_barrier_wait(&barrier);
		work(arg);
		pthread_barrier_wait(&barrier);
	}
	return (NULL);
}

static void
run_aio(struct io *ios)
{
	struct io *io;
	unsigned out = 0;
	ssize_t result;

	for (io = ios; io < ios + load.l_depth && take(io) != -1; io++) {
		aio_start(io);
		out++;
	}
	while (out != 0) {
		io = aio_wait(&result);
		account(io, result);
		if (take(io) != -1)
			aio_start(io);
		else
			out--;
	}
}

static void
run(struct io *ios, long until)
{

	limit = until;
	if (use_aio)
		run_aio(ios);
	else if (load.l_depth == 1)
		work(&ios[0]);
	else {
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
	}
}

/* Prints the rate of each interval, and ends the load after its time. */
static void *
watcher(void *arg)
{
	double start = *(double *)arg, next = start, last = start, t;
	long before = 0, so_far;

	while (seconds == 0 || now() - start < seconds) {
		if (interval_ms == 0) {
			nap(seconds - (now() - start));
			continue;
		}
		next += interval_ms / 1e3;
		if (next > now())
			nap(next - now());
		t = now();
		so_far = atomic_load(&done);
		printf("TICK %.3f %.3f\n", t - start,
		    (so_far - before) * (double)load.l_size / (t - last) / 1e6);
		fflush(stdout);
		before = so_far;
		last = t;
	}
	atomic_store(&stopping, true);
	return (NULL);
}

static void
start_threads(struct io *ios)
{
	pthread_attr_t attributes;
	pthread_t thread;
	unsigned i;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 65536);
	pthread_barrier_init(&barrier, NULL, load.l_depth + 1);
	for (i = 0; i < load.l_depth; i++)
		if (pthread_create(&thread, &attributes, worker, &ios[i]) != 0)
			errx(1, "no thread");
}

static void
options(int argc, char **argv)
{
	long span = 0;
	int c;

	while ((c = getopt(argc, argv, "am:b:q:n:t:w:s:L:k:c")) != -1)
		switch (c) {
		case 'a': use_aio = true; break;
		case 'm': load.l_mode = optarg; break;
		case 'b': load.l_size = atol(optarg); break;
		case 'q': load.l_depth = atoi(optarg); break;
		case 'n': count = atol(optarg); break;
		case 't': seconds = atof(optarg); break;
		case 'w': warm_up = atol(optarg); break;
		case 's': span = atol(optarg); break;
		case 'L': label = optarg; break;
		case 'k': interval_ms = atoi(optarg); break;
		case 'c': check = true; break;
		default: exit(2);
		}
	if (optind + 1 != argc || load.l_depth < 1 || load.l_depth > DEPTH_MAX)
		errx(2, "usage: see the head of ioload.c");
	load.l_fd = open(argv[optind], O_RDWR | O_DIRECT);
	if (load.l_fd == -1)
		err(1, "%s", argv[optind]);
	load.l_span = (uint64_t)span << 20;
	if (span == 0)
		load.l_span = 64 << 20;
}

int
main(int argc, char **argv)
{
	static struct io ios[DEPTH_MAX];
	pthread_t thread;
	double start, took;
	unsigned i;
	long n;

	options(argc, argv);
	for (i = 0; i < load.l_depth; i++)
		buffer(&ios[i]);
	if (use_aio)
		aio_begin();
	else if (load.l_depth > 1)
		start_threads(ios);
	if (warm_up != 0)
		run(ios, warm_up);
	atomic_store(&next_io, warm_up);
	n = atomic_load(&done);
	start = now();
	if ((seconds != 0 || interval_ms != 0) &&
	    pthread_create(&thread, NULL, watcher, &start) != 0)
		errx(1, "no thread");
	MARK(1);
	run(ios, seconds != 0 ? 1L << 40 : warm_up + count);
	MARK(2);
	took = now() - start;
	n = atomic_load(&done) - n;
	printf("RES label=%s aio=%d mode=%s size=%zu depth=%u n=%ld "
	    "seconds=%.4f errors=%ld\n", label, use_aio, load.l_mode,
	    load.l_size, load.l_depth, n, took, atomic_load(&errors));
	fflush(stdout);
	_exit(atomic_load(&errors) != 0);
}
