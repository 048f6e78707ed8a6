"""Requests inside dialogs through the whole house: what each mode of InDialog asks for, and of whom (RFC 3261 section 12.2)."""

from hashlib import md5
from typing import Any

import pytest
from street import FakeFlow, Names, Street, answer, request
from test_relay import Bob
from zope.interface import implementer

from tests.helpers import FakeHouse, digest_answer
from twsip.api import Account, IAccounts
from twsip.checks import Digest, InDialog, NoOpenRelay, OwnIdentity, Sanity, Trusted
from twsip.sip.fields.via import SentBy
from twsip.sip.message import Request, Response

MODES = ("always", "same_flow", "dialog", "never")
SAFE = MODES[:3]
METHODS = ("PRACK", "UPDATE", "BYE", "INVITE", "INFO", "REFER", "NOTIFY", "MESSAGE")
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
        passed = hop.asks(self._invite(self.proof(refused[0][1], "alice", "INVITE", callee)), alice)
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

    def proof(self, refusal: Request | Response, user: str, method: str, uri: str) -> str:
        """The credentials that answer a challenge."""
        assert isinstance(refusal, Response)
        assert refusal.status == 407, refusal.status
        challenge = refusal.text("Proxy-Authenticate")
        assert challenge is not None
        return "Proxy-Authorization: " + digest_answer(challenge, user, "secret", method, uri)

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
        self.passes(method, user, place, self.proof(refusal, as_user or user, method, self.uri(user)))


def opened(mode: str, transport: str = "UDP", callee: str = "sip:bob@example.org") -> Call:
    alice: Place = (ALICE[0], 5060 if transport == "UDP" else 40001, transport)
    bob: Place = (BOB[0], BOB[1], transport)
    bindings = Bob((sip("bob", bob), 1.0))
    hop = Hop(mode, bindings)
    if not callee.endswith("@example.org"):
        hop.resolver.twins["foreign.example"] = [bob[0]]
        callee += f":{bob[1]}" + ("" if transport == "UDP" else f";transport={transport.lower()}")
    return Call(hop, alice, bob, callee)


both_transports = pytest.mark.parametrize("transport", ["UDP", "TCP"])
every_method = pytest.mark.parametrize("method", METHODS)


@both_transports
@every_method
def test_always_asks_both_parties_whatever_they_send(method: str, transport: str) -> None:
    call = opened("always", transport)
    call.proves(method, "alice", call.alice)
    call.proves(method, "bob", call.bob)


@pytest.mark.parametrize("mode", ["always", "same_flow"])
def test_the_ack_of_our_refusal_goes_no_further(mode: str) -> None:
    call = opened(mode)
    place = call.alice if mode == "always" else (ALICE[0], 61000, "UDP")
    refusal = call.is_refused(407, "INVITE", "alice", place)
    assert refusal is not None
    # It has the branch of the INVITE and the To tag of bob, so neither tag nor mark tells what it is for.
    branch = f"z9hG4bKdialog{Call.branches}"
    for _ in range(2):
        assert call.ask("ACK", "alice", place, branch=branch) == []
    proof = call.proof(refusal, "alice", "INVITE", call.uri("alice"))
    call.passes("INVITE", "alice", place, proof)
    call.passes("ACK", "alice", place)


@both_transports
@every_method
def test_same_flow_lets_both_parties_pass_where_they_were(method: str, transport: str) -> None:
    call = opened("same_flow", transport)
    call.passes(method, "alice", call.alice)
    call.passes(method, "bob", call.bob)


@both_transports
@every_method
@pytest.mark.parametrize("mode", ["always", "same_flow"])
def test_a_mark_replayed_from_elsewhere_is_asked_to_prove_itself(mode: str, method: str, transport: str) -> None:
    call = opened(mode, transport)
    elsewhere: Place = (*MALLORY[:2], transport)
    for user, other in (("alice", call.bob), ("bob", call.alice)):
        call.is_refused(407, method, user, elsewhere)
        # Not from the other party's flow, either: bob does not speak as alice.
        call.is_refused(407, method, user, other)


