/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * mask, reserve: which hosts a target listens to.
 *
 * Both are optional, and most targets that lack them say nothing rather than
 * that they do.
 */
#include <errno.h>
#include <string.h>

#include <libxo/xo.h>

#include "aoectl.h"

#define	MASK_ARGUMENT	4
#define	DIRECTIVE	8
#define	RESERVE_ARGUMENT 2
#define	MAC		6
#define	HOSTS_MAX	255

/* Silence to what is optional: not supported, if the target is there. */
static int
no_answer(int error, const struct aoe_ioc_target *t, const char *what)
{
	struct aoe_ioc_control c;

	if (error != ETIMEDOUT)
		return (failed(error, t->name));
	ask_init(&c, t, AOE_CONFIG, CONFIG_ARGUMENT);
	c.data[5] = 0x10;
	if (ask(&c) != 0)
		return (failed(error, t->name));
	complain("%s: the target has no %s, or does not listen to this host",
	    t->name, what);
	return (EXIT_REFUSED);
}

static void
say_hosts(const struct aoe_ioc_target *t, const uint8_t *macs, size_t step,
    size_t count, const char *nobody)
{
	char mac[18];
	size_t i;

	xo_emit("{ke:name/%s}", t->name);
	if (count == 0)
		xo_emit("{P:/%s}\n", nobody);
	xo_open_list("host");
	for (i = 0; i < count; i++) {
		xo_open_instance("host");
		xo_emit("{k:mac/%s}\n", mac_text(macs + i * step, mac));
		xo_close_instance("host");
	}
	xo_close_list("host");
}

/* merror of AoEr11; the count says how many directives were carried out. */
static int
mask_error(const struct aoe_ioc_target *t, const uint8_t *answer)
{
	static const char *const errors[] = {
		"the target refuses the change",
		"the target does not know this directive",
		"the list is full",
	};
	unsigned error = answer[2];

	complain("%s: %s, after %u of the changes", t->name,
	    error <= 3 ? errors[error - 1] : "the change failed", answer[3]);
	return (EXIT_REFUSED);
}

static int
mask_answer(const struct aoe_ioc_target *t, struct aoe_ioc_control *c)
{
	int error, status;

	error = ask(c);
	if (error != 0)
		return (no_answer(error, t, "MAC mask"));
	if ((status = refusal(c, t->name)) != EXIT_OK)
		return (status);
	if (c->length < MASK_ARGUMENT)
		return (no_answer(ETIMEDOUT, t, "MAC mask"));
	if (c->data[2] != 0)
		return (mask_error(t, c->data));
	if ((size_t)MASK_ARGUMENT + (size_t)c->data[3] * DIRECTIVE >
	    c->length) {
		complain("%s: the answer is cut short", t->name);
		return (EXIT_REFUSED);
	}
	return (EXIT_OK);
}

static int
mask_edit(const struct aoe_ioc_target *t, uint8_t directive, size_t n,
    const uint8_t *macs, struct aoe_ioc_control *c)
{
	size_t i;
	uint8_t *d;
	int status;

	ask_init(c, t, AOE_MASK, MASK_ARGUMENT + n * DIRECTIVE);
	c->data[1] = directive != 0;
	c->data[3] = (uint8_t)n;
	for (i = 0; i < n; i++) {
		d = c->data + MASK_ARGUMENT + i * DIRECTIVE;
		d[1] = directive;
		memcpy(d + 2, macs + i * MAC, MAC);
	}
	status = mask_answer(t, c);
	if (directive != 0)
		rediscover();
	return (status);
}

/* Take every host off the list: then all are allowed. */
static int
mask_clear(const struct aoe_ioc_target *t, struct aoe_ioc_control *c)
{
	uint8_t macs[HOSTS_MAX * MAC];
	size_t i, n;
	int status;

	status = mask_edit(t, 0, 0, NULL, c);
	n = c->data[3];
	if (status != EXIT_OK || n == 0)
		return (status);
	for (i = 0; i < n; i++)
		memcpy(macs + i * MAC, c->data + MASK_ARGUMENT +
		    i * DIRECTIVE + 2, MAC);
	return (mask_edit(t, 2, n, macs, c));
}

/* Our own addresses towards the target. */
static size_t
own_hosts(const struct aoe_ioc_target *t, uint8_t *macs)
{
	size_t i, n = 0, seen;

	for (i = 0; i < t->npaths; i++) {
		if (t->path[i].mtu == 0)
			continue;
		for (seen = 0; seen < n; seen++)
			if (memcmp(macs + seen * MAC, t->path[i].local,
			    MAC) == 0)
				break;
		if (seen == n)
			memcpy(macs + n++ * MAC, t->path[i].local, MAC);
	}
	return (n);
}

static bool
has_host(const uint8_t *macs, size_t step, size_t n, const uint8_t *mac)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (memcmp(macs + i * step, mac, MAC) == 0)
			return (true);
	return (false);
}

/*
 * Whether the target would still listen to every address of ours that it
 * listens to now.  A host that it does not listen to cannot undo that.
 */
