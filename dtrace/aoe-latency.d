#!/usr/sbin/dtrace -s
/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where does the latency of AoE disks come from?
 *
 * For each disk, in microseconds: the total time of I/Os, their time in the
 * driver before the first request was sent, and the time of requests on the wire
 * and in the target.  Ends with ^C.
 */
#pragma D option quiet

aoe::io:submit
{
	submitted[arg1] = timestamp;
}

aoe::request:send
/arg3 != 0 && submitted[arg3] != 0 && !left[arg3]/
{
	left[arg3] = 1;
	@queued[stringof(arg0)] = quantize((timestamp - submitted[arg3]) / 1000);
}

aoe::request:send
{
	sent[stringof(arg0), arg4] = timestamp;
}

aoe::answer:receive
/sent[stringof(arg0), arg3] != 0/
{
	@wire[stringof(arg0)] =
	    quantize((timestamp - sent[stringof(arg0), arg3]) / 1000);
	sent[stringof(arg0), arg3] = 0;
}

aoe::io:complete
/submitted[arg1] != 0/
{
	@all[stringof(arg0)] = quantize((timestamp - submitted[arg1]) / 1000);
	submitted[arg1] = 0;
	left[arg1] = 0;
}

dtrace:::END
{
	printa("%s: total time of an I/O, us\n%@d\n", @all);
	printa("%s: time until its first request, us\n%@d\n", @queued);
	printa("%s: time from request to answer, us\n%@d\n", @wire);
}
