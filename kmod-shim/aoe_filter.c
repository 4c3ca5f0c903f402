/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * net.aoe.filter: which targets, and from where, are let in.
 *
 * Knows: where the filters are set, and when one is asked.
 * Must not know: what their texts mean.
 *
 * Only answers to config queries are judged, which are few; all other frames
 * come from paths that such an answer opened.  Setting a filter asks every
 * target anew, so that it takes effect on those that are there as well.
 */
#include "aoe_var.h"

#include <sys/libkern.h>
#include <sys/mbuf.h>

static const char *const aoe_filter_names[] = {
	[AOE_FILTER_SHELVES] = "shelves",
	[AOE_FILTER_CONFIG] = "config",
	[AOE_FILTER_MACS] = "macs",
};

static char aoe_filters[nitems(aoe_filter_names)][AOE_FILTER_MAX + 1];	/* (x) */
static u_int aoe_filtering;		/* (a) a filter is not empty */

static int
aoe_filter_set(u_int which, const char *text)
{
	u_int i, filtering;
	int error;

	sx_assert(&aoe_conf_sx, SA_XLOCKED);
	mtx_lock(&aoe_disco_mtx);
	error = aoe_core_disco_filter(aoe_disco, which, text, strlen(text));
	mtx_unlock(&aoe_disco_mtx);
	if (error != 0)
		return (error);
	strlcpy(aoe_filters[which], text, sizeof(aoe_filters[which]));
	filtering = 0;
	for (i = 0; i < nitems(aoe_filter_names); i++)
		filtering |= aoe_filters[i][0] != '\0';
	atomic_store_rel_int(&aoe_filtering, filtering);
	return (0);
}

/* The filter arg2. */
int
aoe_filter_sysctl(SYSCTL_HANDLER_ARGS)
{
	char *text;
	int error;

	text = malloc(AOE_FILTER_MAX + 1, M_AOE, M_WAITOK | M_ZERO);
	error = aoe_conf_enter();
	if (error != 0)
		goto out;
	strlcpy(text, aoe_filters[arg2], AOE_FILTER_MAX + 1);
	sx_xunlock(&aoe_conf_sx);
	error = sysctl_handle_string(oidp, text, AOE_FILTER_MAX + 1, req);
	if (error != 0 || req->newptr == NULL)
		goto out;
	error = aoe_conf_enter();
	if (error != 0)
		goto out;
	error = aoe_filter_set(arg2, text);
	if (error == 0)
		aoe_disco_beacon();
	sx_xunlock(&aoe_conf_sx);
out:
	free(text, M_AOE);
	return (error);
}

/*
 * What the kernel environment says.  An error if that means nothing: letting
 * everything in would be the wrong thing to do then.
 */
int
aoe_filter_init(void)
{
	char name[32], *env;
	int error;
	u_int i;

	error = 0;
	for (i = 0; i < nitems(aoe_filter_names); i++) {
		snprintf(name, sizeof(name), "net.aoe.filter.%s",
		    aoe_filter_names[i]);
		env = kern_getenv(name);
		if (env == NULL)
			continue;
		if (aoe_filter_set(i, env) != 0) {
			printf("aoe: %s is malformed: no interface is used\n",
			    name);
			error = EINVAL;
		}
		freeenv(env);
	}
	return (error);
}

/* So that nothing is read back after the module is gone and comes again. */
void
aoe_filter_fini(void)
{
	u_int i;

	for (i = 0; i < nitems(aoe_filter_names); i++)
		aoe_filters[i][0] = '\0';
	aoe_filtering = 0;
}

/* Mark an answer to a config query, which `m` holds, with what applies. */
void
aoe_filter_judge(struct aoe_frame *f, const struct mbuf *m)
{
	uint8_t string[AOE_PREFIX_MAX];
	u_int length;

	if (atomic_load_acq_int(&aoe_filtering) == 0)
		return;
	/* m_copydata(9) walks to the offset even for no bytes at all. */
	length = 0;
	if (f->length > AOE_CONFIG_LENGTH) {
		length = MIN(f->length - AOE_CONFIG_LENGTH, sizeof(string));
		m_copydata(m, AOE_CONFIG_LENGTH, length, (caddr_t)string);
	}
	mtx_lock(&aoe_disco_mtx);
	f->flags = aoe_core_disco_judge(aoe_disco, f, string, length);
	mtx_unlock(&aoe_disco_mtx);
	if (f->flags != 0)
		aoe_count(AOE_STAT_RX_FILTERED);
}
