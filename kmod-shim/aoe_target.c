/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Targets: finding one by its address, making one, freeing one.
 *
 * Knows: the address table, and when a target may be freed.
 * Must not know: what the core does with its inputs.
 *
 * The table is read inside the net epoch and without a lock, so that frames
 * for different targets share no lock.  The lifecycle thread writes it, and
 * waits for the epoch before it frees a target that it has removed.  Making and
 * freeing a target may wait for memory and for readers of its sysctl nodes, so
 * both happen without a lock, while no other thread can find the target.
 */
#include "aoe_target.h"

#include <sys/epoch.h>
#include <sys/libkern.h>
#include <sys/mbuf.h>

#define	AOE_HASH_SIZE		256	/* buckets of the address table */

static uintptr_t aoe_hash[AOE_HASH_SIZE];	/* (kx), epoch to read */
static u_int aoe_ntargets;			/* (k) */

static uintptr_t *
aoe_hash_head(uint16_t major, uint8_t minor)
{

	/* Usually both are small numbers, and one of them is always equal. */
	return (&aoe_hash[(major * 31 + minor) % AOE_HASH_SIZE]);
}

/*
 * The target at an address, or NULL.  The caller is in the net epoch, holds
 * aoe_conf_sx, or is the lifecycle thread.
 */
struct aoe_softc *
aoe_target_find(uint16_t major, uint8_t minor)
{
	struct aoe_softc *sc;

	sc = (struct aoe_softc *)atomic_load_acq_ptr(
	    aoe_hash_head(major, minor));
	while (sc != NULL &&
	    (sc->sc_major != major || sc->sc_minor != minor))
		sc = (struct aoe_softc *)atomic_load_acq_ptr(
		    &sc->sc_hash_next);
	return (sc);
}

/*
 * Pass a frame to its target.  `m` is the whole frame, or NULL if that was not
 * kept.  Called in the net epoch.
 */
void
aoe_target_receive(struct aoe_softc *sc, const struct aoe_frame *f,
    const struct mbuf *m)
{
	struct aoe_copy c;
	uint64_t now;

	now = aoe_input_begin(sc);
	if (sc->sc_dead) {
		mtx_unlock(&sc->sc_mtx);
		return;
	}
	if (SDT_PROBES_ENABLED())
		aoe_trace_receive(sc, f);
	aoe_core_rx(sc->sc_core, now, f, &c);
	if (c.dest != AOE_DEST_NONE && m != NULL)
		aoe_frame_deliver(sc, &c, m);
	aoe_input_end_in_epoch(sc);
}

static struct aoe_softc *
aoe_target_alloc(uint16_t major, uint8_t minor)
{
	const struct aoe_params *params = &aoe_limits.tables;
	struct aoe_settings settings;
	uint8_t seed[AOE_SEED_LEN];
	struct aoe_softc *sc;
	uint64_t size;
	int error;

	sc = malloc(sizeof(*sc), M_AOE, M_WAITOK | M_ZERO);
	size = aoe_core_target_size(params);
	sc->sc_core = malloc_aligned(size, 16, M_AOE, M_WAITOK | M_ZERO);
	sc->sc_major = major;
	sc->sc_minor = minor;
	snprintf(sc->sc_name, sizeof(sc->sc_name), "aoe%ue%u", major, minor);
	snprintf(sc->sc_dname, sizeof(sc->sc_dname), "aoe%ue", major);
	aoe_sysctl_target_fetch(sc);
	aoe_settings(sc, &settings);
	arc4rand(seed, sizeof(seed), 0);
	error = aoe_core_target_init(sc->sc_core, size, params, &settings,
	    aoe_now(), seed, major, minor);
	explicit_bzero(seed, sizeof(seed));
	if (error != 0) {
		printf("%s: cannot be set up: error %d\n",
		    sc->sc_name, error);
		free(sc->sc_core, M_AOE);
		free(sc, M_AOE);
		return (NULL);
	}
	aoe_core_disk_read_only(sc->sc_core, sc->sc_own.read_only);
	aoe_run_init(sc);
	return (sc);
}

/* Free a target that no other thread can find; sc_dead is set. */
static void
aoe_target_destroy(struct aoe_softc *sc)
{

	aoe_sysctl_target_remove(sc);
	aoe_run_stop(sc);
	aoe_reserve_free(sc);
	free(sc->sc_core, M_AOE);
	free(sc, M_AOE);
}

/* Insert a target into list and table, unless the module is being unloaded. */
static bool
aoe_target_insert(struct aoe_softc *sc)
{
	uintptr_t *head;

	sx_xlock(&aoe_conf_sx);
	if (!aoe_ready) {
		sx_xunlock(&aoe_conf_sx);
		return (false);
	}
	/* The settings may have changed since aoe_target_alloc(). */
	aoe_settings_tell(sc);
	aoe_links_introduce(sc);
	TAILQ_INSERT_TAIL(&aoe_targets, sc, sc_link);
	aoe_ntargets++;
	head = aoe_hash_head(sc->sc_major, sc->sc_minor);
	sc->sc_hash_next = *head;
	atomic_store_rel_ptr(head, (uintptr_t)sc);
	sx_xunlock(&aoe_conf_sx);
	return (true);
}

