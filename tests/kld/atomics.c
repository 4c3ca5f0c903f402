/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * atomic(9) for a shim that is built with a sanitizer: FreeBSD's own is inline
 * assembly, which ThreadSanitizer cannot see.  FreeBSD's headers call these
 * functions instead when SAN_NEEDS_INTERCEPTORS is defined.
 */
#include <stdbool.h>
#include <stdint.h>

#define	ATOMICS(name, type)						\
void		kld_atomic_set_##name(volatile type *, type);		\
void		kld_atomic_clear_##name(volatile type *, type);		\
void		kld_atomic_add_##name(volatile type *, type);		\
void		kld_atomic_subtract_##name(volatile type *, type);	\
type		kld_atomic_fetchadd_##name(volatile type *, type);	\
type		kld_atomic_load_##name(volatile type *);		\
type		kld_atomic_load_acq_##name(volatile type *);		\
void		kld_atomic_store_##name(volatile type *, type);		\
void		kld_atomic_store_rel_##name(volatile type *, type);	\
type		kld_atomic_swap_##name(volatile type *, type);		\
type		kld_atomic_readandclear_##name(volatile type *);	\
int		kld_atomic_cmpset_##name(volatile type *, type, type);	\
int		kld_atomic_cmpset_acq_##name(volatile type *, type, type); \
int		kld_atomic_cmpset_rel_##name(volatile type *, type, type); \
int		kld_atomic_fcmpset_##name(volatile type *, type *, type); \
int		kld_atomic_fcmpset_acq_##name(volatile type *, type *, type); \
int		kld_atomic_fcmpset_rel_##name(volatile type *, type *, type); \
									\
void kld_atomic_set_##name(volatile type *p, type v)			\
{ __atomic_fetch_or(p, v, __ATOMIC_RELAXED); }				\
void kld_atomic_clear_##name(volatile type *p, type v)			\
{ __atomic_fetch_and(p, ~v, __ATOMIC_RELAXED); }			\
void kld_atomic_add_##name(volatile type *p, type v)			\
{ __atomic_fetch_add(p, v, __ATOMIC_RELAXED); }				\
void kld_atomic_subtract_##name(volatile type *p, type v)		\
{ __atomic_fetch_sub(p, v, __ATOMIC_RELAXED); }				\
type kld_atomic_fetchadd_##name(volatile type *p, type v)		\
{ return (__atomic_fetch_add(p, v, __ATOMIC_RELAXED)); }		\
type kld_atomic_load_##name(volatile type *p)				\
{ return (__atomic_load_n(p, __ATOMIC_RELAXED)); }			\
type kld_atomic_load_acq_##name(volatile type *p)			\
{ return (__atomic_load_n(p, __ATOMIC_ACQUIRE)); }			\
void kld_atomic_store_##name(volatile type *p, type v)			\
{ __atomic_store_n(p, v, __ATOMIC_RELAXED); }				\
void kld_atomic_store_rel_##name(volatile type *p, type v)		\
{ __atomic_store_n(p, v, __ATOMIC_RELEASE); }				\
type kld_atomic_swap_##name(volatile type *p, type v)			\
{ return (__atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)); }		\
type kld_atomic_readandclear_##name(volatile type *p)			\
{ return (__atomic_exchange_n(p, 0, __ATOMIC_SEQ_CST)); }		\
int kld_atomic_cmpset_##name(volatile type *p, type old, type v)	\
{ return (__atomic_compare_exchange_n(p, &old, v, false,		\
    __ATOMIC_RELAXED, __ATOMIC_RELAXED)); }				\
int kld_atomic_cmpset_acq_##name(volatile type *p, type old, type v)	\
{ return (__atomic_compare_exchange_n(p, &old, v, false,		\
    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)); }				\
int kld_atomic_cmpset_rel_##name(volatile type *p, type old, type v)	\
{ return (__atomic_compare_exchange_n(p, &old, v, false,		\
    __ATOMIC_RELEASE, __ATOMIC_RELAXED)); }				\
int kld_atomic_fcmpset_##name(volatile type *p, type *old, type v)	\
{ return (__atomic_compare_exchange_n(p, old, v, false,			\
    __ATOMIC_RELAXED, __ATOMIC_RELAXED)); }				\
int kld_atomic_fcmpset_acq_##name(volatile type *p, type *old, type v)	\
{ return (__atomic_compare_exchange_n(p, old, v, false,			\
    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)); }				\
int kld_atomic_fcmpset_rel_##name(volatile type *p, type *old, type v)	\
{ return (__atomic_compare_exchange_n(p, old, v, false,			\
    __ATOMIC_RELEASE, __ATOMIC_RELAXED)); }

ATOMICS(int, unsigned)
ATOMICS(long, unsigned long)
ATOMICS(ptr, uintptr_t)
ATOMICS(32, uint32_t)
ATOMICS(64, uint64_t)

bool	kld_atomic_load_bool(volatile bool *);
void	kld_atomic_store_bool(volatile bool *, bool);

bool
kld_atomic_load_bool(volatile bool *p)
{
	return (__atomic_load_n(p, __ATOMIC_RELAXED));
}

void
kld_atomic_store_bool(volatile bool *p, bool v)
{
	__atomic_store_n(p, v, __ATOMIC_RELAXED);
}

/* ThreadSanitizer ignores fences: what depends on one seems less ordered. */
#define	FENCE(name, instruction)					\
void	kld_atomic_thread_fence_##name(void);				\
void kld_atomic_thread_fence_##name(void)				\
{ __asm __volatile(instruction ::: "memory"); }

FENCE(acq, "")
FENCE(rel, "")
FENCE(acq_rel, "")
FENCE(seq_cst, "mfence")
