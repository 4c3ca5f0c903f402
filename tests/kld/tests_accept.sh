# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh, which the run script reads first, sets them
# aoectl accept: another disk replaces one that is open.

# shellcheck source=tests/kld/lib_ctl.sh
. tests/kld/lib_ctl.sh

# host_renamed [SIZE]: the target of an open disk returns with another host name
# in its serial number, and with another size if one is given.
host_renamed() {
	k load "$module"
	one_disk
	k open aoe7e3
	k fill aoe7e3 0 1m 1
	if [[ -n ${1:-} ]]; then
		k target remove em0 7.3
		k target add em0 7.3 "$1" 7.3:renamed
	else
		k target set em0 7.3 serial 7.3:renamed
	fi
	k sysctl net.aoe.discover=1
	k wait net.aoe.target.aoe7e3.state suspended 5
	equals 1 k sysctl net.aoe.target.aoe7e3.conflict
}

accept_renamed() {
	local reader
	host_renamed
	k check aoe7e3 0 1m 1 &
	reader=$!
	# The tool asks, and only y is a yes.
	fails_with "old disk: kld wire target, serial 7.3:wire, 16M, open" \
	    ctl accept 7.3 </dev/null
	fails_with "new disk: kld wire target, serial 7.3:renamed, 16M, on path 0 (em0, 02:ae:00:07:03:00)" \
	    ctl accept 7.3 <<<no
	exits 1 accept 7.3 <<<""
	equals suspended k sysctl net.aoe.target.aoe7e3.state
	equals "aoe7e3: accepted, serial 7.3:renamed" ctl accept 7.3 <<<y
	wait "$reader"
	equals 7.3:renamed k sysctl net.aoe.target.aoe7e3.serial
	equals 0 k sysctl net.aoe.target.aoe7e3.conflict
	grep -q 'another disk (16.0M) was accepted in place of the earlier one' "$log"
	grep -q 'subsystem=aoe7e3 type=ACCEPTED' "$log"
	json '[e["event"] for e in o["event"]][-4:] == ["SUSPENDED",
	    "ACCEPTED", "PATH_UP", "RESUMED"]' log 7.3
	# The disk's former identity is another disk now.
	k target set em0 7.3 serial 7.3:wire
	k sysctl net.aoe.discover=1
	k wait net.aoe.target.aoe7e3.conflict 1 5
	exits 0 accept -f 7.3
	k fill aoe7e3 1m 1m 2
	k check aoe7e3 1m 1m 2
	k close aoe7e3
	k unload
}
t "a disk whose host was renamed is accepted, and I/O goes on" accept_renamed

accept_twin() {
	local writer
	k load "$module"
	one_disk
	k open aoe7e3
	k if attach em1 wire em1 9000
	k target add em1 7.3 16m 7.3:twin
	ctl interfaces em0 em1
	k wait net.aoe.target.aoe7e3.conflict 1 5
	# As long as the old disk answers, it is kept.
	exits 75 accept -f 7.3
	fails_with "the old disk answers" ctl accept -f 7.3
	k if down em0
	k wait net.aoe.target.aoe7e3.state suspended 5
	k fill aoe7e3 0 1m 1 &
	writer=$!
	json 'o["result"] == "accepted" and o["name"] == "aoe7e3"' accept -f 7.3
	wait "$writer"
	k check aoe7e3 0 1m 1
	# The old disk comes back, and gets no I/O.
	k if up em0
	k sysctl net.aoe.discover=1
	k wait net.aoe.target.aoe7e3.conflict 1 10
	k fill aoe7e3 0 64k 2
	k check aoe7e3 0 64k 2
	k close aoe7e3
	k unload
}
t "the twin of a dead target is accepted, and the old disk is a conflict from then on" \
    accept_twin

accept_two() {
	local path
	k load "$module"
	one_disk
	k open aoe7e3
	k if attach em1 wire em1 9000
	k if attach em2 wire em2 9000
	k target add em1 7.3 16m 7.3:one
	k target add em2 7.3 16m 7.3:two
	ctl interfaces em0 em1 em2
	for path in 1 2; do
		k wait net.aoe.target.aoe7e3.path.$path.state conflict 5
	done
	k if down em0
	k wait net.aoe.target.aoe7e3.state suspended 5
	exits 64 accept -f 7.3
	fails_with "lead to different disks" ctl accept -f 7.3
	path=$(path_on em2)
	exits 75 accept -f -p 9 7.3
	exits 0 accept -f -p "${path##*.}" 7.3
	equals 7.3:two k sysctl net.aoe.target.aoe7e3.serial
	k wait "$(path_on em1).state" conflict 5
	k close aoe7e3
	k unload
}
t "of several other disks, the one on the named path is accepted" accept_two

# accept_smaller COMMAND...: the command makes the disk smaller; then it is not
# accepted while the old one is open.
accept_smaller() {
	local writer
	"$@"
	k wait net.aoe.target.aoe7e3.state suspended 5
	k fill aoe7e3 0 1m 2 &
	writer=$!
	k sleep 0.3
	exits 75 accept -f 7.3
	fails_with "the new disk is smaller; close /dev/aoe7e3 first" \
	    ctl accept 7.3
	# The driver refuses it as well, if a tool did not check: struct
	# aoe_ioc_accept, with this target's answer to IDENTIFY.
	fails_with ENOSPC k ioctl aoectl 0x82084109 "0700030000000000$(ctl \
	    --libxo json identify -r 7.3 | python3 -c '
import json, sys
for line in json.load(sys.stdin)["aoe"]["line"]:
    for word in line["data"].split():
        print(word[2:] + word[:2], end="")')"
	k sleep 1
	kill -0 "$writer"
	equals suspended k sysctl net.aoe.target.aoe7e3.state
	equals 16777216 k sysctl net.aoe.target.aoe7e3.size
	k target remove em0 7.3
	k target add em0 7.3 16m 7.3:wire
	wait "$writer"
	k check aoe7e3 0 1m 2
	k close aoe7e3
	k unload
}
shrunk() {
	k load "$module"
	resized_while_open 8m
}
t "a disk that shrank while open gets no I/O and cannot be accepted" \
    accept_smaller shrunk
t "another disk that is smaller than the open one is not accepted" \
    accept_smaller host_renamed 8m

accept_closed() {
	host_renamed 8m
	k close aoe7e3
	exits 0 accept -f 7.3
	k wait net.aoe.target.aoe7e3.size 8388608 5
	k fill aoe7e3 0 64k 2
	k check aoe7e3 0 64k 2
	k unload
}
t "a smaller disk is used once the old one is closed" accept_closed

accept_sectors() {
	k load "$module"
	one_disk
	k open aoe7e3
	k target set em0 7.3 sector 4096
	k sysctl net.aoe.discover=1
	k wait net.aoe.target.aoe7e3.state suspended 5
	fails_with "sector size differs" \
	    ctl accept -f 7.3
	k close aoe7e3
	k unload
}
t "a disk with another sector size is not accepted in place of an open one" accept_sectors

accept_refused() {
	k load "$module"
	one_disk
	exits 64 accept
	exits 64 accept -p 16 7.3
	exits 64 accept 7.3 7.4
	exits 66 accept 7.9
	exits 75 accept 7.3
	AOECTL_AS='-u 1001' exits 77 accept -f 7.3
	k open aoe7e3
	k if down em0
	k wait net.aoe.target.aoe7e3.state suspended 5
	fails_with "no other disk answers" ctl accept -f 7.3
	k close aoe7e3
	k unload
}
t "the disk in use, or no disk at all, is not accepted" accept_refused
