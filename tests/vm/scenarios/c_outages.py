# SPDX-License-Identifier: BSD-2-Clause
"""Outages of the target, the link and the interface."""

import time

from aoevm.copies import COPY, copying, mounted, verify
from aoevm.scenario import scenario


@scenario("target-restart", core=True)
def target_restart(t):
    """The target is killed and restarted during a copy; the copy continues."""
    target = mounted(t)
    job = copying(t)
    target.kill()
    t.await_state(target, "suspended")
    t.check(not job.done(), "the copy ended while its target was gone")
    target.start()
    t.finish(job, 180)
    t.check(t.state(target) == "up", "the target is not up again")
    verify(t, target)


@scenario("target-pauses", long=True)
def target_pauses(t):
    """The target stops answering for a second, three times during a copy."""
    target = mounted(t)
    job = copying(t)
    for _ in range(3):
        target.pause()
        time.sleep(1)
        target.resume()
        time.sleep(0.5)
    t.finish(job, 180)
    verify(t, target)


@scenario("ifconfig-down", long=True)
def ifconfig_down(t):
    """The interface goes down and up during a copy."""
    target = mounted(t)
    job = copying(t)
    t.sh("ifconfig vtnet0 down")
    t.await_state(target, "suspended")
    t.sh("sleep 2; ifconfig vtnet0 up")
    t.finish(job, 180)
    verify(t, target)


@scenario("cable-pulled")
def cable_pulled(t):
    """The link goes down and up during a copy."""
    target = mounted(t)
    job = copying(t)
    t.cable(0, False)
    t.await_state(target, "suspended")
    time.sleep(2)
    t.cable(0, True)
    t.finish(job, 180)
    verify(t, target)


@scenario("other-disk", core=True)
def other_disk(t):
    """Another disk at the same address is not written to; I/O to the right one continues."""
    target = mounted(t)
    job = copying(t)
    target.kill()
    t.await_state(target, "suspended")
    impostor = t.lab.target(0, 1, size="96m", hostname="impostor")
    t.sh("sysctl net.aoe.discover=1; sleep 8")
    t.check(t.state(target) != "up", "the target is up although another disk answers")
    t.check(not job.done(), "the copy ended on another disk")
    impostor.kill()
    with impostor.file.open("rb") as image:
        t.check(not image.read().strip(b"\0"), "the wrong disk was written to")
    target.start()
    t.finish(job, 180)
    verify(t, target)


@scenario("two-targets-one-address", long=True)
def two_targets(t):
    """Of two targets with one address only the first is used, and the log reports the other."""
    target = mounted(t, megabytes=8)
    mark = t.machine.console.mark()
    impostor = t.lab.target(0, 1, size="96m", port=1, hostname="impostor")
    t.sh("sysctl net.aoe.discover=1; sleep 3")
    t.sh(COPY, 120)
    with impostor.file.open("rb") as image:
        t.check(not image.read().strip(b"\0"), "the second disk was written to")
    t.check(t.printed("aoe0e1", mark), "nothing was logged about the second disk")
    verify(t, target)


@scenario("mtu-under-load", long=True)
def mtu_under_load(t):
    """The interface's MTU is reduced and raised during a copy."""
    target = mounted(t, megabytes=32)
    job = copying(t)
    for mtu in (9000, 1500, 4000, 1500):
        t.sh(f"ifconfig vtnet0 mtu {mtu}; sleep 1")
    t.finish(job, 240)
    verify(t, target)


@scenario("deaf-at-tasting", core=True)
def deaf_at_tasting(t):
    """A target that stops answering while it is tasted, with maxwait=0, delays nothing else by 15 s."""
    t.sh("kldload /aoevm/kit/aoe.ko && sysctl net.aoe.maxwait=0")
    t.lab.own_target("deaf", 0, 1)
    t.sh("sysctl net.aoe.iflist=vtnet0; sleep 1")
    t.sh("timeout 15 mdconfig -a -t swap -s 1m -u 9 && await 15 test -c /dev/md9", 30)
    t.sh("timeout 15 mdconfig -d -u 9", 30)
    t.run("kldload geom_gate")
    t.sh("! kldstat -q -m g_gate || timeout 15 kldunload geom_gate", 30)
    t.sh("timeout 25 kldunload aoe || timeout 25 kldunload -f aoe", 60)


