# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh, which the run script reads first, sets them
# How long I/O waits: for all targets, for one, for the root, at a shutdown.

mine=net.aoe.target.aoe7e3.maxwait

# Two targets on one wire.
two_targets() {
	k load "$@" "$module"
	one_disk
	k target add em0 7.4 1m
	k sysctl net.aoe.discover=1
	k wait disk aoe7e4 5
}

# Both targets fall silent while their disks are open; a write to aoe7e3 starts.
both_silent() {
	k open aoe7e3
	k open aoe7e4
	k target set em0 7.3 mute 1
	k target set em0 7.4 mute 1
	k fill aoe7e3 0 64k 1 &
	writer=$!
}

outlives() {
	local writer
	two_targets -k net.aoe.maxwait=1
	equals -1 k sysctl $mine
	k sysctl $mine=0
	both_silent
	fails_with EIO k fill aoe7e4 0 64k 1
	equals failed k sysctl net.aoe.target.aoe7e4.state
	k sleep 3
	equals suspended k sysctl net.aoe.target.aoe7e3.state
	k target set em0 7.3 mute 0
	wait "$writer"
	k check aoe7e3 0 64k 1
	# Without a value of its own, the global one applies again.
	k sysctl $mine=-1
	k target set em0 7.3 mute 1
	fails_with EIO k fill aoe7e3 0 64k 2
	k close aoe7e3
	k close aoe7e4
	k unload
}
t "a target whose maxwait is 0 waits longer than net.aoe.maxwait" outlives

undercuts() {
	local writer
	two_targets
	k sysctl net.aoe.target.aoe7e4.maxwait=1
	both_silent
	fails_with EIO k fill aoe7e4 0 64k 1
	k sleep 2
	equals failed k sysctl net.aoe.target.aoe7e4.state
	equals suspended k sysctl net.aoe.target.aoe7e3.state
	k target set em0 7.3 mute 0
	wait "$writer"
	# A maxwait that is set during the wait has the same effect.
	k target set em0 7.3 mute 1
	k fill aoe7e3 0 64k 2 &
	writer=$!
	k wait net.aoe.target.aoe7e3.state suspended 15
	k sysctl $mine=1
	k wait net.aoe.target.aoe7e3.state failed 5
	not wait "$writer"
	k close aoe7e3
	k close aoe7e4
	k unload
}
t "a target with a shorter maxwait of its own fails I/O before the others" undercuts

from_loader() {
	two_targets -k $mine=0 -k net.aoe.target.aoe7e4.maxwait=-2
	equals 0 k sysctl $mine
	equals -1 k sysctl net.aoe.target.aoe7e4.maxwait
	grep -q 'net.aoe.target.aoe7e4.maxwait=-2 is out of range' "$log"
	fails_with EINVAL k sysctl $mine=-2
	fails_with EINVAL k sysctl $mine=315360001
	equals 0 k sysctl $mine
	fails_with EPERM k sysctl -j $mine=5
	k unload
}
t "a target's maxwait is read from the loader's environment" from_loader

at_shutdown() {
	local own=$1 began
	two_targets -k net.aoe.maxwait="$2" -k net.aoe.shutdown_wait=2
	k sysctl $mine="$own"
	k target set em0 7.3 mute 1
	k shutdown begin
	began=$SECONDS
	fails_with EIO k fill aoe7e3 0 64k 1
	((SECONDS - began <= 15))
	# The sysctl still has the value that was set.
	equals "$own" k sysctl $mine
	k unload
}
shutdown_caps_forever() {
	at_shutdown 0 180
}
t "a shutdown ends the wait for a target whose maxwait is 0" \
    shutdown_caps_forever
shutdown_caps_long() {
	at_shutdown 3600 1
}
t "a shutdown ends the wait for a target with a longer maxwait" \
    shutdown_caps_long

# root_mount [OPTION...]: a root mount, before which aoe7e3 is opened, and after
# which aoe7e4 is.
root_mount() {
	k root boot
	two_targets -k net.aoe.boot=1 "$@"
	k open aoe7e3
	k sleep 1.2
	equals "${own:--1}" k sysctl $mine
	k root mounted
	k open aoe7e4
}

holds_root() {
	root_mount
	k wait $mine 0 5
	k sleep 0.2
	grep -q 'aoe7e3: holds the root file system: in an outage, I/O waits for ever' "$log"
	equals -1 k sysctl net.aoe.target.aoe7e4.maxwait
	# From then on the administrator decides.
	k sysctl $mine=60
	k sleep 1.2
	equals 60 k sysctl $mine
	k close aoe7e3
	k close aoe7e4
	k unload
}
t "I/O to the disk of the root file system waits for ever" holds_root

# A value in loader.conf, even -1, is the administrator's and is kept.
root_told_otherwise() {
	local own
	for own in 60 -1; do
		root_mount -k $mine="$own"
		k sleep 2.2
		equals "$own" k sysctl $mine
		not grep -q "holds the root" "$log"
		k close aoe7e3
		k close aoe7e4
		k unload
		k if detach em0
	done
}
t "... unless loader.conf sets maxwait" root_told_otherwise

root_elsewhere() {
	k root boot
	two_targets
	k open aoe7e3
	k root mounted
	k sleep 2.2
	equals -1 k sysctl $mine
	k close aoe7e3
	k unload
}
t "... and without net.aoe.boot, no disk counts as the root's" root_elsewhere
