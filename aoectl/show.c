/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * list, status, paths: what there is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxo/xo.h>

#include "aoectl.h"
#include "os.h"

static unsigned
paths_up(const struct aoe_ioc_target *t)
{
	unsigned i, n = 0;

	for (i = 0; i < t->npaths; i++)
		n += t->path[i].info.state == AOE_PATH_UP;
	return (n);
}

static int
list_one(const struct aoe_ioc_target *t)
{
	struct aoe_target_info info = t->info;
	char size[16];

	tidy(info.model);
	tidy(info.serial);
	xo_open_instance("target");
	xo_emit("{k:name/%-12s/%s}{e:shelf/%u}{e:slot/%u}", t->name, t->major,
	    t->minor);
	xo_emit(" {:state/%-11s/%s}", aoe_state_name(info.state));
	xo_emit(" {d:size-text/%6s}{e:size/%ju}",
	    size_text(info.sectors * SECTOR, size),
	    (uintmax_t)info.sectors * SECTOR);
	xo_emit("  {:paths-up/%2u/%u}/{:paths/%-2u/%u}", paths_up(t),
	    t->npaths);
	xo_emit(" {d:open-text/%-4s}{ne:open/%s}",
	    info.flags & AOE_INFO_OPEN ? "yes" : "no",
	    info.flags & AOE_INFO_OPEN ? "true" : "false");
	xo_emit(" {:model/%-20s/%s} {:serial/%s}\n", info.model, info.serial);
	xo_close_instance("target");
	return (EXIT_OK);
}

/* Targets that answer and have no disk here, and why. */
static void
say_absent(void)
{
	struct aoe_ioc_absent a;
	char name[16];
	uint32_t i;
	unsigned left_out = 0, limit = 0;

	xo_open_list("absent");
	for (i = 0; absent_get(i, &a); i++) {
		snprintf(name, sizeof(name), "aoe%ue%u", a.absent.major,
		    a.absent.minor);
		xo_open_instance("absent");
		xo_emit("{ke:name/%s}{e:shelf/%u}{e:slot/%u}{e:reason/%s}",
		    name, a.absent.major, a.absent.minor, a.text);
		if (a.absent.event == AOE_EV_LEFT_OUT) {
			left_out++;
			limit = (unsigned)a.absent.value;
		} else
			xo_emit("{P:/%s}: {P:/%s}\n", name, a.text);
		xo_close_instance("absent");
	}
	xo_close_list("absent");
	xo_emit("{e:left-out/%u}", left_out);
	if (left_out != 0)
		xo_emit("{P:/%u} {P:more answer and are left out: "
		    "net.aoe.maxtargets is }{P:/%u}{P:, set it in "
		    "loader.conf(5)}\n", left_out, limit);
}

int
cmd_list(int argc, char **argv)
{
	int status;

	xo_emit("{T:/%-12s} {T:/%-11s} {T:/%6s}  {T:/%-5s} {T:/%-4s} "
	    "{T:/%-20s} {T:/%s}\n", "NAME", "STATE", "SIZE", "PATHS", "OPEN",
	    "MODEL", "SERIAL");
	xo_open_list("target");
	status = targets(argc - 1, argv + 1, list_one);
	xo_close_list("target");
	if (argc == 1)
		say_absent();
	return (status);
}

