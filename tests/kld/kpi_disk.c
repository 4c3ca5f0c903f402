/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * disk(9) and the parts of GEOM that it depends on: one event thread, which
 * holds the topology lock, tasting, access counts, withering.  Bios are in
 * kpi_bio.c.
 */
#include "kpi.h"
#include "kpi_geom.h"

struct event {
	struct event	*next;
	void		(*fn)(void *);
	void		*arg;
};

struct sx		topology_lock;
struct provider		*kpi_providers[PROVIDERS];
struct kmutex		kpi_providers_lock;
static struct event	*events, **events_end = &events;
static struct kmutex	events_lock;
static volatile u_int	events_turn;
static volatile u_int	events_busy;
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
		while (*(volatile int *)&kpi_faults.geom_stuck != 0)
			host_sleep_ns(1000000);
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
		host_wait(&events_turn, turn, -1);
}

void
kpi_geom_idle(void)
{

	g_waitidle(curthread);
}

/* Providers. */
static void
provider_free(struct provider *p)
{

	host_free(__DECONST(char *, p->pp.name));
	host_free(p);
}

static void
provider_gone(void *arg)
{
	struct provider *p = arg;

	if (p->gone || p->opens != 0)
		return;
	p->gone = true;
	kpi_lock(&kpi_providers_lock);
	for (int i = 0; i < PROVIDERS; i++)
		if (kpi_providers[i] == p)
			kpi_providers[i] = NULL;
	kpi_unlock(&kpi_providers_lock);
	if (p->bios != 0)
		kpi_violation(NULL, "%s goes with %u bios in the driver",
		    p->pp.name, p->bios);
	if (p->dp == NULL)
		provider_free(p);
	else if (p->dp->d_gone != NULL)
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

static void	spoil(void *);
static void	taste(void *);

int
kpi_access(struct provider *p, int opens, int writers)
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
	/* g_access(): the first writer spoils, the last one's close tastes. */
	if (p->writers == 0 && writers > 0)
		post(spoil, p);
	else if (p->writers != 0 && p->writers == -writers && !p->withered)
		post(taste, p);
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
	SYNC_GIVE(&taste_word);
	atomic_add_int(&taste_word, 1);
	host_wake(&taste_word, INT_MAX);
}

/* Reads a sector as g_read_data() does; NULL for an error. */
static char *
taste_read(struct provider *p, off_t offset)
{
	struct kpi_disk d = { p, false };
	volatile int result = -1;
	char *buf;
	u_int turn;

	buf = host_alloc(p->pp.sectorsize);
	kpi_disk_io(&d, KPI_READ | KPI_TASTE, offset, p->pp.sectorsize, buf,
	    taste_done, (void *)(uintptr_t)&result);
	while (turn = taste_word, result == -1)
		host_wait(&taste_word, turn, -1);
	SYNC_TAKE(&taste_word);
	if (result == 0)
		return (buf);
	host_free(buf);
	return (NULL);
}

/* What g_part and g_label look for: a partition table, and a label. */
static const struct {
	const char	*name;
	bool		 last;			/* last sector, or first */
	int		 offset;
	const char	*magic;
} classes[] = {
	{ "PART", false, 510, "\x55\xaa" },
	{ "LABEL", true, 0, "GEOM::LABEL" },
};
const int kpi_nclasses = nitems(classes);

const char *
kpi_class_name(int class)
{

	return (classes[class].name);
}

/* A class opens the provider and reads a sector; after an error, no retry. */
static void
taste_by(struct provider *p, int class)
{
	char *buf;

	if (kpi_access(p, 1, 0) != 0)
		return;
	sx_xunlock(&topology_lock);
	buf = taste_read(p, classes[class].last ?
	    p->pp.mediasize - p->pp.sectorsize : 0);
	sx_xlock(&topology_lock);
	kpi_access(p, -1, 0);
	if (buf == NULL)
		return;
	if (memcmp(buf + classes[class].offset, classes[class].magic,
	    strlen(classes[class].magic)) == 0)
		p->found |= 1U << class;
	host_free(buf);
}

/* g_new_provider_event(). */
static void
taste(void *arg)
{
	struct provider *p = arg;
	int i;

	for (i = 0; i < kpi_nclasses && !p->withered; i++)
		if ((p->found & 1U << i) == 0)
			taste_by(p, i);
}

/* g_spoil_event(): the classes detach, and so do their users. */
static void
spoil(void *arg)
{
	struct provider *p = arg;

	p->found = 0;
	p->spoiled = false;
}

/* g_media_changed_event(). */
static void
media_changed(void *arg)
{
	struct provider *p = arg;
	bool retaste;

	if (p->withered)
		return;
	retaste = p->writers == 0;
	spoil(p);
	if (retaste)
		post(taste, p);
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
	kpi_lock(&kpi_providers_lock);
	for (i = 0; i < PROVIDERS; i++)
		if (kpi_providers[i] != NULL &&
		    strcmp(kpi_providers[i]->pp.name, p->pp.name) == 0 &&
		    !kpi_providers[i]->withered)
			kpi_violation((void *)dp->d_strategy,
			    "two providers named %s", p->pp.name);
	for (i = 0; i < PROVIDERS && kpi_providers[i] != NULL; i++)
		;
	if (i == PROVIDERS)
		host_panic("too many disks");
	kpi_providers[i] = p;
	kpi_unlock(&kpi_providers_lock);
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
	if (dp->d_init_level != DISK_INIT_NONE)
		kpi_violation(CALLER, "disk created twice");
	if (dp->d_strategy == NULL || dp->d_name == NULL ||
	    dp->d_name[0] == '\0' || strlen(dp->d_name) >= SPECNAMELEN - 4 ||
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
		if (p->gone)
			provider_free(p);
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

	kpi_no_locks(CALLER, "disk_resize()");
	if (((flag & M_WAITOK) != 0) == ((flag & M_NOWAIT) != 0))
		kpi_violation(CALLER, "disk_resize with neither or both of "
		    "M_WAITOK and M_NOWAIT");
	if (flag & M_WAITOK)
		kpi_may_sleep(CALLER, "disk_resize(M_WAITOK)");
	else if (kpi_alloc_fails(flag))
		return (ENOMEM);
	if (dp->d_destroyed || dp->d_geom == NULL)
		return (0);
	post(resized, dp);
	return (0);
}

/*
 * The kernel asserts none of what is checked here.  But it walks the consumers,
 * which is unsafe without the topology lock.  If there is no memory for the
 * event, they stay spoiled.  And the event of an open disk detaches the users
 * of its consumers.
 */
void
disk_media_changed(struct disk *dp, int flag)
{
	struct provider *p;

	if (flag != M_WAITOK)
		kpi_violation(CALLER, "disk_media_changed() that can fail");
	kpi_may_sleep(CALLER, "disk_media_changed()");
	if (sx_xholder(&topology_lock) != curthread)
		kpi_violation(CALLER, "disk_media_changed() without the "
		    "topology lock");
	p = provider_of(dp);
	if (p == NULL)
		return;
	if (p->opens != 0)
		kpi_violation(CALLER, "%s is spoiled while it is open",
		    p->pp.name);
	p->spoiled = true;
	post(media_changed, p);
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

void
kpi_disk_boot(void)
{

	sx_init(&topology_lock, "GEOM topology");
	ledger_remove(LEDGER_LOCK, &topology_lock, NULL);
	host_thread("g_event", event_thread, NULL);
}
