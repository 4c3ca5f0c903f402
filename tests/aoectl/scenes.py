# SPDX-License-Identifier: BSD-2-Clause
"""Scenes: the state of the module in a test of aoectl: targets, disks, events, refusals."""

import ctypes
import errno

from peer import ANY, CONTROL_MAX, Event, Path, Refusal, Target, VERSION

UP, SUSPENDED = 2, 3
PATH_UP, PATH_DOWN, CONFLICT, UNUSABLE = 1, 2, 3, 4
LBA48, IN_CONFLICT, READ_ONLY, RESERVED, OPEN, DOUBLED = 0x04, 0x08, 0x10, 0x20, 0x80, 0x200
LEFT_OUT = 23
OWN = "02:ae:00:00:00:01"
ATA, CONFIG, MASK, RESERVE = range(4)


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def fill(field, data):
    """Copies bytes to the beginning of an array."""
    field[:len(data)] = list(data)


def page(serial="7.3:wire", model="kld wire target", sectors=1 << 15, **words):
    """The data of IDENTIFY; words are given by number, as in w83=0x4400."""
    out = [0] * 256

    def text(first, count, value):
        raw = value.encode("latin-1").ljust(2 * count)
        for n in range(count):
            out[first + n] = raw[2 * n] << 8 | raw[2 * n + 1]

    text(10, 10, serial)
    text(23, 4, "1.0")
    text(27, 20, model)
    out[60], out[61] = sectors & 0xFFFF, sectors >> 16 & 0xFFFF
    out[83] = out[86] = 0x5400
    out[87] = 0x4000
    for n in range(4):
        out[100 + n] = sectors >> 16 * n & 0xFFFF
    for name, value in words.items():
        out[int(name[1:])] = value
    return b"".join(word.to_bytes(2, "little") for word in out)


def path(index=0, interface="em0", state=PATH_UP, **fields):
    p = Path()
    i = p.info
    i.index, i.state, i.sector_count = index, state, fields.pop("sector_count", 17)
    i.rtt_us, i.rto_us, i.window, i.in_flight = 153, 4800, 64, 3
    i.payload, i.payload_max = 8704, 8704
    i.sent, i.received, i.retransmitted, i.late, i.unexpected, i.doubled = 1 << 33, 4242, 7, 2, 1, 3
    fill(i.mac, mac(f"02:ae:00:07:03:{index:02x}"))
    p.mtu, p.link_up, p.interface = fields.pop("mtu", 9000), fields.pop("link_up", 1), interface.encode()
    fill(p.local, mac(fields.pop("local", OWN)))
    for n, count in fields.pop("histogram", {}).items():
        p.histogram[n] = count
    for name, value in fields.items():
        setattr(i, name, value)
    return p


def target(major=7, minor=3, paths=None, config=b"", reason="", **fields):
    t = Target()
    t.major, t.minor, t.name = major, minor, f"aoe{major}e{minor}".encode()
    paths = [path()] if paths is None else paths
    t.npaths = len(paths)
    t.path[:len(paths)] = paths
    fill(t.config, config)
    t.reason = reason.encode()
    t.suspended_s, t.fails_in_s = fields.pop("outage", (0, 0))
    i = t.info
    i.major, i.minor, i.paths, i.config_length = major, minor, len(paths), len(config)
    i.state, i.flags, i.sectors, i.sector_logical, i.reason_path = UP, LBA48, 1 << 15, 512, ANY
    i.serial, i.model, i.firmware = b"7.3:wire", b"  kld wire target  ", b"1.0"
    (i.sent, i.received, i.retransmitted, i.late, i.unexpected, i.completed, i.failed, i.active, i.in_flight, i.fences,
     i.guarded, i.guard_waits, i.guard_wait_us, i.paths_left_out) = range(1000, 1014)
    for name, value in fields.items():
        setattr(i, name, value)
    return t


def event(seq, name, text, value=0, path=ANY, target="aoe7e3", sec=1764331200, usec=123456):
    return Event(seq=seq, sec=sec + seq, usec=usec, value=value, path=path, target=target.encode(),
                 name=name.encode(), text=text.encode())


