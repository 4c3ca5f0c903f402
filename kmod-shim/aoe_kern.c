/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The module: loading, unloading, shutdown; and the shim's contexts and locks.
 *
 * Contexts
 *	strategy	any thread, g_down included: must not sleep.
 *	open, close	any thread, under GEOM's topology lock: must not wait.
 *	d_gone		GEOM's event thread, under the topology lock.
 *	receive		an interface's thread, in the net epoch: must not sleep.
 *	callouts	softclock, with the object's mutex.
 *	buffer return	any context, under any lock: see aoe_mbuf.c.
 *	interface events various: may sleep only on departure.
 *	run task	our taskqueue: continues a drain of many turns.
 *	links task	our taskqueue: scans the interfaces.  Waits for locks
 *			and the net epoch, but not for memory.
 *	lifecycle task	our taskqueue: may sleep.  The only thread that makes
 *			and frees targets, disks and their sysctl nodes.
 *	sysctl, ioctl	a user's thread: may sleep.
 *	module events	a user's thread: may sleep.
 *
 * Lock order; locks on one line are never held together
 *	GEOM's topology lock, locks of the network stack
 *	aoe_conf_sx	sleeps.  Settings, the list of targets, the link table.
 *	sc_mtx | aoe_disco_mtx | aoe_link_mtx | aoe_log_mtx
 *	locks of taskqueues, callouts, UMA
 *
 * Of our locks, only aoe_conf_sx may be held across transmit or the completion
 * of a bio, and none is held across any disk(9) call.
 *
 * The holder of aoe_conf_sx may wait for the net epoch and, at boot, for
 * interfaces' ioctls, but not for memory, GEOM, or the reader of a sysctl.  If
 * swap is on one of our disks, each of these may be waiting for that disk.  The
 * disk in turn may need the report that a link is up, and the report takes this
 * lock, as does a shutdown.  Therefore memory is allocated before the lock is
 * taken, objects to be freed are only unlinked under it, and a handler that
 * copies to a reader first wires the reader's memory.  Only loading may wait
 * for memory with the lock held, since there is no disk yet.
 *
 * No code in the net epoch sleeps.  The address table and the link table are
 * read in the epoch; a thread that removes an entry waits for the epoch,
 * holding no lock but possibly aoe_conf_sx.
 *
 * Load order: the entry points for other code are set up last, and removed
 * first.  The sysctl nodes stay while an unload waits and may yet be refused:
 * their handlers check aoe_ready.
 */
#include "aoe_admin.h"

#include <sys/epoch.h>
#include <sys/eventhandler.h>
#include <sys/mbuf.h>
#include <sys/module.h>
#include <sys/proc.h>
#include <sys/reboot.h>

#include <net/ethernet.h>
#include <net/vnet.h>

#include <geom/geom.h>

#include "aoe_abi_layout.h"

static bool aoe_loaded;
static bool aoe_forced;			/* the last MOD_QUIESCE was refused */
static eventhandler_tag aoe_tag_pre_sync;
static eventhandler_tag aoe_tag_post_sync;

_Noreturn void
aoe_shim_panic(const char *file, uint64_t length, uint32_t line)
{

	panic("aoe: %.*s:%u", (int)MIN(length, 128), file, line);
}

/* File systems are about to be synced: limit the waits for targets. */
static void
aoe_shutdown_pre_sync(void *arg __unused, int howto)
{

	if ((howto & RB_NOSYNC) != 0 || KERNEL_PANICKED())
		return;
	/* Set first, so that any later aoe_settings_tell() passes it, too. */
	atomic_store_bool(&aoe_shutting_down, true);
	sx_xlock(&aoe_conf_sx);
	aoe_settings_push();
	sx_xunlock(&aoe_conf_sx);
}

/* File systems are synced.  Fail all waiting I/O. */
static void
aoe_shutdown_post_sync(void *arg __unused, int howto)
{

	if ((howto & RB_NOSYNC) != 0 || KERNEL_PANICKED())
		return;
	sx_xlock(&aoe_conf_sx);
	aoe_targets_abort();
	sx_xunlock(&aoe_conf_sx);
}

/* Undo aoe_load(), even one that failed halfway. */
static void
aoe_teardown(void)
{
	u_int i;

	aoe_ctl_stop();
	aoe_sysctl_remove();
	aoe_boot_fini();
	/* The task that polls once a second may be releasing the root, too. */
	sx_xlock(&aoe_conf_sx);
	aoe_boot_release();
	sx_xunlock(&aoe_conf_sx);
	if (aoe_tag_pre_sync != NULL)
		EVENTHANDLER_DEREGISTER(shutdown_pre_sync, aoe_tag_pre_sync);
	if (aoe_tag_post_sync != NULL)
		EVENTHANDLER_DEREGISTER(shutdown_post_sync, aoe_tag_post_sync);
	aoe_net_fini();
	sx_xlock(&aoe_conf_sx);
	aoe_links_release();
	sx_xunlock(&aoe_conf_sx);
	aoe_link_fini();
	/* Targets and discovery use the threads, so those are stopped last. */
	aoe_life_free_targets();
	aoe_disco_fini();
	aoe_links_stop();
	aoe_life_stop();
	if (aoe_run_tq != NULL)
		taskqueue_free(aoe_run_tq);
	aoe_mbuf_fini();
	aoe_log_clear();
	for (i = 0; i < AOE_STATS; i++)
		if (aoe_stats[i] != NULL)
			counter_u64_free(aoe_stats[i]);
}

