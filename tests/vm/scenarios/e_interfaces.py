# SPDX-License-Identifier: BSD-2-Clause
"""The kinds of interfaces, and those that must not be used."""

import time

from aoevm.errors import Skipped
from aoevm.scenario import scenario

USE = """
newfs -U /dev/{disk} >/dev/null
mount /dev/{disk} /mnt
fill /mnt 8 128k
umount /mnt
fsck_ffs -n /dev/{disk}
mount -r /dev/{disk} /mnt
same /mnt
umount /mnt
"""


def use(t, target):
    """Makes a file system on the disk, writes files, and verifies them."""
    t.appears(target)
    t.sh(USE.format(disk=target.disk), 240)


@scenario("em", long=True)
def em(t):
    """An em(4) interface, whose driver uses iflib(4)."""
    target = t.target(nic=2, size="64m")
    t.sh("ifconfig em0 up")
    t.load("em0")
    use(t, target)


@scenario("cards", long=True, nics=("i82559er", "vmxnet3", "rtl8139"))
def cards(t):
    """Emulated cards for fxp(4), vmx(4) and re(4), with large frames where they support them."""
    interfaces = (("fxp0", 1500), ("vmx0", 9000), ("re0", 1500))
    present = [(nic, *one) for nic, one in enumerate(interfaces) if t.run(f"ifconfig {one[0]}").ok]
    if not present:
        raise Skipped("the kernel has a driver for none of these cards")
    for nic, interface, mtu in present:
        target = t.target(0, nic + 1, nic=nic, size="64m")
        t.sh(f"ifconfig {interface} mtu {mtu} up")
        t.load(interface)
        use(t, target)
        paths = t.sh(f"sysctl net.aoe.target.{target.disk}.path")
        payload = 8704 if mtu == 9000 else 1024
        t.check(f"payload: {payload}" in paths, f"frames do not carry {payload} bytes:\n{paths}")
        job = t.start(f"exec 3</dev/{target.disk}; sleep 5; dd bs=64k count=32 of=/dev/null <&3 2>&1")
        t.cable(nic, False)
        t.await_state(target, "suspended", 30)
        time.sleep(5)
        t.cable(nic, True)
        t.check("2097152 bytes" in t.finish(job, 60), "the reads did not go on")
        t.sh("kldunload aoe")


@scenario("vlan")
def vlan(t):
    """A vlan interface finds the target of its VLAN; its parent finds only its own."""
    port = t.lab.relayed_port(0, vid=40)
    inside = t.lab.target(0, 1, size="64m", interface=port)
    outside = t.target(0, 2, size="8m")
    t.sh("ifconfig vtnet0 up; ifconfig vlan40 create vlan 40 vlandev vtnet0 up")
    t.load("vlan40")
    use(t, inside)
    t.sh(f"test ! -e /dev/{outside.disk}")
    t.sh("sysctl net.aoe.iflist=vtnet0")
    t.appears(outside)
    t.sh("kldunload aoe; kldload /aoevm/kit/aoe.ko; sysctl net.aoe.iflist=vtnet0")
    t.appears(outside)
    t.sh(f"sleep 2; test ! -e /dev/{inside.disk}")


@scenario("priority-tag", long=True)
def priority_tag(t):
    """Answers that carry a priority tag (VLAN 0) are accepted."""
    target = t.lab.target(0, 1, size="64m", interface=t.lab.priority_port(0))
    t.sh("ifconfig vtnet0 up")
    t.load()
    use(t, target)


@scenario("lagg", long=True)
def lagg(t):
    """A lagg over two interfaces, one of which loses its link during a copy."""
    t.need_module("if_lagg")
    target = t.target(size="64m")
    same = t.lab.target(0, 1, nic=1, file=target.file)
    t.sh("""
        ifconfig vtnet0 up; ifconfig vtnet1 up
        ifconfig lagg0 create
        ifconfig lagg0 laggproto failover laggport vtnet0 laggport vtnet1 up
        """)
    t.load("lagg0")
    use(t, target)
    t.sh("newfs -U /dev/aoe0e1 >/dev/null && mount /dev/aoe0e1 /mnt", 120)
    job = t.start("fill /mnt 40 512k; same /mnt")
    t.sh("sleep 1")
    t.cable(0, False)
    t.finish(job, 180)
    t.sh("umount /mnt; kldunload aoe; ifconfig lagg0 destroy")
    same.kill()


@scenario("bridge-epair", long=True)
def bridge_epair(t):
    """One end of an epair whose other end is in a bridge with the NIC."""
    t.need_module("if_bridge")
    t.need_module("if_epair")
    target = t.target(size="64m")
    t.sh("""
        ifconfig vtnet0 up
        ifconfig epair0 create >/dev/null; ifconfig epair0a up; ifconfig epair0b up
        ifconfig bridge0 create >/dev/null; ifconfig bridge0 addm vtnet0 addm epair0a up
        """)
    t.load("epair0b")
    use(t, target)
    t.sh("kldunload aoe; ifconfig epair0a destroy; ifconfig bridge0 destroy")


