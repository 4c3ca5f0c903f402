# SPDX-License-Identifier: BSD-2-Clause
"""Reads records from the CTF of a kernel file: version 3, in .SUNW_ctf of FreeBSD 14 and later."""

import struct
import zlib

MAGIC, VERSION, COMPRESSED, HEADER = 0xCFF1, 3, 1, 36
INTEGER, FLOAT, _, ARRAY, FUNCTION, STRUCT, UNION, ENUM, _, TYPEDEF, VOLATILE, CONST, RESTRICT = range(1, 14)
HUGE, HUGE_RECORD = 0xFFFFFFFF, 0x20000000  # the size follows; the least with wide offsets


class Ctf:
    """The types of a kernel."""

    def __init__(self, data):
        magic, version, flags = struct.unpack_from("<HBB", data)
        if (magic, version) != (MAGIC, VERSION):
            raise ValueError(f"CTF of version {version}; this tool reads version {VERSION}")
        *_, self.start, self.strings, _ = struct.unpack_from("<8I", data, 4)
        self.data = zlib.decompress(data[HEADER:]) if flags & COMPRESSED else data[HEADER:]
        self.types = [None]  # numbers begin with 1
        at = self.start
        while at < self.strings:
            at = self._type(at)
        self.by_name = {}
        for kind, name, size, members in filter(None, self.types):
            if kind in (STRUCT, UNION) and name:
                self.by_name.setdefault(name, (size, members))
        for kind, name, target, _ in filter(None, self.types):
            if kind == TYPEDEF:
                found = self._record(target)
                if found:
                    self.by_name.setdefault(name, found)

    def _name(self, reference):
        if reference >> 31:
            return ""  # in the kernel's symbol table: has no names of records
        start = self.strings + reference
        return self.data[start:self.data.index(b"\0", start)].decode()

    def _type(self, at):
        """Reads a type; the offset of the next one."""
        name, info, size = struct.unpack_from("<III", self.data, at)
        kind, count = info >> 26, info & 0x1FFFFFF
        at += 12
        if size == HUGE:
            high, low = struct.unpack_from("<II", self.data, at)
            size, at = high << 32 | low, at + 8
        members = None
        if kind in (STRUCT, UNION):
            width = 16 if size >= HUGE_RECORD else 12
            members = [self._member(at + n * width, width) for n in range(count)]
            at += count * width
        elif kind == ARRAY:
            size = struct.unpack_from("<I", self.data, at)[0]
            at += 12
        else:
            at += {INTEGER: 4, FLOAT: 4, FUNCTION: 4 * count, ENUM: 8 * count}.get(kind, 0)
        self.types.append((kind, self._name(name), size, members))
        return at

    def _member(self, at, width):
        """(name, type, bits from the start)."""
        if width == 12:
            name, kind, offset = struct.unpack_from("<III", self.data, at)
        else:
            name, kind, high, low = struct.unpack_from("<IIII", self.data, at)
            offset = high << 32 | low
        return self._name(name), kind, offset

    def _record(self, number):
        """(size, members) if a type is a record or an array of records, otherwise None."""
        kind, _, size, members = self.types[number]
        if kind in (STRUCT, UNION):
            return size, members
        if kind in (ARRAY, TYPEDEF, VOLATILE, CONST, RESTRICT) and size:
            return self._record(size)
        return None

    def _find(self, members, name):
        """(type, bits) of a member, which may be in an unnamed member; None if there is none."""
        for theirs, kind, offset in members:
            if theirs == name:
                return kind, offset
            inner = None if theirs else self._record(kind)
            found = self._find(inner[1], name) if inner else None
            if found:
                return found[0], offset + found[1]
        return None

    def bits(self, use):
        """The offset or size in bits for a use in this kernel; None if it is absent."""
        if use.record not in self.by_name:
            return None
        size, members = self.by_name[use.record]
        if not use.path:
            return size * 8
        total = 0
        for name in use.path:
            found = self._find(members or [], name)
            if not found:
                return None
            kind, offset = found
            total += offset
            inner = self._record(kind)
            members = inner[1] if inner else []
        return total


def section(file, name):
    """The contents of a section of a 64-bit ELF file, or None."""
    data = file.read_bytes()
    if data[:5] != b"\x7fELF\x02":
        raise ValueError(f"{file} is no 64-bit ELF file")
    at, = struct.unpack_from("<Q", data, 40)
    count, names = struct.unpack_from("<HH", data, 60)
    headers = [struct.unpack_from("<IIQQQQIIQQ", data, at + n * 64) for n in range(count)]
    for header in headers:
        start = headers[names][4] + header[0]
        if data[start:data.index(b"\0", start)] == name.encode():
            return data[header[4]:header[4] + header[5]]
    return None
