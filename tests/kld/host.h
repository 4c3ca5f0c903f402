/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The boundary between the two halves of kld.
 *
 * kpi_*.c is compiled against FreeBSD's headers and gives the module the
 * kernel it imports; the other files are an ordinary Linux program.  Neither
 * half sees the other's headers, so only plain C types pass here.  The build
 * prefixes every symbol of the kernel half with k_, which keeps its malloc()
 * and printf() apart from libc's; SHARED gives the Linux half those names.
 */
#ifndef _KLD_HOST_H_
#define	_KLD_HOST_H_

#ifdef __linux__
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#define	SHARED(name)	__asm__("k_" #name)
#else
#define	SHARED(name)
#endif

/*
 * The part of the first megabyte that holds firmware tables is mapped at its
 * physical address, and the direct map begins at 0.
 */
#define	FIRMWARE_BASE	0x80000UL
#define	FIRMWARE_END	0x100000UL

struct host_iov {
	const void	*base;
	unsigned long	 len;
};

/*
 * The Linux half, called by the kernel half.
 */
void	*host_alloc(unsigned long size) SHARED(host_alloc);	/* zeroed */
void	*host_alloc_raw(unsigned long size) SHARED(host_alloc_raw);
void	 host_free(void *) SHARED(host_free);
void	*host_pages(unsigned long size) SHARED(host_pages);	/* lazy, zeroed */
void	 host_set_gs(void *base) SHARED(host_set_gs);
long	 host_uptime_ns(void) SHARED(host_uptime_ns);
void	 host_sleep_ns(long ns) SHARED(host_sleep_ns);
/*
 * Waits while *word is `value`, for at most `ns` nanoseconds (-1: no limit);
 * returns nonzero on timeout.
 */
int	 host_wait(volatile unsigned *word, unsigned value, long ns)
	    SHARED(host_wait);
void	 host_wake(volatile unsigned *word, int count) SHARED(host_wake);
/* A point at which fuzz_run.c may switch to another thread. */
void	 host_preempt(void) SHARED(host_preempt);
/* Starts a detached thread that runs `fn` as a kernel thread. */
void	 host_thread(const char *name, void (*fn)(void *), void *arg)
	    SHARED(host_thread);
unsigned long host_random(void) SHARED(host_random);
int	 host_format(char *buf, unsigned long size, const char *fmt,
	    __builtin_va_list ap) SHARED(host_format);
void	 host_log(const char *text) SHARED(host_log);
/* Reports and counts a broken rule; the run then ends in failure. */
void	 host_violation(const char *text, const void *caller)
	    SHARED(host_violation);
void	 host_panic(const char *text) SHARED(host_panic);
/* Formats an address: "symbol+offset" inside the module, else a number. */
void	 host_where(const void *address, char *buf, unsigned long size)
	    SHARED(host_where);
/* True if the address lies in the module's image. */
int	 host_in_module(const void *) SHARED(host_in_module);
/* Sends one frame on a link; 0, or a FreeBSD errno. */
int	 host_link_send(void *link, const struct host_iov *, int count)
	    SHARED(host_link_send);
const char *host_kenv(const char *name) SHARED(host_kenv);
/* Returns the entries of the module's linker set set_<set>, and their count. */
void	**host_module_set(const char *set, unsigned long *count)
	    SHARED(host_module_set);

/*
 * The kernel half, called by the Linux half.  Errors are FreeBSD's numbers.
 */
void	 kpi_boot(void) SHARED(kpi_boot);
void	 kpi_thread_enter(const char *name) SHARED(kpi_thread_enter);
void	 kpi_thread_leave(void) SHARED(kpi_thread_leave);

int	 kpi_module_load(int preload) SHARED(kpi_module_load);
int	 kpi_module_unload(int force) SHARED(kpi_module_unload);
/* Passes one line to `say` for each object left behind; returns the count. */
int	 kpi_leaks(void (*say)(const char *)) SHARED(kpi_leaks);
void	 kpi_shutdown(int howto) SHARED(kpi_shutdown);
void	 kpi_shutdown_begin(int howto) SHARED(kpi_shutdown_begin);

