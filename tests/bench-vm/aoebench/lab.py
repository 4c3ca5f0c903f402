# SPDX-License-Identifier: BSD-2-Clause
"""The bench's network: the vm rung's with one NIC, an MTU, and one disk in memory for all."""

import os
import time

from aoevm import lab as vm
from aoevm.errors import SetupError

# Addresses for the peers that need IP.
HOST, GUEST = "10.90.0.1", "10.90.0.2"
IQN = "iqn.2026-11.aoebench:"
# The two iSCSI targets: one with tgt's defaults, and one that accepts a large write in one piece.
TGT = {
    "plain": {},
    "long": {"MaxRecvDataSegmentLength": 262144, "FirstBurstLength": 262144, "InitialR2T": "No"},
}


class Lab(vm.Lab):
    """A separate network namespace, for one NIC of the guest."""

    def __init__(self, directory):
        super().__init__(directory, 1)
        self.netns = f"aoebench-{os.getpid()}"
        self.image = None
        self.served = []
        self.fifo = self.directory / "relay.fifo"

    def up(self):
        """Builds the network, and a disk in memory for all targets."""
        super().up()
        # Fully allocated, so that no system is faster because of holes.
        self.image = f"/dev/shm/{self.netns}.img"
        with open(self.image, "wb") as file:
            for _ in range(256):
                file.write(bytes(1 << 20))

    def down(self):
        """Removes everything."""
        super().down()
        if self.image and os.path.exists(self.image):
            os.unlink(self.image)

    def set_mtu(self, mtu):
        """Gives every interface of the network this MTU."""
        for name, other in self.ports.items():
            self._link("set", name, "mtu", str(mtu))
            self._link("set", other, "mtu", str(mtu))
        for name in (self.tap(0), self.bridge(0), *self.extra):
            self._link("set", name, "mtu", str(mtu))

    def vblade(self, interface=None, options=(), slot=1):
        """Starts the AoE target e0.<slot> on the common disk."""
        target = vm.Target(self, 0, slot, self.image, interface or self.port(0), options)
        self.served.append(target)
        return target.start()

    def lossy_vblade(self, mtu):
        """Starts e0.2, which is reached through tests/tools/relay; see `lose`."""
        port = self.relayed_port(0, control=self.fifo)
        self.set_mtu(mtu)
        return self.vblade(port, slot=2)

    def lose(self, percent):
        """Sets the share of the frames of e0.2 that are lost, each way."""
        self.fifo.write_text(f"loss {percent}\n")

    def address(self):
        """Gives the host's port an address."""
        self._ip("-n", self.netns, "addr", "add", f"{HOST}/24", "dev", self.port(0))

    def ggated(self, program):
        """Serves the common disk to ggatec."""
        self.spawn([str(program), HOST, self.image])

    def tgtd(self):
        """Serves the common disk to iSCSI initiators, with Debian's tgt."""
        env = ["env", f"TGT_IPC_SOCKET={self.directory}/tgt"]
        self.spawn([*env, "tgtd", "-f", "--iscsi", f"portal={HOST}:3260"])
        admin = [*env, "tgtadm", "--lld", "iscsi", "--op"]
        for number, (name, settings) in enumerate(TGT.items()):
            target = ["--mode", "target", "--tid", str(number + 1)]
            self._patiently([*admin, "new", *target, "-T", IQN + name])
            for key, value in settings.items():
                self.run([*admin, "update", *target, "-n", key, "-v", str(value)])
            self.run([*admin, "new", "--mode", "logicalunit", *target[2:], "--lun", "1",
                      "-b", self.image])
            self.run([*admin, "bind", *target, "-I", "ALL"])

    def _patiently(self, command):
        """Runs a command again until it succeeds, because its server has started."""
        deadline = time.monotonic() + 20
        while True:
            try:
                return self.run(command)
            except SetupError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def clear(self):
        """Like the vm rung's, but keeps the common disk."""
        while self.served:
            self.served.pop().kill()
        super().clear()
