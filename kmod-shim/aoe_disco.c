/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Running the discovery object: the interface list, the beacon, and answers
 * from addresses that have no target.
 *
 * Knows: when discovery runs.
 * Must not know: the interfaces, or what an answer means.
 */
#include "aoe_disco.h"

#include <sys/libkern.h>
#include <sys/mbuf.h>

static void	aoe_disco_tick(void *);

MTX_SYSINIT(aoe_disco, &aoe_disco_mtx, "aoe discovery", MTX_DEF);
struct mtx aoe_disco_mtx;
struct aoe_disco *aoe_disco;

static struct callout aoe_disco_callout;	/* (d) */
static uint64_t aoe_disco_armed = AOE_NEVER;	/* (d) */
static bool aoe_disco_draining;			/* (d) */
static bool aoe_disco_dead;			/* (d) */

int
aoe_disco_init(void)
{
	uint8_t seed[AOE_SEED_LEN];
	uint64_t size;
	int error;

	size = aoe_core_disco_size();
	aoe_disco = malloc_aligned(size, 16, M_AOE, M_WAITOK | M_ZERO);
	arc4rand(seed, sizeof(seed), 0);
	error = aoe_core_disco_init(aoe_disco, size, aoe_now(), seed);
	explicit_bzero(seed, sizeof(seed));
	callout_init_mtx(&aoe_disco_callout, &aoe_disco_mtx,
	    CALLOUT_RETURNUNLOCKED);
	return (error);
}

void
aoe_disco_fini(void)
{

	if (aoe_disco == NULL)
		return;
	mtx_lock(&aoe_disco_mtx);
	aoe_disco_dead = true;
	mtx_unlock(&aoe_disco_mtx);
	callout_drain(&aoe_disco_callout);
	free(aoe_disco, M_AOE);
	aoe_disco = NULL;
}

static void
aoe_disco_rearm(void)
{
	uint64_t at;

	at = aoe_core_disco_deadline(aoe_disco);
	if (aoe_disco_dead || at >= aoe_disco_armed)
		return;
	aoe_disco_armed = at;
	callout_reset_sbt(&aoe_disco_callout, ustosbt((int64_t)at),
	    ustosbt(aoe_limits.slack_us), aoe_disco_tick, NULL, C_ABSOLUTE);
}

/*
 * Poll discovery and send its frames.  Called locked, returns unlocked.  One
 * thread drains at a time, since an interface may pass a frame directly to a
 * receiver on this host, whose answer would enter this function again.
 */
static void
aoe_disco_drain(void)
{
	struct aoe_output out[AOE_BATCH];
	struct mbuf *frame[AOE_BATCH];
	u_int i, n;

	mtx_assert(&aoe_disco_mtx, MA_OWNED);
	if (aoe_disco_draining) {
		mtx_unlock(&aoe_disco_mtx);
		return;
	}
	aoe_disco_draining = true;
	for (;;) {
		n = aoe_core_disco_poll(aoe_disco, aoe_now(), out, AOE_BATCH);
		if (n == 0)
			break;
		for (i = 0; i < n; i++)
			frame[i] = out[i].kind == AOE_OUT_TRANSMIT ?
			    aoe_frame_bare(&out[i]) : NULL;
		mtx_unlock(&aoe_disco_mtx);
		aoe_net_send_all(out, frame, n);
		mtx_lock(&aoe_disco_mtx);
	}
	aoe_disco_draining = false;
	aoe_disco_rearm();
	mtx_unlock(&aoe_disco_mtx);
}

/* The callout; called locked, returns unlocked. */
static void
aoe_disco_tick(void *arg __unused)
{

	aoe_disco_armed = AOE_NEVER;
	if (aoe_disco_dead) {
		mtx_unlock(&aoe_disco_mtx);
		return;
	}
	aoe_disco_drain();
}

/* Send the queries that are due. */
void
aoe_disco_run(void)
{

	mtx_lock(&aoe_disco_mtx);
	aoe_disco_drain();
}

/* Send a beacon on every listed interface now. */
void
aoe_disco_beacon(void)
{

	mtx_lock(&aoe_disco_mtx);
	aoe_core_disco_now(aoe_disco, aoe_now());
	aoe_disco_drain();
}

/* Send a query for one target on every listed interface now. */
void
aoe_disco_ask(uint16_t major, uint8_t minor)
{

	mtx_lock(&aoe_disco_mtx);
	aoe_core_disco_ask(aoe_disco, aoe_now(), major, minor);
	aoe_disco_drain();
}

bool
aoe_disco_listed(const char *name)
{
	int listed;

	mtx_lock(&aoe_disco_mtx);
	listed = aoe_core_disco_listed(aoe_disco, name, strlen(name));
	mtx_unlock(&aoe_disco_mtx);
	return (listed != 0);
}

void
aoe_disco_link(u_int link, const struct aoe_link_state *state)
{

	mtx_lock(&aoe_disco_mtx);
	aoe_core_disco_link(aoe_disco, aoe_now(), link, state);
	aoe_disco_drain();
}

/* Offer the core an answer from an address without a target. */
void
aoe_disco_offer(const struct aoe_frame *f)
{

	mtx_lock(&aoe_disco_mtx);
	switch (aoe_disco_dead ? AOE_KEPT_NOTHING :
	    aoe_core_disco_rx(aoe_disco, aoe_now(), f)) {
	case AOE_KEPT_NEW:
		aoe_life_kick(AOE_WORK_NEWS);
		break;
	case AOE_KEPT_LOST:
		aoe_count(AOE_STAT_NEWS_LOST);
		break;
	}
	aoe_disco_drain();
}

/* Take the oldest answer that the core kept; false if there is none. */
bool
aoe_disco_news(struct aoe_frame *f)
{
	bool any;

	mtx_lock(&aoe_disco_mtx);
	any = !aoe_disco_dead && aoe_core_disco_take(aoe_disco, f) != 0;
	mtx_unlock(&aoe_disco_mtx);
	return (any);
}

/*
 * Set the flags of the config answer in `m` to the filters' verdict.  Config
 * answers are few, so the mutex costs little.  No other frame needs a verdict,
 * since a path exists only after a config answer.
 */
void
aoe_disco_judge(struct aoe_frame *f, const struct mbuf *m)
{
	uint8_t string[AOE_PREFIX_MAX];
	u_int length;

	if (atomic_load_acq_int(&aoe_config.filtering) == 0)
		return;
	/* m_copydata(9) walks to the offset even for a length of 0. */
	length = 0;
	if (f->length > AOE_CONFIG_LENGTH) {
		length = MIN(f->length - AOE_CONFIG_LENGTH, sizeof(string));
		m_copydata(m, AOE_CONFIG_LENGTH, length, (caddr_t)string);
	}
	mtx_lock(&aoe_disco_mtx);
	f->flags = aoe_core_disco_judge(aoe_disco, f, string, length);
	mtx_unlock(&aoe_disco_mtx);
	if (f->flags != 0)
		aoe_count(AOE_STAT_RX_FILTERED);
}
