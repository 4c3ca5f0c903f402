/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Drives the core, in the same object that is linked into the module, against
 * a target that answers at once, so that callgrind can count its instructions:
 *
 *	cost <scenario> <rounds>	prints the number of frames sent, or of
 *					answered beacons
 *	cost -l				prints the names of the scenarios
 *	cost -m				prints the size of a target in bytes
 *
 * Only the calls into the core are counted: tests/cost/run makes callgrind
 * collect inside aoe_counted() only.
 */
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../kmod-shim/aoe_abi.h"

#define	COMMAND_CONFIG	1
#define	OUT_MAX		512
#define	BATCH		8		/* as AOE_BATCH of the shim */
#define	SECTORS		(1ULL << 30)
#define	STEP_US		10
#define	BEACON_US	57000000
#define	BEACON		0xff		/* in place of an operation */

/* The table sizes that the shim uses. */
static const struct aoe_params params = { 128, 128, 512, 0 };

static const uint8_t us[6] = { 2, 0, 0, 0, 0, 1 };
static const uint8_t them[6] = { 2, 0, 0, 0, 0, 9 };

struct bed {
	struct aoe_target	*b_core;
	uint16_t		b_major;
	uint8_t			b_minor;
	unsigned		b_mtu;
	uint64_t		b_now;
	uint64_t		b_armed;
	uint64_t		b_lba;
	struct aoe_output	b_frames[OUT_MAX];	/* to be answered */
	unsigned		b_out;
	uint64_t		b_sent;
	uint64_t		b_done;
};

_Noreturn void
aoe_shim_panic(const char *file, uint64_t length, uint32_t line)
{

	fprintf(stderr, "panic: %.*s:%u\n", (int)length, file, line);
	abort();
}

/*
 * The C library selects one of several implementations by the processor, on
 * which the counts must not depend.  These cost about as much as the kernel's.
 */
void *
memcpy(void *restrict to, const void *restrict from, size_t n)
{
	const char *f = from;
	char *t = to;

	for (; n >= 8; n -= 8, t += 8, f += 8)
		*(uint64_t *)t = *(const uint64_t *)f;
	for (; n != 0; n--)
		*t++ = *f++;
	return (to);
}

void *
memset(void *to, int byte, size_t n)
{
	char *t = to;

	for (; n >= 8; n -= 8, t += 8)
		*(uint64_t *)t = (uint8_t)byte * 0x0101010101010101ULL;
	for (; n != 0; n--)
		*t++ = byte;
	return (to);
}

enum call { SUBMIT, RX, POLL, DEADLINE, SENT, TICK, JUDGE };

static struct aoe_disco *disco;

/* One call of the core. */
static inline __attribute__((always_inline)) uint64_t
aoe_call(enum call call, struct bed *b, const void *in, void *out)
{

	switch (call) {
	case SUBMIT:
		return (aoe_core_submit(b->b_core, b->b_now, in));
	case RX:
		aoe_core_rx(b->b_core, b->b_now, in, out);
		return (0);
	case POLL:
		return (aoe_core_poll(b->b_core, b->b_now, out, BATCH));
	case DEADLINE:
		return (aoe_core_deadline(b->b_core));
	case SENT:
		aoe_core_sent(b->b_core, b->b_now, *(const uint32_t *)in);
		return (0);
	case TICK:
		aoe_core_tick(b->b_core, b->b_now);
		return (0);
	case JUDGE:
		return (aoe_core_disco_judge(disco, in, NULL, 0));
	}
	return (0);
}

/* Two copies of the call; callgrind collects only in the second. */
static __attribute__((noinline)) uint64_t
aoe_uncounted(enum call call, struct bed *b, const void *in, void *out)
{

	return (aoe_call(call, b, in, out));
}

static __attribute__((noinline)) uint64_t
aoe_counted(enum call call, struct bed *b, const void *in, void *out)
{

	return (aoe_call(call, b, in, out));
}

static uint64_t (*core)(enum call, struct bed *, const void *, void *) =
    aoe_uncounted;

/* Polls until nothing is left, then gets the deadline, as the shim does. */
static void
drain(struct bed *b)
{
	struct aoe_output out[BATCH];
	struct aoe_disk_job job;
	uint64_t at, n, i;

	do {
		n = core(POLL, b, NULL, out);
		for (i = 0; i < n; i++)
			if (out[i].kind == AOE_OUT_TRANSMIT) {
				assert(b->b_out < OUT_MAX);
				b->b_frames[b->b_out++] = out[i];
				b->b_sent++;
			} else if (out[i].kind == AOE_OUT_COMPLETE) {
				assert(out[i].error == 0);
				b->b_done++;
			} else if (out[i].kind == AOE_OUT_UP) {
				aoe_core_disk_next(b->b_core, &job);
				assert(job.job == AOE_JOB_MAKE);
				aoe_core_disk_made(b->b_core);
			}
	} while (n == BATCH);
	at = core(DEADLINE, b, NULL, NULL);
	if (at < b->b_armed)
		b->b_armed = at;
}

