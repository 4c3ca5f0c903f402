/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames: the data of bios, mbufs, and sending. */
#ifndef _AOE_FRAME_H_
#define	_AOE_FRAME_H_

#include "aoe_link.h"

/* aoe_bio.c */
bool	aoe_bio_tastes(const struct bio *);
void	aoe_bio_done(struct bio *, int error);
void	aoe_bio_write_to(struct bio *, size_t offset, size_t length, char *to);
void	aoe_bio_read_from(struct bio *, size_t offset, size_t length,
	    const struct mbuf *, size_t from);

/* aoe_mbuf.c */
#define	AOE_MTU_MAX		65535
void	aoe_mbuf_init(void);
void	aoe_mbuf_fini(void);
struct mbuf *aoe_frame_build(struct aoe_softc *, const struct aoe_output *);
struct mbuf *aoe_frame_bare(const struct aoe_output *);
void	aoe_frame_deliver(struct aoe_softc *, const struct aoe_copy *,
	    const struct mbuf *);
void	aoe_bufs_reap(struct aoe_softc *, uint64_t now);
void	aoe_bufs_trim(struct aoe_softc *);
void	aoe_reserve_fill(struct aoe_softc *);
void	aoe_reserve_free(struct aoe_softc *);

/* aoe_net_send.c */
void	aoe_net_send_all(const struct aoe_output *, struct mbuf **, u_int n);
void	aoe_net_send_in_epoch(const struct aoe_output *, struct mbuf **,
	    u_int n);
#endif /* _AOE_FRAME_H_ */
