# SPDX-License-Identifier: BSD-2-Clause
"""A kernel file with modules and an environment in it, as loader(8) would hand them over.

QEMU starts a PVH kernel without a boot loader, so nothing is preloaded.  Here
the kernel's ELF file gets one more segment behind the kernel in memory, with
what the loader leaves there (module metadata, environment, the laid-out
modules), and with a few instructions that point PVH's start information at it
before they jump to the kernel's own entry.
"""

import pathlib
import struct

from .errors import SetupError

KERNBASE = 0xFFFFFFFF80000000
PAGE = 4096
PT_LOAD, PT_NOTE = 1, 4
# Headers that nothing needs in a kernel: one of them becomes that of our segment.
SPARE = (0x6474E551, 0x6474E552, 6, 3)  # GNU_STACK, GNU_RELRO, PHDR, INTERP
NOTE_PHYS32_ENTRY = 18
SHT_PROGBITS, SHT_SYMTAB, SHT_RELA, SHT_NOBITS = 1, 2, 4, 8
SHT_INIT_ARRAY, SHT_FINI_ARRAY, SHT_UNWIND = 14, 15, 0x70000001
SHF_ALLOC = 2
# sys/linker.h and amd64's machine/metadata.h
END, NAME, TYPE, ADDR, SIZE, METADATA = 0, 1, 2, 3, 4, 0x8000
ELFHDR, ENVP, HOWTO, KERNEND, SHDR, MODULEP = 2, 6, 7, 8, 9, 0x1006
RB_SERIAL = 0x1000