static void
path_one(const struct aoe_ioc_path *p, bool alone)
{
	char mac[18];

	xo_open_instance("path");
	xo_emit("{k:index/%3u/%u}  {:interface/%-9s/%s} {:mac/%s}",
	    p->info.index, p->interface[0] != '\0' ? p->interface : "-",
	    mac_text(p->info.mac, mac));
	xo_emit("  {:state/%-11s/%s}", aoe_path_state_name(p->info.state));
	if (!alone)
		xo_emit(" {P:rtt }{:rtt/%u} {P:us, payload }{:payload/%u} "
		    "{P:of }{:payload-max/%u}", p->info.rtt_us,
		    p->info.payload, p->info.payload_max);
	if (!alone && p->info.reorder_us != 0)
		xo_emit("{P:, answers out of order by }{:reorder/%u} {P:us}",
		    p->info.reorder_us);
	if (alone) {
		xo_emit(" {:rtt/%8u/%u} {:payload/%7u/%u}", p->info.rtt_us,
		    p->info.payload);
		xo_emit(" {:payload-max/%7u/%u}", p->info.payload_max);
		xo_emit(" {:window/%6u/%u} {:in-flight/%4u/%u}",
		    p->info.window, p->info.in_flight);
		xo_emit(" {:sent/%10ju/%ju} {:retransmitted/%6ju/%ju}",
		    (uintmax_t)p->info.sent, (uintmax_t)p->info.retransmitted);
		xo_emit("{e:mtu/%u}{e:rto/%u}{e:sector-count/%u}", p->mtu,
		    p->info.rto_us, p->info.sector_count);
		xo_emit("{e:local-mac/%s}{ne:link-up/%s}",
		    mac_text(p->local, mac), p->link_up ? "true" : "false");
		xo_emit("{e:reorder/%u}", p->info.reorder_us);
	}
	xo_emit("\n");
	xo_close_instance("path");
}

static int
paths_one(const struct aoe_ioc_target *t)
{
	unsigned i;

	xo_open_instance("target");
	xo_emit("{k:name/%s}: {:state/%s}\n", t->name,
	    aoe_state_name(t->info.state));
	xo_emit("  {T:/%3s}  {T:/%-9s} {T:/%-17s}  {T:/%-11s} {T:/%8s} "
	    "{T:/%7s} {T:/%7s} {T:/%6s} {T:/%4s} {T:/%10s} {T:/%6s}\n", "NO",
	    "INTERFACE", "MAC", "STATE", "RTT(us)", "PAYLOAD", "MAX",
	    "WINDOW", "OUT", "SENT", "AGAIN");
	xo_open_list("path");
	for (i = 0; i < t->npaths; i++) {
		xo_emit("  ");
		path_one(&t->path[i], true);
	}
	xo_close_list("path");
	xo_close_instance("target");
	return (EXIT_OK);
}

int
cmd_paths(int argc, char **argv)
{
	int status;

	xo_open_list("target");
	status = targets(argc - 1, argv + 1, paths_one);
	xo_close_list("target");
	return (status);
}

/* What somebody should know of a target that looks well otherwise. */
static void
remarks(const struct aoe_ioc_target *t)
{
	static const struct {
		uint32_t	 flag;
		const char	*name, *text;
	} all[] = {
		{ AOE_INFO_CONFLICT, "conflict",
		    "another disk claims this address" },
		{ AOE_INFO_DOUBLED, "doubled", "every request is answered "
		    "twice: two daemons, a switch loop, or a bond that "
		    "broadcasts" },
		{ AOE_INFO_READ_ONLY, "read-only", "a write was refused" },
		{ AOE_INFO_RESERVED, "reserved", "reserved by another host" },
	};
	char text[AOE_TEXT_MAX];
	const char *why = t->reason;
	size_t i;

	if (why[0] == '\0' && t->info.state != AOE_STATE_UP)
		why = absent_text(t->major, t->minor, text);
	xo_open_list("remark");
	if (why[0] != '\0') {
		xo_open_instance("remark");
		xo_emit("  {P:/%-10s}{e:name/%s}", "note", "reason");
		if (t->info.reason_path != AOE_PATH_ANY && t->npaths > 1)
			xo_emit("{P:path }{P:/%u}{P:: }", t->info.reason_path);
		xo_emit("{:text/%s}\n", why);
		xo_close_instance("remark");
	}
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if ((t->info.flags & all[i].flag) == 0)
			continue;
		xo_open_instance("remark");
		xo_emit("  {P:/%-10s}{e:name/%s}{:text/%s}\n", "note",
		    all[i].name, all[i].text);
		xo_close_instance("remark");
	}
	xo_close_list("remark");
}

