"""The forwarded request (RFC 3261 section 16.6): few lines change, the rest is what came, byte for byte."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz.parser import OUR_VIA, is_ours, mutated, seeds
from twsip.sip import names
from twsip.sip.fields.via import Source
from twsip.sip.message import Request
from twsip.sip.parser import MOST_HEADERS, parse
from twsip.sip.proxy.forward import DEFAULT_BREADTH, Forwarding, prepare, printed
from twsip.sip.proxy.route import preprocess
from twsip.sip.uri import Uri, parse_uri

RECORD_ROUTES = [b"Record-Route: <sip:192.0.2.1;lr;m=1>", b"Record-Route: <sip:192.0.2.1;transport=tcp;lr;m=1>"]
CHANGED = (names.ROUTE, names.MAX_FORWARDS, names.MAX_BREADTH)


def uri(text: str) -> Uri:
    found = parse_uri(text.encode())
    assert found is not None
    return found


TARGET = uri("sip:bob@198.51.100.1;x=1")


def request(*more: str, hops: int | None = 70, body: str = "") -> Request:
    lines = [
        "INVITE sip:bob@example.org SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa1",
        *([] if hops is None else [f"Max-Forwards: {hops}"]),
        'fRom : "Alice"   <sip:alice@example.org>;tag=a',
        "To: <sip:bob@example.org>",
        "Call-ID: c1",
        "CSeq: 1 INVITE",
        *more,
        "",
        body,
    ]
    found = parse("\r\n".join(lines).encode())
    assert isinstance(found, Request), found
    return found


def forwarding(one: Request, consumed: Callable[[bytes], bool] | None = None) -> Forwarding:
    routed = preprocess(one, is_ours)
    assert routed is not None
    found = prepare(one, routed.uri, routed.routes, consumed)
    assert found is not None
    return found


def sent(one: Request, path: tuple[str, ...] = (), breadth: int = DEFAULT_BREADTH) -> Request:
    found = parse(printed(forwarding(one), TARGET, path, OUR_VIA, [], breadth), stream=True)
    assert isinstance(found, Request), found
    return found


def routes(one: Request) -> list[str]:
    found = one.addresses(names.ROUTE)
    assert found is not None
    return [step.uri.text for step in found]


def test_the_whole_of_it() -> None:
    one = request("X-Odd :  kept \t as it is", "Content-Length: 3", body="abcdef")
    data = printed(forwarding(one), TARGET, (), OUR_VIA, RECORD_ROUTES, DEFAULT_BREADTH)
    assert data == b"\r\n".join(
        [
            b"INVITE sip:bob@198.51.100.1;x=1 SIP/2.0",
            OUR_VIA,
            *RECORD_ROUTES,
            b"Max-Breadth: 60",
            b"Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa1",
            b"Max-Forwards: 69",
            b'fRom : "Alice"   <sip:alice@example.org>;tag=a',
            b"To: <sip:bob@example.org>",
            b"Call-ID: c1",
            b"CSeq: 1 INVITE",
            b"X-Odd :  kept \t as it is",
            b"Content-Length: 3",
            b"",
            b"abc",
        ]
    )


@pytest.mark.parametrize(("before", "after"), [(70, 69), (1, 0), (255, 254), (None, 70)])
def test_max_forwards(before: int | None, after: int) -> None:
    assert sent(request(hops=before)).max_forwards == after


@pytest.mark.parametrize(("more", "length"), [((), 5), (("Content-Length: 2",), 2), (("l: 5",), 5)])
def test_content_length_is_added_where_it_was_not(more: tuple[str, ...], length: int) -> None:
    one = sent(request(*more, body="hello"))
    assert one.number(names.CONTENT_LENGTH) == length
    assert len(one.body) == length
    assert one.layout.ids.count(names.CONTENT_LENGTH) == 1


@pytest.mark.parametrize(("asked", "left"), [(None, 60), (1, 1), (59, 59), (60, 60), (4294967295, 60)])
def test_max_breadth(asked: int | None, left: int) -> None:
    more = () if asked is None else (f"Max-Breadth: {asked}",)
    assert forwarding(request(*more)).breadth == left


@pytest.mark.parametrize("asked", ["0", "-1", "x", "", "4294967296"])
def test_no_breadth_is_left(asked: str) -> None:
    assert prepare(request(f"Max-Breadth: {asked}"), TARGET, []) is None


def test_the_share_of_a_branch_replaces_what_came() -> None:
    assert sent(request("Max-Breadth: 30"), breadth=10).values(names.MAX_BREADTH) == [b"10"]
    assert sent(request("Max-Breadth: 30"), breadth=DEFAULT_BREADTH).values(names.MAX_BREADTH) == [b"60"]


OURS = 'Digest username="alice", realm="example.org", nonce="n"'
THEIRS = 'Digest username="alice", realm="example.net", nonce="n"'


@pytest.mark.parametrize(
    ("more", "left"),
    [
        ((f"Proxy-Authorization: {OURS}",), []),
        ((f"Proxy-Authorization: {THEIRS}",), [f"Proxy-Authorization: {THEIRS}"]),
        (
            (f"proxy-authorization : {OURS} ", f"Proxy-Authorization: {THEIRS}", "X: y", f"Authorization: {OURS}", f"Authorization: {THEIRS}"),
            [f"Proxy-Authorization: {THEIRS}", "X: y", f"Authorization: {THEIRS}"],
        ),
    ],
)  # fmt: skip
def test_exactly_the_credentials_that_were_for_us_go(more: tuple[str, ...], left: list[str]) -> None:
    asked: list[bytes] = []

    def consumed(value: bytes) -> bool:
        asked.append(value)
        return b'realm="example.org"' in value

    one = request(*more, "Content-Length: 0")
    lines = [line for line in forwarding(one, consumed).rest.decode().split("\r\n") if line != "Max-Forwards: 69"]
    assert lines[5:-3] == left
    assert asked == [line.partition(":")[2].strip().encode() for name in ("p", "a") for line in more if line[0].lower() == name]
    assert forwarding(one).rest.count(b"Digest") == sum("Digest" in line for line in more)


def test_what_is_left_of_the_routes_stays_with_its_parameters() -> None:
    one = request("Route: <sip:192.0.2.1;lr>", 'Route: "Far, away" <sip:p1;lr>;x="a;b";y, <sip:p2;lr>')
    again = sent(one)
    assert again.values(names.ROUTE) == [b'<sip:p1;lr>;x="a;b";y, <sip:p2;lr>']
    assert again.uri.text == TARGET.text


def test_only_our_own_routes_leave_no_route_line() -> None:
    one = request("Route: <sip:192.0.2.1;lr>, <sip:192.0.2.1;lr;transport=tcp>")
    assert not sent(one).has(names.ROUTE)


def test_the_path_of_a_binding_stands_in_front() -> None:
    one = request("Route: <sip:p1;lr>")
    again = sent(one, path=("sip:edge;lr", "sip:edge2;lr"))
    assert routes(again) == ["sip:edge;lr", "sip:edge2;lr", "sip:p1;lr"]
    assert again.uri.text == TARGET.text


@pytest.mark.parametrize(("more", "left"), [((), []), ((", <sip:p2;lr>",), ["sip:p2;lr"])])
def test_a_strict_router_gets_its_own_uri_and_the_target_last(more: tuple[str, ...], left: list[str]) -> None:
    again = sent(request("Route: <sip:strict.example.net>" + "".join(more)))
    assert again.uri.text == "sip:strict.example.net"
    assert routes(again) == [*left, TARGET.text]


@given(st.randoms(use_true_random=False), st.integers(1, 60))
def test_what_is_forwarded_parses_again_and_other_lines_are_the_same_bytes(dice: object, breadth: int) -> None:
    one = parse(mutated(dice, seeds()))  # type: ignore[arg-type]
    if not isinstance(one, Request) or len(one.lines) > MOST_HEADERS - 5:
        return
    routed = preprocess(one, is_ours)
    made = None if routed is None else prepare(one, routed.uri, routed.routes)
    if routed is None or made is None:
        return
    again = parse(printed(made, routed.uri, (), OUR_VIA, RECORD_ROUTES, breadth), stream=True)
    assert isinstance(again, Request), again
    kept = [line for at, line in enumerate(one.lines) if one.layout.ids[at] not in CHANGED]
    there = [line for at, line in enumerate(again.lines) if again.layout.ids[at] not in CHANGED]
    if not one.has(names.CONTENT_LENGTH):
        kept.append(b"Content-Length: %d" % len(one.body))
    assert there == [OUR_VIA, *RECORD_ROUTES, *kept]
    assert again.body == one.body
    assert again.max_forwards == (one.max_forwards - 1 if one.max_forwards > 0 else 70)


@pytest.mark.parametrize("spelling", ["Max-Forwards: 70", "max-forwards:70", "MAX-FORWARDS :  70 "])
@pytest.mark.parametrize("place", [0, 1, 3, 9])
def test_what_goes_out_does_not_depend_on_where_and_how_the_lines_stand(place: int, spelling: str) -> None:
    others = [
        "Route: <sip:r1;lr>",
        "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa1",
        "From: <sip:alice@example.org>;tag=a",
        "Subject: Max-Forwards: 70",
        "To: <sip:bob@example.org>",
        "Call-ID: c1",
        "CSeq: 1 INVITE",
        "Content-Length: 22",
        "Route: <sip:r1;lr>",
    ]
    lines = [*others[:place], spelling, *others[place:]]
    one = parse("\r\n".join(["INVITE sip:bob@example.org SIP/2.0", *lines, "", "x\r\nMax-Forwards: 70\r\ny"]).encode())
    assert isinstance(one, Request), one
    one.arrived_from(Source("203.0.113.7", 5070))
    others[1] += ";received=203.0.113.7"
    kept = [line for line in others if not line.startswith("Route")]
    assert forwarding(one).rest == "\r\n".join([*kept, "", "x\r\nMax-Forwards: 70\r\ny"]).encode()
    assert one.lines[lines.index("Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa1")] == others[1].encode()
