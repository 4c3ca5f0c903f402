/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The commands.  Each returns 0 or one of FreeBSD's errnos.
 */
#define	_GNU_SOURCE
#include "kld.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct cmd {
	const char	*name;
	int		 min, max;	/* arguments */
	int		(*run)(int, char **, FILE *);
	const char	*usage;
};

static pthread_mutex_t load_lock = PTHREAD_MUTEX_INITIALIZER;
static __thread FILE *say_to;

/* Parses a number with an optional suffix: 10, 10k, 10m, 10g. */
long
bytes(const char *text)
{
	char *end;
	long n = strtol(text, &end, 0);

	switch (tolower((unsigned char)*end)) {
	case 'g': n *= 1024; /* FALLTHROUGH */
	case 'm': n *= 1024; /* FALLTHROUGH */
	case 'k': n *= 1024; break;
	}
	return (n);
}

static void
say_leak(const char *text)
{

	fprintf(say_to, "left behind: %s\n", text);
	fprintf(stderr, "kld: left behind: %s\n", text);
}

static void
say_nothing(const char *text)
{

	(void)text;
}

static int
cmd_leaks(int argc, char **argv, FILE *out)
{

	(void)argc, (void)argv;
	say_to = out;
	fprintf(out, "%d left\n", kpi_leaks(say_leak));
	return (0);
}

/* Checks that an unload leaves nothing behind; half a second may pass first. */
static int
check_leaks(FILE *out)
{
	int i, n = 0;

	for (i = 0; i < 100; i++) {
		n = kpi_leaks(say_nothing);
		if (n == 0)
			return (0);
		host_sleep_ns(5000000);
	}
	say_to = out;
	kpi_leaks(say_leak);
	fprintf(out, "%d things left behind\n", n);
	host_violation("the module left something behind", NULL);
	return (FBSD_EBUSY);
}

static int
load_once(bool preload, const char *path, FILE *out)
{
	int error;

	if (loader_loaded())
		return (FBSD_EEXIST);
	if ((error = loader_load(path, out)) != 0)
		return (error);
	error = kpi_module_load(preload);
	if (error != 0) {
		check_leaks(out);
		loader_free();
	}
	return (error);
}

static int
cmd_load(int argc, char **argv, FILE *out)
{
	bool preload = false;
	char *eq;
	int i, error;

	kenv_clear();
	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "-p") == 0)
			preload = true;
		else if (strcmp(argv[i], "-t") == 0)
			kpi_faults.other_thread = true;
		else if (strcmp(argv[i], "-k") == 0 && i + 1 < argc &&
		    (eq = strchr(argv[++i], '=')) != NULL) {
			*eq = '\0';
			kenv_set(argv[i], eq + 1);
		} else
			return (FBSD_EINVAL);
	}
	if (i + 1 != argc)
		return (FBSD_EINVAL);
	pthread_mutex_lock(&load_lock);
	error = load_once(preload, argv[i], out);
	kpi_faults.other_thread = false;
	pthread_mutex_unlock(&load_lock);
	return (error);
}

/* Opens a disk after MOD_QUIESCE has succeeded, for unload -o. */
static const char *late_disk;

static void
open_late(void)
{

	if (io_hold(late_disk, true) != 0)
		fprintf(stderr, "kld: %s does not open\n", late_disk);
}

static int
cmd_unload(int argc, char **argv, FILE *out)
{
	bool force = argc == 2 && strcmp(argv[1], "-f") == 0;
	bool late = argc == 3 && strcmp(argv[1], "-o") == 0;
	int error;

	if (argc > 1 && !force && !late)
		return (FBSD_EINVAL);
	pthread_mutex_lock(&load_lock);
	late_disk = late ? argv[2] : NULL;
	kpi_faults.after_quiesce = late ? open_late : NULL;
	error = loader_loaded() ? kpi_module_unload(force) : FBSD_ENOENT;
	if (error == 0) {
		error = check_leaks(out);
		loader_free();
	}
	pthread_mutex_unlock(&load_lock);
	return (error);
}

