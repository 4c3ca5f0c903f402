/* SPDX-License-Identifier: BSD-2-Clause */
/* Interfaces: scans, and the events that request them. */
#ifndef _AOE_LINKS_H_
#define	_AOE_LINKS_H_

#include "aoe_disco.h"

/* aoe_link_scan.c */
void	aoe_links_scan(void);
void	aoe_links_introduce(struct aoe_softc *);
void	aoe_links_release(void);
void	aoe_link_departs(void *, if_t);

/* aoe_link_watch.c */
int	aoe_link_init(void);
void	aoe_link_fini(void);
void	aoe_links_start(void);
void	aoe_links_stop(void);
#endif /* _AOE_LINKS_H_ */
