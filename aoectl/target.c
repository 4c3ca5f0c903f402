/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Targets by name, and how what is known of them is written.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aoectl.h"
#include "os.h"

/* 7.3, e7.3 as Linux has it, aoe7e3, /dev/aoe7e3. */
bool
address_of(const char *name, uint16_t *shelf, uint8_t *slot)
{
	unsigned long major, minor;
	const char *p = name;
	char *end, separator;

	if (strncmp(p, "/dev/", 5) == 0)
		p += 5;
	if (strncmp(p, "aoe", 3) == 0) {
		p += 3;
		separator = 'e';
	} else {
		p += *p == 'e';
		separator = '.';
	}
	if (*p < '0' || *p > '9')
		return (false);
	major = strtoul(p, &end, 10);
	if (*end != separator || end[1] < '0' || end[1] > '9')
		return (false);
	minor = strtoul(end + 1, &end, 10);
	if (*end != '\0' || major > 0xfffe || minor > 0xfe)
		return (false);
	*shelf = (uint16_t)major;
	*slot = (uint8_t)minor;
	return (true);
}

int
target_get(const char *name, struct aoe_ioc_target *t)
{
	int error;

	memset(t, 0, sizeof(*t));
	if (!address_of(name, &t->major, &t->minor)) {
		complain("%s: a target is written 7.3, e7.3 or aoe7e3", name);
		return (EXIT_USE);
	}
	error = os_ioctl(AOEIOC_TARGET, t);
	return (error != 0 ? failed(error, name) : EXIT_OK);
}

static int
every_target(int (*each)(const struct aoe_ioc_target *))
{
	struct aoe_ioc_target t;
	unsigned long next = 0;
	int error, status, worst = EXIT_OK;

	while (next <= 0xfffe00fe) {
		memset(&t, 0, sizeof(t));
		t.major = (uint16_t)(next >> 8);
		t.minor = (uint8_t)next;
		t.next = 1;
		error = os_ioctl(AOEIOC_TARGET, &t);
		if (error == ENOENT)
			break;
		if (error != 0)
			return (failed(error, "targets"));
		next = ((unsigned long)t.major << 8 | t.minor) + 1;
		status = each(&t);
		if (status > worst)
			worst = status;
	}
	return (worst);
}

int
targets(int argc, char **argv, int (*each)(const struct aoe_ioc_target *))
{
	struct aoe_ioc_target t;
	int i, status, worst = EXIT_OK;

	if (argc == 0)
		return (every_target(each));
	for (i = 0; i < argc; i++) {
		status = target_get(argv[i], &t);
		if (status == EXIT_OK)
			status = each(&t);
		if (status > worst)
			worst = status;
	}
	return (worst);
}

bool
absent_get(uint32_t index, struct aoe_ioc_absent *a)
{

	memset(a, 0, sizeof(*a));
	a->index = index;
	return (os_ioctl(AOEIOC_ABSENT, a) == 0);
}

const char *
absent_text(uint16_t shelf, uint8_t slot, char text[AOE_TEXT_MAX])
{
	struct aoe_ioc_absent a;
	uint32_t i;

	text[0] = '\0';
	for (i = 0; absent_get(i, &a); i++)
		if (a.absent.major == shelf && a.absent.minor == slot)
			memcpy(text, a.text, sizeof(a.text));
	return (text);
}

/* 4.0G, 16M, 512. */
const char *
size_text(uint64_t bytes, char buf[16])
{
	static const char units[] = "\0KMGTPE";
	unsigned unit = 0;
	double n = (double)bytes;

	while (n >= 1024 && unit < 6) {
		n /= 1024;
		unit++;
	}
	snprintf(buf, 16, n < 10 && unit > 0 ? "%.1f%c" : "%.0f%c", n,
	    units[unit]);
	return (buf);
}

const char *
mac_text(const uint8_t mac[6], char buf[18])
{

	snprintf(buf, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
	    mac[2], mac[3], mac[4], mac[5]);
	return (buf);
}

bool
mac_of(const char *text, uint8_t mac[6])
{
	unsigned b[6];
	int i, n = 0;

	/* Twelve digits without colons, as older tools write it, too. */
	if ((sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2],
	    &b[3], &b[4], &b[5], &n) != 6 &&
	    sscanf(text, "%2x%2x%2x%2x%2x%2x%n", &b[0], &b[1], &b[2], &b[3],
	    &b[4], &b[5], &n) != 6) || text[n] != '\0') {
		complain("%s: no MAC address", text);
		return (false);
	}
	for (i = 0; i < 6; i++)
		mac[i] = (uint8_t)b[i];
	return (true);
}

void
printable(const uint8_t *bytes, size_t n, char *out)
{
	size_t i;

	for (i = 0; i < n; i++)
		out[i] = bytes[i] < ' ' || bytes[i] > '~' ? '?' :
		    (char)bytes[i];
	out[n] = '\0';
}

void
tidy(char *text)
{
	size_t lead = strspn(text, " "), n;

	memmove(text, text + lead, strlen(text + lead) + 1);
	for (n = strlen(text); n > 0 && text[n - 1] == ' '; n--)
		text[n - 1] = '\0';
	printable((uint8_t *)text, n, text);
}