/*
 * Whether the kernel's structs have the layout of the headers that we were
 * built with.  The version number does not reveal a kernel with additional
 * fields, so compare values that are known: the thread that loads a module is
 * in vnet0, with kldload(8) as well as at boot, and a new mbuf is empty.
 */
static bool
aoe_kernel_fits(void)
{
	struct mbuf *m;
	bool fits;

	if (curvnet != vnet0)
		return (false);
	m = m_get2(ETHER_HDR_LEN, M_WAITOK, MT_DATA, M_PKTHDR);
	fits = m->m_data == m->m_pktdat && m->m_len == 0 &&
	    m->m_pkthdr.len == 0 && (m->m_flags & M_PKTHDR) != 0;
	m_freem(m);
	return (fits);
}

static int
aoe_start(void)
{
	int error;
	u_int i;

	if (aoe_core_abi_version() != AOE_ABI_VERSION) {
		printf("aoe: the core's ABI version is %u, the shim's %u\n",
		    aoe_core_abi_version(), AOE_ABI_VERSION);
		return (EDOOFUS);
	}
	if (!aoe_kernel_fits()) {
		printf("aoe: this kernel's structures differ from the "
		    "headers that aoe.ko was built with; rebuild it with this "
		    "kernel's sources\n");
		return (ENOEXEC);
	}
	for (i = 0; i < AOE_STATS; i++)
		aoe_stats[i] = counter_u64_alloc(M_WAITOK);
	aoe_mbuf_init();
	aoe_run_tq = taskqueue_create("aoe_run", M_WAITOK,
	    taskqueue_thread_enqueue, &aoe_run_tq);
	error = taskqueue_start_threads(&aoe_run_tq, 1, PRIBIO, "aoe run");
	if (error == 0)
		error = aoe_life_init();
	if (error == 0)
		error = aoe_disco_init();
	if (error == 0)
		error = aoe_link_init();
	if (error == 0)
		error = aoe_net_init();
	return (error);
}

static int
aoe_load(void)
{
	int error;

	aoe_core_limits(&aoe_limits);
	aoe_sysctl_init();
	error = aoe_start();
	/* The device's requests fail until aoe_ready is set. */
	if (error == 0)
		error = aoe_ctl_start();
	if (error != 0) {
		aoe_teardown();
		return (error);
	}
	aoe_tag_pre_sync = EVENTHANDLER_REGISTER(shutdown_pre_sync,
	    aoe_shutdown_pre_sync, NULL, SHUTDOWN_PRI_FIRST);
	/* Pools and mirrors issue their last writes earlier in this event. */
	aoe_tag_post_sync = EVENTHANDLER_REGISTER(shutdown_post_sync,
	    aoe_shutdown_post_sync, NULL, SHUTDOWN_PRI_LAST);
	aoe_sysctl_add();
	sx_xlock(&aoe_conf_sx);
	atomic_store_bool(&aoe_ready, true);
	aoe_boot_hold();
	aoe_life_start();
	aoe_links_start();
	/* This may wait for memory, but no I/O can be waiting for us yet. */
	aoe_sysctl_apply();
	sx_xunlock(&aoe_conf_sx);
	aoe_loaded = true;
	return (0);
}

/*
 * The earliest time at which a disk that is still open was opened, and the name
 * of that disk; AOE_NEVER if none is open.
 */
static uint64_t
aoe_first_open(char *name, size_t size)
{
	struct aoe_softc *sc;
	uint64_t first, opened;

	first = AOE_NEVER;
	sx_slock(&aoe_conf_sx);
	TAILQ_FOREACH(sc, &aoe_targets, sc_link) {
		mtx_lock(&sc->sc_mtx);
		opened = aoe_core_disk_opened(sc->sc_core);
		mtx_unlock(&sc->sc_mtx);
		if (opened < first) {
			first = opened;
			strlcpy(name, sc->sc_name, size);
		}
	}
	sx_sunlock(&aoe_conf_sx);
	return (first);
}

/*
 * EBUSY if a disk is open, whose name is then reported.  Waits for a disk that
 * GEOM is tasting.  g_waitidle() cannot be used for that: it waits without a
 * limit, even for events of other disks, and the linker's locks are held.
 */
static int
aoe_busy(void)
{
	struct aoe_leave leave;
	char name[16];
	uint64_t wait;
	u_int step;

	aoe_core_leave_begin(&leave, aoe_now());
	for (;;) {
		step = aoe_core_leave_ask(&leave, aoe_now(),
		    aoe_first_open(name, sizeof(name)), &wait);
		if (step != AOE_LEAVE_WAIT)
			break;
		pause_sbt("aoebusy", ustosbt(wait), 0, C_HARDCLOCK);
	}
	if (step == AOE_LEAVE_NOW)
		return (0);
	printf("aoe: %s is open\n", name);
	return (EBUSY);
}

