# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh, which the run script reads first, sets them
# Disks with logical sectors of 4096 bytes.

# shellcheck source=tests/kld/lib_ctl.sh
. tests/kld/lib_ctl.sh

# large_sectors [MTU]: a disk of 16 MiB in sectors of 4096 bytes.
large_sectors() {
	k if attach em0 wire em0 "${1:-9000}"
	k target add em0 7.3 16m
	k target set em0 7.3 sector 4096
	k sysctl net.aoe.iflist=em0
}

sector_io() {
	k load "$module"
	large_sectors
	k wait disk aoe7e3 5
	k disks | grep 'size 16777216 .*4096'
	k wait net.aoe.target.aoe7e3.path.0.payload 8192 5
	k fill aoe7e3 0 16m 1 16 128k
	k check aoe7e3 0 16m 1 8 4k
	k fill aoe7e3 4k 4k 2
	k fill aoe7e3 20k 60k 3
	k check aoe7e3 0 4k 1
	k check aoe7e3 4k 4k 2
	k check aoe7e3 20k 60k 3
	k check aoe7e3 80k 1m 1
	fails_with EINVAL k fill aoe7e3 512 4k 1
	fails_with EINVAL k fill aoe7e3 0 512 1
	json 'o["target"][0]["size"] == 1 << 24' list
	json 'o["size"] == 1 << 24 and o["sector"] == 4096' identify 7.3
	json 'o["path"][0]["passes"] == 8192 and o["path"][0]["verdict"] == "ok"' sancheck
	exits 0 ping -c 1 7.3
	# The bytes lie where a view of 512-byte sectors finds them.
	k target set em0 7.3 sector 512
	k sysctl net.aoe.discover=1
	for _ in {1..50}; do
		! k disks | grep -q 'size 16777216 .*512' || break
		k sleep 0.1
	done
	grep -q 'another disk has replaced the closed one' "$log"
	k check aoe7e3 4k 4k 2
	k check aoe7e3 20k 60k 3
	k unload
}
t "a disk with 4096-byte sectors is read and written in such sectors" sector_io

sector_loss() {
	k load "$module"
	large_sectors
	k wait disk aoe7e3 5
	k target set em0 7.3 lose 7
	k fill aoe7e3 0 8m 5 16 64k
	k check aoe7e3 0 8m 5 16 64k
	k target set em0 7.3 lose 0
	# A network, then a target, that allows only one sector in a frame.
	k target set em0 7.3 maxlen 5000
	k fill aoe7e3 0 1m 6
	k check aoe7e3 0 1m 6
	k wait net.aoe.target.aoe7e3.path.0.payload 4096 10
	k target set em0 7.3 maxlen 0
	k target set em0 7.3 scnt 15
	k sysctl net.aoe.discover=1
	k wait net.aoe.target.aoe7e3.path.0.payload_max 4096 5
	k fill aoe7e3 0 1m 7
	k check aoe7e3 0 1m 7
	k unload
}
t "4096-byte sectors work with losses, small frames and small targets" sector_loss

sector_open() {
	k load "$module"
	large_sectors
	k wait disk aoe7e3 5
	k open aoe7e3
	# The same identity with another sector size is another disk.
	k target set em0 7.3 sector 512
	k sysctl net.aoe.discover=1
	k wait net.aoe.target.aoe7e3.conflict 1 5
	k target set em0 7.3 sector 4096
	k sysctl net.aoe.discover=1
	k wait net.aoe.target.aoe7e3.state up 5
	k fill aoe7e3 0 64k 1
	k check aoe7e3 0 64k 1
	k close aoe7e3
	k unload
}
t "an open disk whose sector size changes counts as another disk" sector_open

sector_mtu() {
	local writer
	k load "$module"
	large_sectors 1500
	k wait net.aoe.target.aoe7e3.path.0.state unusable 5
	text "7.3: not used: a sector does not fit into a frame; interface and target need an MTU of at least 4132" discover -w 0 7.3
	text "serial 7.3:wire.*note +a sector does not fit into a frame" status
	equals "" k disks
	k if mtu em0 4132
	exits 0 discover -w 10 7.3
	k wait disk aoe7e3 5
	k open aoe7e3
	k fill aoe7e3 0 64k 1
	# The MTU shrinks again while the disk is open: its I/O waits.
	k if mtu em0 1500
	k wait net.aoe.target.aoe7e3.state suspended 10
	text "note +a sector does not fit into a frame" status
	k fill aoe7e3 0 64k 2 &
	writer=$!
	k sleep 1
	k if mtu em0 9000
	wait "$writer"
	k check aoe7e3 0 64k 2
	k close aoe7e3
	k unload
}
t "an MTU too small for a sector of 4096 bytes is reported, and I/O waits until it is raised" sector_mtu

sector_dump() {
	k load -k net.aoe.dump=1 "$module"
	large_sectors
	k wait disk aoe7e3 5
	k attr aoe7e3 GEOM::kerneldump
	k fill aoe7e3 0 1m 1
	k dump aoe7e3 64k 512k 2
	k check aoe7e3 0 64k 1
	k check aoe7e3 64k 512k 2
	k check aoe7e3 576k 448k 1
	fails_with EINVAL k dump aoe7e3 512 64k 5
	k unload
}
t "a dump to a disk with 4096-byte sectors is written in such sectors" sector_dump
