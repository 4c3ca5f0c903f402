# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh, which comes first, sets them
# Namespaces, targets and file systems for tests/net/run and tests/demo; to be
# read after tests/kld/lib.sh.
#
# The module sees em0 in namespace $ni; the targets see t0 in $nt.  Between
# the two is a cable, or the relay in $nr.  A second pair is em1 and t1.

id=aoenet-$$
ni=$id-i nt=$id-t nr=$id-r
# shellcheck disable=SC2034 # t() reads it
in_ns=(ip netns exec "$ni")

# Makes the namespaces.  Deleting one deletes the interfaces in it; processes are
# ended by their IDs.
namespaces() {
	local n
	for n in "$ni" "$nt" "$nr"; do
		undo+=("ip netns del $n")
		ip netns add "$n"
	done
}

# up NAMESPACE INTERFACE MTU: sets the MTU and brings the interface up.
up() {
	ip netns exec "$1" sysctl -qw "net.ipv6.conf.$2.disable_ipv6=1" \
	    2>/dev/null || :
	ip -n "$1" link set "$2" mtu "$3" up
}

# cable NUMBER MTU: connects em<number> to t<number>.
cable() {
	ip -n "$ni" link add "em$1" type veth peer name "t$1" netns "$nt"
	up "$ni" "em$1" "$2"
	up "$nt" "t$1" "$2"
}

# own_mac NUMBER: prints our MAC address on a cable.
own_mac() {
	ip netns exec "$ni" cat "/sys/class/net/em$1/address"
}

# Reserves the target of aoe7e3, on cable 0, for us and then for another host.
reserved_and_released() {
	exits 0 reserve 7.3 set
	equals "$(own_mac 0)" ctl reserve 7.3
	k fill aoe7e3 0 1m 1
	exits 0 reserve 7.3 force 02:00:00:00:00:01
	fails_with "reserved by another host" ctl reserve 7.3 set
	fails_with EBUSY k fill aoe7e3 0 64k 1
	exits 0 reserve 7.3 release -f
	k fill aoe7e3 0 1m 1
}

# relayed NUMBER MTU RELAY-OPTION...: as cable, but with the relay in between,
# whose control FIFO is $work/relay<number>.
relayed() {
	local number=$1 mtu=$2 pid
	shift 2
	ip -n "$ni" link add "em$number" type veth peer name "a$number" \
	    netns "$nr"
	ip -n "$nt" link add "t$number" type veth peer name "b$number" \
	    netns "$nr"
	up "$ni" "em$number" "$mtu"
	up "$nt" "t$number" "$mtu"
	up "$nr" "a$number" "$mtu"
	up "$nr" "b$number" "$mtu"
	rm -f "$work/relay$number"
	ip netns exec "$nr" "$relay" -c "$work/relay$number" "$@" \
	    "a$number" "b$number" &
	pid=$!
	echo "$pid" >>"$work/pids"
	for _ in {1..100}; do
		[[ ! -p $work/relay$number ]] || return 0
		sleep 0.02
	done
	return 1
}

# target SHELF SLOT NUMBER FILE OPTION...: starts vblade on t<number>, and sets
# $target to its process ID.
target() {
	local shelf=$1 slot=$2 number=$3 file=$4
	shift 4
	ip netns exec "$nt" vblade "$@" "$shelf" "$slot" "t$number" "$file" \
	    >>"$work/vblade.log" 2>&1 &
	target=$!
	echo "$target" >>"$work/pids"
}

# Ends a process that this test started, and waits for it.
end() {
	kill "$1" 2>/dev/null || return 0
	wait "$1" 2>/dev/null || :
}

end_all() {
	local pid
	[[ -e $work/pids ]] || return 0
	while read -r pid; do
		kill "$pid" 2>/dev/null || :
	done <"$work/pids"
	rm -f "$work/pids"
}

# disk_file SIZE: makes a sparse file for a target.
disk_file() {
	rm -f "$work/disk"
	truncate -s "$1" "$work/disk"
}

# file_of DISK: makes the disk available to a loop device as $work/fuse/disk.
file_of() {
	local pid
	k nbd "$1" "$work/nbd"
	mkdir -p "$work/fuse" "$work/mnt"
	nbdfuse "$work/fuse/disk" "nbd+unix:///?socket=$work/nbd" &
	pid=$!
	echo "$pid" >>"$work/pids"
	for _ in {1..250}; do
		[[ ! -s $work/fuse/disk ]] || return 0
		sleep 0.02
	done
	echo "nbdfuse shows no disk" >&2
	return 1
}

no_file() {
	fusermount3 -u "$work/fuse" 2>/dev/null ||
	    umount "$work/fuse" 2>/dev/null || :
	for _ in {1..100}; do
		mountpoint -q "$work/fuse" || break
		sleep 0.02
	done
	k nbd stop
	closed
}

# Waits until no disk is open: the connections of an NBD client close a moment
# after it has ended.
closed() {
	for _ in {1..100}; do
		k disks | grep -q ' opens [1-9]' || return 0
		sleep 0.02
	done
	return 1
}

mount_disk() {
	mount -o loop "$work/fuse/disk" "$work/mnt"
}

umount_disk() {
	umount "$work/mnt"
}

# Unmounts and ends what a test may have left mounted or running.
net_cleanup() {
	umount -l "$work/mnt"
	umount -l "$work/fuse"
	end_all
}

# shellcheck disable=SC2034 # t() reads it
before_test=net_begin
net_begin() {
	undo+=(net_cleanup)
	: >"$work/pids"
	namespaces
}

# tree SIZE-IN-MIB: makes files of many sizes with random bytes, and checksums.
tree() {
	local mib=$1 i
	rm -rf "$work/tree"
	mkdir -p "$work/tree/small" "$work/tree/large"
	for ((i = 0; i < 200; i++)); do
		head -c $((i * i * 7 % 20000 + 1)) /dev/urandom \
		    >"$work/tree/small/$i"
	done
	for ((i = 0; i < 8; i++)); do
		head -c $((mib * 131072 - i * 1234)) /dev/urandom \
		    >"$work/tree/large/$i"
	done
	(cd "$work/tree" && find . -type f -exec sha256sum {} +) >"$work/sums"
}

# round_trip DISK: makes a file system, copies the tree to it, checks it, and reads
# the tree back after closing the disk.
round_trip() {
	local disk=$1
	file_of "$disk"
	mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0,nodiscard \
	    "$work/fuse/disk"
	mount_disk
	cp -r "$work/tree" "$work/mnt/"
	umount_disk
	fsck.ext4 -n -f "$work/fuse/disk"
	no_file
	file_of "$disk"
	mount_disk
	(cd "$work/mnt/tree" && sha256sum --quiet -c "$work/sums")
	umount_disk
	no_file
}
