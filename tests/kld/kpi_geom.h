/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Declarations shared by the files that implement disk(9) and GEOM.
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
	unsigned		 found;		/* bits: classes attached */
	bool			 spoiled;	/* classes are to detach */
	volatile u_int		 bios;		/* in the driver */
	bool			 withered;
	bool			 gone;		/* d_gone was called */
};

/* An open provider, as kpi_disk_open() returns it. */
struct kpi_disk {
	struct provider	*p;
	bool		 write;
};

extern struct sx	topology_lock;
extern struct provider	*kpi_providers[PROVIDERS];
extern struct kmutex	kpi_providers_lock;

/* Flag of kpi_disk_io(): a GEOM class reads, sleeping in g_read_data(). */
#define	KPI_TASTE	0x200

/* The GEOM classes that taste providers. */
extern const int	kpi_nclasses;
const char	*kpi_class_name(int);

/* Opens and closes as geom_disk does; called with the topology lock held. */
int	kpi_access(struct provider *, int opens, int writers);
#endif /* _KLD_KPI_GEOM_H_ */