def up(value, alignment):
    """The next multiple of the alignment."""
    return -(-value // alignment) * alignment


class Elf:
    """An ELF64 file, as far as it is needed here."""

    def __init__(self, data):
        self.data = bytearray(data)
        self.phoff, self.shoff = struct.unpack_from("<QQ", self.data, 32)
        sizes = struct.unpack_from("<HHHHHH", self.data, 52)
        self.phentsize, self.phnum, self.shentsize, self.shnum, self.shstrndx = sizes[1:6]

    def segments(self):
        """(offset of the header, type, file offset, physical address, file size, memory size)."""
        for number in range(self.phnum):
            at = self.phoff + number * self.phentsize
            kind, _, offset, _, physical, filesize, memsize, _ = struct.unpack_from(
                "<IIQQQQQQ", self.data, at
            )
            yield at, kind, offset, physical, filesize, memsize

    def section(self, number):
        """A section header as a list of its ten fields."""
        at = self.shoff + number * self.shentsize
        return list(struct.unpack_from("<IIQQQQIIQQ", self.data, at))


def lay_out(module, base):
    """(bytes in memory from `base` on, section headers) of a module, as the loader does it."""
    elf = Elf(module)
    sections = [elf.section(number) for number in range(elf.shnum)]
    loaded = (SHT_PROGBITS, SHT_NOBITS, SHT_UNWIND, SHT_INIT_ARRAY, SHT_FINI_ARRAY)
    wanted = [n for n, s in enumerate(sections) if s[1] in loaded and s[2] & SHF_ALLOC and s[5]]
    symbols = next(n for n, s in enumerate(sections) if s[1] == SHT_SYMTAB)
    wanted += [symbols, sections[symbols][6], elf.shstrndx]
    for number, one in enumerate(sections):
        if one[1] == SHT_RELA and sections[one[7]][2] & SHF_ALLOC:
            wanted.append(number)
    memory = bytearray()
    for one in sections:
        one[3] = 0
    for number in wanted:
        one = sections[number]
        offset = up(base + len(memory), max(one[8], 1)) - base
        memory += bytes(offset - len(memory))
        one[3] = base + offset
        start = one[4]
        memory += bytes(one[5]) if one[1] == SHT_NOBITS else elf.data[start : start + one[5]]
    headers = b"".join(struct.pack("<IIQQQQIIQQ", *one) for one in sections)
    return bytes(memory), headers


def record(kind, data):
    """One entry of the metadata."""
    return struct.pack("<II", kind, len(data)) + data.ljust(up(len(data), 8), b"\0")


def quad(value):
    """64 bits."""
    return struct.pack("<Q", value)


def stub(modlist, entry):
    """32-bit code: start_info.nr_modules = 1, .modlist_paddr = modlist, jump to the kernel."""
    return (
        b"\xc7\x43\x0c" + struct.pack("<I", 1)
        + b"\xc7\x43\x10" + struct.pack("<I", modlist)
        + b"\xc7\x43\x14" + struct.pack("<I", 0)
        + b"\xb8" + struct.pack("<I", entry) + b"\xff\xe0"
    )


def metadata(size, here, environment, modules, end):
    """What preload_metadata points to; `here` is its address, `end` that of all of it."""
    start = KERNBASE + 0x200000
    out = record(NAME, b"/boot/kernel/kernel\0") + record(TYPE, b"elf kernel\0")
    out += record(ADDR, quad(start)) + record(SIZE, quad(size))
    out += record(METADATA | ENVP, quad(environment))
    out += record(METADATA | HOWTO, struct.pack("<I", RB_SERIAL))
    out += record(METADATA | KERNEND, quad(end)) + record(METADATA | MODULEP, quad(here))
    for name, address, length, header, sections in modules:
        out += record(NAME, name.encode() + b"\0") + record(TYPE, b"elf obj module\0")
        out += record(ADDR, quad(address)) + record(SIZE, quad(length))
        out += record(METADATA | ELFHDR, header) + record(METADATA | SHDR, sections)
    return out + record(END, b"")


def entry_note(elf):
    """(place in the file, value) of the kernel's PVH entry."""
    for _, kind, offset, _, filesize, _ in elf.segments():
        at = offset
        while kind == PT_NOTE and at < offset + filesize:
            name, length, number = struct.unpack_from("<III", elf.data, at)
            place = at + 12 + up(name, 4)
            if number == NOTE_PHYS32_ENTRY and elf.data[at + 12 : at + 15] == b"Xen":
                return place, struct.unpack_from("<I", elf.data, place)[0]
            at = place + up(length, 4)
    raise SetupError("the kernel has no PVH entry")


def kernel_with(kernel, target, environment, modules):
    """Writes to `target` the kernel with {name: file} preloaded and the environment set."""
    elf = Elf(pathlib.Path(kernel).read_bytes())
    loads = [s for s in elf.segments() if s[1] == PT_LOAD]
    end = max(physical + memsize for _, _, _, physical, _, memsize in loads)
    base = up(end, PAGE) + PAGE
    place, entry = entry_note(elf)
    # Layout: stub, modlist (32), empty command line | environment | modules | metadata.
    env = b"".join(f"{k}={v}".encode() + b"\0" for k, v in environment.items()) + b"\0"
    body = bytearray(128) + env
    listed = []
    for name, file in modules.items():
        data = pathlib.Path(file).read_bytes()
        body += bytes(up(len(body), PAGE) - len(body))
        address = KERNBASE + base + len(body)
        memory, sections = lay_out(data, address)
        listed.append((name, address, len(memory), data[:64], sections))
        body += memory
    body += bytes(up(len(body), PAGE) - len(body))
    here = base + len(body)
    # Twice: the end is part of it, and does not change its length.
    guess = metadata(end - 0x200000, KERNBASE + here, KERNBASE + base + 128, listed, 0)
    last = KERNBASE + here + up(len(guess), PAGE)
    body += metadata(end - 0x200000, KERNBASE + here, KERNBASE + base + 128, listed, last)
    code = stub(base + 64, entry)
    body[: len(code)] = code
    struct.pack_into("<QQQQ", body, 64, here, up(len(guess), PAGE), base + 120, 0)
    elf.data += bytes(up(len(elf.data), PAGE) - len(elf.data))
    spare = next((s[0] for s in elf.segments() if s[1] in SPARE), None)
    if spare is None:
        raise SetupError("the kernel's program headers leave no room for a preloaded module")
    fields = (PT_LOAD, 7, len(elf.data), KERNBASE + base, base, len(body), len(body), PAGE)
    struct.pack_into("<IIQQQQQQ", elf.data, spare, *fields)
    struct.pack_into("<I", elf.data, place, base)
    pathlib.Path(target).write_bytes(bytes(elf.data) + bytes(body))
