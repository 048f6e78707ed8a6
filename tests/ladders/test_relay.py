"""Calls through the house: relaying, forking, failover, CANCEL (RFC 3261 section 16)."""

import gc
from collections.abc import AsyncIterator

import pytest
from street import Street, answer, request
from twisted.internet.defer import Deferred

from twsip.api import Arrival, Binding, Destination
from twsip.engine.egress import Branch
from twsip.engine.relaying import Relaying
from twsip.engine.transactions import ClientTransaction, ServerTransaction
from twsip.sip.message import Request, Response


class Bob:
    """A location service that knows bob."""

    def __init__(self, *contacts: tuple[str, float]) -> None:
        self.bindings = tuple(Binding(contact, 1e9, q, "r", 1, "", "", "", "") for contact, q in contacts)

    def get(self, aor: str, now: float) -> tuple[Binding, ...]:
        return self.bindings if aor == "sip:bob@example.org" else ()

    def commit(self) -> None:
        pass


ONE = ("sip:bob@198.51.100.1:5070", 1.0)
TWO = ("sip:bob@198.51.100.2:5070", 1.0)
LATER = ("sip:bob@198.51.100.3:5070", 0.5)


def invite(**more) -> bytes:  # type: ignore[no-untyped-def]
    return request("INVITE", "sip:bob@example.org", "Contact: <sip:alice@192.0.2.9:5060>", **more)


def only(found: list[tuple[str, Request | Response]]) -> Request | Response:
    assert len(found) == 1, found
    return found[0][1]


def test_a_call_goes_through_and_both_learn_our_record_route() -> None:
    street = Street(bindings=Bob(ONE))
    street.hears(invite())
    trying, forwarded = street.sent()
    assert trying[0] == "192.0.2.9:5060"
    assert isinstance(trying[1], Response)
    assert trying[1].status == 100
    assert forwarded[0] == "198.51.100.1:5070"
    sent = forwarded[1]
    assert isinstance(sent, Request)
    assert sent.uri.text == "sip:bob@198.51.100.1:5070"
    assert sent.max_forwards == 69
    assert sent.text("Record-Route").startswith("<sip:192.0.2.1:5060;lr;m=")  # type: ignore[union-attr]
    assert sent.via.host == "192.0.2.1"
    street.hears(answer(sent, 180), "198.51.100.1", 5070)
    street.hears(answer(sent, 200, "Contact: <sip:bob@198.51.100.1:5070>"), "198.51.100.1", 5070)
    ringing, ok = street.sent()
    assert (ringing[0], ringing[1].status) == ("192.0.2.9:5060", 180)  # type: ignore[union-attr]
    assert (ok[0], ok[1].status) == ("192.0.2.9:5060", 200)  # type: ignore[union-attr]
    assert ok[1].via.sent_by == b"192.0.2.9:5060", "our own Via is off"
    route = ok[1].text("Record-Route")
    street.hears(
        request(
            "ACK", "sip:bob@198.51.100.1:5070", f"Route: {route}", branch="z9hG4bKa2", to="<sip:bob@example.org>;tag=b"
        )
    )
    assert street.says() == ["198.51.100.1:5070 ACK"]
    street.hears(
        request(
            "BYE",
            "sip:alice@192.0.2.9:5060",
            f"Route: {route}",
            branch="z9hG4bKb1",
            via="198.51.100.1:5070",
            sender="<sip:bob@example.org>;tag=b",
            to="<sip:alice@example.org>;tag=a",
        ),
        "198.51.100.1",
        5070,
    )
    bye = only(street.sent())
    assert isinstance(bye, Request)
    assert bye.uri.text == "sip:alice@192.0.2.9:5060"
    assert bye.text("Route") is None
    street.hears(answer(bye, 200))
    assert street.says() == ["198.51.100.1:5070 200"]
    street.waits(70)
    assert street.engine.counts()["server_transactions"] == 0
    assert street.engine.counts()["client_transactions"] == 0
    assert street.engine.counts()["timers"] == 0


def test_a_repeated_invite_is_answered_from_memory_and_forwarded_once() -> None:
    street = Street(bindings=Bob(ONE))
    street.hears(invite())
    assert street.says() == ["192.0.2.9:5060 100", "198.51.100.1:5070 INVITE"]
    street.hears(invite())
    assert street.says() == ["192.0.2.9:5060 100"]


