/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the files of the shim share.  The locking essay is at the head of
 * aoe_kern.c; the letter in front of a member says what guards it:
 *
 *	(c)	constant once the object can be found
 *	(t)	the target's sc_mtx
 *	(d)	aoe_disco_mtx
 *	(x)	aoe_conf_sx, held exclusively to write
 *	(kx)	the same, and the lifecycle thread alone writes: it reads freely
 *	(a)	atomic
 *	(k)	the lifecycle thread alone
 */
#ifndef _AOE_VAR_H_
#define	_AOE_VAR_H_

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
#define	AOE_DRAIN_TURNS		32	/* turns before a task takes over */
#define	AOE_TIMER_GRAIN_US	4000	/* no timer is finer */
#define	AOE_HASH_SIZE		256	/* buckets of the address table */
#define	AOE_IO_SLOTS		128
#define	AOE_FRAME_SLOTS		128
#define	AOE_COPY_SLOTS		512
#define	AOE_RESERVE		2	/* frames kept for want of memory */
#define	AOE_KEPT		16	/* frames kept to be used again, too */
#define	AOE_REAP_US		250000	/* how often buffers are looked for */
#define	AOE_SECTOR		512
#define	AOE_CONFIG_LENGTH	32	/* of its answer, without the string */

struct disk;
struct mbuf;
struct aoe_buf;				/* in aoe_mbuf.c */
struct aoe_ioc_log;

MALLOC_DECLARE(M_AOE);
SYSCTL_DECL(_net_aoe);

/* What sc_drain says. */
#define	AOE_DRAIN_IDLE		0
#define	AOE_DRAIN_BUSY		1	/* some thread is at it */
#define	AOE_DRAIN_MORE		2	/* ... and has missed an input */

/* One target. */
struct aoe_softc {
	struct mtx	sc_mtx;
	struct aoe_target *sc_core;		/* (t) the core's memory */
	uint16_t	sc_major;		/* (c) */
	uint8_t		sc_minor;		/* (c) */
	char		sc_name[16];		/* (c) aoe7e3 */
	char		sc_dname[16];		/* (c) aoe7e: disk(9) adds 3 */
	uintptr_t	sc_hash_next;		/* (kx), epoch to read */
	TAILQ_ENTRY(aoe_softc) sc_link;		/* (kx) */

	/* Running the core. */
	uint64_t	sc_now;			/* (t) the time of the last input */
	u_int		sc_drain;		/* (a) AOE_DRAIN_* */
	bool		sc_dead;		/* (t) about to be freed */
	struct task	sc_task;		/* (c) takes over long drains */
	struct callout	sc_callout;		/* (t) */
	uint64_t	sc_armed;		/* (t) when it fires */
	struct bio_queue sc_waiting;		/* (t) refused with EAGAIN */

	/* Frames that carry data. */
	uintptr_t	sc_sent;		/* (a) back, not yet seen */
	struct aoe_buf	*sc_kept;		/* (t) to be used again */
	u_int		sc_nkept;		/* (t) length of sc_kept */
	u_int		sc_kept_class;		/* (t) the least it may hold */
	u_int		sc_out;			/* (t) not back or in sc_sent */

	/* For the lifecycle task. */
	u_int		sc_attention;		/* (a) look at the core */

	/* The management command under way, see aoe_ctl.c. */
	u_int		sc_ctl_users;		/* (t) threads that hold us */
	bool		sc_ctl_busy;		/* (t) one of them asks */
	bool		sc_ctl_done;		/* (t) ... and was answered */
	struct aoe_output sc_ctl_output;	/* (t) its CONTROL_DONE */

	/* The disk. */
	struct disk	*sc_disk;		/* (t) */

