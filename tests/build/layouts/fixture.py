# SPDX-License-Identifier: BSD-2-Clause
"""Writes a CTF with the records in a table of `layout --all`, for the tests.

In each record the second field and all after it are in an unnamed member, as in an mbuf.
"""

import struct
import sys
import zlib

INTEGER, STRUCT = 1, 6
ROOT = 1 << 25


class Node:
    """A record, or a field that may be one."""

    def __init__(self):
        self.size, self.fields = 0, {}  # name -> (offset, Node)


def read(lines):
    """Name -> record, from the table's lines."""
    records = {}
    for line in lines:
        name, _, there = line.split()
        if name.startswith("sizeof("):
            records.setdefault(name[7:-1], Node()).size = int(there)
            continue
        record, *path = name.split(".")
        node, base = records.setdefault(record, Node()), 0
        for step in path[:-1]:
            base += node.fields[step][0]
            node = node.fields[step][1]
        node.fields[path[-1]] = int(there) - base, Node()
    return records


class Writer:
    """Collects types and strings."""

    def __init__(self):
        self.types, self.strings, self.count = b"", b"\0", 0
        self.integer = self.add("int", INTEGER, 0, 4, struct.pack("<I", 32))

    def string(self, text):
        """Appends a string; its offset."""
        self.strings += text.encode() + b"\0"
        return len(self.strings) - len(text) - 1 if text else 0

    def add(self, name, kind, count, size, rest):
        """Appends a type; its number."""
        head = struct.pack("<III", self.string(name), kind << 26 | ROOT | count, size)
        self.types += head + rest
        self.count += 1
        return self.count

    def record(self, name, node):
        """Appends a record and the types of its fields; its number."""
        fields = [(field, self.record("", inner) if inner.fields else self.integer, offset * 8)
                  for field, (offset, inner) in node.fields.items()]
        if len(fields) > 1:
            fields[1:] = [("", self.structure("", fields[1:], node.size), 0)]
        return self.structure(name, fields, node.size)

    def structure(self, name, fields, size):
        """Appends a structure with these fields; its number."""
        rest = b"".join(struct.pack("<III", self.string(field), kind, at) for field, kind, at in fields)
        return self.add(name, STRUCT, len(fields), size, rest)

    def whole(self, version):
        """The section's contents."""
        sizes = struct.pack("<8I", 0, 0, 0, 0, 0, 0, len(self.types), len(self.strings))
        return struct.pack("<HBB", 0xCFF1, version, 1) + sizes + zlib.compress(self.types + self.strings)


def main():
    """Reads a table from standard input, and writes the section to standard output."""
    writer = Writer()
    for name, record in read(sys.stdin).items():
        writer.record(name, record)
    sys.stdout.buffer.write(writer.whole(int(sys.argv[1])))


if __name__ == "__main__":
    main()
