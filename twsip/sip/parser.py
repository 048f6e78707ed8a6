"""Bytes to Request, Response or Malformed; never raises on input (RFC 3261 sections 7 and 25, RFC 4475)."""

from typing import Final, final

from . import names
from .abnf import SMALL, is_token, number, split_list
from .fields.address import parse_address
from .fields.via import parse_via
from .layout import MOST_LINES, Layout, layout_of
from .message import Malformed, Request, Response, cut
from .names import METHODS
from .scan import MOST_HEADERS, Scan
from .uri import Uri, parse_uri

try:
    from ._scan import scan
except ImportError:  # not compiled
    from .scan import scan

MOST_BYTES: Final = 65536
LONGEST_LINE: Final = 8192
MOST_CSEQ: Final = 2**31 - 1
MOST_LENGTH: Final = 2**31
LONGEST_START: Final = 256
LONGEST_CSEQ: Final = 32
KEPT: Final = 4096

_LENGTH: Final = "Content-Length is missing, malformed or more than there is"
_SPACE: Final = 0x20


@final
class Start:
    """A first line.  Of one that `asks`: its method as written and as text ("" for none), and its URI (None for none).

    Of one that answers: its status (-1 for none), and the line as we write it.
    """

    __slots__ = ("asks", "method", "name", "status", "uri", "written")

    def __init__(self, asks: bool, name: bytes, method: str, uri: Uri | None, status: int, written: bytes) -> None:
        self.asks = asks
        self.name = name
        self.method = method
        self.uri = uri
        self.status = status
        self.written = written


# The same few thousand come again and again.
_starts: dict[bytes, Start] = {}
# So do these: number, method as written, and method as text.
_cseqs: dict[bytes, tuple[int, bytes, str]] = {}


def parse(data: bytes, stream: bool = False) -> Request | Response | Malformed | None:
    """The message in these bytes; None for a keep-alive (nothing but line ends and NULs).

    `stream` says that the bytes were framed by Content-Length, which is mandatory there (section 18.3).
    Limits: 65,536 bytes in all, 100 header lines of 8,192 bytes each; more gets 513 or 400.
    """
    if not data or data[0] <= _SPACE:
        data = data.lstrip(b"\r\n")
        if not data.strip(b"\r\n\0"):
            return None
    if len(data) > MOST_BYTES:
        return Malformed(513, "the message is over 65536 bytes", "", [], b"", False)
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return Malformed(400, "the headers do not end", "", [], b"", False)
    scanned = scan(head)
    if scanned is None:
        found = _look_closer(head)
        if isinstance(found, Malformed):
            return found
        scanned = found
    start, rest, values, layout = scanned
    at = layout.length
    if at >= 0:
        size = SMALL.get(values[at], -1)
        if size < 0:
            size = number(values[at], MOST_LENGTH)
        if size != len(body):
            if not 0 <= size < len(body):
                size = -1
            body = body[:size]
    else:
        size = -1 if stream else 0
    known = _starts.get(start)
    if known is None:
        known = _read_start(start)
        if known is None:
            return _strange_start(start, cut(rest), layout.ids)
    if known.asks:
        return _request(known, rest, values, layout, body, size)
    return _response(known, rest, values, layout, body, size)


def _read_start(start: bytes) -> Start | None:
    """What the first line says, remembered if it is a good one and not long; None if it is no first line of SIP 2.0."""
    asks = start[-8:] == b" SIP/2.0"
    if not asks and start[:8] != b"SIP/2.0 ":
        # The version may be written in any case (section 7.1), though nobody does.
        asks = start[-8:].upper() == b" SIP/2.0"
        if not asks and start[:8].upper() != b"SIP/2.0 ":
            return None
    if asks:
        name, _, rest = start.partition(b" ")
        method = METHODS.get(name, "")
        if not method and len(name) <= 64 and is_token(name):
            method = name.decode()
        read = Start(True, name, method, parse_uri(rest[:-8]), 0, b"")
        good = method != "" and read.uri is not None
    else:
        digits, _, reason = start[8:].partition(b" ")
        read = Start(False, b"", "", None, SMALL.get(digits, -1), b"SIP/2.0 " + digits + b" " + reason)
        good = 100 <= read.status <= 699
    if good and len(start) <= LONGEST_START:
        if len(_starts) >= KEPT:
            _starts.clear()
        _starts[start] = read
    return read


