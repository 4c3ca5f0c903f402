# SPDX-License-Identifier: BSD-2-Clause
"""The guides (docs/guide): runs each page's commands on FreeBSD, and installs its files."""

import sys
import time
from pathlib import Path

from aoevm.errors import Failed
from aoevm.scenario import scenario

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "guide"))

import pages  # noqa: E402

SIZE = 256 << 20
FILES = {
    "rc.conf": "/etc/rc.conf",
    "fstab": "/etc/fstab",
    "pf.conf": "/etc/pf.conf",
    "sysctl.conf": "/etc/sysctl.kld.d/aoe.conf",
    "rc.local": "/etc/rc.local",
}
INSTALL = """
mkdir -p /usr/local/etc/rc.d /usr/local/sbin /boot/modules /etc/sysctl.kld.d /tmp/kept
install -m 555 /aoevm/kit/rc.d/aoe /usr/local/etc/rc.d/aoe
install -m 555 /aoevm/kit/aoectl /usr/local/sbin/aoectl
install -m 555 /aoevm/kit/aoe.ko /boot/modules/aoe.ko
touch /etc/rc.conf /etc/fstab
cp /etc/rc.conf /etc/fstab /tmp/kept/
"""
RESET = """
umount -f /data 2>/dev/null || :
zpool destroy -f tank 2>/dev/null || :
pfctl -q -d -F all 2>/dev/null || :
kldunload pf 2>/dev/null || :
cp /tmp/kept/rc.conf /tmp/kept/fstab /etc/
rm -f /etc/pf.conf /etc/rc.local /etc/sysctl.kld.d/aoe.conf
kenv -u net.aoe.target.aoe7e3.maxwait 2>/dev/null || :
restore
"""


class Page:
    """A page whose steps are carried out."""

    def __init__(self, t, path):
        self.t, self.path, self.steps = t, path, pages.steps(path)
        self.file = t.lab.disks / f"guide-{path.stem}"
        self.ports = {"eth1": t.lab.port(0), "eth2": t.lab.port(1)}
        self.targets = []
        with self.file.open("wb") as image:
            image.truncate(SIZE)

    def serve(self, shelf, slot, port, file):
        """Starts vblade."""
        self.targets.append(self.t.target(shelf, slot, file=file, interface=port))

    def store(self, text):
        """Carries out a command on store1 if it is vblade."""
        words = text.split()
        if words[0] == "vblade":
            self.serve(int(words[1]), int(words[2]), self.ports[words[3]], self.file)

    def happens(self, what):
        """Carries out a step that a comment in the page describes for the vm rung."""
        if what == "vlan 40":
            self.targets.pop().kill()
            self.serve(7, 3, self.t.lab.relayed_port(0, vid=40), self.file)
        elif what == "second disk":
            self.t.target(8, 3, size="256m")
        elif what == "grow":
            self.targets[0].kill()
            self.targets[0].grow(2 * SIZE)
            self.targets[0].start()
            time.sleep(1)
        elif what == "file system":
            self.t.sh("kldload aoe; sysctl net.aoe.iflist=vtnet0; await 90 test -c /dev/aoe7e3", 100)
            self.t.sh("newfs -U /dev/aoe7e3 >/dev/null; kldunload aoe", 60)
        elif what == "base.txz":
            self.t.sh("cd /tmp && tar -C / -cJf base.txz etc/rc.subr etc/rc.d", 240)
        elif what != "second port":  # this one is only for the reader
            raise Failed(f"{self.path.name}: nothing does '{what}'")

    def command(self, text):
        """Runs a command on db1."""
        text = self.here(text)
        if text == "aoectl doctor":
            text += " || [ $? -eq 1 ]"  # it finds a fault: the MTU is below the target's
        self.t.sh(f"cd /tmp; PATH=$PATH:/usr/local/sbin; {text}", 400)
        if "net.aoe.iflist=" in text:
            self.t.sh("await 90 test -c /dev/aoe7e3", 100)
        if text == "sysctl net.aoe.discover=1" and any(s.text == "grow" for s in self.steps):
            self.t.sh(f"await 60 sh -c 'diskinfo aoe7e3 | grep -q {2 * SIZE}'", 70)

    @staticmethod
    def here(text):
        """A text with the guest's names of the interfaces."""
        return text.replace("em1", "vtnet0").replace("em2", "vtnet1")

    def follow(self):
        """Carries out the whole page, in a guest without the module."""
        if not any(step.text.startswith("vblade ") for step in self.steps):
            self.serve(7, 3, self.ports["eth1"], self.file)
        if not any(step.text in ("kldload aoe", "service aoe start") for step in self.steps):
            self.t.sh("kldload aoe; sysctl net.aoe.iflist=vtnet0; await 90 test -c /dev/aoe7e3", 100)
        for step in self.steps:
            if step.kind == "store1":
                self.store(step.text)
            elif step.kind == "vm":
                self.happens(step.text)
            elif step.kind == "command":
                self.command(step.text)
            elif step.kind in FILES:
                self.t.sh(f"cat >>{FILES[step.kind]} <<'EOF'\n{self.here(step.text)}\nEOF")


@scenario("guides", memory=1536, long=True)
def guides(t):
    """Each command of docs/guide succeeds, in the order of its page."""
    t.need("gpart", "growfs", "pfctl", "tcpdump", "zpool")
    t.need_module("zfs")
    t.sh(INSTALL)
    wrong = []
    for path in sorted(pages.GUIDE.glob("*.md")):
        page = Page(t, path)
        if not any(step.kind == "command" for step in page.steps):
            continue
        try:
            page.follow()
        except Failed as failure:
            wrong.append(f"{path.name}: {failure}")
        t.sh(RESET, 240)
        t.lab.clear()
    t.check(not wrong, "\n".join(wrong))
