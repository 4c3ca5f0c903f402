# SPDX-License-Identifier: BSD-2-Clause
"""Endurance: I/O that is verified, in rounds, under faults drawn from a seed (tests/vm/endure)."""

import os
import random
import time
from contextlib import ExitStack, contextmanager

from aoevm.scenario import scenario

ROUND = 60  # seconds of faults between a load and an unload
MEBIBYTES = 48
VLAN = "ifconfig vlan41 create vlan 41 vlandev vtnet1 up"
FILES = """
mount /dev/aoe0e2 /mnt
until test -e /tmp/aoevm-state/stop; do
    rm -rf /mnt/d*
    fill /mnt 24 256k
    same /mnt
done
umount /mnt && fsck_ffs -n /dev/aoe0e2 && mount /dev/aoe0e2 /mnt && same /mnt && umount /mnt
"""


class Network:
    """Two targets: aoe0e1, with one path over vtnet0 and one over a VLAN on a bad network, and
    aoe0e2, with a path over vtnet0 only."""

    def __init__(self, t, seed):
        self.t, self.random = t, random.Random(seed)
        self.control = t.lab.directory / "endure.control"
        bad = t.lab.relayed_port(1, vid=41, loss=1, dup=1, reorder=1, control=self.control)
        self.first = t.target(0, 1, size=f"{MEBIBYTES}m")
        self.other = t.target(0, 1, file=self.first.file, interface=bad)
        self.second = t.target(0, 2, size="64m")
        t.sh(f"ifconfig vtnet0 up; ifconfig vtnet1 up; {VLAN}")

    def relay(self, *lines):
        """Sends commands to the relay of the bad network."""
        with self.control.open("w") as fifo:
            fifo.write("".join(f"{line}\n" for line in lines))

    @contextmanager
    def killed(self):
        """A target loses its power."""
        target = self.random.choice((self.first, self.other, self.second))
        target.kill()
        yield
        target.start()

    @contextmanager
    def paused(self):
        """A target stops answering, and answers its queued requests later."""
        target = self.random.choice((self.first, self.other, self.second))
        if not target.process:  # killed at the same time
            target = self.first if target is not self.first else self.second
        target.pause()
        yield
        target.resume()

    @contextmanager
    def unplugged(self):
        """A cable is pulled."""
        nic = self.random.randrange(2)
        self.t.cable(nic, False)
        yield
        self.t.cable(nic, True)

    @contextmanager
    def down(self):
        """An interface is taken down."""
        nic = self.random.choice(("vtnet0", "vtnet1", "vlan41"))
        self.t.sh(f"ifconfig {nic} down")
        yield
        self.t.sh(f"ifconfig {nic} up")

    @contextmanager
    def destroyed(self):
        """The vlan interface is destroyed."""
        self.t.sh("ifconfig vlan41 destroy")
        yield
        self.t.sh(VLAN)

    @contextmanager
    def unlisted(self):
        """An interface is removed from the list."""
        self.t.sh("sysctl net.aoe.iflist=vtnet0")
        yield
        self.t.sh("sysctl net.aoe.iflist='vtnet0 vlan41'")

    @contextmanager
    def mtu(self):
        """Larger frames are allowed, and then no longer."""
        self.t.sh(f"ifconfig vtnet0 mtu {self.random.choice((2000, 4000, 9000))}")
        yield
        self.t.sh("ifconfig vtnet0 mtu 1500")

    @contextmanager
    def worse(self):
        """More frames are lost, duplicated and reordered."""
        faults = ("loss", "dup", "reorder")
        self.relay(*(f"{fault} {self.random.randrange(20)}" for fault in faults))
        yield
        self.relay(*(f"{fault} 1" for fault in faults))

    @contextmanager
    def cut(self):
        """One direction of the bad network carries nothing."""
        self.relay(f"cut {self.random.choice(('ab', 'ba', 'both'))}")
        yield
        self.relay("cut none")

    def spoil(self):
        """One fault, or two that overlap."""
        every = (self.killed, self.paused, self.unplugged, self.down, self.unlisted, self.mtu,
                 self.worse, self.cut)
        chosen = self.random.sample(every, self.random.choice((1, 1, 2)))
        if chosen == [self.mtu]:
            chosen.append(self.destroyed)  # only with a fault that does not use vlan41
        self.t.log.append("faults: " + ", ".join(fault.__name__ for fault in chosen))
        with ExitStack() as faults:
            for fault in chosen:
                faults.enter_context(fault())
                time.sleep(self.random.uniform(0.2, 4))
        time.sleep(self.random.uniform(0.2, 3))


def one_round(t, network):
    """Loads the module, causes faults during I/O, verifies the data, and unloads the module."""
    t.load("vtnet0 vlan41")
    t.appears(network.first)
    t.appears(network.second)
    t.sh("rm -f /tmp/aoevm-state/stop")
    jobs = [t.start(f"sh /aoevm/kit/endure.sh /dev/aoe0e1 {MEBIBYTES} /tmp/aoevm-state"), t.start(FILES)]
    end = time.monotonic() + ROUND
    while time.monotonic() < end and not any(job.done() for job in jobs):
        network.spoil()
    t.sh("touch /tmp/aoevm-state/stop")
    for job in jobs:
        t.finish(job, 240)
    t.sh("await 30 kldunload aoe", 40)
    t.sh("! vmstat -m | awk '$1 ~ /^aoe/ && $2 + 0 > 0' | grep .")
    return int(t.sh("netstat -m | awk -F/ '/mbufs in use/ { print $1; exit }'"))


@scenario("endure", long=True)
def endure(t):
    """Verified I/O for $ENDURE minutes, 5 by default, under random faults, loads and unloads."""
    seed = int(os.environ.get("SEED") or time.time())
    t.log.append(f"SEED={seed}")
    network = Network(t, seed)
    t.sh("""
        mkdir -p /tmp/aoevm-state
        dd if=/dev/urandom of=/tmp/aoevm-state/pattern bs=1m count=8 2>/dev/null
        """)
    t.load()
    t.appears(network.second)
    t.sh("newfs -U /dev/aoe0e2 >/dev/null; kldunload aoe", 120)
    mbufs = []
    end = time.monotonic() + 60 * float(os.environ.get("ENDURE") or 5)
    while not mbufs or time.monotonic() < end:
        mbufs.append(one_round(t, network))
    t.log.append(f"{len(mbufs)} rounds; mbufs in use after each: {mbufs}")
    # The first round fills the interfaces' receive rings.
    t.check(mbufs[-1] <= mbufs[0] + 256, f"SEED={seed}: mbufs in use after each round: {mbufs}")
