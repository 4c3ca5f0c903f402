#!/usr/sbin/dtrace -s
/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens to targets and paths?
 *
 * Prints every change of a target and of its paths as it happens: found,
 * suspended, resumed, resized, removed, paths up and down, payloads, conflicts.
 * With the name of a disk as the argument, only changes of its target.
 */
#pragma D option quiet
#pragma D option defaultargs

dtrace:::BEGIN
{
	only = $$1;
}

aoe::target:change
/only == "" || only == stringof(arg0)/
{
	printf("%Y %-16s %-16s value %u\n", walltimestamp, stringof(arg0),
	    stringof(arg1), arg2);
}

aoe::path:change
/only == "" || only == stringof(arg0)/
{
	printf("%Y %-16s %-16s path %d, interface number %d\n", walltimestamp,
	    stringof(arg0), stringof(arg1), (int)arg2, (int)arg3);
}

aoe::path:payload
/only == "" || only == stringof(arg0)/
{
	printf("%Y %-16s payload of path %d is %u bytes\n", walltimestamp,
	    stringof(arg0), (int)arg1, arg3);
}
