# SPDX-License-Identifier: BSD-2-Clause
"""The cases of the test: a scene, the arguments of aoectl, and the input that is typed."""

import errno

from scenes import (ATA, CONFIG, CONFLICT, DOUBLED, IN_CONFLICT, LBA48, LEFT_OUT, MASK, OPEN, OWN, PATH_DOWN, READ_ONLY,
                    RESERVE, RESERVED, SUSPENDED, UNUSABLE, UP, Scene, event, mac, page, path, target)

ALL = []


def cases(make, *lines, typed=""):
    """Adds command lines, each with a fresh scene; a list is a command line split into words."""
    ALL.extend((make, line if isinstance(line, list) else line.split(), typed) for line in lines)


def plain(**behaviour):
    return lambda: Scene(target(), **behaviour)


def several():
    """Targets of all kinds: with two paths, suspended, large and small, with remarks."""
    return Scene(
        target(paths=[path(), path(1, "em1", mtu=1500, payload=1024, payload_max=1024, reorder_us=250,
                                   histogram={0: 1, 1: 2, 8: 300, 23: 1 << 40})],
               config=b'a "quoted" \\ <one> & \x01\xff', flags=LBA48 | OPEN),
        target(0, 1, [], state=1, sectors=0, serial=b"", model=b"", firmware=b""),
        target(300, 2, [path(state=CONFLICT), path(5, "", state=UNUSABLE, mtu=0, link_up=0)], model=b"",
               flags=IN_CONFLICT | READ_ONLY | RESERVED | DOUBLED, reason="logical sectors of 520 bytes are not supported",
               reason_path=5),
        target(8, 0, [path(state=PATH_DOWN)], state=SUSPENDED, sectors=20 * 2**21 + 5, active=4, outage=(4000000, 0xFFFFFFFF), serial=b"a\x1b[1m",
               flags=OPEN),
        target(8, 1, [], state=77, sectors=9 * 2**41, model=b"a model of exactly forty characters, no 1"[:40]),
        absent=[(8, 0, 21, 0, b"no answer to IDENTIFY; does an access list exclude this host?"), (9, 9, LEFT_OUT, 64, b"left out"),
                (9, 10, LEFT_OUT, 64, b"left out")],
        sysctls={"net.aoe.target.aoe7e3.maxwait": 60, "net.aoe.target.aoe8e0.maxwait": 0, "net.aoe.iflist": "em0 em1",
                 "net.aoe.stats.rx_frames": 123, "net.aoe.stats.a_name_that_is_longer_than_its_column": 1 << 63,
                 "net.aoe.stats.tx_frames": 0},
    )


def busy():
    """The longest values, and counters that grow."""
    scene = wide()
    scene.grows = {"completed": 2468, "sent": 10**6 + 1, "received": 999999, "retransmitted": 3, "late": 1}
    return scene


def several_that_stay():
    """The targets of several(), one of which answers again during a flush and so stays."""
    scene = several()
    scene.stays = (b"aoe0e1",)
    return scene


def wide():
    """The longest values of all fields."""
    figures = {"rtt_us": 1999999, "in_flight": 255, "window": 255, "sent": 10**11, "retransmitted": 10**6,
               "reorder_us": 123456}
    name = "vlan100.1234567"
    return Scene(
        target(65534, 254, [path(0, name, **figures), path(15, name, state=UNUSABLE, **figures)], state=1,
               sectors=16 * 2**31, serial=b"S3Z9NX0M123456789012"[:20], model=b"Coraid EtherDrive vblade with a long one",
               firmware=b"12345678", config=b"x" * 200, active=10**6, reason="the target's disk (16.0T) is "
               "smaller than the open one; I/O suspended until the disk is closed or has its old size", reason_path=15),
        target(8, 3, state=SUSPENDED, outage=(42, 138), sectors=16 * 2**31, serial=b"8.3:store1", model=b"Coraid EtherDrive vblade"),
        absent=[(9, 9, 21, 0, b"logical sectors of 520 bytes are not supported")],
        sysctls={"net.aoe.iflist": " ".join(f"vlan100.12345{n:02}" for n in range(16)), "net.aoe.stats.rx_frames": 2**63,
                 "net.aoe.target.aoe65534e254.maxwait": 1000000},
    )


