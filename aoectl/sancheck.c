/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * sancheck: how much data a frame can really carry on every path, against
 * what the interface and the target say.
 *
 * A path is asked for sectors of the disk's beginning with a frame that is as
 * long as the answer, so a network that swallows large frames in either
 * direction shows.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <libxo/xo.h>

#include "aoectl.h"

#define	READ		0x20
#define	READ_EXT	0x24
#define	EXTENDED	0x40
#define	HEADERS		36		/* Ethernet, AoE, ATA */
#define	TRIES		3

static unsigned timeout = 500;

/* Whether a frame with this many of the disk's sectors comes through; -1:
 * cannot tell. */
static int
passes(const struct aoe_ioc_target *t, const struct aoe_ioc_path *p,
    unsigned sectors)
{
	struct aoe_ioc_control c;
	int error;

	ask_ata(&c, t, READ, 0, (uint8_t)sectors);
	c.data[7] = 0xe0;
	if ((t->info.flags & AOE_INFO_LBA48) != 0) {
		c.data[0] = EXTENDED;
		c.data[3] = READ_EXT;
		c.data[7] = 0;
	}
	c.path = p->info.index;
	c.frame_length = HEADERS + sectors * t->info.sector_logical;
	c.tries = TRIES;
	c.wait_ms = timeout;
	error = ask(&c);
	if (error == ETIMEDOUT || error == EMSGSIZE)
		return (0);
	if (error != 0)
		return (-1);
	return (!c.refused && (c.data[3] & 0xa9) == 0 &&
	    c.length >= ATA_ARGUMENT + sectors * t->info.sector_logical);
}

static unsigned
least(unsigned a, unsigned b)
{

	return (a < b ? a : b);
}

/* The most sectors that come through; 0: none, -1: cannot tell. */
static int
search(const struct aoe_ioc_target *t, const struct aoe_ioc_path *p,
    unsigned limit)
{
	unsigned bad, good, try;
	int result;

	result = passes(t, p, limit);
	if (result != 0 || limit == 1)
		return (result > 0 ? (int)limit : result);
	/* Is anybody there at all? */
	result = passes(t, p, 1);
	if (result <= 0)
		return (result);
	for (good = 1, bad = limit; bad - good > 1;) {
		try = (good + bad) / 2;
		result = passes(t, p, try);
		if (result < 0)
			return (-1);
		if (result > 0)
			good = try;
		else
			bad = try;
	}
	return ((int)good);
}

/* What is wrong with a path, or "ok". */
static const char *
verdict(const struct aoe_ioc_path *p, unsigned limit, int found)
{

	if (p->mtu == 0 || !p->link_up)
		return ("link down");
	if (limit == 0)
		return ("no sector fits");
	if (found < 0)
		return ("not asked");
	if (found == 0)
		return ("no answer");
	if ((unsigned)found < limit)
		return ("frames are lost");
	if (p->info.state != AOE_PATH_UP)
		return (aoe_path_state_name(p->info.state));
	return ("ok");
}

static bool
check_path(const struct aoe_ioc_target *t, const struct aoe_ioc_path *p)
{
	unsigned allowed, by_mtu, by_target, limit;
	unsigned sector = t->info.sector_logical;
	const char *said;
	char mac[18];
	int found = -1;

	by_mtu = p->mtu < 22 + SECTOR ? 0 : least((p->mtu - 22) / SECTOR, 255);
	by_target = p->info.sector_count != 0 ? p->info.sector_count : 2;
	allowed = least(by_mtu, by_target) * SECTOR / sector;
	limit = allowed;
	if (t->info.sectors * SECTOR / sector < limit)
		limit = (unsigned)(t->info.sectors * SECTOR / sector);
	if (limit != 0 && p->link_up)
		found = search(t, p, limit);
	said = verdict(p, limit, found);
	xo_open_instance("path");
	xo_emit("{ke:target/%s}{ke:index/%u}", t->name, p->info.index);
	xo_emit("{d:name/%-12s} {:interface/%-9s/%s} {:mac/%s}", t->name,
	    p->interface, mac_text(p->info.mac, mac));
	xo_emit(" {:mtu/%6u/%u} {:interface-allows/%6u/%u}", p->mtu,
	    by_mtu * SECTOR);
	xo_emit(" {:target-allows/%6u/%u} {:passes/%6d/%d}",
	    by_target * SECTOR, found > 0 ? found * (int)sector : 0);
	xo_emit(" {:in-use/%6u/%u} {:verdict/%s}{P:/%s}\n", p->info.payload,
	    said, found == (int)limit && limit < allowed ?
	    ": the disk is smaller than a frame" : "");
	xo_close_instance("path");
	(void)xo_flush();
	return (strcmp(said, "ok") == 0);
}

static int
check_target(const struct aoe_ioc_target *t)
{
	unsigned i;
	bool good = t->npaths != 0;

	if (t->info.sectors == 0) {
		complain("%s: it has not said yet how large it is", t->name);
		return (EXIT_FAULT);
	}
	for (i = 0; i < t->npaths; i++)
		good &= check_path(t, &t->path[i]);
	return (good ? EXIT_OK : EXIT_FAULT);
}

int
cmd_sancheck(int argc, char **argv)
{
	int c, status;

	while ((c = getopt(argc, argv, "t:")) != -1)
		if (c != 't' || !number(optarg, 1, 10000, &timeout))
			return (usage());
	xo_emit("{T:/%-12s} {T:/%-9s} {T:/%-17s} {T:/%6s} {T:/%6s} {T:/%6s} "
	    "{T:/%6s} {T:/%6s} {T:/%s}\n", "NAME", "INTERFACE", "MAC", "MTU",
	    "BY-MTU", "TARGET", "PASSES", "IN-USE", "VERDICT");
	xo_open_list("path");
	status = targets(argc - optind, argv + optind, check_target);
	xo_close_list("path");
	return (status);
}
