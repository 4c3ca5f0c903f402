/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * net.aoe.target.aoe<shelf>e<slot>: what there is to know about a target and
 * its paths; and what can be set for it alone.
 *
 * Knows: the names and units of what the core reports.
 * Must not know: anything else.
 *
 * The nodes are made and freed by the lifecycle thread, which holds no lock:
 * both wait for others' readers.
 */
#include "aoe_var.h"

#include <sys/sbuf.h>

#include <net/ethernet.h>

#include "aoe_state.h"

#define	AOE_PATH_SHIFT		16	/* arg2: path << 16 | field */

enum aoe_field {
	F_STATE, F_IDENT, F_MODEL, F_FIRMWARE, F_CONFIG, F_SIZE, F_SECTOR,
	F_BUFFERS, F_SENT, F_RECEIVED, F_RETRANSMITTED, F_LATE, F_UNEXPECTED,
	F_COMPLETED, F_FAILED, F_FENCES, F_GUARD_WAITS, F_GUARD_WAIT_US,
	F_ACTIVE, F_IN_FLIGHT, F_GUARDED, F_CONFLICT, F_DOUBLED, F_OPEN,
	F_PATHS_LEFT_OUT,
};

enum aoe_path_field {
	P_INTERFACE, P_MAC, P_STATE, P_RTT, P_RTO, P_WINDOW, P_IN_FLIGHT,
	P_PAYLOAD, P_PAYLOAD_MAX, P_SENT, P_RECEIVED, P_RETRANSMITTED, P_LATE,
	P_UNEXPECTED, P_DOUBLED, P_HISTOGRAM, P_REORDER,
};

struct aoe_node {
	const char	*n_name;
	int		n_field;
	bool		n_string;
	const char	*n_descr;
};

static const struct aoe_node aoe_target_nodes[] = {
	{ "state", F_STATE, true, "What the target is doing" },
	{ "ident", F_IDENT, true, "Serial number" },
	{ "model", F_MODEL, true, "Model" },
	{ "firmware", F_FIRMWARE, true, "Firmware revision" },
	{ "config", F_CONFIG, true, "Configuration string" },
	{ "size", F_SIZE, false, "Bytes" },
	{ "sector_physical", F_SECTOR, false, "Bytes of a physical sector" },
	{ "buffers", F_BUFFERS, false, "Requests that the target can queue" },
	{ "sent", F_SENT, false, "Requests sent" },
	{ "received", F_RECEIVED, false, "Answers received" },
	{ "retransmitted", F_RETRANSMITTED, false, "Requests sent again" },
	{ "late", F_LATE, false, "Answers to an earlier transmission" },
	{ "unexpected", F_UNEXPECTED, false, "Answers to nothing asked" },
	{ "completed", F_COMPLETED, false, "I/Os completed" },
	{ "failed", F_FAILED, false, "I/Os that failed" },
	{ "fences", F_FENCES, false, "Reads sent to find out about writes" },
	{ "guard_waits", F_GUARD_WAITS, false,
	    "Writes that waited for an earlier copy" },
	{ "guard_wait_us", F_GUARD_WAIT_US, false, "Microseconds so waited" },
	{ "active", F_ACTIVE, false, "I/Os under way" },
	{ "in_flight", F_IN_FLIGHT, false, "Requests on the wire" },
	{ "guarded", F_GUARDED, false, "Copies of writes not accounted for" },
	{ "conflict", F_CONFLICT, false,
	    "Whether another disk claims the address" },
	{ "paths_left_out", F_PATHS_LEFT_OUT, false,
	    "Answers by a path for which there was no room" },
	{ "doubled", F_DOUBLED, false,
	    "Whether all is answered twice, with equal data" },
	{ "open", F_OPEN, false, "Whether the disk is open" },
};

