"""The forwarded request: received lines spliced with the few that change (RFC 3261 section 16.6)."""

from collections.abc import Callable
from typing import Final, final

from .. import names
from ..fields.address import Address
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


@final
class Forwarding:
    """What all branches of one forwarded request have in common: made once, printed once a branch.

    `max_forwards` is the value that goes out, `breadth` what Max-Breadth leaves for all branches (RFC 5393).
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
    if request.has(names.MAX_BREADTH):
        asked = request.number(names.MAX_BREADTH)
        if asked is None or asked <= 0:
            return None
        breadth = min(asked, DEFAULT_BREADTH)
    hops = request.max_forwards - 1 if request.max_forwards > 0 else 70
    doomed = layout.replaced
    if layout.credentials and consumed is not None:
        ours = [at for at in layout.credentials if consumed(request.field_values[at])]
        doomed = tuple(sorted((*doomed, *ours)))
    if taken:
        doomed = tuple(sorted({*doomed, *taken}))
    pieces = _kept(request, doomed)
    if layout.length < 0:
        pieces.append(b"\r\nContent-Length: %d" % len(request.body))
    pieces.append(b"\r\n\r\n")
    pieces.append(request.body)
    rest = b"".join(pieces)
    return Forwarding(request.method.encode(), uri, routes, rest, hops, breadth)


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
    lines = [via]
    lines += record_routes
    text = uri.text
    if path or forwarding.routes:
        routes = [b"<%b>" % step.encode() for step in path] + [_written(step) for step in forwarding.routes]
        if not path and "lr" not in forwarding.routes[0].uri.params:
            routes.append(b"<%b>" % text.encode())
            text = forwarding.routes[0].uri.text
            del routes[0]
        lines.append(b"Route: " + b", ".join(routes))
    lines.append(b"Max-Forwards: " + str(forwarding.max_forwards).encode())
    lines.append(b"Max-Breadth: " + str(breadth).encode())
    lines.append(forwarding.rest)
    return forwarding.method + b" " + text.encode() + b" SIP/2.0\r\n" + b"\r\n".join(lines)


def _written(step: Address) -> bytes:
    """A Route of somebody else's, with the parameters that they gave it (section 20.34: rr-param)."""
    text = b"<%b>" % step.uri.text.encode()
    if step.tag:
        text += b";tag=" + step.tag
    for name, value in step.params.items():
        text += b";%b=%b" % (name, value) if value else b";" + name
    return text
