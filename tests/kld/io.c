/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * I/O for the commands: reads to and writes from files, seeded patterns
 * written and checked at a given depth, single flushes and deletes.
 */
#define	_GNU_SOURCE
#include "kld.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define	CHUNK		(1 << 20)
#define	HOLDS		64

struct slot {
	struct run	*run;
	long		 offset;
	long		 length;
	uint64_t	*data;
	bool		 busy;
};

struct run {
	struct kpi_disk	*disk;
	struct slot	*slots;
	sem_t		 free;
	pthread_mutex_t	 lock;
	unsigned long	 seed;
	bool		 write;
	int		 error;		/* the first one */
	long		 wrong;		/* offset of the first bad sector, or -1 */
};

/* Returns the 64-bit word number `word` of a pattern; all words differ. */
static uint64_t
pattern(unsigned long seed, long word)
{
	uint64_t z = seed + (uint64_t)word * 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	return (z ^ (z >> 27));
}

static void
slot_done(void *arg, int error)
{
	struct slot *s = arg;
	struct run *r = s->run;
	long i = 0, n = s->length / 8;

	if (error == 0 && !r->write)
		for (; i < n; i++)
			if (s->data[i] != pattern(r->seed, s->offset / 8 + i))
				break;
	pthread_mutex_lock(&r->lock);
	if (error != 0 && r->error == 0)
		r->error = error;
	if (error == 0 && !r->write && i < n &&
	    (r->wrong < 0 || s->offset + i * 8 < r->wrong))
		r->wrong = s->offset + i * 8;
	s->busy = false;
	pthread_mutex_unlock(&r->lock);
	sem_post(&r->free);
}

static struct slot *
take(struct run *r, unsigned depth)
{
	unsigned i;

	while (sem_wait(&r->free) != 0)
		;
	pthread_mutex_lock(&r->lock);
	for (i = 0; i < depth && r->slots[i].busy; i++)
		;
	r->slots[i].busy = true;
	pthread_mutex_unlock(&r->lock);
	return (&r->slots[i]);
}

static void
start(struct run *r, struct slot *s, long offset, long length)
{
	long i;

	s->offset = offset;
	s->length = length;
	if (r->write)
		for (i = 0; i < length / 8; i++)
			s->data[i] = pattern(r->seed, offset / 8 + i);
	else
		memset(s->data, 0xa5, (size_t)length);
	kpi_disk_io(r->disk, r->write ? KPI_WRITE : KPI_READ, offset, length,
	    s->data, slot_done, s);
}

int
io_pattern(const char *disk, long offset, long length, unsigned long seed,
    bool write, unsigned depth, unsigned size, FILE *out)
{
	struct run r = { .seed = seed, .write = write, .wrong = -1,
	    .lock = PTHREAD_MUTEX_INITIALIZER };
	long at, n, begin, ns;
	unsigned i;
	int error;

	if (depth == 0 || size == 0 || size % 512 != 0)
		return (FBSD_EINVAL);
	if ((error = kpi_disk_open(disk, write, &r.disk)) != 0)
		return (error);
	sem_init(&r.free, 0, depth);
	r.slots = calloc(depth, sizeof(*r.slots));
	for (i = 0; i < depth; i++) {
		r.slots[i].run = &r;
		r.slots[i].data = aligned_alloc(4096,
		    ((size_t)size + 8191) & ~4095UL);
	}
	begin = host_uptime_ns();
	for (at = 0; at < length && r.error == 0; at += n) {
		n = length - at < (long)size ? length - at : (long)size;
		start(&r, take(&r, depth), offset + at, n);
	}
	for (i = 0; i < depth; i++)
		while (sem_wait(&r.free) != 0)
			;
	ns = host_uptime_ns() - begin;
	for (i = 0; i < depth; i++)
		free(r.slots[i].data);
	free(r.slots);
	kpi_disk_close(r.disk);
	if (r.error == 0)
		fprintf(out, "%ld bytes in %.3f s, %.1f MB/s, %.0f I/Os per "
		    "second\n", length, (double)ns / 1e9,
		    (double)length * 1e3 / (double)ns,
		    (double)(length / size) * 1e9 / (double)ns);
	if (r.wrong >= 0) {
		fprintf(out, "wrong data at offset %ld\n", r.wrong);
		return (FBSD_EIO);
	}
	return (r.error);
}

struct single {
	volatile unsigned word;
	int		  error;
};