/* What the disk calls itself, as far as it does. */
static void
say_disk(const struct aoe_target_info *info)
{
	char text[96];

	snprintf(text, sizeof(text), "%s%s%s%s%s", info->model,
	    info->serial[0] != '\0' ? ", serial " : "", info->serial,
	    info->firmware[0] != '\0' ? ", firmware " : "", info->firmware);
	xo_emit("{e:model/%s}{e:serial/%s}{e:firmware/%s}", info->model,
	    info->serial, info->firmware);
	if (text[0] != '\0')
		xo_emit("  {P:/%-10s}{d:disk-text/%s}\n", "disk",
		    text + (text[0] == ',' ? 2 : 0));
}

/* How long I/O waits in an outage; in words if the target has its own limit. */
static void
say_maxwait(const char *name)
{
	char node[48], value[16];
	long seconds;

	snprintf(node, sizeof(node), "net.aoe.target.%s.maxwait", name);
	if (os_sysctl_get(node, value, sizeof(value)) != 0)
		return;
	seconds = strtol(value, NULL, 10);
	if (seconds > 0)
		xo_emit("  {P:/%-10s}{P:/%ld}{P: s}\n", "maxwait", seconds);
	else if (seconds == 0)
		xo_emit("  {P:/%-10s}{P:for ever}\n", "maxwait");
	else if (os_sysctl_get("net.aoe.maxwait", value, sizeof(value)) != 0)
		return;
	else
		seconds = strtol(value, NULL, 10);
	xo_emit("{e:maxwait/%ld}", seconds);
}

static int
status_one(const struct aoe_ioc_target *t)
{
	struct aoe_target_info info = t->info;
	char size[16], config[CONFIG_MAX + 1];
	unsigned i;

	tidy(info.model);
	tidy(info.serial);
	tidy(info.firmware);
	printable(t->config, info.config_length, config);
	xo_open_instance("target");
	xo_emit("{k:name/%s}{e:shelf/%u}{e:slot/%u}: {:state/%s}", t->name,
	    t->major, t->minor, aoe_state_name(info.state));
	xo_emit(", {d:size-text/%s}{e:size/%ju}{P:/%s}",
	    size_text(info.sectors * SECTOR, size),
	    (uintmax_t)info.sectors * SECTOR,
	    info.flags & AOE_INFO_OPEN ? ", open" : "");
	xo_emit("{ne:open/%s}\n", info.flags & AOE_INFO_OPEN ? "true" :
	    "false");
	say_disk(&info);
	xo_emit("  {P:/%-10s}{d:config-text/%s}{e:config/%s}\n", "config",
	    config[0] != '\0' ? config : "none", config);
	xo_emit("  {P:/%-10s}{:active/%u} {P:under way, }{:completed/%ju} "
	    "{P:completed, }{:failed/%ju} {P:failed}\n", "I/O", info.active,
	    (uintmax_t)info.completed, (uintmax_t)info.failed);
	say_maxwait(t->name);
	remarks(t);
	xo_open_list("path");
	for (i = 0; i < t->npaths; i++) {
		xo_emit("  {P:/%-6s}", "path");
		path_one(&t->path[i], false);
	}
	xo_close_list("path");
	xo_close_instance("target");
	return (info.state == AOE_STATE_UP ? EXIT_OK : EXIT_FAULT);
}

/* The driver, and every target in full.  A target that is not up is a fault. */
int
cmd_status(int argc, char **argv)
{
	char version[32], iflist[1024 + 1];
	int status;

	if (os_sysctl_get("net.aoe.version", version, sizeof(version)) != 0)
		version[0] = '\0';
	if (os_sysctl_get("net.aoe.iflist", iflist, sizeof(iflist)) != 0)
		iflist[0] = '\0';
	xo_emit("{P:driver }{:driver/%s}{P:, interfaces: }{d:iflist-text/%s}"
	    "{e:interfaces/%s}\n", version,
	    iflist[0] != '\0' ? iflist : "none (aoectl interfaces)", iflist);
	xo_open_list("target");
	status = targets(argc - 1, argv + 1, status_one);
	xo_close_list("target");
	if (argc == 1)
		say_absent();
	return (status);
}
