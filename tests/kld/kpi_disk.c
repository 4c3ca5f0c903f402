/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * disk(9) and as much of GEOM as it takes to keep its promises: one event
 * thread under the topology lock, tasting, access counts, withering, bios
 * cloned and cut at d_maxsize.  What geom_disk.c does to a bio is done here,
 * down to the NULL bio_to of a clone.
 */
#include "kpi.h"

#include <sys/bio.h>
#include <sys/sx.h>

#include <geom/geom.h>
#include <geom/geom_disk.h>
#include <vm/vm.h>
#include <vm/vm_page.h>
#include <machine/pmap.h>

#define	PROVIDERS	1024
#define	OPEN_BIO	0x6f70656e62696f21UL
#define	DONE_BIO	0x646f6e6562696f21UL

struct provider {
	struct g_provider	 pp;
	struct g_geom		 geom;
	struct g_consumer	 consumer;
	struct disk		*dp;		/* NULL once destroyed */
	int			 opens, writers;
	volatile u_int		 bios;		/* in the driver */
	bool			 withered;
	bool			 gone;		/* d_gone was called */
};

/* What kpi_disk_open hands out. */
struct kpi_disk {
	struct provider	*p;
	bool		 write;
};

struct request {
	struct bio	 bio;
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

struct event {
	struct event	*next;
	void		(*fn)(void *);
	void		*arg;
};

struct sx		topology_lock;
static struct provider	*providers[PROVIDERS];
static struct kmutex	list_lock;
static struct event	*events, **events_end = &events;
static struct kmutex	events_lock;
static volatile u_int	events_turn;
static volatile u_int	events_busy;
static char		unmapped_[1];
caddr_t			unmapped_buf = unmapped_;

/* Physical addresses are addresses here. */
struct kva_layout_s	kva_layout;
vm_paddr_t		dmaplimit;

/* The event thread. */
static void
post(void (*fn)(void *), void *arg)
{
	struct event *e;

	e = host_alloc(sizeof(*e));
	e->fn = fn;
	e->arg = arg;
	kpi_lock(&events_lock);
	atomic_add_int(&events_busy, 1);
	*events_end = e;
	events_end = &e->next;
	kpi_unlock(&events_lock);
	atomic_add_int(&events_turn, 1);
	host_wake(&events_turn, INT_MAX);
}

static void
event_thread(void *unused)
{
	struct event *e;
	u_int turn;

	(void)unused;
	for (;;) {
		turn = events_turn;
		kpi_lock(&events_lock);
		if ((e = events) != NULL && (events = e->next) == NULL)
			events_end = &events;
		kpi_unlock(&events_lock);
		if (e == NULL) {
			host_wait(&events_turn, turn, -1);
			continue;
		}
		sx_xlock(&topology_lock);
		e->fn(e->arg);
		sx_xunlock(&topology_lock);
		host_free(e);
		atomic_subtract_int(&events_busy, 1);
		atomic_add_int(&events_turn, 1);
		host_wake(&events_turn, INT_MAX);
	}
}

void
g_waitidle(struct thread *td)
{
	u_int turn;

	(void)td;
	if (sx_xlocked(&topology_lock))
		kpi_violation(CALLER, "g_waitidle with the topology lock");
	kpi_may_sleep(CALLER, "g_waitidle()");
	while (turn = events_turn, events_busy != 0)
		host_wait(&events_turn, turn, 100000000);
}

void
kpi_geom_idle(void)
{

	g_waitidle(curthread);
}

/* Providers. */
static void
provider_gone(void *arg)
{
	struct provider *p = arg;

	if (p->gone || p->opens != 0)
		return;
	p->gone = true;
	kpi_lock(&list_lock);
	for (int i = 0; i < PROVIDERS; i++)
		if (providers[i] == p)
			providers[i] = NULL;
	kpi_unlock(&list_lock);
	if (p->bios != 0)
		kpi_violation(NULL, "%s goes with %u bios in the driver",
		    p->pp.name, p->bios);
	if (p->dp != NULL && p->dp->d_gone != NULL)
		p->dp->d_gone(p->dp);
}

static void
wither(struct provider *p)
{

	p->withered = true;
	p->pp.error = ENXIO;
	p->pp.flags |= G_PF_WITHER | G_PF_ORPHAN;
	post(provider_gone, p);
}

static int
access(struct provider *p, int opens, int writers)
{
	struct disk *dp = p->dp;
	int error = 0;

	if (opens > 0 && (p->withered || dp == NULL || dp->d_destroyed))
		return (ENXIO);
	if (p->opens == 0 && opens > 0) {
		if (writers > 0 && (dp->d_flags & DISKFLAG_WRITE_PROTECT))
			return (EROFS);
		if (dp->d_open != NULL && (error = dp->d_open(dp)) != 0)
			return (error);
		p->pp.sectorsize = dp->d_sectorsize;
		p->pp.mediasize = dp->d_mediasize;
		p->pp.stripesize = dp->d_stripesize;
		if (dp->d_delmaxsize == 0)
			dp->d_delmaxsize = dp->d_maxsize;
		dp->d_flags |= DISKFLAG_OPEN;
	}
	p->opens += opens;
	p->writers += writers;
	p->pp.acr = p->opens;
	p->pp.acw = p->writers;
	if (p->opens == 0 && opens < 0) {
		if (dp != NULL && !dp->d_destroyed) {
			if (dp->d_close != NULL)
				dp->d_close(dp);
			dp->d_flags &= ~DISKFLAG_OPEN;
		}
		if (p->withered)
			post(provider_gone, p);
	}
	return (error);
}

static volatile u_int	taste_word;

static void
taste_done(void *arg, int error)
{

	*(int *)arg = error;
	atomic_add_int(&taste_word, 1);
	host_wake(&taste_word, INT_MAX);
}

static void
taste_read(struct provider *p, off_t offset)
{
	struct kpi_disk d = { p, false };
	volatile int result = -1;
	char *buf;
	u_int turn;

	buf = host_alloc(p->pp.sectorsize);
	kpi_disk_io(&d, KPI_READ, offset, p->pp.sectorsize, buf, taste_done,
	    (void *)(uintptr_t)&result);
	while (turn = taste_word, result == -1)
		host_wait(&taste_word, turn, 100000000);
	host_free(buf);
}

/* Every class looks at the first and the last sector. */
static void
taste(void *arg)
{
	struct provider *p = arg;

	if (p->withered || access(p, 1, 0) != 0)
		return;
	sx_xunlock(&topology_lock);
	taste_read(p, 0);
	if (p->pp.mediasize > p->pp.sectorsize)
		taste_read(p, p->pp.mediasize - p->pp.sectorsize);
	sx_xlock(&topology_lock);
	access(p, -1, 0);
}

static void
disk_born(void *arg)
{
	struct disk *dp = arg;
	struct provider *p;
	char name[64];
	int i;

	dp->d_init_level = DISK_INIT_START;
	if (dp->d_goneflag != 0) {
		if (dp->d_gone != NULL)
			dp->d_gone(dp);
		return;
	}
	p = host_alloc(sizeof(*p));
	p->dp = dp;
	snprintf(name, sizeof(name), "%s%d", dp->d_name, dp->d_unit);
	p->pp.name = p->geom.name = strdup_flags(name, NULL, M_WAITOK);
	p->pp.geom = &p->geom;
	p->consumer.provider = &p->pp;
	p->pp.mediasize = dp->d_mediasize;
	p->pp.sectorsize = dp->d_sectorsize;
	p->pp.private = p;
	LIST_INIT(&p->geom.provider);
	LIST_INSERT_HEAD(&p->geom.provider, &p->pp, provider);
	dp->d_geom = &p->geom;
	kpi_lock(&list_lock);
	for (i = 0; i < PROVIDERS; i++)
		if (providers[i] != NULL &&
		    strcmp(providers[i]->pp.name, p->pp.name) == 0 &&
		    !providers[i]->withered)
			kpi_violation((void *)dp->d_strategy,
			    "two providers named %s", p->pp.name);
	for (i = 0; i < PROVIDERS && providers[i] != NULL; i++)
		;
	if (i == PROVIDERS)
		host_panic("too many disks");
	providers[i] = p;
	kpi_unlock(&list_lock);
	dp->d_init_level = DISK_INIT_DONE;
	printf("GEOM: new disk %s\n", p->pp.name);
	if (dp->d_goneflag != 0)
		wither(p);
	else
		post(taste, p);
}

static struct provider *
provider_of(struct disk *dp)
{
	struct g_provider *pp;

	if (dp->d_geom == NULL)
		return (NULL);
	pp = LIST_FIRST(&dp->d_geom->provider);
	return (pp != NULL ? pp->private : NULL);
}

/* disk(9). */
struct disk *
disk_alloc(void)
{
	struct disk *dp;

	kpi_may_sleep(CALLER, "disk_alloc()");
	dp = host_alloc(sizeof(*dp));
	LIST_INIT(&dp->d_aliases);
	ledger_add(LEDGER_DISK, dp, "disk", CALLER);
	return (dp);
}

void
disk_create(struct disk *dp, int version)
{

	kpi_may_sleep(CALLER, "disk_create()");
	if (version != DISK_VERSION) {
		kpi_violation(CALLER, "disk_create with version %#x", version);
		return;
	}
	if (dp->d_strategy == NULL || dp->d_name == NULL ||
	    dp->d_maxsize == 0 || dp->d_sectorsize == 0)
		kpi_violation(CALLER, "disk without name, size or strategy");
	dp->d_init_level = DISK_INIT_CREATE;
	post(disk_born, dp);
}

void
disk_gone(struct disk *dp)
{
	struct provider *p;

	kpi_no_locks(CALLER, "disk_gone()");
	if (dp->d_goneflag != 0)
		return;
	dp->d_goneflag = 1;
	if (dp->d_init_level < DISK_INIT_DONE)
		return;
	p = provider_of(dp);
	if (p != NULL)
		wither(p);
}

static void
disk_die(void *arg)
{
	struct disk *dp = arg;
	struct provider *p = provider_of(dp);

	if (p != NULL) {
		p->dp = NULL;
		LIST_REMOVE(&p->pp, provider);
	}
	ledger_remove(LEDGER_DISK, dp, NULL);
	memset(dp, 0xde, sizeof(*dp));
	host_free(dp);
}

void
disk_destroy(struct disk *dp)
{

	kpi_no_locks(CALLER, "disk_destroy()");
	if (dp->d_init_level < DISK_INIT_CREATE) {
		ledger_remove(LEDGER_DISK, dp, CALLER);
		host_free(dp);
		return;
	}
	disk_gone(dp);
	dp->d_destroyed = 1;
	post(disk_die, dp);
}

static void
resized(void *arg)
{
	struct provider *p = provider_of(arg);

	if (p == NULL || p->withered)
		return;
	if (p->dp->d_mediasize < p->pp.mediasize && p->opens != 0)
		kpi_violation(NULL, "%s shrinks while open", p->pp.name);
	p->pp.mediasize = p->dp->d_mediasize;
	printf("GEOM: %s has %jd bytes now\n", p->pp.name,
	    (intmax_t)p->pp.mediasize);
}

int
disk_resize(struct disk *dp, int flag)
{

	(void)flag;
	kpi_no_locks(CALLER, "disk_resize()");
	if (dp->d_destroyed || dp->d_geom == NULL)
		return (0);
	post(resized, dp);
	return (0);
}

void
disk_attr_changed(struct disk *dp, const char *attr, int flag)
{

	(void)dp, (void)flag;
	kpi_no_locks(CALLER, "disk_attr_changed()");
	printf("GEOM: attribute %s changed\n", attr);
}

void
disk_add_alias(struct disk *dp, const char *alias)
{

	(void)dp, (void)alias;
}

int
g_handleattr(struct bio *bp, const char *attr, const void *val, int len)
{

	if (strcmp(bp->bio_attribute, attr) != 0)
		return (0);
	if (len == 0) {
		memset(bp->bio_data, 0, bp->bio_length);
		len = (int)strlcpy(bp->bio_data, val, bp->bio_length) + 1;
	} else
		memcpy(bp->bio_data, val, MIN(len, bp->bio_length));
	bp->bio_completed = len;
	return (1);
}

int
g_handleattr_str(struct bio *bp, const char *attr, const char *str)
{

	return (g_handleattr(bp, attr, str, 0));
}

/* Bios. */
static void
request_done(struct request *r, int error)
{
	void (*done)(void *, int) = r->done;
	void *arg = r->arg;

	/* Whatever still points into a completed write shows it on the wire. */
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
		/* The next one first, or the last could end the request. */
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

/* For the Linux half. */
int
kpi_disk_open(const char *name, int write, struct kpi_disk **out)
{
	struct kpi_disk *d;
	struct provider *p = NULL;
	int i, error;

	sx_xlock(&topology_lock);
	kpi_lock(&list_lock);
	for (i = 0; i < PROVIDERS; i++)
		if (providers[i] != NULL && !providers[i]->withered &&
		    strcmp(providers[i]->pp.name, name) == 0)
			p = providers[i];
	kpi_unlock(&list_lock);
	error = p != NULL ? access(p, 1, write ? 1 : 0) : ENOENT;
	sx_xunlock(&topology_lock);
	if (error != 0)
		return (error);
	d = host_alloc(sizeof(*d));
	d->p = p;
	d->write = write != 0;
	*out = d;
	return (0);
}

void
kpi_disk_close(struct kpi_disk *d)
{

	sx_xlock(&topology_lock);
	access(d->p, -1, d->write ? -1 : 0);
	sx_xunlock(&topology_lock);
	host_free(d);
}

long
kpi_disk_size(struct kpi_disk *d)
{

	return (d->p->pp.mediasize);
}

int
kpi_disk_flags(struct kpi_disk *d, int *can_delete, int *can_flush)
{
	struct disk *dp = d->p->dp;

	if (dp == NULL || d->p->withered)
		return (ENXIO);
	*can_delete = (dp->d_flags & DISKFLAG_CANDELETE) != 0;
	*can_flush = (dp->d_flags & DISKFLAG_CANFLUSHCACHE) != 0;
	return (0);
}

int
kpi_disk_attr(struct kpi_disk *d, const char *attr, void *out, u_long size)
{
	struct disk *dp = d->p->dp;
	struct bio bio;
	int error;

	if (dp == NULL || d->p->withered)
		return (ENXIO);
	if (dp->d_getattr == NULL)
		return (ENOIOCTL);
	memset(&bio, 0, sizeof(bio));
	bio.bio_cmd = BIO_GETATTR;
	bio.bio_disk = dp;
	bio.bio_attribute = attr;
	bio.bio_length = size;
	bio.bio_data = out;
	sx_xlock(&topology_lock);
	error = dp->d_getattr(&bio);
	sx_xunlock(&topology_lock);
	if (error != -1)
		return (error);
	/* Declined: geom_disk answers from the disk itself. */
	return (g_handleattr_str(&bio, "GEOM::ident", dp->d_ident) ||
	    g_handleattr_str(&bio, "GEOM::descr", dp->d_descr) ||
	    g_handleattr_str(&bio, "GEOM::attachment", dp->d_attachment) ?
	    0 : ENOIOCTL);
}

int
kpi_disk_info(int index, struct kpi_disk_info *info)
{
	struct provider *p = NULL;
	struct disk *dp;
	int i;

	memset(info, 0, sizeof(*info));
	sx_xlock(&topology_lock);
	for (i = 0; i < PROVIDERS; i++)
		if (providers[i] != NULL && index-- == 0)
			break;
	if (i < PROVIDERS)
		p = providers[i];
	if (p != NULL && (dp = p->dp) != NULL) {
		strlcpy(info->name, p->pp.name, sizeof(info->name));
		strlcpy(info->ident, dp->d_ident, sizeof(info->ident));
		strlcpy(info->descr, dp->d_descr, sizeof(info->descr));
		strlcpy(info->attachment, dp->d_attachment,
		    sizeof(info->attachment));
		info->mediasize = p->pp.mediasize;
		info->sectorsize = p->pp.sectorsize;
		info->stripesize = dp->d_stripesize;
		info->stripeoffset = dp->d_stripeoffset;
		info->maxsize = dp->d_maxsize;
		info->rotation = dp->d_rotation_rate;
		info->can_delete = (dp->d_flags & DISKFLAG_CANDELETE) != 0;
		info->can_flush = (dp->d_flags & DISKFLAG_CANFLUSHCACHE) != 0;
		info->unmapped = (dp->d_flags & DISKFLAG_UNMAPPED_BIO) != 0;
		info->write_protect = (dp->d_flags &
		    DISKFLAG_WRITE_PROTECT) != 0;
		info->opens = p->opens;
		info->gone = p->withered;
	}
	sx_xunlock(&topology_lock);
	return (p != NULL ? 0 : ENOENT);
}

void
kpi_disk_boot(void)
{

	sx_init(&topology_lock, "GEOM topology");
	ledger_remove(LEDGER_LOCK, &topology_lock, NULL);
	host_thread("g_event", event_thread, NULL);
}