static struct aoe_softc *
aoe_target_make(uint16_t major, uint8_t minor)
{
	struct aoe_softc *sc;

	if (aoe_ntargets >= aoe_get(maxtargets)) {
		aoe_count(AOE_STAT_TARGETS_REFUSED);
		aoe_absent_say(major, minor, AOE_EV_LEFT_OUT,
		    aoe_get(maxtargets));
		return (NULL);
	}
	sc = aoe_target_alloc(major, minor);
	if (sc == NULL)
		return (NULL);
	aoe_reserve_fill(sc);
	aoe_sysctl_target_add(sc);
	if (aoe_target_insert(sc))
		return (sc);
	mtx_lock(&sc->sc_mtx);
	sc->sc_dead = true;
	mtx_unlock(&sc->sc_mtx);
	aoe_target_destroy(sc);
	return (NULL);
}

/*
 * Pass a config answer to its target, which did not exist when the answer
 * arrived; make it, if it still does not.  Lifecycle thread.
 */
void
aoe_target_offer(const struct aoe_frame *f)
{
	struct epoch_tracker et;
	struct aoe_peek peek;
	struct aoe_softc *sc;

	aoe_core_peek(f->header, MIN(f->length, AOE_RX_HEADER), &peek);
	if (peek.verdict != AOE_PEEK_TARGET)
		return;
	sc = aoe_target_find(peek.major, peek.minor);
	if (sc == NULL)
		sc = aoe_target_make(peek.major, peek.minor);
	if (sc == NULL)
		return;
	NET_EPOCH_ENTER(et);
	aoe_target_receive(sc, f, NULL);
	NET_EPOCH_EXIT(et);
}

/*
 * Whether a target may be freed: no thread uses it, no buffer is out, and the
 * core no longer needs it.  If so, sets sc_dead, so that the target takes no
 * more input.  This does not wait for AOE_OUT_GONE, which never comes from a
 * target that had no disk.
 */
static bool
aoe_target_is_idle(struct aoe_softc *sc)
{
	bool idle;

	sx_assert(&aoe_conf_sx, SA_XLOCKED);
	mtx_lock(&sc->sc_mtx);
	idle = atomic_load_acq_int(&sc->sc_drain) == AOE_DRAIN_IDLE &&
	    sc->sc_ctl_users == 0 && TAILQ_EMPTY(&sc->sc_waiting);
	if (idle) {
		aoe_bufs_reap(sc, aoe_now());
		idle = sc->sc_out == 0 && aoe_core_may_free(sc->sc_core) != 0;
	}
	if (idle)
		sc->sc_dead = true;
	mtx_unlock(&sc->sc_mtx);
	return (idle);
}

static void
aoe_target_unlink(struct aoe_softc *sc)
{
	uintptr_t *prev;

	sx_assert(&aoe_conf_sx, SA_XLOCKED);
	prev = aoe_hash_head(sc->sc_major, sc->sc_minor);
	while (*prev != (uintptr_t)sc)
		prev = &((struct aoe_softc *)*prev)->sc_hash_next;
	atomic_store_rel_ptr(prev, sc->sc_hash_next);
	TAILQ_REMOVE(&aoe_targets, sc, sc_link);
	aoe_ntargets--;
}

/* Free a target if nothing needs it any more.  Lifecycle thread. */
void
aoe_target_reap(struct aoe_softc *sc)
{
	bool idle;

	/* aoe_ctl_hold() finds and holds a target under this lock, too. */
	sx_xlock(&aoe_conf_sx);
	idle = aoe_target_is_idle(sc);
	if (idle)
		aoe_target_unlink(sc);
	sx_xunlock(&aoe_conf_sx);
	if (!idle)
		return;
	NET_EPOCH_WAIT();
	aoe_target_destroy(sc);
}

/* Free a target without a disk and without a buffer out.  Lifecycle thread. */
void
aoe_target_free(struct aoe_softc *sc)
{

	sx_xlock(&aoe_conf_sx);
	mtx_lock(&sc->sc_mtx);
	sc->sc_dead = true;
	mtx_unlock(&sc->sc_mtx);
	aoe_target_unlink(sc);
	sx_xunlock(&aoe_conf_sx);
	NET_EPOCH_WAIT();
	aoe_target_destroy(sc);
}

/*
 * Send IDENTIFY again on every path of every target.  A beacon alone would not
 * always cause that.
 */
void
aoe_targets_revalidate(void)
{
	struct aoe_softc *sc;
	uint64_t now;

	sx_assert(&aoe_conf_sx, SA_XLOCKED);
	TAILQ_FOREACH(sc, &aoe_targets, sc_link) {
		now = aoe_input_begin(sc);
		aoe_core_revalidate(sc->sc_core, now);
		aoe_input_end(sc);
	}
}

/* Fail all I/O of every target, present and future. */
void
aoe_targets_abort(void)
{
	struct aoe_softc *sc;
	uint64_t now;

	sx_assert(&aoe_conf_sx, SA_XLOCKED);
	TAILQ_FOREACH(sc, &aoe_targets, sc_link) {
		now = aoe_input_begin(sc);
		aoe_core_abort(sc->sc_core, now);
		aoe_input_end(sc);
	}
}
