/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The disk(9) side: one provider per target.
 *
 * Knows: GEOM's rules for disks.
 * Must not know: frames, interfaces, or when to create which disk; the core
 * decides that (fate.rs).
 *
 * Only the lifecycle thread creates, resizes and removes a disk.  Between
 * disk_gone() and aoe_disk_gone(), bios still arrive, and the core refuses
 * them.
 */
#include "aoe_disk.h"

#include <sys/conf.h>
#include <sys/disk.h>

#include <geom/geom.h>
#include <geom/geom_disk.h>

static disk_open_t	aoe_disk_open;
static disk_close_t	aoe_disk_close;
static disk_strategy_t	aoe_disk_strategy;
static disk_getattr_t	aoe_disk_getattr;
static disk_gone_t	aoe_disk_gone;

static void
aoe_disk_strategy(struct bio *bp)
{
	struct aoe_softc *sc = bp->bio_disk->d_drv1;

	switch (bp->bio_cmd) {
	case BIO_WRITE:
	case BIO_DELETE:
		/* GEOM checks this only at the first open, not at others. */
		if ((bp->bio_disk->d_flags & DISKFLAG_WRITE_PROTECT) != 0) {
			bp->bio_bcount = bp->bio_length;
			aoe_bio_done(bp, EROFS);
			break;
		}
		/* FALLTHROUGH */
	case BIO_READ:
		aoe_submit(sc, bp);
		break;
	case BIO_FLUSH:
		bp->bio_bcount = 0;
		aoe_submit(sc, bp);
		break;
	case BIO_SPEEDUP:
		/* A hint, with a length but no data; we have nothing to do. */
		bp->bio_bcount = bp->bio_length;
		aoe_bio_done(bp, 0);
		break;
	default:
		bp->bio_bcount = bp->bio_length;
		aoe_bio_done(bp, EOPNOTSUPP);
		break;
	}
}

/* First open.  GEOM's topology lock is held, so this must not wait. */
static int
aoe_disk_open(struct disk *dp)
{
	struct aoe_softc *sc = dp->d_drv1;
	uint64_t now;
	int error;

	now = aoe_input_begin(sc);
	/* Unloading sets aoe_closing before it looks for open disks. */
	error = sc->sc_disk != dp || atomic_load_bool(&aoe_closing) ? ENXIO :
	    aoe_core_open(sc->sc_core, now);
	aoe_input_end(sc);
	return (error);
}

/* Last close, also of a disk that is being removed. */
static int
aoe_disk_close(struct disk *dp)
{
	struct aoe_softc *sc = dp->d_drv1;
	uint64_t now;

	now = aoe_input_begin(sc);
	aoe_core_close(sc->sc_core, now);
	/* A job of the disk may be possible now. */
	aoe_life_attention(sc);
	aoe_input_end(sc);
	return (0);
}

/* The disk's World Wide Name: 0, or -1 if it has none. */
static int
aoe_disk_lunid(struct aoe_softc *sc, char *buf, size_t size)
{
	struct aoe_identity identity;
	uint8_t page[512];
	int error;

	mtx_lock(&sc->sc_mtx);
	error = aoe_core_identify(sc->sc_core, page);
	mtx_unlock(&sc->sc_mtx);
	if (error != 0)
		return (-1);
	aoe_core_identity(page, &identity);
	if (identity.wwn == 0)
		return (-1);
	snprintf(buf, size, "%016jx", (uintmax_t)identity.wwn);
	return (0);
}

/*
 * geom_disk itself also calls this, with a bio that has no provider.  Therefore
 * the attribute is only copied into the bio's buffer, and the bio is not
 * delivered here.
 */
static int
aoe_disk_getattr(struct bio *bp)
{
	struct aoe_softc *sc = bp->bio_disk->d_drv1;
	const char *why;
	int error;

	error = -1;
	if (strcmp(bp->bio_attribute, "GEOM::kerneldump") == 0) {
		/* geom_disk itself answers this, unless it is refused here. */
		why = aoe_dump_refusal(sc);
		if (why != NULL) {
			printf("aoe: %s cannot take dumps: %s\n", sc->sc_name,
			    why);
			return (ENODEV);
		}
	} else if (strcmp(bp->bio_attribute, "GEOM::physpath") == 0) {
		snprintf(bp->bio_data, bp->bio_length, "aoe/shelf@%u/slot@%u",
		    sc->sc_major, sc->sc_minor);
		error = 0;
	} else if (strcmp(bp->bio_attribute, "GEOM::lunid") == 0)
		error = aoe_disk_lunid(sc, bp->bio_data, bp->bio_length);
	if (error == 0)
		bp->bio_completed = bp->bio_length;
	return (error);
}

/*
 * d_gone: GEOM has released the disk, and no bio, open or close follows.
 * Called by GEOM's event thread, with the topology lock held.
 */
