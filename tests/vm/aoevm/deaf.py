# SPDX-License-Identifier: BSD-2-Clause
"""A target that answers IDENTIFY and config queries, but never a read or a write.

	deaf.py INTERFACE SHELF SLOT

GEOM tastes a new disk by reading it; this one appears and stays silent.
"""

import socket
import struct
import sys

import frames

SECTORS = 65536
IDENTIFY, CONFIG_READ = 0xEC, 0


def swapped(text, length):
    """An ATA string: padded with blanks, its bytes swapped in pairs."""
    padded = text.ljust(length).encode()
    return b"".join(padded[i : i + 2][::-1] for i in range(0, length, 2))


def identify():
    """IDENTIFY data of a plain LBA48 disk."""
    data = bytearray(512)
    data[20:40] = swapped("deaf", 20)
    data[46:54] = swapped("1", 8)
    data[54:94] = swapped("Deaf disk", 40)
    struct.pack_into("<H", data, 49 * 2, 0x0200)
    struct.pack_into("<I", data, 60 * 2, SECTORS)
    for word, value in ((83, 0x5400), (84, 0x4000), (86, 0x1400), (87, 0x4000)):
        struct.pack_into("<H", data, word * 2, value)
    struct.pack_into("<Q", data, 100 * 2, SECTORS)
    return bytes(data)


def answer(request, mac, shelf, slot):
    """The answer to a request, or None."""
    command, reply = frames.reply_to(request, mac, shelf, slot)
    if command == frames.CONFIG and len(request) >= 32 and request[29] & 15 == CONFIG_READ:
        return (reply + frames.config(16, 2)).ljust(60, b"\0")
    if command == frames.ATA and len(request) >= 36 and request[27] == IDENTIFY:
        return reply + frames.ata(count=0, status=0x40, data=identify())
    return None


def main(arguments):
    """The program."""
    interface, shelf, slot = arguments[0], int(arguments[1]), int(arguments[2])
    port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(frames.ETHERTYPE))
    port.bind((interface, 0))
    mac = port.getsockname()[4]
    while True:
        reply = answer(port.recv(65536), mac, shelf, slot)
        if reply:
            port.send(reply)


if __name__ == "__main__":
    main(sys.argv[1:])
