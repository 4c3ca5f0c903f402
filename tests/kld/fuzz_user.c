/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The fuzz target's users: threads that set and read settings, use the control
 * device, and open and close disks; and I/O, which needs no thread.
 */
#define	_GNU_SOURCE
#include "fuzz.h"
#include "aoe_ioctl.h"

#include <stdlib.h>
#include <string.h>

#define	USERS		3
#define	DISKS		4		/* open at once */
#define	IOS		48		/* in flight at once */

static const char *const names[] = { "aoe7e3", "aoe1e1", "aoe7e3", "aoe2e1" };

static struct user {
	volatile unsigned	 word;	/* incremented with each job */
	void			(*job)(struct user *);
	bool			 busy;
	char			 name[64], value[300];
	int			 flags;
	unsigned long		 cmd;
	unsigned char		 data[8192];
	unsigned		 disk;
} users[USERS];

static struct disk {
	struct kpi_disk	*disk;
	bool		 changing;	/* a user opens or closes it */
	unsigned	 ios;
} disks[DISKS];
static unsigned	ios;

static void
user_main(void *arg)
{
	struct user *u = arg;
	unsigned turn;

	for (;;) {
		while (turn = u->word, u->job == NULL)
			host_wait(&u->word, turn, -1);
		u->job(u);
		u->job = NULL;
		u->busy = false;
	}
}

void
fuzz_users_boot(void)
{
	unsigned i;

	for (i = 0; i < USERS; i++)
		host_thread("user", user_main, &users[i]);
}

static struct user *
some_user(void)
{
	unsigned i;

	for (i = 0; i < USERS; i++)
		if (!users[i].busy) {
			users[i].busy = true;
			return (&users[i]);
		}
	return (NULL);
}

static void
start(struct user *u, void (*job)(struct user *))
{

	u->job = job;
	u->word++;
	host_wake(&u->word, 1);
}

/*
 * Waits until no user is busy.  One that waits for a target is interrupted;
 * any other wait ends by itself.
 */
void
fuzz_users_idle(void)
{
	unsigned i, tries;

	for (tries = 0; ; tries++) {
		for (i = 0; i < USERS && !users[i].busy; i++)
			;
		if (i == USERS)
			return;
		if (tries == 3000)
			host_panic("a user of the module waits for ever");
		kpi_interrupt();
		fuzz_serve_all();
		host_sleep_ns(100000000);
	}
}

/* Settings. */
static void
set(struct user *u)
{

	int error;

	error = kpi_sysctl_set(u->name, u->value, u->flags);
	if (!quiet)
		fprintf(stderr, "sysctl %s=%s: %s\n", u->name, u->value,
		    errno_name(error));
}

static void
get(struct user *u)
{
	static char value[65536];

	kpi_sysctl_get(u->name, value, u->flags ? sizeof(value) : 8);
}

void
fuzz_sysctl(struct input *in)
{
	static const char *const which[] = { "iflist", "discover",
	    "filter.shelves", "filter.config", "filter.macs", "policy",
	    "maxwait", "fail_on_disconnection", "taste_wait", "ghost_wait",
	    "strict_src", "maxout", "maxtargets", "debug", "wc", "dump",
	    "target.aoe7e3.policy", "target.aoe7e3.readonly", "boot",
	    "shutdown_wait", "devices", "target.aoe7e3.path.0.rtt",
	    "target.aoe7e3.config", "target.aoe7e3.serial",
	    "target.aoe7e3.maxwait" };
	static const char *const values[] = { "0", "1", "2", "10", "30",
	    "-1", "em0", "em0 em1", "em0 em1 em2", "", "7", "1-9", "1",
	    "04040404", "failover", "round-robin", "latency", "default",
	    "02:ae:00:07:03:00", "aoe7e3=02:ae:00:07:03:00" };
	struct user *u = some_user();
	unsigned name = u8(in), value = u8(in), i, n;

	if (u == NULL)
		return;
	snprintf(u->name, sizeof(u->name), "net.aoe.%s",
	    which[name % (sizeof(which) / sizeof(which[0]))]);
	u->flags = name >> 7 != 0 ? KPI_SYSCTL_JAILED : 0;
	if (value == 255) {
		n = u8(in);
		for (i = 0; i < n; i++)
			u->value[i] = (char)u8(in);
		u->value[n] = '\0';
	} else
		snprintf(u->value, sizeof(u->value), "%s",
		    values[value % (sizeof(values) / sizeof(values[0]))]);
	start(u, value % 5 == 4 ? get : set);
}

static void
say_nothing(const char *name, const char *value, const char *descr)
{

	(void)name, (void)value, (void)descr;
}

static void
walk(struct user *u)
{

	(void)u;
	kpi_sysctl_walk("net.aoe", say_nothing);
}

void
fuzz_sysctl_read(void)
{
	struct user *u = some_user();

	if (u != NULL)
		start(u, walk);
}

/* The control device. */
static void
ask(struct user *u)
{

	kpi_ioctl(AOE_CTL_NAME, u->cmd, u->data, u->flags & 2 ? 1001 : 0,
	    u->flags & 1);
}

