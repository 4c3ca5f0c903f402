# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh, which the run script reads first, sets them
# Several paths to one disk.

# narrow_cable NUMBER: a cable that is limited to 50 Mbit/s each way, so that the
# cables determine the rate even on a busy machine.
narrow_cable() {
	cable "$1" 9000
	ip netns exec "$ni" tc qdisc add dev "em$1" root tbf \
	    rate 50mbit burst 32k latency 400ms
	ip netns exec "$nt" tc qdisc add dev "t$1" root tbf \
	    rate 50mbit burst 32k latency 400ms
}

# rate read|write: prints the rate in hundredths of MB/s.
rate() {
	local said
	said=$(k bench aoe7e3 "$1" seq 64k 32 3)
	said=${said#* MB/s }
	# The tool reports blocks of 64 KiB per second.
	echo $((${said%% *} * 65536 / 10000))
}

twice_as_fast() {
	local one try two way
	narrow_cable 0
	narrow_cable 1
	disk_file 256M
	# One disk behind two ports: two vblades with the same serial number.
	target 7 3 0 "$work/disk"
	target 7 3 1 "$work/disk"
	k if attach em0 packet em0
	k if attach em1 packet em1
	k load -k net.aoe.policy="$1" "$module"
	for way in read write; do
		# Other load on the machine can spoil a measurement: up to five are made.
		for ((try = 1; ; try++)); do
			k sysctl net.aoe.iflist=em0
			k wait net.aoe.target.aoe7e3.path.0.payload 8704 10
			one=$(rate $way)
			k sysctl net.aoe.iflist="em0 em1"
			k wait net.aoe.target.aoe7e3.path.1.payload 8704 10
			two=$(rate $way)
			echo "rate: $way by $1: $one on one path, $two on two" \
			    "(0.01 MB/s)"
			# One path must have carried 50 Mbit/s, that is 6.25 MB/s.
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
