# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh, which the run script reads first, sets them
# aoectl(8) against vblade.

# shellcheck source=tests/kld/lib_ctl.sh
. tests/kld/lib_ctl.sh

vblade_config() {
	cable 0 1500
	ready
	equals "" ctl config 7.3
	exits 0 config 7.3 set mine
	k wait net.aoe.target.aoe7e3.config mine 5
	fails_with "the config string is already set" ctl config 7.3 set other
	exits 0 config 7.3 test mine
	exits 1 config 7.3 test other
	exits 0 config 7.3 prefix mi
	exits 0 config 7.3 force other
	equals other ctl config 7.3
	k unload
}
t "aoectl config works with vblade" vblade_config

vblade_mask() {
	cable 0 1500
	ready
	text "every host is allowed" mask 7.3
	exits 0 mask 7.3 add "$(own_mac 0)" 02:00:00:00:00:01
	json 'len(o["host"]) == 2' mask 7.3
	# Debian's vblade can delete only the first address in its list, and then
	# ends with "buffer overflow detected": so the kld rung tests deletion.
	exits 0 mask 7.3 delete 02:00:00:00:00:01
	json 'len(o["host"]) == 2' mask 7.3
	k fill aoe7e3 0 1m 1
	k unload
}
t "aoectl mask works with vblade" vblade_mask

vblade_reserve() {
	cable 0 1500
	ready
	text "not reserved" reserve 7.3
	reserved_and_released
	k unload
}
t "aoectl reserve works with vblade" vblade_reserve

vblade_asked() {
	relayed 0 9000
	ready
	exits 0 ping -c 2 -i 0 7.3
	exits 0 ping -A -c 1 7.3
	json 'o["path"][0]["passes"] == 8704' sancheck
	json 'o["size"] == 1 << 28' identify 7.3
	exits 76 smart 7.3
	echo maxlen 1514 >"$work/relay0"
	exits 1 sancheck -t 100
	json 'o["path"][0]["passes"] == 1024' sancheck -t 100
	end "$target"
	exits 2 ping -c 1 -t 200 7.3
	k unload
}
t "aoectl ping, sancheck and identify work with vblade" vblade_asked

# vblade's serial number includes the name of its host.
vblade_renamed() {
	local renamed writer
	cable 0 1500
	ready
	k open aoe7e3
	k fill aoe7e3 0 8m 1
	end "$target"
	# shellcheck disable=SC2016 # the words of the inner shell
	ip netns exec "$nt" unshare -u sh -c \
	    'echo "$0" >/proc/sys/kernel/hostname && exec "$@"' elsewhere \
	    vblade 7 3 t0 "$work/disk" >>"$work/vblade.log" 2>&1 &
	renamed=$!
	echo "$renamed" >>"$work/pids"
	k fill aoe7e3 8m 1m 2 &
	writer=$!
	k wait net.aoe.target.aoe7e3.conflict 1 20
	equals suspended k sysctl net.aoe.target.aoe7e3.state
	fails_with "serial 7.3:elsewhere, 256M" ctl accept 7.3 </dev/null
	exits 0 accept -f 7.3
	wait "$writer"
	k check aoe7e3 0 8m 1
	k check aoe7e3 8m 1m 2
	k close aoe7e3
	k unload
}
t "a vblade whose host was renamed is accepted for an open disk" vblade_renamed
