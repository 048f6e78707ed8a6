"""The parser: what is a message, what is refused and how, and that nothing at all makes it raise."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fuzz.parser import run, seeds
from twsip.sip import names, parser
from twsip.sip.build import reply, reply_to_malformed
from twsip.sip.fields.via import Source
from twsip.sip.message import Malformed, Request, Response
from twsip.sip.parser import LONGEST_LINE, MOST_BYTES, MOST_HEADERS, parse, unfold

USUAL = {
    "Via": "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKa1",
    "Max-Forwards": "70",
    "From": "<sip:alice@example.org>;tag=a",
    "To": "<sip:bob@example.org>",
    "Call-ID": "c1",
    "CSeq": "1 INVITE",
}
START = "INVITE sip:bob@example.org SIP/2.0"


def text(start: str = START, *more: str, body: bytes = b"", drop: str = "", **changed: str) -> bytes:
    """A message with some headers changed (`call_id=` is Call-ID), left out, or added."""
    headers = {**USUAL, **{name.replace("_", "-"): value for name, value in changed.items()}}
    lines = [start, *[f"{name}: {value}" for name, value in headers.items() if name != drop], *more, "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body


def request(data: bytes, stream: bool = False) -> Request:
    found = parse(data, stream)
    assert isinstance(found, Request), found
    return found


def malformed(data: bytes, stream: bool = False) -> Malformed:
    found = parse(data, stream)
    assert isinstance(found, Malformed), found
    return found


def test_a_request() -> None:
    one = request(text(body=b"hello"))
    assert (one.method, one.uri.text, one.max_forwards, one.cseq, one.call_id) == (
        "INVITE",
        "sip:bob@example.org",
        70,
        1,
        b"c1",
    )
    assert (one.from_.tag, one.to.tag, one.via.branch, one.body) == (b"a", b"", b"z9hG4bKa1", b"hello")
    assert one.lines == [f"{name}: {value}".encode() for name, value in USUAL.items()]


def test_a_response() -> None:
    one = parse(text("SIP/2.0 486 Busy, sorry: SIP", "Content-Length: 2", body=b"hello", drop="Max-Forwards"))
    assert isinstance(one, Response)
    assert (one.status, one.reason, one.method, one.cseq, one.body) == (486, b"Busy, sorry: SIP", "INVITE", 1, b"he")


@pytest.mark.parametrize("start", ["SIP/2.0 200 ", "SIP/2.0 200", "sip/2.0 200 OK"])
def test_status_lines(start: str) -> None:
    one = parse(text(start))
    assert isinstance(one, Response)
    assert one.status == 200


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\r\n\r\n", b"\0", b"\0\0\0\0", b"\r\n\0\r\n", b"\n"])
def test_keep_alives(data: bytes) -> None:
    assert parse(data) is None


def test_empty_lines_in_front_are_nothing() -> None:
    assert request(b"\r\n\r\n" + text()).method == "INVITE"


@pytest.mark.parametrize("method", ["INVITE", "PUBLISH", "invite", "X-New!%*_+`'~.", "A" * 64])
def test_methods(method: str) -> None:
    assert request(text(f"{method} sip:b@c SIP/2.0", CSeq=f"1 {method}")).method == method


@pytest.mark.parametrize("start", ["INVITE sip:b@c sip/2.0", "INVITE sip:b@c Sip/2.0"])
def test_the_version_in_any_case(start: str) -> None:
    assert request(text(start)).uri.text == "sip:b@c"


@pytest.mark.parametrize(
    ("start", "status", "why"),
    [
        ("INVITE sip:b@c SIP/3.0", 505, "version"),
        ("INVITE sip:b@c SIP/7", 505, "version"),
        ("INVITE sip:b@c sip/2.1", 505, "version"),
        ("INVITE sip:b@c SIP/2.0 ", 400, "request line"),
        ("INVITE sip:b@c SIP/2.0\t", 400, "request line"),
        ("INVITE  sip:b@c SIP/2.0", 400, "Request-URI"),
        ("INVITE sip:b@c  SIP/2.0", 400, "Request-URI"),
        ("INVITE <sip:b@c> SIP/2.0", 400, "Request-URI"),
        ("INVITE sip:b@c; lr SIP/2.0", 400, "Request-URI"),
        ("INVITE SIP/2.0", 400, "Request-URI"),
        ("INVITE\tsip:b@c SIP/2.0", 400, "method"),
        (" SIP/2.0", 400, "method"),
        ("IN(VITE sip:b@c SIP/2.0", 400, "method"),
        ("A" * 65 + " sip:b@c SIP/2.0", 400, "method"),
        ("INVITE sip:b@c", 400, "not SIP"),
        ("GET / HTTP/1.1", 400, "not SIP"),
        ("(x) sip:b SIP/3.0", 400, "not SIP"),
        ("", 400, "end"),
        ("SIP/2.0 20 OK", 400, "status"),
        ("SIP/2.0 099 OK", 400, "status"),
        ("SIP/2.0 0200 OK", 400, "status"),
        ("SIP/2.0 700 OK", 400, "status"),
        ("SIP/2.0 x", 400, "status"),
        ("SIP/2.0 99999999999999999999999999 OK", 400, "status"),
        ("SIP/3.0 200 OK", 400, "not SIP"),
    ],
)
def test_first_lines_that_are_none(start: str, status: int, why: str) -> None:
    data = text(start) if start else b"INVITE sip:b@c SIP/2.0\r\n"
    found = malformed(data)
    assert found.status == status
    assert why in found.why


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"drop": "Via"}, "Via"),
        ({"drop": "From"}, "From"),
        ({"drop": "To"}, "To"),
        ({"drop": "Call-ID"}, "Call-ID"),
        ({"drop": "CSeq"}, "CSeq"),
        ({"Via": "SIP/2.0/UDP"}, "Via"),
        ({"Via": "SIP/2.0/UDP a, SIP/2.0/UDP"}, "Via"),
        ({"Via": "SIP/2.0/UDP a;;,;,,"}, "Via"),
        ({"From": "Alice"}, "From"),
        ({"To": '"Bob <sip:bob@example.org>'}, "To"),
        ({"To": "<sip:bob@example.org>, <sip:eve@example.org>"}, "To"),
        ({"Call_ID": ""}, "Call-ID"),
        ({"Call_ID": "a b"}, "Call-ID"),
        ({"CSeq": "INVITE"}, "CSeq"),
        ({"CSeq": "1"}, "CSeq"),
        ({"CSeq": "-1 INVITE"}, "CSeq"),
        ({"CSeq": "2147483648 INVITE"}, "CSeq"),
        ({"CSeq": "9" * 5000 + " INVITE"}, "CSeq"),
        ({"CSeq": "1 ACK"}, "CSeq"),
        ({"CSeq": "1 invite"}, "CSeq"),
        ({"CSeq": "1 INVITE x"}, "CSeq"),
        ({"Max_Forwards": "256"}, "Max-Forwards"),
        ({"Max_Forwards": "1000"}, "Max-Forwards"),
        ({"Max_Forwards": "-1"}, "Max-Forwards"),
        ({"Max_Forwards": ""}, "Max-Forwards"),
        ({"Content_Length": "1"}, "Content-Length"),
        ({"Content_Length": "-1"}, "Content-Length"),
        ({"Content_Length": "x"}, "Content-Length"),
        ({"Content_Length": "4294967296"}, "Content-Length"),
        ({"Content_Length": "9" * 8000}, "Content-Length"),
    ],
)
def test_requests_that_lack_something_get_400(changes: dict[str, str], why: str) -> None:
    found = malformed(text(**changes))  # type: ignore[arg-type]
    assert found.status == 400
    assert found.is_request
    assert found.method == "INVITE"
    assert why in found.why


@pytest.mark.parametrize(
    "changes",
    [
        {"drop": "Via"}, {"drop": "From"}, {"drop": "To"}, {"drop": "Call-ID"}, {"drop": "CSeq"}, {"Via": "x"}, {"Call_ID": ""},
        {"CSeq": "1"}, {"CSeq": "1 a b"}, {"CSeq": "x INVITE"}, {"CSeq": "36893488147419103232 INVITE"}, {"Content_Length": "5"},
    ],
)  # fmt: skip
def test_responses_that_lack_something_are_no_requests(changes: dict[str, str]) -> None:
    found = malformed(text("SIP/2.0 200 OK", **changes))  # type: ignore[arg-type]
    assert not found.is_request
    assert reply_to_malformed(found, b"t") is None


def test_a_response_to_a_method_that_nobody_knows() -> None:
    one = parse(text("SIP/2.0 200 OK", CSeq="5 FLY"))
    assert isinstance(one, Response)
    assert one.method == "FLY"


@pytest.mark.parametrize(
    ("cseq", "value"), [("0", 0), ("0009", 9), ("2147483647", 2147483647), ("1000", 1000), ("1\t", 1), ("1 \t ", 1), ("1\t \t", 1)]
)
@pytest.mark.parametrize("start", [START, "SIP/2.0 200 OK"])
def test_cseq(start: str, cseq: str, value: int) -> None:
    one = parse(text(start, CSeq=f"{cseq} INVITE"))
    assert isinstance(one, (Request, Response)), one
    assert (one.cseq, one.method) == (value, "INVITE")


@pytest.mark.parametrize(("value", "hops"), [("0", 0), ("00255", 255), ("255", 255), ("70", 70)])
def test_max_forwards(value: str, hops: int) -> None:
    assert request(text(Max_Forwards=value)).max_forwards == hops


def test_no_max_forwards_is_minus_one() -> None:
    assert request(text(drop="Max-Forwards")).max_forwards == -1


def test_content_length_cuts_and_is_needed_on_a_stream() -> None:
    assert request(text(START, "Content-Length: 2", body=b"hello")).body == b"he"
    assert request(text(START, "l : 0005", body=b"hello"), stream=True).body == b"hello"
    assert request(text(body=b"hello")).body == b"hello"
    assert request(text(START, "Content-Length: 1200", body=b"x" * 1200)).body == b"x" * 1200
    assert "Content-Length" in malformed(text(body=b"hello"), stream=True).why


# Smuggling: whoever decides and whoever reads later must see the same message.


@pytest.mark.parametrize(
    "line",
    [
        "To: <sip:eve@example.org>", "to: <sip:eve@example.org>", "tO: <sip:eve@example.org>", "t: <sip:eve@example.org>",
        "T: x", "To : x", "TO\t: x", "To:", "To:\r\n <sip:eve@example.org>", "f: <sip:eve@example.org>", "i: c2", "CSEQ: 2 INVITE",
        "cSeQ : 1 INVITE", "max-forwards: 9", "Max-Forwards : 9",
    ],
)  # fmt: skip
def test_a_second_header_of_what_may_stand_once(line: str) -> None:
    for data in (text(START, line), text(f"{START}\r\n{line}")):
        found = malformed(data)
        assert found.status == 400
        assert "twice" in found.why
        assert found.is_request
        assert reply_to_malformed(found, b"t") is not None


@pytest.mark.parametrize("pair", [("Content-Length: 0", "l: 0"), ("Expires: 1", "EXPIRES : 1"), ("Refer-To: <sip:a@b>", "r: <sip:a@b>")])
def test_a_second_of_these_too(pair: tuple[str, str]) -> None:
    assert "twice" in malformed(text(START, *pair)).why
    assert "twice" in malformed(text("SIP/2.0 200 OK", *pair)).why


@pytest.mark.parametrize(
    "line",
    ["To\0: x", "To\x01: x", "To\x0b: x", "To\xa0: x", ": x", " : x", "\t", "x", "To", "Route", "Content-Length", "Supported",
     "X Y: z", "<To>: x", '"To": x', "To;: x", "\x7fTo: x"],
)  # fmt: skip
@pytest.mark.parametrize("first", [True, False])
def test_what_is_no_header_line(line: str, first: bool) -> None:
    """Not even when it reads like the name of one."""
    data = text(f"{START}\r\n{line}") if first else text(START, "X-A: y", line)
    found = parse(data)
    if line[0] in " \t" and not first:
        assert isinstance(found, Request)  # it folds the line before
        assert found.lines[-1].startswith(b"X-A: y")
    else:
        assert isinstance(found, Malformed)
        assert found.lines == []


@pytest.mark.parametrize("end", ["\r", "\n", "\n\r", "\r\r\n", "\n\n"])
def test_a_bare_cr_or_lf_ends_no_line(end: str) -> None:
    for data in (text(START, f"X-A: y{end}Route: <sip:x>"), text(START + end), text(Call_ID=f"c{end}1")):
        assert malformed(data).status == 400


def test_nul_only_where_a_backslash_allows_it() -> None:
    assert malformed(text(START, "X-A: a\0b")).lines == []
    assert request(text(START, 'X-A: "a\\\0b"')).text("x-a") == '"a\\\0b"'
    assert request(text(body=b"\0")).body == b"\0"


def test_folded_lines_are_one_before_anybody_reads_them() -> None:
    one = request(
        text(START, "Subject : one", "\t two ", " three", To="\r\n\t<sip:bob@example.org>\r\n ;tag=b", CSeq="1\r\n\tINVITE")
    )
    assert one.value(names.SUBJECT) == b"one two three"
    assert one.to.tag == b"b"
    assert not any(line[:1] in b" \t" for line in one.lines)
    assert unfold([b" a", b"b", b"\tc"]) == [b" a", b"b c"]


def test_one_via_a_line() -> None:
    via = 'SIP/2.0/UDP a;branch=z9hG4bK1;x="p,q" ,SIP/2.0/TCP b'
    one = request(text(START, "v: SIP/2.0/UDP c", Via=via))
    assert one.values(names.VIA) == [b'SIP/2.0/UDP a;branch=z9hG4bK1;x="p,q"', b"SIP/2.0/TCP b", b"SIP/2.0/UDP c"]
    assert one.via.branch == b"z9hG4bK1"
    assert len(one.layout.ids) == len(one.lines)
    assert one.value(names.CALL_ID) == b"c1"


def test_limits() -> None:
    assert malformed(text(body=b"x" * MOST_BYTES)).status == 513
    assert malformed(text(START, *["X-A: y"] * MOST_HEADERS)).status == 513
    assert len(request(text(START, *["X-A: y"] * (MOST_HEADERS - len(USUAL)))).lines) == MOST_HEADERS
    assert malformed(text(START, "X-A: " + "y" * LONGEST_LINE)).status == 513
    assert request(text(START, *["X-A: " + "y" * (LONGEST_LINE - 5)] * 3)).method == "INVITE"


def test_folding_is_no_way_around_the_longest_line() -> None:
    assert malformed(text(START, "X-A: y", *[" " + "y" * 8000] * 2)).status == 513


HOSTILE = [";a", '"', ",", "<", ">", "[", "(", "\\", '\\"', "=", "%41", "@", ":", " ", "\t", "9", ";a=<", "<>,", "\r\n ", "\r\nX-Y:", "é"]


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("header", ["Via", "From", "To", "Call_ID", "CSeq", "Max_Forwards", "Contact", "Route", "Content_Length"])
def test_a_message_full_of_one_piece(header: str, piece: str) -> None:
    """Nothing raises, and nothing is quadratic: a test run would notice."""
    for size in (8000, 60000):
        before = USUAL.get(header.replace("_", "-"), "<sip:a@b>")
        found = parse(text(**{header: before + piece * (size // len(piece.encode()))}))
        if isinstance(found, Request):
            for number in (names.CONTACT, names.ROUTE):
                found.addresses(number)
                found.tokens(number)


@given(st.binary(), st.booleans())
@example(b"SIP/2.0 ", False)
@example(b" SIP/2.0\r\n\r\n", False)
@example(b"\r\n\r\nSIP/2.0 \r\n\r\n", True)
def test_no_bytes_make_it_raise(data: bytes, stream: bool) -> None:
    assert isinstance(parse(data, stream), (Request, Response, Malformed, type(None)))


LINES = st.sampled_from([line for seed in seeds() for line in seed.split(b"\r\n")])
PIECES = st.sampled_from([b"", b" ", b"\t", b"\0", b"\\\0", b"\r\n ", b"\r\n\t", b":", b" :", b",", b";", b'"', b"<", b">", b"9" * 40, b"\xff", b"\r", b"\n"])


@st.composite
def shaken(draw: st.DrawFn) -> bytes:
    """A valid message with lines doubled, swapped in, cut in two, and pieces put in between."""
    lines = draw(st.sampled_from(seeds())).split(b"\r\n")
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        what = draw(st.integers(0, 4))
        if what == 0:
            lines.insert(at, draw(LINES))
        elif what == 1:
            lines.insert(at, lines[at].swapcase())
        elif what == 2:
            del lines[at]
            lines.append(b"")
        else:
            cut = draw(st.integers(0, len(lines[at])))
            lines[at] = lines[at][:cut] + draw(PIECES) + lines[at][cut:]
    return b"\r\n".join(lines)


@given(shaken(), st.booleans())
def test_shaken_messages_keep_what_is_promised(data: bytes, stream: bool) -> None:
    found = parse(data, stream)
    if isinstance(found, Malformed):
        assert found.status in (400, 505, 513)
        assert len(found.ids) == len(found.lines)
        answer = reply_to_malformed(found, b"t")
        assert answer is None or (found.is_request and found.method != "ACK")
        return
    if found is None:
        return
    assert len(found.layout.ids) == len(found.lines)
    for header in (names.FROM, names.TO, names.CALL_ID, names.CSEQ):
        assert found.layout.ids.count(header) == 1
    for line in found.lines:
        assert b":" in line
        assert b"\r" not in line
        assert b"\n" not in line
        assert line[:1] not in (b" ", b"\t")
    if isinstance(found, Request):
        found.arrived_from(Source("203.0.113.7", 4000))
        answered = parse(reply(found, 400, "", b"t"))
        assert isinstance(answered, Response)
        assert answered.values(names.VIA) == found.values(names.VIA)


def test_the_fuzzer_finds_nothing_in_a_short_run() -> None:
    kinds = run(3000, 7)
    assert set(kinds) >= {"Request", "Response", "Malformed"}
    assert run(50, 3) == run(50, 3)


def test_first_lines_are_remembered_up_to_a_bound() -> None:
    rest = b"\r\nVia: SIP/2.0/UDP h;branch=x\r\nf: <sip:a@b>\r\nt: <sip:a@b>\r\ni: c\r\nCSeq: 1 A\r\n\r\n"
    for at in range(parser.KEPT + 2):
        found = parse(b"A sip:u%d@h SIP/2.0" % at + rest)
        assert isinstance(found, Request) and found.uri.user == f"u{at}"
    assert len(parser._starts) <= parser.KEPT
    long = b"SIP/2.0 200 " + b"x" * 500
    found = parse(long + rest)
    assert isinstance(found, Response) and found.reason == b"x" * 500
    assert long not in parser._starts


@pytest.mark.parametrize("start", [" sip:a@b SIP/2.0", "A/B sip:a@b SIP/2.0", "A sip: SIP/2.0", "SIP/2.0 099 x", "SIP/2.0 0 x"])
def test_first_lines_that_are_refused_are_refused_each_time(start: str) -> None:
    rest = b"\r\nVia: SIP/2.0/UDP h;branch=x\r\nf: <sip:a@b>\r\nt: <sip:a@b>\r\ni: c\r\nCSeq: 1 A\r\n\r\n"
    for _ in range(2):
        found = parse(start.encode() + rest)
        assert isinstance(found, Malformed) and found.status == 400
    assert start.encode() not in parser._starts


def test_cseqs_are_remembered_up_to_a_bound() -> None:
    head = b"A sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=x\r\nf: <sip:a@b>\r\nt: <sip:a@b>\r\ni: c\r\nCSeq: "
    for at in range(parser.KEPT + 2):
        found = parse(head + b"%d A\r\n\r\n" % at)
        assert isinstance(found, Request) and found.cseq == at
    assert len(parser._cseqs) <= parser.KEPT
    for value in (b"1  A" + b" " * 40, b"2147483648 A", b"1 B", b"x A", b"1 @"):
        for _ in range(2):
            found = parse(head + value + b"\r\n\r\n")
            assert isinstance(found, Malformed) == (value[-1:] != b" ")
    assert b"2147483648 A" not in parser._cseqs and b"1 @" not in parser._cseqs
