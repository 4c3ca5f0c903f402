# SPDX-License-Identifier: BSD-2-Clause
"""Policies, filters, histograms, probes, events, read-only disks, and a root on AoE."""

import re
import time

from aoevm.scenario import scenario

SCRIPTS = ["aoe-events.d", "aoe-latency.d", "aoe-paths.d", "aoe-resend.d", "aoe-slow.d"]


def two_ports(t):
    """A disk on two networks, with both paths up."""
    target = t.target(7, 3, size="32m")
    t.lab.target(7, 3, file=target.file, nic=1)
    t.load("vtnet0 vtnet1")
    t.appears(target)
    t.sh("two() { [ \"$(sysctl -n net.aoe.target.aoe7e3.path.1.state)\" = up ]; }; await 30 two", 40)
    return target


def shares(t):
    """The number of answers over each path during 400 reads."""
    read = [f"net.aoe.target.aoe7e3.path.{n}.received" for n in (0, 1)]
    before = [int(t.sysctl(name)) for name in read]
    t.sh("dd if=/dev/aoe7e3 of=/dev/null bs=512 count=400 2>/dev/null")
    return [int(t.sysctl(name)) - old for name, old in zip(read, before)]


def shares_until(t, usual):
    """The shares, in up to three tries: a path that a busy host delays is not used for a second."""
    for _ in range(3):
        found = shares(t)
        if usual(found):
            break
    return found


@scenario("policies", core=True)
def policies(t):
    """Failover uses one path, round robin uses both equally, and a target's own policy has precedence."""
    two_ports(t)
    t.sh("sysctl net.aoe.policy=failover")
    one = shares_until(t, lambda found: min(found) <= 8)
    t.check(min(one) <= 8 and max(one) >= 380, f"failover used both paths: {one}")
    t.sh("sysctl net.aoe.target.aoe7e3.policy=roundrobin")
    both = shares_until(t, lambda found: min(found) >= 150)
    t.check(min(both) >= 150, f"round robin used one path: {both}")
    t.refused("sysctl net.aoe.policy=fast", "Invalid argument")
    histogram = t.sysctl("net.aoe.target.aoe7e3.path.0.histogram")
    pairs = [pair.split(":") for pair in histogram.split()]
    t.check(sum(int(count) for _, count in pairs) >= 150, f"odd histogram: {histogram}")


@scenario("filters", core=True)
def filters(t):
    """Targets are accepted by shelf and by address; an open disk keeps its last path."""
    targets = [t.target(shelf, 1, size="8m") for shelf in (3, 7)]
    t.sh(f"kldload {t.module}; sysctl net.aoe.filter.shelves=5-9 net.aoe.iflist=vtnet0")
    t.appears(targets[1])
    t.sh("sleep 2; test ! -e /dev/aoe3e1")
    t.check(int(t.sysctl("net.aoe.stats.rx_filtered")) >= 1, "nothing was filtered")
    job = t.start("sleep 6 </dev/aoe7e1; echo over")
    t.sh("sleep 1; sysctl net.aoe.filter.shelves=3")
    t.appears(targets[0])
    t.sh("sleep 2; dd if=/dev/aoe7e1 of=/dev/null bs=64k count=4 2>/dev/null")
    t.finish(job)
    t.sh("sysctl net.aoe.discover=1")
    t.disappears(targets[1])
    # When the second of these is set, the disk has just appeared and is perhaps being tasted.
    t.sh("sysctl net.aoe.filter.shelves= net.aoe.filter.macs=aoe7e1=02:00:00:00:00:99")
    t.sh("sleep 1")
    t.disappears(targets[1])
    t.sh("sleep 5; test ! -e /dev/aoe7e1")
    t.sh("sysctl net.aoe.filter.macs=")
    t.appears(targets[1])
    t.refused("sysctl net.aoe.filter.shelves=9-", "Invalid argument")


@scenario("read-only-setting")
def read_only_setting(t):
    """A target that is set read-only has a disk that cannot be opened for writing."""
    target = t.target(size="16m")
    t.load()
    t.appears(target)
    t.sh("newfs /dev/aoe0e1 >/dev/null")
    t.sh("sysctl net.aoe.target.aoe0e1.readonly=1")
    t.sh("locked() { ! dd if=/dev/zero of=/dev/aoe0e1 bs=512 count=1 2>/dev/null; }; await 10 locked; sleep 1")
    t.appears(target)
    t.refused("dd if=/dev/zero of=/dev/aoe0e1 bs=512 count=1 conv=notrunc", "Read-only file system")
    t.sh("mount -o ro /dev/aoe0e1 /mnt && ls /mnt && umount /mnt")
    t.sh("sysctl net.aoe.target.aoe0e1.readonly=0; sleep 2")
    t.appears(target)
    t.sh("dd if=/dev/zero of=/dev/aoe0e1 bs=512 count=1 conv=notrunc 2>/dev/null")


