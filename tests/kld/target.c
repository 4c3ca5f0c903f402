/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * An AoE target in memory, for links inside this process: config, IDENTIFY,
 * reads, writes and flush as AoEr11 specifies, and several kinds of faults.
 */
#define	_GNU_SOURCE
#include "target.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>


static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct target **
find(struct link *l, unsigned shelf, unsigned slot)
{
	struct target **t;

	for (t = &l->targets; *t != NULL; t = &(*t)->next)
		if ((*t)->shelf == shelf && (*t)->slot == slot)
			break;
	return (t);
}

static size_t	answer(struct target *, const unsigned char *, size_t,
		    unsigned, unsigned char *);

/* Broadcasts a target's advert at its start; version 0, as vblade's is. */
static void
advertise(struct link *l, struct target *t)
{
	static const unsigned char query[60] = { [12] = 0x88, [13] = 0xa2,
	    [19] = 1 };
	unsigned char out[CONFIG_HEADER + sizeof(t->config)];
	size_t n;

	memset(out, 0, sizeof(out));
	n = answer(t, query, sizeof(query), l->mtu, out);
	memset(out, 0xff, 6);
	kpi_input_begin();
	kpi_if_input(l->kif, out, n < 60 ? 60 : n, -1);
	kpi_input_end();
}

int
target_add(struct link *l, unsigned shelf, unsigned slot, long bytes,
    const char *serial, FILE *out)
{
	struct target *t;

	if (l->wire == NULL || bytes < SECTOR || shelf > 0xfffe ||
	    slot > 0xfe) {
		fprintf(out, "targets live on wires, with an address and a "
		    "size\n");
		return (FBSD_EINVAL);
	}
	t = host_alloc(sizeof(*t));
	t->shelf = shelf;
	t->slot = slot;
	t->size = bytes & ~(long)(SECTOR - 1);
	t->bytes = host_pages((unsigned long)bytes);
	t->bufcnt = 16;
	snprintf(t->model, sizeof(t->model), "kld wire target");
	t->mac[0] = 0x02;
	t->mac[1] = 0xae;
	put16(t->mac + 2, shelf);
	t->mac[4] = (unsigned char)slot;
	if (serial != NULL)
		snprintf(t->serial, sizeof(t->serial), "%s", serial);
	else
		snprintf(t->serial, sizeof(t->serial), "%u.%u:wire", shelf,
		    slot);
	pthread_mutex_lock(&lock);
	t->next = l->targets;
	l->targets = t;
	pthread_mutex_unlock(&lock);
	advertise(l, t);
	return (0);
}

static void
destroy(struct target *t)
{

	target_work_end(t);
	munmap(t->bytes, (size_t)t->size);
	free(t);
}

int
target_remove(struct link *l, unsigned shelf, unsigned slot)
{
	struct target **p, *t;

	pthread_mutex_lock(&lock);
	p = find(l, shelf, slot);
	if ((t = *p) != NULL)
		*p = t->next;
	pthread_mutex_unlock(&lock);
	if (t == NULL)
		return (FBSD_ENOENT);
	destroy(t);
	return (0);
}

int
target_set(struct link *l, unsigned shelf, unsigned slot, const char *what,
    const char *value, FILE *out)
{
	struct target *t;
	unsigned n = (unsigned)strtoul(value, NULL, 0);
	int error = 0;

	pthread_mutex_lock(&lock);
	t = *find(l, shelf, slot);
	if (t == NULL)
		error = FBSD_ENOENT;
	else if (strcmp(what, "mute") == 0)
		t->mute = n != 0;
	else if (strcmp(what, "readonly") == 0)
		t->read_only = n != 0;
	else if (strcmp(what, "holdwrites") == 0)
		t->hold_writes = n != 0;
	else if (strcmp(what, "deaf") == 0)
		t->deaf = n != 0;
	else if (strcmp(what, "lose") == 0)
		t->lose = n;
	else if (strcmp(what, "drop") == 0)
		t->drop = n;
	else if (strcmp(what, "workers") == 0 && strchr(value, ',') != NULL) {
		/* The number of workers, and their longest delay in us. */
		if (!target_work_set(t, n, (unsigned)strtoul(
		    strchr(value, ',') + 1, NULL, 0)))
			error = FBSD_EINVAL;
	} else if (strcmp(what, "bufcnt") == 0)
		t->bufcnt = n;
	else if (strcmp(what, "scnt") == 0)
		t->scnt = n;
	else if (strcmp(what, "optional") == 0)
		t->optional = n != 0;
	else if (strcmp(what, "silent") == 0)
		t->silent = n != 0;
	else if (strcmp(what, "smart") == 0)
		t->smart = n;
	else if (strcmp(what, "maxlen") == 0)
		t->maxlen = n;
	else if (strcmp(what, "sector") == 0)
		t->sector = n;
	else if (strcmp(what, "sizeless") == 0)
		t->sizeless = n != 0;
	else if (strcmp(what, "group") == 0)
		t->group = n != 0;
	else if (strcmp(what, "word") == 0 && strchr(value, '=') != NULL &&
	    n < 256 && t->nwords < WORDS_MAX) {
		t->words[t->nwords][0] = (unsigned short)n;
		t->words[t->nwords++][1] = (unsigned short)strtoul(
		    strchr(value, '=') + 1, NULL, 0);
	} else if (strcmp(what, "noata") == 0)
		t->no_ata = n != 0;
	else if (strcmp(what, "serial") == 0)
		snprintf(t->serial, sizeof(t->serial), "%s", value);
	else if (strcmp(what, "model") == 0)
		snprintf(t->model, sizeof(t->model), "%s", value);
	else if (strcmp(what, "config") == 0) {
		snprintf(t->config, sizeof(t->config), "%s", value);
		t->config_len = (unsigned)strlen(t->config);
	} else {
		fprintf(out, "mute, readonly, holdwrites, deaf, lose, drop, workers, bufcnt, scnt, "
		    "optional, silent, smart, maxlen, sector, sizeless, group, "
		    "noata, word, serial, model or config\n");
		error = FBSD_EINVAL;
	}
	pthread_mutex_unlock(&lock);
	return (error);
}

