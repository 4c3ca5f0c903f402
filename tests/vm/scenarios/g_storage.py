# SPDX-License-Identifier: BSD-2-Clause
"""Storage on AoE disks: large frames, bad networks, partitions, growth, swap, pools."""

import re

from aoevm.scenario import scenario


def fs_round_trip(t, target, files, size):
    """Makes a file system, fills and checks it, and reads the files back."""
    t.sh(f"newfs -U /dev/{target.disk} >/dev/null && mount /dev/{target.disk} /mnt", 120)
    t.sh(f"fill /mnt {files} {size}", 600)
    t.sh(f"umount /mnt && fsck_ffs -n /dev/{target.disk} && mount /dev/{target.disk} /mnt", 300)
    t.sh("same /mnt && umount /mnt", 600)


@scenario("mtu-9000")
def mtu_9000(t):
    """A file system over jumbo frames; the payload of a frame is 17 sectors."""
    target = t.target(size="128m")
    t.sh("ifconfig vtnet0 mtu 9000 up")
    t.load()
    t.appears(target)
    fs_round_trip(t, target, 64 if t.long else 16, "512k")
    used = t.sh("sysctl net.aoe.target.aoe0e1")
    t.check("8704" in used, f"no path uses a payload of 8704 bytes:\n{used}")


@scenario("bad-network", core=True, long=True)
def bad_network(t):
    """1% of the frames are lost, 1% duplicated and 1% overtaken, in both directions."""
    port = t.lab.relayed_port(0, loss=1, dup=1, reorder=1)
    target = t.lab.target(0, 1, size="128m", interface=port)
    t.sh("ifconfig vtnet0 up")
    t.load()
    t.appears(target, 60)
    fs_round_trip(t, target, 48 if t.long else 12, "512k")
    counters = t.sh("sysctl net.aoe.target.aoe0e1")
    t.check("retransmitted" in counters, "nothing counts retransmissions")


@scenario("solid-state", core=True)
def solid_state(t):
    """A disk of 3 TiB with 4 KiB sectors, TRIM and a write cache: each property is detected and used."""
    t.lab.own_target("ssd", 0, 1)
    before = len(t.lab.said())
    t.load()
    t.sh("await 60 test -c /dev/aoe0e1", 70)
    said = t.sh("diskinfo -v aoe0e1")
    for value, what in (
        (3 << 40, "mediasize in bytes"), (4096, "stripesize"), ("ssd-1", "Disk ident."),
        ("Yes", "TRIM/UNMAP support"), (0, "Rotation rate in RPM"),
    ):
        t.check(re.search(rf"^\t{value}\b.*# {what}", said, re.M), f"{what} is not {value}:\n{said}")
    t.sh("""
        dd if=/dev/urandom of=/tmp/r bs=64k count=16 2>/dev/null
        for at in 41943040 50331632; do  # 2.5 TiB, and the end
            dd if=/tmp/r of=/dev/aoe0e1 bs=64k oseek=$at conv=notrunc 2>/dev/null
            dd if=/dev/aoe0e1 bs=64k iseek=$at count=16 2>/dev/null | cmp - /tmp/r
        done
        """, 120)
    t.sh("newfs -U -t -s 65536 /dev/aoe0e1 >/dev/null && mount /dev/aoe0e1 /mnt && fill /mnt 8 256k", 240)
    t.sh("umount /mnt && fsck_ffs -n /dev/aoe0e1 && mount /dev/aoe0e1 /mnt && same /mnt", 240)
    t.sh("rm -r /mnt/d*; sync; umount /mnt; fsck_ffs -n /dev/aoe0e1", 120)
    t.sh("sysctl net.aoe.wc=0; sleep 2; sysctl net.aoe.wc=1; sleep 2")
    done = t.lab.said()[before:]
    freed = sum(int(count) for count in re.findall(r"^trim \d+ (\d+)", done, re.M))
    t.check(freed * 512 >= 8 * 256 << 10, f"only {freed} sectors were trimmed of files of 2 MiB")
    t.check(re.search(r"cache off\n(.*\n)*cache on\n", done), "the write cache was not set")


