/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Interfaces: the functions that the module calls, and the administrator's
 * changes with the events that they cause.
 */
#include "kpi.h"
#include "kpi_if.h"

#include <sys/epoch.h>

#define	KIFS		64

static struct kpi_if	*ifs[KIFS];
static struct kmutex	ifs_lock;
static struct kpi_if	*ifs_gone;	/* detached */

void
if_ref(if_t ifp)
{

	if (!kif(ifp)->attached && kif(ifp)->refs == 0)
		kpi_violation(CALLER, "reference to %s, which is gone",
		    ifp->if_xname);
	atomic_add_int(&kif(ifp)->refs, 1);
	ledger_add(LEDGER_IFREF, ifp, if_name(ifp), CALLER);
}

bool
if_try_ref(if_t ifp)
{

	if (curkthr->kt_epoch_depth == 0)
		kpi_violation(CALLER, "if_try_ref() outside the epoch");
	atomic_add_int(&kif(ifp)->refs, 1);
	ledger_add(LEDGER_IFREF, ifp, if_name(ifp), CALLER);
	return (true);
}

void
if_rele(if_t ifp)
{

	if (!ledger_remove(LEDGER_IFREF, ifp, CALLER))
		return;
	atomic_subtract_int(&kif(ifp)->refs, 1);
}

static struct kpi_if *
find(const char *name)
{
	int i;

	for (i = 0; i < KIFS; i++)
		if (ifs[i] != NULL && ifs[i]->attached &&
		    strcmp(ifs[i]->ifn.if_xname, name) == 0)
			return (ifs[i]);
	return (NULL);
}

if_t
ifunit_ref(const char *name)
{
	struct kpi_if *k;

	if (curvnet != vnet0)
		kpi_violation(CALLER, "ifunit_ref outside of vnet0");
	kpi_lock(&ifs_lock);
	k = find(name);
	kpi_unlock(&ifs_lock);
	if (k == NULL)
		return (NULL);
	if_ref(&k->ifn);
	return (&k->ifn);
}

if_t
ifunit(const char *name)
{
	struct kpi_if *k;

	kpi_lock(&ifs_lock);
	k = find(name);
	kpi_unlock(&ifs_lock);
	return (k != NULL ? &k->ifn : NULL);
}

/* The iterator is an index; the list may change between its steps. */
if_t
if_iter_next(struct if_iter *it)
{
	uintptr_t i;

	for (i = (uintptr_t)it->context[0]; i < KIFS; i++)
		if (ifs[i] != NULL && ifs[i]->attached) {
			it->context[0] = (void *)(i + 1);
			return (&ifs[i]->ifn);
		}
	it->context[0] = (void *)i;
	return (NULL);
}

if_t
if_iter_start(struct if_iter *it)
{

	if (curkthr->kt_epoch_depth == 0)
		kpi_violation(CALLER, "interfaces walked outside the epoch");
	memset(it, 0, sizeof(*it));
	return (if_iter_next(it));
}

void
if_iter_finish(struct if_iter *it)
{

	(void)it;
}

int
if_foreach(if_foreach_cb_t cb, void *arg)
{
	int error, i;

	if (curkthr->kt_epoch_depth == 0)
		kpi_violation(CALLER, "interfaces walked outside the epoch");
	for (i = 0; i < KIFS; i++)
		if (ifs[i] != NULL && ifs[i]->attached &&
		    (error = cb(&ifs[i]->ifn, arg)) != 0)
			return (error);
	return (0);
}

/*
 * As in the kernel: inside the epoch, interfaces that match are referenced;
 * outside, when one may be gone already, the callback is called for each.
 */
