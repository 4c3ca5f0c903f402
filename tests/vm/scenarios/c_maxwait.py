# SPDX-License-Identifier: BSD-2-Clause
"""An outage longer than net.aoe.maxwait, with different users of the disk."""

import time

from aoevm.copies import mounted
from aoevm.scenario import scenario

MAXWAIT = 8  # seconds
ENXIO = "converting all errors to ENXIO"
FORCED = "forcibly unmounting"
IS_MOUNTED = "mount | grep -q ' on /mnt ('"


def goes(t, target):
    """Stops the target, for longer than net.aoe.maxwait."""
    t.sh(f"sysctl net.aoe.maxwait={MAXWAIT}")
    target.kill()


@scenario("maxwait")
def maxwait(t):
    """UFS with nothing to write: reads of its data fail with EIO, it stays mounted, and the open disk works again."""
    target = mounted(t, megabytes=1)
    # After a remount, only the inodes are cached, so that data is read from the disk.
    t.sh(f"fill /mnt 4 64k && umount /mnt && mount -o noatime /dev/{target.disk} /mnt", 120)
    t.sh(f"ls -lR /mnt >/dev/null; quiet {target.disk}", 120)
    mark = t.machine.console.mark()
    goes(t, target)
    started = time.monotonic()
    out = t.sh("cat /mnt/d*/* >/dev/null 2>/tmp/said && echo read; cat /tmp/said", 90)
    took = time.monotonic() - started
    t.check("Input/output error" in out, f"the errno of an expired maxwait is not EIO: {out}")
    t.check(MAXWAIT <= took < 40, f"a maxwait of {MAXWAIT} s took {took:.0f} s")
    t.await_state(target, "failed")
    t.check(not t.printed(ENXIO, mark), "UFS had something else to do")
    # The disk stays while it is mounted, and works again.
    t.sh(f"test -c /dev/{target.disk} && {IS_MOUNTED}")
    target.start()
    t.await_state(target, "up", 90)
    t.sh(f"dd if=/dev/{target.disk} of=/dev/null bs=64k count=16 && same /mnt", 60)
    t.sh(f"{IS_MOUNTED} && umount /mnt && fsck_ffs -n /dev/{target.disk}", 120)


def unmounted_by_force(t, target, mark):
    """Checks that UFS unmounts the file system, the disk goes, and both work again later."""
    t.sh(f"unmounted() {{ ! {IS_MOUNTED}; }}; await 90 unmounted || :", 120)
    for wanted in (ENXIO, FORCED):
        t.check(t.printed(wanted, mark), f"the console does not say: {wanted}")
    # In a slow guest, the file system may still be about to be unmounted.
    said = "not currently mounted\\|not a file system root"
    t.sh(f"umount -f /mnt 2>/tmp/said || grep -q '{said}' /tmp/said", 180)
    t.disappears(target, 60)
    target.start()
    t.appears(target, 60)
    t.sh(f"fsck_ffs -y /dev/{target.disk} && mount /dev/{target.disk} /mnt && umount /mnt", 120)


@scenario("maxwait-dirty")
def maxwait_dirty(t):
    """UFS with data to write is unmounted forcibly, and its disk is removed."""
    target = mounted(t, megabytes=1)
    t.sh(f"fill /mnt 4 64k && quiet {target.disk}", 120)
    mark = t.machine.console.mark()
    t.sh("fill /mnt 8 64k", 60)
    goes(t, target)
    job = t.start("sync")
    unmounted_by_force(t, target, mark)
    t.finish(job, 120)


@scenario("maxwait-inode", long=True)
def maxwait_inode(t):
    """UFS that only reads is also unmounted forcibly, if it reads an inode."""
    target = mounted(t, megabytes=1)
    # More than one block of inodes: reading the directory does not cache the last ones.
    t.sh(f"mkdir /mnt/d && for n in $(jot 400); do : >/mnt/d/$n; done && umount /mnt", 120)
    t.sh(f"mount -o noatime /dev/{target.disk} /mnt && ls -f /mnt/d >/dev/null && quiet {target.disk}", 120)
    mark = t.machine.console.mark()
    goes(t, target)
    t.refused("stat /mnt/d/400 2>&1", "/mnt/d/400", 120)
    unmounted_by_force(t, target, mark)


