# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh, which the run script reads first, sets them
# Several paths to one disk.

# Cable NUMBER, which carries 200 Mbit/s each way and no more.
narrow_cable() {
	cable "$1" 9000
	ip netns exec "$ni" tc qdisc add dev "em$1" root tbf \
	    rate 200mbit burst 64k latency 100ms
	ip netns exec "$nt" tc qdisc add dev "t$1" root tbf \
	    rate 200mbit burst 64k latency 100ms
}

# The rate of reads or writes, in tenths of MB/s.
rate() {
	local said
	said=$(k bench aoe7e3 "$1" seq 128k 32 3)
	said=${said%% *}
	echo "${said/./}"
}

twice_as_fast() {
	local one two way
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
		k sysctl net.aoe.iflist=em0
		k wait net.aoe.target.aoe7e3.path.0.payload 8704 10
		one=$(rate $way)
		k sysctl net.aoe.iflist="em0 em1"
		k wait net.aoe.target.aoe7e3.path.1.payload 8704 10
		two=$(rate $way)
		echo "rate: $way by $1: $one on one path, $two on two (0.1 MB/s)"
		# 200 Mbit/s are 25 MB/s: what is measured is the cable.
		((one > 180 && one < 260))
		((two * 10 >= one * 19))
	done
	k unload
}
t "two equal paths carry 1.9 times what one carries, by latency" \
    twice_as_fast latency
t "two equal paths carry 1.9 times what one carries, in turns" \
    twice_as_fast roundrobin
