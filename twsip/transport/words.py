"""UDP, TCP and TLS: how a site says where it listens.  Plain descriptions; nothing is opened here (RFC 3261 section 18)."""

import ipaddress
from typing import Final, Literal

from ..api.errors import ConfigError

MOST_CONNECTIONS: Final = 10000
MOST_PER_SOURCE: Final = 100
MESSAGE_DEADLINE: Final = 30.0
IDLE: Final = 7200.0
MOST_UNSENT: Final = 1048576

Peers = Literal["no", "optional", "require"]


class Listener:
    """What all three have: port (0 lets the system choose one), address literal, and the host that others shall see.

    `host` is an address of this machine, or 0.0.0.0 or :: for all of that family (:: never takes IPv4 along).
    `advertise` is what our own Via and Record-Route say instead of the address, for a site behind a translator.
    """

    scheme: str = ""

    def __init__(self, port: int, host: str, advertise: str) -> None:
        if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
            raise ConfigError(f"{self.scheme}({port!r}): a port is a number from 0 to 65535; give one, such as 5060")
        try:
            literal = ipaddress.ip_address(host.strip("[]"))
        except ValueError as error:
            raise ConfigError(
                f"{self.scheme}(host={host!r}) is no address; give an IPv4 or IPv6 address of this machine, "
                "or 0.0.0.0 or :: for all of them"
            ) from error
        self.port = port
        self.host = str(literal)
        self.ipv6 = literal.version == 6
        self.advertise = bracketed(advertise) if advertise else ""

    def __str__(self) -> str:
        return f"{self.scheme} {bracketed(self.host)}:{self.port}"

    def __repr__(self) -> str:
        return f"<{self}>"


class UDP(Listener):
    """Datagrams."""

    scheme = "UDP"

    def __init__(self, port: int = 5060, host: str = "0.0.0.0", *, advertise: str = "") -> None:  # noqa: S104
        super().__init__(port, host, advertise)


class Stream(Listener):
    """A listener for connections, with the bounds of what they may cost.

    At `most_connections` the one that was silent longest is closed, strangers that never sent a whole message first; beyond
    `most_per_source` of one address (IPv6: one /64) a new one is refused.  A message must be whole `message_deadline` seconds
    after its first byte, a connection closes after `idle` seconds without a byte from its peer, and one whose peer leaves more
    than `most_unsent` bytes unread is closed.
    """

    def __init__(
        self,
        port: int,
        host: str,
        advertise: str,
        most_connections: int,
        most_per_source: int,
        message_deadline: float,
        idle: float,
        most_unsent: int,
    ) -> None:
        super().__init__(port, host, advertise)
        for name, value in (
            ("most_connections", most_connections),
            ("most_per_source", most_per_source),
            ("message_deadline", message_deadline),
            ("idle", idle),
            ("most_unsent", most_unsent),
        ):
            if value <= 0:
                raise ConfigError(f"{self.scheme}({name}={value!r}) must be above 0; leave it out for the default")
        self.most_connections = most_connections
        self.most_per_source = most_per_source
        self.message_deadline = message_deadline
        self.idle = idle
        self.most_unsent = most_unsent


class TCP(Stream):
    """Plain connections."""

    scheme = "TCP"

    def __init__(
        self,
        port: int = 5060,
        host: str = "0.0.0.0",  # noqa: S104
        *,
        advertise: str = "",
        most_connections: int = MOST_CONNECTIONS,
        most_per_source: int = MOST_PER_SOURCE,
        message_deadline: float = MESSAGE_DEADLINE,
        idle: float = IDLE,
        most_unsent: int = MOST_UNSENT,
    ) -> None:
        super().__init__(port, host, advertise, most_connections, most_per_source, message_deadline, idle, most_unsent)


class TLS(Stream):
    """Encrypted connections, TLS 1.2 and up (RFC 5246, RFC 8446; names by RFC 5922).

    `certificate` is a PEM file with the chain, our own certificate first, and the key too unless `key` names another file.
    `authorities` is a PEM file of those whom peers' certificates must come from; without it the system's are trusted.
    `verify_peers` asks clients for a certificate: "no" never, "optional" notes the names of those who prove one,
    "require" takes nobody else.  `verify_outbound` proves the names of servers that we connect to; leave it on.
    The first TLS listener's certificate is also what we show to servers.
    """

    scheme = "TLS"

    def __init__(
        self,
        port: int = 5061,
        host: str = "0.0.0.0",  # noqa: S104
        *,
        certificate: str,
        key: str = "",
        authorities: str = "",
        advertise: str = "",
        verify_peers: Peers = "optional",
        verify_outbound: bool = True,
        most_connections: int = MOST_CONNECTIONS,
        most_per_source: int = MOST_PER_SOURCE,
        message_deadline: float = MESSAGE_DEADLINE,
        idle: float = IDLE,
        most_unsent: int = MOST_UNSENT,
    ) -> None:
        super().__init__(port, host, advertise, most_connections, most_per_source, message_deadline, idle, most_unsent)
        if verify_peers not in ("no", "optional", "require"):
            raise ConfigError(f'TLS(verify_peers={verify_peers!r}) must be "no", "optional" or "require"')
        self.certificate = certificate
        self.key = key or certificate
        self.authorities = authorities
        self.verify_peers = verify_peers
        self.verify_outbound = verify_outbound


def bracketed(host: str) -> str:
    """The host as URIs and Via write it: an IPv6 address in brackets, anything else as it is."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
