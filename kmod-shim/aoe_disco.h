/* SPDX-License-Identifier: BSD-2-Clause */
/* Discovery, and targets without a disk. */
#ifndef _AOE_DISCO_H_
#define	_AOE_DISCO_H_

#include "aoe_run.h"

/* aoe_disco.c */
extern struct mtx aoe_disco_mtx;
extern struct aoe_disco *aoe_disco;		/* (d) */
int	aoe_disco_init(void);
void	aoe_disco_fini(void);
void	aoe_disco_run(void);
void	aoe_disco_ask(uint16_t major, uint8_t minor);
void	aoe_disco_beacon(void);
bool	aoe_disco_listed(const char *name);
void	aoe_disco_link(u_int link, const struct aoe_link_state *);
void	aoe_disco_offer(const struct aoe_frame *);
void	aoe_disco_judge(struct aoe_frame *, const struct mbuf *);
bool	aoe_disco_news(struct aoe_frame *);

/* aoe_absent.c */
bool	aoe_absent_note(uint16_t major, uint8_t minor, u_int event,
	    uint64_t value);
void	aoe_absent_say(uint16_t major, uint8_t minor, u_int event,
	    uint64_t value);
void	aoe_absent_forget(uint16_t major, uint8_t minor);
int	aoe_absent_get(struct aoe_ioc_absent *);
#endif /* _AOE_DISCO_H_ */