static void
single_done(void *arg, int error)
{
	struct single *s = arg;

	s->error = error;
	__atomic_store_n(&s->word, 1, __ATOMIC_RELEASE);
	host_wake(&s->word, 1);
}

static int
single(struct kpi_disk *d, int op, long offset, long length, void *data)
{
	struct single *s = host_alloc(sizeof(*s));
	int error;

	kpi_disk_io(d, op, offset, length, data, single_done, s);
	while (__atomic_load_n(&s->word, __ATOMIC_ACQUIRE) == 0)
		host_wait(&s->word, 0, -1);
	error = s->error;
	/* Not freed: the waker may still access its word. */
	return (error);
}

int
io_simple(const char *disk, int op, long offset, long length, FILE *out)
{
	struct kpi_disk *d;
	int error;

	(void)out;
	if ((error = kpi_disk_open(disk, 1, &d)) != 0)
		return (error);
	error = single(d, op, offset, length, NULL);
	kpi_disk_close(d);
	return (error);
}

int
io_read(const char *disk, long offset, long length, const char *path,
    FILE *out)
{
	struct kpi_disk *d;
	char *buf;
	long at, n;
	int fd, error;

	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0) {
		fprintf(out, "%s: %s\n", path, strerror(errno));
		return (FBSD_EINVAL);
	}
	if ((error = kpi_disk_open(disk, 0, &d)) != 0) {
		close(fd);
		return (error);
	}
	buf = aligned_alloc(4096, CHUNK);
	for (at = 0; at < length && error == 0; at += n) {
		n = length - at < CHUNK ? length - at : CHUNK;
		error = single(d, KPI_READ, offset + at, n, buf);
		if (error == 0 && write(fd, buf, (size_t)n) != n)
			error = FBSD_EIO;
	}
	free(buf);
	kpi_disk_close(d);
	close(fd);
	return (error);
}

int
io_write(const char *disk, long offset, const char *path, FILE *out)
{
	struct kpi_disk *d;
	ssize_t n;
	char *buf;
	int fd, error;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		fprintf(out, "%s: %s\n", path, strerror(errno));
		return (FBSD_EINVAL);
	}
	if ((error = kpi_disk_open(disk, 1, &d)) != 0) {
		close(fd);
		return (error);
	}
	buf = aligned_alloc(4096, CHUNK);
	while (error == 0 && (n = read(fd, buf, CHUNK)) > 0) {
		error = single(d, KPI_WRITE, offset, n, buf);
		offset += n;
	}
	free(buf);
	kpi_disk_close(d);
	close(fd);
	return (error);
}

/* Disks that the open command holds open until the close command. */
static struct {
	char		 name[32];
	struct kpi_disk	*disk;
} holds[HOLDS];

int
io_hold(const char *disk, bool write)
{
	unsigned i;
	int error;

	for (i = 0; i < HOLDS && holds[i].disk != NULL; i++)
		;
	if (i == HOLDS)
		return (FBSD_EBUSY);
	error = kpi_disk_open(disk, write, &holds[i].disk);
	if (error == 0)
		snprintf(holds[i].name, sizeof(holds[i].name), "%s", disk);
	return (error);
}

int
io_unhold(const char *disk)
{
	unsigned i;

	for (i = 0; i < HOLDS; i++)
		if (holds[i].disk != NULL && strcmp(holds[i].name, disk) == 0) {
			kpi_disk_close(holds[i].disk);
			holds[i].disk = NULL;
			return (0);
		}
	return (FBSD_ENOENT);
}

int
io_dump(const char *disk, long offset, long length, unsigned long seed,
    bool running)
{
	static uint64_t chunk[65536 / 8];
	struct kpi_disk *d;
	long at, n;
	int error;

	if ((error = kpi_disk_open(disk, 0, &d)) != 0)
		return (error);
	if (!running)
		kpi_stop(1);
	for (at = 0; error == 0 && at < length; at += n) {
		n = length - at < (long)sizeof(chunk) ? length - at :
		    (long)sizeof(chunk);
		for (long i = 0; i < n / 8; i++)
			chunk[i] = pattern(seed, (offset + at) / 8 + i);
		error = kpi_disk_dump(d, chunk, offset + at, n);
	}
	if (error == 0)
		error = kpi_disk_dump(d, NULL, 0, 0);
	if (!running)
		kpi_stop(0);
	kpi_disk_close(d);
	return (error);
}
