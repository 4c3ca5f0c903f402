/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A small emitter with the calls of libxo(3), for machines that lack it: the
 * same text, and JSON and XML of the same shape.
 *
 * Of xo_emit()'s fields it knows {role modifiers:content/format/encoding}, the
 * roles V, T, L, P, U, N, D, E and the modifiers k, q, n, d, e, c and w.  A
 * value's format is one conversion of printf(3).
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libxo/xo.h"

#define	DEPTH_MAX	16

static xo_style_t style = XO_STYLE_TEXT;
static bool pretty;
static const char *version;
static bool begun;
static unsigned depth;
static bool empty[DEPTH_MAX] = { true };

static bool
set_options(char *list)
{
	char *word;

	if (*list == ':') {
		for (list++; *list != '\0'; list++)
			switch (*list) {
			case 'J': style = XO_STYLE_JSON; break;
			case 'X': style = XO_STYLE_XML; break;
			case 'T': style = XO_STYLE_TEXT; break;
			case 'P': pretty = true; break;
			default: return (false);
			}
		return (true);
	}
	while ((word = strsep(&list, ",")) != NULL) {
		if (strcmp(word, "json") == 0)
			style = XO_STYLE_JSON;
		else if (strcmp(word, "xml") == 0)
			style = XO_STYLE_XML;
		else if (strcmp(word, "text") == 0)
			style = XO_STYLE_TEXT;
		else if (strcmp(word, "pretty") == 0)
			pretty = true;
		else
			return (false);
	}
	return (true);
}

/* Takes --libxo options out of the arguments; -1 if one makes no sense. */
int
xo_parse_args(int argc, char **argv)
{
	static const char flag[] = "--libxo";
	int i, kept = 1;
	char *options;

	for (i = 1; i < argc; i++) {
		if (strncmp(argv[i], flag, sizeof(flag) - 1) != 0) {
			argv[kept++] = argv[i];
			continue;
		}
		options = argv[i] + sizeof(flag) - 1;
		if (*options == '\0' && i + 1 < argc)
			options = argv[++i];
		else if (*options == '=')
			options++;
		else if (*options != ':')
			options = NULL;
		if (options == NULL || !set_options(options)) {
			fprintf(stderr, "%s: --libxo takes json, xml, text "
			    "and pretty\n", argv[0]);
			return (-1);
		}
	}
	argv[kept] = NULL;
	return (kept);
}

void
xo_set_version(const char *v)
{

	version = v;
}

xo_style_t
xo_get_style(xo_handle_t *handle)
{

	(void)handle;
	return (style);
}

static void
escape(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;

	for (; *p != '\0'; p++) {
		if (style == XO_STYLE_JSON && (*p == '"' || *p == '\\'))
			printf("\\%c", *p);
		else if (style == XO_STYLE_JSON && *p < ' ')
			printf("\\u%04x", *p);
		else if (style == XO_STYLE_XML && *p == '<')
			printf("&lt;");
		else if (style == XO_STYLE_XML && *p == '>')
			printf("&gt;");
		else if (style == XO_STYLE_XML && *p == '&')
			printf("&amp;");
		else
			putchar(*p);
	}
}

static void
new_line(void)
{
	unsigned i;

	if (!pretty)
		return;
	putchar('\n');
	for (i = 0; i < depth; i++)
		printf("  ");
}

/* What goes in front of the next thing at this depth. */
static void
separate(void)
{

	if (style == XO_STYLE_JSON && !begun) {
		putchar('{');
		depth = 1;
		empty[1] = true;
		begun = true;
		if (version != NULL) {
			new_line();
			printf("\"__version\": \"%s\"", version);
			empty[1] = false;
		}
	}
	if (style == XO_STYLE_JSON && !empty[depth])
		putchar(',');
	if (style == XO_STYLE_JSON || begun)
		new_line();
	empty[depth] = false;
}

static void
open_level(const char *json, const char *name, bool named)
{

	if (style == XO_STYLE_TEXT)
		return;
	separate();
	if (style == XO_STYLE_JSON) {
		if (named)
			printf("\"%s\":%s%s", name, pretty ? " " : "", json);
		else
			printf("%s", json);
	} else if (version != NULL && !begun)
		printf("<%s version=\"%s\">", name, version);
	else
		printf("<%s>", name);
	begun = true;
	if (depth + 1 < DEPTH_MAX)
		depth++;
	empty[depth] = true;
}

static void
close_level(char json, const char *name)
{
	bool was_empty = empty[depth];

	if (style == XO_STYLE_TEXT)
		return;
	if (depth > 0)
		depth--;
	if (!was_empty)
		new_line();
	if (style == XO_STYLE_JSON)
		putchar(json);
	else
		printf("</%s>", name);
}

long
xo_open_container(const char *name)
{

	open_level("{", name, true);
	return (0);
}

long
xo_close_container(const char *name)
{

	close_level('}', name);
	return (0);
}

/* In XML a list is just its instances. */
long
xo_open_list(const char *name)
{

	if (style == XO_STYLE_JSON)
		open_level("[", name, true);
	return (0);
}

long
xo_close_list(const char *name)
{

	if (style == XO_STYLE_JSON)
		close_level(']', name);
	return (0);
}

long
xo_open_instance(const char *name)
{

	open_level("{", name, false);
	return (0);
}

long
xo_close_instance(const char *name)
{

	close_level('}', name);
	return (0);
}

struct field {
	char	 role;
	bool	 quoted, bare, display_only, encode_only, colon, blank;
	char	 content[64];
	char	 format[24];
	char	 encoding[24];
};

