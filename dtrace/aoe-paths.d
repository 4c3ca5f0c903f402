#!/usr/sbin/dtrace -s
/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How is the load shared between paths, and how fast is each?
 *
 * Every five seconds, for each path of each disk: requests sent for I/Os, and
 * the mean and the longest time until their answers, in microseconds.
 */
#pragma D option quiet

aoe::request:send
/arg3 != 0/
{
	sent[stringof(arg0), arg4] = timestamp;
	path[stringof(arg0), arg4] = (int)arg1;
	@sent[stringof(arg0), (int)arg1] = count();
}

aoe::answer:receive
/sent[stringof(arg0), arg3] != 0/
{
	this->path = path[stringof(arg0), arg3];
	this->us = (timestamp - sent[stringof(arg0), arg3]) / 1000;
	@mean[stringof(arg0), this->path] = avg(this->us);
	@most[stringof(arg0), this->path] = max(this->us);
	sent[stringof(arg0), arg3] = 0;
	path[stringof(arg0), arg3] = 0;
}

tick-5s,
dtrace:::END
{
	printf("%-16s %4s %10s %10s %10s\n", "DISK", "PATH", "SENT", "MEAN US",
	    "MOST US");
	printa("%-16s %4d %@10d %@10d %@10d\n", @sent, @mean, @most);
	trunc(@sent);
	trunc(@mean);
	trunc(@most);
}
