# cython: language_level=3, boundscheck=False, wraparound=False
"""`twsip.sip.scan.scan` as one pass for a C compiler: Cython in its pure Python mode makes `twsip.sip._scan` of this.

It promises what the Python one promises: the same answer as a closer look would give, or None where a message is not
ordinary.  Without a compiler twsip runs on the Python one.
"""

import cython
from cython.cimports.cpython.bytes import PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cython.cimports.libc.string import memchr, memcmp

from twsip.sip.layout import layout_of
from twsip.sip.names import KNOWN, recognise
from twsip.sip.names import VIA as _VIA
from twsip.sip.scan import LONGEST_HEAD as _LONGEST_HEAD
from twsip.sip.scan import MOST_HEADERS as _MOST_HEADERS

Slot = cython.struct(text=cython.p_const_char, size=cython.Py_ssize_t, header=cython.int)
known = cython.declare(dict, KNOWN)
slots = cython.declare(Slot[1024])
VIA = cython.declare(cython.int, _VIA)
LONGEST = cython.declare(cython.Py_ssize_t, _LONGEST_HEAD)
# The array of a head's header numbers has this many places.
MOST = cython.declare(cython.int, min(_MOST_HEADERS, 100))


@cython.cfunc
@cython.exceptval(check=False)
def place(name: cython.p_const_char, size: cython.Py_ssize_t) -> cython.int:
    """The one place where a name may stand in `slots`: nearly all that are met have one to themselves."""
    return (size * 13 + cython.cast(cython.uchar, name[0]) * 20 + cython.cast(cython.uchar, name[size - 1]) * 5) & 1023


@cython.cfunc
def fill():
    """Give each spelling its place, the ones in front first; whoever finds it taken is looked up in `known`."""
    at: cython.int
    for name, header in KNOWN.items():
        at = place(PyBytes_AS_STRING(name), len(name))
        if slots[at].size == 0:
            slots[at].text = PyBytes_AS_STRING(name)
            slots[at].size = len(name)
            slots[at].header = header


fill()


def scan(head: bytes):
    """The first line, all header lines, their values and their layout; or None where a closer look is wanted."""
    text: cython.p_const_char = PyBytes_AS_STRING(head)
    size: cython.Py_ssize_t = len(head)
    at: cython.Py_ssize_t = 0
    begin: cython.Py_ssize_t = 0
    colon: cython.Py_ssize_t
    left: cython.Py_ssize_t
    right: cython.Py_ssize_t
    header: cython.int
    slot: cython.int
    count: cython.int = -1
    numbers: cython.uchar[100]
    if size == 0 or size > LONGEST or memchr(text, 0x00, size) != cython.NULL or memchr(text, 0x09, size) != cython.NULL:
        return None
    start: object = None
    first: cython.Py_ssize_t = 0
    found: cython.p_const_char
    values: list = []
    while True:
        found = cython.cast(cython.p_const_char, memchr(text + begin, 0x0D, size - begin))
        at = size if found == cython.NULL else found - text
        # Only CR LF ends a line: whatever else there is of the two makes the message one for a closer look.
        if (at < size and (at + 1 >= size or text[at + 1] != 0x0A)) or memchr(text + begin, 0x0A, at - begin) != cython.NULL:
            return None
        if count < 0:
            start = PyBytes_FromStringAndSize(text, at)
            first = at + 2
        else:
            found = cython.cast(cython.p_const_char, memchr(text + begin, 0x3A, at - begin))
            colon = -1 if found == cython.NULL else found - text
            left = colon - begin
            if left <= 0 or count >= MOST:
                return None
            slot = place(text + begin, left)
            if slots[slot].size == left and memcmp(slots[slot].text, text + begin, left) == 0:
                header = slots[slot].header
            else:
                name = PyBytes_FromStringAndSize(text + begin, left)
                header = known[name] if name in known else recognise(name)
                if header < 0:
                    return None
            if header == VIA and memchr(text + begin, 0x2C, at - begin) != cython.NULL:
                return None
            left = colon + 1
            right = at
            while left < right and text[left] == 0x20:
                left += 1
            while right > left and text[right - 1] == 0x20:
                right -= 1
            values.append(PyBytes_FromStringAndSize(text + left, right - left))
            numbers[count] = header
        count += 1
        if at >= size:
            break
        begin = at + 2
    if count == 0:
        return None
    layout = layout_of(PyBytes_FromStringAndSize(cython.cast(cython.p_char, numbers), count))
    return None if layout.twice else (start, PyBytes_FromStringAndSize(text + first, size - first), values, layout)
