"""The mark in our Record-Route: only ours, only for its dialog, from either side of it, each over its own flow."""

import pytest

from twsip.guard import mark
from twsip.guard.mark import FLOW, LENGTH, MARKED, NOTHING, SAME_FLOW, SIGNATURE, Marks, flow_name, key_from, side
from twsip.sip.fields.address import Address, parse_address
from twsip.sip.fields.via import Source

KEY = key_from(b"s" * 32)
MARKS = Marks(b"s" * 32)
CALL = b"a84b4c76e66710@pc33"


def address(uri: str, tag: str) -> Address:
    found = parse_address(f"<{uri}>;tag={tag}".encode() if tag else f"<{uri}>".encode())
    assert found is not None
    return found


ALICE, BOB = address("sip:alice@example.org", "a1"), address("sip:bob@example.net", "b1")
HERS, HIS = b";received=192.0.2.9;rport=5060", b";received=192.0.2.77;rport=5060"
FLOWS = (HERS, HIS, b";received=192.0.2.9;rport=5061", b"TCP;received=192.0.2.9", b"")


def signed(marks: Marks = MARKS, call: bytes = CALL, came: bytes = HERS, goes: bytes = HIS) -> str:
    return marks.sign(call, side(ALICE, BOB), came, goes).decode()


def worth(token: str, flow: bytes = HERS, marks: Marks = MARKS, call: bytes = CALL, swapped: bool = False) -> int:
    one, other = (BOB, ALICE) if swapped else (ALICE, BOB)
    return marks.read(call, one, other, token, flow)


@pytest.fixture(params=["remembered", "forgotten"])
def token(request: pytest.FixtureRequest) -> str:
    """One that was signed a moment ago, and one that was signed before a restart."""
    made = signed()
    if request.param == "forgotten":
        MARKS._known.clear()
        MARKS._flows.clear()
    return made


def test_each_side_is_known_by_its_own_flow(token: str) -> None:
    assert [worth(token, flow) for flow in FLOWS] == [SAME_FLOW, MARKED, MARKED, MARKED, MARKED]
    assert [worth(token, flow, swapped=True) for flow in FLOWS] == [MARKED, SAME_FLOW, MARKED, MARKED, MARKED]


def test_it_is_legal_in_a_uri(token: str) -> None:
    assert len(token) == LENGTH
    assert token.isalnum()


def test_folded_case_is_forgiven(token: str) -> None:
    assert worth(token.upper()) == SAME_FLOW
    assert worth(token.upper(), HIS, swapped=True) == SAME_FLOW


def test_every_other_digit_is_refused(token: str) -> None:
    for at in range(LENGTH):
        for digit in "0123456789abcdef":
            if digit != token[at]:
                for swapped in (False, True):
                    assert worth(token[:at] + digit + token[at + 1 :], swapped=swapped) == NOTHING


def test_flows_cannot_be_taken_from_another_mark(token: str) -> None:
    other = signed(came=b";received=203.0.113.66;rport=5060", goes=b";received=203.0.113.66;rport=5060")
    for wrong in (token[:SIGNATURE] + other[SIGNATURE:], other[:SIGNATURE] + token[SIGNATURE:]):
        assert worth(wrong) == worth(wrong, b";received=203.0.113.66;rport=5060") == NOTHING
    turned = token[:SIGNATURE] + token[-FLOW:] + token[SIGNATURE:-FLOW]
    assert worth(turned) == worth(turned, swapped=True) == NOTHING


@pytest.mark.parametrize(
    "wrong",
    ["", "0" * 32, "0" * 48, "x", "ü" * 48, "0" * 49, "\0" * 48, "a" * 100000, "\udcff" * 48, "\u212a" * 48],
)
def test_nonsense_is_refused(token: str, wrong: str) -> None:
    assert worth(wrong) == worth(wrong, swapped=True) == NOTHING


def test_a_truncated_or_longer_one_is_refused(token: str) -> None:
    for wrong in (*(token[:at] for at in range(LENGTH)), token + "0", token + token):
        assert worth(wrong) == worth(wrong, swapped=True) == NOTHING


def test_digits_of_a_call_id_cannot_be_shifted_into_the_flows_or_out_of_them() -> None:
    token = signed(call=b"abc" + CALL)
    assert worth(token + "abc") == worth(token + "abc", swapped=True) == NOTHING
    token = signed(call=CALL)
    assert worth(token[:-3], call=token[-3:].encode() + CALL) == NOTHING


