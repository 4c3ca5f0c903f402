# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh, which the run script reads first, sets them
# Loading and unloading, and what a load must not do.

leaves_nothing() {
	k load "$module"
	one_disk
	k fill aoe7e3 0 1m 1
	k unload
	equals "0 left" k leaks
}
t "an unload leaves nothing behind" leaves_nothing

cycles() {
	k cycle 1000 "$module"
}
t "a thousand loads and unloads leave nothing behind" cycles

busy_cycles() {
	local i n=${LONG:+1000}
	k if attach em0 wire em0 9000
	k target add em0 7.3 16m
	for ((i = 0; i < ${n:-50}; i++)); do
		k load -k net.aoe.iflist=em0 "$module"
		k wait disk aoe7e3 5
		k fill aoe7e3 0 64k "$i" 4 8k
		k check aoe7e3 0 64k "$i" 4 8k
		k unload
	done
}
t "loads and unloads with a disk and I/O leave nothing behind" busy_cycles

touches_nothing() {
	k if attach em0 wire em0 1500
	k target add em0 1.1 1m
	k load "$module"
	k sleep 0.5
	equals 0 counts em0 sent
	equals "" k disks
	k unload
}
t "a load without configuration sends nothing" touches_nothing

other_kernel() {
	fails_with ENOEXEC k load -t "$module"
	grep -q "aoe: this kernel's structures differ from the headers" "$log"
	k leaks | grep "^0 left"
	k load "$module"
	k unload
}
t "a kernel whose struct thread differs is refused with a clear message" other_kernel

preload() {
	k if attach em0 wire em0 1500
	k target add em0 1.1 1m
	k load -p -k net.aoe.iflist=em0 "$module"
	k wait disk aoe1e1 5
	k unload
}
t "a preloaded module finds its interfaces and the pfil head" preload

unknown_import() {
	shipped
	objcopy --redefine-sym printf=no_such_symbol "$module" "$work/bad.ko"
	fails_with no_such_symbol k load "$work/bad.ko"
	k load "$module"
	k unload
}
t "a load with an unknown import fails and names it" unknown_import

bad_relocation() {
	shipped
	echo 'extern int hz; int f(void) { return hz; }' >"$work/bad.c"
	gcc -fPIC -O2 -c -o "$work/bad.o" "$work/bad.c"
	fails_with "relocation type" k load "$work/bad.o"
}
t "a load with a relocation that the kernel refuses fails" bad_relocation

other_major() {
	local other=$top/build/14-amd64/aoe.ko
	shipped
	[[ -e $other ]] || skip "no module for FreeBSD 14 built"
	fails_with "version mismatch" k load "$other"
}
t "a module for another major version is refused" other_major

busy_disk() {
	k load "$module"
	one_disk
	k open aoe7e3
	fails_with EBUSY k unload
	k fill aoe7e3 0 1m 1
	k check aoe7e3 0 1m 1
	k close aoe7e3
	k unload
}
t "an unload is refused while a disk is open, and the disk keeps working" busy_disk

forced_but_open() {
	k load "$module"
	one_disk
	k open aoe7e3
	fails_with EBUSY k unload -f
	fails_with ENOENT k fill aoe7e3 0 4k 1
	k close aoe7e3
	k unload -f
}
t "a forced unload fails I/O but does not free an open disk" forced_but_open

forced_with_io() {
	local reader
	k load "$module"
	one_disk
	k target set em0 7.3 mute 1
	k fill aoe7e3 0 1m 1 &
	reader=$!
	k wait net.aoe.target.aoe7e3.active 16 5
	k unload -f
	fails_with fill wait_for "$reader"
	equals "0 left" k leaks
}
# Waits for a background job, and fails with a message if it failed.
wait_for() {
	wait "$1" && return 0
	echo "fill failed"
	return 1
}
t "a forced unload fails outstanding I/O and leaves nothing behind" forced_with_io

sent_late() {
	local mode
	k load "$module"
	one_disk
	for mode in "late 50" lazy; do
		# shellcheck disable=SC2086 # two words
		k fault txfree $mode
		k fill aoe7e3 0 4m 3
		k check aoe7e3 0 4m 3
	done
	k fault txfree late 500
	k fill aoe7e3 0 64k 4
	k unload
}
t "interfaces that return mbufs late neither delay nor corrupt I/O" \
    sent_late

frames_kept() {
	k leaks | grep -c "uma item \"aoe_frame_${1-}" || true
}

given_back() {
	k load "$module"
	one_disk
	k fault txfree late 20
	k fill aoe7e3 0 4m 5 64 64k
	k fault txfree now
	k sleep 1
	equals 2 frames_kept
	k unload
}
t "an idle target keeps a reserve of two frames and no others" \
    given_back

