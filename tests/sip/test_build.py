"""Messages made from others: replies, refusals, ACK, CANCEL, and responses on their way back."""

import pytest

from twsip.sip import names
from twsip.sip.build import ack_for, cancel_for, reply, reply_to_malformed, upstream, with_lines
from twsip.sip.message import Malformed, Request, Response
from twsip.sip.parser import MOST_HEADERS, parse


def text(start: str, *more: str, to: str = "<sip:bob@example.org>", cseq: str = "1 INVITE", body: str = "") -> bytes:
    lines = [
        start,
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKours",
        "v: SIP/2.0/TCP 192.0.2.9;branch=z9hG4bKa1",
        'f: "Alice" <sip:alice@example.org>;tag=a',
        f"To: {to}",
        "Call-ID: c1",
        f"CSeq: {cseq}",
        *more,
        "",
        body,
    ]
    return "\r\n".join(lines).encode()


def request(*more: str, method: str = "INVITE", to: str = "<sip:bob@example.org>", body: str = "") -> Request:
    found = parse(text(f"{method} sip:bob@192.0.2.7;x=1 SIP/2.0", *more, to=to, cseq=f"1 {method}", body=body))
    assert isinstance(found, Request), found
    return found


def response(status: int, *more: str, to: str = "<sip:bob@example.org>;tag=b", body: str = "") -> Response:
    found = parse(text(f"SIP/2.0 {status} Why not", *more, to=to, body=body))
    assert isinstance(found, Response), found
    return found


def broken(data: bytes) -> Malformed:
    found = parse(data)
    assert isinstance(found, Malformed), found
    return found


def test_a_reply_has_the_values_of_its_request_and_a_tag() -> None:
    data = reply(request("Timestamp: 5", "Contact: <sip:a@b>", body="hello"), 404, "", b"ours", b"X: 1\r\n")
    assert data == (
        b"SIP/2.0 404 Not Found\r\n"
        b"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKours\r\n"
        b"Via: SIP/2.0/TCP 192.0.2.9;branch=z9hG4bKa1\r\n"
        b'From: "Alice" <sip:alice@example.org>;tag=a\r\n'
        b"To: <sip:bob@example.org>;tag=ours\r\n"
        b"Call-ID: c1\r\nCSeq: 1 INVITE\r\nX: 1\r\nContent-Length: 0\r\n\r\n"
    )


def test_a_reply_keeps_the_tag_that_is_there() -> None:
    data = reply(request(to="<sip:bob@example.org>;tag=b"), 200, "Fine", b"ours")
    assert b"SIP/2.0 200 Fine\r\n" in data
    assert b"To: <sip:bob@example.org>;tag=b\r\n" in data


@pytest.mark.parametrize("more", [(), ("Timestamp: 5",)])
def test_100_needs_no_tag_and_repeats_the_timestamp(more: tuple[str, ...]) -> None:
    data = reply(request(*more), 100)
    assert b"tag=" not in data.split(b"To:")[1]
    assert (b"Timestamp: 5" in data) is bool(more)


TWO_LENGTHS = ("Content-Length: 0", "l: 0")


def test_a_refusal_of_what_did_not_parse() -> None:
    data = reply_to_malformed(broken(text("INVITE sip:bob@example.org SIP/2.0", *TWO_LENGTHS)), b"ours")
    assert data is not None
    answer = parse(data)
    assert isinstance(answer, Response)
    assert answer.status == 400
    assert answer.value(names.TO) == b"<sip:bob@example.org>;tag=ours"
    assert answer.layout.ids.count(names.VIA) == 2
    tagged = reply_to_malformed(broken(text("INVITE x SIP/2.0", *TWO_LENGTHS, to="<sip:b@c>;TAG=b")), b"ours")
    assert tagged is not None
    assert b"ours" not in tagged.split(b"To:")[1]