void
fuzz_ioctl(struct input *in)
{
	static const unsigned long cmds[] = { AOEIOC_VERSION, AOEIOC_TARGET,
	    AOEIOC_CONTROL, AOEIOC_DISCOVER, AOEIOC_REVALIDATE, AOEIOC_FORGET,
	    AOEIOC_LOG, AOEIOC_ACCEPT };
	struct user *u = some_user();
	struct aoe_ioc_control *c;
	unsigned what = u8(in), given = u8(in), i;

	if (u == NULL)
		return;
	memset(u->data, 0, sizeof(u->data));
	u->cmd = cmds[what % 8];
	u->flags = what >> 6;
	/* All of these structs begin with an address, except for the log's. */
	u->data[0] = what & 8 ? 1 : 7;
	u->data[2] = what & 8 ? 1 : 3;
	if (u->cmd == AOEIOC_CONTROL) {
		c = (struct aoe_ioc_control *)u->data;
		c->path = AOE_PATH_ANY;
		c->command = u8(in) % 5;
		c->length = u16(in);
		c->wait_ms = u16(in);
		c->tries = (uint8_t)u8(in);
		for (i = 0; i < 24; i++)
			c->data[i] = (uint8_t)u8(in);
	}
	for (i = 0; i < given % 16; i++)
		u->data[u8(in) % 64] = (unsigned char)u8(in);
	start(u, ask);
}

/* Disks. */
static void
change(struct user *u)
{
	struct disk *d = &disks[u->disk];

	if (d->disk == NULL)
		kpi_disk_open(names[u->disk], u->flags, &d->disk);
	else {
		kpi_disk_close(d->disk);
		d->disk = NULL;
	}
	d->changing = false;
}

void
fuzz_open(struct input *in)
{
	unsigned n = u8(in);
	struct disk *d = &disks[n % DISKS];
	struct user *u;

	if (d->changing || d->ios != 0 || (u = some_user()) == NULL)
		return;
	u->disk = n % DISKS;
	u->flags = n >> 7;
	d->changing = true;
	start(u, change);
}

void
fuzz_close_all(void)
{
	unsigned i;

	for (i = 0; i < DISKS; i++) {
		if (disks[i].ios != 0)
			host_panic("I/O is still there after everything");
		if (disks[i].disk != NULL)
			kpi_disk_close(disks[i].disk);
		disks[i].disk = NULL;
	}
}

struct io {
	struct disk	*disk;
	char		*data;
};

static void
io_done(void *arg, int error)
{
	struct io *io = arg;

	(void)error;
	if (io->disk->ios-- == 0 || ios-- == 0)
		host_panic("more I/O done than there was");
	free(io->data);
	free(io);
}

void
fuzz_io(struct input *in)
{
	static const int ops[] = { KPI_READ, KPI_WRITE, KPI_READ, KPI_WRITE,
	    KPI_DELETE, KPI_FLUSH, KPI_SPEEDUP, KPI_READ };
	unsigned n = u8(in), sector = u16(in), sectors = u8(in) + 1, op;
	struct disk *d = &disks[n % DISKS];
	struct io *io;

	if (d->disk == NULL || d->changing || ios == IOS)
		return;
	op = (unsigned)ops[n >> 5];
	if (sectors > 200)
		sectors = (sectors - 200) * 64;
	/* Aligned as a disk of 4096-byte sectors requires. */
	if (n & 0x10) {
		sector &= ~7u;
		sectors = (sectors + 7) & ~7u;
	}
	if (op == KPI_FLUSH)
		sectors = 0;
	io = malloc(sizeof(*io));
	io->disk = d;
	/* Exactly the data, so that AddressSanitizer detects any overrun. */
	io->data = malloc(sectors == 0 ? 1 : (size_t)sectors * 512);
	memset(io->data, (int)sector, (size_t)sectors * 512);
	d->ios++;
	ios++;
	kpi_faults.unmapped = n >> 3 & 1;
	kpi_disk_io(d->disk, (int)op | (n & 4 ? KPI_ORDERED : 0),
	    (long)sector % 4200 * 512, (long)sectors * 512, io->data, io_done,
	    io);
}

/* A panic, and its dump. */
void
fuzz_dump(struct input *in)
{
	static char data[65536];
	struct disk *d = &disks[u8(in) % DISKS];
	unsigned blocks = u8(in) % 4, i;
	int error = 0;

	if (d->disk == NULL || d->changing)
		return;
	fuzz_alone(true);
	fuzz_stop(true);
	kpi_stop(1);
	for (i = 0; i < blocks && error == 0; i++)
		error = kpi_disk_dump(d->disk, data, (long)u8(in) * 512,
		    (long)(u8(in) % 64 + 1) * 512);
	if (error == 0)
		kpi_disk_dump(d->disk, NULL, 0, 0);
	kpi_stop(0);
	fuzz_stop(false);
	fuzz_alone(false);
}
