# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# shellcheck disable=SC2154 # lib.sh, which the run script reads first, sets them
# Kernel crash dumps: net.aoe.dump, d_dump and the interface's polling methods.

# The request of dumpon(8), which prints ENODEV as "operation not supported".
may_dump() {
	k attr aoe7e3 GEOM::kerneldump
}

dumps() {
	k load -k net.aoe.dump=1 "$module"
	one_disk "${1:-1500}"
	may_dump
	k fill aoe7e3 0 1m 1
	k dump aoe7e3 64k 512k 2
	# The dump is written only where it belongs, and the disk still works.
	k check aoe7e3 0 64k 1
	k check aoe7e3 64k 512k 2
	k check aoe7e3 576k 448k 1
	k fill aoe7e3 0 1m 3
	k check aoe7e3 0 1m 3
	k unload
}
t "a dump is written by polling, and leaves the kernel able to continue" dumps
t "a dump over an interface with large frames stays within a cluster" dumps 9000

loss() {
	k load "$module"
	one_disk 1500
	k sysctl net.aoe.dump=1
	may_dump
	k target set em0 7.3 lose 3
	k dump aoe7e3 0 64k 7
	k target set em0 7.3 lose 0
	k check aoe7e3 0 64k 7
	k unload
}
t "a dump survives lost answers" loss

pieces() {
	k load -k net.aoe.dump=1 "$module"
	one_disk 1500
	k fault rxsplit 1
	k dump aoe7e3 512 31744 9
	k check aoe7e3 512 31744 9
	k unload
}
t "a dump handles answers in several mbufs, and sizes that are no multiple of a frame" pieces

second_path() {
	k load -k net.aoe.dump=1 "$module"
	one_disk 1500
	k if attach em1 wire em1 1500
	k target add em1 7.3 16m 7.3:wire
	k sysctl net.aoe.iflist="em0 em1"
	for _ in {1..100}; do
		[[ $(k sysctl -a net.aoe.target.aoe7e3.path |
		    grep -c 'state: up$') != 2 ]] || break
		k sleep 0.05
	done
	# The two targets' memories differ: check the one that was written to.
	k target set em0 7.3 mute 1
	k dump aoe7e3 0 64k 5
	k if link em0 down
	k check aoe7e3 0 64k 5
	k if link em0 up
	k target set em0 7.3 mute 0
	k unload
}
t "a dump continues over another path if one does not answer" second_path

silence() {
	k load -k net.aoe.dump=1 "$module"
	one_disk 1500
	k target set em0 7.3 mute 1
	fails_with ETIMEDOUT k dump aoe7e3 0 64k 5
	grep -q 'aoe7e3: no path answers' "$log"
	k target set em0 7.3 mute 0
	# The failed dump restored everything, so that another one succeeds.
	k dump aoe7e3 0 64k 5
	k check aoe7e3 0 64k 5
	k unload
}
t "a dump to a target that does not answer ends" silence

refusals() {
	k load "$module"
	one_disk 1500
	fails_with ENODEV may_dump
	grep -q 'aoe7e3 cannot take dumps: net.aoe.dump is 0' "$log"
	fails_with EOPNOTSUPP k dump aoe7e3 0 64k 5
	k sysctl net.aoe.dump=1
	# As with reboot -d: the kernel still runs.
	fails_with EOPNOTSUPP k dump aoe7e3 0 64k 5 running
	fails_with EINVAL k dump aoe7e3 100 64k 5
	k target set em0 7.3 readonly 1
	fails_with EIO k dump aoe7e3 0 64k 5
	k target set em0 7.3 readonly 0
	k if polling em0 0
	fails_with ENODEV may_dump
	grep -q 'none of its interfaces can be polled' "$log"
	fails_with ETIMEDOUT k dump aoe7e3 0 64k 5
	k if polling em0 1
	may_dump
	k sysctl net.aoe.dump=0
	fails_with ENODEV may_dump
	fails_with EINVAL k sysctl net.aoe.dump=2
	k unload
}
t "a dump is refused if it is disabled, or if no interface can be polled" refusals

no_debugnet() {
	shipped
	k hide debugnet_mbuf_start debugnet_mbuf_finish
	k load -k net.aoe.dump=1 "$module"
	one_disk 1500
	fails_with ENODEV may_dump
	grep -q 'no options DEBUGNET' "$log"
	fails_with EOPNOTSUPP k dump aoe7e3 0 64k 5
	k unload
}
t "a kernel without debugnet loads the module and refuses dumps" no_debugnet

shrunk() {
	k load -k net.aoe.dump=1 "$module"
	one_disk 9000
	k fill aoe7e3 0 64k 1
	# At once: no event reports the MTU, and the links are not scanned yet.
	k if mtu em0 1000
	k dump aoe7e3 0 32k 4
	k if mtu em0 68
	fails_with ETIMEDOUT k dump aoe7e3 0 32k 5
	k if mtu em0 9000
	k sleep 1
	k check aoe7e3 0 32k 4
	k unload
}
t "a dump respects an MTU that was just reduced" shrunk
from_netgdb() {
	k load -k net.aoe.dump=1 "$module"
	one_disk 1500
	k fault netgdb 1
	fails_with EBUSY k dump aoe7e3 0 64k 5
	grep -q 'no dump while gdb is attached' "$log"
	k fault netgdb 0
	k dump aoe7e3 0 64k 5
	k unload
}
t "a dump from a netgdb session is refused and does not use debugnet's memory" \
    from_netgdb
