# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh, which the run script reads first, sets them
# aoectl(8) and the control device, with model targets.

# shellcheck source=tests/kld/lib_ctl.sh
. tests/kld/lib_ctl.sh

with_disk() {
	k load "$module"
	one_disk "$@"
}

ctl_list() {
	with_disk
	k target add em0 0.1 1m
	k target add em0 300.2 1m
	k wait disk aoe300e2 5
	k wait disk aoe0e1 5
	text "aoe7e3 +up +16M +1/1 +no +7.3:wire +kld wire target" list
	json '[t["name"] for t in o["target"]] == ["aoe0e1", "aoe7e3", "aoe300e2"]' list
	json 'o["target"] == [{"name": "aoe7e3", "shelf": 7, "slot": 3,
	    "state": "up", "size": 1 << 24, "paths-up": 1, "paths": 1,
	    "open": False, "model": "kld wire target", "serial": "7.3:wire"}]' \
	    list e7.3
	k open aoe7e3
	json 'o["target"][0]["open"] is True' list /dev/aoe7e3
	k close aoe7e3
	k unload
}
t "aoectl list shows targets in order, by any of their names" ctl_list

ctl_status() {
	with_disk
	text "interfaces: em0.*aoe7e3: up, 16M" status
	json 'o["interfaces"] == "em0" and o["target"][0]["path"][0]["mac"] ==
	    "02:ae:00:07:03:00"' status
	k target set em0 7.3 mute 1
	k fill aoe7e3 0 64k 1 &
	k wait net.aoe.target.aoe7e3.state suspended 15
	exits 1 status
	json 'o["target"][0]["state"] == "suspended" and
	    o["target"][0]["active"] > 0 and
	    174 < o["target"][0]["suspended"] + o["target"][0]["fails-in"] <= 180' \
	    status 7.3
	text "outage +suspended for [0-9]+ s, I/O fails in 1[67][0-9] s" status
	k sysctl net.aoe.target.aoe7e3.maxwait=0
	text "outage +suspended for [0-9]+ s, I/O never fails" status
	json '"fails-in" not in o["target"][0]' status 7.3
	k sysctl net.aoe.target.aoe7e3.maxwait=-1
	k target set em0 7.3 mute 0
	wait
	exits 0 status
	not text outage status
	k inject em0 "ffffffffffff 02ae00070400 88a2 1800 0007 04 01 00000000
	    0010 0000 02 10 0000 $(printf '00%.0s' {1..40})"
	k wait net.aoe.target.aoe7e4.state identifying 5
	k target add em0 7.5 1m ""
	k wait disk aoe7e5 5
	text "disk +kld wire target, firmware 1.  config" status 7.5
	text "aoe7e4: identifying, 0.  config +none" status 7.4
	json 'o["target"][0]["model"] == ""' status 7.4
	k unload
}
t "aoectl status fails if a target is not up" ctl_status

ctl_maxwait() {
	with_disk
	not text maxwait status
	json 'o["target"][0]["maxwait"] == 180' status
	k sysctl net.aoe.target.aoe7e3.maxwait=60
	text "maxwait +60 s" status
	k sysctl net.aoe.target.aoe7e3.maxwait=0
	text "maxwait +for ever" status
	json 'o["target"][0]["maxwait"] == 0' status
	k unload
}
t "aoectl status shows a target's own maxwait" ctl_maxwait

ctl_paths() {
	with_disk 1500
	k if attach em1 wire em1 9000
	k target add em1 7.3 16m 7.3:wire
	ctl interfaces em0 em1
	k wait net.aoe.target.aoe7e3.path.1.state up 5
	text "0 em0 .* up .* 1024 .*1 em1 .* up .* 8704 " paths
	json '[(p["index"], p["interface"], p["mtu"], p["link-up"])
	    for p in o["target"][0]["path"]] ==
	    [(0, "em0", 1500, True), (1, "em1", 9000, True)]' paths 7.3
	json 'all(p["sent"] > 0 for p in o["target"][0]["path"])' stats
	text "rx_frames +[1-9].*aoe7e3.*path 1 on em1" stats
	k fill aoe7e3 0 1m 1
	json 'all(l["from"] in [0] + [1 << n for n in range(23)] for p in
	    o["target"][0]["path"] for l in p["latency"]) and
	    sum(l["answers"] for p in o["target"][0]["path"]
	    for l in p["latency"]) >= (1 << 20) // 8704' stats 7.3
	json 'len(o["counter"]) > 10 and
	    {c["name"]: c["value"] for c in o["counter"]}["tx_frames"] > 2' stats
	k unload
}
t "aoectl paths and stats show each path's values" ctl_paths

