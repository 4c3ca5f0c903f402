/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Sysctl nodes of any tree: creating, reading and writing them, and fetching
 * their values from the kernel environment.
 *
 * Knows: sysctl(9) and the kernel environment.
 * Must not know: the nodes and their valid values; the core does.
 *
 * Every node with a handler is dynamic, since the kernel waits for running
 * handlers only when it removes dynamic nodes.  The handler of a node that the
 * linker registers may still run when the module's text has been freed.  The
 * kernel does not fetch the tunables (CTLFLAG_NOFETCH): the module does so
 * while it is loaded, before and after its setup.  No node has a flag that lets
 * a jail write it.
 */
#include "aoe_node.h"

#include <sys/libkern.h>

SYSCTL_NODE(_net, OID_AUTO, aoe, CTLFLAG_RW | CTLFLAG_MPSAFE, 0,
    "ATA over Ethernet");

/*
 * Provide memory for a node's value.  Most texts fit `room`, on the caller's
 * stack: a reader of a disk's state must not wait for memory, which may become
 * free only when the disk works again.
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
 * Copy a node's value out and, if the request writes one, the new value into
 * `v`.  For a text that is only read, sysctl_handle_string(9) gets the size 0,
 * so that it makes no copy.
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
 * Set those nodes of a tree that have this flag from the kernel environment,
 * and add AOE_DO_* to `todo`.  The nodes are those of the target `sc`, or of
 * the module if that is NULL; `above` is the name of their parent.  `also` is
 * appended to texts.  Returns the error of the last value that was refused, or
 * 0.
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
 * Create the nodes of a tree: of the target `sc` or one of its paths, or of the
 * module if `sc` is NULL.  The caller holds no lock, since this may wait for
 * readers of the sysctl tree.
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
