/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Runs the whole module, shim and core, on libFuzzer's inputs: frames as chains
 * of mbufs, links that flap and disappear, settings, management commands, opens
 * and I/O between them, the passage of time, and failed allocations.
 *
 * An input consists of settings at load and a list of steps.  At its end,
 * everything is closed and unloaded.  A leftover object, an I/O that never
 * completed, or a violated rule of the kernel counts as a crash.
 */
#define	_GNU_SOURCE
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#define	STEPS		400		/* of one input, at most */

int	LLVMFuzzerInitialize(int *argc, char ***argv);
int	LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{

	(void)argc, (void)argv;
	quiet = getenv("FUZZ_LOG") == NULL;
	fuzz_run_boot();
	firmware_map();
	kpi_boot();
	fuzz_users_boot();
	host_sleep_ns(1000000);
	return (0);
}

static void
say_leak(const char *line)
{

	fprintf(stderr, "left behind: %s\n", line);
}

static void
say_nothing(const char *line)
{

	(void)line;
}

static void
load(struct input *in)
{
	static const char *const lists[] = { "em0 em1", "em0", "em0 em1 em2",
	    "", "em*", "em0,em1" };
	unsigned what = u8(in);

	kenv_clear();
	kenv_set("net.aoe.iflist", lists[what % 6]);
	if (what & 0x08)
		kenv_set("net.aoe.filter.shelves", "1-7");
	if (what & 0x10)
		kenv_set("net.aoe.filter.config", "mine");
	if (what & 0x20)
		kenv_set("net.aoe.dump", "1");
	if (what & 0x40)
		kenv_set("net.aoe.boot", "1");
	if (loader_load("", stderr) != 0 ||
	    kpi_module_load(what >> 7 != 0) != 0)
		host_panic("the module does not load");
}

/* Ends all faults, closes all disks and unloads, whatever the input did. */
static void
unload(void)
{
	int error, i;

	memset(&kpi_faults, 0, sizeof(kpi_faults));
	kpi_tx_release();
	fuzz_users_idle();
	/* Disks may still be open, with I/O that nothing answers. */
	error = kpi_module_unload(1);
	fuzz_close_all();
	/* No interface keeps a frame for ever, either. */
	for (i = 0; error != 0 && i < 3; i++) {
		host_sleep_ns(1000000000);
		kpi_tx_release();
		error = kpi_module_unload(1);
	}
	for (i = 0; error == 0 && kpi_leaks(say_nothing) != 0 && i < 100; i++) {
		host_sleep_ns(5000000);
		kpi_tx_release();
	}
	if (error != 0) {
		fprintf(stderr, "unload: %s\n", errno_name(error));
		host_panic("the module does not unload");
	}
	if (kpi_leaks(say_leak) != 0)
		host_panic("the module left something behind");
	loader_free();
}

static void
fault(struct input *in)
{
	unsigned what = u8(in), value = u8(in);

	switch (what % 6) {
	case 0:
		kpi_faults.alloc_fail_for = value % 8 + 1;
		kpi_faults.alloc_fail_at = value / 8 + 1;
		break;
	case 1:
		kpi_faults.tx_free = (int)(value % 5);
		kpi_faults.tx_free_ms = value;
		break;
	case 2: kpi_tx_release(); break;
	case 3: kpi_faults.tx_error = value & 1 ? FBSD_ENOBUFS : 0; break;
	case 4: kpi_faults.rx_split = value & 1; break;
	case 5: kpi_faults.unmapped = value & 1; break;
	}
}

static void
step(struct input *in)
{
	static const long us[] = { 50, 1000, 5000, 20000, 100000, 300000,
	    1000000, 3000000, 11000000, 30000000 };
	unsigned what = u8(in), i;

	switch (what % 16) {
	case 0: host_sleep_ns(us[u8(in) % 10] * 1000); break;
	case 1:
		/* Some rounds in which the network delivers everything. */
		for (i = u8(in) % 8 + 1; i > 0; i--) {
			fuzz_serve_all();
			host_sleep_ns(200000);
		}
		break;
	case 2: case 3: fuzz_serve(in); break;
	case 4: case 5: fuzz_frame(in); break;
	case 6: fuzz_link(in); break;
	case 7: fuzz_sysctl(in); break;
	case 8: fuzz_ioctl(in); break;
	case 9: fuzz_open(in); break;
	case 10: case 11: fuzz_io(in); break;
	case 12: fault(in); break;
	case 13: fuzz_target(in); break;
	case 14:
		if (what & 0x10)
			fuzz_sysctl_read();
		else if (what & 0x20)
			kpi_interrupt();
		else
			fuzz_dump(in);
		break;
	case 15:
		if (what & 0x10)
			kpi_shutdown(what & 0x20 ? 4 : 0);
		break;
	}
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct input in = { data, data + size };
	unsigned steps;

	fuzz_begin(u16(&in) + 1);
	memset(&kpi_faults, 0, sizeof(kpi_faults));
	fuzz_links_attach();
	load(&in);
	for (steps = 0; in.at < in.end && steps < STEPS; steps++)
		step(&in);
	unload();
	fuzz_links_detach();
	fuzz_end();
	return (0);
}
