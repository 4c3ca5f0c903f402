# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh, which the run script reads first, sets them
# The events that devd(8) receives, the sample in devd/aoe.conf, and the limit
# on lines of the console.

# told TYPE DATA: devd receives this event within five seconds.
told() {
	local i
	for ((i = 0; i < 50; i++)); do
		! grep -qE "devctl: system=AOE subsystem=aoe7e3 type=$1 $2\$" "$log" ||
		    return 0
		k sleep 0.1
	done
	echo "devd was not told: $1 $2" >&2
	return 1
}

events() {
	local mac=02:ae:00:07:03:00
	k load -k net.aoe.maxwait=3 "$module"
	one_disk
	told PATH_UP "value=0 path=0 interface=em0 mac=$mac"
	told UP value=32768
	k open aoe7e3
	k if link em0 down
	told PATH_DOWN "value=0 path=0 interface=em0 mac=$mac"
	told SUSPENDED value=0
	told FAILED value=3
	k if link em0 up
	told RESUMED 'value=3[0-9][0-9][0-9]'
	k target remove em0 7.3
	k target add em0 7.3 32m
	k sysctl net.aoe.discover=1
	told RESIZED value=65536
	# Another disk on another wire.
	k if attach em1 wire em1 9000
	k target add em1 7.3 16m other
	k sysctl net.aoe.iflist="em0 em1"
	told PATH_CONFLICT "value=0 path=1 interface=em1 mac=$mac"
	k close aoe7e3
	k if detach em1
	k target set em0 7.3 readonly 1
	fails_with EIO k fill aoe7e3 0 4k 1
	told READ_ONLY 'value=[0-9]*'
	k if link em0 down
	told GONE value=0
	k unload
}
t "devd is notified of every change of a target and of its paths" events

# The message is printed when the driver no longer uses the interface.
unlisted() {
	local mac=02:ae:00:07:03:00
	k load "$module"
	one_disk
	k open aoe7e3
	k sysctl net.aoe.iflist=
	told PATH_DOWN "value=0 path=0 interface=em0 mac=$mac"
	grep -q "aoe7e3: path 0 (em0, $mac): down" "$log"
	k sysctl net.aoe.iflist=em0
	k wait disk aoe7e3 10
	k close aoe7e3
	k unload
}
t "messages name the interface of a path that is removed from the list" unlisted

# Every type of event that the rules match exists.
rules() {
	local type types
	types=$(sed -n 's/.*match "type".*"(*\([A-Z_|]*\))*";/\1/p' \
	    "$top/devd/aoe.conf" | tr '|' '\n')
	at_least 15 lines echo "$types"
	for type in $types; do
		grep -q "\"$type\"" "$top"/kmod-shim/aoe_life.c \
		    "$top/src/ffi/text.rs"
	done
}
t "the rules for devd match only events that exist" rules

# interfaces N STATE: makes the first N interfaces (there), or sets their links up
# or down.
interfaces() {
	local i
	for ((i = 0; i < $1; i++)); do
		case $2 in
		there)	k if attach "em$i" wire "em$i" 1500 ;;
		*)	k if link "em$i" "$2" ;;
		esac
	done
}

# many_paths N SLOT...: makes targets of shelf 7, each with N paths.
many_paths() {
	local i n=$1 slot
	shift
	interfaces "$n" there
	for slot in "$@"; do
		for ((i = 0; i < n; i++)); do
			k target add "em$i" "7.$slot" 1m same
		done
	done
	k load "$module"
	k sysctl net.aoe.iflist="$(seq -f 'em%g' -s ' ' 0 $((n - 1)))"
	for slot in "$@"; do
		k wait "net.aoe.target.aoe7e$slot.state" up 10
		for ((i = 0; i < n; i++)); do
			k wait "net.aoe.target.aoe7e$slot.path.$i.state" up 10
		done
	done
}

# Counts the console's lines about targets that match a pattern.
console() {
	grep -cE "kernel: aoe7e[0-9]: $1" "$log"
}

# Each target causes so many lines that a limit of ten for all would drop some.
three_outages() {
	local slot
	many_paths 5 3 4 5
	for slot in 3 4 5; do
		k open "aoe7e$slot"
	done
	k sleep 1.1
	interfaces 5 down
	for slot in 3 4 5; do
		k wait "net.aoe.target.aoe7e$slot.state" suspended 10
	done
	k sleep 1.1
	interfaces 5 up
	for slot in 3 4 5; do
		k wait "net.aoe.target.aoe7e$slot.state" up 10
		k close "aoe7e$slot"
	done
	k sleep 0.3
	equals 3 console 'all paths down; I/O suspended'
	equals 3 console 'I/O resumed after'
	equals 15 console 'path [0-9]+ .*: down'
	not grep -q 'more lines' "$log"
	k unload
}
t "three targets lose and regain their links, and each is reported" three_outages

flapping() {
	local more
	many_paths 12 3
	k open aoe7e3
	k sleep 1.1
	interfaces 12 down
	interfaces 12 up
	k wait net.aoe.target.aoe7e3.state up 10
	interfaces 12 down
	k sleep 2.2
	more=$(awk '/aoe7e3: [0-9]+ more lines; see aoectl log$/ { n += $3 } END { print n }' "$log")
	at_least 8 echo "$more"
	# Events that the console left out were still sent to devd.
	equals "$(grep -c 'devctl: .* subsystem=aoe7e3 type=PATH_' "$log")" \
	    echo $(($(console 'path [0-9]+ .*: (up|down)') + more))
	k close aoe7e3
	k unload
}
t "messages about a target's paths are limited, and the suppressed ones counted" flapping