def test_two_phones_ring_and_the_slower_is_cancelled() -> None:
    street = Street(bindings=Bob(ONE, TWO))
    street.hears(invite())
    _, (_, first), (_, second) = street.sent()
    assert isinstance(first, Request)
    assert isinstance(second, Request)
    street.hears(answer(first, 180, tag="p1"), "198.51.100.1", 5070)
    street.hears(answer(second, 180, tag="p2"), "198.51.100.2", 5070)
    street.sent()
    street.hears(answer(first, 200, tag="p1"), "198.51.100.1", 5070)
    assert sorted(street.says()) == ["192.0.2.9:5060 200", "198.51.100.2:5070 CANCEL"]
    street.hears(answer(second, 487, tag="p2"), "198.51.100.2", 5070)
    assert street.says() == ["198.51.100.2:5070 ACK"]


def test_a_lower_q_is_tried_when_the_higher_one_failed() -> None:
    street = Street(bindings=Bob(LATER, ONE))
    street.hears(invite())
    _, (where, first) = street.sent()
    assert where == "198.51.100.1:5070"
    assert isinstance(first, Request)
    street.hears(answer(first, 486), "198.51.100.1", 5070)
    assert street.says() == ["198.51.100.1:5070 ACK", "198.51.100.3:5070 INVITE"]


@pytest.mark.parametrize("second", ["bad", "good"])
def test_a_callee_that_breaks_its_answer_and_repeats_it_settles_its_branch_once(second: str) -> None:
    street = Street(bindings=Bob(LATER, ONE))
    street.hears(invite())
    _, (_, first) = street.sent()
    assert isinstance(first, Request)
    good = answer(first, 200)
    # Without the caller's Via nobody can pass it on.
    bad = b"\r\n".join(line for line in good.split(b"\r\n") if b"z9hG4bKa1" not in line)
    flow = street.flow("UDP", "198.51.100.1", 5070)
    for data in (bad, bad if second == "bad" else good):
        street.engine.received(Arrival(data, flow, 0.0))
    street.flush()
    assert street.says() == (["198.51.100.3:5070 INVITE"] if second == "bad" else ["192.0.2.9:5060 200"])


def test_a_503_counts_only_for_the_target_that_gave_it() -> None:
    street = Street(bindings=Bob(("sip:bob@pair.example.net:5070", 1.0), TWO))
    street.resolver.twins["pair.example.net"] = ["198.51.100.8", "198.51.100.9"]
    street.hears(invite())
    _, (_, first), _ = street.sent()
    assert isinstance(first, Request)
    street.hears(answer(first, 503), "198.51.100.8", 5070)
    assert "198.51.100.9:5070 INVITE" in street.says()
    street.engine.flow_broke(street.flow("UDP", "198.51.100.2", 5070), "nobody is there")
    street.flush()
    street.waits(40)
    # The pair's own 503 comes before its silence; the other target was never reached.
    assert street.says()[-1] == "192.0.2.9:5060 503"


def test_cancel_stops_what_rings_and_the_caller_gets_487() -> None:
    street = Street(bindings=Bob(ONE))
    street.hears(invite())
    _, (_, sent) = street.sent()
    assert isinstance(sent, Request)
    street.hears(request("CANCEL", "sip:bob@example.org"))
    assert street.says() == ["192.0.2.9:5060 200"], "a CANCEL waits for a provisional response"
    street.hears(answer(sent, 180), "198.51.100.1", 5070)
    assert sorted(street.says()) == ["192.0.2.9:5060 180", "198.51.100.1:5070 CANCEL"]
    street.hears(answer(sent, 487), "198.51.100.1", 5070)
    assert sorted(street.says()) == ["192.0.2.9:5060 487", "198.51.100.1:5070 ACK"]


def test_cancel_from_another_address_is_not_believed() -> None:
    street = Street(bindings=Bob(ONE))
    street.hears(invite())
    street.sent()
    street.hears(request("CANCEL", "sip:bob@example.org"), host="203.0.113.66")
    assert street.says() == ["203.0.113.66:5060 481"]


def test_a_dead_host_and_its_twin() -> None:
    street = Street(bindings=Bob(("sip:bob@pair.example.net", 1.0)))
    street.resolver.twins["pair.example.net"] = ["198.51.100.7", "198.51.100.8"]
    street.dead.add(("UDP", "198.51.100.7", 5060))
    street.hears(invite())
    street.flush()
    assert "198.51.100.8:5060 INVITE" in street.says()


