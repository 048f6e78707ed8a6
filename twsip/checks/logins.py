"""Logins that are remembered for a while, so that a registration that comes again asks no backend."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final, final

from ..api import PASS, Pass
from ..sip.digest import ALGORITHMS, BASES, NOBODYS, SIPDigest, ha1_of


@final
class Login:
    """The HA1s of an account by algorithm family, and the Pass that goes with them, `until` POSIX seconds."""

    __slots__ = ("ha1", "passes", "until")

    def __init__(self, until: float, ha1: dict[str, bytes], passes: Pass) -> None:
        self.until = until
        self.ha1 = ha1
        self.passes = passes

    def __repr__(self) -> str:
        return f"Login({self.passes!r}, secrets hidden)"


NOBODY: Final = Login(0.0, NOBODYS, PASS)
"""Stands in where no login is remembered: its sums are done and thrown away."""


@final
class Logins:
    """At most `most` logins, each for `seconds` (0 for none at all), and as many names that nobody has, each for
    `unknown_seconds`; at the bound the oldest goes."""

    def __init__(self, seconds: float, most: int, unknown_seconds: float = 0.0) -> None:
        self._families: dict[str, int] = {}
        self._seconds = seconds
        self._unknown_seconds = unknown_seconds
        self._unknown: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._most = most
        self.forgotten = 0
        """How often an account was forgotten."""
        self._kept: OrderedDict[tuple[str, str], Login] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def expect(self, algorithms: Iterable[str]) -> None:
        """Keep the HA1s that these algorithms need; none were kept before."""
        self._families = {BASES[ALGORITHMS[name]]: ALGORITHMS[name] for name in algorithms}

    def find(self, realm: str, username: str) -> Login:
        """The login of whoever calls themselves so, maybe one that is over, or NOBODY."""
        return self._kept.get((realm, username), NOBODY)

    def keep(self, credentials: SIPDigest, passes: Pass, now: float) -> None:
        """Remember who just proved an account; HA1s only, a clear text is not kept."""
        fields, account = credentials.fields, credentials.account
        if not self._seconds or account is None:
            return
        ha1 = {family: ha1_of(account, bit, fields.username, fields.realm) for family, bit in self._families.items()}
        key = (fields.realm, fields.username)
        self._kept.pop(key, None)
        if len(self._kept) >= self._most:
            self._kept.popitem(last=False)
        self._kept[key] = Login(now + self._seconds, {family: known for family, known in ha1.items() if known}, passes)

    def miss(self, realm: str, username: str, now: float) -> None:
        """Remember that nobody is called so."""
        if not self._unknown_seconds:
            return
        key = (realm, username)
        self._unknown.pop(key, None)
        if len(self._unknown) >= self._most:
            self._unknown.popitem(last=False)
        self._unknown[key] = now + self._unknown_seconds

    def is_missed(self, realm: str, username: str, now: float) -> bool:
        """Whether nobody was called so a moment ago."""
        return now < self._unknown.get((realm, username), 0.0)

    def forget(self, realm: str, auth_id: str) -> None:
        """Forget an account under all names it logged in with (alice, alice@example.org).  Looks at every login."""
        self.forgotten += 1
        for key in [key for key in self._kept if key[0] == realm and key[1].partition("@")[0] == auth_id]:
            del self._kept[key]
        for key in [key for key in self._unknown if key[0] == realm and key[1].partition("@")[0] == auth_id]:
            del self._unknown[key]
