# SPDX-License-Identifier: BSD-2-Clause
"""Runs scenarios on one kernel, several in one boot where that is safe."""

import contextlib
import fcntl
import os
import shutil
import time
import traceback
from dataclasses import replace

from .console import load_allowed
from .errors import Failed, GuestDied, SetupError, Skipped
from .image import kit_image
from .lab import Lab
from .machine import Machine, accelerators
from .results import Outcome
from .scenario import NICS, Context
from .kit import kit_files



class Runner:
    """A job: scenarios on one kernel.  Outcomes and notes go to `say`."""

    def __init__(self, job, root, work, module, say, long):
        self.tree, self.flavour, self.chosen = job.tree, job.flavour, job.scenarios
        self.say, self.module, self.long = say, module, long
        self.version = self.tree.version(self.flavour)[0]
        self.modules_unfit = self.tree.modules_unfit(self.flavour)
        self.choices = accelerators(self.tree.architecture.native)
        self.logs = work / "logs" / job.name
        self.directory = work / f"run-{os.getpid()}"
        self.shared_root, self.root = root, self.directory / "root.img"
        self.machine = None
        self.boots = 0

    def run(self):
        """Runs the scenarios; those that share a guest come first."""
        if any(s.module for s in self.chosen) and not self.module.exists():
            raise SetupError(f"{self.module} is not there: run make first")
        with self.own_logs():
            self.run_all()

    @contextlib.contextmanager
    def own_logs(self):
        """Empties the directory of the logs, and locks it against other runs."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with self.logs.with_name(f"{self.logs.name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SetupError(f"another run writes to {self.logs}: use --work") from None
            shutil.rmtree(self.logs)
            self.logs.mkdir()
            yield

    def run_all(self):
        """Runs the scenarios, with the network and the kit that they need."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.allowed = load_allowed(self.work_file("allow.txt"))
        self.lab = Lab(self.directory, len(NICS))
        try:
            self.lab.up()
            self.kit = kit_image(self.directory, kit_files(self.module))
            # With a link, the guests of this run keep their root if the tree changes meanwhile.
            os.link(self.shared_root, self.root)
            self.say(f"# {self.version} {self.flavour}: {len(self.chosen)} scenarios")
            if self.modules_unfit:
                self.say(f"# NO STOCK MODULES: {self.modules_unfit}; what needs them is skipped")
            for one in sorted(self.chosen, key=lambda s: s.boot):
                self.one(one)
        finally:
            self.retire()
            self.lab.down()
            shutil.rmtree(self.directory, ignore_errors=True)

    @staticmethod
    def work_file(name):
        """A file of tests/vm."""
        return os.path.join(os.path.dirname(os.path.dirname(__file__)), name)

    def retire(self):
        """Stops the guest, if there is one."""
        if self.machine:
            self.machine.stop()
            self.machine = None

    def guest(self, one):
        """A booted guest for a scenario: the running one, unless the scenario needs its own."""
        if one.boot:
            self.retire()
        if self.machine:
            return self.machine
        self.boots += 1
        if one.aoe_root:
            copy = self.lab.disks / "root"
            shutil.copyfile(self.root, copy)
            self.lab.target(0, 1, file=copy)
        path = f"/boot/{self.tree.kernel(self.flavour).parent.name};/boot/modules"
        if self.modules_unfit:
            path = "/boot/modules"
        machine = Machine(
            self.logs / f"boot{self.boots}",
            self.tree.kernel(self.flavour),
            [self.root, self.kit],
            self.lab.netns,
            [(model, self.lab.tap(nic)) for nic, model in enumerate(one.nics)],
            replace(
                one,
                kenv={"kern.module_path": path, **one.kenv},
                preload={"aoe.ko": self.module} if one.preload else {},
            ),
            self.allowed | ({f"panic: {one.panics}"} if one.panics else set()),
        )
        self.machine = machine
        machine.boot(self.choices)
        self.choices = [machine.accelerator]
        return machine

    def one(self, one):
        """Runs one scenario and reports its outcome."""
        started = time.monotonic()
        result, note, log = "passed", "", []
        start = 0
        try:
            if why := self.tree.architecture.why_not(one):
                raise Skipped(why)
            machine = self.guest(one)
            start = machine.console.mark() if not one.boot else 0
            context = Context(machine, self.lab, self.kit, self.flavour, self.long)
            context.modules_unfit = self.modules_unfit
            log = context.log
            one.body(context)
            self.tidy(context, one)
        except Skipped as skip:
            result, note = "skipped", str(skip)
            self.retire()
        except (Failed, SetupError, GuestDied, TimeoutError) as error:
            result, note = "failed", str(error) or traceback.format_exc()
        except Exception as error:  # a scenario's own mistake must not end the run
            result, note = "failed", f"{error!r}\n{traceback.format_exc()}"
        result, note = self.judge(start, result, note)
        self.keep_log(one, start, log, note)
        if result == "failed" or one.boot:
            self.retire()
        self.lab.clear()
        seconds = time.monotonic() - started
        self.say(Outcome(self.version, self.flavour, one.name, result, seconds, note))

    def tidy(self, context, one):
        """Restores the shared guest; anything that the scenario left behind is a failure."""
        if one.boot and self.machine.process.poll() is not None:
            return
        if one.aoe_root:  # the module cannot be unloaded under the root
            return
        for nic in range(len(NICS)):
            context.cable(nic, True)
        context.sh("restore", 120)

    def judge(self, start, result, note):
        """Adds the kernel's complaints: each, such as an unexpected panic, is a failure."""
        if not self.machine:
            return result, note
        complaints = self.machine.console.complaints(start)
        if complaints:
            result = "failed"
            told = "\n".join(f"kernel: {key}\n{excerpt}" for key, excerpt in complaints[:5])
            note = f"{note}\n{told}" if note and note not in told else told
        return result, note

    def keep_log(self, one, start, log, note):
        """Writes the scenario's log: its commands, and the console during it."""
        text = "\n".join(log)
        if self.machine:
            text += "\n\n--- console\n" + self.machine.console.text(start)
        if note:
            text += f"\n\n--- verdict\n{note}\n"
        (self.logs / f"{one.name}.log").write_text(text)
