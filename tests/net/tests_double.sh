# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh, which the run script reads first, sets them
# Two daemons at one address, and two interfaces to one port.

# two_vblades SIZE SIZE: two vblades on one interface with one address; their
# files have these sizes and different contents.
two_vblades() {
	local one=$1 two=$2 file bench
	cable 0 9000
	for file in one two; do
		head -c "${!file}" /dev/urandom >"$work/$file"
	done
	k if attach em0 packet em0
	k load -k net.aoe.iflist=em0 "$module"
	target 7 3 0 "$work/one"
	k wait disk aoe7e3 10
	k open aoe7e3
	target 7 3 0 "$work/two"
	k bench aoe7e3 read rand 4k 4 3 &
	bench=$!
	k wait net.aoe.target.aoe7e3.conflict 1 10
	equals suspended k sysctl net.aoe.target.aoe7e3.state
	end "$target"
	k sysctl net.aoe.discover=1
	k wait net.aoe.target.aoe7e3.state up 10
	# Reads past the end of the smaller disk may have failed.
	wait "$bench" || :
	k read aoe7e3 0 1m "$work/out"
	cmp -n 1048576 "$work/out" "$work/one"
	k close aoe7e3
	k unload
}
t "two vblades with disks of 64 MiB at one address are a conflict" \
    two_vblades 64M 64M
t "two vblades with disks of 64 and 32 MiB at one address are a conflict" \
    two_vblades 64M 32M

# switched MTU: connects em0, em1 and t0 to a switch.
switched() {
	local mtu=$1 port
	ip -n "$nr" link add sw type bridge
	for port in em0 em1; do
		ip -n "$ni" link add "$port" type veth peer name "s$port" \
		    netns "$nr"
		up "$ni" "$port" "$mtu"
	done
	ip -n "$nt" link add t0 type veth peer name st0 netns "$nr"
	up "$nt" t0 "$mtu"
	for port in sem0 sem1 st0; do
		ip -n "$nr" link set "$port" master sw
		up "$nr" "$port" "$mtu"
	done
	up "$nr" sw "$mtu"
}

# Prints the rate of writes in hundredths of MB/s, and the number of requests in
# a million that were sent again.
rate_and_resent() {
	local again sent said
	again=$(k sysctl net.aoe.target.aoe7e3.retransmitted)
	sent=$(k sysctl net.aoe.target.aoe7e3.sent)
	said=$(k bench aoe7e3 write seq 64k 32 3)
	said=${said#* MB/s }
	again=$(($(k sysctl net.aoe.target.aoe7e3.retransmitted) - again))
	sent=$(($(k sysctl net.aoe.target.aoe7e3.sent) - sent))
	echo $((${said%% *} * 65536 / 10000)) $((again * 1000000 / sent))
}

one_port() {
	local one two resent again try
	switched 1500
	disk_file 256M
	target 7 3 0 "$work/disk"
	k if attach em0 packet em0
	k if attach em1 packet em1
	k load "$module"
	# Other load on the machine can spoil a measurement: up to five are made.
	for ((try = 1; ; try++)); do
		k sysctl net.aoe.iflist=em0
		k wait disk aoe7e3 10
		read -r one resent < <(rate_and_resent)
		k sysctl net.aoe.iflist="em0 em1"
		k wait net.aoe.target.aoe7e3.path.1.state up 10
		read -r two again < <(rate_and_resent)
		echo "one port: $one on one interface, $resent ppm sent again;" \
		    "$two on two, $again ppm (0.01 MB/s)"
		# An overrun queue would lose several per cent.
		! ((two * 10 >= one * 9 && again <= resent + 3000)) || break
		((try < 5))
	done
	k unload
}
t "two interfaces to one port are no slower than one, and do not overrun it" one_port
