# SPDX-License-Identifier: BSD-2-Clause
# Functions for the scenarios' scripts in the guest; each script reads this first.
# shellcheck shell=sh

PATH=/sbin:/bin:/usr/sbin:/usr/bin
export PATH

# await SECONDS COMMAND...: repeats the command until it succeeds; prints a
# message and fails if it does not succeed in this time.
await() {
	await_end=$(($(date +%s) + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		if [ "$(date +%s)" -ge "$await_end" ]; then
			echo "waited in vain for: $*"
			return 1
		fi
		sleep 0.1
	done
}

# fill DIR FILES BYTES: makes files of random bytes, and writes their checksums
# to DIR/SUMS.
fill() {
	fill_number=0
	while [ "$fill_number" -lt "$2" ]; do
		mkdir -p "$1/d$((fill_number % 7))"
		dd if=/dev/urandom of="$1/d$((fill_number % 7))/f$fill_number" \
		    bs="$3" count=1 2>/dev/null
		fill_number=$((fill_number + 1))
	done
	(cd "$1" && find d* -type f | sort | xargs sha256 >SUMS)
}

# same DIR: compares the files with their checksums.
same() {
	(cd "$1" && find d* -type f | sort | xargs sha256 | cmp - SUMS)
}

# written DISK: prints the disk's number of writes.
written() {
	iostat -Ix "$1" | awk -v disk="$1" '$1 == disk { print $3 }'
}

# quiet DISK: syncs until there is nothing left to write to the disk.
quiet() {
	quiet_turns=0
	while [ "$quiet_turns" -lt 3 ]; do
		quiet_before=$(written "$1")
		sync
		sleep 2
		quiet_turns=$((quiet_turns + 1))
		[ "$(written "$1")" = "$quiet_before" ] || quiet_turns=0
	done
}

# disks: lists all AoE disks.
disks() {
	find /dev -maxdepth 1 -name 'aoe[0-9]*e[0-9]*'
}

# restore: brings the guest back to its state before a scenario; reports what is
# left.
restore() {
	restore_status=0
	pkill -KILL -f aoevm-worker 2>/dev/null || :
	swapctl -l 2>/dev/null | awk '/aoe/ { print $1 }' | while read -r device; do
		swapoff "$device" || :
	done
	mount -p | awk '$2 ~ "^/mnt" { print $2 }' | sort -r | while read -r directory; do
		umount -f "$directory" || echo "$directory stays mounted"
	done
	if kldstat -q -m aoe; then
		kldunload aoe || { await 15 kldunload -f aoe; } || restore_status=1
	fi
	for interface in $(ifconfig -l); do
		case $interface in
		lagg* | bridge* | epair*a | vlan* | *.*)
			ifconfig "$interface" destroy || :
			;;
		vtnet* | em[0-9]*)
			ifconfig "$interface" mtu 1500 up
			;;
		esac
	done
	for kept in $(sysctl -aN 2>/dev/null | grep '^net\.aoe' | head -3); do
		echo "sysctl $kept is left"
		restore_status=1
	done
	for kept in $(disks); do
		echo "$kept is left"
		restore_status=1
	done
	if vmstat -m | awk '$1 ~ /^aoe/ && $2 + 0 > 0 { found = 1; print "memory is left: " $0 }
	    END { exit !found }'; then
		restore_status=1
	fi
	if geom disk list 2>/dev/null | grep -q 'Geom name: aoe'; then
		echo 'a geom is left'
		restore_status=1
	fi
	return $restore_status
}
