/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Root on AoE (net.aoe.boot=1): at boot nobody brings interfaces up for us,
 * and the root file system is not mounted before the disk is there.
 *
 * Knows: the root mount, and how an interface is brought up.
 * Must not know: which disk holds the root file system.
 */
#include "aoe_var.h"

#include <sys/sockio.h>

#define	AOE_BOOT_GRACE	2	/* seconds for more disks after the first */

static struct root_hold_token *aoe_boot_token;	/* (x) */
static uint64_t aoe_boot_until;			/* (x) */

/* Hold the root mount, if that is asked for and not too late. */
void
aoe_boot_hold(void)
{

	if (!aoe_config.boot || root_mounted())
		return;
	aoe_boot_token = root_mount_hold("aoe");
	aoe_boot_until = aoe_now() + aoe_config.boot_wait * UINT64_C(1000000);
}

void
aoe_boot_release(void)
{

	if (aoe_boot_token != NULL)
		root_mount_rel(aoe_boot_token);
	aoe_boot_token = NULL;
}

/* Let the root mount go on when there are disks, or when it waited enough. */
void
aoe_boot_poll(void)
{
	struct aoe_softc *sc;
	uint64_t now;

	if (aoe_boot_token == NULL)
		return;
	now = aoe_now();
	TAILQ_FOREACH(sc, &aoe_targets, sc_link) {
		mtx_lock(&sc->sc_mtx);
		if (sc->sc_disk_state == AOE_DISK_LIVE)
			aoe_boot_until = MIN(aoe_boot_until,
			    now + AOE_BOOT_GRACE * UINT64_C(1000000));
		mtx_unlock(&sc->sc_mtx);
	}
	if (now >= aoe_boot_until)
		aoe_boot_release();
}

/*
 * Bring a listed interface up, as ifconfig would, while there is no userland
 * yet to do so.
 */
void
aoe_boot_raise(if_t ifp)
{
	struct ifreq ifr;
	int error;

	if (!aoe_config.boot || root_mounted() ||
	    (if_getflags(ifp) & IFF_UP) != 0)
		return;
	memset(&ifr, 0, sizeof(ifr));
	strlcpy(ifr.ifr_name, if_name(ifp), sizeof(ifr.ifr_name));
	if_setflagbits(ifp, IFF_UP, 0);
	ifr.ifr_flags = if_getflags(ifp) & 0xffff;
	ifr.ifr_flagshigh = if_getflags(ifp) >> 16;
	error = if_ioctl(ifp, SIOCSIFFLAGS, &ifr);
	if (error != 0)
		printf("aoe: %s cannot be brought up: error %d\n",
		    if_name(ifp), error);
	if_up(ifp);
}