#define	KPI_SYSCTL_JAILED	0x1
int	 kpi_sysctl_get(const char *name, char *out, unsigned long size)
	    SHARED(kpi_sysctl_get);
int	 kpi_sysctl_set(const char *name, const char *value, int flags)
	    SHARED(kpi_sysctl_set);
/* Calls `say` with name, value and description of each leaf below `prefix`. */
void	 kpi_sysctl_walk(const char *prefix, void (*say)(const char *,
	    const char *, const char *)) SHARED(kpi_sysctl_walk);

/*
 * Opens a device node as the given user and issues one ioctl; `data` is
 * kpi_ioctl_size() bytes long.
 */
int	 kpi_ioctl(const char *name, unsigned long cmd, void *data,
	    unsigned uid, int jailed) SHARED(kpi_ioctl);
unsigned long kpi_ioctl_size(unsigned long cmd) SHARED(kpi_ioctl_size);
/* Interrupts every interruptible sleep, as a signal does. */
void	 kpi_interrupt(void) SHARED(kpi_interrupt);
/* Returns the number of root mount holds; sets whether root is mounted. */
unsigned kpi_root_holds(void) SHARED(kpi_root_holds);
void	 kpi_root_mounted(bool) SHARED(kpi_root_mounted);

/* Injected faults. */
struct kpi_faults {
	long	alloc_fail_at;	/* n-th M_NOWAIT allocation from now; 0: none */
	long	alloc_fail_for;	/* how many fail, including that one */
	int	tx_free;	/* KPI_TX_* */
	long	tx_free_ms;	/* for KPI_TX_LATE and KPI_TX_RANDOM */
	int	rx_split;	/* received mbufs are chains of small pieces */
	int	unmapped;	/* 0 never, 1 always, 2 every other I/O */
	int	copyout_stuck;	/* sysctl reads block in copyout() */
	int	memory_stuck;	/* M_WAITOK allocations block */
	int	geom_stuck;	/* GEOM's event thread blocks */
	bool	other_thread;		/* struct thread is another version's */
	void	(*after_quiesce)(void);	/* called before MOD_UNLOAD, or NULL */
	int	netgdb;		/* a panic starts a netgdb session */
	int	tx_error;	/* the errno every transmit fails with; 0: none */
	int	trace;		/* log every I/O */
};
#define	KPI_TX_AT_ONCE	0
#define	KPI_TX_LATE	1
#define	KPI_TX_LAZY	2	/* on the next transmit, or after a second */
#define	KPI_TX_NEVER	3	/* not before kpi_tx_release() */
/*
 * Frames stay in the interface's ring for a while, and are sent with what their
 * mbufs hold when they leave it.  The mbufs then come back at once, late, or
 * much later: after up to 10 * tx_free_ms, or never if that is 0.
 */
#define	KPI_TX_RANDOM	4
extern struct kpi_faults kpi_faults SHARED(kpi_faults);
unsigned long kpi_alloc_count(void) SHARED(kpi_alloc_count);
void	 kpi_tx_release(void) SHARED(kpi_tx_release);

/* Interfaces. */
struct kpi_if;
struct kpi_if *kpi_if_attach(const char *name, void *link,
	    const unsigned char mac[6], unsigned mtu) SHARED(kpi_if_attach);
void	 kpi_if_detach(struct kpi_if *) SHARED(kpi_if_detach);
/* Frees detached interfaces; nothing may refer to one any more. */
void	 kpi_ifs_free(void) SHARED(kpi_ifs_free);
void	 kpi_if_input(struct kpi_if *, const void *frame, unsigned long len,
	    int vlan_tag) SHARED(kpi_if_input);
/* Receives a frame as a chain of mbufs of the sizes in `cut`, then the rest. */
void	 kpi_if_input_cut(struct kpi_if *, const void *frame, unsigned long len,
	    int vlan_tag, const unsigned short *cut, unsigned count)
	    SHARED(kpi_if_input_cut);
