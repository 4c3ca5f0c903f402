/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The standard sysctl handlers, and conversion of values from and to text.
 */
#include "kpi.h"

#include <sys/counter.h>
#include <sys/sysctl.h>

/* Standard handlers. */
static int
handle_number(void *arg1, intmax_t arg2, struct sysctl_req *req, size_t size)
{
	int error;

	if (arg1 != NULL)
		error = SYSCTL_OUT(req, arg1, size);
	else
		error = SYSCTL_OUT(req, &arg2, size);
	if (error != 0 || req->newptr == NULL)
		return (error);
	if (arg1 == NULL)
		return (EPERM);
	return (SYSCTL_IN(req, arg1, size));
}

#define	HANDLER(name, size)						\
int									\
sysctl_handle_##name(SYSCTL_HANDLER_ARGS)				\
{									\
									\
	(void)oidp;							\
	return (handle_number(arg1, arg2, req, (size)));		\
}
HANDLER(bool, 1)
HANDLER(8, 1)
HANDLER(16, 2)
HANDLER(32, 4)
HANDLER(int, 4)
HANDLER(64, 8)
HANDLER(long, 8)

int
sysctl_handle_string(SYSCTL_HANDLER_ARGS)
{
	size_t len;
	int error;

	(void)oidp;
	kpi_may_sleep(CALLER, "sysctl_handle_string()");
	error = SYSCTL_OUT(req, arg1, strlen(arg1) + 1);
	if (error != 0 || req->newptr == NULL)
		return (error);
	len = req->newlen - req->newidx;
	if (arg2 == 0 || len >= (size_t)arg2)
		return (EINVAL);
	error = SYSCTL_IN(req, arg1, len);
	((char *)arg1)[len] = '\0';
	return (error);
}

int
sysctl_handle_opaque(SYSCTL_HANDLER_ARGS)
{

	(void)oidp;
	return (SYSCTL_OUT(req, arg1, (size_t)arg2));
}

int
sysctl_handle_counter_u64(SYSCTL_HANDLER_ARGS)
{
	uint64_t value;
	int error;

	(void)oidp, (void)arg2;
	value = counter_u64_fetch(*(counter_u64_t *)arg1);
	error = SYSCTL_OUT(req, &value, sizeof(value));
	if (error != 0 || req->newptr == NULL)
		return (error);
	counter_u64_zero(*(counter_u64_t *)arg1);
	return (0);
}

int
sysctl_wire_old_buffer(struct sysctl_req *req, size_t len)
{

	kpi_may_sleep(CALLER, "sysctl_wire_old_buffer()");
	if (req->oldptr != NULL) {
		req->lock = REQ_WIRED;
		req->validlen = len > 0 && len < req->oldlen ? len :
		    req->oldlen;
	}
	return (0);
}

static size_t
type_size(u_int kind)
{

	switch (kind & CTLTYPE) {
	case CTLTYPE_INT: case CTLTYPE_UINT:
	case CTLTYPE_S32: case CTLTYPE_U32: return (4);
	case CTLTYPE_LONG: case CTLTYPE_ULONG:
	case CTLTYPE_S64: case CTLTYPE_U64: return (8);
	case CTLTYPE_S16: case CTLTYPE_U16: return (2);
	case CTLTYPE_S8: case CTLTYPE_U8: return (1);
	default: return (0);
	}
}

/* Converts text to a value for the handler; returns 0, or EINVAL. */
int
kpi_sysctl_parse(u_int kind, const char *text, struct sysctl_req *req,
    uint64_t *number)
{
	char *end;

	if ((kind & CTLTYPE) == CTLTYPE_STRING) {
		req->newptr = text;
		req->newlen = strlen(text);
		return (0);
	}
	if (type_size(kind) == 0)
		return (EINVAL);
	*number = text[0] == '-' ? (uint64_t)strtol(text, &end, 0) :
	    strtoul(text, &end, 0);
	if (end == text || *end != '\0')
		return (EINVAL);
	req->newptr = number;
	req->newlen = type_size(kind);
	return (0);
}

void
kpi_sysctl_format(struct sysctl_oid *o, const void *raw, size_t len, char *out,
    size_t size)
{
	uint64_t n = 0;

	if ((o->oid_kind & CTLTYPE) == CTLTYPE_STRING) {
		strlcpy(out, raw, MIN(size, len + 1));
		return;
	}
	memcpy(&n, raw, MIN(len, sizeof(n)));
	switch (o->oid_kind & CTLTYPE) {
	case CTLTYPE_INT: case CTLTYPE_S32:
		snprintf(out, size, "%d", (int)n);
		break;
	case CTLTYPE_S8:
		snprintf(out, size, "%d", (int8_t)n);
		break;
	case CTLTYPE_S16:
		snprintf(out, size, "%d", (int16_t)n);
		break;
	case CTLTYPE_LONG: case CTLTYPE_S64:
		snprintf(out, size, "%ld", (long)n);
		break;
	case CTLTYPE_OPAQUE:
		snprintf(out, size, "(opaque, %zu bytes)", len);
		break;
	default:
		snprintf(out, size, "%lu", n);
		break;
	}
}