@scenario("devd-events")
def devd_events(t):
    """devd(8) reads the installed rules and acts on events of a disk and its paths."""
    t.need("devd")
    t.sh("""
    mkdir -p /tmp/devd /tmp/bin
    printf '#!/bin/sh\\necho "$*" >>/tmp/devd.said\\n' >/tmp/bin/logger
    chmod +x /tmp/bin/logger
    cp /aoevm/kit/devd/aoe.conf /tmp/devd/
    printf 'options { directory "/tmp/devd"; pid-file "/tmp/devd.pid"; };\\n' >/tmp/devd.conf
    pkill -x devd || :
    PATH=/tmp/bin:$PATH devd -f /tmp/devd.conf
    """)
    target = t.target(7, 3, size="16m")
    t.load()
    t.appears(target)
    t.cable(0, False)
    t.await_state(target, "suspended")
    t.cable(0, True)
    t.await_state(target, "up", 90)
    t.sh("sysctl net.aoe.filter.shelves=1")
    t.disappears(target)
    t.sh("sleep 2; kill $(cat /tmp/devd.pid)")
    said = t.sh("cat /tmp/devd.said")
    for wanted in (
        r"aoe7e3: PATH_UP vtnet0 [0-9a-f:]{17}",
        "aoe7e3: UP",
        r"aoe7e3: PATH_DOWN vtnet0 [0-9a-f:]{17}",
        "aoe7e3: SUSPENDED",
        "aoe7e3: RESUMED",
        "aoe7e3: GONE",
    ):
        t.check(re.search(wanted, said), f"devd did not say {wanted}:\n{said}")


@scenario("dtrace")
def dtrace(t):
    """dtrace(1) compiles every script, and the scripts report the I/O of the disk."""
    t.need("dtrace")
    target = two_ports(t)
    if not t.run("kldload dtraceall").ok:
        t.need_module("sdt")
    listed = t.sh("dtrace -l -P aoe", 120)
    for probe in ("submit", "complete", "send", "resend", "fence", "receive", "change", "payload"):
        t.check(probe in listed, f"there is no probe {probe}:\n{listed}")
    for script in SCRIPTS:
        t.sh(f"dtrace -e -s /aoevm/kit/dtrace/{script}", 120)
    watched = "aoe-latency.d aoe-paths.d aoe-resend.d aoe-events.d"
    t.sh(f"""
    for script in {watched}; do
        dtrace -s /aoevm/kit/dtrace/$script >/tmp/$script.said 2>&1 &
        echo $! >/tmp/$script.pid
    done
    dtrace -s /aoevm/kit/dtrace/aoe-slow.d 1 >/tmp/aoe-slow.d.said 2>&1 &
    echo $! >/tmp/aoe-slow.d.pid
    sleep 15
    """, 120)
    t.sh(f"dd if=/dev/{target.disk} of=/dev/null bs=64k count=200 2>/dev/null")
    t.cable(1, False)
    t.sh("sleep 3")
    t.cable(1, True)
    t.sh("sleep 5; for pid in /tmp/*.d.pid; do kill -TERM $(cat $pid); done; sleep 10")
    for script in SCRIPTS[:4]:
        said = t.sh(f"cat /tmp/{script}.said")
        t.check("aoe7e3" in said, f"{script} says nothing of the disk:\n{said}")
    events = t.sh("cat /tmp/aoe-events.d.said")
    t.check("PATH_DOWN" in events, f"no path went down:\n{events}")
    t.check("error" not in t.sh("cat /tmp/*.d.said"), "a script had an error")


@scenario("root-on-aoe", aoe_root=True, preload=True, kenv={
    "net.aoe.iflist": "vtnet0", "net.aoe.boot": "1", "vfs.root.mountfrom": "ufs:/dev/aoe0e1"})
def root_on_aoe(t):
    """The preloaded module finds the disk of the root file system while the root mount waits for it."""
    t.check("/dev/aoe0e1 on / (ufs" in t.sh("mount"), "the root is not on AoE")
    t.sh("dd if=/dev/urandom of=/root.bytes bs=64k count=64 2>/dev/null; sync; sha256 -q /root.bytes")
    t.check(t.sysctl("net.aoe.target.aoe0e1.open") == "1", "the disk is not open")
    t.refused("kldunload aoe", "busy")
    # In an outage, I/O to the root only waits, too; even our own shell is on it.
    job = t.start("for n in 1 2 3 4 5 6 7 8; do dd if=/dev/zero of=/root.$n bs=64k count=16; sync; done"
                  " 2>/dev/null; echo written")
    t.cable(0, False)
    time.sleep(5)
    t.cable(0, True)
    t.check("written" in t.finish(job, 120), "the root did not come back")
    t.check(t.printed("aoe0e1: I/O resumed after"), "there was no outage")


# Shelf 7, slot 3, and the MAC of the second interface.
ABFT = bytes([7, 0, 3, 0, 0x02, 0xA0, 0xE0, 0, 0, 2])


@scenario("abft", acpi=("aBFT", ABFT))
def abft(t):
    """The interface that the firmware's aBFT table names is used, and no other."""
    target = t.target(7, 3, nic=1)
    # loader(8) would have set this.
    t.sh("kenv acpi.rsdp=$(sysctl -n machdep.acpi_root)")
    t.sh("kenv net.aoe.abft=1; kldload /aoevm/kit/aoe.ko")
    said = "aoe: booted from aoe7e3 over interface 02:a0:e0:00:00:02 (vtnet1)"
    t.check(t.printed(said), f"the console does not say: {said}")
    t.check(t.sysctl("net.aoe.iflist") == "vtnet1", "another list of interfaces")
    t.appears(target)
