"""Sealed values and key files as text: one way to write each, and nothing that reads like something else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsip.guard.keyring import (
    HASH,
    LONGEST_FILE,
    MOST_KEYS,
    TEXT,
    complaint,
    decoded,
    encoded,
    is_hash,
    is_sealed,
    key_id,
    key_line,
    new_file,
    packed,
    parse_keys,
    place,
    unpacked,
    with_key,
)

ONE, TWO = bytes(range(32)), bytes(range(1, 33))


def test_a_key_file_holds_keys_in_their_order() -> None:
    text = with_key(new_file(ONE), TWO)
    assert list(parse_keys(text).items()) == [(key_id(ONE), ONE), (key_id(TWO), TWO)]
    assert list(parse_keys(with_key(key_line(TWO).strip(), ONE))) == [key_id(TWO), key_id(ONE)]
    assert len(key_id(ONE)) == 2
    with pytest.raises(ValueError, match="is there already"):
        with_key(text, ONE)


def test_a_full_key_file_takes_no_more() -> None:
    text, number = new_file(ONE), 0
    while len(parse_keys(text)) < MOST_KEYS:
        number += 1
        key = number.to_bytes(32, "big")
        text = text if key_id(key) in parse_keys(text) else with_key(text, key)
    assert len(text) < LONGEST_FILE
    with pytest.raises(ValueError, match="already; remove"):
        with_key(text, TWO)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no key"),
        ("# only words\n\n", "no key"),
        ("aB:short\n", "line 1"),
        (new_file(ONE)[:-2], "line 2"),
        (new_file(ONE).replace(key_id(ONE) + ":", "zz:"), "line 2"),
        (key_line(ONE) + key_line(ONE), "again"),
        (key_line(ONE).replace(":", ""), "line 1"),
        (key_line(ONE).strip() + "\u00e4\n", "line 1"),
    ],
)
def test_a_damaged_key_file(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as error:
        parse_keys(text)
    assert encoded(ONE)[:8] not in str(error.value)


@pytest.mark.parametrize(
    ("mode", "owner", "credential", "says"),
    [
        (0o100600, 5, False, ""),
        (0o100400, 0, False, ""),
        (0o100640, 5, False, "0640"),
        (0o100604, 5, False, "chmod"),
        (0o100610, 5, False, "0610"),
        (0o100600, 6, False, "chown"),
        (0o100440, 0, True, ""),
        (0o100460, 0, True, "0460"),
        (0o100444, 0, True, "0444"),
    ],
)
def test_who_may_read_a_key_file(mode: int, owner: int, credential: bool, says: str) -> None:
    found = complaint(mode, owner, 5, credential)
    assert says in found
    assert bool(found) == bool(says)


@given(st.text(st.characters()))
def test_any_text_comes_back(text: str) -> None:
    kind, raw = packed(text)
    assert unpacked(kind, raw) == text
    assert kind == (HASH if is_hash(text) else TEXT)
    assert kind == HASH or len(raw) % 32 == 0


@given(st.binary(max_size=60), st.integers(min_value=0, max_value=80), st.characters())
def test_bytes_are_written_one_way(raw: bytes, at: int, other: str) -> None:
    text = encoded(raw)
    assert decoded(text) == raw
    changed = text[:at] + other + text[at + 1 :]
    assert changed == text or decoded(changed) != raw


def test_what_was_never_packed() -> None:
    for kind, raw in ((TEXT, b""), (TEXT, bytes(32)), ("x", b"a\x80")):
        with pytest.raises(ValueError):
            unpacked(kind, raw)


def test_hashes_and_sealed_values_are_told_apart() -> None:
    assert is_hash("0a" * 16)
    assert is_hash("0a" * 32)
    for text in ("", "0A" * 16, "0a" * 15, "0g" * 16, "~1" * 16):
        assert not is_hash(text)
    assert is_sealed("~1h")
    assert is_sealed("~2")
    for text in ("", "~", "~a", "1~", "0a" * 16, " ~1h"):
        assert not is_sealed(text)


def test_a_password_in_clear_text_may_begin_like_a_sealed_value() -> None:
    for text in ("~1secret", "~9", "~\N{SUPERSCRIPT TWO}", "~1h", "~" + "1" * 62):
        assert not is_sealed(text, is_clear=True)
    # The shortest that is sealed, whatever was damaged in it.
    assert is_sealed("~1hab" + "A" * 59, is_clear=True)
    assert is_sealed("~1hab" + "!" * 59, is_clear=True)
    assert not is_sealed("\N{SUPERSCRIPT TWO}" * 64, is_clear=True)


def test_no_two_places_read_alike() -> None:
    places = {
        place(head, username, domain, column)
        for head in ("~1hab", "~1tab")
        for username, domain, column in (
            ("a", "b", "ha1"),
            ("a\n1 b", "", "ha1"),
            ("", "a\n1 b", "ha1"),
            ("ab", "", "ha1"),
            ("a", "b", "ha1b"),
            ("b", "a", "ha1"),
            ("a", "B", "ha1"),
            ("A", "b", "ha1"),
            ("\udcff", "b", "ha1"),
        )
    }
    assert len(places) == 18
    assert place("", "a", "b", "HA1") == place("", "a", "b", "ha1")
