/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * /dev/aoectl, the device behind aoectl(8).
 *
 * Knows: who may use the device, and which threads wait for an answer.
 * Must not know: what a management command or its answer means.  The core
 * decides which commands are harmless, and how long each may take.
 *
 * A thread that waits for a target's answer holds no lock; sc_ctl_users keeps
 * the target.  Unloading destroys the device before anything else: it sets
 * aoe_ctl_closing, wakes all threads that sleep here, and waits until all have
 * left.
 */
#include "aoe_admin.h"

#include <sys/conf.h>
#include <sys/epoch.h>
#include <sys/priv.h>
#include <sys/proc.h>

#include <net/ethernet.h>

#include "aoe_ioctl.h"

#define	AOE_ADDRESS(major, minor)	((major) << 8 | (minor))

static d_open_t		aoe_ctl_open;
static d_ioctl_t	aoe_ctl_ioctl;

static struct cdevsw aoe_ctl_cdevsw = {
	.d_version = D_VERSION,
	.d_name = AOE_CTL_NAME,
	.d_open = aoe_ctl_open,
	.d_ioctl = aoe_ctl_ioctl,
};

static struct cdev *aoe_ctl_dev;
static u_int aoe_ctl_closing;			/* (a) */

/* A jail lacks this privilege, even if it can see the node. */
static int
aoe_ctl_open(struct cdev *dev __unused, int flags __unused, int type __unused,
    struct thread *td)
{

	return (priv_check(td, PRIV_DRIVER));
}

/* Lock the configuration shared; ENXIO if the module is not ready. */
static int
aoe_ctl_enter(void)
{

	sx_slock(&aoe_conf_sx);
	if (aoe_ready)
		return (0);
	sx_sunlock(&aoe_conf_sx);
	return (ENXIO);
}

static void
aoe_ctl_version(struct aoe_ioc_version *v)
{

	memset(v, 0, sizeof(*v));
	v->version = AOE_CTL_VERSION;
	strlcpy(v->driver, AOE_VERSION, sizeof(v->driver));
}

/* Fill in the current state of a path's interface. */
static void
aoe_ctl_link(struct aoe_ioc_path *p)
{
	struct epoch_tracker et;
	if_t ifp;

	NET_EPOCH_ENTER(et);
	ifp = aoe_link_if(p->info.link);
	if (ifp != NULL) {
		strlcpy(p->interface, if_name(ifp), sizeof(p->interface));
		p->mtu = if_getmtu(ifp);
		p->link_up = aoe_link_is_up(ifp);
		if (if_getaddrlen(ifp) == ETHER_ADDR_LEN)
			memcpy(p->local, if_getlladdr(ifp), ETHER_ADDR_LEN);
	}
	NET_EPOCH_EXIT(et);
}

static void
aoe_ctl_describe(struct aoe_softc *sc, struct aoe_ioc_target *t)
{
	u_int i;

	mtx_lock(&sc->sc_mtx);
	aoe_core_describe(sc->sc_core, aoe_now(), t);
	mtx_unlock(&sc->sc_mtx);
	for (i = 0; i < t->npaths; i++)
		aoe_ctl_link(&t->path[i]);
}

/* The target with the lowest address at or after this one, or NULL. */
static struct aoe_softc *
aoe_ctl_next(uint16_t major, uint8_t minor)
{
	struct aoe_softc *best, *sc;

	best = NULL;
	TAILQ_FOREACH(sc, &aoe_targets, sc_link)
		if (AOE_ADDRESS(sc->sc_major, sc->sc_minor) >=
		    AOE_ADDRESS(major, minor) && (best == NULL ||
		    AOE_ADDRESS(sc->sc_major, sc->sc_minor) <
		    AOE_ADDRESS(best->sc_major, best->sc_minor)))
			best = sc;
	return (best);
}

static int
aoe_ctl_target(struct aoe_ioc_target *t)
{
	struct aoe_softc *sc;

	sc = t->next != 0 ? aoe_ctl_next(t->major, t->minor) :
	    aoe_target_find(t->major, t->minor);
	if (sc == NULL)
		return (ENOENT);
	aoe_ctl_describe(sc, t);
	return (0);
}

/*
 * Find a target and prevent it from being freed.  On success, returns with its
 * mutex held.
 */
