# SPDX-License-Identifier: BSD-2-Clause
"""aoectl(8) in the guest; its JSON is read on the host."""

import json
import shlex

from aoevm.scenario import scenario

TOOL = "cp /aoevm/kit/aoectl /tmp/aoectl && chmod 555 /tmp/aoectl"


def below_aoe(t, arguments, code=0):
    """The object "aoe" in the JSON of a command, which must end with this status."""
    result = t.run(f"/tmp/aoectl --libxo json {arguments}", 60)
    t.check(result.code == code, f"aoectl {arguments}: {t.why(result, arguments)}")
    whole = json.loads(result.out[result.out.index("{"):])
    t.check(whole["__version"] == "1", f"no version: {whole}")
    return whole["aoe"]


def agrees_with_libxo(t, arguments):
    """Checks that a command's output in every format equals xo(1)'s, except for the version."""
    values = below_aoe(t, arguments)
    fields = "".join(f"{{{'' if isinstance(v, str) else 'n'}:{k}/%s}}" for k, v in values.items())
    words = " ".join(shlex.quote(str(v)) for v in (fields, *values.values()))
    for form in ("json", "json,pretty", "xml", "xml,pretty"):
        ours = t.sh(f"/tmp/aoectl --libxo {form} {arguments}")
        theirs = t.sh(f"xo --libxo {form} --top-wrap --wrap aoe {words}")
        for version in ('"__version": "1", ', ' version="1"'):
            ours = ours.replace("  " + version + "\n", "").replace(version, "")
        t.check(ours == theirs, f"{form}: {ours!r}, and xo says {theirs!r}")


def ends(t, arguments, code):
    """Runs a command, which must end with this status; its output."""
    result = t.run(f"/tmp/aoectl {arguments} 2>&1", 60)
    t.check(result.code == code, f"aoectl {arguments} is to end with {code}: {t.why(result, arguments)}")
    return result.out


def begin(t, **options):
    """Starts a target, and waits for its disk; installs the tool."""
    target = t.target(7, 3, size="32m", **options)
    t.sh(TOOL)
    t.load()
    t.appears(target)
    return target


@scenario("aoectl-looks")
def looks(t):
    """list, status, paths, stats, version and log agree with the disk, as text and as JSON."""
    begin(t)
    t.sh("[ $(stat -f %Lp:%u:%g /dev/aoectl) = 600:0:0 ]")
    listed = below_aoe(t, "list")["target"]
    t.check([d["name"] for d in listed] == ["aoe7e3"], f"list: {listed}")
    size = int(t.sh("diskinfo /dev/aoe7e3").split()[2])
    t.check(listed[0]["size"] == size and listed[0]["open"] is False, f"list: {listed}")
    t.check("aoe7e3" in ends(t, "list", 0), "the text of list has no aoe7e3")
    status = below_aoe(t, "status")
    t.check(status["interfaces"] == "vtnet0" and status["target"][0]["state"] == "up", f"status: {status}")
    path = below_aoe(t, "paths 7.3")["target"][0]["path"][0]
    mac = t.sysctl("net.aoe.target.aoe7e3.path.0.mac")
    t.check((path["mac"], path["interface"], path["link-up"]) == (mac, "vtnet0", True), f"paths: {path}")
    stats = below_aoe(t, "stats")
    counted = {c["name"]: c["value"] for c in stats["counter"]}
    t.check(counted["tx_frames"] > 0 and stats["target"][0]["sent"] > 0, f"stats: {stats}")
    events = [e["event"] for e in below_aoe(t, "log 7.3")["event"]]
    t.check({"PATH_UP", "UP"} <= set(events), f"log: {events}")
    version = below_aoe(t, "version")
    t.check(version["module"] == version["aoectl"] == t.sysctl("net.aoe.version"), f"version: {version}")
    agrees_with_libxo(t, "version")
    t.sh("/tmp/aoectl --libxo xml list | grep -q '<name>aoe7e3</name>'")


@scenario("aoectl-finds")
def finds(t):
    """doctor names the target, interface or list at fault; top counts what a program reads."""
    begin(t)

    def kinds(arguments=""):
        return {f["kind"] for f in below_aoe(t, f"doctor {arguments}", 1)["finding"]}

    # The target's interface has an MTU of 9000, and vtnet0 one of 1500.
    t.check(kinds() == {"mtu"}, "doctor does not compare the MTUs")
    t.sh("ifconfig vtnet0 mtu 9000; sysctl net.aoe.discover=1; sleep 3")
    found = below_aoe(t, "doctor")
    t.check(found == {"well": True, "finding": []}, f"doctor: {found}")
    t.check("no-answer" in kinds("7.9"), "doctor does not miss 7.9")
    t.sh("ifconfig vtnet0 down")
    t.check("down" in kinds(), "doctor does not see that vtnet0 is down")
    t.sh("ifconfig vtnet0 up; /tmp/aoectl interfaces lo0 vtnet9")
    t.check({"not-ethernet", "absent"} <= kinds(), "doctor takes lo0 and vtnet9 for Ethernet")
    t.sh("/tmp/aoectl interfaces -n")
    t.check(kinds() == {"no-interface"}, "doctor does not see that the list is empty")
    t.sh("/tmp/aoectl interfaces vtnet0; /tmp/aoectl discover -w 30 7.3", 60)
    job = t.start("dd if=/dev/aoe7e3 of=/dev/null bs=64k count=512")
    readings = below_aoe(t, "top -n 5")["reading"]
    t.finish(job)
    read = sum(r["seconds"] * r["target"][0]["bytes-per-second"] for r in readings)
    t.check(read > 0 and len(readings) == 5, f"top: {readings}")
    t.sh("script -q /tmp/screen /tmp/aoectl top -n 1 </dev/null; grep -q '^.*aoe7e3 *up' /tmp/screen")


