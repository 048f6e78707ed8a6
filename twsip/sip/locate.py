"""Where to send a request: which DNS records to ask for and in what order to try them (RFC 3263 section 4, RFC 2782, RFC 7984).

Pure: a `Search` names the records that it needs, is given the answers, and hands out places one by one.
"""

from collections.abc import Callable, Sequence
from enum import IntEnum
from ipaddress import IPv6Address
from typing import Final, final

from .abnf import HOST, only
from .uri import Uri, is_ipv4, is_ipv6

MOST_RECORDS: Final = 64
"""So many records of one answer are looked at, and so many places come out of one search; the rest is left alone."""

DEFAULT_PORTS: Final = {"UDP": 5060, "TCP": 5060, "TLS": 5061}

Dice = Callable[[int], int]
"""A random whole number from 0 to below its argument."""


class Kind(IntEnum):
    """The record types of RFC 3263, by their numbers in DNS."""

    A = 1
    AAAA = 28
    SRV = 33
    NAPTR = 35


@final
class Record:
    """One record of any kind; what the kind does not have is 0 or "".

    `host` is the address of A and AAAA, the target of SRV, the replacement of NAPTR: lower case, no final dot, and "" for
    the root.  `service` is NAPTR's; `first` and `second` are order and preference (NAPTR) or priority and weight (SRV).
    """

    __slots__ = ("first", "host", "port", "second", "service")

    def __init__(self, host: str, first: int = 0, second: int = 0, port: int = 0, service: str = "") -> None:
        self.host = host
        self.first = first
        self.second = second
        self.port = port
        self.service = service

    def __repr__(self) -> str:
        return f"Record({self.host!r}, {self.first}, {self.second}, {self.port}, {self.service!r})"


Question = tuple[str, Kind]
"""A name in lower case without its final dot, and what is asked of it."""

Place = tuple[str, str, int]
"""Transport, address literal without brackets, port."""


def clean_name(name: str) -> str | None:
    """The host name in lower case without its final dot ("" for the root), or None if it is not one: 253 characters at most, 63 a label."""
    name = name.lower().removesuffix(".")
    if len(name) > 253 or not name.isascii() or not only(name.encode(), HOST) or ".." in name or name[:1] == ".":
        return None
    if len(name) > 63 and max(map(len, name.split("."))) > 63:
        return None
    return name


def literal(host: str) -> str:
    """The address if the host is an IPv4 literal or an IPv6 one in brackets, in its one short form; else "".

    An IPv4 address dressed as IPv6 (::ffff:192.0.2.1) is undressed, so that a blacklist sees it as what it is.
    """
    raw = host.encode("ascii", "replace")
    if is_ipv4(raw):
        return host
    if raw[:1] == b"[" and raw[-1:] == b"]" and is_ipv6(raw[1:-1]):
        address = IPv6Address(host[1:-1])
        mapped = address.ipv4_mapped
        return str(address) if mapped is None else str(mapped)
    return ""


def transport_of(uri: Uri) -> str | None:
    """What the URI itself decides: UDP, TCP or TLS, "" when it leaves that open, None when it asks for what cannot be.

    A sips URI goes over TLS or not at all, whatever its transport parameter says (RFC 5630 section 3.1.4).
    """
    asked = uri.transport
    if uri.secure:
        return "TLS" if asked in ("", "tcp", "tls") else None
    if not asked:
        return ""
    return {"udp": "UDP", "tcp": "TCP", "tls": "TLS"}.get(asked)


def order_services(records: Sequence[Record], secure: bool, transports: Sequence[str]) -> list[tuple[str, str]]:
    """(transport, name to ask for SRV) of the NAPTR records that we can use, by order, then preference (§4.1)."""
    usable: list[tuple[int, int, int, str, str]] = []
    for index, record in enumerate(records[:MOST_RECORDS]):
        transport = {"SIP+D2U": "UDP", "SIP+D2T": "TCP", "SIPS+D2T": "TLS"}.get(record.service.upper(), "")
        if transport in transports and record.host and (transport == "TLS" or not secure):
            usable.append((record.first, record.second, index, transport, record.host))
    usable.sort()
    return [(transport, name) for _, _, _, transport, name in usable]


def order_servers(records: Sequence[Record], dice: Dice) -> list[Record]:
    """SRV records by priority, and by chance in the proportion of their weights within one priority (RFC 2782).

    A weight of 0 beside others has the smallest chance that the dice can give; where all are 0, all are equal.
    """
    left = sorted(records[:MOST_RECORDS], key=_priority)
    ordered: list[Record] = []
    while left:
        group = [record for record in left if record.first == left[0].first]
        left = left[len(group) :]
        while group:
            chosen = _draw(group, dice)
            ordered.append(group.pop(chosen))
    return ordered


def _priority(record: Record) -> int:
    return record.first


def _draw(group: list[Record], dice: Dice) -> int:
    """The index of the record that is tried next among those of one priority."""
    if len(group) == 1:
        return 0
    total = sum(record.second for record in group)
    if total == 0:
        return dice(len(group))
    idle = [index for index, record in enumerate(group) if record.second == 0]
    mark = dice(total + 1) if idle else dice(total) + 1
    if mark == 0:
        return idle[dice(len(idle))]
    for index, record in enumerate(group):
        mark -= record.second
        if mark <= 0 and record.second:
            return index
    return len(group) - 1


_NAPTR: Final = 0
_SRV: Final = 1
_HOST: Final = 2


