/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Management commands: how one is sent, and what a refusal means.
 */
#include <errno.h>
#include <string.h>

#include "aoectl.h"
#include "os.h"

#define	TRIES	4
#define	WAIT_MS	1000

/* Status bits that mean failure: BSY, DF, DRQ, ERR. */
#define	ATA_BAD	0xa9
#define	ATA_ERR	0x01
#define	ATA_ABRT 0x04

void
ask_init(struct aoe_ioc_control *c, const struct aoe_ioc_target *t,
    enum aoe_command command, size_t length)
{

	memset(c, 0, sizeof(*c));
	c->major = t->major;
	c->minor = t->minor;
	c->path = AOE_PATH_ANY;
	c->command = command;
	c->length = (uint32_t)length;
	c->tries = TRIES;
	c->wait_ms = WAIT_MS;
}

void
ask_ata(struct aoe_ioc_control *c, const struct aoe_ioc_target *t,
    uint8_t command, uint8_t feature, uint8_t count)
{

	ask_init(c, t, AOE_ATA, ATA_ARGUMENT);
	c->data[1] = feature;
	c->data[2] = count;
	c->data[3] = command;
	c->data[7] = 0xa0;
}

int
ask(struct aoe_ioc_control *c)
{

	return (os_ioctl(AOEIOC_CONTROL, c));
}

int
refusal(const struct aoe_ioc_control *c, const char *target)
{

	if (!c->refused)
		return (EXIT_OK);
	switch (c->error) {
	case 1:
		complain("%s: the target does not know this command", target);
		break;
	case 2:
		complain("%s: the target does not take the argument", target);
		break;
	case 3:
		complain("%s: the target cannot reach its disk", target);
		return (EXIT_SILENT);
	case 4:
		complain("%s: the target has a config string", target);
		break;
	case 5:
		complain("%s: the target speaks another version of AoE",
		    target);
		break;
	case 6:
		complain("%s: reserved by another host", target);
		break;
	default:
		complain("%s: the target refuses, error %u", target, c->error);
		break;
	}
	return (EXIT_REFUSED);
}

/* 0, or the status after saying what the disk says. */
static int
ata_status(const struct aoe_ioc_control *c, const char *target)
{
	int status = refusal(c, target);

	if (status != EXIT_OK)
		return (status);
	if (c->length < ATA_ARGUMENT) {
		complain("%s: the answer is cut short", target);
		return (EXIT_REFUSED);
	}
	if ((c->data[3] & ATA_BAD) == 0)
		return (EXIT_OK);
	if ((c->data[3] & ATA_ERR) != 0 && (c->data[1] & ATA_ABRT) != 0)
		complain("%s: the disk does not take this command", target);
	else
		complain("%s: the disk reports status %#x, error %#x", target,
		    c->data[3], c->data[1]);
	return (EXIT_REFUSED);
}

int
ask_sector(struct aoe_ioc_control *c, const char *target)
{
	int error, status;

	if ((error = ask(c)) != 0)
		return (failed(error, target));
	if ((status = ata_status(c, target)) != EXIT_OK)
		return (status);
	if (c->length < ATA_ARGUMENT + SECTOR) {
		complain("%s: the answer is cut short", target);
		return (EXIT_REFUSED);
	}
	return (EXIT_OK);
}

/* Targets may answer others now, or otherwise: ask everybody again. */
void
rediscover(void)
{
	struct aoe_ioc_address everybody = { .all = 1 };

	(void)os_ioctl(AOEIOC_DISCOVER, &everybody);
}
