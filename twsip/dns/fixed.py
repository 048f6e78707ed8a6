"""A table in the place of DNS, for tests and closed networks: RFC 3263 without its look-ups."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import final

from zope.interface import implementer

from ..api.errors import ConfigError
from ..api.facts import Destination, Target
from ..api.house import House
from ..api.interfaces import IResolver
from ..sip.locate import DEFAULT_PORTS, Kind, Search, clean_name, literal, transport_of
from ..sip.uri import Uri, parse_host_port, parse_uri
from .resolver import route_uri, search_out


@final
@implementer(IResolver)
class FixedResolver:
    """Names by a table: `FixedResolver({"gw.example": "192.0.2.16:5062", "two.example": ("192.0.2.1", "[2001:db8::1]")})`.

    An entry is an address with or without a port; its port comes before the URI's, and the URI alone decides the transport.
    Addresses stand for themselves.  A name that is not in the table goes to `otherwise` if there is one, else nowhere.
    """

    name = "fixed"

    def __init__(self, table: Mapping[str, str | Sequence[str]], otherwise: object | None = None) -> None:
        self._otherwise = otherwise
        self._table: dict[str, list[tuple[str, int]]] = {}
        for name, entries in table.items():
            known = clean_name(name)
            if not known:
                raise ConfigError(f"FixedResolver: {name!r} is not a host name")
            self._table[known] = [_entry(name, entry) for entry in ([entries] if isinstance(entries, str) else entries)]

    def attach(self, house: House) -> None:
        """Pass the house on to the resolver behind this one."""
        attach = getattr(self._otherwise, "attach", None)
        if attach is not None:
            attach(house)

    def locate(self, target: Target) -> Sequence[Destination] | AsyncIterator[Destination]:
        """Where to try, in the table's order; at once, but for what `otherwise` has to look up."""
        uri: Uri | None = target.uri
        if target.route:
            uri = parse_uri(route_uri(target.route[0]).encode("utf-8", "replace"))
        if uri is None or not uri.is_sip:
            return ()
        transport = transport_of(uri)
        if transport is None:
            return ()
        host = uri.params.get("maddr", "") or uri.host
        if literal(host):
            return search_out(Search(uri, tuple(DEFAULT_PORTS), (Kind.A,), _first))
        entries = self._table.get(clean_name(host) or "")
        if entries is None:
            return () if self._otherwise is None else IResolver(self._otherwise).locate(target)
        chosen = transport or ("TLS" if uri.secure else "UDP")
        proof = uri.host.strip("[]") if chosen == "TLS" else ""
        return [
            Destination(chosen, address, port or uri.port or DEFAULT_PORTS[chosen], proof) for address, port in entries
        ]


def _first(_below: int) -> int:
    return 0


def _entry(name: str, entry: str) -> tuple[str, int]:
    place = parse_host_port(entry.encode("ascii", "replace"))
    address = literal(place[0]) if place is not None else ""
    if place is None or not address:
        raise ConfigError(
            f"FixedResolver: {entry!r} for {name!r} is not an address; write 192.0.2.1, 192.0.2.1:5060 or [2001:db8::1]:5060"
        )
    return address, place[1]