static const struct aoe_node aoe_path_nodes[] = {
	{ "interface", P_INTERFACE, true, "Local interface" },
	{ "mac", P_MAC, true, "Address of the target" },
	{ "state", P_STATE, true, "What the path is doing" },
	{ "rtt", P_RTT, false, "Smoothed round-trip time in microseconds" },
	{ "rto", P_RTO, false, "Retransmission timeout in microseconds" },
	{ "reorder", P_REORDER, false,
	    "Microseconds that an answer came behind later ones, at most" },
	{ "window", P_WINDOW, false, "Requests allowed on the wire" },
	{ "in_flight", P_IN_FLIGHT, false, "Requests on the wire" },
	{ "payload", P_PAYLOAD, false, "Bytes of data per request" },
	{ "payload_max", P_PAYLOAD_MAX, false,
	    "Bytes of data that the MTU and the target allow" },
	{ "sent", P_SENT, false, "Requests sent" },
	{ "received", P_RECEIVED, false, "Answers received" },
	{ "retransmitted", P_RETRANSMITTED, false, "Requests sent again" },
	{ "late", P_LATE, false, "Answers to an earlier transmission" },
	{ "unexpected", P_UNEXPECTED, false, "Answers to nothing asked" },
	{ "doubled", P_DOUBLED, false, "Answers to requests answered before" },
	{ "histogram", P_HISTOGRAM, true,
	    "Answers by how long they took: from so many microseconds on" },
};

static SYSCTL_NODE(_net_aoe, OID_AUTO, target, CTLFLAG_RD | CTLFLAG_MPSAFE, 0,
    "Targets");

static uint64_t
aoe_target_number(const struct aoe_target_info *i, int field)
{

	switch (field) {
	case F_SIZE:
		return (i->sectors * AOE_SECTOR);
	case F_SECTOR:
		return (i->sector_physical);
	case F_BUFFERS:
		return (i->buffer_count);
	case F_SENT:
		return (i->sent);
	case F_RECEIVED:
		return (i->received);
	case F_RETRANSMITTED:
		return (i->retransmitted);
	case F_LATE:
		return (i->late);
	case F_UNEXPECTED:
		return (i->unexpected);
	case F_COMPLETED:
		return (i->completed);
	case F_FAILED:
		return (i->failed);
	case F_FENCES:
		return (i->fences);
	case F_GUARD_WAITS:
		return (i->guard_waits);
	case F_GUARD_WAIT_US:
		return (i->guard_wait_us);
	case F_ACTIVE:
		return (i->active);
	case F_IN_FLIGHT:
		return (i->in_flight);
	case F_GUARDED:
		return (i->guarded);
	case F_PATHS_LEFT_OUT:
		return (i->paths_left_out);
	case F_CONFLICT:
		return ((i->flags & AOE_INFO_CONFLICT) != 0);
	case F_DOUBLED:
		return ((i->flags & AOE_INFO_DOUBLED) != 0);
	default:
		return ((i->flags & AOE_INFO_OPEN) != 0);
	}
}

static int
aoe_sysctl_target(SYSCTL_HANDLER_ARGS)
{
	struct aoe_softc *sc = arg1;
	struct aoe_target_info info;
	uint64_t value;

	mtx_lock(&sc->sc_mtx);
	aoe_core_info(sc->sc_core, aoe_now(), &info);
	mtx_unlock(&sc->sc_mtx);
	switch (arg2) {
	case F_STATE:
		return (sysctl_handle_string(oidp,
		    __DECONST(char *, aoe_state_name(info.state)), 0, req));
	case F_IDENT:
		return (sysctl_handle_string(oidp, info.serial, 0, req));
	case F_MODEL:
		return (sysctl_handle_string(oidp, info.model, 0, req));
	case F_FIRMWARE:
		return (sysctl_handle_string(oidp, info.firmware, 0, req));
	default:
		value = aoe_target_number(&info, arg2);
		return (sysctl_handle_64(oidp, &value, 0, req));
	}
}

/* The configuration string may hold any byte; show it as text. */
static int
aoe_sysctl_config(SYSCTL_HANDLER_ARGS)
{
	struct aoe_softc *sc = arg1;
	uint8_t *text;
	uint32_t i, length;
	int error;

	text = malloc(1024 + 1, M_AOE, M_WAITOK);
	mtx_lock(&sc->sc_mtx);
	length = aoe_core_config_string(sc->sc_core, text, 1024);
	mtx_unlock(&sc->sc_mtx);
	length = MIN(length, 1024);
	for (i = 0; i < length; i++)
		if (text[i] < ' ' || text[i] > '~')
			text[i] = '?';
	text[length] = '\0';
	error = sysctl_handle_string(oidp, (char *)text, 0, req);
	free(text, M_AOE);
	return (error);
}

