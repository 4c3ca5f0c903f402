/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * net.aoe: settings, and counters of the module as a whole.
 *
 * Knows: the names, units and limits of the settings.
 * Must not know: what they are for.
 *
 * The linker registers these nodes before the module is loaded and removes
 * them after it was unloaded, so a handler that does something looks at
 * aoe_ready.  They are not fetched by the linker either (NOFETCH): loading
 * does that when everything is there.  No flag lets a jail write them.
 */
#include "aoe_var.h"

#include <sys/libkern.h>
#include <sys/sbuf.h>

#include "aoe_state.h"

#define	AOE_LIMIT_SECONDS	(10 * 365 * 86400)

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

SYSCTL_STRING(_net_aoe, OID_AUTO, version, CTLFLAG_RD,
    __DECONST(char *, AOE_VERSION), 0, "Version of the driver");

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

#define	AOE_KNOB(name, which, flags, descr)				\
	SYSCTL_PROC(_net_aoe, OID_AUTO, name, CTLTYPE_INT | (flags) |	\
	    CTLFLAG_NOFETCH | CTLFLAG_MPSAFE,				\
	    __DECONST(struct aoe_setting *, &aoe_settings_table[which]), 0, \
	    aoe_sysctl_setting, "I", descr)

AOE_KNOB(maxwait, AOE_MAXWAIT, CTLFLAG_RWTUN,
    "Seconds that I/O waits for a target that does not answer (0: for ever)");
AOE_KNOB(fail_on_disconnection, AOE_FAIL_ON_DISCONNECTION, CTLFLAG_RWTUN,
    "Remove a disk as soon as no path to it is left");
AOE_KNOB(taste_wait, AOE_TASTE_WAIT, CTLFLAG_RWTUN,
    "Seconds that GEOM may wait for a read while it tastes a new disk");
AOE_KNOB(ghost_wait, AOE_GHOST_WAIT, CTLFLAG_RWTUN,
    "Seconds after which an unanswered copy of a write is taken for lost");
AOE_KNOB(shutdown_wait, AOE_SHUTDOWN_WAIT, CTLFLAG_RWTUN,
    "Limit of maxwait, in seconds, while the system shuts down");
AOE_KNOB(strict_src, AOE_STRICT_SRC, CTLFLAG_RWTUN,
    "Take an answer only from the address that was asked");
AOE_KNOB(boot, AOE_BOOT, CTLFLAG_RWTUN,
    "Bring listed interfaces up and hold the root mount for their disks");
AOE_KNOB(boot_wait, AOE_BOOT_WAIT, CTLFLAG_RWTUN,
    "Most seconds that boot holds the root mount for a disk");
AOE_KNOB(abft, AOE_ABFT, CTLFLAG_RWTUN,
    "At load, also use the interface that the AoE boot firmware table names");
AOE_KNOB(dump, AOE_DUMP, CTLFLAG_RWTUN,
    "Let the kernel write crash dumps to AoE disks (experimental)");
AOE_KNOB(maxout, AOE_MAXOUT, CTLFLAG_RWTUN,
    "Most requests on the wire at once on one path");
AOE_KNOB(maxtargets, AOE_MAXTARGETS, CTLFLAG_RDTUN,
    "Most targets that are kept");
AOE_KNOB(debug, AOE_DEBUG, CTLFLAG_RWTUN, "Verbosity of the log");
AOE_KNOB(wc, AOE_WC, CTLFLAG_RWTUN,
    "Write cache of the targets (-1: leave it, 0: off, 1: on)");

SYSCTL_PROC(_net_aoe, OID_AUTO, iflist, CTLTYPE_STRING | CTLFLAG_RWTUN |
    CTLFLAG_NOFETCH | CTLFLAG_MPSAFE, NULL, 0, aoe_sysctl_iflist, "A",
    "Interfaces to use, separated by spaces or commas");
SYSCTL_PROC(_net_aoe, OID_AUTO, discover, CTLTYPE_INT | CTLFLAG_RWTUN |
    CTLFLAG_NOFETCH | CTLFLAG_MPSAFE, NULL, 0, aoe_sysctl_discover, "I",
    "Write 1 to ask for targets on every interface now");
SYSCTL_PROC(_net_aoe, OID_AUTO, devices, CTLTYPE_STRING | CTLFLAG_RD |
    CTLFLAG_MPSAFE, NULL, 0, aoe_sysctl_devices, "A",
    "The targets: name, state, size, model, serial number");

#define	AOE_STAT(name, which, descr)					\
	SYSCTL_PROC(_net_aoe_stats, OID_AUTO, name, CTLTYPE_U64 |	\
	    CTLFLAG_RD | CTLFLAG_MPSAFE, NULL, which, aoe_sysctl_stat,	\
	    "QU", descr)

AOE_STAT(rx_frames, AOE_STAT_RX_FRAMES, "Frames received");
AOE_STAT(rx_malformed, AOE_STAT_RX_MALFORMED, "Malformed frames received");
AOE_STAT(rx_strangers, AOE_STAT_RX_STRANGERS,
    "Frames received from addresses without a target");
AOE_STAT(rx_group, AOE_STAT_RX_GROUP,
    "Answers that come from a group address");
AOE_STAT(rx_filtered, AOE_STAT_RX_FILTERED,
    "Answers to discovery that a filter leaves out");
AOE_STAT(tx_frames, AOE_STAT_TX_FRAMES, "Frames sent");
AOE_STAT(tx_errors, AOE_STAT_TX_ERRORS, "Frames refused by an interface");
AOE_STAT(tx_link_down, AOE_STAT_TX_LINK_DOWN,
    "Frames not sent because the link was down");
AOE_STAT(tx_too_long, AOE_STAT_TX_TOO_LONG,
    "Frames not sent because the MTU had shrunk");
AOE_STAT(no_buffer, AOE_STAT_NO_BUFFER, "Frames lost for want of memory");
AOE_STAT(reserve_used, AOE_STAT_RESERVE_USED,
    "Frames sent from a target's reserve");
AOE_STAT(io_queued, AOE_STAT_IO_QUEUED,
    "I/Os that waited for room in the core");
AOE_STAT(targets_refused, AOE_STAT_TARGETS_REFUSED,
    "Targets left out because of maxtargets");
AOE_STAT(adverts_lost, AOE_STAT_NEWS_LOST,
    "Answers of new targets lost because too many came at once");

static int *
aoe_setting_place(const struct aoe_setting *s)
{

	return ((int *)((char *)&aoe_config + s->s_offset));
}

/*
 * Lock the configuration, for a handler.  The nodes are there a moment before
 * the lock is, so look at aoe_ready first; and again, since unloading clears
 * it with the lock held.
 */
int
aoe_conf_enter(void)
{

	if (!atomic_load_bool(&aoe_ready))
		return (ENXIO);
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
	aoe_dump_prepare();
	aoe_settings_push();
	sx_xunlock(&aoe_conf_sx);
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

	error = aoe_conf_enter();
	if (error != 0)
		return (error);
	list = malloc(sizeof(aoe_iflist), M_AOE, M_WAITOK | M_ZERO);
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
	if (aoe_config.abft && aoe_abft_interface(name, sizeof(name))) {
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

/* So that nothing is read back after the module is gone and comes again. */
void
aoe_sysctl_fini(void)
{

	aoe_iflist[0] = '\0';
	aoe_filter_fini();
}
