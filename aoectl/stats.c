/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * stats, version: counters of the module, of targets and of paths.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxo/xo.h>

#include "aoectl.h"
#include "os.h"

#define	STATS	"net.aoe.stats"

static void
say_counter(const char *name, const char *value)
{

	xo_open_instance("counter");
	xo_emit("{k:name/%-20s/%s}{:value/%12ju/%ju}\n",
	    name + sizeof(STATS), (uintmax_t)strtoull(value, NULL, 10));
	xo_close_instance("counter");
}

static void
say_target(const struct aoe_ioc_target *t)
{
	const struct aoe_target_info *i = &t->info;

#define	LINE(name, value)						\
	xo_emit("  {P:/%-18s}{:" name "/%12ju/%ju}\n", name, (uintmax_t)(value))
	LINE("sent", i->sent);
	LINE("received", i->received);
	LINE("retransmitted", i->retransmitted);
	LINE("late", i->late);
	LINE("unexpected", i->unexpected);
	LINE("completed", i->completed);
	LINE("failed", i->failed);
	LINE("active", i->active);
	LINE("in-flight", i->in_flight);
	LINE("fences", i->fences);
	LINE("guarded", i->guarded);
	LINE("guard-waits", i->guard_waits);
	LINE("guard-wait-us", i->guard_wait_us);
	LINE("paths-left-out", i->paths_left_out);
}

/* How many answers took how long: 2^(n-1) microseconds and more in place n. */
static void
say_latency(const uint64_t counts[AOE_HISTOGRAM])
{
	unsigned n;

	xo_open_list("latency");
	for (n = 0; n < AOE_HISTOGRAM; n++) {
		if (counts[n] == 0)
			continue;
		xo_open_instance("latency");
		xo_emit("  {P:from} {k:from/%7u/%u} {P:us   }{:answers/%12ju/%ju}\n",
		    n == 0 ? 0 : 1U << (n - 1), (uintmax_t)counts[n]);
		xo_close_instance("latency");
	}
	xo_close_list("latency");
}

static int
stats_one(const struct aoe_ioc_target *t)
{
	const struct aoe_path_info *p;
	unsigned n;

	xo_open_instance("target");
	xo_emit("{k:name/%s}\n", t->name);
	say_target(t);
	xo_open_list("path");
	for (n = 0; n < t->npaths; n++) {
		p = &t->path[n].info;
		xo_open_instance("path");
		xo_emit("  {P:path} {k:index/%u} {P:on} {:interface/%s}\n",
		    p->index, t->path[n].interface);
		LINE("sent", p->sent);
		LINE("received", p->received);
		LINE("retransmitted", p->retransmitted);
		LINE("late", p->late);
		LINE("unexpected", p->unexpected);
		LINE("doubled", p->doubled);
		say_latency(t->path[n].histogram);
		xo_close_instance("path");
	}
#undef	LINE
	xo_close_list("path");
	xo_close_instance("target");
	return (EXIT_OK);
}

int
cmd_stats(int argc, char **argv)
{
	int error = 0, status;

	if (argc == 1) {
		xo_open_list("counter");
		error = os_sysctl_each(STATS, say_counter);
		xo_close_list("counter");
	}
	xo_open_list("target");
	status = targets(argc - 1, argv + 1, stats_one);
	xo_close_list("target");
	return (error != 0 ? failed(error, STATS) : status);
}

/* Of this program, and of the module if there is one. */
int
cmd_version(int argc, char **argv)
{
	char module[32];

	(void)argv;
	if (argc != 1)
		return (usage());
	xo_emit("{P:aoectl }{:aoectl/%s}\n", AOE_VERSION);
	if (os_sysctl_get("net.aoe.version", module, sizeof(module)) == 0)
		xo_emit("{P:module }{:module/%s}\n", module);
	else
		xo_emit("{P:module not loaded}\n");
	return (EXIT_OK);
}
