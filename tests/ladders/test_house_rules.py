"""What the engine owes everybody: refusals, waiting checks, broken checks, ACK and CANCEL, durable registrations."""

from street import FakeFlow, Street, answer, message, request
from test_relay import ONE, Bob, invite
from twisted.internet.defer import Deferred
from zope.interface import implementer

from twsip.api import (
    PASS,
    BackendDown,
    Binding,
    Challenge,
    Destination,
    Drop,
    IHandler,
    IRequestCheck,
    Pass,
    Reply,
    RequestContext,
    Verdict,
)
from twsip.api.errors import TransportFailed
from twsip.api.events import BackendFailed, BackendRecovered, CheckBroke, MalformedPacket, Refused, Registered
from twsip.sip.message import Request, Response


@implementer(IRequestCheck)
class Says:
    """A check that gives what it was told to give."""

    def __init__(self, verdict: object) -> None:
        self.verdict = verdict
        self.asked = 0

    def check(self, context: RequestContext) -> Verdict:
        self.asked += 1
        if isinstance(self.verdict, Exception):
            raise self.verdict
        return self.verdict  # type: ignore[return-value]


@implementer(IHandler)
class Yes:
    """A handler that answers everything."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def handle(self, context: RequestContext) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def register(**more) -> bytes:  # type: ignore[no-untyped-def]
    return request("REGISTER", "sip:example.org", **more)


def challenge() -> Challenge:
    return Challenge("example.org", False, ('Digest realm="example.org"',))


def test_a_challenge_is_401_for_register_and_407_for_what_is_relayed() -> None:
    street = Street(requests=[Says(challenge())], bindings=Bob(ONE))
    street.hears(register())
    street.hears(invite(branch="z9hG4bKx"))
    (_, first), (_, second) = street.sent()
    assert isinstance(first, Response)
    assert isinstance(second, Response)
    assert (first.status, first.text("WWW-Authenticate")) == (401, 'Digest realm="example.org"')
    assert (second.status, second.text("Proxy-Authenticate")) == (407, 'Digest realm="example.org"')
    assert street.engine.counts()["server_transactions"] == 0, "a stranger costs no memory"


def test_a_refused_invite_and_its_ack_leave_nothing() -> None:
    street = Street(requests=[Says(Reply(403))], bindings=Bob(ONE))
    street.hears(invite())
    _, refusal = street.sent()[0]
    tag = refusal.text("To").split("tag=")[1]  # type: ignore[union-attr]
    street.hears(request("ACK", "sip:bob@example.org", to=f"<sip:bob@example.org>;tag={tag}"))
    assert street.says() == []
    assert len([event for event in street.events if isinstance(event, Refused)]) == 1


def test_a_refused_ack_is_never_answered() -> None:
    for verdict in (challenge(), Reply(403), Drop("no")):
        street = Street(requests=[Says(verdict)], bindings=Bob(ONE))
        street.hears(request("ACK", "sip:bob@198.51.100.1", branch="z9hG4bKq", to="<sip:bob@example.org>;tag=zz"))
        assert street.says() == []


def test_a_check_that_raises_means_500_and_an_event_and_nothing_is_relayed() -> None:
    street = Street(requests=[Says(ValueError("boom"))], bindings=Bob(ONE))
    street.hears(invite())
    assert street.says() == ["192.0.2.9:5060 500"]
    assert [event.check for event in street.events if isinstance(event, CheckBroke)] == ["says"]


def test_a_check_that_gives_no_verdict_is_no_pass() -> None:
    for nonsense in (None, True, "pass"):
        street = Street(requests=[Says(nonsense)], bindings=Bob(ONE))
        street.hears(invite())
        assert [line for line in street.says() if " 100" not in line] == ["192.0.2.9:5060 500"]
        assert any(isinstance(event, CheckBroke) for event in street.events)


def test_a_handler_that_raises_means_500() -> None:
    street = Street(handlers=[Yes(RuntimeError("boom"))])
    street.hears(register())
    assert street.says() == ["192.0.2.9:5060 500"]
    assert any(isinstance(event, CheckBroke) for event in street.events)


def test_while_a_check_waits_repeats_are_absorbed_and_then_the_call_goes_on() -> None:
    waiting: Deferred[Verdict] = Deferred()
    check = Says(waiting)
    after = Says(Pass())
    street = Street(requests=[check, after], bindings=Bob(ONE))
    street.hears(invite())
    street.hears(invite())
    assert street.says() == []
    street.waits(0.3)
    assert street.says() == ["192.0.2.9:5060 100"]
    street.hears(invite())
    assert street.says() == ["192.0.2.9:5060 100"]
    assert (check.asked, after.asked) == (1, 0)
    waiting.callback(Pass())
    assert street.says() == ["198.51.100.1:5070 INVITE"]
    assert after.asked == 1


def test_a_waiting_check_may_refuse_or_fail_or_never_answer() -> None:
    for end in ("refuses", "fails", "is silent"):
        waiting: Deferred[Verdict] = Deferred()
        street = Street(requests=[Says(waiting)], handlers=[Yes(Reply(200))])
        street.hears(register())
        assert street.says() == []
        if end == "refuses":
            waiting.callback(Reply(403))
        elif end == "fails":
            waiting.errback(ValueError("boom"))
        else:
            street.waits(25)
        expected = "403" if end == "refuses" else "500"
        assert street.says() == [f"192.0.2.9:5060 {expected}"]


def test_the_caller_may_give_up_while_a_check_waits() -> None:
    waiting: Deferred[Verdict] = Deferred()
    street = Street(requests=[Says(waiting)], bindings=Bob(ONE))
    street.hears(invite())
    street.waits(0.3)
    street.hears(request("CANCEL", "sip:bob@example.org"))
    assert street.says() == ["192.0.2.9:5060 100", "192.0.2.9:5060 200", "192.0.2.9:5060 487"]
    waiting.callback(Pass())
    assert street.says() == [], "what was cancelled is not started any more"


def test_a_stranger_with_wrong_credentials_gets_one_answer_and_leaves_nothing() -> None:
    # Source addresses can be forged: whoever has to wait for a backend must not be answered eleven times for one packet.
    for method in ("INVITE", "MESSAGE"):
        for gives_up in (False, True):
            waiting: Deferred[Verdict] = Deferred()
            street = Street(requests=[Says(waiting)], bindings=Bob(ONE))
            street.hears(request(method, "sip:bob@example.org"))
            if gives_up and method == "INVITE":
                street.hears(request("CANCEL", "sip:bob@example.org"))
                assert street.says() == ["192.0.2.9:5060 200", "192.0.2.9:5060 487"]
            waiting.callback(challenge())
            street.waits(20)
            assert street.says() == ([] if gives_up and method == "INVITE" else ["192.0.2.9:5060 407"])
            street.waits(20)
            assert street.engine.counts()["server_transactions"] == 0


def test_a_check_that_passes_soon_sends_100_as_if_it_had_not_waited() -> None:
    waiting: Deferred[Verdict] = Deferred()
    street = Street(requests=[Says(waiting)], bindings=Bob(ONE))
    street.hears(invite())
    waiting.callback(Pass())
    assert street.says() == ["192.0.2.9:5060 100", "198.51.100.1:5070 INVITE"]
    street.waits(0.3)
    assert street.says() == []


def test_a_step_put_off_that_breaks_costs_the_others_nothing() -> None:
    street = Street(handlers=[Yes(Reply(200))])
    done: list[int] = []
    street.engine.later(lambda: 1 // 0)  # type: ignore[arg-type, return-value]
    street.engine.later(lambda: done.append(1))
    street.hears(register())
    assert (street.says(), done) == (["192.0.2.9:5060 200"], [1])
    assert any(isinstance(event, CheckBroke) for event in street.events)


def test_what_nobody_vouches_for_is_not_for_us() -> None:
    street = Street(handlers=[Yes(None)])
    street.hears(register())
    street.hears(request("MESSAGE", "sip:carol@elsewhere.example", branch="z9hG4bKy"))
    assert street.says() == ["192.0.2.9:5060 404", "192.0.2.9:5060 403"]


class Ledger:
    """Bindings that are written only when commit succeeds."""

    def __init__(self) -> None:
        self.broken = False
        self.commits = 0

    def get(self, aor: str, now: float) -> tuple[Binding, ...]:
        return ()

    def commit(self) -> None:
        self.commits += 1
        if self.broken:
            raise BackendDown("the disk is full")


def test_a_registration_is_acknowledged_only_when_it_is_written() -> None:
    ledger = Ledger()
    street = Street(handlers=[Yes(Reply(200))], bindings=ledger)
    street.hears(register())
    assert ledger.commits == 1
    assert street.says() == ["192.0.2.9:5060 200"]
    ledger.broken = True
    street.hears(register(branch="z9hG4bK2"))
    street.hears(register(branch="z9hG4bK3"))
    assert street.says() == ["192.0.2.9:5060 500", "192.0.2.9:5060 500"]
    assert len([event for event in street.events if isinstance(event, BackendFailed)]) == 1, "told once"
    ledger.broken = False
    street.hears(register(branch="z9hG4bK4"))
    assert street.says() == ["192.0.2.9:5060 200"]


def test_a_registration_is_told_when_it_is_written_and_not_when_it_is_not() -> None:
    ledger = Ledger()
    good = Reply(200)
    good.events = (Registered("sip:alice@example.org", "sip:alice@192.0.2.9", "added", 60, "192.0.2.9"),)
    street = Street(handlers=[Yes(good)], bindings=ledger)
    ledger.broken = True
    street.hears(register())
    assert [type(event) for event in street.events] == [BackendFailed]
    ledger.broken = False
    street.hears(register(branch="z9hG4bK2"))
    assert [type(event) for event in street.events] == [BackendFailed, BackendRecovered, Registered]
    # The same Reply once more, for a request that nobody waits to be written for.
    street.hears(request("OPTIONS", "sip:example.org", branch="z9hG4bK3"))
    assert len(street.events) == 3


def test_a_registration_that_comes_again_gets_the_same_answer() -> None:
    street = Street(handlers=[Yes(Reply(200))], bindings=Ledger())
    street.hears(register())
    street.hears(register())
    (_, first), (_, second) = street.sent()
    assert first.lines == second.lines


def test_a_registrar_with_a_store_of_its_own_is_not_held_back_by_a_site_without_one() -> None:
    street = Street(handlers=[Yes(Reply(200))])
    street.hears(register())
    assert street.says() == ["192.0.2.9:5060 200"]


def test_malformed_packets_get_400_or_silence_and_are_told() -> None:
    street = Street()
    street.hears(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert street.says() == []
    street.hears(
        message(
            "OPTIONS sip:example.org SIP/2.0",
            "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1",
            "From: <sip:a@example.org>;tag=1",
            "To: <sip:example.org>",
            "Call-ID: 1",
            "CSeq: 1 OPTIONS",
            "Max-Forwards: many",
        )
    )
    assert street.says() == ["192.0.2.9:5060 400"]
    assert [event.status for event in street.events if isinstance(event, MalformedPacket)] == [0, 400]


def test_answers_go_to_the_source_and_to_the_port_of_sent_by_without_rport() -> None:
    street = Street(handlers=[Yes(Reply(200))])
    street.hears(request("OPTIONS", "sip:example.org", via="10.0.0.5:6060"), host="203.0.113.7", port=40000)
    ((where, reply),) = street.sent()
    assert where == "203.0.113.7:6060"
    assert reply.via.received == b"203.0.113.7"
    street.hears(
        request("OPTIONS", "sip:example.org", via="10.0.0.5:6060;rport", branch="z9hG4bK9")
        .replace(b";rport;branch", b";branch")
        .replace(b"z9hG4bK9", b"z9hG4bK9;rport"),
        host="203.0.113.7",
        port=40000,
    )
    ((where, reply),) = street.sent()
    assert where == "203.0.113.7:40000"
    assert reply.via.rport == 40000


def test_an_address_that_cannot_be_sent_to_by_name_is_answered_where_it_came_from() -> None:
    street = Street(handlers=[Yes(Reply(200))])

    def no_zone(destination: Destination) -> FakeFlow:
        raise TransportFailed(f"{destination.host!r} is no address")

    street.flow_to = no_zone  # type: ignore[method-assign]
    street.hears(request("MESSAGE", "sip:bob@example.org"), "fe80::1%eth0", 40000)
    assert street.says() == ["fe80::1%eth0:40000 200"]


def test_a_big_request_goes_by_tcp_and_by_udp_when_that_cannot_be_opened() -> None:
    street = Street(bindings=Bob(ONE))
    street.hears(request("MESSAGE", "sip:bob@example.org", body="x" * 1300))
    ((_, sent),) = street.sent()
    assert sent.via.transport == "TCP"
    street = Street(bindings=Bob(ONE))
    street.dead.add(("TCP", "198.51.100.1", 5070))
    street.hears(request("MESSAGE", "sip:bob@example.org", body="x" * 1300))
    street.flush()
    ((_, sent),) = street.sent()
    assert sent.via.transport == "UDP"
    assert isinstance(sent, Request)
    assert len(sent.body) == 1300


def test_a_big_request_goes_by_udp_when_there_is_no_room_for_one_more_connection() -> None:
    street = Street(bindings=Bob(ONE))
    street.full.add(("TCP", "198.51.100.1"))
    street.hears(request("MESSAGE", "sip:bob@example.org", body="x" * 1300))
    ((_, sent),) = street.sent()
    assert sent.via.transport == "UDP"


def test_a_big_request_goes_by_udp_when_a_check_refuses_tcp_there() -> None:
    class NoTCP:
        def allow(self, context: RequestContext, destination: Destination) -> Verdict:
            return Reply(473, "Destination Filtered") if destination.transport == "TCP" else PASS

    street = Street(bindings=Bob(ONE), destinations=[NoTCP()])
    street.hears(request("MESSAGE", "sip:bob@example.org", body="x" * 1300))
    ((_, sent),) = street.sent()
    assert sent.via.transport == "UDP"


def test_a_stream_that_breaks_fails_over_what_waited_on_it() -> None:
    street = Street(bindings=Bob(("sip:bob@pair.example.net;transport=tcp", 1.0)))
    street.resolver.twins["pair.example.net"] = ["198.51.100.7", "198.51.100.8"]
    street.hears(invite())
    assert street.says()[-1] == "198.51.100.7:5060 INVITE"
    street.engine.flow_broke(street.flow("TCP", "198.51.100.7", 5060), "connection lost")
    assert street.says() == ["198.51.100.8:5060 INVITE"]


def test_a_message_answered_twice_is_answered_once_upstream() -> None:
    street = Street(bindings=Bob(ONE))
    street.hears(request("MESSAGE", "sip:bob@example.org"))
    ((_, sent),) = street.sent()
    assert isinstance(sent, Request)
    street.hears(answer(sent, 200), "198.51.100.1", 5070)
    street.hears(answer(sent, 200), "198.51.100.1", 5070)
    assert street.says() == ["192.0.2.9:5060 200"]


def test_a_datagram_that_the_kernel_refuses_fails_over_at_once() -> None:
    street = Street(bindings=Bob(("sip:bob@pair.example.net", 1.0)))
    street.resolver.twins["pair.example.net"] = ["198.51.100.7", "198.51.100.8"]
    street.hears(invite())
    street.sent()
    street.engine.flow_broke(street.flow("UDP", "198.51.100.7", 5060), "Network is unreachable")
    assert street.says() == ["198.51.100.8:5060 INVITE"]


def test_news_of_a_lost_datagram_fails_over_the_one_that_it_quotes_and_no_other() -> None:
    street = Street(bindings=Bob(("sip:bob@pair.example.net", 1.0)))
    street.resolver.twins["pair.example.net"] = ["198.51.100.7", "198.51.100.8"]
    for number in (1, 2):
        street.hears(invite(branch=f"z9hG4bKa{number}", call_id=f"c{number}"))
    street.flush()
    sent = {data for flow, data in street.outbox if flow.host == "198.51.100.7"}
    assert len(sent) == 2
    street.sent()
    lost = next(data for data in sent if b"Call-ID: c2\r\n" in data)
    street.engine.flow_broke(street.flow("UDP", "198.51.100.7", 5060), "Connection refused", lost[:520])
    ((where, second),) = street.sent()
    assert isinstance(second, Request)
    assert (where, second.method, second.call_id) == ("198.51.100.8:5060", "INVITE", b"c2")
    street.engine.flow_broke(street.flow("UDP", "198.51.100.7", 5060), "Connection refused", lost[:520])
    assert street.says() == [], "it is old news"


def test_forged_news_of_a_lost_datagram_harms_nobody() -> None:
    street = Street(bindings=Bob(ONE))
    street.hears(invite())
    street.flush()
    flow, sent = street.outbox[-1]
    assert sent.startswith(b"INVITE")
    street.sent()
    line_end = sent.index(b"\r\n", sent.index(b";branch="))
    branch = sent[sent.index(b"z9hG4bK") : line_end]
    for quoted in (
        b"INVITE",
        b"\0" * 600,
        b"\r\n\r\n",
        b"SIP/2.0 200 OK" + sent[sent.index(b"\r\n") :],
        sent.replace(b"INVITE", b"BYE"),
        sent.replace(branch, b"z9hG4bK" + b"0" * (len(branch) - 7)),
        sent.replace(branch, branch[:-1]),
        sent[:line_end],
        b"INVITE x SIP/2.0\r\nVia: " + branch + b"\r\n",
    ):
        street.engine.flow_broke(flow, "Connection refused", quoted)
    for other in (("UDP", flow.host, flow.port + 1), ("UDP", "198.51.100.99", flow.port)):
        street.engine.flow_broke(street.flow(*other), "Connection refused", sent)
    assert street.says() == []
    street.engine.flow_broke(flow, "Connection refused", sent[: line_end + 2])
    assert street.says() == ["192.0.2.9:5060 503"], "the true one was never touched"


def test_a_registration_that_comes_again_gets_the_same_answer_until_timer_j_and_leaves_nothing() -> None:
    street = Street(handlers=[Yes(Reply(200, "OK", (("Contact", "<sip:alice@192.0.2.9>;expires=60"),)))])
    street.hears(register())
    (first,) = street.outbox
    assert first[1].startswith(b"SIP/2.0 200 ")
    for _ in range(3):
        street.waits(9.0)
        street.outbox.clear()
        street.hears(register())
        assert street.outbox == [first]
    assert len(street.engine.shelf) == 1
    street.waits(6.0)
    assert (len(street.engine.shelf), len(street.engine.table.servers)) == (0, 0)


def test_over_a_stream_a_registration_leaves_nothing_at_once() -> None:
    street = Street(handlers=[Yes(Reply(200))])
    street.hears(register(transport="TCP"), transport="TCP")
    assert street.says() == ["192.0.2.9:5060 200"]
    assert (len(street.engine.shelf), len(street.engine.table.servers)) == (0, 0)