int
if_foreach_sleep(if_foreach_match_t match, void *marg, if_foreach_cb_t cb,
    void *arg)
{
	struct epoch_tracker et;
	struct kpi_if *found[KIFS], *k;
	int error = 0, i, n = 0;

	kpi_may_sleep(CALLER, "if_foreach_sleep()");
	(void)kpi_alloc_fails(M_WAITOK);
	if (curvnet != vnet0)
		kpi_violation(CALLER, "if_foreach_sleep outside of vnet0");
	NET_EPOCH_ENTER(et);
	for (i = 0; i < KIFS; i++)
		if ((k = ifs[i]) != NULL && k->attached &&
		    (match == NULL || match(&k->ifn, marg))) {
			found[n++] = k;
			atomic_add_int(&k->refs, 1);
		}
	NET_EPOCH_EXIT(et);
	for (i = 0; i < n; i++) {
		if (error == 0)
			error = cb(&found[i]->ifn, arg);
		atomic_subtract_int(&found[i]->refs, 1);
	}
	return (error);
}

#define	GETTER(type, name, field)					\
type									\
name(const if_t ifp)							\
{									\
									\
	return ((type)ifp->field);					\
}
GETTER(int, if_getmtu, if_mtu)
GETTER(int, if_getflags, if_flags)
GETTER(int, if_getdrvflags, if_drv_flags)
GETTER(int, if_getlinkstate, if_link_state)
GETTER(int, if_gettype, if_type)
GETTER(int, if_getindex, if_index)
GETTER(const char *, if_name, if_xname)
GETTER(const char *, if_getdname, if_dname)
GETTER(struct vnet *, if_getvnet, if_vnet)
GETTER(int, if_getcapenable, if_capenable)
GETTER(int, if_getnumadomain, if_numa_domain)
GETTER(void *, if_getsoftc, if_softc)
GETTER(struct ifvlantrunk *, if_getvlantrunk, if_vlantrunk)
GETTER(uint8_t, if_getaddrlen, if_addrlen)
GETTER(uint8_t, if_getpcp, if_pcp)

/* A departing interface loses its address, but only after the epoch. */
char *
if_getlladdr(const if_t ifp)
{

	if (curkthr->kt_epoch_depth == 0 && !curkthr->kt_stopped)
		kpi_violation(CALLER, "if_getlladdr() outside the epoch");
	return ((char *)ifp->if_hw_addr);
}

int
if_setflagbits(if_t ifp, int set, int clear)
{

	ifp->if_flags = (ifp->if_flags | set) & ~clear;
	return (0);
}

void
if_up(if_t ifp)
{

	kpi_if_flags(kif(ifp), 1);
}

int
if_ioctl(if_t ifp, u_long cmd, void *data)
{

	(void)data;
	kpi_may_sleep(CALLER, "if_ioctl()");
	if (cmd != SIOCSIFFLAGS)
		return (EINVAL);
	kpi_if_flags(kif(ifp), (ifp->if_flags & IFF_UP) != 0);
	return (0);
}

/* The administrator's side. */
static void
call_ifp(void *func, void *arg, void *cookie)
{

	((void (*)(void *, struct ifnet *))func)(arg, cookie);
}

static void
tell(const char *event, struct kpi_if *k)
{

	CURVNET_SET(vnet0);
	kpi_event_run(event, call_ifp, &k->ifn);
	CURVNET_RESTORE();
}

struct event2 {
	struct ifnet	*ifp;
	int		 arg;
};

static void
call_ifp_int(void *func, void *arg, void *cookie)
{
	struct event2 *e = cookie;

	((void (*)(void *, struct ifnet *, int))func)(arg, e->ifp, e->arg);
}

static void
tell_int(const char *event, struct kpi_if *k, int arg)
{
	struct event2 e = { &k->ifn, arg };

	CURVNET_SET(vnet0);
	kpi_event_run(event, call_ifp_int, &e);
	CURVNET_RESTORE();
}

