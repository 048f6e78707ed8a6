"""What checks learn, as typed values (AVPs in OpenSER); third parties add their own by writing a class.

Nobody changes one once it is made.  They are not frozen, because Python makes a frozen one in five times the time.
"""

from dataclasses import dataclass, field
from typing import final

from ..sip.uri import Uri


@final
@dataclass(slots=True, unsafe_hash=True)
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
@dataclass(slots=True, unsafe_hash=True)
class TrustedPeer:
    """The source address is one that the site lists; over UDP it could be forged."""

    name: str
    spoofable: bool


@final
@dataclass(slots=True, unsafe_hash=True)
class TLSPeer:
    """The peer proved these domain names with a client certificate (RFC 5922)."""

    names: tuple[str, ...]


@final
@dataclass(slots=True, unsafe_hash=True)
class OurDialog:
    """The request carries a mark that we signed into our own Record-Route for exactly this dialog."""

    call_id: bytes


@final
@dataclass(slots=True, unsafe_hash=True)
class Target:
    """Where a request is to be sent: the URI it will carry, its q (0 to 1), and how to get there.

    `route` are URIs that go in front as Route (a binding's Path), `flow_id` names the connection or source address
    the binding came from ("" when there is none), `chosen_by` says which handler or store chose it.
    """

    uri: Uri
    q: float = 1.0
    route: tuple[str, ...] = ()
    flow_id: str = ""
    chosen_by: str = ""


@final
@dataclass(slots=True, unsafe_hash=True)
class Destination:
    """Transport (UDP, TCP, TLS), binary-checked address literal without brackets, port; never a name.

    `server_name` is the domain the certificate must prove, "" when none is asked for (RFC 5922 section 7.3).
    """

    transport: str
    host: str
    port: int
    server_name: str = ""
