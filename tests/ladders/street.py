"""A house on a street of fakes: the real engine, fake flows and a clock that only moves when told."""

from collections.abc import Sequence

from twisted.internet.task import Clock
from zope.interface import implementer

from twsip.api import Arrival, Destination, Event, IBindings, IResolver, Target
from twsip.api.errors import TransportFailed
from twsip.engine import Engine
from twsip.handlers.proxy import Proxy
from twsip.sip.fields.via import SentBy, Source
from twsip.sip.message import Request, Response
from twsip.sip.parser import parse


class FakeFlow:
    """A flow whose other end is a list."""

    def __init__(self, street: "Street", transport: str, host: str, port: int) -> None:
        self.street = street
        self.transport = transport
        self.reliable = transport != "UDP"
        self.secure = transport == "TLS"
        self.host = host
        self.port = port
        self.local_host = "192.0.2.1"
        self.local_port = 5061 if self.secure else 5060
        self.via_host = "192.0.2.1"
        self.via_port = self.local_port
        self.source = Source(host, port)
        self.sent_by = SentBy(transport, self.via_host, self.via_port)
        self.peer_names: tuple[str, ...] = ()
        self.alive = True
        self.id = f"{transport} {host} {port}"

    def send(self, data: bytes) -> None:
        if (self.transport, self.host, self.port) in self.street.dead:
            raise TransportFailed(f"nobody at {self.host}")
        self.street.queue.append((self, data))


@implementer(IResolver)
class Literal:
    """Every host is an address; `twins` gives a host several."""

    def __init__(self) -> None:
        self.twins: dict[str, list[str]] = {}

    def locate(self, target: Target) -> Sequence[Destination]:
        uri = target.uri
        transport = "TLS" if uri.secure else (uri.transport or "udp").upper()
        port = uri.port or (5061 if transport == "TLS" else 5060)
        hosts = self.twins.get(uri.host, [uri.host.strip("[]")])
        return tuple(Destination(transport, host, port) for host in hosts)


class Names:
    """The site's domains."""

    domains = ("example.org",)

    def is_local(self, host: str, port: int = 0) -> bool:
        return host == "example.org" or (host == "192.0.2.1" and port in (0, 5060, 5061))

    def realm_for(self, host: str) -> str:
        return "example.org"


class Street:
    """The house, its neighbours' letter boxes, and the clock."""

    def __init__(
        self,
        *,
        requests: Sequence[object] = (),
        handlers: Sequence[object] | None = None,
        destinations: Sequence[object] = (),
        bindings: object = None,
        ingress: Sequence[object] = (),
        secret: bytes = b"s" * 32,
    ) -> None:
        self.clock = Clock()
        self.events: list[Event] = []
        self.queue: list[tuple[FakeFlow, bytes]] = []
        self.outbox: list[tuple[FakeFlow, bytes]] = []
        self.dead: set[tuple[str, str, int]] = set()
        self.full: set[tuple[str, str]] = set()
        self.flows: dict[tuple[str, str, int], FakeFlow] = {}
        self.resolver = Literal()
        self.rolls = 0
        self.engine = Engine(
            name="example.org",
            domains=Names(),
            ingress=ingress,
            requests=requests,
            handlers=handlers if handlers is not None else [Proxy(bindings=bindings)],  # type: ignore[arg-type]
            destinations=destinations,
            resolver=self.resolver,
            bindings=bindings,  # type: ignore[arg-type]
            tell=self.events.append,
            clock=self.clock,
            now=self.clock.seconds,
            random=self.random,
            secret=secret,
        )
        self.engine.transports = self

    def random(self, size: int) -> bytes:
        self.rolls += 1
        return bytes((at * 7 + self.rolls * 13) % 256 for at in range(size))

    # What the engine asks of its transports.

    def flow_to(self, destination: Destination) -> FakeFlow:
        if (destination.transport, destination.host) in self.full:
            raise TransportFailed("too many connections to that address are open")
        return self.flow(destination.transport, destination.host, destination.port)

    def flow_by_id(self, flow_id: str) -> FakeFlow | None:
        transport, host, port = flow_id.split()[:3]
        return self.flow(transport, host, int(port))

    def flush(self) -> None:
        self.engine.turn_ends()
        self.outbox += self.queue
        self.queue.clear()

    # What a test does.

    def flow(self, transport: str, host: str, port: int) -> FakeFlow:
        key = (transport, host, port)
        if key not in self.flows:
            self.flows[key] = FakeFlow(self, *key)
        return self.flows[key]

    def hears(self, data: bytes, host: str = "192.0.2.9", port: int = 5060, transport: str = "UDP") -> None:
        """The house receives these bytes."""
        self.engine.received(Arrival(data, self.flow(transport, host, port), self.clock.seconds()))
        self.flush()

    def waits(self, seconds: float) -> None:
        """Time goes by, in steps that let every timer run out when it is due."""
        left = seconds
        while left > 1e-9:
            step = min(0.1, left)
            self.clock.advance(step)
            left -= step

    def sent(self) -> list[tuple[str, Request | Response]]:
        """What left since the last look, as (address:port, message)."""
        found = []
        for flow, data in self.outbox:
            message = parse(data)
            assert isinstance(message, (Request, Response)), (data, message)
            found.append((f"{flow.host}:{flow.port}", message))
        self.outbox.clear()
        return found

    def says(self) -> list[str]:
        """The same, as short as "192.0.2.9:5060 180" or "198.51.100.2:5060 INVITE"."""
        return [f"{where} {m.status if isinstance(m, Response) else m.method}" for where, m in self.sent()]


def message(start: str, *lines: str, body: str = "") -> bytes:
    """One message from its first line and its headers."""
    return "\r\n".join([start, *lines, f"Content-Length: {len(body)}", "", body]).encode()


def request(
    method: str,
    uri: str,
    *more: str,
    branch: str = "z9hG4bKa1",
    cseq: int = 1,
    to: str = "<sip:bob@example.org>",
    sender: str = "<sip:alice@example.org>;tag=a",
    call_id: str = "c1",
    hops: int = 70,
    via: str = "192.0.2.9:5060",
    transport: str = "UDP",
    cseq_method: str = "",
    body: str = "",
) -> bytes:
    """A request as a phone at 192.0.2.9 sends it."""
    return message(
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/{transport} {via};branch={branch}",
        f"Max-Forwards: {hops}",
        f"From: {sender}",
        f"To: {to}",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {cseq_method or method}",
        *more,
        body=body,
    )


def answer(to: Request, status: int, *more: str, tag: str = "b", reason: str = "Whatever") -> bytes:
    """The response of whoever got this request."""
    lines = []
    for line in to.lines:
        name = line.split(b":")[0].lower()
        if name in (b"via", b"from", b"call-id", b"cseq", b"record-route"):
            lines.append(line.decode())
        elif name == b"to":
            has = b"tag=" in line or status == 100
            lines.append(line.decode() if has else line.decode() + f";tag={tag}")
    return message(f"SIP/2.0 {status} {reason}", *lines, *more)


__all__ = ["IBindings", "Street", "answer", "message", "request"]
