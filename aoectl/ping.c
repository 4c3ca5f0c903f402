/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * ping: a small question on every path, and how long the answer takes.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include <libxo/xo.h>

#include "aoectl.h"

#define	IDENTIFY	0xec

struct tally {
	unsigned	sent, received;
	uint64_t	least, most, sum;
};

struct options {
	unsigned	count, interval, timeout, path;
	bool		ata;		/* IDENTIFY instead of a config query */
	bool		one_path;
};

/* One question; the status says whether to go on. */
static int
once(const struct aoe_ioc_target *t, const struct aoe_ioc_path *p,
    const struct options *o, unsigned seq, struct tally *tally)
{
	struct aoe_ioc_control c;
	char mac[18];
	int error;

	if (o->ata)
		ask_ata(&c, t, IDENTIFY, 0, 1);
	else {
		ask_init(&c, t, AOE_CONFIG, CONFIG_ARGUMENT);
		c.data[5] = 0x10;
	}
	c.path = p->info.index;
	c.tries = 1;
	c.wait_ms = o->timeout;
	tally->sent++;
	error = ask(&c);
	if (error != 0 && error != ETIMEDOUT && error != ENETDOWN)
		return (failed(error, t->name));
	xo_open_instance("reply");
	xo_emit("{:path/%u} {:interface/%s} {:mac/%s}: {P:seq }{:seq/%u} ",
	    p->info.index, p->interface, mac_text(p->info.mac, mac), seq);
	if (error != 0)
		xo_emit("{:result/%s}\n", error == ENETDOWN ? "link down" :
		    "no answer");
	else {
		tally->received++;
		tally->sum += c.rtt_us;
		if (tally->received == 1 || c.rtt_us < tally->least)
			tally->least = c.rtt_us;
		if (c.rtt_us > tally->most)
			tally->most = c.rtt_us;
		xo_emit("{:result/%s} {P:time }{d:ms/%.3f}{P: ms}{e:rtt/%ju}\n",
		    c.refused ? "refused" : "answer",
		    (double)c.rtt_us / 1000, (uintmax_t)c.rtt_us);
	}
	xo_close_instance("reply");
	(void)xo_flush();
	return (EXIT_OK);
}

static void
sum_up(const struct aoe_ioc_path *p, const struct tally *t)
{

	xo_open_instance("path");
	xo_emit("{P:path }{k:index/%u}: {:sent/%u} {P:sent, }{:received/%u} "
	    "{P:answered}", p->info.index, t->sent, t->received);
	if (t->received != 0) {
		xo_emit("{P:, }{d:least/%.3f}/{d:mean/%.3f}/{d:most/%.3f} "
		    "{P:ms}", (double)t->least / 1000,
		    (double)t->sum / t->received / 1000,
		    (double)t->most / 1000);
		xo_emit("{e:rtt-min/%ju}{e:rtt-mean/%ju}{e:rtt-max/%ju}",
		    (uintmax_t)t->least, (uintmax_t)(t->sum / t->received),
		    (uintmax_t)t->most);
	}
	xo_emit("\n");
	xo_close_instance("path");
}

static int
run(const struct aoe_ioc_target *t, const struct options *o)
{
	struct tally tally[AOE_PATHS];
	unsigned asked = 0, i, seq;
	int status = EXIT_OK;

	memset(tally, 0, sizeof(tally));
	xo_emit("{k:name/%s}\n", t->name);
	xo_open_list("reply");
	for (seq = 1; seq <= o->count && status == EXIT_OK; seq++) {
		if (seq > 1)
			(void)usleep(o->interval * 1000);
		for (i = 0; i < t->npaths && status == EXIT_OK; i++)
			if (!o->one_path || t->path[i].info.index == o->path)
				status = once(t, &t->path[i], o, seq,
				    &tally[i]);
	}
	xo_close_list("reply");
	xo_open_list("path");
	for (i = 0; i < t->npaths; i++) {
		if (tally[i].sent == 0)
			continue;
		asked++;
		sum_up(&t->path[i], &tally[i]);
		if (tally[i].received == 0 && status == EXIT_OK)
			status = EXIT_FAULT;
	}
	xo_close_list("path");
	if (asked == 0 && status == EXIT_OK) {
		complain("%s: no such path", t->name);
		status = EXIT_SILENT;
	}
	return (status);
}

int
cmd_ping(int argc, char **argv)
{
	struct options o = { .count = 3, .interval = 1000, .timeout = 1000 };
	struct aoe_ioc_target t;
	int c, status;
	bool good = true;

	while ((c = getopt(argc, argv, "Ac:i:p:t:")) != -1)
		switch (c) {
		case 'A':
			o.ata = true;
			break;
		case 'c':
			good &= number(optarg, 1, 1000000, &o.count);
			break;
		case 'i':
			good &= number(optarg, 0, 3600, &o.interval);
			o.interval *= 1000;
			break;
		case 'p':
			good &= number(optarg, 0, AOE_PATHS - 1, &o.path);
			o.one_path = true;
			break;
		case 't':
			good &= number(optarg, 1, AOE_CTL_WAIT_MAX,
			    &o.timeout);
			break;
		default:
			good = false;
			break;
		}
	if (!good || argc - optind != 1)
		return (usage());
	status = target_get(argv[optind], &t);
	return (status != EXIT_OK ? status : run(&t, &o));
}
