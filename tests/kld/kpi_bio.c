/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Bios: cloned and split at d_maxsize on their way down, joined on their way
 * up, as geom_disk.c does; even a clone's bio_to is NULL, as there.
 */
#include "kpi.h"
#include "kpi_geom.h"

#include <vm/vm.h>
#include <vm/vm_page.h>
#include <machine/pmap.h>

#define	OPEN_BIO	0x6f70656e62696f21UL
#define	DONE_BIO	0x646f6e6562696f21UL

struct request {
	struct bio	 bio;
	struct bio	 physio;	/* its parent, if a user sent it */
	struct provider	*p;
	void		(*done)(void *, int);
	void		*arg;
	struct kmutex	 lock;
	char		*data;
	struct vm_page	*pages;
	struct vm_page	**list;
};

struct clone {
	struct bio	 bio;		/* what d_strategy gets */
	volatile u_long	 state;
	struct request	*r;
};

static char		unmapped_[1];
caddr_t			unmapped_buf = unmapped_;

/* A physical address equals the virtual one here. */
struct kva_layout_s	kva_layout;
vm_paddr_t		dmaplimit;

static void
request_done(struct request *r, int error)
{
	void (*done)(void *, int) = r->done;
	void *arg = r->arg;

	/* A frame that still points into a completed write sends this. */
	if (r->bio.bio_cmd == BIO_WRITE)
		memset(r->data, 0x77, r->bio.bio_bcount);
	host_free(r->pages);
	host_free(r->list);
	host_free(r);
	done(arg, error);
}

static void
clone_done(struct bio *bp)
{
	struct clone *c = (struct clone *)bp;
	struct request *r = c->r;
	struct bio *up = &r->bio;
	bool last;

	kpi_lock(&r->lock);
	if (up->bio_error == 0)
		up->bio_error = bp->bio_error;
	up->bio_completed += bp->bio_length - bp->bio_resid;
	last = ++up->bio_inbed == up->bio_children;
	kpi_unlock(&r->lock);
	atomic_subtract_int(&r->p->bios, 1);
	memset(bp, 0xde, sizeof(*bp));
	host_free(c);
	if (!last)
		return;
	if (up->bio_error == 0 && up->bio_cmd != BIO_FLUSH &&
	    up->bio_completed != up->bio_length)
		kpi_violation(NULL, "bio of %jd bytes done with %jd",
		    (intmax_t)up->bio_length, (intmax_t)up->bio_completed);
	request_done(r, up->bio_error);
}

void
biodone(struct bio *bp)
{
	struct clone *c = (struct clone *)bp;

	kpi_no_locks(CALLER, "bio completion");
	if (!atomic_cmpset_long(&c->state, OPEN_BIO, DONE_BIO)) {
		kpi_violation(CALLER, "bio %p completed twice", bp);
		return;
	}
	if (bp->bio_error != 0 && bp->bio_resid != bp->bio_bcount)
		kpi_violation(CALLER, "bio failed with bio_resid %ld of %ld",
		    bp->bio_resid, bp->bio_bcount);
	bp->bio_flags |= BIO_DONE;
	bp->bio_done(bp);
}

void
biofinish(struct bio *bp, struct devstat *stat, int error)
{

	(void)stat;
	if (error != 0) {
		bp->bio_error = error;
		bp->bio_flags |= BIO_ERROR;
	}
	biodone(bp);
}

void
g_io_deliver(struct bio *bp, int error)
{

	bp->bio_error = error;
	biodone(bp);
}

/* A user's bio_done; unused, since request_done() reports its completion. */
static void
dev_done(struct bio *bp)
{

	kpi_violation(NULL, "bio %p is not the driver's to complete", bp);
}

/*
 * Marks who sent the request.  A GEOM class sleeps in g_read_data(), so that
 * its bio has no bio_done.  A user's comes through the device node: its parent
 * is physio()'s bio, which never passes through GEOM, and has no bio_done
 * either.
 */
static void
set_origin(struct request *r, int op)
{

	if ((op & KPI_TASTE) != 0)
		return;
	r->physio.bio_cmd = r->bio.bio_cmd;
	r->bio.bio_parent = &r->physio;
	r->bio.bio_done = dev_done;
}

static struct clone *
clone_new(struct request *r)
{
	struct bio *up = &r->bio, *bp;
	struct clone *c;

	c = host_alloc(sizeof(*c));
	c->r = r;
	c->state = OPEN_BIO;
	bp = &c->bio;
	bp->bio_parent = up;
	bp->bio_cmd = up->bio_cmd;
	bp->bio_flags = up->bio_flags & (BIO_ORDERED | BIO_UNMAPPED);
	bp->bio_length = up->bio_length;
	bp->bio_offset = up->bio_offset;
	bp->bio_data = up->bio_data;
	bp->bio_ma = up->bio_ma;
	bp->bio_ma_n = up->bio_ma_n;
	bp->bio_ma_offset = up->bio_ma_offset;
	bp->bio_done = clone_done;
	bp->bio_disk = r->p->dp;
	up->bio_children++;
	return (c);
}

