/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * smart: whether the disk expects to fail, and its attributes.  Most software
 * targets have no SMART and say so.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <libxo/xo.h>

#include "aoectl.h"

#define	CHECK_POWER	0xe5
#define	SMART		0xb0
#define	READ_DATA	0xd0
#define	READ_THRESHOLDS	0xd1
#define	RETURN_STATUS	0xda
#define	ATTRIBUTES	30
#define	ENTRY		12

static void
prepare(struct aoe_ioc_control *c, const struct aoe_ioc_target *t,
    uint8_t feature, uint8_t count)
{

	ask_ata(c, t, SMART, feature, count);
	/* The signature without which no disk listens. */
	c->data[5] = 0x4f;
	c->data[6] = 0xc2;
}

/* One page of 512 bytes. */
static int
page(const struct aoe_ioc_target *t, uint8_t feature, uint8_t out[SECTOR])
{
	struct aoe_ioc_control c;
	int status;

	prepare(&c, t, feature, 1);
	if ((status = ask_sector(&c, t->name)) != EXIT_OK)
		return (status);
	memcpy(out, c.data + ATA_ARGUMENT, SECTOR);
	return (EXIT_OK);
}

/* "passed", "failing", or why it is not known. */
static const char *
health(const struct aoe_ioc_target *t)
{
	struct aoe_ioc_control c;

	prepare(&c, t, RETURN_STATUS, 0);
	if (ask(&c) != 0 || c.refused || c.length < ATA_ARGUMENT ||
	    (c.data[3] & 0xa9) != 0)
		return ("unknown");
	if (c.data[5] == 0xf4 && c.data[6] == 0x2c)
		return ("failing");
	return (c.data[5] == 0x4f && c.data[6] == 0xc2 ? "passed" :
	    "unknown");
}

static const char *
power(const struct aoe_ioc_target *t)
{
	struct aoe_ioc_control c;

	ask_ata(&c, t, CHECK_POWER, 0, 0);
	if (ask(&c) != 0 || c.refused || c.length < ATA_ARGUMENT ||
	    (c.data[3] & 0xa9) != 0)
		return ("unknown");
	switch (c.data[2]) {
	case 0x00:
		return ("standby");
	case 0x80:
		return ("idle");
	case 0xff:
		return ("active");
	default:
		return ("unknown");
	}
}

/* The threshold of an attribute; 0 if there is none. */
static unsigned
threshold(const uint8_t *page_of_them, uint8_t id)
{
	unsigned i;

	for (i = 0; i < ATTRIBUTES; i++)
		if (page_of_them[2 + i * ENTRY] == id)
			return (page_of_them[2 + i * ENTRY + 1]);
	return (0);
}

/* True if an attribute has fallen to its threshold. */
static bool
attribute(const uint8_t *a, unsigned limit)
{
	bool fallen = limit != 0 && a[3] <= limit;
	uint64_t raw = 0;
	int i;

	for (i = 5; i >= 0; i--)
		raw = raw << 8 | a[5 + i];
	xo_open_instance("attribute");
	xo_emit("  {k:id/%3u/%u} {:value/%5u/%u} {:worst/%5u/%u} "
	    "{:threshold/%5u/%u} {:raw/%14ju/%ju}{d:note/%s}"
	    "{ne:failing/%s}\n", a[0], a[3], a[4], limit, (uintmax_t)raw,
	    fallen ? "  failing" : "", fallen ? "true" : "false");
	xo_close_instance("attribute");
	return (fallen);
}

static bool
attributes(const uint8_t *data, const uint8_t *thresholds)
{
	bool fallen = false;
	unsigned i;

	xo_emit("  {T:/%3s} {T:/%5s} {T:/%5s} {T:/%5s} {T:/%14s}\n", "ID",
	    "VALUE", "WORST", "LIMIT", "RAW");
	xo_open_list("attribute");
	for (i = 0; i < ATTRIBUTES; i++)
		if (data[2 + i * ENTRY] != 0)
			fallen |= attribute(data + 2 + i * ENTRY,
			    threshold(thresholds, data[2 + i * ENTRY]));
	xo_close_list("attribute");
	return (fallen);
}

int
cmd_smart(int argc, char **argv)
{
	uint8_t data[SECTOR], thresholds[SECTOR];
	struct aoe_ioc_target t;
	const char *verdict;
	int status;
	bool fallen;

	if (argc != 2)
		return (usage());
	if ((status = target_get(argv[1], &t)) != EXIT_OK ||
	    (status = page(&t, READ_DATA, data)) != EXIT_OK)
		return (status);
	if (page(&t, READ_THRESHOLDS, thresholds) != EXIT_OK)
		memset(thresholds, 0, sizeof(thresholds));
	verdict = health(&t);
	xo_emit("{k:name/%s}: {P:health }{:health/%s}{P:, power }{:power/%s}\n",
	    t.name, verdict, power(&t));
	fallen = attributes(data, thresholds);
	return (fallen || strcmp(verdict, "failing") == 0 ? EXIT_FAULT :
	    EXIT_OK);
}
