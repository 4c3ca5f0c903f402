/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The lifecycle thread: all work that may sleep and must be done in order.
 *
 * Knows: when targets, disks and sysctl nodes are made and freed.
 * Must not know: frames' contents, or how GEOM and interfaces work.
 *
 * Other threads wake it without waiting for it.  In addition, it runs once a
 * second for changes that have no event, such as a buffer that an interface
 * returned to a target that is gone.
 *
 * Each of its waits may be long: for memory, for GEOM, for a reader of a sysctl
 * node that is being removed.  So it holds no lock meanwhile, and holds
 * aoe_conf_sx only to insert a target into the list or to remove it.
 */
#include "aoe_life.h"

#include <sys/devctl.h>

static void	aoe_life_run(void *, int);
static void	aoe_life_second(void *, int);

static struct timeout_task aoe_life_timer;

int
aoe_life_init(void)
{

	aoe_life_tq = taskqueue_create("aoe_life", M_WAITOK,
	    taskqueue_thread_enqueue, &aoe_life_tq);
	TASK_INIT(&aoe_life_task, 0, aoe_life_run, NULL);
	TIMEOUT_TASK_INIT(aoe_life_tq, &aoe_life_timer, 0, aoe_life_second,
	    NULL);
	return (taskqueue_start_threads(&aoe_life_tq, 1, PWAIT,
	    "aoe lifecycle"));
}

/* Start polling once a second; this stops when aoe_ready is cleared. */
void
aoe_life_start(void)
{

	aoe_timer_start(aoe_life_tq, &aoe_life_timer);
}

/*
 * Free every target.  No target has a disk or a buffer that is still out, and
 * no new target is made.  If there is no target, the thread may not even exist,
 * since loading may have failed before its start.
 */
void
aoe_life_free_targets(void)
{
	bool none;

	sx_slock(&aoe_conf_sx);
	none = TAILQ_EMPTY(&aoe_targets);
	sx_sunlock(&aoe_conf_sx);
	if (none)
		return;
	aoe_life_kick(AOE_WORK_FREE);
	taskqueue_drain(aoe_life_tq, &aoe_life_task);
}

/* The thread has ended when this returns. */
void
aoe_life_stop(void)
{

	if (aoe_life_tq == NULL)
		return;
	aoe_timer_stop(aoe_life_tq, &aoe_life_timer);
	taskqueue_drain(aoe_life_tq, &aoe_life_task);
	taskqueue_free(aoe_life_tq);
	aoe_life_tq = NULL;
}

static void
aoe_life_say(const struct aoe_softc *sc, const struct aoe_note *n)
{
	char data[96], interface[IFNAMSIZ], text[AOE_TEXT_MAX];
	int length;

	if (n->event == AOE_EV_UP)
		aoe_absent_forget(sc->sc_major, sc->sc_minor);
	if (n->absent != 0 && !aoe_absent_note(sc->sc_major, sc->sc_minor,
	    n->event, n->value))
		return;
	if (n->path != AOE_PATH_ANY)
		aoe_link_name(n->link, interface, sizeof(interface));
	if ((n->tell & AOE_TELL_LOG) != 0) {
		aoe_log_add(sc->sc_major, sc->sc_minor, n->event, n->path,
		    n->value);
		length = snprintf(data, sizeof(data), "value=%ju",
		    (uintmax_t)n->value);
		if (n->path != AOE_PATH_ANY)
			snprintf(data + length, sizeof(data) - length,
			    " path=%u interface=%s mac=%6D", n->path,
			    interface, n->mac, ":");
		devctl_notify("AOE", sc->sc_name,
		    aoe_core_event_name(n->event), data);
	}
	if ((n->tell & AOE_TELL_CONSOLE) == 0)
		return;
	aoe_core_event_text(n->event, n->value, text, sizeof(text));
	if (n->path == AOE_PATH_ANY)
		printf("%s: %s\n", sc->sc_name, text);
	else
		printf("%s: path %u (%s, %6D): %s\n", sc->sc_name, n->path,
		    interface, n->mac, ":", text);
}

static void
aoe_life_say_all(struct aoe_softc *sc)
{
	struct aoe_note n;
	int more;

	for (;;) {
		mtx_lock(&sc->sc_mtx);
		more = aoe_core_note(sc->sc_core, aoe_now(),
		    aoe_get(debug) != 0, &n);
		mtx_unlock(&sc->sc_mtx);
		if (more == 0)
			break;
		aoe_life_say(sc, &n);
	}
}

static void
aoe_life_serve(struct aoe_softc *sc)
{

	aoe_life_say_all(sc);
	aoe_disk_serve(sc);
	aoe_sysctl_target_paths(sc);
	aoe_target_reap(sc);
}

static void
aoe_life_run(void *arg __unused, int pending __unused)
{
	struct aoe_softc *sc, *next;
	struct aoe_frame f;
	u_int work;

	work = atomic_readandclear_int(&aoe_life_work);
	if ((work & AOE_WORK_NEWS) != 0)
		while (aoe_disco_news(&f))
			aoe_target_offer(&f);
	TAILQ_FOREACH_SAFE(sc, &aoe_targets, sc_link, next) {
		if ((work & AOE_WORK_FREE) != 0) {
			aoe_target_free(sc);
			continue;
		}
		if (atomic_readandclear_int(&sc->sc_attention) != 0)
			aoe_life_serve(sc);
	}
	if ((work & AOE_WORK_RESERVES) != 0)
		TAILQ_FOREACH(sc, &aoe_targets, sc_link)
			aoe_reserve_fill(sc);
}

static void
aoe_life_second(void *arg __unused, int pending __unused)
{
	struct aoe_softc *sc, *next;
	bool ready;

	sx_xlock(&aoe_conf_sx);
	ready = aoe_ready;
	aoe_boot_poll();
	sx_xunlock(&aoe_conf_sx);
	TAILQ_FOREACH_SAFE(sc, &aoe_targets, sc_link, next)
		aoe_life_serve(sc);
	if (ready)
		aoe_life_start();
}
