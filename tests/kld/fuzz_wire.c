/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The fuzz target's interfaces, the targets at their other end, and frames:
 * correct, damaged and unsolicited answers.
 */
#define	_GNU_SOURCE
#include "fuzz.h"
#include "target.h"

#include <stdlib.h>
#include <string.h>

#define	QUEUE		128		/* frames in flight, each way */
#define	FRAME_MAX	(ATA_HEADER + 256 * SECTOR)
#define	CUTS		4

struct queue {
	unsigned	 first, count;
	struct frame {
		size_t		 len;
		unsigned char	*bytes;
	} ring[QUEUE];
};

static struct port {
	struct link	 link;
	struct queue	 out, in;	/* to the targets, and from them */
	unsigned char	 last[64];	/* the last request */
} ports[LINKS];
struct link	*links;			/* declared in kld.h */
static char	 wire[1];
static bool	 stopped;

static void
queue_put(struct queue *q, const void *bytes, size_t len)
{
	struct frame *f;

	if (q->count == QUEUE)
		return;
	f = &q->ring[(q->first + q->count++) % QUEUE];
	f->bytes = malloc(len);
	f->len = len;
	memcpy(f->bytes, bytes, len);
}

/* Takes a frame, whose bytes the caller frees; false if there is none. */
static bool
queue_take(struct queue *q, struct frame *f)
{

	if (q->count == 0)
		return (false);
	*f = q->ring[q->first];
	q->first = (q->first + 1) % QUEUE;
	q->count--;
	return (true);
}

static void
queue_clear(struct queue *q)
{
	struct frame f;

	while (queue_take(q, &f))
		free(f.bytes);
}

static void
reply(void *cookie, const void *frame, size_t len)
{
	struct port *p = cookie;

	if (stopped)
		kpi_if_input(p->link.kif, frame, len, -1);
	else
		queue_put(&p->in, frame, len);
}

int
host_link_send(void *cookie, const struct host_iov *iov, int count)
{
	static unsigned char bytes[FRAME_MAX];
	struct port *p = cookie;
	size_t len = 0;
	int i;

	for (i = 0; i < count && len + iov[i].len <= sizeof(bytes); i++) {
		memcpy(bytes + len, iov[i].base, iov[i].len);
		len += iov[i].len;
	}
	memcpy(p->last, bytes, len < sizeof(p->last) ? len : sizeof(p->last));
	if (stopped)
		target_frame(&p->link, bytes, len, p->link.mtu, reply, p);
	else if (p->out.count == QUEUE)
		return (FBSD_ENOBUFS);
	else
		queue_put(&p->out, bytes, len);
	return (0);
}

void
fuzz_stop(bool stop)
{

	stopped = stop;
}

struct link *
link_find(const char *name)
{

	(void)name;
	return (NULL);
}

static void
attach(unsigned n)
{
	struct port *p = &ports[n];
	unsigned char mac[6] = { 2, 0, 0, 0, 0, (unsigned char)n };

	snprintf(p->link.name, sizeof(p->link.name), "em%u", n);
	p->link.mtu = n == 0 ? 9000 : 1500;
	p->link.wire = (struct wire *)wire;
	p->link.kif = kpi_if_attach(p->link.name, p, mac, p->link.mtu);
	kpi_if_flags(p->link.kif, 1);
	kpi_if_link(p->link.kif, 1);
}

static void
detach(unsigned n)
{
	struct port *p = &ports[n];

	kpi_if_detach(p->link.kif);
	p->link.kif = NULL;
	queue_clear(&p->in);
	queue_clear(&p->out);
}

void
fuzz_links_attach(void)
{
	unsigned n;

	for (n = 0; n < LINKS; n++)
		attach(n);
	/* One disk on two wires, and another disk. */
	target_add(&ports[0].link, 7, 3, 1 << 20, "one", stderr);
	target_add(&ports[1].link, 7, 3, 1 << 20, "one", stderr);
	target_add(&ports[0].link, 1, 1, 1 << 16, NULL, stderr);
}

void
fuzz_links_detach(void)
{
	unsigned n;

	for (n = 0; n < LINKS; n++) {
		if (ports[n].link.kif != NULL)
			detach(n);
		targets_free(ports[n].link.targets);
		ports[n].link.targets = NULL;
		memset(ports[n].last, 0, sizeof(ports[n].last));
	}
	kpi_ifs_free();
}

static struct port *
some_port(struct input *in)
{
	struct port *p = &ports[u8(in) % LINKS];

	return (p->link.kif != NULL ? p : &ports[0]);
}

/* Receives a frame as a chain of mbufs that is cut where the input says. */
static void
receive(struct port *p, struct input *in, const unsigned char *bytes,
    size_t len, int vlan)
{
	unsigned short cut[CUTS];
	unsigned i, n = u8(in) % (CUTS + 2);

	if (p->link.kif == NULL)
		return;
	kpi_input_begin();
	if (n > CUTS)
		kpi_if_input(p->link.kif, bytes, len, vlan);
	else {
		for (i = 0; i < n; i++)
			cut[i] = (unsigned short)u8(in);
		kpi_if_input_cut(p->link.kif, bytes, len, vlan, cut, n);
	}
	kpi_input_end();
}

/* Delivers every frame in flight, in both directions. */
void
fuzz_serve_all(void)
{
	struct input none = { NULL, NULL };
	struct frame f;
	unsigned n;

	for (n = 0; n < LINKS; n++) {
		while (queue_take(&ports[n].out, &f)) {
			target_frame(&ports[n].link, f.bytes, f.len,
			    ports[n].link.mtu, reply, &ports[n]);
			free(f.bytes);
		}
		while (queue_take(&ports[n].in, &f)) {
			receive(&ports[n], &none, f.bytes, f.len, -1);
			free(f.bytes);
		}
	}
}

