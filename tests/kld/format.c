/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The kernel's printf formats: libc's, and %D (bytes in hexadecimal with a
 * separator) and %b (a number with names for its bits).
 */
#define	_GNU_SOURCE
#include "kld.h"

#include <string.h>

struct out {
	char	*buf;
	size_t	 size;
	size_t	 used;		/* length if nothing were cut off */
};

static void
add(struct out *o, const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++, o->used++)
		if (o->used + 1 < o->size)
			o->buf[o->used] = text[i];
}

static void
add_bytes(struct out *o, const unsigned char *p, int count, const char *sep)
{
	char hex[4];
	int i;

	for (i = 0; i < count; i++) {
		snprintf(hex, sizeof(hex), "%02x", p[i]);
		if (i > 0)
			add(o, sep, strlen(sep));
		add(o, hex, 2);
	}
}

/* `names` begins with the base; then bit numbers, each before its name. */
static void
add_bits(struct out *o, unsigned value, const char *names)
{
	char text[32];
	const char *p = names + 1, *end;
	bool any = false;

	snprintf(text, sizeof(text), *names == 8 ? "%o" : *names == 16 ?
	    "%x" : "%u", value);
	add(o, text, strlen(text));
	while (*p != '\0') {
		for (end = p + 1; *end > ' '; end++)
			;
		if (value & (1U << (*p - 1))) {
			add(o, any ? "," : "<", 1);
			add(o, p + 1, (size_t)(end - p - 1));
			any = true;
		}
		p = end;
	}
	if (any)
		add(o, ">", 1);
}

/* Formats one conversion using libc; `spec` is all of it, the letter last. */
static void
add_libc(struct out *o, const char *spec, const int *stars, int nstars,
    int longs, __builtin_va_list *ap)
{
	char text[512];
	char letter = spec[strlen(spec) - 1];

#define	PRINT(value)							\
	(nstars == 0 ? snprintf(text, sizeof(text), spec, value) :	\
	    nstars == 1 ? snprintf(text, sizeof(text), spec, stars[0],	\
	    value) : snprintf(text, sizeof(text), spec, stars[0],	\
	    stars[1], value))
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	text[0] = '\0';
	if (letter == 's')
		PRINT(__builtin_va_arg(*ap, const char *));
	else if (letter == 'p')
		PRINT(__builtin_va_arg(*ap, void *));
	else if (letter == 'c')
		PRINT(__builtin_va_arg(*ap, int));
	else if (longs > 0)
		PRINT(__builtin_va_arg(*ap, long));
	else
		PRINT(__builtin_va_arg(*ap, int));
#pragma GCC diagnostic pop
#undef PRINT
	add(o, text, strlen(text));
}

static const char *
convert(struct out *o, const char *p, __builtin_va_list *ap)
{
	char spec[32];
	const unsigned char *bytes;
	unsigned value;
	size_t n = 0;
	int stars[2], nstars = 0, longs = 0, width = 0;

	spec[n++] = *p++;
	for (; *p != '\0' && strchr("-+ #0123456789.*lhjztq", *p) != NULL;
	    p++) {
		if (*p == '*' && nstars < 2)
			stars[nstars++] = __builtin_va_arg(*ap, int);
		else if (*p >= '0' && *p <= '9')
			width = width * 10 + *p - '0';
		else if (strchr("ljztq", *p) != NULL)
			longs++;
		if (n < sizeof(spec) - 2)
			spec[n++] = *p == 'q' ? 'j' : *p;
	}
	spec[n++] = *p;
	spec[n] = '\0';
	switch (*p) {
	case '%':
		add(o, "%", 1);
		break;
	case 'D':
		bytes = __builtin_va_arg(*ap, const unsigned char *);
		add_bytes(o, bytes, nstars > 0 ? stars[0] : width,
		    __builtin_va_arg(*ap, const char *));
		break;
	case 'b':
		value = __builtin_va_arg(*ap, unsigned);
		add_bits(o, value, __builtin_va_arg(*ap, const char *));
		break;
	case '\0':
		return (p);
	default:
		add_libc(o, spec, stars, nstars, longs, ap);
		break;
	}
	return (p + 1);
}

int
host_format(char *buf, unsigned long size, const char *fmt,
    __builtin_va_list list)
{
	struct out o = { buf, size, 0 };
	__builtin_va_list ap;
	const char *p, *next;

	__builtin_va_copy(ap, list);
	for (p = fmt; *p != '\0';) {
		if (*p == '%') {
			p = convert(&o, p, &ap);
			continue;
		}
		next = strchrnul(p, '%');
		add(&o, p, (size_t)(next - p));
		p = next;
	}
	__builtin_va_end(ap);
	if (size > 0)
		buf[o.used < size ? o.used : size - 1] = '\0';
	return ((int)o.used);
}
