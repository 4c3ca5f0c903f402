# SPDX-License-Identifier: BSD-2-Clause
"""The guest's console: kept in a file, and searched for complaints of the kernel."""

import pathlib
import re

# Each of these is a failure, whatever its cause, unless allow.txt has the message.
COMPLAINTS = [
    r"panic: ",
    r"Fatal (double fault|trap)",
    r"lock order reversal",
    r"acquiring duplicate lock of same type",
    r"acquiring (rw|sx|sleep|spin|blockable).* lock",
    r"with (the following )?(non-sleepable|non-exclusive|exclusive) locks? held",
    r"[Ss]leeping (thread|with|on)",
    r"(shared|exclusive) (lock|rw|sx|sleep mutex|spin mutex) .* @ .*",
    r"Witness|witness_",
    r"(KASAN|ASan|KMSAN|MSan): ",
    r"memory type .* leaked|leaked memory on destroy",
    r"UMA keg .* was not empty|Freed UMA",
    r"Assertion .* failed",
    r"KASSERT",
    r"(malloc|uma_zalloc\w*)\(M_WAITOK\)",
    r"modified after free",
    r"Memory modified",
    r"[Uu]se-after-free|[Dd]ouble free|duplicate free",
    r"can't re-use a leaf",
    r"sysctl.*(leak|in use|busy)",
    r"spin lock held too long",
    r"[Dd]eadlock",
    r"interrupts? (not )?disabled",
    r"biodone.*(twice|already)|Multiple biodone",
    r"link_elf.*undefined|kldload.*unsupported file layout",
    r"callout .*(active|migrat)",
]
_COMPLAINT = re.compile("|".join(f"(?:{c})" for c in COMPLAINTS))
_LAST_WORDS = re.compile(r"panic: |Fatal (double fault|trap)")
_FRAME = re.compile(r"^#\d+ 0x")  # of a stack trace
_LOCK_LINE = re.compile(r"^\s*(1st|2nd) ")


def normalise(line):
    """A message without what differs between runs: addresses, line numbers, roots of paths."""
    line = re.sub(r"0x[0-9a-f]+", "0x", line.strip())
    line = re.sub(r"@ \S*?/sys/", "@ sys/", line)
    return re.sub(r"(\.[ch]):\d+", r"\1", line)


def load_allowed(path):
    """The messages that FreeBSD prints even without our module."""
    lines = pathlib.Path(path).read_text().splitlines()
    return {line.strip() for line in lines if line.strip() and not line.startswith("#")}


class Console:
    """Reads the file into which QEMU writes the first serial port."""

    def __init__(self, path, allowed):
        self.path = pathlib.Path(path)
        self.allowed = allowed

    def text(self, start=0):
        """All that was printed from byte `start` on."""
        if not self.path.exists():
            return ""
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read().decode("utf-8", "replace").replace("\r", "")

    def mark(self):
        """The current length of the console's file, for `text` and `complaints`."""
        return self.path.stat().st_size if self.path.exists() else 0

    def panicked(self, start=0):
        """The panic's message, or None."""
        found = re.search(r"^.*(?:panic: |Fatal trap|Fatal double fault).*$", self.text(start), re.M)
        return found.group(0).strip() if found else None

    def complaints(self, start=0):
        """(key, excerpt) of every complaint that is not in the allow list."""
        lines = self.text(start).splitlines()
        found, skip_to = [], 0
        for number, line in enumerate(lines):
            if number < skip_to or _FRAME.match(line) or not _COMPLAINT.search(line):
                continue
            extent = [line]
            for follower in lines[number + 1 : number + 3]:
                if _LOCK_LINE.match(follower):
                    extent.append(follower)
            key = " | ".join(normalise(part) for part in extent)
            skip_to = number + len(extent)
            if key in self.allowed:
                continue
            found.append((key, "\n".join(lines[number : number + 40])))
            if _LAST_WORDS.search(line):
                break  # all that follows belongs to the panic
        return found
