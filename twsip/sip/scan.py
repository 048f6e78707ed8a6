"""One pass over the head of an ordinary message: its lines, and which header each of them is (RFC 3261 section 7.3).

`native/scan.py` is the same pass for a C compiler; whoever changes one changes both (tests/sip/test_scan.py).
"""

from typing import Final

from .layout import KEPT, Layout, layout_of
from .names import KNOWN, STRANGE, recognise

MOST_HEADERS: Final = 100
LONGEST_HEAD: Final = 8192
LONGEST_NAMES: Final = 1024
_NUL: Final = 0x00
_TAB: Final = 0x09
_LF: Final = 0x0A
_VT: Final = 0x0B
_FF: Final = 0x0C
_CR: Final = 0x0D
_COMMA: Final = 0x2C

Scan = tuple[bytes, list[bytes], list[bytes], Layout]
"""The first line; the header lines; their values without white space around them; and which header each of them is."""

# By the names as they were written: one look-up instead of one for each line.
_named: dict[tuple[bytes, ...], Layout] = {}


def scan(head: bytes) -> Scan | None:
    """The head of an ordinary message, or None for everything that wants a closer look: then it may still be good.

    Ordinary is: at most 100 lines and 8,192 bytes, no bare CR or LF, no other white space than spaces, no folded or
    empty line, one Via a line, no header twice that may stand only once.
    """
    if not head or len(head) > LONGEST_HEAD:
        return None
    lines = head.split(b"\r\n")
    text = b"".join(lines)
    start = lines.pop(0)
    # What is left of CR and LF stood alone.
    if _CR in text or _LF in text or _TAB in text or _NUL in text or _VT in text or _FF in text:
        return None
    if not 0 < len(lines) <= MOST_HEADERS:
        return None
    names, _, values = zip(*[line.partition(b": ") for line in lines], strict=True)
    layout = _named.get(names)
    if layout is None:
        layout = _recognise(names)
    if layout is None or layout.twice or b"" in values:
        return None
    for at in layout.vias:
        if _COMMA in lines[at]:
            return None
    # Of all that strip() takes off only spaces can be there.
    return start, lines, list(map(bytes.strip, values)), layout


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
