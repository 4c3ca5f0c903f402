/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * net.aoe: settings, and counters of the module as a whole.
 *
 * Knows: the names, units and limits of the settings.
 * Must not know: what they are for.
 *
 * Every node with a handler is dynamic, since the kernel waits for running
 * handlers of dynamic nodes only: of one that the linker registers, a handler
 * may still run when the module's text is gone.  They come last when the
 * module is loaded and are gone before anything else is.  The kernel does not
 * fetch their tunables (NOFETCH): loading does that when everything is there.
 * No flag lets a jail write them.
 */
#include "aoe_var.h"

#include <sys/libkern.h>
#include <sys/sbuf.h>

#include "aoe_state.h"

static int	aoe_sysctl_setting(SYSCTL_HANDLER_ARGS);
static int	aoe_sysctl_iflist(SYSCTL_HANDLER_ARGS);
static int	aoe_sysctl_discover(SYSCTL_HANDLER_ARGS);
static int	aoe_sysctl_devices(SYSCTL_HANDLER_ARGS);
static int	aoe_sysctl_stat(SYSCTL_HANDLER_ARGS);

struct aoe_config aoe_config;

static char aoe_iflist[AOE_IFLIST_MAX + 1];	/* (x) */

SYSCTL_NODE(_net, OID_AUTO, aoe, CTLFLAG_RW | CTLFLAG_MPSAFE, 0,
    "ATA over Ethernet");
static SYSCTL_NODE(_net_aoe, OID_AUTO, stats, CTLFLAG_RD | CTLFLAG_MPSAFE, 0,
    "Counters of the module as a whole");

static SYSCTL_NODE(_net_aoe, OID_AUTO, filter, CTLFLAG_RW | CTLFLAG_MPSAFE, 0,
    "Which targets are let in");

enum aoe_setting_id {
	AOE_ABFT,
	AOE_BOOT,
	AOE_BOOT_WAIT,
	AOE_DEBUG,
	AOE_DUMP,
	AOE_FAIL_ON_DISCONNECTION,
	AOE_GHOST_WAIT,
	AOE_MAXOUT,
	AOE_MAXTARGETS,
	AOE_MAXWAIT,
	AOE_SHUTDOWN_WAIT,
	AOE_STRICT_SRC,
	AOE_TASTE_WAIT,
	AOE_WC,
};

