"""Datagrams: our own descriptor over a socket, read and sent in batches (RFC 3261 section 18; house rule: the fast path).

The socket is never connected: the reactors close a connected one for a single ICMP error.  It is a plain descriptor, so
that errors can later be read beside it from an `epoll` object of our own.
"""

import errno
import socket
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar, Final, final

from twisted.internet.interfaces import IReadDescriptor, IReadWriteDescriptor
from zope.interface import implementer

from ..api.context import Arrival
from ..api.errors import TransportFailed
from ..api.events import Teller
from ..sip.fields.via import SentBy, Source
from .local import WILDCARDS, LocalAddresses
from .turns import Bound, Turns
from .words import UDP, bracketed

BATCH: Final = 64
"""Datagrams read in one turn: more would let one flood keep timers and connections waiting."""
MOST_WAITING: Final = 1024
"""Datagrams kept while the kernel takes none; what comes on top is dropped, as the network would."""
MOST_FLOWS: Final = 8192
"""Flows kept by their address, so that who sends again is the same object; when full they are all forgotten."""
LONGEST: Final = 65507

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

Address = tuple[Any, ...]


@final
class UDPFlow:
    """One socket of ours and one address out there."""

    __slots__ = ("_port", "address", "host", "port", "source")

    transport: ClassVar[str] = "UDP"
    reliable: ClassVar[bool] = False
    secure: ClassVar[bool] = False
    peer_names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, port: "UDPPort", address: Address) -> None:
        self._port = port
        self.address = address
        self.host: str = address[0]
        self.port: int = address[1]
        self.source = Source(self.host, self.port)

    @property
    def id(self) -> str:
        """The name of this flow: the same for the same two addresses, across restarts too."""
        return f"UDP {self.host} {self.port} via {self._port.host} {self._port.port}"

    @property
    def alive(self) -> bool:
        """Whether the socket is open."""
        return self._port.alive

    @property
    def local_host(self) -> str:
        """Our address; of a wildcard socket the one that packets to this peer leave from."""
        return self._port.local_host(self.host)

    @property
    def local_port(self) -> int:
        """Our port."""
        return self._port.port

    @property
    def via_host(self) -> str:
        """What our Via says: the advertised host or our address, IPv6 in brackets."""
        return self._port.advertise or bracketed(self._port.local_host(self.host))

    @property
    def via_port(self) -> int:
        """What our Via says."""
        return self._port.port

    @property
    def sent_by(self) -> SentBy:
        """What our Via and Record-Route say."""
        return self._port.sent_by(self.host)

    def send(self, data: bytes) -> None:
        """Send one datagram when the turn ends; raises TransportFailed if it is too long or the socket is closed."""
        port = self._port
        if len(data) > LONGEST:
            raise TransportFailed(f"{len(data)} bytes do not fit into a datagram")
        if not port.alive:
            raise TransportFailed("the socket is closed")
        if not port.queue:
            port.turns.pending.append(port)
        port.queue.append((data, self.address))

    def __repr__(self) -> str:
        return f"<{self.id}>"


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
    ) -> None:
        self.word = word
        self.turns = turns
        self.advertise = word.advertise
        self.host: str = word.host
        self.port: int = bound.getsockname()[1]
        self.alive = True
        self.queue: list[tuple[bytes, Address]] = []
        self._flows: dict[Address, UDPFlow] = {}
        self._sent_by: dict[str, SentBy] = {}
        self._waiting: deque[tuple[bytes, Address]] = deque()
        self._socket = bound
        self._reactor = reactor
        self._local = local
        self._now = now
        self._wild = word.host in WILDCARDS
        self._full = Bound(f"datagrams waiting on {word}", MOST_WAITING, "the newest are dropped", tell, now)
        bound.setblocking(False)
        reactor.addReader(self)

    def local_host(self, peer: str) -> str:
        """Our address as this peer sees it."""
        return self._local.toward(peer) if self._wild else self.host

    def sent_by(self, peer: str) -> SentBy:
        """What Via and Record-Route say of us to this peer."""
        host = self.advertise or (self._local.toward(peer) if self._wild else self.host)
        known = self._sent_by.get(host)
        if known is None:
            known = self._sent_by[host] = SentBy("UDP", bracketed(host), self.port)
        return known

    def flow_to(self, host: str, port: int) -> UDPFlow:
        """The flow to this address literal."""
        return UDPFlow(self, (host, port))

    def doRead(self) -> None:
        """Receive what there is, at most a batch; then end the turn."""
        turns = self.turns
        received = turns.receiver.received
        recvfrom = self._socket.recvfrom
        flows = self._flows
        now = self._now()
        turns.inside = True
        for _ in range(BATCH):
            try:
                data, address = recvfrom(65536)
            except BlockingIOError:
                break
            except OSError:
                continue  # somebody else's bad news (an earlier datagram was refused): this socket is well
            try:
                flow = flows.get(address)
                if flow is None:
                    if len(flows) >= MOST_FLOWS:
                        flows.clear()
                    flow = flows[address] = UDPFlow(self, address)
                received(Arrival(data, flow, now))
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
        sendto = self._socket.sendto
        for at, (data, address) in enumerate(queue):
            try:
                sendto(data, address)
            except BlockingIOError:
                self._wait(queue[at:])
                return
            except OSError as error:
                self._failed(address, error)

    def drop(self) -> None:
        """Forget what is queued."""
        self.queue = []

    def doWrite(self) -> None:
        """The kernel takes datagrams again."""
        waiting = self._waiting
        while waiting:
            try:
                self._socket.sendto(*waiting[0])
            except BlockingIOError:
                return
            except OSError as error:
                self._failed(waiting[0][1], error)
            waiting.popleft()
        self._reactor.removeWriter(self)

    def _wait(self, queue: list[tuple[bytes, Address]]) -> None:
        room = MOST_WAITING - len(self._waiting)
        if len(queue) > room:
            self._full.met()
        self._waiting.extend(queue[:room])
        self._reactor.addWriter(self)

    def _failed(self, address: Address, error: OSError) -> None:
        if error.errno in _HOPELESS:
            # Told in a reactor turn of its own: the receiver is not asked anything while its output is being sent.
            why = error.strerror or str(error)
            self._reactor.callLater(0, self._broke, UDPFlow(self, address), why)

    def _broke(self, flow: UDPFlow, why: str) -> None:
        if self.alive:
            self.turns.flow_broke(flow, why)

    def close(self) -> None:
        """Close the socket; what is queued is lost."""
        if self.alive:
            self.alive = False
            self.queue = []
            self._waiting.clear()
            self._reactor.removeReader(self)
            self._reactor.removeWriter(self)
            self._socket.close()

    def fileno(self) -> int:
        """The socket's number."""
        return self._socket.fileno()

    def connectionLost(self, reason: object) -> None:
        """The reactor stops."""
        self.close()

    def logPrefix(self) -> str:
        """What the reactor calls us."""
        return str(self.word)
