"""The forwarded request: received lines spliced with the few that change (RFC 3261 section 16.6)."""

from collections.abc import Callable
from typing import Final, final

from .. import names
from ..fields.address import Address
from ..layout import PLACED
from ..message import Request
from ..uri import Uri

DEFAULT_BREADTH: Final = 60
_USUAL: Final[dict[int, bytes]] = {
    names.ROUTE: b"\r\nRoute: ",
    names.MAX_FORWARDS: b"\r\nMax-Forwards: ",
    names.MAX_BREADTH: b"\r\nMax-Breadth: ",
    names.AUTHORIZATION: b"\r\nAuthorization: ",
    names.PROXY_AUTHORIZATION: b"\r\nProxy-Authorization: ",
    names.P_ASSERTED_IDENTITY: b"\r\nP-Asserted-Identity: ",
    names.P_PREFERRED_IDENTITY: b"\r\nP-Preferred-Identity: ",
    names.REMOTE_PARTY_ID: b"\r\nRemote-Party-ID: ",
}
"""How the lines that are not passed on usually begin."""
_limits: dict[int, bytes] = {}
_LINES: Final = tuple([b"\r\nMax-Forwards: %d\r\n" % hops for hops in range(256)])


@final
class Forwarding:
    """What all branches of one forwarded request have in common: made once, printed once a branch.

    `max_forwards` is the value that goes out, or -1 when `rest` has it already; `breadth` what Max-Breadth leaves for all
    branches (RFC 5393).
    """

    __slots__ = ("breadth", "max_forwards", "method", "rest", "routes", "uri")

    def __init__(
        self, method: bytes, uri: Uri, routes: list[Address], rest: bytes, max_forwards: int, breadth: int
    ) -> None:
        self.method = method
        self.uri = uri
        self.routes = routes
        self.rest = rest
        self.max_forwards = max_forwards
        self.breadth = breadth


def prepare(
    request: Request,
    uri: Uri,
    routes: list[Address],
    consumed: Callable[[bytes], bool] | None = None,
    taken: tuple[int, ...] = (),
) -> Forwarding | None:
    """What to forward: without our own Routes, credentials that `consumed` says were for us, and the lines at `taken`.

    None when Max-Breadth is malformed or 0 (440).  Max-Forwards must be above 0 (checked before: 483).
    """
    layout = request.layout
    breadth = DEFAULT_BREADTH
    if layout.first[names.MAX_BREADTH] >= PLACED:
        asked = request.number(names.MAX_BREADTH)
        if asked is None or asked <= 0:
            return None
        breadth = min(asked, DEFAULT_BREADTH)
    hops = request.max_forwards - 1 if request.max_forwards > 0 else 70
    end = b"\r\n\r\n"
    if layout.length < 0:
        end = b"\r\nContent-Length: %d\r\n\r\n" % len(request.body)
    doomed = layout.replaced
    if layout.credentials and consumed is not None:
        ours = [at for at in layout.credentials if consumed(request.field_values[at])]
        doomed = tuple(sorted((*doomed, *ours)))
    if taken:
        doomed = tuple(sorted({*doomed, *taken}))
    kept = b""
    if len(doomed) == 1 and request.max_forwards > 0 and layout.via == 0:
        # Nearly every request: no line goes, and one number becomes less, where it stands.
        received = request.rest
        kept = received.replace(_USUAL[names.MAX_FORWARDS] + request.field_values[doomed[0]] + b"\r\n", _LINES[hops], 1)
        if kept is not received:
            rest = b"".join((b"Via: ", request.field_values[0], kept[kept.find(b"\r") :], end, request.body))
            return Forwarding(request.method.encode(), uri, routes, rest, -1, breadth)
    pieces = _kept(request, doomed)
    pieces.append(end)
    pieces.append(request.body)
    return Forwarding(request.method.encode(), uri, routes, b"".join(pieces), hops, breadth)


def _kept(request: Request, doomed: tuple[int, ...]) -> list[bytes]:
    """The header lines but those, in pieces."""
    rest = request.rest
    values = request.field_values
    begin = -1
    if request.layout.via == 0:
        pieces = [b"Via: ", values[0]]
        begin = rest.find(b"\r")
        ids = request.layout.ids
        for at in doomed:
            # Nothing but a whole line has a line end before it and one behind it; what is equal to one is doomed, too.
            # A header that has no usual spelling here is not found: no line is empty.
            sought = _USUAL.get(ids[at], b"\r\n\r\n") + values[at] + b"\r\n"
            end = rest.find(sought, begin)
            if end < 0:
                begin = -1
                break
            pieces.append(rest[begin:end])
            begin = end + len(sought) - 2
    if begin >= 0:
        pieces.append(rest[begin:])
        return pieces
    lines = request.lines
    for at in reversed(doomed):
        del lines[at]
    return [b"\r\n".join(lines)]


def printed(
    forwarding: Forwarding,
    uri: Uri,
    path: tuple[str, ...],
    via: bytes,
    record_routes: list[bytes],
    breadth: int,
) -> bytes:
    """The bytes of one branch: to this target, with our Via and Record-Route lines on top.

    `path` goes in front of what is left of the route set.  A first Route without `lr` is a strict router: it becomes
    the Request-URI, and the target goes to the end (section 16.6 step 6).
    """
    target = uri.written
    lines = [via]
    lines += record_routes
    if path or forwarding.routes:
        routes = [b"<%b>" % step.encode() for step in path] + [_written(step) for step in forwarding.routes]
        if not path and "lr" not in forwarding.routes[0].uri.params:
            routes.append(b"<%b>" % target)
            target = forwarding.routes[0].uri.written
            del routes[0]
        lines.append(b"Route: " + b", ".join(routes))
    limits = _limits.get(forwarding.max_forwards << 6 | breadth)
    lines.append(limits or _written_limits(forwarding.max_forwards, breadth))
    lines.append(forwarding.rest)
    return forwarding.method + b" " + target + b" SIP/2.0\r\n" + b"\r\n".join(lines)


def _written_limits(max_forwards: int, breadth: int) -> bytes:
    """Max-Forwards, if it is not below 0, and Max-Breadth; remembered: there are at most 257 times 60 of them."""
    limits = b"Max-Breadth: %d" % breadth
    if max_forwards >= 0:
        limits = b"Max-Forwards: %d\r\n" % max_forwards + limits
    if -1 <= max_forwards <= 255 and 0 < breadth <= DEFAULT_BREADTH:
        _limits[max_forwards << 6 | breadth] = limits
    return limits


def _written(step: Address) -> bytes:
    """A Route of somebody else's, with the parameters that they gave it (section 20.34: rr-param)."""
    text = b"<%b>" % step.uri.written
    if step.tag:
        text += b";tag=" + step.tag
    for name, value in step.params.items():
        text += b";%b=%b" % (name, value) if value else b";" + name
    return text
