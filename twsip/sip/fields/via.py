"""Via: where a message came through and which transaction it belongs to (RFC 3261 section 20.42, RFC 3581)."""

from typing import Final, final

from ..abnf import is_token, number, parameters
from ..uri import parse_host_port

MAGIC: Final = b"z9hG4bK"
LONGEST_BRANCH: Final = 512
_TAB: Final = 0x09
_SPACE: Final = 0x20
_QUOTE: Final = 0x22


@final
class Source:
    """Where a packet really came from, as a Via says it: made once a flow, written into each of its requests."""

    __slots__ = ("host", "received", "rport")

    def __init__(self, host: str, port: int) -> None:
        self.host = host.encode()
        self.received = b";received=" + self.host
        """For whoever did not ask for rport."""
        self.rport = b"%b;rport=%d" % (self.received, port)


@final
class SentBy:
    """What we write about ourselves into what leaves on a flow, up to the part that changes each time.

    `host` is as URIs write it (IPv6 in brackets); `via` wants a branch behind it, `record_route` a mark and ">", and so
    does `route`: how a Route begins that was made from it.
    """

    __slots__ = ("record_route", "route", "via")

    def __init__(self, transport: str, host: str, port: int) -> None:
        place = b"%b:%d" % (host.encode(), port)
        extra = b"" if transport == "UDP" else b";transport=" + transport.lower().encode()
        self.via = b"Via: SIP/2.0/" + transport.encode() + b" " + place + b";branch="
        self.route = b"<sip:" + place + extra + b";lr;m="
        self.record_route = b"Record-Route: " + self.route


@final
class Head:
    """What stands before the first semicolon: the same few thousand come again and again, so it is kept.

    `written` is that as we write it, `bare` the host without the brackets of an IPv6 reference,
    as a source address would be written; `key` is what stands between branch and method in a transaction's key.
    """

    __slots__ = ("bare", "host", "key", "port", "sent_by", "transport", "written")

    def __init__(self, transport: str, sent_by: bytes, host: str, port: int) -> None:
        self.transport = transport
        self.sent_by = sent_by
        self.host = host
        self.port = port
        self.bare = host.encode().strip(b"[]")
        self.written = b"SIP/2.0/" + transport.encode() + b" " + sent_by
        self.key = b" " + sent_by + b" "


@final
class Via:
    """One Via value: `head` is what stands before its parameters.

    `transport` is in upper case, `sent_by` is host[:port] as written, `port` is 0 when none was given,
    `branch` is b"" when there is none, `rport` is -1 when absent, 0 when present without a value.
    """

    __slots__ = ("branch", "head", "received", "rport", "tail")

    def __init__(self, head: Head, branch: bytes, rport: int, received: bytes, tail: bytes) -> None:
        self.head = head
        self.branch = branch
        self.rport = rport
        self.received = received
        self.tail = tail
        """The parameters other than received and rport, as written, each with its semicolon."""

    @property
    def transport(self) -> str:
        """The transport in upper case."""
        return self.head.transport

    @property
    def sent_by(self) -> bytes:
        """host[:port] as written."""
        return self.head.sent_by

    @property
    def host(self) -> str:
        """The host of sent-by in lower case, IPv6 in brackets."""
        return self.head.host

    @property
    def port(self) -> int:
        """The port of sent-by, 0 when none was given."""
        return self.head.port

    @property
    def is_modern(self) -> bool:
        """Whether the branch carries RFC 3261's cookie and something after it."""
        return self.branch[:7] == MAGIC and len(self.branch) > 7


KEPT: Final = 4096
LONGEST_REST: Final = 128
_kept: dict[bytes, Head] = {}
# What stands behind a branch: a peer writes the same there as long as its address is the same.
_rests: dict[bytes, tuple[int, bytes, bytes]] = {b"": (-1, b"", b""), b"rport": (0, b"", b"")}


