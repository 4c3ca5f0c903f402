/* SPDX-License-Identifier: BSD-2-Clause */
/* Links: the table of the interfaces in use. */
#ifndef _AOE_LINK_H_
#define	_AOE_LINK_H_

#include "aoe_base.h"

/*
 * A listed local interface.  (l): aoe_link_mtx to write, the net epoch to
 * read.  (m): aoe_link_mtx.
 */
struct aoe_link {
	uintptr_t	l_ifp;			/* (l) 0: do not send or
						   receive */
	if_t		l_ref;			/* (l) our reference */
	struct aoe_link_state l_state;		/* (x) last passed to core */
	char		l_name[IFNAMSIZ];	/* (m) kept after departure */
};
extern struct aoe_link aoe_links[AOE_LINKS];
extern struct mtx aoe_link_mtx;
if_t	aoe_link_if(u_int link);
int	aoe_link_of(if_t);
bool	aoe_link_is_up(if_t);
void	aoe_link_name(u_int link, char *buf, size_t size);
bool	aoe_links_any(void);
u_int	aoe_links_mtu(void);
u_int	aoe_links_mtu_locked(void);
#endif /* _AOE_LINK_H_ */
