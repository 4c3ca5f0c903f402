/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * sbuf(9): strings that grow, and that drain into a sysctl request.
 */
#include "kpi.h"

#include <sys/sbuf.h>
#include <sys/stdarg.h>
#include <sys/sysctl.h>

struct sbuf *
sbuf_new(struct sbuf *s, char *buf, int size, int flags)
{

	if (s == NULL) {
		s = host_alloc(sizeof(*s));
		s->s_flags = SBUF_DYNSTRUCT;
		ledger_add(LEDGER_SBUF, s, "sbuf", CALLER);
	} else
		memset(s, 0, sizeof(*s));
	s->s_flags |= flags & SBUF_USRFLAGMSK;
	s->s_buf = buf;
	s->s_size = size;
	if (buf == NULL) {
		s->s_size = size > 0 ? size : 128;
		s->s_buf = host_alloc(s->s_size);
		s->s_flags |= SBUF_DYNAMIC;
	}
	return (s);
}

static int
sysctl_drain(void *arg, const char *data, int len)
{
	struct sysctl_req *req = arg;
	int error = SYSCTL_OUT(req, data, len);

	return (error != 0 ? -error : len);
}

struct sbuf *
sbuf_new_for_sysctl(struct sbuf *s, char *buf, int length,
    struct sysctl_req *req)
{

	s = sbuf_new(s, buf, length, SBUF_FIXEDLEN | SBUF_INCLUDENUL);
	sbuf_set_drain(s, sysctl_drain, req);
	return (s);
}

void
sbuf_set_drain(struct sbuf *s, sbuf_drain_func *f, void *arg)
{

	s->s_drain_func = f;
	s->s_drain_arg = arg;
}

static int
drain(struct sbuf *s)
{
	int n;

	if (s->s_len == 0 || s->s_error != 0)
		return (s->s_error);
	n = s->s_drain_func(s->s_drain_arg, s->s_buf, (int)s->s_len);
	if (n < 0)
		s->s_error = -n;
	s->s_len = 0;
	return (s->s_error);
}

static int
room(struct sbuf *s, size_t len)
{
	char *larger;

	if (s->s_len + len + 1 <= (size_t)s->s_size)
		return (0);
	if (s->s_drain_func != NULL && drain(s) != 0)
		return (-1);
	if (s->s_len + len + 1 <= (size_t)s->s_size)
		return (0);
	if ((s->s_flags & (SBUF_AUTOEXTEND | SBUF_DYNAMIC)) == 0 &&
	    s->s_drain_func == NULL) {
		s->s_error = ENOMEM;
		return (-1);
	}
	larger = host_alloc(2 * (s->s_len + len + 1));
	memcpy(larger, s->s_buf, s->s_len);
	if (s->s_flags & SBUF_DYNAMIC)
		host_free(s->s_buf);
	s->s_buf = larger;
	s->s_size = 2 * (s->s_len + (ssize_t)len + 1);
	s->s_flags |= SBUF_DYNAMIC;
	return (0);
}

int
sbuf_bcat(struct sbuf *s, const void *p, size_t len)
{

	if (s->s_flags & SBUF_FINISHED)
		kpi_violation(CALLER, "sbuf written after sbuf_finish()");
	if (s->s_error != 0 || room(s, len) != 0)
		return (-1);
	memcpy(s->s_buf + s->s_len, p, len);
	s->s_len += (ssize_t)len;
	return (0);
}

int
sbuf_cat(struct sbuf *s, const char *p)
{

	return (sbuf_bcat(s, p, strlen(p)));
}

int
sbuf_putc(struct sbuf *s, int c)
{
	char b = (char)c;

	return (sbuf_bcat(s, &b, 1));
}

int
sbuf_vprintf(struct sbuf *s, const char *fmt, va_list ap)
{
	char text[1024];
	int n;

	n = host_format(text, sizeof(text), fmt, ap);
	return (sbuf_bcat(s, text, MIN((size_t)n, sizeof(text) - 1)));
}

int
sbuf_printf(struct sbuf *s, const char *fmt, ...)
{
	va_list ap;
	int error;

	va_start(ap, fmt);
	error = sbuf_vprintf(s, fmt, ap);
	va_end(ap);
	return (error);
}

int
sbuf_error(const struct sbuf *s)
{

	return (s->s_error);
}

int
sbuf_finish(struct sbuf *s)
{

	s->s_buf[s->s_len] = '\0';
	if (s->s_drain_func != NULL) {
		if (s->s_flags & SBUF_INCLUDENUL)
			s->s_len++;
		drain(s);
	}
	s->s_flags |= SBUF_FINISHED;
	return (s->s_error);
}

char *
sbuf_data(struct sbuf *s)
{

	return (s->s_buf);
}

ssize_t
sbuf_len(struct sbuf *s)
{

	return (s->s_error != 0 ? -1 : s->s_len);
}

void
sbuf_delete(struct sbuf *s)
{
	bool dynamic = (s->s_flags & SBUF_DYNSTRUCT) != 0;

	if (s->s_flags & SBUF_DYNAMIC)
		host_free(s->s_buf);
	memset(s, 0, sizeof(*s));
	if (dynamic && ledger_remove(LEDGER_SBUF, s, CALLER))
		host_free(s);
}
