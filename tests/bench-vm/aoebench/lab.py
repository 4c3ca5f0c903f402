"""The bench's network: that of the vm rung with one NIC, an MTU and a disk in memory."""

import os

from aoevm import lab as vm


class Lab(vm.Lab):
    """A namespace of our own, with one NIC of the guest in it."""

    def __init__(self, directory):
        super().__init__(directory, 1)
        self.netns = f"aoebench-{os.getpid()}"
        self.image = None
        self.served = None

    def up(self):
        """Builds the network, and a disk in memory for all targets."""
        super().up()
        # There from end to end, so that no system is faster because of holes.
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

    def vblade(self, interface=None, options=()):
        """Starts the AoE target e0.1 on the common disk."""
        self.served = vm.Target(self, 0, 1, self.image, interface or self.port(0), options)
        return self.served.start()

    def clear(self):
        """As in the vm rung, but the common disk stays."""
        if self.served:
            self.served.kill()
            self.served = None
        super().clear()
