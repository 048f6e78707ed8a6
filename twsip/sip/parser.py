"""Bytes to Request, Response or Malformed; never raises on input (RFC 3261 sections 7 and 25, RFC 4475)."""

from typing import Final

from . import names
from .abnf import SMALL, is_token, number, split_list
from .fields.address import parse_address
from .fields.via import parse_via
from .message import Malformed, Request, Response
from .names import CALL_ID, CSEQ, FROM, KNOWN, STRANGE, TO, VIA
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
_LENGTH: Final = "Content-Length is missing, malformed or more than there is"
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
    parts = [line.partition(b":") for line in lines]
    known = KNOWN
    # A line without a colon is no header, even when it reads like the name of one.
    ids = bytes([known.get(name, STRANGE) if colon else STRANGE for name, colon, _ in parts])
    if STRANGE in ids:
        lines = unfold(lines)
        if len(head) > LONGEST_LINE and _too_long(lines):
            return Malformed(513, "too many or too long header lines", "", [], b"", False)
        found = _recognise_all(lines)
        if found is None:
            return Malformed(400, "a header line has no name", "", [], b"", False)
        ids = found
        parts = [line.partition(b":") for line in lines]
    at = ids.find(VIA)
    if at >= 0 and b"," in lines[at]:
        split = _split_vias(lines, ids)
        if split is None:
            name = start.partition(b" ")[0].decode("ascii", "replace")
            return Malformed(400, "a Via is malformed", name, lines, ids, start[-8:] == b" SIP/2.0")
        lines, ids = split
        parts = [line.partition(b":") for line in lines]
    # Every header at most once is the usual case and needs no closer look.
    if len(ids) != len(set(ids)) and _duplicated(ids):
        name = start.partition(b" ")[0].decode("ascii", "replace")
        why = "a header that may stand only once stands twice"
        return Malformed(400, why, name, lines, ids, start[-8:] == b" SIP/2.0")
    body = data[end + 4 :]
    at = ids.find(names.CONTENT_LENGTH)
    if at >= 0:
        text = parts[at][2].strip(b" \t")
        size = SMALL.get(text, -1)
        if size < 0:
            size = number(text, MOST_LENGTH)
        if size != len(body):
            if not 0 <= size < len(body):
                size = -1
            body = body[:size]
    else:
        size = -1 if stream else 0
    if start[-8:] == b" SIP/2.0":
        return _request(start, lines, ids, parts, body, size)
    if start[:8] == b"SIP/2.0 ":
        return _response(start, lines, ids, parts, body, size)
    # The version may be written in any case (section 7.1), though nobody does.
    if start[-8:].upper() == b" SIP/2.0":
        return _request(start, lines, ids, parts, body, size)
    if start[:8].upper() == b"SIP/2.0 ":
        return _response(start, lines, ids, parts, body, size)
    return _strange_start(start, lines, ids)


Parts = list[tuple[bytes, bytes, bytes]]
"""Each header line as name, colon, value."""


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


def _duplicated(ids: bytes) -> bool:
    """Whether a header that may stand only once stands twice."""
    single = ids.translate(None, _MULTIPLE)
    return len(single) != len(set(single))


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


def _tabbed(value: bytes) -> tuple[bytes, bytes, bytes]:
    """Number and method of a CSeq with a tab between them."""
    return value.replace(b"\t", b" ").strip(b" ").partition(b" ")


def _request(start: bytes, lines: list[bytes], ids: bytes, parts: Parts, body: bytes, size: int) -> Request | Malformed:
    name, _, rest = start.partition(b" ")
    method = METHODS.get(name, "")
    if not method:
        if not is_token(name) or len(name) > 64:
            return Malformed(400, "the method is malformed", "", [], b"", False)
        method = name.decode()
    find = ids.find
    at = find(VIA)
    via = parse_via(parts[at][2].strip(b" \t")) if at >= 0 else None
    if via is None:
        return Malformed(400, "the topmost Via is missing or malformed", method, lines, ids, True)
    at = find(FROM)
    from_ = parse_address(parts[at][2].strip(b" \t")) if at >= 0 else None
    if from_ is None:
        return Malformed(400, "From is missing or malformed", method, lines, ids, True)
    at = find(TO)
    to = parse_address(parts[at][2].strip(b" \t")) if at >= 0 else None
    if to is None:
        return Malformed(400, "To is missing or malformed", method, lines, ids, True)
    at = find(CALL_ID)
    call_id = parts[at][2].strip(b" \t") if at >= 0 else b""
    if not call_id or b" " in call_id:
        return Malformed(400, "Call-ID is missing or malformed", method, lines, ids, True)
    at = find(CSEQ)
    words = parts[at][2].strip(b" \t").partition(b" ") if at >= 0 else (b"", b"", b"")
    cseq = SMALL.get(words[0], -1)
    if cseq < 0:
        cseq = number(words[0], MOST_CSEQ)
        if cseq < 0 and at >= 0:
            words = _tabbed(parts[at][2])
            cseq = number(words[0], MOST_CSEQ)
    if cseq < 0:
        return Malformed(400, "CSeq is missing, malformed or over 2147483647", method, lines, ids, True)
    if words[2].strip(b" \t") != name:
        return Malformed(400, "CSeq names another method", method, lines, ids, True)
    if size < 0:
        return Malformed(400, _LENGTH, method, lines, ids, True)
    uri = parse_uri(rest[:-8])
    if uri is None:
        return Malformed(400, "the Request-URI is malformed", method, lines, ids, True)
    at = find(names.MAX_FORWARDS)
    hops = -1
    if at >= 0:
        text = parts[at][2].strip(b" \t")
        hops = SMALL.get(text, -1)
        if not 0 <= hops <= 255:
            hops = number(text, 255)
        if hops < 0:
            return Malformed(400, "Max-Forwards is malformed or over 255", method, lines, ids, True)
    return Request(lines, ids, body, via, from_, to, call_id, cseq, method, uri, hops)


def _response(
    start: bytes, lines: list[bytes], ids: bytes, parts: Parts, body: bytes, size: int
) -> Response | Malformed:
    digits, _, reason = start[8:].partition(b" ")
    status = number(digits, 699)
    if status < 100 or len(digits) != 3:
        return Malformed(400, "the status code is malformed", "", [], b"", False)
    at = ids.find(VIA)
    via = parse_via(parts[at][2].strip(b" \t")) if at >= 0 else None
    if via is None:
        return Malformed(400, "the topmost Via is missing or malformed", "", lines, ids, False)
    at = ids.find(CALL_ID)
    call_id = parts[at][2].strip(b" \t") if at >= 0 else b""
    at = ids.find(CSEQ)
    words = parts[at][2].strip(b" \t").partition(b" ") if at >= 0 else (b"", b"", b"")
    cseq = SMALL.get(words[0], -1)
    if cseq < 0:
        cseq = number(words[0], MOST_CSEQ)
        if cseq < 0 and at >= 0:
            words = _tabbed(parts[at][2])
            cseq = number(words[0], MOST_CSEQ)
    named = words[2].strip(b" \t")
    method = METHODS.get(named, "")
    if not method:
        if not is_token(named):
            cseq = -1
        else:
            method = named.decode()
    if cseq < 0 or not call_id or FROM not in ids or TO not in ids:
        return Malformed(400, "From, To, Call-ID or CSeq is missing or malformed", "", lines, ids, False)
    if size < 0:
        return Malformed(400, _LENGTH, "", lines, ids, False)
    return Response(lines, ids, body, via, call_id, cseq, method, status, reason)
