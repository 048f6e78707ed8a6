"""A byte stream cut into whole SIP messages and keep-alives (RFC 3261 section 18.3, RFC 5626 sections 3.5.1 and 4.4.1)."""

from typing import Final, final

from .abnf import TOKEN, number

MOST_BYTES: Final = 65536
"""The longest message, head and body together; a longer one breaks the stream."""
MOST_HEAD: Final = MOST_BYTES
"""How far the end of a head is looked for."""
MOST_LOOKS: Final = 100
"""How many lines that begin like a length are looked at, blanks before its colon and folds behind it; no parser takes more."""
PONG: Final = b"\r\n"
"""What answers a ping."""

_MISSING: Final = -1
_BAD: Final = -2
_TWICE: Final = -3
_WHY: Final[dict[int, str]] = {
    _MISSING: "Content-Length is missing",
    _BAD: "Content-Length is malformed or over 65536",
    _TWICE: "Content-Length stands twice",
}
_PING: Final = b"\r\n\r\n"
_CR: Final = 13
_LF: Final = 10
_SPACE: Final = 32
_TAB: Final = 9
_COLON: Final = 58


@final
class Broken:
    """The stream cannot be cut any further: why, and the head that broke it.

    `data` is b"" when no head could be told; else the parser refuses it, and a 400 can be made from it.
    """

    __slots__ = ("data", "why")

    def __init__(self, why: str, data: bytes) -> None:
        self.why = why
        self.data = data

    def __repr__(self) -> str:
        return f"Broken({self.why!r}, {len(self.data)} bytes)"


@final
class Framer:
    """Cuts one stream.  Keeps at most 65,536 bytes besides the chunk in hand; every byte is searched once."""

    __slots__ = ("_kept", "_need", "_ping", "_searched", "broken", "pings")

    def __init__(self) -> None:
        self.pings = 0
        """Pings seen in the last feed: each wants a PONG.  A single CRLF wants nothing."""
        self.broken: Broken | None = None
        """Set once, and for good: what follows in the stream means nothing any more."""
        self._kept = bytearray()
        self._need = 0  # the message's whole length once its head is known
        self._searched = 0  # how far `_kept` holds no end of a head
        self._ping = 0  # how much of a ping stands right before this place

    @property
    def waiting(self) -> bool:
        """Whether a message has begun and is not whole yet."""
        return len(self._kept) > 0

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that this chunk completes, in order; see `pings` and `broken` besides.  Never raises on input."""
        self.pings = 0
        if self.broken is not None:
            return []
        if not self._kept:
            return self._cut(data, 0)
        kept = self._kept
        kept += data
        size = len(kept)
        if self._need == 0:
            end = kept.find(_PING, self._searched)
            if end < 0:
                self._searched = max(0, size - 3)
                if size > MOST_HEAD:
                    self._break("a head does not end within 65536 bytes", b"")
                return []
        elif size < self._need:
            return []
        # Copied at most twice a message: when its head ends and when it is whole.
        whole = bytes(kept)
        self._kept = bytearray()
        start = self._searched
        self._searched = 0
        return self._cut(whole, start)

    def _cut(self, data: bytes, searched: int) -> list[bytes]:
        found: list[bytes] = []
        at = 0
        size = len(data)
        while at < size:
            need = self._need
            if need == 0:
                first = data[at]
                if first in (_CR, _LF):
                    at = self._line_ends(data, at)
                    continue
                self._ping = 0
                if first not in TOKEN:
                    self._break("what came is not SIP", b"")
                    return found
                end = data.find(_PING, searched if searched > at else at)
                if end < 0:
                    if size - at > MOST_HEAD:
                        self._break("a head does not end within 65536 bytes", b"")
                        return found
                    self._keep(data, at, 0)
                    return found
                end += 4
                length = content_length(_part(data, at, end))
                need = end - at + length
                if length < 0:
                    self._break(_WHY[length], data[at:end] if end - at <= MOST_HEAD else b"")
                    return found
                if need > MOST_BYTES:
                    self._break("a message is over 65536 bytes", data[at:end] if end - at <= MOST_HEAD else b"")
                    return found
            if size - at < need:
                self._keep(data, at, need)
                return found
            found.append(_part(data, at, at + need))
            at += need
            self._need = 0
        return found

    def _line_ends(self, data: bytes, at: int) -> int:
        """Step over the line ends here, at most 1,024 of their bytes, and count the pings among them."""
        run = data[at : at + 1024]
        size = len(run) - len(run.lstrip(_PING))
        text = _PING[: self._ping] + run[:size]
        after = 0
        found = text.find(_PING)
        while found >= 0:
            self.pings += 1
            after = found + 4
            found = text.find(_PING, after)
        self._ping = 0
        for begun in (3, 2, 1):
            if len(text) - after >= begun and text.endswith(_PING[:begun]):
                self._ping = begun
                break
        return at + size

    def _keep(self, data: bytes, at: int, need: int) -> None:
        self._kept = bytearray(data[at:] if at else data)
        self._need = need
        self._searched = max(0, len(self._kept) - 3)

    def _break(self, why: str, head: bytes) -> None:
        self.broken = Broken(why, head)
        self._kept = bytearray()


def _part(data: bytes, start: int, end: int) -> bytes:
    """A part of the chunk; the whole of it, which is what a chunk mostly is, without a copy."""
    # Python's own slices see to that, compiled ones do not.
    return data if end - start == len(data) else data[start:end]


def content_length(head: bytes) -> int:
    """The Content-Length of a head (up to and with its empty line), in any spelling; negative when there is no telling.

    A header that stands twice is refused even when both agree: whoever reads the stream next might take the other.
    """
    low = head.lower()
    length = _MISSING
    looked = 0
    for name in (b"content-length", b"\r\nl"):
        at = low.find(name)
        while at >= 0:
            after = at + len(name)
            # Looking for the bare name first is twice as fast as looking for line ends.
            if name[0] == _CR or (at >= 2 and low[at - 1] == _LF and low[at - 2] == _CR):
                looked += 1
                if looked > MOST_LOOKS:
                    return _BAD
                limit = after + MOST_LOOKS
                while low[after] in (_SPACE, _TAB):
                    after += 1
                    if after > limit:
                        return _BAD
                if low[after] == _COLON:
                    if length != _MISSING:
                        return _TWICE
                    length = _value(low, after + 1)
            at = low.find(name, after)
    return length


def _value(low: bytes, start: int) -> int:
    """The number that starts here, perhaps on a folded line; the head ends in an empty line, so there is always an end."""
    end = low.find(b"\r\n", start)
    folds = 0
    while low[end + 2] in (_SPACE, _TAB):
        end = low.find(b"\r\n", end + 2)
        folds += 1
        if folds > MOST_LOOKS:
            return _BAD
    length = number(low[start:end].replace(b"\r\n", b" ").strip(b" \t"), MOST_BYTES)
    return length if length >= 0 else _BAD
