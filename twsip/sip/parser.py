"""Bytes to Request, Response or Malformed; never raises on input (RFC 3261 sections 7 and 25, RFC 4475)."""

from typing import Final

from . import names
from .abnf import is_token, number, split_list
from .fields.address import parse_address
from .fields.via import parse_via
from .message import Malformed, Request, Response
from .names import KNOWN, STRANGE, VIA
from .uri import parse_uri

MOST_BYTES: Final = 65536
MOST_HEADERS: Final = 100
LONGEST_LINE: Final = 8192
MOST_CSEQ: Final = 2**31 - 1
MOST_LENGTH: Final = 2**31

METHODS: Final[dict[bytes, str]] = {
    name.encode(): name
    for name in [
        "INVITE",
        "ACK",
        "CANCEL",
        "BYE",
        "REGISTER",
        "OPTIONS",
        "MESSAGE",
        "SUBSCRIBE",
        "NOTIFY",
        "PUBLISH",
        "INFO",
        "PRACK",
        "UPDATE",
        "REFER",
    ]
}
_MULTIPLE: Final = bytes(range(names.FIRST_SINGLE))


def parse(data: bytes, stream: bool = False) -> Request | Response | Malformed | None:
    """The message in these bytes; None for a keep-alive (nothing but line ends and NULs).

    `stream` says that the bytes were framed by Content-Length, which is mandatory there (section 18.3).
    Limits: 65,536 bytes in all, 100 header lines of 8,192 bytes each; more gets 513 or 400.
    """
    if data[:1] in b"\r\n\0":
        data = data.lstrip(b"\r\n")
        if not data.strip(b"\r\n\0"):
            return None
    if len(data) > MOST_BYTES:
        return Malformed(513, "the message is over 65536 bytes", "", [], b"", False)
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return Malformed(400, "the headers do not end", "", [], b"", False)
    head = data[:end]
    lines = head.split(b"\r\n")
    if head.count(b"\n") >= len(lines) or head.count(b"\r") >= len(lines):
        return Malformed(400, "a bare CR or LF stands in the headers", "", [], b"", False)
    if b"\0" in head and b"\0" in head.replace(b"\\\0", b""):
        return Malformed(400, "a NUL stands in the headers", "", [], b"", False)
    start = lines.pop(0)
    if len(lines) > MOST_HEADERS or (len(head) > LONGEST_LINE and _too_long(lines)):
        return Malformed(513, "too many or too long header lines", "", [], b"", False)
    known = KNOWN
    ids = bytes([known.get(line[: line.find(b":")], STRANGE) for line in lines])
    if STRANGE in ids:
        lines = unfold(lines)
        found = _recognise_all(lines)
        if found is None:
            return Malformed(400, "a header line has no name", "", [], b"", False)
        ids = found
    body = data[end + 4 :]
    if start[-8:] == b" SIP/2.0":
        return _request(start, lines, ids, body, stream)
    if start[:8] == b"SIP/2.0 ":
        return _response(start, lines, ids, body, stream)
    return _strange_start(start, lines, ids)


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
    words = start.split(b" ")
    if len(words) >= 2 and words[-1][:4].upper() == b"SIP/" and is_token(words[0]):
        if words[-1].upper() != b"SIP/2.0":
            return Malformed(505, "the SIP version is not 2.0", "", lines, ids, True)
    if start.rstrip(b" \t")[-8:].upper() == b" SIP/2.0" and is_token(words[0]):
        return Malformed(400, "the request line is malformed", "", lines, ids, True)
    return Malformed(400, "the first line is not SIP", "", [], b"", False)


def _first(lines: list[bytes], ids: bytes, header: int) -> bytes:
    at = ids.find(header)
    if at < 0:
        return b""
    line = lines[at]
    return line[line.find(b":") + 1 :].strip(b" \t")


def _duplicated(ids: bytes) -> bool:
    """Whether a header that may stand only once stands twice."""
    single = ids.translate(None, _MULTIPLE)
    return len(single) != len(set(single))


def _body(lines: list[bytes], ids: bytes, body: bytes, stream: bool) -> bytes | None:
    """The body as long as Content-Length says, None when that is impossible."""
    at = ids.find(names.CONTENT_LENGTH)
    if at < 0:
        return None if stream else body
    line = lines[at]
    size = number(line[line.find(b":") + 1 :].strip(b" \t"), MOST_LENGTH)
    if size == len(body):
        return body
    return body[:size] if 0 <= size < len(body) else None


