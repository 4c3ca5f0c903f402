# SPDX-License-Identifier: BSD-2-Clause
"""Disk images for the guest: its root from the given tree, and the kit with files to test."""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess

from . import architecture
from .errors import SetupError

_KERNEL_VERSION = re.compile(rb"FreeBSD (1[4-9]|[2-9]\d)\.(\d+)-[A-Z][A-Z0-9.-]*")
# Option -> bytes in a kernel built with it, and bytes in its modules.  For INVARIANTS, these are
# the description in FEATURE(invariants), and the function behind mtx_assert().  For a sanitizer,
# the function that the compiler calls for a load: the kernel defines it, most modules import it.
_OPTIONS = {
    "INVARIANTS": (b"Kernel compiled with INVARIANTS", b"\0__mtx_assert\0"),
    "KASAN": (b"\0__asan_load8_noabort\0", b"\0__asan_load8_noabort\0"),
    "KCSAN": (b"\0__tsan_read8\0", b"\0__tsan_read8\0"),
    "KMSAN": (b"\0__msan_metadata_ptr_for_load_8\0", b"\0__msan_metadata_ptr_for_load_8\0"),
}
_BOOT_SCRIPT = pathlib.Path(__file__).parent.parent / "guest/boot.sh"
_NOT_IN_THE_GUEST = {"usr/src", "usr/tests", "usr/lib/debug", "usr/obj", "usr/ports"}


class Tree:
    """A FreeBSD root tree: the contents of base.txz and kernel.txz."""

    def __init__(self, path):
        self.path = pathlib.Path(path).resolve()
        for needed in ("boot/kernel/kernel", "sbin/init", "bin/sh"):
            if not (self.path / needed).exists():
                raise SetupError(f"{path} has no {needed}: see docs/vm.md for what it must hold")
        self.architecture = architecture.of_kernel(self.path / "boot/kernel/kernel")
        for kernel in self.kernels().values():
            image = self.architecture.image
            if image and not kernel.with_name(image).exists():
                raise SetupError(f"{kernel.parent} has no {image}, "
                                 f"which starts on {self.architecture.name}")

    def kernels(self):
        """Flavour -> kernel file; RELEASE is boot/kernel, X is boot/kernel.X."""
        found = {"RELEASE": self.path / "boot/kernel/kernel"}
        for kernel in sorted(self.path.glob("boot/kernel.*/kernel")):
            found[kernel.parent.name.split(".", 1)[1]] = kernel
        return found

    def kernel(self, flavour):
        """The kernel file of a flavour."""
        try:
            return self.kernels()[flavour]
        except KeyError:
            raise SetupError(f"{self.path} has no boot/kernel.{flavour}/kernel") from None

    def modules_unfit(self, flavour):
        """Why the flavour's modules cannot be loaded, or None.

        The kernel's structures depend on its options, so that modules of another
        configuration load, and then the guest panics somewhere else.
        """
        kernel = self.kernel(flavour)
        modules = sorted(kernel.parent.glob("*.ko"))
        if not modules:
            return f"boot/{kernel.parent.name} has no modules"
        image = kernel.read_bytes()
        contents = [module.read_bytes() for module in modules]
        for option, (in_kernel, in_module) in _OPTIONS.items():
            its = in_kernel in image
            theirs = any(in_module in module for module in contents)
            if theirs != its:
                how = ("with", "without") if theirs else ("without", "with")
                return (f"the modules in boot/{kernel.parent.name} were built {how[0]} {option}, "
                        f"its kernel {how[1]}: build them with the kernel's configuration")
        return None

    def version(self, flavour="RELEASE"):
        """(text, major) of a kernel, such as ("FreeBSD 15.0-RELEASE arm64", 15)."""
        found = _KERNEL_VERSION.search(self.kernel(flavour).read_bytes())
        if not found:
            raise SetupError(f"{self.kernel(flavour)} is no FreeBSD kernel of 14.0 or later")
        return found.group(0).decode() + self.architecture.suffix, int(found.group(1))


