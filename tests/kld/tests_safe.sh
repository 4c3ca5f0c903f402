# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh, which the run script reads first, sets them
# Cases in which data must not be lost or mixed up: frames that stay in a
# transmit ring, disks that are replaced, failed allocations during a load.

in_the_ring() {
	local round
	k load "$module"
	one_disk
	k target set em0 7.3 lose 17
	k fault txfree random "$1"
	for ((round = 0; round < 4; round++)); do
		k fill aoe7e3 0 1m $round 16 8k
		k check aoe7e3 0 1m $round 16 8k
	done
	equals 0 k sysctl net.aoe.target.aoe7e3.failed
	k fault txfree now
	k sleep 0.2
	k fault txrelease
	k unload
}
frames_come_back_late() {
	in_the_ring 30
}
t "frames in a transmit ring keep the data of their write, even if answers overtake them" \
    frames_come_back_late
frames_never_come_back() {
	in_the_ring 0
}
t "the same if some of them are never returned" frames_never_come_back

smaller_one_returns() {
	k load "$module"
	resized_while_open 8m
	k wait net.aoe.target.aoe7e3.state suspended 20
	equals 0 k sysctl net.aoe.target.aoe7e3.conflict
	grep -q '(8.0M) is smaller than the open one' "$log"
	# No write goes to the smaller disk, not even to sectors that it has.
	k sysctl net.aoe.maxwait=2
	fails_with EIO k fill aoe7e3 0 64k 2
	equals 16777216 k sysctl net.aoe.target.aoe7e3.size
	k sysctl net.aoe.maxwait=180
	k close aoe7e3
	k sysctl net.aoe.discover=1
	k wait net.aoe.target.aoe7e3.size 8388608 10
	k fill aoe7e3 0 64k 2
	k check aoe7e3 0 64k 2
	k unload
}
t "a smaller disk at an open disk's address gets no I/O, and is used after the close" \
    smaller_one_returns

taken_over() {
	local writer
	k if attach em1 wire em1 9000
	k load "$module"
	one_disk
	k sysctl net.aoe.iflist="em0 em1"
	k open aoe7e3
	k fill aoe7e3 0 4m 1 &
	writer=$!
	k target set em0 7.3 mute 1
	k target add em1 7.3 16m another
	k sysctl net.aoe.discover=1
	k wait net.aoe.target.aoe7e3.conflict 1 10
	k wait net.aoe.target.aoe7e3.state suspended 20
	kill -0 "$writer"
	k target set em0 7.3 mute 0
	wait "$writer"
	k check aoe7e3 0 4m 1
	equals 7.3:wire k sysctl net.aoe.target.aoe7e3.serial
	k close aoe7e3
	k unload
	# The other box has received no write.
	k target remove em0 7.3
	k load -k net.aoe.iflist=em1 "$module"
	k wait disk aoe7e3 10
	k read aoe7e3 0 4m "$work/out"
	cmp -n 4194304 "$work/out" /dev/zero
	k unload
}
t "a machine that takes the address over during I/O gets no I/O" taken_over

nameless() {
	k if attach em0 wire em0 9000
	k if attach em1 wire em1 9000
	k target add em0 7.3 1m "serial#"
	k target add em1 7.3 2m "serial#"
	k load -k net.aoe.iflist=em0 "$module"
	k wait disk aoe7e3 10
	k open aoe7e3
	k sysctl net.aoe.iflist="em0 em1"
	k wait net.aoe.target.aoe7e3.conflict 1 20
	k fill aoe7e3 0 256k 1
	k check aoe7e3 0 256k 1
	k close aoe7e3
	k unload
}
t "two disks with the same constant serial and different sizes are a conflict" nameless

no_memory_at_load() {
	local n first last
	k if attach em0 wire em0 9000
	k target add em0 7.3 1m
	first=$(k fault list | awk '{ print $2 }')
	k load -k net.aoe.iflist=em0 "$module"
	k wait disk aoe7e3 10
	last=$(k fault list | awk '{ print $2 }')
	k unload
	for ((n = 1; n <= last - first; n++)); do
		k fault alloc $n $((1 + n % 3))
		if k load -k net.aoe.iflist=em0 "$module"; then
			# The three beacons of the first 3 s may have been lost;
			# the next is sent after 10 s.
			k wait disk aoe7e3 20
			k unload
		fi
		k fault alloc 0
		equals "0 left" k leaks
	done
}
t "a load survives any failed allocation, or fails and leaves nothing behind" \
    no_memory_at_load
