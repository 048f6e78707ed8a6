"""Holds a network namespace open and makes sockets in it for the test process; ends when the test process does.

Run by cage.py with the file descriptor of one end of a socket pair.  Each request is two numbers, family and kind; each
answer is one file descriptor.  A socket stays in the namespace it was made in, whoever uses it.
"""

import fcntl
import socket
import struct
import sys

SIOCSIFFLAGS = 0x8914
IFF_UP = 1


def main() -> None:
    """Bring the loopback interface up, then make sockets until the other end is gone."""
    asker = socket.socket(fileno=int(sys.argv[1]))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    asker.send(b"ready")
    while wanted := asker.recv(64):
        family, kind = (int(word) for word in wanted.split())
        with socket.socket(family, kind) as made:
            socket.send_fds(asker, [b"socket"], [made.fileno()])


main()