/*
 * Begins and ends an epoch section, in which a batch of frames, or a single
 * one, is received using kpi_if_input().
 */
void	 kpi_input_begin(void) SHARED(kpi_input_begin);
void	 kpi_input_end(void) SHARED(kpi_input_end);
void	 kpi_if_flags(struct kpi_if *, int up) SHARED(kpi_if_flags);
void	 kpi_if_link(struct kpi_if *, int up) SHARED(kpi_if_link);
void	 kpi_if_mtu(struct kpi_if *, unsigned mtu) SHARED(kpi_if_mtu);
void	 kpi_if_lladdr(struct kpi_if *, const unsigned char mac[6])
	    SHARED(kpi_if_lladdr);
void	 kpi_if_mac(struct kpi_if *, unsigned char mac[6]) SHARED(kpi_if_mac);
void	 kpi_if_rename(struct kpi_if *, const char *name)
	    SHARED(kpi_if_rename);
void	 kpi_if_counts(struct kpi_if *, unsigned long *in, unsigned long *out,
	    unsigned long *passed) SHARED(kpi_if_counts);
/* Returns an interface's type; gets the state that getifaddrs(3) reports. */
unsigned kpi_if_state(struct kpi_if *, int *up, int *carrier)
	    SHARED(kpi_if_state);

/* Links (1) or removes (0) a firewall that drops incoming AoE frames. */
void	 kpi_firewall(int on) SHARED(kpi_firewall);
unsigned long kpi_firewall_dropped(void) SHARED(kpi_firewall_dropped);

/* Sets whether an interface's driver can be polled after a panic. */
void	 kpi_if_polling(struct kpi_if *, int can) SHARED(kpi_if_polling);

/* Disks. */
struct kpi_disk;			/* a reference to a provider */
struct kpi_disk_info {
	char		name[32];
	char		ident[256];
	char		descr[256];
	char		attachment[256];
	long		mediasize;
	long		stripesize;
	long		stripeoffset;
	unsigned	sectorsize;
	unsigned	maxsize;
	unsigned	rotation;
	int		can_delete;
	int		can_flush;
	int		unmapped;
	int		write_protect;
	int		opens;
	int		gone;
	char		classes[32];	/* GEOM classes attached to it */
};
#define	KPI_READ	1
#define	KPI_WRITE	2
#define	KPI_DELETE	3
#define	KPI_FLUSH	4
#define	KPI_SPEEDUP	5
#define	KPI_ORDERED	0x100
/* Fills `info` for the index-th provider; 0, or ENOENT past the last. */
int	 kpi_disk_info(int index, struct kpi_disk_info *info)
	    SHARED(kpi_disk_info);
int	 kpi_disk_open(const char *name, int write, struct kpi_disk **out)
	    SHARED(kpi_disk_open);
void	 kpi_disk_close(struct kpi_disk *) SHARED(kpi_disk_close);
long	 kpi_disk_size(struct kpi_disk *) SHARED(kpi_disk_size);
int	 kpi_disk_flags(struct kpi_disk *, int *can_delete, int *can_flush)
	    SHARED(kpi_disk_flags);
int	 kpi_disk_attr(struct kpi_disk *, const char *attr, void *out,
	    unsigned long size) SHARED(kpi_disk_attr);
/* Starts an I/O; `done` runs in whatever context completes it. */
void	 kpi_disk_io(struct kpi_disk *, int op, long offset, long length,
	    void *data, void (*done)(void *arg, int error), void *arg)
	    SHARED(kpi_disk_io);
/* Begins (1) or ends (0) a panic, during which only the caller runs. */
void	 kpi_stop(int stop) SHARED(kpi_stop);
int	 kpi_disk_dump(struct kpi_disk *, void *data, long offset, long length)
	    SHARED(kpi_disk_dump);
void	 kpi_geom_idle(void) SHARED(kpi_geom_idle);
#endif /* _KLD_HOST_H_ */
