# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh, which the run script reads first, sets them
# Several paths to one disk.

# Cable NUMBER, which carries 50 Mbit/s each way and no more: what is measured
# is to be the cables, on a machine that is busy with other things, too.
narrow_cable() {
	cable "$1" 9000
	ip netns exec "$ni" tc qdisc add dev "em$1" root tbf \
	    rate 50mbit burst 32k latency 400ms
	ip netns exec "$nt" tc qdisc add dev "t$1" root tbf \
	    rate 50mbit burst 32k latency 400ms
}

# The rate of reads or writes, in hundredths of MB/s.
rate() {
	local said
	said=$(k bench aoe7e3 "$1" seq 64k 32 3)
	said=${said#* MB/s }
	# Blocks of 64 KiB in a second.
	echo $((${said%% *} * 65536 / 10000))
}

twice_as_fast() {
	local one try two way
	narrow_cable 0
	narrow_cable 1
	disk_file 256M
	# One disk behind two ports: two vblades that say the same serial.
	target 7 3 0 "$work/disk"
	target 7 3 1 "$work/disk"
	k if attach em0 packet em0
	k if attach em1 packet em1
	k load -k net.aoe.policy="$1" "$module"
	for way in read write; do
		# Others' load can only spoil a measurement: five are allowed.
		for ((try = 1; ; try++)); do
			k sysctl net.aoe.iflist=em0
			k wait net.aoe.target.aoe7e3.path.0.payload 8704 10
			one=$(rate $way)
			k sysctl net.aoe.iflist="em0 em1"
			k wait net.aoe.target.aoe7e3.path.1.payload 8704 10
			two=$(rate $way)
			echo "rate: $way by $1: $one on one path, $two on two" \
			    "(0.01 MB/s)"
			# 50 Mbit/s are 6.25 MB/s: that is what one carried.
			! ((one >= 580 && one <= 640 && two * 10 >= one * 19)) ||
			    break
			((try < 5))
		done
	done
	k unload
}
t "two equal paths carry 1.9 times as much as one, with latency" \
    twice_as_fast latency
t "two equal paths carry 1.9 times as much as one, with roundrobin" \
    twice_as_fast roundrobin
