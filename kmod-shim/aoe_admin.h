/* SPDX-License-Identifier: BSD-2-Clause */
/* The administrator's interface: sysctl nodes, /dev/aoectl, the boot table. */
#ifndef _AOE_ADMIN_H_
#define	_AOE_ADMIN_H_

#include "aoe_life.h"

/* aoe_abft.c */
bool	aoe_abft_interface(char *name, size_t size);

/* aoe_sysctl.c */
void	aoe_sysctl_init(void);
void	aoe_sysctl_add(void);
void	aoe_sysctl_remove(void);
void	aoe_sysctl_apply(void);

/* aoe_ctl.c */
int	aoe_ctl_start(void);
void	aoe_ctl_stop(void);
#endif /* _AOE_ADMIN_H_ */