static uint64_t
aoe_path_number(const struct aoe_path_info *p, int field)
{

	switch (field) {
	case P_RTT:
		return (p->rtt_us);
	case P_RTO:
		return (p->rto_us);
	case P_REORDER:
		return (p->reorder_us);
	case P_WINDOW:
		return (p->window);
	case P_IN_FLIGHT:
		return (p->in_flight);
	case P_PAYLOAD:
		return (p->payload);
	case P_PAYLOAD_MAX:
		return (p->payload_max);
	case P_SENT:
		return (p->sent);
	case P_RECEIVED:
		return (p->received);
	case P_RETRANSMITTED:
		return (p->retransmitted);
	case P_LATE:
		return (p->late);
	case P_DOUBLED:
		return (p->doubled);
	default:
		return (p->unexpected);
	}
}

static int
aoe_sysctl_path(SYSCTL_HANDLER_ARGS)
{
	struct aoe_softc *sc = arg1;
	struct aoe_path_info info;
	char text[MAX(IFNAMSIZ, 18)];
	uint64_t value;
	int error, field;

	field = arg2 & ((1 << AOE_PATH_SHIFT) - 1);
	mtx_lock(&sc->sc_mtx);
	error = aoe_core_path_info(sc->sc_core, arg2 >> AOE_PATH_SHIFT, &info);
	mtx_unlock(&sc->sc_mtx);
	if (error != 0)
		return (error);
	switch (field) {
	case P_INTERFACE:
		aoe_link_name(info.link, text, sizeof(text));
		break;
	case P_MAC:
		snprintf(text, sizeof(text), "%6D", info.mac, ":");
		break;
	case P_STATE:
		strlcpy(text, aoe_path_state_name(info.state), sizeof(text));
		break;
	default:
		value = aoe_path_number(&info, field);
		return (sysctl_handle_64(oidp, &value, 0, req));
	}
	return (sysctl_handle_string(oidp, text, 0, req));
}

/* "64:12 128:7" is 12 answers in 64 to 127 us, and 7 in 128 to 255. */
static int
aoe_sysctl_histogram(SYSCTL_HANDLER_ARGS)
{
	struct aoe_softc *sc = arg1;
	uint64_t counts[AOE_HISTOGRAM];
	const char *between = "";
	struct sbuf *sb;
	u_int i;
	int error;

	mtx_lock(&sc->sc_mtx);
	error = aoe_core_path_histogram(sc->sc_core, arg2 >> AOE_PATH_SHIFT,
	    counts);
	mtx_unlock(&sc->sc_mtx);
	if (error != 0)
		return (error);
	sb = sbuf_new_for_sysctl(NULL, NULL, 256, req);
	if (sb == NULL)
		return (ENOMEM);
	for (i = 0; i < AOE_HISTOGRAM; i++) {
		if (counts[i] == 0)
			continue;
		sbuf_printf(sb, "%s%u:%ju", between, i == 0 ? 0 : 1U << (i - 1),
		    (uintmax_t)counts[i]);
		between = " ";
	}
	error = sbuf_finish(sb);
	sbuf_delete(sb);
	return (error);
}

static int
aoe_sysctl_readonly(SYSCTL_HANDLER_ARGS)
{
	struct aoe_softc *sc = arg1;
	int error, value;

	mtx_lock(&sc->sc_mtx);
	value = sc->sc_read_only != 0;
	mtx_unlock(&sc->sc_mtx);
	error = sysctl_handle_int(oidp, &value, 0, req);
	if (error != 0 || req->newptr == NULL)
		return (error);
	if (value != 0 && value != 1)
		return (EINVAL);
	aoe_disk_set_read_only(sc, value != 0);
	return (0);
}