def empty():
    return Scene(sysctls={"net.aoe.iflist": ""})


LOOKS = ["list", "status", "paths", "stats"]
for make in (several, wide, empty):
    cases(make, *LOOKS)
cases(busy, "stats -w 2 -c 2", "stats -c 1 -w 1 8.3", "stats -c 1", "stats -w 0", "stats -w 1 9.9", "stats -w x")
cases(wide, "list 8.3", "log", "ping -c 1 65534.254", "sancheck", "identify 8.3", "reserve 8.3", "mask 8.3")
cases(several, "list 7.3", "list e8.0 /dev/aoe0e1 aoe300e2", "list 9.9 7.3", "status 7.3", "status 7.3 9.9", "paths 300.2",
      "stats aoe7e3")
SIZES = [1, 2, 3, 19, 20, 21, 2047, 2048, 20479, 20480, 20991, 2**21 - 1, 2**31, 2**41, 2**48, 2**51 + 2**47]
cases(lambda: Scene(*(target(1, slot, sectors=sectors) for slot, sectors in enumerate(SIZES))), "list")
cases(plain(errors={"target": errno.EIO}), "list", "list 7.3")
cases(plain(errors={"target": errno.ENXIO}), "list", "status 7.3")
cases(plain(errors={"net.aoe.version": errno.ENOENT, "net.aoe.iflist": errno.ENOENT, "net.aoe.maxwait": errno.ENOENT,
                    "net.aoe.stats": errno.ENOENT}), "status", "stats", "version", "interfaces", "interfaces em1")
cases(plain(), "list 7", "list 7.255", "list 65535.1", "list aoe7.3", "list e7e3", "list x", "list 7.3x", ["list", ""],
      "list /dev/7.3", "list /dev/aoe7e3", "list -7.3", "list 99999999999999999999.1", "list 7.-3")

# Command lines that end before a command begins, and options for the output format.
cases(plain(), "", "help", "-h", "--help", "help list", "frob", "frob -h", "version", "version now",
      "help ping", "help mask", "help help", "ping -h", "config --help", "-h status", "help frob", "help list status", "stauts",
      "lst 7.3", "disc", "list -x", "ping -x")
cases(plain(), "--libxo:JP version", "--libxo=xml version", "version --libxo pretty,json", "--libxo nonsense list", "--libxo",
      "--libxo:Q list", "--libxo-check list")
cases(plain(device=errno.ENOENT), "list", "version", "frob")
cases(plain(device=errno.EPERM), "list")
cases(plain(device=errno.EIO), "list")
cases(plain(version_number=1), "list")
cases(plain(errors={"version": errno.ENOTTY}), "list")
cases(plain(errors={"version": errno.EACCES}), "list")

# Events.
EVENTS = [event(n, "PATH_UP", "up", path=n % 3) for n in range(1, 40)] + [
    event(40, "UP", "found, 16.0M", 32768), event(41, "UP", "found, <1> & \"2\"", 1, target="aoe8e0", usec=7)]
for make in (plain(events=EVENTS[36:]), plain()):
    cases(make, "log", "log 7.3", "log aoe8e0", "log -n 2", "log -n 1 7.3", "log -f", "log -fn1 8.0")
cases(plain(events=EVENTS), "log -n 35")
cases(plain(errors={"log": errno.EINTR}), "log", "log -n 1")
cases(plain(), "log -n 0", "log -n 1001", "log -n x", "log -n 1x", "log -n -1", ["log", "-n", ""], "log -n", "log -x",
      "log 7.3 8.0", "log 7", "log -- -f", "log -f -x -n 0 7.3")

