# SPDX-License-Identifier: BSD-2-Clause
"""Control runs without our module: allow.txt may have only messages that these print, too."""

from aoevm.scenario import scenario

LOSE = """
newfs -U /dev/md9 >/dev/null
mount /dev/md9 /mnt
fill /mnt 4 64k
mdconfig -d -o force -u 9 || :
! mount | grep -q '^/dev/md9' || umount -f /mnt
"""


@scenario("control-disk-lost", module=False, long=True, boot=True)
def disk_lost(t):
    """A control without AoE: a memory disk is destroyed under a mounted UFS, which is unmounted forcibly."""
    t.sh("mdconfig -a -t swap -s 64m -u 9")
    t.run(LOSE, 120)


@scenario("control-disk-lost-later", module=False, long=True, boot=True)
def disk_lost_later(t):
    """The same after an ordinary unmount, which takes UFS's locks in the other order."""
    t.sh("mdconfig -a -t swap -s 64m -u 9")
    t.sh("newfs -U /dev/md9 >/dev/null && mount /dev/md9 /mnt && fill /mnt 4 64k && umount /mnt", 120)
    t.run(LOSE, 120)
