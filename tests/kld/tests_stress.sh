# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh, which the run script reads first, sets them
# Everything at once: mainly for the sanitizers, and for the checks of the ledger
# and of the lock order.

# repeat SECONDS COMMAND...: runs a command again and again, and ignores failures.
repeat() {
	local end=$((SECONDS + $1))
	shift
	while ((SECONDS < end)); do
		"$@" >/dev/null 2>&1 || :
	done
}

# region DISK OFFSET SECONDS: writes and checks a region of the disk; data that
# was accepted must be right.  A suspended disk refuses to be opened (ENXIO).
region() {
	local disk=$1 from=$2 end=$((SECONDS + $3)) seed=$2 said
	while ((SECONDS < end)); do
		seed=$((seed + 1))
		k fill "$disk" "$from" 256k $seed 8 16k || continue
		until said=$(k check "$disk" "$from" 256k $seed 8 16k); do
			[[ $said == *ENXIO* ]] || { echo "$said"; return 1; }
			k sleep 0.1
		done
		k flush "$disk" || :
	done
}

settings_flip() {
	k sysctl net.aoe.maxout=$((1 + RANDOM % 64))
	k sysctl net.aoe.strict_src=$((RANDOM % 2))
	k sysctl net.aoe.debug=$((RANDOM % 2))
	k sysctl net.aoe.ghost_wait=$((3 + RANDOM % 8))
	k sysctl net.aoe.wc=$((RANDOM % 3 - 1))
	k sysctl net.aoe.discover=1
	k sysctl -a net.aoe
}

links_flap() {
	k if mtu em0 $((1500 + 7500 * (RANDOM % 2)))
	k if link em1 down
	k if link em1 up
	k sysctl net.aoe.iflist=em0
	k sysctl net.aoe.iflist="em0 em1"
	k sleep 0.2
}

strange_frames() {
	local zeros tag
	zeros=$(printf '00%.0s' {1..40})
	tag=$(printf '%04x%04x' $((RANDOM % 32768)) $RANDOM)
	k inject em0 "ffffffffffff 02ae00090901 88a2 1800 0007 03 01 $tag 0010 0000 02 10 0000 $zeros"
	k inject em0 "ffffffffffff 02ae0009$tag 88a2 1800 $(printf '%04x' $RANDOM) 01 01 00000000 0010 0000 02 10 0000 $zeros"
	k inject em1 "ffffffffffff 02ae00090901 88a2 1800"
}

all_at_once() {
	local seconds=${STRESS:-20} i io=() rest=()
	k if attach em0 wire em0 9000
	k if attach em1 wire em1 9000
	k target add em0 7.3 16m
	k target add em1 8.1 16m
	k load -k net.aoe.iflist="em0 em1" "$module"
	k wait disk aoe7e3 20
	k wait disk aoe8e1 20
	k fault txfree random 100
	k fault unmapped 2
	k target set em0 7.3 lose 29
	for i in 0 1 2; do
		region aoe7e3 $((i * 1048576)) "$seconds" & io+=($!)
		region aoe8e1 $((i * 1048576)) "$seconds" & io+=($!)
	done
	repeat "$seconds" settings_flip & rest+=($!)
	repeat "$seconds" links_flap & rest+=($!)
	repeat "$seconds" strange_frames & rest+=($!)
	wait "${rest[@]}" || :
	wait "${io[@]}"
	for i in "${io[@]}"; do
		wait_ok "$i"
	done
	k fault txfree now
	k fault txrelease
	k sleep 0.3
	k fault txrelease
	k sysctl net.aoe.iflist="em0 em1"
	k fill aoe7e3 0 1m 77
	k check aoe7e3 0 1m 77
	k unload
}

wait_ok() {
	wait "$1" 2>/dev/null || { (($? == 127)) || return 1; }
}
t "I/O, changes of settings and interfaces, and foreign frames at once" all_at_once

unloads_under_all() {
	local i n=${STRESS:-20} io=()
	k if attach em0 wire em0 9000
	k target add em0 7.3 16m
	for ((i = 0; i < n / 2; i++)); do
		k load -k net.aoe.iflist=em0 "$module"
		k wait disk aoe7e3 20
		repeat 2 k fill aoe7e3 0 1m "$i" 16 8k & io=($!)
		repeat 2 k check aoe7e3 2m 1m "$i" 16 8k & io+=($!)
		repeat 2 settings_flip & io+=($!)
		k sleep "0.$((RANDOM % 10))"
		until k unload -f; do
			k sleep 0.1
		done
		wait "${io[@]}" || :
	done
}
t "a forced unload under I/O and sysctls, again and again" unloads_under_all
