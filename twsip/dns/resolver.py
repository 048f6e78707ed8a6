"""twisted.names feeding sip.locate: destinations of a target, one by one and no earlier than needed (RFC 3263 section 4)."""

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from secrets import randbelow
from time import monotonic
from typing import Any, Final, final

from twisted.internet.defer import Deferred, gatherResults
from twisted.names import client, dns, error
from zope.interface import implementer

from ..api.errors import ConfigError
from ..api.events import LimitReached, Teller, tell_nobody
from ..api.facts import Destination, Target
from ..api.house import House
from ..api.interfaces import IResolver
from ..sip.locate import Kind, Question, Record, Search
from ..sip.uri import Uri, parse_uri
from .answers import LONGEST_NOTHING, MOST_CNAMES, Cache, nothing_for, read

FAILURE_KEPT: Final = 5.0
"""Seconds that a look-up which failed is not tried again: a dead name must not cost a look-up for every packet."""

_FAMILIES: Final = {"ipv4": Kind.A, "ipv6": Kind.AAAA}
_NOTHING_THERE: Final = (error.DNSNameError, error.AuthoritativeDomainError)


@final
@implementer(IResolver)
class Resolver:
    """The resolver of a site.

    `servers` are (address, port) of name servers; without them those of `resolv_conf`.  `families` are the address
    families to use, the preferred one first.  A query is repeated after 1 and 2 seconds; one target gets `patience`
    seconds of waiting for DNS in all.  At most `most_waiting` look-ups are under way, further ones find nothing;
    at most `most_cached` answers are kept.  Names under "localhost" never leave the machine (RFC 6761 section 6.3).
    """

    name = "dns"

    def __init__(
        self,
        servers: Sequence[tuple[str, int]] = (),
        *,
        resolv_conf: str = "/etc/resolv.conf",
        families: Sequence[str] = ("ipv4", "ipv6"),
        transports: Sequence[str] = ("UDP", "TCP", "TLS"),
        patience: float = 8.0,
        most_waiting: int = 200,
        most_cached: int = 10000,
    ) -> None:
        unknown = [family for family in families if family not in _FAMILIES]
        if unknown or not families:
            raise ConfigError(f"Resolver: families are 'ipv4' and 'ipv6', at least one of them, not {list(families)!r}")
        self._families = tuple(_FAMILIES[family] for family in families)
        self._transports = tuple(transports)
        self._patience = patience
        self._most_waiting = most_waiting
        self._servers = list(servers)
        self._resolv_conf = resolv_conf
        self._cache = Cache(most_cached)
        self._at_once: dict[str, tuple[Destination, ...]] = {}
        self._waiting: dict[Question, list[Deferred[tuple[Record, ...]]]] = {}
        self._full = False
        self._client: Any = None
        self._reactor: Any = None
        self._now: Callable[[], float] = monotonic
        self._dice: Callable[[int], int] = randbelow
        self._tell: Teller = tell_nobody

    def attach(self, house: House) -> None:
        """Take the site's reactor, clock, dice and teller."""
        self.use(house.reactor, house.now, lambda below: int.from_bytes(house.random(8)) % below, house.tell)

    def use(
        self, reactor: Any, now: Callable[[], float], dice: Callable[[int], int], tell: Teller = tell_nobody
    ) -> None:
        """The same for tests: a reactor for sockets and deadlines, a clock in seconds, whole random numbers below n."""
        self._reactor = reactor
        self._now = now
        self._dice = dice
        self._tell = tell

    def locate(self, target: Target) -> Sequence[Destination] | AsyncIterator[Destination]:
        """Where to try, in order: at once when all is known (an address, or cached answers), else one by one.

        What is located is the first route if the target has one, else its URI.  Nothing at all for what is not sip,
        sips, or a transport of ours.  Never raises.
        """
        uri: Uri | None = target.uri
        if target.route:
            text = target.route[0]
            known = self._at_once.get(text)
            if known is not None:
                return known
            uri = parse_uri(route_uri(text).encode("utf-8", "replace"))
        else:
            text = target.uri.text
            known = self._at_once.get(text)
            if known is not None:
                return known
        if uri is None:
            return ()
        search = Search(uri, self._transports, self._families, self._dice)
        if not search.needs():
            found = tuple(search_out(search))
            if len(self._at_once) >= 4096:
                self._at_once.clear()
            self._at_once[text] = found
            return found
        return self._from_cache(search)

    def forget(self) -> None:
        """Forget all cached answers."""
        self._cache.clear()

    def _from_cache(self, search: Search) -> Sequence[Destination] | AsyncIterator[Destination]:
        now = self._now()
        ready: deque[Destination] = deque()
        while True:
            ready.extend(search_out(search))
            needs = search.needs()
            if not needs:
                return tuple(ready)
            for question in needs:
                records = self._known(question, now)
                if records is None:
                    return Locating(self, search, ready, self._patience)
                search.answer(question, records)

    def _known(self, question: Question, now: float) -> tuple[Record, ...] | None:
        name, kind = question
        if name == "localhost" or name.endswith(".localhost"):
            return {Kind.A: (Record("127.0.0.1"),), Kind.AAAA: (Record("::1"),)}.get(kind, ())
        return self._cache.get(question, now)

    def ask(self, question: Question) -> "Deferred[tuple[Record, ...]]":
        """The records, () when there are none or they cannot be had in time.  Never fails.  Equal questions share one look-up."""
        result: Deferred[tuple[Record, ...]] = Deferred()
        known = self._known(question, self._now())
        if known is not None:
            result.callback(known)
            return result
        waiting = self._waiting.get(question)
        if waiting is not None:
            waiting.append(result)
            return result
        if len(self._waiting) >= self._most_waiting:
            if not self._full:
                self._full = True
                self._tell(LimitReached("DNS look-ups under way", self._most_waiting, "further names are not found"))
            result.callback(())
            return result
        self._full = False
        self._waiting[question] = [result]
        Deferred.fromCoroutine(self._look_up(question)).addBoth(self._looked_up, question)
        return result

    def _looked_up(self, outcome: Any, question: Question) -> None:
        records: tuple[Record, ...] = ()
        kept = FAILURE_KEPT
        if isinstance(outcome, tuple):
            records, kept = outcome
        if kept > 0:
            self._cache.put(question, records, self._now() + kept)
        for result in self._waiting.pop(question):
            result.callback(records)

    async def _look_up(self, question: Question) -> tuple[tuple[Record, ...], float]:
        """One question through its aliases: records and seconds to keep them; raises when nobody answers in time."""
        name, kind = question
        seen = {name}
        kept = float("inf")
        deadline = self._now() + self._patience
        while True:
            sent = self._query(name, kind)
            sent.addTimeout(max(0.001, deadline - self._now()), self._reactor)
            try:
                answers, authority, _ = await sent
            except _NOTHING_THERE as refusal:
                return (), min(kept, nothing_for(getattr(refusal.args[0], "authority", ()) if refusal.args else ()))
            answered = read((name, kind), answers, authority)
            kept = min(kept, answered.ttl)
            if not answered.alias:
                return answered.records, kept
            name = answered.alias
            if name in seen or len(seen) > MOST_CNAMES:
                return (), LONGEST_NOTHING
            seen.add(name)

    def _query(self, name: str, kind: Kind) -> "Deferred[Any]":
        if self._client is None:
            # Made at the first name: a site without names reads no resolv.conf and keeps no timer for it.
            if self._reactor is None:
                from twisted.internet import reactor

                self._reactor = reactor
            where = None if self._servers else self._resolv_conf
            self._client = client.Resolver(where, list(self._servers), (1, 2), self._reactor)
        # Not lookupService() and its like: those remember a question that could not even be sent (no file descriptor
        # left) and then wait for its answer for ever.
        sent: Deferred[Any] = self._client.queryUDP([dns.Query(name.encode(), int(kind), dns.IN)])
        return sent.addCallback(self._client.filterAnswers)

    def deadline(self, waited: "Deferred[Any]", seconds: float) -> None:
        """Let somebody's own wait end then; the look-up that others share goes on."""
        waited.addTimeout(seconds, self._reactor)

    def time(self) -> float:
        """The resolver's clock."""
        return self._now()


