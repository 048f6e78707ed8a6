"""How many connections there may be, whose they are, and which one goes first when there are too many (RFC 3261 section 26.1.5)."""

import socket
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final, Protocol, final

from .turns import Bound

PATIENCE: Final = 10.0
"""Seconds for a handshake, and then for a stranger's first byte."""


class Held(Protocol):
    """A connection as it is counted."""

    host: str
    deadline: float

    def fail(self, why: str) -> None:
        """Close it, and say why."""

    def expire(self) -> None:
        """Its deadline has passed."""


@final
class Connections:
    """The connections of one listener (or all that we opened), the one longest silent first."""

    def __init__(self, most: int, most_per_source: int, full: Bound, crowded: Bound) -> None:
        self._most = most
        self._most_per_source = most_per_source
        self._full = full
        self._crowded = crowded
        self._sources: dict[str | bytes, int] = {}
        # Strangers have not sent a whole message yet: whoever opens connections to starve us stays among them.
        self._strangers: OrderedDict[Held, None] = OrderedDict()
        self._known: OrderedDict[Held, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._strangers) + len(self._known)

    def __iter__(self) -> Iterator[Held]:
        yield from list(self._strangers)
        yield from list(self._known)

    def room_for(self, host: str) -> bool:
        """Whether this source may open one more; makes room in the whole by closing the one silent longest."""
        if self._sources.get(source_of(host), 0) >= self._most_per_source:
            self._crowded.met()
            return False
        if len(self) >= self._most:
            self._full.met()
            idlest = next(iter(self._strangers or self._known))
            self.remove(idlest)
            idlest.fail("too many connections, and this one was silent longest")
        return True

    def add(self, held: Held) -> None:
        """Count a new one, as a stranger."""
        source = source_of(held.host)
        self._sources[source] = self._sources.get(source, 0) + 1
        self._strangers[held] = None

    def heard(self, held: Held, whole: bool) -> None:
        """It sent something; `whole` if that made a message."""
        if held in self._known:
            self._known.move_to_end(held)
        elif held in self._strangers:
            if whole:
                del self._strangers[held]
                self._known[held] = None
            else:
                self._strangers.move_to_end(held)

    def remove(self, held: Held) -> None:
        """It is gone; saying so twice does no harm."""
        if held in self._strangers:
            del self._strangers[held]
        elif held in self._known:
            del self._known[held]
        else:
            return
        source = source_of(held.host)
        left = self._sources[source] - 1
        if left:
            self._sources[source] = left
        else:
            del self._sources[source]

    def sweep(self, now: float) -> None:
        """Close those whose deadline has passed."""
        late = [held for held in self._strangers if held.deadline <= now]
        late += [held for held in self._known if held.deadline <= now]
        for held in late:
            held.expire()


def source_of(host: str) -> str | bytes:
    """Who counts as one source: an IPv4 address, or the /64 of an IPv6 one (RFC 6177: a site has at least that)."""
    if ":" not in host:
        return host
    try:
        return socket.inet_pton(socket.AF_INET6, host.partition("%")[0])[:8]
    except OSError:
        return host
