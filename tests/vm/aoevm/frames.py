# SPDX-License-Identifier: BSD-2-Clause
"""AoE frames, well-formed and malformed, and a program that sends them.

	frames.py INTERFACE adverts COUNT SEED [PER-SECOND]
	frames.py INTERFACE hostile COUNT SEED [PER-SECOND]
	frames.py INTERFACE replay DIRECTORY
	frames.py INTERFACE short

`adverts` are config answers of targets that do not exist, each with another MAC
and address.  `hostile` frames are answers to every command, cut off, extended,
and with bytes changed.  `replay` sends each file of a fuzz corpus.  `short` are
answers to every command, cut off at each length up to that of a padded Ethernet
frame.
"""

import pathlib
import random
import socket
import struct
import sys
import time

ETHERTYPE = 0x88A2
BROADCAST = b"\xff" * 6
GUEST = [bytes([0x02, 0xA0, 0xE0, 0, 0, nic]) for nic in (1, 2, 3)]
VERSION_1, RESPONSE, ERROR = 0x10, 0x08, 0x04
ATA, CONFIG, MASK, RESERVE = range(4)


def header(dst, src, shelf, slot, command, tag=0, flags=VERSION_1 | RESPONSE, error=0):
    """The Ethernet and AoE headers of a frame."""
    ethernet = dst + src + struct.pack(">H", ETHERTYPE)
    return ethernet + struct.pack(">BBHBBI", flags, error, shelf, slot, command, tag)


def reply_to(request, mac, shelf, slot):
    """The command of a request to this target, and the header of its answer; or two Nones."""
    if len(request) < 24 or request[14] & RESPONSE:
        return None, None
    major, minor, command, tag = struct.unpack_from(">HBBI", request, 16)
    if major not in (shelf, 0xFFFF) or minor not in (slot, 0xFF):
        return None, None
    return command, header(request[6:12], mac, shelf, slot, command, tag)


def config(buffers=16, sectors=2, firmware=0x4019, string=b"", length=None):
    """The argument of a config answer."""
    length = len(string) if length is None else length
    return struct.pack(">HHBBH", buffers, firmware, sectors, 0x10, length) + string


def ata(flags=0, error=0, count=1, status=0x40, lba=0, data=b""):
    """The argument of an ATA answer."""
    return struct.pack("<BBBB6sH", flags, error, count, status, lba.to_bytes(6, "little"), 0) + data


def advert(random_source):
    """A config answer of a target that does not exist."""
    mac = bytes([0x06]) + random_source.randbytes(5)
    shelf, slot = random_source.randrange(1000, 0xFFF0), random_source.randrange(255)
    frame = header(BROADCAST, mac, shelf, slot, CONFIG) + config(random_source.randrange(256))
    return frame.ljust(60, b"\0")


def well_made(random_source):
    """An answer of a random command, with plausible fields."""
    command = random_source.choice([ATA, ATA, CONFIG, CONFIG, MASK, RESERVE, 4, 0xF1, 255])
    # The scenario's real target is aoe0e1: its shelf and slot are chosen often.
    shelf = random_source.choice([0, 0, 0, 1, 0xFFF, 0xFFFF, random_source.randrange(0x10000)])
    slot = random_source.choice([1, 1, 1, 0, 254, 255, random_source.randrange(256)])
    flags = random_source.choice([VERSION_1, 0, 0x20, 0xF0]) | random_source.choice(
        [RESPONSE, RESPONSE, RESPONSE | ERROR, 0, 0x0F]
    )
    source = random_source.choice([bytes([6, 1, 2, 3, 4, 5]), b"\xff" * 6, random_source.randbytes(6)])
    destination = random_source.choice([BROADCAST, GUEST[0], GUEST[0], random_source.randbytes(6)])
    tag = random_source.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF, random_source.randrange(1 << 32)])
    frame = header(destination, source, shelf, slot, command, tag, flags, random_source.randrange(8))
    if command == CONFIG:
        string = random_source.randbytes(random_source.choice([0, 1, 1024, 1400]))
        length = random_source.choice([len(string), 0, 1025, 0xFFFF])
        return frame + config(random_source.randrange(65536), random_source.randrange(256), 0, string, length)
    if command == ATA:
        data = random_source.randbytes(random_source.choice([0, 1, 511, 512, 1024, 1400]))
        count, status = random_source.randrange(256), random_source.choice([0x40, 0x41, 0, 0xFF])
        return frame + ata(random_source.randrange(256), 0, count, status, random_source.getrandbits(48), data)
    return frame + random_source.randbytes(random_source.choice([0, 1, 2, 3, 4, 8, 100, 1400]))


def hostile(random_source):
    """A well-formed answer, damaged in most cases."""
    frame = bytearray(well_made(random_source))
    for _ in range(random_source.choice([0, 1, 1, 4])):
        frame[random_source.randrange(14, len(frame))] = random_source.randrange(256)
    if random_source.random() < 0.4:
        frame = frame[: random_source.randrange(14, len(frame) + 1)]
    if random_source.random() < 0.2:
        frame += random_source.randbytes(random_source.randrange(1, 64))
    return bytes(frame[:1514])


def from_corpus(file):
    """A file of the fuzz corpus as a frame: with our Ethernet header if it has none."""
    data = file.read_bytes()
    if data[12:14] != struct.pack(">H", ETHERTYPE):
        data = GUEST[0] + bytes([6, 1, 2, 3, 4, 5]) + struct.pack(">H", ETHERTYPE) + data
    return data[:1514]


def short():
    """Each command's answer at each length from 14 to 60, broadcast and to the guest."""
    for length in range(14, 61):
        for destination in (BROADCAST, GUEST[0]):
            for shelf, slot in ((0, 1), (7, 3), (0xFFFF, 0xFF)):
                for command in (ATA, CONFIG, MASK, RESERVE, 0xF1):
                    head = header(destination, bytes([6, 1, 2, 3, 4, 5]), shelf, slot, command)
                    # The string that a config answer announces is longer than the frame.
                    body = config(string=b"aoe" * 12, length=200)
                    yield (head + body)[:length]


def send(interface, frames, per_second=20000):
    """Sends frames, no faster than `per_second`; returns their number."""
    port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE))
    port.bind((interface, 0))
    started, sent = time.monotonic(), 0
    for frame in frames:
        port.send(frame)
        sent += 1
        ahead = sent / per_second - (time.monotonic() - started)
        if ahead > 0.01:
            time.sleep(ahead)
    port.close()
    return sent


def main(arguments):
    """The program."""
    interface, kind, *rest = arguments
    if kind == "replay":
        files = sorted(f for f in pathlib.Path(rest[0]).rglob("*") if f.is_file())
        print(send(interface, map(from_corpus, files)))
        return
    if kind == "short":
        print(send(interface, short(), 2000))
        return
    count, source = int(rest[0]), random.Random(int(rest[1]))
    make = {"adverts": advert, "hostile": hostile}[kind]
    rate = int(rest[2]) if len(rest) > 2 else 20000
    print(send(interface, (make(source) for _ in range(count)), rate))


if __name__ == "__main__":
    main(sys.argv[1:])
