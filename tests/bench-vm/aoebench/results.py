# SPDX-License-Identifier: BSD-2-Clause
"""The results of a run, as tables for docs/performance.md and as JSON."""

import json
import statistics

NAMES = {"aoe": "aoe.ko", "linux": "Linux aoe", "iscsi": "iSCSI", "iscsi-long": "iSCSI, long",
         "ggate": "ggate"}
NULL_OF = {"linux": "null-linux"}


class Results:
    """Figures by (part, system, MTU, work).

    Of several counts, the median is used.  Of several rates, the best is used: since the turns
    are many and short, a busy host slows all systems in the same way.
    """

    def __init__(self, file):
        self.file, self.values = file, {}

    def add(self, part, system, mtu, work, value):
        """Adds a figure, and writes all of them to the file."""
        self.values.setdefault((part, system, mtu, work), []).append(value)
        entries = [[*key, values] for key, values in self.values.items()]
        self.file.write_text(json.dumps(entries, indent=0))

    def read(self):
        """Reads the results of an earlier run."""
        for *key, values in json.loads(self.file.read_text()):
            self.values[tuple(key)] = values
        return self

    def get(self, part, system, mtu, work):
        """A figure, or None."""
        values = self.values.get((part, system, mtu, work))
        best = statistics.median if part == "counts" else max
        return best(values) if values else None

    def net(self, system, mtu, work):
        """Instructions per I/O less those of a null disk on the same system."""
        total = self.get("counts", system, mtu, work)
        null = self.get("counts", NULL_OF.get(system, "null"), mtu, work)
        return None if None in (total, null) else total - null

    def having(self, part, index):
        """The systems (1), MTUs (2) or works (3) of a part, in the order of their addition."""
        return list(dict.fromkeys(key[index] for key in self.values if key[0] == part))


def _row(cells):
    return "| " + " | ".join(cells) + " |"


def _table(head, rows):
    return "\n".join([_row(head), _row(["---"] * len(head)).replace(" ", ""), *map(_row, rows)])


def _thousands(value):
    if value is None:
        return ""
    return f"{value / 1e3:.1f}" if value < 2e5 else f"{value / 1e3:.0f}"


def _ratio(a, b):
    return f"{a / b:.2f}" if a and b else ""


def _beside_peers(results, kind, mtu, cell):
    """A row for each work: `cell` for each system, and the ratio of ours to each peer's figure."""
    systems = [s for s in NAMES if s in results.having(kind, 1)]
    peers = [s for s in systems if s != "aoe"]
    rows = []
    for work in results.having(kind, 3):
        value = {s: results.get(kind, s, mtu, work) for s in systems}
        row = [work] + [cell(s, work, value[s]) for s in systems]
        rows.append(row + [_ratio(value.get("aoe"), value[s]) for s in peers])
    head = ["", *(NAMES[s] for s in systems), *(f"ours / {NAMES[s]}" for s in peers)]
    return _table(head, rows)


def counts_table(results, mtu):
    """Thousands of instructions per I/O, total (net), and the ratio of ours to each peer's."""

    def cell(system, work, total):
        return f"{_thousands(total)} ({_thousands(results.net(system, mtu, work))})"

    return _beside_peers(results, "counts", mtu, cell)


def rates_table(results, mtu):
    """MB/s in the same guest, and the ratio of ours to each peer's."""
    return _beside_peers(results, "rate", mtu, lambda s, work, rate: f"{rate:.0f}" if rate else "")


def loss_levels(results):
    """The measured levels of loss, in per cent."""
    return [float(part.split()[1]) for part in dict.fromkeys(k[0] for k in results.values)
            if part.startswith("loss ")]


def shares(results, system, mtu, work, level):
    """Goodput at a loss, in per cent of the lossless in the same round: the host's load changes."""
    rates = (results.values.get((part, system, mtu, work), ()) for part in ("loss 0", f"loss {level:g}"))
    return [100 * lossy / lossless for lossless, lossy in zip(*rates) if lossless]


def spread(values):
    """The median of some percentages, with the least and the greatest."""
    if not values:
        return ""
    low, middle, high = (f"{value:.0f}" for value in (min(values), statistics.median(values), max(values)))
    return f"{middle}% ({low} to {high})"


def loss_table(results, mtu):
    """Share of the lossless goodput, by system and loss: median, and range of the rounds."""
    levels = [level for level in loss_levels(results) if level]
    systems = [s for s in NAMES if s in results.having("loss 0", 1)]
    rows = []
    for work in results.having("loss 0", 3):
        rows.append([work] + [spread(shares(results, s, mtu, work, level)) for s in systems for level in levels])
    head = [""] + [f"{NAMES[s]}, {level:g}%" for s in systems for level in levels]
    return _table(head, rows)


def report(results):
    """All tables."""
    parts = []
    tables = (("counts", "thousands of instructions per I/O", counts_table),
              ("rate", "MB/s", rates_table),
              ("loss 0", "share of lossless goodput", loss_table))
    for part, title, table in tables:
        for mtu in results.having(part, 2):
            parts.append(f"MTU {mtu}, {title}:\n\n{table(results, mtu)}\n")
    return "\n".join(parts)
