# SPDX-License-Identifier: BSD-2-Clause
"""The results: printed as they come, summed up, and appended to a file on request."""

import csv
import datetime
import pathlib
from dataclasses import dataclass

RECORD = pathlib.Path(__file__).resolve().parent.parent / "results.csv"
COLUMNS = ["date", "kernel", "flavour", "scenario", "result", "seconds", "note"]


@dataclass
class Outcome:
    """One scenario on one kernel."""

    kernel: str
    flavour: str
    scenario: str
    result: str  # passed, failed or skipped
    seconds: float
    note: str = ""


class Results:
    """All outcomes of a run."""

    def __init__(self, record=None):
        self.outcomes = []  # (job, outcome)
        self.broken = []  # (job, why it did not run to its end)
        self.record = pathlib.Path(record) if record else None

    def hear(self, job, message):
        """Takes a job's message: an outcome, an error that ended the job, or a line to print."""
        if isinstance(message, Outcome):
            self._add(job, message)
        elif isinstance(message, Exception):
            self.broken.append((job, message))
            print(f"BROKEN  {job.name}: {message}", flush=True)
        else:
            print(message, flush=True)

    def _add(self, job, outcome):
        self.outcomes.append((job, outcome))
        note = f": {outcome.note.splitlines()[0]}" if outcome.note else ""
        name = f"{job.name}/{outcome.scenario}"
        print(f"{outcome.result:7} {name} ({outcome.seconds:.1f} s){note}", flush=True)
        if self.record:
            self._append(outcome)

    def _append(self, outcome):
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M")
        note = outcome.note.splitlines()[0][:160] if outcome.note else ""
        row = [now, outcome.kernel, outcome.flavour, outcome.scenario, outcome.result]
        with self.record.open("a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow(row + [f"{outcome.seconds:.1f}", note])

    def count(self, result):
        """The number of scenarios with this result."""
        return sum(1 for _, outcome in self.outcomes if outcome.result == result)

    def table(self):
        """Lines with a row per scenario and a column per kernel; a dash if it did not run there."""
        names = sorted({job.name for job, _ in [*self.outcomes, *self.broken]})
        rows = {}
        for job, outcome in self.outcomes:
            rows.setdefault(outcome.scenario, {})[job.name] = outcome.result
        first = max(map(len, ["scenario", *rows]))
        lines = ["  ".join(["scenario".ljust(first), *names])]
        for scenario, cells in rows.items():
            cells = [cells.get(name, "-").ljust(len(name)) for name in names]
            lines.append("  ".join([scenario.ljust(first), *cells]).rstrip())
        return lines

    def close(self):
        """Prints failures, skips, the table and the totals; returns the exit status."""
        for job, outcome in self.outcomes:
            if outcome.result == "failed":
                print(f"\n--- {job.name}/{outcome.scenario}\n{outcome.note}")
        for job, outcome in self.outcomes:
            if outcome.result == "skipped":
                print(f"skipped {job.name}/{outcome.scenario}: {outcome.note}")
        if len({job for job, _ in [*self.outcomes, *self.broken]}) > 1:
            print("", *self.table(), "", sep="\n")
        for job, error in self.broken:
            print(f"BROKEN  {job.name}: {error}")
        passed, failed, skipped = map(self.count, ("passed", "failed", "skipped"))
        failed += len(self.broken)
        print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
        return 1 if failed else 0


def summary(record=RECORD):
    """A Markdown table: for each kernel, how the last run of each scenario ended."""
    kernels = {}
    with open(record, newline="") as file:
        for row in csv.DictReader(file):
            # A skipped scenario shows nothing about the kernel.
            if row["result"] != "skipped":
                kernels.setdefault((row["kernel"], row["flavour"]), {})[row["scenario"]] = row
    lines = ["| Kernel | Flavour | Last run | Scenarios that passed | Failed at the last run |",
             "|---|---|---|---|---|"]
    for (kernel, flavour), last in sorted(kernels.items()):
        passed = [name for name, row in last.items() if row["result"] == "passed"]
        failed = sorted(set(last) - set(passed))
        date = max(row["date"] for row in last.values())
        lines.append(f"| {kernel} | {flavour} | {date} | {len(passed)} of {len(last)} "
                     f"| {', '.join(failed) or 'none'} |")
    return "\n".join(lines)
