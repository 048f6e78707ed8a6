"""A made-up To tag proves nothing; the mark that we signed does, for its own dialog and no other, over its own flow."""

from typing import Any

import pytest
from zope.interface.verify import verifyObject

from tests.helpers import FakeFlow, FakeHouse, make_context, make_request
from twsip.api import ConfigError, IRequestCheck, MarkedDialog, OurDialog, Pass
from twsip.api.events import Unsafe
from twsip.checks import InDialog
from twsip.guard.mark import Marks, flow_name, side
from twsip.sip.fields.address import Address, parse_address
from twsip.sip.proxy.route import preprocess

MODES = ("always", "same_flow", "dialog", "never")
SAFE = MODES[:3]


def attached(mode: str = "", secret: bytes = b"s" * 32) -> tuple[InDialog, FakeHouse]:
    house: Any = FakeHouse(secret=secret)
    one = InDialog(in_dialog_auth=mode) if mode else InDialog()
    one.attach(house)
    verifyObject(IRequestCheck, one)
    return one, house


@pytest.fixture
def check() -> InDialog:
    return attached()[0]


def facts(
    check: InDialog, method: str = "BYE", uri: str = "sip:bob@192.0.2.77", flow: FakeFlow | None = None, **words: object
) -> tuple[object, ...]:
    verdict = check.check(make_context(make_request(method, uri, **{**INSIDE, **words}), flow=flow or HERS))
    assert isinstance(verdict, Pass), "this check refuses nobody"
    return verdict.facts


def address(value: bytes) -> Address:
    found = parse_address(value)
    assert found is not None
    return found


def mark(came: FakeFlow, goes: FakeFlow, to: bytes = b"<sip:bob@example.org>", opener: bytes = b"<sip:alice@example.org>;tag=a1") -> str:
    came_over, goes_over = (flow_name(flow.transport, flow.source) for flow in (came, goes))
    return Marks(b"s" * 32).sign(b"c1@phone", side(address(opener), address(to)), came_over, goes_over).decode()


HERS, HIS = FakeFlow("192.0.2.9", 5060), FakeFlow("192.0.2.77", 5060)
MARK = mark(HERS, HIS)
ROUTE = f"Route: <sip:192.0.2.1;lr;m={MARK}>"
INSIDE: dict[str, object] = {"from_": "<sip:alice@example.org>;tag=a1", "to": "<sip:bob@example.org>;tag=b1"}
SWAPPED = {"from_": "<sip:bob@example.org>;tag=b1", "to": "<sip:alice@example.org>;tag=a1"}
OURS = (OurDialog(b"c1@phone"),)
MARKED = (MarkedDialog(b"c1@phone"),)


@pytest.mark.parametrize(
    "route",
    [
        ROUTE,
        f"Route: <sip:example.org:5060;m={MARK};lr>",
        f"Route: <sip:[2001:db8::1];lr;m={MARK}>",
        f"Route: <sip:192.0.2.1;lr;M={MARK.upper()}>, <sip:far.example;lr>",
        f"Route: <sip:192.0.2.1;transport=tcp;lr;m={MARK}>, <sip:192.0.2.1;lr;m={MARK}>",
    ],
)
def test_the_caller_brings_it_back(check: InDialog, route: str) -> None:
    assert facts(check, extra=(route,)) == OURS


def test_so_does_the_callee_whose_tags_are_swapped(check: InDialog) -> None:
    assert facts(check, extra=(ROUTE,), flow=HIS, **SWAPPED) == OURS


def test_a_strict_router_leaves_it_in_the_request_uri(check: InDialog) -> None:
    uri = f"sip:192.0.2.1;lr;m={MARK}"
    assert facts(check, uri=uri, extra=("Route: <sip:bob@192.0.2.77>",)) == OURS


