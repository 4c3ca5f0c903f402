/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * How long I/O waits for a target that does not answer: net.aoe.maxwait for
 * every target, net.aoe.target.<disk>.maxwait for one, and less than either
 * while the system shuts down.
 *
 * Knows: where the limit is set, and which of them counts.
 * Must not know: what happens when it has passed; the core does.
 */
#include "aoe_var.h"

#define	AOE_MAXWAIT_DEFAULT	(-1)	/* of a target: as net.aoe.maxwait says */

static bool
aoe_maxwait_is_valid(int seconds)
{

	return (seconds >= AOE_MAXWAIT_DEFAULT &&
	    seconds <= AOE_LIMIT_SECONDS);
}

/* Whether the kernel environment has a value for this target, and which. */
static bool
aoe_maxwait_fetch(const struct aoe_softc *sc, int *seconds)
{
	char name[48];

	snprintf(name, sizeof(name), "net.aoe.target.%s.maxwait", sc->sc_name);
	if (getenv_int(name, seconds) == 0)
		return (false);
	if (aoe_maxwait_is_valid(*seconds))
		return (true);
	printf("aoe: %s=%d is out of range: ignored\n", name, *seconds);
	return (false);
}

/* What counts for a target now, in seconds; 0 is for ever. */
u_int
aoe_maxwait(const struct aoe_softc *sc)
{
	u_int limit, seconds;

	seconds = sc->sc_maxwait == AOE_MAXWAIT_DEFAULT ? aoe_get(maxwait) :
	    (u_int)sc->sc_maxwait;
	limit = MAX(aoe_get(shutdown_wait), 1);
	if (atomic_load_bool(&aoe_shutting_down) &&
	    (seconds == 0 || seconds > limit))
		seconds = limit;
	return (seconds);
}

static void
aoe_maxwait_set(struct aoe_softc *sc, int seconds)
{

	mtx_lock(&sc->sc_mtx);
	sc->sc_maxwait = seconds;
	mtx_unlock(&sc->sc_mtx);
	aoe_settings_tell(sc);
}

/* A new target, which nobody else can find yet. */
void
aoe_maxwait_target_init(struct aoe_softc *sc)
{

	if (!aoe_maxwait_fetch(sc, &sc->sc_maxwait))
		sc->sc_maxwait = AOE_MAXWAIT_DEFAULT;
}

/*
 * The disk holds the root file system.  UFS panics when its root fails, so
 * I/O waits for ever unless the administrator gave the target a value.
 */
void
aoe_maxwait_root(struct aoe_softc *sc)
{
	int seconds;

	if (aoe_maxwait_fetch(sc, &seconds))
		return;
	printf("%s: holds the root file system: I/O waits for ever\n",
	    sc->sc_name);
	aoe_maxwait_set(sc, 0);
}

/* Of one target, arg1. */
int
aoe_maxwait_sysctl_target(SYSCTL_HANDLER_ARGS)
{
	struct aoe_softc *sc = arg1;
	int error, seconds;

	mtx_lock(&sc->sc_mtx);
	seconds = sc->sc_maxwait;
	mtx_unlock(&sc->sc_mtx);
	error = sysctl_handle_int(oidp, &seconds, 0, req);
	if (error != 0 || req->newptr == NULL)
		return (error);
	if (!aoe_maxwait_is_valid(seconds))
		return (EINVAL);
	aoe_maxwait_set(sc, seconds);
	return (0);
}
