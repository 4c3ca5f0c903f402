# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh, which the run script reads first, sets them
# Targets that answer but cannot be used: the commands that give the reason.

# shellcheck source=tests/kld/lib_ctl.sh
. tests/kld/lib_ctl.sh

# odd WHAT VALUE [MTU]: a target of 16 MiB with this setting, made before the
# first beacon.
odd() {
	k load "$module"
	k if attach em0 wire em0 "${3:-9000}"
	k target add em0 7.3 16m
	k target set em0 7.3 "$1" "$2"
	k sysctl net.aoe.iflist=em0
}

reason_sector() {
	odd sector 520
	k wait net.aoe.target.aoe7e3.path.0.state unusable 5
	exits 66 discover -w 0 7.3
	text "7.3: not used: logical sectors of 520 bytes are not supported" discover -w 0 7.3
	text "disk +kld wire target, serial 7.3:wire.*note +logical sectors of 520 bytes are not supported" status 7.3
	text "aoe7e3 +discovered .*7.3:wire +kld wire target" list
	json 'o["target"][0]["remark"] == [{"name": "reason", "text":
	    "logical sectors of 520 bytes are not supported"}]' status
	json '[(e["event"], e["value"]) for e in o["event"]] == [("SECTOR_SIZE", 520)]' log
	equals 0 k sysctl net.aoe.target.aoe7e3.conflict
	# It is reported once, however often the target is queried.
	k sysctl net.aoe.discover=1
	k sleep 2
	json 'len(o["event"]) == 1' log
	# The disk is used as soon as its answer shows that it can be.
	k target set em0 7.3 sector 512
	exits 0 discover -w 5 7.3
	json 'o["target"][0]["remark"] == []' status
	k unload
}
t "an unsupported sector size is reported, with model and serial" reason_sector

reason_size() {
	odd sizeless 1
	k wait net.aoe.target.aoe7e3.path.0.state unusable 5
	text "7.3: not used: the target reports 0 sectors" discover -w 0 7.3
	text "serial 7.3:wire.*note +the target reports 0 sectors" status
	k unload
}
t "a disk without sectors is reported, with model and serial" reason_size

reason_size_later() {
	k load "$module"
	one_disk
	k open aoe7e3
	k target set em0 7.3 sizeless 1
	k sysctl net.aoe.discover=1
	k wait net.aoe.target.aoe7e3.state suspended 5
	text "note +the target reports 0 sectors" status
	equals 0 k sysctl net.aoe.target.aoe7e3.conflict
	k target set em0 7.3 sizeless 0
	k sysctl net.aoe.discover=1
	k wait net.aoe.target.aoe7e3.state up 5
	k fill aoe7e3 0 64k 1
	k close aoe7e3
	k unload
}
t "I/O to an open disk that loses its sectors waits, and the reason is reported" reason_size_later

reason_group() {
	odd group 1
	for _ in {1..50}; do
		(($(k sysctl net.aoe.stats.rx_group) < 2)) || break
		k sleep 0.1
	done
	at_least 2 k sysctl net.aoe.stats.rx_group
	equals 0 k sysctl net.aoe.stats.rx_strangers
	equals 1 grep -c 'aoe7e3: answers come from a group address' "$log"
	text "aoe7e3: answers come from a group address" list
	text "7.3: not used: answers come from a group address" discover -w 0 7.3
	json '[e["event"] for e in o["event"]] == ["GROUP_ADDRESS"]' log 7.3
	k unload
}
t "a target that answers from a group address is counted, and reported once" reason_group

reason_left_out() {
	k load -k net.aoe.maxtargets=2 "$module"
	k if attach em0 wire em0 9000
	k target add em0 7.1 1m
	k target add em0 7.2 1m
	k sysctl net.aoe.iflist=em0
	k wait disk aoe7e1 5
	k wait disk aoe7e2 5
	json 'o["left-out"] == 0' list
	k target add em0 6.4 1m
	k target add em0 6.5 1m
	k sleep 0.3
	text "2 more targets are left out: net.aoe.maxtargets is 2; set it in" list
	json 'sorted(a["name"] for a in o["absent"]) == ["aoe6e4", "aoe6e5"] and o["left-out"] == 2' list
	text "6.4: not used: left out: net.aoe.maxtargets is 2" discover -w 0 6.4
	text "7.9: not found" discover -w 0 7.9
	# Two targets go, so that there is room again.
	k target remove em0 7.1
	k target remove em0 6.5
	k if down em0
	k wait net.aoe.target.aoe7e1.state suspended 5
	ctl flush 7.1
	k wait nodisk aoe7e1 5
	k if up em0
	exits 0 discover -w 10 6.4
	json '[a["name"] for a in o["absent"]] == ["aoe6e5"]' list
	k unload
}
t "targets beyond maxtargets are counted, reported and listed" reason_left_out

reason_unidentified() {
	local i
	odd noata 1
	# The MTU of em1 is too small for an answer to IDENTIFY.
	k if attach em1 wire em1 68
	k target add em1 7.4 16m
	ctl interfaces em0 em1
	for ((i = 0; i < 14; i++)); do
		k sleep 5
		ctl discover
	done
	grep -q 'aoe7e3: no answer to IDENTIFY; does an access list exclude this host?' "$log"
	grep -q 'a sector does not fit into a frame; interface and target need an MTU of at least 548' "$log"
	json 'sorted((e["target"], e["event"]) for e in o["event"]) ==
	    [("aoe7e3", "UNIDENTIFIED"), ("aoe7e4", "FRAME_TOO_SMALL")]' log
	text "aoe7e3: no answer to IDENTIFY" status
	text "7.3: not used: no answer to IDENTIFY" discover -w 0 7.3
	text "7.4: not used: a sector does not fit into a frame" discover -w 0 7.4
	k target set em0 7.3 noata 0
	k if mtu em1 1500
	exits 0 discover -w 10 7.3 7.4
	json 'o["absent"] == []' list
	k unload
}
t "a target that does not answer IDENTIFY is reported after a minute" reason_unidentified