static int
cmd_cycle(int argc, char **argv, FILE *out)
{
	char *load[] = { "load", argv[2] }, *unload[] = { "unload" };
	long i, n = strtol(argv[1], NULL, 0);
	int error;

	(void)argc;
	for (i = 0; i < n; i++)
		if ((error = cmd_load(2, load, out)) != 0 ||
		    (error = cmd_unload(1, unload, out)) != 0) {
			fprintf(out, "cycle %ld\n", i);
			return (error);
		}
	return (0);
}

static void
say_oid(const char *name, const char *value, const char *descr)
{

	(void)descr;
	fprintf(say_to, "%s: %s\n", name, value);
}

static void
say_descr(const char *name, const char *value, const char *descr)
{

	(void)value;
	fprintf(say_to, "%s: %s\n", name, descr);
}

static int
cmd_sysctl(int argc, char **argv, FILE *out)
{
	static __thread char value[65536];
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	char *eq;
	int error, flags = 0, i = 1;

	say_to = out;
	if (strcmp(argv[1], "-a") == 0 || strcmp(argv[1], "-d") == 0) {
		pthread_mutex_lock(&lock);
		kpi_sysctl_walk(argc > 2 ? argv[2] : "", argv[1][1] == 'a' ?
		    say_oid : say_descr);
		pthread_mutex_unlock(&lock);
		return (0);
	}
	if (strcmp(argv[1], "-j") == 0) {
		flags = KPI_SYSCTL_JAILED;
		i = 2;
	}
	if (i >= argc)
		return (FBSD_EINVAL);
	if ((eq = strchr(argv[i], '=')) != NULL) {
		*eq = '\0';
		return (kpi_sysctl_set(argv[i], eq + 1, flags));
	}
	error = kpi_sysctl_get(argv[i], value, sizeof(value));
	if (error == 0)
		fprintf(out, "%s\n", value);
	return (error);
}

static int
cmd_disks(int argc, char **argv, FILE *out)
{
	struct kpi_disk_info d;
	int i;

	(void)argc, (void)argv;
	for (i = 0; kpi_disk_info(i, &d) == 0; i++)
		fprintf(out, "%s size %ld sector %u stripe %ld offset %ld max "
		    "%u opens %d delete %d flush %d unmapped %d readonly %d "
		    "rotation %u gone %d ident \"%s\" descr \"%s\" attachment "
		    "\"%s\" classes \"%s\"\n", d.name, d.mediasize, d.sectorsize,
		    d.stripesize, d.stripeoffset, d.maxsize, d.opens,
		    d.can_delete, d.can_flush, d.unmapped, d.write_protect,
		    d.rotation, d.gone, d.ident, d.descr, d.attachment,
		    d.classes);
	return (0);
}

static bool
disk_there(const char *name)
{
	struct kpi_disk_info d;
	int i;

	for (i = 0; kpi_disk_info(i, &d) == 0; i++)
		if (!d.gone && strcmp(d.name, name) == 0)
			return (true);
	return (false);
}

/* wait disk NAME seconds; wait nodisk NAME seconds; wait SYSCTL VALUE s. */
static int
cmd_wait(int argc, char **argv, FILE *out)
{
	static char value[65536];
	double seconds = strtod(argv[3], NULL);
	long end = host_uptime_ns() + (long)(seconds * 1e9);
	bool met;

	(void)argc;
	for (;;) {
		if (strcmp(argv[1], "disk") == 0)
			met = disk_there(argv[2]);
		else if (strcmp(argv[1], "nodisk") == 0)
			met = !disk_there(argv[2]);
		else
			met = kpi_sysctl_get(argv[1], value,
			    sizeof(value)) == 0 && strcmp(value, argv[2]) == 0;
		if (met) {
			kpi_geom_idle();
			return (0);
		}
		if (host_uptime_ns() > end) {
			fprintf(out, "still not so after %g s\n", seconds);
			return (FBSD_ETIMEDOUT);
		}
		host_sleep_ns(5000000);
	}
}

static int
cmd_read(int argc, char **argv, FILE *out)
{

	(void)argc;
	return (io_read(argv[1], bytes(argv[2]), bytes(argv[3]), argv[4],
	    out));
}

static int
cmd_write(int argc, char **argv, FILE *out)
{

	(void)argc;
	return (io_write(argv[1], bytes(argv[2]), argv[3], out));
}

