/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A module that breaks one rule per load, which bad.what in the kernel
 * environment names.  tests/kld/tests_self.sh checks that kld detects each.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/kernel.h>
#include <sys/lock.h>
#include <sys/malloc.h>
#include <sys/mutex.h>
#include <sys/sx.h>
#include <sys/module.h>
#include <sys/bio.h>
#include <sys/callout.h>
#include <sys/conf.h>
#include <sys/counter.h>
#include <sys/epoch.h>
#include <sys/eventhandler.h>
#include <sys/mbuf.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <sys/taskqueue.h>

#include <net/if.h>
#include <net/if_var.h>
#include <net/pfil.h>
#include <net/vnet.h>
#include <vm/uma.h>

#include <geom/geom.h>
#include <geom/geom_disk.h>

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
	else if (strcmp(what, "novnet") == 0) {
		CURVNET_SET(NULL);
		bad_kept = ifunit_ref("em0");
		CURVNET_RESTORE();
	} else if (strcmp(what, "envundermtx") == 0) {
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
bad_wait(const char *what)
{
	const void *volatile nowhere = NULL;
	uma_zone_t zone;

	if (strcmp(what, "sleepnull") == 0) {
		mtx_lock(&bad_a);
		msleep(nowhere, &bad_a, 0, "bad", 1);
		mtx_unlock(&bad_a);
	} else if (strcmp(what, "sleepnolock") == 0)
		tsleep(&bad_a, 0, "bad", 0);
	else if (strcmp(what, "pausenegative") == 0)
		pause_sbt("bad", -1, 0, 0);
	else if (strcmp(what, "calloutcpu") == 0) {
		mtx_lock(&bad_a);
		callout_reset_on(&bad_callout, hz, bad_nothing, NULL, 999);
		callout_stop(&bad_callout);
		mtx_unlock(&bad_a);
	} else if (strcmp(what, "calloutfunction") == 0) {
		mtx_lock(&bad_a);
		callout_reset(&bad_callout, hz, NULL, NULL);
		callout_stop(&bad_callout);
		mtx_unlock(&bad_a);
	} else if (strcmp(what, "noqueue") == 0) {
		TASK_INIT(&bad_task, 0, bad_nothing_to_do, NULL);
		taskqueue_enqueue(NULL, &bad_task);
	} else if (strcmp(what, "zoneflags") == 0) {
		zone = uma_zcreate("bad zone", 64, NULL, NULL, NULL, NULL,
		    UMA_ALIGN_PTR, 0);
		uma_zfree(zone, uma_zalloc(zone, M_WAITOK | M_NOWAIT));
		uma_zdestroy(zone);
	} else if (strcmp(what, "registerundermtx") == 0) {
		mtx_lock(&bad_a);
		EVENTHANDLER_REGISTER(ifnet_arrival_event, bad_nothing, NULL,
		    EVENTHANDLER_PRI_ANY);
		mtx_unlock(&bad_a);
	}
}

static void
bad_network(const char *what)
{
	static struct epoch_tracker et;
	struct pfil_link_args la = { .pa_flags = PFIL_IN | PFIL_HOOKPTR,
	    .pa_headname = PFIL_ETHER_NAME };
	struct mbuf *m;
	if_t ifp;
	char to[8];

	if (strcmp(what, "copynegative") == 0) {
		m = m_gethdr(M_WAITOK, MT_DATA);
		m->m_len = m->m_pkthdr.len = 8;
		m_copydata(m, -1, 4, to);
		m_freem(m);
	} else if (strcmp(what, "freedmbuf") == 0) {
		m = m_gethdr(M_WAITOK, MT_DATA);
		bad_kept = m;
		m_freem(m);
		((volatile struct mbuf *)bad_kept)->m_len = 7;
	} else if (strcmp(what, "statictracker") == 0) {
		NET_EPOCH_ENTER(et);
		NET_EPOCH_EXIT(et);
	} else if (strcmp(what, "lladdr") == 0) {
		CURVNET_SET(vnet0);
		ifp = ifunit_ref("em0");
		if_getlladdr(ifp);
		if_rele(ifp);
		CURVNET_RESTORE();
	} else if (strcmp(what, "pfilversion") == 0) {
		CURVNET_SET(vnet0);
		pfil_link(&la);
		CURVNET_RESTORE();
	}
}

static void
bad_strategy(struct bio *bp)
{

	biofinish(bp, NULL, ENXIO);
}

static void
bad_device(const char *what)
{
	static struct cdevsw sw = { .d_version = D_VERSION, .d_name = "bad" };
	static struct cdevsw old = { .d_name = "bad" };
	struct make_dev_args args;
	struct cdev *dev, *other;
	struct disk *dp;

	make_dev_args_init(&args);
	args.mda_devsw = &sw;
	if (strcmp(what, "devflags") == 0) {
		args.mda_flags = MAKEDEV_WAITOK | MAKEDEV_NOWAIT;
		if (make_dev_s(&args, &dev, "bad") == 0)
			destroy_dev(dev);
	} else if (strcmp(what, "devversion") == 0) {
		args.mda_devsw = &old;
		if (make_dev_s(&args, &dev, "bad") == 0)
			destroy_dev(dev);
	} else if (strcmp(what, "devtwice") == 0) {
		make_dev_s(&args, &dev, "bad");
		make_dev_s(&args, &other, "bad");
		destroy_dev(dev);
	}
	if (strncmp(what, "disk", 4) != 0)
		return;
	dp = disk_alloc();
	dp->d_strategy = bad_strategy;
	dp->d_name = "bad";
	dp->d_maxsize = dp->d_sectorsize = 512;
	dp->d_mediasize = 512 * 8;
	if (strcmp(what, "disknameless") == 0)
		dp->d_name = "";
	if (strcmp(what, "diskversion") == 0)
		disk_create(dp, DISK_VERSION - 1);
	else if (strcmp(what, "diskmedia") == 0)
		disk_media_changed(dp, M_WAITOK);
	else if (strcmp(what, "diskmediafails") == 0) {
		g_topology_lock();
		disk_media_changed(dp, M_NOWAIT);
		g_topology_unlock();
	} else if (strcmp(what, "diskresize") == 0)
		disk_resize(dp, 0);
	else
		disk_create(dp, DISK_VERSION);
	if (strcmp(what, "disktwice") == 0)
		disk_create(dp, DISK_VERSION);
	disk_destroy(dp);
}

static int
bad_handler(SYSCTL_HANDLER_ARGS)
{

	sx_xlock(&bad_sx);
	sx_xunlock(&bad_sx);
	return (sysctl_handle_int(oidp, NULL, 7, req));
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
	else if (strcmp(what, "oidlock") == 0) {
		bad_kept = &bad_ctx;
		sysctl_ctx_init(&bad_ctx);
		SYSCTL_ADD_PROC(&bad_ctx, SYSCTL_STATIC_CHILDREN(_net),
		    OID_AUTO, "bad", CTLTYPE_INT | CTLFLAG_RD | CTLFLAG_MPSAFE,
		    NULL, 0, bad_handler, "I", "takes a lock");
	} else if (strcmp(what, "env") == 0)
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
		bad_wait(name);
		bad_network(name);
		bad_device(name);
		bad_leave(name);
		freeenv(name);
		return (0);
	case MOD_UNLOAD:
		if (bad_kept == &bad_ctx) {
			sx_xlock(&bad_sx);
			sysctl_ctx_free(&bad_ctx);
			sx_xunlock(&bad_sx);
		}
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