static void
advance(struct bio *bp, off_t off)
{

	bp->bio_offset += off;
	bp->bio_length -= off;
	if (bp->bio_flags & BIO_UNMAPPED) {
		bp->bio_ma += (bp->bio_ma_offset + off) / PAGE_SIZE;
		bp->bio_ma_offset = (bp->bio_ma_offset + off) % PAGE_SIZE;
	} else
		bp->bio_data += off;
}

static void
strategy(struct request *r)
{
	struct disk *dp = r->p->dp;
	struct clone *c, *next;
	off_t off = 0, max;

	max = r->bio.bio_cmd == BIO_DELETE ? dp->d_delmaxsize :
	    (off_t)dp->d_maxsize;
	for (c = clone_new(r); c != NULL; c = next) {
		next = NULL;
		/* Clone the next first, or this one could end the request. */
		if (c->bio.bio_length > max && r->bio.bio_cmd != BIO_FLUSH &&
		    r->bio.bio_cmd != BIO_SPEEDUP) {
			c->bio.bio_length = max;
			off += max;
			next = clone_new(r);
			advance(&next->bio, off);
		}
		if (c->bio.bio_flags & BIO_UNMAPPED)
			c->bio.bio_ma_n = howmany(c->bio.bio_ma_offset +
			    c->bio.bio_length, PAGE_SIZE);
		c->bio.bio_bcount = c->bio.bio_length;
		c->bio.bio_pblkno = c->bio.bio_offset / dp->d_sectorsize;
		atomic_add_int(&r->p->bios, 1);
		kpi_no_locks(NULL, "d_strategy");
		dp->d_strategy(&c->bio);
	}
}

static void
make_unmapped(struct request *r)
{
	uintptr_t first = trunc_page((uintptr_t)r->data);
	u_long i, n;

	n = (round_page((uintptr_t)r->data + r->bio.bio_length) - first) /
	    PAGE_SIZE;
	r->pages = host_alloc(n * sizeof(*r->pages));
	r->list = host_alloc(n * sizeof(*r->list));
	for (i = 0; i < n; i++) {
		r->pages[i].phys_addr = first + i * PAGE_SIZE;
		r->list[i] = &r->pages[i];
	}
	r->bio.bio_flags |= BIO_UNMAPPED;
	r->bio.bio_data = unmapped_buf;
	r->bio.bio_ma = r->list;
	r->bio.bio_ma_n = (int)n;
	r->bio.bio_ma_offset = (int)((uintptr_t)r->data & PAGE_MASK);
}

static int
check_io(struct provider *p, int op, off_t offset, off_t length)
{
	struct disk *dp = p->dp;

	if (p->withered || dp == NULL || dp->d_destroyed)
		return (ENXIO);
	switch (op) {
	case KPI_DELETE:
		if ((dp->d_flags & DISKFLAG_CANDELETE) == 0)
			return (EOPNOTSUPP);
		break;
	case KPI_FLUSH:
		return (dp->d_flags & DISKFLAG_CANFLUSHCACHE ? 0 : EOPNOTSUPP);
	case KPI_SPEEDUP:
		return (0);
	}
	if (offset < 0 || offset % p->pp.sectorsize != 0 ||
	    length % p->pp.sectorsize != 0)
		return (EINVAL);
	if (length == 0 || offset + length > p->pp.mediasize)
		return (EIO);
	return (0);
}

void
kpi_disk_io(struct kpi_disk *d, int op, long offset, long length, void *data,
    void (*done)(void *, int), void *arg)
{
	static const uint16_t command[] = { [KPI_READ] = BIO_READ,
	    [KPI_WRITE] = BIO_WRITE, [KPI_DELETE] = BIO_DELETE,
	    [KPI_FLUSH] = BIO_FLUSH, [KPI_SPEEDUP] = BIO_SPEEDUP };
	static volatile u_int count;
	struct provider *p = d->p;
	struct request *r;
	int error;

	if (kpi_faults.trace)
		printf("io: %s op %d offset %ld length %ld\n", p->pp.name,
		    op & 0xff, offset, length);
	error = check_io(p, op & 0xff, offset, length);
	if (error != 0) {
		done(arg, error);
		return;
	}
	r = host_alloc(sizeof(*r));
	r->p = p;
	r->done = done;
	r->arg = arg;
	r->data = data;
	r->bio.bio_cmd = command[op & 0xff];
	set_origin(r, op);
	r->bio.bio_to = &p->pp;
	r->bio.bio_from = &p->consumer;
	r->bio.bio_offset = offset;
	r->bio.bio_length = r->bio.bio_bcount = length;
	r->bio.bio_data = data;
	if (r->bio.bio_cmd == BIO_FLUSH || (op & KPI_ORDERED))
		r->bio.bio_flags |= BIO_ORDERED;
	if ((r->bio.bio_cmd == BIO_READ || r->bio.bio_cmd == BIO_WRITE) &&
	    (p->dp->d_flags & DISKFLAG_UNMAPPED_BIO) != 0 &&
	    (kpi_faults.unmapped == 1 || (kpi_faults.unmapped == 2 &&
	    (atomic_fetchadd_int(&count, 1) & 1))))
		make_unmapped(r);
	strategy(r);
}
