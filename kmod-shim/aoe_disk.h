/* SPDX-License-Identifier: BSD-2-Clause */
/* Disks, and crash dumps to them. */
#ifndef _AOE_DISK_H_
#define	_AOE_DISK_H_

#include "aoe_target.h"

/* aoe_dump.c */
void	aoe_dump_prepare(void);
const char *aoe_dump_refusal(struct aoe_softc *);
int	aoe_dump_write(void *, void *, off_t offset, size_t length);

/* aoe_disk.c */
void	aoe_disk_serve(struct aoe_softc *);
#endif /* _AOE_DISK_H_ */
