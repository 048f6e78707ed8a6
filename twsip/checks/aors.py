"""Callers whose addresses-of-record came out of a table, remembered for a while, so that the next request need not wait."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import final

from ..api import Caller, Pass


@final
class Known:
    """A caller with the addresses-of-record of the table, and the Pass that says so; `until` POSIX seconds."""

    __slots__ = ("asked_for", "caller", "passes", "until")

    def __init__(self, asked_for: Caller, caller: Caller, until: float) -> None:
        self.asked_for = asked_for
        self.caller = caller
        self.passes = Pass(caller)
        self.until = until

    def __repr__(self) -> str:
        return f"Known({self.caller!r})"


@final
class KnownCallers:
    """At most `most` callers, each for `seconds` (0 for none at all); at the bound the oldest goes."""

    def __init__(self, seconds: float, most: int) -> None:
        self._seconds = seconds
        self._most = most
        self.forgotten = 0
        """How often an account was forgotten."""
        self._kept: OrderedDict[tuple[str, str], Known] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, caller: Caller, now: float) -> Known | None:
        """What is known of this caller and not yet too old."""
        key = (caller.realm, caller.auth_id)
        known = self._kept.get(key)
        if known is None or now >= known.until:
            return None
        if known.asked_for is not caller:
            # Logged in anew: what the backend told besides may be another.
            known = Known(caller, _with(caller, known.caller.aors), known.until)
            self._kept[key] = known
        return known

    def keep(self, caller: Caller, users: Sequence[str], now: float, forgotten: int) -> Known:
        """Remember which users a caller may be: each before @realm, and nowhere else.

        `forgotten` is the count when the table was asked: what was under way while an account was changed may be the old one.
        """
        domain = caller.realm.lower()
        aors = frozenset([f"sip:{user}@{domain}" for user in users])
        known = Known(caller, _with(caller, aors), now + self._seconds)
        if self._seconds and forgotten == self.forgotten:
            key = (caller.realm, caller.auth_id)
            self._kept.pop(key, None)
            if len(self._kept) >= self._most:
                self._kept.popitem(last=False)
            self._kept[key] = known
        return known

    def forget(self, realm: str, auth_id: str) -> None:
        """Ask anew next time."""
        self.forgotten += 1
        self._kept.pop((realm, auth_id), None)


def _with(caller: Caller, aors: frozenset[str]) -> Caller:
    return Caller(caller.auth_id, caller.realm, aors, caller.attributes)
