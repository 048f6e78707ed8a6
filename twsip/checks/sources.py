"""Is this packet from somewhere that may talk to us at all?   Asked before anything is remembered or parsed (RFC 2827)."""

from typing import final

from zope.interface import classImplements

from ..api import PASS, Arrival, Drop, IIngressCheck, Verdict
from ..guard.nets import UNROUTABLE, Nets
from .lists import NetsLike, read_nets

_REFUSED = Drop("the source is on the site's list")
_IMPOSSIBLE = Drop("nobody can have this source address")


@final
class Sources:
    """Silence for the listed sources, and for those that no packet can honestly have (multicast, 0/8, port 0)."""

    def __init__(self, deny: NetsLike = ()) -> None:
        self._deny = read_nets(deny, "Sources(deny=)")
        self._all = Nets(self._deny.text, UNROUTABLE.text)

    def admit(self, arrival: Arrival) -> Verdict:
        """Drop or Pass, by the packet's source alone."""
        flow = arrival.flow
        host = flow.host
        if host in self._all:
            return _REFUSED if host in self._deny else _IMPOSSIBLE
        return PASS if flow.port else _IMPOSSIBLE


classImplements(Sources, IIngressCheck)
