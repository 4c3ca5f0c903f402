# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh, which the run script reads first, sets them
# Tests with vblade: file systems, faults of the network, targets that end and are
# started again.

# ready [OPTION...]: starts a target with these options of vblade, on a network
# that exists already; then loads the module and waits for the disk.
ready() {
	disk_file $((mib * 2))M
	target 7 3 0 "$work/disk" "$@"
	k if attach em0 packet em0
	k load "$module"
	k sysctl net.aoe.iflist=em0
	k wait disk aoe7e3 10
}

fs_plain() {
	cable 0 "$1"
	ready
	round_trip aoe7e3
	equals 0 k sysctl net.aoe.target.aoe7e3.failed
	k unload
}
t "a file system is created, filled and read back at MTU 9000" fs_plain 9000
t "a file system is created, filled and read back at MTU 1500" fs_plain 1500

fs_faults() {
	relayed 0 "$1" -l 1 -d 1 -r 1 -s 42
	ready
	round_trip aoe7e3
	at_least 100 k sysctl net.aoe.target.aoe7e3.retransmitted
	equals 0 k sysctl net.aoe.target.aoe7e3.failed
	k unload
}
t "the same at MTU 9000 with 1% of the frames lost, duplicated and reordered" fs_faults 9000
t "the same at MTU 1500 with 1% of the frames lost, duplicated and reordered" fs_faults 1500

fs_restart() {
	local copy
	cable 0 9000
	ready
	file_of aoe7e3
	mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0,nodiscard \
	    "$work/fuse/disk"
	mount_disk
	(cp -r "$work/tree" "$work/mnt/" && sync -f "$work/mnt") &
	copy=$!
	sleep 0.2
	end "$target"
	sleep 3
	kill -0 "$copy"
	target 7 3 0 "$work/disk"
	wait "$copy"
	umount_disk
	fsck.ext4 -n -f "$work/fuse/disk"
	mount_disk
	(cd "$work/mnt/tree" && sha256sum --quiet -c "$work/sums")
	umount_disk
	no_file
	equals 0 k sysctl net.aoe.target.aoe7e3.failed
	k unload
}
t "a copy waits for a target that is killed and restarted" \
    fs_restart

cut_off() {
	local writer
	relayed 0 9000
	ready
	k fill aoe7e3 0 64m 1 &
	writer=$!
	sleep 0.1
	echo cut both >"$work/relay0"
	k wait net.aoe.target.aoe7e3.state suspended 20
	echo cut none >"$work/relay0"
	wait "$writer"
	k check aoe7e3 0 64m 1
	for way in ab ba; do
		k fill aoe7e3 0 64m 2 &
		writer=$!
		sleep 0.05
		echo "cut $way" >"$work/relay0"
		sleep 2
		echo cut none >"$work/relay0"
		wait "$writer"
		k check aoe7e3 0 64m 2
	done
	k unload
}
t "a network that fails for seconds, also in one direction, only delays I/O" cut_off

jumbo_hole() {
	local begin
	relayed 0 9000
	ready
	k fill aoe7e3 0 16m 1
	echo maxlen 1514 >"$work/relay0"
	begin=$SECONDS
	k fill aoe7e3 0 16m 2
	((SECONDS - begin < 60))
	k check aoe7e3 0 16m 2
	k unload
}
t "a network that drops large frames is used with small ones" jumbo_hole

slow_and_lossy() {
	relayed 0 9000 -D 5 -l 5 -d 5 -r 5 -s 7
	ready
	k fill aoe7e3 0 16m 1 64 64k
	k check aoe7e3 0 16m 1 64 64k
	k fill aoe7e3 0 16m 2 64 4k
	k check aoe7e3 0 16m 2 64 4k
	equals 0 k sysctl net.aoe.target.aoe7e3.failed
	k unload
}
t "5% of the frames lost, duplicated and reordered on a slow network corrupt nothing" \
    slow_and_lossy

