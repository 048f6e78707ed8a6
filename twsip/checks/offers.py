"""What a realm allows, and what it offers to whom: the algorithms that its backends can answer, fewer for phones that know fewer."""

from collections.abc import Callable, Mapping
from typing import Any, Final, final

from ..api import ConfigError, Domains, RequestContext
from ..sip.digest import ALGORITHMS, BASES, HAS_SHA_512_256, QOPS, SHA_512_256
from ..sip.fields.auth import challenge_ends
from ..sip.names import USER_AGENT
from .agents import LONGEST, Agents, known

ANY_REALM: Final = "*"
DEFAULT_EXPIRE: Final = 300.0
DEFAULT_ALGORITHMS: Final = ("SHA-256", "MD5")
"""What a realm allows unless the tac file says otherwise, as far as its backends have the secrets."""
MOST_CHOSEN: Final = 1024


@final
class Offer:
    """What somebody is challenged with, printed but for the nonce; `mask` says it in bits."""

    __slots__ = ("ends", "mask")

    def __init__(self, realm: str, algorithms: tuple[str, ...], qops: tuple[str, ...]) -> None:
        self.ends = tuple(challenge_ends(realm, algorithm, ",".join(qops)) for algorithm in algorithms)
        self.mask = sum(ALGORITHMS[algorithm] for algorithm in algorithms) | sum(QOPS[qop] for qop in qops)


@final
class Realm:
    """One realm: its name, what it allows at all (`mask`), and how many seconds its nonces live (`expire`).

    What is offered is the part of it that the sender's row of the table names; all of it when that would be nothing, or
    when there is no row.  The User-Agent is the sender's own claim: it chooses among what is allowed and adds nothing.
    """

    __slots__ = ("_agents", "_chosen", "_offers", "allowed", "expire", "mask", "name", "only", "qops", "renew")

    def __init__(
        self, name: str, allowed: tuple[str, ...], qops: tuple[str, ...], agents: Agents, expire: float, one_time: bool
    ) -> None:
        self.name = name
        self.allowed = allowed
        self.qops = qops
        self.expire = expire
        self.renew = -expire if one_time else expire / 2
        """The age of a nonce from which on the next one is given with a 2xx: half of its life, or any if it is good once."""
        self._agents = agents
        self._chosen: dict[tuple[bytes, str], Offer] = {}
        whole = Offer(name, allowed, qops)
        self.mask = whole.mask
        self._offers: dict[tuple[str, ...], Offer] = {allowed: whole}
        possible = {self._part(algorithms) for algorithms in agents.lists}
        self.only: Offer | None = whole if possible <= {allowed} else None
        """The offer, if it is the same for everybody."""

    def _part(self, algorithms: tuple[str, ...]) -> tuple[str, ...]:
        return tuple([one for one in algorithms if one in self.allowed]) or self.allowed

    def offer(self, context: RequestContext) -> Offer:
        """What the sender of this request is offered.  1,024 answers are remembered; when that is full they are all forgotten."""
        only = self.only
        if only is not None:
            return only
        said = context.request.value(USER_AGENT) or b""
        if len(said) > LONGEST:
            said = said[:LONGEST]
        transport = context.flow.transport
        chosen = self._chosen.get((said, transport))
        if chosen is None:
            part = self._part(self._agents.find(said, transport))
            chosen = self._offers.get(part)
            if chosen is None:
                # There are no more of them than rows in the table.
                chosen = self._offers[part] = Offer(self.name, part, self.qops)
            if len(self._chosen) >= MOST_CHOSEN:
                self._chosen.clear()
            self._chosen[said, transport] = chosen
        return chosen


def backends_of(given: Any) -> tuple[Any, ...]:
    """The backends of one realm, which may be a list of them or one."""
    return tuple(given) if isinstance(given, list | tuple) else (given,)


def allowed(asked: tuple[str, ...] | None, backends: tuple[Any, ...]) -> tuple[str, ...]:
    """The algorithms that were asked for; if none were, those of the default that all backends have secrets for.

    Of a backend that does not say (`algorithms`) only MD5 is expected.  Raises ConfigError for what cannot be answered.
    """
    if asked is None:
        found: tuple[str, ...] = DEFAULT_ALGORITHMS
        for backend in backends:
            can = getattr(backend, "algorithms", ("MD5",))
            found = tuple([one for one in found if one in can])
        if not found:
            raise ConfigError(
                f"{', '.join([repr(backend) for backend in backends])}: they have secrets for none of "
                f"{', '.join(DEFAULT_ALGORITHMS)} together; say with algorithms= what Digest should offer"
            )
        return found
    for algorithm in asked:
        base = BASES[ALGORITHMS[algorithm]]
        if base == BASES[SHA_512_256] and not HAS_SHA_512_256:
            raise ConfigError(f"this machine's OpenSSL has no {base}; take {algorithm} out of algorithms=")
        for backend in backends:
            can = getattr(backend, "algorithms", None)
            if can is not None and base not in can:
                raise ConfigError(
                    f"{backend!r} has no secrets for {algorithm}, only for {', '.join(can)}; "
                    f"take it out of algorithms= or give the backend such a column"
                )
    return asked


@final
class Rules:
    """What the tac file says of its realms: for all of them, or as mappings by realm with "*" for every other one."""

    __slots__ = ("_agents", "_algorithms", "_expire", "_one_time", "_qops", "accounts", "longest", "shortest")

    def __init__(
        self, accounts: Mapping[str, Any], algorithms: Any, agents: Agents, qops: tuple[str, ...], expire: Any, one_time: bool
    ) -> None:
        """Raises ConfigError for algorithms that nobody knows."""
        self.accounts = dict(accounts)
        self._algorithms: dict[str, tuple[str, ...]] = {}
        if algorithms is not None:
            given = algorithms if isinstance(algorithms, Mapping) else {ANY_REALM: algorithms}
            self._algorithms = {realm: known("algorithms", names, ALGORITHMS) for realm, names in given.items()}
        self._expire: dict[str, float] = {ANY_REALM: DEFAULT_EXPIRE}
        lives = expire if isinstance(expire, Mapping) else {ANY_REALM: expire}
        for realm, life in lives.items():
            if not isinstance(life, int | float):
                raise ConfigError(f"nonce_expire={life!r} of Digest is no number of seconds")
            self._expire[realm] = float(life)
        self._agents = agents
        self._qops = qops
        self._one_time = one_time
        self.shortest = min(self._expire.values())
        self.longest = max(self._expire.values())

    def realms(self, site: Domains, backends: Callable[[str], tuple[Any, ...]]) -> dict[str, Realm]:
        """The site's realms by name.  Raises ConfigError for one without accounts, and for what is said of one that is not there."""
        names = {site.realm_for(domain) for domain in site.domains}
        for option, given in (("accounts", self.accounts), ("algorithms", self._algorithms), ("nonce_expire", self._expire)):
            for name in given:
                if name != ANY_REALM and name not in names:
                    raise ConfigError(
                        f"Digest has {option} for {name!r}, which is no domain of the site; the site's are {', '.join(site.domains)}"
                    )
        found = {}
        for name in sorted(names):
            behind = backends(name)
            if not behind:
                raise ConfigError(f"nobody has accounts for the domain {name!r}; add {name!r}: SQLAccounts(...) to Digest")
            algorithms = allowed(self._algorithms.get(name, self._algorithms.get(ANY_REALM)), behind)
            expire = self._expire.get(name, self._expire[ANY_REALM])
            found[name] = Realm(name, algorithms, self._qops, self._agents, expire, self._one_time)
        return found
