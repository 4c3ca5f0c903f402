# SPDX-License-Identifier: BSD-2-Clause
"""What the machine itself does under I/O: its clock, its processors, its network card."""

import time

from aoevm.copies import copying, mounted, verify
from aoevm.scenario import scenario


@scenario("clock-set", long=True)
def clock_set(t):
    """The time of day is set a day forward and two days back in the middle of a copy."""
    target = mounted(t, megabytes=32)
    mark = t.machine.console.mark()
    job = copying(t)
    for step in ("+1d", "-2d", "+1d"):
        t.sh(f"date -f %s $(date -v {step} +%s) >/dev/null; sleep 1")
    t.finish(job, 240)
    t.check(t.state(target) == "up", "the target is not up")
    t.check(not t.printed("all paths down", mark), "I/O was suspended")
    verify(t, target)


@scenario("machine-stopped", long=True)
def machine_stopped(t):
    """The machine stands still for a minute in the middle of a copy, as when its host is suspended."""
    target = mounted(t)
    job = copying(t)
    t.machine.qmp.command("stop")
    time.sleep(60)
    t.machine.qmp.command("cont")
    t.finish(job, 240)
    t.check(t.state(target) == "up", "the target is not up")
    verify(t, target)


@scenario("nic-removed", long=True, root_port=True)
def nic_removed(t):
    """The network card is removed in the middle of a copy and put back; the copy goes on."""
    target = mounted(t)
    job = copying(t)
    t.machine.remove_nic()
    t.await_state(target, "suspended", 60)
    t.sh("! ifconfig vtnet0 2>/dev/null")
    t.check(not job.done(), "the copy ended without a network card")
    t.machine.add_nic()
    t.sh("await 60 ifconfig vtnet0 && ifconfig vtnet0 up", 90)
    t.finish(job, 240)
    t.check(t.state(target) == "up", "the target is not up again")
    verify(t, target)
