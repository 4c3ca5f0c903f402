/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * net.aoe: how the nodes are made, read and written.
 *
 * Knows: sysctl(9) and the kernel environment.
 * Must not know: which nodes there are and what they may hold; the core does.
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

SYSCTL_NODE(_net, OID_AUTO, aoe, CTLFLAG_RW | CTLFLAG_MPSAFE, 0,
    "ATA over Ethernet");
static SYSCTL_NODE(_net_aoe, OID_AUTO, stats, CTLFLAG_RD | CTLFLAG_MPSAFE, 0,
    "Counters of the module as a whole");
static SYSCTL_NODE(_net_aoe, OID_AUTO, filter, CTLFLAG_RW | CTLFLAG_MPSAFE, 0,
    "Which targets are let in");

static struct sysctl_ctx_list aoe_sysctl_context =
    TAILQ_HEAD_INITIALIZER(aoe_sysctl_context);

/* Show a node's value, and replace it by the one that is written, if any. */
int
aoe_sysctl_value(struct sysctl_oid *oidp, struct aoe_value *v,
    struct sysctl_req *req)
{
	int error, number;

	switch (oidp->oid_kind & CTLTYPE) {
	case CTLTYPE_INT:
		number = (int)v->number;
		error = sysctl_handle_int(oidp, &number, 0, req);
		v->number = (uint64_t)(int64_t)number;
		return (error);
	case CTLTYPE_U64:
		return (sysctl_handle_64(oidp, &v->number, 0, req));
	default:
		return (sysctl_handle_string(oidp, v->text, sizeof(v->text),
		    req));
	}
}

static void
aoe_sysctl_do(u_int todo)
{

	sx_assert(&aoe_conf_sx, SA_XLOCKED);
	if ((todo & AOE_DO_TELL) != 0)
		aoe_settings_push();
	if ((todo & AOE_DO_LOOK) != 0)
		aoe_links_scan();
	/* Interfaces that are listed and up have been given their beacon. */
	if ((todo & AOE_DO_SEND) != 0)
		aoe_disco_run();
	if ((todo & AOE_DO_ASK) != 0)
		aoe_targets_revalidate();
}

static int
aoe_sysctl_write(u_int tree, u_int index, const struct aoe_value *v,
    u_int *todo)
{
	int error;

	mtx_lock(&aoe_disco_mtx);
	error = aoe_core_module_write(&aoe_config, aoe_disco, aoe_now(), tree,
	    index, v, todo);
	mtx_unlock(&aoe_disco_mtx);
	return (error);
}

/* A node of the module as a whole. */
static int
aoe_sysctl_module(SYSCTL_HANDLER_ARGS)
{
	struct aoe_value *v;
	u_int index, todo, tree;
	int error;

	tree = AOE_ARG_TREE(arg2);
	index = AOE_ARG_INDEX(arg2);
	v = malloc(sizeof(*v), M_AOE, M_WAITOK | M_ZERO);
	if (tree == AOE_TREE_STATS)
		v->number = counter_u64_fetch(aoe_stats[index]);
	else {
		mtx_lock(&aoe_disco_mtx);
		aoe_core_module_read(&aoe_config, aoe_disco, tree, index, v);
		mtx_unlock(&aoe_disco_mtx);
	}
	error = aoe_sysctl_value(oidp, v, req);
	if (error != 0 || req->newptr == NULL)
		goto out;
	error = aoe_conf_enter();
	if (error != 0)
		goto out;
	error = aoe_sysctl_write(tree, index, v, &todo);
	if (error == 0)
		aoe_sysctl_do(todo);
	sx_xunlock(&aoe_conf_sx);
	if (error == 0 && (todo & AOE_DO_DUMP) != 0)
		aoe_dump_prepare();
out:
	free(v, M_AOE);
	return (error);
}

static int
aoe_sysctl_devices(SYSCTL_HANDLER_ARGS)
{
	struct aoe_softc *sc;
	struct aoe_value *v;
	struct sbuf *sb;
	int error;

	/* The reader's memory is not waited for with the lock held. */
	error = sysctl_wire_old_buffer(req, 0);
	if (error != 0)
		return (error);
	sb = sbuf_new_for_sysctl(NULL, NULL, 256, req);
	if (sb == NULL)
		return (ENOMEM);
	v = malloc(sizeof(*v), M_AOE, M_WAITOK);
	error = aoe_conf_enter();
	if (error != 0)
		goto out;
	if (!TAILQ_EMPTY(&aoe_targets))
		sbuf_cat(sb, "\n");
	TAILQ_FOREACH(sc, &aoe_targets, sc_link) {
		mtx_lock(&sc->sc_mtx);
		aoe_core_target_line(sc->sc_core, v);
		mtx_unlock(&sc->sc_mtx);
		sbuf_cat(sb, v->text);
	}
	sx_xunlock(&aoe_conf_sx);
	error = sbuf_finish(sb);
out:
	sbuf_delete(sb);
	free(v, M_AOE);
	return (error);
}

/*
 * Ask the kernel environment for those nodes of a tree that have this flag,
 * and add to what is to be done.  The nodes are of a target, or of the module
 * if that is NULL; `also` is put behind a text.  The last refusal is returned.
 */
