/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Providers as the Linux half uses them: open, close, query, list.
 */
#include "kpi.h"
#include "kpi_geom.h"

int
kpi_disk_open(const char *name, int write, struct kpi_disk **out)
{
	struct kpi_disk *d;
	struct provider *p = NULL;
	int i, error;

	sx_xlock(&topology_lock);
	kpi_lock(&kpi_providers_lock);
	for (i = 0; i < PROVIDERS; i++)
		if (kpi_providers[i] != NULL && !kpi_providers[i]->withered &&
		    strcmp(kpi_providers[i]->pp.name, name) == 0)
			p = kpi_providers[i];
	kpi_unlock(&kpi_providers_lock);
	error = p != NULL ? kpi_access(p, 1, write ? 1 : 0) : ENOENT;
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
	kpi_access(d->p, -1, d->write ? -1 : 0);
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
	/* The driver declined: geom_disk answers from struct disk. */
	if (strcmp(attr, "GEOM::kerneldump") == 0)
		return (dp->d_dump != NULL ? 0 : ENODEV);
	return (g_handleattr_str(&bio, "GEOM::ident", dp->d_ident) ||
	    g_handleattr_str(&bio, "GEOM::descr", dp->d_descr) ||
	    g_handleattr_str(&bio, "GEOM::attachment", dp->d_attachment) ?
	    0 : ENOIOCTL);
}

static void
class_name(struct kpi_disk_info *info, int class)
{

	if (info->classes[0] != '\0')
		strlcat(info->classes, " ", sizeof(info->classes));
	strlcat(info->classes, kpi_class_name(class), sizeof(info->classes));
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
		if (kpi_providers[i] != NULL && index-- == 0)
			break;
	if (i < PROVIDERS)
		p = kpi_providers[i];
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
		for (i = 0; i < kpi_nclasses; i++)
			if ((p->found & 1U << i) != 0)
				class_name(info, i);
	}
	sx_xunlock(&topology_lock);
	return (p != NULL ? 0 : ENOENT);
}
