/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Threads, the per-CPU area, counters, printing, panic, the kernel
 * environment, random numbers: what everything else stands on.
 *
 * Every thread is a CPU of its own here.  %gs points at its page of the
 * per-CPU array; counter(9) adds at %gs:(offset), so a counter is an offset
 * past the array, and rows of pages follow it with the array's stride.
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
int		 kdb_active;
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
kpi_lock(struct kmutex *m)
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
kpi_unlock(struct kmutex *m)
{

	if (atomic_swap_int(&m->word, 0) == 2)
		host_wake(&m->word, 1);
}

void
kpi_thread_enter(const char *name)
{
	struct kthr *kt;
	void *memory;
	u_int slot;

	/* The low bits of its address are flags in lock words. */
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

/* Giant is dropped by whoever sleeps. */
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
	 * Pages that no thread touched stay untouched; a slot that was never
	 * used is at the end, and the first of those ends the walk.
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

/* Printing. */
static char	 line[4096];
static size_t	 line_used;
static struct kmutex line_lock;

static int
say(const char *fmt, va_list ap)
{
	char text[1024];
	char *p;
	int n;

	n = host_format(text, sizeof(text), fmt, ap);
	kpi_lock(&line_lock);
	for (p = text; *p != '\0'; p++) {
		if (*p != '\n' && line_used < sizeof(line) - 1) {
			line[line_used++] = *p;
			continue;
		}
		line[line_used] = '\0';
		host_log(line);
		line_used = 0;
	}
	kpi_unlock(&line_lock);
	return (n);
}

int
printf(const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = say(fmt, ap);
	va_end(ap);
	return (n);
}

int
vprintf(const char *fmt, va_list ap)
{

	return (say(fmt, ap));
}

void
log(int level, const char *fmt, ...)
{
	va_list ap;

	(void)level;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void
vlog(int level, const char *fmt, va_list ap)
{

	(void)level;
	say(fmt, ap);
}

int
snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = host_format(buf, size, fmt, ap);
	va_end(ap);
	return (n);
}

int
vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{

	return (host_format(buf, size, fmt, ap));
}

int
sprintf(char *buf, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = host_format(buf, 4096, fmt, ap);
	va_end(ap);
	return (n);
}

void
panic(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	host_format(text, sizeof(text), fmt, ap);
	va_end(ap);
	host_panic(text);
	for (;;)
		;
}

#undef kassert_panic
void	kassert_panic(const char *, ...);
void
kassert_panic(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	host_format(text, sizeof(text), fmt, ap);
	va_end(ap);
	host_panic(text);
}

void	__stack_chk_fail(void);
void
__stack_chk_fail(void)
{

	host_panic("stack overflow detected");
}

/* ppsratecheck(9) is a macro over this. */
int
eventratecheck(struct timeval *last, int *count, int max)
{
	long second = host_uptime_ns() / 1000000000;

	if (last->tv_sec != second) {
		last->tv_sec = second;
		*count = 1;
		return (max != 0);
	}
	return (max < 0 || (*count)++ < max);
}

int
ratecheck(struct timeval *last, const struct timeval *min)
{
	long now = host_uptime_ns() / 1000;

	if (last->tv_sec != 0 && now - (last->tv_sec * 1000000 +
	    last->tv_usec) < min->tv_sec * 1000000 + min->tv_usec)
		return (0);
	last->tv_sec = now / 1000000;
	last->tv_usec = now % 1000000;
	return (1);
}

size_t
strlcpy(char *to, const char *from, size_t size)
{
	size_t n = strlen(from);

	if (size > 0) {
		memcpy(to, from, MIN(n, size - 1));
		to[MIN(n, size - 1)] = '\0';
	}
	return (n);
}

size_t
strlcat(char *to, const char *from, size_t size)
{
	size_t n = strnlen(to, size);

	return (n + strlcpy(to + n, from, size - n));
}

/* The kernel environment. */
char *
kern_getenv(const char *name)
{
	const char *value = host_kenv(name);
	char *copy;

	if (value == NULL)
		return (NULL);
	copy = host_alloc(strlen(value) + 1);
	memcpy(copy, value, strlen(value) + 1);
	ledger_add(LEDGER_ENV, copy, name, CALLER);
	return (copy);
}

void
freeenv(char *env)
{

	if (env != NULL && ledger_remove(LEDGER_ENV, env, CALLER))
		host_free(env);
}

int
testenv(const char *name)
{

	return (host_kenv(name) != NULL);
}

int
getenv_string(const char *name, char *data, int size)
{
	const char *value = host_kenv(name);

	if (value == NULL)
		return (0);
	strlcpy(data, value, size);
	return (1);
}

int
getenv_quad(const char *name, quad_t *data)
{
	const char *value = host_kenv(name);
	char *end;
	quad_t n;

	if (value == NULL)
		return (0);
	n = strtol(value, &end, 0);
	if (end == value)
		return (0);
	switch (*end) {
	case 't': case 'T': n *= 1024; /* FALLTHROUGH */
	case 'g': case 'G': n *= 1024; /* FALLTHROUGH */
	case 'm': case 'M': n *= 1024; /* FALLTHROUGH */
	case 'k': case 'K': n *= 1024; break;
	case '\0': break;
	default: return (0);
	}
	*data = n;
	return (1);
}

#define	GETENV(suffix, type)						\
int									\
getenv_##suffix(const char *name, type *data)				\
{									\
	quad_t n;							\
									\
	if (getenv_quad(name, &n) == 0)					\
		return (0);						\
	*data = (type)n;						\
	return (1);							\
}
GETENV(int, int)
GETENV(uint, unsigned int)
GETENV(long, long)
GETENV(ulong, unsigned long)
GETENV(int64, int64_t)
GETENV(uint64, uint64_t)

int
getenv_bool(const char *name, bool *data)
{
	const char *value = host_kenv(name);

	if (value == NULL)
		return (0);
	if (strcmp(value, "1") == 0 || strcasecmp(value, "true") == 0)
		*data = true;
	else if (strcmp(value, "0") == 0 || strcasecmp(value, "false") == 0)
		*data = false;
	else
		return (0);
	return (1);
}

#define	TUNABLE_INIT(suffix, get)					\
void									\
tunable_##suffix##_init(const void *arg)				\
{									\
	const struct tunable_##suffix *d = arg;				\
									\
	get(d->path, d->var);						\
}
TUNABLE_INIT(int, getenv_int)
TUNABLE_INIT(long, getenv_long)
TUNABLE_INIT(ulong, getenv_ulong)
TUNABLE_INIT(int64, getenv_int64)
TUNABLE_INIT(uint64, getenv_uint64)
TUNABLE_INIT(quad, getenv_quad)
TUNABLE_INIT(bool, getenv_bool)

void
tunable_str_init(const void *arg)
{
	const struct tunable_str *d = arg;

	getenv_string(d->path, d->var, d->size);
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

/* Credentials: kld's caller is the host's root unless a test says jailed. */
int
priv_check(struct thread *td, int priv)
{

	(void)priv;
	return (td->td_ucred->cr_prison == &prison0 ? 0 : EPERM);
}

int
securelevel_gt(struct ucred *cred, int level)
{

	(void)cred;
	return (level < -1 ? EPERM : 0);
}
