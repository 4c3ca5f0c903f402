/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * /dev/aoectl: the requests of aoectl(8) to the module.
 *
 * The structs that the core fills in are in aoe_abi.h, so program and module
 * must have the same version of it: a program first compares AOEIOC_VERSION's
 * answer with AOE_CTL_VERSION.  No request contains a pointer.
 */
#ifndef _AOE_IOCTL_H_
#define	_AOE_IOCTL_H_

#include <sys/types.h>
#include <sys/ioccom.h>

#include "aoe_abi.h"

#define	AOE_CTL_NAME		"aoectl"
#define	AOE_CTL_VERSION		(AOE_ABI_VERSION << 16 | 5)

struct aoe_ioc_version {
	uint32_t	version;		/* AOE_CTL_VERSION */
	char		driver[28];		/* net.aoe.version */
};

struct aoe_ioc_address {
	uint16_t	major;
	uint8_t		minor;
	uint8_t		all;			/* 1: all targets, no address */
};

/* A target that answers but has no disk, by index from 0; ENOENT: no more. */
struct aoe_ioc_absent {
	uint32_t	index;			/* in */
	uint32_t	reserved;
	struct aoe_absent absent;
	char		text[AOE_TEXT_MAX];
};

/* The disk to accept as the disk of a target. */
struct aoe_ioc_accept {
	uint16_t	major;
	uint8_t		minor;
	uint8_t		reserved[5];
	uint8_t		page[512];		/* its IDENTIFY data */
};

#define	AOEIOC_VERSION		_IOR('A', 0, struct aoe_ioc_version)
#define	AOEIOC_TARGET		_IOWR('A', 1, struct aoe_ioc_target)
#define	AOEIOC_CONTROL		_IOWR('A', 2, struct aoe_ioc_control)
#define	AOEIOC_DISCOVER		_IOW('A', 3, struct aoe_ioc_address)
#define	AOEIOC_REVALIDATE	_IOW('A', 4, struct aoe_ioc_address)
#define	AOEIOC_FORGET		_IOW('A', 5, struct aoe_ioc_address)
#define	AOEIOC_LOG		_IOWR('A', 6, struct aoe_ioc_log)
#define	AOEIOC_ABSENT		_IOWR('A', 8, struct aoe_ioc_absent)
#define	AOEIOC_ACCEPT		_IOW('A', 9, struct aoe_ioc_accept)

/* Below FreeBSD's limit on the size of an ioctl, in both 14 and 15. */
_Static_assert(sizeof(struct aoe_ioc_target) < 8192, "too large");
_Static_assert(sizeof(struct aoe_ioc_control) < 8192, "too large");
_Static_assert(sizeof(struct aoe_ioc_log) < 8192, "too large");
#endif /* _AOE_IOCTL_H_ */
