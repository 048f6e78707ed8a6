"""Route preprocessing and the next hop (RFC 3261 sections 16.4 and 16.6 steps 6 and 7)."""

from collections.abc import Callable
from typing import final

from .. import names
from ..fields.address import Address
from ..message import Request
from ..uri import Uri


@final
class Routed:
    """Where a request wants to go once our own Routes are off.

    `uri` is the Request-URI, `routes` what is left of the route set, `ours` how many Routes were ours, `was_ours`
    the topmost of ours (it carries our mark) or None.
    """

    __slots__ = ("ours", "routes", "uri", "was_ours")

    def __init__(self, uri: Uri, routes: list[Address], ours: int, was_ours: Uri | None) -> None:
        self.uri = uri
        self.routes = routes
        self.ours = ours
        self.was_ours = was_ours


def preprocess(request: Request, is_ours: Callable[[Uri], bool]) -> Routed | None:
    """Take off what is ours: a Request-URI that a strict router swapped, and the topmost Routes that name us.

    None when a Route is malformed (400).
    """
    if not request.layout.routed:
        return Routed(request.uri, [], 0, None)
    routes = request.addresses(names.ROUTE)
    if routes is None:
        return None
    uri = request.uri
    was_ours: Uri | None = None
    # §16.4: a strict router put our own Record-Route value into the Request-URI and the real one last.
    if routes and "lr" in uri.params and "m" in uri.params and is_ours(uri):
        was_ours = uri
        uri = routes.pop().uri
    ours = 0
    while routes and is_ours(routes[0].uri):
        if was_ours is None:
            was_ours = routes[0].uri
        del routes[0]
        ours += 1
    return Routed(uri, routes, ours, was_ours)
