# SPDX-License-Identifier: BSD-2-Clause
"""The works: what the load program does in a measurement."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Work:
    """One load: random or sequential, read or write, of I/Os of one size and depth."""

    mode: str
    size: int
    depth: int
    count: int
    aio: bool = False

    @property
    def name(self):
        """The work's name in the tables."""
        kind = {"rr": "random read", "rw": "random write", "sr": "seq. read", "sw": "seq. write"}
        engine = ", aio" if self.aio else ""
        return f"{self.size >> 10} KiB {kind[self.mode]}, depth {self.depth}{engine}"

    def command(self, program, disk, label="-", seconds=0, interval_ms=0, check=False):
        """The command line: for `seconds` if they are given, otherwise for `count` I/Os."""
        words = [program, "-m", self.mode, "-b", str(self.size), "-q", str(self.depth)]
        words += ["-L", label]
        if self.aio:
            words.append("-a")
        if seconds:
            words += ["-t", str(seconds)]
        else:
            words += ["-n", str(self.count), "-w", str(max(self.count // 10, 2 * self.depth))]
        if interval_ms:
            words += ["-k", str(interval_ms)]
        if check:
            words.append("-c")
        return " ".join([*words, disk])


def counted(quick=False):
    """The works whose instructions are counted."""
    small, large = (500, 60) if quick else (2000, 200)
    works = [Work(m, 4096, d, small) for d in (1, 16, 64) for m in ("rr", "rw")]
    works += [Work(m, 4096, 64, small, aio=True) for m in ("rr", "rw")]
    works += [Work(m, 131072, d, large) for d in (1, 8) for m in ("sr", "sw")]
    return works


def sequential():
    """The works whose rates are compared."""
    return [Work(m, 131072, d, 0) for d in (1, 8) for m in ("sr", "sw")]


def lossy():
    """The works that run while frames are lost."""
    return [Work(m, 131072, 8, 0) for m in ("sr", "sw")] + [Work(m, 4096, 16, 0) for m in ("rr", "rw")]


def result(line):
    """The fields of a line "RES a=b ..." of the load program, or None."""
    if not line.startswith("RES "):
        return None
    fields = dict(word.split("=", 1) for word in line.split()[1:])
    return {key: value if key in ("label", "mode") else float(value) for key, value in fields.items()}
