"""Two phones that know a dialog, and hops with every check that it was opened through."""

from hashlib import md5
from typing import Any

from street import FakeFlow, Names, Street, answer, request
from test_relay import Bob
from zope.interface import implementer

from tests.helpers import FakeHouse, digest_answer
from twsip.api import Account, Arrival, IAccounts
from twsip.checks import Digest, InDialog, NoOpenRelay, OwnIdentity, Sanity, Trusted
from twsip.sip.fields.via import SentBy
from twsip.sip.message import Request, Response

Place = tuple[str, int, str]
ALICE: Place = ("192.0.2.9", 5060, "UDP")
BOB: Place = ("198.51.100.1", 5070, "UDP")
MALLORY: Place = ("203.0.113.66", 5060, "UDP")
GATEWAY: Place = ("198.51.100.200", 5060, "TCP")


@implementer(IAccounts)
class Accounts:
    """alice and bob."""

    name = "accounts"
    algorithms = ("MD5",)

    def find(self, realm: str, auth_id: str) -> Account:
        return Account(auth_id, realm, {"MD5": md5(f"{auth_id}:{realm}:secret".encode()).hexdigest()})


class Elsewhere(Names):
    """The names of a second hop of ours."""

    domains = ("example.net",)

    def is_local(self, host: str, port: int = 0) -> bool:
        return host == "example.net" or (host == "192.0.2.2" and port in (0, 5060, 5061))

    def realm_for(self, host: str) -> str:
        return "example.net"


class Hop(Street):
    """A house with every check, at 192.0.2.1 for example.org or at 192.0.2.2 for example.net."""

    def __init__(self, mode: str, bindings: object = None, here: str = "192.0.2.1") -> None:
        names = Names() if here == "192.0.2.1" else Elsewhere()
        checks = [
            Sanity(),
            InDialog(in_dialog_auth=mode),
            Trusted(GATEWAY[0], trust_udp=True),
            Digest({names.domains[0]: Accounts()}),
            OwnIdentity(),
            NoOpenRelay(strangers_may_call=True),
        ]
        self.here = here
        self.checks: list[Any] = checks
        secret = here.encode() * 4
        super().__init__(requests=checks, bindings=bindings, secret=secret)
        self.engine.domains = names
        house: Any = FakeHouse(names, self.clock, secret)  # type: ignore[arg-type]
        for check in checks:
            if hasattr(check, "attach"):
                check.attach(house)

    def flow(self, transport: str, host: str, port: int) -> FakeFlow:
        known = super().flow(transport, host, port)
        known.local_host = known.via_host = self.here
        known.sent_by = SentBy(transport, self.here, known.via_port)
        return known

    def asks(self, data: bytes, place: Place) -> list[tuple[str, Request | Response]]:
        """What comes of this request from there, without 100."""
        host, port, transport = place
        self.hears(data, host, port, transport)
        return [(where, one) for where, one in self.sent() if not isinstance(one, Response) or one.status != 100]


def sip(user: str, place: Place) -> str:
    host, port, transport = place
    return f"sip:{user}@{host}:{port}" + ("" if transport == "UDP" else f";transport={transport.lower()}")


def proof(refusal: Request | Response, user: str, method: str, uri: str) -> str:
    """The credentials that answer a challenge."""
    assert isinstance(refusal, Response)
    assert refusal.status == 407, refusal.status
    challenge = refusal.text("Proxy-Authenticate")
    assert challenge is not None
    return "Proxy-Authorization: " + digest_answer(challenge, user, "secret", method, uri)


