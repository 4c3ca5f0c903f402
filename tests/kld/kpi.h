/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Declarations shared by the files of the kernel half.  A function with a
 * FreeBSD name is exported to the module; kpi_* and ledger_* are internal.
 */
#ifndef _KLD_KPI_H_
#define	_KLD_KPI_H_

#include <sys/param.h>
#include <sys/systm.h>
#include <sys/limits.h>
#include <sys/kernel.h>
#include <sys/lock.h>
#include <sys/malloc.h>
#include <sys/mutex.h>
#include <sys/proc.h>
#include <sys/queue.h>
#include <sys/errno.h>

#include "host.h"

#define	KPI_THREADS	512		/* also the number of "CPUs" */
#define	KPI_HELD	16		/* locks that one thread holds */

/* A kernel thread; curthread points at its first member. */
struct kthr {
	struct thread		 kt_td;
	char			 kt_name[32];
	u_int			 kt_slot;
	struct lock_object	*kt_held[KPI_HELD];
	int			 kt_nheld;
	volatile u_int		 kt_epoch;	/* odd inside the net epoch */
	u_int			 kt_epoch_depth;
	void			*kt_oid;	/* sysctl whose handler runs */
	const char		*kt_nosleep;	/* context that may not sleep */
	bool			 kt_stopped;	/* runs alone, after a panic */
	void			*kt_memory;	/* allocation that holds it */
};
#define	curkthr		((struct kthr *)curthread)
#define	CALLER		__builtin_return_address(0)

extern struct kthr *kpi_thread[KPI_THREADS];

void	kpi_violation(const void *caller, const char *fmt, ...)
	    __printflike(2, 3);
/*
 * Reports a violation if the thread may not sleep: with a mutex held, in the
 * net epoch, or in a context that forbids it (kt_nosleep).
 */
void	kpi_may_sleep(const void *caller, const char *what);
/* Reports a violation if a mutex is held (transmit, completion, disk calls). */
void	kpi_no_locks(const void *caller, const char *what);

/*
 * A mutex of kld's own.  The lock checks do not see it, so it does not appear
 * in the lock order that they record.
 */
struct kmutex {
	volatile u_int	word;
};
void	kpi_lock(struct kmutex *);
void	kpi_unlock(struct kmutex *);
/*
 * The same, hidden from ThreadSanitizer: for kld's own records, whose locking
 * must not seem to order the module's accesses.
 */
void	kpi_lock_quiet(struct kmutex *);
void	kpi_unlock_quiet(struct kmutex *);

/*
 * Tells ThreadSanitizer what it cannot see in locks made of atomic
 * instructions: a take happens after the give before it.
 */
#ifdef KLD_TSAN
void	__tsan_acquire(void *);
void	__tsan_release(void *);
#define	SYNC_TAKE(p)	__tsan_acquire(__DEVOLATILE(void *, (p)))
#define	SYNC_GIVE(p)	__tsan_release(__DEVOLATILE(void *, (p)))
#else
#define	SYNC_TAKE(p)	((void)(p))
#define	SYNC_GIVE(p)	((void)(p))
#endif

/*
 * The ledger lists every object that the module holds and must give back.
 */
enum ledger_kind {
	LEDGER_MALLOC,
	LEDGER_ZONE,
	LEDGER_ZONE_ITEM,
	LEDGER_MBUF,
	LEDGER_LOCK,
	LEDGER_COUNTER,
	LEDGER_CALLOUT,
	LEDGER_TASKQUEUE,
	LEDGER_TASK,
	LEDGER_OID,
	LEDGER_CONTEXT,
	LEDGER_HANDLER,
	LEDGER_PFIL,
	LEDGER_IFREF,
	LEDGER_DISK,
	LEDGER_ROOTHOLD,
	LEDGER_SBUF,
	LEDGER_ENV,
	LEDGER_MTYPE,
	LEDGER_BIO,
	LEDGER_MAPPING,
	LEDGER_DEV,
	LEDGER_KINDS
};
void	ledger_add(enum ledger_kind, const void *object, const char *name,
	    const void *caller);
/* Returns false, and reports a violation, if the object is not listed. */
bool	ledger_remove(enum ledger_kind, const void *object,
	    const void *caller);
bool	ledger_has(enum ledger_kind, const void *object);
u_long	ledger_count(enum ledger_kind);
/* Reports a violation for every lock or callout inside freed memory. */
void	ledger_freed(const void *base, size_t size, const void *caller);

/* Records that the running sysctl handler took a lock. */
void	kpi_sysctl_took(struct lock_object *);
int	kpi_mbuf_leaks(void (*say)(const char *));

/*
 * Returns true if an injected fault makes this allocation fail; an M_WAITOK
 * allocation never fails, but may be made to wait.
 */
bool	kpi_alloc_fails(int how);

void	kpi_callout_boot(void);
void	kpi_task_boot(void);
void	kpi_sysctl_boot(void);
void	kpi_disk_boot(void);
void	kpi_net_boot(void);
void	kpi_epoch_boot(void);
void	kpi_mbuf_boot(void);
void	kpi_malloc_boot(void);
/* Waits until every epoch callback has run; called only where it may sleep. */
void	kpi_epoch_drain(void);
void	kpi_pfil_head(int present);
void	kpi_event_run(const char *name, void (*call)(void *func, void *arg,
	    void *cookie), void *cookie);
struct sysctl_oid;
struct sysctl_req;
int	kpi_sysctl_parse(u_int kind, const char *text, struct sysctl_req *,
	    uint64_t *number);
void	kpi_sysctl_format(struct sysctl_oid *, const void *raw, size_t len,
	    char *out, size_t size);
void	kpi_sysctl_register(int count, void **set);
void	kpi_sysctl_enable(int count, void **set);
void	kpi_sysctl_unregister(int count, void **set);
#endif /* _KLD_KPI_H_ */
