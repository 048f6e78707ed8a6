"""Which names and addresses are the site's own (RFC 3261 section 16.4 and 10.3): asked several times a request, so it is compiled."""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from typing import Any, Final, final

from .local import WILDCARDS
from .words import bracketed

MOST_ADDRESSES: Final = 1024
ADDRESSES_KEPT: Final = 60.0
USUAL_PORTS: Final = (5060, 5061)


@final
class Names:
    """Which names and addresses are the site's own (`api.context.Domains`).

    Behind a listener on all addresses every address of this machine is ours; the kernel is asked, once a minute.
    """

    def __init__(self, name: str, domains: Sequence[str], also: Sequence[str], listen: Sequence[Any], now: Callable[[], float]):
        self.domains = (name, *domains)
        self._now = now
        self._everywhere = any(one.host in WILDCARDS for one in listen)
        self._declared = frozenset((*self.domains, *also))
        advertised = [_host_only(one.advertise).lower() for one in listen if one.advertise]
        self._ours = frozenset((*advertised, *(bracketed(one.host) for one in listen if one.host not in WILDCARDS)))
        self._realms = {domain: domain for domain in self.domains}
        self.ports = {one.port for one in listen if one.port}
        self._asked: dict[str, bool] = {}
        self._asked_at = 0.0

    def is_local(self, host: str, port: int = 0) -> bool:
        """Whether the host is ours; with a port (0 is none given) only if we listen on that.

        The site's own names (not its addresses) are also meant with SIP's usual ports: DNS may lead those to other ones
        (RFC 3263).
        """
        if host in self._declared:
            return not port or port in self.ports or (port in USUAL_PORTS and not _is_literal(host))
        if port and port not in self.ports:
            return False
        if host in self._ours:
            return True
        return self._everywhere and (host[:1].isdigit() or host[:1] == "[") and self._is_of_this_machine(host)

    def realm_for(self, host: str) -> str:
        """The digest realm for this domain: itself, or the site's name for its addresses and other names."""
        return self._realms.get(host, self.domains[0])

    def _is_of_this_machine(self, literal: str) -> bool:
        now = self._now()
        if len(self._asked) >= MOST_ADDRESSES or not 0.0 <= now - self._asked_at < ADDRESSES_KEPT:
            self._asked.clear()
            self._asked_at = now
        known = self._asked.get(literal)
        if known is None:
            known = self._asked[literal] = _can_be_bound(literal.strip("[]"))
        return known


def _is_literal(host: str) -> bool:
    return host[:1] == "[" or host.replace(".", "").isdigit()


def _can_be_bound(literal: str) -> bool:
    try:
        address = ipaddress.ip_address(literal)
    except ValueError:
        return False
    if address.is_multicast or str(address) == "255.255.255.255":
        return False
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as probe:
            probe.bind((literal, 0))
    except OSError:
        return False
    return True


def _host_only(hostport: str) -> str:
    if hostport.startswith("["):
        return hostport.partition("]")[0] + "]"
    return bracketed(hostport) if hostport.count(":") > 1 else hostport.partition(":")[0]