static void
copy(char *to, size_t size, const char *from, const char *end)
{
	size_t n = (size_t)(end - from);

	if (n > size - 1)
		n = size - 1;
	memcpy(to, from, n);
	to[n] = '\0';
}

/* The parts of what stands between braces. */
static void
parse(const char *p, const char *end, struct field *f)
{
	const char *slash;

	memset(f, 0, sizeof(*f));
	f->role = 'V';
	for (; p < end && *p != ':'; p++)
		switch (*p) {
		case 'q': f->quoted = true; break;
		case 'n': f->bare = true; break;
		case 'd': f->display_only = true; break;
		case 'e': f->encode_only = true; break;
		case 'c': f->colon = true; break;
		case 'w': f->blank = true; break;
		case 'k': break;
		default: f->role = *p; break;
		}
	p += p < end;
	slash = memchr(p, '/', (size_t)(end - p));
	copy(f->content, sizeof(f->content), p, slash != NULL ? slash : end);
	strcpy(f->format, "%s");
	if (slash != NULL) {
		p = slash + 1;
		slash = memchr(p, '/', (size_t)(end - p));
		copy(f->format, sizeof(f->format), p, slash != NULL ? slash :
		    end);
	}
	strcpy(f->encoding, f->format);
	if (slash != NULL && slash > p)
		copy(f->encoding, sizeof(f->encoding), slash + 1, end);
}

/* A value: taken from the arguments once, printed in one of two formats. */
union value {
	const char	*s;
	intmax_t	 i;
	double		 f;
};

static char
kind_of(const char *format)
{

	return (format[strlen(format) - 1]);
}

static union value
take(const char *format, va_list *ap)
{
	char kind = kind_of(format);
	const char *size = format + strlen(format) - 1;
	union value v;

	while (size > format && strchr("hljz", size[-1]) != NULL)
		size--;
	if (kind == 's')
		v.s = va_arg(*ap, const char *);
	else if (kind == 'f')
		v.f = va_arg(*ap, double);
	else if (*size == 'j')
		v.i = va_arg(*ap, intmax_t);
	else if (*size == 'z')
		v.i = va_arg(*ap, ssize_t);
	else if (*size == 'l')
		v.i = size[1] == 'l' ? va_arg(*ap, long long) :
		    va_arg(*ap, long);
	else
		v.i = kind == 'd' || kind == 'c' ? va_arg(*ap, int) :
		    (intmax_t)va_arg(*ap, unsigned);
	return (v);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void
print(char *out, size_t size, const char *format, union value v)
{
	char wide[32];
	size_t n = strlen(format) - 1;

	switch (kind_of(format)) {
	case 's':
		snprintf(out, size, format, v.s);
		break;
	case 'f':
		snprintf(out, size, format, v.f);
		break;
	case 'c':
		snprintf(out, size, format, (int)v.i);
		break;
	default:
		/* All others were made an intmax_t. */
		while (n > 0 && strchr("hljz", format[n - 1]) != NULL)
			n--;
		snprintf(wide, sizeof(wide), "%.*sj%c", (int)n, format,
		    kind_of(format));
		snprintf(out, size, wide, v.i);
		break;
	}
}
#pragma GCC diagnostic pop

static void
emit_value(const struct field *f, va_list *ap)
{
	char text[4096];
	union value v;
	bool quote;

	v = take(f->format, ap);
	if (style == XO_STYLE_TEXT) {
		if (f->encode_only)
			return;
		print(text, sizeof(text), f->format, v);
		fputs(text, stdout);
		return;
	}
	if (f->display_only)
		return;
	print(text, sizeof(text), f->encoding, v);
	separate();
	if (style == XO_STYLE_XML) {
		printf("<%s>", f->content);
		escape(text);
		printf("</%s>", f->content);
		return;
	}
	quote = f->quoted || (!f->bare && kind_of(f->encoding) == 's');
	printf("\"%s\":%s%s", f->content, pretty ? " " : "",
	    quote ? "\"" : "");
	escape(text);
	if (quote)
		putchar('"');
}

/* A title or label: its content, or an argument if it has none. */
static void
emit_words(const struct field *f, va_list *ap)
{
	char text[4096];
	union value v = { .s = f->content };

	if (f->content[0] == '\0')
		v = take(f->format, ap);
	if (style != XO_STYLE_TEXT)
		return;
	print(text, sizeof(text), f->format, v);
	printf("%s%s%s", text, f->colon ? ":" : "", f->blank ? " " : "");
}

long
xo_emit(const char *fmt, ...)
{
	struct field f;
	const char *end;
	va_list ap;

	va_start(ap, fmt);
	while (*fmt != '\0') {
		if (*fmt != '{') {
			if (style == XO_STYLE_TEXT)
				putchar(*fmt);
			fmt++;
			continue;
		}
		end = strchr(fmt, '}');
		if (end == NULL)
			break;
		parse(fmt + 1, end, &f);
		if (f.role == 'V')
			emit_value(&f, &ap);
		else
			emit_words(&f, &ap);
		fmt = end + 1;
	}
	va_end(ap);
	return (0);
}

long
xo_flush(void)
{

	return (fflush(stdout));
}

long
xo_finish(void)
{

	if (style == XO_STYLE_JSON) {
		if (!begun)
			separate();
		depth = 0;
		new_line();
		printf("}\n");
	} else if (style == XO_STYLE_XML && pretty)
		putchar('\n');
	return (fflush(stdout));
}
