/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The services of the Linux half: memory, time, threads, messages.
 */
#define	_GNU_SOURCE
#include "kld.h"

#include <asm/prctl.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

bool quiet;
static atomic_uint nviolations;
static pthread_mutex_t kenv_lock = PTHREAD_MUTEX_INITIALIZER;
static struct kenv {
	struct kenv	*next;
	char		*name, *value;
} *kenv;

void *
host_alloc(unsigned long size)
{
	void *p = calloc(1, size != 0 ? size : 1);

	if (p == NULL)
		host_panic("no memory left on this machine");
	return (p);
}

void *
host_alloc_raw(unsigned long size)
{
	void *p = malloc(size != 0 ? size : 1);

	if (p == NULL)
		host_panic("no memory left on this machine");
	return (p);
}

void
host_free(void *p)
{

	free(p);
}

void *
host_pages(unsigned long size)
{
	void *p;

	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE |
	    MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		host_panic("no address space left");
	return (p);
}

void
host_set_gs(void *base)
{

	if (syscall(SYS_arch_prctl, ARCH_SET_GS, base) != 0)
		host_panic("ARCH_SET_GS failed");
}

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

void
host_log(const char *text)
{

	if (!quiet)
		fprintf(stderr, "kernel: %s\n", text);
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

const char *
host_kenv(const char *name)
{
	struct kenv *k;

	pthread_mutex_lock(&kenv_lock);
	for (k = kenv; k != NULL; k = k->next)
		if (strcmp(k->name, name) == 0)
			break;
	pthread_mutex_unlock(&kenv_lock);
	return (k != NULL ? k->value : NULL);
}

void
kenv_set(const char *name, const char *value)
{
	struct kenv *k = host_alloc(sizeof(*k));

	k->name = strdup(name);
	k->value = strdup(value);
	pthread_mutex_lock(&kenv_lock);
	k->next = kenv;
	kenv = k;
	pthread_mutex_unlock(&kenv_lock);
}

void
kenv_clear(void)
{
	struct kenv *k;

	pthread_mutex_lock(&kenv_lock);
	while ((k = kenv) != NULL) {
		kenv = k->next;
		free(k->name);
		free(k->value);
		free(k);
	}
	pthread_mutex_unlock(&kenv_lock);
}

void
firmware_map(void)
{

	if (mmap((void *)FIRMWARE_BASE, FIRMWARE_END - FIRMWARE_BASE,
	    PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
	    MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED)
		host_panic("the first megabyte is not to be had");
}

int
firmware_load(unsigned long address, const char *path, FILE *out)
{
	ssize_t n;
	int fd;

	if (address < FIRMWARE_BASE || address >= FIRMWARE_END)
		return (FBSD_EINVAL);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, (void *)address, FIRMWARE_END - address);
	if (n < 0)
		fprintf(out, "%s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return (n < 0 ? FBSD_EIO : 0);
}

static const struct {
	int		 fbsd, host;
	const char	*name;
} errnos[] = {
	{ 1, EPERM, "EPERM" }, { 2, ENOENT, "ENOENT" }, { 5, EIO, "EIO" },
	{ 6, ENXIO, "ENXIO" }, { 8, ENOEXEC, "ENOEXEC" },
	{ 12, ENOMEM, "ENOMEM" }, { 13, EACCES, "EACCES" },
	{ 4, EINTR, "EINTR" }, { 16, EBUSY, "EBUSY" },
	{ 25, ENOTTY, "ENOTTY" }, { 40, EMSGSIZE, "EMSGSIZE" }, { 17, EEXIST, "EEXIST" },
	{ 19, ENODEV, "ENODEV" }, { 22, EINVAL, "EINVAL" },
	{ 21, EISDIR, "EISDIR" }, { 27, EFBIG, "EFBIG" },
	{ 28, ENOSPC, "ENOSPC" },
	{ 30, EROFS, "EROFS" }, { 35, EAGAIN, "EAGAIN" },
	{ 45, EOPNOTSUPP, "EOPNOTSUPP" }, { 50, ENETDOWN, "ENETDOWN" },
	{ 55, ENOBUFS, "ENOBUFS" }, { 60, ETIMEDOUT, "ETIMEDOUT" },
	{ 63, ENAMETOOLONG, "ENAMETOOLONG" }, { -3, EINVAL, "ENOIOCTL" },
};

const char *
errno_name(int fbsd)
{
	static __thread char number[32];
	size_t i;

	for (i = 0; i < sizeof(errnos) / sizeof(errnos[0]); i++)
		if (errnos[i].fbsd == fbsd)
			return (errnos[i].name);
	snprintf(number, sizeof(number), "errno %d", fbsd);
	return (number);
}

int
errno_linux(int fbsd)
{
	size_t i;

	for (i = 0; i < sizeof(errnos) / sizeof(errnos[0]); i++)
		if (errnos[i].fbsd == fbsd)
			return (errnos[i].host);
	return (fbsd == 0 ? 0 : EIO);
}
