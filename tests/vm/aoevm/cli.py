# SPDX-License-Identifier: BSD-2-Clause
"""The command line: picks scenarios and kernels, and runs them."""

import argparse
import fcntl
import fnmatch
import os
import pathlib
import signal
import sys

from . import scenario as scenarios
from .errors import SetupError
from .image import Tree, require_tools, root_image
from .results import RECORD, Results, summary
from .runner import Runner

HERE = pathlib.Path(__file__).resolve().parent.parent
REPOSITORY = HERE.parent.parent


def arguments(argv):
    """The command line, with what the environment adds."""
    parser = argparse.ArgumentParser(
        prog="tests/vm/run", description="Runs aoe.ko in a FreeBSD kernel under QEMU."
    )
    parser.add_argument("--freebsd", default=os.environ.get("FREEBSD"), metavar="DIR",
                        help="a FreeBSD root tree (docs/vm.md); default $FREEBSD")
    parser.add_argument("-l", "--list", action="store_true", help="list the scenarios and stop")
    parser.add_argument("-s", "--scenario", action="append", metavar="NAME",
                        help="run only this one (a shell pattern; may be repeated)")
    parser.add_argument("-k", "--kernel", action="append", metavar="FLAVOUR",
                        help="RELEASE (boot/kernel), DEBUG (boot/kernel.DEBUG), ...; may be repeated")
    parser.add_argument("--long", action="store_true", default=os.environ.get("LONG") == "1",
                        help="the long scenarios too; also LONG=1")
    parser.add_argument("--module", metavar="FILE", help="default build/<14 or 15>-amd64/aoe.ko")
    parser.add_argument("--record", action="store_true", help="append to tests/vm/results.csv")
    parser.add_argument("--summary", action="store_true",
                        help="print the table of RESULTS.md, from results.csv, and stop")
    parser.add_argument("--work", default=str(REPOSITORY / "build/vm"), metavar="DIR",
                        help="where images and logs go; default build/vm")
    return parser.parse_args(argv)


def choose(options):
    """The scenarios that were asked for, in their order."""
    every = scenarios.load_all()
    if options.scenario:
        chosen = [s for s in every if any(fnmatch.fnmatch(s.name, p) for p in options.scenario)]
        if not chosen:
            raise SetupError(f"no scenario is called {' or '.join(options.scenario)}; see --list")
        return chosen
    return [s for s in every if options.long or not s.long]


def flavours(options, tree):
    """The kernels to run on."""
    if options.kernel:
        return options.kernel
    every = list(tree.kernels())
    return [f for f in every if "KASAN" not in f or options.long]


def module_for(options, tree, flavour):
    """The module under test."""
    if options.module:
        return pathlib.Path(options.module).resolve()
    return REPOSITORY / f"build/{tree.version(flavour)[1]}-amd64/aoe.ko"


def run(options, chosen):
    """Runs the chosen scenarios; the exit status."""
    require_tools("makefs", "vblade", "ip", "qemu-system-x86_64")
    if os.geteuid() != 0:
        raise SetupError("tests/vm/run needs root, for a network namespace with taps in it")
    tree = Tree(options.freebsd)
    work = pathlib.Path(options.work)
    work.mkdir(parents=True, exist_ok=True)
    with (work / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        root = root_image(tree, work)
    results = Results(RECORD if options.record else None)
    by_name = bool(options.scenario)
    for flavour in flavours(options, tree):
        module = module_for(options, tree, flavour)
        runner = Runner(tree, root, work, flavour, module, results, options.long)
        core_only = "KASAN" in flavour and not by_name
        runner.run([s for s in chosen if s.core or not core_only])
    return results.close()


def main(argv):
    """The program."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    options = arguments(argv)
    if options.summary:
        print(summary())
        return 0
    try:
        chosen = choose(options)
        if options.list:
            for one in chosen if options.scenario else scenarios.ALL:
                print(f"{one.name:24} {'LONG ' if one.long else '     '}{one.text}")
            return 0
        if not options.freebsd:
            print("tests/vm: SKIPPED: NO FREEBSD GIVEN (make vm-test FREEBSD=<dir>, docs/vm.md); "
                  "NOTHING RAN ON A FREEBSD KERNEL")
            print(f"0 passed, 0 failed, {len(chosen)} skipped")
            return 0
        return run(options, chosen)
    except SetupError as error:
        print(f"tests/vm: {error}", file=sys.stderr)
        return 2