/* Lets time pass, and the callout fire if it is due. */
static void
pass(struct bed *b)
{

	b->b_now += STEP_US;
	if (b->b_now < b->b_armed)
		return;
	b->b_armed = AOE_NEVER;
	core(TICK, b, NULL, NULL);
	drain(b);
}

static void
head(const struct bed *b, struct aoe_frame *f, uint8_t command,
    const uint8_t *tag)
{

	memset(f, 0, sizeof(*f));
	memcpy(f->header, us, 6);
	memcpy(f->header + 6, them, 6);
	f->header[12] = 0x88;
	f->header[13] = 0xa2;
	f->header[14] = 0x18;
	f->header[16] = b->b_major >> 8;
	f->header[17] = b->b_major & 0xff;
	f->header[18] = b->b_minor;
	f->header[19] = command;
	if (tag != NULL)
		memcpy(f->header + 20, tag, 4);
}

static void
identify(uint8_t *id)
{
	unsigned i;

	memset(id, 0, 512);
	memcpy(id + 20, "1.1x", 4);
	id[83 * 2 + 1] = 0x44;			/* LBA48 */
	id[86 * 2 + 1] = 0x04;
	for (i = 0; i < 8; i++)
		id[200 + i] = SECTORS >> (8 * i);
}

static void
answer(struct bed *b, const struct aoe_output *o)
{
	struct aoe_frame f;
	struct aoe_copy c;

	head(b, &f, 0, o->header + 20);
	f.header[27] = 0x40;
	f.length = 60;
	if (o->header[27] == 0x24)
		f.length = 36 + o->header[26] * 512;
	else if (o->header[27] == 0xec)
		f.length = 36 + 512;
	memset(&c, 0, sizeof(c));
	pass(b);
	if (o->copy != 0)
		core(SENT, b, &o->copy, NULL);
	core(RX, b, &f, &c);
	if (c.dest == AOE_DEST_SCRATCH)
		identify(aoe_core_scratch(b->b_core));
	drain(b);
}

static void
answer_all(struct bed *b)
{
	struct aoe_output frames[OUT_MAX];
	unsigned i, n;

	n = b->b_out;
	memcpy(frames, b->b_frames, n * sizeof(frames[0]));
	b->b_out = 0;
	for (i = 0; i < n; i++)
		answer(b, &frames[i]);
}

static void
submit(struct bed *b, uint8_t op, uint32_t sectors)
{
	struct aoe_io io = { .io = 1, .op = op, .sectors = sectors };

	pass(b);
	b->b_lba = (b->b_lba + 4096) % (SECTORS - 4096);
	io.lba = b->b_lba;
	assert(core(SUBMIT, b, &io, NULL) == 0);
	drain(b);
}

/* Delivers the config answer that a target sends at start or to a beacon. */
static void
advert(struct bed *b)
{
	const uint8_t config[8] = { 0, 64, 0x40, 0x19, (b->b_mtu - 36) / 512,
	    0x10 };
	struct aoe_frame f;
	struct aoe_copy c;

	head(b, &f, COMMAND_CONFIG, NULL);
	memcpy(f.header + 24, config, sizeof(config));
	f.length = 60;
	f.flags = core(JUDGE, b, &f, NULL);
	core(RX, b, &f, &c);
	drain(b);
}

static void
disco_init(void)
{
	uint8_t seed[AOE_SEED_LEN] = { 7 };
	uint64_t size = aoe_core_disco_size();

	disco = aligned_alloc(64, (size + 63) & ~63ULL);
	memset(disco, 0, size);
	assert(aoe_core_disco_init(disco, size, 1000000, seed) == 0);
}