# Commands that make the driver look again.
cases(plain(), "interfaces", "interfaces em1 em2", "interfaces -n", "interfaces -n em0", "interfaces -x",
      ["interfaces", *["x" * 15] * 64], ["interfaces", "x" * 600, "y" * 600], ["interfaces", ""])
cases(plain(sysctls={"net.aoe.iflist": " em0,em1\tem2 "}), "interfaces", "interfaces -d em1", "interfaces -a em3 -d em0",
      "interfaces -a em1", "interfaces -d em9", "interfaces -a em3 em4", "interfaces -n -a em3", "interfaces -f",
      "interfaces -a")
for typed in ("", "n\n", "y\n"):
    for words in ("-d em0", "em1", "-n"):
        cases(lambda: Scene(target(flags=LBA48 | OPEN), target(8, 0, [path(), path(1, "em1")], flags=LBA48 | OPEN),
                            target(8, 1), sysctls={"net.aoe.iflist": "em0 em1"}), "interfaces " + words, typed=typed)
cases(lambda: Scene(target(flags=LBA48 | OPEN), sysctls={"net.aoe.iflist": "em0 em1"}), "interfaces -f -d em0",
      "interfaces -d em1", "interfaces -a em2", "discover")
cases(plain(sysctls={"net.aoe.iflist": ""}), "discover")
cases(several_that_stay, "flush -a")
cases(plain(), "log 9.9", "log -f 9.9")
cases(plain(errors={"net.aoe.iflist": errno.EINVAL}), "interfaces em1", "interfaces")
cases(plain(errors={"net.aoe.iflist": errno.EPERM}), "interfaces em1")
cases(plain(), "discover", "discover 7.3", "discover -w 0 8.4 7.3", "discover -w x", "discover -w 3601 7.3",
      "discover nonsense", "discover -w", "discover -w0")
cases(lambda: Scene(appears=target(8, 4)), "discover -w 1 8.4")
cases(several, "discover -w 0 8.0 300.2 9.9 0.1 1.1", "discover -w 0 7.3")
cases(plain(errors={"discover": errno.EIO}), "discover", "discover 7.3")
cases(plain(), "revalidate", "revalidate 7.3", "revalidate 7.4", "revalidate 7.4 x 7.3", "revalidate -x")
cases(several, "flush", "flush -a", "flush -a 7.3", "flush 7.3", "flush 8.0", "flush 9.9 8.0", "flush -x", "flush x")

# Management commands that only read.
cases(several, "ping -c 2 -i 0 7.3", "ping -A -c 1 7.3", "ping -c1 -p1 7.3", "ping -c 1 -p 4 7.3", "ping -c 1 0.1",
      "ping 1.1", "ping", "ping 7.3 8.0", "ping -c 0 7.3", "ping -c 1000001 7.3", "ping -i 3601 7.3", "ping -c 2 -i 0.1 7.3", "ping -i x 7.3", "ping -i -1 7.3",
      "ping -p 16 7.3", "ping -t 0 7.3", "ping -t 60001 7.3", "ping -q 7.3", "ping -c")
for number in (errno.ETIMEDOUT, errno.ENETDOWN, errno.EIO, errno.ENXIO, errno.EINTR):
    cases(lambda number=number: Scene(several().targets[1], errors={"path 1": number}), "ping -c 1 7.3")
    cases(plain(errors={"control": number}), "ping -c 1 7.3", "config 7.3", "identify 7.3", "smart 7.3", "mask 7.3",
          "reserve 7.3", "sancheck 7.3", "config 7.3 test x", "config 7.3 set x")
for number in range(1, 8):
    refuse = {command: number for command in range(4)}
    cases(plain(refuse=refuse), "ping -c 1 7.3", "config 7.3", "config 7.3 set x", "config 7.3 test x", "identify 7.3",
          "smart 7.3", "mask 7.3", "reserve 7.3", "sancheck 7.3")
cases(several, "sancheck", "sancheck 7.3", "sancheck -t 50 8.1 7.3", "sancheck -t 0", "sancheck -t 10001", "sancheck -x",
      "sancheck 1.1")