static int
mask_keeps_us(const struct aoe_ioc_target *t, bool add, size_t n,
    const uint8_t *macs)
{
	struct aoe_ioc_control c;
	const uint8_t *list = c.data + MASK_ARGUMENT + 2;
	uint8_t own[AOE_PATHS * MAC];
	size_t i, left, nown = own_hosts(t, own);
	bool heard, listed;
	char mac[18];
	int status;

	status = mask_edit(t, 0, 0, NULL, &c);
	if (status != EXIT_OK)
		return (status);
	left = c.data[3];
	for (i = 0; !add && i < c.data[3]; i++)
		left -= has_host(macs, MAC, n, list + i * DIRECTIVE);
	/* An empty list is everybody's. */
	if (!add && left == 0)
		return (EXIT_OK);
	for (i = 0; i < nown; i++) {
		listed = has_host(list, DIRECTIVE, c.data[3], own + i * MAC);
		heard = listed || c.data[3] == 0;
		if (has_host(macs, MAC, n, own + i * MAC))
			listed = add;
		if (!heard || listed)
			continue;
		complain("%s: the target would not listen to %s, which is "
		    "this host, any more; -f does it nevertheless", t->name,
		    mac_text(own + i * MAC, mac));
		return (EXIT_FAULT);
	}
	return (EXIT_OK);
}

static bool
hosts_of(int argc, char **argv, uint8_t *macs)
{
	int i;

	if (argc > HOSTS_MAX)
		return (false);
	for (i = 0; i < argc; i++)
		if (!mac_of(argv[i], macs + i * MAC))
			return (false);
	return (true);
}

int
cmd_mask(int argc, char **argv)
{
	uint8_t macs[HOSTS_MAX * MAC];
	const char *verb = argc > 2 ? argv[2] : "read";
	struct aoe_ioc_control c;
	struct aoe_ioc_target t;
	bool add = strcmp(verb, "add") == 0, clear = strcmp(verb, "clear") == 0;
	bool edit = add || strcmp(verb, "delete") == 0;
	bool forced = edit && argc > 3 && strcmp(argv[3], "-f") == 0;
	int first = forced ? 4 : 3, status;

	if (argc < 2 || (edit ? argc <= first : argc > 3) ||
	    (!edit && !clear && strcmp(verb, "read") != 0))
		return (usage());
	if (edit && !hosts_of(argc - first, argv + first, macs))
		return (EXIT_USE);
	if ((status = target_get(argv[1], &t)) != EXIT_OK)
		return (status);
	if (edit && !forced)
		status = mask_keeps_us(&t, add, (size_t)(argc - first), macs);
	if (status != EXIT_OK)
		return (status);
	if (clear)
		status = mask_clear(&t, &c);
	else
		status = mask_edit(&t, edit ? (add ? 1 : 2) : 0,
		    edit ? (size_t)(argc - first) : 0, macs, &c);
	if (status == EXIT_OK)
		say_hosts(&t, c.data + MASK_ARGUMENT + 2, DIRECTIVE,
		    c.data[3], "every host is allowed");
	return (status);
}

enum reserve_command { RESERVE_READ, RESERVE_SET, RESERVE_FORCE };

static int
reserve(const struct aoe_ioc_target *t, enum reserve_command verb, size_t n,
    const uint8_t *macs)
{
	struct aoe_ioc_control c;
	int error, status;

	ask_init(&c, t, AOE_RESERVE, RESERVE_ARGUMENT + n * MAC);
	c.data[0] = (uint8_t)verb;
	c.data[1] = (uint8_t)n;
	memcpy(c.data + RESERVE_ARGUMENT, macs, n * MAC);
	error = ask(&c);
	if (error != 0)
		return (no_answer(error, t, "reservation"));
	if ((status = refusal(&c, t->name)) != EXIT_OK)
		return (status);
	if (c.length < RESERVE_ARGUMENT ||
	    RESERVE_ARGUMENT + (size_t)c.data[1] * MAC > c.length) {
		complain("%s: the answer is cut short", t->name);
		return (EXIT_REFUSED);
	}
	say_hosts(t, c.data + RESERVE_ARGUMENT, MAC, c.data[1],
	    "not reserved");
	return (EXIT_OK);
}

int
cmd_reserve(int argc, char **argv)
{
	uint8_t macs[HOSTS_MAX * MAC];
	const char *verb = argc > 2 ? argv[2] : "read";
	struct aoe_ioc_target t;
	size_t n;
	int status;
	bool forced;

	if (argc < 2)
		return (usage());
	status = target_get(argv[1], &t);
	if (strcmp(verb, "read") == 0 && argc <= 3)
		return (status != EXIT_OK ? status :
		    reserve(&t, RESERVE_READ, 0, macs));
	if (strcmp(verb, "release") == 0) {
		forced = argc == 4 && strcmp(argv[3], "-f") == 0;
		if (argc > 3 && !forced)
			return (usage());
		return (status != EXIT_OK ? status : reserve(&t, forced ?
		    RESERVE_FORCE : RESERVE_SET, 0, macs));
	}
	forced = strcmp(verb, "force") == 0;
	if ((!forced && strcmp(verb, "set") != 0) || (forced && argc < 4))
		return (usage());
	if (!hosts_of(argc - 3, argv + 3, macs))
		return (EXIT_USE);
	if (status != EXIT_OK)
		return (status);
	n = argc > 3 ? (size_t)argc - 3 : own_hosts(&t, macs);
	if (n == 0) {
		complain("%s: it has no path with an address of ours", t.name);
		return (EXIT_SILENT);
	}
	return (reserve(&t, forced ? RESERVE_FORCE : RESERVE_SET, n, macs));
}
