#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# For a full boot: installs the kit's rc.conf, rc.d script and module.
if [ -f /aoevm/kit/rc.conf ]; then
	cp /aoevm/kit/rc.conf /etc/rc.conf
fi
if [ -f /aoevm/kit/rc.d/aoe ]; then
	mkdir -p /usr/local/etc/rc.d /boot/modules
	install -m 555 /aoevm/kit/rc.d/aoe /usr/local/etc/rc.d/aoe
	install -m 555 /aoevm/kit/aoe.ko /boot/modules/aoe.ko
fi
mkdir -p /mnt/aoe
touch /etc/fstab
echo '/dev/aoe0e1 /mnt/aoe ufs rw,noauto 0 0' >>/etc/fstab
