# SPDX-License-Identifier: BSD-2-Clause
"""Boots the guests, runs the workloads in them, and prints the tables of results."""

import argparse
import os
import pathlib
import shutil
import sys
from contextlib import contextmanager

from aoevm.errors import Failed, GuestDied, SetupError
from aoevm.image import Tree, require_tools, root_image

from . import build, counts, linux, plot, rates, work
from .freebsd import DISKS, FreeBsdGuest
from .lab import Lab
from .results import NAMES, Results, report

HERE = pathlib.Path(__file__).resolve().parent.parent
REPOSITORY = HERE.parent.parent
PARTS = ("counts", "rates", "loss")
SYSTEMS = tuple(NAMES)


def arguments(argv):
    """The command line."""
    parser = argparse.ArgumentParser(prog="tests/bench-vm/run", description=__doc__)
    parser.add_argument("--freebsd", default=os.environ.get("FREEBSD"), metavar="DIR",
                        help="a FreeBSD root tree (docs/vm.md); default $FREEBSD")
    parser.add_argument("--zig", default=str(REPOSITORY / "build/toolchain/zig/zig"),
                        metavar="FILE", help="compiles for FreeBSD; default that of tools/toolchain zig")
    parser.add_argument("--systems", default=",".join(SYSTEMS),
                        help=f"of {', '.join(SYSTEMS)}; default all")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"of {', '.join(PARTS)}; default all")
    parser.add_argument("--mtu", default="9000,1500", help="default 9000,1500")
    parser.add_argument("--kernel", default="RELEASE", metavar="FLAVOUR")
    parser.add_argument("--module", metavar="FILE", help="default build/<14 or 15>-amd64/aoe.ko")
    parser.add_argument("--quick", action="store_true", help="shorter works")
    parser.add_argument("--repeat", type=int, default=1, metavar="N",
                        help="count each work N times and take the median")
    parser.add_argument("--only", default="", metavar="TEXT", help="counted works whose name has this")
    parser.add_argument("--profile", type=int, default=0, metavar="N",
                        help="for each counted work, the N functions that most was spent in")
    parser.add_argument("--add", action="store_true", help="to what the run before has found")
    parser.add_argument("--draw", action="store_true",
                        help="docs/instructions.svg and docs/goodput.svg, of all that was found")
    parser.add_argument("--work", default=str(REPOSITORY / "build/bench-vm"), metavar="DIR")
    return parser.parse_args(argv)


