"""New messages made from received or sent ones: a reply to, an ACK for, a CANCEL for (RFC 3261 8.2.6, 17.1.1.3, 9.1)."""

from typing import Final

from . import names
from .layout import PLACED
from .message import Malformed, Request, Response
from .names import CALL_ID, CSEQ, FROM, TO, VIA
from .status import status_line

END: Final = b"Content-Length: 0\r\n\r\n"
_NEEDED: Final = (VIA, FROM, TO, CALL_ID, CSEQ)


def reply(request: Request, status: int, phrase: str = "", tag: bytes = b"", extra: bytes = b"") -> bytes:
    """The response to this request, without a body.

    Via, From, Call-ID and CSeq are the request's own values; the tag is added to a To that has none (100 needs no tag).
    `extra` are whole header lines, each with its line end.
    """
    layout = request.layout
    values = request.field_values
    vias = values[layout.via]
    if len(layout.vias) > 1:
        vias = b"\r\nVia: ".join([values[at] for at in layout.vias])
    to = values[layout.to]
    if tag and not request.to.tag:
        to += b";tag=" + tag
    if status == 100 and layout.has(names.TIMESTAMP):
        extra += b"Timestamp: " + values[layout.first[names.TIMESTAMP] - PLACED] + b"\r\n"
    return b"".join(
        (
            status_line(status, phrase),
            b"\r\nVia: ",
            vias,
            b"\r\nFrom: ",
            values[layout.from_],
            b"\r\nTo: ",
            to,
            b"\r\nCall-ID: ",
            values[layout.call_id],
            b"\r\nCSeq: ",
            values[layout.cseq],
            b"\r\n",
            extra,
            END,
        )
    )


def reply_to_malformed(broken: Malformed, tag: bytes) -> bytes | None:
    """The refusal of what could not be parsed, from the lines that could be told apart.

    None when it was no request, was an ACK, or lacks what a response is made from: then silence is the answer.
    """
    if not broken.is_request or broken.method == "ACK":
        return None
    ids = broken.ids
    for header in _NEEDED:
        if ids.find(header) < 0:
            return None
    out = [status_line(broken.status)]
    at = ids.find(VIA)
    while at >= 0:
        out.append(broken.lines[at])
        at = ids.find(VIA, at + 1)
    out.append(broken.lines[ids.find(FROM)])
    to = broken.lines[ids.find(TO)]
    out.append(to if b"tag=" in to.lower() else to + b";tag=" + tag)
    out.append(broken.lines[ids.find(CALL_ID)])
    out.append(broken.lines[ids.find(CSEQ)])
    out.append(END)
    return b"\r\n".join(out)


def _for(sent: bytes, method: bytes, to: bytes) -> bytes:
    """A request of another method for the transaction that `sent` opened: same Request-URI, Via, Route, CSeq number.

    What we sent is read line by line and not parsed again: with our own lines it may be above the limits of parse().
    """
    start, _, rest = sent[: sent.find(b"\r\n\r\n")].partition(b"\r\n")
    out = [method + start[start.find(b" ") :]]
    routes: list[bytes] = []
    kept: dict[int, bytes] = {}
    for line in rest.split(b"\r\n"):
        header = names.recognise(line[: line.find(b":")])
        if header == names.ROUTE:
            routes.append(line)
        elif header in _NEEDED and header not in kept:
            kept[header] = line
    cseq = kept[CSEQ]
    count = cseq[cseq.find(b":") + 1 :].split()[0]
    out.append(kept[VIA])
    out += routes
    out.append(b"Max-Forwards: 70")
    out.append(kept[FROM])
    out.append(to or kept[TO])
    out.append(kept[CALL_ID])
    out.append(b"CSeq: %b %b" % (count, method))
    out.append(END)
    return b"\r\n".join(out)


def ack_for(sent: bytes, response: Response) -> bytes:
    """The ACK of a final response other than 2xx to the INVITE that we sent (RFC 3261 section 17.1.1.3)."""
    return _for(sent, b"ACK", response.lines[response.layout.to])


def cancel_for(sent: bytes) -> bytes:
    """The CANCEL of the INVITE that we sent (RFC 3261 section 9.1)."""
    return _for(sent, b"CANCEL", b"")


def upstream(response: Response) -> bytes:
    """A response on its way back: our own topmost Via taken off, everything else as it came (RFC 3261 section 16.7)."""
    layout = response.layout
    rest = response.rest
    if layout.via == 0:
        # A response has more than this one line: at least From, To, Call-ID and CSeq.
        rest = rest[rest.find(b"\r") :]
    else:
        lines = response.lines
        del lines[layout.via]
        rest = b"\r\n" + b"\r\n".join(lines)
    end = b"\r\n\r\n"
    if layout.length < 0:
        # A datagram needs none, but what goes back may be a stream, where the body would be the next message (18.3).
        end = b"\r\nContent-Length: %d\r\n\r\n" % len(response.body)
    return b"".join((response.start, rest, end, response.body))


def with_lines(message: bytes, more: list[bytes]) -> bytes:
    """The message with these header lines added at the end of its headers."""
    if not more:
        return message
    end = message.find(b"\r\n\r\n")
    return message[:end] + b"\r\n" + b"\r\n".join(more) + message[end:]


__all__ = ["ack_for", "cancel_for", "reply", "reply_to_malformed", "upstream", "with_lines"]
