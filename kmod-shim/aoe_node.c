/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * How sysctl nodes are made, read, written and fetched, of whatever tree.
 *
 * Knows: sysctl(9) and the kernel environment.
 * Must not know: which nodes there are and what they may hold; the core does.
 *
 * Every node with a handler is dynamic, since the kernel waits for running
 * handlers of dynamic nodes only: of one that the linker registers, a handler
 * may still run when the module's text is gone.  The kernel does not fetch
 * their tunables (NOFETCH): loading does that when everything is there.  No
 * flag lets a jail write them.
 */
#include "aoe_node.h"

#include <sys/libkern.h>

SYSCTL_NODE(_net, OID_AUTO, aoe, CTLFLAG_RW | CTLFLAG_MPSAFE, 0,
    "ATA over Ethernet");

/*
 * Room for a node's value: a reader of a disk's state must not wait for
 * memory, which may become free only when the disk is back.
 */
void
aoe_node_begin(struct aoe_value *v, const struct aoe_node *n,
    char room[AOE_VALUE_SHORT])
{

	memset(v, 0, sizeof(*v));
	v->text = room;
	v->size = AOE_VALUE_SHORT;
	if ((n->flags & AOE_NODE_LONG) != 0) {
		v->size = AOE_VALUE_MAX;
		v->text = malloc(v->size, M_AOE, M_WAITOK | M_ZERO);
	} else
		memset(room, 0, AOE_VALUE_SHORT);
}

void
aoe_node_end(struct aoe_value *v, const char *room)
{

	if (v->text != room)
		free(v->text, M_AOE);
}

/*
 * Show a node's value, and replace it with a written one, if any.  A text that
 * is only shown is passed without a size, to avoid a copy.
 */
int
aoe_node_value(struct sysctl_oid *oidp, struct aoe_value *v,
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
		return (sysctl_handle_string(oidp, v->text,
		    req->newptr != NULL ? v->size : 0, req));
	}
}

/* Set a node of the module as a whole. */
int
aoe_node_write(u_int tree, u_int index, const struct aoe_value *v,
    u_int *todo)
{
	int error;

	mtx_lock(&aoe_disco_mtx);
	error = aoe_core_module_write(&aoe_config, aoe_disco, aoe_now(), tree,
	    index, v, todo);
	mtx_unlock(&aoe_disco_mtx);
	return (error);
}

/*
 * Ask the kernel environment for those nodes of a tree that have this flag,
 * and add to the work to do.  The nodes are of a target, or of the module
 * if that is NULL; `also` is appended to a text.  Returns the last refusal.
 */
int
aoe_node_fetch(u_int tree, u_int flag, const char *above,
    struct aoe_softc *sc, const char *also, u_int *todo)
{
	struct aoe_node n;
	struct aoe_value v = { .size = AOE_VALUE_MAX, .loaders = 1 };
	char name[64], *env;
	int error, number, refused;
	u_int i, more;

	refused = 0;
	v.text = malloc(v.size, M_AOE, M_WAITOK);
	for (i = 0; aoe_core_node(tree, i, &n) == 0; i++) {
		if ((n.flags & flag) == 0)
			continue;
		snprintf(name, sizeof(name), "%s.%s", above, n.name);
		memset(v.text, 0, v.size);
		env = kern_getenv(name);
		if (env != NULL)
			strlcpy(v.text, env, v.size);
		freeenv(env);
		if (n.kind == AOE_KIND_INT) {
			if (getenv_int(name, &number) == 0)
				continue;
			v.number = (uint64_t)(int64_t)number;
		} else if (also != NULL) {
			if (v.text[0] != '\0')
				strlcat(v.text, " ", v.size);
			strlcat(v.text, also, v.size);
		} else if (env == NULL)
			continue;
		error = sc != NULL ?
		    aoe_core_target_write(&sc->sc_own, i, &v, &more) :
		    aoe_node_write(tree, i, &v, &more);
		if (error == 0)
			*todo |= more;
		else {
			printf("aoe: %s=%s %s\n", name, v.text, n.refusal);
			refused = error;
		}
	}
	free(v.text, M_AOE);
	return (refused);
}

/*
 * Make the nodes of a tree, of a target or a path or, without one, of the
 * module.  A reader may hold the tree up: hold no lock.
 */
void
aoe_node_grow(struct sysctl_ctx_list *context, struct sysctl_oid_list *above,
    u_int tree, u_int path, struct aoe_softc *sc,
    int (*handler)(SYSCTL_HANDLER_ARGS))
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
	struct aoe_node n;
	u_int flags, i;

	for (i = 0; aoe_core_node(tree, i, &n) == 0; i++) {
		flags = kinds[n.kind].k_type | CTLFLAG_RD | CTLFLAG_MPSAFE;
		if ((n.flags & AOE_NODE_WRITE) != 0)
			flags |= CTLFLAG_WR;
		if ((n.flags & AOE_NODE_TUNABLE) != 0)
			flags |= CTLFLAG_TUN | CTLFLAG_NOFETCH;
		(void)sysctl_add_oid(context, above, OID_AUTO, n.name, flags,
		    sc, AOE_ARG(tree, path, i), handler,
		    kinds[n.kind].k_format, n.text, NULL);
	}
}
