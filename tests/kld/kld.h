/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Declarations shared by the files of the Linux half.
 */
#ifndef _KLD_KLD_H_
#define	_KLD_KLD_H_

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "host.h"

/* FreeBSD's errno values that the Linux half uses by name. */
#define	FBSD_ENOENT	2
#define	FBSD_EIO	5
#define	FBSD_ENXIO	6
#define	FBSD_ENOEXEC	8
#define	FBSD_EBUSY	16
#define	FBSD_EEXIST	17
#define	FBSD_EINVAL	22
#define	FBSD_EOPNOTSUPP	45
#define	FBSD_ENETDOWN	50
#define	FBSD_ENOBUFS	55
#define	FBSD_ETIMEDOUT	60

/* host.c */
const char *errno_name(int fbsd);
int	errno_linux(int fbsd);
unsigned violations(void);
void	kenv_set(const char *name, const char *value);
void	kenv_clear(void);
extern bool quiet;

void	firmware_map(void);
int	firmware_load(unsigned long address, const char *path, FILE *out);

/* loader.c: the image of the module, from file to memory and back. */
int	loader_load(const char *path, FILE *out);
void	loader_free(void);
bool	loader_loaded(void);
/* Hides a symbol of the kernel from modules loaded from now on. */
int	loader_hide(const char *name);

/* link.c: interfaces, and where their frames go. */
struct target;
struct link {
	char		 name[16];	/* as the module sees it */
	char		 device[16];	/* the Linux interface, if any */
	struct kpi_if	*kif;
	pthread_t	 thread;
	atomic_bool	 stop;
	int		 fd;		/* -1 for the in-process link */
	int		 wake[2];
	unsigned	 mtu;
	bool		 carrier;
	bool		 tap;
	struct target	*targets;	/* on an in-process link */
	struct wire	*wire;
	struct link	*next;
};
extern struct link *links;
struct link *link_find(const char *name);
int	link_attach(const char *name, const char *kind, const char *device,
	    unsigned mtu, FILE *out);
int	link_detach(struct link *);
void	links_detach_all(void);

/* target.c: an AoE target in memory, for in-process links. */
int	target_add(struct link *, unsigned shelf, unsigned slot, long bytes,
	    const char *serial, FILE *out);
int	target_remove(struct link *, unsigned shelf, unsigned slot);
int	target_set(struct link *, unsigned shelf, unsigned slot,
	    const char *what, const char *value, FILE *out);
/* Passes one frame to a link's targets, and each answer to `reply`. */
typedef void target_reply_t(void *cookie, const void *frame, size_t len);
void	target_frame(struct link *, const unsigned char *frame, size_t len,
	    unsigned mtu, target_reply_t *, void *cookie);
void	targets_free(struct target *);

/* nbd.c */
int	nbd_serve(const char *disk, const char *path, FILE *out);
void	nbd_stop_all(void);

/* command.c and command_net.c */
long	bytes(const char *text);	/* 10, 10k, 10m, 10g */
int	cmd_if(int, char **, FILE *);
int	cmd_inject(int, char **, FILE *);
int	cmd_ioctl(int, char **, FILE *);
int	cmd_sweep(int, char **, FILE *);	/* sweep.c */
int	cmd_target(int, char **, FILE *);
int	cmd_fault(int, char **, FILE *);
int	command(int argc, char **argv, FILE *out);

/* io.c: the commands' reads and writes, several outstanding at a time. */
int	io_read(const char *disk, long offset, long length, const char *path,
	    FILE *out);
int	io_write(const char *disk, long offset, const char *path, FILE *out);
int	io_pattern(const char *disk, long offset, long length, unsigned long
	    seed, bool write, unsigned depth, unsigned size, FILE *out);
int	io_simple(const char *disk, int op, long offset, long length,
	    FILE *out);
int	io_dump(const char *disk, long offset, long length, unsigned long seed,
	    bool running);
/* bench.c */
int	io_bench(const char *disk, bool write, bool random, long size,
	    unsigned depth, double seconds, FILE *out);
int	io_hold(const char *disk, bool write);
int	io_unhold(const char *disk);
#endif /* _KLD_KLD_H_ */