	/* What the administrator set for it alone. */
	struct aoe_own	sc_own;			/* (t) */
#define	sc_read_only	sc_own.read_only

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

extern struct aoe_config aoe_config;		/* (x), read by aoe_get() */
_Static_assert(sizeof(u_int) == sizeof(int32_t), "settings are read as int");
#define	aoe_get(name)	atomic_load_int(&aoe_config.name)
extern struct sx aoe_conf_sx;
extern struct mtx aoe_disco_mtx;
extern struct aoe_disco *aoe_disco;		/* (d) */
extern TAILQ_HEAD(aoe_targets, aoe_softc) aoe_targets;	/* (kx) */
extern struct taskqueue *aoe_run_tq;		/* (c) */
extern struct taskqueue *aoe_links_tq;		/* (c) */
extern struct task aoe_links_task;		/* (c) */
extern struct taskqueue *aoe_life_tq;		/* (c) */
extern struct task aoe_life_task;		/* (c) */
extern u_int aoe_life_work;			/* (a) AOE_WORK_* */
extern bool aoe_ready;				/* (x) loaded, not unloading */
extern bool aoe_closing;			/* (a) nothing may be opened */
extern bool aoe_shutting_down;			/* (a) */
extern counter_u64_t aoe_stats[AOE_STATS];	/* (c) */

static inline void
aoe_count(enum aoe_stat which)
{

	counter_u64_add(aoe_stats[which], 1);
}

/*
 * The one clock; read with the mutex held, so that it never runs backwards.
 * sbttous() is for times before the origin, too, which cost it twice as much.
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
#define	AOE_WORK_NEWS		0x1		/* adverts are waiting */
#define	AOE_WORK_RESERVES	0x2		/* an MTU grew */
#define	AOE_WORK_FREE		0x4		/* free every target */
int	aoe_conf_enter(void);
void	aoe_links_kick(void);
void	aoe_life_kick(u_int work);
void	aoe_life_attention(struct aoe_softc *);
void	aoe_timer_stop(struct taskqueue *, struct timeout_task *);

/* aoe_life.c: what happens in the lifecycle thread. */
int	aoe_life_init(void);
void	aoe_life_start(void);
void	aoe_life_stop(void);
void	aoe_life_free_targets(void);

/* aoe_target.c */
struct aoe_softc *aoe_target_find(uint16_t major, uint8_t minor);
void	aoe_target_receive(struct aoe_softc *, const struct aoe_frame *,
	    const struct mbuf *);
void	aoe_target_offer(const struct aoe_frame *);
void	aoe_target_reap(struct aoe_softc *);
void	aoe_target_free(struct aoe_softc *);
void	aoe_targets_abort(int error);
void	aoe_targets_revalidate(void);

/* aoe_run.c */
uint64_t aoe_input_begin(struct aoe_softc *);
uint64_t aoe_input_locked(struct aoe_softc *);
void	aoe_input_end(struct aoe_softc *);
void	aoe_input_end_in_epoch(struct aoe_softc *);
void	aoe_run_init(struct aoe_softc *);
void	aoe_run_stop(struct aoe_softc *);
void	aoe_submit(struct aoe_softc *, struct bio *);

/* aoe_absent.c */
struct aoe_ioc_absent;
bool	aoe_absent_note(uint16_t major, uint8_t minor, u_int event,
	    uint64_t value);
void	aoe_absent_say(uint16_t major, uint8_t minor, u_int event,
	    uint64_t value);
void	aoe_absent_forget(uint16_t major, uint8_t minor);
int	aoe_absent_get(struct aoe_ioc_absent *);

/* aoe_disco.c */
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
void	aoe_disco_ask_again(void);

/* aoe_link.c: the table of links. */
/*
 * A listed local interface.  (l): aoe_link_mtx to write, the net epoch to
 * read.
 */
struct aoe_link {
	uintptr_t	l_ifp;			/* (l) 0: take nothing */
	if_t		l_ref;			/* (l) our reference */
	struct aoe_link_state l_state;		/* (x) as told to the core */
};
extern struct aoe_link aoe_links[AOE_LINKS];
if_t	aoe_link_if(u_int link);
int	aoe_link_of(if_t);
bool	aoe_link_is_up(if_t);
void	aoe_link_name(u_int link, char *buf, size_t size);
bool	aoe_links_any(void);
u_int	aoe_links_mtu(void);
u_int	aoe_links_mtu_locked(void);

/* aoe_link_scan.c: which interfaces are in use. */
void	aoe_links_scan(void);
void	aoe_links_introduce(struct aoe_softc *);
void	aoe_links_release(void);
void	aoe_link_departs(void *, if_t);

/* aoe_link_watch.c: when interfaces are looked at. */
int	aoe_link_init(void);
void	aoe_link_fini(void);
void	aoe_links_start(void);
void	aoe_links_stop(void);

/* aoe_net.c: frames in. */
int	aoe_net_init(void);
void	aoe_net_fini(void);

/* aoe_net_send.c: frames out. */
void	aoe_net_send_all(const struct aoe_output *, struct mbuf **, u_int n);
void	aoe_net_send_in_epoch(const struct aoe_output *, struct mbuf **,
	    u_int n);

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

/* aoe_boot.c */
void	aoe_boot_hold(void);
void	aoe_boot_fini(void);
void	aoe_boot_poll(void);
void	aoe_boot_release(void);

/* aoe_abft.c */
bool	aoe_abft_interface(char *name, size_t size);

/* aoe_disk.c */
void	aoe_disk_serve(struct aoe_softc *);

/* aoe_dump.c: kernel crash dumps. */
void	aoe_dump_prepare(void);
const char *aoe_dump_refusal(struct aoe_softc *);
int	aoe_dump_write(void *, void *, off_t offset, size_t length);

/* aoe_ctl.c: /dev/aoectl. */
int	aoe_ctl_start(void);
void	aoe_ctl_stop(void);

/* aoe_log.c: the event log. */
void	aoe_log_add(uint16_t major, uint8_t minor, u_int event, uint8_t path,
	    uint64_t value);
int	aoe_log_read(struct aoe_ioc_log *, u_int *closing);
void	aoe_log_wake(void);
void	aoe_log_clear(void);

/* aoe_node.c; the argument of a handler names the node. */
#define	AOE_ARG(tree, path, index)	((path) << 16 | (tree) << 8 | (index))
#define	AOE_ARG_PATH(arg)		((u_int)(arg) >> 16)
#define	AOE_ARG_TREE(arg)		((u_int)(arg) >> 8 & 0xff)
#define	AOE_ARG_INDEX(arg)		((u_int)(arg) & 0xff)
int	aoe_node_value(struct sysctl_oid *, struct aoe_value *,
	    struct sysctl_req *);
int	aoe_node_write(u_int tree, u_int index, const struct aoe_value *,
	    u_int *todo);
int	aoe_node_fetch(u_int tree, u_int flag, const char *above,
	    struct aoe_softc *, const char *also, u_int *todo);
void	aoe_node_grow(struct sysctl_ctx_list *, struct sysctl_oid_list *above,
	    u_int tree, u_int path, struct aoe_softc *,
	    int (*handler)(SYSCTL_HANDLER_ARGS));

/* aoe_sysctl_target.c */
void	aoe_settings(const struct aoe_softc *, struct aoe_settings *);
void	aoe_settings_tell(struct aoe_softc *);
void	aoe_settings_push(void);
void	aoe_sysctl_target_fetch(struct aoe_softc *);
void	aoe_sysctl_target_root(struct aoe_softc *);
void	aoe_sysctl_target_add(struct aoe_softc *);
void	aoe_sysctl_target_paths(struct aoe_softc *);
void	aoe_sysctl_target_remove(struct aoe_softc *);

/* aoe_sysctl.c */
void	aoe_sysctl_init(void);
void	aoe_sysctl_add(void);
void	aoe_sysctl_remove(void);
void	aoe_sysctl_apply(void);

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
#endif /* _AOE_VAR_H_ */
