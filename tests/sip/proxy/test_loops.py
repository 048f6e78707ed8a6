"""Loop detection (RFC 3261 section 16.3, RFC 5393): the same journey twice is a loop, another one is a spiral."""

import pytest

from twsip.sip.message import Request
from twsip.sip.parser import parse
from twsip.sip.proxy.loops import Fingerprints, is_loop
from twsip.sip.uri import Uri, parse_uri


def request(*vias: str, uri: str = "sip:bob@example.org", tag: str = "a", to: str = "", call: str = "c1", cseq: int = 1,
            route: str = "", method: str = "INVITE") -> Request:  # fmt: skip
    lines = [
        f"{method} {uri} SIP/2.0",
        *[f"Via: SIP/2.0/UDP {via}" for via in vias or ("192.0.2.9;branch=z9hG4bKa1",)],
        f"From: <sip:alice@example.org>;tag={tag}",
        f"To: <sip:bob@example.org>{to}",
        f"Call-ID: {call}",
        f"CSeq: {cseq} {method}",
        *([f"Route: {route}"] if route else []),
        "",
        "",
    ]
    found = parse("\r\n".join(lines).encode())
    assert isinstance(found, Request), found
    return found


def target(text: str = "sip:bob@example.org") -> Uri:
    found = parse_uri(text.encode())
    assert found is not None
    return found


def test_the_same_journey_gives_the_same_digits() -> None:
    mark = Fingerprints().of(request(), target())
    assert len(mark) == 16
    assert mark == Fingerprints().of(request("x.example.net;branch=z9hG4bKother"), target())
    # RFC 5393 section 4.2.2: not the method, or ACK and CANCEL would differ from their INVITE
    assert mark == Fingerprints().of(request(method="ACK"), target())


@pytest.mark.parametrize(
    "other",
    [
        request(uri="sip:carol@example.org"),
        request(tag="x"),
        request(to=";tag=b"),
        request(call="c2"),
        request(cseq=2),
        request(route="<sip:p1;lr>"),
        request(route="<sip:p2;lr>"),
    ],
)
def test_another_journey_gives_others(other: Request) -> None:
    assert Fingerprints().of(other, target()) != Fingerprints().of(request(), target())
    assert Fingerprints().of(request(route="<sip:p1;lr>"), target()) != Fingerprints().of(request(route="<sip:p2;lr>"), target())


def test_another_target_or_another_site_gives_others() -> None:
    assert Fingerprints().of(request(), target()) != Fingerprints().of(request(), target("sip:carol@example.org"))
    assert Fingerprints(b"ours").of(request(), target()) != Fingerprints(b"theirs").of(request(), target())


OURS = "192.0.2.1;branch=z9hG4bK0123L"


@pytest.mark.parametrize(
    ("vias", "loop"),
    [
        ((), False),
        (("192.0.2.9;branch=z9hG4bKa1",), False),
        ((OURS + "{mark}",), True),  # it came straight back to us: the topmost Via counts, too
        (("x.example.net;branch=z9hG4bKb", OURS + "{mark}", "192.0.2.9"), True),
        (("x.example.net;branch=z9hG4bKb", "192.0.2.9", OURS + "{mark}"), True),
        ((OURS + "0123456789abcdef", "192.0.2.9"), False),
        (("x.example.net;branch={mark}",), False),
    ],
)
def test_loops(vias: tuple[str, ...], loop: bool) -> None:
    mark = Fingerprints().of(request(), target())
    assert is_loop(request(*[via.replace("{mark}", mark.decode()) for via in vias]), mark) is loop


def test_many_vias_on_one_line() -> None:
    mark = Fingerprints().of(request(), target())
    assert is_loop(request(f"x.example.net, SIP/2.0/UDP {OURS}{mark.decode()}"), mark)
