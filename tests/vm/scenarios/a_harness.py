# SPDX-License-Identifier: BSD-2-Clause
"""The harness itself, with stock modules only, as a basis for the other scenarios."""

from aoevm.errors import Failed, Skipped
from aoevm.scenario import scenario


@scenario("harness", module=False, core=True)
def harness(t):
    """The guest boots, runs commands and returns output and status; its links go down and up."""
    t.sh("uname -a; sysctl -n kern.version; ifconfig -l; geom disk list")
    out = t.sh("printf 'one\\ntwo %s' '$HOME \"quoted\" \\'; seq 1 2000 | tail -1")
    t.check(out == "one\ntwo $HOME \"quoted\" \\2000", f"the channel garbles output: {out!r}")
    t.check(t.run("exit 3").code == 3, "statuses are lost")
    job = t.start("sleep 2; echo slow")
    t.check(t.sh("echo fast") == "fast", "jobs do not run beside each other")
    t.check(t.finish(job) == "slow", "a job's output is lost")
    try:
        t.sh("false; echo not reached")
    except Failed:
        pass
    else:
        raise Failed("a failing command does not fail its script")
    for nic in ("vtnet0", "vtnet1", "em0"):
        t.sh(f"ifconfig {nic} up && await 10 sh -c 'ifconfig {nic} | grep -q \"status: active\"'")
    t.cable(0, False)
    t.sh("await 10 sh -c 'ifconfig vtnet0 | grep -q \"no carrier\"'")
    t.cable(0, True)
    t.sh("await 10 sh -c 'ifconfig vtnet0 | grep -q \"status: active\"'")


@scenario("stock-modules", module=False, core=True)
def stock_modules(t):
    """The kernel's own modules load, work and unload."""
    if t.modules_unfit:
        raise Skipped(t.modules_unfit)
    t.sh("""
        kldload if_epair
        ifconfig epair0 create >/dev/null
        ifconfig epair0a up; ifconfig epair0b up
        await 10 sh -c 'ifconfig epair0b | grep -q "status: active"'
        ifconfig epair0a destroy
        kldunload if_epair
        kldload geom_nop
        mdconfig -a -t swap -s 1m -u 9
        gnop create md9
        dd if=/dev/md9.nop of=/dev/null bs=64k 2>/dev/null
        gnop destroy md9.nop
        mdconfig -d -u 9
        kldunload geom_nop
        """)