def _parse_head(text: bytes) -> Head | None:
    """`SIP/2.0/UDP host:port`, white space allowed around the slashes and the colon."""
    name, _, rest = text.partition(b"/")
    version, _, rest = rest.partition(b"/")
    if name.strip(b" \t").upper() != b"SIP" or version.strip(b" \t") != b"2.0":
        return None
    words = rest.replace(b"\t", b" ").strip(b" ").partition(b" ")
    sent_by = words[2].strip(b" ")
    if b" " in sent_by:
        host, colon, port = sent_by.rpartition(b":")
        sent_by = host.rstrip(b" ") + colon + port.lstrip(b" ")
    if not is_token(words[0]):
        return None
    place = parse_host_port(sent_by)
    if place is None:
        return None
    head = Head(words[0].decode().upper(), sent_by, place[0], place[1])
    if len(text) <= 128:
        if len(_kept) >= KEPT:
            _kept.clear()
        _kept[text] = head
    return head


def parse_via(value: bytes) -> Via | None:
    """One Via value, or None if it is not one.  A comma list must be split before."""
    # What nearly every client writes: the branch first, and then what it always writes.
    text, mark, tail = value.partition(b";branch=")
    head = _kept.get(text)
    if head is not None and mark:
        branch, _, rest = tail.partition(b";")
        known = _rests.get(rest)
        if known is None:
            known = _learn(head, rest)
        if known is not None and (branch.isalnum() or is_token(branch)) and len(branch) <= LONGEST_BRANCH:
            rport, received, written = known
            tail = mark + branch
            return Via(head, branch, rport, received, tail + written if written else tail)
    text, _, tail = value.partition(b";")
    head = _kept.get(text)
    if head is None:
        head = _parse_head(text)
        if head is None:
            return None
    return _parse_params(head, tail)


def _learn(head: Head, rest: bytes) -> tuple[int, bytes, bytes] | None:
    """rport, received and the other parameters of what stands behind a branch; None if that wants a closer look."""
    if len(rest) > LONGEST_REST or _is_strange(rest):
        return None
    via = _parse_params(head, rest)
    if via is None or b";branch" in via.tail.lower():
        return None
    if len(_rests) >= KEPT:
        _rests.clear()
    known = _rests[rest] = (via.rport, via.received, via.tail)
    return known


def _is_strange(tail: bytes) -> bool:
    """Whether these parameters cannot be told apart by their semicolons alone."""
    return _QUOTE in tail or _SPACE in tail or _TAB in tail


def _parse_params(head: Head, tail: bytes) -> Via | None:
    if _is_strange(tail):
        found = parameters(tail)
        if found is None:
            return None
        # Not joined and split again: a semicolon inside quotes separates nothing.
        parts = [name + b"=" + text if text else name for name, text in found.items()]
    else:
        parts = tail.split(b";")
    branch = received = b""
    kept: list[bytes] = []
    rport = -1
    for part in parts:
        if part[:7] == b"branch=" and not branch:
            branch = part[7:]
            kept.append(part)
        elif part == b"rport" and rport < 0:
            rport = 0
        elif part:
            name, equals, text = part.partition(b"=")
            name = name.lower()
            if name == b"rport":
                if rport >= 0:
                    return None
                rport = number(text, 65535) if equals and text else 0
                if rport < 0:
                    return None
            elif name == b"received":
                if received:
                    return None
                received = text
            elif name == b"branch":
                if branch:
                    return None
                branch = text
                kept.append(part)
            elif is_token(name):
                kept.append(part)
            else:
                return None
    if branch and (len(branch) > LONGEST_BRANCH or not is_token(branch)):
        return None
    written = b"".join([b";" + part for part in kept])
    return Via(head, branch, rport, received, written)


def stamped(via: Via, source: Source) -> bytes:
    """The Via with where the message really came from: received and, if asked for, rport.

    What the sender itself claimed in those two is replaced, never believed (RFC 3261 section 18.2.1, RFC 3581 section 4).
    """
    head = via.head
    if via.rport >= 0:
        return head.written + via.tail + source.rport
    if head.bare != source.host:
        return head.written + via.tail + source.received
    return head.written + via.tail
