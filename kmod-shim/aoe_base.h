/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The lowest floor (layer): declarations for every file.  aoe_kern.c describes
 * the locking.  The letter in the comment on a member names its guard:
 *
 *	(c)	constant once other threads can find the object
 *	(t)	the target's sc_mtx
 *	(d)	aoe_disco_mtx
 *	(x)	aoe_conf_sx, held exclusively to write
 *	(kx)	like (x), but only the lifecycle thread writes, and that thread
 *		reads without the lock
 *	(a)	atomic
 *	(k)	used only by the lifecycle thread
 */
#ifndef _AOE_BASE_H_
#define	_AOE_BASE_H_

#include <sys/types.h>
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/kernel.h>
#include <sys/lock.h>
#include <sys/mutex.h>
#include <sys/sx.h>
#include <sys/malloc.h>
#include <sys/callout.h>
#include <sys/counter.h>
#include <sys/queue.h>
#include <sys/sdt.h>
#include <sys/sysctl.h>
#include <sys/taskqueue.h>
#include <sys/time.h>
#include <sys/socket.h>
#include <sys/bio.h>

#include <net/if.h>
#include <net/if_var.h>

#include "aoe_abi.h"

#ifndef AOE_VERSION
#define	AOE_VERSION	"2.0.0"
#endif

#define	AOE_BATCH		8	/* outputs per turn of the drain */
#define	AOE_SECTOR		512

struct disk;
struct mbuf;
struct aoe_buf;				/* in aoe_mbuf.c */
struct aoe_ioc_absent;
struct aoe_ioc_log;

MALLOC_DECLARE(M_AOE);

/* Values of sc_drain. */
#define	AOE_DRAIN_IDLE		0
#define	AOE_DRAIN_BUSY		1	/* a thread drains */
#define	AOE_DRAIN_MORE		2	/* ... and must take one more turn */

/* One target. */
struct aoe_softc {
	struct mtx	sc_mtx;
	struct aoe_target *sc_core;		/* (t) the core's memory */
	uint16_t	sc_major;		/* (c) */
	uint8_t		sc_minor;		/* (c) */
	char		sc_name[16];		/* (c) such as aoe7e3 */
	char		sc_dname[16];		/* (c) aoe7e; disk(9) adds 3 */
	uintptr_t	sc_hash_next;		/* (kx), epoch to read */
	TAILQ_ENTRY(aoe_softc) sc_link;		/* (kx) */

	/* Running the core. */
	uint64_t	sc_now;			/* (t) time of the last input */
	u_int		sc_drain;		/* (a) AOE_DRAIN_* */
	bool		sc_dead;		/* (t) about to be freed */
	struct task	sc_task;		/* (c) takes over long drains */
	struct callout	sc_callout;		/* (t) */
	uint64_t	sc_armed;		/* (t) when it fires */
	struct bio_queue sc_waiting;		/* (t) refused with EAGAIN */

	/* Buffers of frames, see aoe_mbuf.c. */
	uintptr_t	sc_sent;		/* (a) returned, not reaped */
	struct aoe_buf	*sc_kept;		/* (t) for the next frames */
	u_int		sc_nkept;		/* (t) length of sc_kept */
	u_int		sc_kept_class;		/* (t) smallest one to keep */
	u_int		sc_out;			/* (t) sent and not reaped */

	/* For the lifecycle task. */
	u_int		sc_attention;		/* (a) serve this target */

	/* The current management command, see aoe_ctl.c. */
	u_int		sc_ctl_users;		/* (t) threads that use us */
	bool		sc_ctl_busy;		/* (t) one has a command */
	bool		sc_ctl_done;		/* (t) ... that is complete */
	struct aoe_output sc_ctl_output;	/* (t) its CONTROL_DONE */

	/* The disk. */
	struct disk	*sc_disk;		/* (t) */

	/* Settings of this target. */
	struct aoe_own	sc_own;			/* (t) */

	/* Its sysctl nodes. */
	struct sysctl_ctx_list sc_sysctl;	/* (k) */
	struct sysctl_oid *sc_path_node;	/* (k) */
	u_int		sc_path_nodes;		/* (k) paths that have a node */
};

