# SPDX-License-Identifier: BSD-2-Clause
"""A QEMU process with a FreeBSD guest."""

import ctypes
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

from . import architecture
from .agent import Agent
from .console import Console
from .errors import GuestDied, SetupError
from .loader import kernel_with

BOOT_TIMEOUT = {"kvm": 60, "tcg": 300}
# Under KVM, a working kernel prints its name at once; one that this host's KVM
# cannot run (nested, or without hardware support) prints nothing.
SILENCE = 15
FIRST_WORDS = "FreeBSD"

KENV = {
    "vfs.root.mountfrom": "ufs:/dev/vtbd0",
    "vfs.root.mountfrom.options": "rw",
    "init_script": "/aoevm/boot.sh",
    "debug.debugger_on_panic": "0",
    "debug.trace_on_panic": "1",
    "kern.panic_reboot_wait_time": "0",
    "debug.witness.trace": "1",
}


def die_with_parent(how=signal.SIGKILL):
    """For preexec_fn: ends the child when its parent ends."""
    ctypes.CDLL(None).prctl(1, how)


def accelerators(native):
    """Accelerators to try, best first; AOEVM_ACCEL forces one.  `native`: not on a foreign host."""
    chosen = os.environ.get("AOEVM_ACCEL")
    if chosen:
        if chosen not in BOOT_TIMEOUT:
            raise SetupError(f"AOEVM_ACCEL={chosen}: say kvm or tcg")
        return [chosen]
    usable = native and os.access("/dev/kvm", os.R_OK | os.W_OK)
    return ["kvm", "tcg"] if usable else ["tcg"]


