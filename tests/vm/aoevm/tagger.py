# SPDX-License-Identifier: BSD-2-Clause
"""Joins two interfaces; frames from the first to the second get a priority tag.

	tagger.py FIRST SECOND
"""

import select
import socket
import sys

ETH_P_ALL = 3
PACKET_OUTGOING = 4
TAG = bytes([0x81, 0x00, 0x60, 0x00])  # priority 3, VLAN 0


def opened(interface):
    """A raw socket on an interface."""
    port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    port.bind((interface, 0))
    # Frames that the other socket sent are received here as outgoing; main() drops them.
    return port


def main(arguments):
    """The program."""
    first, second = map(opened, arguments)
    while True:
        for port in select.select([first, second], [], [])[0]:
            frame, origin = port.recvfrom(65536)
            if origin[2] == PACKET_OUTGOING:
                continue
            if port is first:
                second.send(frame[:12] + TAG + frame[12:])
            else:
                first.send(frame)


if __name__ == "__main__":
    main(sys.argv[1:])
