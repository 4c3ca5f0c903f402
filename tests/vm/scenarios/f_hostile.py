# SPDX-License-Identifier: BSD-2-Clause
"""Many targets, and hostile frames."""

import pathlib
import subprocess

from aoevm.scenario import scenario

FUZZ = pathlib.Path(__file__).resolve().parents[3] / "fuzz"


@scenario("many-targets", long=True)
def many_targets(t):
    """64 targets at once: all appear, all are read, and an unload removes all."""
    count = 64
    targets = [t.target(slot // 16, slot % 16, size="2m") for slot in range(count)]
    for number, target in enumerate(targets):
        with target.file.open("r+b") as image:
            image.write(b"%08d" % number * 64)
    t.load()
    t.run("sleep 10; sysctl net.aoe.stats net.aoe.devices; netstat -I vtnet0 -d; disks | wc -l")
    t.sh(f"all_there() {{ [ $(disks | wc -l) -eq {count} ]; }}; await 120 all_there", 180)
    for number, target in enumerate(targets):
        if number % 8 == 0:
            got = t.sh(f"dd if=/dev/{target.disk} bs=512 count=1 2>/dev/null | head -c 8")
            t.check(got == "%08d" % number, f"{target.disk} has {got!r}")
    t.sh("for d in $(disks); do dd if=$d of=/dev/null bs=64k 2>/dev/null & done; wait", 240)
    t.sh("kldunload aoe", 120)


def under_attack(t, *attack):
    """Uses a disk, with checksums, while frames are injected."""
    target = t.target(size="64m")
    t.load()
    t.appears(target)
    t.sh("newfs -U /dev/aoe0e1 >/dev/null && mount /dev/aoe0e1 /mnt", 120)
    attacker = t.lab.inject(*attack, wait=False)
    t.sh("fill /mnt 16 256k && sync && same /mnt", 300)
    if attacker.poll() is None:
        attacker.wait(600)
    t.check(attacker.returncode == 0, "the frame generator failed")
    t.sh("umount /mnt && fsck_ffs -n /dev/aoe0e1 && mount /dev/aoe0e1 /mnt && same /mnt", 240)
    t.sh("umount /mnt")


@scenario("hostile-frames", core=True)
def hostile_frames(t):
    """Malformed and forged frames only increment counters; the disk in use stays intact."""
    under_attack(t, "hostile", 400000 if t.long else 30000, 1, 4000)


FILTERS = (
    "shelves=",
    "shelves=0-9",
    "shelves=0-9 net.aoe.filter.config=aoe",
    "shelves=0-9 net.aoe.filter.config=aoe net.aoe.filter.macs={mac}",
    "shelves= net.aoe.filter.config= net.aoe.filter.macs=aoe0e1={mac}",
)


@scenario("short-frames", core=True)
def short_frames(t):
    """Answers of 14 to 60 bytes, which the tap does not pad, are counted and dropped, with and without filters."""
    target = t.target(size="64m")
    t.load()
    t.appears(target)
    t.sh("newfs -U /dev/aoe0e1 >/dev/null && mount /dev/aoe0e1 /mnt && fill /mnt 4 64k && sync", 120)
    mac = t.sysctl("net.aoe.target.aoe0e1.path.0.mac")
    for setting in FILTERS:
        t.sh(f"sysctl net.aoe.filter.{setting.format(mac=mac)}; sleep 1")
        frames, malformed = (int(t.sysctl(f"net.aoe.stats.rx_{n}")) for n in ("frames", "malformed"))
        sent = int(t.lab.inject("short"))
        t.sh("sleep 1")
        frames = int(t.sysctl("net.aoe.stats.rx_frames")) - frames
        malformed = int(t.sysctl("net.aoe.stats.rx_malformed")) - malformed
        t.check(frames >= sent, f"{sent} frames were sent, {frames} counted")
        # At least those shorter than the AoE header are malformed: 10 of the 47 lengths.
        t.check(sent * 10 // 47 <= malformed <= sent, f"{malformed} of {sent} frames were malformed")
        t.sh("same /mnt && dd if=/dev/aoe0e1 of=/dev/null bs=64k count=16 2>/dev/null")
        t.check(t.state(target) == "up", "the frames took the disk down")
    t.sh("umount /mnt && fsck_ffs -n /dev/aoe0e1", 120)


@scenario("fuzz-corpus", long=True)
def fuzz_corpus(t):
    """The fuzz corpus is replayed into the guest's interface."""
    subprocess.run([FUZZ / "unpack"], check=True)
    under_attack(t, "replay", FUZZ / "corpus")


@scenario("forged-adverts", long=True)
def forged_adverts(t):
    """A flood of forged adverts causes no unbounded growth of memory, and harms no disk in use."""
    allocations = "vmstat -m | awk '$1 == \"aoe\" { print $2 }'"
    target = t.target(size="64m")
    t.load()
    t.appears(target)
    before = int(t.sh(allocations) or 0)
    t.lab.inject("adverts", 5000, 1, 5000)
    used = int(t.sh(f"sleep 2; {allocations}") or 0)
    t.check(used > before, f"{before} allocations before the first flood, {used} after it")
    t.lab.inject("adverts", 30000, 2, 5000)
    now = int(t.sh(f"sleep 2; {allocations}") or 0)
    t.check(now <= used + 64, f"{used} allocations after the first flood, {now} after the second")
    t.sh(f"at_rest() {{ [ $({allocations}) -le {before} ]; }}; await 60 at_rest", 70)
    t.sh("dd if=/dev/aoe0e1 of=/dev/null bs=64k", 120)
    t.check(t.state(target) == "up", "the flood took the real target down")
