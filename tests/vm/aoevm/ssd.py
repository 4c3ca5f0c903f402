# SPDX-License-Identifier: BSD-2-Clause
"""A solid-state disk with features that vblade lacks: TRIM, a write cache, 4 KiB sectors, 3 TiB.

	ssd.py INTERFACE SHELF SLOT [SECTORS [BYTES]]

BYTES is the size of a logical sector, 512 or 4096.  Only sectors that are not
empty are kept.  Prints a line for each TRIM, flush and setting, so that a
scenario can check that they arrived.  From SIGUSR1 until SIGUSR2 it answers no
reads or writes, but everything else.
"""

import signal
import socket
import struct
import sys

import frames
from deaf import swapped

SECTORS = 3 << 31
READS, WRITES = (0x20, 0x24, 0xC8, 0x25), (0x30, 0x34, 0xCA, 0x35)
IDENTIFY, FLUSHES, SET_FEATURES, TRIM = 0xEC, (0xE7, 0xEA), 0xEF, 0x06
CACHE_ON, CACHE_OFF = 0x02, 0x82
BLOCK = 512


class Disk:
    """The disk's contents and settings."""

    def __init__(self, size, sector):
        self.size, self.sector = size, sector
        self.empty = bytes(sector)
        self.silent = False
        self.sectors = {}
        self.cache = True

    def identify(self):
        """IDENTIFY data, by ATA word."""
        data = bytearray(512)
        data[20:40] = swapped("ssd-1", 20)
        data[46:54] = swapped("2", 8)
        data[54:94] = swapped("Solid state", 40)
        words = {49: 0x0200, 82: 0x0020, 83: 0x7400, 84: 0x4000, 85: 0x20 if self.cache else 0}
        words |= {86: 0x3400, 87: 0x4000, 105: 8, 169: 1, 217: 1}
        if self.sector == BLOCK:
            words[106] = 0x6003  # eight logical sectors to a physical one
        else:
            words |= {106: 0x5000, 117: self.sector // 2}
        for word, value in words.items():
            struct.pack_into("<H", data, word * 2, value)
        struct.pack_into("<I", data, 60 * 2, min(self.size, 0x0FFFFFFF))
        struct.pack_into("<Q", data, 100 * 2, self.size)
        return bytes(data)

    def read(self, lba, count):
        """The bytes of some sectors."""
        return b"".join(self.sectors.get(n, self.empty) for n in range(lba, lba + count))

    def write(self, lba, data):
        """Stores whole sectors."""
        for number in range(len(data) // self.sector):
            sector = data[number * self.sector : (number + 1) * self.sector]
            if sector == self.empty:
                self.sectors.pop(lba + number, None)
            else:
                self.sectors[lba + number] = sector

    def trim(self, data):
        """Forgets the ranges of a DATA SET MANAGEMENT block."""
        for (entry,) in struct.iter_unpack("<Q", data):
            lba, count = entry & (1 << 48) - 1, entry >> 48
            if count:
                print("trim", lba, count, flush=True)
            for gone in [n for n in self.sectors if lba <= n < lba + count]:
                del self.sectors[gone]

    def command(self, feature, count, command, lba, data):
        """Carries out a command; the data of the answer, or None if the command is refused."""
        if command == IDENTIFY:
            return self.identify()
        if lba + count > self.size:
            return None
        if command in READS:
            return self.read(lba, count)
        if command in WRITES:
            self.write(lba, data[: count * self.sector])
        elif command == TRIM and feature & 1:
            self.trim(data)
        elif command in FLUSHES:
            print("flush", flush=True)
        elif command == SET_FEATURES and feature in (CACHE_ON, CACHE_OFF):
            self.cache = feature == CACHE_ON
            print("cache", "on" if self.cache else "off", flush=True)
        else:
            return None
        return b""


def answer(disk, request, mac, shelf, slot):
    """The answer to a request, or None."""
    command, reply = frames.reply_to(request, mac, shelf, slot)
    if command == frames.CONFIG and len(request) >= 32 and request[29] & 15 == 0:
        return (reply + frames.config(16, 16)).ljust(60, b"\0")
    if command != frames.ATA or len(request) < 36:
        return None
    flags, feature, count, ata = request[24:28]
    lba = int.from_bytes(request[28:34] if flags & 0x40 else request[28:31], "little")
    if disk.silent and ata in READS + WRITES:
        return None
    data = disk.command(feature, count, ata, lba, request[36:])
    if data is None:
        return (reply + frames.ata(error=0x04, count=count, status=0x41, lba=lba)).ljust(60, b"\0")
    return (reply + frames.ata(count=0, status=0x40, lba=lba, data=data)).ljust(60, b"\0")


def main(arguments):
    """The program."""
    interface, shelf, slot = arguments[0], int(arguments[1]), int(arguments[2])
    port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(frames.ETHERTYPE))
    port.bind((interface, 0))
    mac = port.getsockname()[4]
    size, sector = map(int, [*arguments[3:], *[SECTORS, BLOCK][len(arguments) - 3 :]])
    disk = Disk(size, sector)
    for number, silent in ((signal.SIGUSR1, True), (signal.SIGUSR2, False)):
        signal.signal(number, lambda *_, silent=silent: setattr(disk, "silent", silent))
    while True:
        reply = answer(disk, port.recv(65536), mac, shelf, slot)
        if reply:
            port.send(reply)


if __name__ == "__main__":
    main(sys.argv[1:])
