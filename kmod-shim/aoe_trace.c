/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The SDT provider.  Probes cost a nop unless dtrace(1) is looking.
 */
#include "aoe_var.h"

SDT_PROVIDER_DEFINE(aoe);

/* name, bio, struct aoe_io */
SDT_PROBE_DEFINE3(aoe, , io, submit, "char *", "struct bio *",
    "struct aoe_io *");
/* name, bio, errno */
SDT_PROBE_DEFINE3(aoe, , io, complete, "char *", "struct bio *", "int");
/* link, frame */
SDT_PROBE_DEFINE2(aoe, , frame, send, "unsigned int", "struct mbuf *");
/* link, frame, header as the core sees it */
SDT_PROBE_DEFINE3(aoe, , frame, receive, "int", "struct mbuf *",
    "struct aoe_frame *");
/* name, what happened, value */
SDT_PROBE_DEFINE3(aoe, , target, change, "char *", "char *", "uint64_t");
