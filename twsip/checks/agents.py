"""Which digest algorithms does a phone of this make get right?   No order of challenges suits all of them (RFC 8760 section 2.2)."""

from collections.abc import Collection, Iterable
from typing import Any, Final, final

from ..api import ConfigError
from ..sip.digest import ALGORITHMS

Row = tuple[str, tuple[str, ...]] | tuple[str, tuple[str, ...], str]

# fmt: off
AGENTS: Final[tuple[Row, ...]] = (
    # in User-Agent   algorithms in this order
    ("sipsak",        ("MD5",)),
    ("sipp",          ("MD5",)),
    ("baresip",       ("MD5",)),
    ("jssip",         ("MD5",)),
    ("sip.js",        ("MD5",)),
    ("exosip",        ("MD5",)),
    ("linphone",      ("SHA-256", "MD5")),
    ("",              ("MD5",)),
)
# fmt: on
"""What was tried with real phones; the last row is for all others, and for who does not say."""

MOST_ROWS: Final = 64
LONGEST: Final = 255
"""So much of a User-Agent is looked at."""


@final
class Agents:
    """An ordered table of (text, algorithms) or (text, algorithms, transports): the first row that fits decides.

    A row fits when its text stands anywhere in the User-Agent, whatever the case, and the request came by one of the
    transports that it names (`"UDP TCP"`; none named are all).  "" fits every User-Agent, and requests without one.
    """

    __slots__ = ("_rows", "lists")

    def __init__(self, rows: Iterable[Any]) -> None:
        """Raises ConfigError for a row that is none."""
        self._rows: list[tuple[bytes, tuple[str, ...], frozenset[str]]] = []
        for row in rows:
            if not isinstance(row, tuple) or len(row) not in (2, 3) or not isinstance(row[0], str):
                raise ConfigError(f"agents= of Digest has the row {row!r}; write ('linphone', ('SHA-256', 'MD5'))")
            algorithms = known("agents", row[1], ALGORITHMS)
            transports = frozenset(row[2].upper().split()) if len(row) == 3 else frozenset()
            self._rows.append((row[0].lower().encode(), algorithms, transports))
        if len(self._rows) > MOST_ROWS:
            raise ConfigError(f"agents= of Digest has {len(self._rows)} rows; give {MOST_ROWS} or fewer")
        self.lists = [algorithms for _, algorithms, _ in self._rows]

    def __len__(self) -> int:
        return len(self._rows)

    def find(self, user_agent: bytes, transport: str) -> tuple[str, ...]:
        """The algorithms of the first row that fits, () when none does."""
        said = user_agent[:LONGEST].lower()
        for text, algorithms, transports in self._rows:
            if text in said and (not transports or transport in transports):
                return algorithms
        return ()


def known(option: str, given: Any, table: Collection[str]) -> tuple[str, ...]:
    """These words, if the table has them all and each is there once.  Raises ConfigError otherwise."""
    found = (given,) if isinstance(given, str) else tuple(given)
    if not found or len(set(found)) != len(found):
        raise ConfigError(f"{option}= of Digest needs one or more, each once: {', '.join(table)}")
    for one in found:
        if one not in table:
            raise ConfigError(f"{option}= of Digest holds {one!r}, which is not known; it takes {', '.join(table)}")
    return found
