# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh, which the run script reads first, sets them
# Targets and interfaces that go and come back, and frames of other hosts.

outage() {
	local writer
	k load "$module"
	one_disk
	k fill aoe7e3 0 16m 1
	k open aoe7e3
	k target set em0 7.3 mute 1
	k fill aoe7e3 0 1m 2 &
	writer=$!
	k wait net.aoe.target.aoe7e3.state suspended 15
	k target set em0 7.3 mute 0
	wait "$writer"
	k check aoe7e3 0 1m 2
	k close aoe7e3
	equals up k sysctl net.aoe.target.aoe7e3.state
	k unload
}
t "an outage only delays I/O, and the open disk continues" outage

too_long_gone() {
	k load -k net.aoe.maxwait=7 "$module"
	one_disk
	k open aoe7e3
	k target set em0 7.3 mute 1
	fails_with EIO k fill aoe7e3 0 1m 1
	fails_with EIO k fill aoe7e3 0 4k 1
	k disks | grep '^aoe7e3 .* gone 0'
	k target set em0 7.3 mute 0
	k sysctl net.aoe.discover=1
	k wait net.aoe.target.aoe7e3.state up 10
	k fill aoe7e3 0 1m 2
	k check aoe7e3 0 1m 2
	k close aoe7e3
	k unload
}
t "after maxwait, I/O fails with EIO, and the open disk works again later" too_long_gone

closed_and_gone() {
	k load -k net.aoe.maxwait=6 "$module"
	one_disk
	k target set em0 7.3 mute 1
	fails_with EIO k fill aoe7e3 0 64k 1
	k wait nodisk aoe7e3 10
	k target set em0 7.3 mute 0
	k sysctl net.aoe.discover=1
	k wait disk aoe7e3 10
	k fill aoe7e3 0 64k 1
	k unload
}
t "after maxwait, a closed disk is removed, and found again later" closed_and_gone

fail_at_once() {
	k load -k net.aoe.fail_on_disconnection=1 "$module"
	one_disk
	k target set em0 7.3 mute 1
	fails_with E k fill aoe7e3 0 64k 1
	k wait nodisk aoe7e3 10
	k unload
}
t "fail_on_disconnection removes the disk at once" fail_at_once

