/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * aoectl: looks at and controls the ATA over Ethernet driver.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxo/xo.h>

#include "aoectl.h"
#include "os.h"

struct command {
	const char	*name;
	int		(*run)(int, char **);
	const char	*arguments;
	bool		 bare;		/* works without the device */
};

static const struct command commands[] = {
	{ "list", cmd_list, "[target ...]", false },
	{ "status", cmd_status, "[target ...]", false },
	{ "paths", cmd_paths, "[target ...]", false },
	{ "stats", cmd_stats, "[target ...]", false },
	{ "log", cmd_log, "[-f] [-n count] [target]", false },
	{ "interfaces", cmd_interfaces, "[-n | interface ...]", false },
	{ "discover", cmd_discover, "[-w seconds] [target ...]", false },
	{ "revalidate", cmd_revalidate, "[target ...]", false },
	{ "accept", cmd_accept, "[-f] [-p path] target", false },
	{ "flush", cmd_flush, "-a | target ...", false },
	{ "ping", cmd_ping, "[-A] [-c count] [-i seconds] [-p path] "
	    "[-t milliseconds] target", false },
	{ "sancheck", cmd_sancheck, "[-t milliseconds] [target ...]", false },
	{ "identify", cmd_identify, "[-r] target", false },
	{ "smart", cmd_smart, "target", false },
	{ "config", cmd_config, "target [read | test string | prefix string | "
	    "set string | force string]", false },
	{ "mask", cmd_mask, "target [read | add [-f] mac ... | "
	    "delete [-f] mac ... | clear]", false },
	{ "reserve", cmd_reserve, "target [read | set [mac ...] | "
	    "force mac ... | release [-f]]", false },
	{ "version", cmd_version, "", true },
};
#define	NCOMMANDS	(sizeof(commands) / sizeof(commands[0]))

static const struct command *running;

static int
usage_all(FILE *out)
{
	size_t i;

	for (i = 0; i < NCOMMANDS; i++)
		fprintf(out, "%s aoectl [--libxo options] %s%s%s\n",
		    i == 0 ? "usage:" : "      ", commands[i].name,
		    commands[i].arguments[0] != '\0' ? " " : "",
		    commands[i].arguments);
	return (EXIT_USE);
}

int
usage(void)
{

	fprintf(stderr, "usage: aoectl [--libxo options] %s %s\n",
	    running->name, running->arguments);
	return (EXIT_USE);
}

void
complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fprintf(stderr, "aoectl: ");
	vfprintf(stderr, fmt, ap);
	fprintf(stderr, "\n");
	va_end(ap);
}

int
failed(int error, const char *what)
{

	switch (error) {
	case ENOENT:
		complain("%s: no such target", what);
		return (EXIT_NOTARGET);
	case ENXIO:
		complain("%s: it is being removed", what);
		return (EXIT_NOMODULE);
	case EPERM:
	case EACCES:
		complain("%s: only root may do this, and not in a jail", what);
		return (EXIT_NOPERM);
	case ETIMEDOUT:
		complain("%s: no answer", what);
		return (EXIT_SILENT);
	case ENETDOWN:
		complain("%s: no such path, or its interface is down", what);
		return (EXIT_SILENT);
	case EBUSY:
		complain("%s: it is up, or open", what);
		return (EXIT_SILENT);
	default:
		complain("%s: %s", what, strerror(error));
		return (EXIT_SYSTEM);
	}
}

bool
number(const char *text, unsigned long min, unsigned long max, unsigned *out)
{
	unsigned long n;
	char *end;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || text[0] == '-' ||
	    n < min || n > max) {
		complain("%s: a whole number from %lu to %lu is expected",
		    text, min, max);
		return (false);
	}
	*out = (unsigned)n;
	return (true);
}

/* The device of a module that speaks as we do. */
static int
connect_to_module(void)
{
	struct aoe_ioc_version v;
	int error;

	error = os_open();
	if (error == ENOENT || error == ENXIO) {
		complain("there is no /dev/" AOE_CTL_NAME ": kldload aoe");
		return (EXIT_NOMODULE);
	}
	if (error != 0)
		return (failed(error, "/dev/" AOE_CTL_NAME));
	error = os_ioctl(AOEIOC_VERSION, &v);
	if (error == EPERM || error == EACCES)
		return (failed(error, "/dev/" AOE_CTL_NAME));
	if (error != 0 || v.version != AOE_CTL_VERSION) {
		complain("the module that is loaded is not of the version of "
		    "this program");
		return (EXIT_NOMODULE);
	}
	return (EXIT_OK);
}

int
main(int argc, char **argv)
{
	size_t i;
	int status;

	argc = xo_parse_args(argc, argv);
	if (argc < 0)
		return (EXIT_USE);
	if (argc == 2 && (strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
		usage_all(stdout);
		return (EXIT_OK);
	}
	if (argc < 2)
		return (usage_all(stderr));
	for (i = 0; i < NCOMMANDS; i++)
		if (strcmp(commands[i].name, argv[1]) == 0)
			break;
	if (i == NCOMMANDS) {
		complain("%s: no such command", argv[1]);
		return (usage_all(stderr));
	}
	running = &commands[i];
	status = running->bare ? EXIT_OK : connect_to_module();
	if (status != EXIT_OK)
		return (status);
	xo_set_version("1");
	xo_open_container("aoe");
	status = running->run(argc - 1, argv + 1);
	xo_close_container("aoe");
	/* Whatever happened, what was printed is a whole document. */
	if (xo_finish() < 0 && status == EXIT_OK) {
		complain("the output could not be written");
		return (EXIT_SYSTEM);
	}
	return (status);
}
