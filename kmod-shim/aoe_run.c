/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The run loop: every input to a target's core is passed between
 * aoe_input_begin() and aoe_input_end(), and the latter carries out the
 * outputs that the core requests (a drain).
 *
 * Knows: when the core runs, in which thread, and its next deadline.
 * Must not know: what a frame means, or what an interface is.
 *
 * One thread drains a target at a time.  Sending a frame or completing a bio
 * can lead to another input to the same target.  That inner call only passes
 * its input to the core, and the outer call carries out the outputs.  So
 * outputs keep their order, and the stack does not grow with the load.
 */
#include "aoe_run.h"

#include <sys/epoch.h>

static void	aoe_tick(void *);
static void	aoe_run_task(void *, int);

/* The outputs of one turn, from its locked half to its unlocked half. */
struct aoe_turn {
	struct aoe_output	tu_out[AOE_BATCH];
	struct mbuf		*tu_frame[AOE_BATCH];
	struct bio_queue	tu_refused;
	int			tu_error;	/* of tu_refused */
	uint8_t			tu_count;	/* outputs */
	uint8_t			tu_frames;	/* ... that are frames */
	uint8_t			tu_done;	/* ... that complete a bio */
	bool			tu_in_epoch;	/* in the net epoch */
};
_Static_assert(sizeof(struct aoe_turn) <= 1024, "the turn lives on the stack");

void
aoe_run_init(struct aoe_softc *sc)
{

	mtx_init(&sc->sc_mtx, "aoe target", NULL, MTX_DEF);
	callout_init_mtx(&sc->sc_callout, &sc->sc_mtx, CALLOUT_RETURNUNLOCKED);
	sc->sc_armed = AOE_NEVER;
	TASK_INIT(&sc->sc_task, 0, aoe_run_task, sc);
	TAILQ_INIT(&sc->sc_waiting);
}

/* No other thread can find the target any more, and sc_dead is set. */
void
aoe_run_stop(struct aoe_softc *sc)
{

	callout_drain(&sc->sc_callout);
	taskqueue_drain(aoe_run_tq, &sc->sc_task);
	KASSERT(TAILQ_EMPTY(&sc->sc_waiting), ("%s: bios left", sc->sc_name));
	mtx_destroy(&sc->sc_mtx);
}

/*
 * Begin an input; the target is locked already.  Buffers that interfaces have
 * returned are reported to the core first.  A thread that returns one may hold
 * any lock, so it only pushes the buffer onto the list that is emptied here.
 */
uint64_t
aoe_input_locked(struct aoe_softc *sc)
{

	mtx_assert(&sc->sc_mtx, MA_OWNED);
	sc->sc_now = aoe_now();
	if (atomic_load_ptr(&sc->sc_sent) != 0)
		aoe_bufs_reap(sc, sc->sc_now);
	return (sc->sc_now);
}

uint64_t
aoe_input_begin(struct aoe_softc *sc)
{

	mtx_lock(&sc->sc_mtx);
	return (aoe_input_locked(sc));
}

static uint8_t
aoe_io_op(const struct bio *bp)
{

	switch (bp->bio_cmd) {
	case BIO_READ:
		return (AOE_OP_READ);
	case BIO_WRITE:
		return (AOE_OP_WRITE);
	case BIO_DELETE:
		return (AOE_OP_DELETE);
	default:
		KASSERT(bp->bio_cmd == BIO_FLUSH,
		    ("bio command %d reached the core", (int)bp->bio_cmd));
		return (AOE_OP_FLUSH);
	}
}

static int
aoe_io_offer(struct aoe_softc *sc, struct bio *bp, uint64_t now)
{
	struct aoe_io io;

	memset(&io, 0, sizeof(io));
	io.io = (uintptr_t)bp;
	io.op = aoe_io_op(bp);
	if (io.op != AOE_OP_FLUSH) {
		io.lba = bp->bio_offset / AOE_SECTOR;
		io.sectors = bp->bio_bcount / AOE_SECTOR;
		/* A flush has the flag, too; the core always orders those. */
		if ((bp->bio_flags & BIO_ORDERED) != 0)
			io.flags |= AOE_IO_ORDERED;
	}
	/* GEOM's only event thread waits for such a read. */
	if (bp->bio_cmd == BIO_READ && aoe_bio_tastes(bp))
		io.flags |= AOE_IO_TASTE;
	SDT_PROBE5(aoe, , io, submit, sc->sc_name, bp, io.op, io.lba,
	    io.sectors);
	return (aoe_core_submit(sc->sc_core, now, &io));
}

/* Hand a bio to the core, or keep it until the core has room. */
void
aoe_submit(struct aoe_softc *sc, struct bio *bp)
{
	uint64_t now;
	int error;

	now = aoe_input_begin(sc);
	error = EAGAIN;
	if (TAILQ_EMPTY(&sc->sc_waiting))
		error = aoe_io_offer(sc, bp, now);
	if (error == EAGAIN) {
		TAILQ_INSERT_TAIL(&sc->sc_waiting, bp, bio_queue);
		aoe_count(AOE_STAT_IO_QUEUED);
	}
	aoe_input_end(sc);
	if (error != 0 && error != EAGAIN)
		aoe_bio_done(bp, error);
}