cases(lambda: Scene(target(sectors=5), target(1, 1, [path(sector_count=0), path(1, mtu=100), path(2, link_up=0)], flags=0),
                    target(1, 2, sector_logical=4096), target(1, 3, [path(mtu=4000)], sector_logical=4096),
                    target(1, 4, sectors=1)), "sancheck")
for largest in (4200, 600, 400):
    cases(plain(largest=largest), "sancheck")
cases(plain(cut={ATA: 100}), "sancheck", "identify 7.3", "smart 7.3")
cases(plain(cut={ATA: 4}), "sancheck", "identify 7.3", "smart 7.3")
cases(plain(), "identify 7.3", "identify -r aoe7e3", "identify", "identify 7.3 7.4", "identify 7.4", "identify -x 7.3")
cases(plain(disk=page(serial=" \0a\x1bb ", model="", w82=0x61, w85=0x41, w83=0x7400, w86=0x7400, w87=0x4100, w106=0x7003,
                      w117=2048, w108=0x5000, w109=0x1234, w111=7, w169=1, w217=7200)), "identify 7.3")
cases(plain(disk=page(w106=0x6003, w217=1, w82=0x61)), "identify 7.3")
cases(plain(), "smart 7.3", "smart", "smart 7.3 x", "smart 7.4")
for error in ((0x40, 0x41), (0x00, 0x20), (0x10, 0x51)):
    cases(plain(ata_error=error), "smart 7.3")
for condition in ("fine", "failing"):
    cases(plain(smart=condition), "smart 7.3")
for power in (0x00, 0x80, 0x40):
    cases(plain(smart="fine", power=power), "smart 7.3")

# Management commands that set.
cases(plain(), "config 7.3", "config", "config 7.3 read", "config 7.3 read x", "config 7.3 set", "config 7.3 set mine",
      ["config", "7.3", "set", ""], "config 7.3 test mine", "config 7.3 prefix", "config 7.3 eat it", "config 7.4",
      ["config", "7.3", "force", "x" * 1024], ["config", "7.3", "force", "x" * 1025], "config x set y",
      ["config", "7.3", "force", 'a "quoted" \\ <one> & \x01'], "config 7.3 force -x", "config 7.3 set x y", "config -x")
cases(plain(config=b"mine"), "config 7.3", "config 7.3 set mine", "config 7.3 set other", "config 7.3 force other",
      "config 7.3 test mine", "config 7.3 test min", "config 7.3 prefix min", "config 7.3 prefix x")
# The answer to the first of two transmissions was lost.
cases(plain(config=b"mine", tries=2), "config 7.3 set mine", "config 7.3 set other")
for cut in (10, 7, 3):
    cases(plain(config=b"mine", cut={CONFIG: cut}), "config 7.3", "config 7.3 force mine")
cases(plain(), "mask 7.3", "mask", "mask 7.3 read", "mask 7.3 read x", f"mask 7.3 add {OWN} 020000000001", "mask 7.3 add",
      "mask 7.3 add -f", "mask 7.3 add 02:00:00:00:00:01", "mask 7.3 add -f 02:00:00:00:00:01", "mask 7.3 add x",
      "mask 7.3 add 02:00:00:00:00", "mask 7.3 add 02:00:00:00:00:01:", "mask 7.3 add 2:0:0:0:0:A", "mask 7.3 add 02000000001",
      "mask 7.3 delete 02:00:00:00:00:01", "mask 7.3 clear", "mask 7.3 clear x", "mask 7.3 frob", "mask 7.4",
      "mask 7.4 add x", ["mask", "7.3", "add"] + [OWN] * 256)
LISTED = [mac(OWN), mac("02:00:00:00:00:01"), mac("02:00:00:00:00:02")]
cases(plain(mask=LISTED), "mask 7.3", "mask 7.3 clear", f"mask 7.3 delete {OWN}", f"mask 7.3 delete -f {OWN}",
      "mask 7.3 add 02:00:00:00:00:03", "mask 7.3 add 02:00:00:00:00:03 02:00:00:00:00:04",
      f"mask 7.3 delete {OWN} 02:00:00:00:00:01 02:00:00:00:00:02", "mask 7.3 delete 02:00:00:00:00:09")
