/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * How the path of a frame is chosen: net.aoe.policy for every target, and
 * net.aoe.target.<disk>.policy for one.
 *
 * Knows: the names of the policies, and where they are set.
 * Must not know: what they mean; the core does.
 */
#include "aoe_var.h"

#include <sys/libkern.h>

#define	AOE_POLICY_DEFAULT	(-1)	/* of a target: as net.aoe.policy says */
#define	AOE_POLICY_NAME		16

static const char *const aoe_policy_names[] = {
	[AOE_POLICY_LATENCY] = "latency",
	[AOE_POLICY_ROUND_ROBIN] = "roundrobin",
	[AOE_POLICY_FAILOVER] = "failover",
};

static const char *
aoe_policy_name(int policy)
{

	return (policy == AOE_POLICY_DEFAULT ? "default" :
	    aoe_policy_names[policy]);
}

/* EINVAL for a name that is none. */
static int
aoe_policy_parse(const char *name, bool target, int *policy)
{
	u_int i;

	if (target && strcmp(name, "default") == 0) {
		*policy = AOE_POLICY_DEFAULT;
		return (0);
	}
	for (i = 0; i < nitems(aoe_policy_names); i++)
		if (strcmp(name, aoe_policy_names[i]) == 0) {
			*policy = i;
			return (0);
		}
	return (EINVAL);
}

/* What the kernel environment says, or what there is already. */
static void
aoe_policy_fetch(const char *variable, bool target, int *policy)
{
	char *env;

	env = kern_getenv(variable);
	if (env != NULL && aoe_policy_parse(env, target, policy) != 0)
		printf("aoe: %s=%s is no policy: left at %s\n", variable, env,
		    aoe_policy_name(*policy));
	freeenv(env);
}

/* Of all targets. */
int
aoe_policy_sysctl(SYSCTL_HANDLER_ARGS)
{
	char name[AOE_POLICY_NAME];
	int error, policy;

	strlcpy(name, aoe_policy_name(aoe_get(policy)), sizeof(name));
	error = sysctl_handle_string(oidp, name, sizeof(name), req);
	if (error != 0 || req->newptr == NULL)
		return (error);
	error = aoe_policy_parse(name, false, &policy);
	if (error != 0)
		return (error);
	error = aoe_conf_enter();
	if (error != 0)
		return (error);
	aoe_config.policy = policy;
	aoe_settings_push();
	sx_xunlock(&aoe_conf_sx);
	return (0);
}

/* Of one target, arg1. */
int
aoe_policy_sysctl_target(SYSCTL_HANDLER_ARGS)
{
	struct aoe_softc *sc = arg1;
	struct aoe_settings settings;
	char name[AOE_POLICY_NAME];
	uint64_t now;
	int error, policy;

	mtx_lock(&sc->sc_mtx);
	strlcpy(name, aoe_policy_name(sc->sc_policy), sizeof(name));
	mtx_unlock(&sc->sc_mtx);
	error = sysctl_handle_string(oidp, name, sizeof(name), req);
	if (error != 0 || req->newptr == NULL)
		return (error);
	error = aoe_policy_parse(name, true, &policy);
	if (error != 0)
		return (error);
	now = aoe_input_begin(sc);
	sc->sc_policy = policy;
	aoe_settings(sc, &settings);
	aoe_core_settings(sc->sc_core, now, &settings);
	aoe_input_end(sc);
	return (0);
}

void
aoe_policy_init(void)
{
	int policy = AOE_POLICY_LATENCY;

	aoe_policy_fetch("net.aoe.policy", false, &policy);
	aoe_config.policy = policy;
}

/* A new target, which nobody else can find yet. */
void
aoe_policy_target_init(struct aoe_softc *sc)
{
	char variable[48];

	sc->sc_policy = AOE_POLICY_DEFAULT;
	snprintf(variable, sizeof(variable), "net.aoe.target.%s.policy",
	    sc->sc_name);
	aoe_policy_fetch(variable, true, &sc->sc_policy);
}
