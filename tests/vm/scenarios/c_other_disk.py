# SPDX-License-Identifier: BSD-2-Clause
"""A target that comes back with another disk, or with another serial number."""

from aoevm.copies import copying, mounted, verify
from aoevm.scenario import scenario

SMALLER = "the target's disk ({}) is smaller than the open one; I/O suspended"
PATH = "net.aoe.target.aoe0e1.path.0.state"


def untouched(t, target):
    """Checks that nothing was written to the target's file."""
    with target.file.open("rb") as image:
        t.check(not image.read().strip(b"\0"), f"{target.disk} was written to")


def waits(t, job):
    """Checks that I/O stays suspended for a while, however often the target answers."""
    t.sh("for n in 1 2 3; do sysctl net.aoe.discover=1 >/dev/null; sleep 4; done")
    t.check(t.sysctl("net.aoe.target.aoe0e1.state") == "suspended", "the disk is not suspended")
    t.check(not job.done(), "I/O went on")


@scenario("shrink", core=True)
def shrink(t):
    """A disk that became smaller while open gets no I/O, and one message gives the reason; once closed, it is used."""
    target = mounted(t)
    job = copying(t)
    target.kill()
    t.await_state(target, "suspended")
    mark = t.machine.console.mark()
    small = t.lab.target(0, 1, size="32m")
    reason = SMALLER.format("32.0M")
    waits(t, job)
    t.check(t.sysctl(PATH) == "unusable", "the path is not unusable")
    said = t.machine.console.text(mark).count(reason)
    t.check(said == 1, f"said {said} times: {reason}")
    small.kill()
    untouched(t, small)
    # The original disk is back.
    target.start()
    t.finish(job, 180)
    verify(t, target)
    # Open for reading only, so that the last close has no write to wait for.
    t.sh("sleep 600 3</dev/aoe0e1 & echo $! >/tmp/holder; sleep 1")
    target.kill()
    small.start()
    t.sh(f"await 60 sh -c '[ \"$(sysctl -n {PATH})\" = unusable ]'", 70)
    t.check(str(96 << 20) in t.sh("diskinfo aoe0e1 || sysctl net.aoe.devices"), "the open disk shrank")
    t.sh("kill $(cat /tmp/holder)")
    t.sh(f"await 90 sh -c 'diskinfo aoe0e1 | grep -q {32 << 20}'", 100)
    t.await_state(small, "up")
    t.sh("newfs -U /dev/aoe0e1 >/dev/null && mount /dev/aoe0e1 /mnt && fill /mnt 4 64k", 120)
    t.sh("umount /mnt && fsck_ffs -n /dev/aoe0e1", 120)


@scenario("accept", core=True)
def accept(t):
    """A target whose serial number changed gets no I/O of the open disk until aoectl accept accepts it."""
    t.sh("cp /aoevm/kit/aoectl /tmp/aoectl && chmod 555 /tmp/aoectl")
    target = mounted(t, hostname="before")
    job = copying(t)
    target.kill()
    t.await_state(target, "suspended")
    renamed = t.lab.target(0, 1, file=target.file, hostname="after")
    waits(t, job)
    t.check(t.sysctl("net.aoe.target.aoe0e1.conflict") == "1", "there is no conflict")
    # Without -f the command asks, and no answer means no.
    t.check(not t.run("/tmp/aoectl accept aoe0e1 </dev/null").ok, "accepted without an answer")
    waits(t, job)
    mark = t.machine.console.mark()
    t.sh("/tmp/aoectl accept -f aoe0e1")
    t.await_state(renamed, "up")
    t.finish(job, 180)
    t.check(t.sysctl("net.aoe.target.aoe0e1.serial").endswith("after"), "the old serial number stays")
    t.check(t.printed("was accepted in place of the earlier one", mark), "nothing was logged")
    # A smaller disk is never accepted while it is open: the command tells what to close.
    renamed.kill()
    small = t.lab.target(0, 1, size="32m", hostname="third")
    t.sh("sysctl net.aoe.discover=1")
    t.await_state(renamed, "suspended")
    result = t.run("/tmp/aoectl accept -f aoe0e1 2>&1")
    t.check(not result.ok, "a smaller disk was accepted for an open one")
    t.check("close" in result.out or "unmount" in result.out, f"no word of what to close: {result.out}")
    t.check(t.state(renamed) != "up", "the smaller disk is used")
    small.kill()
    untouched(t, small)
    renamed.start()
    t.await_state(renamed, "up", 90)
    verify(t, renamed)