for full in (1, 2, 9):
    cases(plain(mask=LISTED, full=full), "mask 7.3 add 02:00:00:00:00:03 02:00:00:00:00:04")
for cut in (13, 3):
    cases(plain(mask=LISTED, reserved=LISTED, cut={MASK: cut, RESERVE: cut - 2}), "mask 7.3", "mask 7.3 clear", "reserve 7.3")
cases(plain(errors={"control 2": errno.ETIMEDOUT, "control 3": errno.ETIMEDOUT}), "mask 7.3", "mask 7.3 clear", "reserve 7.3",
      "reserve 7.3 set")
cases(several, "mask 7.3 add 02:00:00:00:00:01", "reserve 7.3 set", "reserve 0.1 set")
cases(plain(), "reserve 7.3", "reserve", "reserve 7.3 read", "reserve 7.3 read x", "reserve 7.3 set",
      "reserve 7.3 set 02:00:00:00:00:01 02:00:00:00:00:02", "reserve 7.3 set x", "reserve 7.3 force",
      "reserve 7.3 force 02:00:00:00:00:01", "reserve 7.3 release", "reserve 7.3 release -f", "reserve 7.3 release x",
      "reserve 7.3 hold", "reserve 7.4", "reserve 7.4 hold", "reserve 7.4 set x", ["reserve", "7.3", "set"] + [OWN] * 256)
cases(plain(reserved=LISTED[1:]), "reserve 7.3", "reserve 7.3 set", "reserve 7.3 release", "reserve 7.3 release -f",
      f"reserve 7.3 force {OWN}")

# Another disk at the address of the known one.
OTHER = page("other", "another disk")


def replaced(**behaviour):
    fields = behaviour.pop("fields", {"flags": LBA48 | OPEN})
    return lambda: Scene(target(paths=[path(state=CONFLICT), path(1, "em1", state=CONFLICT), path(2, state=UP - 1)],
                                state=SUSPENDED, **fields), **({"disk": OTHER} | behaviour))


cases(replaced(), "accept -f 7.3", "accept -f -p 0 7.3", "accept -p 16 7.3", "accept -p 2 7.3", "accept", "accept -x 7.3",
      "accept 7.3 8.0", "accept 7.4", "accept 7.3")
for typed in ("y\n", "yes\n", "Y", "n\n", "\n"):
    cases(replaced(), "accept 7.3", typed=typed)
cases(replaced(fields={"flags": LBA48, "serial": b"", "firmware": b""}), "accept 7.3", typed="y")
cases(replaced(disk=page("other", sectors=5)), "accept -f 7.3")
cases(replaced(disk=page("other", sectors=5), fields={}), "accept -f 7.3")
cases(replaced(disk=page("other", w106=0x5000, w117=2048)), "accept -f 7.3")
cases(replaced(disk={0: OTHER, 1: page("third", "another disk")}), "accept -f 7.3", "accept -f -p 1 7.3")
cases(replaced(accepted=b"third"), "accept -f 7.3")
for number in (errno.EBUSY, errno.ENODEV, errno.ENOSPC, errno.EINVAL, errno.ETIMEDOUT, errno.EIO):
    cases(replaced(errors={"accept": number}), "accept -f 7.3")
cases(replaced(errors={"control": errno.ETIMEDOUT}), "accept -f 7.3")
cases(plain(), "accept 7.3")

# Faults.  A counter that does not exist yet begins with 7 when the first query adds to it.
HEARD = {"tx_frames": 1, "rx_frames": 1}


def ill(*targets, **behaviour):
    return lambda: Scene(*targets, **({"counted": HEARD} | behaviour))


