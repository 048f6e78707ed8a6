"""Requests inside dialogs through the whole house: what each mode of InDialog asks for, and of whom (RFC 3261 section 12.2)."""

import pytest
from dialogs import ALICE, BOB, GATEWAY, MALLORY, Abroad, Call, Hop, Hotline, Place, arrival, opened, proof, pumped, sip
from street import answer, request
from test_relay import Bob

from twsip.sip.message import Request, Response

MODES = ("always", "same_flow", "dialog", "never")
SAFE = MODES[:3]
METHODS = ("PRACK", "UPDATE", "BYE", "INVITE", "INFO", "REFER", "NOTIFY", "MESSAGE")

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
    proven = proof(refusal, "alice", "INVITE", call.uri("alice"))
    call.passes("INVITE", "alice", place, proven)
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
    proven = proof(refusal, "bob", "BYE", call.uri("bob"))
    ((_, refused),) = call.ask("BYE", "bob", BOB, proven, call_id="another")
    assert getattr(refused, "status", 0) == 403


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
    proven = proof(refusal, "alice", "INVITE", callee)
    ((where, invite),) = sends(first, alice, text("INVITE", callee, proven))
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
            proven = proof(got, "alice", method, uri)
            ((where, got),) = sends(first, alice, text(method, uri, *there, proven, inside="yes"))
        assert (where, getattr(got, "method", got)) == (f"{bob[0]}:{bob[1]}", method)
        uri = sip("alice", alice)
        ((where, got),) = sends(second, bob, text(method, uri, *back, user="bob", inside="yes"))
        if mode == "always" and method != "ACK":
            # The second hop's own bob is asked by it; for the first he is from abroad.
            proven = proof(got, "bob", method, uri)
            ((where, got),) = sends(second, bob, text(method, uri, *back, proven, user="bob", inside="yes"))
        assert (where, getattr(got, "method", got)) == (f"{alice[0]}:{alice[1]}", method)