static void
aoe_disk_gone(struct disk *dp)
{
	struct aoe_softc *sc = dp->d_drv1;

	disk_destroy(dp);
	mtx_lock(&sc->sc_mtx);
	KASSERT(sc->sc_disk == dp, ("%s: not our disk", sc->sc_name));
	sc->sc_disk = NULL;
	aoe_core_disk_let_go(sc->sc_core);
	aoe_life_attention(sc);
	mtx_unlock(&sc->sc_mtx);
}

static void
aoe_disk_make(struct aoe_softc *sc, const struct aoe_disk_job *job)
{
	struct aoe_target_info info;
	struct disk *dp;

	dp = disk_alloc();
	mtx_lock(&sc->sc_mtx);
	aoe_core_info(sc->sc_core, aoe_now(), &info);
	mtx_unlock(&sc->sc_mtx);
	dp->d_name = sc->sc_dname;
	dp->d_unit = sc->sc_minor;
	dp->d_drv1 = sc;
	dp->d_open = aoe_disk_open;
	dp->d_close = aoe_disk_close;
	dp->d_strategy = aoe_disk_strategy;
	dp->d_getattr = aoe_disk_getattr;
	dp->d_gone = aoe_disk_gone;
	dp->d_dump = aoe_dump_write;
	dp->d_sectorsize = info.sector_logical;
	dp->d_mediasize = (off_t)job->sectors * AOE_SECTOR;
	dp->d_maxsize = maxphys;
	/* The largest delete in one DATA SET MANAGEMENT command. */
	dp->d_delmaxsize = (off_t)AOE_DELETE_MAX * AOE_SECTOR;
	dp->d_stripesize = info.sector_physical;
	/* Where LBA 0 lies in its stripe: GEOM and ATA word 209 agree. */
	dp->d_stripeoffset = info.sector_offset;
	dp->d_rotation_rate = info.rotation_rate;
	strlcpy(dp->d_ident, info.serial, sizeof(dp->d_ident));
	strlcpy(dp->d_descr, info.model, sizeof(dp->d_descr));
	strlcpy(dp->d_attachment, "aoe", sizeof(dp->d_attachment));
	dp->d_flags = DISKFLAG_UNMAPPED_BIO | DISKFLAG_DIRECT_COMPLETION;
	if ((info.flags & AOE_INFO_FLUSH) != 0)
		dp->d_flags |= DISKFLAG_CANFLUSHCACHE;
	if ((info.flags & AOE_INFO_DELETE) != 0)
		dp->d_flags |= DISKFLAG_CANDELETE;
	if (job->read_only != 0)
		dp->d_flags |= DISKFLAG_WRITE_PROTECT;
	mtx_lock(&sc->sc_mtx);
	sc->sc_disk = dp;
	aoe_core_disk_made(sc->sc_core);
	mtx_unlock(&sc->sc_mtx);
	disk_create(dp, DISK_VERSION);
}

/*
 * Have GEOM taste the disk again.  Tasting spoils every consumer, and a file
 * system on the disk would lose it, so the disk must be closed; the topology
 * lock prevents opens meanwhile.  Another holder of that lock may be waiting
 * for our I/O, and this thread serves all targets.  Therefore the lock is only
 * tried; the next attempt follows within a second.
 */
static void
aoe_disk_taste(struct aoe_softc *sc)
{
	struct disk *dp;

	if (!g_topology_try_lock())
		return;
	mtx_lock(&sc->sc_mtx);
	dp = aoe_core_disk_taste(sc->sc_core) != 0 ? sc->sc_disk : NULL;
	mtx_unlock(&sc->sc_mtx);
	/* M_WAITOK: a dropped event would leave the consumers spoiled. */
	if (dp != NULL)
		disk_media_changed(dp, M_WAITOK);
	g_topology_unlock();
}

/*
 * Carry out the jobs for the disk.  Only this thread, the lifecycle thread,
 * removes a disk, so `dp` stays valid without the mutex.  GEOM ignores a resize
 * before the provider exists; the first open then reads d_mediasize.
 */
void
aoe_disk_serve(struct aoe_softc *sc)
{
	struct aoe_disk_job job;
	struct disk *dp;

	for (;;) {
		mtx_lock(&sc->sc_mtx);
		aoe_core_disk_next(sc->sc_core, &job);
		dp = sc->sc_disk;
		if (job.job == AOE_JOB_RESIZE)
			dp->d_mediasize = (off_t)job.sectors * AOE_SECTOR;
		mtx_unlock(&sc->sc_mtx);
		switch (job.job) {
		case AOE_JOB_REMOVE:
			disk_gone(dp);
			break;
		case AOE_JOB_MAKE:
			aoe_disk_make(sc, &job);
			break;
		case AOE_JOB_RESIZE:
			disk_resize(dp, M_WAITOK);
			break;
		case AOE_JOB_TASTE:
			aoe_disk_taste(sc);
			return;
		default:
			return;
		}
	}
}
