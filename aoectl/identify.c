/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * identify: what the disk says of itself, asked now.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <libxo/xo.h>

#include "aoectl.h"

#define	IDENTIFY	0xec

static unsigned
word(const uint8_t *id, unsigned n)
{

	return (id[2 * n] | (unsigned)id[2 * n + 1] << 8);
}

/* Two characters in each word, the first in the high half. */
static void
text(const uint8_t *id, unsigned first, unsigned words, char *out)
{
	unsigned i;

	for (i = 0; i < 2 * words; i++)
		out[i] = (char)id[2 * first + (i ^ 1)];
	out[2 * words] = '\0';
	tidy(out);
}

static uint64_t
sectors(const uint8_t *id)
{
	uint64_t n = 0;
	unsigned i;

	if ((word(id, 83) & 0x400) != 0 || (word(id, 86) & 0x400) != 0)
		for (i = 4; i > 0; i--)
			n = n << 16 | word(id, 99 + i);
	if (n == 0)
		n = word(id, 60) | (uint64_t)word(id, 61) << 16;
	return (n);
}

/* Bytes of a physical sector. */
static unsigned
physical(const uint8_t *id)
{
	unsigned w = word(id, 106);

	if ((w & 0xc000) != 0x4000 || (w & 0x2000) == 0)
		return (SECTOR);
	return (SECTOR << (w & 0x0f));
}

static void
feature(const char *name, bool supported, bool enabled)
{

	xo_open_instance("feature");
	xo_emit("  {k:name/%-16s/%s} {d:text/%s}", name,
	    !supported ? "no" : enabled ? "yes" : "off");
	xo_emit("{ne:supported/%s}{ne:enabled/%s}\n",
	    supported ? "true" : "false", enabled ? "true" : "false");
	xo_close_instance("feature");
}

/* Words 82 to 84 say what there is, 85 to 87 what is on. */
static void
features(const uint8_t *id)
{
	bool valid = (word(id, 83) & 0xc000) == 0x4000;
	unsigned has = valid ? word(id, 82) : 0, on = word(id, 85);
	unsigned more = valid ? word(id, 83) : 0, more_on = word(id, 86);
	bool trim = (word(id, 169) & 1) != 0;

	xo_open_list("feature");
	feature("smart", has & 0x0001, on & 0x0001);
	feature("write-cache", has & 0x0020, on & 0x0020);
	feature("look-ahead", has & 0x0040, on & 0x0040);
	feature("lba48", more & 0x0400, more_on & 0x0400);
	feature("flush", more & 0x1000, more_on & 0x1000);
	feature("flush-ext", more & 0x2000, more_on & 0x2000);
	feature("trim", trim, trim);
	xo_close_list("feature");
}

static void
raw(const uint8_t *id)
{
	char digits[8 * 5 + 1];
	unsigned i, n;

	xo_open_list("line");
	for (i = 0; i < 256; i += 8) {
		for (n = 0; n < 8; n++)
			snprintf(digits + n * 5, 6, "%04x ", word(id, i + n));
		digits[8 * 5 - 1] = '\0';
		xo_open_instance("line");
		xo_emit("  {k:word/%3u/%u}  {:data/%s}\n", i, digits);
		xo_close_instance("line");
	}
	xo_close_list("line");
}

static void
describe(const struct aoe_ioc_target *t, const uint8_t *id)
{
	char model[41], serial[21], firmware[9];
	unsigned rpm = word(id, 217);
	uint64_t wwn = (uint64_t)word(id, 108) << 48 |
	    (uint64_t)word(id, 109) << 32 | (uint64_t)word(id, 110) << 16 |
	    word(id, 111);

	text(id, 27, 20, model);
	text(id, 10, 10, serial);
	text(id, 23, 4, firmware);
	xo_emit("{k:name/%s}\n", t->name);
	xo_emit("  {P:/%-16s} {:model/%s}\n", "model", model);
	xo_emit("  {P:/%-16s} {:serial/%s}\n", "serial", serial);
	xo_emit("  {P:/%-16s} {:firmware/%s}\n", "firmware", firmware);
	if (wwn != 0)
		xo_emit("  {P:/%-16s} {:wwn/%016jx/%016jx}\n", "wwn",
		    (uintmax_t)wwn);
	xo_emit("  {P:/%-16s} {:sectors/%ju} {P:of 512 bytes}{e:size/%ju}\n",
	    "size", (uintmax_t)sectors(id), (uintmax_t)sectors(id) * SECTOR);
	xo_emit("  {P:/%-16s} {:physical-sector/%u}\n", "physical sector",
	    physical(id));
	if (rpm == 1)
		xo_emit("  {P:/%-16s} {:rotation-rate/%s}\n", "rotation rate",
		    "none");
	else if (rpm > 0x400 && rpm < 0xffff)
		xo_emit("  {P:/%-16s} {:rotation-rate/%u}\n", "rotation rate",
		    rpm);
	features(id);
}

int
cmd_identify(int argc, char **argv)
{
	struct aoe_ioc_control c;
	struct aoe_ioc_target t;
	bool words = false;
	int error, o, status;

	while ((o = getopt(argc, argv, "r")) != -1) {
		if (o != 'r')
			return (usage());
		words = true;
	}
	if (argc - optind != 1)
		return (usage());
	if ((status = target_get(argv[optind], &t)) != EXIT_OK)
		return (status);
	ask_ata(&c, &t, IDENTIFY, 0, 1);
	if ((error = ask(&c)) != 0)
		return (failed(error, t.name));
	if ((status = ata_status(&c, t.name)) != EXIT_OK)
		return (status);
	if (c.length < ATA_ARGUMENT + SECTOR) {
		complain("%s: the answer is cut short", t.name);
		return (EXIT_REFUSED);
	}
	describe(&t, c.data + ATA_ARGUMENT);
	if (words)
		raw(c.data + ATA_ARGUMENT);
	return (EXIT_OK);
}