static int
cmd_pattern(int argc, char **argv, FILE *out)
{
	unsigned depth = argc > 5 ? (unsigned)bytes(argv[5]) : 16;
	unsigned size = argc > 6 ? (unsigned)bytes(argv[6]) : 65536;

	return (io_pattern(argv[1], bytes(argv[2]), bytes(argv[3]),
	    strtoul(argv[4], NULL, 0), strcmp(argv[0], "fill") == 0, depth,
	    size, out));
}

/* Writes a crash dump, as after a panic or in a kernel that still runs. */
static int
cmd_dump(int argc, char **argv, FILE *out)
{

	(void)out;
	return (io_dump(argv[1], bytes(argv[2]), bytes(argv[3]),
	    strtoul(argv[4], NULL, 0), argc > 5));
}

static int
cmd_hide(int argc, char **argv, FILE *out)
{
	int error, i;

	(void)out;
	for (error = 0, i = 1; error == 0 && i < argc; i++)
		error = loader_hide(argv[i]);
	return (error);
}

/* bench disk read|write seq|rand size depth seconds */
static int
cmd_bench(int argc, char **argv, FILE *out)
{

	(void)argc;
	return (io_bench(argv[1], strcmp(argv[2], "write") == 0,
	    strcmp(argv[3], "rand") == 0, bytes(argv[4]),
	    (unsigned)bytes(argv[5]), strtod(argv[6], NULL), out));
}

static int
cmd_single(int argc, char **argv, FILE *out)
{
	int op = strcmp(argv[0], "flush") == 0 ? KPI_FLUSH :
	    strcmp(argv[0], "speedup") == 0 ? KPI_SPEEDUP : KPI_DELETE;

	return (io_simple(argv[1], op, argc > 2 ? bytes(argv[2]) : 0,
	    argc > 3 ? bytes(argv[3]) : 512, out));
}

static int
cmd_open(int argc, char **argv, FILE *out)
{

	(void)out;
	if (strcmp(argv[0], "close") == 0)
		return (io_unhold(argv[1]));
	return (io_hold(argv[1], argc < 3 || strcmp(argv[2], "ro") != 0));
}

static int
cmd_attr(int argc, char **argv, FILE *out)
{
	struct kpi_disk *d;
	char value[256];
	int error;

	(void)argc;
	memset(value, 0, sizeof(value));
	if ((error = kpi_disk_open(argv[1], 0, &d)) != 0)
		return (error);
	error = kpi_disk_attr(d, argv[2], value, sizeof(value));
	kpi_disk_close(d);
	if (error == 0)
		fprintf(out, "%.255s\n", value);
	return (error);
}

static int
cmd_nbd(int argc, char **argv, FILE *out)
{

	if (argc == 2 && strcmp(argv[1], "stop") == 0) {
		nbd_stop_all();
		return (0);
	}
	if (argc != 3)
		return (FBSD_EINVAL);
	return (nbd_serve(argv[1], argv[2], out));
}

static int
cmd_firmware(int argc, char **argv, FILE *out)
{

	(void)argc;
	return (firmware_load((unsigned long)bytes(argv[1]), argv[2], out));
}

static int
cmd_misc(int argc, char **argv, FILE *out)
{

	if (strcmp(argv[0], "violations") == 0)
		fprintf(out, "%u\n", violations());
	else if (strcmp(argv[0], "sleep") == 0 && argc == 2)
		host_sleep_ns((long)(strtod(argv[1], NULL) * 1e9));
	else if (strcmp(argv[0], "firewall") == 0 && argc == 2)
		kpi_firewall(strcmp(argv[1], "on") == 0);
	else if (strcmp(argv[0], "firewall") == 0)
		fprintf(out, "%lu\n", kpi_firewall_dropped());
	else if (strcmp(argv[0], "shutdown") == 0 && argc == 2)
		kpi_shutdown_begin(0);
	else if (strcmp(argv[0], "shutdown") == 0)
		kpi_shutdown(0);
	else if (strcmp(argv[0], "interrupt") == 0)
		kpi_interrupt();
	else if (argc == 2 && strcmp(argv[1], "holds") == 0)
		fprintf(out, "%u\n", kpi_root_holds());
	else if (argc == 2 && (strcmp(argv[1], "boot") == 0 ||
	    strcmp(argv[1], "mounted") == 0))
		kpi_root_mounted(argv[1][0] == 'm');
	else
		return (FBSD_EINVAL);
	return (0);
}

