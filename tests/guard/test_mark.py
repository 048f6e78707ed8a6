"""The mark in our Record-Route: only ours, only for its dialog, from either side of it."""

import pytest

from twsip.guard import mark
from twsip.guard.mark import LENGTH, Marks, key_from, side
from twsip.sip.fields.address import Address, parse_address

KEY = key_from(b"s" * 32)
MARKS = Marks(b"s" * 32)
CALL = b"a84b4c76e66710@pc33"


def test_both_sides_of_the_dialog_bring_it_back() -> None:
    token = MARKS.sign(CALL, b"caller").decode()
    assert any(MARKS.verify(CALL, one, token) for one in (b"caller", b"callee"))
    assert any(MARKS.verify(CALL, one, token) for one in (b"callee", b"caller"))


def test_it_is_legal_in_a_uri() -> None:
    token = MARKS.sign(CALL, b"caller")
    assert len(token) == LENGTH
    assert token.isalnum()


def test_folded_case_is_forgiven() -> None:
    assert any(MARKS.verify(CALL, one, MARKS.sign(CALL, b"caller").decode().upper()) for one in (b"caller", b""))


def test_every_other_digit_is_refused() -> None:
    token = MARKS.sign(CALL, b"caller").decode()
    for at in range(LENGTH):
        for digit in "0123456789abcdef":
            if digit != token[at]:
                assert not any(MARKS.verify(CALL, one, token[:at] + digit + token[at + 1 :]) for one in (b"caller", b"callee"))


@pytest.mark.parametrize("wrong", ["", "0" * 32, "x", "ü" * 32, "0" * 33, "\0" * 32, "a" * 100000])
def test_nonsense_is_refused(wrong: str) -> None:
    assert not any(MARKS.verify(CALL, one, wrong) for one in (b"caller", b"callee"))


def test_another_dialog_key_or_tag_is_refused() -> None:
    token = MARKS.sign(CALL, b"caller").decode()
    assert not any(MARKS.verify(CALL + b"x", one, token) for one in (b"caller", b"callee"))
    assert not any(MARKS.verify(CALL, one, token) for one in (b"other", b"callee"))
    assert not any(MARKS.verify(CALL, one, token) for one in ())
    assert not any(Marks(b"t" * 32).verify(CALL, one, token) for one in (b"caller", b"callee"))


def test_call_id_and_tag_cannot_be_shifted_into_each_other() -> None:
    assert MARKS.sign(b"ab", b"c") != MARKS.sign(b"a", b"bc")
    assert MARKS.sign(b"abc", b"") != MARKS.sign(b"ab", b"c")


def test_the_key_is_not_the_secret() -> None:
    assert key_from(b"s" * 32) != b"s" * 32
    assert key_from(b"s" * 32) == KEY
    assert len(KEY) == 32


def address(uri: str, tag: str) -> Address:
    found = parse_address(f"<{uri}>;tag={tag}".encode())
    assert found is not None
    return found


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
    token = signer.sign(CALL, b"caller").decode()
    assert signer.sign(CALL, b"caller").decode() == token
    assert verifier.verify(CALL, b"caller", token)
    assert not verifier.verify(CALL, b"callee", token)
    assert not other.verify(CALL, b"caller", token)
    assert other.sign(CALL, b"caller").decode() != token


def test_what_was_signed_is_bounded_and_strangers_add_nothing_to_it() -> None:
    marks = Marks(b"w" * 32)
    first = marks.sign(CALL, b"caller")
    for number in range(2 * mark.KEPT):
        assert not marks.verify(b"%d" % number, b"caller", "0" * 32)
    assert len(marks._known) == 1
    for number in range(mark.KEPT):
        marks.sign(b"%d" % number, b"caller")
    assert len(marks._known) <= mark.KEPT
    before = len(marks._known)
    assert len(marks.sign(b"x" * mark.LONGEST_SIGNED, b"caller")) == 32
    assert len(marks._known) == before
    assert marks.sign(CALL, b"caller") == first
    tables = [Marks(bytes([number]) * 32) for number in range(2 * mark.MOST_TABLES)]
    assert len(tables) == 2 * mark.MOST_TABLES
    assert len(mark._tables) <= mark.MOST_TABLES
