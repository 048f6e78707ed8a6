"""Route preprocessing and the next hop (RFC 3261 sections 16.4 and 16.6 steps 6 and 7)."""

from collections.abc import Callable
from typing import Final, final

from .. import names
from ..fields.address import Address
from ..message import Request
from ..uri import Uri, parse_uri

_CLOSING: Final = 0x3E
_MARK: Final = 48
"""Hex digits of a mark (twsip.guard.mark)."""


@final
class Routed:
    """Where a request wants to go once our own Routes are off.

    `uri` is the Request-URI, `routes` what is left of the route set, `ours` how many Routes were ours, `mark` what our
    topmost one carries as parameter m, None when it has none or there was none of ours.
    """

    __slots__ = ("_was", "_written", "mark", "ours", "routes", "uri")

    def __init__(self, uri: Uri, routes: list[Address], ours: int, was_ours: Uri | None, written: bytes = b"") -> None:
        self.uri = uri
        self.routes = routes
        self.ours = ours
        self._was = was_ours
        self._written = written
        self.mark: str | None = None if was_ours is None else was_ours.params.get("m")

    @property
    def was_ours(self) -> Uri | None:
        """The topmost Route that was ours, or None."""
        if self._was is None and self._written:
            self._was = parse_uri(self._written)
        return self._was


def preprocess(request: Request, is_ours: Callable[[Uri], bool], ours: bytes = b"") -> Routed | None:
    """Take off what is ours: a Request-URI that a strict router swapped, and the topmost Routes that name us.

    None when a Route is malformed (400).  `ours` is how our own Record-Route begins, up to its mark: a single Route that
    is written so needs no closer look.
    """
    uri = request.uri
    if not request.layout.routed:
        return Routed(uri, [], 0, None)
    swapped = "lr" in uri.params and "m" in uri.params
    if ours and not swapped:
        values = request.values(names.ROUTE)
        value = values[0]
        size = len(ours)
        if len(values) == 1 and len(value) == size + _MARK + 1 and value[:size] == ours:
            mark = value[size:-1]
            if mark.isalnum() and value[-1] == _CLOSING:
                routed = Routed(uri, [], 1, None, value[1:-1])
                routed.mark = mark.decode()
                return routed
    routes = request.addresses(names.ROUTE)
    if routes is None:
        return None
    was_ours: Uri | None = None
    # §16.4: a strict router put our own Record-Route value into the Request-URI and the real one last.
    if routes and swapped and is_ours(uri):
        was_ours = uri
        uri = routes.pop().uri
    count = 0
    while routes and is_ours(routes[0].uri):
        if was_ours is None:
            was_ours = routes[0].uri
        del routes[0]
        count += 1
    return Routed(uri, routes, count, was_ours)
