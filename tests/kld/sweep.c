/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Answers of every length and command, broadcast and to our own address, as
 * mbuf chains cut at every offset in turn.
 */
#define	_GNU_SOURCE
#include "kld.h"

#include <string.h>

#define	ETHERNET	14
#define	HEADER		24
#define	CUTS		80		/* last offset to cut at */

static const struct {
	unsigned char	command;
	unsigned	least;		/* length of a well-formed answer */
} kinds[] = {
	{ 0, HEADER + 12 },
	{ 1, HEADER + 8 },
	{ 2, HEADER + 4 },
	{ 3, HEADER + 2 },
	{ 4, HEADER },
	{ 0xf0, HEADER },
};

struct sweep {
	struct link	*link;
	unsigned char	 frame[9100];
	unsigned long	 frames, malformed;
};

/*
 * Receives the frame whole, then cut at each offset from `first` to `last`: in
 * two pieces, and in two with an empty one between them.
 */
static void
every_cut(struct sweep *s, size_t len, size_t first, size_t last)
{
	unsigned short cut[2];
	size_t at;

	kpi_input_begin();
	kpi_if_input_cut(s->link->kif, s->frame, len, -1, NULL, 0);
	for (at = first; at <= len && at <= last; at++) {
		cut[0] = (unsigned short)at;
		cut[1] = 0;
		kpi_if_input_cut(s->link->kif, s->frame, len, -1, cut, 1);
		kpi_if_input_cut(s->link->kif, s->frame, len, -1, cut, 2);
		s->frames += 2;
	}
	s->frames++;
	kpi_input_end();
}

/*
 * sweep interface shelf.slot [string]: a config answer claims a config string
 * of 1,024 bytes, which is filled with repetitions of `string`.  Prints the
 * number of frames, and how many of them were too short for their command.
 */
int
cmd_sweep(int argc, char **argv, FILE *out)
{
	static struct sweep s;
	const char *string = argc > 3 ? argv[3] : "sweep";
	unsigned shelf, slot, kind, to_us;
	unsigned long before;
	size_t at, i, len;

	memset(&s, 0, sizeof(s));
	s.link = link_find(argv[1]);
	if (s.link == NULL)
		return (FBSD_ENXIO);
	if (sscanf(argv[2], "%u.%u", &shelf, &slot) != 2)
		return (FBSD_EINVAL);
	for (i = 32; i < sizeof(s.frame); i++)
		s.frame[i] = (unsigned char)string[(i - 32) % strlen(string)];
	memcpy(s.frame + 6, "\x02\xae\x00\x09\x09\x01\x88\xa2\x18", 9);
	s.frame[16] = (unsigned char)(shelf >> 8);
	s.frame[17] = (unsigned char)shelf;
	s.frame[18] = (unsigned char)slot;
	memcpy(s.frame + 24, "\x00\x10\x40\x14\x02\x10\x04\x00", 8);
	for (kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
		s.frame[19] = kinds[kind].command;
		for (to_us = 0; to_us < 2; to_us++) {
			memset(s.frame, 0xff, 6);
			if (to_us)
				kpi_if_mac(s.link->kif, s.frame);
			for (len = ETHERNET; len <= s.link->mtu + ETHERNET;
			    len++) {
				before = s.frames;
				/* Each long one is cut at one offset only. */
				at = ETHERNET + len % (CUTS - ETHERNET + 1);
				if (len < 1100)
					every_cut(&s, len, ETHERNET, CUTS);
				else
					every_cut(&s, len, at, at);
				if (len < kinds[kind].least)
					s.malformed += s.frames - before;
			}
		}
	}
	fprintf(out, "%lu frames, %lu malformed\n", s.frames, s.malformed);
	return (0);
}