# fmt: off
NO_PROOF: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    ((), {}),
    (("Route: <sip:192.0.2.1;lr>",), {}),
    (("Route: <sip:192.0.2.1;lr;m>",), {}),
    ((f"Route: <sip:192.0.2.1;lr;m={'0' * len(MARK)}>",), {}),
    ((f"Route: <sip:192.0.2.1;lr;m={MARK[:-1]}>",), {}),
    ((f"Route: <sip:192.0.2.1;lr;m={MARK[1:] + MARK[:1]}>",), {}),
    ((f"Route: <sip:192.0.2.1;lr;n={MARK}>",), {}),
    ((f"Route: <sip:elsewhere.example;lr;m={MARK}>",), {}),
    ((f"Route: <sip:192.0.2.1:5999;lr;m={MARK}>",), {}),
    ((f"Route: <sip:elsewhere.example;lr>, <sip:192.0.2.1;lr;m={MARK}>",), {}),
    ((f"Route: <sip:192.0.2.1;lr;m={MARK}>, <sip:a@@>",), {}),
    ((ROUTE,), {"call_id": "c2@phone"}),
    # Whoever was called knows the mark: it must not let anybody speak as a third one, or to a third one.
    ((ROUTE,), {"from_": "<sip:carol@example.org>;tag=a1"}),
    ((ROUTE,), {"from_": "<sip:carol@example.org>;tag=b1", "to": "<sip:alice@example.org>;tag=a1"}),
    ((ROUTE,), {"to": "<sip:carol@example.org>;tag=b1"}),
    ((ROUTE,), {"from_": "<sip:bob@example.org>;tag=a1", "to": "<sip:alice@example.org>;tag=b1"}),
    ((ROUTE,), {"from_": "<sip:alice@example.org>;tag=a2"}),
    ((ROUTE,), {"to": "<sip:bob@example.org>"}),
    ((ROUTE,), {"method": "REGISTER"}),
    ((ROUTE,), {"method": "PUBLISH"}),
]
# fmt: on


@pytest.mark.parametrize("method", ["BYE", "ACK"])
@pytest.mark.parametrize("mode", SAFE)
@pytest.mark.parametrize(("route", "words"), NO_PROOF)
def test_everything_else_is_no_proof(mode: str, method: str, route: tuple[str, ...], words: dict[str, Any]) -> None:
    assert facts(attached(mode)[0], extra=route, **{"method": method, **words}) == ()


@pytest.mark.parametrize("mode", SAFE)
def test_another_house_signs_otherwise(mode: str) -> None:
    assert facts(attached(mode, b"t" * 32)[0], extra=(ROUTE,)) == ()


ELSEWHERE = {
    "another address": FakeFlow("203.0.113.66", 5060),
    "another port": FakeFlow("192.0.2.9", 5061),
    "another transport": FakeFlow("192.0.2.9", 5060, "TCP"),
    "the other party's flow": HIS,
}


@pytest.mark.parametrize("flow", ELSEWHERE.values(), ids=ELSEWHERE.keys())
@pytest.mark.parametrize(
    ("mode", "here", "there"), [("always", MARKED, MARKED), ("same_flow", OURS, MARKED), ("dialog", OURS, OURS)]
)
@pytest.mark.parametrize("method", ["INVITE", "UPDATE", "PRACK", "INFO", "REFER", "NOTIFY", "SUBSCRIBE", "MESSAGE", "OPTIONS", "BYE"])
def test_what_a_mark_is_worth_from_here_and_from_there(
    method: str, mode: str, here: object, there: object, flow: FakeFlow
) -> None:
    check = attached(mode)[0]
    assert facts(check, method, extra=(ROUTE,)) == here
    assert facts(check, method, extra=(ROUTE,), flow=flow) == there


@pytest.mark.parametrize("mode", SAFE)
def test_an_ack_cannot_be_asked_and_needs_the_mark_alone(mode: str) -> None:
    # After a re-INVITE from a new address, which was challenged, its ACK comes from there too.
    check = attached(mode)[0]
    for flow in (HERS, HIS, *ELSEWHERE.values()):
        assert facts(check, "ACK", extra=(ROUTE,), flow=flow) == OURS


def test_the_default_is_same_flow(check: InDialog) -> None:
    assert facts(check, extra=(ROUTE,)) == OURS
    assert facts(check, extra=(ROUTE,), flow=FakeFlow("203.0.113.66", 5060)) == MARKED


@pytest.mark.parametrize("scheme", ["TCP", "TLS"])
def test_a_connection_may_be_opened_again_from_the_same_address(check: InDialog, scheme: str) -> None:
    hers, his = FakeFlow("192.0.2.9", 40001, scheme), FakeFlow("192.0.2.77", 5060, scheme)
    route = (f"Route: <sip:192.0.2.1;lr;m={mark(hers, his)}>",)
    assert facts(check, extra=route, flow=FakeFlow("192.0.2.9", 40002, scheme)) == OURS
    # A server does not send on the connection that we opened to it.
    assert facts(check, extra=route, flow=FakeFlow("192.0.2.77", 33333, scheme), **SWAPPED) == OURS
    assert facts(check, extra=route, flow=FakeFlow("192.0.2.10", 40001, scheme)) == MARKED
    assert facts(check, extra=route, flow=FakeFlow("192.0.2.9", 40001, "TLS" if scheme == "TCP" else "TCP")) == MARKED
    assert facts(check, extra=route, flow=FakeFlow("192.0.2.9", 40001)) == MARKED


