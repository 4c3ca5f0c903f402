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
from .image import require_tools, root_image
from .jobs import VARIABLES, jobs, trees
from .results import RECORD, Results, summary
from .runner import Runner
from .schedule import carried, side_by_side

HERE = pathlib.Path(__file__).resolve().parent.parent
REPOSITORY = HERE.parent.parent


def arguments(argv):
    """The command line's options, with defaults from the environment."""
    parser = argparse.ArgumentParser(
        prog="tests/vm/run", description="Runs aoe.ko in a FreeBSD kernel under QEMU."
    )
    parser.add_argument("--freebsd", action="append", metavar="DIR",
                        help="a FreeBSD root tree (docs/vm.md); may be repeated; default "
                             + ", ".join(f"${name}" for name in VARIABLES))
    parser.add_argument("-l", "--list", action="store_true", help="list the scenarios and stop")
    parser.add_argument("-s", "--scenario", action="append", metavar="NAME",
                        help="run only this one (a shell pattern; may be repeated)")
    parser.add_argument("-k", "--kernel", action="append", metavar="FLAVOUR",
                        help="RELEASE (boot/kernel), DEBUG (boot/kernel.DEBUG), ...; may be repeated")
    parser.add_argument("--long", action="store_true", default=os.environ.get("LONG") == "1",
                        help="the long scenarios too; also LONG=1")
    parser.add_argument("-j", "--jobs", type=int, default=carried(), metavar="N",
                        help="how many kernels run in parallel; default %(default)s, "
                             "half the number of processors")
    parser.add_argument("--module", metavar="FILE", help="default build/<14 or 15>-<amd64 or arm64>/aoe.ko")
    parser.add_argument("--record", action="store_true", help="append to tests/vm/results.csv")
    parser.add_argument("--summary", action="store_true",
                        help="print the table of RESULTS.md, from results.csv, and stop")
    parser.add_argument("--work", default=str(REPOSITORY / "build/vm"), metavar="DIR",
                        help="where images and logs go; default build/vm")
    return parser.parse_args(argv)


def choose(options):
    """The scenarios that were requested, in their order."""
    every = scenarios.load_all()
    if options.scenario:
        chosen = [s for s in every if any(fnmatch.fnmatch(s.name, p) for p in options.scenario)]
        if not chosen:
            raise SetupError(f"no scenario is called {' or '.join(options.scenario)}; see --list")
        return chosen
    return [s for s in every if options.long or not s.long]


def module_for(options, job):
    """The module under test."""
    if options.module:
        return pathlib.Path(options.module).resolve()
    major = job.tree.version(job.flavour)[1]
    return REPOSITORY / f"build/{major}-{job.tree.architecture.name}/aoe.ko"


def run(options, found, chosen):
    """Runs the chosen scenarios on the kernels of the trees; returns the exit status."""
    require_tools("makefs", "vblade", "ip", *{tree.architecture.qemu for tree in found.values()})
    if os.geteuid() != 0:
        raise SetupError("tests/vm/run needs root, for a network namespace with taps in it")
    if options.jobs < 1:
        raise SetupError(f"-j {options.jobs}: at least one kernel has to run")
    every = jobs(found, options.kernel, chosen, options.long, bool(options.scenario))
    work = pathlib.Path(options.work)
    work.mkdir(parents=True, exist_ok=True)
    with (work / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        roots = {job.tree: root_image(job.tree, work) for job in every}

    def one(job, say):
        Runner(job, roots[job.tree], work, module_for(options, job), say, options.long).run()

    results = Results(RECORD if options.record else None)
    side_by_side(every, options.jobs, one, results.hear)
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
        found = trees(options.freebsd, os.environ)
        if not found:
            print("tests/vm: SKIPPED: NO FREEBSD GIVEN (make vm-test FREEBSD=<dir>, docs/vm.md); "
                  "NOTHING RAN ON A FREEBSD KERNEL")
            print(f"0 passed, 0 failed, {len(chosen)} skipped")
            return 0
        return run(options, found, chosen)
    except SetupError as error:
        print(f"tests/vm: {error}", file=sys.stderr)
        return 2
