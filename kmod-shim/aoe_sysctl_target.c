/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * net.aoe.target.aoe<shelf>e<slot>: the state of a target and its paths, and
 * the target's own settings; and how settings are passed to the core.
 *
 * Knows: when a target's nodes are created and removed.
 * Must not know: the nodes and their valid values; the core does.
 *
 * The lifecycle thread creates and removes the nodes.  It holds no lock
 * meanwhile, since both may wait for readers of the sysctl tree.
 */
#include "aoe_node.h"

static SYSCTL_NODE(_net_aoe, OID_AUTO, target, CTLFLAG_RD | CTLFLAG_MPSAFE, 0,
    "Targets");

/*
 * The effective settings of a target, for the core.  The caller holds the
 * target's mutex from here until it has passed them on, so that of two changes
 * the later one also reaches the target later.
 */
void
aoe_settings(const struct aoe_softc *sc, struct aoe_settings *s)
{

	aoe_core_compose(&aoe_config, &sc->sc_own,
	    atomic_load_bool(&aoe_shutting_down), s);
}

void
aoe_settings_tell(struct aoe_softc *sc)
{
	struct aoe_settings s;
	uint64_t now;

	now = aoe_input_begin(sc);
	aoe_settings(sc, &s);
	aoe_core_settings(sc->sc_core, now, &s);
	aoe_input_end(sc);
}

/* Pass the current settings to every target. */
void
aoe_settings_push(void)
{
	struct aoe_softc *sc;

	sx_assert(&aoe_conf_sx, SA_XLOCKED);
	TAILQ_FOREACH(sc, &aoe_targets, sc_link)
		aoe_settings_tell(sc);
}

/* Handler of the nodes of a target, arg1, and of its paths. */
static int
aoe_sysctl_target(SYSCTL_HANDLER_ARGS)
{
	struct aoe_softc *sc = arg1;
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
	aoe_node_begin(&v, &n, room);
	mtx_lock(&sc->sc_mtx);
	error = aoe_core_target_read(sc->sc_core, &sc->sc_own, tree,
	    AOE_ARG_PATH(arg2), index, &v);
	mtx_unlock(&sc->sc_mtx);
	if (error != 0)
		goto out;
	if (n.kind == AOE_KIND_LINK)
		aoe_link_name(v.number, v.text, IFNAMSIZ);
	error = aoe_node_value(oidp, &v, req);
	if (error != 0 || req->newptr == NULL)
		goto out;
	mtx_lock(&sc->sc_mtx);
	error = aoe_core_target_write(&sc->sc_own, index, &v, &todo);
	if (error == 0 && (todo & AOE_DO_PROTECT) != 0) {
		aoe_core_disk_read_only(sc->sc_core, sc->sc_own.read_only);
		aoe_life_attention(sc);
	}
	mtx_unlock(&sc->sc_mtx);
	if (error == 0 && (todo & AOE_DO_TELL) != 0)
		aoe_settings_tell(sc);
out:
	aoe_node_end(&v, room);
	return (error);
}

/* Set a new target's own settings from the kernel environment. */
void
aoe_sysctl_target_fetch(struct aoe_softc *sc)
{
	char above[48];
	u_int todo = 0;

	aoe_core_own_init(&sc->sc_own);
	snprintf(above, sizeof(above), "net.aoe.target.%s", sc->sc_name);
	(void)aoe_node_fetch(AOE_TREE_TARGET, AOE_NODE_FIRST, above, sc,
	    NULL, &todo);
}

void
aoe_sysctl_target_add(struct aoe_softc *sc)
{
	struct sysctl_oid *node;

	sysctl_ctx_init(&sc->sc_sysctl);
	node = SYSCTL_ADD_NODE(&sc->sc_sysctl,
	    SYSCTL_STATIC_CHILDREN(_net_aoe_target), OID_AUTO, sc->sc_name,
	    CTLFLAG_RD | CTLFLAG_MPSAFE, 0, "A target");
	aoe_node_grow(&sc->sc_sysctl, SYSCTL_CHILDREN(node), AOE_TREE_TARGET,
	    0, sc, aoe_sysctl_target);
	sc->sc_path_node = SYSCTL_ADD_NODE(&sc->sc_sysctl,
	    SYSCTL_CHILDREN(node), OID_AUTO, "path",
	    CTLFLAG_RD | CTLFLAG_MPSAFE, 0, "Paths");
	sc->sc_path_nodes = 0;
}

/* Create the nodes of new paths.  A path's index never changes. */
void
aoe_sysctl_target_paths(struct aoe_softc *sc)
{
	struct aoe_target_info info;
	struct sysctl_oid *node;
	char name[8];
	u_int path;

	mtx_lock(&sc->sc_mtx);
	aoe_core_info(sc->sc_core, aoe_now(), &info);
	mtx_unlock(&sc->sc_mtx);
	for (path = sc->sc_path_nodes; path < info.paths; path++) {
		snprintf(name, sizeof(name), "%u", path);
		node = SYSCTL_ADD_NODE(&sc->sc_sysctl,
		    SYSCTL_CHILDREN(sc->sc_path_node), OID_AUTO, name,
		    CTLFLAG_RD | CTLFLAG_MPSAFE, 0, "A path");
		aoe_node_grow(&sc->sc_sysctl, SYSCTL_CHILDREN(node),
		    AOE_TREE_PATH, path, sc, aoe_sysctl_target);
		sc->sc_path_nodes = path + 1;
	}
}

void
aoe_sysctl_target_remove(struct aoe_softc *sc)
{

	sysctl_ctx_free(&sc->sc_sysctl);
}