def _split_vias(lines: list[bytes], ids: bytes) -> tuple[list[bytes], bytes]:
    """One Via a line, so that whoever adds, removes or stamps one need not look for commas."""
    new: list[bytes] = []
    numbers = bytearray()
    for at, line in enumerate(lines):
        if ids[at] == names.VIA and b"," in line:
            for part in split_list(line[line.find(b":") + 1 :].strip(b" \t")):
                new.append(b"Via: " + part)
                numbers.append(names.VIA)
        else:
            new.append(line)
            numbers.append(ids[at])
    return new, bytes(numbers)


def _request(start: bytes, lines: list[bytes], ids: bytes, body: bytes, stream: bool) -> Request | Malformed:
    name, _, rest = start.partition(b" ")
    method = METHODS.get(name, "")
    if not method:
        if not is_token(name) or len(name) > 64:
            return Malformed(400, "the method is malformed", "", [], b"", False)
        method = name.decode()
    at = ids.find(VIA)
    if at < 0:
        return Malformed(400, "there is no Via", method, lines, ids, True)
    line = lines[at]
    if b"," in line or ids.find(VIA, at + 1) >= 0:
        lines, ids = _split_vias(lines, ids)
        line = lines[at]
    via = parse_via(line[line.find(b":") + 1 :].strip(b" \t"))
    if via is None:
        return Malformed(400, "the topmost Via is malformed", method, lines, ids, True)
    if len(ids) != len(set(ids)) and _duplicated(ids):
        return Malformed(400, "a header that may stand only once stands twice", method, lines, ids, True)
    from_ = parse_address(_first(lines, ids, names.FROM))
    if from_ is None:
        return Malformed(400, "From is missing or malformed", method, lines, ids, True)
    to = parse_address(_first(lines, ids, names.TO))
    if to is None:
        return Malformed(400, "To is missing or malformed", method, lines, ids, True)
    call_id = _first(lines, ids, names.CALL_ID)
    if not call_id or b" " in call_id:
        return Malformed(400, "Call-ID is missing or malformed", method, lines, ids, True)
    digits, _, named = _first(lines, ids, names.CSEQ).partition(b" ")
    cseq = number(digits, MOST_CSEQ)
    if cseq < 0:
        return Malformed(400, "CSeq is missing, malformed or over 2147483647", method, lines, ids, True)
    if named.strip(b" \t") != name:
        return Malformed(400, "CSeq names another method", method, lines, ids, True)
    content = _body(lines, ids, body, stream)
    if content is None:
        why = "Content-Length is missing, malformed or more than there is"
        return Malformed(400, why, method, lines, ids, True)
    uri = parse_uri(rest[:-8])
    if uri is None:
        return Malformed(400, "the Request-URI is malformed", method, lines, ids, True)
    max_forwards = -1
    if ids.find(names.MAX_FORWARDS) >= 0:
        max_forwards = number(_first(lines, ids, names.MAX_FORWARDS), 255)
        if max_forwards < 0:
            return Malformed(400, "Max-Forwards is malformed or over 255", method, lines, ids, True)
    return Request(lines, ids, content, via, from_, to, call_id, cseq, method, uri, max_forwards)


def _response(start: bytes, lines: list[bytes], ids: bytes, body: bytes, stream: bool) -> Response | Malformed:
    digits, _, reason = start[8:].partition(b" ")
    status = number(digits, 699)
    if status < 100 or len(digits) != 3:
        return Malformed(400, "the status code is malformed", "", [], b"", False)
    at = ids.find(VIA)
    if at < 0:
        return Malformed(400, "there is no Via", "", lines, ids, False)
    line = lines[at]
    if b"," in line:
        lines, ids = _split_vias(lines, ids)
        line = lines[at]
    via = parse_via(line[line.find(b":") + 1 :].strip(b" \t"))
    if via is None:
        return Malformed(400, "the topmost Via is malformed", "", lines, ids, False)
    if len(ids) != len(set(ids)) and _duplicated(ids):
        return Malformed(400, "a header that may stand only once stands twice", "", lines, ids, False)
    call_id = _first(lines, ids, names.CALL_ID)
    digits, _, named = _first(lines, ids, names.CSEQ).partition(b" ")
    cseq = number(digits, MOST_CSEQ)
    named = named.strip(b" \t")
    if cseq < 0 or not call_id or not is_token(named) or ids.find(names.FROM) < 0 or ids.find(names.TO) < 0:
        return Malformed(400, "From, To, Call-ID or CSeq is missing or malformed", "", lines, ids, False)
    content = _body(lines, ids, body, stream)
    if content is None:
        return Malformed(400, "Content-Length is missing, malformed or more than there is", "", lines, ids, False)
    method = METHODS.get(named, "") or named.decode()
    return Response(lines, ids, content, via, call_id, cseq, method, status, reason)
