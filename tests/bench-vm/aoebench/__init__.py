# SPDX-License-Identifier: BSD-2-Clause
"""Measures aoe.ko and its peers in guests under QEMU; see docs/performance.md."""
