"""Opens the sockets a site listens on; what cannot be opened is said in one sentence with its mend."""

import errno
import socket
from typing import Final

from ..api.errors import ConfigError
from .words import UDP, Listener

BACKLOG: Final = 1024
RECEIVE_BUFFER: Final = 4194304


def bind(word: Listener) -> socket.socket:
    """The bound socket of a listener; a stream's listens already.  Raises ConfigError."""
    datagrams = isinstance(word, UDP)
    family = socket.AF_INET6 if word.ipv6 else socket.AF_INET
    opened: socket.socket | None = None
    try:
        opened = socket.socket(family, socket.SOCK_DGRAM if datagrams else socket.SOCK_STREAM)
        opened.setblocking(False)
        if word.ipv6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if datagrams:
            # No SO_REUSEADDR: for datagrams it would let a second program share the port and take half of them.
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        else:
            # For streams it only means not to wait for connections of a former run to fade.
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((word.host, word.port))
        if not datagrams:
            opened.listen(BACKLOG)
    except OSError as error:
        if opened is not None:
            opened.close()
        raise ConfigError(_cannot_bind(word, error)) from error
    return opened


def _cannot_bind(word: Listener, error: OSError) -> str:
    where = f"port {word.port} on {word.host} ({word.scheme})"
    if error.errno == errno.EADDRINUSE:
        return f"{where} is in use by another program; stop that program, or give {word.scheme}(...) another port"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{where} is not for this user; take a port above 1023, or give the service CAP_NET_BIND_SERVICE"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{where}: {word.host} is no address of this machine; name one of its own, or 0.0.0.0 or :: for all"
    if error.errno == errno.EAFNOSUPPORT:
        family = "IPv6" if word.ipv6 else "IPv4"
        return f"{where}: this machine does not speak {family}; take that listener out, or switch {family} on"
    return f"{where} cannot be opened: {error.strerror}; see whether that address and port make sense here"
