/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Root on AoE (net.aoe.boot=1): holds the root mount until there is a disk, or
 * for net.aoe.boot_wait.
 *
 * Knows: the root mount.
 * Must not know: which disk holds the root file system, or how long to wait.
 */
#include "aoe_life.h"

#include <sys/eventhandler.h>

static struct root_hold_token *aoe_boot_token;	/* (x) */
static uint64_t aoe_boot_until;			/* (x) */
static eventhandler_tag aoe_boot_tag;		/* used by load and unload */
static uint64_t aoe_boot_mounted;		/* (a) time, or 0 */

static void
aoe_boot_on_mountroot(void *arg __unused)
{

	atomic_store_64(&aoe_boot_mounted, aoe_now());
}

/* Hold the root mount, if net.aoe.boot is set and there is no root yet. */
void
aoe_boot_hold(void)
{

	if (!aoe_get(boot) || root_mounted())
		return;
	aoe_boot_token = root_mount_hold("aoe");
	aoe_boot_until = aoe_now() + aoe_get(boot_wait) * UINT64_C(1000000);
	aoe_boot_tag = EVENTHANDLER_REGISTER(mountroot, aoe_boot_on_mountroot,
	    NULL, EVENTHANDLER_PRI_ANY);
}

/* Waits for a running handler, so the caller must hold no lock. */
void
aoe_boot_fini(void)
{

	if (aoe_boot_tag != NULL)
		EVENTHANDLER_DEREGISTER(mountroot, aoe_boot_tag);
	aoe_boot_tag = NULL;
}

void
aoe_boot_release(void)
{

	if (aoe_boot_token != NULL)
		root_mount_rel(aoe_boot_token);
	aoe_boot_token = NULL;
}

/*
 * Disks that have been open since the root mount hold the root, whatever layers
 * lie in between: their I/O waits for ever.
 */
static void
aoe_boot_claim_root(uint64_t mounted)
{
	struct aoe_softc *sc;
	int root;

	TAILQ_FOREACH(sc, &aoe_targets, sc_link) {
		mtx_lock(&sc->sc_mtx);
		root = aoe_core_disk_root(sc->sc_core, &sc->sc_own, mounted);
		mtx_unlock(&sc->sc_mtx);
		if (root != 0)
			aoe_settings_tell(sc);
	}
}

static bool
aoe_boot_has_disk(void)
{
	struct aoe_softc *sc;
	bool any;

	any = false;
	TAILQ_FOREACH(sc, &aoe_targets, sc_link) {
		mtx_lock(&sc->sc_mtx);
		any |= aoe_core_disk_state(sc->sc_core) == AOE_DISK_LIVE;
		mtx_unlock(&sc->sc_mtx);
	}
	return (any);
}

/* Carry out the actions that the core requests now. */
void
aoe_boot_poll(void)
{
	uint64_t mounted;
	u_int todo;

	mounted = atomic_load_64(&aoe_boot_mounted);
	if (aoe_boot_token == NULL && mounted == 0)
		return;
	todo = aoe_core_boot(&aoe_boot_until, aoe_now(), mounted,
	    aoe_boot_has_disk());
	if ((todo & AOE_BOOT_RELEASE) != 0)
		aoe_boot_release();
	if ((todo & AOE_BOOT_ROOT) != 0) {
		atomic_store_64(&aoe_boot_mounted, 0);
		aoe_boot_claim_root(mounted);
	}
}