static int
aoe_ctl_hold(uint16_t major, uint8_t minor, struct aoe_softc **scp)
{
	struct aoe_softc *sc;
	int error;

	error = aoe_ctl_enter();
	if (error != 0)
		return (error);
	sc = aoe_target_find(major, minor);
	if (sc == NULL)
		error = ENOENT;
	else {
		mtx_lock(&sc->sc_mtx);
		if (sc->sc_dead) {
			mtx_unlock(&sc->sc_mtx);
			error = ENXIO;
		} else
			sc->sc_ctl_users++;
	}
	sx_sunlock(&aoe_conf_sx);
	*scp = sc;
	return (error);
}

/* Sleep on a target, until sbinuptime() is `until` at the latest. */
static int
aoe_ctl_sleep(struct aoe_softc *sc, sbintime_t until)
{
	int error;

	mtx_assert(&sc->sc_mtx, MA_OWNED);
	if (atomic_load_acq_int(&aoe_ctl_closing) != 0)
		return (ENXIO);
	if (sbinuptime() >= until)
		return (ETIMEDOUT);
	error = msleep_sbt(&sc->sc_ctl_users, &sc->sc_mtx, PCATCH, "aoectl",
	    until, 0, C_ABSOLUTE);
	/* A command was sent: the system call must not be restarted. */
	if (error == ERESTART)
		error = EINTR;
	return (error == EWOULDBLOCK ? ETIMEDOUT : error);
}

/* Run one command.  Called with the mutex held, returns with it held. */
static int
aoe_ctl_run(struct aoe_softc *sc, struct aoe_ioc_control *c, uint64_t patience)
{
	sbintime_t until;
	int error;

	/*
	 * Normally the core ends the command before that; its time starts when
	 * the target has room for the command.
	 */
	until = sbinuptime() + ustosbt(patience);
	sc->sc_ctl_done = false;
	error = aoe_core_control(sc->sc_core, aoe_input_locked(sc), c);
	aoe_input_end(sc);
	mtx_lock(&sc->sc_mtx);
	while (error == 0 && !sc->sc_ctl_done)
		error = aoe_ctl_sleep(sc, until);
	if (error == 0)
		return (aoe_core_control_result(sc->sc_core,
		    &sc->sc_ctl_output, c));
	aoe_core_control_cancel(sc->sc_core, aoe_now());
	return (error);
}

/* Run a command when no other thread runs one on the same target. */
static int
aoe_ctl_control(struct aoe_ioc_control *c)
{
	struct aoe_softc *sc;
	sbintime_t until;
	uint64_t patience;
	int error;

	patience = aoe_core_control_patience(c);
	if (patience == 0)
		return (EINVAL);
	error = aoe_ctl_hold(c->major, c->minor, &sc);
	if (error != 0)
		return (error);
	until = sbinuptime() + aoe_limits.request_ms * SBT_1MS;
	while (error == 0 && sc->sc_ctl_busy)
		error = aoe_ctl_sleep(sc, until);
	if (error == 0) {
		sc->sc_ctl_busy = true;
		error = aoe_ctl_run(sc, c, patience);
		sc->sc_ctl_busy = false;
		wakeup(&sc->sc_ctl_users);
	}
	sc->sc_ctl_users--;
	/* The lifecycle thread could not free it while we used it. */
	aoe_life_attention(sc);
	mtx_unlock(&sc->sc_mtx);
	return (error);
}

static int
aoe_ctl_discover(const struct aoe_ioc_address *a)
{
	int error;

	error = aoe_conf_enter();
	if (error != 0)
		return (error);
	aoe_links_scan();
	if (a->all != 0)
		aoe_disco_beacon();
	else
		aoe_disco_ask(a->major, a->minor);
	sx_xunlock(&aoe_conf_sx);
	return (0);
}

static int
aoe_ctl_revalidate(struct aoe_softc *sc)
{

	aoe_core_revalidate(sc->sc_core, aoe_input_begin(sc));
	aoe_input_end(sc);
	return (0);
}

static int
aoe_ctl_forget(struct aoe_softc *sc)
{
	int error;

	error = aoe_core_forget(sc->sc_core, aoe_input_begin(sc));
	aoe_life_attention(sc);
	aoe_input_end(sc);
	return (error);
}

static int
aoe_ctl_accept(const struct aoe_ioc_accept *a)
{
	struct aoe_softc *sc;
	int error;

	sc = aoe_target_find(a->major, a->minor);
	if (sc == NULL)
		return (ENOENT);
	error = aoe_core_accept(sc->sc_core, aoe_input_begin(sc), a->page);
	aoe_input_end(sc);
	return (error);
}

