"""A FreeBSD guest in QEMU, a small network around it, and scenarios to run there."""
