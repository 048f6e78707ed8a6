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

Scan = tuple[bytes, bytes, list[bytes], Layout]
"""The first line; all header lines; their values without white space around them; and which header each of them is."""

# By the names as they were written, each with a NUL behind it: one look-up instead of one for each line.
_named: dict[bytes, Layout] = {}


def scan(head: bytes) -> Scan | None:
    """The head of an ordinary message, or None for everything that wants a closer look: then it may still be good.

    Ordinary is: at most 100 lines and 8,192 bytes, no bare CR or LF, no other white space than spaces, no folded
    line, one Via a line, no header twice that may stand only once.
    """
    if not head or len(head) > LONGEST_HEAD or _NUL in head or _TAB in head:
        return None
    # All names and values by two calls instead of some for each line: the first line, a name, its value, a name ...
    pieces = head.replace(b": ", b"\0\r\n").split(b"\r\n")
    values = pieces[::2]
    text = b"".join(values)
    if _NUL in text or not len(pieces) & 1:
        # Some value holds a colon and a space, too.
        apart = _apart(head)
        if apart is None:
            return None
        pieces = apart
        values = pieces[::2]
        text = b"".join(values)
    if not 2 < len(pieces) <= 2 * MOST_HEADERS + 1:
        return None
    # Of what strip() takes off only spaces may be there.
    if _CR in text or _LF in text or _VT in text or _FF in text:
        return None
    names = pieces[1::2]
    written = b"".join(names)
    layout = _named.get(written)
    if layout is None:
        layout = _recognise(names, written)
    # A NUL stands at the end of a piece: where there are as many names as NULs among them, each of them has one.
    if layout is None or layout.twice or len(layout.ids) != len(names):
        return None
    start = values.pop(0)
    for at in layout.vias:
        if _COMMA in values[at]:
            return None
    return start, head[len(start) + 2 :], list(map(bytes.strip, values)), layout


def _apart(head: bytes) -> list[bytes] | None:
    """The pieces of a head some of whose values have a colon and a space in them; None if one of its lines has none."""
    lines = head.split(b"\r\n")
    pieces = [lines.pop(0)]
    for line in lines:
        name, colon, value = line.partition(b": ")
        if not colon:
            return None
        pieces.append(name + b"\0")
        pieces.append(value)
    return pieces


def _recognise(names: list[bytes], written: bytes) -> Layout | None:
    """The layout with these names, each with its NUL, remembered if they are short; None if one is no name."""
    numbers: list[int] = []
    for ended in names:
        name = ended[:-1]
        header = KNOWN.get(name, STRANGE)
        if header == STRANGE:
            header = recognise(name)
        if header < 0 or ended[-1:] != b"\0":
            return None
        numbers.append(header)
    layout = layout_of(bytes(numbers))
    if len(written) <= LONGEST_NAMES:
        if len(_named) >= KEPT:
            _named.clear()
        _named[written] = layout
    return layout