/* Counters of the module as a whole, in the order of AOE_TREE_STATS. */
enum aoe_stat {
	AOE_STAT_RX_FRAMES,
	AOE_STAT_RX_MALFORMED,
	AOE_STAT_RX_STRANGERS,
	AOE_STAT_RX_GROUP,
	AOE_STAT_RX_FILTERED,
	AOE_STAT_TX_FRAMES,
	AOE_STAT_TX_ERRORS,
	AOE_STAT_TX_LINK_DOWN,
	AOE_STAT_TX_TOO_LONG,
	AOE_STAT_NO_BUFFER,
	AOE_STAT_RESERVE_USED,
	AOE_STAT_IO_QUEUED,
	AOE_STAT_TARGETS_REFUSED,
	AOE_STAT_NEWS_LOST,
	AOE_STATS
};

extern struct aoe_limits aoe_limits;		/* (c) */
extern struct aoe_config aoe_config;		/* (x), read by aoe_get() */
_Static_assert(sizeof(u_int) == sizeof(int32_t), "settings are read as int");
#define	aoe_get(name)	atomic_load_int(&aoe_config.name)
extern struct sx aoe_conf_sx;
extern TAILQ_HEAD(aoe_targets, aoe_softc) aoe_targets;	/* (kx) */
extern struct taskqueue *aoe_run_tq;		/* (c) */
extern struct taskqueue *aoe_links_tq;		/* (c) */
extern struct task aoe_links_task;		/* (c) */
extern struct taskqueue *aoe_life_tq;		/* (c) */
extern struct task aoe_life_task;		/* (c) */
extern u_int aoe_life_work;			/* (a) AOE_WORK_* */
extern bool aoe_ready;				/* (x) loaded, not unloading */
extern bool aoe_closing;			/* (a) opens are refused */
extern bool aoe_shutting_down;			/* (a) */
extern counter_u64_t aoe_stats[AOE_STATS];	/* (c) */

static inline void
aoe_count(enum aoe_stat which)
{

	counter_u64_add(aoe_stats[which], 1);
}

/*
 * The core's only clock, in us.  It is read with the object's mutex held, so
 * that no input has an earlier time than the one before it.  sbttous() would
 * also handle negative times, at twice the cost.
 */
static inline uint64_t
aoe_now(void)
{
	uint64_t now;

	now = (uint64_t)sbinuptime();
	return ((now >> 32) * 1000000 +
	    ((now & UINT32_MAX) * 1000000 >> 32));
}

/* aoe_base.c */
#define	AOE_WORK_NEWS		0x1		/* answers of new targets */
#define	AOE_WORK_RESERVES	0x2		/* the largest MTU grew */
#define	AOE_WORK_FREE		0x4		/* free every target */
int	aoe_conf_enter(void);
void	aoe_links_kick(void);
void	aoe_life_kick(u_int work);
void	aoe_life_attention(struct aoe_softc *);
void	aoe_timer_start(struct taskqueue *, struct timeout_task *);
void	aoe_timer_stop(struct taskqueue *, struct timeout_task *);

/* aoe_trace.c */
SDT_PROVIDER_DECLARE(aoe);
SDT_PROBE_DECLARE(aoe, , io, submit);
SDT_PROBE_DECLARE(aoe, , io, complete);
SDT_PROBE_DECLARE(aoe, , frame, send);
SDT_PROBE_DECLARE(aoe, , frame, receive);
void	aoe_trace_send(const struct aoe_softc *, const struct aoe_output *);
void	aoe_trace_receive(const struct aoe_softc *, const struct aoe_frame *);
void	aoe_trace_change(const struct aoe_softc *, const struct aoe_output *,
	    const char *what);

/* aoe_log.c */
void	aoe_log_add(uint16_t major, uint8_t minor, u_int event, uint8_t path,
	    uint64_t value);
int	aoe_log_read(struct aoe_ioc_log *, u_int *closing);
void	aoe_log_wake(void);
void	aoe_log_clear(void);
#endif /* _AOE_BASE_H_ */