ctl_interfaces() {
	k if attach em0 wire em0 1500
	k target add em0 7.3 1m
	k load "$module"
	json 'o["interface"] == []' interfaces
	json 'o["interface"] == [{"name": "em0"}, {"name": "em1"}]' interfaces em0 em1
	equals "em0 em1" k sysctl net.aoe.iflist
	exits 0 discover -w 10 7.3
	exits 64 interfaces em0 much-too-long-a-name
	equals "em0 em1" k sysctl net.aoe.iflist
	equals "em0 em1 em2" ctl_line interfaces -a em2
	exits 64 interfaces -d em3
	equals "em0 em2" ctl_line interfaces -d em1
	ctl interfaces -n
	equals "" k sysctl net.aoe.iflist
	exits 1 discover
	k unload
}
t "aoectl interfaces shows, sets and empties the list" ctl_interfaces

ctl_interfaces_in_use() {
	with_disk
	k open aoe7e3
	exits 1 interfaces -d em0 </dev/null
	exits 1 interfaces -n < <(echo n)
	exits 1 interfaces em1 </dev/null
	equals em0 k sysctl net.aoe.iflist
	exits 0 interfaces -a em1 </dev/null
	exits 0 interfaces -d em1 </dev/null
	exits 0 interfaces -d em0 < <(echo y)
	equals "" k sysctl net.aoe.iflist
	k wait net.aoe.target.aoe7e3.state suspended 10
	exits 0 interfaces -a em0 </dev/null
	k wait net.aoe.target.aoe7e3.state up 10
	exits 0 interfaces -f -n </dev/null
	k wait net.aoe.target.aoe7e3.state suspended 10
	k close aoe7e3
	k unload
}
t "aoectl interfaces asks before an open disk loses its last path" \
    ctl_interfaces_in_use

ctl_discover() {
	with_disk
	k target set em0 7.3 mute 1
	exits 0 discover
	exits 66 discover -w 1 8.4
	k target add em0 8.4 1m
	exits 0 discover -w 10 8.4
	k unload
}
t "aoectl discover queries at once, and waits for named targets" ctl_discover

ctl_flush() {
	k load -k net.aoe.maxwait=0 "$module"
	one_disk
	exits 75 flush 7.3
	exits 66 flush 8.8
	exits 64 flush
	exits 64 flush -a 7.3
	k open aoe7e3
	k if down em0
	k wait net.aoe.target.aoe7e3.state suspended 10
	exits 75 flush 7.3
	text "aoe7e3: kept, open" flush -a
	exits 0 list 7.3
	k close aoe7e3
	text "aoe7e3: removed" flush -a
	k wait nodisk aoe7e3 5
	for _ in {1..50}; do
		! ctl list 7.3 || k sleep 0.1
	done
	exits 66 list 7.3
	k if up em0
	exits 0 discover -w 10 7.3
	k unload
}
t "aoectl flush removes only targets that are down and closed" ctl_flush

ctl_revalidate() {
	local before
	with_disk
	before=$(k sysctl net.aoe.target.aoe7e3.path.0.sent)
	exits 0 revalidate 7.3
	k sleep 0.3
	at_least $((before + 1)) k sysctl net.aoe.target.aoe7e3.path.0.sent
	text "aoe7e3: queried" revalidate
	exits 66 revalidate 9.9
	k unload
}
t "aoectl revalidate identifies a target again" ctl_revalidate

ctl_ping() {
	with_disk
	text "path 0: 2 sent, 2 answered, 0.0% loss" ping -c 2 -i 0 7.3
	json 'len(o["reply"]) == 2 and o["path"][0]["received"] == 2 and
	    0 < o["path"][0]["rtt-min"] <= o["path"][0]["rtt-max"]' \
	    ping -A -c 2 -i 0 7.3
	exits 75 ping -p 5 -c 1 7.3
	k target set em0 7.3 mute 1
	exits 2 ping -c 1 -t 200 7.3
	json 'o["reply"][0]["result"] == "no answer"' ping -c 1 -t 200 7.3
	exits 64 ping -c 0 7.3
	exits 64 ping -t 1e9 7.3
	exits 64 ping -i 3600.1 7.3
	exits 64 ping
	exits 66 ping 1.1
	k unload
}
t "aoectl ping queries every path, and fails without an answer" ctl_ping

