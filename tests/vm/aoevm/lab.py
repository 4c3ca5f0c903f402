# SPDX-License-Identifier: BSD-2-Clause
"""The network around the guest: a namespace with a tap for each NIC, and AoE targets.

	guest NIC i -- tap aoevm-ti -- bridge aoevm-bi -- veth pair(s) -- vblade

Targets sit behind a veth pair rather than on the tap, because vblade ends when
a send fails, and a tap refuses frames while the guest is slow.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

from .errors import SetupError
from .machine import die_with_parent

MTU = 9000


class Target:
    """A vblade process."""

    def __init__(self, lab, shelf, slot, file, port, options=(), hostname=None):
        self.lab, self.shelf, self.slot = lab, shelf, slot
        self.file, self.port, self.options = pathlib.Path(file), port, list(options)
        self.hostname = hostname
        self.process = None

    @property
    def disk(self):
        """The provider's name in the guest."""
        return f"aoe{self.shelf}e{self.slot}"

    def start(self):
        """Starts vblade, which sends an advert and answers from then on."""
        if self.process:
            return self
        command = ["vblade", *self.options, str(self.shelf), str(self.slot), self.port]
        command.append(str(self.file))
        if self.hostname:  # vblade's serial number is shelf.slot:hostname
            named = 'echo "$0" >/proc/sys/kernel/hostname && exec "$@"'
            command = ["unshare", "-u", "sh", "-c", named, self.hostname, *command]
        self.process = self.lab.spawn(command)
        time.sleep(0.05)
        if self.process.poll() is not None:
            raise SetupError(f"vblade for {self.disk} ended: {self.process.returncode}")
        return self

    def kill(self):
        """Ends it as a power failure would."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def pause(self):
        """Stops answering, but keeps the frames queued in its socket."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        """Continues after `pause`."""
        self.process.send_signal(signal.SIGCONT)

    def grow(self, size):
        """Makes the file larger; vblade sees that when it is restarted."""
        os.truncate(self.file, size)


class OwnTarget:
    """A target implemented in this directory: deaf.py or ssd.py."""

    def __init__(self, process, shelf, slot):
        self.process, self.disk = process, f"aoe{shelf}e{slot}"

    def silence(self):
        """Stops answering reads and writes, but nothing else (ssd.py)."""
        self.process.send_signal(signal.SIGUSR1)

    def answer(self):
        """Answers reads and writes again."""
        self.process.send_signal(signal.SIGUSR2)


class Lab:
    """A separate network namespace with one bridge for each NIC of the guest."""

    def __init__(self, directory, nics):
        self.directory = pathlib.Path(directory)
        self.netns = f"aoevm-{os.getpid()}"
        self.nics = nics
        self.processes, self.targets, self.ports, self.extra = [], [], {}, []
        self.disks = self.directory / "targets"

    def up(self):
        """Builds the network."""
        self._ip("netns", "add", self.netns)
        for key in ("all", "default"):
            path = f"net.ipv6.conf.{key}.disable_ipv6=1"
            self.run(["sysctl", "-qw", path], check=False)
        self._link("set", "lo", "up")
        for nic in range(self.nics):
            tap, bridge = self.tap(nic), self.bridge(nic)
            self._ip("-n", self.netns, "tuntap", "add", "dev", tap, "mode", "tap")
            options = ["type", "bridge", "stp_state", "0", "forward_delay", "0"]
            self._link("add", bridge, *options, "mcast_snooping", "0")
            self._link("set", tap, "mtu", str(MTU), "up", "master", bridge)
            self._link("set", bridge, "mtu", str(MTU), "up")
            self.port(nic)
        self.disks.mkdir(parents=True, exist_ok=True)

    def down(self):
        """Removes everything."""
        self.clear()
        subprocess.run(["ip", "netns", "del", self.netns], check=False, capture_output=True)
        shutil.rmtree(self.disks, ignore_errors=True)

    @staticmethod
    def tap(nic):
        """The host's end of a NIC."""
        return f"aoevm-t{nic}"

    @staticmethod
    def bridge(nic):
        """The switch that a NIC is plugged into."""
        return f"aoevm-b{nic}"

    def port(self, nic, number=0):
        """An interface on NIC `nic`'s network, with its own MAC; made at its first use."""
        name = f"aoevm-p{nic}x{number}"
        if name not in self.ports:
            other = f"aoevm-q{nic}x{number}"
            self._link("add", name, "type", "veth", "peer", "name", other)
            self._link("set", other, "mtu", str(MTU), "up", "master", self.bridge(nic))
            self._link("set", name, "mtu", str(MTU), "up")
            self.ports[name] = other
        return name

    def relayed_port(self, nic, **faults):
        """An interface that reaches a NIC's network through tests/tools/relay.

        `faults` are loss, dup and reorder in per cent; delay in ms; vid, the VLAN of the
        NIC's network that this interface is in; and control, a FIFO with commands to the relay.
        """
        relay = self.directory / "relay"
        if not relay.exists():
            source = pathlib.Path(__file__).resolve().parents[2] / "tools/relay.c"
            subprocess.run(["cc", "-O2", "-o", str(relay), str(source)], check=True)
        letters = {"loss": "-l", "dup": "-d", "reorder": "-r", "delay": "-D", "vid": "-v"}
        letters["control"] = "-c"
        options = [str(word) for key, value in faults.items() for word in (letters[key], value)]
        return self._joined(nic, [str(relay), *options, "-s", "1"])

    def priority_port(self, nic):
        """An interface whose frames get a priority tag on their way to a NIC's network."""
        return self._joined(nic, [sys.executable, str(pathlib.Path(__file__).with_name("tagger.py"))])

    def _joined(self, nic, command):
        """One end of a veth pair; `command` joins the other end to a NIC's network."""
        name, other = f"aoevm-r{nic}", f"aoevm-s{nic}"
        self._link("add", name, "type", "veth", "peer", "name", other)
        self._link("set", name, "mtu", str(MTU), "up")
        self._link("set", other, "mtu", str(MTU), "up")
        self.extra.append(name)
        self.spawn([*command, other, self.port(nic, 1)])
        return name

    def file_system(self, size):
        """A file with an empty UFS in it, for a target."""
        empty, image = self.directory / "empty", self.disks / "ufs"
        empty.mkdir(exist_ok=True)
        command = ["makefs", "-t", "ffs", "-o", "version=1", "-s", size, str(image), str(empty)]
        subprocess.run(command, check=True, capture_output=True)
        return image

    def target(self, shelf, slot, size="64m", nic=0, port=0, file=None, interface=None, **options):
        """Starts a vblade with a new disk, or with `file`; `options` are Target's."""
        if file is None:
            file = self.disks / f"e{shelf}.{slot}.{len(self.targets)}"
            with file.open("wb") as image:
                image.truncate(in_bytes(size))
        interface = interface or self.port(nic, port)
        target = Target(self, shelf, slot, file, interface, **options)
        self.targets.append(target)
        return target.start()

    def own_target(self, kind, shelf, slot, *arguments):
        """Starts one of this directory's targets: `deaf` or `ssd`."""
        tool = pathlib.Path(__file__).with_name(f"{kind}.py")
        words = map(str, [tool, self.port(0), shelf, slot, *arguments])
        return OwnTarget(self.spawn([sys.executable, *words]), shelf, slot)

    def said(self):
        """The output of commands on the host so far."""
        return (self.directory / "host.log").read_text()

    def inject(self, *arguments, nic=0, wait=True):
        """Sends made-up frames (aoevm/frames.py) into a network."""
        tool = pathlib.Path(__file__).with_name("frames.py")
        command = [sys.executable, str(tool), self.port(nic, 9), *map(str, arguments)]
        if wait:
            return self.run(command)
        return self.spawn(command)

    def run(self, command, check=True):
        """Runs a command inside the namespace."""
        full = ["ip", "netns", "exec", self.netns, *command]
        done = subprocess.run(full, capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            raise SetupError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def spawn(self, command):
        """Starts a command inside the namespace; `clear` ends it at the latest."""
        full = ["ip", "netns", "exec", self.netns, *command]
        log = (self.directory / "host.log").open("a")
        process = subprocess.Popen(
            full, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent
        )
        log.close()
        self.processes.append(process)
        return process

    def clear(self):
        """Ends all targets and helpers, and undoes a scenario's changes to the network."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.processes.clear()
        for target in self.targets:
            target.file.unlink(missing_ok=True)
        self.targets.clear()
        while self.extra:
            self._link("del", self.extra.pop())
        for name in list(self.ports):
            if not name.endswith("x0"):
                self._link("del", name)
                del self.ports[name]
            else:
                self._link("set", name, "mtu", str(MTU))

    def _link(self, *arguments):
        self._ip("-n", self.netns, "link", *arguments)

    @staticmethod
    def _ip(*arguments):
        done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SetupError(f"ip {' '.join(arguments)}: {done.stderr.strip()} (root is needed)")


def in_bytes(size):
    """64m -> 67108864."""
    if isinstance(size, int):
        return size
    return int(size[:-1]) * {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}[size[-1]]