cases(ill(target()), "doctor", "doctor 7.3", "doctor 7.4", "doctor x", "doctor 7.3 7.4", "doctor -x")
cases(ill(device=errno.ENOENT), "doctor")
cases(ill(version_number=1), "doctor")
cases(ill(device=errno.EPERM), "doctor")
cases(ill(errors={"discover": errno.ENXIO}), "doctor")
cases(ill(errors={"target": errno.EIO}), "doctor", "doctor 7.3")
cases(ill(sysctls={"net.aoe.iflist": ""}), "doctor")
cases(ill(sysctls={"net.aoe.iflist": "em9 em1,em2 lagg0port lo0"},
          interfaces=[("em1", 6, 0, 1), ("em2", 6, 1, 0), ("lagg0port", 0xA1, 1, 1), ("lo0", 24, 1, 1), ("vlan4", 0x87, 1, 1)]),
      "doctor")
cases(ill(counted={"tx_frames": 1}, interfaces=[("em0", 6, 1, 1), ("em1", 6, 1, 1)],
          sysctls={"net.link.ether.ipfw": 1, "net.pf.states_hashsize": 131072}), "doctor", "doctor 7.3")
cases(ill(counted={"tx_errors": 1}), "doctor")
cases(ill(counted=HEARD | {"rx_filtered": 1}, sysctls={"net.aoe.filter.shelves": "1-6", "net.aoe.filter.config": "mine"}),
      "doctor", "doctor 7.3")
cases(ill(target(), absent=[(8, 0, 21, 0, b"no answer to IDENTIFY; does an access list exclude this host?"),
                            (9, 9, LEFT_OUT, 64, b"left out"), (9, 10, LEFT_OUT, 64, b"left out")]),
      "doctor", "doctor 8.0", "doctor 7.3")
cases(ill(target(paths=[path(state=PATH_DOWN), path(1, "em1", state=CONFLICT)], state=SUSPENDED, flags=OPEN | IN_CONFLICT),
          target(7, 4, [path(payload=1024), path(1, mtu=1500), path(2, sector_count=2)], flags=RESERVED | DOUBLED),
          target(7, 5, [path(), path(1, "em0", PATH_DOWN, local="02:ae:00:00:00:02")]), mask=[mac(OWN)]), "doctor", "doctor 7.5")

# Following the event log.
for make in (plain(events=EVENTS), plain()):
    cases(make, "watch", "watch -n 2 7.3", "watch -n 0", "watch -n -1", "watch -n 1001", "watch -f", "watch 7", "watch 7.4")
cases(lambda: Scene(target(), target(8, 0), events=EVENTS), "watch -n 3 8.0 7.3", "watch 8.0")


def works(t, count, bucket=8, retransmitted=0):
    """Adds `count` reads of 4 KiB on a target's first path, answered in that histogram bucket."""
    for counters in (t.info, t.path[0].info):
        counters.received += count
        counters.retransmitted += retransmitted
    t.info.completed += count
    t.info.moved += 8 * count
    t.path[0].histogram[bucket] += count


def later(scene):
    first, second = scene.targets[:2]
    works(first, 1500, retransmitted=3)
    works(second, 12000)
    works(second, 40, 14)


def leaves(scene):
    del scene.targets[0]
    scene.targets.append(target(9, 0, completed=30))


def changing():
    """Two disks with I/O and a suspended one; later, another disk replaces the first."""
    return Scene(target(paths=[path(), path(1, "em1", mtu=1500)]), target(7, 4),
                 target(8, 0, [path(state=PATH_DOWN)], state=SUSPENDED), happens=iter([later, leaves]))


for make in (changing, empty):
    cases(make, "top -b -n 1", "top -n 2 -i 2 -p", "top -b -n 1 7.4")
cases(changing, "top -b -n 1 7.9", "top -b -n 0", "top -i 0", "top -x", "top -b -n 1 7", "top -b -p -n 3")
cases(lambda: Scene(target(), errors={}, happens=iter([lambda scene: scene.errors.update(target=errno.ENXIO)])), "top -b -n 2")