ctl_ping_interrupted() {
	local pinging status=0
	with_disk
	AOECTL_KLD=$sock "$top/build/kld/aoectl" ping -i 0.05 7.3 >"$work/pings" &
	pinging=$!
	for _ in {1..50}; do
		grep -q 'seq=3 time=' "$work/pings" && break
		k sleep 0.1
	done
	kill -INT "$pinging"
	wait "$pinging"
	grep -q 'answered, 0.0% loss' "$work/pings"
	grep -q 'min/avg/max/stddev' "$work/pings"
	k target set em0 7.3 mute 1
	AOECTL_KLD=$sock "$top/build/kld/aoectl" ping -i 3600 -t 100 7.3 \
	    >"$work/pings" &
	pinging=$!
	for _ in {1..50}; do
		grep -q 'seq=0 no answer' "$work/pings" && break
		k sleep 0.1
	done
	kill -INT "$pinging"
	wait "$pinging" || status=$?
	((status == 2))
	grep -q '1 sent, 0 answered, 100.0% loss' "$work/pings"
	k unload
}
t "aoectl ping continues until it is interrupted, and then prints statistics" \
    ctl_ping_interrupted

ctl_sancheck() {
	with_disk
	exits 0 sancheck
	json 'o["path"] == [dict(o["path"][0], passes=8704, mtu=9000,
	    verdict="ok", **{"target-allows": 8704, "interface-allows": 8704})]' \
	    sancheck 7.3
	k target set em0 7.3 maxlen 4200
	exits 1 sancheck -t 50
	json 'o["path"][0]["passes"] == 4096 and
	    o["path"][0]["verdict"] == "frames are lost"' sancheck -t 50
	k target set em0 7.3 scnt 4
	k target set em0 7.3 maxlen 0
	ctl discover
	k sleep 0.3
	json 'o["path"][0]["passes"] == 2048 and
	    o["path"][0]["target-allows"] == 2048' sancheck
	k target add em0 7.4 512
	k wait disk aoe7e4 5
	exits 0 sancheck 7.4
	json 'o["path"][0]["passes"] == 512 and o["path"][0]["verdict"] == "ok"' \
	    sancheck 7.4
	text "512 +1024 ok: small disk" sancheck 7.4
	k if link em0 down
	json 'o["path"][0]["verdict"] == "link down"' sancheck
	k unload
}
t "aoectl sancheck measures how much data a frame carries" ctl_sancheck

ctl_identify() {
	with_disk
	text "model +kld wire target.*serial +7.3:wire" identify 7.3
	json 'o["size"] == 1 << 24 and {f["name"]: f["enabled"] for f in
	    o["feature"]}["lba48"] is True and "line" not in o' identify 7.3
	json 'len(o["line"]) == 32 and
	    o["line"][10]["data"].startswith("0000 0000 0000 5400")' identify -r aoe7e3
	exits 76 smart 7.3
	fails_with "rejects this command" ctl smart 7.3
	k target set em0 7.3 smart 1
	exits 0 smart 7.3
	json 'o["health"] == "passed" and o["power"] == "active" and
	    o["attribute"][0] == {"id": 9, "value": 98, "worst": 98,
	    "threshold": 0, "raw": 0x539, "failing": False}' smart 7.3
	k target set em0 7.3 smart 2
	exits 1 smart 7.3
	json 'o["health"] == "failing" and o["attribute"][1]["failing"] is True' \
	    smart 7.3
	k unload
}
t "aoectl identify and smart query the disk" ctl_identify

