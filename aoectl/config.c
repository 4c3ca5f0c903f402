/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * config: the string by which hosts tell targets apart.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <libxo/xo.h>

#include "aoectl.h"

enum config_command {
	CONFIG_READ, CONFIG_TEST, CONFIG_PREFIX, CONFIG_SET, CONFIG_FORCE
};

static const char *const verbs[] = {
	[CONFIG_READ] = "read", [CONFIG_TEST] = "test",
	[CONFIG_PREFIX] = "prefix", [CONFIG_SET] = "set",
	[CONFIG_FORCE] = "force",
};
#define	NVERBS		(sizeof(verbs) / sizeof(verbs[0]))

static int
query(struct aoe_ioc_control *c, const struct aoe_ioc_target *t,
    enum config_command verb, const char *string)
{
	size_t n = strlen(string);

	ask_init(c, t, AOE_CONFIG, CONFIG_ARGUMENT + n);
	c->data[5] = (uint8_t)(0x10 | verb);
	c->data[6] = (uint8_t)(n >> 8);
	c->data[7] = (uint8_t)n;
	memcpy(c->data + CONFIG_ARGUMENT, string, n);
	return (ask(c));
}

/* The string of an answer; false if the answer has none, as kvblade's to a
 * refused set. */
static bool
string_of(const struct aoe_ioc_control *c, const uint8_t **string, size_t *n)
{

	*string = c->data + CONFIG_ARGUMENT;
	*n = 0;
	if (c->length < CONFIG_ARGUMENT)
		return (false);
	*n = (size_t)c->data[6] << 8 | c->data[7];
	if (*n > CONFIG_MAX || CONFIG_ARGUMENT + *n > c->length)
		*n = 0;
	return (true);
}

static void
say(const struct aoe_ioc_target *t, const struct aoe_ioc_control *c)
{
	char text[CONFIG_MAX + 1];
	const uint8_t *string;
	size_t n;

	(void)string_of(c, &string, &n);
	printable(string, n, text);
	/* No string, no line; programs get an empty one. */
	xo_emit("{ke:name/%s}{:config/%s}{P:/%s}", t->name, text,
	    n != 0 ? "\n" : "");
	xo_emit("{e:length/%zu}{e:firmware-version/%u}{e:buffer-count/%u}"
	    "{e:sector-count/%u}", n, (unsigned)(c->data[2] << 8 | c->data[3]),
	    (unsigned)(c->data[0] << 8 | c->data[1]), (unsigned)c->data[4]);
}

/*
 * A set that was repeated is refused if the first copy was carried out and
 * its answer lost: then the string is the one that we set.
 */
static bool
is_ours(struct aoe_ioc_control *c, const struct aoe_ioc_target *t,
    const char *wanted)
{
	const uint8_t *string;
	size_t n;

	if (c->error != 4 || c->tries < 2)
		return (false);
	if (query(c, t, CONFIG_READ, "") != 0 || c->refused ||
	    !string_of(c, &string, &n))
		return (false);
	return (n == strlen(wanted) && memcmp(string, wanted, n) == 0);
}

static int
set(const struct aoe_ioc_target *t, enum config_command verb,
    const char *string)
{
	struct aoe_ioc_control c;
	int error, status;

	error = query(&c, t, verb, string);
	if (error != 0)
		return (failed(error, t->name));
	if (c.refused && !is_ours(&c, t, string)) {
		status = refusal(&c, t->name);
		return (status);
	}
	rediscover();
	say(t, &c);
	return (EXIT_OK);
}

/* A target whose string does not match says nothing: is it there, then? */
static int
test(const struct aoe_ioc_target *t, enum config_command verb,
    const char *string)
{
	struct aoe_ioc_control c;
	int error;
	bool matches;

	error = query(&c, t, CONFIG_READ, "");
	if (error == 0)
		error = query(&c, t, verb, string);
	matches = error == 0 && !c.refused;
	if (error == ETIMEDOUT && query(&c, t, CONFIG_READ, "") == 0)
		error = 0;
	if (error != 0)
		return (failed(error, t->name));
	if (c.refused)
		return (refusal(&c, t->name));
	xo_emit("{ke:name/%s}{d:text/%s}{ne:matches/%s}\n", t->name,
	    matches ? "matches" : "does not match",
	    matches ? "true" : "false");
	return (matches ? EXIT_OK : EXIT_FAULT);
}

static int
read_string(const struct aoe_ioc_target *t)
{
	struct aoe_ioc_control c;
	int error, status;

	error = query(&c, t, CONFIG_READ, "");
	if (error != 0)
		return (failed(error, t->name));
	status = refusal(&c, t->name);
	if (status == EXIT_OK)
		say(t, &c);
	return (status);
}

int
cmd_config(int argc, char **argv)
{
	struct aoe_ioc_target t;
	unsigned verb = CONFIG_READ;
	int status;

	if (argc > 2)
		for (verb = 0; verb < NVERBS; verb++)
			if (strcmp(argv[2], verbs[verb]) == 0)
				break;
	if (argc < 2 || verb == NVERBS ||
	    (verb == CONFIG_READ ? argc > 3 : argc != 4))
		return (usage());
	if (argc == 4 && strlen(argv[3]) > CONFIG_MAX) {
		complain("a config string has at most %d bytes", CONFIG_MAX);
		return (EXIT_USE);
	}
	status = target_get(argv[1], &t);
	if (status != EXIT_OK)
		return (status);
	switch (verb) {
	case CONFIG_READ:
		return (read_string(&t));
	case CONFIG_TEST:
	case CONFIG_PREFIX:
		return (test(&t, verb, argv[3]));
	default:
		return (set(&t, verb, argv[3]));
	}
}
