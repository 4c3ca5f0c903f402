/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The base of the other files: threads, the per-CPU area, rules about
 * sleeping, counters, random numbers, firmware's memory, credentials.
 *
 * Every thread is a CPU of its own here.  %gs points at the thread's page of
 * the per-CPU array.  counter(9) adds at %gs:(offset), so a counter is an
 * offset past the array, into rows of pages that have the array's stride.
 */
#include "kpi.h"

#include <sys/stdarg.h>
#include <sys/ctype.h>
#include <sys/counter.h>
#include <sys/jail.h>
#include <sys/libkern.h>
#include <sys/pcpu.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/smp.h>
#include <sys/ucred.h>
#include <net/vnet.h>
#include <vm/vm.h>
#include <vm/pmap.h>

#define	COUNTER_ROWS	64
#define	PER_ROW		(PAGE_SIZE / sizeof(uint64_t))

CTASSERT(sizeof(struct pcpu) == PAGE_SIZE);

struct pcpu	*__pcpu;
struct kthr	*kpi_thread[KPI_THREADS];
struct proc	 proc0;
struct prison	 prison0;
static struct ucred cred0;

int		 mp_ncpus = 2;
u_int		 mp_maxid = KPI_THREADS - 1;
int		 hz = 1000;
int		 tick = 1000;
int		 bootverbose;
int		 cold;
int		 rebooting;
int		 dumping;
const char	*panicstr;
bool		 panicked;
long		 __stack_chk_guard[8] = { 0x51ac0de5, 0xdeadb0a7 };
bool		 scheduler_stopped;
u_long		 maxphys = 1024 * 1024;
char		 hostname[] = "kld";
const int	 osreldate = __FreeBSD_version;

static struct kmutex thread_lock_;
static uint64_t	 counter_used[COUNTER_ROWS * PER_ROW / 64];

void
kpi_lock_quiet(struct kmutex *m)
{
	u_int v;
	int spin;

	for (spin = 0; spin < 100; spin++) {
		v = 0;
		if (atomic_fcmpset_acq_int(&m->word, &v, 1))
			return;
		cpu_spinwait();
	}
	while (atomic_swap_int(&m->word, 2) != 0)
		host_wait(&m->word, 2, -1);
}

void
kpi_unlock_quiet(struct kmutex *m)
{

	if (atomic_swap_int(&m->word, 0) == 2)
		host_wake(&m->word, 1);
}

void
kpi_lock(struct kmutex *m)
{

	kpi_lock_quiet(m);
	SYNC_TAKE(m);
}

void
kpi_unlock(struct kmutex *m)
{

	SYNC_GIVE(m);
	kpi_unlock_quiet(m);
}

void
kpi_thread_enter(const char *name)
{
	struct kthr *kt;
	void *memory;
	u_int slot;

	/* Aligned: the low bits of its address are flags in lock words. */
	memory = host_alloc(sizeof(*kt) + CACHE_LINE_SIZE);
	kt = (struct kthr *)roundup2((uintptr_t)memory, CACHE_LINE_SIZE);
	kt->kt_memory = memory;
	strlcpy(kt->kt_name, name, sizeof(kt->kt_name));
	kt->kt_td.td_proc = &proc0;
	kt->kt_td.td_ucred = &cred0;
	kt->kt_td.td_realucred = &cred0;
	strlcpy(kt->kt_td.td_name, name, sizeof(kt->kt_td.td_name));
	kpi_lock(&thread_lock_);
	for (slot = 0; slot < KPI_THREADS; slot++)
		if (kpi_thread[slot] == NULL)
			break;
	if (slot == KPI_THREADS)
		host_panic("too many threads");
	kt->kt_slot = slot;
	kt->kt_td.td_tid = (lwpid_t)(100000 + slot);
	__pcpu[slot].pc_curthread = &kt->kt_td;
	__pcpu[slot].pc_prvspace = &__pcpu[slot];
	__pcpu[slot].pc_cpuid = slot;
	host_set_gs(&__pcpu[slot]);
	kpi_thread[slot] = kt;
	kpi_unlock(&thread_lock_);
}

void
kpi_thread_leave(void)
{
	struct kthr *kt = curkthr;

	if (kt->kt_nheld != 0)
		kpi_violation(NULL, "thread %s ends with lock %s", kt->kt_name,
		    kt->kt_held[0]->lo_name);
	kpi_lock(&thread_lock_);
	kpi_thread[kt->kt_slot] = NULL;
	kpi_unlock(&thread_lock_);
	host_set_gs(NULL);
	host_free(kt->kt_memory);
}

void
kpi_boot(void)
{

	__pcpu = host_pages((1 + COUNTER_ROWS) * KPI_THREADS * PAGE_SIZE);
	kpi_thread_enter("main");
	cred0.cr_prison = &prison0;
	cred0.cr_ref = 1;
	kpi_malloc_boot();
	kpi_epoch_boot();
	kpi_callout_boot();
	kpi_task_boot();
	kpi_sysctl_boot();
	kpi_mbuf_boot();
	kpi_net_boot();
	kpi_disk_boot();
}

void
kpi_violation(const void *caller, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	host_format(text, sizeof(text), fmt, ap);
	va_end(ap);
	host_violation(text, caller);
}

