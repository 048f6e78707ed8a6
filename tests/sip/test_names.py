"""Header names: every spelling is the same header, and nothing that is no token is one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsip.sip import names

KNOWN = {names.full_name(header): header for header in range(1, 94) if header < 25 or header == 26 or (header >= 64 and header != 85)}


@pytest.mark.parametrize(("name", "header"), KNOWN.items())
def test_a_name_in_any_case_and_with_white_space_behind(name: str, header: int) -> None:
    for spelling in (name, name.lower(), name.upper(), name.swapcase(), name + " ", name + "\t \t"):
        assert names.recognise(spelling.encode()) == header


@pytest.mark.parametrize(
    ("compact", "full"),
    [
        ("v", "Via"),
        ("f", "From"),
        ("t", "To"),
        ("i", "Call-ID"),
        ("m", "Contact"),
        ("l", "Content-Length"),
        ("c", "Content-Type"),
        ("k", "Supported"),
        ("s", "Subject"),
        ("o", "Event"),
        ("r", "Refer-To"),
        ("b", "Referred-By"),
        ("x", "Session-Expires"),
        ("y", "Identity"),
    ],
)
def test_a_compact_form_is_its_full_form(compact: str, full: str) -> None:
    assert names.recognise(compact.encode()) == names.recognise(full.encode()) == KNOWN[full]
    assert names.recognise(compact.upper().encode()) == KNOWN[full]


@pytest.mark.parametrize("name", [b"X-Whatever", b"Call_ID", b"e", b"Priority", b"ViaX", b"Too", b"q", b"reply-to"])
def test_unknown_names(name: bytes) -> None:
    assert names.recognise(name) == names.UNKNOWN


@pytest.mark.parametrize("name", [b"", b" ", b" To", b"T o", b"To\x01", b"To\0", b"To\xa0", b"T\xc3\xb6", b"To\r", b"<To>"])
def test_what_is_no_token_is_no_name(name: bytes) -> None:
    assert names.recognise(name) == names.MALFORMED


@given(st.binary(max_size=20))
def test_recognise_never_raises_and_folds_case(name: bytes) -> None:
    assert names.recognise(name) == names.recognise(name.lower()) == names.recognise(name + b" ")


@pytest.mark.parametrize("name", ["From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length", "Expires", "Max-Breadth"])
def test_what_may_stand_once(name: str) -> None:
    assert KNOWN[name] >= names.FIRST_SINGLE


@pytest.mark.parametrize("name", ["Via", "Route", "Contact", "Authorization", "Identity", "Supported", "P-Asserted-Identity"])
def test_what_may_stand_often(name: str) -> None:
    """Identity too, since RFC 8224 section 4."""
    assert 0 < KNOWN[name] < names.FIRST_SINGLE


def test_every_number_fits_into_a_byte_beside_strange() -> None:
    assert names.STRANGE not in names.KNOWN.values()
    assert max(names.KNOWN.values()) < names.STRANGE
