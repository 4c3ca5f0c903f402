# SPDX-License-Identifier: BSD-2-Clause
"""Uses of a disk: other GEOM classes, backups, exports; and a crash of the initiator."""

import time

from aoevm.scenario import scenario

CHURN = "while :; do mkdir -p /mnt/more; fill /mnt/more 12 96k; rm -rf /mnt/more; done"


def killed_and_checked(t, target, newfs):
    """Cuts the initiator's power while files are made and removed; fsck_ffs(8)'s output then."""
    t.sh(f"newfs {newfs} /dev/{target.disk} >/dev/null; mount /dev/{target.disk} /mnt", 120)
    # An unmount writes everything, whereas sync(2) only begins to.
    t.sh(f"fill /mnt 16 256k; umount /mnt; mount /dev/{target.disk} /mnt", 120)
    t.start(CHURN)
    time.sleep(5)
    t.boot_again()
    t.load()
    t.appears(target)
    said = t.sh(f"fsck_ffs -p /dev/{target.disk}", 240)
    t.sh(f"fsck_ffs -n -f /dev/{target.disk}", 240)
    t.sh(f"mount -r /dev/{target.disk} /mnt; same /mnt; umount /mnt", 120)
    return said


@scenario("initiator-killed", long=True, memory=768)
def initiator_killed(t):
    """The initiator loses power during writes: fsck repairs the UFS, with and without its journal."""
    target = t.target(size="128m")
    t.load()
    t.appears(target)
    said = killed_and_checked(t, target, "-U")
    t.check("SU+J" not in said, f"there should be no journal:\n{said}")
    said = killed_and_checked(t, target, "-U -j")
    t.check("SU+J Recovering" in said, f"the journal was not used:\n{said}")


@scenario("dump-restore", long=True)
def dump_restore(t):
    """dump(8) reads a snapshot of a mounted file system, and restore(8) writes it to another disk."""
    t.need("dump", "restore", "mksnap_ffs")
    first, second = t.target(0, 1, size="96m"), t.target(0, 2, size="96m")
    t.load()
    t.appears(first)
    t.appears(second)
    t.sh("""
        mkdir -p /tmp/restored
        for disk in aoe0e1 aoe0e2; do newfs -U /dev/$disk >/dev/null; done
        mount /dev/aoe0e1 /mnt; mount /dev/aoe0e2 /tmp/restored
        echo '/dev/aoe0e1 /mnt ufs rw,noauto 2 0' >/etc/fstab
        fill /mnt 24 256k
        """, 240)
    job = t.start("cd /tmp/restored && dump -0 -L -a -f - /mnt | /sbin/restore -r -f -")
    t.cable(0, False)
    time.sleep(3)
    t.cable(0, True)
    t.finish(job, 300)
    t.sh("rm /etc/fstab; same /tmp/restored; umount /tmp/restored /mnt", 120)
    t.sh("fsck_ffs -n -f /dev/aoe0e1; fsck_ffs -n -f /dev/aoe0e2", 120)


@scenario("gmultipath", long=True)
def gmultipath(t):
    """Two disks that serve one file, under gmultipath(8): the second is used when the first fails."""
    t.need_module("g_multipath", "geom_multipath")
    first = t.target(0, 1, size="96m")
    second = t.target(0, 2, file=first.file)
    t.load()
    t.appears(first)
    t.appears(second)
    t.sh("""
        gmultipath label -A one /dev/aoe0e1 /dev/aoe0e2
        newfs -U /dev/multipath/one >/dev/null; mount /dev/multipath/one /mnt
        sysctl net.aoe.target.aoe0e1.maxwait=2
        """, 120)
    job = t.start("fill /mnt 24 256k; same /mnt")
    first.kill()
    t.finish(job, 240)
    status = t.sh("gmultipath status -s")
    t.check("DEGRADED" in status, f"the first disk is still used:\n{status}")
    t.sh("umount /mnt; fsck_ffs -n -f /dev/multipath/one; gmultipath destroy one", 120)


@scenario("gjournal", long=True)
def gjournal(t):
    """A gjournal(8) with its journal on one disk and its data on another, during an outage of each."""
    t.need_module("g_journal", "geom_journal")
    data, journal = t.target(0, 1, size="96m"), t.target(0, 2, size="128m", nic=1)
    t.load("vtnet0 vtnet1")
    t.appears(data)
    t.appears(journal)
    t.sh("""
        gjournal label aoe0e1 aoe0e2
        await 20 test -c /dev/aoe0e1.journal
        newfs -J /dev/aoe0e1.journal >/dev/null; mount -o async /dev/aoe0e1.journal /mnt
        """, 120)
    job = t.start("fill /mnt 32 256k; sync; same /mnt")
    for nic in (0, 1):
        t.cable(nic, False)
        time.sleep(3)
        t.cable(nic, True)
    t.finish(job, 300)
    t.sh("umount /mnt; fsck_ffs -n -f /dev/aoe0e1.journal", 120)
    t.sh("gjournal sync; gjournal stop aoe0e1.journal", 120)


@scenario("nfs", long=True)
def nfs(t):
    """A file system on a disk, exported and mounted by NFS, during a restart of the target."""
    t.need("nfsd", "mountd", "rpcbind", "mount_nfs")
    t.need_module("nfsd")
    t.need_module("nfs", "nfscl")
    target = t.target(size="96m")
    t.load()
    t.appears(target)
    t.sh("""
        newfs -U /dev/aoe0e1 >/dev/null; mkdir -p /tmp/export; mount /dev/aoe0e1 /tmp/export
        ifconfig lo0 inet 127.0.0.1/8
        echo '/tmp/export -maproot=root 127.0.0.1' >/tmp/exports
        rpcbind </dev/null >/dev/null 2>&1; mountd /tmp/exports </dev/null >/dev/null 2>&1
        nfsd -t -n 2 </dev/null >/dev/null 2>&1
        await 60 mount_nfs -o nfsv3,tcp,nolockd 127.0.0.1:/tmp/export /mnt
        """, 240)
    job = t.start("fill /mnt 24 256k; same /mnt")
    target.kill()
    time.sleep(3)
    target.start()
    t.finish(job, 300)
    # umount(8) may fail to notify mountd(8) in the end, which does not matter.
    t.sh("umount /mnt || ! mount | grep ' on /mnt '", 120)
    t.sh("killall nfsd mountd rpcbind; await 30 umount /tmp/export", 120)
    t.sh("fsck_ffs -n -f /dev/aoe0e1; mount -r /dev/aoe0e1 /mnt; same /mnt; umount /mnt", 120)