struct kpi_if *
kpi_if_attach(const char *name, void *host, const u_char mac[6], u_int mtu)
{
	static u_short next_index = 1;
	struct kpi_if *k;
	int i;

	k = host_alloc(sizeof(*k));
	k->host = host;
	k->ifn.if_index = next_index++;
	k->ifn.if_type = IFT_ETHER;
	k->ifn.if_addrlen = ETHER_ADDR_LEN;
	k->ifn.if_hdrlen = ETHER_HDR_LEN;
	k->ifn.if_mtu = mtu;
	k->ifn.if_vnet = k->ifn.if_home_vnet = vnet0;
	k->ifn.if_dname = "kld";
	k->ifn.if_pcp = 0xff;
	k->ifn.if_flags = IFF_BROADCAST | IFF_SIMPLEX | IFF_MULTICAST;
	k->ifn.if_link_state = LINK_STATE_DOWN;
	k->ifn.if_hw_addr = k->lladdr;
	strlcpy(k->ifn.if_xname, name, sizeof(k->ifn.if_xname));
	k->attached = true;
	kpi_if_polling(k, 1);
	kpi_lock(&ifs_lock);
	for (i = 0; i < KIFS && ifs[i] != NULL; i++)
		;
	if (i == KIFS)
		host_panic("too many interfaces");
	ifs[i] = k;
	kpi_unlock(&ifs_lock);
	/* Arrival comes before the address is set (ether_ifattach). */
	tell("ifnet_arrival_event", k);
	memcpy(k->lladdr, mac, ETHER_ADDR_LEN);
	tell("ether_ifattach_event", k);
	return (k);
}

void
kpi_if_detach(struct kpi_if *k)
{
	int i;

	k->ifn.if_flags &= ~IFF_UP;
	k->ifn.if_drv_flags &= ~IFF_DRV_RUNNING;
	k->attached = false;
	tell("ifnet_departure_event", k);
	kpi_lock(&ifs_lock);
	for (i = 0; i < KIFS; i++)
		if (ifs[i] == k)
			ifs[i] = NULL;
	k->next_gone = ifs_gone;
	ifs_gone = k;
	kpi_unlock(&ifs_lock);
	/*
	 * Not freed: the ledger reports a reference that is left, and
	 * `attached` reveals a use without one.
	 */
}

void
kpi_ifs_free(void)
{
	struct kpi_if *k;

	kpi_lock(&ifs_lock);
	while ((k = ifs_gone) != NULL) {
		ifs_gone = k->next_gone;
		host_free(k);
	}
	kpi_unlock(&ifs_lock);
}

void
kpi_if_flags(struct kpi_if *k, int up)
{

	if (up) {
		k->ifn.if_flags |= IFF_UP;
		k->ifn.if_drv_flags |= IFF_DRV_RUNNING;
	} else {
		k->ifn.if_flags &= ~IFF_UP;
		k->ifn.if_drv_flags &= ~IFF_DRV_RUNNING;
	}
	tell_int("ifnet_event", k, up ? IFNET_EVENT_UP : IFNET_EVENT_DOWN);
}

void
kpi_if_link(struct kpi_if *k, int up)
{

	k->ifn.if_link_state = up ? LINK_STATE_UP : LINK_STATE_DOWN;
	tell_int("ifnet_link_event", k, k->ifn.if_link_state);
}

/* Causes no event: the kernel has none for an MTU. */
void
kpi_if_mtu(struct kpi_if *k, u_int mtu)
{

	k->ifn.if_mtu = mtu;
}

void
kpi_if_lladdr(struct kpi_if *k, const u_char mac[6])
{

	memcpy(k->lladdr, mac, ETHER_ADDR_LEN);
	tell("iflladdr_event", k);
}

void
kpi_if_mac(struct kpi_if *k, u_char mac[6])
{

	memcpy(mac, k->lladdr, ETHER_ADDR_LEN);
}

void
kpi_if_rename(struct kpi_if *k, const char *name)
{

	k->ifn.if_flags |= IFF_RENAMING;
	tell("ifnet_departure_event", k);
	strlcpy(k->ifn.if_xname, name, sizeof(k->ifn.if_xname));
	tell("ifnet_arrival_event", k);
	k->ifn.if_flags &= ~IFF_RENAMING;
}

void
kpi_if_counts(struct kpi_if *k, u_long *in, u_long *out, u_long *passed)
{

	*in = k->in;
	*out = k->out;
	*passed = k->passed;
}

u_int
kpi_if_state(struct kpi_if *k, int *up, int *carrier)
{

	*up = (k->ifn.if_flags & IFF_UP) != 0 &&
	    (k->ifn.if_drv_flags & IFF_DRV_RUNNING) != 0;
	*carrier = k->ifn.if_link_state != LINK_STATE_DOWN;
	return (k->ifn.if_type);
}
