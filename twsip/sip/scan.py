"""One pass over the head of an ordinary message: its lines, and which header each of them is (RFC 3261 section 7.3).

`native/scan.py` is the same pass for a C compiler; whoever changes one changes both (tests/sip/test_scan.py).
"""

from typing import Final

from .layout import KEPT, Layout, layout_of
from .names import KNOWN, STRANGE, recognise

MOST_HEADERS: Final = 100
LONGEST_HEAD: Final = 8192
LONGEST_NAMES: Final = 1024
_ODD: Final = (0x00, 0x09, 0x0B, 0x0C)
_SPACE: Final = 0x20
_COMMA: Final = 0x2C

Scan = tuple[bytes, list[bytes], list[bytes], Layout]
"""The first line; the header lines; their values without white space around them; and which header each of them is."""

# By the names as they were written: one look-up instead of one for each line.
_named: dict[tuple[bytes, ...], Layout] = {}


def scan(head: bytes) -> Scan | None:
    """The head of an ordinary message, or None for everything that wants a closer look: then it may still be good.

    Ordinary is: at most 100 lines and 8,192 bytes, no bare CR or LF, no other white space than spaces and those only
    where everybody puts them, no folded or empty line, one Via a line, no header twice that may stand only once.
    """
    if not head or len(head) > LONGEST_HEAD:
        return None
    for letter in _ODD:
        if letter in head:
            return None
    if head[-1] == _SPACE or head.find(b":  ") >= 0 or head.find(b" \r\n") >= 0:
        return None
    lines = head.splitlines()
    count = len(lines)
    # Every line end was two bytes, so there was no bare CR or LF.
    if len(b"".join(lines)) + 2 * count - 2 != len(head) or not 1 < count <= MOST_HEADERS:
        return None
    start = lines.pop(0)
    names, _, values = zip(*[line.partition(b": ") for line in lines], strict=True)
    layout = _named.get(names)
    if layout is None:
        layout = _recognise(names)
    if layout is None or layout.twice or b"" in values:
        return None
    for at in layout.vias:
        if _COMMA in lines[at]:
            return None
    return start, lines, list(values), layout


def _recognise(names: tuple[bytes, ...]) -> Layout | None:
    """The layout with these names, remembered if they are short; None if one is no name."""
    numbers: list[int] = []
    for name in names:
        header = KNOWN.get(name, STRANGE)
        if header == STRANGE:
            header = recognise(name)
            if header < 0:
                return None
        numbers.append(header)
    layout = layout_of(bytes(numbers))
    if len(b"".join(names)) <= LONGEST_NAMES:
        if len(_named) >= KEPT:
            _named.clear()
        _named[names] = layout
    return layout
