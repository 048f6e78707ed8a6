"""What a parsed message tells about itself."""

import pytest

from twsip.sip import names
from twsip.sip.fields.via import Source
from twsip.sip.message import Malformed, Message, Request, Response
from twsip.sip.parser import parse


def request(*more: str, to: str = "<sip:bob@example.org>", via: str = "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKa1") -> Request:
    lines = [
        "INVITE sip:bob@example.org SIP/2.0",
        f"Via: {via}",
        "From: <sip:alice@example.org>;tag=a",
        f"To: {to}",
        "Call-ID: c1",
        "CSeq: 7 INVITE",
        *more,
        "",
        "",
    ]
    found = parse("\r\n".join(lines).encode())
    assert isinstance(found, Request), found
    return found


def test_values_in_any_spelling_and_order() -> None:
    one = request("m: <sip:a@b>", "Route:<sip:r1>", "CONTACT :\t<sip:c@d> ", "Route: <sip:r2>, <sip:r3>", "k:")
    assert one.value(names.CONTACT) == b"<sip:a@b>"
    assert one.values(names.CONTACT) == [b"<sip:a@b>", b"<sip:c@d>"]
    assert one.value(names.EXPIRES) is None
    assert one.values(names.EXPIRES) == []
    assert one.value(names.SUPPORTED) == b""
    assert one.has(names.SUPPORTED)
    assert not one.has(names.PATH)
    routes = one.addresses(names.ROUTE)
    assert routes is not None
    assert [step.uri.text for step in routes] == ["sip:r1", "sip:r2", "sip:r3"]
    assert one.addresses(names.PATH) == []
    assert request("Contact: nonsense").addresses(names.CONTACT) is None


def test_both_kinds_share_the_reading_of_lines() -> None:
    one = request("Supported: path")
    plain = Message(one.rest, one.field_values, one.layout, b"", one.via, one.call_id, one.cseq, one.method)
    assert plain.tokens(names.SUPPORTED) == one.tokens(names.SUPPORTED) == [b"path"]
    assert (plain.body, plain.via, plain.call_id, plain.cseq, plain.method) == (b"", one.via, b"c1", 7, "INVITE")


def test_tokens() -> None:
    assert request("Supported: path,, 100rel ", "k: gruu").tokens(names.SUPPORTED) == [b"path", b"100rel", b"gruu"]
    assert request().tokens(names.SUPPORTED) == []


@pytest.mark.parametrize(("value", "number"), [("60", 60), ("4294967295", 4294967295), ("4294967296", -1), ("", -1), ("x", -1)])
def test_numbers(value: str, number: int) -> None:
    assert request(f"Expires: {value}").number(names.EXPIRES) == number
    assert request().number(names.EXPIRES) is None
    assert request("Expires: 61").number(names.EXPIRES, 60) == -1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Subject", "Grüße"),
        ("s", "Grüße"),
        ("SUBJECT", "Grüße"),
        ("X-One", "1"),
        ("x-one", "1"),
        ("x-none", None),
        ("Expires", None),
        ("no name", None),
        ("X-Önε", None),
    ],
)
def test_text_by_name(name: str, text: str | None) -> None:
    assert request("Subject: Grüße", "x-ONE : 1", "X-One: 2").text(name) == text


def test_text_of_bytes_that_are_no_text() -> None:
    data = b"\r\n".join([*request().lines, b"Subject: \xff", b"", b""])
    found = parse(b"INVITE sip:b@c SIP/2.0\r\n" + data)
    assert isinstance(found, Request)
    assert found.text("subject") == "�"


def test_in_dialog_is_a_tag_in_to() -> None:
    assert not request().in_dialog
    assert request(to="<sip:bob@example.org>;tag=b").in_dialog
    assert not request(to="<sip:bob@example.org;tag=b>").in_dialog


@pytest.mark.parametrize(
    ("via", "line"),
    [
        ("SIP/2.0/UDP 192.0.2.9;branch=x", "SIP/2.0/UDP 192.0.2.9;branch=x"),
        ("SIP/2.0/UDP 192.0.2.9;branch=x;rport", "SIP/2.0/UDP 192.0.2.9;branch=x;received=192.0.2.9;rport=6000"),
        ("SIP/2.0/UDP 10.0.0.1;branch=x", "SIP/2.0/UDP 10.0.0.1;branch=x;received=192.0.2.9"),
        ("SIP/2.0/UDP 192.0.2.9;branch=x;received=10.0.0.1", "SIP/2.0/UDP 192.0.2.9;branch=x"),
    ],
)
def test_where_it_came_from_goes_into_the_topmost_via_only(via: str, line: str) -> None:
    one = request("Via: SIP/2.0/UDP 10.0.0.2;rport", via=via)
    one.arrived_from(Source("192.0.2.9", 6000))
    assert one.values(names.VIA) == [line.encode(), b"SIP/2.0/UDP 10.0.0.2;rport"]


def test_what_is_shown_of_a_message() -> None:
    assert repr(request()) == "<INVITE 'sip:bob@example.org' call-id b'c1' cseq 7>"
    response = parse(b"\r\n".join([b"SIP/2.0 180 Ringing", *request().lines, b"", b""]))
    assert isinstance(response, Response)
    assert repr(response) == "<180 to INVITE call-id b'c1' cseq 7>"
    assert repr(Malformed(400, "why not", "", [], b"", False)) == "<malformed: 400 why not>"
