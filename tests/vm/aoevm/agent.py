# SPDX-License-Identifier: BSD-2-Clause
"""The host's end of the command channel on one of the guest's serial ports.

guest/agent.sh answers every line of the host with one line or more, so neither side
can overrun the other.  Kernel messages go to another port, so they never appear
between the lines.
"""

import socket
import time
from dataclasses import dataclass

from .errors import Failed, GuestDied

_PLAIN = frozenset(
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=+,@#%^~<>(){}[]|&;*?!$'\""
)
_LINE_MAX = 180


@dataclass
class Result:
    """What a guest command printed, and its exit status."""

    code: int
    out: str
    seconds: float

    @property
    def ok(self):
        """Whether the exit status was 0."""
        return self.code == 0


def escape(data):
    """Bytes escaped for printf's %b, in pieces that fit in a line of the channel."""
    pieces, piece = [], ""
    for byte in data:
        unit = chr(byte) if byte in _PLAIN else f"\\0{byte:03o}"
        if len(piece) + len(unit) > _LINE_MAX:
            pieces.append(piece)
            piece = ""
        piece += unit
    return [*pieces, piece] if piece else pieces


class Job:
    """A command that runs in the guest."""

    def __init__(self, agent, number, script):
        self.agent, self.number, self.script = agent, number, script
        self.started = time.monotonic()
        self.result = None

    def done(self):
        """Whether it has ended; asks the guest."""
        if self.result is None:
            self.result = self.agent.poll(self)
        return self.result is not None

    def wait(self, timeout):
        """Waits for the result; a failure if that takes longer than `timeout` seconds."""
        deadline = time.monotonic() + timeout
        pause = 0.02
        while not self.done():
            if time.monotonic() > deadline:
                raise Failed(f"still running after {timeout} s:\n{self.script.strip()}")
            time.sleep(pause)
            pause = min(pause * 1.5, 0.5)
        return self.result


class Agent:
    """Sends scripts to the guest's agent and collects what they print."""

    def __init__(self, path, alive):
        self.path, self.alive = path, alive
        self.buffer = b""
        self.next = 0
        self.socket = None

    def connect(self, timeout):
        """Waits until the agent in the guest answers."""
        deadline = time.monotonic() + timeout
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(self.path))
        while time.monotonic() < deadline:
            self.alive()
            self.next += 1
            try:
                # Before the agent runs, nothing in the guest reads, and the queue may fill up.
                self._send(f"ping {self.next}")
                while self._line(1.0) != f"pong {self.next}":
                    pass
                return
            except TimeoutError:
                continue
        raise GuestDied(f"no answer from the guest's agent within {timeout:.0f} s of boot")

    def close(self):
        """Closes the channel."""
        if self.socket:
            self.socket.close()
            self.socket = None

    def start(self, script):
        """Starts a script, which runs while others are started."""
        self.next += 1
        number = self.next
        data = script.encode()
        self._ask(f"begin {number}", f"ok {number}")
        for piece in escape(data):
            self._ask(f"text {number} {piece}", f"ok {number}")
        self._ask(f"start {number} {len(data)}", f"started {number}")
        return Job(self, number, script)

    def run(self, script, timeout):
        """Runs a script to its end."""
        return self.start(script).wait(timeout)

    def poll(self, job):
        """The result of a job that has ended, or None."""
        self._send(f"poll {job.number}")
        lines = []
        while True:
            line = self._line(120.0)
            if line == f"wait {job.number}":
                return None
            if line.startswith("|"):
                lines.append(line[1:])
            elif line.startswith(f"exit {job.number} "):
                seconds = time.monotonic() - job.started
                return Result(int(line.split()[2]), "\n".join(lines), seconds)

    def _send(self, line):
        try:
            self.socket.sendall(line.encode() + b"\n")
        except TimeoutError:
            raise
        except OSError as error:  # QEMU has ended; the console shows why
            self.alive()
            raise GuestDied(f"the command channel broke: {error}") from error

    def _ask(self, line, wanted):
        self._send(line)
        answer = self._line(60.0)
        while answer != wanted:
            if answer.startswith("bad "):
                raise GuestDied(f"the command channel garbled a script: {answer}")
            answer = self._line(60.0)

    def _line(self, timeout):
        deadline = time.monotonic() + timeout
        while b"\n" not in self.buffer:
            self.alive()
            if time.monotonic() > deadline:
                raise TimeoutError("the guest's agent does not answer")
            self.socket.settimeout(0.5)
            try:
                got = self.socket.recv(65536)
            except TimeoutError:
                continue
            if not got:
                self.alive()
                raise GuestDied("QEMU closed the command channel")
            self.buffer += got
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.decode("utf-8", "replace").rstrip("\r")
