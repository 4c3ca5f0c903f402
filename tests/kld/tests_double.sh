# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh, which the run script reads first, sets them
# Disks that are replaced, and disks that share an address.

# exchanged_after SECONDS: disk A sends its advert; that long after, disk B, which
# has replaced it, sends one.
exchanged_after() {
	local gap=$1 writer
	k if attach em0 wire em0 9000
	k load -k net.aoe.iflist=em0 "$module"
	k target add em0 7.3 16m AAAA
	k wait disk aoe7e3 5
	k open aoe7e3
	k sleep "$gap"
	k target remove em0 7.3
	k target add em0 7.3 16m BBBB
	k fill aoe7e3 0 64k 1 &
	writer=$!
	k wait net.aoe.target.aoe7e3.conflict 1 5
	equals suspended k sysctl net.aoe.target.aoe7e3.state
	k target remove em0 7.3
	k target add em0 7.3 16m AAAA
	wait "$writer"
	k check aoe7e3 0 64k 1
	k close aoe7e3
	k unload
}
for gap in 0.05 0.2 0.5 0.9 1.5; do
	t "a disk that is exchanged $gap s after its advert gets no write" \
	    exchanged_after $gap
done

grown_at_once() {
	k if attach em0 wire em0 9000
	k load -k net.aoe.iflist=em0 "$module"
	k target add em0 7.3 16m AAAA
	k wait disk aoe7e3 5
	k sleep 0.2
	k target remove em0 7.3
	k target add em0 7.3 32m AAAA
	k wait net.aoe.target.aoe7e3.size $((32 << 20)) 3
	k unload
}
t "a disk that grew within a second of its advert is resized" grown_at_once

# two_daemons SIZE SERIAL: two daemons on one host serve one address, so that
# every request has two answers.  The second daemon's disk has this size and
# serial number.
two_daemons() {
	local bytes=$1 serial=$2 writer
	k if attach em0 wire em0 9000
	k load -k net.aoe.iflist=em0 "$module"
	k target add em0 7.3 16m AAAA
	k wait disk aoe7e3 5
	k open aoe7e3
	k fill aoe7e3 0 1m 1
	k target add em0 7.3 "$bytes" "$serial"
	k wait net.aoe.target.aoe7e3.conflict 1 5
	k fill aoe7e3 0 64k 2 &
	writer=$!
	equals suspended k sysctl net.aoe.target.aoe7e3.state
	# Only one is left; the next beacon finds it.
	k sleep 1
	k target remove em0 7.3
	k sysctl net.aoe.discover=1
	wait "$writer"
	equals up k sysctl net.aoe.target.aoe7e3.state
	equals 0 k sysctl net.aoe.target.aoe7e3.conflict
	k check aoe7e3 0 64k 2
	k close aoe7e3
	k unload
}
t "two daemons with disks of two sizes at one address are a conflict" \
    two_daemons 8m AAAA
t "two daemons with two serial numbers at one address are a conflict" \
    two_daemons 16m BBBB

# Both disks have the same identity, but different contents.
two_contents() {
	k if attach em0 wire em0 9000
	k load -k net.aoe.iflist=em0 "$module"
	k target add em0 7.3 16m AAAA
	k wait disk aoe7e3 5
	k open aoe7e3
	k fill aoe7e3 0 16m 1
	k target add em0 7.3 16m AAAA
	k bench aoe7e3 read rand 4k 4 2 &
	k wait net.aoe.target.aoe7e3.conflict 1 10
	equals suspended k sysctl net.aoe.target.aoe7e3.state
	k target remove em0 7.3
	k sysctl net.aoe.discover=1
	wait $!
	k check aoe7e3 0 16m 1
	k close aoe7e3
	k unload
}
t "two daemons with different data at one address are a conflict" two_contents

two_alike() {
	k if attach em0 wire em0 9000
	k load -k net.aoe.iflist=em0 "$module"
	k target add em0 7.3 16m AAAA
	k target add em0 7.3 16m AAAA
	k wait disk aoe7e3 5
	k bench aoe7e3 read rand 4k 4 2
	equals 1 k sysctl net.aoe.target.aoe7e3.doubled
	equals 0 k sysctl net.aoe.target.aoe7e3.conflict
	at_least 100 k sysctl net.aoe.target.aoe7e3.path.0.doubled
	equals up k sysctl net.aoe.target.aoe7e3.state
	k unload
}
t "answers that come twice with equal data are a warning" two_alike
