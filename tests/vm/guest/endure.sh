#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# endure.sh DISK MEBIBYTES STATE: writes pieces of STATE/pattern to random places of a disk and
# compares random places with what was written, until STATE/stop exists; then compares every place
# that was written.  STATE/holds has a file for each such mebibyte of the disk, with the number of
# the piece that it holds.  The kernel does not cache a disk's device, so each comparison reads
# from the target.
disk=$1 mebibytes=$2 state=$3
pieces=$(($(stat -f %z "$state/pattern") >> 20))
turns=0

random() {
	echo $(($(od -An -N4 -tu4 /dev/urandom) % $1))
}

compare() {
	dd if="$disk" bs=1m iseek="$1" count=1 2>/dev/null | cmp - "$state/piece$2" || {
		echo "mebibyte $1 does not hold piece $2, turn $turns"
		exit 1
	}
}

mkdir -p "$state/holds"
piece=0
while [ "$piece" -lt "$pieces" ]; do
	dd if="$state/pattern" of="$state/piece$piece" bs=1m iseek="$piece" count=1 2>/dev/null
	piece=$((piece + 1))
done
while [ ! -e "$state/stop" ]; do
	place=$(random "$mebibytes") piece=$(random "$pieces")
	# A few frames, more frames, the largest I/O of most disks, and one that the kernel splits.
	for size in 4096 65536 131072 1048576; do
		[ "$(random 3)" -ne 0 ] || break
	done
	dd if="$state/piece$piece" of="$disk" bs="$size" oseek=$((place * (1048576 / size))) \
	    2>"$state/dd" || {
		cat "$state/dd"
		exit 1
	}
	echo "$piece" >"$state/holds/$place"
	turns=$((turns + 1))
	place=$(random "$mebibytes")
	[ ! -e "$state/holds/$place" ] || compare "$place" "$(cat "$state/holds/$place")"
done
for place in "$state"/holds/*; do
	compare "${place##*/}" "$(cat "$place")"
done
echo "$turns turns"
