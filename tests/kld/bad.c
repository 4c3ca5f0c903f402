/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A module that breaks rules, one per load, as the kernel environment's
 * bad.what says: for tests/kld/tests_self.sh, which wants each of them noticed.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/kernel.h>
#include <sys/lock.h>
#include <sys/malloc.h>
#include <sys/mutex.h>
#include <sys/sx.h>
#include <sys/module.h>
#include <sys/callout.h>
#include <sys/counter.h>
#include <sys/epoch.h>
#include <sys/eventhandler.h>
#include <sys/mbuf.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <sys/taskqueue.h>

#include <net/if.h>
#include <net/if_var.h>
#include <net/vnet.h>
#include <vm/uma.h>

static MALLOC_DEFINE(M_BAD, "bad", "a module that breaks rules");
static struct mtx bad_a, bad_b;
static struct sx bad_sx;
static struct callout bad_callout;
static struct sysctl_ctx_list bad_ctx;
static struct task bad_task;
static void *bad_kept;

static void
bad_nothing(void *arg)
{
}

static void
bad_nothing_to_do(void *arg, int pending)
{
}

static void
bad_locks(const char *what)
{

	if (strcmp(what, "reversal") == 0) {
		mtx_lock(&bad_a);
		mtx_lock(&bad_b);
		mtx_unlock(&bad_b);
		mtx_unlock(&bad_a);
		mtx_lock(&bad_b);
		mtx_lock(&bad_a);
		mtx_unlock(&bad_a);
		mtx_unlock(&bad_b);
	} else if (strcmp(what, "twounlock") == 0) {
		mtx_lock(&bad_a);
		mtx_unlock(&bad_a);
		mtx_unlock(&bad_a);
	} else if (strcmp(what, "sleep") == 0) {
		mtx_lock(&bad_a);
		bad_kept = malloc(64, M_BAD, M_WAITOK);
		mtx_unlock(&bad_a);
		free(bad_kept, M_BAD);
	} else if (strcmp(what, "sxundermtx") == 0) {
		mtx_lock(&bad_a);
		sx_xlock(&bad_sx);
		sx_xunlock(&bad_sx);
		mtx_unlock(&bad_a);
	} else if (strcmp(what, "keptlock") == 0)
		mtx_lock(&bad_a);
	else if (strcmp(what, "nolock") == 0)
		callout_reset(&bad_callout, 1, bad_nothing, NULL);
}

static void
bad_memory(const char *what)
{
	struct epoch_tracker et;
	char *p;

	if (strcmp(what, "overrun") == 0) {
		p = malloc(64, M_BAD, M_WAITOK);
		p[64] = 1;
		free(p, M_BAD);
	} else if (strcmp(what, "freemtx") == 0) {
		p = malloc(sizeof(struct mtx) + 512, M_BAD, M_WAITOK | M_ZERO);
		mtx_init((struct mtx *)p, "bad lost", NULL, MTX_DEF);
		free(p, M_BAD);
	} else if (strcmp(what, "wrongtype") == 0) {
		p = malloc(64, M_BAD, M_WAITOK);
		free(p, M_DEVBUF);
	} else if (strcmp(what, "epochsleep") == 0) {
		NET_EPOCH_ENTER(et);
		NET_EPOCH_WAIT();
		NET_EPOCH_EXIT(et);
	}
}

static void
bad_packet(const char *what)
{
	struct mbuf *m;
	char to[8];

	if (strcmp(what, "pastend") == 0) {
		m = m_gethdr(M_WAITOK, MT_DATA);
		m->m_len = m->m_pkthdr.len = 8;
		m_copydata(m, 8, 0, to);
		m_copydata(m, 9, 0, to);
		m_freem(m);
	}
}

