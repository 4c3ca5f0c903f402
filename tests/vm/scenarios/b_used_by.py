# SPDX-License-Identifier: BSD-2-Clause
"""Ordinary use of the module, by hand and with rc.conf."""

from aoevm.scenario import scenario

RC_CONF = """
cat >/etc/rc.conf <<'END'
aoe_enable="YES"
aoe_iflist="vtnet0"
aoe_mounts="/mnt/aoe"
aoe_wait="20"
END
mkdir -p /mnt/aoe /usr/local/etc/rc.d /boot/modules
cp /aoevm/kit/aoe.ko /boot/modules/aoe.ko
touch /etc/fstab
grep -q aoe0e1 /etc/fstab ||
    echo '/dev/aoe0e1 /mnt/aoe ufs rw,noauto 0 0' >>/etc/fstab
"""


@scenario("used-by", core=True)
def used_by(t):
    """kldload, iflist, newfs -U, mount, fill, fsck -n, remount, checksums; kldunload while busy and when free."""
    target = t.target(size="128m")
    t.sh("cd /aoevm/kit && kldload ./aoe.ko")
    t.check(t.sysctl("net.aoe.iflist") == "", "the interface list does not start empty")
    t.sh("sysctl net.aoe.iflist=vtnet0")
    t.appears(target)
    t.sh("newfs -U /dev/aoe0e1 >/dev/null && mount /dev/aoe0e1 /mnt", 120)
    files, size = (200, "512k") if t.long else (24, "256k")
    t.sh(f"fill /mnt {files} {size} && same /mnt", 600)
    mark = t.machine.console.mark()
    t.refused("kldunload aoe", "Device busy")
    t.check(t.printed("aoe0e1", mark), "the console does not say which disk keeps the module")
    t.sh("umount /mnt && fsck_ffs -n /dev/aoe0e1 && mount /dev/aoe0e1 /mnt && same /mnt", 600)
    t.sh("umount /mnt && kldunload aoe")
    t.sh("kldload /aoevm/kit/aoe.ko && sysctl net.aoe.iflist=vtnet0")
    t.appears(target)
    t.sh("mount -r /dev/aoe0e1 /mnt && same /mnt && umount /mnt", 600)
    t.sh("kldunload aoe && test ! -e /dev/aoe0e1 && ! kldstat -q -m aoe")


@scenario("rc-script")
def rc_script(t):
    """rc.d/aoe start, status, restart and stop, from /etc/rc.d and /usr/local/etc/rc.d."""
    target = t.target(size="64m")
    t.sh(RC_CONF)
    t.load()
    t.appears(target)
    t.sh("newfs -U /dev/aoe0e1 >/dev/null && kldunload aoe", 120)
    t.sh("ifconfig vtnet0 down; install -m 555 /aoevm/kit/rc.d/aoe /etc/rc.d/aoe")
    try:
        t.sh("/etc/rc.d/aoe start && fill /mnt/aoe 4 64k", 120)
        t.check("is mounted on" in t.sh("service aoe status"), "status does not name the mount")
        t.sh("service aoe restart && same /mnt/aoe", 120)
        t.sh("/etc/rc.d/aoe stop && ! kldstat -q -m aoe && ! mount | grep '^/dev/aoe'", 60)
        t.refused("service aoe status", "not loaded")
        t.sh("mv /etc/rc.d/aoe /usr/local/etc/rc.d/aoe && service aoe start && same /mnt/aoe", 120)
        # Busy: stop reports it and fails, and everything stays as it was.
        t.sh("cd /mnt/aoe && (sleep 600 & echo $! >/tmp/aoevm-busy)")
        t.refused("service aoe stop", "cannot be unmounted")
        t.sh("kill $(cat /tmp/aoevm-busy) && same /mnt/aoe")
        t.sh("service aoe stop && ! kldstat -q -m aoe")
        target.kill()
        t.sh("sed -i '' 's/aoe_wait=.*/aoe_wait=\"3\"/' /etc/rc.conf")
        t.refused("service aoe start", "did not appear within")
        t.sh("service aoe stop")
    finally:
        t.run("rm -f /etc/rc.d/aoe /usr/local/etc/rc.d/aoe /etc/rc.conf /boot/modules/aoe.ko")
        t.run("sed -i '' /aoe0e1/d /etc/fstab; pkill -KILL sleep; umount -f /mnt/aoe")


