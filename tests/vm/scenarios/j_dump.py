# SPDX-License-Identifier: BSD-2-Clause
"""Kernel crash dumps."""

import hashlib
import os
import struct

from aoevm.scenario import scenario

SECTOR = 512
MAGIC = b"FreeBSD Kernel Dump"


def headers(image):
    """A dump's length, the headers after and before it, and its first bytes."""
    with open(image, "rb") as file:
        end = file.seek(0, 2)
        file.seek(end - SECTOR)
        behind = file.read(SECTOR)
        (length,) = struct.unpack_from(">Q", behind, 40)
        file.seek(max(end - 2 * SECTOR - length, 0))
        return length, behind, file.read(SECTOR), file.read(24)


def stamp(tag, number):
    """The first bytes of a stamped sector.  The number distinguishes it from a copy of another
    sector, which the guest may have in its memory."""
    return tag + number.to_bytes(8, "little")


def stamped(t, megabytes=600):
    """Starts a target in whose file each sector has a tag and its number; target and tag."""
    tag = os.urandom(16)
    file = t.lab.disks / "stamped"
    each = (1 << 20) // SECTOR
    with file.open("wb") as image:
        for first in range(0, megabytes * each, each):
            image.write(b"".join(stamp(tag, n).ljust(SECTOR, b"\0") for n in range(first, first + each)))
    return t.target(file=file), tag


def contents(image, length):
    """The dump in a target's file, and the number of its first sector."""
    with open(image, "rb") as file:
        start = file.seek(-SECTOR - length, 2)
        return file.read(length), start // SECTOR


def unwritten(core, first, tag):
    """The sectors of a dump that still have their contents from before it."""
    parts = range(0, len(core), SECTOR)
    return [n for n, at in enumerate(parts, first) if core.startswith(stamp(tag, n), at)]


def panic(t, target):
    """Panics, and checks that the console reports a complete dump to the target."""
    t.start("sysctl debug.kdb.panic=1")
    t.check(t.machine.wait_for_end(300 * t.slow), "the guest did not end")
    said = t.machine.console.text()
    t.check(f"aoe: {target.disk}: dumping over" in said, "no dump was begun")
    t.check("Dump complete" in said, "the dump did not complete")


def dumped(t, target):
    """Panics, and checks the dump in the target's file, too; its length."""
    panic(t, target)
    length, behind, front, first = headers(target.file)
    t.check(behind.startswith(MAGIC), f"no dump in the file: {behind[:32]}")
    words = struct.unpack(">128I", behind)
    parity = 0
    for word in words:
        parity ^= word
    t.check(parity == 0, "the header is damaged")
    t.check(front == behind, f"another header in front of {length} bytes")
    t.check(first.startswith(b"minidump FreeBSD/"), f"this is no dump: {first}")
    t.check(b"kdb_sysctl_panic" in behind, "a dump of another panic")
    t.check(length > 16 << 20, f"{length} bytes cannot be all")
    return length


def saved(t, target, before=""):
    """Boots again; savecore(8) must find the dump, and only once.  Its length and SHA-256."""
    t.boot_again()
    t.sh(before)
    t.load()
    t.appears(target)
    t.sh("mount -t tmpfs tmpfs /mnt && savecore -v /mnt /dev/" + target.disk, 300)
    length = int(t.sh("sed -n 's/.*Dump Length: //p' /mnt/info.0"))
    # savecore(8) seeks over zeros, so any at the end are missing from its file.
    digest = t.sh(f"truncate -s {length} /mnt/vmcore.0 && sha256 -q /mnt/vmcore.0", 120).strip()
    first = t.sh("head -c 17 /mnt/vmcore.0")
    t.check(first == "minidump FreeBSD/", f"this is no dump: {first}")
    t.check("kdb_sysctl_panic" in t.sh("cat /mnt/info.0"), "the core of another panic")
    t.check(not t.run(f"savecore -C /dev/{target.disk}").ok, "the dump would be saved again")
    t.sh("umount /mnt")
    return length, digest


@scenario("dump", core=True, memory=512, panics="kdb_sysctl_panic")
def dump(t):
    """A kernel that panics writes its dump to an AoE disk by polling, if dumps are enabled,
    and savecore(8) reads it."""
    t.need("dumpon", "savecore")
    target, tag = stamped(t)
    t.load()
    t.appears(target)
    t.refused(f"dumpon /dev/{target.disk}", "not supported by device")
    t.check(t.printed("cannot take dumps: net.aoe.dump is 0"), "no reason was given")
    t.sh(f"sysctl net.aoe.dump=1; dumpon -v /dev/{target.disk}; dumpon -l")
    length = dumped(t, target)
    core, first = contents(target.file, length)
    left = unwritten(core, first, tag)
    t.check(not left, f"{len(left)} sectors of the dump were not written, from {left[:1]} on")
    wanted = length, hashlib.sha256(core).hexdigest()
    found = saved(t, target)
    t.check(found == wanted, f"the core is {found}, the dump {wanted}")


@scenario("dump-4k", long=True, memory=512, panics="kdb_sysctl_panic")
def dump_4k(t):
    """A dump to a disk with sectors of 4096 bytes, read back by savecore(8)."""
    t.need("dumpon", "savecore")
    large = "ifconfig vtnet0 mtu 9000 up"
    t.sh(large)
    target = t.lab.own_target("ssd", 0, 1, (600 << 20) // 4096, 4096)
    t.load()
    t.appears(target)
    t.sh(f"sysctl net.aoe.dump=1; dumpon -v /dev/{target.disk}")
    panic(t, target)
    t.check(saved(t, target, large)[0] > 16 << 20, "that cannot be all")


@scenario("dump-busy", long=True, memory=256, panics="kdb_sysctl_panic")
def dump_busy(t):
    """The panic occurs during writes, and the dump goes over a driver that uses iflib(4)."""
    t.need("dumpon")
    target = t.target(nic=2, size="600m")
    t.sh("ifconfig em0 up")
    t.load("em0")
    t.appears(target)
    t.sh(f"sysctl net.aoe.dump=1; dumpon /dev/{target.disk}")
    t.start(f"dd if=/dev/zero of=/dev/{target.disk} bs=64k count=3200 2>/dev/null")
    sent = f"net.aoe.target.{target.disk}.sent"
    before = int(t.sysctl(sent))
    t.sh(f"await 60 sh -c '[ $(sysctl -n {sent}) -gt {before + 2000} ]'", 90)
    dumped(t, target)