void
targets_free(struct target *t)
{
	struct target *next;

	for (; t != NULL; t = next) {
		next = t->next;
		destroy(t);
	}
}

/* Writes an ATA string: padded with blanks, bytes swapped in each word. */
static void
ata_string(unsigned char *to, const char *from, size_t len)
{
	size_t i, n = strlen(from);

	for (i = 0; i < len; i++)
		to[i ^ 1] = i < n ? (unsigned char)from[i] : ' ';
}

static void
word(unsigned char *id, unsigned w, unsigned v)
{

	id[2 * w] = (unsigned char)v;
	id[2 * w + 1] = (unsigned char)(v >> 8);
}

static unsigned
sector_of(const struct target *t)
{

	return (t->sector != 0 ? t->sector : SECTOR);
}

static void
identify(const struct target *t, unsigned char *id)
{
	uint64_t sectors = t->sizeless ? 0 : (uint64_t)t->size / sector_of(t);
	unsigned i;

	memset(id, 0, SECTOR);
	word(id, 47, 0x8000);
	word(id, 49, 0x0200);
	word(id, 50, 0x4000);
	word(id, 83, 0x5400);
	word(id, 84, 0x4000);
	word(id, 86, 0x1400);
	word(id, 87, 0x4000);
	word(id, 93, 0x400b);
	if (sector_of(t) != SECTOR) {
		word(id, 106, 0x5000);
		word(id, 117, t->sector / 2 & 0xffff);
		word(id, 118, t->sector / 2 >> 16);
	}
	ata_string(id + 20, t->serial, 20);
	ata_string(id + 46, "1", 8);
	ata_string(id + 54, t->model, 40);
	for (i = 0; i < 4; i++)
		id[120 + i] = (unsigned char)((sectors > 0x0fffffff ?
		    0x0fffffff : sectors) >> (8 * i));
	for (i = 0; i < 8; i++)
		id[200 + i] = (unsigned char)(sectors >> (8 * i));
	for (i = 0; i < t->nwords; i++)
		word(id, t->words[i][0], t->words[i][1]);
}

static size_t
ata_fail(unsigned char *out, unsigned char error)
{

	out[25] = error;
	out[27] = 0x41;
	return (ATA_HEADER);
}

static size_t
ata_data(struct target *t, const unsigned char *in, size_t len, bool write,
    bool ext, unsigned char *out)
{
	uint64_t lba = 0;
	unsigned i, bytes = in[26] * sector_of(t);

	for (i = 0; i < (ext ? 6u : 4u); i++)
		lba |= (uint64_t)in[28 + i] << (8 * i);
	if (!ext)
		lba &= 0x0fffffff;
	lba *= sector_of(t);
	if (lba + bytes > (uint64_t)t->size)
		return (ata_fail(out, 0x10));
	if (write) {
		if (len < ATA_HEADER + bytes)
			return (0);
		if (t->read_only)
			return (ata_fail(out, 0x04));
		memcpy(t->bytes + lba, in + ATA_HEADER, bytes);
		out[27] = 0x40;
		return (t->hold_writes ? 0 : ATA_HEADER);
	}
	if (t->deaf)
		return (0);
	memcpy(out + ATA_HEADER, t->bytes + lba, bytes);
	out[27] = 0x40;
	return (ATA_HEADER + bytes);
}