/* Call `what` for one target or for all. */
static int
aoe_ctl_each(const struct aoe_ioc_address *a, int (*what)(struct aoe_softc *))
{
	struct aoe_softc *sc;

	if (a->all == 0) {
		sc = aoe_target_find(a->major, a->minor);
		return (sc != NULL ? what(sc) : ENOENT);
	}
	/* An error of one target is no error of a request to all. */
	TAILQ_FOREACH(sc, &aoe_targets, sc_link)
		(void)what(sc);
	return (0);
}

/* Requests that do not wait: the list of targets stays locked. */
static int
aoe_ctl_shared(u_long cmd, caddr_t data)
{
	int error;

	error = aoe_ctl_enter();
	if (error != 0)
		return (error);
	if (cmd == AOEIOC_TARGET)
		error = aoe_ctl_target((struct aoe_ioc_target *)data);
	else if (cmd == AOEIOC_REVALIDATE)
		error = aoe_ctl_each((struct aoe_ioc_address *)data,
		    aoe_ctl_revalidate);
	else if (cmd == AOEIOC_FORGET)
		error = aoe_ctl_each((struct aoe_ioc_address *)data,
		    aoe_ctl_forget);
	else if (cmd == AOEIOC_ABSENT)
		error = aoe_absent_get((struct aoe_ioc_absent *)data);
	else
		error = aoe_ctl_accept((struct aoe_ioc_accept *)data);
	sx_sunlock(&aoe_conf_sx);
	return (error);
}

static int
aoe_ctl_ioctl(struct cdev *dev __unused, u_long cmd, caddr_t data,
    int flags __unused, struct thread *td)
{
	struct aoe_ioc_log *log;
	int error;

	/* The descriptor may have been passed to another process. */
	error = priv_check(td, PRIV_DRIVER);
	if (error != 0)
		return (error);
	switch (cmd) {
	case AOEIOC_VERSION:
		aoe_ctl_version((struct aoe_ioc_version *)data);
		return (0);
	case AOEIOC_CONTROL:
		return (aoe_ctl_control((struct aoe_ioc_control *)data));
	case AOEIOC_DISCOVER:
		return (aoe_ctl_discover((struct aoe_ioc_address *)data));
	case AOEIOC_LOG:
		log = (struct aoe_ioc_log *)data;
		if (log->wait_ms > aoe_limits.request_ms)
			return (EINVAL);
		return (aoe_log_read(log, &aoe_ctl_closing));
	case AOEIOC_TARGET:
	case AOEIOC_REVALIDATE:
	case AOEIOC_FORGET:
	case AOEIOC_ABSENT:
	case AOEIOC_ACCEPT:
		return (aoe_ctl_shared(cmd, data));
	default:
		return (ENOTTY);
	}
}

int
aoe_ctl_start(void)
{
	struct make_dev_args args;
	int error;

	atomic_store_rel_int(&aoe_ctl_closing, 0);
	make_dev_args_init(&args);
	args.mda_flags = MAKEDEV_WAITOK | MAKEDEV_CHECKNAME;
	args.mda_devsw = &aoe_ctl_cdevsw;
	args.mda_uid = UID_ROOT;
	args.mda_gid = GID_WHEEL;
	args.mda_mode = 0600;
	error = make_dev_s(&args, &aoe_ctl_dev, AOE_CTL_NAME);
	if (error != 0) {
		printf("aoe: cannot create /dev/%s: error %d\n", AOE_CTL_NAME,
		    error);
		aoe_ctl_dev = NULL;
	}
	return (error);
}

/* No thread is in this file when this returns. */
void
aoe_ctl_stop(void)
{
	struct aoe_softc *sc;

	if (aoe_ctl_dev == NULL)
		return;
	atomic_store_rel_int(&aoe_ctl_closing, 1);
	sx_slock(&aoe_conf_sx);
	TAILQ_FOREACH(sc, &aoe_targets, sc_link) {
		mtx_lock(&sc->sc_mtx);
		wakeup(&sc->sc_ctl_users);
		mtx_unlock(&sc->sc_mtx);
	}
	sx_sunlock(&aoe_conf_sx);
	aoe_log_wake();
	destroy_dev(aoe_ctl_dev);
	aoe_ctl_dev = NULL;
}
