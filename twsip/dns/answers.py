"""What a DNS answer says and how long it may be kept: CNAME chains, TTLs, a bounded cache (RFC 1034 section 3.6.2, RFC 2308)."""

from collections.abc import Sequence
from ipaddress import IPv6Address
from typing import Any, Final, final

from ..sip.locate import MOST_RECORDS, Kind, Question, Record, clean_name

MOST_CNAMES: Final = 8
LONGEST_KEPT: Final = 3600.0
LONGEST_NOTHING: Final = 60.0


@final
class Answered:
    """The usable records of one answer, seconds that they may be kept, and the name to ask instead ("" mostly)."""

    __slots__ = ("alias", "records", "ttl")

    def __init__(self, records: tuple[Record, ...], ttl: float, alias: str = "") -> None:
        self.records = records
        self.ttl = ttl
        self.alias = alias


def read(question: Question, answers: Sequence[Any], authority: Sequence[Any]) -> Answered:
    """Read twisted.names' sections: at most 64 records, those with impossible values left out, nothing believed about other names.

    A CNAME that leads to records in the same answer is followed; one that leads out of it is returned as `alias`; a
    circle or a chain of more than 8 is an answer without records.
    """
    name, kind = question
    looked_at = answers[:MOST_RECORDS]
    aliases: dict[str, tuple[str, float]] = {}
    for header in looked_at:
        if header.type == 5:
            owner = clean_name(_text(header.name))
            alias = clean_name(_text(header.payload.name))
            if owner and alias:
                aliases[owner] = (alias, float(header.ttl))
    ttl = LONGEST_KEPT
    seen = {name}
    while name in aliases:
        name, its_ttl = aliases[name]
        ttl = min(ttl, its_ttl)
        if name in seen or len(seen) > MOST_CNAMES:
            return Answered((), LONGEST_NOTHING)
        seen.add(name)
    records: list[Record] = []
    for header in looked_at:
        if header.type == kind and clean_name(_text(header.name)) == name:
            record = _record(kind, header.payload)
            ttl = min(ttl, float(header.ttl))
            if record is not None:
                records.append(record)
    if records:
        return Answered(tuple(records), ttl)
    if name != question[0]:
        return Answered((), ttl, name)
    return Answered((), nothing_for(authority))


def nothing_for(authority: Sequence[Any]) -> float:
    """Seconds that "there is nothing" may be kept: the SOA's word, at most a minute (RFC 2308 section 5)."""
    kept = LONGEST_NOTHING
    for header in authority[:MOST_RECORDS]:
        if header.type == 6:
            kept = min(kept, float(header.ttl), float(header.payload.minimum))
    return kept


def _text(name: Any) -> str:
    raw: bytes = name.name
    return raw.decode("latin-1")


def _record(kind: Kind, payload: Any) -> Record | None:
    if kind == Kind.A:
        return Record(payload.dottedQuad())
    if kind == Kind.AAAA:
        address = IPv6Address(payload.address)
        # An IPv4 address has no business in AAAA: it would slip by rules about IPv4.
        return None if address.ipv4_mapped is not None else Record(str(address))
    if kind == Kind.SRV:
        host = clean_name(_text(payload.target))
        return None if host is None else Record(host, payload.priority, payload.weight, payload.port)
    # Only flag "s" with a replacement is of use here; a regexp would be a program from the wire (RFC 3263 section 4.1).
    if payload.flags.string.lower() != b"s" or payload.regexp.string:
        return None
    host = clean_name(_text(payload.replacement))
    service = payload.service.string.decode("latin-1")
    return None if not host else Record(host, payload.order, payload.preference, 0, service)


@final
class Cache:
    """Answers until they expire; at most `most` of them, the oldest goes first.  Time is the caller's."""

    __slots__ = ("_kept", "_most")

    def __init__(self, most: int) -> None:
        self._kept: dict[Question, tuple[float, tuple[Record, ...]]] = {}
        self._most = most

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, question: Question, now: float) -> tuple[Record, ...] | None:
        """The records, () when it is known that there are none, None when nothing is known."""
        found = self._kept.get(question)
        if found is None:
            return None
        if found[0] <= now:
            del self._kept[question]
            return None
        return found[1]

    def put(self, question: Question, records: tuple[Record, ...], until: float) -> None:
        """Keep the answer until then."""
        self._kept.pop(question, None)
        if len(self._kept) >= self._most:
            del self._kept[next(iter(self._kept))]
        self._kept[question] = (until, records)

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()
