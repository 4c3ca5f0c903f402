/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * discover, flush, revalidate, interfaces: what makes the driver look again.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <libxo/xo.h>

#include "aoectl.h"
#include "os.h"

static int
on_address(unsigned long request, const char *name)
{
	struct aoe_ioc_address a;
	int error;

	memset(&a, 0, sizeof(a));
	if (name == NULL)
		a.all = 1;
	else if (!address_of(name, &a.major, &a.minor)) {
		complain("%s: a target is written 7.3, e7.3 or aoe7e3", name);
		return (EXIT_USE);
	}
	error = os_ioctl(request, &a);
	return (error != 0 ? failed(error, name != NULL ? name : "all targets") :
	    EXIT_OK);
}

/* Whether a target is there and up; why not, if that is known. */
static bool
is_up(uint16_t major, uint8_t minor, char why[AOE_TEXT_MAX])
{
	struct aoe_ioc_target t;

	why[0] = '\0';
	memset(&t, 0, sizeof(t));
	t.major = major;
	t.minor = minor;
	if (os_ioctl(AOEIOC_TARGET, &t) == 0) {
		if (t.info.state == AOE_STATE_UP)
			return (true);
		memcpy(why, t.reason, sizeof(t.reason));
	}
	if (why[0] == '\0')
		(void)absent_text(major, minor, why);
	return (false);
}

/*
 * Wait for one target, at most until there are no tenths of seconds left; ask
 * again every second, since a frame may get lost.
 */
static int
await(const char *name, unsigned *tenths)
{
	char why[AOE_TEXT_MAX];
	uint16_t major;
	uint8_t minor;
	bool up;

	(void)address_of(name, &major, &minor);
	while (!(up = is_up(major, minor, why)) && *tenths > 0) {
		(void)usleep(100000);
		if (--(*tenths) % 10 == 0)
			(void)on_address(AOEIOC_DISCOVER, name);
	}
	xo_open_instance("target");
	xo_emit("{k:name/%s}: {:found/%s}", name, up ? "up" :
	    why[0] != '\0' ? "not used" : "not found");
	if (why[0] != '\0')
		xo_emit("{P:/%s}{:reason/%s}", ": ", why);
	xo_emit("\n");
	xo_close_instance("target");
	return (up ? EXIT_OK : EXIT_NOTARGET);
}

/* Ask for all targets, or for those that are named, and wait for these. */
int
cmd_discover(int argc, char **argv)
{
	unsigned seconds = 5, tenths;
	uint16_t major;
	uint8_t minor;
	int c, error, i, status = EXIT_OK;

	while ((c = getopt(argc, argv, "w:")) != -1)
		if (c != 'w' || !number(optarg, 0, 3600, &seconds))
			return (usage());
	for (i = optind; i < argc; i++)
		if (!address_of(argv[i], &major, &minor))
			return (usage());
	if (optind == argc)
		return (on_address(AOEIOC_DISCOVER, NULL));
	for (i = optind; i < argc; i++) {
		error = on_address(AOEIOC_DISCOVER, argv[i]);
		if (error != EXIT_OK)
			return (error);
	}
	tenths = seconds * 10;
	xo_open_list("target");
	for (i = optind; i < argc; i++)
		if (await(argv[i], &tenths) != EXIT_OK)
			status = EXIT_NOTARGET;
	xo_close_list("target");
	return (status);
}

static int
on_addresses(unsigned long request, int argc, char **argv)
{
	int i, status, worst = EXIT_OK;

	for (i = 0; i < argc; i++) {
		status = on_address(request, argv[i]);
		if (status > worst)
			worst = status;
	}
	return (worst);
}

/* Forget targets that are down and closed. */
int
cmd_flush(int argc, char **argv)
{
	bool all = false;
	int c;

	while ((c = getopt(argc, argv, "a")) != -1) {
		if (c != 'a')
			return (usage());
		all = true;
	}
	if (all != (optind == argc))
		return (usage());
	if (all)
		return (on_address(AOEIOC_FORGET, NULL));
	return (on_addresses(AOEIOC_FORGET, argc - optind, argv + optind));
}

/* Have targets say again who they are and how large. */
int
cmd_revalidate(int argc, char **argv)
{

	if (argc == 1)
		return (on_address(AOEIOC_REVALIDATE, NULL));
	return (on_addresses(AOEIOC_REVALIDATE, argc - 1, argv + 1));
}

static int
say_interfaces(void)
{
	char list[1024 + 1], *next = list, *word;
	int error;

	error = os_sysctl_get("net.aoe.iflist", list, sizeof(list));
	if (error != 0)
		return (failed(error, "net.aoe.iflist"));
	xo_open_list("interface");
	while ((word = strsep(&next, " ,\t")) != NULL) {
		if (*word == '\0')
			continue;
		xo_open_instance("interface");
		xo_emit("{k:name/%s}\n", word);
		xo_close_instance("interface");
	}
	xo_close_list("interface");
	return (EXIT_OK);
}

/* Which interfaces may be used. */
int
cmd_interfaces(int argc, char **argv)
{
	char list[1024 + 1] = "";
	bool none = false;
	int c, error, i;

	while ((c = getopt(argc, argv, "n")) != -1) {
		if (c != 'n')
			return (usage());
		none = true;
	}
	if (none && optind != argc)
		return (usage());
	for (i = optind; i < argc; i++) {
		if (strlen(list) + strlen(argv[i]) + 2 > sizeof(list)) {
			complain("that is more than the list holds");
			return (EXIT_USE);
		}
		if (list[0] != '\0')
			strcat(list, " ");
		strcat(list, argv[i]);
	}
	if (!none && argc == 1)
		return (say_interfaces());
	error = os_sysctl_set("net.aoe.iflist", list);
	if (error == EINVAL) {
		complain("%s: no list of interfaces", list);
		return (EXIT_USE);
	}
	return (error != 0 ? failed(error, "net.aoe.iflist") :
	    say_interfaces());
}