class Scene:
    """A module with targets; `behaviour` sets its other attributes."""

    def __init__(self, *targets, absent=(), events=(), disk=None, **behaviour):
        self.device = errno.ENOTTY
        self.targets = sorted(targets, key=lambda t: (t.major, t.minor))
        self.absents, self.events = absent, events
        self.disk = page() if disk is None else disk
        self.config, self.mask, self.reserved = b"", [], []
        self.refuse = {}
        self.errors = {}
        self.smart = None
        self.cut = {}
        self.largest = 1 << 20
        self.appears = None
        self.rtt = iter([1500, 62, 2500, 999, 1000000] * 100)
        self.version_number = VERSION
        # Name, type, whether it is up, whether it has a carrier.
        self.interfaces = [("em0", 6, 1, 1), ("lo0", 24, 1, 1)]
        # What each query adds to the counters.
        self.counted = {}
        # Functions that change the scene, one before each listing of targets after the first.
        self.happens = iter(())
        self.listings = 0
        self.sysctls = {"net.aoe.version": "2.0.0", "net.aoe.iflist": "em0", "net.aoe.maxwait": 180}
        for t in targets:
            self.sysctls[f"net.aoe.target.{t.name.decode()}.maxwait"] = -1
        for name, value in behaviour.items():
            assert hasattr(self, name), name
            if isinstance(getattr(self, name), dict):
                getattr(self, name).update(value)
            else:
                setattr(self, name, list(value) if isinstance(value, list) else value)

    def find(self, major, minor):
        for t in self.targets:
            if (t.major, t.minor) == (major, minor):
                return t
        raise Refusal(errno.ENOENT)

    def check(self, name):
        if name in self.errors:
            raise Refusal(self.errors[name])

    def version(self, v):
        self.check("version")
        v.version, v.driver = self.version_number, b"2.0.0"

    def target(self, t):
        if t.next and (t.major, t.minor) == (0, 0):
            self.listings += 1
            if self.listings > 1:
                next(self.happens, lambda scene: None)(self)
        self.check("target")
        for known in self.targets:
            at = (known.major, known.minor)
            if at == (t.major, t.minor) or t.next and at > (t.major, t.minor):
                copy(known, t)
                for info in (known.info, *(p.info for p in known.path[:known.npaths])):
                    for name, more in self.grows.items():
                        if hasattr(info, name):
                            setattr(info, name, getattr(info, name) + more)
                return
        raise Refusal(errno.ENOENT)

    # What each reading of a target adds to its counters and to its paths'.
    grows = {}

    def discover(self, a):
        self.check("discover")
        for name, count in self.counted.items():
            self.sysctls[f"net.aoe.stats.{name}"] = self.sysctls.get(f"net.aoe.stats.{name}", 7) + count
        if self.appears is not None and not a.all:
            self.targets.append(self.appears)
            self.appears = None

    def revalidate(self, a):
        self.check("revalidate")
        if not a.all:
            self.find(a.major, a.minor)

    def forget(self, a):
        self.check("forget")
        if not a.all and self.find(a.major, a.minor).info.state == UP:
            raise Refusal(errno.EBUSY)
        if a.all:
            self.targets = [t for t in self.targets if t.info.flags & OPEN or t.name in self.stays
                            or any(p.info.state == PATH_UP for p in t.path[:t.npaths])]

    # Names of targets that are not forgotten.
    stays = ()

    def absent(self, a):
        if a.index >= len(self.absents):
            raise Refusal(errno.ENOENT)
        a.major, a.minor, a.event, a.value, a.text = self.absents[a.index]

    def log(self, l):
        self.check("log")
        if l.wait_ms:
            raise Refusal(errno.ENXIO)
        found = [e for e in self.events if e.seq > l.after][:32]
        l.count = len(found)
        l.event[:len(found)] = found

    def accept(self, a):
        self.check("accept")
        t = self.find(a.major, a.minor)
        t.info.state, t.info.serial = UP, self.accepted

    accepted = b"other"

    # The target's answers to management commands.

    def control(self, c):
        self.check("control")
        self.check(f"control {c.command}")
        self.check(f"path {c.path}")
        t = self.find(c.major, c.minor)
        sent = bytes(c.data[:c.length])
        if c.command in self.refuse:
            c.refused, c.error, answer = 1, self.refuse[c.command], sent
        else:
            answer = [self.ata, self.configure, self.edit, self.hold][c.command](c, sent, t)
        answer = answer[:self.cut.get(c.command, len(answer))]
        c.length = len(answer)
        fill(c.data, answer[:CONTROL_MAX])
        c.rtt_us = next(self.rtt)

    def ata(self, c, sent, t):
        registers = bytearray(sent[:12])
        command, feature = sent[3], sent[1]
        registers[3] = 0x40
        if command == 0xEC:
            disk = self.disk.get(c.path, page()) if isinstance(self.disk, dict) else self.disk
            return bytes(registers) + disk
        if command == 0xE5:
            registers[2] = self.power
            return bytes(registers)
        if command in (0x20, 0x24):
            if c.frame_length > self.largest:
                raise Refusal(errno.ETIMEDOUT)
            return bytes(registers) + bytes(sent[2] * t.info.sector_logical)
        if self.smart is None:
            registers[1], registers[3] = self.ata_error
            return bytes(registers)
        if feature == 0xDA:
            registers[5], registers[6] = (0xF4, 0x2C) if self.smart == "failing" else (0x4F, 0xC2)
            return bytes(registers)
        data = bytearray(512)
        rows = [(9, 98, 98, 0, 1337), (5, 10, 9, 36, 0xFFFFFFFFFFFF), (194, 64, 50, 0, 36)]
        if self.smart == "failing":
            rows[0] = (9, 98, 98, 0, 0)
        else:
            rows[1] = (5, 100, 100, 36, 0)
        for n, (number, value, worst, limit, raw) in enumerate(rows):
            if feature == 0xD1:
                data[2 + 12 * n:4 + 12 * n] = bytes([number, limit])
            else:
                data[2 + 12 * n] = number
                data[5 + 12 * n], data[6 + 12 * n] = value, worst
                data[7 + 12 * n:13 + 12 * n] = raw.to_bytes(6, "little")
        return bytes(registers) + bytes(data)

    power = 0xFF
    ata_error = (0x04, 0x41)

    def configure(self, c, sent, t):
        verb, string = sent[5] & 15, sent[8:]
        if verb in (1, 2) and not (self.config == string if verb == 1 else self.config.startswith(string)):
            raise Refusal(errno.ETIMEDOUT)
        if verb == 3 and self.config and (self.config != string or self.tries > 1):
            c.refused, c.error, c.tries = 1, 4, self.tries
        elif verb in (3, 4):
            self.config = string
        return bytes([0, 16, 0x40, 0x19, 2, sent[5]]) + len(self.config).to_bytes(2, "big") + self.config

    tries = 1

    def edit(self, c, sent, t):
        for n in range(sent[3]):
            directive, host = sent[5 + 8 * n], sent[6 + 8 * n:12 + 8 * n]
            if directive == 1 and host not in self.mask:
                if len(self.mask) == 4:
                    return bytes([0, sent[1], self.full, n])
                self.mask.append(host)
            if directive == 2 and host in self.mask:
                self.mask.remove(host)
        return bytes([0, sent[1], 0, len(self.mask)]) + b"".join(b"\0\0" + host for host in self.mask)

    full = 3

    def hold(self, c, sent, t):
        hosts = [sent[2 + 6 * n:8 + 6 * n] for n in range(sent[1])]
        if sent[0] == 2 or sent[0] == 1 and (not self.reserved or mac(OWN) in self.reserved):
            self.reserved = hosts
        elif sent[0] == 1:
            c.refused, c.error = 1, 6
        return bytes([sent[0], len(self.reserved)]) + b"".join(self.reserved)


def copy(source, to):
    ctypes.memmove(ctypes.addressof(to), ctypes.addressof(source), ctypes.sizeof(to))
