# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # tests/net/interop, which reads this, sets them
# Tests with any target: its properties, the integrity of its data in spite of loss
# and outages, and its commands other than reads and writes.

at=net.aoe.target.aoe7e3
refused=0	# flushes that were refused, and count as failed

# Runs a test, and prints its notes below the result.
met() {
	: >"$work/notes"
	t "$@"
	sed 's/^/     /' "$work/notes"
}

note() {
	echo "$*" >>"$work/notes"
}

value() {
	k sysctl "$at.$1"
}

# serve NUMBER: starts the target on t<number>, and sets $target to its process ID.
serve() {
	ip netns exec "$nt" "${command[@]}" 7 3 "t$1" "$work/disk" \
	    >>"$work/target.log" 2>&1 &
	target=$!
	echo "$target" >>"$work/pids"
}

fresh_file() {
	rm -rf "$work"/disk*
	truncate -s "$1" "$work/disk"
}

# Starts the target, on a network that exists already; then loads the module and
# waits for the disk.
begin() {
	fresh_file 256M
	serve 0
	k if attach em0 packet em0
	k load "$module"
	k sysctl net.aoe.iflist=em0
	k wait disk aoe7e3 60
}

# stopped COMMAND...: ends the target in the middle of I/O, runs the command, and
# starts the target again after 3 s; the I/O must succeed.
stopped() {
	local writer began
	k fill aoe7e3 0 128m 7 &
	writer=$!
	sleep 0.1
	end "$target"
	"$@"
	sleep 3
	kill -0 "$writer"
	serve 0
	began=$(date +%s%3N)
	wait "$writer"
	note "done $(($(date +%s%3N) - began)) ms after the target was" \
	    "started again"
	k check aoe7e3 0 128m 7
	equals 0 value failed
}

# Prints the number of frames sent, and how many of them were sent again.
sent() {
	echo "$(value sent) frames sent, $(value retransmitted) of them again"
}

found() {
	cable 0 "$mtu"
	begin
	note "model '$(value model)', serial '$(value ident)', firmware" \
	    "'$(value firmware)', config string '$(value config)'"
	note "$(value size) bytes; $(value buffers) buffers;" \
	    "$(value path.0.payload_max) bytes in a frame at MTU $mtu"
	exits 0 ping -c 3 -i 0 7.3
	exits 0 ping -A -c 3 -i 0 7.3
	exits 0 identify 7.3
	exits 0 sancheck -t 2000 7.3
	k unload
}
met "it is found, identified and asked" found

# Makes a file system with files in it.  If the disk promises flushes but refuses
# them, mkfs.ext4 fails, so only an archive of the files is written.
files() {
	k flush aoe7e3 || :
	if ! grep -q "promised cache flushes" "$log"; then
		round_trip aoe7e3
		return
	fi
	note "it promises flushes and refuses them: no file system was made"
	refused=1
	tar -C "$work" -cf "$work/tar" tree
	k write aoe7e3 0 "$work/tar"
	k read aoe7e3 0 "$(stat -c %s "$work/tar")" "$work/out"
	cmp "$work/tar" "$work/out"
}

file_system() {
	cable 0 "$mtu"
	begin
	files
	equals $refused value failed
	note "$(sent)"
	k unload
}
met "a file system is made, filled and read back" file_system

rates() {
	local what
	cable 0 "$mtu"
	begin
	# Fills the target's file, since holes in it would affect the rates.
	k fill aoe7e3 0 256m 1
	for what in "read seq 64k 8" "write seq 64k 8" "read rand 4k 1" \
	    "read rand 4k 16" "write rand 4k 16"; do
		# shellcheck disable=SC2086 # it is several words
		note "$what: $(k bench aoe7e3 $what 3)"
	done
	note "$(sent); window $(value path.0.window)"
	equals 0 value failed
	k unload
}
met "it is timed without a loss" rates

# Writes every block several times, with other writes outstanding, and reads it.
overwrite() {
	local seed
	for seed in 1 2 3 4 5; do
		k fill aoe7e3 0 4m $seed 16 4k
		k fill aoe7e3 0 4m $((seed + 10)) 16 64k
		k check aoe7e3 0 4m $((seed + 10)) 16 4k
	done
}

overwrites() {
	cable 0 "$mtu"
	begin
	overwrite
	equals 0 value failed
	k unload
}
met "a small area is overwritten and read back" overwrites

# Both rates include the relay's own cost, so they are not compared with those of
# a direct cable.
lossy() {
	relayed 0 "$mtu" -s 42
	begin
	k fill aoe7e3 0 256m 1
	note "without: write rand 4k 16: $(k bench aoe7e3 write rand 4k 16 5)"
	echo loss 1 >"$work/relay0"
	files
	overwrite
	note "with: write rand 4k 16: $(k bench aoe7e3 write rand 4k 16 5)"
	equals $refused value failed
	note "$(sent); $(value guard_waits) waits for old copies," \
	    "$(($(value guard_wait_us) / 1000)) ms in all"
	k unload
}
met "the same with 1% of the frames lost each way" lossy

restarted() {
	cable 0 "$mtu"
	begin
	stopped true
	equals up value state
	k unload
}
met "it is killed under I/O, and goes on when it is back" restarted