# IDENTIFY data as from qaoed, and worse: words that are not marked valid, a
# meaningless sector size, a WWN without the bit that it is there, a NUL in the
# serial number.
ctl_identify_odd() {
	local word
	k load "$module"
	k if attach em0 wire em0 9000
	k target add em0 7.3 16m "7.3:wire"
	for word in 82=0x61 85=0x21 83=0x3400 86=0x3400 87=0 103=0x1234 \
	    108=0x5000 109=0x1234 111=7 11=0x003a 169=1; do
		k target set em0 7.3 word $word
	done
	k sysctl net.aoe.iflist=em0
	k wait disk aoe7e3 5
	text "serial +7. :wire" identify 7.3
	json "o['serial'] == '$(k sysctl net.aoe.target.aoe7e3.serial)' and
	    o['size'] == $(k sysctl net.aoe.target.aoe7e3.size)" identify 7.3
	json '"wwn" not in o and [f["name"] for f in o["feature"] if
	    f["supported"]] == ["write-cache", "trim"]' identify 7.3
	fails_with "" k attr aoe7e3 GEOM::lunid
	k target set em0 7.3 word 87=0x4100
	k target set em0 7.3 word 83=0x7400
	k target set em0 7.3 word 103=0
	ctl revalidate
	k sleep 0.2
	json 'o["wwn"] == "5000123400000007" and [f["name"] for f in
	    o["feature"] if f["enabled"]] == ["smart", "write-cache", "lba48",
	    "flush", "flush-ext", "trim"]' identify 7.3
	equals 5000123400000007 k attr aoe7e3 GEOM::lunid
	k unload
}
t "aoectl identify decodes an odd disk as the driver does" ctl_identify_odd

ctl_config() {
	with_disk
	json 'o["config"] == "" and o["buffer-count"] == 16' config 7.3
	exits 0 config 7.3 set mine
	k wait net.aoe.target.aoe7e3.config mine 5
	equals mine ctl config aoe7e3 read
	fails_with "the config string is already set" ctl config 7.3 set other
	exits 76 config 7.3 set other
	equals mine ctl config 7.3
	exits 0 config 7.3 test mine
	exits 1 config 7.3 test min
	exits 0 config 7.3 prefix min
	json 'o["matches"] is False' config 7.3 prefix other
	exits 0 config 7.3 force 'a "quoted" \ one'
	json 'o["config"] == "a \"quoted\" \\ one"' config 7.3
	exits 0 config 7.3 force "$(printf 'x%.0s' {1..1024})"
	json 'o["config"] == "x" * 1024 and o["length"] == 1024' config 7.3
	exits 64 config 7.3 force "$(printf 'x%.0s' {1..1025})"
	exits 64 config 7.3 set
	exits 64 config 7.3 eat it
	equals "" ctl config 7.3 force ""
	equals 0 count_lines ctl config 7.3 force ""
	equals 0 count_lines ctl config 7.3
	json 'o["config"] == "" and o["name"] == "aoe7e3"' config 7.3
	k target set em0 7.3 mute 1
	exits 75 config 7.3
	exits 75 config 7.3 test x
	k unload
}
t "aoectl config reads, tests and sets the config string" ctl_config

ctl_mask() {
	local i own
	with_disk
	own=$(ctl --libxo json paths 7.3 | sed 's/.*"local-mac":"\([^"]*\)".*/\1/')
	fails_with "does not know this command" ctl mask 7.3
	k target set em0 7.3 silent 1
	fails_with "does not support MAC masks" ctl mask 7.3
	exits 76 mask 7.3
	k target set em0 7.3 silent 0
	k target set em0 7.3 optional 1
	text "every host is allowed" mask 7.3
	json 'o["host"] == []' mask 7.3
	exits 0 mask 7.3 add "$own" 020000000001
	json "o[\"host\"] == [{\"mac\": \"02:00:00:00:00:01\"}, {\"mac\": \"$own\"}]" mask 7.3
	exits 0 mask 7.3 delete 02:00:00:00:00:01
	equals "$own" ctl mask 7.3
	for i in {1..7}; do
		ctl mask 7.3 add "02:00:00:00:00:0$i" >/dev/null
	done
	fails_with "02:00:00:00:00:08: the list is full" \
	    ctl mask 7.3 add 02:00:00:00:00:07 02:00:00:00:00:08
	exits 0 mask 7.3 clear
	json 'o["host"] == []' mask 7.3
	exits 64 mask 7.3 add
	exits 64 mask 7.3 add nonsense
	# This would exclude this host, so it requires -f.
	fails_with "this would exclude this host ($own)" \
	    ctl mask 7.3 add 02:00:00:00:00:01
	exits 1 mask 7.3 add 02:00:00:00:00:01
	json 'o["host"] == []' mask 7.3
	exits 0 mask 7.3 add "$own" 02:00:00:00:00:01
	exits 0 mask 7.3 add 02:00:00:00:00:02
	exits 1 mask 7.3 delete "$own"
	json 'len(o["host"]) == 3' mask 7.3
	exits 0 mask 7.3 delete 02:00:00:00:00:01 02:00:00:00:00:02
	exits 0 mask 7.3 delete "$own"
	exits 64 mask 7.3 add -f
	exits 64 mask 7.3 read -f
	# A target does not answer a host that its mask excludes.
	exits 0 mask 7.3 add -f 02:00:00:00:00:01
	exits 75 mask 7.3
	k unload
}
t "aoectl mask reads and edits the list of hosts" ctl_mask

