"""Which header stands where in a message: the same few layouts come again and again, so each is worked out once."""

from typing import Final, final

from .names import (
    AUTHORIZATION,
    CALL_ID,
    CONTENT_LENGTH,
    CSEQ,
    FIRST_SINGLE,
    FROM,
    MAX_BREADTH,
    MAX_FORWARDS,
    P_ASSERTED_IDENTITY,
    P_PREFERRED_IDENTITY,
    PROXY_AUTHORIZATION,
    REMOTE_PARTY_ID,
    ROUTE,
    TO,
    VIA,
)

KEPT: Final = 1024
PLACED: Final = 128
"""What stands in `first` for a header is the place of its first line plus this; anything less is: it is not there."""
MOST_LINES: Final = 128
"""So many lines fit into `first`: 100 that were received, and Via lists taken apart."""
_PLACES: Final = bytes(range(PLACED + MOST_LINES - 1, PLACED - 1, -1))
_MULTIPLE: Final = bytes(range(FIRST_SINGLE))
_REPLACED: Final = (ROUTE, MAX_FORWARDS, MAX_BREADTH)
_ASSERTING: Final = (P_ASSERTED_IDENTITY, P_PREFERRED_IDENTITY, REMOTE_PARTY_ID)


@final
class Layout:
    """The headers of a message in their order, as numbers (names.py); at most 128 lines.

    `ids` has one byte a line, `first` one byte a header number: the place of its first line plus PLACED.  `vias` are
    the places of the Vias, `replaced` those of the lines that a proxy writes anew, `credentials` those that it may have
    to take out, Authorization first.  `routed` says that there is a Route, `asserts` that an identity is claimed besides
    From, `twice` that a header that may stand only once stands twice.  `via` (the topmost), `from_`, `to`, `call_id`,
    `cseq`, `max_forwards` and `length` are places, below 0 when the header is not there.
    """

    __slots__ = (
        "asserts",
        "call_id",
        "credentials",
        "cseq",
        "first",
        "from_",
        "ids",
        "length",
        "max_forwards",
        "replaced",
        "routed",
        "to",
        "twice",
        "via",
        "vias",
    )

    def __init__(self, ids: bytes) -> None:
        self.ids = ids
        # Backwards, so that of two lines of one header the upper one is written last.
        self.first = bytes.maketrans(ids[::-1], _PLACES[MOST_LINES - len(ids) :])
        self.vias = places(ids, (VIA,))
        self.replaced = places(ids, _REPLACED)
        self.credentials = places(ids, (AUTHORIZATION,)) + places(ids, (PROXY_AUTHORIZATION,))
        self.via = self.first[VIA] - PLACED
        self.from_ = self.first[FROM] - PLACED
        self.to = self.first[TO] - PLACED
        self.call_id = self.first[CALL_ID] - PLACED
        self.cseq = self.first[CSEQ] - PLACED
        self.max_forwards = self.first[MAX_FORWARDS] - PLACED
        self.length = self.first[CONTENT_LENGTH] - PLACED
        self.routed = ROUTE in ids
        self.asserts = bool(places(ids, _ASSERTING))
        single = ids.translate(None, _MULTIPLE)
        self.twice = len(single) != len(set(single))

    def has(self, header: int) -> bool:
        """Whether the header is there."""
        return self.first[header] >= PLACED

    def __repr__(self) -> str:
        return f"Layout({self.ids!r})"


def places(ids: bytes, headers: tuple[int, ...]) -> tuple[int, ...]:
    """Where lines of these headers stand, in order."""
    return tuple([at for at, header in enumerate(ids) if header in headers])


_kept: dict[bytes, Layout] = {}


def layout_of(ids: bytes) -> Layout:
    """The layout with these header numbers; 1,024 are remembered, when that is full they are all forgotten."""
    layout = _kept.get(ids)
    if layout is None:
        layout = Layout(ids)
        if len(_kept) >= KEPT:
            _kept.clear()
        _kept[ids] = layout
    return layout
