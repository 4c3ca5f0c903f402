/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * accept: takes another disk for the one that a target had.
 *
 * Shows what it is about; whether it may be, the driver decides.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libxo/xo.h>

#include "aoectl.h"
#include "os.h"

#define	TENTHS	50			/* that the disk has to answer again */

struct found {
	struct aoe_ioc_identity	 id;
	const struct aoe_ioc_path *path;
};

static uint64_t
bytes_of(const struct aoe_identity *id)
{

	return (id->sectors * id->sector_logical);
}

static bool
is_same(const struct aoe_identity *a, const struct aoe_identity *b)
{

	return (strcmp(a->serial, b->serial) == 0 &&
	    strcmp(a->model, b->model) == 0 &&
	    a->sector_logical == b->sector_logical &&
	    a->sectors == b->sectors);
}

/* Ask the paths that are not the disk's; all have to say the same. */
static int
look(const struct aoe_ioc_target *t, unsigned only, struct found *f)
{
	struct aoe_ioc_identity id;
	const struct aoe_ioc_path *p;
	unsigned i;

	f->path = NULL;
	for (i = 0; i < t->npaths; i++) {
		p = &t->path[i];
		if (p->info.state == AOE_PATH_UP ||
		    p->info.state == AOE_PATH_DOWN ||
		    (only != AOE_PATH_ANY && only != p->info.index) ||
		    identify_get(t, p->info.index, &id) != EXIT_OK)
			continue;
		if (f->path != NULL && !is_same(&f->id.identity,
		    &id.identity)) {
			complain("%s: paths %u and %u lead to different disks: "
			    "-p says which of them", t->name,
			    f->path->info.index, p->info.index);
			return (EXIT_USE);
		}
		f->id = id;
		f->path = p;
	}
	if (f->path == NULL) {
		complain("%s: no other disk answers there", t->name);
		return (EXIT_SILENT);
	}
	return (EXIT_OK);
}

static int
too_small(const char *name)
{

	complain("%s: the disk there is smaller than the open one: close "
	    "/dev/%s first.  Unmount its file systems, export its pool, stop "
	    "its mirror or swapping; fstat(1) shows programs.  Closed, it is "
	    "used as it is", name, name);
	return (EXIT_SILENT);
}

static int
other_sectors(const char *name)
{

	complain("%s: the sectors of the disk there have another size than "
	    "those of the open one: close /dev/%s first", name, name);
	return (EXIT_SILENT);
}

static int
refused(int error, const char *name)
{

	switch (error) {
	case EBUSY:
		complain("%s: the disk itself answers: there is nothing to "
		    "accept", name);
		return (EXIT_SILENT);
	case ENODEV:
		complain("%s: no other disk answers there", name);
		return (EXIT_SILENT);
	case ENOSPC:
		return (too_small(name));
	case EINVAL:
		return (other_sectors(name));
	default:
		return (failed(error, name));
	}
}

/* What cannot be, before anybody is asked for his consent. */
static int
check(const struct aoe_ioc_target *t, const struct aoe_identity *id)
{

	if ((t->info.flags & AOE_INFO_OPEN) == 0)
		return (EXIT_OK);
	if (id->sector_logical != t->info.sector_logical)
		return (other_sectors(t->name));
	if (bytes_of(id) < t->info.sectors * SECTOR)
		return (too_small(t->name));
	return (EXIT_OK);
}

static bool
consents(const struct aoe_ioc_target *t, const struct found *f)
{
	struct aoe_target_info was = t->info;
	char answer[16], mac[18], new_size[16], size[16];

	tidy(was.model);
	tidy(was.serial);
	fprintf(stderr, "%s was: %s, serial %s, %s%s\n"
	    "there is: %s, serial %s, %s, on path %u (%s, %s)\n"
	    "I/O that waits for the old disk goes to the new one. If that does "
	    "not hold the\nsame data, its contents are damaged.\n"
	    "Accept it as %s? [y/N] ", t->name, was.model, was.serial,
	    size_text(was.sectors * SECTOR, size),
	    was.flags & AOE_INFO_OPEN ? ", open" : "", f->id.identity.model,
	    f->id.identity.serial, size_text(bytes_of(&f->id.identity),
	    new_size), f->path->info.index, f->path->interface,
	    mac_text(f->path->info.mac, mac), t->name);
	return (fgets(answer, sizeof(answer), stdin) != NULL &&
	    (answer[0] == 'y' || answer[0] == 'Y'));
}

/* Wait until the target is up with the new disk. */
static int
await(const char *name, const struct aoe_identity *id)
{
	struct aoe_ioc_target t;
	unsigned i;
	int status;

	for (i = 0; i < TENTHS; i++) {
		if ((status = target_get(name, &t)) != EXIT_OK)
			return (status);
		if (t.info.state == AOE_STATE_UP) {
			tidy(t.info.serial);
			if (strcmp(t.info.serial, id->serial) != 0)
				break;
			xo_emit("{k:name/%s}: {:result/%s}, serial "
			    "{:serial/%s}\n", t.name, "accepted", t.info.serial);
			return (EXIT_OK);
		}
		(void)usleep(100000);
	}
	complain("%s: not accepted: what answers now is not what did before",
	    name);
	return (EXIT_SILENT);
}

int
cmd_accept(int argc, char **argv)
{
	struct aoe_ioc_accept a;
	struct aoe_ioc_target t;
	struct found f;
	unsigned path = AOE_PATH_ANY;
	bool forced = false;
	int c, error, status;

	while ((c = getopt(argc, argv, "fp:")) != -1) {
		if (c == 'f')
			forced = true;
		else if (c != 'p' || !number(optarg, 0, AOE_PATHS - 1, &path))
			return (usage());
	}
	if (argc - optind != 1)
		return (usage());
	if ((status = target_get(argv[optind], &t)) != EXIT_OK)
		return (status);
	if (t.info.state == AOE_STATE_UP)
		return (refused(EBUSY, t.name));
	if ((status = look(&t, path, &f)) != EXIT_OK ||
	    (status = check(&t, &f.id.identity)) != EXIT_OK)
		return (status);
	if (!forced && !consents(&t, &f)) {
		complain("%s: not accepted", t.name);
		return (EXIT_FAULT);
	}
	memset(&a, 0, sizeof(a));
	a.major = t.major;
	a.minor = t.minor;
	memcpy(a.page, f.id.page, sizeof(a.page));
	error = os_ioctl(AOEIOC_ACCEPT, &a);
	return (error != 0 ? refused(error, t.name) :
	    await(t.name, &f.id.identity));
}
