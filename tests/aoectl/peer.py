# SPDX-License-Identifier: BSD-2-Clause
"""Stands in for kld and its module, with fixed answers: control device and sysctls on a socket."""

import ctypes
import errno
import pathlib
import re
import socket
import threading
from ctypes import Structure, c_char, c_uint8, c_uint16, c_uint32, c_uint64

TOP = pathlib.Path(__file__).resolve().parents[2]
PATHS, HISTOGRAM, CONTROL_MAX, TEXT_MAX, LOG = 16, 24, 2084, 128, 32
ANY = 0xFF


def macro(file, name):
    """The value of a macro in a header of the shim, as text."""
    return re.search(rf"^#define\t{name}\s+(.*?)(\s*/\*.*)?$", (TOP / "kmod-shim" / file).read_text(), re.M)[1]


ABI = int(macro("aoe_abi.h", "AOE_ABI_VERSION"))
VERSION = ABI << 16 | int(macro("aoe_ioctl.h", "AOE_CTL_VERSION").rstrip(")").split("|")[1])
# FreeBSD's numbers, where Linux has others.
FREEBSD = {errno.EAGAIN: 35, errno.EMSGSIZE: 40, errno.EOPNOTSUPP: 45, errno.ENETDOWN: 50, errno.ETIMEDOUT: 60}


class Version(Structure):
    _fields_ = [("version", c_uint32), ("driver", c_char * 28)]


class Address(Structure):
    _fields_ = [("major", c_uint16), ("minor", c_uint8), ("all", c_uint8)]


class TargetInfo(Structure):
    _fields_ = [
        *((name, c_uint64) for name in ("sectors paths_left_out received sent retransmitted late unexpected completed"
                                        " failed fences guard_waits guard_wait_us").split()),
        *((name, c_uint32) for name in ("state flags sector_physical sector_offset rotation_rate active in_flight"
                                        " guarded").split()),
        ("firmware_version", c_uint16), ("buffer_count", c_uint16), ("major", c_uint16), ("minor", c_uint8),
        ("paths", c_uint8), ("sector_count", c_uint8), ("serial", c_char * 21), ("model", c_char * 41),
        ("firmware", c_char * 9), ("config_length", c_uint16), ("reason_path", c_uint8), ("reserved", c_uint8),
        ("reason", c_uint32), ("reason_value", c_uint64), ("sector_logical", c_uint32), ("reserved2", c_uint32),
        ("moved", c_uint64),
    ]


class PathInfo(Structure):
    _fields_ = [
        *((name, c_uint64) for name in "sent received retransmitted late unexpected".split()),
        *((name, c_uint32) for name in "rtt_us rto_us window in_flight payload payload_max".split()),
        ("mac", c_uint8 * 6), ("link", c_uint8), ("state", c_uint8), ("index", c_uint8), ("sector_count", c_uint8),
        ("reserved", c_uint8 * 2), ("reorder_us", c_uint32), ("doubled", c_uint64),
    ]


class Path(Structure):
    _fields_ = [
        ("info", PathInfo), ("histogram", c_uint64 * HISTOGRAM), ("mtu", c_uint32), ("local", c_uint8 * 6),
        ("link_up", c_uint8), ("reserved", c_uint8 * 5), ("interface", c_char * 16),
    ]


class Target(Structure):
    _fields_ = [
        ("major", c_uint16), ("minor", c_uint8), ("next", c_uint8), ("npaths", c_uint32), ("info", TargetInfo),
        ("path", Path * PATHS), ("identified", c_uint32), ("identify", c_uint8 * 512), ("config", c_uint8 * 1024),
        ("name", c_char * 16), ("reason", c_char * TEXT_MAX), ("suspended_s", c_uint32), ("fails_in_s", c_uint32),
    ]


class Control(Structure):
    _fields_ = [
        ("major", c_uint16), ("minor", c_uint8), ("path", c_uint8), ("command", c_uint32), ("length", c_uint32),
        ("frame_length", c_uint32), ("wait_ms", c_uint32), ("tries", c_uint8), ("error", c_uint8),
        ("refused", c_uint8), ("reserved", c_uint8), ("rtt_us", c_uint64), ("data", c_uint8 * CONTROL_MAX),
    ]


class Event(Structure):
    _fields_ = [
        ("seq", c_uint64), ("sec", c_uint64), ("value", c_uint64), ("usec", c_uint32), ("path", c_uint8),
        ("reserved", c_uint8 * 3), ("target", c_char * 16), ("name", c_char * 24), ("text", c_char * TEXT_MAX),
    ]


class Log(Structure):
    _fields_ = [
        ("after", c_uint64), ("wait_ms", c_uint32), ("count", c_uint32), ("lost", c_uint64), ("event", Event * LOG),
    ]


class Absent(Structure):
    _fields_ = [
        ("index", c_uint32), ("reserved", c_uint32), ("value", c_uint64), ("seconds", c_uint32), ("event", c_uint32),
        ("major", c_uint16), ("minor", c_uint8), ("reserved2", c_uint8 * 5), ("text", c_char * TEXT_MAX),
    ]


class Accept(Structure):
    _fields_ = [("major", c_uint16), ("minor", c_uint8), ("reserved", c_uint8 * 5), ("page", c_uint8 * 512)]


REQUESTS = {
    0: ("version", Version), 1: ("target", Target), 2: ("control", Control), 3: ("discover", Address),
    4: ("revalidate", Address), 5: ("forget", Address), 6: ("log", Log),
    8: ("absent", Absent), 9: ("accept", Accept),
}


class Refusal(Exception):
    """An errno that the tool gets."""


class Peer:
    """Answers requests on a socket, with the data of a scene."""

    def __init__(self, path):
        self.scene = None
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            connection, _ = self.socket.accept()
            with connection:
                question = b""
                while not question.endswith(b"\0"):
                    question += connection.recv(65536)
                said, error = "", 0
                try:
                    said = self.command(*question[:-1].decode("latin-1").split("\x1f"))
                except Refusal as refusal:
                    error = refusal.args[0]
                connection.sendall(said.encode("latin-1") + b"\0" + str(FREEBSD.get(error, error)).encode())

    def command(self, verb, *words):
        if verb == "sysctl":
            return self.sysctl(*words)
        if verb == "if":
            return "".join(f"{name} type {kind} up {up} carrier {carrier}\n"
                           for name, kind, up, carrier in self.scene.interfaces)
        number, hexadecimal = int(words[-2], 0), words[-1]
        if number == 0:
            raise Refusal(self.scene.device)
        name, kind = REQUESTS[number & 0xFF]
        assert ctypes.sizeof(kind) == number >> 16 & 0x1FFF, name
        data = kind.from_buffer_copy(bytes.fromhex(hexadecimal))
        getattr(self.scene, name)(data)
        return bytes(data).hex()

    def sysctl(self, first, prefix=None):
        scene = self.scene
        if prefix is not None:
            if prefix in scene.errors:
                raise Refusal(scene.errors[prefix])
            return "".join(f"{k}: {v}\n" for k, v in scene.sysctls.items() if k.startswith(prefix + "."))
        name, equals, value = first.partition("=")
        if name in scene.errors:
            raise Refusal(scene.errors[name])
        if name not in scene.sysctls:
            raise Refusal(errno.ENOENT)
        if equals:
            scene.sysctls[name] = value
            return ""
        return str(scene.sysctls[name]) + "\n"