/* Every numeric setting: its place, what it is to begin with, its range. */
static const struct aoe_setting {
	const char	*s_name;
	size_t		s_offset;
	int		s_default;
	int		s_min;
	int		s_max;
} aoe_settings_table[] = {
#define	AOE_SETTING(id, name, dflt, min, max)				\
	[id] = { #name, __offsetof(struct aoe_config, name), dflt, min, max }
	AOE_SETTING(AOE_ABFT, abft, 0, 0, 1),
	AOE_SETTING(AOE_BOOT, boot, 0, 0, 1),
	AOE_SETTING(AOE_BOOT_WAIT, boot_wait, 60, 1, 3600),
	AOE_SETTING(AOE_DEBUG, debug, 0, 0, 9),
	AOE_SETTING(AOE_DUMP, dump, 0, 0, 1),
	AOE_SETTING(AOE_FAIL_ON_DISCONNECTION, fail_on_disconnection, 0, 0, 1),
	AOE_SETTING(AOE_GHOST_WAIT, ghost_wait, 10, 0, 3600),
	AOE_SETTING(AOE_MAXOUT, maxout, 128, 1, AOE_FRAME_SLOTS),
	AOE_SETTING(AOE_MAXTARGETS, maxtargets, 64, 1, 4096),
	AOE_SETTING(AOE_MAXWAIT, maxwait, 180, 0, AOE_LIMIT_SECONDS),
	AOE_SETTING(AOE_SHUTDOWN_WAIT, shutdown_wait, 30, 1, 3600),
	AOE_SETTING(AOE_STRICT_SRC, strict_src, 0, 0, 1),
	AOE_SETTING(AOE_TASTE_WAIT, taste_wait, 10, 0, 3600),
	AOE_SETTING(AOE_WC, wc, -1, -1, 1),
#undef	AOE_SETTING
};

/*
 * Every node of the module as a whole that has a handler; those of targets
 * are in aoe_sysctl_target.c.
 */
static const struct aoe_sysctl {
	struct sysctl_oid_list *o_parent;
	const char	*o_name;
	u_int		o_kind;
	void		*o_arg1;
	intmax_t	o_arg2;
	int		(*o_handler)(SYSCTL_HANDLER_ARGS);
	const char	*o_format;
	const char	*o_descr;
} aoe_sysctls[] = {
#define	AOE_NODE(parent, name, kind, arg1, arg2, handler, format, descr)	\
	{ SYSCTL_STATIC_CHILDREN(parent), #name, (kind) | CTLFLAG_MPSAFE,	\
	    arg1, arg2, handler, format, descr }
#define	AOE_KNOB(name, which, flags, descr)				\
	AOE_NODE(_net_aoe, name, CTLTYPE_INT | CTLFLAG_NOFETCH | (flags), \
	    __DECONST(struct aoe_setting *, &aoe_settings_table[which]), 0, \
	    aoe_sysctl_setting, "I", descr)
#define	AOE_TEXT(parent, name, which, handler, descr)			\
	AOE_NODE(parent, name, CTLTYPE_STRING | CTLFLAG_NOFETCH |	\
	    CTLFLAG_RWTUN, NULL, which, handler, "A", descr)
#define	AOE_STAT(name, which, descr)					\
	AOE_NODE(_net_aoe_stats, name, CTLTYPE_U64 | CTLFLAG_RD, NULL,	\
	    which, aoe_sysctl_stat, "QU", descr)
	AOE_KNOB(maxwait, AOE_MAXWAIT, CTLFLAG_RWTUN,
	    "Seconds that I/O waits for a target that does not answer (0: for ever)"),
	AOE_KNOB(fail_on_disconnection, AOE_FAIL_ON_DISCONNECTION, CTLFLAG_RWTUN,
	    "Remove a disk as soon as no path to it is left"),
	AOE_KNOB(taste_wait, AOE_TASTE_WAIT, CTLFLAG_RWTUN,
	    "Seconds that GEOM may wait for a read while it tastes a new disk"),
	AOE_KNOB(ghost_wait, AOE_GHOST_WAIT, CTLFLAG_RWTUN,
	    "Seconds after which an unanswered copy of a write is taken for lost"),
	AOE_KNOB(shutdown_wait, AOE_SHUTDOWN_WAIT, CTLFLAG_RWTUN,
	    "Limit of maxwait, in seconds, while the system shuts down"),
	AOE_KNOB(strict_src, AOE_STRICT_SRC, CTLFLAG_RWTUN,
	    "Take an answer only from the address that was asked"),
	AOE_KNOB(boot, AOE_BOOT, CTLFLAG_RWTUN,
	    "Bring listed interfaces up and hold the root mount for their disks"),
	AOE_KNOB(boot_wait, AOE_BOOT_WAIT, CTLFLAG_RWTUN,
	    "Most seconds that boot holds the root mount for a disk"),
	AOE_KNOB(abft, AOE_ABFT, CTLFLAG_RWTUN,
	    "At load, also use the interface that the AoE boot firmware table names"),
	AOE_KNOB(dump, AOE_DUMP, CTLFLAG_RWTUN,
	    "Let the kernel write crash dumps to AoE disks (experimental)"),
	AOE_KNOB(maxout, AOE_MAXOUT, CTLFLAG_RWTUN,
	    "Most requests on the wire at once on one path"),
	AOE_KNOB(maxtargets, AOE_MAXTARGETS, CTLFLAG_RDTUN,
	    "Most targets that are kept"),
	AOE_KNOB(debug, AOE_DEBUG, CTLFLAG_RWTUN, "Verbosity of the log"),
	AOE_KNOB(wc, AOE_WC, CTLFLAG_RWTUN,
	    "Write cache of the targets (-1: leave it, 0: off, 1: on)"),
	AOE_NODE(_net_aoe, discover, CTLTYPE_INT | CTLFLAG_NOFETCH |
	    CTLFLAG_RWTUN, NULL, 0, aoe_sysctl_discover, "I",
	    "Write 1 to ask for targets on every interface now"),
	AOE_TEXT(_net_aoe, iflist, 0, aoe_sysctl_iflist,
	    "Interfaces to use, separated by spaces or commas"),
	AOE_TEXT(_net_aoe, policy, 0, aoe_policy_sysctl,
	    "How a path is chosen: latency, roundrobin or failover"),
	AOE_TEXT(_net_aoe_filter, shelves, AOE_FILTER_SHELVES,
	    aoe_filter_sysctl, "Shelves and ranges of shelves; empty: all"),
	AOE_TEXT(_net_aoe_filter, config, AOE_FILTER_CONFIG,
	    aoe_filter_sysctl,
	    "What the configuration string begins with; empty: anything"),
	AOE_TEXT(_net_aoe_filter, macs, AOE_FILTER_MACS, aoe_filter_sysctl,
	    "MAC addresses, or target=address to pin a target; empty: any"),
	AOE_NODE(_net_aoe, devices, CTLTYPE_STRING | CTLFLAG_RD, NULL, 0,
	    aoe_sysctl_devices, "A",
	    "The targets: name, state, size, model, serial number"),
	AOE_NODE(_net_aoe, version, CTLTYPE_STRING | CTLFLAG_RD,
	    __DECONST(char *, AOE_VERSION), 0, sysctl_handle_string, "A",
	    "Version of the driver"),
	AOE_STAT(rx_frames, AOE_STAT_RX_FRAMES, "Frames received"),
	AOE_STAT(rx_malformed, AOE_STAT_RX_MALFORMED, "Malformed frames received"),
	AOE_STAT(rx_strangers, AOE_STAT_RX_STRANGERS,
	    "Frames received from addresses without a target"),
	AOE_STAT(rx_group, AOE_STAT_RX_GROUP,
	    "Answers that come from a group address"),
	AOE_STAT(rx_filtered, AOE_STAT_RX_FILTERED,
	    "Answers to discovery that a filter leaves out"),
	AOE_STAT(tx_frames, AOE_STAT_TX_FRAMES, "Frames sent"),
	AOE_STAT(tx_errors, AOE_STAT_TX_ERRORS, "Frames refused by an interface"),
	AOE_STAT(tx_link_down, AOE_STAT_TX_LINK_DOWN,
	    "Frames not sent because the link was down"),
	AOE_STAT(tx_too_long, AOE_STAT_TX_TOO_LONG,
	    "Frames not sent because the MTU had shrunk"),
	AOE_STAT(no_buffer, AOE_STAT_NO_BUFFER, "Frames lost for want of memory"),
	AOE_STAT(reserve_used, AOE_STAT_RESERVE_USED,
	    "Frames sent from a target's reserve"),
	AOE_STAT(io_queued, AOE_STAT_IO_QUEUED,
	    "I/Os that waited for room in the core"),
	AOE_STAT(targets_refused, AOE_STAT_TARGETS_REFUSED,
	    "Targets left out because of maxtargets"),
	AOE_STAT(adverts_lost, AOE_STAT_NEWS_LOST,
	    "Answers of new targets lost because too many came at once"),
#undef	AOE_NODE
#undef	AOE_KNOB
#undef	AOE_TEXT
#undef	AOE_STAT
};

static struct sysctl_ctx_list aoe_sysctl_context =
    TAILQ_HEAD_INITIALIZER(aoe_sysctl_context);

static int *
aoe_setting_place(const struct aoe_setting *s)
{

	return ((int *)((char *)&aoe_config + s->s_offset));
}

/*
 * Lock the configuration, for a handler, which may run before the module is
 * ready and while it is unloaded.
 */
int
aoe_conf_enter(void)
{

	sx_xlock(&aoe_conf_sx);
	if (aoe_ready)
		return (0);
	sx_xunlock(&aoe_conf_sx);
	return (ENXIO);
}

static int
aoe_sysctl_setting(SYSCTL_HANDLER_ARGS)
{
	const struct aoe_setting *s = arg1;
	int error, value;

	value = atomic_load_int(aoe_setting_place(s));
	error = sysctl_handle_int(oidp, &value, 0, req);
	if (error != 0 || req->newptr == NULL)
		return (error);
	if (value < s->s_min || value > s->s_max)
		return (EINVAL);
	error = aoe_conf_enter();
	if (error != 0)
		return (error);
	atomic_store_int(aoe_setting_place(s), value);
	aoe_settings_push();
	sx_xunlock(&aoe_conf_sx);
	aoe_dump_prepare();
	return (0);
}

/*
 * Use a new list.  When this returns, the interfaces that are on it and up
 * have been given a beacon to send.
 */
static int
aoe_iflist_set(const char *list)
{
	int error;

	sx_assert(&aoe_conf_sx, SA_XLOCKED);
	error = aoe_disco_set(list, strlen(list));
	if (error != 0)
		return (error);
	strlcpy(aoe_iflist, list, sizeof(aoe_iflist));
	aoe_links_scan();
	aoe_disco_run();
	return (0);
}

static int
aoe_sysctl_iflist(SYSCTL_HANDLER_ARGS)
{
	char *list;
	int error;

	list = malloc(sizeof(aoe_iflist), M_AOE, M_WAITOK | M_ZERO);
	error = aoe_conf_enter();
	if (error != 0)
		goto out;
	strlcpy(list, aoe_iflist, sizeof(aoe_iflist));
	sx_xunlock(&aoe_conf_sx);
	error = sysctl_handle_string(oidp, list, sizeof(aoe_iflist), req);
	if (error != 0 || req->newptr == NULL)
		goto out;
	error = aoe_conf_enter();
	if (error != 0)
		goto out;
	error = aoe_iflist_set(list);
	sx_xunlock(&aoe_conf_sx);
out:
	free(list, M_AOE);
	return (error);
}

static int
aoe_sysctl_discover(SYSCTL_HANDLER_ARGS)
{
	int error, value;

	value = 0;
	error = sysctl_handle_int(oidp, &value, 0, req);
	if (error != 0 || req->newptr == NULL)
		return (error);
	if (value != 0 && value != 1)
		return (EINVAL);
	error = aoe_conf_enter();
	if (error != 0)
		return (error);
	if (value == 1) {
		aoe_links_scan();
		aoe_disco_beacon();
		aoe_targets_revalidate();
	}
	sx_xunlock(&aoe_conf_sx);
	return (0);
}

static void
aoe_device_line(struct sbuf *sb, struct aoe_softc *sc)
{
	struct aoe_target_info info;
	char *end;

	mtx_lock(&sc->sc_mtx);
	aoe_core_info(sc->sc_core, aoe_now(), &info);
	mtx_unlock(&sc->sc_mtx);
	/* Serial numbers are padded with spaces on either side. */
	for (end = info.serial + strlen(info.serial);
	    end > info.serial && end[-1] == ' '; end--)
		end[-1] = '\0';
	for (end = info.model + strlen(info.model);
	    end > info.model && end[-1] == ' '; end--)
		end[-1] = '\0';
	sbuf_printf(sb, "%s %s %juMB <%s> %s\n", sc->sc_name,
	    aoe_state_name(info.state), (uintmax_t)(info.sectors / 2048),
	    info.model, info.serial);
}

static int
aoe_sysctl_devices(SYSCTL_HANDLER_ARGS)
{
	struct aoe_softc *sc;
	struct sbuf *sb;
	int error;

	/* The reader's memory is not waited for with the lock held. */
	error = sysctl_wire_old_buffer(req, 0);
	if (error != 0)
		return (error);
	sb = sbuf_new_for_sysctl(NULL, NULL, 256, req);
	if (sb == NULL)
		return (ENOMEM);
	error = aoe_conf_enter();
	if (error != 0) {
		sbuf_delete(sb);
		return (error);
	}
	if (!TAILQ_EMPTY(&aoe_targets))
		sbuf_cat(sb, "\n");
	TAILQ_FOREACH(sc, &aoe_targets, sc_link)
		aoe_device_line(sb, sc);
	sx_xunlock(&aoe_conf_sx);
	error = sbuf_finish(sb);
	sbuf_delete(sb);
	return (error);
}

static int
aoe_sysctl_stat(SYSCTL_HANDLER_ARGS)
{
	uint64_t value;
	int error;

	error = aoe_conf_enter();
	if (error != 0)
		return (error);
	value = counter_u64_fetch(aoe_stats[arg2]);
	sx_xunlock(&aoe_conf_sx);
	return (sysctl_handle_64(oidp, &value, 0, req));
}

/* Defaults, then what the kernel environment says. */
void
aoe_sysctl_init(void)
{
	const struct aoe_setting *s;
	char name[48];
	int value;
	u_int i;

	for (i = 0; i < nitems(aoe_settings_table); i++) {
		s = &aoe_settings_table[i];
		*aoe_setting_place(s) = s->s_default;
		snprintf(name, sizeof(name), "net.aoe.%s", s->s_name);
		if (getenv_int(name, &value) == 0)
			continue;
		if (value >= s->s_min && value <= s->s_max)
			atomic_store_int(aoe_setting_place(s), value);
		else
			printf("aoe: %s=%d is out of range: left at %d\n",
			    name, value, s->s_default);
	}
	aoe_policy_init();
}

/* What the kernel environment asks for that has effects: last of all. */
void
aoe_sysctl_apply(void)
{
	char name[IFNAMSIZ], *env, *list;
	int error;

	sx_assert(&aoe_conf_sx, SA_XLOCKED);
	aoe_dump_prepare();
	if (aoe_filter_init() != 0)
		return;
	list = malloc(sizeof(aoe_iflist) + 1 + IFNAMSIZ, M_AOE,
	    M_WAITOK | M_ZERO);
	env = kern_getenv("net.aoe.iflist");
	if (env != NULL)
		strlcpy(list, env, sizeof(aoe_iflist) + 1);
	freeenv(env);
	if (aoe_get(abft) && aoe_abft_interface(name, sizeof(name))) {
		if (list[0] != '\0')
			strlcat(list, " ", sizeof(aoe_iflist) + 1 + IFNAMSIZ);
		strlcat(list, name, sizeof(aoe_iflist) + 1 + IFNAMSIZ);
	}
	error = list[0] != '\0' ? aoe_iflist_set(list) : 0;
	if (error != 0)
		printf("aoe: net.aoe.iflist is no list of interfaces: "
		    "error %d\n", error);
	free(list, M_AOE);
}

/* Make the nodes.  A reader may hold the tree up: hold no lock. */
void
aoe_sysctl_add(void)
{
	const struct aoe_sysctl *o;
	u_int i;

	for (i = 0; i < nitems(aoe_sysctls); i++) {
		o = &aoe_sysctls[i];
		(void)sysctl_add_oid(&aoe_sysctl_context, o->o_parent,
		    OID_AUTO, o->o_name, o->o_kind, o->o_arg1, o->o_arg2,
		    o->o_handler, o->o_format, o->o_descr, NULL);
	}
}

/* Remove them.  Waits for handlers, and these for their readers: likewise. */
void
aoe_sysctl_remove(void)
{

	(void)sysctl_ctx_free(&aoe_sysctl_context);
}

/* So that nothing is read back after the module is gone and comes again. */
void
aoe_sysctl_fini(void)
{

	aoe_iflist[0] = '\0';
	aoe_filter_fini();
}
