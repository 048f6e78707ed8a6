"""Does this address lie inside somebody's network, or is it ourselves?   Asked of every address after DNS (threats B3, B5)."""

from typing import final

from zope.interface import classImplements

from ..api import PASS, Destination, IDestinationCheck, Reply, RequestContext, Verdict
from ..guard.nets import LINK_LOCAL, LOOPBACK, METADATA, PRIVATE, UNROUTABLE, canonical
from .lists import NetsLike, read_nets

_REASON = "Destination Filtered"
_OURSELVES = Reply(473, _REASON, why="the destination is one of our own listening addresses")
_NO_ADDRESS = Reply(473, _REASON, why="the destination is no address")
_KINDS = (
    (LOOPBACK, Reply(473, _REASON, why="the destination is a loopback address")),
    (METADATA, Reply(473, _REASON, why="the destination is a cloud's metadata service")),
    (LINK_LOCAL, Reply(473, _REASON, why="the destination is a link-local address")),
    (PRIVATE, Reply(473, _REASON, why="the destination is a private address")),
    (UNROUTABLE, Reply(473, _REASON, why="no packet can be sent to the destination")),
)
_KEPT = 4096


@final
class NoPrivate:
    """473 for loopback, private, link-local, metadata, multicast and unspecified addresses, and always for ourselves.

    `welcome` are the addresses that are not refused for their kind: the site's own network, loopback in a try-out.
    """

    def __init__(self, *, welcome: NetsLike = ()) -> None:
        self._welcome = read_nets(welcome, "NoPrivate(welcome=)")
        self._kept: dict[str, tuple[Verdict, str]] = {}

    def allow(self, context: RequestContext, destination: Destination) -> Verdict:
        """Pass or 473, by the very address that the packet would go to."""
        host = destination.host
        known = self._kept.get(host)
        if known is None:
            known = self._judge(host)
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            self._kept[host] = known
        verdict, place = known
        if verdict is PASS and context.site.is_local(place, destination.port):
            return _OURSELVES
        return verdict

    def _judge(self, host: str) -> tuple[Verdict, str]:
        """The verdict on the address alone, and how a URI would write the address."""
        place = canonical(host)
        if not place:
            return _NO_ADDRESS, place
        if ":" in place:
            place = f"[{place}]"
        if host in self._welcome:
            return PASS, place
        for nets, refusal in _KINDS:
            if nets.leads_to(host):
                return refusal, place
        return PASS, place


classImplements(NoPrivate, IDestinationCheck)
