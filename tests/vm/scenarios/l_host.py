# SPDX-License-Identifier: BSD-2-Clause
"""Changes of the machine itself during I/O: its clock, processors, network card."""

import time

from aoevm.copies import copying, mounted, verify
from aoevm.scenario import scenario


@scenario("clock-set", long=True)
def clock_set(t):
    """The time of day is set one day forward and two days back during a copy."""
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
    """The machine stands still for a minute during a copy, as when its host is suspended."""
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
    """The network card is removed during a copy and inserted again; the copy continues."""
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


def copied_over_an_outage(t):
    """Copies over an outage, and forces an unload during reads."""
    target = mounted(t)
    job = copying(t)
    t.cable(0, False)
    t.await_state(target, "suspended", 60)
    t.cable(0, True)
    t.finish(job, 240)
    verify(t, target)
    job = t.start(f"dd if=/dev/{target.disk} of=/dev/null bs=64k 2>/dev/null || true")
    t.sh("kldunload -f aoe")
    t.finish(job, 60)


@scenario("one-cpu", long=True, cpus=1)
def one_cpu(t):
    """A copy over an outage, and a forced unload, on a machine with one processor."""
    t.check(t.sysctl("kern.smp.cpus") == "1", "there are more processors")
    copied_over_an_outage(t)


@scenario("four-cpus", long=True, cpus=4)
def four_cpus(t):
    """The same on a machine with four processors."""
    t.check(t.sysctl("kern.smp.cpus") == "4", "there are not four processors")
    copied_over_an_outage(t)
