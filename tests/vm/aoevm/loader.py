# SPDX-License-Identifier: BSD-2-Clause
"""Makes a kernel file with modules and an environment in it, as loader(8) would pass them.

QEMU starts a PVH kernel without a boot loader: nothing is preloaded, and FreeBSD
first assumes that it is a Xen guest.  Instead, QEMU gets a file with the kernel's
segments and one more, which follows them in memory.  It has the data that the
loader leaves there (module metadata, memory map, environment, the modules laid
out in memory) and the program entry.S, which enters the kernel where the loader does.
"""

import pathlib
import struct
import subprocess

from .errors import SetupError

KERNBASE = 0xFFFFFFFF80000000
KERNEL = 0x200000  # the kernel's physical address
PAGE = 4096
PT_LOAD, PT_NOTE = 1, 4
NOTE_PHYS32_ENTRY = 18
SHT_PROGBITS, SHT_SYMTAB, SHT_RELA, SHT_NOBITS = 1, 2, 4, 8
SHT_INIT_ARRAY, SHT_FINI_ARRAY, SHT_UNWIND = 14, 15, 0x70000001
SHF_ALLOC = 2
# sys/linker.h and amd64's machine/metadata.h
END, NAME, TYPE, ADDR, SIZE, METADATA = 0, 1, 2, 3, 4, 0x8000
ELFHDR, ENVP, HOWTO, KERNEND, SHDR, SMAP, MODULEP = 2, 6, 7, 8, 9, 0x1001, 0x1006
RB_SERIAL = 0x1000
SMAP_BYTES = 128 * 20  # as many entries as QEMU's firmware can make
# Page-table entries: valid, writable, a large page.
PG_V, PG_RW, PG_PS = 1, 2, 0x80
LARGE_PAGE = 2 << 20
CODE_BYTES = 256  # room for entry.S, which is shorter


