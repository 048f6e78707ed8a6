"""Datagrams: one socket of ours in the reactor, read and sent in batches (RFC 3261 section 18; house rule: the fast path).

The socket is never connected: the reactors close a connected one for a single ICMP error.
"""

import errno
import os
import socket
from collections.abc import Callable
from typing import Any, Final, final

from twisted.internet.interfaces import IReadDescriptor, IReadWriteDescriptor
from zope.interface import implementer

from ..api.context import Arrival
from ..api.events import Teller
from ..sip.fields.via import SentBy
from .batches import BATCH, Key, Way, Ways, fastest
from .icmp import News, errors
from .local import WILDCARDS, LocalAddresses
from .turns import Bound, Turns
from .udpflow import Flows, UDPFlow
from .watch import Watch, best_watch
from .words import UDP, bracketed

MOST_WAITING: Final = 1024
"""Datagrams kept while the kernel takes none; what comes on top is dropped, as the network would."""
TRIES: Final = 3
"""How often a datagram is sent before an error is its own: a socket answers with bad news of an earlier one first."""

# What the kernel says about this datagram itself; anything else is weather.
_HOPELESS: Final = frozenset(
    {
        errno.EMSGSIZE,
        errno.ENETUNREACH,
        errno.EHOSTUNREACH,
        errno.EADDRNOTAVAIL,
        errno.EACCES,
        errno.EPERM,
        errno.EINVAL,
        errno.EAFNOSUPPORT,
    }
)


@final
@implementer(IReadDescriptor, IReadWriteDescriptor)
class UDPPort:
    """One bound socket in the reactor."""

    def __init__(
        self,
        word: UDP,
        bound: socket.socket,
        turns: Turns,
        reactor: Any,
        local: LocalAddresses,
        tell: Teller,
        now: Callable[[], float],
        way: Ways | None = None,
        watch: Callable[[socket.socket, Any, Any], Watch] = best_watch,
    ) -> None:
        self.word = word
        self.turns = turns
        self.advertise = word.advertise
        self.host: str = word.host
        self.port: int = bound.getsockname()[1]
        self.alive = True
        self.queue: list[tuple[bytes, Key]] = []
        self._waiting: list[tuple[bytes, Key]] = []
        self._sent_by: dict[str, SentBy] = {}
        self.always: SentBy | None = None
        """What Via and Record-Route say of us to everybody; None when it depends on the peer."""
        self._news = News(turns, reactor)
        self._bad_news = False
        self._socket = bound
        self._reactor = reactor
        self._local = local
        self._now = now
        self._wild = word.host in WILDCARDS
        if self.advertise or not self._wild:
            self.always = self.sent_by(word.host)
        self._full = Bound(f"datagrams waiting on {word}", MOST_WAITING, "the newest are dropped", tell, now)
        bound.setblocking(False)
        way = way or fastest()
        self._flows = Flows(self, way)
        self._way: Way = way(bound, self._flows.known, self._flows.meet)
        self._watch = watch(bound, self, reactor)
        reactor.addReader(self)

    def local_host(self, peer: str) -> str:
        """Our address as this peer sees it."""
        return self._local.toward(peer) if self._wild else self.host

    def sent_by(self, peer: str) -> SentBy:
        """What Via and Record-Route say of us to this peer."""
        host = self.advertise or self.local_host(peer)
        known = self._sent_by.get(host)
        if known is None:
            known = self._sent_by[host] = SentBy("UDP", bracketed(host), self.port)
        return known

    def flow_to(self, host: str, port: int) -> UDPFlow:
        """The flow to this address literal."""
        return self._flows.to(host, port)

    def known_flow_to(self, host: str, port: int) -> UDPFlow | None:
        """The flow to this address if it was asked for before."""
        return self._flows.asked.get((host, port))

    def doRead(self) -> None:
        """Receive what there is, at most a batch, and end the turn; again if more has come, less than two batches in all."""
        if self._waiting:
            self.doWrite()
        left = BATCH
        arrivals: list[Arrival] = []
        bad_news = self._way.receive(self._now(), arrivals)
        # Woken for nothing means that there is nothing but bad news.
        bad_news = bad_news or not arrivals
        while arrivals:
            self._turn(arrivals)
            left -= len(arrivals)
            if left <= 0 or not self.alive:
                break
            # What came meanwhile is taken at once: it is far cheaper than a round through the reactor.
            arrivals = []
            bad_news = self._way.receive(self._now(), arrivals) or bad_news
        if (bad_news or self._bad_news) and self._watch.errors and self.alive:
            self._bad_news = False
            for address, quoted, why in errors(self._socket):
                self._news.add(self._flows.at(self._way.key_of(*address[:2])), why, quoted)

    def _turn(self, arrivals: list[Arrival]) -> None:
        turns = self.turns
        received = turns.receiver.received
        turns.inside = True
        for arrival in arrivals:
            try:
                received(arrival)
            except Exception as error:  # the receiver promised not to; the socket outlives it
                turns.broke("received", error)
            if not self.alive:
                break
        turns.inside = False
        turns.end()

    def flush(self) -> None:
        """Send what is queued."""
        queue, self.queue = self.queue, []
        if self._waiting:
            self._wait(queue)
            return
        taken = self._push(queue)
        if taken < len(queue):
            self._wait(queue[taken:])

    def drop(self) -> None:
        """Forget what is queued."""
        self.queue = []

    def doWrite(self) -> None:
        """The kernel takes datagrams again."""
        del self._waiting[: self._push(self._waiting)]
        if not self._waiting:
            self._watch.writing(False)

    def _push(self, queue: list[tuple[bytes, Key]]) -> int:
        """Send: how many were sent or given up, fewer than all only because the kernel is full."""
        at = tries = 0
        while at < len(queue):
            taken = self._way.send(queue, at)
            if taken > 0:
                at += taken
                tries = 0
                continue
            if taken == -errno.EAGAIN:
                break
            self._bad_news = True
            tries += 1
            if tries == TRIES:
                self._failed(*queue[at], -taken)
                at += 1
                tries = 0
        return at

    def _wait(self, queue: list[tuple[bytes, Key]]) -> None:
        room = MOST_WAITING - len(self._waiting)
        if len(queue) > room:
            self._full.met()
        self._waiting.extend(queue[:room])
        self._watch.writing(True)

    def _failed(self, data: bytes, key: Key, number: int) -> None:
        if number in _HOPELESS:
            self._news.add(self._flows.at(key), os.strerror(number), data)

    def close(self) -> None:
        """Close the socket; what is queued is lost."""
        if self.alive:
            self.alive = False
            self.queue = []
            self._waiting.clear()
            self._news.close()
            self._reactor.removeReader(self)
            self._watch.close()
            self._socket.close()

    def fileno(self) -> int:
        """The number of what the reactor watches."""
        return self._watch.fileno()

    def connectionLost(self, reason: object) -> None:
        """The reactor stops."""
        self.close()

    def logPrefix(self) -> str:
        """What the reactor calls us."""
        return str(self.word)
