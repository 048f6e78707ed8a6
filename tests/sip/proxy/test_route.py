"""Route preprocessing (RFC 3261 section 16.4): what is ours comes off, what a strict router swapped is put right."""

import pytest

from twsip.sip.message import Request
from twsip.sip.parser import parse
from twsip.sip.proxy.route import Routed, preprocess
from twsip.sip.uri import Uri

US = "sip:192.0.2.1;lr;m=1"
US_TCP = "sip:192.0.2.1;transport=tcp;lr;m=2"
THEM = "sip:proxy.example.net;lr"
BOB = "sip:bob@198.51.100.1"


def is_ours(uri: Uri) -> bool:
    return uri.host == "192.0.2.1"


def routed(uri: str, *routes: str, ours: bytes = b"") -> Routed | None:
    lines = [
        f"BYE {uri} SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa1",
        "From: <sip:alice@example.org>;tag=a",
        "To: <sip:bob@example.org>;tag=b",
        "Call-ID: c1",
        "CSeq: 1 BYE",
        *[f"Route: {route}" for route in routes],
        "",
        "",
    ]
    request = parse("\r\n".join(lines).encode())
    assert isinstance(request, Request), request
    return preprocess(request, is_ours, ours)


@pytest.mark.parametrize(
    ("uri", "routes", "left_uri", "left", "ours", "mark"),
    [
        # no Routes at all: even our own URI stays
        (BOB, [], BOB, [], 0, None),
        (US, [], US, [], 0, None),
        # loose routers before us took themselves off
        (BOB, [f"<{US}>"], BOB, [], 1, US),
        (BOB, [f"<{US}>", f"<{THEM}>"], BOB, [THEM], 1, US),
        (BOB, [f'"Us" <{US}>;x=1, <{THEM}>'], BOB, [THEM], 1, US),
        # two Record-Route lines of ours (RFC 5658), on one line or two; the topmost mark counts
        (BOB, [f"<{US_TCP}>, <{US}>", f"<{THEM}>"], BOB, [THEM], 2, US_TCP),
        (BOB, [f"<{US}>", f"<{US_TCP}>"], BOB, [], 2, US),
        # one of ours behind another's stays: it is met again
        (BOB, [f"<{THEM}>", f"<{US}>"], BOB, [THEM, US], 0, None),
        # another's only
        (BOB, [f"<{THEM}>"], BOB, [THEM], 0, None),
        # a strict router swapped: our value in the Request-URI, the real one last
        (US, [f"<{BOB}>"], BOB, [], 0, US),
        (US, [f"<{THEM}>", f"<{BOB}>"], BOB, [THEM], 0, US),
        (US, [f"<{US_TCP}>", f"<{THEM}>", f"<{BOB}>"], BOB, [THEM], 1, US),
        # our address in the Request-URI without what we write into Record-Route is the address of a user
        ("sip:bob@192.0.2.1", [f"<{THEM}>"], "sip:bob@192.0.2.1", [THEM], 0, None),
        ("sip:192.0.2.1;lr", [f"<{THEM}>"], "sip:192.0.2.1;lr", [THEM], 0, None),
        # another's Record-Route in the Request-URI is no business of ours
        ("sip:proxy.example.net;lr;m=1", [f"<{BOB}>"], "sip:proxy.example.net;lr;m=1", [BOB], 0, None),
    ],
)
def test_what_is_left(
    uri: str, routes: list[str], left_uri: str, left: list[str], ours: int, mark: str | None
) -> None:
    found = routed(uri, *routes)
    assert found is not None
    assert found.uri.text == left_uri
    assert [step.uri.text for step in found.routes] == left
    assert found.ours == ours
    assert (found.was_ours.text if found.was_ours is not None else None) == mark


@pytest.mark.parametrize("route", ["", "nonsense", f"<{THEM}>,", f"<{THEM}", "*", ", ".join([f"<{THEM}>"] * 65)])
def test_a_malformed_route(route: str) -> None:
    assert routed(BOB, route) is None
    assert routed(BOB, f"<{US}>", route) is None


MARK = "0123456789abcdef" * 3


@pytest.mark.parametrize(
    ("uri", "routes", "mark"),
    [
        (BOB, [f"<sip:192.0.2.1:5060;lr;m={MARK}>"], MARK),
        (BOB, [f"<sip:192.0.2.1:5060;lr;m={MARK.upper()}>"], MARK.upper()),
        # what is not just as we write it is looked at closely, and comes to the same
        (BOB, [f"<sip:192.0.2.1:5060;lr;m={MARK}>;x"], MARK),
        (BOB, [f"<sip:192.0.2.1;lr;m={MARK}>"], MARK),
        (BOB, [f"<sip:192.0.2.1:5060;lr;m={MARK[:-1]}>"], MARK[:-1]),
        (BOB, [f"<sip:192.0.2.1:5060;lr;m={MARK[:-2]};x>"], MARK[:-2]),
        (BOB, [f"<sip:192.0.2.1:5060;lr;m={MARK}>, <{THEM}>"], MARK),
        (BOB, [f"<sip:192.0.2.1:5060;lr;m={MARK}>", f"<{US}>"], MARK),
        (f"sip:192.0.2.1:5060;lr;m={MARK[::-1]}", [f"<sip:192.0.2.1:5060;lr;m={MARK}>"], MARK[::-1]),
        (BOB, [f"<{THEM}>"], None),
        (BOB, ["<sip:192.0.2.1;lr>"], None),
        (BOB, [], None),
    ],
)
def test_our_own_route_at_a_glance(uri: str, routes: list[str], mark: str | None) -> None:
    closely = routed(uri, *routes)
    quickly = routed(uri, *routes, ours=b"<sip:192.0.2.1:5060;lr;m=")
    assert closely is not None
    assert quickly is not None
    assert quickly.mark == closely.mark == mark
    assert quickly.was_ours == closely.was_ours
    assert (quickly.uri, quickly.ours) == (closely.uri, closely.ours)
    assert [step.uri for step in quickly.routes] == [step.uri for step in closely.routes]


def test_a_route_that_only_begins_as_ours_is_malformed_all_the_same() -> None:
    for wrong in (f"<sip:192.0.2.1:5060;lr;m={MARK}", f"<sip:192.0.2.1:5060;lr;m={MARK[:-1]}<>"):
        assert routed(BOB, wrong) is None
        assert routed(BOB, wrong, ours=b"<sip:192.0.2.1:5060;lr;m=") is None