kept_for_mtu() {
	local i
	k if attach em0 wire em0 1500
	k target add em0 7.3 16m
	k load -k net.aoe.iflist=em0 "$module"
	k wait disk aoe7e3 5
	equals 2 frames_kept 2k
	k fault txfree late 20
	k fill aoe7e3 0 4m 5 64 64k
	k if mtu em0 9000
	# The links are scanned, and then memory is waited for.
	for ((i = 0; i < 50; i++)); do
		[[ $(frames_kept 2k) != 0 ]] || break
		k sleep 0.2
	done
	at_least 2 frames_kept 9k
	equals 0 frames_kept 2k
	k unload
}
t "a target's reserve is large enough after the MTU was raised" kept_for_mtu

sent_never() {
	k load "$module"
	one_disk
	k fault txfree never
	k fill aoe7e3 0 256k 3
	k check aoe7e3 0 256k 3
	fails_with EBUSY k unload
	k fault txfree now
	k fault txrelease
	k unload
}
t "an unload is refused until the last sent mbuf has been returned" \
    sent_never

shutdown_handlers() {
	k load "$module"
	one_disk
	k shutdown
	fails_with E k fill aoe7e3 0 4k 1
	k unload
}
t "a shutdown ends I/O and returns" shutdown_handlers

no_memory() {
	local first last n
	k if attach em0 wire em0 9000
	k target add em0 7.3 1m
	once() {
		k load "$module"
		k sysctl net.aoe.iflist=em0
		[[ $1 == 0 ]] || k fault alloc "$1" "$2"
		k sysctl net.aoe.discover=1
		k wait disk aoe7e3 10
		k fill aoe7e3 0 64k "$n" 4 16k
		k check aoe7e3 0 64k "$n" 4 16k
		k fault alloc 0
		k unload
	}
	n=0
	first=$(k fault list | awk '{ print $2 }')
	once 0
	last=$(k fault list | awk '{ print $2 }')
	for ((n = 1; n <= last - first; n++)); do
		once "$n" 1
		((n % 5)) || once "$n" 8
	done
}
t "one failed allocation, or eight in a row, only loses a frame" \
    no_memory

# More I/O than the core accepts at once, so that some waits in the shim.
deep_silence() {
	local writer
	k load "$module"
	one_disk
	k target set em0 7.3 mute 1
	k fill aoe7e3 0 8m 5 400 8k &
	writer=$!
	k sleep "$1"
	k target set em0 7.3 mute 0
	wait "$writer"
	k check aoe7e3 0 8m 5 400 8k
	k sysctl net.aoe.maxwait=2
	k target set em0 7.3 mute 1
	fails_with EIO k fill aoe7e3 0 8m 6 400 8k
	k target set em0 7.3 mute 0
	k unload
}
shortly_silent() {
	deep_silence 1
}
t "a target that is silent for a second is sent requests again, however much I/O waits" \
    shortly_silent
long_silent() {
	deep_silence 15
}
t "the same after a silence of 15 s" long_silent

boot_hold() {
	k root boot
	k if attach em0 wire em0 1500
	k load -k net.aoe.boot=1 -k net.aoe.boot_wait=4 -k net.aoe.iflist=em0 "$module"
	equals 1 k root holds
	k sleep 2
	equals 1 k root holds
	k sleep 4
	equals 0 k root holds
	k unload
	# A disk ends the hold sooner: two seconds after it appeared.
	k target add em0 7.3 1m
	k load -k net.aoe.boot=1 -k net.aoe.iflist=em0 "$module"
	k wait disk aoe7e3 5
	equals 1 k root holds
	k sleep 4
	equals 0 k root holds
	k unload
}
t "net.aoe.boot holds the root mount until a disk appears, or for boot_wait" boot_hold
opened_late() {
	k load "$module"
	one_disk
	fails_with EBUSY k unload -o aoe7e3
	k fill aoe7e3 0 1m 1
	k check aoe7e3 0 1m 1
	k close aoe7e3
	k unload
}
t "a disk that is opened between quiesce and unload is not aborted" opened_late

# GEOM's event thread is stuck, as when it tastes another driver's silent disk.
geom_is_stuck() {
	local began=$SECONDS
	k load "$module"
	one_disk
	k fault geom 1
	fails_with EBUSY timeout 30 "$kld" -S "$sock" unload
	((SECONDS - began <= 14))
	k fault geom 0
	k sleep 1
	k unload
}
t "an unload waits ten seconds for GEOM, and is then refused" geom_is_stuck
