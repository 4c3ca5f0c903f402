# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh, which the run script reads first, sets them
# If the module waits for something that takes long, nothing else waits with it.

# soon COMMAND...: a command of kld that must be done within five seconds.
soon() {
	timeout 5 "$kld" -S "$sock" "$@" && return 0
	echo "not done after 5 s, or failed: $*" >&2
	return 1
}

# The lifecycle thread waits for a reader of a node that it removes.
reader_of_gone() {
	local reader
	k load "$module"
	one_disk
	k fault copyout 1
	k sysctl net.aoe.target.aoe7e3.state &
	reader=$!
	k sleep 0.2
	k sysctl net.aoe.filter.shelves=1
	k wait nodisk aoe7e3 10
	k sleep 1.5
	soon sysctl net.aoe.maxwait=7
	soon sysctl net.aoe.discover=1
	soon shutdown
	k fault copyout 0
	wait "$reader"
	k unload
}
t "settings and shutdown do not wait for a reader of a removed target" \
    reader_of_gone

reader_of_settings() {
	local name readers=()
	k load "$module"
	one_disk
	k fault copyout 1
	for name in iflist filter.macs policy maxwait stats.rx_frames \
	    target.aoe7e3.config target.aoe7e3.path.0.histogram; do
		"$kld" -S "$sock" sysctl "net.aoe.$name" &
		readers+=($!)
	done
	k sleep 0.3
	soon sysctl net.aoe.maxwait=7
	soon sysctl net.aoe.filter.shelves=7
	soon shutdown
	k fault copyout 0
	wait "${readers[@]}"
	k unload
}
t "a reader of a sysctl holds no lock while it waits for memory" \
    reader_of_settings

# Swap on the disk: memory becomes free when the disk answers, and the core asks
# it again only when it receives the event of the link.
link_without_memory() {
	local writer
	k load "$module"
	one_disk 1500
	k open aoe7e3
	k if attach em1 wire em1 1500
	k if link em0 down
	k wait net.aoe.target.aoe7e3.state suspended 10
	k fill aoe7e3 0 64k 1 &
	writer=$!
	k fault memory 1
	k if mtu em0 9000
	k sleep 1.5
	k if link em0 up
	soon wait net.aoe.target.aoe7e3.state up 5
	wait "$writer"
	k check aoe7e3 0 64k 1
	soon shutdown
	k fault memory 0
	k close aoe7e3
	k unload
}
t "a link that comes up is reported to the core while memory is short" \
    link_without_memory

left_out_once() {
	local i list=
	for ((i = 0; i < 34; i++)); do
		k if attach "em$i" wire "em$i" 1500
		list="$list em$i"
	done
	k load "$module"
	k sysctl "net.aoe.iflist=$list"
	k sleep 2.5
	k sysctl net.aoe.discover=1
	k unload
	equals 2 said_since_start "left out: 32 interfaces"
}
# Counts the lines of this test's log that have these words.
said_since_start() {
	grep -c "$1" "$log" || :
}
t "interfaces beyond the 32nd are left out, and reported once" left_out_once
