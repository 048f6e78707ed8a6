"""The four answers a check can give: Pass, Reply, Challenge, Drop."""

from collections.abc import Sequence
from typing import Final, final

from .events import Event


class Verdict:
    """One of Pass, Reply, Challenge and Drop; there is no fifth."""

    __slots__ = ()


@final
class Pass(Verdict):
    """Nothing against it.  What the check learned goes along as facts, at most one of each type."""

    __slots__ = ("facts",)

    def __init__(self, *facts: object) -> None:
        self.facts = facts

    def __repr__(self) -> str:
        return "Pass(" + ", ".join(repr(fact) for fact in self.facts) + ")"


PASS: Final = Pass()
"""The Pass that learned nothing, ready made for checks that run for every packet."""


@final
class Reply(Verdict):
    """Answer with this status (300 to 699; handlers also 200) and this reason; nothing else runs.

    `headers` are whole lines as (name, value) pairs, values without line ends.  With `told` the check has told the operator
    itself, by an event that says more, and the engine tells no Refused besides.
    """

    __slots__ = ("events", "headers", "printed", "reason", "status", "told", "why")

    def __init__(
        self,
        status: int,
        reason: str = "",
        headers: Sequence[tuple[str, str]] = (),
        why: str = "",
        told: bool = False,
    ) -> None:
        if not 200 <= status <= 699:
            raise ValueError(f"a reply has a status from 200 to 699, not {status}")
        self.status = status
        self.reason = reason
        self.headers: tuple[tuple[str, str], ...] = tuple(headers)
        self.why = why
        """For events and the trace, never for the wire: what the peer need not know."""
        self.told = told
        self.events: tuple[Event, ...] = ()
        """What is told when a 2xx to a REGISTER is durable and leaves; not at all when it could not be written."""
        self.printed: bytes | None = None
        """The headers as the engine printed them, kept here so that a Reply that is given again is not printed again."""

    def __repr__(self) -> str:
        return f"Reply({self.status}, {self.reason!r})"


@final
class Challenge(Verdict):
    """Ask who is calling: 401 for what is for ourselves, 407 for what is to be relayed (RFC 3261 section 22).

    `values` are complete header values, one a challenge, strongest first; `why` is for the events only.
    """

    __slots__ = ("realm", "stale", "values", "why")

    def __init__(self, realm: str, stale: bool, values: Sequence[str], why: str = "") -> None:
        self.realm = realm
        self.stale = stale
        self.values: tuple[str, ...] = tuple(values)
        self.why = why

    def __repr__(self) -> str:
        return f"Challenge({self.realm!r}, stale={self.stale})"


@final
class Drop(Verdict):
    """Say nothing at all; `why` is for the events."""

    __slots__ = ("why",)

    def __init__(self, why: str) -> None:
        self.why = why

    def __repr__(self) -> str:
        return f"Drop({self.why!r})"