/*
 * Offer waiting bios again, oldest first.  A bio that the core now refuses for
 * good is kept in the turn, which completes it without the lock.  A turn holds
 * one such bio and its error; the other bios follow in the next turn.
 */
static void
aoe_resubmit(struct aoe_softc *sc, struct aoe_turn *tu, uint64_t now)
{
	struct bio *bp;
	int error;

	while ((bp = TAILQ_FIRST(&sc->sc_waiting)) != NULL) {
		error = aoe_io_offer(sc, bp, now);
		if (error == EAGAIN)
			break;
		TAILQ_REMOVE(&sc->sc_waiting, bp, bio_queue);
		if (error != 0) {
			TAILQ_INSERT_TAIL(&tu->tu_refused, bp, bio_queue);
			tu->tu_error = error;
			break;
		}
	}
}

/*
 * Pass the answer to a management command to the waiting thread.  This and the
 * next function are not inlined, to keep aoe_drain()'s stack frame small.
 */
static void __noinline
aoe_run_answer(struct aoe_softc *sc, const struct aoe_output *o)
{

	mtx_assert(&sc->sc_mtx, MA_OWNED);
	sc->sc_ctl_output = *o;
	sc->sc_ctl_done = true;
	wakeup(&sc->sc_ctl_users);
}

/* Pass any other output, a change of the target, to the lifecycle thread. */
static void __noinline
aoe_run_note(struct aoe_softc *sc, const struct aoe_output *o)
{

	mtx_assert(&sc->sc_mtx, MA_OWNED);
	if (SDT_PROBES_ENABLED() && o->kind != AOE_OUT_IDLE)
		aoe_trace_change(sc, o, aoe_core_event_name(o->event));
	aoe_life_attention(sc);
}

/*
 * The locked half of a turn: take outputs from the core at the time sc_now,
 * build frames while no other thread can complete the bio that they copy from,
 * and pass the outputs that need no unlocked half to other threads.
 */
static void
aoe_turn_take(struct aoe_softc *sc, struct aoe_turn *tu)
{
	struct aoe_output *o;
	u_int i;

	TAILQ_INIT(&tu->tu_refused);
	tu->tu_frames = tu->tu_done = 0;
	if (__predict_false(!TAILQ_EMPTY(&sc->sc_waiting)))
		aoe_resubmit(sc, tu, sc->sc_now);
	tu->tu_count = aoe_core_poll(sc->sc_core, sc->sc_now, tu->tu_out,
	    AOE_BATCH);
	for (i = 0; i < tu->tu_count; i++) {
		o = &tu->tu_out[i];
		tu->tu_frame[i] = NULL;
		switch (o->kind) {
		case AOE_OUT_TRANSMIT:
			if (SDT_PROBES_ENABLED())
				aoe_trace_send(sc, o);
			tu->tu_frame[i] = aoe_frame_build(sc, o);
			tu->tu_frames++;
			break;
		case AOE_OUT_COMPLETE:
			tu->tu_done++;
			break;
		case AOE_OUT_CONTROL_DONE:
			aoe_run_answer(sc, o);
			break;
		default:
			aoe_run_note(sc, o);
			break;
		}
	}
}

/* The unlocked half: send the frames, in order, then complete bios. */
static void
aoe_turn_perform(const struct aoe_softc *sc, struct aoe_turn *tu)
{
	struct bio *bp;
	u_int i;

	if (tu->tu_frames != 0 && tu->tu_in_epoch)
		aoe_net_send_in_epoch(tu->tu_out, tu->tu_frame, tu->tu_count);
	else if (tu->tu_frames != 0)
		aoe_net_send_all(tu->tu_out, tu->tu_frame, tu->tu_count);
	for (i = 0; tu->tu_done != 0; i++) {
		if (tu->tu_out[i].kind != AOE_OUT_COMPLETE)
			continue;
		tu->tu_done--;
		bp = (struct bio *)(uintptr_t)tu->tu_out[i].io;
		SDT_PROBE3(aoe, , io, complete, sc->sc_name, bp,
		    tu->tu_out[i].error);
		aoe_bio_done(bp, tu->tu_out[i].error);
	}
	while ((bp = TAILQ_FIRST(&tu->tu_refused)) != NULL) {
		TAILQ_REMOVE(&tu->tu_refused, bp, bio_queue);
		SDT_PROBE3(aoe, , io, complete, sc->sc_name, bp, tu->tu_error);
		aoe_bio_done(bp, tu->tu_error);
	}
}

/*
 * Set the callout for the core's deadline.  A callout that fires early enough
 * is left alone: deadlines move away with every answer, early calls
 * are harmless, and resetting a callout per frame is not.  Within grain_us is
 * early enough: that tick also handles the deadlines set meanwhile.
 */
