# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh, which the run script reads first, sets them
# Reads and writes: data that is read is what was written.

all_shapes() {
	local mtu size depth seed=0
	for mtu in 1500 4132 9000; do
		k if attach em0 wire em0 $mtu
		k target add em0 7.3 16m
		k load -k net.aoe.iflist=em0 "$module"
		k wait disk aoe7e3 5
		for size in 512 4k 66048 1m; do
			for depth in 1 16 64; do
				seed=$((seed + 1))
				k fill aoe7e3 512 2m $seed $depth $size
				k check aoe7e3 512 2m $seed $depth 64k
			done
		done
		equals 0 k sysctl net.aoe.target.aoe7e3.failed
		k unload
		k if detach em0
	done
}
t "data is written and read back at every MTU, size and depth" all_shapes

mapped_or_not() {
	local how
	k load "$module"
	one_disk
	for how in 0 1 2; do
		k fault unmapped $how
		k fill aoe7e3 0 4m 1$how 16 100k
		k check aoe7e3 0 4m 1$how 16 36k
	done
	k fault rxsplit 1
	k check aoe7e3 0 4m 12
	k unload
}
t "mapped and unmapped bios, contiguous and split mbufs carry the same bytes" \
    mapped_or_not

out_of_range() {
	k load "$module"
	one_disk
	fails_with EIO k fill aoe7e3 16m 4k 1
	fails_with EINVAL k fill aoe7e3 100 4k 1
	k fill aoe7e3 $((16 * 1024 * 1024 - 4096)) 4k 1
	k check aoe7e3 $((16 * 1024 * 1024 - 4096)) 4k 1
	k unload
}
t "the last sector works, and none past it" out_of_range

flush_and_attributes() {
	k load "$module"
	one_disk
	k flush aoe7e3
	k speedup aoe7e3
	fails_with EOPNOTSUPP k delete aoe7e3 0 4k
	equals 7.3:wire k attr aoe7e3 GEOM::ident
	equals aoe/shelf@7/slot@3 k attr aoe7e3 GEOM::physpath
	fails_with ENOIOCTL k attr aoe7e3 GEOM::nonsense
	k disks | grep 'ident "7.3:wire" descr "kld wire target"'
	k disks | grep 'size 16777216 sector 512'
	k unload
}
t "flush and speedup succeed, delete is refused, attributes are available" \
    flush_and_attributes

loses_answers() {
	k load "$module"
	one_disk
	k target set em0 7.3 lose 13
	k fill aoe7e3 0 4m 5
	k check aoe7e3 0 4m 5
	at_least 10 k sysctl net.aoe.target.aoe7e3.retransmitted
	equals 0 k sysctl net.aoe.target.aoe7e3.failed
	k unload
}
t "a target that loses every 13th answer still stores the right bytes" \
    loses_answers

small_targets() {
	local n
	k load "$module"
	for n in 0 1 2 255; do
		k if attach em0 wire em0 9000
		k target add em0 7.3 16m
		k target set em0 7.3 bufcnt $n
		k target set em0 7.3 scnt $((n % 3))
		k sysctl net.aoe.iflist=em0
		k wait disk aoe7e3 5
		k fill aoe7e3 0 256k $n
		k check aoe7e3 0 256k $n
		k unload
		k load "$module"
		k if detach em0
	done
	k unload
}
t "targets with buffers for 0, 1, 2 and 255 messages work" small_targets

write_protected() {
	k load "$module"
	one_disk
	k target set em0 7.3 readonly 1
	fails_with EIO k fill aoe7e3 0 64k 1
	k read aoe7e3 0 64k "$work/out"
	cmp -n 65536 "$work/out" /dev/zero
	k target set em0 7.3 readonly 0
	k fill aoe7e3 0 64k 1
	k unload
}
t "a target that refuses writes returns EIO and can still be read" \
    write_protected

files() {
	head -c 3000320 /dev/urandom >"$work/in"
	k load "$module"
	one_disk
	k write aoe7e3 4096 "$work/in"
	k read aoe7e3 4096 3000320 "$work/out"
	cmp "$work/in" "$work/out"
	k unload
}
t "a file is written and read back" files

nbd_export() {
	local uri
	command -v nbdcopy >/dev/null || skip "no nbdcopy"
	head -c 16777216 /dev/urandom >"$work/in"
	k load "$module"
	one_disk
	k nbd aoe7e3 "$work/nbd"
	uri="nbd+unix:///?socket=$work/nbd"
	equals 16777216 nbdinfo --size "$uri"
	nbdcopy "$work/in" "$uri"
	nbdcopy "$uri" "$work/out"
	cmp "$work/in" "$work/out"
	qemu-img compare -f raw -F raw "$work/in" "$uri"
	k nbd stop
	k unload
}
t "nbdinfo, nbdcopy and qemu-img work on the NBD export" nbd_export

nbd_fio() {
	command -v fio >/dev/null || skip "no fio"
	fio --enghelp=nbd >/dev/null 2>&1 || skip "this fio has no nbd engine"
	k load "$module"
	one_disk
	k nbd aoe7e3 "$work/nbd"
	fio --name=v --verify_state_save=0 --ioengine=nbd "--uri=nbd+unix:///?socket=$work/nbd" \
	    --rw=randwrite --bs=512-64k --bsrange=512-64k --blockalign=512 \
	    --iodepth=32 --size=8m --verify=crc32c --verify_fatal=1 \
	    --do_verify=1 --randseed="${SEED:-1}" --output="$work/fio" ||
	    { cat "$work/fio"; return 1; }
	k nbd stop
	k unload
}
t "fio verifies its random writes at depth 32" nbd_fio

past_tasting() {
	k load -k net.aoe.taste_wait=2 "$module"
	one_disk
	k sleep 1
	k bench aoe7e3 read seq 64k 16 4
	k unload
}
t "a reader that continues past taste_wait gets no error" past_tasting