def _look_closer(head: bytes) -> Scan | Malformed:
    """What the quick scan left alone: folded lines, strange spellings, comma lists of Via, or what must be refused."""
    lines = head.split(b"\r\n")
    if head.count(b"\n") >= len(lines) or head.count(b"\r") >= len(lines):
        return Malformed(400, "a bare CR or LF stands in the headers", "", [], b"", False)
    if 0 in head and 0 in head.replace(b"\\\0", b""):
        return Malformed(400, "a NUL stands in the headers", "", [], b"", False)
    start = lines.pop(0)
    if len(lines) > MOST_HEADERS or (len(head) > LONGEST_LINE and _too_long(lines)):
        return Malformed(513, "too many or too long header lines", "", [], b"", False)
    lines = unfold(lines)
    if len(head) > LONGEST_LINE and _too_long(lines):
        return Malformed(513, "too many or too long header lines", "", [], b"", False)
    ids = _recognise_all(lines)
    if ids is None:
        return Malformed(400, "a header line has no name", "", [], b"", False)
    split = _split_vias(lines, ids)
    if split is None:
        return _refused(start, "a Via is malformed", lines, ids)
    lines, ids = split
    if len(lines) > MOST_LINES:
        return _refused(start, "too many Vias", lines, ids)
    layout = layout_of(ids)
    if layout.twice:
        return _refused(start, "a header that may stand only once stands twice", lines, ids)
    values = [line[line.find(b":") + 1 :].strip(b" \t") for line in lines]
    return start, b"\r\n".join(lines), values, layout


def _refused(start: bytes, why: str, lines: list[bytes], ids: bytes) -> Malformed:
    name = start.partition(b" ")[0].decode("ascii", "replace")
    return Malformed(400, why, name, lines, ids, start[-8:] == b" SIP/2.0")


def unfold(lines: list[bytes]) -> list[bytes]:
    """The lines with folded ones joined by one space, before any policy reads them (section 7.3.1)."""
    joined: list[bytes] = []
    for line in lines:
        if line[:1] in (b" ", b"\t") and joined:
            joined[-1] = joined[-1].rstrip(b" \t") + b" " + line.lstrip(b" \t")
        else:
            joined.append(line)
    return joined


def _too_long(lines: list[bytes]) -> bool:
    for line in lines:
        if len(line) > LONGEST_LINE:
            return True
    return False


def _recognise_all(lines: list[bytes]) -> bytes | None:
    ids = bytearray()
    for line in lines:
        colon = line.find(b":")
        header = names.recognise(line[:colon]) if colon > 0 else names.MALFORMED
        if header == names.MALFORMED:
            return None
        ids.append(header)
    return bytes(ids)


def _strange_start(start: bytes, lines: list[bytes], ids: bytes) -> Malformed:
    start = start.rstrip(b" \t")
    words = start.split(b" ")
    if len(words) >= 2 and words[-1][:4].upper() == b"SIP/" and is_token(words[0]):
        if words[-1].upper() != b"SIP/2.0":
            return Malformed(505, "the SIP version is not 2.0", words[0].decode(), lines, ids, True)
    if start[-8:].upper() == b" SIP/2.0" and is_token(words[0]):
        return Malformed(400, "the request line is malformed", words[0].decode(), lines, ids, True)
    return Malformed(400, "the first line is not SIP", "", [], b"", False)


def _split_vias(lines: list[bytes], ids: bytes) -> tuple[list[bytes], bytes] | None:
    """One Via a line, so that whoever adds, removes or stamps one need not look for commas; None if one is malformed."""
    new: list[bytes] = []
    numbers = bytearray()
    for at, line in enumerate(lines):
        if ids[at] == names.VIA and b"," in line:
            for part in split_list(line[line.find(b":") + 1 :].strip(b" \t")):
                if parse_via(part) is None:
                    return None
                new.append(b"Via: " + part)
                numbers.append(names.VIA)
        else:
            new.append(line)
            numbers.append(ids[at])
    return new, bytes(numbers)


