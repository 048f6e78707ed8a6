"""Connections: one flow for TCP and TLS, for those we accepted and those we opened (RFC 3261 section 18, RFC 5626 section 3.5.1)."""

import contextlib
import socket
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar, Final, Protocol, final

from ..api.context import Arrival
from ..api.errors import TransportFailed
from ..api.events import ConnectionClosed, Teller
from ..sip.fields.via import SentBy, Source
from ..sip.framing import PONG, Framer
from .connections import PATIENCE, Connections
from .local import WILDCARDS, LocalAddresses
from .turns import Turns
from .words import IDLE, MESSAGE_DEADLINE, MOST_UNSENT, Stream, bracketed

LINGER: Final = 2.0
"""Seconds that a connection we are done with is still read from, so that our last answer is not reset away."""
AT_ONCE: Final = 65536
"""Bytes that are written at once, and a message more; Twisted keeps as many before it says that the wire is full."""
DEAD_AFTER: Final = 60000
"""Milliseconds after which the kernel gives up on a peer that acknowledges nothing."""


@final
class Home:
    """The listener a flow belongs to, as its Via names it, and the limits that hold for it."""

    def __init__(self, scheme: str, host: str, port: int, word: Stream | None = None) -> None:
        self.scheme = scheme
        self.host = host
        self.port = port
        self.advertise = word.advertise if word is not None else ""
        self.message_deadline = word.message_deadline if word is not None else MESSAGE_DEADLINE
        self.idle = word.idle if word is not None else IDLE
        self.most_unsent = word.most_unsent if word is not None else MOST_UNSENT


class Prover(Protocol):
    """What a TLS flow asks when its handshake is done."""

    def names(self, connection: Any) -> tuple[str, ...]:
        """The names that the peer proved."""

    def objection(self, connection: Any, server_name: str, host: str) -> str:
        """Why this is not the server we wanted, "" when it is."""


@final
class World:
    """What every flow of a site shares."""

    def __init__(
        self, turns: Turns, reactor: Any, tell: Teller, now: Callable[[], float], local: LocalAddresses
    ) -> None:
        self.turns = turns
        self.reactor = reactor
        self.tell = tell
        self.now = now
        self.local = local
        self.gone: Callable[[StreamFlow], None] = lambda flow: None
        """Called once for every flow that closed."""


