/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The SDT provider.  A probe that dtrace(1) has not enabled costs a nop, or in
 * FreeBSD 14 one test of a variable.  Arguments are numbers and strings only,
 * since dtrace(1) knows no types of a module built outside the kernel's tree.
 *
 * aoe(4) describes the probes, and dtrace/ has scripts that use them.
 */
#include "aoe_base.h"

SDT_PROVIDER_DEFINE(aoe);

/* disk, bio, AOE_OP_*, LBA, sectors */
SDT_PROBE_DEFINE5(aoe, , io, submit, "char *", "uintptr_t", "int", "uint64_t",
    "uint32_t");
/* disk, bio, errno */
SDT_PROBE_DEFINE3(aoe, , io, complete, "char *", "uintptr_t", "int");
/* disk, path, AOE_TX_*, bio or 0, tag */
SDT_PROBE_DEFINE5(aoe, , request, send, "char *", "int", "int", "uintptr_t",
    "uint32_t");
SDT_PROBE_DEFINE5(aoe, , request, resend, "char *", "int", "int", "uintptr_t",
    "uint32_t");
SDT_PROBE_DEFINE5(aoe, , request, fence, "char *", "int", "int", "uintptr_t",
    "uint32_t");
/* disk, link, AoE command, tag, bytes of the frame */
SDT_PROBE_DEFINE5(aoe, , answer, receive, "char *", "int", "int", "uint32_t",
    "uint32_t");
/* link, mbuf */
SDT_PROBE_DEFINE2(aoe, , frame, send, "int", "uintptr_t");
SDT_PROBE_DEFINE2(aoe, , frame, receive, "int", "uintptr_t");
/* disk, name of the event, value */
SDT_PROBE_DEFINE3(aoe, , target, change, "char *", "char *", "uint64_t");
/* disk, name of the event, path, link, value */
SDT_PROBE_DEFINE5(aoe, , path, change, "char *", "char *", "int", "int",
    "uint64_t");
/* disk, path, link, bytes */
SDT_PROBE_DEFINE4(aoe, , path, payload, "char *", "int", "int", "uint64_t");

/* A request is sent.  Called only while a probe is enabled. */
void
aoe_trace_send(const struct aoe_softc *sc, const struct aoe_output *o)
{
	uint32_t tag;

	tag = aoe_core_tag(o->header);
	SDT_PROBE5(aoe, , request, send, sc->sc_name, o->path, o->event, o->io,
	    tag);
	if (o->event == AOE_TX_AGAIN)
		SDT_PROBE5(aoe, , request, resend, sc->sc_name, o->path,
		    o->event, o->io, tag);
	else if (o->event == AOE_TX_FENCE)
		SDT_PROBE5(aoe, , request, fence, sc->sc_name, o->path,
		    o->event, o->io, tag);
}

void
aoe_trace_receive(const struct aoe_softc *sc, const struct aoe_frame *f)
{

	SDT_PROBE5(aoe, , answer, receive, sc->sc_name, f->link,
	    aoe_core_command(f->header), aoe_core_tag(f->header), f->length);
}

/* An event of a target, or of one of its paths. */
void
aoe_trace_change(const struct aoe_softc *sc, const struct aoe_output *o,
    const char *what)
{

	SDT_PROBE3(aoe, , target, change, sc->sc_name, what, o->value);
	if (o->path == UINT8_MAX)
		return;
	SDT_PROBE5(aoe, , path, change, sc->sc_name, what, o->path, o->link,
	    o->value);
	if (o->event == AOE_EV_PAYLOAD_UP || o->event == AOE_EV_PAYLOAD_DOWN)
		SDT_PROBE4(aoe, , path, payload, sc->sc_name, o->path, o->link,
		    o->value);
}
