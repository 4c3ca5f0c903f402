/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Management of a target in memory: its config string, MAC mask, reservation
 * and SMART data.
 */
#define	_GNU_SOURCE
#include "target.h"

#include <string.h>

unsigned
max_sectors(const struct target *t, unsigned mtu)
{
	unsigned n = (mtu - ATA_HEADER) / SECTOR;

	if (n > 255)
		n = 255;
	return (t->scnt != 0 && t->scnt < n ? t->scnt : n);
}

size_t
target_config(struct target *t, const unsigned char *in, size_t len, unsigned mtu,
    unsigned char *out)
{
	unsigned ccmd, n;

	if (len < CONFIG_HEADER)
		return (0);
	ccmd = in[29] & 0x0f;
	n = get16(in + 30);
	if (n > sizeof(t->config) || CONFIG_HEADER + n > len)
		return (0);
	if ((ccmd == 1 && (n != t->config_len ||
	    memcmp(in + 32, t->config, n) != 0)) ||
	    (ccmd == 2 && (n > t->config_len ||
	    memcmp(in + 32, t->config, n) != 0)))
		return (0);
	if (ccmd == 4 || (ccmd == 3 && t->config_len == 0)) {
		memcpy(t->config, in + 32, n);
		t->config_len = n;
	} else if (ccmd == 3) {
		out[14] |= 0x04;
		out[15] = 4;
	}
	put16(out + 24, t->bufcnt);
	put16(out + 26, 0x0b1d);
	out[28] = (unsigned char)max_sectors(t, mtu);
	out[29] = (unsigned char)(0x10 | ccmd);
	put16(out + 30, t->config_len);
	memcpy(out + 32, t->config, t->config_len);
	return (CONFIG_HEADER + t->config_len);
}

static int
find(unsigned char list[][6], unsigned n, const unsigned char *mac)
{
	unsigned i;

	for (i = 0; i < n; i++)
		if (memcmp(list[i], mac, 6) == 0)
			return ((int)i);
	return (-1);
}

bool
target_listens(const struct target *t, const unsigned char *in)
{

	return (t->nmask == 0 || find(((struct target *)t)->mask, t->nmask,
	    in + 6) >= 0);
}

bool
target_admits(const struct target *t, const unsigned char *in)
{

	return (t->nreserved == 0 || find(((struct target *)t)->reserved,
	    t->nreserved, in + 6) >= 0);
}

/* Carries out one directive of a MAC mask request; returns its MError. */
static unsigned char
direct(struct target *t, const unsigned char *d)
{
	int at = find(t->mask, t->nmask, d + 2);

	switch (d[1]) {
	case 0:
		return (0);
	case 1:
		if (at >= 0)
			return (0);
		if (t->nmask == HOSTS_MAX)
			return (3);
		memcpy(t->mask[t->nmask++], d + 2, 6);
		return (0);
	case 2:
		if (at >= 0)
			memmove(t->mask[at], t->mask[--t->nmask], 6);
		return (0);
	default:
		return (2);
	}
}

size_t
target_mask(struct target *t, const unsigned char *in, size_t len,
    unsigned char *out)
{
	unsigned char error = 0;
	unsigned i, n;

	if (len < 28 || len < 28 + 8u * in[27])
		return (0);
	n = in[25] == 1 ? in[27] : 0;
	for (i = 0; i < n && error == 0; i += error == 0)
		error = direct(t, in + 28 + 8 * i);
	out[26] = error;
	if (error != 0) {
		out[27] = (unsigned char)i;
		return (28);
	}
	out[27] = (unsigned char)t->nmask;
	memset(out + 28, 0, 8 * t->nmask);
	for (i = 0; i < t->nmask; i++)
		memcpy(out + 28 + 8 * i + 2, t->mask[i], 6);
	return (28 + 8 * t->nmask);
}

size_t
target_reserve(struct target *t, const unsigned char *in, size_t len,
    unsigned char *out)
{
	unsigned n;

	if (len < 26 || len < 26 + 6u * in[25] || in[25] > HOSTS_MAX)
		return (0);
	n = in[25];
	if (in[24] == 1 && !target_admits(t, in)) {
		out[14] |= 0x04;
		out[15] = 6;
	} else if (in[24] != 0) {
		memcpy(t->reserved, in + 26, 6 * n);
		t->nreserved = n;
	}
	out[25] = (unsigned char)t->nreserved;
	memcpy(out + 26, t->reserved, 6 * t->nreserved);
	return (26 + 6 * t->nreserved);
}

/*
 * Answers a SMART command: two attributes, the second below its threshold if
 * the disk is failing.
 */
size_t
target_smart(const struct target *t, const unsigned char *in,
    unsigned char *out)
{
	unsigned char *page = out + ATA_HEADER;

	if (t->smart == 0 || in[29] != 0x4f || in[30] != 0xc2) {
		out[25] = 0x04;
		out[27] = 0x41;
		return (ATA_HEADER);
	}
	out[27] = 0x40;
	if (in[25] == 0xda) {
		out[29] = t->smart == 2 ? 0xf4 : 0x4f;
		out[30] = t->smart == 2 ? 0x2c : 0xc2;
		return (ATA_HEADER);
	}
	memset(page, 0, SECTOR);
	page[2] = 9;
	page[14] = 5;
	if (in[25] == 0xd1) {
		page[15] = 36;
		return (ATA_HEADER + SECTOR);
	}
	page[2 + 3] = page[2 + 4] = 98;
	page[2 + 5] = 0x39;
	page[2 + 6] = 0x05;
	page[14 + 3] = page[14 + 4] = t->smart == 2 ? 30 : 100;
	return (ATA_HEADER + SECTOR);
}
