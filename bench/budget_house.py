"""The site of bench.tac over flows that are lists, with accounts and bindings in memory and a clock that only moves when told.

Everything between a datagram that came and one that would leave is the real thing; sockets and the reactor are not in it.
"""

import sys
from hashlib import md5
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from helpers import FakeFlow
from twisted.internet.task import Clock
from zope.interface import implementer

from twsip.api import Account, Arrival, Destination, IAccounts
from twsip.checks import Blacklist, Digest, InDialog, NoOpenRelay, NoPrivate, OwnIdentity, Sanity, Trusted
from twsip.handlers import Options, Proxy, Registrar
from twsip.site import UDP, Site
from twsip.stores import Memory

DOMAIN = "bench.example"
BEGAN = 1_800_000_000.0
LONGEST_TIMER = 32.0
Letter = tuple[FakeFlow, bytes]


def ha1(user: str) -> str:
    """The secret of a subscriber."""
    return md5(f"{user}:{DOMAIN}:pw-{user}".encode()).hexdigest()


@implementer(IAccounts)
class Accounts:
    """Everybody is a subscriber; the password is known from the name."""

    name = "everybody"
    algorithms = ("MD5",)

    def find(self, realm: str, auth_id: str) -> Account:
        """The account."""
        return Account(auth_id, realm, {"MD5": ha1(auth_id)})


class StillReactor(Clock):
    """A clock for a site that never runs: nothing is read and nothing is called but what `advance` makes due."""

    def __init__(self) -> None:
        super().__init__()
        self.rightNow = BEGAN

    def addReader(self, reader: object) -> None:
        """Nobody reads."""

    removeReader = removeWriter = addReader

    def callWhenRunning(self, *what: object) -> None:
        """It never runs."""


class House:
    """A started site; `hears` is what it receives, `post` what it sent since the last look."""

    def __init__(self) -> None:
        self.clock = StillReactor()
        self.post: list[Letter] = []
        self._flows: dict[tuple[str, int], FakeFlow] = {}
        site = Site(
            DOMAIN,
            listen=[UDP(0, "127.0.0.1")],
            requests=[
                Sanity(),
                InDialog(),
                Trusted("127.0.0.2", trust_udp=True),
                Digest({DOMAIN: Accounts()}, remember=86400.0),
                OwnIdentity(),
                NoOpenRelay(),
            ],
            handlers=[Registrar(), Options(), Proxy()],
            destinations=[Blacklist("gateways", "192.0.2.16/28"), NoPrivate(welcome=["127.0.0.0/8"])],
            bindings=Memory(),
            secret=b"s" * 32,
        )
        # The site takes its clock and its dice when it is started: the same in each run.
        with mock.patch("time.time", self.clock.seconds), mock.patch("os.urandom", Random(5060).randbytes):
            self._running: Any = site.service(self.clock)
            self._running.startService()
        self._port: int = self._running.transports.listening[0][2]
        self._sockets, self.engine = self._running.transports, self._running.engine
        self.engine.transports = self

    def close(self) -> None:
        """Close the one socket that was opened only to have a port."""
        self._running.stopService()

    # What the engine asks of its transports.

    def flow(self, host: str, port: int) -> FakeFlow:
        """The flow between the site and this address."""
        known = self._flows.get((host, port))
        if known is None:
            known = self._flows[host, port] = FakeFlow(host, port, "UDP", "127.0.0.1", self._port)
            known.send = lambda data, flow=known: self.post.append((flow, data))  # type: ignore[method-assign, misc]
        return known

    def flow_to(self, destination: Destination) -> FakeFlow:
        """Where a request is sent."""
        return self.flow(destination.host, destination.port)

    def flow_by_id(self, flow_id: str) -> FakeFlow:
        """The flow that a binding was made over."""
        _, host, port = flow_id.split()[:3]
        return self.flow(host, int(port))

    def flush(self) -> None:
        """The end of a turn that no datagram began."""
        self.engine.turn_ends()

    # What a path does with it.

    def hears(self, letters: list[Letter]) -> None:
        """These datagrams come, each in a turn of its own."""
        now = self.clock.seconds()
        for flow, data in letters:
            self.engine.received(Arrival(data, flow, now))
            self.engine.turn_ends()

    def waits(self) -> None:
        """So much time goes by that every transaction ends."""
        for _ in range(5):
            self.clock.advance(LONGEST_TIMER / 4)

    def said(self, start: bytes, times: int) -> list[bytes]:
        """The messages sent since the last look that begin like this; raises unless there are so many."""
        found = [data for _, data in self.post if data.startswith(start)]
        if len(found) != times:
            others = sorted({data.partition(b"\r\n")[0] for _, data in self.post})
            raise RuntimeError(f"the site sent {start!r} {len(found)} times, not {times}; it sent {others}")
        self.post.clear()
        return found

    def is_done(self) -> None:
        """Raises unless all transactions have ended, so that what they cost at their end was counted too."""
        counts = self.engine.counts()
        left = {name: counts[name] for name in ("server_transactions", "client_transactions", "timers") if counts[name]}
        if left:
            raise RuntimeError(f"the unit has not ended: {left}")
