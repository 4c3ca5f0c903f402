# SPDX-License-Identifier: BSD-2-Clause
"""Errors, by their cause: the set-up, the guest, or a scenario."""


class SetupError(Exception):
    """The host or the given tree lacks something; the text says what to do."""


class GuestDied(Exception):
    """The guest panicked or stopped answering, or QEMU ended."""


class Failed(Exception):
    """A check of a scenario failed."""


class Skipped(Exception):
    """A scenario cannot run here; the text says why."""