class Qmp:
    """QEMU's management channel (QMP)."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.socket.settimeout(30)
        self.file = self.socket.makefile("r")
        self.file.readline()
        self.command("qmp_capabilities")

    def command(self, name, /, **arguments):
        """Runs one command and returns what it returns."""
        request = {"execute": name, "arguments": arguments}
        try:
            self.socket.sendall(json.dumps(request).encode() + b"\n")
            for line in self.file:
                answer = json.loads(line)
                if "error" in answer:
                    raise GuestDied(f"QEMU refused {name}: {answer['error']['desc']}")
                if "return" in answer:
                    return answer["return"]
        except OSError as error:  # time-outs too
            raise GuestDied(f"QEMU does not answer {name}: {error}") from error
        raise GuestDied("QEMU closed its management channel")

    def close(self):
        """Closes the channel."""
        self.file.close()
        self.socket.close()


class Machine:
    """A guest, and the QEMU that runs it.

    `nics` are (model, tap) in the order of their PCI slots; the scenario `one` determines
    memory, processors, kernel environment and preloaded modules.
    """

    def __init__(self, directory, kernel, disks, netns, nics, one, allowed=()):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.kernel, self.disks, self.netns, self.nics = kernel, disks, netns, nics
        self.architecture = architecture.of_kernel(kernel)
        fixed = {**KENV, **self.architecture.kenv, "aoevm.port": self.architecture.port}
        self.kenv = {**fixed, **one.kenv}
        self.memory, self.cpus, self.preload = one.memory, one.cpus, one.preload or {}
        self.acpi, self.root_port = one.acpi, one.root_port
        self.console = Console(self.directory / "console.log", set(allowed))
        self.process = self.qmp = self.agent = self.accelerator = None

    def boot(self, choices):
        """Starts QEMU and waits for the agent, with the first accelerator that works."""
        for number, choice in enumerate(choices):
            try:
                self._start(choice)
                self._wait_for_agent(BOOT_TIMEOUT[choice])
                self.accelerator = choice
                return
            except GuestDied as error:
                self.stop()
                if FIRST_WORDS in self.console.text() or number + 1 == len(choices):
                    tail = "\n".join(self.console.text().splitlines()[-40:])
                    raise GuestDied(f"boot: {error}\n{tail}") from error

    def _command(self, accelerator):
        command = ["ip", "netns", "exec", self.netns, self.architecture.qemu]
        command += ["-nodefaults", "-display", "none", "-no-reboot", *self.architecture.options]
        command += ["-smp", str(self.cpus), "-m", str(self.memory)]
        if accelerator == "kvm":
            command += ["-accel", "kvm", "-cpu", "host"]
        else:
            command += ["-accel", "tcg,thread=multi", "-cpu", self.architecture.cpu]
        if self.acpi:
            signature, contents = self.acpi
            table = self.directory / "acpi"
            table.write_bytes(contents)
            command += ["-acpitable", f"sig={signature},rev=1,data={table}"]
        if self.architecture.image:
            command += ["-kernel", str(self.kernel.with_name(self.architecture.image))]
            command += ["-append", self.architecture.command_line(self.kenv)]
        else:
            loaded = self.directory / "kernel"
            kernel_with(self.kernel, loaded, self.kenv, self.preload)
            command += ["-kernel", str(loaded)]
        command += ["-chardev", f"file,id=console,path={self.console.path}"]
        command += ["-serial", "chardev:console"]
        command += ["-chardev", f"socket,id=agent,path={self.directory}/agent,server=on,wait=off"]
        command += self.architecture.agent
        command += ["-qmp", f"unix:{self.directory}/qmp,server=on,wait=off"]
        for number, disk in enumerate(self.disks):
            drive = f"file={disk},format=raw,if=none,id=disk{number},snapshot=on"
            command += ["-drive", drive, "-device", f"virtio-blk-pci,drive=disk{number}"]
        if self.root_port:
            command += ["-device", "pcie-root-port,id=port0,chassis=1,slot=1"]
        for number, (_, tap) in enumerate(self.nics):
            netdev = f"tap,id=net{number},ifname={tap},script=no,downscript=no"
            device = ",".join(f"{key}={value}" for key, value in self._nic(number).items())
            command += ["-netdev", netdev, "-device", device]
        return command

    def _nic(self, number):
        """QEMU's options for a NIC."""
        device = {
            "driver": self.nics[number][0],
            "netdev": f"net{number}",
            "id": f"nic{number}",
            "mac": f"02:a0:e0:00:00:{number + 1:02x}",
            "romfile": "",
        }
        return {**device, "bus": "port0"} if self.root_port and number == 0 else device

    def remove_nic(self):
        """Requests the removal of the first NIC, behind a root port; the guest may take a while."""
        self.qmp.command("device_del", id="nic0")

    def add_nic(self):
        """Puts the first NIC back, once the guest has released it."""
        deadline = time.monotonic() + 60
        while True:
            try:
                return self.qmp.command("device_add", **self._nic(0))
            except GuestDied:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def _start(self, accelerator):
        self.console.path.unlink(missing_ok=True)
        with (self.directory / "qemu.log").open("w") as log:
            self.process = subprocess.Popen(
                self._command(accelerator),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,
                env={**os.environ, "TMPDIR": str(self.directory)},
            )
        self.accelerator = accelerator
        self.qmp = self._connect_qmp()

    def _connect_qmp(self):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                return Qmp(self.directory / "qmp")
            except (OSError, ValueError):  # not yet there, or QEMU has ended
                time.sleep(0.05)
        raise GuestDied("QEMU did not start: " + (self.directory / "qemu.log").read_text())

    def _wait_for_agent(self, timeout):
        self.started = time.monotonic()
        self.agent = Agent(self.directory / "agent", self._alive_at_boot)
        self.agent.connect(timeout)
        self.agent.alive = self.alive

    def _alive_at_boot(self):
        self.alive()
        if self.accelerator != "kvm" or FIRST_WORDS in self.console.text():
            return
        if self.qmp.command("query-status")["status"] == "internal-error":
            raise GuestDied("this host's KVM cannot run the kernel")
        if time.monotonic() - self.started > SILENCE:
            raise GuestDied("the kernel prints nothing under KVM")

    def alive(self):
        """Raises GuestDied if the guest cannot continue."""
        message = self.console.panicked()
        if message:
            time.sleep(2)  # the trace follows the message
            raise GuestDied(message)
        if "mountroot>" in self.console.text():
            raise GuestDied("the kernel found no root file system")
        if self.process.poll() is not None:
            raise GuestDied("QEMU ended")

    def wait_for_end(self, timeout):
        """Waits until the guest reboots or halts, which ends QEMU; the seconds it took, or None."""
        started = time.monotonic()
        while self.process.poll() is None:
            if time.monotonic() - started > timeout:
                return None
            time.sleep(0.05)
        return time.monotonic() - started

    def stop(self):
        """Ends QEMU at once."""
        if self.agent:
            self.agent.close()
        if self.qmp:
            self.qmp.close()
            self.qmp = None
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