@scenario("maxwait-enxio-off", long=True)
def maxwait_enxio_off(t):
    """With vfs.ffs.enxio_enable=0, UFS keeps the data that it could not write, and writes it later."""
    target = mounted(t, megabytes=1)
    t.sh("sysctl vfs.ffs.enxio_enable=0")
    try:
        t.sh(f"fill /mnt 4 64k && quiet {target.disk}", 120)
        mark = t.machine.console.mark()
        t.sh("fill /mnt 8 64k", 60)
        goes(t, target)
        job = t.start("sync")
        t.await_state(target, "failed", 60)
        t.sh("sleep 5")
        t.check(not t.printed(ENXIO, mark), "UFS turned an error into ENXIO")
        target.start()
        t.await_state(target, "up", 90)
        t.finish(job, 120)
        t.sh(f"quiet {target.disk}; same /mnt && umount /mnt && fsck_ffs -n /dev/{target.disk}", 240)
        t.sh(f"mount /dev/{target.disk} /mnt && same /mnt && umount /mnt", 120)
    finally:
        t.run("sysctl vfs.ffs.enxio_enable=1")


@scenario("maxwait-for-ever")
def maxwait_for_ever(t):
    """A target whose own maxwait is 0 keeps its UFS mounted in an outage longer than the global maxwait."""
    target = mounted(t, megabytes=8)
    own = f"net.aoe.target.{target.disk}.maxwait"
    t.check(t.sysctl(own) == "-1", f"{own} does not follow the global one")
    other = t.target(0, 2, size="8m")
    t.appears(other)
    t.sh(f"sysctl {own}=0")
    mark = t.machine.console.mark()
    job = t.start("fill /mnt 40 128k && sync")
    t.sh("await 60 test -s /mnt/d3/f3", 90)
    goes(t, target)
    other.kill()
    failed = t.start(f"dd if=/dev/{other.disk} of=/dev/null bs=64k count=1 2>&1")
    t.check("Input/output error" in failed.wait(120).out, "the other one does not follow the global maxwait")
    t.sh("sleep 20")
    t.check(t.state(target) == "suspended", "the target is not waited for")
    t.check(not job.done(), "the file system does not wait")
    target.start()
    t.await_state(target, "up", 90)
    t.finish(job, 180)
    t.check(not t.printed(ENXIO, mark), "UFS was told of an error")
    t.sh(f"same /mnt && umount /mnt && fsck_ffs -n /dev/{target.disk}", 180)


@scenario("maxwait-geli", long=True)
def maxwait_geli(t):
    """geli stays attached, passes EIO on, and works once the target is back."""
    t.need("geli")
    t.need_module("g_eli", "geom_eli")
    target = t.target(size="64m")
    t.load()
    t.appears(target)
    t.sh(f"""
        dd if=/dev/urandom of=/tmp/key bs=64 count=1 2>/dev/null
        geli init -B none -P -K /tmp/key {target.disk} >/dev/null
        geli attach -p -k /tmp/key {target.disk}
        dd if=/dev/urandom of=/tmp/r bs=64k count=16 2>/dev/null
        dd if=/tmp/r of=/dev/{target.disk}.eli bs=64k 2>/dev/null
        """, 120)
    goes(t, target)
    t.refused(f"dd if=/dev/{target.disk}.eli of=/dev/null bs=64k count=16 2>&1", "Input/output error", 120)
    t.sh(f"test -c /dev/{target.disk}.eli")
    target.start()
    t.await_state(target, "up", 90)
    t.sh(f"dd if=/dev/{target.disk}.eli bs=64k count=16 2>/dev/null | cmp - /tmp/r", 60)
    t.sh(f"geli detach {target.disk}.eli")


