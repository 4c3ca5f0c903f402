/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Root on AoE (net.aoe.boot=1): the root file system is not mounted before
 * the disk is there.
 *
 * Knows: the root mount.
 * Must not know: which disk holds the root file system.
 */
#include "aoe_life.h"

#include <sys/eventhandler.h>

#define	AOE_BOOT_GRACE	2	/* seconds for more disks after the first */
#define	AOE_BOOT_SETTLE	500000	/* us in which a taste is over */

static struct root_hold_token *aoe_boot_token;	/* (x) */
static uint64_t aoe_boot_until;			/* (x) */
static eventhandler_tag aoe_boot_tag;		/* loading and unloading */
static uint64_t aoe_boot_mounted;		/* (a) when the root was */

static void
aoe_boot_on_mountroot(void *arg __unused)
{

	atomic_store_64(&aoe_boot_mounted, aoe_now());
}

/* Hold the root mount, if that is asked for and not too late. */
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

/* Waits for a handler that runs: hold no lock. */
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
 * Once the root is mounted, the disks that were open by then and still are
 * hold it, whatever lies between; what was only tasted has been closed.
 */
static void
aoe_boot_claim_root(uint64_t now)
{
	struct aoe_softc *sc;
	uint64_t mounted;
	bool root;

	mounted = atomic_load_64(&aoe_boot_mounted);
	if (mounted == 0 || now < mounted + AOE_BOOT_SETTLE)
		return;
	atomic_store_64(&aoe_boot_mounted, 0);
	TAILQ_FOREACH(sc, &aoe_targets, sc_link) {
		mtx_lock(&sc->sc_mtx);
		root = aoe_core_disk_opened(sc->sc_core) <= mounted;
		mtx_unlock(&sc->sc_mtx);
		if (root)
			aoe_sysctl_target_root(sc);
	}
}

/* Let the root mount go on when there are disks, or when it waited enough. */
void
aoe_boot_poll(void)
{
	struct aoe_softc *sc;
	uint64_t now;

	now = aoe_now();
	aoe_boot_claim_root(now);
	if (aoe_boot_token == NULL)
		return;
	TAILQ_FOREACH(sc, &aoe_targets, sc_link) {
		mtx_lock(&sc->sc_mtx);
		if (aoe_core_disk_state(sc->sc_core) == AOE_DISK_LIVE)
			aoe_boot_until = MIN(aoe_boot_until,
			    now + AOE_BOOT_GRACE * UINT64_C(1000000));
		mtx_unlock(&sc->sc_mtx);
	}
	if (now >= aoe_boot_until)
		aoe_boot_release();
}
