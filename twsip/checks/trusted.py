"""Is the sender one of the site's known neighbours?   By the packet's source address alone, never by a header."""

from typing import final

from zope.interface import classImplements

from ..api import PASS, ConfigError, IRequestCheck, Pass, RequestContext, TrustedPeer, Verdict
from .lists import NetsLike, read_nets


@final
class Trusted:
    """The fact TrustedPeer for requests from the listed addresses; everybody else passes without it.

    Over UDP a source address can be forged, so it counts there only if `trust_udp` says so; a TCP handshake proves
    that the sender can be reached where it says it is.
    """

    def __init__(self, nets: NetsLike, *, trust_udp: bool = False, name: str = "") -> None:
        self._nets = read_nets(nets, "Trusted")
        if not self._nets:
            raise ConfigError("Trusted has no addresses; give at least one, or leave the check out")
        self._trust_udp = trust_udp
        self.name = f"trusted {name}" if name else "trusted"
        called = name or self._nets.text
        self._proven = Pass(TrustedPeer(called, spoofable=False))
        self._claimed = Pass(TrustedPeer(called, spoofable=True))

    def check(self, context: RequestContext) -> Verdict:
        """Always a Pass, with or without the fact."""
        flow = context.flow
        nets = self._nets
        known = nets.members.get(flow.host)
        if not known and (known is not None or flow.host not in nets):
            return PASS
        if flow.reliable:
            return self._proven
        return self._claimed if self._trust_udp else PASS


classImplements(Trusted, IRequestCheck)