/*
 * Whether GEOM is out of our code.  It calls d_gone under the topology lock, so
 * once we have held that lock, no thread is in d_gone any more.  What GEOM does
 * for the disk later does not call us.
 */
static bool
aoe_geom_has_left(void)
{

	if (g_topology_try_lock() == 0)
		return (false);
	g_topology_unlock();
	return (true);
}

/*
 * The obstacles to unloading, AOE_REMAINS_*, with the name of a remaining disk
 * and the number of buffers that interfaces have not returned.
 */
static u_int
aoe_remains(char *name, size_t size, u_int *buffers)
{
	struct aoe_softc *sc;
	u_int remains;

	remains = 0;
	*buffers = 0;
	sx_slock(&aoe_conf_sx);
	TAILQ_FOREACH(sc, &aoe_targets, sc_link) {
		mtx_lock(&sc->sc_mtx);
		aoe_bufs_reap(sc, aoe_now());
		*buffers += sc->sc_out;
		if (aoe_core_disk_state(sc->sc_core) != AOE_DISK_NONE ||
		    sc->sc_drain != AOE_DRAIN_IDLE) {
			strlcpy(name, sc->sc_name, size);
			remains |= AOE_REMAINS_DISK;
		}
		mtx_unlock(&sc->sc_mtx);
	}
	sx_sunlock(&aoe_conf_sx);
	if (*buffers != 0)
		remains |= AOE_REMAINS_FRAME;
	/* While there is a disk, GEOM may be in our code. */
	if ((remains & AOE_REMAINS_DISK) != 0 || !aoe_geom_has_left())
		remains |= AOE_REMAINS_GEOM;
	return (remains);
}

/* Wait until our code is no longer in use; EBUSY after the core's limit. */
static int
aoe_wait_for_remains(void)
{
	struct aoe_leave leave;
	char name[16];
	uint64_t wait;
	u_int buffers, remains;

	aoe_core_leave_begin(&leave, aoe_now());
	for (;;) {
		remains = aoe_remains(name, sizeof(name), &buffers);
		switch (aoe_core_leave_next(&leave, aoe_now(), remains,
		    &wait)) {
		case AOE_LEAVE_NOW:
			return (0);
		case AOE_LEAVE_NOT_DISK:
			printf("aoe: %s is still open\n", name);
			return (EBUSY);
		case AOE_LEAVE_NOT_GEOM:
			printf("aoe: GEOM is still busy\n");
			return (EBUSY);
		case AOE_LEAVE_NOT_FRAME:
			printf("aoe: an interface still holds %u sent frames\n",
			    buffers);
			return (EBUSY);
		case AOE_LEAVE_BEACON:
			aoe_disco_beacon();
			break;
		}
		pause_sbt("aoeleave", ustosbt(wait), 0, C_HARDCLOCK);
	}
}

static int
aoe_unload(void)
{
	int error;

	/*
	 * MOD_UNLOAD does not tell whether the unload is forced.  It is, if
	 * MOD_QUIESCE was refused; otherwise, a disk that has been opened since
	 * MOD_QUIESCE prevents the unload.
	 */
	atomic_store_bool(&aoe_closing, true);
	if (!aoe_forced && aoe_busy() != 0) {
		atomic_store_bool(&aoe_closing, false);
		return (EBUSY);
	}
	aoe_ctl_stop();
	sx_xlock(&aoe_conf_sx);
	atomic_store_bool(&aoe_ready, false);
	aoe_targets_abort();
	sx_xunlock(&aoe_conf_sx);
	error = aoe_wait_for_remains();
	if (error != 0) {
		/*
		 * The next beacon finds the removed targets again.  Events of
		 * interfaces were ignored meanwhile, so scan the interfaces.
		 */
		sx_xlock(&aoe_conf_sx);
		atomic_store_bool(&aoe_closing, false);
		atomic_store_bool(&aoe_ready, true);
		aoe_life_start();
		aoe_links_start();
		aoe_links_kick();
		sx_xunlock(&aoe_conf_sx);
		(void)aoe_ctl_start();
		return (error);
	}
	aoe_teardown();
	return (0);
}

static int
aoe_modevent(module_t mod __unused, int what, void *arg __unused)
{
	int error;

	switch (what) {
	case MOD_LOAD:
		return (aoe_load());
	case MOD_QUIESCE:
		error = aoe_busy();
		aoe_forced = error != 0;
		return (error);
	case MOD_UNLOAD:
		/* The kernel also calls this after a MOD_LOAD that failed. */
		return (aoe_loaded ? aoe_unload() : 0);
	case MOD_SHUTDOWN:
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t aoe_moduledata = {
	.name = "aoe",
	.evhand = aoe_modevent,
};

/* After SI_SUB_PROTO_IF, which creates the pfil head "ethernet". */
DECLARE_MODULE(aoe, aoe_moduledata, SI_SUB_PROTO_FIREWALL, SI_ORDER_ANY);
MODULE_VERSION(aoe, 2);
