"""How a reactor watches a datagram socket: at first hand, or through an epoll object of our own that keeps ICMP errors from it."""

import contextlib
import select
import socket
from typing import Any, Protocol, final

from .icmp import ask_for_errors


class Watch(Protocol):
    """What the reactor watches for a port."""

    errors: bool
    """Whether the socket keeps an error queue."""

    def fileno(self) -> int:
        """The descriptor that the reactor sees, readable when the socket wants anything of us; -1 when closed."""

    def writing(self, wanted: bool) -> None:
        """Wake the port when the kernel takes datagrams again, or no longer."""

    def close(self) -> None:
        """Let go; the socket is not closed by this."""


@final
class Plain:
    """The socket itself.  It must not keep an error queue: the reactors close what has an error."""

    errors = False

    def __init__(self, bound: socket.socket, port: Any, reactor: Any) -> None:
        self._socket = bound
        self._port = port
        self._reactor = reactor

    def fileno(self) -> int:
        """As Watch says."""
        return self._socket.fileno()

    def writing(self, wanted: bool) -> None:
        """As Watch says: by the port's `doWrite`."""
        if wanted:
            self._reactor.addWriter(self._port)
        else:
            self._reactor.removeWriter(self._port)

    def close(self) -> None:
        """As Watch says."""
        self._reactor.removeWriter(self._port)


@final
class Nested:
    """An epoll object with the socket in it: the reactor only ever sees it readable, whatever happens to the socket.

    Nobody asks it what happened: reading the socket tells that for less.
    """

    errors = True

    def __init__(self, bound: socket.socket, port: Any, reactor: Any) -> None:
        self._socket = bound
        self._epoll = select.epoll()
        try:
            ask_for_errors(bound)
            self._epoll.register(bound.fileno(), select.EPOLLIN)
        except OSError:
            self._epoll.close()
            raise

    def fileno(self) -> int:
        """As Watch says."""
        return -1 if self._epoll.closed else self._epoll.fileno()

    def writing(self, wanted: bool) -> None:
        """As Watch says: by the port's `doRead`."""
        self._epoll.modify(self._socket.fileno(), select.EPOLLIN | (select.EPOLLOUT if wanted else 0))

    def close(self) -> None:
        """As Watch says."""
        self._epoll.close()


def best_watch(bound: socket.socket, port: Any, reactor: Any) -> Watch:
    """Nested where the system can do that."""
    if hasattr(select, "epoll"):
        with contextlib.suppress(OSError):
            return Nested(bound, port, reactor)
    return Plain(bound, port, reactor)
