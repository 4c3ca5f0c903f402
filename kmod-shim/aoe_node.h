/* SPDX-License-Identifier: BSD-2-Clause */
/* Sysctl nodes in general, nodes of a target, and settings. */
#ifndef _AOE_NODE_H_
#define	_AOE_NODE_H_

#include "aoe_links.h"

/* aoe_node.c */
SYSCTL_DECL(_net_aoe);

/* A handler's arg2 identifies the node. */
#define	AOE_ARG(tree, path, index)	((path) << 16 | (tree) << 8 | (index))
#define	AOE_ARG_PATH(arg)		((u_int)(arg) >> 16)
#define	AOE_ARG_TREE(arg)		((u_int)(arg) >> 8 & 0xff)
#define	AOE_ARG_INDEX(arg)		((u_int)(arg) & 0xff)
void	aoe_node_begin(struct aoe_value *, const struct aoe_node *,
	    char room[AOE_VALUE_SHORT]);
void	aoe_node_end(struct aoe_value *, const char *room);
int	aoe_node_value(struct sysctl_oid *, struct aoe_value *,
	    struct sysctl_req *);
int	aoe_node_write(u_int tree, u_int index, const struct aoe_value *,
	    u_int *todo);
int	aoe_node_fetch(u_int tree, u_int flag, const char *above,
	    struct aoe_softc *, const char *also, u_int *todo);
void	aoe_node_grow(struct sysctl_ctx_list *, struct sysctl_oid_list *above,
	    u_int tree, u_int path, struct aoe_softc *,
	    int (*handler)(SYSCTL_HANDLER_ARGS));

/* aoe_sysctl_target.c */
void	aoe_settings(const struct aoe_softc *, struct aoe_settings *);
void	aoe_settings_tell(struct aoe_softc *);
void	aoe_settings_push(void);
void	aoe_sysctl_target_fetch(struct aoe_softc *);
void	aoe_sysctl_target_add(struct aoe_softc *);
void	aoe_sysctl_target_paths(struct aoe_softc *);
void	aoe_sysctl_target_remove(struct aoe_softc *);
#endif /* _AOE_NODE_H_ */
