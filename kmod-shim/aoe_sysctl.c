/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * net.aoe: the nodes of the module as a whole.
 *
 * Knows: how to carry out the effects of a write.
 * Must not know: the nodes and their valid values; the core does.
 *
 * The nodes are created last when the module is loaded, and removed before
 * anything else except /dev/aoectl.
 */
#include "aoe_admin.h"

#include <sys/sbuf.h>

static SYSCTL_NODE(_net_aoe, OID_AUTO, stats, CTLFLAG_RD | CTLFLAG_MPSAFE, 0,
    "Counters of the driver as a whole");
static SYSCTL_NODE(_net_aoe, OID_AUTO, filter, CTLFLAG_RW | CTLFLAG_MPSAFE, 0,
    "Filters that select the targets to use");

static struct sysctl_ctx_list aoe_sysctl_context =
    TAILQ_HEAD_INITIALIZER(aoe_sysctl_context);

static void
aoe_sysctl_do(u_int todo)
{

	sx_assert(&aoe_conf_sx, SA_XLOCKED);
	if ((todo & AOE_DO_TELL) != 0)
		aoe_settings_push();
	if ((todo & AOE_DO_LOOK) != 0)
		aoe_links_scan();
	/* The write requested a beacon on all listed interfaces that are up. */
	if ((todo & AOE_DO_SEND) != 0)
		aoe_disco_run();
	if ((todo & AOE_DO_ASK) != 0)
		aoe_targets_revalidate();
}

static int
aoe_sysctl_devices(struct sysctl_req *req)
{
	struct aoe_softc *sc;
	struct sbuf *sb;
	char line[160];
	int error;

	/* Wire it now: with the lock held, we must not wait for memory. */
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
	TAILQ_FOREACH(sc, &aoe_targets, sc_link) {
		mtx_lock(&sc->sc_mtx);
		aoe_core_target_line(sc->sc_core, line, sizeof(line));
		mtx_unlock(&sc->sc_mtx);
		sbuf_cat(sb, line);
	}
	sx_xunlock(&aoe_conf_sx);
	error = sbuf_finish(sb);
	sbuf_delete(sb);
	return (error);
}

/* A node of the module as a whole. */
static int
aoe_sysctl_module(SYSCTL_HANDLER_ARGS)
{
	char room[AOE_VALUE_SHORT];
	struct aoe_node n;
	struct aoe_value v;
	u_int index, todo, tree;
	int error;

	tree = AOE_ARG_TREE(arg2);
	index = AOE_ARG_INDEX(arg2);
	error = aoe_core_node(tree, index, &n);
	if (error != 0)
		return (error);
	if (n.kind == AOE_KIND_DEVICES)
		return (aoe_sysctl_devices(req));
	aoe_node_begin(&v, &n, room);
	if (tree == AOE_TREE_STATS)
		v.number = counter_u64_fetch(aoe_stats[index]);
	else {
		mtx_lock(&aoe_disco_mtx);
		aoe_core_module_read(&aoe_config, aoe_disco, tree, index, &v);
		mtx_unlock(&aoe_disco_mtx);
	}
	error = aoe_node_value(oidp, &v, req);
	if (error != 0 || req->newptr == NULL)
		goto out;
	error = aoe_conf_enter();
	if (error != 0)
		goto out;
	error = aoe_node_write(tree, index, &v, &todo);
	if (error == 0)
		aoe_sysctl_do(todo);
	sx_xunlock(&aoe_conf_sx);
	if (error == 0 && (todo & AOE_DO_DUMP) != 0)
		aoe_dump_prepare();
out:
	aoe_node_end(&v, room);
	return (error);
}

/* Set the defaults, then the settings in the kernel environment. */
void
aoe_sysctl_init(void)
{
	u_int todo = 0;

	aoe_core_config_init(&aoe_config);
	(void)aoe_node_fetch(AOE_TREE_MODULE, AOE_NODE_FIRST, "net.aoe",
	    NULL, NULL, &todo);
}

/*
 * Apply those settings in the kernel environment that have effects, after
 * everything else has been set up.  If a filter is invalid, no interface is
 * used: without the filter, all targets would be accepted.
 */
void
aoe_sysctl_apply(void)
{
	char name[IFNAMSIZ];
	const char *also = NULL;
	u_int todo = 0;

	sx_assert(&aoe_conf_sx, SA_XLOCKED);
	aoe_dump_prepare();
	if (aoe_node_fetch(AOE_TREE_FILTER, AOE_NODE_LAST, "net.aoe.filter",
	    NULL, NULL, &todo) != 0)
		return;
	if (aoe_get(abft) && aoe_abft_interface(name, sizeof(name)))
		also = name;
	(void)aoe_node_fetch(AOE_TREE_MODULE, AOE_NODE_LAST, "net.aoe",
	    NULL, also, &todo);
	aoe_sysctl_do(todo);
}

void
aoe_sysctl_add(void)
{
	struct sysctl_ctx_list *c = &aoe_sysctl_context;

	aoe_node_grow(c, SYSCTL_STATIC_CHILDREN(_net_aoe), AOE_TREE_MODULE,
	    0, NULL, aoe_sysctl_module);
	aoe_node_grow(c, SYSCTL_STATIC_CHILDREN(_net_aoe_filter),
	    AOE_TREE_FILTER, 0, NULL, aoe_sysctl_module);
	aoe_node_grow(c, SYSCTL_STATIC_CHILDREN(_net_aoe_stats),
	    AOE_TREE_STATS, 0, NULL, aoe_sysctl_module);
}

/* Remove the nodes.  Waits for handlers, which may wait for their readers. */
void
aoe_sysctl_remove(void)
{

	(void)sysctl_ctx_free(&aoe_sysctl_context);
}
