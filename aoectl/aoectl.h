/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the files of aoectl share.  A command returns what the program exits
 * with.
 */
#ifndef _AOECTL_H_
#define	_AOECTL_H_

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "aoe_ioctl.h"
#include "aoe_state.h"

/* How the program ends; those above 2 are of sysexits(3). */
#define	EXIT_OK		0
#define	EXIT_FAULT	1	/* it worked, and what it found is bad */
#define	EXIT_USE	64	/* bad arguments */
#define	EXIT_NOTARGET	66	/* no such target */
#define	EXIT_NOMODULE	69	/* no module, or it is being unloaded */
#define	EXIT_SYSTEM	71	/* anything else that the system says */
#define	EXIT_SILENT	75	/* no answer, or not now: try again */
#define	EXIT_REFUSED	76	/* the target does not take the command */
#define	EXIT_NOPERM	77	/* not root, or in a jail */

#define	ATA_ARGUMENT	12	/* bytes in front of ATA data */
#define	CONFIG_ARGUMENT	8	/* ... of a config string */
#define	CONFIG_MAX	1024
#define	SECTOR		512

enum aoe_command {
	AOE_ATA,
	AOE_CONFIG,
	AOE_MASK,
	AOE_RESERVE
};

/* main.c */
int	usage(void);
void	complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The status for an errno of the module, after saying what it means. */
int	failed(int error, const char *what);
/* A whole number within bounds; false after a complaint if it is none. */
bool	number(const char *text, unsigned long min, unsigned long max,
	    unsigned *out);

/* target.c */
bool	address_of(const char *name, uint16_t *shelf, uint8_t *slot);
int	target_get(const char *name, struct aoe_ioc_target *);
/* The named targets, or all; the worst status of what `each` returned. */
int	targets(int argc, char **argv, int (*each)(const struct
	    aoe_ioc_target *));
/* Targets that answer and have no disk, one by one; false past the last. */
bool	absent_get(uint32_t index, struct aoe_ioc_absent *);
/* Why this one has none; "" if it has one, or does not answer. */
const char *absent_text(uint16_t shelf, uint8_t slot, char text[AOE_TEXT_MAX]);
const char *size_text(uint64_t bytes, char buf[16]);
const char *mac_text(const uint8_t mac[6], char buf[18]);
bool	mac_of(const char *text, uint8_t mac[6]);
/* Padding of ATA strings, and what a terminal should not get. */
void	tidy(char *text);
void	printable(const uint8_t *bytes, size_t n, char *out);

/* ask.c: one management command. */
void	ask_init(struct aoe_ioc_control *, const struct aoe_ioc_target *,
	    enum aoe_command, size_t length);
int	ask(struct aoe_ioc_control *);
void	ask_ata(struct aoe_ioc_control *, const struct aoe_ioc_target *,
	    uint8_t command, uint8_t feature, uint8_t count);
/* The exit status of an answered command, after saying why it was refused. */
int	refusal(const struct aoe_ioc_control *, const char *target);
/* Sends a command whose answer has a sector; 0, or the status after saying why
   there is none. */
int	ask_sector(struct aoe_ioc_control *, const char *target);
void	rediscover(void);

/* identify.c: what the disk behind a path says; complains if nothing. */
int	identify_get(const struct aoe_ioc_target *, uint8_t path,
	    struct aoe_ioc_identity *);

/* The commands, by file. */
int	cmd_list(int, char **);		/* show.c */
int	cmd_status(int, char **);
int	cmd_paths(int, char **);
int	cmd_stats(int, char **);	/* stats.c */
int	cmd_version(int, char **);
int	cmd_discover(int, char **);	/* act.c */
int	cmd_flush(int, char **);
int	cmd_revalidate(int, char **);
int	cmd_interfaces(int, char **);
int	cmd_ping(int, char **);		/* ping.c */
int	cmd_sancheck(int, char **);	/* sancheck.c */
int	cmd_identify(int, char **);	/* identify.c */
int	cmd_smart(int, char **);	/* smart.c */
int	cmd_config(int, char **);	/* manage.c */
int	cmd_mask(int, char **);
int	cmd_reserve(int, char **);
int	cmd_log(int, char **);		/* log.c */
int	cmd_accept(int, char **);	/* accept.c */
#endif /* _AOECTL_H_ */
