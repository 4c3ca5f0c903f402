# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh, which the run script reads first, sets them
# net.aoe.filter: which targets are accepted, and from which addresses.

# One wire with targets 1.1 (config "mine: a"), 1.2 and 7.3 ("theirs").
three_targets() {
	local t
	k if attach em0 wire em0 1500
	for t in 1.1 1.2 7.3; do
		k target add em0 $t 1m
	done
	k target set em0 1.1 config "mine: a"
	k target set em0 7.3 config "theirs"
}

# Prints the names of all targets.
targets() {
	k sysctl net.aoe.devices | awk 'NF { print $1 }' | sort | xargs
}

# targets_become NAMES: these are the targets, within five seconds.
targets_become() {
	local i
	for ((i = 0; i < 50; i++)); do
		[[ $(targets) != "$*" ]] || return 0
		k sleep 0.1
	done
	equals "$*" targets
}

by_shelf() {
	three_targets
	k load -k net.aoe.filter.shelves=5-7 -k net.aoe.iflist=em0 "$module"
	targets_become aoe7e3
	k sleep 0.3
	equals aoe7e3 targets
	at_least 2 k sysctl net.aoe.stats.rx_filtered
	equals 5-7 k sysctl net.aoe.filter.shelves
	k sysctl net.aoe.filter.shelves=1
	targets_become aoe1e1 aoe1e2
	k sysctl net.aoe.filter.shelves=
	targets_become aoe1e1 aoe1e2 aoe7e3
	k unload
}
t "targets are accepted by shelf, and a rejected one takes no slot" by_shelf

by_config() {
	three_targets
	k load -k net.aoe.filter.config="mine:" -k net.aoe.iflist=em0 "$module"
	targets_become aoe1e1
	k target set em0 1.2 config "mine: b"
	k sysctl net.aoe.discover=1
	targets_become aoe1e1 aoe1e2
	k sysctl net.aoe.filter.config="theirs"
	targets_become aoe7e3
	k unload
}
t "targets are accepted by the prefix of their config string" by_config

by_mac() {
	three_targets
	# Each of kld's targets has a MAC address of its own.
	k load -k net.aoe.iflist=em0 "$module"
	targets_become aoe1e1 aoe1e2 aoe7e3
	k sysctl net.aoe.filter.macs=02:ae:00:01:01:00,2:ae:0:1:2:0
	targets_become aoe1e1 aoe1e2
	k sysctl net.aoe.filter.macs=aoe1e1=02:ae:00:00:00:99
	targets_become aoe1e2 aoe7e3
	k sysctl net.aoe.filter.macs="aoe1e1=02:ae:00:01:01:00"
	targets_become aoe1e1 aoe1e2 aoe7e3
	k unload
}
t "targets are accepted by MAC address, or pinned to one" by_mac

rogue() {
	k if attach em0 wire em0 1500
	k if attach em1 wire em1 1500
	k target add em0 7.3 1m first
	k load -k net.aoe.filter.macs=aoe7e3=02:ae:00:07:03:00 \
	    -k net.aoe.iflist="em0 em1" "$module"
	k wait disk aoe7e3 5
	k open aoe7e3
	before=$(counts em1 sent)
	# Another host sends an advert for aoe7e3.
	k inject em1 "ffffffffffff 02ae00090901 88a2 1800 0007 03 01 00000000
	    0010 0000 02 10 0000 $(printf '00%.0s' {1..40})"
	k sleep 0.3
	equals "$before" counts em1 sent
	equals 0 k sysctl net.aoe.target.aoe7e3.conflict
	k fill aoe7e3 0 64k 1
	k check aoe7e3 0 64k 1
	k close aoe7e3
	k unload
}
t "a pinned target is not identified at another address" rogue

open_disks_stay() {
	k load "$module"
	one_disk
	k open aoe7e3
	k sysctl net.aoe.filter.shelves=1
	k sysctl net.aoe.filter.macs=02:ae:00:00:00:99
	k sysctl net.aoe.filter.config=nothing
	k sleep 0.5
	k fill aoe7e3 0 1m 1
	k check aoe7e3 0 1m 1
	equals up k sysctl net.aoe.target.aoe7e3.state
	# After an outage, too, it comes back over the path that it had.
	k if link em0 down
	k wait net.aoe.target.aoe7e3.state suspended 5
	k if link em0 up
	k wait net.aoe.target.aoe7e3.state up 5
	k check aoe7e3 0 1m 1
	k close aoe7e3
	k sysctl net.aoe.discover=1
	targets_become ""
	k unload
}
t "a filter never removes an open disk's last path, but removes the disk once it is closed" \
    open_disks_stay

malformed() {
	three_targets
	k load -k net.aoe.filter.shelves=all -k net.aoe.iflist=em0 "$module"
	k sleep 0.3
	equals 0 counts em0 sent
	equals "" targets
	fails_with EINVAL k sysctl net.aoe.filter.shelves=7-
	fails_with EINVAL k sysctl net.aoe.filter.macs=ff:ff:ff:ff:ff:ff
	fails_with EINVAL k sysctl "net.aoe.filter.config=$(printf 'x%.0s' {1..256})"
	fails_with EPERM k sysctl -j net.aoe.filter.shelves=7
	equals "" k sysctl net.aoe.filter.shelves
	equals "" k sysctl net.aoe.filter.macs
	k sysctl net.aoe.filter.shelves="7 65534"
	k sysctl net.aoe.iflist=em0
	targets_become aoe7e3
	k unload
	k load "$module"
	equals "" k sysctl net.aoe.filter.shelves
	k unload
}
t "a malformed filter is rejected, and at load time no target is accepted" malformed

# swept [TARGET [STRING]]: the module takes every frame of a sweep, and counts
# those that are too short.
swept() {
	local before said short
	before=$(k sysctl net.aoe.stats.rx_malformed)
	said=$(k sweep em0 "${1:-1.1}" "${2:-mine: x}")
	short=${said#* frames, }
	short=${short% malformed}
	((short > 0))
	equals $((before + short)) k sysctl net.aoe.stats.rx_malformed
	equals 0 counts em0 passed
}

every_frame() {
	local filter
	three_targets
	k load -k net.aoe.iflist=em0 "$module"
	targets_become aoe1e1 aoe1e2 aoe7e3
	swept
	for filter in shelves=1 config="mine:" macs=02:ae:00:01:01:00 \
	    config=theirs shelves=7 macs=aoe1e1=02:ae:00:09:09:01; do
		k sysctl "net.aoe.filter.$filter"
		swept
		swept 9.9 theirs
	done
	equals 0 k violations
	k unload
}
t "every filter handles a frame of any length, split anywhere" every_frame
# An answer that a firewall drops does not reach the module, whether the firewall
# or the module was there first.
behind_firewall() {
	k if attach em0 wire em0 1500
	k target add em0 1.1 1m
	"$@"
	k sysctl net.aoe.iflist=em0
	k sleep 1
	equals "" k disks
	at_least 1 k firewall
	equals 0 k sysctl net.aoe.stats.rx_frames
	k firewall off
	k sysctl net.aoe.discover=1
	k wait disk aoe1e1 5
	k unload
}
firewall_first() {
	k firewall on
	k load "$module"
}
module_first() {
	k load "$module"
	k firewall on
}
firewall_before() {
	behind_firewall firewall_first
}
firewall_after() {
	behind_firewall module_first
}
t "a firewall loaded before the module sees incoming AoE first" firewall_before
t "a firewall loaded after the module sees incoming AoE first" firewall_after
