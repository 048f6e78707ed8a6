"""All flows of a site: what listens, what is open, and which of them leads to a destination (RFC 3261 section 18, RFC 5923)."""

import itertools
import socket
from collections.abc import Callable, Sequence
from typing import Any, Final, final

from twisted.internet.defer import Deferred

from ..api.context import Flow
from ..api.errors import ConfigError, TransportFailed
from ..api.events import Teller
from ..api.facts import Destination
from ..sip.abnf import number as decimal
from .bind import bind
from .connections import PATIENCE, Connections
from .local import WILDCARDS, LocalAddresses, family_of, is_literal, is_loopback
from .stream import LINGER, Home, StreamFlow, World
from .tls import ClientSide, ServerSide, Wrapped
from .turns import Bound, Receiver, Turns
from .udp import UDPPort
from .udpflow import MOST_FLOWS, UDPFlow
from .wire import Dial, Door
from .words import MOST_CONNECTIONS, TLS, UDP, Listener, Stream

SWEEP: Final = 1.0

Key = tuple[str, str, int, str]


@final
class Transports:
    """Opens everything that a site listens on, and finds or opens the flow to wherever a message must go."""

    def __init__(
        self,
        listeners: Sequence[Listener],
        receiver: Receiver,
        reactor: Any,
        tell: Teller,
        *,
        now: Callable[[], float],
    ) -> None:
        self.listening: list[tuple[str, str, int]] = []
        """After `start`: (transport, host, real port) of every listener, in the site's order."""
        self._listeners = tuple(listeners)
        self._reactor = reactor
        self._tell = tell
        self._now = now
        self._turns = Turns(receiver, tell)
        self._local = LocalAddresses(now)
        self._world = World(self._turns, reactor, tell, now, self._local)
        self._world.gone = self._gone
        self._udp: list[UDPPort] = []
        self._sole: dict[bool, UDPPort] = {}
        """By whether it speaks IPv6: the socket that needs not be chosen, because there is but one."""
        self._homes: list[Home] = []
        self._doors: list[Any] = []
        self._numbers = itertools.count(1)
        self._flows: dict[str, StreamFlow] = {}
        self._by_id: dict[str, UDPFlow] = {}
        self._opened: dict[Key, StreamFlow] = {}
        self._peers: dict[tuple[str, str, int], StreamFlow] = {}
        self._client: ClientSide | None = None
        self._outbound = self._count("connections that we opened", MOST_CONNECTIONS, MOST_CONNECTIONS)
        self._tables = [self._outbound]
        self._sweeper: Any = None
        self._stopping = False
        self._stopped: list[Deferred[None]] = []

    # -- start and stop ------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Bind everything; raises ConfigError, with nothing left open, when one cannot be bound or a certificate is no good."""
        bound: list[tuple[Listener, socket.socket, ServerSide | None]] = []
        try:
            for word in self._listeners:
                side = ServerSide(word, self._now()) if isinstance(word, TLS) else None
                if isinstance(word, TLS) and self._client is None:
                    self._client = ClientSide(word, self._now())
                bound.append((word, bind(word), side))
        except ConfigError:
            for _, opened, _ in bound:
                opened.close()
            raise
        for word, opened, side in bound:
            port = opened.getsockname()[1]
            self.listening.append((word.scheme, word.host, port))
            if isinstance(word, UDP):
                self._udp.append(UDPPort(word, opened, self._turns, self._reactor, self._local, self._tell, self._now))
            elif isinstance(word, Stream):
                self._listen(word, opened, port, side)
        for ipv6 in (False, True):
            fitting = [one for one in self._udp if one.word.ipv6 == ipv6]
            if len(fitting) == 1:
                self._sole[ipv6] = fitting[0]
        self._sweeper = self._reactor.callLater(SWEEP, self._sweep)

    def _listen(self, word: Stream, opened: socket.socket, port: int, side: ServerSide | None) -> None:
        home = Home(word.scheme, word.host, port, word)
        table = self._count(f"connections to {word}", word.most_connections, word.most_per_source)

        def make(host: str, peer_port: int) -> StreamFlow:
            flow = StreamFlow(self._world, home, table, host, peer_port, next(self._numbers), None, side)
            self._flows[flow.id] = flow
            self._peers[home.scheme, host, peer_port] = flow
            return flow

        factory: Any = Door(table, make)
        if side is not None:
            factory = Wrapped(side, False, factory, self._reactor)
        self._homes.append(home)
        self._tables.append(table)
        # We bind ourselves and hand the socket over, so that :: is IPv6 alone and every failure is told in our own words.
        self._doors.append(self._reactor.adoptStreamPort(opened.fileno(), opened.family, factory))
        opened.close()

    def _count(self, what: str, most: int, most_per_source: int) -> Connections:
        full = Bound(what, most, "the one silent longest is closed", self._tell, self._now)
        crowded = Bound(f"{what} of one source", most_per_source, "a new one is refused", self._tell, self._now)
        return Connections(most, most_per_source, full, crowded)

    def stop(self) -> Deferred[None]:
        """Close everything: what was written still leaves, for two seconds at most.  Fires when all is closed."""
        self._stopping = True
        done: Deferred[None] = Deferred()
        if self._sweeper is not None and self._sweeper.active():
            self._sweeper.cancel()
        self._turns.end()
        for port in self._udp:
            port.close()
        doors = [door.stopListening() for door in self._doors]
        self._udp, self._doors = [], []
        self._sole.clear()
        for flow in list(self._flows.values()):
            flow.leave()
        waiting = [one for one in doors if isinstance(one, Deferred)]
        if self._flows:
            gone: Deferred[None] = Deferred()
            self._stopped.append(gone)
            late = self._reactor.callLater(LINGER, self._abort_all)
            gone.addCallback(lambda _: late.cancel() if late.active() else None)
            waiting.append(gone)
        left = len(waiting)
        if not left:
            done.callback(None)

        def one_less(_: object) -> None:
            nonlocal left
            left -= 1
            if not left:
                done.callback(None)

        for one in waiting:
            one.addBoth(one_less)
        return done

    def _abort_all(self) -> None:
        for flow in list(self._flows.values()):
            flow.fail("it did not close in time")

    # -- the engine's doors --------------------------------------------------------------------------------------

    def flush(self) -> None:
        """End a turn that no arrival began (a timer): keep what must be kept, then send all output."""
        self._turns.end()

    def flow_to(self, destination: Destination) -> Flow:
        """The flow there, at once: a socket, a live connection, or a new one that queues until it is open.

        Raises TransportFailed when there can be none.
        """
        host = destination.host
        if destination.transport == "UDP":
            sole = self._sole.get(":" in host)
            known = sole.known_flow_to(host, destination.port) if sole is not None else None
            if known is not None:
                return known
        if not is_literal(host) or not 0 < destination.port <= 65535:
            raise TransportFailed(f"{host!r} port {destination.port} is no address")
        if destination.transport == "UDP":
            return self._udp_to(host, destination.port)
        if destination.transport not in ("TCP", "TLS"):
            raise TransportFailed(f"the transport {destination.transport!r} is not spoken here")
        key = (destination.transport, host, destination.port, destination.server_name)
        flow = self._opened.get(key) or self._inbound(destination)
        if flow is not None and flow.alive:
            return flow
        return self._dial(destination, key)

    def flow_by_id(self, flow_id: str) -> Flow | None:
        """The flow of this id, if it still lives."""
        kept = self._by_id.get(flow_id)
        if kept is not None and kept.alive:
            return kept
        if not flow_id.startswith("UDP "):
            flow = self._flows.get(flow_id)
            return flow if flow is not None and flow.alive else None
        words = flow_id.split(" ")
        if len(words) != 6 or not is_literal(words[1]):
            return None
        number = decimal(words[2].encode("ascii", "replace"), 65535)
        for port in self._udp:
            if words[4:] == [port.host, str(port.port)] and number > 0 and (":" in words[1]) == port.word.ipv6:
                if len(self._by_id) >= MOST_FLOWS:
                    self._by_id.clear()
                self._by_id[flow_id] = found = port.flow_to(words[1], number)
                return found
        return None

    def _udp_to(self, host: str, port: int) -> UDPFlow:
        ipv6 = ":" in host
        fitting = [one for one in self._udp if one.word.ipv6 == ipv6]
        if not fitting:
            raise TransportFailed(f"no UDP socket of ours speaks {'IPv6' if ipv6 else 'IPv4'}")
        if len(fitting) > 1:
            fitting.sort(key=lambda one: self._fit(one.host, host))
        return fitting[-1].flow_to(host, port)

    def _fit(self, ours: str, peer: str) -> int:
        """How well one of our bound addresses suits a peer: 3 exactly, 2 for all addresses, 1 of the same kind, 0 hardly."""
        if ours in WILDCARDS:
            return 2
        if self._local.toward(peer) == ours:
            return 3
        return int(is_loopback(ours) == is_loopback(peer))

    def _inbound(self, destination: Destination) -> StreamFlow | None:
        """A connection that came from exactly there; over TLS only if it proved the name we want (RFC 5923 section 8)."""
        flow = self._peers.get((destination.transport, destination.host, destination.port))
        if flow is None or not flow.secure:
            return flow
        wanted = destination.server_name.lower()
        # A bare address has no name to prove: phones write their end of this very connection into Contact.
        return flow if wanted and (wanted in flow.peer_names or wanted == flow.host) else None

    def _dial(self, destination: Destination, key: Key) -> StreamFlow:
        if self._stopping:
            raise TransportFailed("the site stops")
        home, bind_to = self._home_for(destination)
        if not self._outbound.room_for(destination.host):
            raise TransportFailed("too many connections to that address are open")
        side: ClientSide | None = None
        if home.scheme == "TLS":
            if self._client is None:
                self._client = ClientSide(None, self._now())
            side = self._client
        flow = StreamFlow(
            self._world,
            home,
            self._outbound,
            destination.host,
            destination.port,
            next(self._numbers),
            destination.server_name,
            side,
        )
        factory: Any = Dial(flow)
        if side is not None:
            factory = Wrapped(side.toward(destination.server_name), True, factory, self._reactor)
        self._flows[flow.id] = flow
        self._opened[key] = flow
        flow.dialling = self._reactor.connectTCP(
            destination.host, destination.port, factory, timeout=PATIENCE, bindAddress=bind_to
        )
        return flow

    def _home_for(self, destination: Destination) -> tuple[Home, tuple[str, int] | None]:
        """The listener that answers can come back to, and the address to call from when it listens on one only."""
        fitting = [
            home
            for home in self._homes
            if home.scheme == destination.transport and family_of(home.host) == family_of(destination.host)
        ]
        if not fitting:
            wild = WILDCARDS[":" in destination.host]
            return Home(destination.transport, wild, 5061 if destination.transport == "TLS" else 5060), None
        fitting.sort(key=lambda home: self._fit(home.host, destination.host))
        best = fitting[-1]
        if best.host in WILDCARDS or is_loopback(best.host) != is_loopback(destination.host):
            return best, None
        return best, (best.host, 0)

    # -- the house's own work ------------------------------------------------------------------------------------

    def _gone(self, flow: StreamFlow) -> None:
        if self._flows.pop(flow.id, None) is None:
            return
        peer = (flow.transport, flow.host, flow.port)
        if self._peers.get(peer) is flow:
            del self._peers[peer]
        key = (*peer, flow.server_name)
        if self._opened.get(key) is flow:
            del self._opened[key]
        if self._stopping:
            if not self._flows:
                for waiting in self._stopped:
                    waiting.callback(None)
                self._stopped = []
            return
        self._turns.flow_broke(flow, flow.why)

    def _sweep(self) -> None:
        self._sweeper = self._reactor.callLater(SWEEP, self._sweep)
        now = self._reactor.seconds()
        for table in self._tables:
            table.sweep(now)
