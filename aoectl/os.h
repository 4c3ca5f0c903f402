/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What aoectl needs of a system: the control device and sysctl(3).  Functions
 * return 0 or an errno.
 */
#ifndef _AOECTL_OS_H_
#define	_AOECTL_OS_H_

#include <stddef.h>

/* Opens the control device. */
int	os_open(void);
int	os_ioctl(unsigned long request, void *data);
int	os_sysctl_get(const char *name, char *value, size_t size);
int	os_sysctl_set(const char *name, const char *value);
/* Every leaf below `prefix`, with its whole name. */
int	os_sysctl_each(const char *prefix, void (*say)(const char *name,
	    const char *value));
#endif /* _AOECTL_OS_H_ */
