"""What happened: printed as it happens, summed up, and kept when asked."""

import datetime
import pathlib
from dataclasses import dataclass

HEADER = "| Date (UTC) | Kernel | Flavour | Scenario | Result | Seconds | Note |"


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
        self.outcomes = []
        self.record = pathlib.Path(record) if record else None

    def add(self, outcome):
        """Prints an outcome and appends it to the record."""
        self.outcomes.append(outcome)
        note = f": {outcome.note.splitlines()[0]}" if outcome.note else ""
        name = f"{outcome.flavour}/{outcome.scenario}"
        print(f"{outcome.result:7} {name} ({outcome.seconds:.1f} s){note}", flush=True)
        if self.record:
            self._append(outcome)

    def _append(self, outcome):
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M")
        note = outcome.note.splitlines()[0].replace("|", "/")[:160] if outcome.note else ""
        row = [now, outcome.kernel, outcome.flavour, outcome.scenario, outcome.result]
        row += [f"{outcome.seconds:.1f}", note]
        with self.record.open("a") as file:
            file.write("| " + " | ".join(row) + " |\n")

    def count(self, result):
        """How many ended so."""
        return sum(1 for outcome in self.outcomes if outcome.result == result)

    def close(self):
        """Prints the closing line; the exit status."""
        for outcome in self.outcomes:
            if outcome.result == "failed":
                print(f"\n--- {outcome.flavour}/{outcome.scenario}\n{outcome.note}")
        for outcome in self.outcomes:
            if outcome.result == "skipped":
                print(f"skipped {outcome.flavour}/{outcome.scenario}: {outcome.note}")
        passed, failed, skipped = map(self.count, ("passed", "failed", "skipped"))
        print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
        return 1 if failed else 0