grown() {
	cable 0 "$mtu"
	begin
	stopped truncate -s 320M "$work/disk"
	k wait $at.size $((320 << 20)) 70
	k fill aoe7e3 300m 8m 3
	k check aoe7e3 300m 8m 3
	k unload
}
met "it comes back larger under I/O" grown

flushed() {
	cable 0 "$mtu"
	begin
	k fill aoe7e3 0 1m 1
	if k flush aoe7e3; then
		note "a flush succeeds"
	else
		note "a flush fails"
	fi
	k check aoe7e3 0 1m 1
	k unload
}
met "it is told to flush" flushed

configured() {
	cable 0 "$mtu"
	begin
	if ! ctl config 7.3 force ""; then
		skip "the config string cannot be set: $(tail -1 "$log")"
	fi
	if ! ctl config 7.3 set mine; then
		note "'set' is refused though there is no config string"
		exits 0 config 7.3 force mine
	fi
	equals mine ctl config 7.3
	fails_with "the config string is already set" ctl config 7.3 set other
	ctl config 7.3 test mine ||
	    note "a test for its config string is not answered"
	exits 1 config 7.3 test other
	exits 0 config 7.3 prefix mi
	exits 0 config 7.3 force other
	equals other ctl config 7.3
	end "$target"
	serve 0
	sleep 2
	ctl discover -w 60 7.3
	note "after a restart the config string is '$(ctl config 7.3)'"
	k unload
}
met "its config string is set, tested and forced" configured

masked() {
	cable 0 "$mtu"
	begin
	ctl mask 7.3 || skip "no mask: $(tail -1 "$log")"
	exits 0 mask 7.3 add 02:00:00:00:00:01 "$(own_mac 0)"
	json 'len(o["host"]) == 2' mask 7.3
	k fill aoe7e3 0 1m 1
	if ctl mask 7.3 delete 02:00:00:00:00:01 &&
	    json 'len(o["host"]) == 1' mask 7.3; then
		exits 0 mask 7.3 clear
		text "every host is allowed" mask 7.3
	elif kill -0 "$target"; then
		note "an address that is not the last of its list stays there"
	else
		note "it ends when an address is deleted"
	fi
	k unload
}
met "its mask is read and changed" masked

reserved() {
	cable 0 "$mtu"
	begin
	ctl reserve 7.3 || skip "no reservation: $(tail -1 "$log")"
	reserved_and_released
	k unload
}
met "it is reserved and released" reserved

unknown_command() {
	local status=0
	cable 0 "$mtu"
	begin
	ctl smart 7.3 || status=$?
	note "SMART: exit status $status of aoectl"
	k fill aoe7e3 0 1m 1
	k check aoe7e3 0 1m 1
	k unload
}
met "an ATA command that it may not know does no harm" unknown_command

read_only() {
	local command
	[[ -n $readonly_command ]] || skip "no command given with -r"
	# shellcheck disable=SC2206 # it is several words
	command=($readonly_command)
	cable 0 "$mtu"
	begin
	k read aoe7e3 0 1m "$work/out"
	fails_with E k fill aoe7e3 0 64k 1
	note "a write fails: $(k fill aoe7e3 0 64k 1 2>&1 || :)"
	cmp -n 1048576 "$work/disk" "$work/out"
	k unload
}
met "it refuses writes where it is read-only, and is read" read_only

# Connects our em0 and em1, and the target's t0, to a switch.
switch() {
	local n
	ip -n "$nr" link add sw type bridge
	up "$nr" sw "$mtu"
	for n in 0 1; do
		ip -n "$ni" link add "em$n" type veth peer name "a$n" netns "$nr"
		up "$ni" "em$n" "$mtu"
		up "$nr" "a$n" "$mtu"
		ip -n "$nr" link set "a$n" master sw
	done
	ip -n "$nt" link add t0 type veth peer name b0 netns "$nr"
	up "$nt" t0 "$mtu"
	up "$nr" b0 "$mtu"
	ip -n "$nr" link set b0 master sw
}

two_nics() {
	switch
	begin
	k fill aoe7e3 0 256m 1
	note "one interface: read seq 64k 8: $(k bench aoe7e3 read seq 64k 8 3);" \
	    "$(sent)"
	k if attach em1 packet em1
	k sysctl net.aoe.iflist="em0 em1"
	k wait $at.path.1.state up 20
	note "two: $(k bench aoe7e3 read seq 64k 8 3); $(sent)"
	k fill aoe7e3 0 64m 5 32 64k
	k check aoe7e3 0 64m 5 32 64k
	equals 0 value failed
	k unload
}
met "two interfaces of ours share its one port" two_nics

two_ports() {
	local writer
	cable 1 "$mtu"
	relayed 0 "$mtu"
	begin
	serve 1
	k if attach em1 packet em1
	k sysctl net.aoe.iflist="em0 em1"
	k wait $at.path.1.state up 60
	k fill aoe7e3 0 128m 1
	k check aoe7e3 0 128m 1
	k fill aoe7e3 0 128m 2 &
	writer=$!
	sleep 0.1
	echo cut both >"$work/relay0"
	wait "$writer"
	k check aoe7e3 0 128m 2
	equals 0 value failed
	k unload
}
met "its disk behind two ports outlives one of them" two_ports
