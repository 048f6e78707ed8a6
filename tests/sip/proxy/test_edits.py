"""Edits: what is taken out is gone however it was spelled, what is put in is one line, and some lines only some see."""

import pytest

from twsip.sip import names
from twsip.sip.layout import places
from twsip.sip.message import Request
from twsip.sip.parser import parse
from twsip.sip.proxy.edits import Edits
from twsip.sip.proxy.forward import prepare

ASSERTING = (names.P_ASSERTED_IDENTITY, names.P_PREFERRED_IDENTITY, names.REMOTE_PARTY_ID)
BASE = [
    "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa1",
    "From: <sip:a@x>;tag=a",
    "To: <sip:b@x>",
    "Call-ID: c",
    "CSeq: 1 INVITE",
]


def request(*lines: str) -> Request:
    found = parse("\r\n".join(["INVITE sip:b@x SIP/2.0", *lines, "Content-Length: 0", "", ""]).encode())
    assert isinstance(found, Request), found
    return found


def left(one: Request, *headers: int) -> list[str]:
    """What goes on without these headers, by line."""
    edits = Edits()
    edits.take(places(one.layout.ids, headers))
    found = prepare(one, one.uri, [], None, edits.taken)
    assert found is not None
    return found.rest.decode().split("\r\n")


@pytest.mark.parametrize(
    "lines",
    [
        ("P-Asserted-Identity: <sip:a@x>",),
        ("p-asserted-identity :   <sip:a@x> ",),
        ("P-Asserted-Identity: <sip:a@x>,", " <tel:+491>"),
        ("P-Preferred-Identity: <sip:a@x>", "Remote-Party-ID: <sip:a@x>", "P-Asserted-Identity: <sip:a@x>"),
        ("P-Asserted-Identity: <sip:a@x>", "P-Asserted-Identity: <sip:a@x>", "P-Asserted-Identity: <sip:b@x>"),
        ("P-Asserted-Identity:",),
    ],
)
@pytest.mark.parametrize("at", [0, 1, 3, 5])
def test_what_is_taken_is_gone(lines: tuple[str, ...], at: int) -> None:
    after = left(request(*BASE[:at], *lines, *BASE[at:], "X: P-Asserted-Identity: <sip:a@x>"), *ASSERTING)
    assert after == [*BASE, "X: P-Asserted-Identity: <sip:a@x>", "Content-Length: 0", "", ""]


def test_a_header_of_any_other_name_can_be_taken() -> None:
    one = request(*BASE, "Alert-Info: <http://x>", "Privacy: id", "X-Odd: 1")
    assert left(one, names.PRIVACY, names.UNKNOWN) == [*BASE, "Content-Length: 0", "", ""]


def test_taking_twice_takes_once() -> None:
    edits = Edits()
    edits.take((7, 5))
    edits.take((5, 6))
    assert edits.taken == (5, 6, 7)
    assert "(5, 6, 7)" in repr(edits)


def test_with_what_else_does_not_go_on() -> None:
    one = request(*BASE, "Max-Forwards: 9", "Privacy: id", "Authorization: ours", "Max-Breadth: 2")
    found = prepare(one, one.uri, [], lambda value: True, (6,))
    assert found is not None
    assert found.rest.decode().split("\r\n") == [*BASE, "Content-Length: 0", "", ""]


def test_lines_are_put_in_for_all_or_for_some() -> None:
    edits = Edits()
    edits.put(b"A: 1")
    edits.put(b"B: 2", lambda host: host == "192.0.2.16")
    assert edits.lines_for("192.0.2.16") == [b"A: 1", b"B: 2"]
    assert edits.lines_for("192.0.2.17") == [b"A: 1"]


@pytest.mark.parametrize("line", [b"", b"A", b": x", b"A: 1\r\nB: 2", b"A: 1\n"])
def test_what_is_no_line_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match="no header line"):
        Edits().put(line)
