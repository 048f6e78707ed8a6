"""Two ways to take datagrams from a socket and to give it some: in the kernel's own batches where `_mmsg` was built, else one by one.

Each names an address in its own words, the key: the kernel's bytes, or the tuple of Python's socket module.
"""

import errno
import socket
import sys
from collections.abc import Callable
from typing import Any, Final, Protocol, final

from ..api.context import Arrival, Flow
from .local import family_of

BATCH: Final = 64
"""Datagrams read in one turn: more would let one flood keep timers and connections waiting."""
LONGEST: Final = 65536
"""No datagram is longer, so none is cut."""
TRIES: Final = 8
"""How often a socket with bad news of earlier datagrams is asked again; each time it forgets one."""

Key = Any
Address = tuple[Any, ...]
Meet = Callable[[Key], Flow | None]
"""Makes the flow of a key that is not in the table yet; None when its address is not one of IP."""


class Way(Protocol):
    """How one socket is read and written.  Nothing here raises for what the network does."""

    def receive(self, at: float, into: list[Arrival]) -> bool:
        """Put what there is into an empty list, at most a batch; whether there was also bad news of something sent earlier."""

    def send(self, queue: list[tuple[bytes, Key]], start: int) -> int:
        """Send the queue from `start` on: how many the kernel took, or minus the error number if it did not take the first.

        When it took fewer than there were, asking again from there tells why.
        """

    @staticmethod
    def key_of(host: str, port: int) -> Key:
        """The key of an address literal."""

    @staticmethod
    def address_of(key: Key) -> Address | None:
        """The address as Python's socket module writes it; None when it is not one of IP."""


@final
class OneByOne:
    """recvfrom and sendto: everywhere."""

    def __init__(self, bound: socket.socket, flows: dict[Key, Any], meet: Meet) -> None:
        self._flows = flows
        self._meet = meet
        self._recvfrom = bound.recvfrom
        self._sendto = bound.sendto

    def receive(self, at: float, into: list[Arrival]) -> bool:
        """As Way says."""
        recvfrom, flows = self._recvfrom, self._flows
        bad = 0
        for _ in range(BATCH):
            try:
                data, address = recvfrom(LONGEST)
            except BlockingIOError:
                break
            except OSError:
                bad += 1
                if bad == TRIES:
                    break
                continue
            flow = flows.get(address) or self._meet(address)
            if flow is not None:
                into.append(Arrival(data, flow, at))
        return bad > 0

    def send(self, queue: list[tuple[bytes, Key]], start: int) -> int:
        """As Way says."""
        sendto = self._sendto
        taken = 0
        try:
            for data, address in queue[start:] if start else queue:
                sendto(data, address)
                taken += 1
        except BlockingIOError:
            return taken or -errno.EAGAIN
        except OSError as error:
            return taken or -(error.errno or errno.EIO)
        return taken

    @staticmethod
    def key_of(host: str, port: int) -> Key:
        """As Way says."""
        if family_of(host) == socket.AF_INET:
            return (host, port)
        return (socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, host)), port, 0, 0)

    @staticmethod
    def address_of(key: Key) -> Address | None:
        """As Way says."""
        address: Address = key
        return address


@final
class Together:
    """recvmmsg and sendmmsg: Linux, with `_mmsg` built.  All sockets share one room for a batch, 4 MiB that are touched as needed."""

    _shared: Any = None

    def __init__(self, bound: socket.socket, flows: dict[Key, Any], meet: Meet) -> None:
        if Together._shared is None:
            from ._mmsg import Batch

            Together._shared = Batch(BATCH, LONGEST)
        self._flows = flows
        self._meet = meet
        self._fileno = bound.fileno()
        self._receive = Together._shared.receive
        self._send = Together._shared.send

    def receive(self, at: float, into: list[Arrival]) -> bool:
        """As Way says."""
        error = self._receive(self._fileno, self._flows, self._meet, Arrival, at, into)
        tries = 0
        while error and error != errno.EAGAIN:
            tries += 1
            if tries == TRIES:
                break
            error = self._receive(self._fileno, self._flows, self._meet, Arrival, at, into)
        return tries > 0

    def send(self, queue: list[tuple[bytes, Key]], start: int) -> int:
        """As Way says."""
        taken: int = self._send(self._fileno, queue, start)
        return taken

    @staticmethod
    def key_of(host: str, port: int) -> Key:
        """As Way says: a sockaddr_in or sockaddr_in6 of Linux."""
        family = family_of(host)
        packed = socket.inet_pton(family, host)
        head = int(family).to_bytes(2, sys.byteorder) + port.to_bytes(2, "big")
        return head + packed + bytes(8) if family == socket.AF_INET else head + bytes(4) + packed + bytes(4)

    @staticmethod
    def address_of(key: Key) -> Address | None:
        """As Way says."""
        family = int.from_bytes(key[:2], sys.byteorder)
        port = int.from_bytes(key[2:4], "big")
        if family == socket.AF_INET and len(key) == 16:
            return (socket.inet_ntop(socket.AF_INET, key[4:8]), port)
        if family == socket.AF_INET6 and len(key) == 28:
            flow, zone = (int.from_bytes(key[4:8], "big"), int.from_bytes(key[24:28], sys.byteorder))
            return (socket.inet_ntop(socket.AF_INET6, key[8:24]), port, flow, zone)
        return None


Ways = type[OneByOne] | type[Together]


def fastest() -> Ways:
    """The better way of those that work here."""
    try:
        from . import _mmsg  # noqa: F401
    except ImportError:
        return OneByOne
    return Together
