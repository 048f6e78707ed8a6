"""What the network says about datagrams of ours: the error queue that Linux keeps for a socket (RFC 3261 section 18.4)."""

import os
import socket
import struct
from collections.abc import Iterator
from typing import Any, Final, final

from ..api.context import Flow
from .turns import Turns

MOST_ERRORS: Final = 64
"""Errors taken in one turn."""
MOST_QUOTED: Final = 1500
MOST_CONTROL: Final = 512

_LEVELS: Final = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}
"""IP_RECVERR and IPV6_RECVERR, which the socket module does not name."""

# struct sock_extended_err: ee_errno, ee_origin, ee_type, ee_code.
_ERROR: Final = struct.Struct("=IBBB")
_FROM_ICMP: Final = 2
_FROM_ICMP6: Final = 3
# Unreachable, and parameter problem.  §18.4 wants to hear of no other: what only lives too short or is too big for one hop
# may arrive when it is sent again (the kernel has taken note of the size).
_COUNT: Final = {_FROM_ICMP: (3, 12), _FROM_ICMP6: (1, 4)}
_TOO_BIG: Final = (_FROM_ICMP, 3, 4)


def ask_for_errors(bound: socket.socket) -> None:
    """Have the kernel keep errors for this socket; raises OSError where it cannot."""
    level, option = _LEVELS[bound.family]
    bound.setsockopt(level, option, 1)


def errors(bound: socket.socket) -> Iterator[tuple[tuple[Any, ...], bytes, str]]:
    """Take errors from the queue, at most 64: to whom the lost datagram went, its first bytes as they were quoted, and why.

    An error without a quote is left out: nobody could tell whether it is true.  The quote, too, is hearsay.
    """
    for _ in range(MOST_ERRORS):
        try:
            quoted, control, _, address = bound.recvmsg(MOST_QUOTED, MOST_CONTROL, socket.MSG_ERRQUEUE)
        except BlockingIOError:
            return
        except OSError:
            continue
        for level, option, error in control:
            if (level, option) not in _LEVELS.values() or len(error) < _ERROR.size:
                continue
            number, origin, kind, code = _ERROR.unpack_from(error)
            if quoted and address and kind in _COUNT.get(origin, ()) and (origin, kind, code) != _TOO_BIG:
                yield address, quoted, os.strerror(number)


@final
class News:
    """Lost datagrams that the receiver has yet to hear of.

    Told in a reactor turn of its own: it is not asked anything while its output is being sent.
    """

    def __init__(self, turns: Turns, reactor: Any) -> None:
        self._turns = turns
        self._reactor = reactor
        self._untold: list[tuple[Flow, str, bytes]] = []
        self._open = True

    def add(self, flow: Flow | None, why: str, quoted: bytes) -> None:
        """A datagram that began so was lost on its way to this flow's address; to none, nobody is told."""
        if flow is not None:
            if not self._untold:
                self._reactor.callLater(0, self._tell)
            self._untold.append((flow, why, quoted))

    def _tell(self) -> None:
        untold, self._untold = self._untold, []
        for flow, why, quoted in untold:
            if self._open:
                self._turns.flow_broke(flow, why, quoted)

    def close(self) -> None:
        """Tell nothing more."""
        self._open = False
