/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The services of the Linux half: memory, the kernel environment, firmware,
 * messages.
 */
#define	_GNU_SOURCE
#include "kld.h"

#include <asm/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

bool quiet;
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

void
host_log(const char *text)
{

	if (!quiet)
		fprintf(stderr, "kernel: %s\n", text);
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
