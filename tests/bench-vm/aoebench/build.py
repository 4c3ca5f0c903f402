# SPDX-License-Identifier: BSD-2-Clause
"""Compiles the plugin, the load program and ggated."""

import pathlib
import re
import subprocess

from aoevm.errors import SetupError

HERE = pathlib.Path(__file__).resolve().parent.parent
LOAD = [str(HERE / "ioload.c"), str(HERE / "ioload_aio.c")]


def _run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SetupError(f"{' '.join(command)}:\n{done.stderr}")


def plugin(work):
    """Compiles the counting plugin for the installed QEMU."""
    text = subprocess.run(
        ["qemu-system-x86_64", "--version"], capture_output=True, text=True, check=True
    ).stdout
    major = int(re.search(r"version (\d+)", text).group(1))
    out = work / "plugin.so"
    api = 3 if major >= 9 else 1
    _run(["gcc", "-O2", "-Wall", "-shared", "-fPIC", f"-DPLUGIN_API={api}", "-o", str(out),
          str(HERE / "plugin.c")])
    return out


def ggated(work):
    """Compiles the server for ggatec(8) in the guest."""
    out = work / "ggated"
    _run(["gcc", "-O2", "-Wall", "-o", str(out), str(HERE / "ggated.c")])
    return out


def linux_load(work):
    """Compiles ioload for the Linux guest."""
    out = work / "ioload.linux"
    _run(["gcc", "-O2", "-Wall", "-static", "-pthread", "-o", str(out), *LOAD])
    return out


def freebsd_load(work, zig, major):
    """Compiles ioload for the FreeBSD guest."""
    out = work / "ioload.freebsd"
    _run([str(zig), "cc", "-target", f"x86_64-freebsd.{major}.0-none", "-O2", "-pthread",
          "-o", str(out), *LOAD])
    return out
