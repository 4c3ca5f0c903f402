/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the files of disk(9) and GEOM share.
 */
#ifndef _KLD_KPI_GEOM_H_
#define	_KLD_KPI_GEOM_H_

#include <sys/bio.h>
#include <sys/sx.h>

#include <geom/geom.h>
#include <geom/geom_disk.h>

#define	PROVIDERS	1024

struct provider {
	struct g_provider	 pp;
	struct g_geom		 geom;
	struct g_consumer	 consumer;
	struct disk		*dp;		/* NULL once destroyed */
	int			 opens, writers;
	unsigned		 found;		/* classes that know it */
	bool			 spoiled;	/* and are about to go */
	volatile u_int		 bios;		/* in the driver */
	bool			 withered;
	bool			 gone;		/* d_gone was called */
};

/* What kpi_disk_open hands out. */
struct kpi_disk {
	struct provider	*p;
	bool		 write;
};

extern struct sx	topology_lock;
extern struct provider	*kpi_providers[PROVIDERS];
extern struct kmutex	kpi_providers_lock;

/* Of kpi_disk_io(): as g_read_data() reads, a class of GEOM's waits. */
#define	KPI_TASTE	0x200

/* The classes that taste. */
extern const int	kpi_nclasses;
const char	*kpi_class_name(int);

/* Opens and closes, as geom_disk does it; the topology is locked. */
int	kpi_access(struct provider *, int opens, int writers);
#endif /* _KLD_KPI_GEOM_H_ */
