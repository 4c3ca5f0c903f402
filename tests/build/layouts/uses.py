# SPDX-License-Identifier: BSD-2-Clause
"""Finds what the shim takes from the kernel's headers at compile time, in Clang's syntax tree.

A use is a record's name and a path of fields in it; an empty path means the record's size. Uses
in a header's inline function count if the shim reaches the function.
"""

import sys
from collections import namedtuple

# Debian installs the bindings for its own Python.
sys.path.append("/usr/lib/python3/dist-packages")
from clang import cindex  # noqa: E402

LIBCLANG = "/usr/lib/llvm-19/lib/libclang-19.so.1"
KIND = cindex.CursorKind
RECORDS = (KIND.STRUCT_DECL, KIND.UNION_DECL)

Use = namedtuple("Use", "record path")


def parse(directory, flags):
    """One translation unit of all C files of a directory; ValueError if they do not compile.

    They are parsed together because the headers take longer than the files. So a static name must
    not mean different things in two files.
    """
    if not cindex.Config.loaded:
        cindex.Config.set_library_file(LIBCLANG)
    text = "".join(f'#include "{source}"\n' for source in sorted(directory.glob("*.c")))
    unit = cindex.Index.create().parse(
        "shim.c", [f for f in flags if f != "-Werror"], unsaved_files=[("shim.c", text)]
    )
    wrong = [str(d) for d in unit.diagnostics if d.severity >= cindex.Diagnostic.Error]
    if wrong:
        raise ValueError("\n".join(wrong[:5]))
    return unit


def _named(record):
    """A record's name, without struct or union in front; "" if it has none."""
    return "" if record.is_anonymous() or " " in record.spelling else record.spelling


def _field_name(field):
    """A field's name; "" for an unnamed one, which Clang describes by its type."""
    return "" if " " in field.spelling else field.spelling


def _place(field):
    """(named record, path of fields) of a field, or None; unnamed fields are not in the path."""
    path, record = [_field_name(field)], field.semantic_parent
    if not path[0]:
        return None
    while not _named(record):
        outer = record.semantic_parent
        if outer.kind not in RECORDS:
            return None
        for member in outer.type.get_fields():
            inner = _record_of(member.type)
            if inner is not None and inner == record and _field_name(member):
                path.insert(0, _field_name(member))
        record = outer
    return record, tuple(path)


def _record_of(kind):
    """The declaration of the record if a type is one, or an array of it; otherwise None."""
    kind = kind.get_canonical()
    while kind.kind in (cindex.TypeKind.CONSTANTARRAY, cindex.TypeKind.INCOMPLETEARRAY):
        kind = kind.element_type.get_canonical()
    declaration = kind.get_declaration()
    return declaration if declaration.kind in RECORDS else None


class Uses:
    """Collects the uses of a translation unit; `ours` tells which files' records do not count."""

    def __init__(self, ours):
        self.ours, self.found = ours, {}
        self.seen, self.waiting = set(), []

    def _theirs(self, record):
        file = record.location.file
        return file is not None and not self.ours(file.name)

    def _add(self, record, path):
        if self._theirs(record) and record.type.get_size() >= 0:
            self.found[Use(_named(record), path)] = bits(record.type, path)

    def _size(self, kind):
        record = _record_of(kind)
        if record is not None and _named(record):
            self._add(record, ())

    def _field(self, field):
        place = _place(field)
        if place:
            self._add(*place)

    def _look(self, cursor):
        for one in cursor.walk_preorder():
            if one.kind in (KIND.MEMBER_REF_EXPR, KIND.MEMBER_REF):
                if one.referenced is not None and one.referenced.kind == KIND.FIELD_DECL:
                    self._field(one.referenced)
            elif one.kind in (KIND.VAR_DECL, KIND.FIELD_DECL):
                self._size(one.type)
            elif one.kind == KIND.DECL_REF_EXPR and one.referenced is not None:
                if one.referenced.kind == KIND.FUNCTION_DECL:
                    self.waiting.append(one.referenced)

    def of(self, unit):
        """All uses in the shim's own declarations and in functions that they call: use -> bits."""
        for cursor in unit.cursor.get_children():
            if cursor.location.file is not None and self.ours(cursor.location.file.name):
                self._look(cursor)
        while self.waiting:
            body = self.waiting.pop().get_definition()
            if body is None or body.get_usr() in self.seen:
                continue
            self.seen.add(body.get_usr())
            if not self.ours(body.location.file.name):
                self._look(body)
        return self.found


def bits(kind, path):
    """Bits from a record's start to the field at the end of the path, or the record's size.

    None if there is no such field.
    """
    if not path:
        return kind.get_size() * 8
    total = 0
    for name in path:
        step = kind.get_offset(name)
        if step < 0:
            return None
        total += step
        kind = _field_type(kind, name)
    return total


def _field_type(kind, name):
    for field in kind.get_canonical().get_fields():
        if field.spelling == name:
            return field.type
        if not _field_name(field):
            found = _field_type(field.type, name)
            if found is not None:
                return found
    return None


def records(parent):
    """Name -> type of every record that is defined below a cursor, also inside other records."""
    found = {}
    for cursor in parent.get_children():
        if cursor.kind in RECORDS and cursor.is_definition():
            found |= records(cursor)
            if _named(cursor):
                found[_named(cursor)] = cursor.type
        elif cursor.kind == KIND.TYPEDEF_DECL:
            record = _record_of(cursor.underlying_typedef_type)
            if record is not None and record.spelling == cursor.spelling:
                found[cursor.spelling] = record.type
    return found
