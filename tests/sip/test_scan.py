"""The quick scans, ours and the compiled one: they say what a closer look would say, or nothing."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fuzz.parser import seeds
from twsip.sip import layout, scan
from twsip.sip.message import Malformed
from twsip.sip.parser import _look_closer

try:
    from twsip.sip._scan import scan as compiled
except ImportError:
    compiled = None

SCANS = [
    pytest.param(scan.scan, id="python"),
    pytest.param(
        compiled, id="compiled", marks=pytest.mark.skipif(compiled is None, reason="twsip.sip._scan is not built")
    ),
]
PLAIN = (
    b"REGISTER sip:example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKa1;rport\r\nMax-Forwards: 70\r\n"
    b"From: <sip:alice@example.org>;tag=a\r\nTo: <sip:alice@example.org>\r\nCall-ID: c1@192.0.2.9\r\nCSeq: 1 REGISTER\r\n"
    b"X-Ours: yes\r\nContent-Length: 0"
)
LINES = st.one_of(
    st.sampled_from(PLAIN.split(b"\r\n")),
    st.sampled_from([b"Via: SIP/2.0/TCP a;branch=x, SIP/2.0/UDP b", b"To:  <sip:a@b>", b"t: <sip:a@b>", b"To", b"l: From: <sip:c@d>"]),
    st.sampled_from([b" folded: yes", b"Subject:", b"Subject: ", b"Via : SIP/2.0/UDP a", b"vIa: SIP/2.0/UDP a", b": x", b"\tx"]),
    st.text(alphabet="Vviat: ,\r\n\t\0\x0bTo", max_size=12).map(str.encode),
    st.binary(max_size=12),
)


@pytest.mark.parametrize("quick", SCANS)
@given(st.one_of(st.lists(LINES, max_size=12).map(b"\r\n".join), st.sampled_from(seeds()).map(lambda seed: seed.partition(b"\r\n\r\n")[0])))
@example(PLAIN)
@example(b"\r\n".join([b"A sip:b SIP/2.0"] + [b"v: SIP/2.0/UDP a"] * 100))
@example(b"\r\n".join([b"A sip:b SIP/2.0"] + [b"v: SIP/2.0/UDP a"] * 101))
@example(b"A sip:b SIP/2.0\r\nSubject: " + b"x" * 9000)
@example(b"A sip:b SIP/2.0\r\n" + b"x" * 2000 + b": y\r\nTo: z")
def test_it_says_what_a_closer_look_says_or_nothing(quick: object, head: bytes) -> None:
    found = quick(head)  # type: ignore[operator]
    if found is not None:
        closer = _look_closer(head)
        assert not isinstance(closer, Malformed), closer
        # The layouts may be two objects: the tables that remember them are emptied at different times.
        assert found[:3] == closer[:3]
        assert found[3].ids == closer[3].ids


@pytest.mark.parametrize("quick", SCANS)
@pytest.mark.parametrize(
    "lines",
    [
        b"Subject\r\nTo: From: <sip:c@d>",
        b"T\r\nabc: o: v",
        b"Tox\r\nabc: o: v",
        b"To\r\nabc: <sip:a@b>",
        b"Subject: Re: x\r\nTo",
        b"Subject: Re: x\nTo: <sip:a@b>",
        b"Subject: Re: x\rTo: <sip:a@b>",
        b"Subject: x\nFrom\r\nFrom",
        b"Subject: Re\n: x: y\r\nFrom",
        b"Subject\n: x\r\nFrom: <sip:c@d>",
        b"Subject\r\n<sip:a@b>\nFrom: <sip:c@d>",
    ],
)
def test_what_lacks_a_colon_or_has_an_end_too_many_is_not_taken_for_its_neighbour(quick: object, lines: bytes) -> None:
    # With these two orders of headers known, so that they could be taken for one of them.
    for known in (b"To: <sip:a@b>", b"Subject: x\r\nFrom: <sip:c@d>"):
        assert quick(b"A sip:b SIP/2.0\r\n" + known) is not None  # type: ignore[operator]
    assert quick(b"A sip:b SIP/2.0\r\n" + lines) is None  # type: ignore[operator]
    assert quick(b"A sip:b\n SIP/2.0\r\nSubject: Re: x") is None  # type: ignore[operator]


@pytest.mark.parametrize("quick", SCANS)
def test_colons_and_spaces_in_values(quick: object) -> None:
    found = quick(b"A sip:b SIP/2.0\r\nSubject: Re: x: \r\nTo:   <sip:a@b>\r\nv: SIP/2.0/UDP a ")  # type: ignore[operator]
    assert found is not None
    assert found[2] == [b"Re: x:", b"<sip:a@b>", b"SIP/2.0/UDP a"]
    found = quick(b"A sip:b SIP/2.0\r\nSubject: To: From: x")  # type: ignore[operator]
    assert found is not None
    assert (found[1], found[2]) == (b"Subject: To: From: x", [b"To: From: x"])


@pytest.mark.parametrize("quick", SCANS)
def test_an_ordinary_message_needs_no_closer_look(quick: object) -> None:
    # An order of headers that nobody had before: of two tables that know one, one may have been emptied since.
    plain = PLAIN.replace(b"X-Ours", b"X-Ordinary")
    found = quick(plain)  # type: ignore[operator]
    assert found is not None
    start, rest, values, where = found
    assert (start, b"\r\n", rest) == plain.partition(b"\r\n")
    assert values[0] == b"SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKa1;rport"
    assert where.vias == (0,)
    assert where is layout.layout_of(where.ids)


def test_what_is_remembered_is_bounded() -> None:
    for number in range(layout.KEPT + 10):
        names = b"".join(b"X-%d-%d: y\r\n" % (number, at) for at in range(3))
        assert scan.scan(b"A sip:b SIP/2.0\r\n" + names[:-2]) is not None
    assert len(scan._named) <= layout.KEPT
    many = b"\r\n".join(b"x" * 900 + b"%d: y" % at for at in range(2))
    before = len(scan._named)
    assert scan.scan(b"A sip:b SIP/2.0\r\n" + many) is not None
    assert len(scan._named) == before
    for number in range(layout.KEPT + 10):
        layout.layout_of(number.to_bytes(4, "big").translate(bytes(at % 90 for at in range(256))))
    assert len(layout._kept) <= layout.KEPT
