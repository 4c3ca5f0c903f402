# SPDX-License-Identifier: BSD-2-Clause
"""A file system on a target, and a copy onto it during which a scenario causes an outage."""

from .errors import Failed

# In steps, so that a copy takes long enough for an outage on a fast host, too.
COPY = """
for step in $(jot $(($(stat -f %z /tmp/aoevm-worker) >> 20)) 0); do
    dd if=/tmp/aoevm-worker of=/mnt/copy bs=64k iseek=$((step * 16)) oseek=$((step * 16)) \
        count=16 conv=notrunc 2>/dev/null
    fsync /mnt/copy
done
"""
SAME = "cmp /tmp/aoevm-worker /mnt/copy"


def mounted(t, size="96m", megabytes=24, **target_options):
    """A target with a file system mounted on /mnt, and a file to copy onto it."""
    target = t.target(size=size, **target_options)
    t.load()
    t.appears(target)
    t.sh(f"newfs -U /dev/{target.disk} >/dev/null && mount /dev/{target.disk} /mnt", 120)
    t.sh(f"dd if=/dev/urandom of=/tmp/aoevm-worker bs=1m count={megabytes} 2>/dev/null", 120)
    return target


def copying(t):
    """Starts a copy and waits until its first bytes are written."""
    job = t.start(COPY)
    t.sh("await 60 test -s /mnt/copy; sleep 0.3", 90)
    if job.done():
        raise Failed("the copy was over before the outage began: enlarge it")
    return job


def verify(t, target):
    """Checks that copy and file system are intact, now and after a remount."""
    t.sh(SAME, 120)
    t.sh(f"umount /mnt && fsck_ffs -n /dev/{target.disk} && mount /dev/{target.disk} /mnt", 120)
    t.sh(f"{SAME} && umount /mnt && rm /tmp/aoevm-worker", 120)
