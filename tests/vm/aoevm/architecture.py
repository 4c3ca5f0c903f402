# SPDX-License-Identifier: BSD-2-Clause
"""The differences between guests of different architectures."""

import pathlib
import platform
import struct
from dataclasses import dataclass, field

from .errors import SetupError


@dataclass(frozen=True)
class Architecture:
    """How QEMU runs a guest, and how the guest's kernel starts."""

    name: str  # the name in build/<major>-<name>
    elf_machine: int
    qemu: str
    package: str  # Debian's package of that QEMU
    options: tuple  # of QEMU, for the machine
    cpu: str  # QEMU's model under TCG
    agent: tuple  # QEMU's options for the agent's port, on the chardev `agent`
    port: str  # that port's device in the guest
    hosts: tuple  # platform.machine() of the hosts whose KVM runs it
    image: str = ""  # the file beside boot/kernel/kernel that QEMU starts; if empty, see loader.py
    suffix: str = ""  # added to the kernel's version in results
    guard: str = ""  # what the kernel's command line must begin with
    longest: int = 0  # most bytes of the command line that the kernel reads
    kenv: dict = field(default_factory=dict)
    lacks: dict = field(default_factory=dict)  # field of Scenario -> why it is not supported

    @property
    def native(self):
        """Whether this host's processors are of this architecture."""
        return platform.machine() in self.hosts

    def why_not(self, one):
        """Why a scenario cannot run here, or None."""
        return next((why for wanted, why in self.lacks.items() if getattr(one, wanted)), None)

    def command_line(self, environment):
        """The command line that sets the kernel's environment."""
        line = self.guard + " ".join(f"{name}={value}" for name, value in environment.items())
        if len(line) > self.longest:
            raise SetupError(f"the kernel reads {self.longest} bytes of {len(line)}: {line}")
        return line


AMD64 = Architecture(
    name="amd64",
    elf_machine=62,
    qemu="qemu-system-x86_64",
    package="qemu-system-x86",
    options=("-machine", "q35"),
    # An old model: newer ones have features whose emulation costs time.
    cpu="Nehalem",
    agent=("-serial", "chardev:agent"),
    port="/dev/cuau1",
    hosts=("x86_64",),
    kenv={
        "console": "comconsole",
        "boot_serial": "YES",
        "hint.uart.0.at": "acpi",
        "hint.uart.0.port": "0x3F8",
        "hint.uart.0.flags": "0x10",
        "hint.uart.1.at": "acpi",
        "hint.uart.1.port": "0x2F8",
        "hint.atrtc.0.at": "isa",
        "hint.atrtc.0.port": "0x70",
        "hint.atrtc.0.irq": "8",
        "hint.attimer.0.at": "isa",
        "hint.attimer.0.port": "0x40",
        "hint.attimer.0.irq": "0",
    },
)

ARM64 = Architecture(
    name="arm64",
    elf_machine=183,
    qemu="qemu-system-aarch64",
    package="qemu-system-arm",
    options=("-machine", "virt,gic-version=3"),
    # An Armv8.2 model: emulating its atomic instructions costs less than the older loops.
    cpu="neoverse-n1",
    # No serial port: the machine's only other one belongs to the secure world.  FreeBSD 14
    # activates the I/O ports of one on PCI only once, but uart(4) needs that twice.
    agent=("-device", "virtio-serial-pci", "-device", "virtconsole,chardev=agent"),
    port="/dev/ttyV0.0",
    hosts=("aarch64", "arm64"),
    # The kernel without its ELF headers, as Linux's boot protocol requires.
    image="kernel.bin",
    suffix=" arm64",
    guard="FreeBSD:",
    longest=512,
    lacks={
        "preload": "QEMU starts an arm64 kernel by Linux's boot protocol, which preloads no modules",
        "acpi": "without UEFI, an arm64 guest has a device tree and no ACPI tables",
    },
)

ALL = (AMD64, ARM64)


def of_kernel(kernel):
    """The architecture of a kernel, by its ELF header."""
    with pathlib.Path(kernel).open("rb") as file:
        header = file.read(20)
    if len(header) == 20 and header.startswith(b"\x7fELF\x02\x01"):
        (machine,) = struct.unpack_from("<H", header, 18)
        for one in ALL:
            if one.elf_machine == machine:
                return one
    names = " or ".join(one.name for one in ALL)
    raise SetupError(f"{kernel} is no kernel for {names}")