ctl_reserve() {
	with_disk
	k target set em0 7.3 silent 1
	fails_with "does not support reservations" ctl reserve 7.3
	k target set em0 7.3 silent 0
	k target set em0 7.3 optional 1
	text "not reserved" reserve 7.3
	exits 0 reserve 7.3 set
	json 'len(o["host"]) == 1' reserve 7.3
	k fill aoe7e3 0 64k 1
	exits 0 reserve 7.3 release
	json 'o["host"] == []' reserve 7.3 read
	exits 0 reserve 7.3 set 02:00:00:00:00:01
	fails_with EBUSY k fill aoe7e3 0 64k 1
	fails_with "reserved by another host" ctl reserve 7.3 set
	exits 76 reserve 7.3 release
	json 'o["target"][0]["remark"][0]["name"] == "reserved"' status
	exits 0 reserve 7.3 release -f
	k fill aoe7e3 0 64k 1
	exits 0 reserve 7.3 force 02:00:00:00:00:01
	exits 0 reserve 7.3 force 02:00:00:00:00:01 02:00:00:00:00:02
	json 'len(o["host"]) == 2' reserve 7.3
	exits 64 reserve 7.3 force
	exits 64 reserve 7.3 hold
	k unload
}
t "aoectl reserve sets, forces, releases and shows a reservation" ctl_reserve

ctl_log() {
	local follower
	with_disk
	text "aoe7e3 path 0 PATH_UP: up" log
	text "aoe7e3 UP: found, 16.0M" log
	json '[e["event"] for e in o["event"]] == ["PATH_UP", "UP"] and
	    o["event"][1]["value"] == 32768' log 7.3
	exits 66 log 1.1
	json 'len(o["event"]) == 1 and o["event"][0]["event"] == "UP"' log -n 1
	ctl log -f >"$work/followed" &
	follower=$!
	k sleep 0.3
	k if down em0
	k wait net.aoe.target.aoe7e3.state suspended 10
	for _ in {1..50}; do
		grep -q SUSPENDED "$work/followed" && break
		k sleep 0.1
	done
	grep -q 'aoe7e3 SUSPENDED' "$work/followed"
	# Unloading ends commands that wait, at once.
	k unload
	not wait "$follower"
}
t "aoectl log shows the events, and -f follows them until the unload" ctl_log

ctl_watch() {
	local watcher
	with_disk
	ctl watch -n 1 7.3 7.5 >"$work/watched" &
	watcher=$!
	k sleep 0.3
	equals 1 count_lines cat "$work/watched"
	k if down em0
	k wait net.aoe.target.aoe7e3.state suspended 10
	for _ in {1..50}; do
		! grep -q SUSPENDED "$work/watched" || break
		k sleep 0.1
	done
	grep -q 'aoe7e3 SUSPENDED' "$work/watched"
	k if up em0
	k target add em0 7.4 1m
	ctl discover -w 10 7.4
	k target add em0 7.5 1m
	ctl discover -w 10 7.5
	for _ in {1..50}; do
		! grep -q 'aoe7e5 UP' "$work/watched" || break
		k sleep 0.1
	done
	grep -q 'aoe7e5 UP' "$work/watched"
	not grep aoe7e4 "$work/watched"
	k unload
	not wait "$watcher"
}
t "aoectl watch shows the last events and follows those of its targets" \
    ctl_watch

ctl_log_wraps() {
	local i
	with_disk
	for ((i = 0; i < 70; i++)); do
		k if down em0
		k wait net.aoe.target.aoe7e3.state suspended 5
		k if up em0
		k wait net.aoe.target.aoe7e3.state up 5
	done
	json 'len(o["event"]) == 256 and [e["seq"] for e in o["event"]] ==
	    list(range(o["event"][0]["seq"], o["event"][0]["seq"] + 256)) and
	    o["event"][0]["seq"] > 1' log
	k unload
}
t "the event log keeps the last 256 events" ctl_log_wraps