@scenario("reboot-while-tasting", boot=True, long=True)
def reboot_while_tasting(t):
    """A reboot completes while GEOM tastes a disk that does not answer."""
    t.sh("kldload /aoevm/kit/aoe.ko && sysctl net.aoe.maxwait=0")
    t.lab.own_target("deaf", 0, 1)
    t.sh("sysctl net.aoe.iflist=vtnet0; sleep 1")
    t.start("reboot")
    ends_within(t, 15 + 10)


def ends_within(t, limit):
    """Checks that the guest reboots within `limit` seconds."""
    took = t.machine.wait_for_end(limit * t.slow)
    t.check(took is not None, f"no reboot within {limit * t.slow} s")
    t.check(took < limit, f"the reboot took {took:.0f} s")


@scenario("reboot-mounted", boot=True, core=True)
def reboot_mounted(t):
    """A reboot with a mounted file system, whose target answers, leaves the file system clean."""
    target = mounted(t, megabytes=1)
    t.sh("fill /mnt 20 64k")
    t.start("reboot")
    ends_within(t, 40)
    with target.file.open("rb") as image:
        image.seek(65536 + 209)  # fs_clean of UFS2
        t.check(image.read(1) == b"\1", "the file system was not unmounted cleanly")


def gone(t, maxwait):
    """Mounts a file system, writes to it, and stops its target before all is written back."""
    target = mounted(t, megabytes=1)
    t.sh(f"sysctl net.aoe.shutdown_wait=10 net.aoe.maxwait={maxwait} && fill /mnt 20 64k")
    target.kill()


@scenario("reboot-target-gone", boot=True, long=True)
def reboot_target_gone(t):
    """reboot(8), which calls sync(2) first, waits no longer than maxwait for a target that does not answer."""
    gone(t, 20)
    t.start("reboot")
    ends_within(t, 80)


@scenario("reboot-n-target-gone", boot=True, long=True)
def reboot_n_target_gone(t):
    """reboot -n with maxwait=0 waits no longer than shutdown_wait for a target that does not answer."""
    gone(t, 0)
    t.start("reboot -n")
    ends_within(t, 60)


@scenario("vlan-destroyed", long=True)
def vlan_destroyed(t):
    """A vlan interface is destroyed under a mounted file system and created again."""
    port = t.lab.relayed_port(0, vid=40)
    t.sh("ifconfig vtnet0 up; ifconfig vlan40 create vlan 40 vlandev vtnet0 up")
    target = t.lab.target(0, 1, size="96m", interface=port)
    t.load("vlan40")
    t.appears(target)
    t.sh("newfs -U /dev/aoe0e1 >/dev/null && mount /dev/aoe0e1 /mnt", 120)
    t.sh("dd if=/dev/urandom of=/tmp/aoevm-worker bs=1m count=16 2>/dev/null", 60)
    job = copying(t)
    t.sh("ifconfig vlan40 destroy")
    t.await_state(target, "suspended")
    t.sh("sleep 1; ifconfig vlan40 create vlan 40 vlandev vtnet0 up")
    t.finish(job, 180)
    verify(t, target)


@scenario("epair-destroyed", long=True)
def epair_destroyed(t):
    """An epair bridged to the network is destroyed under a mounted file system."""
    t.need_module("if_bridge")
    t.need_module("if_epair")
    make = """
        ifconfig epair0 create >/dev/null
        ifconfig epair0a up; ifconfig epair0b up
        ifconfig bridge0 >/dev/null 2>&1 || ifconfig bridge0 create >/dev/null
        ifconfig bridge0 addm vtnet0 addm epair0a up
        """
    t.sh(make)
    target = t.target(size="96m")
    t.load("epair0b")
    t.appears(target)
    t.sh("newfs -U /dev/aoe0e1 >/dev/null && mount /dev/aoe0e1 /mnt", 120)
    t.sh("dd if=/dev/urandom of=/tmp/aoevm-worker bs=1m count=16 2>/dev/null", 60)
    job = copying(t)
    t.sh("ifconfig epair0a destroy")
    t.await_state(target, "suspended")
    t.sh(make.replace("addm vtnet0 ", ""))
    t.finish(job, 180)
    verify(t, target)
    t.sh("kldunload aoe; ifconfig epair0a destroy; ifconfig bridge0 destroy")