@scenario("two-nics", core=True)
def two_nics(t):
    """Two NICs to one target: two paths, either of which may fail during a copy."""
    target = t.target(size="128m")
    t.lab.target(0, 1, nic=1, file=target.file)
    t.sh("ifconfig vtnet0 up; ifconfig vtnet1 up")
    t.load("vtnet0 vtnet1")
    t.appears(target)
    t.sh("newfs -U /dev/aoe0e1 >/dev/null && mount /dev/aoe0e1 /mnt", 120)
    paths = t.sh("sysctl net.aoe.target.aoe0e1")
    t.check("vtnet0" in paths and "vtnet1" in paths, f"there are not two paths:\n{paths}")
    job = t.start("fill /mnt 48 512k; same /mnt")
    for nic in (0, 1):
        t.sh("sleep 1")
        t.cable(nic, False)
        t.sh("sleep 3")
        t.cable(nic, True)
        t.sh("sleep 1")
    t.finish(job, 300)
    t.check(t.state(target) == "up", "the target is not up")
    t.sh("umount /mnt; fsck_ffs -n /dev/aoe0e1; mount /dev/aoe0e1 /mnt; same /mnt; umount /mnt", 180)


@scenario("vnet-jail", long=True)
def vnet_jail(t):
    """A jail with its own network stack: its interfaces are not used, and it cannot set anything."""
    t.need("jail", "jexec")
    target = t.target(nic=1, size="8m")
    t.load("vtnet1")
    try:
        t.sh("""
            kldunload aoe
            jail -c name=aoevm vnet persist path=/
            ifconfig vtnet1 vnet aoevm
            jexec aoevm ifconfig vtnet1 up
            kldload /aoevm/kit/aoe.ko
            sysctl net.aoe.iflist=vtnet1
            """)
        t.sh(f"sleep 4; test ! -e /dev/{target.disk}")
        t.refused("jexec aoevm sysctl net.aoe.iflist=vtnet1", "not permitted")
        t.refused("jexec aoevm sysctl net.aoe.maxwait=1", "not permitted")
        t.sh("ifconfig vtnet1 -vnet aoevm; ifconfig vtnet1 up")
        t.appears(target)
        # The interface is moved away during use: the disk is suspended until it returns.
        t.sh("ifconfig vtnet1 vnet aoevm")
        t.await_state(target, "suspended", 60)
        t.sh("ifconfig vtnet1 -vnet aoevm; ifconfig vtnet1 up")
        t.await_state(target, "up", 90)
    finally:
        t.run("kldunload aoe; jail -r aoevm; sleep 1; ifconfig vtnet1 up")


FIREWALLS = {
    "pf": (
        "kldstat -q -m pf || kldload pf",
        "printf 'ether block in quick proto 0x88a2\\npass\\n' | pfctl -q -e -f -",
        "pfctl -q -d -F all; printf 'ether pass\\npass\\n' | pfctl -q -f -",
        "pfctl -q -F all; kldunload pf",
    ),
    "ipfw": (
        "kenv net.inet.ip.fw.default_to_accept=1 >/dev/null; kldstat -q -m ipfw || kldload ipfw",
        "sysctl net.link.ether.ipfw=1 && ipfw -q add 100 deny ip from any to any layer2 in mac-type 0x88a2",
        "ipfw -q delete 100",
        "ipfw -q -f flush; sysctl net.link.ether.ipfw=0; kldunload ipfw",
    ),
}


@scenario("firewall-orders", core=True)
def firewall_orders(t):
    """Rules of pf and ipfw for incoming AoE apply, whether the firewall or the module was loaded first."""
    target = t.target(size="8m")
    tried = 0
    for name, (load, block, allow, unload) in FIREWALLS.items():
        if not t.run(f"command -v {'pfctl' if name == 'pf' else name} && {load} && {block}").ok:
            t.run(f"{unload}; :")
            continue
        tried += 1
        t.load()
        t.sh(f"sleep 4; test ! -e /dev/{target.disk}")
        t.check(t.sysctl("net.aoe.stats.rx_frames") == "0", f"{name} was there first and was passed by")
        t.sh(f"{allow}; sysctl net.aoe.discover=1")
        t.appears(target)
        t.sh(f"kldunload aoe; {unload}")
        t.load()
        t.appears(target)
        t.sh(f"{load} && {block}")
        before = t.sysctl("net.aoe.stats.rx_frames")
        t.sh("sysctl net.aoe.discover=1; sleep 4")
        t.check(t.sysctl("net.aoe.stats.rx_frames") == before, f"{name} came later and was passed by")
        t.sh(f"{allow}; sysctl net.aoe.discover=1")
        t.await_state(target, "up", 60)
        t.sh(f"kldunload aoe; {unload}")
    if tried == 0:
        raise Skipped("the guest has neither pf nor ipfw")
