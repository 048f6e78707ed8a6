"""The mark in our Record-Route: only ours, only for its dialog, from either side of it."""

import pytest

from twsip.guard.mark import LENGTH, key_from, sign, verify

KEY = key_from(b"s" * 32)
CALL = b"a84b4c76e66710@pc33"


def test_both_sides_of_the_dialog_bring_it_back() -> None:
    token = sign(KEY, CALL, b"caller").decode()
    assert verify(KEY, CALL, (b"caller", b"callee"), token)
    assert verify(KEY, CALL, (b"callee", b"caller"), token)


def test_it_is_legal_in_a_uri() -> None:
    token = sign(KEY, CALL, b"caller")
    assert len(token) == LENGTH
    assert token.isalnum()


def test_folded_case_is_forgiven() -> None:
    assert verify(KEY, CALL, (b"caller", b""), sign(KEY, CALL, b"caller").decode().upper())


def test_every_other_digit_is_refused() -> None:
    token = sign(KEY, CALL, b"caller").decode()
    for at in range(LENGTH):
        for digit in "0123456789abcdef":
            if digit != token[at]:
                assert not verify(KEY, CALL, (b"caller", b"callee"), token[:at] + digit + token[at + 1 :])


@pytest.mark.parametrize("wrong", ["", "0" * 32, "x", "ü" * 32, "0" * 33, "\0" * 32, "a" * 100000])
def test_nonsense_is_refused(wrong: str) -> None:
    assert not verify(KEY, CALL, (b"caller", b"callee"), wrong)


def test_another_dialog_key_or_tag_is_refused() -> None:
    token = sign(KEY, CALL, b"caller").decode()
    assert not verify(KEY, CALL + b"x", (b"caller", b"callee"), token)
    assert not verify(KEY, CALL, (b"other", b"callee"), token)
    assert not verify(KEY, CALL, (), token)
    assert not verify(key_from(b"t" * 32), CALL, (b"caller", b"callee"), token)


def test_call_id_and_tag_cannot_be_shifted_into_each_other() -> None:
    assert sign(KEY, b"ab", b"c") != sign(KEY, b"a", b"bc")
    assert sign(KEY, b"abc", b"") != sign(KEY, b"ab", b"c")


def test_the_key_is_not_the_secret() -> None:
    assert key_from(b"s" * 32) != b"s" * 32
    assert key_from(b"s" * 32) == KEY
    assert len(KEY) == 32
