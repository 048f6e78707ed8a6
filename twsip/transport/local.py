"""Which of our addresses a peer sees when a socket is bound to all of them: what sent-by must say (RFC 3261 section 18.1.1)."""

import socket
from collections.abc import Callable
from typing import Final, final

WILDCARDS: Final = ("0.0.0.0", "::")  # noqa: S104
MOST_KNOWN: Final = 4096
FRESH: Final = 60.0


@final
class LocalAddresses:
    """Asks the routing table, and remembers 4,096 answers for at most a minute."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._known: dict[str, str] = {}
        self._since = 0.0

    def toward(self, peer: str) -> str:
        """Our address that packets to this address literal leave from; the wildcard itself when there is no way there."""
        now = self._now()
        if not 0 <= now - self._since < FRESH or len(self._known) >= MOST_KNOWN:
            self._known.clear()
            self._since = now
        found = self._known.get(peer)
        if found is None:
            found = self._known[peer] = _ask(peer)
        return found


def _ask(peer: str) -> str:
    # Connecting an unbound datagram socket sends nothing: the kernel only looks up the route.  The socket never meets
    # a reactor, so that no ICMP error can reach anything of ours.
    family = family_of(peer)
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((peer, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return WILDCARDS[family == socket.AF_INET6]


def family_of(host: str) -> socket.AddressFamily:
    """The address family of a literal."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def is_literal(host: str) -> bool:
    """Whether this is an address as the kernel writes it: no name, no short or octal notation."""
    try:
        socket.inet_pton(family_of(host), host)
    except (OSError, ValueError):
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether the literal is a loopback address."""
    return host.startswith("127.") or host == "::1"
