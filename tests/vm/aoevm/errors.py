# SPDX-License-Identifier: BSD-2-Clause
"""What can go wrong, told apart by who is to blame."""


class SetupError(Exception):
    """The machine or the given tree cannot do this; the text says what to do."""


class GuestDied(Exception):
    """The guest panicked, stopped answering, or QEMU ended."""


class Failed(Exception):
    """A scenario saw what it must not see."""


class Skipped(Exception):
    """A scenario cannot run here; the text says why."""