class Bench:
    """A run of the bench with its options and results."""

    def __init__(self, options):
        self.options = options
        self.work = pathlib.Path(options.work)
        self.work.mkdir(parents=True, exist_ok=True)
        self.works = [one for one in work.counted(options.quick) if options.only in one.name]
        self.rounds = 4 if options.quick else 10
        self.systems = options.systems.split(",")
        self.results = Results(self.work / "results.json")
        if options.add and self.results.file.exists():
            self.results.read()
        self.tree = Tree(options.freebsd) if options.freebsd else None
        self.ours = [s for s in self.systems if s in DISKS]
        if self.ours and not self.tree:
            print("bench-vm: SKIPPED: NO FREEBSD GIVEN (make bench-vm FREEBSD=<dir>, docs/vm.md)")
            self.ours = []

    @contextmanager
    def lab(self, mtu):
        """The network, with the servers of all requested systems."""
        directory = self.work / "lab"
        directory.mkdir(exist_ok=True)
        lab = Lab(directory)
        try:
            lab.up()
            lab.set_mtu(mtu)
            lab.vblade()
            if set(self.ours) - {"aoe"}:
                lab.address()
            if "ggate" in self.ours:
                lab.ggated(build.ggated(self.work))
            if {"iscsi", "iscsi-long"} & set(self.ours):
                require_tools("tgtd", "tgtadm")
                lab.tgtd()
            yield lab
        finally:
            lab.down()
            shutil.rmtree(directory, ignore_errors=True)

    @contextmanager
    def freebsd(self, lab, mtu, processors, name, plugin=None):
        """A FreeBSD guest."""
        options, tree = self.options, self.tree
        major = tree.version(options.kernel)[1]
        module = pathlib.Path(options.module or REPOSITORY / f"build/{major}-amd64/aoe.ko")
        load = build.freebsd_load(self.work, options.zig, major)
        root = root_image(tree, self.work)
        guest = FreeBsdGuest(self.work, tree, root, options.kernel, module, load)
        try:
            guest.boot(lab, mtu, processors, f"{name}-{mtu}", plugin)
            yield guest
        finally:
            guest.stop()

    def show(self, system, mtu, one, window, symbols):
        """Records and prints a work's count, and its profile if that was requested."""
        self.results.add("counts", system, mtu, one.name, window.total / one.count)
        kinds = window.kinds(symbols)
        parts = ", ".join(f"{kind} {spent / one.count:.0f}" for kind, spent in kinds.most_common(8))
        print(f"{system:6} {mtu:5} {one.name:34} {window.total / one.count:9.0f}  {parts}", flush=True)
        for (name, module), spent in window.functions(symbols).most_common(self.options.profile):
            print(f"{'':20}{spent / one.count:9.1f} {name} {module}")

    def counts_freebsd(self, mtu):
        """Counts each work on a null disk, then on each system's disk."""
        with self.lab(mtu) as lab, self.freebsd(lab, mtu, 1, "counts", build.plugin(self.work)) as guest:
            for system in ["null", *self.ours]:
                path = guest.attach(system)
                symbols = counts.Symbols(counts.FREEBSD)
                guest.add_symbols(symbols)
                for one in self.works * self.options.repeat:
                    guest.load(one, path)
                    self.show(system, mtu, one, counts.Window(guest.window), symbols)
                guest.detach(system)

    def linux(self):
        """A Linux guest."""
        return linux.LinuxGuest(self.work, build.linux_load(self.work), build.plugin(self.work))

    def counts_linux(self, mtu):
        """Counts each work on null_blk, then on Linux's own aoe driver."""
        guest, name = self.linux(), f"counts-linux-{mtu}"
        works = self.works * self.options.repeat
        with self.lab(mtu) as lab:
            text = guest.run(lab, linux.script(mtu, works), 1, name)
        symbols = counts.Symbols(counts.LINUX)
        guest.symbols(symbols, text)
        found = filter(None, map(work.result, text.splitlines()))
        for number, result in enumerate(found):
            window = counts.Window(self.work / f"{name}.{number + 1}")
            self.show(result["label"], mtu, works[number % len(works)], window, symbols)

    def rates(self, mtu):
        """Measures the rates of FreeBSD's systems, and aoe.ko's goodput when frames are lost."""
        parts = self.options.parts
        with self.lab(mtu) as lab:
            if "loss" in parts:
                lab.lossy_vblade(mtu)
            with self.freebsd(lab, mtu, 2, "rates") as guest:
                if "loss" in parts and "aoe" in self.ours:
                    rates.lossy(guest, lab, self.results, mtu, self.rounds)
                if "rates" in parts:
                    rates.sequential(guest, self.results, self.ours, mtu, self.rounds)

    def loss_linux(self, mtu):
        """Measures the goodput of Linux's driver when frames are lost."""
        with self.lab(mtu) as lab:
            lab.lossy_vblade(mtu)
            rates.linux_lossy(self.linux(), lab, self.results, mtu, self.rounds)

    def run(self):
        """Runs the requested parts, and prints the tables."""
        parts = self.options.parts.split(",")
        print("system   mtu work                               instr/IO  by kind of function")
        for mtu in map(int, self.options.mtu.split(",")):
            if "counts" in parts and self.ours:
                self.counts_freebsd(mtu)
            if "counts" in parts and "linux" in self.systems:
                self.counts_linux(mtu)
            if {"rates", "loss"} & set(parts) and self.ours:
                self.rates(mtu)
            if "loss" in parts and "linux" in self.systems:
                self.loss_linux(mtu)
        print(f"\nLoad of the host at the end: {' '.join(map(str, os.getloadavg()))}\n")
        print(report(self.results))
        if self.options.draw:
            for part, file, picture in (("counts", "instructions.svg", plot.instructions),
                                        ("loss 0", "goodput.svg", plot.goodput)):
                if self.results.having(part, 1):
                    (REPOSITORY / "docs" / file).write_text(picture(self.results))


def main(argv):
    """The program."""
    try:
        require_tools("ip", "vblade", "qemu-system-x86_64", "makefs")
        if os.geteuid() != 0:
            raise SetupError("tests/bench-vm/run needs root, for a network namespace")
        Bench(arguments(argv)).run()
    except (Failed, SetupError, GuestDied) as error:
        print(f"tests/bench-vm: {error}", file=sys.stderr)
        return 2
    return 0
