/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the states of targets and paths are called, in sysctls and by aoectl(8).
 */
#ifndef _AOE_STATE_H_
#define	_AOE_STATE_H_

#include "aoe_abi.h"

static inline const char *
aoe_state_name(uint32_t state)
{
	static const char *const names[] = {
		[AOE_STATE_DISCOVERED] = "discovered",
		[AOE_STATE_IDENTIFYING] = "identifying",
		[AOE_STATE_UP] = "up",
		[AOE_STATE_SUSPENDED] = "suspended",
		[AOE_STATE_FAILED] = "failed",
		[AOE_STATE_GONE] = "gone",
	};

	return (state < sizeof(names) / sizeof(names[0]) ? names[state] :
	    "unknown");
}

static inline const char *
aoe_path_state_name(uint32_t state)
{
	static const char *const names[] = {
		[AOE_PATH_IDENTIFYING] = "identifying",
		[AOE_PATH_UP] = "up",
		[AOE_PATH_DOWN] = "down",
		[AOE_PATH_CONFLICT] = "conflict",
		[AOE_PATH_UNUSABLE] = "unusable",
	};

	return (state < sizeof(names) / sizeof(names[0]) ? names[state] :
	    "unknown");
}
#endif /* _AOE_STATE_H_ */
