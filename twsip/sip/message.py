"""Request and Response: the received lines, and typed values read from them on demand (RFC 3261 section 7)."""

from typing import Final, final

from . import names
from .abnf import number, split_list
from .fields.address import Address, parse_addresses
from .fields.via import Source, Via, stamped
from .layout import PLACED, Layout, places
from .uri import Uri

MOST_TOKENS: Final = 256
MOST_EXPIRES: Final = 4294967295


def cut(rest: bytes) -> list[bytes]:
    """These header lines, each without its line end."""
    return rest.split(b"\r\n") if rest else []


class Message:
    """What both kinds of message are: header lines in order, and a body.

    `rest` are the header lines as received, unfolded, in one piece; `field_values` their values without white space around
    them; `layout` says which header each of them is.  Via has one value a line.  A message is not changed after parsing:
    whoever sends it on makes new ones.  The mandatory fields were parsed and found good.
    """

    __slots__ = ("body", "call_id", "cseq", "field_values", "from_", "layout", "method", "rest", "to", "via")

    def __init__(
        self,
        rest: bytes,
        field_values: list[bytes],
        layout: Layout,
        body: bytes,
        via: Via,
        call_id: bytes,
        cseq: int,
        method: str,
    ) -> None:
        self.rest = rest
        self.field_values = field_values
        self.layout = layout
        self.body = body
        self.via = via
        self.call_id = call_id
        self.cseq = cseq
        self.method = method
        """Of a request its method, of a response the method in CSeq."""

    @property
    def lines(self) -> list[bytes]:
        """The header lines, each without its line end, the topmost Via as it is by now: a new list each time."""
        lines = cut(self.rest)
        lines[self.layout.via] = b"Via: " + self.field_values[self.layout.via]
        return lines

    def value(self, header: int) -> bytes | None:
        """The value of the first line of this header, stripped, or None."""
        at = self.layout.first[header] - PLACED
        return self.field_values[at] if at >= 0 else None

    def values(self, header: int) -> list[bytes]:
        """The values of all lines of this header in order, stripped; comma lists are not split."""
        ids = self.layout.ids
        at = self.layout.first[header] - PLACED
        if at < 0:
            return []
        if header in ids[at + 1 :]:
            return [self.field_values[at] for at in places(ids, (header,))]
        return [self.field_values[at]]

    def has(self, header: int) -> bool:
        """Whether the header is there at all."""
        return self.layout.first[header] >= PLACED

    def text(self, name: str) -> str | None:
        """The value of the first header of this name, in any spelling; bytes that are not UTF-8 become U+FFFD."""
        header = names.recognise(name.encode("ascii", "replace"))
        raw: bytes | None = None
        if header > 0:
            raw = self.value(header)
        elif header == names.UNKNOWN:
            wanted = name.lower().encode()
            for at, line in enumerate(self.lines):
                if self.layout.ids[at] == names.UNKNOWN and line.partition(b":")[0].strip(b" \t").lower() == wanted:
                    raw = self.field_values[at]
                    break
        return None if raw is None else raw.decode("utf-8", "replace")

    def addresses(self, header: int) -> list[Address] | None:
        """All addresses of this header; [] when it is absent, None when one is malformed."""
        if self.layout.first[header] < PLACED:
            return []
        return parse_addresses(self.values(header))

    def tokens(self, header: int) -> list[bytes]:
        """The comma-separated values of this header, as Require and Supported have them: the first 256."""
        found: list[bytes] = []
        for value in self.values(header):
            # One more than is kept is enough of a line: its rest is not looked at.
            for part in split_list(value[:8192]):
                if part and len(found) < MOST_TOKENS:
                    found.append(part)
        return found

    def number(self, header: int, most: int = MOST_EXPIRES) -> int | None:
        """The number in this header; None when it is absent, -1 when it is malformed or above `most`."""
        value = self.value(header)
        return None if value is None else number(value, most)


@final
class Request(Message):
    """A request: method, Request-URI, and the message."""

    __slots__ = ("max_forwards", "uri")

    def __init__(
        self,
        rest: bytes,
        field_values: list[bytes],
        layout: Layout,
        body: bytes,
        via: Via,
        from_: Address,
        to: Address,
        call_id: bytes,
        cseq: int,
        method: str,
        uri: Uri,
        max_forwards: int,
    ) -> None:
        # Set here and not by super(): one call less for every message.
        self.rest = rest
        self.field_values = field_values
        self.layout = layout
        self.body = body
        self.via = via
        self.from_ = from_
        self.to = to
        self.call_id = call_id
        self.cseq = cseq
        self.method = method
        self.uri = uri
        self.max_forwards = max_forwards
        """-1 when the header is absent (RFC 2543 clients): forwarding then adds 70."""

    @property
    def in_dialog(self) -> bool:
        """Whether it claims to belong to a dialog: it has a To tag, which proves nothing by itself."""
        return self.to.tag != b""

    def arrived_from(self, source: Source) -> None:
        """Write where the packet really came from into the topmost Via (RFC 3261 section 18.2.1, RFC 3581).

        The one change made to a received message: the receiving transport owes it, and everything later
        (answers, forwarded copies) shows it; only `rest` stays as it came.
        """
        via = self.via
        if via.rport >= 0 or via.received or via.head.bare != source.host:
            self.field_values[self.layout.via] = stamped(via, source)

    def __repr__(self) -> str:
        return f"<{self.method} {self.uri.text!r} call-id {self.call_id!r} cseq {self.cseq}>"


@final
class Response(Message):
    """A response: status, reason, and the message.  A proxy never needs its From and To, so they are not parsed."""

    __slots__ = ("start", "status")

    def __init__(
        self,
        rest: bytes,
        field_values: list[bytes],
        layout: Layout,
        body: bytes,
        via: Via,
        call_id: bytes,
        cseq: int,
        method: str,
        status: int,
        start: bytes,
    ) -> None:
        self.rest = rest
        self.field_values = field_values
        self.layout = layout
        self.body = body
        self.via = via
        self.call_id = call_id
        self.cseq = cseq
        self.method = method
        self.status = status
        self.start = start
        """The first line as we write it."""

    @property
    def reason(self) -> bytes:
        """The reason phrase."""
        return self.start[12:]

    def __repr__(self) -> str:
        return f"<{self.status} to {self.method} call-id {self.call_id!r} cseq {self.cseq}>"


@final
class Malformed:
    """What the parser could not accept: the status it deserves, why, and what an answer could be made from.

    `lines` and `ids` are empty when not even the headers could be told apart: such a packet gets silence.
    """

    __slots__ = ("ids", "is_request", "lines", "method", "status", "why")

    def __init__(self, status: int, why: str, method: str, lines: list[bytes], ids: bytes, is_request: bool) -> None:
        self.status = status
        self.why = why
        self.method = method
        self.lines = lines
        self.ids = ids
        self.is_request = is_request

    def __repr__(self) -> str:
        return f"<malformed: {self.status} {self.why}>"