@pytest.mark.parametrize(
    "data",
    [
        text("ACK sip:bob@example.org SIP/2.0", *TWO_LENGTHS, cseq="1 ACK"),
        text("ACK sip:bob@example.org SIP/3.0", cseq="1 ACK"),
        text("ACK sip:bob@example.org SIP/2.0 ", cseq="1 ACK"),
        text("ACK sip: SIP/2.0", cseq="1 ACK"),
        text("SIP/2.0 200 OK", *TWO_LENGTHS),
        text("SIP/2.0 999 OK"),
        text("INVITE sip:bob@example.org SIP/2.0").replace(b"Call-ID", b"X-Call"),
        text("INVITE sip:bob@example.org SIP/2.0").replace(b"\r\n\r\n", b"\r\n"),
    ],
)
def test_silence_for_what_is_no_request_or_an_ack_or_lacks_something(data: bytes) -> None:
    assert reply_to_malformed(broken(data), b"ours") is None


def test_the_ack_of_a_refusal() -> None:
    sent = request("Route: <sip:r1;lr>", "Route: <sip:r2;lr>", "Contact: <sip:a@b>", "Max-Forwards: 3", body="hello")
    data = ack_for(text("INVITE sip:bob@192.0.2.7;x=1 SIP/2.0", *[line.decode() for line in sent.lines[6:]]), response(486))
    assert data == (
        b"ACK sip:bob@192.0.2.7;x=1 SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKours\r\n"
        b"Route: <sip:r1;lr>\r\nRoute: <sip:r2;lr>\r\n"
        b"Max-Forwards: 70\r\n"
        b'f: "Alice" <sip:alice@example.org>;tag=a\r\n'
        b"To: <sip:bob@example.org>;tag=b\r\n"
        b"Call-ID: c1\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n"
    )


def test_the_cancel_of_an_invite_has_its_to() -> None:
    made = parse(cancel_for(text("INVITE sip:bob@192.0.2.7 SIP/2.0", "Require: x", cseq="0099\tINVITE")))
    assert isinstance(made, Request)
    assert (made.method, made.cseq, made.uri.text) == ("CANCEL", 99, "sip:bob@192.0.2.7")
    assert made.value(names.TO) == b"<sip:bob@example.org>"
    assert made.layout.ids.count(names.VIA) == 1
    assert not made.has(names.REQUIRE)


def test_what_we_sent_may_be_above_the_limits_of_what_we_take() -> None:
    """A request with as many headers as are allowed goes out with our own on top, and must still be cancelled."""
    sent = text("INVITE sip:bob@192.0.2.7 SIP/2.0", *["X-A: 1"] * MOST_HEADERS, body="x" * 65536)
    assert isinstance(parse(sent), Malformed)
    assert isinstance(parse(cancel_for(sent)), Request)
    made = parse(ack_for(sent, response(486)))
    assert isinstance(made, Request)
    assert made.to.tag == b"b"


def test_a_response_on_its_way_back_loses_our_via_only() -> None:
    one = response(183, "X : y", "Content-Length: 5", body="hello and more")
    assert upstream(one) == (
        b"SIP/2.0 183 Why not\r\n"
        b"v: SIP/2.0/TCP 192.0.2.9;branch=z9hG4bKa1\r\n"
        b'f: "Alice" <sip:alice@example.org>;tag=a\r\n'
        b"To: <sip:bob@example.org>;tag=b\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\nX : y\r\nContent-Length: 5\r\n\r\nhello"
    )


def test_a_datagram_without_content_length_gets_one_because_a_stream_needs_it() -> None:
    """Else the body would be the next message on the caller's connection."""
    smuggled = text("SIP/2.0 200 OK").decode()
    back = upstream(response(200, body=smuggled))
    found = parse(back, stream=True)
    assert isinstance(found, Response)
    assert found.body == smuggled.encode()


def test_lines_are_added_at_the_end_of_the_headers() -> None:
    assert with_lines(b"a\r\nb: 1\r\n\r\nbody\r\n\r\n", [b"c: 2", b"d: 3"]) == b"a\r\nb: 1\r\nc: 2\r\nd: 3\r\n\r\nbody\r\n\r\n"
    assert with_lines(b"a\r\n\r\n", []) == b"a\r\n\r\n"
