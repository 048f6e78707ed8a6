"""What transport tests share: an engine that only takes notes, peers that collect, and a world on real loopback sockets."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ClientFactory, DatagramProtocol, Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from twsip.api.context import Arrival, Flow
from twsip.api.events import Event
from twsip.api.facts import Destination
from twsip.transport import Transports

reactor: Any = the_reactor


class Waits:
    """Fires Deferreds when something that was waited for has come true."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Callable[[], bool], Deferred[None]]] = []

    def until(self, true: Callable[[], bool]) -> Deferred[None]:
        """Fires as soon as this holds; the test's own timeout is the bound."""
        done: Deferred[None] = Deferred()
        self._waiting.append((true, done))
        self.look()
        return done

    def look(self) -> None:
        """See what has come true."""
        for entry in list(self._waiting):
            if entry[0]():
                self._waiting.remove(entry)
                # In a reactor turn of its own: a test must not go on inside of what it tests.
                reactor.callLater(0, entry[1].callback, None)


class Notes(Waits):
    """A receiver that writes everything down, and echoes if asked."""

    def __init__(self) -> None:
        super().__init__()
        self.arrivals: list[Arrival] = []
        self.broke: list[tuple[Flow, str]] = []
        self.quotes: list[bytes] = []
        self.events: list[Event] = []
        self.story: list[str] = []
        self.answer: Callable[[Arrival], None] = lambda arrival: None
        self.commit: Callable[[], None] = lambda: None

    def received(self, arrival: Arrival) -> None:
        self.story.append("received")
        self.arrivals.append(arrival)
        self.look()
        self.answer(arrival)

    def turn_ends(self) -> None:
        self.story.append("turn ends")
        self.commit()

    def flow_broke(self, flow: Flow, why: str, quoted: bytes = b"") -> None:
        self.story.append("broke")
        self.quotes.append(quoted)
        self.broke.append((flow, why))
        self.look()

    def tell(self, event: Event) -> None:
        self.events.append(event)
        self.look()

    @property
    def data(self) -> list[bytes]:
        return [arrival.data for arrival in self.arrivals]

    def told(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


class Peer(Protocol, Waits):
    """The other end of a connection."""

    def __init__(self) -> None:
        Waits.__init__(self)
        self.data = b""
        self.open = False
        self.ended = False

    def connectionMade(self) -> None:
        self.open = True
        self.look()

    def dataReceived(self, data: bytes) -> None:
        self.data += data
        self.look()

    def connectionLost(self, reason: Any = None) -> None:
        self.ended = True
        self.reason = reason
        self.look()


class PeerFactory(ClientFactory):
    """Makes peers, one after the other."""

    noisy = False

    def __init__(self, *peers: Peer) -> None:
        self.left = list(peers)

    def buildProtocol(self, addr: Any) -> Peer | None:
        return self.left.pop(0) if self.left else None


class Datagrams(DatagramProtocol, Waits):
    """The other end of datagrams."""

    noisy = False

    def __init__(self) -> None:
        Waits.__init__(self)
        self.got: list[bytes] = []

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.got.append(datagram)
        self.look()


class SplitClock(Clock):
    """The real reactor with a clock that the test moves."""

    def __init__(self, real: Any) -> None:
        super().__init__()
        self.adoptStreamPort = real.adoptStreamPort
        self.connectTCP = real.connectTCP


class WorldCase(TestCase):
    """A test with transports in it; all is closed afterwards, and trial sees that the reactor is clean."""

    timeout = 10

    def folder(self) -> Path:
        """A folder that goes away with the test; trial's own would stay in the working directory."""
        made = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, made)
        return Path(made)

    def world(self, *listeners: Any, clock: Any = None) -> tuple[Notes, Transports]:
        notes = Notes()
        transports = Transports(listeners, notes, clock or reactor, notes.tell, now=time.time)
        transports.start()
        self.addCleanup(transports.stop)
        return notes, transports

    def datagrams(self, host: str = "127.0.0.1") -> tuple[Datagrams, int]:
        peer = Datagrams()
        port = reactor.listenUDP(0, peer, interface=host)
        self.addCleanup(port.stopListening)
        return peer, port.getHost().port

    def connect(self, transports: Transports, host: str = "127.0.0.1", at: int = 0) -> Peer:
        peer = Peer()
        connector = reactor.connectTCP(host, transports.listening[at][2], PeerFactory(peer))
        self.addCleanup(self.hang_up, connector, peer)
        return peer

    def server(self, *peers: Peer, host: str = "127.0.0.1") -> Destination:
        port = reactor.listenTCP(0, PeerFactory(*peers), interface=host)
        self.addCleanup(port.stopListening)
        for peer in peers:
            self.addCleanup(self.hang_up, None, peer)
        return Destination("TCP", host, port.getHost().port)

    def hang_up(self, connector: Any, peer: Peer) -> Any:
        if connector is not None:
            connector.disconnect()
        elif peer.open and not peer.ended:
            peer.transport.abortConnection()  # type: ignore[union-attr]
        return peer.until(lambda: peer.ended or not peer.open)


def message(body: bytes = b"", call_id: bytes = b"1") -> bytes:
    """A framed message."""
    head = b"MESSAGE sip:bob@example.org SIP/2.0\r\nCall-ID: %s\r\nContent-Length: %d\r\n\r\n" % (call_id, len(body))
    return head + body