down_and_up() {
	local writer what
	k load "$module"
	one_disk
	for what in "down em0:up em0" "link em0 down:link em0 up"; do
		k fill aoe7e3 0 16m 3 &
		writer=$!
		k sleep 0.02
		# shellcheck disable=SC2086 # words
		k if ${what%:*}
		k sleep 1
		# shellcheck disable=SC2086 # words
		k if ${what#*:}
		wait "$writer"
		k check aoe7e3 0 16m 3
	done
	k unload
}
t "an interface that goes down and up under I/O loses nothing" down_and_up

mtu_changes() {
	local writer mtu
	k load "$module"
	one_disk
	for mtu in 1500 9000 2000 9000; do
		k fill aoe7e3 0 16m $mtu 16 128k &
		writer=$!
		k if mtu em0 $mtu
		wait "$writer"
		k check aoe7e3 0 16m $mtu 16 128k
	done
	k unload
}
t "an MTU that is reduced and raised under I/O loses nothing" mtu_changes

detached() {
	local writer
	k load "$module"
	one_disk
	k open aoe7e3
	k fill aoe7e3 0 16m 1 &
	writer=$!
	k sleep 0.01
	k if detach em0
	k sleep 0.5
	one_disk
	# The new target has memory of its own: fill it again.
	wait "$writer"
	k fill aoe7e3 0 16m 2
	k check aoe7e3 0 16m 2
	k close aoe7e3
	k unload
}
t "an interface can be destroyed under I/O and created again" detached

many() {
	local i
	k if attach em0 wire em0 9000
	for ((i = 0; i < 65; i++)); do
		k target add em0 "$((i / 16)).$((i % 16))" 1m
	done
	k load -k net.aoe.iflist=em0 "$module"
	k wait disk aoe3e15 10 || :
	for ((i = 0; i < 100; i++)); do
		(($(k disks | wc -l) < 64)) || break
		k sleep 0.1
	done
	equals 64 lines k disks
	k sysctl net.aoe.stats.targets_refused
	for i in $(k disks | awk '{ print $1 }'); do
		k fill "$i" 0 64k 1
		k check "$i" 0 64k 1
	done
	k unload
}
t "64 targets work at once, and a 65th is left out" many

conflict() {
	k if attach em0 wire em0 1500
	k if attach em1 wire em1 1500
	k target add em0 7.3 1m first
	k load "$module"
	k sysctl net.aoe.iflist="em0 em1"
	k wait disk aoe7e3 5
	k fill aoe7e3 0 1m 1
	k target add em1 7.3 1m second
	k sysctl net.aoe.discover=1
	k wait net.aoe.target.aoe7e3.conflict 1 10
	k fill aoe7e3 0 1m 2
	k check aoe7e3 0 1m 2
	equals first k sysctl net.aoe.target.aoe7e3.serial
	k unload
}
t "another disk at the same address is a conflict, and gets no I/O" conflict

two_paths() {
	k if attach em0 wire em0 1500
	k if attach em1 wire em1 1500
	k target add em0 7.3 1m same
	k target add em1 7.3 1m same
	k load "$module"
	k sysctl net.aoe.iflist="em0 em1"
	k wait disk aoe7e3 5
	k wait net.aoe.target.aoe7e3.path.1.state up 10
	# The two targets' memories differ: only one path may be up for I/O.
	k if link em1 down
	k fill aoe7e3 0 256k 1
	k if link em1 up
	k if link em0 down
	k fill aoe7e3 0 256k 2
	k check aoe7e3 0 256k 2
	k if link em0 up
	k if link em1 down
	k check aoe7e3 0 256k 1
	k unload
}
t "when a path goes down, I/O continues over the other" two_paths

strangers() {
	local header="ffffffffffff 02ae00090901 88a2" zeros in
	zeros=$(printf '00%.0s' {1..40})
	k load "$module"
	one_disk
	in=$(counts em0 passed)
	# A request, a frame of a VLAN, another protocol: passed to the stack.
	k inject em0 "$header 1000 ffff ff 01 00000001 $zeros"
	k inject em0 "$header 1800 0009 09 01 00000000 0010 0000 02 10 0000 $zeros" 5
	k inject em0 "ffffffffffff 02ae00090901 0806 $zeros"
	equals $((in + 3)) counts em0 passed
	# A config answer for any shelf, one cut short, one with version 3.
	k inject em0 "$header 1800 ffff 09 01 00000000 0010 0000 02 10 0000 $zeros"
	k inject em0 "$header 1800 0009"
	k inject em0 "$header 3800 0009 09 01 00000000 0010 0000 02 10 0000 $zeros"
	k sleep 0.3
	equals 1 lines k disks
	k fill aoe7e3 0 64k 1
	k check aoe7e3 0 64k 1
	k unload
}
t "foreign frames are passed on or dropped, and do no harm" strangers

flood() {
	local i zeros
	zeros=$(printf '00%.0s' {1..40})
	k load "$module"
	one_disk
	for ((i = 0; i < 300; i++)); do
		k inject em0 "ffffffffffff 02ae0009$(printf '%04x' $i) 88a2
		    1800 $(printf '%04x' $((i + 100))) 01 01 00000000 0010
		    0000 02 10 0000 $zeros"
	done
	k fill aoe7e3 0 64k 1
	k check aoe7e3 0 64k 1
	at_least 64 k sysctl net.aoe.maxtargets
	k unload
}
t "a flood of forged adverts uses bounded memory and does no harm" flood

growth() {
	k load "$module"
	resized_while_open 32m
	k wait net.aoe.target.aoe7e3.size 33554432 20
	k close aoe7e3
	k disks | grep 'size 33554432'
	k fill aoe7e3 24m 1m 1
	k check aoe7e3 24m 1m 1
	k unload
}
t "an open disk grows when its target grows" growth

# hot_writes SECONDS: random writes to the disk at depth 16; sets iops, and the
# longest time of a write in ms.
hot_writes() {
	local said
	said=$(k bench aoe7e3 write rand 4k 16 "$1")
	echo "$said" >&2
	longest=${said##*took } longest=${longest%.*}
	said=${said#* MB/s }
	iops=${said%% *}
}

out_of_order() {
	local whole iops longest try
	k load "$module"
	k if attach em0 wire em0 9000
	k target add em0 7.3 4m
	k target set em0 7.3 workers 8,4000
	k sysctl net.aoe.iflist=em0
	k wait disk aoe7e3 5
	# Other load on the machine can spoil a measurement: up to five are made.
	for ((try = 1; ; try++)); do
		k target set em0 7.3 lose 0
		k target set em0 7.3 drop 0
		hot_writes 2
		whole=$iops
		# One frame in a hundred is lost, each way.
		k target set em0 7.3 lose 100
		k target set em0 7.3 drop 100
		hot_writes 4
		! ((iops * 2 >= whole && longest < 1000)) || break
		((try < 5))
	done
	at_least 1 k sysctl net.aoe.target.aoe7e3.path.0.reorder
	text 'answers out of order by [1-9][0-9]* us' status aoe7e3
	equals 0 k sysctl net.aoe.target.aoe7e3.failed
	k fill aoe7e3 0 4m 7 16 4k
	k check aoe7e3 0 4m 7 16 4k
	k unload
}
t "overwrites on a target that answers out of order continue at 1% loss" \
    out_of_order