@final
class _Step:
    """One thing yet to be looked up; `port` is that of a host step."""

    __slots__ = ("kind", "name", "port", "transport")

    def __init__(self, kind: int, transport: str, name: str, port: int) -> None:
        self.kind = kind
        self.transport = transport
        self.name = name
        self.port = port


@final
class Search:
    """RFC 3263 section 4 for one URI: ask `needs`, give each `answer`, `take` places until it gives None and needs nothing.

    Lazy: the addresses behind the second server are asked for when the first one's are used up.  `families` are A, AAAA
    or both in the order of preference (RFC 7984); all addresses of one server come before the next server.
    `secure_name` is the domain that a TLS certificate must prove: the URI's own, never what DNS led to (RFC 5922 section 4).
    """

    __slots__ = ("_answers", "_dice", "_families", "_given", "_ready", "_steps", "_transports", "secure_name")

    def __init__(self, uri: Uri, transports: Sequence[str], families: Sequence[Kind], dice: Dice) -> None:
        self._transports = transports
        self._families = families
        self._dice = dice
        self._steps: list[_Step] = []
        self._ready: list[Place] = []
        self._given: set[Place] = set()
        self._answers: dict[Question, Sequence[Record]] = {}
        target = uri.params.get("maddr", "") or uri.host
        self.secure_name = uri.host.strip("[]")
        self._plan(uri, target)

    def _plan(self, uri: Uri, target: str) -> None:
        transport = transport_of(uri)
        if not uri.is_sip or transport is None or (transport and transport not in self._transports):
            return
        default = "TLS" if uri.secure else "UDP"
        address = literal(target)
        if address:
            chosen = transport or default
            if chosen in self._transports:
                self._ready.append((chosen, address, uri.port or DEFAULT_PORTS[chosen]))
            return
        name = clean_name(target)
        if not name:
            return
        if uri.port:
            self._add(_HOST, transport or default, name, uri.port)
        elif uri.transport:
            self._add(
                _SRV, transport, ("_sips._tcp." if transport == "TLS" else f"_sip._{transport.lower()}.") + name, 0
            )
            self._add(_HOST, transport, name, DEFAULT_PORTS[transport])
        else:
            self._add(_NAPTR, default, name, 0)

    def _add(self, kind: int, transport: str, name: str, port: int) -> None:
        if transport in self._transports:
            self._steps.append(_Step(kind, transport, name, port))

    def needs(self) -> tuple[Question, ...]:
        """What must be answered before `take` can go on; nothing when places are ready or all is done."""
        if self._ready or not self._steps:
            return ()
        step = self._steps[0]
        if step.kind == _NAPTR:
            wanted = [(step.name, Kind.NAPTR)]
        elif step.kind == _SRV:
            wanted = [(step.name, Kind.SRV)]
        else:
            wanted = [(step.name, family) for family in self._families]
        return tuple(question for question in wanted if question not in self._answers)

    def answer(self, question: Question, records: Sequence[Record]) -> None:
        """The records that were found; none when there are none or the look-up failed."""
        self._answers[question] = records[:MOST_RECORDS]

    def take(self) -> Place | None:
        """The next place to try; None when answers are missing or nothing is left."""
        while True:
            if self._ready:
                place = self._ready.pop(0)
                if place in self._given:
                    continue
                if len(self._given) >= MOST_RECORDS:
                    self._ready.clear()
                    self._steps.clear()
                    return None
                self._given.add(place)
                return place
            if not self._steps or self.needs():
                return None
            self._expand(self._steps.pop(0))

    def _expand(self, step: _Step) -> None:
        if step.kind == _NAPTR:
            self._steps = self._services(step)
        elif step.kind == _SRV:
            self._servers(step, self._answers[(step.name, Kind.SRV)])
        else:
            for family in self._families:
                for record in self._answers[(step.name, family)]:
                    self._ready.append((step.transport, record.host, step.port))

    def _services(self, step: _Step) -> list[_Step]:
        """§4.1: what NAPTR says; without it SRV of every transport of the scheme, and at last the name's own addresses."""
        secure = step.transport == "TLS"
        found = order_services(self._answers[(step.name, Kind.NAPTR)], secure, self._transports)
        if found:
            # The name's own addresses are the last resort, for NAPTR records that lead to no SRV record at all.
            steps = [_Step(_SRV, transport, name, 0) for transport, name in found]
            steps.append(_Step(_HOST, found[0][0], step.name, DEFAULT_PORTS[found[0][0]]))
            return steps
        self._steps = []
        if secure:
            self._add(_SRV, "TLS", "_sips._tcp." + step.name, 0)
        else:
            self._add(_SRV, "UDP", "_sip._udp." + step.name, 0)
            self._add(_SRV, "TCP", "_sip._tcp." + step.name, 0)
        self._add(_HOST, step.transport, step.name, DEFAULT_PORTS[step.transport])
        return self._steps

    def _servers(self, step: _Step, records: Sequence[Record]) -> None:
        """§4.2: the servers in their order.  Where SRV records exist, the name's own addresses are not used.

        A target of "." says that the domain decidedly has no such service (RFC 2782).
        """
        if not records:
            return
        found = [
            _Step(_HOST, step.transport, record.host, record.port)
            for record in order_servers(records, self._dice)
            if record.host and record.port
        ]
        later = [other for other in self._steps if other.kind != _HOST]
        self._steps = found + later
