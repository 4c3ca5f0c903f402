/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * An interface, as shared by kpi_if.c, kpi_net.c and kpi_dump.c.
 */
#ifndef _KLD_KPI_IF_H_
#define	_KLD_KPI_IF_H_

#include <sys/socket.h>
#include <sys/sockio.h>

#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_types.h>
#include <net/if_var.h>
#include <net/if_private.h>
#include <net/vnet.h>

struct kpi_if {
	struct ifnet	 ifn;		/* first: the module's if_t */
	void		*host;
	u_char		 lladdr[ETHER_ADDR_LEN];
	volatile u_int	 refs;		/* references of the module */
	u_long		 in, out, passed;
	bool		 attached;
	volatile bool	 polled;	/* input is queued for kpi_dump.c */
	struct mbuf	*queue;		/* frames received while polled */
	struct kpi_if	*next_gone;	/* in the list of detached ones */
};

void	kpi_poll_queue(struct kpi_if *, struct mbuf *);

static inline struct kpi_if *
kif(const struct ifnet *ifp)
{

	return (__DECONST(struct kpi_if *, ifp));
}
#endif /* _KLD_KPI_IF_H_ */
