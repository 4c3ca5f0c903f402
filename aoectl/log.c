/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * log: what happened to targets, as far back as the module remembers.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libxo/xo.h>

#include "aoectl.h"
#include "os.h"

#define	FOLLOW_MS	10000

static void
say(const struct aoe_ioc_event *e)
{
	time_t when = (time_t)e->sec;
	char exact[40], stamp[32], path[16] = "";
	struct tm tm;

	localtime_r(&when, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S", &tm);
	if (e->path != AOE_PATH_ANY)
		snprintf(path, sizeof(path), " path %u", e->path);
	xo_open_instance("event");
	xo_emit("{d:time-text/%s}.{d:ms/%03u}{e:seq/%ju}", stamp,
	    e->usec / 1000, (uintmax_t)e->seq);
	snprintf(exact, sizeof(exact), "%ju.%06u", (uintmax_t)e->sec,
	    e->usec);
	xo_emit("{ne:time/%s}", exact);
	xo_emit(" {:target/%s}{d:path-text/%s} {:event/%s}: {:text/%s}",
	    e->target, path, e->name, e->text);
	if (e->path != AOE_PATH_ANY)
		xo_emit("{e:path/%u}", e->path);
	if (e->value != 0)
		xo_emit(" ({:value/%ju})\n", (uintmax_t)e->value);
	else
		xo_emit("{e:value/%ju}\n", (uintmax_t)e->value);
	xo_close_instance("event");
}

struct reader {
	const char	*target;	/* or NULL for all */
	uint64_t	 after;
	uint64_t	 skip;		/* events not to be shown */
	bool		 count_only;
	uint64_t	 seen;
};

static bool
is_wanted(const struct reader *r, const struct aoe_ioc_event *e)
{

	return (r->target == NULL || strcmp(r->target, e->target) == 0);
}

/* What there is now, or comes within a time. */
static int
read_events(struct reader *r, unsigned wait_ms)
{
	struct aoe_ioc_log l;
	uint32_t i;
	int error;

	do {
		memset(&l, 0, sizeof(l));
		l.after = r->after;
		l.wait_ms = wait_ms;
		error = os_ioctl(AOEIOC_LOG, &l);
		if (error != 0)
			return (error);
		for (i = 0; i < l.count; i++) {
			r->after = l.event[i].seq;
			if (!is_wanted(r, &l.event[i]))
				continue;
			r->seen++;
			if (r->count_only)
				continue;
			if (r->skip > 0)
				r->skip--;
			else
				say(&l.event[i]);
		}
		(void)xo_flush();
		wait_ms = 0;
	} while (l.count != 0);
	return (0);
}

int
cmd_log(int argc, char **argv)
{
	struct reader r = { 0 };
	struct aoe_ioc_target t;
	char name[24];
	unsigned last = 0;
	bool follow = false, good = true;
	int c, error;

	while ((c = getopt(argc, argv, "fn:")) != -1)
		switch (c) {
		case 'f':
			follow = true;
			break;
		case 'n':
			good &= number(optarg, 1, 1000, &last);
			break;
		default:
			good = false;
			break;
		}
	if (!good || argc - optind > 1)
		return (usage());
	if (optind < argc) {
		if (!address_of(argv[optind], &t.major, &t.minor))
			return (usage());
		snprintf(name, sizeof(name), "aoe%ue%u", t.major, t.minor);
		r.target = name;
	}
	if (last != 0) {
		r.count_only = true;
		error = read_events(&r, 0);
		if (error != 0)
			return (failed(error, "log"));
		r.skip = r.seen > last ? r.seen - last : 0;
		r.count_only = false;
		r.after = 0;
	}
	xo_open_list("event");
	error = read_events(&r, 0);
	while (follow && error == 0)
		error = read_events(&r, FOLLOW_MS);
	xo_close_list("event");
	return (error != 0 ? failed(error, "log") : EXIT_OK);
}
