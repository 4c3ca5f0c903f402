/* SPDX-License-Identifier: BSD-2-Clause */
/* The lifecycle thread, and root on AoE. */
#ifndef _AOE_LIFE_H_
#define	_AOE_LIFE_H_

#include "aoe_disk.h"

/* aoe_boot.c */
void	aoe_boot_hold(void);
void	aoe_boot_fini(void);
void	aoe_boot_poll(void);
void	aoe_boot_release(void);

/* aoe_life.c */
int	aoe_life_init(void);
void	aoe_life_start(void);
void	aoe_life_stop(void);
void	aoe_life_free_targets(void);
#endif /* _AOE_LIFE_H_ */
