# SPDX-License-Identifier: BSD-2-Clause
"""The system's own tools with an AoE disk; sysctls, tunables and the start at boot."""

from aoevm.scenario import scenario

NAMES = """version devices discover wc maxwait fail_on_disconnection taste_wait ghost_wait
    shutdown_wait strict_src boot abft maxout maxtargets debug iflist policy
    filter.shelves filter.config filter.macs""".split()
TARGET_NAMES = "state serial model firmware size policy maxwait readonly path.0.histogram".split()


@scenario("tools")
def tools(t):
    """diskinfo, geom, gstat, iostat, sysctl and kldstat show the properties of the disk."""
    target = t.target(7, 3, size="64m")
    t.load()
    t.appears(target)
    info = t.sh("diskinfo -v /dev/aoe7e3")
    for wanted in ("67108864", "131072", "7.3:"):
        t.check(wanted in info, f"diskinfo -v has no {wanted}:\n{info}")
    listed = t.sh("geom disk list aoe7e3")
    for wanted in ("Mediasize: 67108864", "Sectorsize: 512", "ident: 7.3:", "descr: "):
        t.check(wanted in listed, f"geom disk list has no {wanted}:\n{listed}")
    job = t.start("dd if=/dev/aoe7e3 of=/dev/null bs=64k 2>/dev/null")
    if t.run("command -v gstat").ok:
        t.check("aoe7e3" in t.sh("gstat -b -I 1s"), "gstat does not show the disk")
    if t.run("command -v iostat").ok:
        t.check("aoe7e3" in t.sh("iostat -x -c 1"), "iostat does not show the disk")
    t.finish(job, 120)
    t.sh("kldstat -v | grep -A20 aoe.ko | grep -q ' aoe$'")
    t.check("aoe7e3" in t.sysctl("net.aoe.devices"), "net.aoe.devices does not list the disk")


@scenario("sysctls")
def sysctls(t):
    """Every documented variable exists, with a description and its default."""
    target = t.target(size="8m")
    t.load()
    t.appears(target)
    names = t.sh("sysctl -aN | grep '^net\\.aoe'").splitlines()
    for name in NAMES:
        t.check(f"net.aoe.{name}" in names, f"there is no net.aoe.{name}")
    for name in TARGET_NAMES:
        t.check(f"net.aoe.target.aoe0e1.{name}" in names, f"a target has no {name}")
    bare = t.sh("sysctl -ad | grep '^net\\.aoe' | grep ': *$' || :")
    t.check(not bare, f"no description:\n{bare}")
    for name, value in {"maxwait": "180", "wc": "-1", "taste_wait": "10", "ghost_wait": "10",
                        "shutdown_wait": "30", "fail_on_disconnection": "0", "strict_src": "0",
                        "boot": "0", "abft": "0", "maxtargets": "64"}.items():
        t.check(t.sysctl(f"net.aoe.{name}") == value, f"net.aoe.{name} is not {value}")
    t.check("512" not in t.sysctl("net.aoe.version"), "odd version")
    t.refused("sysctl net.aoe.version=3", "read only")
    t.refused("sysctl net.aoe.maxtargets=3", "read only")
    t.sh("sysctl net.aoe.maxwait=100 net.aoe.maxout=4 net.aoe.wc=0 net.aoe.debug=1")
    t.sh("dd if=/dev/aoe0e1 of=/dev/null bs=64k 2>/dev/null")


@scenario("tunables", kenv={"net.aoe.iflist": "vtnet0", "net.aoe.maxwait": "77", "net.aoe.maxtargets": "3"}, long=True)
def tunables(t):
    """Loader tunables take effect when the module is loaded, the interface list last."""
    targets = [t.target(0, slot, size="4m") for slot in range(1, 6)]
    t.sh("ifconfig vtnet0 up; kldload /aoevm/kit/aoe.ko")
    t.check(t.sysctl("net.aoe.maxwait") == "77", "the tunable maxwait was not taken")
    t.check(t.sysctl("net.aoe.iflist") == "vtnet0", "the tunable iflist was not taken")
    t.sh("three() { [ $(disks | wc -l) -eq 3 ]; }; await 60 three; sleep 3; three", 90)
    for target in targets:
        target.kill()


@scenario("preloaded", preload=True, kenv={"net.aoe.iflist": "vtnet0,em0", "net.aoe.maxwait": "99"})
def preloaded(t):
    """The module is loaded before the network is set up, as by loader(8)."""
    target = t.target(size="32m")
    t.sh("kldstat -q -m aoe && kldstat | grep aoe.ko")
    t.check(t.sysctl("net.aoe.iflist") == "vtnet0,em0", "the tunable iflist was not taken")
    t.check(t.sysctl("net.aoe.maxwait") == "99", "the tunable maxwait was not taken")
    t.sh("ifconfig vtnet0 up")
    t.appears(target, 60)
    t.sh("newfs -U /dev/aoe0e1 >/dev/null && mount /dev/aoe0e1 /mnt && fill /mnt 4 64k", 120)
    t.sh("umount /mnt; kldunload aoe; ! kldstat -q -m aoe")
    t.sh("kldload /aoevm/kit/aoe.ko; sysctl net.aoe.iflist=vtnet0")
    t.appears(target)


def booted(t):
    """Waits until init has finished /etc/rc: before that, it loses a shutdown's signal."""
    t.sh("await 600 test -e /aoevm/booted; await 60 pgrep getty; sleep 2", 700)


@scenario("rc-boot", kenv={"aoevm.rc": "full"}, long=True)
def rc_boot(t):
    """A complete boot by /etc/rc mounts the disk as rc.conf says, and a shutdown leaves it clean."""
    target = t.lab.target(0, 1, file=t.lab.file_system("96m"))
    booted(t)
    t.sh("service aoe status && mount | grep -q '^/dev/aoe0e1 on /mnt/aoe'")
    t.sh("fill /mnt/aoe 8 64k && same /mnt/aoe", 120)
    t.start("shutdown -r now")
    took = t.machine.wait_for_end(180)
    t.check(took is not None, "the shutdown did not end")
    with target.file.open("rb") as image:
        image.seek(8192 + 209)  # fs_clean of UFS1, which makefs makes
        t.check(image.read(1) == b"\1", "the file system was not unmounted cleanly")


@scenario("rc-shutdown-gone", kenv={"aoevm.rc": "full"}, long=True)
def rc_shutdown_gone(t):
    """A shutdown completes with maxwait=0 and a target that does not answer, because rc.d/aoe limits the wait."""
    target = t.lab.target(0, 1, file=t.lab.file_system("96m"))
    booted(t)
    t.sh("sysctl net.aoe.maxwait=0 net.aoe.shutdown_wait=10 && fill /mnt/aoe 8 64k", 120)
    target.kill()
    t.start("shutdown -r now")
    limit = 100 * t.slow
    took = t.machine.wait_for_end(limit)
    t.check(took is not None, f"the shutdown did not end within {limit} s")
    t.check(took < 100, f"the shutdown took {took:.0f} s")
