# SPDX-License-Identifier: BSD-2-Clause
"""The files on the kit disk."""

import pathlib

HERE = pathlib.Path(__file__).resolve().parent.parent
REPOSITORY = HERE.parent.parent

# devd stays enabled: without it, rc disables the devctl queue, and the kernel complains about that.
RC_CONF = b"""hostname="aoevm"
cron_enable="NO"
sendmail_enable="NONE"
syslogd_enable="NO"
newsyslog_enable="NO"
dumpdev="NO"
update_motd="NO"
virecover_enable="NO"
savecore_enable="NO"
mixer_enable="NO"
aoe_enable="YES"
aoe_iflist="vtnet0"
aoe_mounts="/mnt/aoe"
"""


def kit_files(module):
    """Name in the guest -> file of the host."""
    files = {f"{path.name}": path for path in sorted((HERE / "guest").glob("*.sh"))}
    files["rc.conf"] = RC_CONF
    for name, path in {
        "aoe.ko": module,
        "aoectl": module.parent / "aoectl",
        "rc.d/aoe": REPOSITORY / "rc.d/aoe",
        "aoe.4": REPOSITORY / "man/aoe.4",
        "devd/aoe.conf": REPOSITORY / "devd/aoe.conf",
        **{f"dtrace/{path.name}": path for path in (REPOSITORY / "dtrace").glob("*.d")},
    }.items():
        if path.exists():
            files[name] = path
    return files
