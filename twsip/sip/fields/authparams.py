"""The parameters of an Authorization value, quoted and not: which there are and what they say (RFC 7616 section 3.4)."""

from typing import Final, final

from ..abnf import HEX, close_quote, is_token, only, split_list

MOST_PARAMETERS: Final = 32
KEPT: Final = 4096
_BACKSLASH: Final = 0x5C
_COMMA: Final = 0x2C
NAMES: Final = ("username", "realm", "nonce", "uri", "response", "algorithm", "cnonce", "opaque", "qop", "nc")


def _spellings(ends: str) -> dict[bytes, int]:
    known: dict[bytes, int] = {}
    for at, name in enumerate(NAMES):
        for before in ("", " ", ",", ", "):
            known[(before + name + ends).encode()] = at
    return known


# The usual spellings of a name, alone and as it stands before an opening quote: one look-up recognises it.
_KNOWN: Final[dict[bytes, int]] = _spellings("")
_OPENING: Final[dict[bytes, int]] = _spellings("=")
_STRANGE: Final = -1
_ALGORITHM: Final = NAMES.index("algorithm")
_QOP: Final = NAMES.index("qop")
_NC: Final = NAMES.index("nc")

_NO_TOKEN: Final = "a parameter's name is no token"  # noqa: S105
_NO_VALUE: Final = "a parameter has no value"
_TWICE: Final = "a parameter stands twice"
_MALFORMED: Final = "a parameter's value is malformed"


@final
class Found:
    """The parameters met so far: the known ones by their place in NAMES, of others only the names.  `pieces` are what quotes divide."""

    __slots__ = ("others", "pieces", "values")

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.values: list[bytes | None] = [None, None, None, None, None, None, None, None, None, None]
        self.others: set[bytes] = set()

    def take(self, spelled: bytes, value: bytes) -> str:
        """Keep one parameter; "" or what is wrong with it."""
        at = _KNOWN.get(spelled, _STRANGE)
        if at < 0:
            name = spelled.strip(b" \t").lower()
            if not is_token(name):
                return _NO_TOKEN
            at = _KNOWN.get(name, _STRANGE)
            if at < 0:
                if name in self.others or len(self.others) >= MOST_PARAMETERS:
                    return _TWICE if name in self.others else "too many parameters"
                self.others.add(name)
                return ""
        if self.values[at] is not None:
            return _TWICE
        self.values[at] = value
        return ""

    def plain(self, text: bytes) -> str:
        """Parameters without quotes, comma-separated."""
        for part in text.split(b","):
            spelled, equals, value = part.partition(b"=")
            if not equals:
                if spelled.strip(b" \t"):
                    return _NO_VALUE
                continue
            if not value.isalnum():
                value = value.strip(b" \t")
                if not value or b'"' in value or b" " in value or b"\t" in value:
                    return _MALFORMED
            wrong = self.take(spelled, value)
            if wrong:
                return wrong
        return ""


# What stands outside the quotes is nearly always the same but for the nonce count, so what it says is kept without that:
# the parameters in it, and whose quote opens behind it.
_Outside = tuple[tuple[tuple[int, bytes], ...], int]
_between: dict[bytes, _Outside] = {}
_behind: dict[bytes, _Outside] = {}
_NO_COUNT: Final = b"00000000"
_AFTER: Final = (b"", b",", b" ", b"\t")
MOST_SHAPES: Final = 1024
COUNT_TAKEN: Final = b'"'
"""Stands in a shape where a nonce count was: nothing else outside the quotes can be a quote."""
COUNTS: Final[dict[bytes, int]] = {b"%08x" % count: count for count in range(1, 1000)}
"""The nonce counts that are met all day."""


@final
class Shape:
    """What headers with the same text outside their quotes have in common, whatever the nonce count behind the last quote.

    `places` says for each of NAMES which piece between quotes it is, or which of `more`, the values that stand outside
    them, counted on behind the pieces; 0 when it is not there or is the count.  `plain` says that algorithm, qop and count
    are not quoted and hold: `algorithm` and `qop` are what they mean, and where no count was taken out `nc` and `count`.
    """

    __slots__ = ("algorithm", "count", "more", "nc", "places", "plain", "qop")

    def __init__(
        self, places: tuple[int, ...], more: list[bytes], plain: bool, algorithm: str, qop: str, nc: int, count: bytes
    ) -> None:
        self.places = places
        self.more = more
        self.plain = plain
        self.algorithm = algorithm
        self.qop = qop
        self.nc = nc
        self.count = count

    def values(self, pieces: list[bytes], count: bytes) -> list[bytes | None]:
        """The values of NAMES in a header of this shape, made of these pieces; `count` is what was taken out, if anything."""
        every = pieces + self.more
        found = [every[at] if at else None for at in self.places]
        if count:
            found[_NC] = count
        return found


# By all that stands outside the quotes of a header, the scheme included; LONGEST_USUAL of it at most (`parse_credentials`).
SHAPES: Final[dict[tuple[bytes, ...], Shape]] = {}


