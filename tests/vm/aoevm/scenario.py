# SPDX-License-Identifier: BSD-2-Clause
"""Scenarios, and the operations that they use."""

import pathlib
from dataclasses import dataclass, field
from typing import Callable

from .errors import Failed, Skipped

ALL = []
CPUS = 2
NICS = ("virtio-net-pci", "virtio-net-pci", "e1000")

# The options for which a scenario needs a new guest.
NEW_GUEST = {"kenv", "memory", "cpus", "preload", "aoe_root", "acpi", "root_port", "nics", "panics"}


@dataclass
class Scenario:
    """One entry of the list.  Scenarios with `boot` get a separate guest."""

    name: str
    text: str
    body: Callable
    long: bool = False
    core: bool = False
    module: bool = True
    boot: bool = False
    kenv: dict = field(default_factory=dict)
    memory: int = 1024
    cpus: int = CPUS
    preload: bool = False
    # Whether the guest's root is on a target, aoe0e1, which is started before the guest.
    aoe_root: bool = False
    # An ACPI table of the guest's firmware: signature and contents.
    acpi: tuple = ()
    # Whether the first NIC is behind a root port, so that it can be removed.
    root_port: bool = False
    nics: tuple = NICS  # QEMU's names of the NICs' models
    # The message of a panic that the scenario causes: the text after "panic: ".
    panics: str = ""


def scenario(name, **options):
    """Registers the decorated function; its docstring is the scenario's description."""

    def register(body):
        if any(other.name == name for other in ALL):
            raise ValueError(f"two scenarios are called {name}")
        if options.keys() & NEW_GUEST:
            options["boot"] = True
        ALL.append(Scenario(name, " ".join(body.__doc__.split()), body, **options))
        return body

    return register


class Context:
    """The argument of a scenario's body."""

    def __init__(self, machine, lab, kit, flavour, long):
        self.machine, self.lab, self.kit = machine, lab, kit
        self.flavour, self.long = flavour, long
        self.modules_unfit = None
        self.slow = 3 if machine.accelerator == "tcg" else 1
        if "KASAN" in flavour:
            self.slow *= 3
        self.log = []

    # The guest

    def run(self, script, timeout=60):
        """Runs a script in the guest; its output and status."""
        result = self.machine.agent.run(script, timeout * self.slow)
        self.log.append(f"$ {script.strip()}\n{result.out}\n[{result.code}, {result.seconds:.1f} s]")
        return result

    def sh(self, script, timeout=60):
        """Runs a script in the guest, which must succeed; its output."""
        result = self.run(script, timeout)
        if not result.ok:
            raise Failed(self.why(result, script))
        return result.out

    @staticmethod
    def why(result, script):
        """The message for a script that failed: its last line of output first."""
        last = result.out.strip().rsplit("\n", 1)[-1]
        return f"status {result.code}: {last}\nfrom:\n{script.strip()}\n{result.out}"

    def refused(self, script, reason, timeout=60):
        """Runs a script, which must fail and print `reason`."""
        result = self.run(script, timeout)
        self.check(not result.ok, f"succeeded, but must be refused: {script.strip()}")
        self.check(reason in result.out, f"no {reason!r} in: {result.out}")
        return result.out

    def start(self, script):
        """Starts a script in the guest, to run beside others."""
        self.log.append(f"& {script.strip()}")
        return self.machine.agent.start(script)

    def finish(self, job, timeout=60):
        """Waits for a started script, which must succeed; its output."""
        result = job.wait(timeout * self.slow)
        self.log.append(f"= {job.script.strip()}\n{result.out}\n[{result.code}]")
        self.check(result.ok, self.why(result, job.script))
        return result.out

    def boot_again(self):
        """Boots the guest again, with its disks in their first state; nothing is loaded then."""
        console = self.machine.console
        complaints = console.complaints()
        self.check(not complaints, f"kernel: {complaints[:1]}")
        self.log.append(f"--- console of the first boot\n{console.text()}")
        self.machine.stop()
        self.machine.boot([self.machine.accelerator])

    def need(self, *programs):
        """Skips if the guest's userland lacks a program."""
        for program in programs:
            if not self.run(f"command -v {program}").ok:
                raise Skipped(f"the guest has no {program}")

    def need_module(self, name, file=None):
        """Loads a stock module, from `file`, unless the kernel has it; skips if there is none."""
        if self.run(f"kldstat -q -m {name}").ok:
            return
        if self.modules_unfit:
            raise Skipped(self.modules_unfit)
        if not self.run(f"kldload {file or name}").ok:
            raise Skipped(f"the guest has no module {name}")

    # The module

    def load(self, iflist="vtnet0"):
        """Loads aoe.ko and lists interfaces."""
        self.sh(f"kldload {self.module}\nsysctl net.aoe.iflist='{iflist}'")

    @property
    def module(self):
        """The path of the module under test in the guest."""
        return "/aoevm/kit/aoe.ko"

    def page_out_slowly(self):
        """Lets paging take any time: in a slow, emulated guest, the kernel would give up and kill a
        process."""
        self.sh("sysctl vm.pageout_oom_seq=100000 vm.pfault_oom_attempts=-1")

    def appears(self, target, timeout=20):
        """Waits for a target's disk."""
        self.sh(f"await {timeout * self.slow} test -c /dev/{target.disk}", timeout + 10)

    def disappears(self, target, timeout=20):
        """Waits until a target's disk is gone."""
        self.sh(f"await {timeout * self.slow} test ! -e /dev/{target.disk}", timeout + 10)

    def sysctl(self, name):
        """The value of a sysctl."""
        return self.sh(f"sysctl -n {name}").strip()

    def state(self, target):
        """The target's state, as the module reports it."""
        return self.sysctl(f"net.aoe.target.{target.disk}.state")

    def await_state(self, target, state, timeout=30):
        """Waits until the module reports that a target is in a state."""
        self.sh(
            f'await {timeout * self.slow} sh -c \'[ "$(sysctl -n'
            f" net.aoe.target.{target.disk}.state)\" = {state} ]'",
            timeout + 10,
        )

    # The world outside

    def target(self, shelf=0, slot=1, **options):
        """Starts a target on the host."""
        return self.lab.target(shelf, slot, **options)

    def cable(self, nic, plugged):
        """Plugs or unplugs the guest's NIC."""
        self.machine.qmp.command("set_link", name=f"nic{nic}", up=plugged)

    def check(self, condition, message):
        """Fails the scenario with this message unless the condition holds."""
        if not condition:
            raise Failed(message)

    def printed(self, text, start=0):
        """Whether the kernel has printed this text since console byte `start`."""
        return text in self.machine.console.text(start)


def load_all():
    """Imports every file under scenarios/; the scenarios, in the order of files and lines."""
    import importlib.util

    for path in sorted((pathlib.Path(__file__).parent.parent / "scenarios").glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"scenarios_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return ALL
