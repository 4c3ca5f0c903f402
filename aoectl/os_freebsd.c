/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The control device and sysctl(3) of FreeBSD.
 */
#include <sys/types.h>
#include <sys/ioctl.h>
#include <sys/sysctl.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "aoe_ioctl.h"
#include "os.h"

static int device = -1;

int
os_open(void)
{

	device = open("/dev/" AOE_CTL_NAME, O_RDWR | O_CLOEXEC);
	return (device < 0 ? errno : 0);
}

int
os_ioctl(unsigned long request, void *data)
{

	return (ioctl(device, request, data) != 0 ? errno : 0);
}

/* The kind and then the format of a variable. */
static int
describe(const int *oid, size_t n, u_int *kind, char *format, size_t size)
{
	struct {
		u_int	kind;
		char	format[64];
	} answer;
	int query[CTL_MAXNAME + 2] = { CTL_SYSCTL, CTL_SYSCTL_OIDFMT };
	size_t len = sizeof(answer);

	memset(&answer, 0, sizeof(answer));
	memcpy(query + 2, oid, n * sizeof(*oid));
	if (sysctl(query, (u_int)n + 2, &answer, &len, NULL, 0) != 0)
		return (errno);
	*kind = answer.kind;
	strlcpy(format, answer.format, size);
	return (0);
}

static int
read_oid(const int *oid, size_t n, char *value, size_t size)
{
	char format[64];
	union {
		int64_t	 number;
		int	 word;
		char	 text[4096];
	} raw;
	size_t len = sizeof(raw) - 1;
	u_int kind;
	int error;

	memset(&raw, 0, sizeof(raw));
	if ((error = describe(oid, n, &kind, format, sizeof(format))) != 0)
		return (error);
	if (sysctl(oid, (u_int)n, &raw, &len, NULL, 0) != 0)
		return (errno);
	switch (kind & CTLTYPE) {
	case CTLTYPE_STRING:
		strlcpy(value, raw.text, size);
		return (0);
	case CTLTYPE_INT:
		snprintf(value, size, "%d", raw.word);
		return (0);
	case CTLTYPE_UINT:
		snprintf(value, size, "%u", (u_int)raw.word);
		return (0);
	case CTLTYPE_U64:
		snprintf(value, size, "%ju", (uintmax_t)raw.number);
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

int
os_sysctl_get(const char *name, char *value, size_t size)
{
	int oid[CTL_MAXNAME];
	size_t n = CTL_MAXNAME;

	if (sysctlnametomib(name, oid, &n) != 0)
		return (errno);
	return (read_oid(oid, n, value, size));
}

/* All that aoectl sets are strings. */
int
os_sysctl_set(const char *name, const char *value)
{

	return (sysctlbyname(name, NULL, NULL, value, strlen(value) + 1) != 0 ?
	    errno : 0);
}

int
os_sysctl_each(const char *prefix, void (*say)(const char *, const char *))
{
	int next[CTL_MAXNAME], query[CTL_MAXNAME + 2] = { CTL_SYSCTL };
	int root[CTL_MAXNAME];
	char name[256], value[4096];
	size_t len, n, nroot = CTL_MAXNAME;

	if (sysctlnametomib(prefix, root, &nroot) != 0)
		return (errno);
	memcpy(next, root, nroot * sizeof(*root));
	for (n = nroot;;) {
		query[1] = CTL_SYSCTL_NEXT;
		memcpy(query + 2, next, n * sizeof(*next));
		len = sizeof(next);
		if (sysctl(query, (u_int)n + 2, next, &len, NULL, 0) != 0)
			return (errno == ENOENT ? 0 : errno);
		n = len / sizeof(*next);
		if (n < nroot || memcmp(next, root, nroot * sizeof(*root)) != 0)
			return (0);
		query[1] = CTL_SYSCTL_NAME;
		memcpy(query + 2, next, n * sizeof(*next));
		len = sizeof(name);
		if (sysctl(query, (u_int)n + 2, name, &len, NULL, 0) == 0 &&
		    read_oid(next, n, value, sizeof(value)) == 0)
			say(name, value);
	}
}
