/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The AoE boot firmware table (net.aoe.abft=1).  Firmware that booted from an
 * AoE disk leaves in it the target's address, and the MAC address of the local
 * interface that it used.
 *
 * Knows: how to map the firmware's memory and find an interface by its MAC.
 * Must not know: where the table may be, and its contents; the core does.
 */
#include "aoe_admin.h"

#include <sys/epoch.h>

#include <vm/vm.h>
#include <vm/vm_param.h>
#include <vm/pmap.h>

#include <net/ethernet.h>
#include <net/vnet.h>

#ifdef __amd64__
#define	AOE_HAS_BIOS	1
#else
#define	AOE_HAS_BIOS	0
#endif

struct aoe_abft_search {
	const uint8_t	*s_mac;
	char		*s_name;
	size_t		s_size;
};

static int
aoe_abft_compare(if_t ifp, void *arg)
{
	struct aoe_abft_search *s = arg;

	/* In the epoch, the address of a departing interface stays valid. */
	NET_EPOCH_ASSERT();
	if (if_getaddrlen(ifp) != ETHER_ADDR_LEN ||
	    memcmp(if_getlladdr(ifp), s->s_mac, ETHER_ADDR_LEN) != 0)
		return (0);
	strlcpy(s->s_name, if_name(ifp), s->s_size);
	return (1);
}

/* The interface that the firmware booted from, if the table names it. */
bool
aoe_abft_interface(char *name, size_t size)
{
	struct aoe_abft abft;
	struct aoe_abft_search s = {
		.s_mac = abft.mac,
		.s_name = name,
		.s_size = size,
	};
	struct epoch_tracker et;
	quad_t rsdp;
	uint32_t length;
	void *p;
	int found;

	/* The loader passes the address of ACPI's root pointer. */
	if (getenv_quad("acpi.rsdp", &rsdp) == 0)
		rsdp = 0;
	aoe_core_abft_begin(&abft, rsdp, AOE_HAS_BIOS);
	while ((length = abft.length) != 0) {
		p = pmap_mapbios(abft.address, length);
		aoe_core_abft_take(&abft, p);
		pmap_unmapbios(p, length);
	}
	if (!abft.found) {
		printf("aoe: no AoE boot firmware table\n");
		return (false);
	}
	CURVNET_SET(vnet0);
	NET_EPOCH_ENTER(et);
	found = if_foreach(aoe_abft_compare, &s);
	NET_EPOCH_EXIT(et);
	CURVNET_RESTORE();
	printf("aoe: booted from aoe%ue%u over interface %6D (%s)\n",
	    abft.major, abft.minor, abft.mac, ":", found ? name : "not found");
	return (found != 0);
}
