#!/usr/sbin/dtrace -s
/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which I/Os are slow?
 *
 * Prints every I/O that took longer than the first argument, in milliseconds
 * (100 by default): disk, command, first sector, length, time, errno, and the
 * numbers of requests sent, and of requests sent again.
 */
#pragma D option quiet
#pragma D option defaultargs

dtrace:::BEGIN
{
	limit = $1 != 0 ? $1 : 100;
	command[0] = "read";
	command[1] = "write";
	command[2] = "flush";
	command[3] = "delete";
	printf("%-16s %-6s %12s %8s %8s %5s %5s %5s\n", "DISK", "CMD", "LBA",
	    "SECTORS", "MS", "ERROR", "SENT", "AGAIN");
}

aoe::io:submit
{
	begin[arg1] = timestamp;
	op[arg1] = (int)arg2;
	lba[arg1] = (uint64_t)arg3;
	sectors[arg1] = (uint32_t)arg4;
	sent[arg1] = 0;
	again[arg1] = 0;
}

aoe::request:send
/arg3 != 0 && begin[arg3] != 0/
{
	sent[arg3]++;
}

aoe::request:resend
/arg3 != 0 && begin[arg3] != 0/
{
	again[arg3]++;
}

aoe::io:complete
/begin[arg1] != 0 && timestamp - begin[arg1] > limit * 1000000/
{
	printf("%-16s %-6s %12u %8u %8u %5d %5d %5d\n", stringof(arg0),
	    command[op[arg1]], lba[arg1], sectors[arg1],
	    (timestamp - begin[arg1]) / 1000000, (int)arg2, sent[arg1],
	    again[arg1]);
}

aoe::io:complete
{
	begin[arg1] = 0;
	op[arg1] = 0;
	lba[arg1] = 0;
	sectors[arg1] = 0;
	sent[arg1] = 0;
	again[arg1] = 0;
}
