"""What checks learn, as typed values (AVPs in OpenSER); third parties add their own by writing a class.

Nobody changes one once it is made.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

from ..sip.uri import Uri


@final
@dataclass(frozen=True)
class Caller:
    """Who is calling, proven by digest: the avatar that `twisted.cred` gave us.

    `aors` are the addresses-of-record this caller may speak for, `attributes` what the backend told besides.
    """

    auth_id: str
    realm: str
    aors: frozenset[str]
    attributes: dict[str, str] = field(default_factory=dict)

    def may_be(self, aor: str) -> bool:
        """Whether this caller may speak for that address-of-record."""
        return aor in self.aors


@final
@dataclass(frozen=True)
class TrustedPeer:
    """The source address is one that the site lists; over UDP it could be forged."""

    name: str
    spoofable: bool


@final
@dataclass(frozen=True)
class TLSPeer:
    """The peer proved these domain names with a client certificate (RFC 5922)."""

    names: tuple[str, ...]


@final
@dataclass(frozen=True)
class OurDialog:
    """The request carries a mark that we signed into our own Record-Route for exactly this dialog, and that is enough."""

    call_id: bytes


@final
@dataclass(frozen=True)
class MarkedDialog:
    """The request carries the mark of a dialog of ours, but its sender still has to prove who they are.

    It came from elsewhere than the dialog was opened, or the site asks everybody.  By itself it lets nobody in.
    """

    call_id: bytes


@final
class Target:
    """Where a request is to be sent: the URI it will carry, its q (0 to 1), and how to get there.

    `route` are URIs that go in front as Route (a binding's Path), `flow_id` names the connection or source address
    the binding came from ("" when there is none), `chosen_by` says which handler or store chose it.
    """

    # By hand, as Destination below: one of each is made for every request that is relayed, and a frozen dataclass takes five
    # times the time.
    __slots__ = ("chosen_by", "flow_id", "q", "route", "uri")

    def __init__(
        self, uri: Uri, q: float = 1.0, route: Sequence[str] = (), flow_id: str = "", chosen_by: str = ""
    ) -> None:
        self.uri = uri
        self.q = q
        self.route: tuple[str, ...] = tuple(route)
        self.flow_id = flow_id
        self.chosen_by = chosen_by

    def _fields(self) -> tuple[Uri, float, tuple[str, ...], str, str]:
        return self.uri, self.q, self.route, self.flow_id, self.chosen_by

    def __eq__(self, other: object) -> bool:
        return self._fields() == other._fields() if isinstance(other, Target) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._fields())

    def __repr__(self) -> str:
        return f"Target({self.uri!r}, q={self.q}, route={self.route!r}, flow_id={self.flow_id!r}, chosen_by={self.chosen_by!r})"


@final
class Destination:
    """Transport (UDP, TCP, TLS), binary-checked address literal without brackets, port; never a name.

    `server_name` is the domain the certificate must prove, "" when none is asked for (RFC 5922 section 7.3).
    """

    __slots__ = ("host", "port", "server_name", "transport")

    def __init__(self, transport: str, host: str, port: int, server_name: str = "") -> None:
        self.transport = transport
        self.host = host
        self.port = port
        self.server_name = server_name

    def _fields(self) -> tuple[str, str, int, str]:
        return self.transport, self.host, self.port, self.server_name

    def __eq__(self, other: object) -> bool:
        return self._fields() == other._fields() if isinstance(other, Destination) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._fields())

    def __repr__(self) -> str:
        return f"Destination({self.transport!r}, {self.host!r}, {self.port}, {self.server_name!r})"
