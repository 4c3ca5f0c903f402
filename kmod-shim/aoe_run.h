/* SPDX-License-Identifier: BSD-2-Clause */
/* The run loop. */
#ifndef _AOE_RUN_H_
#define	_AOE_RUN_H_

#include "aoe_frame.h"

uint64_t aoe_input_begin(struct aoe_softc *);
uint64_t aoe_input_locked(struct aoe_softc *);
void	aoe_input_end(struct aoe_softc *);
void	aoe_input_end_in_epoch(struct aoe_softc *);
void	aoe_run_init(struct aoe_softc *);
void	aoe_run_stop(struct aoe_softc *);
void	aoe_submit(struct aoe_softc *, struct bio *);
#endif /* _AOE_RUN_H_ */