static void
bed_init(struct bed *b, unsigned mtu, unsigned number)
{
	struct aoe_settings settings = { .maxwait_us = 180000000,
	    .ghost_wait_us = 10000000, .taste_wait_us = 10000000, .maxout = 64,
	    .wc = -1 };
	struct aoe_link_state link = { .mtu = mtu, .up = 1, .present = 1 };
	uint8_t seed[AOE_SEED_LEN] = { 9 };
	uint64_t size;
	int i;

	memset(b, 0, sizeof(*b));
	b->b_major = number / 200;
	b->b_minor = number % 200;
	b->b_now = 1000000;
	b->b_armed = AOE_NEVER;
	size = aoe_core_target_size(&params);
	b->b_core = aligned_alloc(64, (size + 63) & ~63ULL);
	memset(b->b_core, 0, size);
	assert(aoe_core_target_init(b->b_core, size, &params, &settings,
	    b->b_now, seed, b->b_major, b->b_minor) == 0);
	memcpy(link.mac, us, 6);
	aoe_core_link(b->b_core, b->b_now, 0, &link);
	b->b_mtu = mtu;
	advert(b);
	for (i = 0; i < 8; i++)
		answer_all(b);
}

/* Lets a beacon's interval pass for an idle target, which then answers one. */
static void
beacon(struct bed *b)
{
	uint64_t until = b->b_now + BEACON_US;

	while (b->b_armed < until) {
		b->b_now = b->b_armed > b->b_now ? b->b_armed : b->b_now;
		pass(b);
		answer_all(b);
	}
	b->b_now = until;
	advert(b);
	answer_all(b);
}

/* Runs `depth` I/Os at once, from submission to completion. */
static void
round_of(struct bed *b, uint8_t op, uint32_t sectors, unsigned depth)
{
	uint64_t until = b->b_done + depth;
	unsigned i;

	for (i = 0; i < depth; i++)
		submit(b, op, sectors);
	while (b->b_done < until)
		answer_all(b);
}

static const struct scenario {
	const char	*s_name;
	unsigned	s_mtu;
	uint8_t		s_op;
	uint32_t	s_sectors;
	unsigned	s_depth;
	unsigned	s_targets;
} scenarios[] = {
	{ "read-4k-9000",	9000, AOE_OP_READ,  8,   1,  1 },
	{ "write-4k-9000",	9000, AOE_OP_WRITE, 8,   1,  1 },
	{ "read-4k-1500",	1500, AOE_OP_READ,  8,   1,  1 },
	{ "write-4k-1500",	1500, AOE_OP_WRITE, 8,   1,  1 },
	{ "read-4k-deep",	9000, AOE_OP_READ,  8,   64, 1 },
	{ "write-4k-deep",	9000, AOE_OP_WRITE, 8,   64, 1 },
	{ "read-128k-9000",	9000, AOE_OP_READ,  256, 1,  1 },
	{ "write-128k-9000",	9000, AOE_OP_WRITE, 256, 1,  1 },
	{ "read-128k-1500",	1500, AOE_OP_READ,  256, 1,  1 },
	{ "read-4k-of-64",	9000, AOE_OP_READ,  8,   1,  64 },
	{ "read-4k-of-1024",	9000, AOE_OP_READ,  8,   1,  1024 },
	{ "read-4k-of-4096",	9000, AOE_OP_READ,  8,   1,  4096 },
	{ "beacon-of-1",	9000, BEACON,       0,   1,  1 },
	{ "beacon-of-4096",	9000, BEACON,       0,   1,  4096 },
};

int
main(int argc, char **argv)
{
	const struct scenario *s = scenarios;
	unsigned i, rounds, warm;
	struct bed *beds, *b;
	uint64_t before, sent;

	if (argc == 2 && strcmp(argv[1], "-l") == 0) {
		for (i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
			puts(scenarios[i].s_name);
		return (0);
	}
	if (argc == 2 && strcmp(argv[1], "-m") == 0) {
		printf("%llu\n",
		    (unsigned long long)aoe_core_target_size(&params));
		return (0);
	}
	assert(argc == 3);
	while (strcmp(s->s_name, argv[1]) != 0)
		if (++s == scenarios + sizeof(scenarios) / sizeof(scenarios[0]))
			return (2);
	rounds = strtoul(argv[2], NULL, 10);
	/* During a target's first I/Os, the core learns its round trip. */
	warm = (s->s_targets > 1 ? 10 : 100) * s->s_targets;
	disco_init();
	beds = calloc(s->s_targets, sizeof(*beds));
	for (i = 0; i < s->s_targets; i++)
		bed_init(&beds[i], s->s_mtu, i);
	sent = 0;
	for (i = 0; i < warm + rounds; i++) {
		if (i == warm)
			core = aoe_counted;
		b = &beds[i % s->s_targets];
		before = b->b_sent;
		if (s->s_op == BEACON)
			beacon(b);
		else
			round_of(b, s->s_op, s->s_sectors, s->s_depth);
		if (i >= warm)
			sent += s->s_op == BEACON ? 1 : b->b_sent - before;
	}
	printf("%llu\n", (unsigned long long)sent);
	return (0);
}
