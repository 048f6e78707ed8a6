"""The flows of a datagram socket: nothing but addresses, kept so that who sends again is the same object (RFC 3261 section 18)."""

from typing import TYPE_CHECKING, ClassVar, Final, final

from ..api.errors import TransportFailed
from ..sip.fields.via import SentBy, Source
from .batches import Address, Key, Way
from .words import bracketed

if TYPE_CHECKING:
    from .udp import UDPPort

MOST_FLOWS: Final = 8192
"""Flows kept by their address; when full they are all forgotten."""
LONGEST: Final = 65507


@final
class UDPFlow:
    """One socket of ours and one address out there."""

    __slots__ = ("_id", "_key", "_port", "address", "host", "port", "source")

    transport: ClassVar[str] = "UDP"
    reliable: ClassVar[bool] = False
    secure: ClassVar[bool] = False
    peer_names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, port: "UDPPort", key: Key, address: Address) -> None:
        self._port = port
        self._key = key
        self.address = address
        self.host: str = address[0]
        self.port: int = address[1]
        self.source = Source(self.host, self.port)
        self._id = ""

    @property
    def id(self) -> str:
        """The name of this flow: the same for the same two addresses, across restarts too."""
        if not self._id:
            self._id = f"UDP {self.host} {self.port} via {self._port.host} {self._port.port}"
        return self._id

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
        port = self._port
        return port.always or port.sent_by(self.host)

    def send(self, data: bytes) -> None:
        """Send one datagram when the turn ends; raises TransportFailed if it is too long or the socket is closed."""
        port = self._port
        if len(data) > LONGEST:
            raise TransportFailed(f"{len(data)} bytes do not fit into a datagram")
        if not port.alive:
            raise TransportFailed("the socket is closed")
        queue = port.queue
        if not queue:
            port.turns.pending.append(port)
        queue.append((data, self._key))

    def __repr__(self) -> str:
        return f"<{self.id}>"


@final
class Flows:
    """The flows of one port: by key as they are heard, by host and port as they are asked for."""

    def __init__(self, port: "UDPPort", way: type[Way]) -> None:
        self._port = port
        self._way = way
        self.most = MOST_FLOWS
        self.known: dict[Key, UDPFlow] = {}
        self.asked: dict[tuple[str, int], UDPFlow] = {}

    def at(self, key: Key) -> UDPFlow | None:
        """A flow to this key, not remembered; None when its address is not one of IP."""
        address = self._way.address_of(key)
        return UDPFlow(self._port, key, address) if address is not None else None

    def meet(self, key: Key) -> UDPFlow | None:
        """A flow to this key, remembered."""
        flow = self.at(key)
        if flow is not None:
            if len(self.known) >= self.most:
                self.known.clear()
            self.known[key] = flow
        return flow

    def to(self, host: str, port: int) -> UDPFlow:
        """The flow to this address literal; raises TransportFailed if it is none."""
        flow = self.asked.get((host, port))
        if flow is None:
            key = self._way.key_of(host, port)
            flow = self.known.get(key) or self.meet(key)
            if flow is None:
                raise TransportFailed(f"{host!r} is no address")
            if len(self.asked) >= self.most:
                self.asked.clear()
            self.asked[host, port] = flow
        return flow
