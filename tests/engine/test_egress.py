"""What the resolver is asked for (RFC 3261 section 16.6 step 7)."""

import pytest

from twsip.api import Target
from twsip.engine.egress import hop
from twsip.sip.message import Request
from twsip.sip.parser import parse
from twsip.sip.proxy.forward import prepare
from twsip.sip.proxy.route import preprocess
from twsip.sip.uri import parse_uri


@pytest.mark.parametrize(
    ("route", "path", "asked"),
    [
        ("<sip:p1;lr>, <sip:p2;lr>", (), "sip:p1;lr"),
        ("<sip:192.0.2.1;lr>", (), "sip:bob@198.51.100.1"),
        ("<sip:p1;lr>", ("sip:edge;lr",), "sip:edge;lr"),
    ],
)
def test_path_then_route_then_target(route: str, path: tuple[str, ...], asked: str) -> None:
    lines = [
        "MESSAGE sip:bob@example.org SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1",
        f"Route: {route}",
        "From: <sip:alice@example.org>;tag=a",
        "To: <sip:bob@example.org>",
        "Call-ID: 1",
        "CSeq: 1 MESSAGE",
    ]
    one = parse("\r\n".join([*lines, "", ""]).encode())
    assert isinstance(one, Request)
    routed = preprocess(one, lambda uri: uri.host == "192.0.2.1")
    assert routed is not None
    forwarding = prepare(one, routed.uri, routed.routes)
    uri = parse_uri(b"sip:bob@198.51.100.1")
    assert forwarding is not None
    assert uri is not None
    found = hop(forwarding, Target(uri, route=path))
    assert (found.route[0] if found.route else found.uri.text) == asked
