/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * /dev/aoectl: what aoectl(8) asks of the module.
 *
 * The structs of aoe_abi.h are part of it, so both come from one build: a
 * program compares AOEIOC_VERSION's answer with AOE_CTL_VERSION first.  None
 * of these requests holds a pointer.
 */
#ifndef _AOE_IOCTL_H_
#define	_AOE_IOCTL_H_

#include <sys/types.h>
#include <sys/ioccom.h>

#include "aoe_abi.h"

#define	AOE_CTL_NAME		"aoectl"
#define	AOE_CTL_VERSION		(AOE_ABI_VERSION << 16 | 5)
#define	AOE_CTL_WAIT_MAX	60000		/* ms that a request may take */
#define	AOE_CTL_LOG		32		/* events per request */

struct aoe_ioc_version {
	uint32_t	version;		/* AOE_CTL_VERSION */
	char		driver[28];		/* net.aoe.version */
};

struct aoe_ioc_address {
	uint16_t	major;
	uint8_t		minor;
	uint8_t		all;			/* every target: no address */
};

struct aoe_ioc_path {
	struct aoe_path_info info;
	uint64_t	histogram[AOE_HISTOGRAM];
	uint32_t	mtu;			/* 0: no such interface */
	uint8_t		local[6];
	uint8_t		link_up;
	uint8_t		reserved[5];
	char		interface[16];
};

/* One target: the one at an address, or the first at or past it. */
struct aoe_ioc_target {
	uint16_t	major;			/* in and out */
	uint8_t		minor;
	uint8_t		next;			/* in: at or past it */
	uint32_t	npaths;
	struct aoe_target_info info;
	struct aoe_ioc_path path[AOE_PATHS];
	uint32_t	identified;		/* `identify` holds something */
	uint8_t		identify[512];
	uint8_t		config[1024];		/* info.config_length bytes */
	char		name[16];
	char		reason[AOE_TEXT_MAX];	/* info.reason in words, or "" */
};

/*
 * A management command: what follows the 24-byte header goes out of `data`,
 * and the answer's comes back in it, as much of it as fits.
 */
struct aoe_ioc_control {
	uint16_t	major;
	uint8_t		minor;
	uint8_t		path;			/* index or AOE_PATH_ANY; out:
						   the one that answered */
	uint32_t	command;		/* AoE's number */
	uint32_t	length;			/* of `data`; out: of the answer */
	uint32_t	frame_length;		/* zeros follow, up to this */
	uint32_t	wait_ms;		/* for each transmission */
	uint8_t		tries;			/* in and out: transmissions */
	uint8_t		error;			/* out: AoE's error byte */
	uint8_t		refused;		/* out: the target says no */
	uint8_t		reserved;
	uint64_t	rtt_us;			/* out: since the last of them */
	uint8_t		data[AOE_CONTROL_MAX];
};

struct aoe_ioc_event {
	uint64_t	seq;			/* from 1 */
	uint64_t	sec;			/* when, since 1970 */
	uint64_t	value;			/* what the event's text says */
	uint32_t	usec;
	uint8_t		path;			/* AOE_PATH_ANY: none */
	uint8_t		reserved[3];
	char		target[16];
	char		name[24];
	char		text[AOE_TEXT_MAX];
};

/* Events after `after`, oldest first. */
struct aoe_ioc_log {
	uint64_t	after;
	uint32_t	wait_ms;		/* for one, if there is none */
	uint32_t	count;			/* out */
	uint64_t	lost;			/* out: of those, forgotten */
	struct aoe_ioc_event event[AOE_CTL_LOG];
};

/* A target that answers and has no disk, by an index from 0; ENOENT ends it. */
struct aoe_ioc_absent {
	uint32_t	index;			/* in */
	uint32_t	reserved;
	struct aoe_absent absent;
	char		text[AOE_TEXT_MAX];
};

/* What the bytes of IDENTIFY mean: the driver decodes them for its tools. */
struct aoe_ioc_identity {
	uint8_t		page[512];		/* in */
	struct aoe_identity identity;		/* out */
};

/* The disk that is to be taken for the one of a target. */
struct aoe_ioc_accept {
	uint16_t	major;
	uint8_t		minor;
	uint8_t		reserved[5];
	uint8_t		page[512];		/* what it says to IDENTIFY */
};

#define	AOEIOC_VERSION		_IOR('A', 0, struct aoe_ioc_version)
#define	AOEIOC_TARGET		_IOWR('A', 1, struct aoe_ioc_target)
#define	AOEIOC_CONTROL		_IOWR('A', 2, struct aoe_ioc_control)
#define	AOEIOC_DISCOVER		_IOW('A', 3, struct aoe_ioc_address)
#define	AOEIOC_REVALIDATE	_IOW('A', 4, struct aoe_ioc_address)
#define	AOEIOC_FORGET		_IOW('A', 5, struct aoe_ioc_address)
#define	AOEIOC_LOG		_IOWR('A', 6, struct aoe_ioc_log)
#define	AOEIOC_IDENTITY		_IOWR('A', 7, struct aoe_ioc_identity)
#define	AOEIOC_ABSENT		_IOWR('A', 8, struct aoe_ioc_absent)
#define	AOEIOC_ACCEPT		_IOW('A', 9, struct aoe_ioc_accept)

/* What an ioctl can carry, in 14 and 15 alike. */
_Static_assert(sizeof(struct aoe_ioc_target) < 8192, "too large");
_Static_assert(sizeof(struct aoe_ioc_control) < 8192, "too large");
_Static_assert(sizeof(struct aoe_ioc_log) < 8192, "too large");
#endif /* _AOE_IOCTL_H_ */