@scenario("maxwait-gmirror", long=True)
def maxwait_gmirror(t):
    """gmirror drops the component, continues with the other one, and takes it back after forget and insert."""
    t.need("gmirror")
    t.need_module("g_mirror", "geom_mirror")
    target = t.target(size="64m")
    t.load()
    t.appears(target)
    t.sh(f"""
        mdconfig -a -t swap -s 64m -u 9
        gmirror label -b load both {target.disk} md9
        await 20 test -c /dev/mirror/both
        newfs -U /dev/mirror/both >/dev/null
        mount /dev/mirror/both /mnt
        fill /mnt 8 64k
        """, 120)
    try:
        mark = t.machine.console.mark()
        goes(t, target)
        t.sh("fill /mnt 16 64k && sync; same /mnt", 240)
        t.check(t.printed(f"provider {target.disk} disconnected", mark), "the component was not dropped")
        t.check(not t.printed(ENXIO, mark), "the file system was told of an error")
        t.disappears(target, 60)
        target.start()
        t.appears(target, 60)
        t.sh("gmirror status -s both | grep -c ACTIVE | grep -qx 1")
        t.sh(f"gmirror forget both && gmirror insert both {target.disk}")
        t.sh("await 180 sh -c 'gmirror status -s both | grep -c ACTIVE | grep -qx 2'", 200)
        t.sh("same /mnt")
    finally:
        t.run("umount -f /mnt; gmirror destroy -f both; mdconfig -d -o force -u 9", 120)


@scenario("maxwait-zfs", long=True, memory=1536)
def maxwait_zfs(t):
    """A pool without redundancy is suspended, and resumes after zpool clear once the target is back."""
    t.need("zpool")
    target = t.target(size="256m")
    t.load()
    t.appears(target)
    t.need_module("zfs")
    t.sh(f"zpool create -m /mnt/z tank {target.disk} && fill /mnt/z 16 128k && zpool sync tank", 240)
    t.check("wait" in t.sh("zpool get -H -o value failmode tank"), "failmode is not wait")
    goes(t, target)
    job = t.start("fill /mnt/z 24 128k; zpool sync tank; echo over")
    t.sh("await 120 sh -c 'zpool list -H -o health tank | grep -q SUSPENDED'", 150)
    t.check(not job.done(), "nothing waits for the pool")
    target.start()
    t.sh("sleep 5; ls /dev/aoe*; sysctl net.aoe.devices; zpool status tank || :", 60)
    t.sh("await 120 sh -c 'zpool clear tank; zpool list -H -o health tank | grep -q ONLINE'", 180)
    t.check("over" in t.finish(job, 240), "the pool does not go on")
    t.sh("same /mnt/z && zpool scrub -w tank && zpool status -x tank | grep -q healthy", 240)
    t.sh("zpool destroy tank", 120)


@scenario("maxwait-swap", memory=384, long=True)
def maxwait_swap(t):
    """Pages on a target that does not answer cannot be read back; the system itself keeps running."""
    target = t.target(size="1g")
    t.load()
    t.appears(target)
    t.page_out_slowly()
    t.sh(f"swapon /dev/{target.disk} && mkdir -p /mnt/t && mount -t tmpfs -o size=600m tmpfs /mnt/t")
    t.sh("""
        n=0
        while [ $n -lt 8 ]; do
            dd if=/dev/urandom of=/mnt/t/f$n bs=1m count=56 2>/dev/null
            n=$((n + 1))
        done
        """, 900)
    mark = t.machine.console.mark()
    goes(t, target)
    out = t.run("cat /mnt/t/f0 /mnt/t/f1 2>&1 >/dev/null", 300).out
    t.check("error" in out.lower(), f"pages of a target that is gone were read: {out}")
    t.check(t.printed("swap_pager: I/O error - pagein failed", mark), "the pager says nothing")
    t.sh("echo alive")
    target.start()
    t.await_state(target, "up", 120)
    t.sh("cat /mnt/t/f7 >/dev/null; umount -f /mnt/t; swapoff " + f"/dev/{target.disk}", 900)