@both_transports
@every_method
def test_dialog_and_never_let_a_mark_pass_from_anywhere(method: str, transport: str) -> None:
    for mode in ("dialog", "never"):
        call = opened(mode, transport)
        elsewhere: Place = (*MALLORY[:2], transport)
        call.passes(method, "alice", elsewhere)
        call.passes(method, "bob", elsewhere)


@both_transports
@pytest.mark.parametrize("mode", SAFE)
def test_a_made_up_to_tag_relays_nothing(mode: str, transport: str) -> None:
    call = opened(mode, transport)
    mallory: Place = (*MALLORY[:2], transport)
    good = call.routes["alice"][0]
    mark = good.partition(";m=")[2][:-1]
    strict = f"sip:192.0.2.1;lr;m={'0' * len(mark)}"
    for method in (*METHODS, "ACK"):
        for routes in (
            ["<sip:192.0.2.1;lr>"],
            [],
            [good.replace(mark, "0" * len(mark))],
            [good.replace(mark, mark[:-1])],
            [good.replace(mark, mark[:24] + mark[36:] + mark[24:36])],
        ):
            # Their own name is no better than a borrowed one: nobody asks them, and nobody vouches for them.
            call.is_refused(407, method, "alice", mallory, routes=routes)
            call.is_refused(403, method, "alice", mallory, routes=routes, sender="<sip:m@evil.example>;tag=m")
            call.is_refused(403, method, "alice", mallory, routes=routes, sender="<sip:m@evil.example>;tag=m", uri="sip:x@gw.example")
        call.is_refused(403, method, "bob", mallory, routes=["<sip:x@victim.example>"], uri=strict, sender="<sip:m@evil.example>;tag=m")


@pytest.mark.parametrize("mode", SAFE)
def test_the_mark_of_another_dialog_is_no_proof(mode: str) -> None:
    call = opened(mode)
    for method in (*METHODS, "ACK"):
        call.is_refused(407, method, "alice", call.alice, call_id="another")
        call.is_refused(407, method, "alice", call.alice, sender="<sip:alice@example.org>;tag=another")
        call.is_refused(407, method, "alice", call.alice, sender="<sip:carol@example.org>;tag=a")


def test_never_relays_for_whoever_writes_a_to_tag() -> None:
    call = opened("never")
    call.passes("BYE", "alice", MALLORY, routes=["<sip:192.0.2.1;lr>"], sender="<sip:m@evil.example>;tag=m")
    call.is_refused(403, "BYE", "alice", MALLORY, routes=[], sender="<sip:m@evil.example>;tag=m")
    call.is_refused(
        403, "INVITE", "alice", MALLORY, routes=["<sip:192.0.2.1;lr>"], sender="<sip:m@evil.example>;tag=m", to="<sip:bob@example.org>"
    )


@both_transports
@pytest.mark.parametrize("mode", ["always", "same_flow"])
def test_who_is_called_abroad_is_not_asked_but_must_come_where_it_was_called(mode: str, transport: str) -> None:
    for method in METHODS:
        call = opened(mode, transport, "sip:bob@foreign.example")
        call.passes(method, "bob", call.bob)
        call.is_refused(403, method, "bob", (*MALLORY[:2], transport))
        call.is_refused(403, method, "bob", call.alice)
        if mode == "always":
            call.proves(method, "alice", call.alice)
        else:
            call.passes(method, "alice", call.alice)
            call.is_refused(407, method, "alice", call.bob)


@pytest.mark.parametrize("mode", ["always", "same_flow"])
def test_a_phone_behind_a_nat_that_forgot_it_is_asked_and_loses_nothing(mode: str) -> None:
    call = opened(mode)
    rebound: Place = (ALICE[0], 61000, "UDP")
    for method in METHODS:
        call.proves(method, "alice", rebound)
    # Its re-INVITE was proven just now; the ACK for it cannot be asked and must not be lost.
    call.passes("ACK", "alice", rebound)
    # A network of its own: wifi was left for the mobile one.
    call.proves("BYE", "alice", ("203.0.113.5", 1024, "UDP"))


