# SPDX-License-Identifier: BSD-2-Clause
"""A FreeBSD guest of the bench: the vm rung's, with one NIC, and with the plugin or without."""

import shutil

from aoevm.image import kit_image
from aoevm.kit import kit_files
from aoevm.machine import Machine
from aoevm.scenario import Scenario

from .lab import GUEST, HOST, IQN

# Without this, the idle loop would spin before it halts, and be counted.
SETUP = """
sysctl kern.sched.ule.idlespins=0 || sysctl kern.sched.idlespins=0 || :
sysctl kern.timecounter.hardware=TSC-low || sysctl kern.timecounter.hardware=TSC || :
ifconfig vtnet0 inet {guest}/24 mtu {mtu} up
cp /aoevm/kit/ioload /tmp/ioload
"""


def iscsi(target):
    """The entry in DISKS for one of the host's iSCSI targets."""
    disk = f"$(iscsictl -L | sed -n 's/.*:{target} .*Connected: \\(da[0-9]*\\).*/\\1/p')"
    return (
        f"""kldload -n iscsi; pgrep -q iscsid || iscsid; iscsictl -A -p {HOST} -t {IQN}{target}
        n=0; while [ -z "{disk}" ] && [ $n -lt 60 ]; do n=$((n + 1)); sleep 1; done
        await 60 test -c /dev/{disk}; sleep 2; echo {disk}""",
        f"d={disk}; iscsictl -R -t {IQN}{target}; await 60 test ! -e /dev/$d",
    )


# System -> script that attaches its disk in the guest, and prints the disk's name as its last
# word; and script that detaches it.  While one system is counted, no other one is attached.
DISKS = {
    "null": ("kldload -n geom_md; mdconfig -a -t null -s 256m", "mdconfig -d -u 0"),
    "aoe": (
        """kldload /aoevm/kit/aoe.ko; sysctl net.aoe.iflist=vtnet0
        await 60 test -c /dev/aoe0e1; sleep 2; echo aoe0e1""",
        "kldunload -f aoe",
    ),
    "iscsi": iscsi("plain"),
    "iscsi-long": iscsi("long"),
    "ggate": (
        f"""kldload -n geom_gate; ggatec create -u 0 {HOST} /disk
        await 60 test -c /dev/ggate0; sleep 1; echo ggate0""",
        "ggatec destroy -f -u 0",
    ),
}


class BenchMachine(Machine):
    """A guest, with the plugin if one is given."""

    def __init__(self, *arguments, plugin=None):
        super().__init__(*arguments)
        self.plugin = plugin

    def _command(self, accelerator):
        command = super()._command(accelerator)
        if self.plugin:
            command += ["-plugin", f"file={self.plugin[0]},out={self.plugin[1]}"]
        return command


class FreeBsdGuest:
    """A FreeBSD guest that boots once for a set of works."""

    def __init__(self, work, tree, root, flavour, module, load):
        self.work, self.tree, self.root, self.flavour = work, tree, root, flavour
        self.kernel = tree.kernel(flavour)
        self.version = f"{tree.version(flavour)[0]} {flavour}"
        self.module = module
        self.kit = kit_image(work, {**kit_files(module), "ioload": load})
        self.machine = self.base = None

    def boot(self, lab, mtu, processors, name, plugin=None):
        """Starts the guest with its interface at `mtu`; console and counts go to <work>/<name>."""
        directory = self.work / name
        shutil.rmtree(directory, ignore_errors=True)
        path = f"/boot/{self.kernel.parent.name};/boot/modules"
        # Without a PCI Express port, FreeBSD uses no message-signalled interrupts.  Linux uses
        # them here, and both do on a physical machine.
        kenv = {"kern.module_path": path, "hw.pci.honor_msi_blacklist": "0"}
        one = Scenario("bench", "", None, kenv=kenv, cpus=processors)
        self.machine = BenchMachine(
            directory, self.kernel, [self.root, self.kit], lab.netns,
            [("virtio-net-pci", lab.tap(0))], one,
            plugin=(plugin, directory / "counts") if plugin else None,
        )
        # Emulation only: the plugin needs it, and all rates are compared under it.
        self.machine.boot(["tcg"])
        self.directory = directory
        self.windows = 0
        self.sh(SETUP.format(mtu=mtu, guest=GUEST))

    def stop(self):
        """Ends the guest."""
        if self.machine:
            self.machine.stop()
            self.machine = None

    def sh(self, script, timeout=300):
        """Runs a script, which must succeed; its output."""
        result = self.machine.agent.run(script, timeout)
        if not result.ok:
            raise RuntimeError(f"the guest says {result.code}: {result.out}\nfrom: {script}")
        return result.out

    def start(self, script):
        """Starts a script, which runs beside others."""
        return self.machine.agent.start(script)

    def cable(self, plugged):
        """Plugs or unplugs the guest's NIC."""
        self.machine.qmp.command("set_link", name="nic0", up=plugged)

    def load(self, work, disk, timeout=300, **options):
        """Runs the load program; its output."""
        out = self.sh(work.command("/tmp/ioload", disk, **options), timeout)
        self.windows += 1
        return out

    @property
    def window(self):
        """The file with the counts of the last load."""
        return self.directory / f"counts.{self.windows}"

    def add_symbols(self, symbols):
        """Adds the functions of the kernel and of the loaded modules."""
        symbols.add_nm(self.kernel)
        for line in self.sh("kldstat").splitlines()[1:]:
            words = line.split()
            base, name = int(words[2], 16), words[4]
            file = self.module if name == "aoe.ko" else self.kernel.parent / name
            if name != "kernel" and file.exists():
                symbols.add_nm(file, base, name)
        symbols.close()

    def attach(self, system):
        """Attaches the disk of a system (of DISKS); its path in the guest."""
        return "/dev/" + self.sh(DISKS[system][0]).split()[-1]

    def detach(self, system):
        """Detaches the disk of a system."""
        self.sh(DISKS[system][1])