def up(value, alignment):
    """The next multiple of the alignment."""
    return -(-value // alignment) * alignment


class Elf:
    """An ELF64 file: the parts of it that are needed here."""

    def __init__(self, data):
        self.data = data
        self.entry, self.phoff, self.shoff = struct.unpack_from("<QQQ", self.data, 24)
        sizes = struct.unpack_from("<HHHHHH", self.data, 52)
        self.phentsize, self.phnum, self.shentsize, self.shnum, self.shstrndx = sizes[1:6]

    def loads(self):
        """(file offset, physical address, file size, memory size) of each loaded segment."""
        for number in range(self.phnum):
            kind, _, offset, _, physical, filesize, memsize, _ = struct.unpack_from(
                "<IIQQQQQQ", self.data, self.phoff + number * self.phentsize
            )
            if kind == PT_LOAD:
                yield offset, physical, filesize, memsize

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
    """A value in 64 bits."""
    return struct.pack("<Q", value)


def page_tables(base):
    """Three levels at the physical address `base`: each GiB of addresses is the first GiB."""
    tables = b"".join(quad(base + level * PAGE | PG_V | PG_RW) * 512 for level in (1, 2))
    return tables + b"".join(quad(n * LARGE_PAGE | PG_V | PG_RW | PG_PS) for n in range(512))


def entry_code(directory, **addresses):
    """The code of entry.S, assembled for its address and with its parameters."""
    code = pathlib.Path(directory) / "entry"
    place = addresses.pop("at")
    command = ["cc", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none,--oformat=binary"]
    command += [f"-Wl,-Ttext={place:#x}", "-o", str(code)]
    command += [f"-D{name}={value:#x}" for name, value in addresses.items()]
    command += [str(pathlib.Path(__file__).with_name("entry.S"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupError(f"cannot assemble entry.S: {done.stderr}")
    return code.read_bytes()


class Image:
    """The loader's segment, which begins at the physical address `base`."""

    def __init__(self, base):
        self.base, self.body = base, bytearray()

    def add(self, data, alignment=16):
        """Appends data; returns its physical address."""
        self.body += bytes(up(len(self.body), alignment) - len(self.body))
        address = self.base + len(self.body)
        self.body += data
        return address

    def put(self, address, data):
        """Overwrites data at a physical address."""
        at = address - self.base
        self.body[at : at + len(data)] = data

    def add_modules(self, modules):
        """Appends the modules {name: file}; returns their metadata."""
        records = b""
        for name, file in modules.items():
            data = pathlib.Path(file).read_bytes()
            address = self.add(b"", PAGE)
            memory, sections = lay_out(data, address)
            self.add(memory)
            records += record(NAME, name.encode() + b"\0") + record(TYPE, b"elf obj module\0")
            records += record(ADDR, quad(address)) + record(SIZE, quad(len(memory)))
            records += record(METADATA | ELFHDR, data[:64]) + record(METADATA | SHDR, sections)
        return records

    def add_metadata(self, size, environment, modules):
        """Appends what preload_metadata points to; its address, the memory map's, and the end."""
        here = self.add(b"", PAGE)
        kernel = record(NAME, b"/boot/kernel/kernel\0") + record(TYPE, b"elf kernel\0")
        kernel += record(ADDR, quad(KERNEL)) + record(SIZE, quad(size))
        kernel += record(METADATA | ENVP, quad(environment))
        kernel += record(METADATA | HOWTO, struct.pack("<I", RB_SERIAL))
        kernel += record(METADATA | MODULEP, quad(here))
        # After the entries that entry.S writes, empty ones remain; nothing uses them.
        kernel += record(METADATA | SMAP, bytes(SMAP_BYTES))
        memory_map = here + len(kernel) - SMAP_BYTES
        last = modules + record(END, b"")
        end = up(here + len(kernel) + len(record(KERNEND, quad(0))) + len(last), PAGE)
        self.add(kernel + record(METADATA | KERNEND, quad(end)) + last, PAGE)
        return here, memory_map, end


def started(segments, image, entry):
    """An ELF file of the kernel's segments and the loader's, which QEMU enters at `entry`.

    `segments` are (physical address, bytes, size in memory).
    """
    note = struct.pack("<III4sI", 4, 4, NOTE_PHYS32_ENTRY, b"Xen", entry)
    every = [*segments, (image.base, bytes(image.body), len(image.body))]
    at = 64 + 56 * (len(every) + 1)
    headers = struct.pack("<IIQQQQQQ", PT_NOTE, 4, at, 0, 0, len(note), len(note), 4)
    contents = bytearray(note)
    for physical, data, size in every:
        contents += bytes(up(at + len(contents), PAGE) - at - len(contents))
        headers += struct.pack("<IIQQQQQQ", PT_LOAD, 7, at + len(contents), KERNBASE + physical,
                               physical, len(data), size, PAGE)
        contents += data
    identity = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header = struct.pack("<16sHHIQQQIHHHHHH", identity, 2, 62, 1, entry, 64, 0, 0, 64, 56,
                         len(every) + 1, 0, 0, 0)
    return header + headers + contents


def kernel_with(kernel, target, environment, modules):
    """Writes the kernel to `target`, with {name: file} preloaded and the environment set."""
    elf = Elf(pathlib.Path(kernel).read_bytes())
    segments = [(physical, elf.data[offset : offset + filesize], memsize)
                for offset, physical, filesize, memsize in elf.loads()]
    end = max(physical + memsize for physical, _, memsize in segments)
    image = Image(up(end, PAGE))
    code, stack = image.add(bytes(CODE_BYTES)), image.add(bytes(80)) + 64
    pages = image.add(b"", PAGE)
    image.add(page_tables(pages))
    strings = b"".join(f"{name}={value}".encode() + b"\0" for name, value in environment.items())
    settings = image.add(strings + b"\0")
    records = image.add_modules(modules)
    metadata, memory_map, last = image.add_metadata(end - KERNEL, settings, records)
    # btext takes these from the stack: a return address, the metadata, the end.
    image.put(stack, struct.pack("<III", 0, metadata, last))
    program = entry_code(target.parent, at=code, PAGES=pages, STACK=stack, MEMORY=memory_map,
                         ENTRY=elf.entry)
    image.put(code, program)
    target.write_bytes(started(segments, image, code))
