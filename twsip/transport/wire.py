"""The Twisted side of connections: protocol and factories, where reactor calls come in and nothing is decided."""

from collections.abc import Callable
from typing import Any, final

from twisted.internet.interfaces import IHandshakeListener, IPushProducer
from twisted.internet.protocol import ClientFactory, Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from .connections import Connections
from .stream import StreamFlow


@final
@implementer(IHandshakeListener, IPushProducer)
class Wire(Protocol):
    """The Twisted side of a flow: reactor calls in, nothing decided here."""

    def __init__(self, flow: StreamFlow) -> None:
        self.flow = flow

    def connectionMade(self) -> None:
        """The connection stands."""
        self.flow.connected(self.transport, self)

    def handshakeCompleted(self) -> None:
        """TLS is up."""
        self.flow.shaken()

    def dataReceived(self, data: bytes) -> None:
        """Bytes came."""
        self.flow.took(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is gone."""
        self.flow.closed(reason_of(reason))

    def pauseProducing(self) -> None:
        """The wire is full."""
        self.flow.block()

    def resumeProducing(self) -> None:
        """The wire takes more."""
        self.flow.unblock()

    def stopProducing(self) -> None:
        """The wire is gone."""
        self.flow.block()


@final
class Door(Factory):
    """Accepts connections, as many as there is room for."""

    noisy = False

    def __init__(self, connections: Connections, make: Callable[[str, int], StreamFlow]) -> None:
        self._connections = connections
        self._make = make

    def buildProtocol(self, addr: Any) -> Wire | None:
        """A flow for the newcomer, or None: then it is closed at once."""
        if not self._connections.room_for(addr.host):
            return None
        return Wire(self._make(addr.host, addr.port))


@final
class Dial(ClientFactory):
    """Opens one connection for a flow that waits for it."""

    noisy = False

    def __init__(self, flow: StreamFlow) -> None:
        self._flow = flow

    def buildProtocol(self, addr: Any) -> Wire:
        """The flow's own wire."""
        return Wire(self._flow)

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        """It could not be opened."""
        self._flow.closed(reason_of(reason))


def reason_of(reason: Failure) -> str:
    """A failure in few words; OpenSSL hides its own in a list of tuples."""
    error: Any = reason.value
    if error.args and isinstance(error.args[0], list):
        try:
            return f"TLS failed: {error.args[0][-1][-1]}"
        except (IndexError, TypeError):
            return "TLS failed"
    return str(error) or type(error).__name__
