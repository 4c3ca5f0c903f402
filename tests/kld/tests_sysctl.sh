# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh, which the run script reads first, sets them
# The administrator's interface: net.aoe.*.

loaded_with_wire() {
	k if attach em0 wire em0 1500
	k target add em0 1.1 1m
	k load "$@" "$module"
}

all_there() {
	local name
	k load "$module"
	for name in version devices discover wc maxwait fail_on_disconnection \
	    taste_wait ghost_wait shutdown_wait strict_src boot boot_wait abft maxout \
	    maxtargets debug iflist policy filter.shelves filter.config \
	    filter.macs; do
		k sysctl "net.aoe.$name"
	done
	at_least 10 lines k sysctl -a net.aoe.stats
	not grep -E ': *$' <(k sysctl -d net.aoe)
	k unload
}
t "every sysctl exists, with a description" all_there

target_nodes() {
	local name
	loaded_with_wire -k net.aoe.iflist=em0
	k wait disk aoe1e1 5
	for name in state serial model firmware size path.0.interface \
	    path.0.mac path.0.rtt path.0.rto path.0.window path.0.payload \
	    path.0.reorder \
	    path.0.sent path.0.received path.0.retransmitted path.0.late \
	    path.0.unexpected path.0.histogram maxwait policy readonly; do
		k sysctl "net.aoe.target.aoe1e1.$name"
	done
	equals up k sysctl net.aoe.target.aoe1e1.state
	equals 1048576 k sysctl net.aoe.target.aoe1e1.size
	equals em0 k sysctl net.aoe.target.aoe1e1.path.0.interface
	equals 02:ae:00:01:01:00 k sysctl net.aoe.target.aoe1e1.path.0.mac
	not grep -E ': *$' <(k sysctl -d net.aoe.target)
	k sysctl net.aoe.devices | grep aoe1e1
	k unload
}
t "a target's sysctls exist, with descriptions" target_nodes

defaults() {
	k load "$module"
	equals 180 k sysctl net.aoe.maxwait
	equals 0 k sysctl net.aoe.fail_on_disconnection
	equals 10 k sysctl net.aoe.taste_wait
	equals 10 k sysctl net.aoe.ghost_wait
	equals 30 k sysctl net.aoe.shutdown_wait
	equals 64 k sysctl net.aoe.maxtargets
	equals 60 k sysctl net.aoe.boot_wait
	equals -1 k sysctl net.aoe.wc
	equals "" k sysctl net.aoe.iflist
	k unload
}
t "settings have their documented defaults" defaults

tunables() {
	loaded_with_wire -k net.aoe.maxwait=7 -k net.aoe.maxtargets=3 \
	    -k net.aoe.wc=0 -k net.aoe.iflist=em0
	equals 7 k sysctl net.aoe.maxwait
	equals 3 k sysctl net.aoe.maxtargets
	equals 0 k sysctl net.aoe.wc
	equals em0 k sysctl net.aoe.iflist
	k wait disk aoe1e1 5
	k unload
}
t "settings are read from the loader's environment" tunables

read_only() {
	k load "$module"
	for name in version devices maxtargets stats.rx_frames; do
		fails_with EPERM k sysctl "net.aoe.$name=1"
	done
	k unload
}
t "read-only sysctls reject writes" read_only

jailed() {
	loaded_with_wire
	for name in iflist=em0 maxwait=1 discover=1 wc=1; do
		fails_with EPERM k sysctl -j "net.aoe.$name"
	done
	equals "" k sysctl net.aoe.iflist
	equals 0 counts em0 sent
	k unload
}
t "a jail cannot set anything" jailed

reads_back() {
	local list
	k load "$module"
	for list in em0 "em0 em1" "em0,em1" " em0 ,, em1 " "em0 em0" ""; do
		k sysctl "net.aoe.iflist=$list"
		equals "$list" k sysctl net.aoe.iflist
	done
	k unload
}
t "the interface list reads back as it was set" reads_back