static void
bad_context(const char *what)
{

	if (strcmp(what, "bothflags") == 0)
		free(malloc(64, M_BAD, M_WAITOK | M_NOWAIT), M_BAD);
	else if (strcmp(what, "nulltask") == 0) {
		TASK_INIT(&bad_task, 0, NULL, NULL);
		taskqueue_block(taskqueue_thread);
		taskqueue_enqueue(taskqueue_thread, &bad_task);
	} else if (strcmp(what, "sxcallout") == 0)
		_callout_init_lock(&bad_callout, &bad_sx.lock_object, 0);
	else if (strcmp(what, "novnet") == 0)
		bad_kept = ifunit_ref("em0");
	else if (strcmp(what, "envundermtx") == 0) {
		mtx_lock(&bad_a);
		freeenv(kern_getenv("bad.what"));
		mtx_unlock(&bad_a);
	} else if (strcmp(what, "sunlock") == 0) {
		sx_xlock(&bad_sx);
		sx_sunlock(&bad_sx);
		sx_xunlock(&bad_sx);
	}
}

static void
bad_leave(const char *what)
{

	if (strcmp(what, "malloc") == 0)
		bad_kept = malloc(64, M_BAD, M_WAITOK);
	else if (strcmp(what, "mbuf") == 0)
		bad_kept = m_gethdr(M_WAITOK, MT_DATA);
	else if (strcmp(what, "cluster") == 0)
		bad_kept = m_getcl(M_WAITOK, MT_DATA, M_PKTHDR);
	else if (strcmp(what, "zone") == 0)
		bad_kept = uma_zcreate("bad zone", 64, NULL, NULL, NULL, NULL,
		    UMA_ALIGN_PTR, 0);
	else if (strcmp(what, "counter") == 0)
		bad_kept = counter_u64_alloc(M_WAITOK);
	else if (strcmp(what, "taskqueue") == 0)
		bad_kept = taskqueue_create("bad queue", M_WAITOK,
		    taskqueue_thread_enqueue, &bad_kept);
	else if (strcmp(what, "handler") == 0)
		EVENTHANDLER_REGISTER(ifnet_arrival_event, bad_nothing, NULL,
		    EVENTHANDLER_PRI_ANY);
	else if (strcmp(what, "oid") == 0) {
		sysctl_ctx_init(&bad_ctx);
		SYSCTL_ADD_INT(&bad_ctx, SYSCTL_STATIC_CHILDREN(_net),
		    OID_AUTO, "bad", CTLFLAG_RD, NULL, 7, "left behind");
	} else if (strcmp(what, "lock") == 0)
		mtx_init(&bad_a, "bad again", NULL, MTX_DEF);
	else if (strcmp(what, "ifref") == 0) {
		CURVNET_SET(vnet0);
		bad_kept = ifunit_ref("em0");
		CURVNET_RESTORE();
	}
	else if (strcmp(what, "env") == 0)
		bad_kept = kern_getenv("bad.what");
	else if (strcmp(what, "callout") == 0) {
		mtx_lock(&bad_a);
		callout_reset(&bad_callout, 100000, bad_nothing, NULL);
		mtx_unlock(&bad_a);
	} else if (strcmp(what, "task") == 0) {
		TASK_INIT(&bad_task, 0, bad_nothing_to_do, NULL);
		taskqueue_block(taskqueue_thread);
		taskqueue_enqueue(taskqueue_thread, &bad_task);
	}
}

static int
bad_modevent(module_t mod, int what, void *arg)
{
	char *name;

	switch (what) {
	case MOD_LOAD:
		mtx_init(&bad_a, "bad a", NULL, MTX_DEF);
		mtx_init(&bad_b, "bad b", NULL, MTX_DEF);
		sx_init(&bad_sx, "bad sx");
		callout_init_mtx(&bad_callout, &bad_a, 0);
		name = kern_getenv("bad.what");
		if (name == NULL)
			return (0);
		bad_locks(name);
		bad_memory(name);
		bad_packet(name);
		bad_context(name);
		bad_leave(name);
		freeenv(name);
		return (0);
	case MOD_UNLOAD:
		mtx_destroy(&bad_a);
		mtx_destroy(&bad_b);
		sx_destroy(&bad_sx);
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t bad_mod = { "bad", bad_modevent, NULL };
DECLARE_MODULE(bad, bad_mod, SI_SUB_DRIVERS, SI_ORDER_ANY);
MODULE_VERSION(bad, 1);