@scenario("sectors-4k", core=True)
def sectors_4k(t):
    """A disk with logical sectors of 4096 bytes: partitions, newfs, mount, copy, fsck, and a path too small for it."""
    t.sh("ifconfig vtnet0 mtu 9000 up")
    target = t.lab.own_target("ssd", 0, 1, (128 << 20) // 4096, 4096)
    t.load()
    t.appears(target)
    said = t.sh("diskinfo -v aoe0e1")
    for value, what in ((4096, "sectorsize"), (128 << 20, "mediasize in bytes"), (32768, "mediasize in sectors")):
        t.check(re.search(rf"^\t{value}\b.*# {what}", said, re.M), f"{what} is not {value}:\n{said}")
    t.refused("dd if=/dev/aoe0e1 of=/dev/null bs=512 count=1 2>&1", "Invalid argument")
    t.sh("""
        gpart create -s gpt aoe0e1 >/dev/null
        gpart add -t freebsd-ufs aoe0e1 >/dev/null
        newfs -U -t /dev/aoe0e1p1 >/dev/null
        mount /dev/aoe0e1p1 /mnt
        fill /mnt 24 256k
        """, 240)
    t.sh("umount /mnt && fsck_ffs -n /dev/aoe0e1p1 && mount /dev/aoe0e1p1 /mnt && same /mnt", 240)
    # A link that is down for a while, and frames too small for a sector: in both cases I/O waits.
    job = t.start("fill /mnt 40 256k && sync")
    t.sh("await 60 test -s /mnt/d1/f1")
    t.cable(0, False)
    t.await_state(target, "suspended")
    t.cable(0, True)
    t.sh("sleep 1; ifconfig vtnet0 mtu 1500")
    t.sh("await 60 sh -c '[ \"$(sysctl -n net.aoe.target.aoe0e1.path.0.state)\" = unusable ]'", 70)
    t.sh("ifconfig vtnet0 mtu 4132")
    t.finish(job, 240)
    t.sh("umount /mnt && fsck_ffs -n /dev/aoe0e1p1 && mount /dev/aoe0e1p1 /mnt && same /mnt", 240)
    t.sh("rm -r /mnt/d*; umount /mnt; kldunload aoe; kldload /aoevm/kit/aoe.ko; sysctl net.aoe.iflist=vtnet0")
    t.appears(target)
    t.sh("await 20 test -c /dev/aoe0e1p1; fsck_ffs -n /dev/aoe0e1p1; gpart destroy -F aoe0e1", 120)


@scenario("gpart-growfs", long=True)
def gpart_growfs(t):
    """A partition with a file system; the target grows, and so do partition and file system."""
    t.need("gpart", "growfs")
    target = t.target(size="64m")
    t.load()
    t.appears(target)
    t.sh("""
        gpart create -s gpt aoe0e1
        gpart add -t freebsd-ufs aoe0e1
        newfs -U /dev/aoe0e1p1 >/dev/null
        mount /dev/aoe0e1p1 /mnt
        fill /mnt 16 256k
        """, 240)
    target.kill()
    target.grow(128 << 20)
    target.start()
    t.sh("sysctl net.aoe.discover=1; await 90 sh -c \"diskinfo aoe0e1 | grep -q 134217728\"", 120)
    t.sh("""
        same /mnt
        umount /mnt
        gpart recover aoe0e1
        gpart resize -i 1 aoe0e1
        growfs -y /dev/aoe0e1p1
        fsck_ffs -n /dev/aoe0e1p1
        mount /dev/aoe0e1p1 /mnt
        same /mnt
        """, 240)
    size = int(t.sh("df -k /mnt | awk 'NR == 2 { print $2 }'"))
    t.check(size > 100 * 1024, f"the file system has {size} KiB after growing to 128 MiB")
    t.sh("umount /mnt; gpart destroy -F aoe0e1")


@scenario("swap", memory=384, long=True)
def swap(t):
    """The system pages out to an AoE disk under memory pressure, and back in."""
    target = t.target(size="1g")
    t.load()
    t.appears(target)
    t.page_out_slowly()
    t.sh("swapon /dev/aoe0e1 && swapctl -l")
    # tmpfs pages are anonymous: if there are more of them than memory, some must be paged out.
    t.sh("""
        mkdir -p /mnt/t && mount -t tmpfs -o size=600m tmpfs /mnt/t
        n=0
        while [ $n -lt 8 ]; do
            dd if=/dev/urandom of=/mnt/t/f$n bs=1m count=56 2>/dev/null
            sha256 -q /mnt/t/f$n
            n=$((n + 1))
        done >/tmp/sums
        swapctl -l
        """, 900)
    used = int(t.sh("swapctl -sk | awk '{ print $3 }'"))
    t.check(used > 50 * 1024, f"only {used} KiB were paged out")
    t.sh("n=0; while [ $n -lt 8 ]; do sha256 -q /mnt/t/f$n; n=$((n + 1)); done | cmp - /tmp/sums", 900)
    t.sh("umount /mnt/t; swapoff /dev/aoe0e1", 300)


@scenario("zpool", long=True, memory=1536)
def zpool(t):
    """A pool on two AoE disks is scrubbed and flushed, and still takes its last writes at a reboot."""
    t.need("zpool")
    t.lab.own_target("ssd", 0, 2, (256 << 20) // 512)
    before = len(t.lab.said())
    target = t.target(0, 1, size="256m")
    t.load()
    t.appears(target)
    t.sh("await 60 test -c /dev/aoe0e2", 70)
    # Loaded after our module, since shutdown handlers are called in the order of loading.
    t.need_module("zfs")
    t.sh("zpool create -m /mnt/z tank mirror aoe0e1 aoe0e2 && fill /mnt/z 16 512k", 240)
    t.sh("zpool scrub -w tank; zpool status -x tank | grep healthy; same /mnt/z", 300)
    t.check("flush\n" in t.lab.said()[before:], "no flush arrived")
    t.start("dd if=/dev/urandom of=/mnt/z/last bs=64k count=64; reboot")
    took = t.machine.wait_for_end(60 * t.slow)
    t.check(took is not None, "the guest did not reboot with a pool imported")
    t.check("I/O failure" not in t.machine.console.text(), "the pool lost its disks at the reboot")