ctl_alone() {
	local first status=0
	with_disk
	k target set em0 7.3 mute 1
	ctl ping -c 1 -t 1500 7.3 >"$work/first" &
	first=$!
	k sleep 0.3
	# The second waits for the first to end, then for its own answer.
	exits 75 config 7.3 || status=$?
	grep -q "no answer" "$work/first"
	wait "$first" || :
	k target set em0 7.3 mute 0
	exits 0 config 7.3
	return $status
}
t "two management commands to one target run one after the other" ctl_alone

ctl_signal() {
	local waiting
	with_disk
	k target set em0 7.3 mute 1
	ctl config 7.3 &
	waiting=$!
	k sleep 0.3
	k interrupt
	k sleep 0.3
	# The command has ended, long before its four seconds are over.
	not kill -0 "$waiting" 2>/dev/null
	k target set em0 7.3 mute 0
	exits 0 config 7.3
	k unload
}
t "a signal ends a command, and the next one works" ctl_signal

ctl_unload() {
	local begun waiting
	with_disk
	k target set em0 7.3 mute 1
	ctl config 7.3 &
	waiting=$!
	ctl config 7.3 &
	k sleep 0.3
	begun=$SECONDS
	k unload
	((SECONDS - begun < 3))
	not wait "$waiting"
	exits 69 list
	fails_with "kldload aoe" ctl list
}
t "an unload does not wait for a command" ctl_unload

ctl_kept() {
	with_disk
	k open aoe7e3
	fails_with EBUSY k unload
	exits 0 list
	fails_with EBUSY k unload -f
	exits 0 version
	# The device is there again, though its targets are not.
	exits 0 list
	k close aoe7e3
	k unload
}
t "the control device still works after a refused unload" ctl_kept

ctl_nobody() {
	with_disk
	AOECTL_AS=-j exits 77 list
	AOECTL_AS='-u 1001' exits 77 list
	AOECTL_AS='-u 1001' exits 77 config 7.3 set mine
	AOECTL_AS='-u 1001' exits 0 version
	exits 0 list
	k unload
}
t "only root outside of jails can open the control device" ctl_nobody

ctl_usage() {
	with_disk
	exits 64
	exits 64 frob
	exits 64 --libxo nonsense list
	exits 64 list 7
	exits 64 list 7.256
	exits 64 list aoe7.3
	exits 66 list 7.4
	exits 66 list 7.3 7.4
	exits 64 log -n x
	exits 64 discover -w x
	exits 0 help
	ctl --libxo xml list | python3 -c '
import sys, xml.dom.minidom
xml.dom.minidom.parse(sys.stdin).getElementsByTagName("target")[0]'
	ctl --libxo=json,pretty list | python3 -m json.tool >/dev/null
	ctl --libxo:JP list | python3 -m json.tool >/dev/null
	k unload
}
t "aoectl has an exit status for each kind of error" ctl_usage


ctl_bounds() {
	local request size
	with_disk
	size=$(((4 + 4 * 4 + 4 + 8 + 2084 + 7) / 8 * 8))
	request=$((0xc0000000 | size << 16 | 0x4102))
	# A length past the buffer, no tries, waits that are too long; then a
	# vendor's command, a write, and SET FEATURES; then an undefined request.
	for bad in \
	    "070003ff 01000000 25080000 00000000 e8030000 01" \
	    "070003ff 01000000 08000000 00000000 e8030000 00" \
	    "070003ff 01000000 08000000 00000000 80ee3600 01" \
	    "070003ff 01000000 08000000 00000000 60ea0000 ff"; do
		fails_with EINVAL k ioctl aoectl $request "${bad// /}"
	done
	for bad in \
	    "070003ff f0000000 08000000 00000000 e8030000 01" \
	    "070003ff 00000000 0c000000 00000000 e8030000 01000000 0000000000000000 01000130" \
	    "070003ff 00000000 0c000000 00000000 e8030000 01000000 0000000000000000 000000ef"; do
		fails_with EOPNOTSUPP k ioctl aoectl $request "${bad// /}"
	done
	fails_with ENOTTY k ioctl aoectl 0x20004163
	fails_with ENOENT k ioctl aoectl $request 080003ff010000000800000000000000e803000001
	k unload
}
t "the control device rejects harmful and out-of-range requests" ctl_bounds

# finds KIND [TARGET]: doctor reports a finding of this kind, and exits with 1.
finds() {
	local kind=$1
	shift
	exits 1 doctor "$@"
	json "'$kind' in [f['kind'] for f in o['finding']] and not o['well']" \
	    doctor "$@"
}

