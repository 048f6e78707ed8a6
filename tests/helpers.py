"""What many tests need: flows that keep what is sent, a site that knows its names, requests made from a few words."""

import hashlib
import queue
import re
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from twsip.api import Arrival, Event, RequestContext
from twsip.cred import portal_for
from twsip.sip.fields.via import SentBy, Source
from twsip.sip.message import Request
from twsip.sip.parser import parse


class FakeFlow:
    """A flow that goes nowhere; `sent` is what was sent on it."""

    def __init__(
        self,
        host: str = "192.0.2.9",
        port: int = 5060,
        transport: str = "UDP",
        local_host: str = "192.0.2.1",
        local_port: int = 5060,
    ) -> None:
        self.host = host
        self.port = port
        self.transport = transport
        self.reliable = transport != "UDP"
        self.secure = transport == "TLS"
        self.local_host = local_host
        self.local_port = local_port
        self.via_host = f"[{local_host}]" if ":" in local_host else local_host
        self.via_port = local_port
        self.source = Source(host, port)
        self.sent_by = SentBy(transport, self.via_host, local_port)
        self.id = f"{transport} {host} {port} via {local_host} {local_port}"
        self.alive = True
        self.peer_names: tuple[str, ...] = ()
        self.sent: list[bytes] = []

    def send(self, data: bytes) -> None:
        """Keep it."""
        self.sent.append(data)


class FakeDomains:
    """A site with these domains, listening on these addresses (as URIs write them) at these ports."""

    def __init__(
        self,
        domains: tuple[str, ...] = ("example.org",),
        listening: tuple[str, ...] = ("192.0.2.1", "[2001:db8::1]"),
        ports: tuple[int, ...] = (5060, 5061),
    ) -> None:
        self.domains = domains
        self.listening = listening
        self.ports = ports

    def is_local(self, host: str, port: int = 0) -> bool:
        """Whether the host is ours, and the port too if one is given."""
        return (host in self.domains or host in self.listening) and (not port or port in self.ports)

    def realm_for(self, host: str) -> str:
        """The domain itself, or the first one."""
        return host if host in self.domains else self.domains[0]


def make_bytes(
    method: str = "INVITE",
    uri: str = "sip:bob@example.org",
    *,
    from_: str = "<sip:alice@example.org>;tag=a1",
    to: str = "",
    call_id: str = "c1@phone",
    cseq: int = 1,
    max_forwards: int = 70,
    extra: tuple[str, ...] = (),
    body: str = "",
) -> bytes:
    """A request as it would come; without `to`, To is the Request-URI.  `extra` are whole header lines."""
    lines = [
        f"{method} {uri} SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK-1;rport",
        f"From: {from_}",
        f"To: {to or f'<{uri}>'}",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {method}",
        *([f"Max-Forwards: {max_forwards}"] if max_forwards >= 0 else []),
        *extra,
        f"Content-Length: {len(body.encode())}",
        "",
        body,
    ]
    return "\r\n".join(lines).encode()


def make_request(method: str = "INVITE", uri: str = "sip:bob@example.org", **words: object) -> Request:
    """The same, parsed."""
    request = parse(make_bytes(method, uri, **words))  # type: ignore[arg-type]
    assert isinstance(request, Request), request
    return request


def make_context(
    request: Request | None = None,
    *facts: object,
    flow: FakeFlow | None = None,
    site: FakeDomains | None = None,
    target_local: bool | None = None,
    now: float = 1_800_000_000.0,
) -> RequestContext:
    """A request on its way; whether its target is ours is worked out from the Request-URI unless it is said."""
    request = request or make_request()
    site = site or FakeDomains()
    if target_local is None:
        target_local = site.is_local(request.uri.host, request.uri.port)
    context = RequestContext(request, flow or FakeFlow(), now, site, target_local)
    for fact in facts:
        context.facts.add(fact)
    return context


def make_arrival(data: bytes = b"", flow: FakeFlow | None = None, at: float = 1_800_000_000.0) -> Arrival:
    """Bytes as they came."""
    return Arrival(data, flow or FakeFlow(), at)


