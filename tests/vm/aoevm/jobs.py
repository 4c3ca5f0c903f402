# SPDX-License-Identifier: BSD-2-Clause
"""Which scenarios run on which kernels of which trees."""

from dataclasses import dataclass

from .errors import SetupError
from .image import Tree

# A variable of the environment -> the major version and architecture that its tree must have.
VARIABLES = {
    "FREEBSD": None,
    "FREEBSD_14": (14, "amd64"),
    "FREEBSD_15": (15, "amd64"),
    "FREEBSD_14_ARM64": (14, "arm64"),
    "FREEBSD_15_ARM64": (15, "arm64"),
}


@dataclass(frozen=True, eq=False)
class Job:
    """Scenarios for one kernel; `label` is the tree's unique name."""

    label: str
    tree: Tree
    flavour: str
    scenarios: tuple

    @property
    def name(self):
        """The job's name in messages, logs and the table."""
        return f"{self.label}/{self.flavour}"


def trees(directories, environment):
    """Label -> tree, for the given directories, or if there are none, the environment's."""
    wanted = [(None, path) for path in directories or ()]
    if not wanted:
        wanted = [(name, environment[name]) for name in VARIABLES if environment.get(name)]
    found = {}
    for variable, path in wanted:
        tree = Tree(path)
        if any(tree.path == other.path for other in found.values()):
            continue
        text, major = tree.version()
        if variable and VARIABLES[variable] not in (None, (major, tree.architecture.name)):
            raise SetupError(f"{variable}={path} is {text}")
        label = base = text.removeprefix("FreeBSD ").replace(" ", "-")
        while label in found:
            label = f"{base}.{len(found) + 1}"
        found[label] = tree
    return found


def jobs(found, flavours, chosen, long, by_name):
    """A job for every kernel; KASAN's run only the core scenarios, unless scenarios were named."""
    for flavour in flavours or ():
        if not any(flavour in tree.kernels() for tree in found.values()):
            paths = " and ".join(str(tree.path) for tree in found.values())
            raise SetupError(f"there is no boot/kernel.{flavour}/kernel in {paths}")
    every = []
    for label, tree in found.items():
        for flavour in tree.kernels():
            kasan = "KASAN" in flavour
            if flavour not in flavours if flavours else kasan and not long:
                continue
            core_only = kasan and not by_name
            scenarios = tuple(s for s in chosen if s.core or not core_only)
            every.append(Job(label, tree, flavour, scenarios))
    return every