static bool
is_data(unsigned char command)
{

	return (command == 0x20 || command == 0x24 || command == 0x30 ||
	    command == 0x34);
}

static size_t
ata(struct target *t, const unsigned char *in, size_t len, unsigned mtu,
    unsigned char *out)
{

	if (len < ATA_HEADER || t->no_ata)
		return (0);
	/* A reservation does not apply to IDENTIFY, as in vblade. */
	if (in[27] != 0xec && !target_admits(t, in)) {
		out[14] |= 0x04;
		out[15] = 6;
		return (ATA_HEADER);
	}
	/* IDENTIFY and SMART transfer 512 bytes, whatever the sector size. */
	if (in[26] * (is_data(in[27]) ? sector_of(t) : SECTOR) >
	    max_sectors(t, mtu) * SECTOR) {
		out[14] |= 0x04;
		out[15] = 2;
		return (ATA_HEADER);
	}
	switch (in[27]) {
	case 0x20: return (ata_data(t, in, len, false, false, out));
	case 0x24: return (ata_data(t, in, len, false, true, out));
	case 0x30: return (ata_data(t, in, len, true, false, out));
	case 0x34: return (ata_data(t, in, len, true, true, out));
	case 0xe7:
		out[27] = 0x40;
		return (ATA_HEADER);
	case 0xec:
		identify(t, out + ATA_HEADER);
		out[27] = 0x40;
		return (ATA_HEADER + SECTOR);
	case 0xb0: return (target_smart(t, in, out));
	case 0xe5:
		out[26] = 0xff;
		out[27] = 0x40;
		return (ATA_HEADER);
	default:
		return (ata_fail(out, 0x04));
	}
}

static size_t
answer(struct target *t, const unsigned char *in, size_t len, unsigned mtu,
    unsigned char *out)
{
	size_t n = len < ATA_HEADER ? len : ATA_HEADER;

	memcpy(out, in, n);
	memcpy(out, in + 6, 6);
	memcpy(out + 6, t->mac, 6);
	out[6] |= t->group;
	out[14] |= 0x08;
	put16(out + 16, t->shelf);
	out[18] = (unsigned char)t->slot;
	switch (in[19]) {
	case 0: return (ata(t, in, len, mtu, out));
	case 1: return (target_config(t, in, len, mtu, out));
	case 2:
		if (t->silent)
			return (0);
		if (t->optional)
			return (target_mask(t, in, len, out));
		break;
	case 3:
		if (t->silent)
			return (0);
		if (t->optional)
			return (target_reserve(t, in, len, out));
		break;
	}
	out[14] |= 0x04;
	out[15] = 1;
	return (24);
}

static void
answer_locked(struct target *t, const unsigned char *in, size_t len,
    unsigned mtu, target_reply_t *reply, void *cookie)
{
	static unsigned char out[ATA_HEADER + 256 * SECTOR];
	size_t n;

	memset(out, 0, 64);
	n = answer(t, in, len, mtu, out);
	if (n != 0 && (t->lose == 0 || ++t->answered % t->lose != 0))
		reply(cookie, out, n < 60 ? 60 : n);
}

void
target_answer(struct target *t, const unsigned char *in, size_t len,
    unsigned mtu, target_reply_t *reply, void *cookie)
{

	pthread_mutex_lock(&lock);
	answer_locked(t, in, len, mtu, reply, cookie);
	pthread_mutex_unlock(&lock);
}

void
target_frame(struct link *l, const unsigned char *in, size_t len, unsigned mtu,
    target_reply_t *reply, void *cookie)
{
	struct target *t;
	unsigned shelf, slot;

	if (len < 24 || in[12] != 0x88 || in[13] != 0xa2 ||
	    (in[14] & 0x08) != 0)
		return;
	shelf = get16(in + 16);
	slot = in[18];
	pthread_mutex_lock(&lock);
	for (t = l->targets; t != NULL; t = t->next) {
		if (t->mute || (t->maxlen != 0 && len > t->maxlen) ||
		    !target_listens(t, in) || (shelf != 0xffff && shelf != t->shelf) ||
		    (slot != 0xff && slot != t->slot) ||
		    ((in[0] & 1) == 0 && memcmp(in, t->mac, 6) != 0))
			continue;
		if ((t->drop == 0 || ++t->asked % t->drop != 0) &&
		    !target_work_take(t, in, len, mtu, reply, cookie))
			answer_locked(t, in, len, mtu, reply, cookie);
	}
	pthread_mutex_unlock(&lock);
}
