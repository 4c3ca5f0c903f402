"""Measures aoe.ko and its peers in guests under QEMU; see docs/performance.md."""