ctl_doctor() {
	finds not-loaded
	k load "$module"
	k if attach em0 wire em0 9000
	finds no-interface
	text "try: aoectl interfaces em0" doctor
	ctl interfaces em0
	finds no-answer
	finds no-answer 7.3
	k target add em0 7.3 16m
	exits 0 doctor 7.3
	exits 0 doctor
	json 'o == {"well": True, "finding": []}' doctor
	k target set em0 7.3 scnt 4
	finds mtu
	k target set em0 7.3 scnt 17
	k if link em0 down
	k wait net.aoe.target.aoe7e3.state suspended 10
	finds no-carrier
	finds suspended 7.3
	k if down em0
	finds down
	k if up em0
	k if link em0 up
	k wait net.aoe.target.aoe7e3.state up 10
	ctl interfaces em0 em9
	finds absent
	ctl interfaces em0
	exits 0 doctor
	k unload
}
t "aoectl doctor names the faulty interface, network or target" \
    ctl_doctor

ctl_doctor_target() {
	k load -k net.aoe.maxtargets=1 "$module"
	one_disk
	exits 0 doctor
	k firewall on
	k sleep 0.2
	finds no-answer
	k firewall off
	k sysctl net.aoe.filter.shelves=1-6
	finds filtered 7.4
	k sysctl net.aoe.filter.shelves=
	k target add em0 7.4 1m
	finds maxtargets
	finds maxtargets 7.4
	k target set em0 7.3 maxlen 4200
	k if mtu em0 1500
	k sleep 0.2
	k if mtu em0 9000
	k sysctl net.aoe.discover=1
	for _ in {1..20}; do
		k fill aoe7e3 0 1m 1
		! ctl doctor 7.3 >/dev/null || continue
		break
	done
	finds large-frames 7.3
	k target set em0 7.3 maxlen 0
	k unload
}
t "aoectl doctor finds filters, limits, firewalls and lost large frames" \
    ctl_doctor_target

ctl_doctor_mask() {
	local own
	with_disk
	k target set em0 7.3 optional 1
	own=$(ctl --libxo json paths 7.3 | sed 's/.*"local-mac":"\([^"]*\)".*/\1/')
	k if attach em1 wire em1 9000
	k target add em1 7.3 16m 7.3:wire
	ctl interfaces em0 em1
	k wait net.aoe.target.aoe7e3.path.1.state up 5
	exits 0 doctor
	k target set em1 7.3 mute 1
	ctl mask 7.3 add -f "$own"
	for _ in {1..30}; do
		[[ $(k sysctl net.aoe.target.aoe7e3.path.1.state) != down ]] || break
		ctl revalidate 7.3
		k sleep 1
	done
	finds masked 7.3
	k unload
}
t "aoectl doctor finds a mask that lacks one address of this host" \
    ctl_doctor_mask

ctl_top() {
	with_disk
	k if attach em1 wire em1 1500
	k target add em1 7.3 16m 7.3:wire
	ctl interfaces em0 em1
	k wait net.aoe.target.aoe7e3.path.1.state up 5
	json '[t["operations-per-second"] for t in o["reading"][0]["target"]] ==
	    [0.0] and "latency-p50" not in o["reading"][0]["target"][0]' top -n 1
	# A mebibyte in pieces of 64 KiB, and one or two sectors that GEOM reads.
	ctl --libxo json top -n 3 >"$work/top" &
	k sleep 1.3
	k fill aoe7e3 0 1m 1 1 64k
	wait $!
	python3 -c '
import json, sys
readings = json.load(open(sys.argv[1]))["aoe"]["reading"]
disks = [(r["seconds"], r["target"][0]) for r in readings]
total = lambda name: sum(round(s * d[name]) for s, d in disks)
assert 16 <= total("operations-per-second") <= 20, disks
assert abs(total("bytes-per-second") - (1 << 20)) < 8192, disks
paths = [p for _, d in disks for p in d["path"]]
assert {p["interface"] for p in paths} == {"em0", "em1"}, disks
assert any(0 < d["latency-p50"] <= d["latency-p99"] for _, d in disks
    if d["operations-per-second"]), disks' "$work/top"
	exits 66 top -n 1 9.9
	k unload
	exits 69 top -n 1
}
t "aoectl top shows the load of each disk and path between two readings" ctl_top