def require_tools(*names):
    """Fails in one sentence if a program is missing."""
    packages = {"makefs": "makefs", "tgtd": "tgt", "tgtadm": "tgt", "vblade": "vblade", "ip": "iproute2"}
    packages |= {one.qemu: one.package for one in architecture.ALL}
    missing = [name for name in names if not shutil.which(name)]
    if missing:
        wanted = " ".join(sorted({packages.get(name, name) for name in missing}))
        raise SetupError(f"{', '.join(missing)} not found: apt-get install {wanted}")


def _link_or_copy(source, target):
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)
        status = os.lstat(source)
        os.chown(target, status.st_uid, status.st_gid, follow_symlinks=False)


def _wanted(relative):
    if relative in _NOT_IN_THE_GUEST or relative.endswith((".debug", ".symbols")):
        return False
    # Kernels come from the host; only their modules are needed in the guest.
    return not re.fullmatch(r"boot/kernel(\.\w+)?/kernel(\.full|\.bin)?", relative)


def stage_tree(tree, stage):
    """Makes hard links (or copies) of the tree's files in new directories."""
    for directory, subdirectories, files in os.walk(tree.path):
        relative = os.path.relpath(directory, tree.path)
        prefix = "" if relative == "." else relative + "/"
        target = stage / relative
        target.mkdir(parents=True, exist_ok=True)
        status = os.stat(directory)
        os.chown(target, status.st_uid, status.st_gid)
        os.chmod(target, status.st_mode & 0o7777)
        keep = []
        for name in subdirectories:
            if not _wanted(prefix + name):
                continue
            if os.path.islink(os.path.join(directory, name)):
                files.append(name)
            else:
                keep.append(name)
        subdirectories[:] = keep
        for name in files:
            source = os.path.join(directory, name)
            if _wanted(prefix + name) and not name.startswith(".ready"):
                _link_or_copy(source, target / name)


def _makefs(image, directory, *options):
    # UFS2 from Debian's makefs has its superblock at a place where FreeBSD does not look.
    command = ["makefs", "-t", "ffs", "-o", "version=1", *options, str(image), str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SetupError(f"makefs failed:\n{done.stdout}{done.stderr}")


def _stamp(tree):
    """A text that changes when the tree was unpacked again or the boot script was changed."""
    parts = [str(tree.path), _BOOT_SCRIPT.read_text()]
    for name in ("boot/kernel", "bin", "sbin", "etc/rc.d", "usr/bin", "usr/sbin", "lib"):
        path = tree.path / name
        parts.append(f"{name} {path.stat().st_mtime_ns}" if path.exists() else name)
    parts.extend(f"{p} {p.stat().st_mtime_ns}" for p in tree.kernels().values())
    return "\n".join(parts)


def root_image(tree, cache):
    """The image of the root disk, made once for a tree; guests write to a snapshot of it."""
    cache.mkdir(parents=True, exist_ok=True)
    stem = "root-" + hashlib.sha256(bytes(tree.path)).hexdigest()[:8]
    image, stamp = cache / f"{stem}.img", cache / f"{stem}.stamp"
    if image.exists() and stamp.exists() and stamp.read_text() == _stamp(tree):
        return image
    stage = cache / "stage"
    shutil.rmtree(stage, ignore_errors=True)
    stage_tree(tree, stage)
    for name in ("aoevm", "mnt", "dev", "tmp", "usr/local/etc/rc.d"):
        (stage / name).mkdir(parents=True, exist_ok=True)
    shutil.copy2(_BOOT_SCRIPT, stage / "aoevm/boot.sh")
    # Runs in progress have a link to the old image, and continue to use it.
    new = cache / f"{stem}.img.new"
    _makefs(new, stage, "-b", "30%", "-f", "20%")
    new.replace(image)
    shutil.rmtree(stage)
    stamp.write_text(_stamp(tree))
    return image


def kit_image(directory, files):
    """A small read-only disk with the given {name in the guest: file or bytes}."""
    stage = directory / "kit"
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    for name, source in files.items():
        target = stage / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(source, bytes):
            target.write_bytes(source)
        else:
            shutil.copy2(source, target)
    image = directory / "kit.img"
    _makefs(image, stage, "-b", "10%")
    shutil.rmtree(stage)
    return image