def test_a_flow_is_hashed_for_that_purpose_only() -> None:
    # Whoever could have us sign the name of a flow must not learn its digits.
    assert MARKS._of(HERS)[:FLOW].decode() != signed()[SIGNATURE : SIGNATURE + FLOW]


def test_another_dialog_key_or_tag_is_refused(token: str) -> None:
    assert worth(token, call=CALL + b"x") == NOTHING
    for wrong in (address("sip:alice@example.org", "a2"), address("sip:alice@example.net", "a1")):
        assert MARKS.read(CALL, wrong, BOB, token, HERS) == MARKS.read(CALL, BOB, wrong, token, HERS) == NOTHING
    assert worth(token, marks=Marks(b"t" * 32)) == NOTHING


def test_a_fork_gives_each_its_own_and_both_hold() -> None:
    first, second = signed(), signed(goes=b";received=192.0.2.78;rport=5060")
    assert first != second
    assert worth(first) == worth(second) == SAME_FLOW
    assert worth(first, HIS, swapped=True) == SAME_FLOW
    assert worth(second, HIS, swapped=True) == MARKED
    assert worth(second, b";received=192.0.2.78;rport=5060", swapped=True) == SAME_FLOW


def test_a_flow_is_known_by_port_over_udp_and_by_address_over_a_connection() -> None:
    here, there = Source("192.0.2.9", 5060), Source("192.0.2.9", 5061)
    assert flow_name("UDP", here) != flow_name("UDP", there)
    assert flow_name("TCP", here) == flow_name("TCP", there)
    assert flow_name("UDP", here) == flow_name("UDP", Source("192.0.2.9", 5060))
    assert flow_name("TCP", here) != flow_name("TLS", here)
    assert flow_name("TCP", here) != flow_name("TCP", Source("192.0.2.90", 5060))
    names = [flow_name(scheme, Source("2001:db8::1", 5060)) for scheme in ("UDP", "TCP", "TLS")]
    assert len(set(names)) == 3


def test_call_id_and_tag_cannot_be_shifted_into_each_other() -> None:
    assert MARKS.sign(b"ab", b"c", HERS, HIS) != MARKS.sign(b"a", b"bc", HERS, HIS)
    assert MARKS.sign(b"abc", b"", HERS, HIS) != MARKS.sign(b"ab", b"c", HERS, HIS)


def test_the_key_is_not_the_secret() -> None:
    assert key_from(b"s" * 32) != b"s" * 32
    assert key_from(b"s" * 32) == KEY
    assert len(KEY) == 32


def test_what_is_known_of_pairs_is_bounded() -> None:
    one = address("sip:alice@example.org", "a")
    for number in range(mark.KEPT + 10):
        other = address(f"sip:u{number}@example.org", "b")
        assert side(one, other) == side(one, other) == b"a\n21\nsip:alice@example.orgsip:u%d@example.org" % number
    side(one, address(f"sip:{'x' * 300}@example.org", "b"))
    assert 0 < len(mark._kept) <= mark.KEPT
    assert all(len(names) <= mark.LONGEST_KEPT for names in mark._kept.values())


def test_what_was_signed_is_known_to_all_with_that_secret_and_to_nobody_else() -> None:
    signer, verifier, other = Marks(b"u" * 32), Marks(b"u" * 32), Marks(b"v" * 32)
    made = signed(signer)
    assert signed(signer) == made
    assert worth(made, marks=verifier) == SAME_FLOW
    assert worth(made, marks=other) == NOTHING
    assert signed(other) != made


def test_what_was_signed_is_bounded_and_strangers_add_nothing_to_it() -> None:
    if not mark.KEPT:
        return
    marks = Marks(b"w" * 32)
    first = signed(marks)
    for number in range(2 * mark.KEPT):
        assert worth("0" * 48, b"%d" % number, marks, b"%d" % number) == NOTHING
        assert worth(first, b"%d" % number, marks) == MARKED
    assert (len(marks._known), len(marks._flows)) == (1, 2)
    for number in range(mark.KEPT):
        signed(marks, b"%d" % number, goes=b"%d" % number)
    assert len(marks._known) <= mark.KEPT
    assert len(marks._flows) <= mark.KEPT
    before = len(marks._known)
    assert len(signed(marks, b"x" * mark.LONGEST_SIGNED)) == LENGTH
    assert len(marks._known) == before
    assert signed(marks) == first
    tables = [Marks(bytes([number]) * 32) for number in range(2 * mark.MOST_TABLES)]
    assert len(tables) == 2 * mark.MOST_TABLES
    assert len(mark._tables) <= mark.MOST_TABLES
    assert len(mark._flow_tables) <= mark.MOST_TABLES