class Call:
    """A call that was opened through a hop: what both parties know about the dialog."""

    branches = 0

    def __init__(self, hop: Hop, alice: Place = ALICE, bob: Place = BOB, callee: str = "sip:bob@example.org") -> None:
        self.hop = hop
        self.alice, self.bob = alice, bob
        self.callee = callee
        self.cseq = 10
        refused = hop.asks(self._invite(), alice)
        assert [where for where, _ in refused] == [f"{alice[0]}:{alice[1]}"]
        passed = hop.asks(self._invite(proof(refused[0][1], "alice", "INVITE", callee)), alice)
        assert [where for where, _ in passed] == [f"{bob[0]}:{bob[1]}"]
        self.invite = passed[0][1]
        assert isinstance(self.invite, Request)
        hop.hears(answer(self.invite, 200, f"Contact: <{sip('bob', bob)}>"), *bob)
        ((_, self.ok),) = hop.sent()
        assert isinstance(self.ok, Response)
        assert self.ok.status == 200
        # Each brings the route set in its own order (section 12.1).
        routes = [line.decode().partition(": ")[2] for line in self.ok.lines if line.startswith(b"Record-Route")]
        self.routes = {"bob": routes, "alice": routes[::-1]}
        ((where, _),) = self.ask("ACK", "alice", alice)
        assert where == f"{bob[0]}:{bob[1]}"

    def _invite(self, *more: str) -> bytes:
        self.cseq += 1
        contact = f"Contact: <{sip('alice', self.alice)}>"
        return request("INVITE", self.callee, contact, *more, to=f"<{self.callee}>", cseq=self.cseq, branch=self._branch())

    def _branch(self) -> str:
        Call.branches += 1
        return f"z9hG4bKdialog{Call.branches}"

    def uri(self, user: str) -> str:
        """Where this user's requests are for: the other one's Contact."""
        return sip("bob", self.bob) if user == "alice" else sip("alice", self.alice)

    def ask(
        self, method: str, user: str, place: Place, *more: str, routes: list[str] | None = None, uri: str = "", **instead: str
    ) -> list[tuple[str, Request | Response]]:
        """A request of this user in the dialog, from there."""
        self.cseq += 1
        parties = ["<sip:alice@example.org>;tag=a", f"<{self.callee}>;tag=b"]
        sender, to = parties if user == "alice" else parties[::-1]
        route = [f"Route: {one}" for one in (self.routes[user] if routes is None else routes)]
        words = {"sender": sender, "to": to, "via": f"{place[0]}:{place[1]}", "transport": place[2], **instead}
        contact = f"Contact: <{sip(user, place)}>"
        lines = (*route, *(() if method in ("BYE", "ACK") else (contact,)), *more)
        words.setdefault("branch", self._branch())
        return self.hop.asks(request(method, uri or self.uri(user), *lines, cseq=self.cseq, **words), place)  # type: ignore[arg-type]

    def passes(self, method: str, user: str, place: Place, *more: str, **words: Any) -> None:
        """It reaches the other one, without a Route of ours."""
        ((where, sent),) = self.ask(method, user, place, *more, **words)
        other = self.bob if user == "alice" else self.alice
        assert (where, getattr(sent, "method", sent)) == (f"{other[0]}:{other[1]}", method)
        assert isinstance(sent, Request)
        assert sent.text("Route") is None
        self.hop.hears(answer(sent, 200), *other)
        # An ACK is not answered, and whoever sent no Via port of their own gets the answer where they are.
        self.hop.sent()

    def is_refused(self, status: int, method: str, user: str, place: Place, **words: Any) -> Response | None:
        """It reaches nobody; its sender is told why, unless it was an ACK."""
        found = self.ask(method, user, place, **words)
        if method == "ACK":
            assert found == []
            return None
        ((where, refusal),) = found
        assert (where, getattr(refusal, "status", refusal)) == (f"{place[0]}:{place[1]}", status)
        assert isinstance(refusal, Response)
        return refusal

    def proves(self, method: str, user: str, place: Place, as_user: str = "") -> None:
        """It is challenged, and passes once the challenge is answered."""
        refusal = self.is_refused(407, method, user, place)
        assert refusal is not None
        self.passes(method, user, place, proof(refusal, as_user or user, method, self.uri(user)))


def opened(mode: str, transport: str = "UDP", callee: str = "sip:bob@example.org") -> Call:
    alice: Place = (ALICE[0], 5060 if transport == "UDP" else 40001, transport)
    bob: Place = (BOB[0], BOB[1], transport)
    bindings = Bob((sip("bob", bob), 1.0))
    hop = Hop(mode, bindings)
    if not callee.endswith("@example.org"):
        hop.resolver.twins["foreign.example"] = [bob[0]]
        callee += f":{bob[1]}" + ("" if transport == "UDP" else f";transport={transport.lower()}")
    return Call(hop, alice, bob, callee)


class Hotline(Bob):
    """A location service where bob answers for the hotline."""

    def get(self, aor: str, now: float) -> tuple[Any, ...]:
        return self.bindings if aor == "sip:hotline@example.org" else ()


class Abroad(Bob):
    """The second hop's location service."""

    def get(self, aor: str, now: float) -> tuple[Any, ...]:
        return self.bindings if aor == "sip:bob@example.net" else ()


def arrival(hop: Hop, place: Place, data: bytes) -> Arrival:
    host, port, transport = place
    return Arrival(data, hop.flow(transport, host, port), hop.clock.seconds())


def pumped(first: Hop, second: Hop) -> list[tuple[str, Request | Response]]:
    """Carry what the hops send to each other until all that is left is for phones.  Each connects anew for what it sends."""
    found = []
    while first.outbox or second.outbox:
        for hop, other in ((first, second), (second, first)):
            letters = list(hop.outbox)
            hop.outbox.clear()
            for flow, data in letters:
                if flow.host == other.here:
                    answers = data.startswith(b"SIP/2.0 ")
                    port = 5060 if answers or flow.transport == "UDP" else 50000 + len(data) % 1000
                    other.hears(data, hop.here, port, flow.transport)
                else:
                    hop.outbox.append((flow, data))
                    found += hop.sent()
    return [(where, one) for where, one in found if not isinstance(one, Response) or one.status != 100]