@scenario("busy-unload", core=True)
def busy_unload(t):
    """kldunload fails while a disk is open; with -f, I/O fails and no memory in use is freed."""
    target = t.target(size="64m")
    t.load()
    t.appears(target)
    # A raw device: GEOM closes it once the disk is gone, and its holder gets an error.
    t.sh("(exec 3</dev/aoe0e1; sleep 600 || :; dd bs=64k count=1 <&3) >/tmp/held 2>&1 & sleep 1")
    t.refused("kldunload aoe", "Device busy")
    t.sh("kldunload -f aoe || await 30 kldunload -f aoe", 60)
    t.sh("pkill -KILL sleep; await 20 grep -q 'dd: stdin' /tmp/held", 30)
    # A mounted file system: refused, or the kernel has unmounted it by then.
    t.load()
    t.appears(target)
    t.sh("newfs -U /dev/aoe0e1 >/dev/null && mount /dev/aoe0e1 /mnt && fill /mnt 4 64k", 120)
    t.refused("kldunload aoe", "Device busy")
    t.run("kldunload -f aoe", 60)
    t.run("ls -lR /mnt")
    t.sh("! mount | grep -q '^/dev/aoe' || umount -f /mnt", 60)
    t.sh("! kldstat -q -m aoe || await 30 kldunload -f aoe", 60)


@scenario("iflist")
def iflist(t):
    """The interface list reads back as set, rejects malformed lists, and accepts names of absent interfaces."""
    t.load("")
    for value in ("vtnet0 em0", "vtnet0,em0", "nosuch7 vtnet0 vtnet0", ""):
        t.sh(f"sysctl net.aoe.iflist='{value}'")
        t.check(t.sysctl("net.aoe.iflist") == value, f"iflist {value!r} does not read back")
    t.refused("sysctl net.aoe.iflist=abcdefghijklmnopqrstuvwxyz", "Invalid argument")
    t.refused("sysctl net.aoe.iflist=\"$(printf 'a\\001b')\"", "Invalid argument")
    t.refused("sysctl net.aoe.iflist=\"$(jot -b vtnet0 -s ' ' 200)\"", "Invalid argument")
    t.check(t.sysctl("net.aoe.iflist") == "", "a refused list changed something")
    target = t.target(size="8m")
    t.sh("sysctl net.aoe.discover=1; sleep 3; test ! -e /dev/aoe0e1")
    t.sh("sysctl net.aoe.iflist='nosuch7,vtnet0'")
    t.appears(target)


def cycles(t, loads, forced):
    """Loads and unloads the module, and then looks for anything that is left."""
    target = t.target(size="16m")
    mbufs = "netstat -m | sed -n '1s,/.*,,p'"
    t.load()
    t.appears(target)
    t.sh("kldunload aoe; sleep 2")
    before = int(t.sh(mbufs))
    t.sh(
        f"""
        n=0
        while [ $n -lt {loads} ]; do
            kldload /aoevm/kit/aoe.ko
            if [ $((n % 2)) -eq 0 ]; then
                sysctl net.aoe.iflist=vtnet0 >/dev/null
                [ $((n % 10)) -ne 0 ] || await 60 test -c /dev/aoe0e1
            fi
            kldunload aoe || await 30 kldunload aoe
            n=$((n + 1))
        done
        """,
        3 * loads + 60,
    )
    t.sh(
        f"""
        n=0
        while [ $n -lt {forced} ]; do
            kldload /aoevm/kit/aoe.ko
            sysctl net.aoe.iflist=vtnet0 >/dev/null
            await 60 test -c /dev/aoe0e1
            dd if=/dev/aoe0e1 of=/dev/null bs=64k >/dev/null 2>&1 & reader=$!
            kldunload -f aoe || await 30 kldunload -f aoe
            wait $reader || :
            n=$((n + 1))
        done
        """,
        10 * forced + 60,
    )
    t.sh("restore")
    t.sh("sleep 5")
    after = int(t.sh(mbufs))
    t.check(abs(after - before) <= 64, f"{before} mbufs were in use before, {after} are now")
    t.sh("! geom -t 2>/dev/null | grep aoe; ! iostat -x 2>/dev/null | grep aoe")


@scenario("cycles-short", core=True)
def cycles_short(t):
    """30 loads and unloads, and 5 forced unloads under a reader, leave nothing behind."""
    cycles(t, 30, 5)


@scenario("cycles", long=True)
def cycles_long(t):
    """1,000 loads and unloads, and 100 forced unloads under a reader, leave nothing behind."""
    cycles(t, 1000, 100)
