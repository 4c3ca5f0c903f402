/* SPDX-License-Identifier: BSD-2-Clause */
/* Targets: their table, and the frames that they receive. */
#ifndef _AOE_TARGET_H_
#define	_AOE_TARGET_H_

#include "aoe_node.h"

/* aoe_target.c */
struct aoe_softc *aoe_target_find(uint16_t major, uint8_t minor);
void	aoe_target_receive(struct aoe_softc *, const struct aoe_frame *,
	    const struct mbuf *);
void	aoe_target_offer(const struct aoe_frame *);
void	aoe_target_reap(struct aoe_softc *);
void	aoe_target_free(struct aoe_softc *);
void	aoe_targets_abort(void);
void	aoe_targets_revalidate(void);

/* aoe_net.c */
int	aoe_net_init(void);
void	aoe_net_fini(void);
#endif /* _AOE_TARGET_H_ */
