/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The commands for interfaces, targets and faults.
 */
#define	_GNU_SOURCE
#include "kld.h"

#include <stdlib.h>
#include <string.h>

static int
if_list(FILE *out)
{
	unsigned long in, sent, passed;
	struct link *l;
	unsigned type;
	int carrier, up;

	for (l = links; l != NULL; l = l->next) {
		kpi_if_counts(l->kif, &in, &sent, &passed);
		type = kpi_if_state(l->kif, &up, &carrier);
		fprintf(out, "%s mtu %u link %s received %lu sent %lu passed "
		    "%lu type %u up %d carrier %d\n", l->name, l->mtu,
		    l->wire != NULL || l->carrier ? "up" : "down", in, sent,
		    passed, type, up, carrier);
	}
	return (0);
}

int
cmd_if(int argc, char **argv, FILE *out)
{
	struct link *l;
	unsigned char mac[6];

	if (strcmp(argv[1], "list") == 0)
		return (if_list(out));
	if (argc >= 4 && strcmp(argv[1], "attach") == 0)
		return (link_attach(argv[2], argv[3], argc > 4 ? argv[4] :
		    argv[2], argc > 5 ? (unsigned)bytes(argv[5]) : 1500, out));
	if (argc < 3 || (l = link_find(argv[2])) == NULL)
		return (FBSD_ENXIO);
	if (strcmp(argv[1], "detach") == 0)
		return (link_detach(l));
	if (strcmp(argv[1], "up") == 0 || strcmp(argv[1], "down") == 0)
		kpi_if_flags(l->kif, argv[1][0] == 'u');
	else if (argc == 4 && strcmp(argv[1], "link") == 0)
		kpi_if_link(l->kif, strcmp(argv[3], "up") == 0);
	else if (argc == 4 && strcmp(argv[1], "polling") == 0)
		kpi_if_polling(l->kif, argv[3][0] != '0');
	else if (argc == 4 && strcmp(argv[1], "mtu") == 0) {
		l->mtu = (unsigned)bytes(argv[3]);
		kpi_if_mtu(l->kif, l->mtu);
	} else if (argc == 4 && strcmp(argv[1], "rename") == 0) {
		kpi_if_rename(l->kif, argv[3]);
		snprintf(l->name, sizeof(l->name), "%s", argv[3]);
	} else if (argc == 4 && strcmp(argv[1], "lladdr") == 0 &&
	    sscanf(argv[3], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1],
	    &mac[2], &mac[3], &mac[4], &mac[5]) == 6)
		kpi_if_lladdr(l->kif, mac);
	else
		return (FBSD_EINVAL);
	return (0);
}

/* inject interface hex [vlan]: receives a frame, which may have a VLAN tag. */
int
cmd_inject(int argc, char **argv, FILE *out)
{
	unsigned char frame[9100];
	struct link *l = link_find(argv[1]);
	size_t n = 0;
	const char *p;
	unsigned b;
	int skip;

	(void)out;
	if (l == NULL)
		return (FBSD_ENXIO);
	for (p = argv[2]; n < sizeof(frame) &&
	    sscanf(p, " %2x%n", &b, &skip) == 1; p += skip)
		frame[n++] = (unsigned char)b;
	kpi_input_begin();
	kpi_if_input(l->kif, frame, n, argc > 3 ? (int)bytes(argv[3]) : -1);
	kpi_input_end();
	return (0);
}

/*
 * ioctl [-j] [-u uid] device request [hex]: prints the resulting data in
 * hexadecimal.  The request is a number as _IOWR() encodes it.
 */
int
cmd_ioctl(int argc, char **argv, FILE *out)
{
	unsigned char data[8192];
	unsigned long cmd, i, size;
	unsigned b, uid = 0;
	int error, jailed = 0, n = 1;
	const char *p;

	for (; n < argc && argv[n][0] == '-'; n++) {
		if (strcmp(argv[n], "-j") == 0)
			jailed = 1;
		else if (strcmp(argv[n], "-u") == 0 && n + 1 < argc)
			uid = (unsigned)strtoul(argv[++n], NULL, 0);
	}
	if (argc - n < 2)
		return (FBSD_EINVAL);
	cmd = strtoul(argv[n + 1], NULL, 0);
	size = kpi_ioctl_size(cmd);
	memset(data, 0, sizeof(data));
	p = argc - n > 2 ? argv[n + 2] : "";
	for (i = 0; i < size && sscanf(p, "%2x", &b) == 1; i++, p += 2)
		data[i] = (unsigned char)b;
	error = kpi_ioctl(argv[n], cmd, data, uid, jailed);
	for (i = 0; error == 0 && i < size; i++)
		fprintf(out, "%02x", data[i]);
	return (error);
}

int
cmd_target(int argc, char **argv, FILE *out)
{
	struct link *l = link_find(argv[2]);
	unsigned shelf, slot;

	if (l == NULL)
		return (FBSD_ENXIO);
	if (sscanf(argv[3], "%u.%u", &shelf, &slot) != 2)
		return (FBSD_EINVAL);
	if (argc >= 5 && strcmp(argv[1], "add") == 0)
		return (target_add(l, shelf, slot, bytes(argv[4]), argc > 5 ?
		    argv[5] : NULL, out));
	if (strcmp(argv[1], "remove") == 0)
		return (target_remove(l, shelf, slot));
	if (argc == 6 && strcmp(argv[1], "set") == 0)
		return (target_set(l, shelf, slot, argv[4], argv[5], out));
	return (FBSD_EINVAL);
}

int
cmd_fault(int argc, char **argv, FILE *out)
{
	static const char *const modes[] = { "now", "late", "lazy", "never",
	    "random" };
	const char *what = argv[1];
	long n = argc > 2 ? bytes(argv[2]) : 0;
	int i;

	if (strcmp(what, "alloc") == 0) {
		kpi_faults.alloc_fail_for = argc > 3 ? bytes(argv[3]) : 1;
		kpi_faults.alloc_fail_at = n;
	} else if (strcmp(what, "txfree") == 0 && argc > 2) {
		for (i = 0; i < 5 && strcmp(modes[i], argv[2]) != 0; i++)
			;
		if (i == 5)
			return (FBSD_EINVAL);
		kpi_faults.tx_free = i;
		kpi_faults.tx_free_ms = argc > 3 ? bytes(argv[3]) : 100;
	} else if (strcmp(what, "txrelease") == 0)
		kpi_tx_release();
	else if (strcmp(what, "rxsplit") == 0)
		kpi_faults.rx_split = n != 0;
	else if (strcmp(what, "unmapped") == 0)
		kpi_faults.unmapped = (int)n;
	else if (strcmp(what, "copyout") == 0)
		kpi_faults.copyout_stuck = n != 0;
	else if (strcmp(what, "memory") == 0)
		kpi_faults.memory_stuck = n != 0;
	else if (strcmp(what, "geom") == 0)
		kpi_faults.geom_stuck = n != 0;
	else if (strcmp(what, "netgdb") == 0)
		kpi_faults.netgdb = n != 0;
	else if (strcmp(what, "txerror") == 0)
		kpi_faults.tx_error = (int)n;
	else if (strcmp(what, "trace") == 0)
		kpi_faults.trace = n != 0;
	else if (strcmp(what, "list") == 0)
		fprintf(out, "allocations %lu fail_at %ld\n",
		    kpi_alloc_count(), kpi_faults.alloc_fail_at);
	else
		return (FBSD_EINVAL);
	return (0);
}