too_long() {
	local list
	k load "$module"
	list=$(printf 'a%04d ' {1..204})xyz
	list=${list:0:1023}
	k sysctl "net.aoe.iflist=$list"
	equals "$list" k sysctl net.aoe.iflist
	fails_with EINVAL k sysctl "net.aoe.iflist=${list}x"
	equals "$list" k sysctl net.aoe.iflist
	k sysctl net.aoe.iflist=em0
	fails_with EINVAL k sysctl "net.aoe.iflist=a23456789012345678"
	fails_with EINVAL k sysctl $'net.aoe.iflist=em\x01'
	fails_with EINVAL k sysctl $'net.aoe.iflist=em\xe9'
	equals em0 k sysctl net.aoe.iflist
	k unload
}
t "an invalid interface list is rejected and changes nothing" too_long

beacons() {
	local before
	loaded_with_wire
	k sysctl net.aoe.iflist="em0 em0"
	k wait disk aoe1e1 5
	k sleep 0.3
	before=$(counts em0 sent)
	k sysctl net.aoe.iflist="em0 em0"
	k sleep 0.3
	at_least $((before + 1)) counts em0 sent
	before=$(counts em0 sent)
	k sysctl net.aoe.discover=1
	k sleep 0.3
	at_least $((before + 1)) counts em0 sent
	k unload
}
t "setting the list, even to its present value, sends a beacon at once" beacons

one_beacon() {
	loaded_with_wire
	k target set em0 1.1 mute 1
	k sysctl net.aoe.iflist="em0 em0,em0"
	k sleep 0.5
	equals 1 counts em0 sent
	k unload
}
t "a repeated name in the list counts once" one_beacon

arrival() {
	k load -k net.aoe.iflist="nope0 em0" "$module"
	k sleep 0.2
	k if attach em0 wire em0 1500
	k target add em0 1.1 1m
	k if detach em0
	k if attach em0 wire em0 1500
	k target add em0 1.1 1m
	k sysctl net.aoe.discover=1
	k wait disk aoe1e1 5
	k unload
}
t "a listed interface is used as soon as it appears" arrival

not_listed() {
	k if attach em0 wire em0 1500
	k if attach em1 wire em1 1500
	k target add em0 1.1 1m
	k target add em1 2.2 1m
	k load "$module"
	k sysctl net.aoe.iflist=em0
	k wait disk aoe1e1 5
	# An advert of aoe2e2 on an interface that is not listed.
	k inject em1 "ffffffffffff 02ae00020200 88a2 1800 0002 02 01 00000000
	    0010 0000 02 10 0000 $(printf '00%.0s' {1..40})"
	k sleep 0.3
	fails_with ETIMEDOUT k wait disk aoe2e2 0.1
	equals 0 counts em1 sent
	k sysctl net.aoe.iflist=em1
	k wait disk aoe2e2 5
	k unload
}
t "nothing is sent or accepted on an interface that is not listed" not_listed

renamed() {
	loaded_with_wire -k net.aoe.iflist=em0
	k wait disk aoe1e1 5
	k if rename em0 wan0
	k sleep 0.3
	k sysctl net.aoe.iflist=wan0
	k fill aoe1e1 0 64k 1
	k check aoe1e1 0 64k 1
	k unload
}
t "a renamed interface continues under its new name" renamed

# Checks that a background job has not ended.
still_runs() {
	kill -0 "$1" || { echo "it did not wait"; return 1; }
}
read_and_unload() {
	local reader unloader
	k load "$module"
	k fault copyout 1
	k sysctl "$1" &
	reader=$!
	k sleep 0.3
	k unload &
	unloader=$!
	k sleep 0.3
	still_runs "$unloader"
	k fault copyout 0
	wait "$reader"
	wait "$unloader"
	equals "0 left" k leaks
}
read_while_unloaded() {
	local name
	for name in maxwait stats.rx_frames iflist filter.macs policy version; do
		read_and_unload "net.aoe.$name"
	done
}
t "an unload waits for a reader of any sysctl" read_while_unloaded
