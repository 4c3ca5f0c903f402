# SPDX-License-Identifier: BSD-2-Clause
"""Partitions on a disk that GEOM could not read when it tasted the disk."""

from aoevm.scenario import scenario

LAID = "test -c /dev/aoe0e1p1 && test -c /dev/gpt/late && test -c /dev/ufs/latefs"
NONE = "test ! -e /dev/aoe0e1p1 && test ! -e /dev/gpt/late && test ! -e /dev/ufs/latefs"
CALLED = "aoe0e1: reads are answered again; GEOM tastes the disk again"


def comes_back(t, mark):
    """Checks that partition and labels appear, after a tasting that the module requested."""
    t.sh(f"laid() {{ {LAID}; }}; await 120 laid", 150)
    t.check(t.printed(CALLED, mark), f"the console does not say: {CALLED}")
    t.sh("mount /dev/ufs/latefs /mnt && same /mnt && umount /mnt", 60)


@scenario("tasted-again", core=True)
def tasted_again(t):
    """A disk whose reads fail, at first or after its last close, shows its partitions once it answers."""
    target = t.lab.own_target("ssd", 0, 1, (64 << 20) // 512)
    t.load()
    t.appears(target)
    t.sh("""
        gpart create -s gpt aoe0e1 >/dev/null
        gpart add -t freebsd-ufs -l late aoe0e1 >/dev/null
        newfs -U -L latefs /dev/aoe0e1p1 >/dev/null
        mount /dev/aoe0e1p1 /mnt && fill /mnt 4 64k && umount /mnt
        """, 120)
    t.sh("kldunload aoe")
    target.silence()
    t.sh("kldload /aoevm/kit/aoe.ko; sysctl net.aoe.taste_wait=3 net.aoe.iflist=vtnet0")
    t.appears(target)
    t.sh(f"sleep 12; {NONE}")
    mark = t.machine.console.mark()
    target.answer()
    comes_back(t, mark)

    # An open for writing removes the partitions, and the last close brings them back.
    hold = "sleep 600 3<>/dev/aoe0e1 & echo $! >/tmp/holder; sleep 1; " + NONE
    close = "kill $(cat /tmp/holder); sleep 10; " + NONE
    t.sh(hold)
    target.silence()
    t.sh(close)
    mark = t.machine.console.mark()
    target.answer()
    comes_back(t, mark)

    t.sh(hold)
    t.cable(0, False)
    t.await_state(target, "suspended")
    t.sh(close)
    mark = t.machine.console.mark()
    t.cable(0, True)
    comes_back(t, mark)