@pytest.mark.parametrize("mode", ["always", "same_flow"])
def test_connections_that_are_opened_again_are_the_same_flow(mode: str) -> None:
    call = opened(mode, "TCP")
    again: dict[str, Place] = {"alice": (ALICE[0], 40002, "TCP"), "bob": (BOB[0], 40003, "TCP")}
    for user, place in again.items():
        for method in METHODS:
            if mode == "always":
                call.proves(method, user, place)
            else:
                call.passes(method, user, place)
        # By another transport it is another flow, though from the same address.
        call.proves("BYE", user, (*place[:2], "UDP"))


@pytest.mark.parametrize("mode", ["always", "same_flow"])
def test_who_answered_for_a_hotline_may_prove_that_they_are_bob(mode: str) -> None:
    hotline = Hop(mode, Hotline((sip("bob", BOB), 1.0)))
    call = Call(hotline, callee="sip:hotline@example.org")
    call.proves("BYE", "bob", (BOB[0], 61000, "UDP"))
    # Only From is excused, and only by the mark.
    refusal = call.is_refused(407, "BYE", "bob", BOB, call_id="another")
    assert refusal is not None
    proof = call.proof(refusal, "bob", "BYE", call.uri("bob"))
    ((_, refused),) = call.ask("BYE", "bob", BOB, proof, call_id="another")
    assert getattr(refused, "status", 0) == 403


class Hotline(Bob):
    """A location service where bob answers for the hotline."""

    def get(self, aor: str, now: float) -> tuple[Any, ...]:
        return self.bindings if aor == "sip:hotline@example.org" else ()


@pytest.mark.parametrize("mode", MODES)
def test_a_trusted_neighbour_is_not_asked(mode: str) -> None:
    for transport in ("UDP", "TCP"):
        call = opened(mode, transport)
        for method in (*METHODS, "ACK"):
            call.passes(method, "alice", (GATEWAY[0], 5060, transport))
            call.passes(method, "bob", (GATEWAY[0], 5060, transport), routes=[])


def test_each_branch_of_a_fork_carries_its_own_flow() -> None:
    two: Place = ("198.51.100.2", 5070, "UDP")
    hop = Hop("same_flow", Bob((sip("bob", BOB), 1.0), (sip("bob", two), 1.0)))
    invite = request("INVITE", "sip:bob@example.org", f"Contact: <{sip('alice', GATEWAY)}>", transport="TCP")
    found = hop.asks(invite, GATEWAY)
    assert [where for where, _ in found] == ["198.51.100.1:5070", "198.51.100.2:5070"]
    for (_, sent), own, other in ((found[0], BOB, two), (found[1], two, BOB)):
        assert isinstance(sent, Request)
        routes = [f"Route: {line.decode().partition(': ')[2]}" for line in sent.lines if line.startswith(b"Record-Route")]
        for place, expected in ((own, f"{GATEWAY[0]}:{GATEWAY[1]} PRACK"), (other, f"{other[0]}:{other[1]} 407")):
            Call.branches += 1
            prack = request(
                "PRACK",
                sip("alice", GATEWAY),
                *routes,
                sender="<sip:bob@example.org>;tag=b",
                to="<sip:alice@example.org>;tag=a",
                via=f"{place[0]}:{place[1]}",
                branch=f"z9hG4bKfork{Call.branches}",
            )
            ((where, got),) = hop.asks(prack, place)
            assert f"{where} {got.status if isinstance(got, Response) else got.method}" == expected


@pytest.mark.parametrize("mode", SAFE)
@both_transports
def test_a_strict_router_in_between(mode: str, transport: str) -> None:
    # It puts our Record-Route into the Request-URI and the real one last (section 16.4).
    call = opened(mode, transport)
    for user, place in (("alice", call.alice), ("bob", call.bob)):
        words = {"uri": call.routes[user][0].strip("<>"), "routes": [f"<{call.uri(user)}>"]}
        for method in METHODS:
            if mode != "always":
                call.passes(method, user, place, **words)
            if mode != "dialog":
                call.is_refused(407, method, user, (*MALLORY[:2], transport), **words)


