# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh, which the run script reads first, sets them
# Tasting by GEOM's classes, and tasting again after it failed.

# Writes a partition table to the first sector and a label to the last one.
labelled() {
	head -c 510 /dev/zero >"$work/first"
	printf '\125\252' >>"$work/first"
	printf 'GEOM::LABEL' >"$work/last"
	truncate -s 512 "$work/last"
	k write aoe7e3 0 "$work/first"
	k write aoe7e3 $((0xfffe00)) "$work/last"
	wait_classes "PART LABEL"
}

classes() {
	k disks | sed -n 's/^aoe7e3 .* classes "\(.*\)"$/\1/p'
}

# wait_classes NAMES: exactly these classes are attached within 30 s.
wait_classes() {
	local i
	for ((i = 0; i < 300; i++)); do
		[[ $(classes) != "$1" ]] || return 0
		sleep 0.1
	done
	echo "GEOM's classes: '$(classes)', not '$1'" >&2
	return 1
}

# late SETTING: the disk appears while its target has this setting, which is then
# reset.
late() {
	k load -k net.aoe.taste_wait=2 "$module"
	one_disk
	labelled
	k unload
	k target set em0 7.3 "$1" 1
	k load -k net.aoe.maxwait=0 -k net.aoe.taste_wait=2 \
	    -k net.aoe.iflist=em0 "$module"
	k wait disk aoe7e3 5
	k sleep 4
	equals "" classes
	k target set em0 7.3 "$1" 0
	wait_classes "PART LABEL"
	# Then nothing more happens: GEOM was asked to taste once.
	k sleep 2
	equals 1 grep -c 'subsystem=aoe7e3 type=RETASTE' "$log"
	k unload
}

spins_up() {
	late deaf
}
t "a disk that spins up after it appeared is tasted again" spins_up

link_flap() {
	k load -k net.aoe.taste_wait=2 "$module"
	one_disk
	labelled
	k unload
	k target set em0 7.3 deaf 1
	k load -k net.aoe.taste_wait=2 -k net.aoe.iflist=em0 "$module"
	k wait disk aoe7e3 5
	k if link em0 down
	k sleep 3
	equals "" classes
	k target set em0 7.3 deaf 0
	k if link em0 up
	wait_classes "PART LABEL"
	k unload
}
t "a disk whose link flaps while it is tasted is tasted again" link_flap

# The target of a labelled disk does not answer when the last writer closes it.
out_at_close() {
	k load -k net.aoe.taste_wait=2 "$module"
	one_disk
	labelled
	k open aoe7e3
	wait_classes ""
	k if link em0 down
	k wait net.aoe.target.aoe7e3.state suspended 5
	k close aoe7e3
}

write_close() {
	out_at_close
	k sleep 1
	equals "" classes
	k if link em0 up
	wait_classes "PART LABEL"
	k unload
}
t "a disk that was unreachable at a writer's last close is tasted again" write_close

held_open() {
	out_at_close
	k if link em0 up
	k open aoe7e3 ro
	k sleep 3
	k close aoe7e3
	wait_classes "PART LABEL"
	k unload
}
t "a disk is not spoiled while a reader has it open" held_open

# A read that only resembles tasting, soon after an open.
patient_read() {
	local reader
	k load -k net.aoe.taste_wait=1 "$module"
	one_disk
	k open aoe7e3 ro
	k target set em0 7.3 mute 1
	k read aoe7e3 0 4k "$work/out" &
	reader=$!
	k sleep 4
	k target set em0 7.3 mute 0
	wait "$reader"
	k close aoe7e3
	k unload
}
t "a read through the device node soon after the open waits for its target" \
    patient_read