int
aoe_sysctl_fetch(u_int tree, u_int flag, const char *above,
    struct aoe_softc *sc, const char *also, u_int *todo)
{
	struct aoe_node n;
	struct aoe_value *v;
	char name[64], *env;
	int error, number, refused;
	u_int i, more;

	refused = 0;
	v = malloc(sizeof(*v), M_AOE, M_WAITOK);
	for (i = 0; aoe_core_node(tree, i, &n) == 0; i++) {
		if ((n.flags & flag) == 0)
			continue;
		snprintf(name, sizeof(name), "%s.%s", above, n.name);
		memset(v, 0, sizeof(*v));
		v->loaders = 1;
		env = kern_getenv(name);
		if (env != NULL)
			strlcpy(v->text, env, sizeof(v->text));
		freeenv(env);
		if (n.kind == AOE_KIND_INT) {
			if (getenv_int(name, &number) == 0)
				continue;
			v->number = (uint64_t)(int64_t)number;
		} else if (also != NULL) {
			if (v->text[0] != '\0')
				strlcat(v->text, " ", sizeof(v->text));
			strlcat(v->text, also, sizeof(v->text));
		} else if (env == NULL)
			continue;
		error = sc != NULL ?
		    aoe_core_target_write(&sc->sc_own, i, v, &more) :
		    aoe_sysctl_write(tree, i, v, &more);
		if (error == 0)
			*todo |= more;
		else {
			printf("aoe: %s=%s %s\n", name, v->text, n.refusal);
			refused = error;
		}
	}
	free(v, M_AOE);
	return (refused);
}

/* Defaults, then what the kernel environment says. */
void
aoe_sysctl_init(void)
{
	u_int todo = 0;

	aoe_core_config_init(&aoe_config);
	(void)aoe_sysctl_fetch(AOE_TREE_MODULE, AOE_NODE_FIRST, "net.aoe",
	    NULL, NULL, &todo);
}

/*
 * What the kernel environment asks for that has effects: last of all.  Where
 * a filter means nothing, letting everything in would be the wrong thing.
 */
void
aoe_sysctl_apply(void)
{
	char name[IFNAMSIZ];
	const char *also = NULL;
	u_int todo = 0;

	sx_assert(&aoe_conf_sx, SA_XLOCKED);
	aoe_dump_prepare();
	if (aoe_sysctl_fetch(AOE_TREE_FILTER, AOE_NODE_LAST, "net.aoe.filter",
	    NULL, NULL, &todo) != 0)
		return;
	if (aoe_get(abft) && aoe_abft_interface(name, sizeof(name)))
		also = name;
	(void)aoe_sysctl_fetch(AOE_TREE_MODULE, AOE_NODE_LAST, "net.aoe",
	    NULL, also, &todo);
	aoe_sysctl_do(todo);
}

/*
 * Make the nodes of a tree, of a target or a path or, without one, of the
 * module.  A reader may hold the tree up: hold no lock.
 */
void
aoe_sysctl_grow(struct sysctl_ctx_list *context, struct sysctl_oid_list *above,
    u_int tree, u_int path, struct aoe_softc *sc)
{
	static const struct {
		u_int		k_type;
		const char	*k_format;
	} kinds[] = {
		[AOE_KIND_INT] = { CTLTYPE_INT, "I" },
		[AOE_KIND_U64] = { CTLTYPE_U64, "QU" },
		[AOE_KIND_TEXT] = { CTLTYPE_STRING, "A" },
		[AOE_KIND_LINK] = { CTLTYPE_STRING, "A" },
		[AOE_KIND_DEVICES] = { CTLTYPE_STRING, "A" },
	};
	int (*handler)(SYSCTL_HANDLER_ARGS);
	struct aoe_node n;
	u_int flags, i;

	for (i = 0; aoe_core_node(tree, i, &n) == 0; i++) {
		flags = kinds[n.kind].k_type | CTLFLAG_RD | CTLFLAG_MPSAFE;
		if ((n.flags & AOE_NODE_WRITE) != 0)
			flags |= CTLFLAG_WR;
		if ((n.flags & AOE_NODE_TUNABLE) != 0)
			flags |= CTLFLAG_TUN | CTLFLAG_NOFETCH;
		handler = sc != NULL ? aoe_sysctl_target :
		    n.kind == AOE_KIND_DEVICES ? aoe_sysctl_devices :
		    aoe_sysctl_module;
		(void)sysctl_add_oid(context, above, OID_AUTO, n.name, flags,
		    sc, AOE_ARG(tree, path, i), handler,
		    kinds[n.kind].k_format, n.text, NULL);
	}
}

void
aoe_sysctl_add(void)
{
	struct sysctl_ctx_list *c = &aoe_sysctl_context;

	aoe_sysctl_grow(c, SYSCTL_STATIC_CHILDREN(_net_aoe), AOE_TREE_MODULE,
	    0, NULL);
	aoe_sysctl_grow(c, SYSCTL_STATIC_CHILDREN(_net_aoe_filter),
	    AOE_TREE_FILTER, 0, NULL);
	aoe_sysctl_grow(c, SYSCTL_STATIC_CHILDREN(_net_aoe_stats),
	    AOE_TREE_STATS, 0, NULL);
}

/* Remove them.  Waits for handlers, and these for their readers: likewise. */
void
aoe_sysctl_remove(void)
{

	(void)sysctl_ctx_free(&aoe_sysctl_context);
}