static int	cmd_help(int, char **, FILE *);

static const struct cmd commands[] = {
	{ "load", 1, 32, cmd_load, "[-p] [-t] [-k name=value]... path" },
	{ "unload", 0, 2, cmd_unload, "[-f | -o disk]" },
	{ "cycle", 2, 2, cmd_cycle, "count path (load and unload)" },
	{ "leaks", 0, 0, cmd_leaks, "" },
	{ "sysctl", 1, 2, cmd_sysctl, "name | [-j] name=value | -a [below] | "
	    "-d [below]" },
	{ "disks", 0, 0, cmd_disks, "" },
	{ "wait", 3, 3, cmd_wait, "disk|nodisk|SYSCTL name|value seconds" },
	{ "read", 4, 4, cmd_read, "disk offset length file" },
	{ "write", 3, 3, cmd_write, "disk offset file" },
	{ "fill", 4, 6, cmd_pattern, "disk offset length seed [depth [size]]" },
	{ "check", 4, 6, cmd_pattern, "disk offset length seed [depth "
	    "[size]]" },
	{ "dump", 4, 5, cmd_dump, "disk offset length seed [running]" },
	{ "hide", 1, 8, cmd_hide, "symbol..." },
	{ "bench", 6, 6, cmd_bench, "disk read|write seq|rand size depth "
	    "seconds" },
	{ "flush", 1, 1, cmd_single, "disk" },
	{ "delete", 3, 3, cmd_single, "disk offset length" },
	{ "speedup", 1, 1, cmd_single, "disk" },
	{ "open", 1, 2, cmd_open, "disk [ro]" },
	{ "close", 1, 1, cmd_open, "disk" },
	{ "attr", 2, 2, cmd_attr, "disk GEOM::name" },
	{ "nbd", 1, 2, cmd_nbd, "disk socket | stop" },
	{ "if", 1, 5, cmd_if, "list | attach name packet|tap|wire [device "
	    "[mtu]] | detach|up|down name | link name up|down | mtu name n | "
	    "polling name 0|1 | "
	    "rename name new | lladdr name mac" },
	{ "inject", 2, 3, cmd_inject, "interface hex [vlan]" },
	{ "sweep", 2, 3, cmd_sweep, "interface N.M [string]" },
	{ "target", 3, 5, cmd_target, "add wire N.M size [serial] | remove "
	    "wire N.M | set wire N.M what value" },
	{ "ioctl", 2, 6, cmd_ioctl, "[-j] [-u uid] device request [hex]" },
	{ "interrupt", 0, 0, cmd_misc, "" },
	{ "fault", 1, 3, cmd_fault, "alloc n [for] | txfree now|late|lazy|"
	    "never|random [ms] | txrelease | rxsplit 0|1 | unmapped 0|1|2 | txerror "
	    "errno | copyout 0|1 | memory 0|1 | geom 0|1 | netgdb 0|1 | trace 0|1 | list" },
	{ "firewall", 0, 1, cmd_misc, "[on|off] (how many it dropped)" },
	{ "firmware", 2, 2, cmd_firmware, "address file" },
	{ "violations", 0, 0, cmd_misc, "" },
	{ "sleep", 1, 1, cmd_misc, "seconds" },
	{ "root", 1, 1, cmd_misc, "boot | mounted | holds" },
	{ "shutdown", 0, 1, cmd_misc, "[begin]" },
	{ "help", 0, 0, cmd_help, "" },
};

static int
cmd_help(int argc, char **argv, FILE *out)
{
	size_t i;

	(void)argc, (void)argv;
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(out, "%s %s\n", commands[i].name, commands[i].usage);
	return (0);
}

int
command(int argc, char **argv, FILE *out)
{
	const struct cmd *c;
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		c = &commands[i];
		if (strcmp(c->name, argv[0]) != 0)
			continue;
		if (argc - 1 < c->min || argc - 1 > c->max) {
			fprintf(out, "usage: %s %s\n", c->name, c->usage);
			return (FBSD_EINVAL);
		}
		return (c->run(argc, argv, out));
	}
	fprintf(out, "no such command; try help\n");
	return (FBSD_EINVAL);
}