def collect(rest: bytes, found: Found) -> str:
    """Read all parameters; "" or what is wrong.  Without backslashes every second piece between quotes is quoted."""
    if _BACKSLASH in rest:
        return _collect_escaped(rest, found)
    pieces = rest.split(b'"')
    last = len(pieces) - 1
    if last % 2:
        return "a quoted string does not close"
    found.pieces = pieces
    return _read(pieces, last, found)


def keep_shape(outside: tuple[bytes, ...], found: Found, algorithm: str, qop: str, nc: int, count: bytes) -> None:
    """Remember the shape of a header without fault, unless where its parameters stand cannot be told for sure."""
    pieces = found.pieces
    values = found.values
    taken = outside[-1].find(COUNT_TAKEN)
    counted = taken >= 0
    if counted and (pieces[-1][:taken][-3:] != b"nc=" or not _has_count(pieces[-1], taken - 3)):
        return
    order = [0] * len(NAMES)
    for at in range(1, len(pieces), 2):
        # A piece is told by being the very object, which one of no or one byte need not be alone.
        places = [where for where, value in enumerate(values) if value is pieces[at]]
        if len(places) == 1 and (len(pieces[at]) > 1 or not found.others):
            order[places[0]] = at
        elif places or len(pieces[at]) < 2:
            return
    plain = not order[_ALGORITHM] and not order[_QOP] and not order[_NC] and (qop != "" or not counted)
    more: list[bytes] = []
    for where, value in enumerate(values):
        if value is not None and not order[where] and not (counted and where == _NC):
            order[where] = len(pieces) + len(more)
            more.append(value)
    if len(SHAPES) >= MOST_SHAPES:
        SHAPES.clear()
    SHAPES[outside] = Shape(tuple(order), more, plain, algorithm, qop, nc, count)


def _read(pieces: list[bytes], last: int, found: Found) -> str:
    values = found.values
    at = 0
    while at < last:
        outside = pieces[at]
        place = _OPENING.get(outside, _STRANGE)
        if place >= 0 and (at == 0 or outside[0] == _COMMA):
            if values[place] is not None:
                return _TWICE
            values[place] = pieces[at + 1]
        else:
            wrong = _outside(outside, at, pieces[at + 1], found)
            if wrong:
                return wrong
        at += 2
    return _outside(pieces[last], at, None, found) if pieces[last] else ""


def _has_count(text: bytes, start: int) -> bool:
    """Whether a whole nonce count is what stands behind this `nc=`: a parameter of its own, with eight digits and no more."""
    digits = text[start + 3 : start + 11]
    if len(digits) != 8 or not only(digits, HEX) or text[start + 11 : start + 12] not in _AFTER:
        return False
    return text[:start].rstrip(b" \t")[-1:] == b","


def _outside(text: bytes, at: int, quoted: bytes | None, found: Found) -> str:
    """What stands outside the quotes, in front of the quoted text or (None) behind the last one."""
    count = b""
    start = text.find(b"nc=")
    if start > 0 and _has_count(text, start):
        # "00000001" and "0000002a" are no reason to read all the rest again.
        count = text[start + 3 : start + 11]
        text = text[: start + 3] + _NO_COUNT + text[start + 11 :]
    kept = _behind if quoted is None else _between
    known = kept.get(text) if at else None
    if known is None:
        # What follows a closing quote begins with a comma, or is nothing but white space.
        if at and text[:1] != b"," and text.strip(b" \t")[:1] not in (b"", b","):
            return _MALFORMED
        opens = _STRANGE
        before = text
        alone = Found()
        if quoted is not None:
            before, comma, name = text.rpartition(b",")
            if at and not comma:
                return _MALFORMED
            # White space may stand after the comma, around the equals sign, and nowhere else.
            name = name.rstrip(b" \t")
            if name[-1:] != b"=":
                return _MALFORMED
            opens = _KNOWN.get(name[:-1].strip(b" \t").lower(), _STRANGE)
            if opens < 0:
                wrong = alone.take(name[:-1], quoted)
                if wrong:
                    return wrong
        wrong = alone.plain(before)
        if wrong:
            return wrong
        for name in alone.others:
            wrong = found.take(name, b"")
            if wrong:
                return wrong
        known = (tuple([(where, value) for where, value in enumerate(alone.values) if value is not None]), opens)
        if at and len(text) <= 64 and not alone.others:
            if len(kept) >= KEPT:
                kept.clear()
            kept[text] = known
    values = found.values
    for where, value in known[0]:
        if values[where] is not None:
            return _TWICE
        values[where] = count if count and where == _NC else value
    if known[1] >= 0:
        if values[known[1]] is not None:
            return _TWICE
        values[known[1]] = quoted
    return ""


def _collect_escaped(rest: bytes, found: Found) -> str:
    for part in split_list(rest):
        spelled, equals, value = part.partition(b"=")
        if not equals:
            if spelled:
                return _NO_VALUE
            continue
        value = value.strip(b" \t")
        if value[:1] == b'"':
            if close_quote(value, 0) != len(value) - 1:
                return "a quoted string does not close"
            value = value[1:-1]
        elif b'"' in value or b" " in value or b"\t" in value or not value:
            return _MALFORMED
        wrong = found.take(spelled, value)
        if wrong:
            return wrong
    return ""