/* Delivers an answer, or drops, doubles, damages, delays or misdirects it. */
static void
damaged(struct port *p, struct input *in, struct frame *f)
{
	size_t at;

	switch (u8(in) % 8) {
	case 0:
		return;
	case 1:
		receive(p, in, f->bytes, f->len, -1);
		break;
	case 2:
		at = u16(in) % f->len;
		f->bytes[at] ^= (unsigned char)u8(in);
		break;
	case 3:
		f->len = u16(in) % f->len + 1;
		break;
	case 4:
		queue_put(&p->in, f->bytes, f->len);
		return;
	case 5:
		/* A byte of the header, on which most decisions depend. */
		at = u8(in) % (ATA_HEADER < f->len ? ATA_HEADER : f->len);
		f->bytes[at] = (unsigned char)u8(in);
		break;
	case 6:
		p = &ports[u8(in) % LINKS];
		break;
	}
	receive(p, in, f->bytes, f->len, -1);
}

void
fuzz_serve(struct input *in)
{
	struct port *p = some_port(in);
	struct frame f;

	if (queue_take(&p->out, &f)) {
		target_frame(&p->link, f.bytes, f.len, p->link.mtu, reply, p);
		free(f.bytes);
	}
	if (queue_take(&p->in, &f)) {
		damaged(p, in, &f);
		free(f.bytes);
	}
}

/* Receives an unsolicited frame, or an answer to the last request. */
void
fuzz_frame(struct input *in)
{
	static unsigned char bytes[FRAME_MAX];
	struct port *p = some_port(in);
	unsigned shape = u8(in), given = u8(in), i;
	size_t len;
	int vlan = -1;

	if (p->link.kif == NULL)
		return;
	memset(bytes, 0, sizeof(bytes));
	if (shape & 1)
		memset(bytes, 0xff, 6);
	else
		kpi_if_mac(p->link.kif, bytes);
	memcpy(bytes + 6, "\x02\xae\x00\x07\x03\x00\x88\xa2\x18", 9);
	memcpy(bytes + 16, "\x00\x07\x03\x01", 4);
	/* The header fields of the last request, if the input selects them. */
	if (shape & 2)
		memcpy(bytes + 15, p->last + 15, sizeof(p->last) - 15);
	if (shape & 4)
		memcpy(bytes + 6, p->last, 6);
	memcpy(bytes + 24, "\x00\x10\x40\x14\x02\x10\x00\x04", 8);
	len = u16(in) % (p->link.mtu + 15);
	/* Any value in any byte near its beginning. */
	for (i = 0; i < given % 32; i++)
		bytes[u8(in) % 64] = (unsigned char)u8(in);
	if (shape & 8)
		vlan = (int)u16(in);
	if (shape & 16)
		for (i = 36; i < len && in->at < in->end && i < 548; i++)
			bytes[i] = (unsigned char)u8(in);
	receive(p, in, bytes, len, vlan);
}

void
fuzz_link(struct input *in)
{
	static const unsigned mtus[] = { 68, 576, 1500, 4000, 9000, 16110 };
	struct port *p = &ports[u8(in) % LINKS];
	unsigned what = u8(in), value = u8(in);
	unsigned char mac[6] = { 2, 0, 0, 0, 1, (unsigned char)value };

	if (p->link.kif == NULL) {
		attach((unsigned)(p - ports));
		return;
	}
	switch (what % 8) {
	case 0: kpi_if_flags(p->link.kif, value & 1); break;
	case 1: kpi_if_link(p->link.kif, value & 1); break;
	case 2:
		p->link.mtu = mtus[value % 6];
		kpi_if_mtu(p->link.kif, p->link.mtu);
		break;
	case 3:
		snprintf(p->link.name, sizeof(p->link.name), "%s%u",
		    value & 8 ? "igb" : "em", value % 8);
		if (value / 16 < 4)
			kpi_if_rename(p->link.kif, p->link.name);
		break;
	case 4: kpi_if_lladdr(p->link.kif, mac); break;
	case 5: detach((unsigned)(p - ports)); break;
	case 6: kpi_if_polling(p->link.kif, value & 1); break;
	case 7:
		/* A flap that ends before the link can be looked at. */
		kpi_if_link(p->link.kif, 0);
		kpi_if_link(p->link.kif, 1);
		break;
	}
}

void
fuzz_target(struct input *in)
{
	static const char *const what[] = { "mute", "readonly", "holdwrites",
	    "lose", "bufcnt", "scnt", "optional", "silent", "smart", "maxlen",
	    "serial", "config", NULL, "deaf", "drop", "group", "sizeless",
	    "noata", "sector" };
	static const unsigned sectors[] = { 512, 4096, 520, 4160 };
	static const long sizes[] = { 512, 65536, 1 << 20, 1 << 21 };
	struct link *l = &some_port(in)->link;
	unsigned n = u8(in), value = u8(in), shelf, slot;
	char text[8];

	shelf = value & 1 ? 1 : 7;
	slot = value & 1 ? 1 : 3;
	if (value >> 6 == 3) {
		shelf = value & 0x3f;
		slot = n & 7;
	}
	n %= 24;
	snprintf(text, sizeof(text), "%u", n == 18 ? sectors[value >> 1 & 3] :
	    value >> 1);
	if (n == 12)
		target_remove(l, shelf, slot);
	else if (n < 19)
		target_set(l, shelf, slot, what[n], text, stderr);
	else if (l->kif != NULL && target_set(l, shelf, slot, "mute", "0",
	    stderr) != 0)
		target_add(l, shelf, slot, sizes[value % 4], value & 8 ?
		    "other" : NULL, stderr);
}
