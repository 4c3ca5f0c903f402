"""The command line: boots a guest for each system, runs the works, prints the table."""

import argparse
import os
import pathlib
import shutil
import sys

from aoevm.errors import GuestDied, SetupError
from aoevm.image import Tree, require_tools, root_image

from . import build, counts, linux, work
from .freebsd import FreeBsdGuest
from .lab import Lab

HERE = pathlib.Path(__file__).resolve().parent.parent
REPOSITORY = HERE.parent.parent


def arguments(argv):
    """The command line."""
    parser = argparse.ArgumentParser(prog="tests/bench-vm/run", description=__doc__)
    parser.add_argument("--freebsd", default=os.environ.get("FREEBSD"), metavar="DIR",
                        help="a FreeBSD root tree (docs/vm.md); default $FREEBSD")
    parser.add_argument("--zig", default=str(REPOSITORY / "build/toolchain/zig/zig"),
                        metavar="FILE", help="compiles for FreeBSD; default that of tools/toolchain zig")
    parser.add_argument("--systems", default="aoe,linux", help="of aoe, linux; default both")
    parser.add_argument("--mtu", default="9000", help="default 9000")
    parser.add_argument("--kernel", default="RELEASE", metavar="FLAVOUR")
    parser.add_argument("--module", metavar="FILE", help="default build/<14 or 15>-amd64/aoe.ko")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter works")
    parser.add_argument("--only", default="", metavar="TEXT", help="works whose name has this")
    parser.add_argument("--profile", type=int, default=0, metavar="N",
                        help="for each work, the N functions that most was spent in")
    parser.add_argument("--work", default=str(REPOSITORY / "build/bench-vm"), metavar="DIR")
    return parser.parse_args(argv)


def show(system, mtu, one, window, symbols, options):
    """One line of the table, and the profile if it was asked for."""
    kinds = window.kinds(symbols)
    parts = ", ".join(f"{kind} {spent / one.count:.0f}" for kind, spent in kinds.most_common(7))
    print(f"{system:6} {mtu:5} {one.name:34} {window.total / one.count:9.0f}  {parts}", flush=True)
    for (name, module), spent in window.functions(symbols).most_common(options.profile):
        print(f"{'':20}{spent / one.count:9.1f} {name} {module}")


def freebsd(options, lab, work_dir, works, mtu):
    """FreeBSD: each work on a disk that does nothing, then on ours."""
    if not options.freebsd:
        print("bench-vm: SKIPPED: NO FREEBSD GIVEN (make bench-vm FREEBSD=<dir>, docs/vm.md)")
        return
    tree = Tree(options.freebsd)
    major = tree.version(options.kernel)[1]
    module = pathlib.Path(options.module or REPOSITORY / f"build/{major}-amd64/aoe.ko")
    load = build.freebsd_load(work_dir, options.zig, major)
    guest = FreeBsdGuest(work_dir, tree, root_image(tree, work_dir), options.kernel, module, load)
    try:
        guest.boot(lab, mtu, 1, f"aoe-{mtu}", build.plugin(work_dir))
        for system, disk in (("null", guest.null), ("aoe", lambda: guest.aoe(lab))):
            path = disk()
            symbols = counts.Symbols(counts.FREEBSD)
            guest.add_symbols(symbols)
            for one in works:
                guest.load(one, path)
                show(system, mtu, one, counts.Window(guest.window), symbols, options)
    finally:
        guest.stop()


def linux_peer(options, lab, work_dir, works, mtu):
    """Linux: each work on null_blk, then on its own aoe driver."""
    guest = linux.LinuxGuest(work_dir, build.linux_load(work_dir), build.plugin(work_dir))
    name = f"linux-{mtu}"
    text = guest.run(lab, linux.script(mtu, works), 1, name)
    symbols = counts.Symbols(counts.LINUX)
    guest.symbols(symbols, text)
    results = [work.result(line) for line in text.splitlines()]
    labels = [result["label"] for result in results if result]
    for number, label in enumerate(labels):
        window = counts.Window(work_dir / f"{name}.{number + 1}")
        show(label, mtu, works[number % len(works)], window, symbols, options)


def main(argv):
    """The program."""
    options = arguments(argv)
    works = [one for one in work.counted(options.quick) if options.only in one.name]
    work_dir = pathlib.Path(options.work)
    work_dir.mkdir(parents=True, exist_ok=True)
    try:
        require_tools("ip", "vblade", "qemu-system-x86_64", "makefs")
        if os.geteuid() != 0:
            raise SetupError("tests/bench-vm/run needs root, for a network namespace")
        print("system   mtu work                               instr/IO  by kind of function")
        for mtu in map(int, options.mtu.split(",")):
            for system in options.systems.split(","):
                directory = work_dir / "lab"
                directory.mkdir(exist_ok=True)
                lab = Lab(directory)
                try:
                    lab.up()
                    lab.set_mtu(mtu)
                    lab.vblade()
                    {"aoe": freebsd, "linux": linux_peer}[system](options, lab, work_dir, works, mtu)
                finally:
                    lab.down()
                    shutil.rmtree(directory, ignore_errors=True)
    except (SetupError, GuestDied) as error:
        print(f"tests/bench-vm: {error}", file=sys.stderr)
        return 2
    return 0
