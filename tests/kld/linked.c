/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Replaces loader.c when kld is built with a sanitizer, whose runtime needs an
 * ordinary program: the module is linked into kld, and a load only resets its
 * variables to their initial values.  The build places them in sections for
 * which the linker defines start and stop symbols.
 */
#define	_GNU_SOURCE
#include "kld.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

extern char __start_aoe_text[], __stop_aoe_text[];
extern char __start_aoe_data[], __stop_aoe_data[];
extern char __start_aoe_bss[], __stop_aoe_bss[];

#define	SET(name)							\
	extern void *__start_set_##name[] __attribute__((weak));	\
	extern void *__stop_set_##name[] __attribute__((weak))
SET(sysctl_set);
SET(sysinit_set);
SET(sysuninit_set);
SET(modmetadata_set);
SET(sdt_providers_set);
SET(sdt_probes_set);
SET(sdt_argtypes_set);

static const struct {
	const char	*name;
	void		**start, **stop;
} sets[] = {
#define	ENTRY(name)	{ #name, __start_set_##name, __stop_set_##name }
	ENTRY(sysctl_set), ENTRY(sysinit_set), ENTRY(sysuninit_set),
	ENTRY(modmetadata_set), ENTRY(sdt_providers_set),
	ENTRY(sdt_probes_set), ENTRY(sdt_argtypes_set),
};

static bool loaded;
static char *first;

/*
 * Copies byte by byte: a sanitizer would intercept memcpy() and report it as
 * an access by the module.
 */
static void
copy(volatile char *to, const volatile char *from, size_t size)
{

	while (size-- > 0)
		*to++ = *from++;
}

bool
loader_loaded(void)
{

	return (loaded);
}

void
loader_free(void)
{

	loaded = false;
}

/* Fails: the symbols of a module that is linked in are resolved already. */
int
loader_hide(const char *name)
{

	(void)name;
	return (FBSD_EOPNOTSUPP);
}

int
loader_load(const char *path, FILE *out)
{
	size_t size = (size_t)(__stop_aoe_data - __start_aoe_data);
	volatile char *p;

	(void)path, (void)out;
	if (first == NULL) {
		first = malloc(size + 1);
		copy(first, __start_aoe_data, size);
	}
	copy(__start_aoe_data, first, size);
	for (p = __start_aoe_bss; p < __stop_aoe_bss; p++)
		*p = 0;
	loaded = true;
	return (0);
}

void **
host_module_set(const char *set, unsigned long *count)
{
	size_t i;

	for (i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		if (strcmp(sets[i].name, set) == 0) {
			*count = (unsigned long)(sets[i].stop - sets[i].start);
			return (sets[i].start);
		}
	*count = 0;
	return (NULL);
}

int
host_in_module(const void *address)
{
	const char *a = address;

	return ((a >= __start_aoe_text && a < __stop_aoe_text) ||
	    (a >= __start_aoe_data && a < __stop_aoe_data) ||
	    (a >= __start_aoe_bss && a < __stop_aoe_bss));
}

void
host_where(const void *address, char *buf, unsigned long size)
{
	Dl_info info;

	if (dladdr(address, &info) != 0 && info.dli_sname != NULL)
		snprintf(buf, size, "%s+%#tx", info.dli_sname,
		    (const char *)address - (const char *)info.dli_saddr);
	else
		snprintf(buf, size, "%p", address);
}