@pytest.mark.parametrize("host", ["example.org", "192.0.2.1", "EXAMPLE.org", "[2001:db8::1]"])
def test_in_mode_always_only_identities_of_ours_are_asked(host: str) -> None:
    check = attached("always")[0]
    route = (f"Route: <sip:192.0.2.1;lr;m={mark(HERS, HIS, f'<sip:bob@{host}>'.encode())}>",)
    assert facts(check, extra=route, flow=HIS, **{**SWAPPED, "from_": f"<sip:bob@{host}>;tag=b1"}) == MARKED
    for foreign in ("sip:bob@foreign.example", "tel:+442079460123"):
        route = (f"Route: <sip:192.0.2.1;lr;m={mark(HERS, HIS, f'<{foreign}>'.encode())}>",)
        theirs = {**SWAPPED, "from_": f"<{foreign}>;tag=b1"}
        assert facts(check, extra=route, flow=HIS, **theirs) == OURS
        assert facts(check, extra=route, flow=HERS, **theirs) == MARKED


def test_in_mode_always_who_hides_is_asked_as_when_the_dialog_began() -> None:
    check = attached("always")[0]
    for host, found in (("anonymous.invalid", MARKED), ("example.org", MARKED), ("foreign.example", OURS)):
        hidden = f"<sip:anonymous@{host}>;tag=a1"
        route = (f"Route: <sip:192.0.2.1;lr;m={mark(HERS, HIS, opener=hidden.encode())}>",)
        assert facts(check, extra=route, from_=hidden) == found
        assert facts(check, "ACK", extra=route, from_=hidden) == OURS


def test_never_asks_for_nothing_but_a_to_tag_and_a_route_of_ours_and_says_so_once() -> None:
    check, house = attached("never")
    assert [type(event) for event in house.told] == [Unsafe]
    assert house.told[0].option == "in_dialog_auth=never"  # type: ignore[attr-defined]
    mallory = FakeFlow("203.0.113.66", 5060)
    for route in ("Route: <sip:192.0.2.1;lr>", "Route: <sip:example.org;lr>, <sip:far.example;lr>", "Route: <sip:192.0.2.1>"):
        for method in ("BYE", "ACK", "INVITE"):
            assert facts(check, method, extra=(route,), flow=mallory) == OURS
    swapped = "sip:192.0.2.1;lr;m=x"
    assert facts(check, uri=swapped, extra=("Route: <sip:bob@192.0.2.77>",), flow=mallory) == OURS
    for route in ((), ("Route: <sip:elsewhere.example;lr>",), ("Route: <sip:192.0.2.1:5999;lr>",), ("Route: <sip:a@@>",)):
        assert facts(check, extra=route, flow=mallory) == ()
    assert facts(check, to="<sip:bob@example.org>", extra=(ROUTE,)) == ()
    assert facts(check, "REGISTER", extra=(ROUTE,)) == facts(check, "PUBLISH", extra=(ROUTE,)) == ()
    assert len(house.told) == 1


@pytest.mark.parametrize("mode", SAFE)
def test_the_others_have_nothing_to_say_at_the_start(mode: str) -> None:
    assert attached(mode)[1].told == []


@pytest.mark.parametrize("wrong", ["", "Always", "sometimes", "same-flow"])
def test_another_mode_is_refused_with_a_sentence(wrong: str) -> None:
    with pytest.raises(ConfigError, match=r"in_dialog_auth=.* is not known; use one of always, same_flow, dialog, never$"):
        InDialog(in_dialog_auth=wrong)


def test_without_a_site_it_says_so_instead_of_passing() -> None:
    with pytest.raises(ConfigError, match="never attached"):
        facts(InDialog(), extra=(ROUTE,))


def test_what_the_engine_read_at_a_glance_is_worth_the_same(check: InDialog) -> None:
    for digits, expected in ((MARK, OURS), (MARK.upper(), OURS), (MARK[:-1] + "g", ()), ("g" * len(MARK), ())):
        request = make_request("BYE", "sip:bob@192.0.2.77", extra=(f"Route: <sip:192.0.2.1:5060;lr;m={digits}>",), **INSIDE)
        context = make_context(request, flow=HERS)
        context.routed = preprocess(request, lambda uri: True, HERS.sent_by.route)
        verdict = check.check(context)
        assert isinstance(verdict, Pass)
        assert verdict.facts == expected