two_paths() {
	local writer
	relayed 0 9000
	relayed 1 9000
	disk_file 256M
	# One disk behind two ports: two vblades with the same serial number.
	target 7 3 0 "$work/disk"
	target 7 3 1 "$work/disk"
	k if attach em0 packet em0
	k if attach em1 packet em1
	k load "$module"
	k sysctl net.aoe.iflist="em0 em1"
	k wait disk aoe7e3 10
	k wait net.aoe.target.aoe7e3.path.1.state up 10
	k fill aoe7e3 0 128m 1
	k check aoe7e3 0 128m 1
	at_least 100 k sysctl net.aoe.target.aoe7e3.path.0.received
	at_least 100 k sysctl net.aoe.target.aoe7e3.path.1.received
	k fill aoe7e3 0 256m 2 &
	writer=$!
	sleep 0.1
	# Our side goes down, since vblade ends when its own interface goes down.
	ip -n "$ni" link set em1 down
	wait "$writer"
	k check aoe7e3 0 256m 2
	ip -n "$ni" link set em1 up
	# The beacon sent when the link comes up finds the path or, if that beacon
	# is lost, the next one.
	k wait "$(path_on em1).state" up 70
	ip -n "$ni" link set em0 down
	k check aoe7e3 0 256m 2
	k unload
}
t "two paths carry I/O, and one carries it alone when the other fails" two_paths

conflict() {
	cable 0 1500
	cable 1 1500
	ready
	k fill aoe7e3 0 1m 1
	truncate -s 32M "$work/other"
	# Another size, since the serial number is the same: vblade makes it from the
	# address and the host's name.
	target 7 3 1 "$work/other"
	k if attach em1 packet em1
	k sysctl net.aoe.iflist="em0 em1"
	k wait net.aoe.target.aoe7e3.conflict 1 20
	k fill aoe7e3 0 8m 2
	k check aoe7e3 0 8m 2
	cmp -n 8388608 "$work/other" /dev/zero
	k unload
}
t "two targets with one address are a conflict, and no data goes to the wrong one" \
    conflict

read_only() {
	cable 0 1500
	head -c 1M /dev/urandom >"$work/ro"
	target 7 3 0 "$work/ro" -r
	k if attach em0 packet em0
	k load -k net.aoe.iflist=em0 "$module"
	k wait disk aoe7e3 10
	fails_with EIO k fill aoe7e3 0 64k 1
	k read aoe7e3 0 1m "$work/out"
	cmp "$work/ro" "$work/out"
	k unload
}
t "a read-only target refuses writes and can be read" read_only

one_buffer() {
	cable 0 9000
	ready -b 1
	k fill aoe7e3 0 16m 1
	k check aoe7e3 0 16m 1
	k unload
}
t "a target with room for one message works" one_buffer

flushes() {
	cable 0 1500
	ready
	k flush aoe7e3
	k speedup aoe7e3
	k unload
}
t "vblade's flush, whose answer lacks the ready bit, succeeds" flushes

down_and_up() {
	local writer
	# The relay keeps vblade's carrier up, since vblade may end without it.
	relayed 0 9000
	ready
	k fill aoe7e3 0 256m 1 &
	writer=$!
	sleep 0.1
	ip -n "$ni" link set em0 down
	sleep 2
	ip -n "$ni" link set em0 up
	wait "$writer"
	k check aoe7e3 0 256m 1
	k unload
}
t "an interface that goes down and up under I/O loses nothing" down_and_up

mtu_changes() {
	local writer mtu
	cable 0 9000
	ready
	for mtu in 1500 9000; do
		k fill aoe7e3 0 256m $mtu &
		writer=$!
		sleep 0.05
		ip -n "$ni" link set em0 mtu $mtu
		wait "$writer"
		k check aoe7e3 0 256m $mtu
	done
	k unload
}
t "an interface's MTU that is reduced and raised under I/O loses nothing" mtu_changes

forced() {
	local reader
	cable 0 9000
	ready
	end "$target"
	k fill aoe7e3 0 1m 1 &
	reader=$!
	sleep 0.5
	k unload -f
	not wait "$reader"
	equals "0 left" k leaks
}
t "a forced unload with a dead target fails its I/O and leaves nothing behind" forced

tap_device() {
	cable 0 1500
	disk_file 16M
	k if attach tap0 tap aoenet-tap 1500
	ip -n "$ni" link set aoenet-tap up
	ip netns exec "$ni" vblade 5 5 aoenet-tap "$work/disk" \
	    >>"$work/vblade.log" 2>&1 &
	echo $! >>"$work/pids"
	k load -k net.aoe.iflist=tap0 "$module"
	k wait disk aoe5e5 10
	k fill aoe5e5 0 4m 1
	k check aoe5e5 0 4m 1
	k unload
}
t "a tap can be used as an interface" tap_device
