# SPDX-License-Identifier: BSD-2-Clause
"""Rates of guests with two processors, with and without lost frames."""

from . import linux, work

LEVELS = (0, 0.1, 1, 5)
SECONDS = 1


def _rate(line):
    fields = work.result(line)
    return fields["label"], fields["n"] * fields["size"] / fields["seconds"] / 1e6


def _load(guest, one, disk):
    out = guest.load(one, disk, seconds=SECONDS)
    return _rate(next(line for line in out.splitlines() if line.startswith("RES ")))[1]


def _say(results, part, system, mtu, one, rate):
    results.add(part, system, mtu, one.name, rate)
    print(f"{system:6} {mtu:5} {one.name:34} {rate:9.1f} MB/s, {part}", flush=True)


def sequential(guest, results, systems, mtu, rounds):
    """The systems take turns in one guest, so that the host's other load affects all of them."""
    disks = {s: guest.attach(s) for s in systems}
    for _ in range(rounds):
        for one in work.sequential():
            for system, disk in disks.items():
                _say(results, "rate", system, mtu, one, _load(guest, one, disk))
    for system in disks:
        guest.detach(system)


def lossy(guest, lab, results, mtu, rounds):
    """aoe.ko with a target behind a relay that loses frames."""
    guest.attach("aoe")
    guest.sh("await 60 test -c /dev/aoe0e2; sleep 1")
    for level in LEVELS * rounds:
        lab.lose(level)
        for one in work.lossy():
            rate = _load(guest, one, "/dev/aoe0e2")
            _say(results, f"loss {level:g}", "aoe", mtu, one, rate)
    lab.lose(0)
    guest.detach("aoe")


def linux_lossy(guest, lab, results, mtu, rounds):
    """The same for Linux: the guest prints the loss that it needs, and waits a second."""
    lines = [*linux.PREPARE.format(mtu=mtu).splitlines(), "insmod /aoe.ko; sleep 3"]
    for level in LEVELS * rounds:
        lines.append(f"echo LOSE {level:g}; sleep 1")
        lines += [one.command("ioload", "/dev/etherd/e0.2", f"{level:g}", seconds=SECONDS)
                  for one in work.lossy()]

    def said(line):
        if line.startswith("LOSE "):
            lab.lose(line.split()[1])

    text = guest.run(lab, "\n".join(lines) + "\n", 2, f"linux-loss-{mtu}", count=False, said=said)
    found = [_rate(line) for line in text.splitlines() if line.startswith("RES ")]
    for number, (level, rate) in enumerate(found):
        one = work.lossy()[number % len(work.lossy())]
        _say(results, f"loss {level}", "linux", mtu, one, rate)