static void
aoe_sysctl_node(struct aoe_softc *sc, struct sysctl_oid *parent,
    const struct aoe_node *n, intmax_t arg2,
    int (*handler)(SYSCTL_HANDLER_ARGS))
{

	if (n->n_string)
		SYSCTL_ADD_PROC(&sc->sc_sysctl, SYSCTL_CHILDREN(parent),
		    OID_AUTO, n->n_name, CTLTYPE_STRING | CTLFLAG_RD |
		    CTLFLAG_MPSAFE, sc, arg2, handler, "A", n->n_descr);
	else
		SYSCTL_ADD_PROC(&sc->sc_sysctl, SYSCTL_CHILDREN(parent),
		    OID_AUTO, n->n_name, CTLTYPE_U64 | CTLFLAG_RD |
		    CTLFLAG_MPSAFE, sc, arg2, handler, "QU", n->n_descr);
}

void
aoe_sysctl_target_add(struct aoe_softc *sc)
{
	struct sysctl_oid *node;
	u_int i;

	sysctl_ctx_init(&sc->sc_sysctl);
	node = SYSCTL_ADD_NODE(&sc->sc_sysctl,
	    SYSCTL_STATIC_CHILDREN(_net_aoe_target), OID_AUTO, sc->sc_name,
	    CTLFLAG_RD | CTLFLAG_MPSAFE, 0, "A target");
	for (i = 0; i < nitems(aoe_target_nodes); i++)
		aoe_sysctl_node(sc, node, &aoe_target_nodes[i],
		    aoe_target_nodes[i].n_field,
		    aoe_target_nodes[i].n_field == F_CONFIG ?
		    aoe_sysctl_config : aoe_sysctl_target);
	SYSCTL_ADD_PROC(&sc->sc_sysctl, SYSCTL_CHILDREN(node), OID_AUTO,
	    "maxwait", CTLTYPE_INT | CTLFLAG_RW | CTLFLAG_MPSAFE, sc, 0,
	    aoe_maxwait_sysctl_target, "I",
	    "Seconds that I/O waits (0: for ever, -1: net.aoe.maxwait)");
	SYSCTL_ADD_PROC(&sc->sc_sysctl, SYSCTL_CHILDREN(node), OID_AUTO,
	    "policy", CTLTYPE_STRING | CTLFLAG_RW | CTLFLAG_MPSAFE, sc, 0,
	    aoe_policy_sysctl_target, "A",
	    "How a path is chosen: default, latency, roundrobin or failover");
	SYSCTL_ADD_PROC(&sc->sc_sysctl, SYSCTL_CHILDREN(node), OID_AUTO,
	    "readonly", CTLTYPE_INT | CTLFLAG_RW | CTLFLAG_MPSAFE, sc, 0,
	    aoe_sysctl_readonly, "I",
	    "Write-protect the disk, from when it is not open");
	sc->sc_path_node = SYSCTL_ADD_NODE(&sc->sc_sysctl,
	    SYSCTL_CHILDREN(node), OID_AUTO, "path",
	    CTLFLAG_RD | CTLFLAG_MPSAFE, 0, "Paths");
	sc->sc_path_nodes = 0;
}

/* Make nodes for paths that came.  A path keeps its index. */
void
aoe_sysctl_target_paths(struct aoe_softc *sc)
{
	struct aoe_target_info info;
	struct sysctl_oid *node;
	char name[8];
	u_int i, path;

	mtx_lock(&sc->sc_mtx);
	aoe_core_info(sc->sc_core, aoe_now(), &info);
	mtx_unlock(&sc->sc_mtx);
	for (path = sc->sc_path_nodes; path < info.paths; path++) {
		snprintf(name, sizeof(name), "%u", path);
		node = SYSCTL_ADD_NODE(&sc->sc_sysctl,
		    SYSCTL_CHILDREN(sc->sc_path_node), OID_AUTO, name,
		    CTLFLAG_RD | CTLFLAG_MPSAFE, 0, "A path");
		for (i = 0; i < nitems(aoe_path_nodes); i++)
			aoe_sysctl_node(sc, node, &aoe_path_nodes[i],
			    path << AOE_PATH_SHIFT |
			    aoe_path_nodes[i].n_field,
			    aoe_path_nodes[i].n_field == P_HISTOGRAM ?
			    aoe_sysctl_histogram : aoe_sysctl_path);
		sc->sc_path_nodes = path + 1;
	}
}

void
aoe_sysctl_target_remove(struct aoe_softc *sc)
{

	sysctl_ctx_free(&sc->sc_sysctl);
}
