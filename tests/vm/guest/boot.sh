#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# The guest's first program: init runs it (kenv init_script) before /etc/rc.
# It makes the root writable, mounts the kit (module, scripts) and starts the
# agent.  With kenv aoevm.rc=full it then ends, so that init runs all of /etc/rc;
# otherwise it stays, and the guest is ready seconds after its kernel.

PATH=/sbin:/bin:/usr/sbin:/usr/bin
export PATH
exec >/dev/console 2>&1

mount -u -o rw / || { fsck -p /; mount -u -o rw /; }
mount -t tmpfs tmpfs /tmp 2>/dev/null
mkdir -p /aoevm/kit /aoevm/jobs /mnt /tmp
mount -r -t ufs /dev/vtbd1 /aoevm/kit || echo "aoevm: no kit disk"
ifconfig lo0 up
if [ "$(kenv -q aoevm.rc)" != full ]; then
	for interface in vtnet0 vtnet1 em0; do
		ifconfig "$interface" up
	done
fi
sysctl -q kern.coredump=0
port=$(kenv aoevm.port)
[ -c "$port" ] || kldload virtio_console || echo "aoevm: no $port for the agent"

if [ "$(kenv -q aoevm.rc)" = full ]; then
	echo 'touch /aoevm/booted' >/etc/rc.local
	sh /aoevm/kit/prepare.sh
	# The end of this script ends its session: the agent must ignore the SIGHUP.
	trap '' HUP
	sh /aoevm/kit/agent.sh "$port" &
	exit 0
fi
exec sh /aoevm/kit/agent.sh "$port"