@pytest.mark.parametrize(("hers", "his"), [("UDP", "TCP"), ("TCP", "UDP"), ("TCP", "TLS")])
def test_two_transports_have_two_lines_and_one_mark(hers: str, his: str) -> None:
    alice: Place = (ALICE[0], ALICE[1], hers)
    bob: Place = (BOB[0], BOB[1], his)
    call = Call(Hop("same_flow", Bob((sip("bob", bob), 1.0))), alice, bob)
    assert len(call.routes["alice"]) == 2
    assert len({route.partition(";m=")[2] for route in call.routes["alice"]}) == 1
    for method in METHODS:
        call.passes(method, "alice", alice)
        call.passes(method, "bob", bob)
        call.is_refused(407, method, "alice", (BOB[0], BOB[1], hers))


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


@both_transports
@pytest.mark.parametrize("mode", MODES)
def test_two_hops_of_ours(mode: str, transport: str) -> None:
    tail = "" if transport == "UDP" else ";transport=tcp"
    alice: Place = (ALICE[0], 5060, transport)
    bob: Place = (BOB[0], 5070, transport)
    callee = f"sip:bob@192.0.2.2{tail}"
    first = Hop(mode)
    second = Hop(mode, Abroad((sip("bob", bob), 1.0)), "192.0.2.2")

    def sends(hop: Hop, place: Place, data: bytes) -> list[tuple[str, Request | Response]]:
        hop.engine.received(arrival(hop, place, data))
        hop.flush()
        return pumped(first, second)

    def text(method: str, uri: str, *more: str, user: str = "alice", **words: str) -> bytes:
        Call.branches += 1
        parties = ["<sip:alice@example.org>;tag=a", f"<{callee}>" + (";tag=b" if "inside" in words else "")]
        sender, to = parties if user == "alice" else parties[::-1]
        place = alice if user == "alice" else bob
        lines = (*more, f"Contact: <{sip(user, place)}>")
        return request(
            method, uri, *lines, sender=sender, to=to, branch=f"z9hG4bKhop{Call.branches}", cseq=Call.branches,
            via=f"{place[0]}:{place[1]}", transport=transport,
        )  # fmt: skip

    ((_, refusal),) = sends(first, alice, text("INVITE", callee))
    proof = Call.proof(None, refusal, "alice", "INVITE", callee)  # type: ignore[arg-type]
    ((where, invite),) = sends(first, alice, text("INVITE", callee, proof))
    assert where == f"{bob[0]}:{bob[1]}"
    assert isinstance(invite, Request)
    ((where, ok),) = sends(second, bob, answer(invite, 200, f"Contact: <{sip('bob', bob)}>"))
    assert (where, getattr(ok, "status", 0)) == (f"{alice[0]}:{alice[1]}", 200)
    routes = [line.decode().partition(": ")[2] for line in ok.lines if line.startswith(b"Record-Route")]
    assert len(routes) == 2, "one line for each hop"
    there = [f"Route: {route}" for route in routes[::-1]]
    back = [f"Route: {route}" for route in routes]
    for method in ("ACK", *METHODS):
        uri = sip("bob", bob)
        ((where, got),) = sends(first, alice, text(method, uri, *there, inside="yes"))
        if mode == "always" and method != "ACK":
            proof = Call.proof(None, got, "alice", method, uri)  # type: ignore[arg-type]
            ((where, got),) = sends(first, alice, text(method, uri, *there, proof, inside="yes"))
        assert (where, getattr(got, "method", got)) == (f"{bob[0]}:{bob[1]}", method)
        uri = sip("alice", alice)
        ((where, got),) = sends(second, bob, text(method, uri, *back, user="bob", inside="yes"))
        if mode == "always" and method != "ACK":
            # The second hop's own bob is asked by it; for the first he is from abroad.
            proof = Call.proof(None, got, "bob", method, uri)  # type: ignore[arg-type]
            ((where, got),) = sends(second, bob, text(method, uri, *back, proof, user="bob", inside="yes"))
        assert (where, getattr(got, "method", got)) == (f"{alice[0]}:{alice[1]}", method)


class Abroad(Bob):
    """The second hop's location service."""

    def get(self, aor: str, now: float) -> tuple[Any, ...]:
        return self.bindings if aor == "sip:bob@example.net" else ()


def arrival(hop: Hop, place: Place, data: bytes) -> Any:
    from twsip.api import Arrival

    host, port, transport = place
    return Arrival(data, hop.flow(transport, host, port), hop.clock.seconds())