class FakeHouse:
    """A house for one part: it tells into `told`, its clock stands, its dice are counted, its portal is the real one."""

    def __init__(self, domains: FakeDomains | None = None, reactor: Any = None, secret: bytes = b"s" * 32) -> None:
        self.domains = domains or FakeDomains()
        self.bindings = None
        self.secret = secret
        self.reactor = reactor if reactor is not None else Clock()
        self.told: list[Event] = []
        self.tell = self.told.append
        self.portal = portal_for
        self._thrown = 0

    def now(self) -> float:
        """Always the same moment."""
        return 1_800_000_000.0

    def random(self, size: int) -> bytes:
        """Other bytes each time."""
        self._thrown += 1
        return hashlib.shake_128(self._thrown.to_bytes(8, "big")).digest(size)


def digest_answer(
    challenge: str,
    username: str,
    password: str,
    method: str,
    uri: str,
    *,
    nc: int = 1,
    cnonce: str = "0a4f113b",
    body: bytes = b"",
    **instead: str | None,
) -> str:
    """What a phone answers to one challenge value (RFC 7616 section 3.4); `instead` overrides or (None) removes a parameter.

    The overrides come after the sums, except for `qop`, `realm` and `algorithm`, which the phone then believes.
    """
    offered = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge.replace('qop="auth,auth-int"', "qop=auth")))
    realm = instead.get("realm") or offered["realm"]
    algorithm = instead.get("algorithm") or offered.get("algorithm", "MD5")
    qop = instead["qop"] if "qop" in instead else offered.get("qop")
    kind = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}[algorithm.removesuffix("-sess")]

    def h(text: str) -> str:
        return hashlib.new(kind, text.encode("utf-8", "surrogateescape")).hexdigest()

    nonce = offered["nonce"]
    ha1 = h(f"{username}:{realm}:{password}")
    if algorithm.endswith("-sess"):
        ha1 = h(f"{ha1}:{nonce}:{cnonce}")
    ha2 = h(f"{method}:{uri}" + (":" + h(body.decode()) if qop == "auth-int" else ""))
    response = h(f"{ha1}:{nonce}:{nc:08x}:{cnonce}:{qop}:{ha2}" if qop else f"{ha1}:{nonce}:{ha2}")
    parts: dict[str, str | None] = {
        "username": f'"{username}"',
        "realm": f'"{realm}"',
        "nonce": f'"{nonce}"',
        "uri": f'"{uri}"',
        "response": f'"{response}"',
        "algorithm": algorithm,
    }
    if qop:
        parts |= {"cnonce": f'"{cnonce}"', "nc": f"{nc:08x}", "qop": qop}
    parts |= {
        name: value
        for name, value in instead.items()
        if name not in ("qop", "realm") and not (name == "algorithm" and value)
    }
    return "Digest " + ", ".join(f"{name}={value}" for name, value in parts.items() if value is not None)


class ThreadReactor(Clock):
    """A clock that also takes calls from threads, for what uses a thread pool; nothing of it is global."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: queue.Queue[Callable[[], object]] = queue.Queue()
        self._at_shutdown: list[Callable[[], object]] = []

    def callFromThread(self, call: Callable[..., object], *args: object, **words: object) -> None:
        """Keep the call for `until`."""
        self._calls.put(lambda: call(*args, **words))

    def callWhenRunning(self, call: Callable[..., object], *args: object) -> None:
        """It always runs."""
        call(*args)

    def addSystemEventTrigger(self, phase: str, event: str, call: Callable[[], object]) -> int:
        """Keep what is to be done at shutdown."""
        self._at_shutdown.append(call)
        return len(self._at_shutdown)

    def removeSystemEventTrigger(self, number: int) -> None:
        """Forget it again."""
        self._at_shutdown[number - 1] = lambda: None

    def shut_down(self) -> None:
        """End all threads."""
        for call in self._at_shutdown:
            call()

    def until(self, awaitable: Any) -> Any:
        """The awaitable's result, once threads have brought it; fails when they bring nothing for ten seconds."""
        results: list[Any] = []
        deferred = ensureDeferred(awaitable) if not isinstance(awaitable, Deferred) else awaitable
        deferred.addBoth(results.append)
        while not results:
            self._calls.get(timeout=10)()
        if isinstance(results[0], Failure):
            results[0].raiseException()
        return results[0]


def settled(verdict: Any) -> Any:
    """A verdict, awaited if need be; whatever it waits for must be there already."""
    if not hasattr(verdict, "__await__"):
        return verdict
    results: list[Any] = []
    (verdict if isinstance(verdict, Deferred) else ensureDeferred(verdict)).addBoth(results.append)
    assert results, "it still waits"
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0]