def test_silence_moves_on_to_the_next_address_with_a_new_branch() -> None:
    street = Street(bindings=Bob(("sip:bob@pair.example.net", 1.0)))
    street.resolver.twins["pair.example.net"] = ["198.51.100.7", "198.51.100.8"]
    street.hears(invite())
    first = street.sent()[1][1]
    street.waits(33)
    later = [m for where, m in street.sent() if where == "198.51.100.8:5060"]
    assert later
    assert later[0].via.branch != first.via.branch
    assert later[0].call_id == first.call_id


def test_nobody_answers_408_for_an_invite_and_silence_for_a_message() -> None:
    street = Street(bindings=Bob(ONE))
    street.hears(invite())
    street.sent()
    street.waits(32.2)
    assert [w for w in street.says() if w.startswith("192.0.2.9")] == ["192.0.2.9:5060 408"]
    street.hears(request("ACK", "sip:bob@example.org", to="<sip:bob@example.org>;tag=x"))
    street.hears(request("MESSAGE", "sip:bob@example.org", branch="z9hG4bKm1", call_id="c2"))
    street.sent()
    street.waits(40)
    assert [w for w in street.says() if w.startswith("192.0.2.9")] == []


def test_the_best_of_all_answers_carries_every_challenge() -> None:
    street = Street(bindings=Bob(ONE, TWO))
    street.hears(invite())
    _, (_, first), (_, second) = street.sent()
    assert isinstance(first, Request)
    assert isinstance(second, Request)
    street.hears(answer(first, 407, 'Proxy-Authenticate: Digest realm="a"'), "198.51.100.1", 5070)
    street.hears(answer(second, 401, 'WWW-Authenticate: Digest realm="b"'), "198.51.100.2", 5070)
    final = [m for where, m in street.sent() if where == "192.0.2.9:5060"]
    assert len(final) == 1
    assert final[0].text("WWW-Authenticate") == 'Digest realm="b"'
    assert final[0].text("Proxy-Authenticate") == 'Digest realm="a"'


def test_a_6xx_ends_the_search() -> None:
    street = Street(bindings=Bob(ONE, TWO, LATER))
    street.hears(invite())
    _, (_, first), (_, second) = street.sent()
    assert isinstance(first, Request)
    assert isinstance(second, Request)
    street.hears(answer(second, 180), "198.51.100.2", 5070)
    street.hears(answer(first, 603), "198.51.100.1", 5070)
    street.hears(answer(second, 487), "198.51.100.2", 5070)
    said = street.says()
    assert "198.51.100.2:5070 CANCEL" in said
    assert "192.0.2.9:5060 603" in said
    assert not any("198.51.100.3" in line for line in said)


def test_a_response_from_elsewhere_goes_nowhere() -> None:
    street = Street(bindings=Bob(ONE))
    street.hears(invite())
    _, (_, sent) = street.sent()
    assert isinstance(sent, Request)
    street.hears(answer(sent, 200), "203.0.113.66", 5070)
    assert street.says() == []


def test_a_request_that_comes_back_unchanged_is_a_loop() -> None:
    street = Street(bindings=Bob(ONE))
    street.hears(invite())
    _, (_, sent) = street.sent()
    assert isinstance(sent, Request)
    again = (
        b"INVITE sip:bob@example.org SIP/2.0\r\n"
        + b"\r\n".join([b"Via: SIP/2.0/UDP 198.51.100.1:5070;branch=z9hG4bKelse", *sent.lines])
        + b"\r\n\r\n"
    )
    street.hears(again, "198.51.100.1", 5070)
    assert street.says() == ["198.51.100.1:5070 482"]


def test_hops_run_out() -> None:
    street = Street(bindings=Bob(ONE))
    street.hears(invite(hops=0))
    assert street.says() == ["192.0.2.9:5060 483"]


def test_a_provisional_keeps_timer_c_alive_and_silence_then_cancels() -> None:
    street = Street(bindings=Bob(ONE))
    street.hears(invite())
    _, (_, sent) = street.sent()
    assert isinstance(sent, Request)
    street.hears(answer(sent, 180), "198.51.100.1", 5070)
    street.waits(170)
    street.hears(answer(sent, 180), "198.51.100.1", 5070)
    street.waits(170)
    assert not any("CANCEL" in line for line in street.says())
    street.waits(15)
    assert any("CANCEL" in line for line in street.says())


