/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A plugin of QEMU's translator (TCG), which counts the instructions that a
 * guest with one processor executes between two marks.  A mark is a NOP of 8
 * bytes, 0f 1f 84 00 01 KIND e0 0a, with kind 1 to begin and 2 to end.
 *
 *	-plugin file=plugin.so,out=<file>
 *
 * For window N it writes <file>.N: a line "address instructions executions"
 * for every block of code that ran in it, from which aoebench/counts.py
 * computes the total and the share of each function.  A block that a fault
 * leaves early is counted to its end, which makes no relevant difference; a
 * `rep` counts as one instruction.
 */
#include "qemu_plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

EXPORT int qemu_plugin_version = PLUGIN_API;

#define	BLOCKS	(1U << 20)
#define	BUCKETS	(1U << 21)

static struct {
	uint64_t	b_address;
	uint32_t	b_instructions;
} blocks[BLOCKS];
static uint32_t nblocks;
static uint32_t buckets[BUCKETS];	/* number of a block, plus 1 */
static uint64_t before[BLOCKS];
static const char *out = "counts";
static unsigned windows;

#if PLUGIN_API == 1
static uint64_t counters[BLOCKS];

static const uint64_t *
all_counters(void)
{

	return (counters);
}

static void
count_block(struct qemu_plugin_tb *tb, uint32_t number)
{

	qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64,
	    &counters[number], 1);
}

static size_t
insn_bytes(const struct qemu_plugin_insn *insn, uint8_t bytes[8])
{

	if (qemu_plugin_insn_size(insn) != 8)
		return (0);
	memcpy(bytes, qemu_plugin_insn_data(insn), 8);
	return (8);
}
#else
static struct qemu_plugin_scoreboard *counters;

static const uint64_t *
all_counters(void)
{

	return (qemu_plugin_scoreboard_find(counters, 0));
}

static void
count_block(struct qemu_plugin_tb *tb, uint32_t number)
{
	qemu_plugin_u64 counter = { counters, number * sizeof(uint64_t) };

	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb,
	    QEMU_PLUGIN_INLINE_ADD_U64, counter, 1);
}

static size_t
insn_bytes(const struct qemu_plugin_insn *insn, uint8_t bytes[8])
{

	if (qemu_plugin_insn_size(insn) != 8)
		return (0);
	return (qemu_plugin_insn_data(insn, bytes, 8));
}
#endif

static void
write_window(void)
{
	const uint64_t *now = all_counters();
	char name[1024];
	uint32_t i;
	FILE *f;

	snprintf(name, sizeof(name), "%s.%u", out, ++windows);
	f = fopen(name, "w");
	if (f == NULL) {
		perror(name);
		abort();
	}
	for (i = 0; i < BLOCKS; i++)
		if (now[i] != before[i])
			fprintf(f, "%llx %u %llu\n",
			    (unsigned long long)blocks[i].b_address,
			    blocks[i].b_instructions,
			    (unsigned long long)(now[i] - before[i]));
	fclose(f);
}

static void
mark(unsigned int cpu, void *kind)
{

	(void)cpu;
	if (kind == (void *)2)
		write_window();
	else
		memcpy(before, all_counters(), sizeof(before));
}

/*
 * Returns the number of a block.  Blocks with the same address and length have
 * the same number, however often they are translated.  So have all blocks of
 * one length in userland: a process has other addresses each time that it is
 * started, and its functions are not reported.
 */
static uint32_t
block_number(uint64_t address, uint32_t instructions)
{
	uint32_t at;

	if (address >> 63 == 0)
		address = 0;
	at = ((address * 0x9e3779b97f4a7c15ULL) >> 40 ^ instructions) % BUCKETS;
	for (; buckets[at] != 0; at = (at + 1) % BUCKETS)
		if (blocks[buckets[at] - 1].b_address == address &&
		    blocks[buckets[at] - 1].b_instructions == instructions)
			return (buckets[at] - 1);
	if (nblocks == BLOCKS - 1) {
		fprintf(stderr, "plugin: more than %u blocks\n", BLOCKS);
		abort();
	}
	blocks[nblocks].b_address = address;
	blocks[nblocks].b_instructions = instructions;
	buckets[at] = ++nblocks;
	return (nblocks - 1);
}

static void
translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	static const uint8_t nop[8] = { 0x0f, 0x1f, 0x84, 0, 1, 0, 0xe0, 0x0a };
	struct qemu_plugin_insn *insn;
	uint8_t bytes[8];
	uintptr_t kind;
	size_t i, n;

	(void)id;
	n = qemu_plugin_tb_n_insns(tb);
	count_block(tb, block_number(qemu_plugin_tb_vaddr(tb), n));
	for (i = 0; i < n; i++) {
		insn = qemu_plugin_tb_get_insn(tb, i);
		if (insn_bytes(insn, bytes) != sizeof(nop))
			continue;
		kind = bytes[5];
		bytes[5] = 0;
		if (memcmp(bytes, nop, sizeof(nop)) == 0)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, mark,
			    QEMU_PLUGIN_CB_NO_REGS, (void *)kind);
	}
}

EXPORT int
qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info,
    int argc, char **argv)
{
	int i;

	(void)info;
	for (i = 0; i < argc; i++)
		if (strncmp(argv[i], "out=", 4) == 0)
			out = strdup(argv[i] + 4);
#if PLUGIN_API != 1
	counters = qemu_plugin_scoreboard_new(BLOCKS * sizeof(uint64_t));
#endif
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return (0);
}
