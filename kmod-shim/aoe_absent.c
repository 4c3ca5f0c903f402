/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Targets that answer but have no disk here: the message about them, and the
 * list for aoectl(8).
 *
 * Knows: where messages go.
 * Must not know: why a target has no disk, or when to report it.
 */
#include "aoe_disco.h"

#include "aoe_ioctl.h"

/*
 * Record that this target has no disk, for the reason `event`.  Returns whether
 * to report that now.
 */
bool
aoe_absent_note(uint16_t major, uint8_t minor, u_int event, uint64_t value)
{
	int tell;

	mtx_lock(&aoe_disco_mtx);
	tell = aoe_core_disco_absent(aoe_disco, aoe_now(), major, minor, event,
	    value);
	mtx_unlock(&aoe_disco_mtx);
	return (tell != 0);
}

/* The same for an address without a target; also reports it. */
void
aoe_absent_say(uint16_t major, uint8_t minor, u_int event, uint64_t value)
{
	char name[16], text[AOE_TEXT_MAX];

	if (!aoe_absent_note(major, minor, event, value))
		return;
	snprintf(name, sizeof(name), "aoe%ue%u", major, minor);
	aoe_core_event_text(event, value, text, sizeof(text));
	aoe_log_add(major, minor, event, AOE_PATH_ANY, value);
	printf("%s: %s\n", name, text);
}

/* Remove a target from the table: it has a disk. */
void
aoe_absent_forget(uint16_t major, uint8_t minor)
{

	mtx_lock(&aoe_disco_mtx);
	aoe_core_disco_present(aoe_disco, major, minor);
	mtx_unlock(&aoe_disco_mtx);
}

/* Fill in the entry at a->index; the entries have no particular order. */
int
aoe_absent_get(struct aoe_ioc_absent *a)
{
	int error;

	mtx_lock(&aoe_disco_mtx);
	error = aoe_core_disco_absence(aoe_disco, aoe_now(), a->index,
	    &a->absent);
	mtx_unlock(&aoe_disco_mtx);
	if (error == 0)
		aoe_core_event_text(a->absent.event, a->absent.value,
		    a->text, sizeof(a->text));
	return (error);
}