def test_a_503_of_the_only_target_is_told_as_it_is_but_not_beside_others() -> None:
    street = Street(bindings=Bob(ONE))
    street.hears(invite())
    _, (_, sent) = street.sent()
    assert isinstance(sent, Request)
    street.hears(answer(sent, 503), "198.51.100.1", 5070)
    assert "192.0.2.9:5060 503" in street.says()


def test_what_is_over_needs_no_garbage_collector() -> None:
    street = Street(bindings=Bob(ONE, TWO))
    gc.collect()
    gc.disable()
    try:
        street.hears(invite())
        _, (_, first), (_, second) = street.sent()
        assert isinstance(first, Request)
        assert isinstance(second, Request)
        street.hears(answer(first, 200, tag="p1"), "198.51.100.1", 5070)
        street.hears(answer(second, 487, tag="p2"), "198.51.100.2", 5070)
        street.sent()
        street.waits(70)
        assert street.engine.counts()["timers"] == 0
        left = [
            kind
            for kind in map(type, gc.get_objects())
            if kind in (Relaying, Branch, ServerTransaction, ClientTransaction)
        ]
        assert left == []
    finally:
        gc.enable()


def test_a_hundred_groups_that_all_fail_do_not_pile_up() -> None:
    street = Street(bindings=Bob(*[(f"sip:bob@203.0.113.{at}", 1 - at / 200) for at in range(1, 200)]))
    for at in range(1, 200):
        street.dead.add(("UDP", f"203.0.113.{at}", 5060))
    street.hears(invite())
    street.flush()
    assert street.says() == ["192.0.2.9:5060 100", "192.0.2.9:5060 503"]


def test_cancel_between_two_groups_is_answered() -> None:
    street = Street(bindings=Bob(ONE, LATER))
    street.hears(invite())
    _, (_, sent) = street.sent()
    assert isinstance(sent, Request)
    house, caller, callee = (
        street.engine,
        street.flow("UDP", "192.0.2.9", 5060),
        street.flow("UDP", "198.51.100.1", 5070),
    )
    house.received(Arrival(answer(sent, 486), callee, 0.0))
    house.received(Arrival(request("CANCEL", "sip:bob@example.org"), caller, 0.0))
    street.flush()
    assert sorted(street.says()) == ["192.0.2.9:5060 200", "192.0.2.9:5060 486", "198.51.100.1:5070 ACK"]


def test_an_answer_without_the_callers_via_is_not_passed_on() -> None:
    street = Street(bindings=Bob(ONE))
    street.hears(invite())
    _, (_, sent) = street.sent()
    assert isinstance(sent, Request)
    data = answer(sent, 200)
    at = data.index(b"Via: SIP/2.0/UDP 192.0.2.9")
    street.hears(data[:at] + data[data.index(b"\r\n", at) + 2 :], "198.51.100.1", 5070)
    assert street.says() == ["192.0.2.9:5060 502"]


def test_cancel_while_the_address_after_a_503_is_looked_up_is_answered() -> None:
    street = Street(bindings=Bob(ONE))
    looked_up: Deferred[None] = Deferred()

    async def locate() -> AsyncIterator[Destination]:
        yield Destination("UDP", "198.51.100.1", 5070)
        await looked_up
        yield Destination("UDP", "198.51.100.2", 5070)

    street.resolver.locate = lambda target: locate()  # type: ignore[method-assign, assignment, return-value]
    street.hears(invite())
    _, (_, sent) = street.sent()
    assert isinstance(sent, Request)
    street.hears(answer(sent, 180), "198.51.100.1", 5070)
    street.hears(answer(sent, 503), "198.51.100.1", 5070)
    street.hears(request("CANCEL", "sip:bob@example.org"))
    looked_up.callback(None)
    assert sorted(street.says()) == [
        "192.0.2.9:5060 180",
        "192.0.2.9:5060 200",
        "192.0.2.9:5060 487",
        "198.51.100.1:5070 ACK",
    ]


def test_a_user_is_one_user_by_whatever_name_our_domain_is_called() -> None:
    street = Street(bindings=Bob(ONE))
    street.hears(request("MESSAGE", "sip:bob@192.0.2.1"))
    assert street.says() == ["198.51.100.1:5070 MESSAGE"]
