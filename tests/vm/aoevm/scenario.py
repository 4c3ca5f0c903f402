# SPDX-License-Identifier: BSD-2-Clause
"""What a scenario is, and what it can do."""

import pathlib
from dataclasses import dataclass, field
from typing import Callable

from .errors import Failed, Skipped

ALL = []
CPUS = 2
NICS = ("virtio-net-pci", "virtio-net-pci", "e1000")

# The options that the running guest does not have.
NEW_GUEST = {"kenv", "memory", "cpus", "preload", "aoe_root", "acpi", "root_port", "nics", "panics"}


@dataclass
class Scenario:
    """One entry of the list.  `boot` scenarios get a guest of their own."""

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
    # The guest's root lies on a target, aoe0e1, that is there before the guest.
    aoe_root: bool = False
    # An ACPI table that the guest's firmware gives it: signature and contents.
    acpi: tuple = ()
    # Whether the first NIC is behind a root port, where it can be removed.
    root_port: bool = False
    nics: tuple = NICS  # what QEMU calls the models of the NICs
    # How the panic ends that the scenario is about: all that the kernel says of it.
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
    """Handed to a scenario's body."""

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
        """What to say of a script that failed: its last words first."""
        last = result.out.strip().rsplit("\n", 1)[-1]
        return f"status {result.code}: {last}\nfrom:\n{script.strip()}\n{result.out}"

    def refused(self, script, reason, timeout=60):
        """Runs a script, which must fail and say `reason`."""
        result = self.run(script, timeout)
        self.check(not result.ok, f"succeeded, but must be refused: {script.strip()}")
        self.check(reason in result.out, f"no {reason!r} in: {result.out}")
        return result.out

    def start(self, script):
        """Starts a script in the guest, to go on beside others."""
        self.log.append(f"& {script.strip()}")
        return self.machine.agent.start(script)

    def finish(self, job, timeout=60):
        """Waits for a started script, which must succeed; its output."""
        result = job.wait(timeout * self.slow)
        self.log.append(f"= {job.script.strip()}\n{result.out}\n[{result.code}]")
        self.check(result.ok, self.why(result, job.script))
        return result.out

    def boot_again(self):
        """Boots the guest anew, with its disks as they were at first; nothing is loaded then."""
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
        """Loads a stock module, from kernel module `file`, unless the kernel has it; skips if there is none."""
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
        """Where the module under test lies in the guest."""
        return "/aoevm/kit/aoe.ko"

    def page_out_slowly(self):
        """Lets paging take its time: an emulated guest is slower than the kernel's patience, which
        ends with the death of a process."""
        self.sh("sysctl vm.pageout_oom_seq=100000 vm.pfault_oom_attempts=-1")

    def appears(self, target, timeout=20):
        """Waits for a target's disk."""
        self.sh(f"await {timeout * self.slow} test -c /dev/{target.disk}", timeout + 10)

    def disappears(self, target, timeout=20):
        """Waits until a target's disk is no longer there."""
        self.sh(f"await {timeout * self.slow} test ! -e /dev/{target.disk}", timeout + 10)

    def sysctl(self, name):
        """The value of a sysctl."""
        return self.sh(f"sysctl -n {name}").strip()

    def state(self, target):
        """The target's state, as the module says it."""
        return self.sysctl(f"net.aoe.target.{target.disk}.state")

    def await_state(self, target, state, timeout=30):
        """Waits until the module says that a target is in a state."""
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
        """The scenario fails with this message unless the condition holds."""
        if not condition:
            raise Failed(message)

    def printed(self, text, start=0):
        """Whether the kernel printed this since console byte `start`."""
        return text in self.machine.console.text(start)


def load_all():
    """Imports every file under scenarios/; the list is in order of file and place."""
    import importlib.util

    for path in sorted((pathlib.Path(__file__).parent.parent / "scenarios").glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"scenarios_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return ALL
