# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh, which the run script reads first, sets them
# Tests of kld itself: bad.c breaks one rule per load, which kld must detect.

build_bad() {
	local flags
	flags=$("$top/tools/cflags" 15-amd64)
	# shellcheck disable=SC2086 # words
	clang-19 $flags -Wno-unused-parameter -c -o "$work/bad.ko" \
	    "$top/tests/kld/bad.c"
}

# noticed WHAT WORDS [COMMAND]: kld loads bad.ko with bad.what=WHAT, runs the
# command, and unloads; it must print WORDS and fail.
noticed() {
	local said
	if said=$(printf 'if attach em0 wire em0\nload %s %s\n%s\nunload\n' \
	    "${1:+-k bad.what=$1}" "$work/bad.ko" "${3:-}" | "$kld" 2>&1); then
		echo "$1 was not noticed: $said"
		return 1
	fi
	[[ $said == *"$2"* ]] && return 0
	echo "$1 was noticed, but not as '$2': $said"
	return 1
}

unbroken() {
	build_bad
	printf 'load %s\nunload\n' "$work/bad.ko" | "$kld"
}
t "kld reports nothing about a module that breaks no rule" unbroken

broken_locks() {
	build_bad
	noticed reversal "lock order reversal"
	noticed twounlock "does not hold it"
	noticed sleep "may sleep, with mutex bad a held"
	noticed sxundermtx "taking an sx lock may sleep"
	noticed keptlock "left with a lock held"
	noticed nolock "without its mutex bad a"
}
t "kld detects misuse of locks" broken_locks

broken_memory() {
	build_bad
	noticed overrun "written past the end"
	noticed freemtx "alive in it"
	noticed wrongtype "another type"
	noticed epochsleep "in the net epoch"
}
t "kld detects misuse of memory and epochs" broken_memory

broken_preconditions() {
	build_bad
	noticed pastend "from past the end of a packet"
	noticed bothflags "neither or both"
	noticed nulltask "without a function"
	noticed sxcallout "callout with no lock, or one that sleeps"
	noticed novnet "ifunit_ref outside of vnet0"
	noticed envundermtx "kern_getenv() may sleep, with mutex bad a"
	noticed sunlock "is not held shared"
}
t "kld detects violations of the kernel's assertions" broken_preconditions

broken_waits() {
	build_bad
	noticed sleepnull "sleeping on NULL"
	noticed sleepnolock "sleeping without a lock"
	noticed pausenegative "pause() of less than nothing"
	noticed calloutcpu "callout on no CPU (999)"
	noticed calloutfunction "callout without a function"
	noticed noqueue "task enqueued on no queue"
	noticed zoneflags "uma_zalloc with neither or both"
	noticed registerundermtx "may sleep, with mutex bad a"
	noticed oidlock "with bad sx held, which its handler takes" "sysctl net.bad"
}
t "kld detects misuse of sleeps, callouts, tasks and handlers" broken_waits

broken_network() {
	build_bad
	noticed copynegative "m_copydata of 4 bytes at -1"
	noticed freedmbuf "written to after it was freed"
	noticed statictracker "an epoch tracker that is not on the stack"
	noticed lladdr "if_getlladdr() outside the epoch"
	noticed pfilversion "pfil_link of another version"
}
t "kld detects misuse of mbufs, interfaces and hooks" broken_network

broken_devices() {
	build_bad
	noticed devflags "make_dev_s that may and may not wait"
	noticed devversion "cdevsw of another version"
	noticed devtwice "device bad made twice"
	noticed diskversion "disk_create with version"
	noticed disknameless "disk without name, size or strategy"
	noticed disktwice "disk created twice"
	noticed diskresize "disk_resize with neither or both"
	noticed diskmedia "disk_media_changed() without the topology lock"
	noticed diskmediafails "disk_media_changed() that can fail"
}
t "kld detects misuse of devices and disks" broken_devices

left_behind() {
	build_bad
	noticed malloc 'left behind: malloc "bad"'
	noticed mbuf "left behind: mbuf 0x"
	noticed cluster "left behind: mbuf_packet"
	noticed zone 'left behind: uma zone "bad zone"'
	noticed counter "left behind: counter"
	noticed taskqueue 'left behind: taskqueue "bad queue"'
	noticed handler 'left behind: event handler "ifnet_arrival_event"'
	noticed oid 'left behind: sysctl oid "bad"'
	noticed lock "initialised twice"
	noticed ifref 'left behind: ifnet reference "em0"'
	noticed env "left behind: kernel environment string"
	noticed callout "left behind: callout"
	noticed task "left behind: task"
}
t "kld reports everything that an unload leaves behind" left_behind
