# SPDX-License-Identifier: BSD-2-Clause
"""A FreeBSD guest in QEMU, a small network around it, and scenarios to run there."""
