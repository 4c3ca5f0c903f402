/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The AoE boot firmware table (net.aoe.abft=1): what the firmware that
 * started us from an AoE disk says of it: the target's address, and the MAC
 * of the interface that it used.
 *
 * Knows: where firmware leaves the table, and what is in it.
 * Must not know: what the interface is then used for.
 *
 * With UEFI the table is one of ACPI's.  A PC BIOS has it somewhere in the
 * upper half of the first megabyte and tells nobody.
 */
#include "aoe_var.h"

#include <sys/epoch.h>

#include <vm/vm.h>
#include <vm/vm_param.h>
#include <vm/pmap.h>

#include <machine/vmparam.h>

#include <net/ethernet.h>
#include <net/vnet.h>

#define	AOE_ACPI_HEADER		36		/* of every ACPI table */
#define	AOE_ACPI_LENGTH		4		/* offset of its length */
#define	AOE_ACPI_MAX		65536		/* longer is not believed */
#define	AOE_RSDP_REVISION	15		/* offsets in the RSDP */
#define	AOE_RSDP_RSDT		16
#define	AOE_RSDP_XSDT		24
#define	AOE_RSDP_SIZE		36

struct aoe_abft {
	uint8_t		a_acpi[AOE_ACPI_HEADER];
	uint8_t		a_shelf[2];		/* little-endian */
	uint8_t		a_slot;
	uint8_t		a_reserved;
	uint8_t		a_mac[ETHER_ADDR_LEN];
} __packed;
_Static_assert(sizeof(struct aoe_abft) == 46, "aBFT");

static uint32_t
aoe_le32(const uint8_t *p)
{

	return (p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24);
}

/* Whether these bytes are the table, whole and with a good checksum. */
static bool
aoe_abft_is_good(const uint8_t *p, size_t avail)
{
	size_t i, length;
	uint8_t sum;

	if (avail < sizeof(struct aoe_abft) || memcmp(p, "aBFT", 4) != 0)
		return (false);
	length = aoe_le32(p + AOE_ACPI_LENGTH);
	if (length < sizeof(struct aoe_abft) || length > avail)
		return (false);
	sum = 0;
	for (i = 0; i < length; i++)
		sum += p[i];
	return (sum == 0);
}

/* Copy an ACPI table's first bytes, and see whether it is the one. */
static bool
aoe_abft_table(vm_paddr_t pa, struct aoe_abft *abft)
{
	uint8_t *p;
	uint32_t length;
	bool good;

	p = pmap_mapbios(pa, AOE_ACPI_HEADER);
	length = memcmp(p, "aBFT", 4) == 0 ? aoe_le32(p + AOE_ACPI_LENGTH) : 0;
	pmap_unmapbios(p, AOE_ACPI_HEADER);
	if (length < sizeof(*abft) || length > AOE_ACPI_MAX)
		return (false);
	p = pmap_mapbios(pa, length);
	good = aoe_abft_is_good(p, length);
	if (good)
		memcpy(abft, p, sizeof(*abft));
	pmap_unmapbios(p, length);
	return (good);
}

/*
 * The list of ACPI's tables, and how long its entries are: since ACPI 2.0 the
 * XSDT with addresses of 64 bits, before that the RSDT with 32.
 */
static vm_paddr_t
aoe_abft_root(u_int *entry)
{
	uint8_t *p;
	quad_t rsdp;
	vm_paddr_t root;

	/* The loader says where its head is. */
	if (getenv_quad("acpi.rsdp", &rsdp) == 0 || rsdp == 0)
		return (0);
	p = pmap_mapbios(rsdp, AOE_RSDP_SIZE);
	*entry = p[AOE_RSDP_REVISION] >= 2 ? 8 : 4;
	if (memcmp(p, "RSD PTR ", 8) != 0)
		root = 0;
	else if (*entry == 8)
		root = aoe_le32(p + AOE_RSDP_XSDT) |
		    (vm_paddr_t)aoe_le32(p + AOE_RSDP_XSDT + 4) << 32;
	else
		root = aoe_le32(p + AOE_RSDP_RSDT);
	pmap_unmapbios(p, AOE_RSDP_SIZE);
	return (root);
}

/* Among the tables of ACPI. */
static bool
aoe_abft_acpi(struct aoe_abft *abft)
{
	uint8_t *p;
	vm_paddr_t pa, root;
	uint32_t at, length;
	u_int entry;
	bool found;

	root = aoe_abft_root(&entry);
	if (root == 0)
		return (false);
	p = pmap_mapbios(root, AOE_ACPI_HEADER);
	length = aoe_le32(p + AOE_ACPI_LENGTH);
	pmap_unmapbios(p, AOE_ACPI_HEADER);
	if (length < AOE_ACPI_HEADER || length > AOE_ACPI_MAX)
		return (false);
	p = pmap_mapbios(root, length);
	found = false;
	for (at = AOE_ACPI_HEADER; at + entry <= length && !found;
	    at += entry) {
		pa = aoe_le32(p + at);
		if (entry == 8)
			pa |= (vm_paddr_t)aoe_le32(p + at + 4) << 32;
		found = aoe_abft_table(pa, abft);
	}
	pmap_unmapbios(p, length);
	return (found);
}

#ifdef __amd64__
/* In the upper half of the first megabyte, at a multiple of 16. */
static bool
aoe_abft_bios(struct aoe_abft *abft)
{
	const vm_paddr_t from = 0x80000, to = 0x100000;
	const uint8_t *p;
	vm_paddr_t pa;

	for (pa = from; pa < to; pa += 16) {
		p = (const uint8_t *)PHYS_TO_DMAP(pa);
		if (aoe_abft_is_good(p, to - pa)) {
			memcpy(abft, p, sizeof(*abft));
			return (true);
		}
	}
	return (false);
}
#else
static bool
aoe_abft_bios(struct aoe_abft *abft __unused)
{

	return (false);
}
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

	/* An interface that departs loses its address, but not before. */
	NET_EPOCH_ASSERT();
	if (if_getaddrlen(ifp) != ETHER_ADDR_LEN ||
	    memcmp(if_getlladdr(ifp), s->s_mac, ETHER_ADDR_LEN) != 0)
		return (0);
	strlcpy(s->s_name, if_name(ifp), s->s_size);
	return (1);
}

/* The interface that the firmware booted from, if it says so. */
bool
aoe_abft_interface(char *name, size_t size)
{
	struct aoe_abft abft;
	struct aoe_abft_search s = {
		.s_mac = abft.a_mac,
		.s_name = name,
		.s_size = size,
	};
	struct epoch_tracker et;
	int found;

	if (!aoe_abft_acpi(&abft) && !aoe_abft_bios(&abft)) {
		printf("aoe: no AoE boot firmware table\n");
		return (false);
	}
	CURVNET_SET(vnet0);
	NET_EPOCH_ENTER(et);
	found = if_foreach(aoe_abft_compare, &s);
	NET_EPOCH_EXIT(et);
	CURVNET_RESTORE();
	printf("aoe: booted from aoe%ue%u through %6D (%s)\n",
	    abft.a_shelf[0] | abft.a_shelf[1] << 8, abft.a_slot,
	    abft.a_mac, ":", found ? name : "no interface");
	return (found != 0);
}
