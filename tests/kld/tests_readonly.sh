# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh, which the run script reads first, sets them
# net.aoe.target.<disk>.readonly

in_advance() {
	k load -k net.aoe.target.aoe7e3.readonly=1 "$module"
	one_disk
	equals 1 k sysctl net.aoe.target.aoe7e3.readonly
	fails_with EROFS k open aoe7e3
	fails_with EROFS k fill aoe7e3 0 64k 1
	k open aoe7e3 ro
	k read aoe7e3 0 64k "$work/out"
	# GEOM does not check for write protection at a second open.
	fails_with EROFS k fill aoe7e3 0 64k 1
	k read aoe7e3 0 64k "$work/again"
	cmp "$work/out" "$work/again"
	k close aoe7e3
	k unload
}
t "a target set read-only in advance gets a write-protected disk" in_advance

on_the_way() {
	k load "$module"
	one_disk
	k fill aoe7e3 0 64k 1
	k open aoe7e3
	k sysctl net.aoe.target.aoe7e3.readonly=1
	# The disk stays writable while it is open.
	k fill aoe7e3 0 64k 2
	k check aoe7e3 0 64k 2
	k close aoe7e3
	# The disk is created again: wait for the one that refuses writes.
	for _ in {1..50}; do
		! k open aoe7e3 || k close aoe7e3
		k sleep 0.05
	done 2>/dev/null
	fails_with EROFS k open aoe7e3
	k open aoe7e3 ro
	k sysctl net.aoe.target.aoe7e3.readonly=0
	k close aoe7e3
	k sleep 0.5
	k wait disk aoe7e3 5
	k fill aoe7e3 0 64k 3
	k check aoe7e3 0 64k 3
	fails_with EINVAL k sysctl net.aoe.target.aoe7e3.readonly=2
	k unload
}
t "a disk becomes write-protected, and writable again, at its last close" on_the_way
