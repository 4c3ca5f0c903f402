# SPDX-License-Identifier: BSD-2-Clause
"""A Linux guest: Debian's kernel, a busybox, and Linux's own aoe driver."""

import gzip
import os
import pathlib
import shutil
import subprocess
import time

from aoevm.errors import GuestDied, SetupError
from aoevm.machine import die_with_parent

# In the order of their dependencies.
MODULES = """virtio/virtio_ring.ko virtio/virtio.ko virtio/virtio_pci_modern_dev.ko
virtio/virtio_pci_legacy_dev.ko virtio/virtio_pci.ko net/net_failover.ko net/virtio_net.ko
block/aoe/aoe.ko block/null_blk/null_blk.ko""".split()
OTHERS = ["net/core/failover.ko", "fs/configfs/configfs.ko"]
LOAD_ORDER = """virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci failover
net_failover virtio_net configfs""".split()

INIT = """#!/bin/sh
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
echo 1 >/proc/sys/kernel/printk
for module in %s; do insmod /$module.ko; done
. /run.sh
echo END-OF-RUN
poweroff -f
"""


def unpack_kernel(work):
    """Fetches and unpacks Debian's kernel; (vmlinuz, directory of modules)."""
    kept = work / "linux"
    if not list(kept.glob("boot/vmlinuz-*")):
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        depends = subprocess.run(["apt-cache", "depends", "linux-image-amd64"],
                                 capture_output=True, text=True, check=False).stdout
        names = [w for w in depends.split() if w.startswith("linux-image-") and w[12].isdigit()]
        if not names:
            raise SetupError("apt-cache knows no linux-image-amd64: apt-get update")
        done = subprocess.run(["apt-get", "download", "-q", names[0]], cwd=kept,
                              capture_output=True, text=True, check=False)
        packages = list(kept.glob("*.deb"))
        if not packages:
            raise SetupError(f"{names[0]} could not be fetched: {done.stderr}")
        subprocess.run(["dpkg-deb", "-x", packages[0], kept], check=True)
        packages[0].unlink()
    return next(kept.glob("boot/vmlinuz-*")), next(kept.glob("lib/modules/*/kernel"))


def _cpio(directory):
    names = "\n".join(str(p.relative_to(directory)) for p in sorted(directory.rglob("*")))
    return gzip.compress(
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=directory, input=names.encode(),
                       capture_output=True, check=True).stdout, 1)


class LinuxGuest:
    """Boots, runs one script, and ends."""

    def __init__(self, work, load, plugin):
        self.work, self.load, self.plugin = work, load, plugin
        self.vmlinuz, self.modules = unpack_kernel(work)
        self.version = self.vmlinuz.name.split("-", 1)[1]

    def _initramfs(self, script):
        root = self.work / "initramfs"
        shutil.rmtree(root, ignore_errors=True)
        for name in ("bin", "dev", "proc", "sys"):
            (root / name).mkdir(parents=True)
        shutil.copy2("/bin/busybox", root / "bin/busybox")
        for applet in ("sh mount insmod rmmod poweroff ip cat sleep grep awk echo ls").split():
            (root / "bin" / applet).symlink_to("busybox")
        shutil.copy2(self.load, root / "bin/ioload")
        for module in MODULES:
            shutil.copy2(self.modules / "drivers" / module, root)
        for module in OTHERS:
            shutil.copy2(self.modules / module, root)
        (root / "init").write_text(INIT % " ".join(LOAD_ORDER))
        (root / "init").chmod(0o755)
        (root / "run.sh").write_text(script)
        image = self.work / "initramfs.gz"
        image.write_bytes(_cpio(root))
        return image

    def run(self, lab, script, processors, name, count=True, said=None, timeout=900):
        """Runs a script; its output.  Counts go to <work>/<name>.N, each line to said()."""
        console = self.work / f"{name}.console"
        console.unlink(missing_ok=True)
        command = ["ip", "netns", "exec", lab.netns, "qemu-system-x86_64", "-nodefaults",
                   "-display", "none", "-no-reboot", "-machine", "q35", "-m", "512",
                   "-accel", "tcg,thread=multi", "-cpu", "Nehalem", "-smp", str(processors),
                   "-serial", f"file:{console}", "-kernel", str(self.vmlinuz),
                   "-initrd", str(self._initramfs(script)),
                   "-append", "console=ttyS0 nokaslr quiet panic=-1 mitigations=off tsc=reliable "
                   "clocksource=tsc",
                   "-netdev", f"tap,id=n0,ifname={lab.tap(0)},script=no,downscript=no",
                   "-device", "virtio-net-pci,netdev=n0,mac=02:a0:e0:00:00:01,romfile="]
        if count:
            command += ["-plugin", f"file={self.plugin},out={self.work / name}"]
        log = (self.work / "qemu-linux.log").open("w")
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   preexec_fn=die_with_parent,
                                   env={**os.environ, "TMPDIR": str(self.work)})
        deadline, lines = time.monotonic() + timeout, 0
        while process.poll() is None:
            if said and console.exists():
                whole = console.read_text(errors="replace").split("\n")[:-1]
                for line in whole[lines:]:
                    said(line.strip())
                lines = len(whole)
            if time.monotonic() > deadline:
                process.kill()
                process.wait()
                raise GuestDied(f"the Linux guest took more than {timeout} s: {console}")
            time.sleep(0.1)
        text = console.read_text(errors="replace").replace("\r", "")
        if "END-OF-RUN" not in text:
            raise GuestDied(f"the Linux guest did not finish: {console}")
        return text

    def symbols(self, symbols, text):
        """Adds the symbols that the guest printed as lines "KS address name [module]"."""
        for line in text.splitlines():
            words = line.split()
            if len(words) >= 3 and words[0] == "KS":
                module = words[3].strip("[]") if len(words) > 3 else ""
                symbols.add(int(words[1], 16), words[2], "aoe" if module == "aoe" else "")
        symbols.close()


PREPARE = "ip link set eth0 mtu {mtu} up"


def script(mtu, works):
    """The Linux guest's script: each work on a null disk, and on the AoE disk."""
    lines = [PREPARE.format(mtu=mtu)]
    lines += ["insmod /null_blk.ko gb=1 bs=512 queue_mode=2 submit_queues=1 "
              "hw_queue_depth=128 irqmode=2 completion_nsec=10000"]
    lines += [w.command("ioload", "/dev/nullb0", "null-linux") for w in works]
    lines += ["insmod /aoe.ko; sleep 3; cat /sys/block/etherd*/payload"]
    lines += [w.command("ioload", "/dev/etherd/e0.1", "linux") for w in works]
    lines += ["grep -i ' [tw] ' /proc/kallsyms | awk '{ print \"KS\", $1, $3, $4 }'"]
    return "\n".join(lines) + "\n"