@final
class Locating:
    """The destinations of one target, looked up as they are asked for; leaving it half way costs nothing."""

    def __init__(self, resolver: Resolver, search: Search, ready: deque[Destination], patience: float) -> None:
        self._resolver = resolver
        self._search = search
        self._ready = ready
        self._patience = patience

    def __aiter__(self) -> "Locating":
        return self

    async def __anext__(self) -> Destination:
        """The next destination; the time waited for DNS is counted, the time spent on trying destinations is not."""
        while not self._ready:
            self._ready.extend(search_out(self._search))
            if self._ready:
                break
            needs = self._search.needs()
            if not needs:
                raise StopAsyncIteration
            began = self._resolver.time()
            answers = await self._together(needs)
            self._patience -= self._resolver.time() - began
            for question, records in zip(needs, answers, strict=True):
                self._search.answer(question, records)
        return self._ready.popleft()

    async def _together(self, needs: Sequence[Question]) -> Sequence[Sequence[Record]]:
        if self._patience <= 0:
            return [()] * len(needs)
        waited = [self._resolver.ask(question) for question in needs]
        for one in waited:
            if not one.called:
                self._resolver.deadline(one, self._patience)
                one.addErrback(_too_late)
        return await gatherResults(waited)


def _too_late(_reason: object) -> tuple[Record, ...]:
    return ()


def search_out(search: Search) -> list[Destination]:
    """All destinations that the search can give without further answers."""
    found: list[Destination] = []
    while True:
        place = search.take()
        if place is None:
            return found
        found.append(Destination(place[0], place[1], place[2], search.secure_name if place[0] == "TLS" else ""))


def route_uri(text: str) -> str:
    """The URI of a Route value, with or without its angle brackets."""
    start = text.find("<")
    if start < 0:
        return text
    end = text.find(">", start)
    return text[start + 1 : end] if end > 0 else ""
