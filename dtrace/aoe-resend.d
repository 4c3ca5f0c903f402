#!/usr/sbin/dtrace -s
/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * On which path are requests sent again?
 *
 * Every five seconds, for each path of each disk: the requests sent for
 * I/Os (with repetitions), the repetitions alone, and the fences.  A path with
 * many repetitions loses frames; compare it with the others.
 */
#pragma D option quiet

aoe::request:send
/arg2 == 0 || arg2 == 1/
{
	@sent[stringof(arg0), (int)arg1] = count();
}

aoe::request:resend
{
	@again[stringof(arg0), (int)arg1] = count();
}

aoe::request:fence
{
	@fences[stringof(arg0), (int)arg1] = count();
}

tick-5s,
dtrace:::END
{
	printf("%-16s %4s %10s %10s %10s\n", "DISK", "PATH", "SENT", "AGAIN",
	    "FENCES");
	printa("%-16s %4d %@10d %@10d %@10d\n", @sent, @again, @fences);
	trunc(@sent);
	trunc(@again);
	trunc(@fences);
}