@final
class StreamFlow:
    """One connection.  It takes messages from its first moment: they wait, bounded, until it is open."""

    reliable: ClassVar[bool] = True

    def __init__(
        self,
        world: World,
        home: Home,
        connections: Connections,
        host: str,
        port: int,
        number: int,
        server_name: str | None = None,
        prover: Prover | None = None,
    ) -> None:
        self.transport = home.scheme
        self.secure = home.scheme == "TLS"
        self.host = host
        self.port = port
        self.source = Source(host, port)
        self.id = f"{home.scheme} {host} {port} #{number}"
        self.inbound = server_name is None
        self.server_name = server_name or ""
        self.alive = True
        self.peer_names: tuple[str, ...] = ()
        self.deadline = float("inf")  # the connector has its own deadline; ours begin when the connection stands
        self.dialling: Any = None
        """The connector that opens it, if we do."""
        self._late = ""
        self._prover = prover
        self._world = world
        self._home = home
        self._connections = connections
        self._framer = Framer()
        self._midway = False
        self._wire: Any = None
        self._side: object = None
        self._open = False
        self._blocked = True
        self._queue: list[bytes] = []
        self._unsent: deque[bytes] = deque()
        self._unsent_size = 0
        self.why = ""
        self._local: tuple[str, int] | None = None
        self._sent_by: SentBy | None = None
        connections.add(self)

    # -- what the house sees -------------------------------------------------------------------------------------

    @property
    def local_host(self) -> str:
        """Our address; before the connection is open, the one it will most likely have."""
        if self._local is not None:
            return self._local[0]
        return self._world.local.toward(self.host) if self._home.host in WILDCARDS else self._home.host

    @property
    def local_port(self) -> int:
        """Our port, 0 before the connection is open."""
        return self._local[1] if self._local is not None else 0

    @property
    def via_host(self) -> str:
        """What our Via says: the advertised host or our address, IPv6 in brackets."""
        return self._home.advertise or bracketed(self.local_host)

    @property
    def via_port(self) -> int:
        """What our Via says: where we listen, so that an answer finds us when this connection is gone."""
        return self._home.port

    @property
    def sent_by(self) -> SentBy:
        """What our Via and Record-Route say."""
        if self._sent_by is None or self._local is None:
            self._sent_by = SentBy(self.transport, self.via_host, self.via_port)
        return self._sent_by

    def send(self, data: bytes) -> None:
        """Send one message when the turn ends; raises TransportFailed if the connection is closed."""
        if not self.alive:
            raise TransportFailed(f"the connection is closed: {self.why or 'no longer there'}")
        if not self._queue:
            self._world.turns.pending.append(self)
        self._queue.append(data)

    def __repr__(self) -> str:
        return f"<{self.id}>"

    # -- output --------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write what is queued, in one piece."""
        data = b"".join(self._queue)
        self._queue = []
        if not self.alive:
            return
        if not self._blocked:
            self._wire.write(data)
            return
        self._unsent.append(data)
        self._unsent_size += len(data)
        if self._unsent_size > self._home.most_unsent:
            self.fail(f"its peer leaves more than {self._home.most_unsent} bytes unread")

    def drop(self) -> None:
        """Forget what is queued."""
        self._queue = []

    def block(self) -> None:
        """The wire is full."""
        self._blocked = True

    def unblock(self) -> None:
        """The wire takes more."""
        self._blocked = False
        while self._unsent and not self._blocked:
            pieces: list[bytes] = []
            size = 0
            while self._unsent and size < AT_ONCE:
                pieces.append(self._unsent.popleft())
                size += len(pieces[-1])
            self._unsent_size -= size
            self._wire.write(b"".join(pieces))

    # -- input ---------------------------------------------------------------------------------------------------

    def connected(self, wire: Any, side: object) -> None:
        """The connection stands, `side` is what Twisted calls about it; TLS has yet to shake hands."""
        self._wire = wire
        self._side = side
        here = wire.getHost()
        self._local = (here.host, here.port)
        self._sent_by = None
        _tune(wire)
        if not self.secure:
            self._opened()
        else:
            self.deadline = self._world.reactor.seconds() + PATIENCE
            self._late = "no handshake within 10 seconds"

    def shaken(self) -> None:
        """The TLS handshake is done: see who it is before a byte of ours goes there."""
        if not self.alive:
            return
        if self._prover is not None:
            handle = self._wire.getHandle()
            if not self.inbound:
                objection = self._prover.objection(handle, self.server_name, self.host)
                if objection:
                    self.fail(objection)
                    return
            self.peer_names = self._prover.names(handle)
        self._opened()

    def _opened(self) -> None:
        self._open = True
        now = self._world.reactor.seconds()
        if self.inbound:
            self.deadline = now + PATIENCE
            self._late = "no byte within 10 seconds"
        else:
            self._rest(now)
        self._wire.registerProducer(self._side, True)
        self.unblock()

    def took(self, data: bytes) -> None:
        """A chunk came: pass its messages on, answer its pings, end the turn."""
        if not self.alive:
            return
        world = self._world
        turns = world.turns
        framer = self._framer
        messages = framer.feed(data)
        broken = framer.broken
        if broken is not None and broken.data:
            messages.append(broken.data)  # its answer is 400, and the last thing that goes out here
        at = world.now()
        turns.inside = True
        for message in messages:
            try:
                turns.receiver.received(Arrival(message, self, at))
            except Exception as error:  # the receiver promised not to; the connection outlives it
                turns.broke("received", error)
            if not self.alive:
                break
        if framer.pings and self.alive:
            self.send(PONG * framer.pings)
        turns.inside = False
        turns.end()
        if broken is not None:
            self._part(broken.why)
            return
        now = world.reactor.seconds()
        self._connections.heard(self, bool(messages))
        if not framer.waiting:
            self._rest(now)
        elif messages or not self._midway:
            # From its first byte on, however it dribbles: an absolute deadline.
            self._midway = True
            self.deadline = now + self._home.message_deadline
            self._late = f"a message not whole after {self._home.message_deadline:g} seconds"

    def _rest(self, now: float) -> None:
        self._midway = False
        self.deadline = now + self._home.idle
        self._late = f"silent for {self._home.idle:g} seconds"

    # -- the end -------------------------------------------------------------------------------------------------

    def expire(self) -> None:
        """The deadline has passed."""
        self.fail(self._late)

    def fail(self, why: str) -> None:
        """Close now, because of what the peer did or did not do, and tell."""
        if self.alive:
            self._world.tell(ConnectionClosed(self.transport, self.host, why))
        self._abort(why)

    def _abort(self, why: str) -> None:
        self.alive = False
        self.why = self.why or why
        self.deadline = float("inf")
        if self._wire is not None:
            self._wire.abortConnection()
        elif self.dialling is not None:
            self._world.reactor.callLater(0, self.dialling.disconnect)

    def _part(self, why: str) -> None:
        """Close after our last answer: stop writing, read on for a moment, then leave."""
        if not self.alive:
            return
        self._world.tell(ConnectionClosed(self.transport, self.host, why))
        self.alive = False
        self.why = why
        if self._blocked:
            self._abort(why)
            return
        self.deadline = self._world.reactor.seconds() + LINGER
        self._wire.unregisterProducer()
        if self.secure:
            self._wire.loseConnection()
        else:
            self._wire.loseWriteConnection()

    def leave(self) -> None:
        """Close in good order: the site stops."""
        if self.alive and not self._blocked:
            self.alive = False
            self.why = "the site stops"
            self.deadline = self._world.reactor.seconds() + LINGER
            self._wire.unregisterProducer()
            self._wire.loseConnection()
        else:
            self._abort("the site stops")

    def closed(self, why: str) -> None:
        """The connection is gone, or never came to be."""
        if self.alive and self.inbound and not self._open:
            self._world.tell(ConnectionClosed(self.transport, self.host, why))
        self.alive = False
        self.why = self.why or why
        self._blocked = True
        self._wire = None
        self._unsent.clear()
        self._queue = []
        self._connections.remove(self)
        self._world.gone(self)


def _tune(wire: Any) -> None:
    """Small messages at once, and a dead peer noticed in minutes where the system can do that."""
    with contextlib.suppress(AttributeError, OSError):
        wire.setTcpNoDelay(True)
        wire.setTcpKeepAlive(True)
        raw = wire.socket
        for option, value in (("TCP_KEEPIDLE", 120), ("TCP_KEEPINTVL", 30), ("TCP_USER_TIMEOUT", DEAD_AFTER)):
            if hasattr(socket, option):
                raw.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
