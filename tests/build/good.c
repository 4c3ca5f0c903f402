/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A module that passes the gate.  Each BAD_* macro adds one thing that the gate
 * must refuse, each GOOD_* macro one that it must accept.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/kernel.h>
#include <sys/lock.h>
#include <sys/module.h>
#include <sys/mutex.h>
#include <sys/sdt.h>
#include <sys/sysctl.h>

#ifdef BAD_NO_SDT
#undef SDT_PROVIDER_DEFINE
#undef SDT_PROBE_DEFINE
#define	SDT_PROVIDER_DEFINE(p)		struct hack
#define	SDT_PROBE_DEFINE(p, m, f, n)	struct hack
#endif

int	aoe_test(int);
void	aoe_shim_panic(void);

SDT_PROVIDER_DEFINE(aoe);
SDT_PROBE_DEFINE(aoe, , , probe);

static struct mtx aoe_mtx;
MTX_SYSINIT(aoe_mtx, &aoe_mtx, "aoe", MTX_DEF);

static int aoe_value;
SYSCTL_NODE(_net, OID_AUTO, aoe, CTLFLAG_RW | CTLFLAG_MPSAFE, 0, "AoE");
SYSCTL_INT(_net_aoe, OID_AUTO, value, CTLFLAG_RW, &aoe_value, 0, "A value");

void
aoe_shim_panic(void)
{
	aoe_value = 1;
#ifdef GOOD_PAGE
	/* A page begins inside of this function. */
	__asm__ volatile("b 2f\n\t.balign 4096\n.Lpage: .skip 16\n2:");
#endif
}

#ifdef BAD_IMPORT
extern void	bcmp_from_nowhere(void);
#endif
#ifdef BAD_RELOCATION_THREAD
static _Thread_local volatile int aoe_thread;
#endif

#ifdef BAD_OUTLINE_ATOMICS
void	__aarch64_cas4_relax(void);
void
__aarch64_cas4_relax(void)
{
	aoe_value = 2;
}
#endif

int
aoe_test(int n)
{
#ifdef BAD_ASM
	__asm__ volatile(BAD_ASM);
#endif
#ifdef BAD_IMPORT
	bcmp_from_nowhere();
#endif
#ifdef GOOD_PAGE
	__asm__ volatile("adrp x9, .Lpage" ::: "x9");
#endif
#ifdef BAD_PANIC
	if (n == 7)
		aoe_shim_panic();
#endif
#ifdef BAD_FRAME
	volatile char large[BAD_FRAME];

	large[n] = 1;
	aoe_value = large[n / 2];
#endif
#ifdef BAD_ALLOCA
	volatile char *some = __builtin_alloca(n);

	some[n / 2] = 1;
#endif
#ifdef BAD_RELOCATION_THREAD
	aoe_thread = n;
#endif
	return (n + aoe_value);
}

static int
aoe_modevent(module_t mod, int type, void *arg)
{
	return (aoe_test(type));
}

static moduledata_t aoe_mod = { "aoe", aoe_modevent, NULL };
DECLARE_MODULE(aoe, aoe_mod, SI_SUB_PROTO_FIREWALL, SI_ORDER_ANY);
#ifndef BAD_VERSION
MODULE_VERSION(aoe, 2);
#else
MODULE_VERSION(aoe, BAD_VERSION);
#endif
