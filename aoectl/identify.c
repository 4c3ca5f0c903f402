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
#include "os.h"

#define	IDENTIFY	0xec

static unsigned
word(const uint8_t *id, unsigned n)
{

	return (id[2 * n] | (unsigned)id[2 * n + 1] << 8);
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

static void
features(const struct aoe_identity *id)
{
	static const struct {
		const char	*name;
		uint32_t	 bit;
	} all[] = {
		{ "smart", AOE_ID_SMART },
		{ "write-cache", AOE_ID_WRITE_CACHE },
		{ "look-ahead", AOE_ID_LOOK_AHEAD },
		{ "lba48", AOE_ID_LBA48 },
		{ "flush", AOE_ID_FLUSH },
		{ "flush-ext", AOE_ID_FLUSH_EXT },
		{ "trim", AOE_ID_TRIM },
	};
	size_t i;

	xo_open_list("feature");
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		feature(all[i].name, (id->supported & all[i].bit) != 0,
		    (id->enabled & all[i].bit) != 0);
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
describe(const char *name, const struct aoe_identity *id)
{

	xo_emit("{k:name/%s}\n", name);
	xo_emit("  {P:/%-16s} {:model/%s}\n", "model", id->model);
	xo_emit("  {P:/%-16s} {:serial/%s}\n", "serial", id->serial);
	xo_emit("  {P:/%-16s} {:firmware/%s}\n", "firmware", id->firmware);
	if (id->wwn != 0)
		xo_emit("  {P:/%-16s} {q:wwn/%016jx/%016jx}\n", "wwn",
		    (uintmax_t)id->wwn);
	xo_emit("  {P:/%-16s} {:sectors/%ju} {P:of }{:sector/%u} {P:bytes}"
	    "{e:size/%ju}\n", "size", (uintmax_t)id->sectors,
	    id->sector_logical,
	    (uintmax_t)id->sectors * id->sector_logical);
	xo_emit("  {P:/%-16s} {:physical-sector/%u}\n", "physical sector",
	    id->sector_physical);
	if (id->rotation == 1)
		xo_emit("  {P:/%-16s} {:rotation-rate/%s}\n", "rotation rate",
		    "none");
	else if (id->rotation != 0)
		xo_emit("  {P:/%-16s} {:rotation-rate/%u}\n", "rotation rate",
		    id->rotation);
	features(id);
}

int
identify_get(const struct aoe_ioc_target *t, uint8_t path,
    struct aoe_ioc_identity *id)
{
	struct aoe_ioc_control c;
	int error, status;

	ask_ata(&c, t, IDENTIFY, 0, 1);
	c.path = path;
	if ((status = ask_sector(&c, t->name)) != EXIT_OK)
		return (status);
	/* What it means is the driver's to say: there is one decoder. */
	memset(id, 0, sizeof(*id));
	memcpy(id->page, c.data + ATA_ARGUMENT, sizeof(id->page));
	error = os_ioctl(AOEIOC_IDENTITY, id);
	return (error != 0 ? failed(error, t->name) : EXIT_OK);
}

int
cmd_identify(int argc, char **argv)
{
	struct aoe_ioc_identity id;
	struct aoe_ioc_target t;
	bool words = false;
	int o, status;

	while ((o = getopt(argc, argv, "r")) != -1) {
		if (o != 'r')
			return (usage());
		words = true;
	}
	if (argc - optind != 1)
		return (usage());
	if ((status = target_get(argv[optind], &t)) != EXIT_OK)
		return (status);
	status = identify_get(&t, AOE_PATH_ANY, &id);
	if (status != EXIT_OK)
		return (status);
	describe(t.name, &id.identity);
	if (words)
		raw(id.page);
	return (EXIT_OK);
}