@scenario("aoectl-asks")
def asks(t):
    """discover, ping, sancheck, identify, smart, revalidate and flush, against vblade."""
    target = begin(t)
    ends(t, "discover -w 20 7.3", 0)
    ping = below_aoe(t, "ping -c 2 -i 0 7.3")
    t.check(ping["path"][0]["received"] == 2 and ping["path"][0]["rtt-max"] > 0, f"ping: {ping}")
    sane = below_aoe(t, "sancheck")["path"][0]
    t.check(sane["verdict"] == "ok" and sane["passes"] == 1024, f"sancheck: {sane}")
    disk = below_aoe(t, "identify 7.3")
    ident = t.sysctl("net.aoe.target.aoe7e3.serial")
    t.check(disk["serial"] == ident and disk["size"] == 32 << 20, f"identify: {disk}")
    ends(t, "smart 7.3", 76)
    ends(t, "revalidate", 0)
    ends(t, "flush 7.3", 75)
    target.kill()
    ends(t, "ping -c 1 -t 300 7.3", 2)
    # Revalidation, since a read would keep the disk open for maxwait.
    ends(t, "revalidate", 0)
    t.await_state(target, "suspended")
    t.sh("await 60 /tmp/aoectl flush 7.3", 90)
    t.disappears(target)
    ends(t, "list 7.3", 66)


@scenario("aoectl-manages")
def manages(t):
    """config, mask and reserve, against vblade, and requests that are refused."""
    begin(t)
    t.check(below_aoe(t, "config 7.3")["config"] == "", "a config string")
    ends(t, "config 7.3 set mine", 0)
    t.sh("await 10 sh -c '[ \"$(sysctl -n net.aoe.target.aoe7e3.config)\" = mine ]'")
    refusal = ends(t, "config 7.3 set other", 76)
    t.check("the config string is already set" in refusal, f"config set: {refusal}")
    ends(t, "config 7.3 test mine", 0)
    ends(t, "config 7.3 test other", 1)
    ends(t, "config 7.3 force 'a \"quoted\" \\ <one> & more'", 0)
    agrees_with_libxo(t, "config 7.3")
    ends(t, "config 7.3 force ''", 0)
    own = t.sh("ifconfig vtnet0 | sed -n 's/.*ether //p'").strip()
    ends(t, f"mask 7.3 add {own} 02:00:00:00:00:01", 0)
    hosts = [h["mac"] for h in below_aoe(t, "mask 7.3")["host"]]
    t.check(sorted(hosts) == sorted([own, "02:00:00:00:00:01"]), f"mask: {hosts}")
    # Debian's vblade ends when the first of its list is deleted: tests/net/tests_ctl.sh.
    ends(t, "reserve 7.3 set", 0)
    t.check([h["mac"] for h in below_aoe(t, "reserve 7.3")["host"]] == [own], "reserve is not ours")
    t.sh("dd if=/dev/aoe7e3 of=/dev/null bs=64k count=4 2>/dev/null")
    ends(t, "reserve 7.3 force 02:00:00:00:00:01", 0)
    refusal = ends(t, "reserve 7.3 set", 76)
    t.check("reserved by another host" in refusal, f"reserve set: {refusal}")
    t.refused("dd if=/dev/aoe7e3 of=/dev/null bs=64k count=1 2>&1", "busy")
    ends(t, "reserve 7.3 release -f", 0)
    t.sh("dd if=/dev/aoe7e3 of=/dev/null bs=64k count=4 2>/dev/null")


@scenario("aoectl-bounds")
def bounds(t):
    """Only root on the host can use the device, and an unload does not wait for a command."""
    target = begin(t)
    t.sh("chmod 755 /tmp")
    if t.run("command -v su").ok:
        t.refused("su -m nobody -c '/tmp/aoectl list' 2>&1", "requires root")
    if t.run("command -v jail").ok:
        t.refused("jail -c path=/ mount.devfs=0 command=/tmp/aoectl list 2>&1", "requires root")
    target.kill()
    job = t.start("/tmp/aoectl config 7.3 || :; /tmp/aoectl log -f || :")
    t.sh("sleep 1; kldunload aoe; ! kldstat -q -m aoe", 60)
    t.finish(job, 30)
    ends(t, "list", 69)
    t.sh("! test -e /dev/aoectl")
