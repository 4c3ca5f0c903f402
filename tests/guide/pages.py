# SPDX-License-Identifier: BSD-2-Clause
"""Parses the guides: commands, lines of files, and a test's actions between them.

A block that is fenced as `console` has commands, each after a prompt, and perhaps their output.
Any other fenced block has lines of the file that it is fenced as.  A comment `<!-- kld: ... -->` or
`<!-- vm: ... -->` tells that rung an action to carry out at this point of the page.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
GUIDE = REPOSITORY / "docs/guide"
PROMPT = re.compile(r"^(store1)?# (.+)$")
COMMENT = re.compile(r"^<!-- (kld|vm): (.+) -->$")


@dataclass
class Step:
    """A step of a page.  `kind` is "command", "store1", "kld", "vm" or the name of a file."""

    kind: str
    text: str
    line: int
    indent: str = ""
    output: list = field(default_factory=list)
    # The index of the page's line at which the output begins.
    begin: int = 0


def pages():
    """Every guide, and the README, which has a console block, too."""
    return [REPOSITORY / "README.md", *sorted(GUIDE.glob("*.md"))]


def steps(path):
    """The steps of a page, in order."""
    found, fence = [], None
    for at, raw in enumerate(path.read_text().splitlines()):
        line = raw.strip()
        if line.startswith("```"):
            fence = None if fence is not None else line[3:]
            indent = raw[: len(raw) - len(raw.lstrip())]
        elif fence is None:
            if comment := COMMENT.match(line):
                found.append(Step(comment[1], comment[2], at + 1))
        elif fence == "console":
            if prompt := PROMPT.match(line):
                kind = "store1" if prompt[1] else "command"
                found.append(Step(kind, prompt[2], at + 1, indent, begin=at + 1))
            elif found and found[-1].kind == "command":
                found[-1].output.append(raw[len(indent):])
        elif fence and line:
            found.append(Step(fence, line, at + 1))
    return found