/* Whether holding a lock forbids sleeping; a sleep drops Giant. */
static bool
bars_sleep(const struct lock_object *lo)
{

	return ((lo->lo_flags & LO_SLEEPABLE) == 0 &&
	    lo != &Giant.lock_object);
}

void
kpi_may_sleep(const void *caller, const char *what)
{
	struct kthr *kt = curkthr;
	int i;

	for (i = 0; i < kt->kt_nheld; i++)
		if (bars_sleep(kt->kt_held[i]))
			kpi_violation(caller, "%s may sleep, with mutex %s "
			    "held", what, kt->kt_held[i]->lo_name);
	if (kt->kt_epoch_depth != 0)
		kpi_violation(caller, "%s may sleep, in the net epoch", what);
	if (kt->kt_nosleep != NULL)
		kpi_violation(caller, "%s may sleep, in %s", what,
		    kt->kt_nosleep);
}

void
kpi_no_locks(const void *caller, const char *what)
{
	struct kthr *kt = curkthr;
	int i;

	for (i = 0; i < kt->kt_nheld; i++)
		if (bars_sleep(kt->kt_held[i]))
			kpi_violation(caller, "%s with mutex %s held", what,
			    kt->kt_held[i]->lo_name);
}

/* counter(9). */
counter_u64_t
counter_u64_alloc(int flags)
{
	u_long i, row;

	if (flags & M_WAITOK)
		kpi_may_sleep(CALLER, "counter_u64_alloc(M_WAITOK)");
	if (kpi_alloc_fails(flags))
		return (NULL);
	kpi_lock(&thread_lock_);
	for (i = 0; i < COUNTER_ROWS * PER_ROW; i++)
		if ((counter_used[i / 64] & (1UL << (i % 64))) == 0)
			break;
	if (i == COUNTER_ROWS * PER_ROW)
		host_panic("too many counters");
	counter_used[i / 64] |= 1UL << (i % 64);
	kpi_unlock(&thread_lock_);
	row = (1 + i / PER_ROW) * KPI_THREADS * PAGE_SIZE;
	row += (i % PER_ROW) * sizeof(uint64_t);
	counter_u64_zero((counter_u64_t)row);
	ledger_add(LEDGER_COUNTER, (void *)row, "counter", CALLER);
	return ((counter_u64_t)row);
}

void
counter_u64_free(counter_u64_t c)
{
	u_long offset = (u_long)c, i;

	if (c == NULL || !ledger_remove(LEDGER_COUNTER, c, CALLER))
		return;
	i = (offset / (KPI_THREADS * PAGE_SIZE) - 1) * PER_ROW +
	    (offset % PAGE_SIZE) / sizeof(uint64_t);
	kpi_lock(&thread_lock_);
	counter_used[i / 64] &= ~(1UL << (i % 64));
	kpi_unlock(&thread_lock_);
}

void
counter_u64_zero(counter_u64_t c)
{
	u_int i;

	/*
	 * Pages that no thread has used stay untouched.  Slots are taken from
	 * the lowest, so the first that was never used ends the loop.
	 */
	for (i = 0; i < KPI_THREADS && __pcpu[i].pc_curthread != NULL; i++)
		*(uint64_t *)((char *)&__pcpu[i] + (u_long)c) = 0;
}

uint64_t
counter_u64_fetch(counter_u64_t c)
{
	uint64_t sum = 0;
	u_int i;

	for (i = 0; i < KPI_THREADS && __pcpu[i].pc_curthread != NULL; i++)
		sum += *(volatile uint64_t *)((char *)&__pcpu[i] + (u_long)c);
	return (sum);
}

/* Random numbers. */
void
arc4rand(void *buf, u_int len, int reseed)
{
	u_char *p = buf;
	u_long r = 0;
	u_int i;

	(void)reseed;
	for (i = 0; i < len; i++, r >>= 8) {
		if (i % sizeof(r) == 0)
			r = host_random();
		p[i] = (u_char)r;
	}
}

void
arc4random_buf(void *buf, size_t len)
{

	arc4rand(buf, (u_int)len, 0);
}

uint32_t
arc4random(void)
{

	return ((uint32_t)host_random());
}

uint32_t
arc4random_uniform(uint32_t limit)
{

	return (limit < 2 ? 0 : (uint32_t)(host_random() % limit));
}

void
read_random(void *buf, u_int len)
{

	arc4rand(buf, len, 0);
}

/* Firmware's memory. */
void *
pmap_mapbios(vm_paddr_t pa, vm_size_t size)
{

	if (pa < FIRMWARE_BASE || pa + size > FIRMWARE_END)
		host_panic("memory mapped that is not firmware's");
	ledger_add(LEDGER_MAPPING, (void *)pa, "pmap_mapbios", CALLER);
	return ((void *)pa);
}

void
pmap_unmapdev(void *va, vm_size_t size)
{

	(void)size;
	ledger_remove(LEDGER_MAPPING, va, CALLER);
}

/* Credentials: root outside a jail, unless a test sets a uid or a jail. */
int
priv_check(struct thread *td, int priv)
{

	(void)priv;
	return (td->td_ucred->cr_prison == &prison0 &&
	    td->td_ucred->cr_uid == 0 ? 0 : EPERM);
}

int
securelevel_gt(struct ucred *cred, int level)
{

	(void)cred;
	return (level < -1 ? EPERM : 0);
}