def _request(
    start: Start,
    rest: bytes,
    values: list[bytes],
    layout: Layout,
    body: bytes,
    size: int,
) -> Request | Malformed:
    ids = layout.ids
    method = start.method
    if not method:
        return Malformed(400, "the method is malformed", "", [], b"", False)
    at = layout.via
    via = parse_via(values[at]) if at >= 0 else None
    if via is None:
        return Malformed(400, "the topmost Via is missing or malformed", method, cut(rest), ids, True)
    at = layout.from_
    from_ = parse_address(values[at]) if at >= 0 else None
    if from_ is None:
        return Malformed(400, "From is missing or malformed", method, cut(rest), ids, True)
    at = layout.to
    to = parse_address(values[at]) if at >= 0 else None
    if to is None:
        return Malformed(400, "To is missing or malformed", method, cut(rest), ids, True)
    at = layout.call_id
    call_id = values[at] if at >= 0 else b""
    if not call_id or _SPACE in call_id:
        return Malformed(400, "Call-ID is missing or malformed", method, cut(rest), ids, True)
    at = layout.cseq
    value = values[at] if at >= 0 else b""
    cseq, named, _ = _cseqs.get(value) or _read_cseq(value)
    if cseq < 0:
        return Malformed(400, "CSeq is missing, malformed or over 2147483647", method, cut(rest), ids, True)
    if named != start.name:
        return Malformed(400, "CSeq names another method", method, cut(rest), ids, True)
    if size < 0:
        return Malformed(400, _LENGTH, method, cut(rest), ids, True)
    uri = start.uri
    if uri is None:
        return Malformed(400, "the Request-URI is malformed", method, cut(rest), ids, True)
    at = layout.max_forwards
    hops = -1
    if at >= 0:
        hops = SMALL.get(values[at], -1)
        if not 0 <= hops <= 255:
            hops = number(values[at], 255)
        if hops < 0:
            return Malformed(400, "Max-Forwards is malformed or over 255", method, cut(rest), ids, True)
    return Request(rest, values, layout, body, via, from_, to, call_id, cseq, method, uri, hops)


def _read_cseq(value: bytes) -> tuple[int, bytes, str]:
    """Number (-1 for none) and method ("" for none) of a CSeq, remembered if both are good and it is short."""
    # However much white space stands between them.
    count, _, named = value.replace(b"\t", b" ").partition(b" ")
    named = named.strip(b" ")
    method = METHODS.get(named, "")
    if not method and is_token(named):
        method = named.decode()
    read = (number(count, MOST_CSEQ), named, method)
    if read[0] >= 0 and method and len(value) <= LONGEST_CSEQ:
        if len(_cseqs) >= KEPT:
            _cseqs.clear()
        _cseqs[value] = read
    return read


def _response(
    start: Start,
    rest: bytes,
    values: list[bytes],
    layout: Layout,
    body: bytes,
    size: int,
) -> Response | Malformed:
    ids = layout.ids
    status = start.status
    if not 100 <= status <= 699:
        return Malformed(400, "the status code is malformed", "", [], b"", False)
    at = layout.via
    via = parse_via(values[at]) if at >= 0 else None
    if via is None:
        return Malformed(400, "the topmost Via is missing or malformed", "", cut(rest), ids, False)
    at = layout.call_id
    call_id = values[at] if at >= 0 else b""
    at = layout.cseq
    value = values[at] if at >= 0 else b""
    cseq, _, method = _cseqs.get(value) or _read_cseq(value)
    if cseq < 0 or not method or not call_id or layout.from_ < 0 or layout.to < 0:
        return Malformed(400, "From, To, Call-ID or CSeq is missing or malformed", "", cut(rest), ids, False)
    if size < 0:
        return Malformed(400, _LENGTH, "", cut(rest), ids, False)
    return Response(rest, values, layout, body, via, call_id, cseq, method, status, start.written)
