/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Messages, panic, rates, strings, the kernel environment and its tunables.
 */
#include "kpi.h"

#include <sys/stdarg.h>
#include <sys/libkern.h>

/* Printing. */
static char	 line[4096];
static size_t	 line_used;
static struct kmutex line_lock;

static int
say(const char *fmt, va_list ap)
{
	char text[1024];
	char *p;
	int n;

	n = host_format(text, sizeof(text), fmt, ap);
	kpi_lock(&line_lock);
	for (p = text; *p != '\0'; p++) {
		if (*p != '\n' && line_used < sizeof(line) - 1) {
			line[line_used++] = *p;
			continue;
		}
		line[line_used] = '\0';
		host_log(line);
		line_used = 0;
	}
	kpi_unlock(&line_lock);
	return (n);
}

int
printf(const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = say(fmt, ap);
	va_end(ap);
	return (n);
}

int
vprintf(const char *fmt, va_list ap)
{

	return (say(fmt, ap));
}

void
log(int level, const char *fmt, ...)
{
	va_list ap;

	(void)level;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void
vlog(int level, const char *fmt, va_list ap)
{

	(void)level;
	say(fmt, ap);
}

int
snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = host_format(buf, size, fmt, ap);
	va_end(ap);
	return (n);
}

int
vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{

	return (host_format(buf, size, fmt, ap));
}

int
sprintf(char *buf, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = host_format(buf, 4096, fmt, ap);
	va_end(ap);
	return (n);
}

void
panic(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	host_format(text, sizeof(text), fmt, ap);
	va_end(ap);
	host_panic(text);
	for (;;)
		;
}

#undef kassert_panic
void	kassert_panic(const char *, ...);
void
kassert_panic(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	host_format(text, sizeof(text), fmt, ap);
	va_end(ap);
	host_panic(text);
}

void	__stack_chk_fail(void);
void
__stack_chk_fail(void)
{

	host_panic("stack overflow detected");
}

/* ppsratecheck(9) is a macro over this. */
int
eventratecheck(struct timeval *last, int *count, int max)
{
	long second = host_uptime_ns() / 1000000000;

	if (last->tv_sec != second) {
		last->tv_sec = second;
		*count = 1;
		return (max != 0);
	}
	return (max < 0 || (*count)++ < max);
}

int
ratecheck(struct timeval *last, const struct timeval *min)
{
	long now = host_uptime_ns() / 1000;

	if (last->tv_sec != 0 && now - (last->tv_sec * 1000000 +
	    last->tv_usec) < min->tv_sec * 1000000 + min->tv_usec)
		return (0);
	last->tv_sec = now / 1000000;
	last->tv_usec = now % 1000000;
	return (1);
}

size_t
strlcpy(char *to, const char *from, size_t size)
{
	size_t n = strlen(from);

	if (size > 0) {
		memcpy(to, from, MIN(n, size - 1));
		to[MIN(n, size - 1)] = '\0';
	}
	return (n);
}

size_t
strlcat(char *to, const char *from, size_t size)
{
	size_t n = strnlen(to, size);

	return (n + strlcpy(to + n, from, size - n));
}

/* The kernel environment. */
char *
kern_getenv(const char *name)
{
	const char *value = host_kenv(name);
	char *copy;

	kpi_may_sleep(CALLER, "kern_getenv()");
	if (value == NULL)
		return (NULL);
	copy = host_alloc(strlen(value) + 1);
	memcpy(copy, value, strlen(value) + 1);
	ledger_add(LEDGER_ENV, copy, name, CALLER);
	return (copy);
}

void
freeenv(char *env)
{

	if (env != NULL && ledger_remove(LEDGER_ENV, env, CALLER))
		host_free(env);
}

int
testenv(const char *name)
{

	return (host_kenv(name) != NULL);
}

int
getenv_string(const char *name, char *data, int size)
{
	const char *value = host_kenv(name);

	if (value == NULL)
		return (0);
	strlcpy(data, value, size);
	return (1);
}

int
getenv_quad(const char *name, quad_t *data)
{
	const char *value = host_kenv(name);
	char *end;
	quad_t n;

	if (value == NULL)
		return (0);
	n = strtol(value, &end, 0);
	if (end == value)
		return (0);
	switch (*end) {
	case 't': case 'T': n *= 1024; /* FALLTHROUGH */
	case 'g': case 'G': n *= 1024; /* FALLTHROUGH */
	case 'm': case 'M': n *= 1024; /* FALLTHROUGH */
	case 'k': case 'K': n *= 1024; break;
	case '\0': break;
	default: return (0);
	}
	*data = n;
	return (1);
}

#define	GETENV(suffix, type)						\
int									\
getenv_##suffix(const char *name, type *data)				\
{									\
	quad_t n;							\
									\
	if (getenv_quad(name, &n) == 0)					\
		return (0);						\
	*data = (type)n;						\
	return (1);							\
}
GETENV(int, int)
GETENV(uint, unsigned int)
GETENV(long, long)
GETENV(ulong, unsigned long)
GETENV(int64, int64_t)
GETENV(uint64, uint64_t)

int
getenv_bool(const char *name, bool *data)
{
	const char *value = host_kenv(name);

	if (value == NULL)
		return (0);
	if (strcmp(value, "1") == 0 || strcasecmp(value, "true") == 0)
		*data = true;
	else if (strcmp(value, "0") == 0 || strcasecmp(value, "false") == 0)
		*data = false;
	else
		return (0);
	return (1);
}

#define	TUNABLE_INIT(suffix, get)					\
void									\
tunable_##suffix##_init(const void *arg)				\
{									\
	const struct tunable_##suffix *d = arg;				\
									\
	get(d->path, d->var);						\
}
TUNABLE_INIT(int, getenv_int)
TUNABLE_INIT(long, getenv_long)
TUNABLE_INIT(ulong, getenv_ulong)
TUNABLE_INIT(int64, getenv_int64)
TUNABLE_INIT(uint64, getenv_uint64)
TUNABLE_INIT(quad, getenv_quad)
TUNABLE_INIT(bool, getenv_bool)

void
tunable_str_init(const void *arg)
{
	const struct tunable_str *d = arg;

	getenv_string(d->path, d->var, d->size);
}