static void
aoe_rearm(struct aoe_softc *sc)
{
	uint64_t at;

	if (sc->sc_armed <= sc->sc_now + aoe_limits.grain_us || sc->sc_dead)
		return;
	at = aoe_core_deadline(sc->sc_core);
	if (sc->sc_out != 0)
		at = MIN(at, sc->sc_now + aoe_limits.reap_us);
	if (at >= sc->sc_armed)
		return;
	sc->sc_armed = at;
	callout_reset_sbt(&sc->sc_callout, ustosbt((int64_t)at),
	    ustosbt(aoe_limits.slack_us), aoe_tick, sc, C_ABSOLUTE);
}

/*
 * Drain a target: take turns until no output is left.  Called locked, by the
 * only drainer, with the time in sc_now; returns unlocked.  If outputs may
 * remain after `turns` turns, the task continues as the drainer.
 *
 * The drainer leaves without the lock, by a compare-and-set of sc_drain from
 * BUSY to IDLE.  A thread with an input has set MORE under the lock; then that
 * fails, and the drainer takes another turn.
 */
static void
aoe_drain(struct aoe_softc *sc, u_int turns, bool in_epoch)
{
	struct aoe_turn tu;
	bool again, idle;

	mtx_assert(&sc->sc_mtx, MA_OWNED);
	tu.tu_in_epoch = in_epoch;
	for (; turns != 0; turns--) {
		atomic_store_int(&sc->sc_drain, AOE_DRAIN_BUSY);
		aoe_turn_take(sc, &tu);
		idle = tu.tu_count == 0 && TAILQ_EMPTY(&tu.tu_refused);
		/* Fewer outputs than a batch: the core has none left. */
		again = !idle && (tu.tu_count == AOE_BATCH ||
		    !TAILQ_EMPTY(&sc->sc_waiting));
		if (!again)
			aoe_rearm(sc);
		if (idle) {
			atomic_store_int(&sc->sc_drain, AOE_DRAIN_IDLE);
			mtx_unlock(&sc->sc_mtx);
			return;
		}
		mtx_unlock(&sc->sc_mtx);
		aoe_turn_perform(sc, &tu);
		if (!again && atomic_cmpset_rel_int(&sc->sc_drain,
		    AOE_DRAIN_BUSY, AOE_DRAIN_IDLE))
			return;
		aoe_input_begin(sc);
	}
	/* sc_drain is not IDLE, so no other thread starts to drain. */
	taskqueue_enqueue(aoe_run_tq, &sc->sc_task);
	mtx_unlock(&sc->sc_mtx);
}

/*
 * Drain, or have the current drainer take another turn.  Called locked, returns
 * unlocked.
 */
static void
aoe_drain_unless_drained(struct aoe_softc *sc, u_int turns, bool in_epoch)
{

	while (atomic_load_acq_int(&sc->sc_drain) != AOE_DRAIN_IDLE) {
		/* Fails if the drainer leaves at this moment. */
		if (atomic_load_int(&sc->sc_drain) == AOE_DRAIN_MORE ||
		    atomic_cmpset_int(&sc->sc_drain, AOE_DRAIN_BUSY,
		    AOE_DRAIN_MORE)) {
			mtx_unlock(&sc->sc_mtx);
			return;
		}
	}
	aoe_drain(sc, turns, in_epoch);
}

void
aoe_input_end(struct aoe_softc *sc)
{

	mtx_assert(&sc->sc_mtx, MA_OWNED);
	aoe_drain_unless_drained(sc, aoe_limits.turns, false);
}

/* The same, for a thread that is in the net epoch. */
void
aoe_input_end_in_epoch(struct aoe_softc *sc)
{

	NET_EPOCH_ASSERT();
	mtx_assert(&sc->sc_mtx, MA_OWNED);
	aoe_drain_unless_drained(sc, aoe_limits.turns, true);
}

static void
aoe_run_task(void *arg, int pending __unused)
{
	struct aoe_softc *sc = arg;

	aoe_input_begin(sc);
	KASSERT(sc->sc_drain != AOE_DRAIN_IDLE,
	    ("%s: no drain to continue", sc->sc_name));
	aoe_drain(sc, aoe_limits.turns, false);
}

/*
 * The callout; called locked, returns unlocked.  It takes only one turn, since
 * other callouts wait for this thread: if many requests time out at once, the
 * task continues.
 */
static void
aoe_tick(void *arg)
{
	struct aoe_softc *sc = arg;
	uint64_t now;

	sc->sc_armed = AOE_NEVER;
	if (sc->sc_dead) {
		mtx_unlock(&sc->sc_mtx);
		return;
	}
	now = aoe_input_locked(sc);
	/* With no buffer out, few will be needed soon. */
	if (sc->sc_out == 0)
		aoe_bufs_trim(sc);
	aoe_core_tick(sc->sc_core, now);
	aoe_drain_unless_drained(sc, 1, false);
}
