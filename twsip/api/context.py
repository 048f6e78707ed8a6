"""What a check gets to look at: the arrival, the request, and the facts learned so far."""

from typing import Protocol, TypeVar, final

from ..sip.fields.via import SentBy, Source
from ..sip.message import Request
from ..sip.proxy.edits import Edits
from ..sip.proxy.route import Routed
from ..sip.uri import Uri

F = TypeVar("F")


class Flow(Protocol):
    """One live way to a peer: a connection, or a UDP socket and an address (RFC 5626)."""

    @property
    def transport(self) -> str:
        """UDP, TCP or TLS."""

    @property
    def reliable(self) -> bool:
        """Whether it is a stream."""

    @property
    def secure(self) -> bool:
        """Whether it is encrypted."""

    @property
    def host(self) -> str:
        """The peer's address: the packet's source, never a header's word.  IPv6 without brackets."""

    @property
    def port(self) -> int:
        """The peer's port."""

    @property
    def local_host(self) -> str:
        """Our address that it came in on."""

    @property
    def local_port(self) -> int:
        """Our port that it came in on."""

    @property
    def source(self) -> Source:
        """The peer's address and port as its own Via is made to say them."""

    @property
    def sent_by(self) -> SentBy:
        """What we call ourselves in Via and Record-Route of what leaves on it."""

    def send(self, data: bytes) -> None:
        """Send one whole message; raises TransportFailed when that is known to be impossible."""


@final
class Arrival:
    """Bytes as they came: `data`, the flow they came on and when (POSIX seconds).  Nothing is parsed yet."""

    __slots__ = ("at", "data", "flow")

    def __init__(self, data: bytes, flow: Flow, at: float) -> None:
        self.data = data
        self.flow = flow
        self.at = at


@final
class Facts(dict[type[object], object]):
    """At most one fact of each type; a fact is any value, found again by its class."""

    # A dict by birth, because it is asked a dozen times a request: `Caller in facts` is then no call.
    __slots__ = ()

    def add(self, fact: object) -> None:
        """Remember a fact; a second one of the same type takes the place of the first."""
        self[type(fact)] = fact

    def get(self, kind: type[F]) -> F | None:  # type: ignore[override]
        """The fact of this type, or None."""
        return dict.get(self, kind)  # type: ignore[return-value]

    def __repr__(self) -> str:
        return "Facts(" + ", ".join(repr(fact) for fact in self.values()) + ")"


@final
class RequestContext:
    """One new request on its way through the house.

    `now` is the arrival's POSIX time; checks and handlers have no other clock.  `local` says whether a host name or
    address literal (lower case, IPv6 in brackets) is one of the site's own domains or listening addresses.
    """

    __slots__ = ("edits", "facts", "flow", "now", "request", "routed", "site", "target_local", "trace")

    def __init__(self, request: Request, flow: Flow, now: float, site: "Domains", target_local: bool) -> None:
        self.request = request
        self.flow = flow
        self.now = now
        self.facts = Facts()
        self.site = site
        self.target_local = target_local
        """Whether the Request-URI, after Route preprocessing, names one of our domains or addresses."""
        self.routed: Routed | None = None
        """The request after Route preprocessing (RFC 3261 section 16.4): set by the engine for handlers."""
        self.trace: list[object] = []
        """The verdicts of the request checks so far, in the tac file's order."""
        self.edits: Edits | None = None
        """What the forwarded copies say otherwise than the request: None for nearly every one (`edit`)."""

    @property
    def method(self) -> str:
        """The request's method."""
        return self.request.method

    @property
    def source(self) -> str:
        """The packet's source address."""
        return self.flow.host

    @property
    def transport(self) -> str:
        """UDP, TCP or TLS."""
        return self.flow.transport

    def edit(self) -> Edits:
        """The request's edits, for a check that has some."""
        if self.edits is None:
            self.edits = Edits()
        return self.edits

    def local(self, host: str) -> bool:
        """Whether this host is one of the site's domains or listening addresses."""
        return self.site.is_local(host)


class Domains(Protocol):
    """What a check may know of the site."""

    @property
    def domains(self) -> tuple[str, ...]:
        """The site's domains, the first is its name."""

    def is_local(self, host: str, port: int = 0) -> bool:
        """Whether the host (lower case, IPv6 in brackets) is a domain or a listening address of the site.

        With a port (not 0) it must besides be one that the site listens on.
        """

    def realm_for(self, host: str) -> str:
        """The digest realm for this domain: the domain itself, or the site's name for its bare addresses."""


def local_aor(uri: Uri, site: Domains) -> str:
    """The address-of-record of one of our users, however our domain was named.

    The site's other names and its bare addresses stand for the domain whose realm they share, so that
    alice@localhost, alice@192.0.2.1 and alice@example.org are one alice.  The URI's host must be one of ours.
    """
    domain = site.realm_for(uri.host)
    return uri.aor if domain == uri.host else f"sip:{uri.user}@{domain}"
