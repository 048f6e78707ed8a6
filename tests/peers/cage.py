"""A network namespace of its own for one test: port 5060 is free in it, and nothing outside can be reached.

Root makes it with `unshare -n`; anybody else with `unshare -rn`, where the kernel lets them.
"""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

HOLDER = Path(__file__).with_name("holder.py")
IPV6_FREEBIND = 78


class NoCage(Exception):
    """This machine does not let us make network namespaces; the text says what was tried."""


class Cage:
    """A namespace with the loopback interface up; `run` is what to put in front of a command to run it inside."""

    def __init__(self) -> None:
        self._made: list[socket.socket] = []
        tried = []
        for options in (["-n"], ["-rn"]) if os.geteuid() == 0 else (["-rn"],):
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._asker = ours
            ours.settimeout(10)
            with theirs:
                command = ["unshare", *options, sys.executable, "-S", "-E", str(HOLDER), str(theirs.fileno())]
                try:
                    self._holder = subprocess.Popen(
                        command,
                        pass_fds=[theirs.fileno()],
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.PIPE,
                        text=True,
                    )
                except FileNotFoundError as error:
                    raise NoCage("unshare is not installed (package util-linux)") from error
            if ours.recv(64) == b"ready":
                self.pid = self._holder.pid
                pid = str(self.pid)
                self.run = ["nsenter", "-t", pid, "-n", "--"]
                if options == ["-rn"]:
                    self.run = ["nsenter", "-t", pid, "-U", "-n", "--preserve-credentials", "--"]
                return
            tried.append(f"{' '.join(command[:2])}: {self._end().strip()}")
        raise NoCage("no network namespace can be made here: " + "; ".join(tried))

    def open(self, kind: int, host: str = "", port: int = 0, family: int = socket.AF_INET) -> socket.socket:
        """A socket in the cage, bound if a host is given; it waits for at most ten seconds."""
        if ":" in host:
            family = socket.AF_INET6
        self._asker.send(f"{int(family)} {int(kind)}".encode())
        _, descriptors, _, _ = socket.recv_fds(self._asker, 64, 1)
        made = socket.socket(fileno=descriptors[0])
        self._made.append(made)
        made.settimeout(10)
        if host:
            if kind == socket.SOCK_STREAM:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
            made.bind((host, port))
        return made

    def connect(self, host: str, port: int, source: str = "", source_port: int = 0) -> socket.socket:
        """A TCP connection inside the cage."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        made = self.open(socket.SOCK_STREAM, source, source_port, family)
        made.connect((host, port))
        return made

    def ip(self, *words: str) -> None:
        """Run `ip` in the cage."""
        if shutil.which("ip") is None:
            raise NoCage("ip is not installed (package iproute2)")
        subprocess.run([*self.run, "ip", *words], check=True, capture_output=True, timeout=10)

    def look_like_a_lan(self) -> None:
        """Add an interface with a default route, without which linphone believes that there is no network."""
        self.ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
        self.ip("addr", "add", "10.99.0.2/24", "dev", "v0")
        self.ip("link", "set", "v0", "up")
        self.ip("link", "set", "v1", "up")
        self.ip("route", "add", "default", "via", "10.99.0.1", "dev", "v0")

    def add_ipv6(self, prefix: str, *addresses: str) -> None:
        """Make the whole prefix loop back, and the addresses our own."""
        self.ip("-6", "route", "add", "local", prefix, "dev", "lo")
        for address in addresses:
            self.ip("-6", "addr", "add", f"{address}/128", "dev", "lo", "nodad")

    def _end(self) -> str:
        self._asker.close()
        _, said = self._holder.communicate(timeout=10)
        return said

    def close(self) -> None:
        """Close all sockets and let the holder end; the namespace goes when the last program in it does."""
        for made in self._made:
            made.close()
        self._end()
